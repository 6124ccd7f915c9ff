"""The charge cycle at work: commands taken or refused, readings latched, records signed and kept (section 8)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

from wattproof.meters.dmed4.enums import (
    JSON_SEQUENCE,
    Command,
    MeasurementStatus,
    Signature,
)
from wattproof.meters.dmed4.virtual import cycle as table
from wattproof.meters.dmed4.virtual.cycle import Condition, Cycle, Effect, Transition
from wattproof.meters.dmed4.virtual.electrics import LIMIT
from wattproof.meters.dmed4.virtual.logbook import Kept
from wattproof.meters.dmed4.virtual.message import Fixed, Unacceptable, judge
from wattproof.meters.dmed4.virtual.record import Reading, Record, fits, payload
from wattproof.virtual.base import NEVER, SECOND
from wattproof.virtual.dc import WATT_HOUR
from wattproof.virtual.signing import sign_with_another
from wattproof.virtual.switchboard import nanoseconds

if TYPE_CHECKING:
    from wattproof.meters.dmed4.virtual.body import Body

#: Signing gives up after this time while the measurement board is silent (15.4).
SILENCE = 2 * SECOND
#: SE by parameter P06_01.
ENCODINGS = ("hex", "base64")


class Why(Enum):
    """Why something is not taken now."""

    BUSY = "a signature is in progress"
    STATE = "not allowed in this state"
    MESSAGE = "the message is not acceptable"


class Refused(Exception):
    """Not taken. ``bit``: the error that this sets in dword 1, 0 for none."""

    def __init__(self, why: Why, bit: int = 0) -> None:
        super().__init__(why.value)
        self.why = why
        self.bit = bit


@dataclass(slots=True)
class Job:
    """A record that is being signed: for which command, from which readings, until when."""

    command: Command
    cycle: Cycle
    end: Reading
    deadline: int
    closes: bool


class Charge:
    """The charge cycle of one meter: its status, the message for the next cycle, the record that is out."""

    __slots__ = (
        "_stale",
        "command",
        "cycle",
        "fixed",
        "job",
        "last",
        "meter",
        "output",
        "progressive",
        "result",
        "rolled",
        "status",
    )

    def __init__(self, meter: Body) -> None:
        self.meter = meter
        self.status = MeasurementStatus.NOT_INITIALIZED
        self.fixed: Fixed | None = None  # JSON ok
        self.cycle: Cycle | None = None
        self.last: Cycle | None = None
        self.job: Job | None = None
        self.output: Record | None = None
        self.progressive = 0
        self.result = Signature(0)  # OK, FAILED or neither
        self.rolled = False
        self.command = 0  # the last accepted word of register 4280h
        self._stale: Record | None = None  # what was out before the present signing

    # what it shows

    @property
    def deadline(self) -> int:
        """When the running signing ends."""
        if self.job is None or "signature-stuck" in self.meter.faults:
            return NEVER
        return self.job.deadline

    def signature_status(self, now: int) -> int:
        """Register 4201h (8.4)."""
        status = self.result
        if self.status is MeasurementStatus.NOT_INITIALIZED:
            status |= Signature.NOT_INITIALIZED
        if self.fixed is not None:
            status |= Signature.JSON_OK
        if self.job is not None:
            status |= Signature.IN_PROGRESS
        if self.meter.clock.synchronised(now):
            status |= Signature.SYNCHRONIZED
        if self.rolled:
            status |= Signature.ROLL_OVER
        if self.meter.health.first or self.meter.health.second:
            status |= Signature.ERROR
        return int(status)

    # commands

    def permit(self, command: Command) -> Transition:
        """The row of the table that takes this command now. Raises ``Refused``."""
        health = self.meter.health
        if self.job is not None:
            raise Refused(Why.BUSY)
        if health.stopped:
            raise Refused(Why.STATE)
        row = table.NEXT.get((self.status, command))
        if command is not Command.RESET and health.sequence_refused:
            raise Refused(Why.STATE, JSON_SEQUENCE)
        if row is None or not self._holds(row.condition):
            raise Refused(Why.STATE, JSON_SEQUENCE)
        if command is Command.BEGIN and any(health.fatal().values()):
            raise Refused(Why.STATE)
        return row

    def _holds(self, condition: Condition) -> bool:
        return {
            Condition.ALWAYS: True,
            Condition.JSON_OK: self.fixed is not None,
            Condition.CLOSED_CYCLE: self.last is not None,
        }[condition]

    def take(self, command: Command, word: int | None = None) -> None:
        """A command, with the word of 4280h that it came in. Raises ``Refused``; then nothing has changed."""
        row = self.permit(command)
        self.command = ord(command.value) << 8 if word is None else word
        if command is Command.RESET:
            self._reset()
            return
        self.meter.entered(f"{command.word}:accepted")
        if self.meter.silent:
            return
        self.meter.health.sign_failed = False
        _EFFECTS[row.effect](self, command)
        self.status = row.target
        if self.job is not None:
            self.meter.entered(f"{command.word}:signing")

    def _reset(self) -> None:
        self.result &= ~Signature.FAILED
        self.meter.health.reset()
        self.meter.note(10)
        if self.status is MeasurementStatus.NOT_INITIALIZED and not self.meter.starting_up:
            self.initialise()

    def _begin(self, command: Command) -> None:
        meter = self.meter
        assert self.fixed is not None  # noqa: S101 - the table's condition
        meter.electrics.begin_cycle()
        self.rolled = False
        counters = meter.electrics.counters
        wrapped = counters.imported // WATT_HOUR // LIMIT * LIMIT
        wrapped_export = counters.exported // WATT_HOUR // LIMIT * LIMIT
        reading = self._latch(command, wrapped, wrapped_export)
        self.cycle = Cycle(self.fixed, reading, wrapped, wrapped_export)
        self._sign(command, self.cycle, reading, closes=False)

    def _intermediate(self, command: Command) -> None:
        cycle = self._open_cycle()
        self._sign(command, cycle, self._latch_in(command, cycle), closes=False)

    def _end(self, command: Command) -> None:
        cycle = self._open_cycle()
        cycle.end = self._latch_in(command, cycle)
        self.last, self.cycle = cycle, None
        self._sign(command, cycle, cycle.end, closes=True)

    def _again(self, command: Command) -> None:
        cycle = self.last
        assert cycle is not None and cycle.end is not None  # noqa: S101 - the table's condition
        self._sign(command, cycle, replace(cycle.end, transaction=command.transaction), closes=False)

    def _open_cycle(self) -> Cycle:
        assert self.cycle is not None  # noqa: S101 - the status says so
        return self.cycle

    def _latch(self, command: Command, wrapped: int, wrapped_export: int) -> Reading:
        """The readings of this moment; totals as of the begin of the cycle, not wrapped since."""
        meter, counters = self.meter, self.meter.electrics.counters
        return Reading(
            command.transaction,
            meter.clock.utc(meter.now),
            meter.clock.offset,
            meter.clock.flag(meter.now),
            counters.imported // WATT_HOUR - wrapped,
            counters.exported // WATT_HOUR - wrapped_export,
            counters.cycle // WATT_HOUR,
            meter.health.reading_errors,
            meter.health.reading_state,
        )

    def _latch_in(self, command: Command, cycle: Cycle) -> Reading:
        reading = self._latch(command, cycle.wrapped, cycle.wrapped_export)
        self.rolled = self.rolled or reading.imported >= LIMIT or reading.exported >= LIMIT
        return replace(reading, errors=reading.errors + "t") if cycle.interrupted else reading

    # signing

    def _sign(self, command: Command, cycle: Cycle, end: Reading, *, closes: bool) -> None:
        meter = self.meter
        slow = meter.faults.get("slow-signing")
        delay = meter.options.sign_delay if slow is None else nanoseconds(slow)
        if slow is not None:
            meter.faults.hit("slow-signing")
        if meter.health.silent:
            delay = SILENCE
        self.job = Job(command, cycle, end, meter.now + delay, closes)
        self.result = Signature(0)
        self._stale, self.output = self.output, None

    def poll(self, now: int) -> None:
        """End the signing if its time has come."""
        job = self.job
        if job is None or now < self.deadline:
            return
        self.job = None
        if self._succeeds(job):
            self.result = Signature.OK
            if job.closes:
                self.fixed = None
        else:
            self.result = Signature.FAILED
            self.meter.health.failed_signing()
            if job.command is Command.BEGIN:
                self.status, self.cycle = MeasurementStatus.IDLE, None
            if job.closes:
                self.fixed = None
        self._stale = None
        self.meter.entered(f"{job.command.word}:done")

    def _succeeds(self, job: Job) -> bool:
        meter = self.meter
        if meter.health.cannot_sign or meter.faults.hit("signature-error"):
            return False
        if meter.faults.hit("stale-record"):
            self.output = self._stale
            return True
        self.progressive += 1
        record = self.signed(job.cycle, job.end, self.progressive)
        if job.command is Command.BEGIN:
            job.cycle.page = record.number
        self.output = record
        meter.logbook.keep(Kept(record.number, record.text))
        return True

    def signed(self, cycle: Cycle, end: Reading, number: int) -> Record:
        """A record of a cycle, with what the faults of the signature make of it."""
        meter = self.meter
        first = end.transaction == "B"
        content = payload(cycle.fixed, number, meter.identity, cycle.begin, replace(end, cycle=0) if first else end)
        digest = hashlib.sha256(content).digest()
        if meter.faults.hit("bad-signature"):
            digest = hashlib.sha256(digest).digest()  # made over other data
        wrong = meter.faults.hit("wrong-key")
        signature = sign_with_another(meter.serial, digest) if wrong else meter.signer.sign(digest)
        return Record(number, content, signature, ENCODINGS[meter.active["P06_01"]])

    # messages

    def check_message(self) -> None:
        """Whether an input message may come now. Raises ``Refused``."""
        if self.job is not None:
            raise Refused(Why.BUSY)
        if self.status is MeasurementStatus.ACTIVE:
            raise Refused(Why.STATE, JSON_SEQUENCE)

    def message(self, data: bytes, *, wrapped: bool = False) -> None:
        """An input message: the fixed fields of the next cycle. Raises ``Refused``.

        In status 3 a message only says JSON ok: the cycle keeps its own fields (DEC-41).
        """
        self.check_message()
        meter = self.meter
        meter.entered(table.JSON)
        self.fixed = None
        if meter.health.json_refused:
            raise Refused(Why.MESSAGE)
        try:
            fixed = judge(data, wrapped=wrapped)
        except Unacceptable as error:
            meter.journal("message-refused", {"reason": str(error)})
            raise Refused(Why.MESSAGE, error.bit) from None
        if not fits(fixed, meter.identity):
            meter.journal("message-refused", {"reason": "the record would exceed 1024 bytes"})
            raise Refused(Why.MESSAGE, 1 << 3)
        self.fixed = fixed
        meter.health.input_accepted()

    def drop_message(self) -> None:
        """Length 0: there is no message."""
        self.check_message()
        self.fixed = None

    # starts

    def interrupt(self) -> None:
        """Supply lost or restart: what is not kept is gone (8.6)."""
        self.job = self.output = self._stale = None
        self.result = Signature(0)
        self.command = 0
        self.status = MeasurementStatus.NOT_INITIALIZED
        if self.cycle is None:
            self.fixed = None
        else:
            self.cycle.interrupted = True
            self.fixed = self.cycle.fixed

    def initialise(self) -> None:
        """Keys and signature engine are ready, unless a fault says otherwise (8.1)."""
        if self.meter.health.not_initialised:
            return
        open_cycle = self.cycle is not None
        self.status = MeasurementStatus.ACTIVE_AFTER_POWER_FAILURE if open_cycle else MeasurementStatus.IDLE

    def lose_keys(self) -> None:
        """An initialisation fault outside a cycle: back to status 0 (15.2)."""
        if self.status is MeasurementStatus.IDLE and self.job is None:
            self.status = MeasurementStatus.NOT_INITIALIZED


_EFFECTS: Mapping[Effect, Callable[[Charge, Command], None]] = {
    Effect.BEGIN: Charge._begin,
    Effect.INTERMEDIATE: Charge._intermediate,
    Effect.END: Charge._end,
    Effect.AGAIN: Charge._again,
}
