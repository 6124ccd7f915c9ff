"""A line with meters for tests: what several answer at once is combined bit by bit, as on a real one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from wattproof.wire.mbus.abb import MAKER
from wattproof.wire.mbus.addresses import SecondaryAddress
from wattproof.wire.mbus.declarations import Declaration
from wattproof.wire.mbus.master import Exchange, Outcome
from wattproof.wire.mbus.receivers import MasterReceiver, SlaveReceiver
from wattproof.wire.mbus.records import Record
from wattproof.wire.mbus.requests import Request
from wattproof.wire.mbus.slave import Readout, Slave
from wattproof.wire.mbus.telegrams import Answer, Identification, Telegram

ENERGY = Declaration.parse("0E", "84", MAKER)


@dataclass
class Pages:
    """A readout of so many telegrams, each with one record: the page number, and how often it was asked for."""

    meter: Meter
    pages: int

    def telegram(self, number: int, access: int) -> Answer:
        self.meter.asked += 1
        records = [ENERGY.record(1000 * number + self.meter.asked, 0)]
        header = Identification(self.meter.identity, access, 0x20)
        return Telegram.build(header, records, more_follow=number < self.pages or self.meter.endless)


@dataclass
class Meter:
    """A small application: it keeps what it was told."""

    number: str = "00217819"
    address: int = 5
    manufacturer: int = 0x0442
    version: int = 0x20
    pages: int = 3
    fabrication: str | None = None
    endless: bool = False
    asked: int = 0
    sessions: int = 0
    executed: list[Request | None] = field(default_factory=list)

    @property
    def identity(self) -> SecondaryAddress:
        return SecondaryAddress(self.number, self.manufacturer, self.version, 2)

    def readout(self) -> Readout:
        return Pages(self, self.pages)

    def execute(self, records: Sequence[Record]) -> Readout | None:
        asked = [Request.of(record) for record in records]
        self.executed += asked
        for request in asked:
            if request is not None and request.name == "set_address":
                self.address = request.value  # type: ignore[assignment]
        return Pages(self, 2) if any(one is not None and one.form.readout for one in asked) else None

    def session_ended(self) -> None:
        self.sessions += 1


class Line:
    """Slaves on one line, as a function that does one exchange. ``spoil`` may change the bytes that come back."""

    def __init__(self, *meters: Meter, spoil: Callable[[int, bytes], bytes] | None = None) -> None:
        self.slaves = [Slave(meter) for meter in meters]
        self.sent: list[str] = []
        self.steps: list[Exchange] = []
        self._spoil = spoil

    def __call__(self, step: Exchange) -> Outcome:
        octets = step.request.encode()
        self.sent.append(octets.hex(" ").upper())
        self.steps.append(step)
        answers: list[bytes] = []
        for slave in self.slaves:
            for frame in SlaveReceiver().receive(octets):
                answer = None if not hasattr(frame, "control") else slave.handle(frame, 0)
                if answer is not None:
                    answers.append(answer.encode())
        data = combined(answers)
        if self._spoil is not None:
            data = self._spoil(len(self.steps), data)
        receiver = MasterReceiver()
        receiver.expecting(step.expect)
        receiver.receive(data)
        return receiver.gap()


def combined(answers: Sequence[bytes]) -> bytes:
    """Bytes sent at the same time: a bit is 1 only if all send 1."""
    data = bytearray(max(map(len, answers), default=0))
    for at in range(len(data)):
        data[at] = 0xFF
        for answer in answers:
            if at < len(answer):
                data[at] &= answer[at]
    return bytes(data)
