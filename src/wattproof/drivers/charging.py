"""A charging session with a meter that signs, as far as no family matters: watching, bearing silence, keeping records.

A family adds how its meter begins, looks and ends. Nothing that was signed is ever lost: after each step the record
goes to ``store``, before the next one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from wattproof.errors import (
    LinkError,
    MeterSilent,
    ProtocolError,
    Refused,
    SessionFailed,
    UsageError,
    WattproofError,
)
from wattproof.model.clock import Clock

NANOSECONDS = 10**9

#: Meter seconds without progress after which a session has failed; real seconds where the meter does not answer.
STALL_LIMIT = 60
#: Energy that must have been counted, by the power shown, before a register that stands still counts as stalled.
RESOLUTIONS = 2
#: Bounds of the pause between two looks at the meter, in real seconds.
FASTEST, SLOWEST = 0.02, 1.0
#: Real seconds for which an end is tried against silence.
PERSISTENCE = 60

T = TypeVar("T")
B = TypeVar("B")
E = TypeVar("E")


class SignedRecord(Protocol):
    """One thing that a meter signed."""

    @property
    def name(self) -> str:
        """What it is called: ``turn-on T1``, ``begin T7``."""
        ...

    @property
    def counter(self) -> int | None:
        """Its number among all that the meter signed."""
        ...

    @property
    def words(self) -> str:
        """What was signed, as text that can be kept: an OCMF text, else registers in hexadecimal."""
        ...

    @property
    def key(self) -> bytes:
        """The public key (DER); empty if it is not known."""
        ...

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        ...


R = TypeVar("R", bound=SignedRecord)


@dataclass
class SessionRecord(ABC, Generic[R]):
    """What a session left behind. ``failure`` says in words what went wrong, ``None`` if nothing did.

    ``evidence``: further signed records, such as the end of a session that failed to begin.
    """

    begin: R | None = None
    end: R | None = None
    evidence: list[R] = field(default_factory=list)
    failure: str | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Whether there is a signed begin and a signed end."""
        return self.begin is not None and self.end is not None

    @property
    def records(self) -> list[R]:
        """Begin and end, as far as they exist."""
        return [record for record in (self.begin, self.end) if record is not None]

    @property
    @abstractmethod
    def energy(self) -> Decimal | None:
        """Wh between begin and end; ``None`` without an end."""

    @property
    @abstractmethod
    def existing(self) -> str:
        """What ``charge --existing`` takes to fetch this session from the meter."""

    @abstractmethod
    def remedy(self, url: str) -> str:
        """The command that lets the meter sign the end, if it has not done so."""

    def as_dict(self) -> dict[str, Any]:
        """For JSON: everything, signed texts included."""
        return {
            "whole": self.whole,
            "failure": self.failure,
            "notes": list(self.notes),
            "energy_wh": None if self.energy is None else format(self.energy, "f"),
            "begin": None if self.begin is None else self.begin.as_dict(),
            "end": None if self.end is None else self.end.as_dict(),
            "evidence": [record.as_dict() for record in self.evidence],
        }


@dataclass(frozen=True, slots=True)
class Progress:
    """One look at a running session: Wh since its begin, W (``None`` if unavailable), meter seconds.

    ``state`` says in a word or two how the meter is, ``detail`` what helps where nothing moves.
    """

    energy: Decimal
    power: Decimal | None
    seconds: int
    state: str = ""
    detail: str = ""


class Watch:
    """Whether a session goes on: by the meter's own seconds, so that it holds at any speed of a virtual meter.

    ``resolution``: Wh of the least step of the register that is watched.
    """

    def __init__(self, now: int, resolution: Decimal) -> None:
        self.pause = FASTEST
        self._resolution = resolution
        self._answered = now
        self._first: tuple[int, int] | None = None
        self._grown: tuple[int, Decimal] | None = None

    def silent(self, now: int, error: Exception) -> None:
        """An unanswered look. Raises :class:`~wattproof.errors.MeterSilent` after a minute of them."""
        self.pause = SLOWEST
        if now - self._answered >= STALL_LIMIT * NANOSECONDS:
            raise MeterSilent(f"the meter has not answered for {STALL_LIMIT} s: {error}") from error

    def look(self, now: int, progress: Progress) -> None:
        """Take note of a look, and choose the pause: about one meter second, as far as the bounds allow."""
        self._answered = now
        if self._first is None:
            self._first = (now, progress.seconds)
        if self._grown is None or progress.energy > self._grown[1]:
            self._grown = (progress.seconds, progress.energy)
        real = (now - self._first[0]) / NANOSECONDS
        meter = progress.seconds - self._first[1]
        if meter > 0:
            self.pause = min(SLOWEST, max(FASTEST, real / meter))
        elif real > SLOWEST:
            self.pause = SLOWEST

    def check(self, progress: Progress) -> None:
        """Raises :class:`~wattproof.errors.SessionFailed` if the register has stood still for too long."""
        if self._grown is None:
            return
        still = progress.seconds - self._grown[0]
        flowing = (progress.power or Decimal(0)) * still / 3600
        if still >= STALL_LIMIT and (flowing <= 0 or flowing > RESOLUTIONS * self._resolution):
            power = "unknown" if progress.power is None else f"{progress.power:f}"
            raise SessionFailed(
                f"no progress for {still} meter seconds at {progress.energy:f} Wh: power {power} W, {progress.detail}"
            )


class ChargingSession(ABC):
    """One session: :meth:`begin`, :meth:`run`, :meth:`end`.

    ``store`` is called with the record after every step; what it raises ends the session safely and is raised again. It
    may be a coroutine function where the session runs on asyncio.
    """

    #: Wh of the least step of the energy that is watched.
    resolution: ClassVar[Decimal] = Decimal(1)
    #: Whether whoever runs it tries again when the meter is back: an end against silence raises
    #: :class:`~wattproof.errors.MeterSilent` then, and nothing else is tried in its place.
    comes_back = False
    #: Whether a begin failed and the meter fell silent before what it may have opened was closed again.
    unfinished = False
    record: Any

    def __init__(self, clock: Clock, store: Callable[[Any], Awaitable[None] | None]) -> None:
        self.clock = clock
        self._store = store

    @abstractmethod
    async def begin(self) -> Any:
        """Take and store the begin record. Raises :class:`~wattproof.errors.SessionFailed`."""

    @abstractmethod
    async def resume(self, words: str | None) -> None:
        """Go on with a session whose begin record has these words, after whoever began it was restarted or the meter
        was away. ``None``: no begin record was stored, and what may have begun is to be ended.

        Raises :class:`~wattproof.errors.SessionFailed` if what the meter signed belongs to another session: then
        nothing may be taken from it, nor ended.
        """

    @abstractmethod
    async def progress(self) -> Progress:
        """Look at the meter once."""

    @abstractmethod
    async def end(self) -> Any:
        """Take and store the end record. Raises :class:`~wattproof.errors.SessionFailed`."""

    async def run(
        self,
        *,
        energy: Decimal | None = None,
        duration: float | None = None,
        stopped: Callable[[], bool] = lambda: False,
        report: Callable[[Progress], None] = lambda progress: None,
    ) -> None:
        """Watch until ``energy`` Wh or ``duration`` meter seconds are reached or ``stopped()``.

        Raises :class:`~wattproof.errors.SessionFailed` without progress for 60 meter seconds or after a restart of the
        meter, :class:`~wattproof.errors.MeterSilent` without an answer for 60 seconds. The session still has to be
        ended.
        """
        watch = Watch(self.clock.now(), self.resolution)
        while not stopped():
            try:
                progress = await self.progress()
            except SessionFailed:
                raise
            except (LinkError, ProtocolError, Refused) as error:
                watch.silent(self.clock.now(), error)
            else:
                watch.look(self.clock.now(), progress)
                report(progress)
                if energy is not None and progress.energy >= energy:
                    return
                if duration is not None and progress.seconds >= duration:
                    return
                watch.check(progress)
            await self.clock.sleep(watch.pause)

    async def persist(self, attempt: Callable[[], Awaitable[T]], hopeless: Callable[[Refused], bool]) -> T:
        """What ends a session is not given up at the first silence: a meter that still signs answers later.

        Silence and damage are borne for a minute; ``hopeless`` is asked after every refusal whether that was the last.
        Raises the last error.
        """
        deadline = self.clock.now() + PERSISTENCE * NANOSECONDS
        while True:
            try:
                return await attempt()
            except (LinkError, ProtocolError):  # also where a gateway says it, which is a refusal as well
                if self.clock.now() >= deadline:
                    raise
            except Refused as error:
                if hopeless(error) or self.clock.now() >= deadline:
                    raise
            await self.clock.sleep(SLOWEST)

    def keep_with(self, store: Callable[[Any], Awaitable[None] | None]) -> None:
        """Keep records from now on with another ``store``."""
        self._store = store

    async def put(self) -> None:
        """Store what there is of the session. Raises what ``store`` raises."""
        storing = self._store(self.record)
        if storing is not None:
            await storing

    async def keep(self) -> None:
        """Store a failed session; trouble with that is added, not raised over the failure."""
        try:
            await self.put()
        except WattproofError as error:
            self.record.failure = f"{self.record.failure}; and it could not be stored: {error}"


class ChargingDriver(ABC, Generic[B, E]):
    """A driver with which a charging session begins and ends; one at a time.

    ``B`` is the begin record of its family, ``E`` what the whole session leaves behind.
    """

    _session: ChargingSession | None = None

    @abstractmethod
    def session(self, **options: Any) -> ChargingSession:
        """A session with this meter; what options there are is said by the session of the family."""

    async def begin(self, **options: Any) -> B:
        """Begin a session: time, what the user is known by, begin record. Options and errors are the session's."""
        self._session = self.session(**options)
        begun: B = await self._session.begin()
        return begun

    async def end(self) -> E:
        """End the session that :meth:`begin` began. Raises :class:`~wattproof.errors.SessionFailed`."""
        if self._session is None:
            raise UsageError("no session has begun with this driver: call begin first")
        ended: E = await self._session.end()
        return ended

    @abstractmethod
    async def existing_session(self, which: str) -> tuple[E, bool]:
        """A session that is on the meter already, and whether it holds."""


# How sessions become files ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Station:
    """What unsigned parts of a file say about the charging station."""

    serial: str | None = None
    compliance: str | None = None
    manufacturer: str = "Wattproof"
    type: str = "wattproof"


#: Where nothing is said about the station.
NO_STATION = Station()


@dataclass(frozen=True, slots=True)
class Format:
    """One row: name on the command line, end of file names, whether OCMF texts are needed, and the writer.

    ``keyed``: whether the file holds the public key. The writer raises :class:`~wattproof.errors.InvalidValue` where a
    session lacks what the format needs.
    """

    name: str
    suffix: str
    needs_ocmf: bool
    write: Callable[[Any, Station], bytes]
    keyed: bool = True
