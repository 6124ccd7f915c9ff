"""A whole charging session with a DMED4: time, fixed fields, begin, energy, end - and what if one of them fails.

The meter switches nothing: the station lets current flow after :meth:`DmedSession.begin` and stops it before
:meth:`DmedSession.end`. What a session does when a step fails::

    status 0, the meter is starting  waited for, up to ten seconds: only then it shows whether a cycle is open
    status 3 before the begin        the cycle that a power failure interrupted is ended first, as evidence
    begin fails, cycle open          the cycle is ended, as evidence, once the meter signs no more; no session
    end fails: silence               tried again for a minute; what the meter signed meanwhile is fetched
    end fails: record lost or wrong  the record is made again (r), or fetched from the log book
    status 3 during the session      the session counts as failed and is ended: time, E, else fixed fields and E again
    no progress or answer for 60 s   the session is ended, its records are kept, and it counts as failed

Source: communication manual, charge cycle; specification, sections 8.3, 8.6 and 8.8; DEC-41, DEC-48, DEC-49.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from typing import Any

from wattproof.drivers.charging import NANOSECONDS, ChargingSession, Progress
from wattproof.errors import (
    LinkError,
    MeterSilent,
    ProtocolError,
    Refused,
    ResponseTimeout,
    SessionFailed,
    SnapshotFailed,
    UsageError,
)
from wattproof.meters.dmed4.cycle import POLL_PAUSE, ChargeCycle, Status
from wattproof.meters.dmed4.enums import JSON_ERRORS, Command, MeasurementStatus, Signature
from wattproof.meters.dmed4.taken import SessionRecord, Taken, contradictions
from wattproof.meters.dmed4.text import Record, fixed_fields

#: Seconds in which the signature engine becomes ready after a start (DEC-48).
READY_LIMIT = 10.0
#: How often an end is tried against refusals.
ATTEMPTS = 2

#: TX of the fourth tuple by what the record is; after B it may be that of an intermediate reading (DEC-52).
TRANSACTIONS = {"begin": frozenset("BC"), "intermediate": frozenset("C")}
#: Codes of OCMF that end a transaction.
ENDS = frozenset("ELRAP")

_TROUBLE = (LinkError, ProtocolError, Refused)


class DmedSession(ChargingSession):
    """One session with the meter behind ``driver``.

    ``identification`` becomes ID, ``evse`` CI; both are signed. ``fields``: further fixed fields by their OCMF keys,
    such as ``{"TT": "Tariff 1"}``. ``time``: what the meter's clock is set to; by default the driver's clock and the
    local time zone. ``store`` is called with the record after every step. ``switching`` and ``needs_ocmf`` mean nothing
    here: the meter has no contactor, and every record is OCMF.
    """

    def __init__(
        self,
        driver: ChargeCycle,
        *,
        identification: str | None = None,
        evse: str | None = None,
        fields: dict[str, Any] | None = None,
        time: datetime | None = None,
        switching: bool = False,
        needs_ocmf: bool = True,
        store: Callable[[SessionRecord], Awaitable[None] | None] = lambda record: None,
    ) -> None:
        super().__init__(driver.clock, store)
        self.driver = driver
        self.record: SessionRecord = SessionRecord()
        self.fields = fixed_fields(identification, evse, **(fields or {}))
        self._time = time
        self._energy = Decimal(0)
        self._started: int | None = None
        self._page: int | None = None

    # Begin --------------------------------------------------------------------------------------------------------

    async def begin(self) -> Record:
        """Steps 1 to 8 of the procedure: state, errors, time, fixed fields, check, B, wait, fetch; then store.

        Raises :class:`~wattproof.errors.SessionFailed` if there is no reliable begin record; a cycle that was opened is
        ended then.
        """
        try:
            await self._prepare()
            taken = await self._command(Command.BEGIN, "begin")
        except _TROUBLE as error:
            await self._fail_begin(error)
            raise SessionFailed(f"the session has not begun: {self.record.failure}") from error
        except BaseException as error:  # an interrupt, a cancellation: the cycle may be open all the same
            await self._fail_begin(error)
            raise
        self.record.begin = taken
        try:
            await self.put()
        except BaseException as error:
            await self._fail_begin(error)
            raise
        return taken.record

    async def resume(self, words: str | None) -> None:
        """Go on with a session that the meter still has open, or has ended."""
        if words is not None:
            record = Record(words.encode())
            if not self._is_ours(record):
                raise SessionFailed(f"the begin record {record.field('PG')} is signed for another ID or CI")
            taken = Taken("begin", record, self.driver.known_key or await self.driver.public_key())
            self.record.begin, self._page = taken, taken.counter
            if (begun := record.time) is not None:
                self._started = int(begun.timestamp())
        # Without a begin record, what lies on a meter that is idle is about a session of before.
        self._attempted = words is not None or (await self._ready()).charging
        if self._attempted:
            await self._check_newest()

    async def _check_newest(self) -> None:
        """Raises :class:`SessionFailed` if the newest record says that the meter serves, or served, another session."""
        newest = await self.driver.record()
        if newest is not None and not self._same_cycle(newest):
            raise SessionFailed(
                f"the meter has signed {newest.field('PG')} for another session: ID {newest.field('ID')!r}, CI "
                f"{newest.field('CI')!r}, begun {newest.begin_time}"
            )

    def _same_cycle(self, other: Record) -> bool:
        """Whether a record is about our cycle: our ID and CI, and the reading and time of our begin."""
        if self.record.begin is None:
            return self._is_ours(other)
        begin: Record = self.record.begin.record
        return (
            self._is_ours(other)
            and begin.field("MS") == other.field("MS")
            and (begin.begin_energy, begin.begin_time) == (other.begin_energy, other.begin_time)
        )

    async def _prepare(self) -> None:
        status = await self.driver.status()
        if status.measurement is MeasurementStatus.NOT_INITIALIZED:
            # Fixed fields must not reach a cycle that a power failure interrupted: they would name the wrong customer.
            await self._ready()
            status = await self.driver.status()
        if status.measurement is MeasurementStatus.ACTIVE_AFTER_POWER_FAILURE:
            self._interrupted(await self._end_interrupted("interrupted"))
            status = await self.driver.status()
        if status.measurement is MeasurementStatus.ACTIVE:
            raise _Busy("another session is open on the meter: end it with write METER_URL command=E")
        if status.signature & Signature.ERROR:
            await self.driver.command(Command.RESET)
        await self.driver.set_time(self._time)
        await self.driver.set_fixed_fields(self.fields)
        if not await self.driver.signature_status() & Signature.JSON_OK:
            words = (await self.driver.status()).words
            raise SnapshotFailed(f"the meter does not take the fixed fields: {words}")
        if status.measurement is MeasurementStatus.NOT_INITIALIZED:
            await self._ready()

    async def _ready(self) -> Status:
        """The state once the signature engine is ready, or after ten seconds: B is tried all the same then (DEC-48).

        Until then the status is 0, whether a cycle is open or not (8.1).
        """
        deadline = self.clock.now() + round(READY_LIMIT * NANOSECONDS)
        while True:
            state = await self.driver.state()
            if state.measurement is not MeasurementStatus.NOT_INITIALIZED or self.clock.now() >= deadline:
                return state
            await self.clock.sleep(POLL_PAUSE)

    def _interrupted(self, taken: Taken) -> None:
        self.record.evidence.append(taken)
        self.record.notes.append(f"a cycle that a power failure had interrupted was ended first: {taken.name}")
        self._page = taken.counter

    async def _fail_begin(self, error: BaseException) -> None:
        self.record.failure = f"begin: {str(error) or type(error).__name__}"
        if not isinstance(error, _Busy):
            self.record.failure += await self._close()
        await self.keep()

    async def _close(self) -> str:
        """End a cycle that a failed begin may have opened, and what came of it."""
        role = "end of a failed begin"
        sent = False

        async def attempt() -> Taken | None:
            nonlocal sent
            if not (await self._free()).charging:
                return await self._recovered(role) if sent else None
            sent = True
            return await self._command(Command.END, role)

        try:
            taken = await self.persist(attempt, lambda error: True)
        except SnapshotFailed as error:
            return f"; the cycle was ended again, but {error}"
        except _TROUBLE as error:
            self.unfinished = isinstance(error, LinkError | ProtocolError)
            return f"; whether a cycle is open is not known ({error}): look with read METER_URL measurement_status"
        if taken is None:
            return ""
        self.record.evidence.append(taken)
        return "; the cycle was ended again"

    async def _free(self) -> Status:
        """The state of a meter that can take a command: not starting and not signing.

        Raises :class:`~wattproof.errors.ResponseTimeout` while it signs: what it would refuse now it takes later.
        """
        state = await self._ready()
        if state.signature & Signature.IN_PROGRESS:
            raise ResponseTimeout(f"the meter still signs: {state.words}")
        return state

    # Progress -----------------------------------------------------------------------------------------------------

    async def progress(self) -> Progress:
        """Look at the meter once: the cycle's own counter, the power, and the meter's clock.

        A counter that falls back (a glitch) never takes energy away. Raises
        :class:`~wattproof.errors.SessionFailed` after a restart, or if somebody else ended the cycle.
        """
        status = await self._ready()
        if status.measurement is not MeasurementStatus.ACTIVE:
            raise SessionFailed(f"the meter {_GONE[status.measurement]} ({status.words})")
        readings = {reading.point: reading.value for reading in await self.driver.read(WATCHED)}

        def number(name: str) -> Decimal | None:
            value = readings.get(name)
            return value if isinstance(value, Decimal) else None

        self._energy = max(self._energy, number("measure.energy_cycle") or Decimal(0))
        now = int(number("clock.datetime") or 0)
        if self._started is None:
            self._started = now
        detail = "measurement status ACTIVE; does the station let current flow, is a car plugged in and not full?"
        return Progress(self._energy, number("measure.power"), now - self._started, "active", detail)

    async def intermediate(self) -> Record:
        """Let the meter sign an intermediate reading (C), keep and store it as evidence."""
        taken = await self._command(Command.INTERMEDIATE, "intermediate")
        self.record.evidence.append(taken)
        await self.put()
        return taken.record

    # End ----------------------------------------------------------------------------------------------------------

    async def end(self) -> SessionRecord:
        """Take, check and store the end record.

        Raises :class:`~wattproof.errors.SessionFailed` if there is none, or if it does not hold; the record keeps what
        there is.
        """
        refusals = 0

        def hopeless(error: Refused) -> bool:
            nonlocal refusals
            refusals += 1
            return refusals == ATTEMPTS

        try:
            taken = await self.persist(self._ended, hopeless)
            taken, begin = await self._checked(taken)
        except _TROUBLE as error:
            if self.comes_back and isinstance(error, LinkError | ProtocolError):
                raise MeterSilent(f"end: {error}") from error
            text = f"end: {error}"
            earlier = self.record.failure
            self.record.failure = text if earlier is None else f"{earlier}; {text}"
            await self.keep()
            raise SessionFailed(f"the session could not be ended as it should: {text}") from error
        self.record.begin = begin
        self.record.end = taken
        self.record.notes += [*taken.problems, *contradictions(begin, taken)]
        await self.put()
        return self.record

    async def _ended(self) -> Taken:
        """One attempt of the end, from whatever state the meter is in."""
        if self._attempted:
            state = await self._free()
            if not state.charging:
                return await self._recovered("end")
            if state.measurement is MeasurementStatus.ACTIVE_AFTER_POWER_FAILURE:
                return await self._end_interrupted("end")
        self._attempted = True
        try:
            return await self._command(Command.END, "end")
        except Refused:
            if (await self._ready()).measurement is MeasurementStatus.ACTIVE_AFTER_POWER_FAILURE:
                return await self._end_interrupted("end")
            raise

    _attempted = False

    async def _recovered(self, role: str) -> Taken:
        """The end record of a cycle that is closed already: the newest one, else made again (step 11)."""
        found = await self.driver.record()
        if found is not None and found.transaction in ENDS:
            with suppress(SnapshotFailed):
                return self._relied(found, role)
        return await self._command(Command.RECOVER, role)

    async def _end_interrupted(self, role: str) -> Taken:
        """End a cycle after a power failure; that the clock is locked is normal (8.6, D-233)."""
        with suppress(Refused):
            await self.driver.set_time(self._time)
        try:
            return await self._command(Command.END, role)
        except Refused as error:
            status = await self.driver.status()
            if not status.charging or not self._by_json(status):
                raise error
        await self.driver.set_fixed_fields(self.fields)
        return await self._command(Command.END, role)

    @staticmethod
    def _by_json(status: Status) -> bool:
        return bool((status.error_1 or 0) & JSON_ERRORS) or not status.signature & Signature.JSON_OK

    # Judging ------------------------------------------------------------------------------------------------------

    async def _command(self, command: Command, role: str) -> Taken:
        return self._relied(await self.driver.sign(command), role)

    def _relied(self, record: Record, role: str) -> Taken:
        """The record, if it is new, of this session, and verifies as far as the key is known.

        Raises :class:`~wattproof.errors.SnapshotFailed`; the record is kept as evidence then.
        """
        taken = Taken(role, record, self.driver.known_key or b"")
        wrong = []
        if taken.valid is False:
            wrong.append("its signature does not verify with the meter's public key")
        if self._page is not None and (taken.counter is None or taken.counter <= self._page):
            wrong.append(f"it is stale: PG is {record.field('PG')}, and T{self._page} was there before")
        if record.transaction not in TRANSACTIONS.get(role, ENDS):
            wrong.append(f"its TX is {record.transaction}")
        if role == "end" and self._attempted and self.record.begin is not None and not self._same_cycle(record):
            wrong.append(f"it is about another cycle, begun {record.begin_time}")
        if role in ("begin", "end") and not self._is_ours(record):
            wrong.append(f"it is signed for ID {record.field('ID')!r} and CI {record.field('CI')!r}, not for ours")
        if wrong:
            self._keep_evidence(taken)
            raise SnapshotFailed(f"the {role} record cannot be relied on: {'; '.join(wrong)}")
        self._page = taken.counter
        return taken

    def _keep_evidence(self, taken: Taken) -> None:
        texts = [kept.record.text for kept in (*self.record.evidence, *self.record.records)]
        if taken.record.text not in texts:
            self.record.evidence.append(taken)

    def _is_ours(self, record: Record) -> bool:
        return all(record.field(key) == self.fields[key] for key in ("ID", "CI"))

    async def _checked(self, taken: Taken) -> tuple[Taken, Taken | None]:
        """End and begin, verified with the key: the meter is asked for it if nobody knew it before."""
        key = self.driver.known_key or await self.driver.public_key()
        end = Taken(taken.role, taken.record, key, taken.problems)
        begin = self.record.begin
        if begin is not None:
            begin = Taken(begin.role, begin.record, key, begin.problems)
        self.record.evidence = [Taken(one.role, one.record, key, one.problems) for one in self.record.evidence]
        wrong = [one.name for one in (begin, end) if one is not None and not one.valid]
        if wrong:
            self.record.begin, self.record.end = begin, end
            raise SnapshotFailed(f"the signature of {' and '.join(wrong)} does not verify with the meter's public key")
        return end, begin


class _Busy(SessionFailed):
    """The meter serves somebody else: nothing of ours has to be ended."""


#: What it means when the cycle of a session is not open as it was.
_GONE = {
    MeasurementStatus.NOT_INITIALIZED: "is not ready after a restart",
    MeasurementStatus.IDLE: "has ended the cycle: another master?",
    MeasurementStatus.ACTIVE_AFTER_POWER_FAILURE: "lost its supply during the session",
}

#: What is read while energy flows. Voltage and current lie in between and save a request.
WATCHED = ("measure.energy_cycle", "measure.voltage", "measure.current", "measure.power", "clock.datetime")


async def existing(driver: ChargeCycle, which: str) -> tuple[SessionRecord, bool]:
    """A session whose end the meter has signed, and whether it holds: ``last``, or ``T12`` from the log book.

    Raises :class:`~wattproof.errors.UsageError` for anything else,
    :class:`~wattproof.errors.SnapshotFailed` if there is no such record, and
    :class:`~wattproof.errors.SessionFailed` while a session is open: asking for its end would end it.
    """
    found: Record | None
    if which == "last":
        if (await driver.state()).charging:
            raise SessionFailed("a session is open on the meter: end it first with write METER_URL command=E")
        found = await driver.record()
        if found is None or found.transaction not in ENDS:
            found = await driver.sign(Command.RECOVER)
    elif which[:1] == "T" and which[1:].isdecimal() and hasattr(driver, "logged"):
        found = await driver.logged(int(which[1:]))
    else:
        raise UsageError(f"--existing {which}: a DMED4 gives last, and over REST T12 and the like from its log book")
    if found is None:
        raise SnapshotFailed(f"the meter has no record {which}")
    if found.transaction not in ENDS:
        raise SnapshotFailed(f"record {found.field('PG')} ends no session: its TX is {found.transaction}")
    end = Taken("end", found, await driver.public_key())
    begin = Taken("begin", found, end.key)
    record = SessionRecord(begin, end)
    if not end.valid:
        record.notes.append("its signature does not verify with the meter's public key")
    record.notes += contradictions(begin, end)
    return record, not record.notes
