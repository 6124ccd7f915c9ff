"""A Modbus unit that holds what a test puts there, behind the real server code."""

from __future__ import annotations

from wattproof.drivers.answers import accept
from wattproof.model.clock import VirtualClock
from wattproof.wire.modbus.serve import serve
from wattproof.wire.modbus.store import MemoryStore


class Unit:
    """A :class:`~wattproof.drivers.modbus.ModbusLink` to one unit. ``asked`` are the requests."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.store = MemoryStore()
        self.asked: list[bytes] = []

    async def exchange(self, unit: int, pdu: bytes, *, timeout: float | None = None) -> bytes:
        self.asked.append(pdu)
        answer = serve(pdu, self.store)
        return accept(pdu, answer, f"unit {unit}")

    async def close(self) -> None:
        pass
