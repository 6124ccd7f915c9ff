"""A whole charging session with a BSM: time, metadata, begin record, energy, end record - and what if one fails.

With switching the meter opens and closes the contactor itself (turn-on, turn-off); without it somebody else does, and
the records are start and end. Nothing that was signed is ever lost: after each step the record goes to ``store``.

What a session does when a step fails::

    begin fails                       turn-off (a failed turn-on may have closed the contactor); no session
    end fails: silence                tried again for a minute
    end fails: St 3, stale, unsigned  tried once more
    before each further try           what the meter signed since the first trigger is fetched instead, if anything
    end fails: St 5, or for good      an end record that does not switch instead; failing that, a current one
    no progress or answer for 60 s    the session is ended, its records are kept, and it counts as failed

Source: product manual 1.01, chapter 10 and Appendix E; specification of the BSM, sections 11, 12, 16 and BD-25.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar

from wattproof.drivers import charging
from wattproof.drivers.charging import ChargingSession, Progress
from wattproof.errors import (
    InvalidValue,
    LinkError,
    MeterSilent,
    ModbusRefused,
    ProtocolError,
    Refused,
    ResponseTimeout,
    SessionFailed,
    SnapshotFailed,
    UsageError,
)
from wattproof.meters.bsm.driver import BsmDriver
from wattproof.meters.bsm.enums import SnapshotStatus, SnapshotType
from wattproof.meters.bsm.taken import Snapshot

#: How often an end is tried against refusals.
ATTEMPTS = 2
#: Wh of the least digit that the meter shows in any firmware (section 10).
RESOLUTION = Decimal(10)

CONTRACT_TAG = "contract-id: "
EVSE_TAG = "evse-id: "
SIZES = {"Meta1": 140, "Meta2": 100, "Meta3": 100}

WATCHED = (
    "bs_meter.RCR",
    "bs_meter.RCR_SF",
    "bs_meter.PDCnt",
    "bs_meter.OS",
    "bs_meter.DI",
    "bs_meter.DO",
    "ac_meter.W",
)


@dataclass
class SessionRecord(charging.SessionRecord[Snapshot]):
    """What a session left behind; ``switching``: the meter itself closed and opened the contactor.

    ``evidence``: further signed snapshots, such as the turn-off after a failed begin.
    """

    switching: bool = True

    @property
    def energy(self) -> Decimal | None:
        """The billing value RCR of the end record, Wh."""
        return None if self.end is None else self.end.energy()

    @property
    def snapshots(self) -> list[Snapshot]:
        """Begin and end, as far as they exist."""
        return self.records

    @property
    def existing(self) -> str:
        return "stons,stoffs" if self.switching else "sss,ses"

    def remedy(self, url: str) -> str:
        return f"wattproof snapshot '{url}' {'turn-off' if self.switching else 'end'}"

    def as_dict(self) -> dict[str, Any]:
        """For JSON: everything, signed registers and texts included."""
        return {"switching": self.switching, **super().as_dict()}


def metadata(identification: str | None, evse: str | None) -> tuple[str, str]:
    """Meta1 and Meta2 of a session, with the tags that Chargy reads (section 7).

    Raises :class:`~wattproof.errors.InvalidValue` for a text that is too long or has a NUL in it.
    """
    texts = tuple(
        "" if not text else text if text.startswith(tag.strip()) else tag + text
        for tag, text in ((CONTRACT_TAG, identification), (EVSE_TAG, evse))
    )
    for (name, size), text in zip(SIZES.items(), texts, strict=False):
        used = len(text.encode("utf-8"))
        if used > size or "\0" in text:
            raise InvalidValue(f"{name} takes {size} bytes without NUL; {text!r} has {used}: shorten it")
    return texts[0], texts[1]


class Session(ChargingSession):
    """One session with the meter behind ``driver``.

    ``identification`` becomes Meta1 (``contract-id: ...``), ``evse`` Meta2 (``evse-id: ...``), both are signed.
    ``needs_ocmf``: a begin or end without OCMF text counts as failed. ``store`` is called with the record after every
    step, before the next one; what it raises ends the session safely and is raised again.
    """

    resolution: ClassVar[Decimal] = RESOLUTION

    def __init__(
        self,
        driver: BsmDriver,
        *,
        identification: str | None = None,
        evse: str | None = None,
        switching: bool = True,
        needs_ocmf: bool = False,
        store: Callable[[SessionRecord], Awaitable[None] | None] = lambda record: None,
    ) -> None:
        super().__init__(driver.clock, store)
        self.driver = driver
        self.record: SessionRecord = SessionRecord(switching=switching)
        self.texts = metadata(identification, evse)
        self.needs_ocmf = needs_ocmf
        self._energy = Decimal(0)
        self._restarts: int | None = None
        #: The end of this session, where the meter had signed it before it was asked again.
        self._signed_end: Snapshot | None = None

    # Begin --------------------------------------------------------------------------------------------------------

    async def begin(self) -> Snapshot:
        """Set the time, write the metadata, take and store the begin record.

        Raises :class:`~wattproof.errors.SessionFailed` if there is no reliable begin record; the contactor is then
        asked to open. With DOE already high a turn-on closes it up to 0.3 s before the record exists (section 12.2);
        a station that must not lets DOE rise after this returned.
        """
        kind = SnapshotType.TURN_ON if self.record.switching else SnapshotType.START
        await self.driver.info()
        await self.driver.set_time()
        await self.driver.set_metadata(*self.texts)
        try:
            taken = self._relied(await self.driver.snapshot(kind))
        except (SnapshotFailed, LinkError, ProtocolError, ModbusRefused) as error:
            await self._fail_begin(kind, error)
            raise SessionFailed(f"the session has not begun: {self.record.failure}") from error
        except BaseException as error:  # an interrupt, a cancellation: the contactor may be closed all the same
            await self._fail_begin(kind, error)
            raise
        self.record.begin = taken
        self.record.notes += taken.problems
        try:
            await self.put()
        except BaseException as error:
            await self._fail_begin(kind, error)
            raise
        return taken

    async def resume(self, words: str | None) -> None:
        """Go on with a session whose begin record is still on the meter, and whose metadata it carries."""
        kind = SnapshotType.TURN_ON if self.record.switching else SnapshotType.START
        await self.driver.info()
        if words is not None:
            await self._find(kind, words)
        if self._signed_end is None:
            await self._check_metadata()

    async def _find(self, kind: SnapshotType, words: str) -> None:
        """Begin and, if there is one already, end of this session. A begin that the meter has lost is a failure, but
        the contactor may be closed, so the session is still to be ended."""
        try:
            taken = await self.driver.existing(kind)
        except SnapshotFailed as error:
            self._raise_unfinished(error)
            self.record.failure = str(error)
            return
        if taken.words != words:
            raise SessionFailed(f"the {kind.word} snapshot on the meter is not the begin of this session: {taken.name}")
        self.record.begin = taken
        self._signed_end = await self._find_end(taken)

    @staticmethod
    def _raise_unfinished(error: SnapshotFailed) -> None:
        if error.status is SnapshotStatus.UPDATING:
            raise ResponseTimeout(f"the meter still signs: {error}") from error

    async def _check_metadata(self) -> None:
        """What the meter would sign now must be about this session. Raises :class:`SessionFailed` otherwise."""
        readings = await self.driver.read("bs_meter.Meta1", "bs_meter.Meta2")
        found = tuple(str(reading.value or "") for reading in readings)
        if found != self.texts:
            raise SessionFailed(f"the meter carries the metadata of another session: {found[0]!r} and {found[1]!r}")

    async def _find_end(self, begin: Snapshot) -> Snapshot | None:
        """The end that the meter has signed since ``begin``, for the same metadata; ``None`` while there is none.

        Raises :class:`~wattproof.errors.ResponseTimeout` while the meter signs it.
        """
        kind = SnapshotType.TURN_OFF if self.record.switching else SnapshotType.END
        try:
            found = await self.driver.existing(kind)
        except SnapshotFailed as error:
            self._raise_unfinished(error)
            return None
        newer = (found.counter or 0) > (begin.counter or 0)
        same = all(begin.fields[name] == found.fields[name] for name in SIZES)
        return found if newer and same and not found.complaints else None

    async def _fail_begin(self, kind: SnapshotType, error: BaseException) -> None:
        self.record.failure = f"{kind.word}: {str(error) or type(error).__name__}"
        if self.record.switching:
            self.record.failure += f"; {await self._open_contactor()}"
        await self.keep()

    async def _open_contactor(self) -> str:
        """Turn off after a failed begin, and what came of it."""
        try:
            self.record.evidence.append(await self._persistent(SnapshotType.TURN_OFF))
            return "the turn-off after it succeeded, the contactor is open"
        except (LinkError, ProtocolError, Refused) as error:
            self.unfinished = isinstance(error, LinkError | ProtocolError)
            return f"the turn-off after it failed too ({error}): {await self._contactor('CURRENT MAY FLOW')}"

    async def _contactor(self, alarm: str) -> str:
        """What is known of the contactor after a turn-off that failed: the alarm, unless it shows that it is open."""
        try:
            feedback, demand = (reading.value for reading in await self.driver.read("bs_meter.DI", "bs_meter.DO"))
        except (LinkError, ProtocolError, ModbusRefused):
            return f"{alarm}: check the contactor"
        if feedback != 1:
            return f"{alarm}: check the contactor"
        if demand != 0:
            return f"the contactor is open (DI 1), but the meter wants it closed (DO 1) and DOE may do so: {alarm}"
        return "the contactor is open (DI 1, DO 0)"

    async def _persistent(
        self, kind: SnapshotType, check: Callable[[Snapshot], Snapshot] = lambda taken: taken
    ) -> Snapshot:
        """What opens a contactor is not given up at the first silence: a meter that still signs answers later.

        A refusal is tried once more, but not a missing feedback. A further trigger would cost what the meter has signed
        meanwhile, so that is looked for first. Raises the last error.
        """
        refusals, asked, before = 0, False, None

        async def attempt() -> Snapshot:
            nonlocal asked, before
            if asked:
                late = await self._signed_meanwhile(kind, before, check)
                if late is not None:
                    return late
            else:
                before = await self.driver.counter()
            asked = True
            return check(await self.driver.snapshot(kind))

        def hopeless(error: Refused) -> bool:
            nonlocal refusals
            status = error.status if isinstance(error, SnapshotFailed) else None
            refusals += status is not SnapshotStatus.UPDATING
            return status is SnapshotStatus.FAILED_FEEDBACK or refusals == ATTEMPTS

        return await self.persist(attempt, hopeless)

    async def _signed_meanwhile(
        self, kind: SnapshotType, before: int | None, check: Callable[[Snapshot], Snapshot]
    ) -> Snapshot | None:
        """The snapshot that an earlier trigger made after all; ``None`` if there is none to rely on.

        Raises :class:`~wattproof.errors.SnapshotFailed` with status 2 while it is being made.
        """
        if before is None:
            return None
        try:
            return check(await self.driver.collect(kind, before))
        except SnapshotFailed as error:
            if error.status is SnapshotStatus.UPDATING:
                raise
            return None

    # Progress -----------------------------------------------------------------------------------------------------

    async def progress(self) -> Progress:
        """Look at the meter once. A register that falls back (a glitch, a restart) never takes energy away."""
        if self._signed_end is not None:
            raise SessionFailed(f"somebody else has ended the session: {self._signed_end.name}")
        readings = {reading.point: reading.value for reading in await self.driver.read(WATCHED)}

        def number(name: str) -> Decimal | None:
            value = readings[name]
            return value if isinstance(value, Decimal) else None

        self._energy = max(self._energy, number("bs_meter.RCR") or Decimal(0))
        self._check_restart(number("bs_meter.PDCnt"))
        started = (self.record.begin.number("OS") if self.record.begin else None) or 0
        seconds = int(number("bs_meter.OS") or started) - started
        state = f"contactor {'closed' if number('bs_meter.DI') == 0 else 'open'}"
        demand = f"demand {'on' if number('bs_meter.DO') else 'off'}"
        detail = f"{state}, {demand}; is a car plugged in and not full, DOE high?"
        return Progress(self._energy, number("ac_meter.W"), seconds, state, detail)

    def _check_restart(self, count: Decimal | None) -> None:
        if count is None:
            return
        if self._restarts is not None and int(count) != self._restarts:
            raise SessionFailed(
                f"the meter lost its supply during the session (PDCnt {self._restarts} -> {count}); "
                "its contactor is open"
            )
        self._restarts = int(count)

    # End ----------------------------------------------------------------------------------------------------------

    async def end(self) -> SessionRecord:
        """Take and store the end record.

        Raises :class:`~wattproof.errors.SessionFailed` if the meter could not end the session as it should; its
        message says what is there instead, and the record holds it.
        """
        kind = SnapshotType.TURN_OFF if self.record.switching else SnapshotType.END
        try:
            await self._finish(self._signed_end or await self._persistent(kind, self._relied))
            return self.record
        except (SnapshotFailed, LinkError, ProtocolError, ModbusRefused) as error:
            if self.comes_back and isinstance(error, LinkError | ProtocolError):
                raise MeterSilent(f"{kind.word}: {error}") from error
            reasons = [f"{kind.word}: {error}"]
        await self._end_otherwise(kind, reasons)
        text = "; ".join(reasons)
        earlier = self.record.failure
        self.record.failure = text if earlier is None else f"{earlier}; {text}"
        await self.keep()
        raise SessionFailed(f"the session could not be ended as it should: {text}")

    async def _end_otherwise(self, kind: SnapshotType, reasons: list[str]) -> None:
        """Save what can be signed without switching, and say what that means."""
        for other in (SnapshotType.END, SnapshotType.CURRENT):
            if other is kind:
                continue
            try:
                taken = self._relied(await self.driver.snapshot(other))
            except (SnapshotFailed, LinkError, ProtocolError, ModbusRefused) as error:
                reasons.append(f"{other.word}: {error}")
                continue
            if other is SnapshotType.END:
                await self._finish(taken)
                reasons.append("a signed end record that does not switch was taken instead; begin and end are whole")
            else:
                self.record.evidence.append(taken)
                reasons.append("a signed current record shows the energy so far; there is no end record")
            break
        else:
            reasons.append("there is no end record")
        if self.record.switching:
            reasons.append(await self._contactor("CURRENT MAY STILL FLOW"))

    async def _finish(self, taken: Snapshot) -> None:
        begin = self.record.begin
        objections = ["there is no begin record"] if begin is None else contradictions(begin, taken)
        self.record.end = taken
        self.record.notes += [*taken.problems, *objections]
        await self.put()

    def _relied(self, taken: Snapshot) -> Snapshot:
        """The snapshot, if its signatures verify. Raises :class:`~wattproof.errors.SnapshotFailed` otherwise."""
        same = (taken.kind, taken.counter)
        self.record.evidence = [kept for kept in self.record.evidence if (kept.kind, kept.counter) != same]
        wrong = [text for text in taken.complaints if text not in taken.problems]
        if self.needs_ocmf and taken.ocmf is None:
            wrong.append("there is no OCMF text")
        if wrong:
            self.record.evidence.append(taken)
            raise SnapshotFailed(
                f"the {taken.kind.word} snapshot cannot be relied on: {'; '.join(wrong)}", taken.status
            )
        return taken


def contradictions(begin: Snapshot, end: Snapshot) -> list[str]:
    """What a verifier objects to where begin and end are compared (section 16)."""
    rules = (
        (begin.fields["MA1"] == end.fields["MA1"], "begin and end name different meters"),
        ((begin.counter or 0) < (end.counter or 0), "RCnt did not grow from begin to end"),
        ((begin.number("OS") or 0) <= (end.number("OS") or 0), "operating seconds fell from begin to end"),
        (begin.number("EpochSetCnt") == end.number("EpochSetCnt"), "the clock was set during the session"),
        ((begin.energy() or 0) <= (end.energy() or 0), "RCR fell from begin to end"),
    )
    return [text for holds, text in rules if not holds]


def remarks(begin: Snapshot, end: Snapshot) -> list[str]:
    """What should be known of snapshots found on a meter, although it does not make them wrong."""
    rules = (
        *((taken.time is not None, f"{taken.kind.word}: the meter's time was not set") for taken in (begin, end)),
        (
            begin.kind.switches == end.kind.switches,
            f"{begin.kind.word} with {end.kind.word}: one of them switches the contactor, the other does not",
        ),
        (
            all(begin.fields[name] == end.fields[name] for name in SIZES),
            "begin and end carry different metadata: do they belong to one session?",
        ),
    )
    return [text for holds, text in rules if not holds]


async def existing(driver: BsmDriver, kinds: str) -> tuple[SessionRecord, bool]:
    """The session whose snapshots are on the meter, ``START,END`` as in ``stons,stoffs``, and whether it holds.

    Raises :class:`~wattproof.errors.UsageError` for other kinds, and what ``driver.existing`` raises.
    """
    names = kinds.split(",")
    if len(names) != 2:
        raise UsageError(f"--existing {kinds}: give two kinds, START,END, such as stons,stoffs")
    begin, end = [await driver.existing(name.strip()) for name in names]
    if begin.kind.transaction != "B" or end.kind.transaction != "E":
        raise UsageError(f"--existing {kinds}: first turn-on or start, then turn-off or end")
    record = SessionRecord(begin, end, switching=begin.kind.switches)
    objections = contradictions(begin, end)
    record.notes += [*begin.complaints, *end.complaints, *objections, *remarks(begin, end)]
    holds = begin.valid and end.valid and False not in (begin.ocmf_valid, end.ocmf_valid)
    return record, holds and not objections
