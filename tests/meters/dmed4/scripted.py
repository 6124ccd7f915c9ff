"""A DMED4 that follows a script, for drivers stepped without an event loop on a virtual clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from wattproof.drivers.client import ModbusClient
from wattproof.drivers.job import Timing, Wire
from wattproof.drivers.modbus import run_blocking
from wattproof.io.link import ByteLink
from wattproof.io.memory import memory_pair
from wattproof.io.replay import Exchange, exchanges
from wattproof.io.trace import read_trace
from wattproof.model.clock import VirtualClock
from wattproof.wire.modbus.framing import FRAMINGS

CONVERSATIONS = Path(__file__).parent / "conversations"
#: 17.1: when the clock was set, and what was charged for whom.
MOMENT = datetime.fromtimestamp(1695970042, timezone(timedelta(minutes=120)))
FIELDS = {"GS": "42", "TT": "Tariff 1"}
IDENTIFICATION, EVSE = "1F2D3A4F5506C7", "DE*ABC*E000123"
KEY = bytes.fromhex(
    "3059301306072A8648CE3D020106082A8648CE3D03010703420004"
    "76BF3EFD069ECF16B04E354B759F0D08CD2A0C0D9A7DB260A6BE87A21481E0AA"
    "EF4D131CFA838818E785A11D65E94A591FD62839E6D319A987D016630F4B792D"
)


def conversation(name: str) -> list[Exchange]:
    """The requests and answers of a file, in their order."""
    return exchanges(read_trace(CONVERSATIONS / f"{name}.trace"))


class Scripted:
    """The far end of a stream: each request must be the next of the script, to the byte."""

    def __init__(self, script: Sequence[Exchange]) -> None:
        self.clock = VirtualClock()
        self.left = [*script]

    async def open(self) -> ByteLink:
        near, far = memory_pair(self.clock, "scripted")

        def answer(data: bytes) -> bytes:
            expected = self.left.pop(0)
            assert data == expected.request, f"\n{data!r} was sent, and the script has\n{expected.request!r}"
            for reply in expected.replies:
                if reply.data is None:
                    far.cut()
                else:
                    far.put(reply.data)
            return b""

        far.answer = answer
        return near

    def modbus(self, framing: str = "rtu") -> ModbusClient:
        """A Modbus client at the near end."""
        row = FRAMINGS[framing]
        return ModbusClient(
            self.open,
            row.client,
            name="scripted",
            clock=self.clock,
            timing=Timing(),
            wire=None if row.transactions else Wire(),
        )


Answer = Callable[[bytes], bytes | Exception]


@dataclass
class Registers:
    """A Modbus link to registers that a test sets: ``words[0x41FF] = 1``. What is not set is refused with code 2.

    ``on_write`` sees address and data of each write; what it returns is raised, or sent as the exception code.
    ``identity``: what follows the byte count of function 17.
    """

    words: dict[int, int] = field(default_factory=dict)
    clock: VirtualClock = field(default_factory=VirtualClock)
    requests: list[bytes] = field(default_factory=list)
    identity: bytes = bytes.fromhex("4a05010302070000")
    on_write: Callable[[int, bytes], Exception | int | None] = lambda address, data: None
    on_read: Callable[[int, int], Exception | int | None] = lambda address, count: None

    def put(self, address: int, data: bytes) -> None:
        data += bytes(len(data) % 2)
        for at in range(0, len(data), 2):
            self.words[address + at // 2] = int.from_bytes(data[at : at + 2], "big")

    async def exchange(self, unit: int, pdu: bytes, *, timeout: float | None = None) -> bytes:
        self.requests.append(pdu)
        self.clock.advance(0.01)
        address, count = int.from_bytes(pdu[1:3], "big"), int.from_bytes(pdu[3:5], "big")
        if pdu[0] == 17:
            return bytes((17, len(self.identity))) + self.identity
        if pdu[0] in (3, 4):
            problem = self.on_read(address, count)
            known = all(at in self.words for at in range(address, address + count))
            self._refuse(problem if problem is not None else None if known else 2)
            return bytes((pdu[0], 2 * count)) + b"".join(
                self.words[at].to_bytes(2, "big") for at in range(address, address + count)
            )
        data = pdu[3:5] if pdu[0] == 6 else pdu[6:]
        self._refuse(self.on_write(address, data))
        self.put(address, data)
        return pdu[:5]

    @staticmethod
    def _refuse(problem: Exception | int | None) -> None:
        from wattproof.errors import ModbusRefused

        if isinstance(problem, Exception):
            raise problem
        if problem is not None:
            raise ModbusRefused(problem, f"refused with {problem}")

    async def close(self) -> None:
        pass

    def writes(self) -> list[tuple[int, bytes]]:
        """Address and data of all writes so far."""
        return [
            (int.from_bytes(pdu[1:3], "big"), pdu[3:5] if pdu[0] == 6 else pdu[6:])
            for pdu in self.requests
            if pdu[0] in (6, 16)
        ]


def run(coroutine: Any) -> Any:
    """Step a driver's coroutine to its end."""
    return run_blocking(coroutine)
