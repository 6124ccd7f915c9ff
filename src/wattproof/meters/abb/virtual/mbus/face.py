"""A virtual ABB meter as it is heard on M-Bus: the slave of the link, commands, readouts (abb-meters.md 3.11)."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

from wattproof.errors import FrameError
from wattproof.meters.abb.virtual.mbus.collisions import spoil
from wattproof.meters.abb.virtual.mbus.commands import COMMANDS, GUARDED
from wattproof.meters.abb.virtual.mbus.identity import secondary_address
from wattproof.meters.abb.virtual.mbus.readouts import Readout, Standard
from wattproof.meters.abb.virtual.mbus.special import special_readout
from wattproof.meters.abb.virtual.refusals import Refusal, denied
from wattproof.wire.mbus import ci_fields
from wattproof.wire.mbus.addresses import SecondaryAddress, Selection
from wattproof.wire.mbus.frames import BROADCAST, EVERY_ANSWERS, REQ_UD2, SELECTED, Long, Short, decode, service
from wattproof.wire.mbus.receivers import SlaveReceiver
from wattproof.wire.mbus.records import Record
from wattproof.wire.mbus.requests import Request
from wattproof.wire.mbus.slave import Counting, Slave

if TYPE_CHECKING:
    from wattproof.meters.abb.virtual.meter import AbbMeter

MILLISECOND = 1_000_000
SECOND = 1000 * MILLISECOND
#: A meter begins to answer within this time after a request (1.1), real ms.
ANSWER_DELAY = (35, 80)
#: How long a password that was sent opens the meter, real ns (1.15).
PASSWORD_HOLDS = 60 * SECOND
#: Silence that ends a frame, real ns: 33 bit times at 300 bit/s and 50 ms; behind a converter 300 ms (1.4).
LINE_GAP, NETWORK_GAP = (33 * 1000 // 300 + 50) * MILLISECOND, 300 * MILLISECOND


class MbusFramer:
    """Bytes of a stream to frames; what is damaged is passed over in silence."""

    def __init__(self, *, network: bool) -> None:
        self._receiver = SlaveReceiver()
        self._gap = NETWORK_GAP if network else LINE_GAP
        self._last = 0

    def receive(self, data: bytes, now: int) -> Sequence[Short | Long]:
        found = []
        if self._receiver.unfinished and now - self._last > self._gap:
            found += self._receiver.gap()
        self._last = now
        found += self._receiver.receive(data)
        return [frame for frame in found if isinstance(frame, Short | Long)]


class MbusFace:
    """The M-Bus side of one meter; for the slave it is the application behind the link."""

    kind = "M"

    def __init__(self, meter: AbbMeter) -> None:
        self.meter = meter
        self.slave = Slave(self, rate=meter.rate)
        self._chance = random.Random(f"{meter.seed}:delay")
        self._opened: int | None = None
        self._now = 0
        #: Which start of the meter the link belongs to: a power failure ends readout, selection and session.
        self._started = meter.body.ready_at

    # the bus

    @property
    def delay(self) -> int:
        fixed = self.meter.options.answer_delay
        return self._chance.randint(*(ms * MILLISECOND for ms in ANSWER_DELAY)) if fixed is None else fixed

    def advance(self, now: int) -> None:
        """Real time has passed: a rate at which nothing was understood is given up."""
        self.slave.advance(now)
        self.meter.rate = self.slave.rate

    def concerns(self, frame: Short | Long) -> bool:
        if frame.address == SELECTED:
            return (self.slave.selected and self._lasts) or self._selects(frame)
        return frame.address in (self.meter.address, EVERY_ANSWERS, BROADCAST)

    def answer(self, frame: Short | Long, now: int) -> bytes | None:
        meter, slave, faults = self.meter, self.slave, self.meter.faults
        self._now = now
        if not self._lasts:
            slave.forget()
            self._started = meter.body.ready_at
        if self._selects(frame):
            meter.entered("selection")
            slave.selectable = not faults.hit("unselectable")
        if not meter.body.supplied:  # it has failed just now, at a named state; so it may once more below
            return None
        asked = service(frame.control) is REQ_UD2
        slave.counting = Counting.RIGHT
        if asked and self.concerns(frame):
            if faults.hit("fcb-stuck"):
                slave.counting = Counting.STUCK
            elif faults.hit("fcb-ignored"):
                slave.counting = Counting.IGNORED
            slave.counts_access = not faults.hit("access-stuck")
        answer = slave.handle(frame, now)
        meter.rate = slave.rate
        if answer is None or not meter.body.supplied:
            return None
        if asked:
            meter.body.answered()
        return answer.encode()

    @property
    def _lasts(self) -> bool:
        """Whether the meter has been running since it was last asked."""
        return self._started == self.meter.body.ready_at

    def _selects(self, frame: Short | Long) -> bool:
        """Whether a frame is a selection that means this meter."""
        if not isinstance(frame, Long) or frame.address != SELECTED:
            return False
        if frame.ci not in (ci_fields.SELECT, ci_fields.SELECT_MSB):
            return False
        try:
            selection = Selection.decode(frame.data, msb=frame.ci == ci_fields.SELECT_MSB)
        except FrameError:
            return False
        return selection.matches(self.identity, self.fabrication)

    def meaning(self, answer: bytes) -> str:
        """What an answer says, for the journal."""
        try:
            return str(decode(answer))
        except FrameError as error:
            return f"damaged: {error}"

    def spoil(
        self, fault: str, value: object, request: Short | Long, answer: bytes, chance: random.Random
    ) -> bytes | None:
        return spoil(fault, value, request, answer)

    # the application behind the slave

    @property
    def address(self) -> int:
        return self.meter.address

    @property
    def identity(self) -> SecondaryAddress:
        return secondary_address(self.meter.serial)

    @property
    def fabrication(self) -> str:
        return self.meter.serial[-8:]

    def readout(self) -> Readout:
        return Standard(self.meter)

    def session_ended(self) -> None:
        self._opened = None

    def execute(self, records: Sequence[Record]) -> Readout | None:
        """Do what the records say, in their order; the last readout that they ask for is the one."""
        found: Readout | None = None
        for record in records:
            request = Request.of(record)
            if request is None:
                self._refused("unknown", f"{record} is no command of this meter")
            elif request.form.readout:
                found = self._read_out(request) or found
            else:
                self._obey(request)
        return found

    def _read_out(self, request: Request) -> Readout | None:
        found = special_readout(self.meter, request)
        if found is None:
            self._refused(request.name, f"an {self.meter.variant} has nothing to read out there")
        return found

    def _obey(self, request: Request) -> None:
        meter = self.meter
        try:
            if request.name == "send_password":
                self._opened = self._now if request.value == meter.body.password else None
                return
            if request.form.protected or request.name in GUARDED:
                meter.body.permit(self._open)
            elif "refuse-writes" in meter.faults:
                raise denied("the meter refuses writes")
            COMMANDS[request.name](meter, request)
        except Refusal as refusal:
            self._refused(request.name, str(refusal))
            return
        meter.touched()
        meter.journal("command", {"command": request.name, "subject": request.subject})

    @property
    def _open(self) -> bool:
        """Whether the password has been given in this session."""
        return self._opened is not None and self._now - self._opened <= PASSWORD_HOLDS

    def _refused(self, name: str, reason: str) -> None:
        self.meter.journal("command-refused", {"command": name, "reason": reason})
