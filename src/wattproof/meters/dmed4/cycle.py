"""The charge cycle as both interfaces of the DMED4 offer it: command, wait for the signature, fetch the record.

``drivers`` over Modbus and REST fill in the single steps; what follows from them is written once, here. Source:
communication manual, charge cycle; specification, sections 8.3, 8.4 and 8.8; DEC-10, DEC-27, DEC-41, DEC-48.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from wattproof.drivers.charging import ChargingDriver
from wattproof.errors import (
    Disconnected,
    FrameError,
    HttpRefused,
    InvalidValue,
    LinkError,
    ModbusRefused,
    ProtocolError,
    Refused,
    ResponseTimeout,
    SnapshotFailed,
    UsageError,
)
from wattproof.meters.dmed4.enums import (
    COMMAND_LETTERS,
    ERROR_1_NAMES,
    ERROR_2_NAMES,
    OFFSETS,
    Command,
    MeasurementStatus,
    Signature,
)
from wattproof.meters.dmed4.text import Record
from wattproof.model.clock import Clock

if TYPE_CHECKING:
    from wattproof.meters.dmed4.session import DmedSession
    from wattproof.meters.dmed4.taken import SessionRecord
    from wattproof.model.readings import Reading

NANOSECONDS = 10**9
#: Seconds until a signature is given up, and between two looks (8.3).
SIGNING_LIMIT, POLL_PAUSE = 15.0, 0.1
#: Seconds after which a command whose answer was lost and that shows no effect is sent again.
LOST_LIMIT = 1.0
#: How often it is sent at most.
SENDINGS = 3
#: Bits of 4201h that mean something; the others are ignored (4.7).
KNOWN_BITS = 0x807F


@dataclass(frozen=True, slots=True)
class Status:
    """Measurement and signature status, and the error dwords where they were asked for."""

    measurement: MeasurementStatus
    signature: Signature
    error_1: int | None = None
    error_2: int | None = None

    @classmethod
    def of(cls, measurement: int, signature: int, error_1: int | None = None, error_2: int | None = None) -> Status:
        """From the raw numbers. Raises ``ProtocolError`` for a measurement status there is not."""
        try:
            state = MeasurementStatus(measurement)
        except ValueError:
            raise ProtocolError(f"measurement status {measurement} is none of 0 to 3: is this a DMED4?") from None
        return cls(state, Signature(signature & KNOWN_BITS), error_1, error_2)

    @property
    def charging(self) -> bool:
        """Whether a cycle is open."""
        return self.measurement.charging

    @property
    def signed(self) -> bool:
        """Whether the last signing has ended, well or not."""
        return not self.signature & Signature.IN_PROGRESS and bool(self.signature & (Signature.OK | Signature.FAILED))

    @property
    def errors(self) -> tuple[str, ...]:
        """Names of the error bits that are set; reserved bits mean nothing."""
        dwords = ((self.error_1, ERROR_1_NAMES), (self.error_2, ERROR_2_NAMES))
        return tuple(name for dword, names in dwords for bit, name in names.items() if (dword or 0) >> bit & 1)

    @property
    def words(self) -> str:
        """For messages: ``IDLE, signature 0x8020, ERROR_JSON_SEQUENCE``."""
        parts = (self.measurement.name.replace("_", " "), f"signature 0x{self.signature.value:04x}", *self.errors)
        return ", ".join(parts)


class ChargeCycle(ChargingDriver[Record, "SessionRecord"]):
    """What drivers of the DMED4 share. Methods raise the errors of their link, see :mod:`wattproof.errors`."""

    clock: Clock
    family = "dmed4"
    #: The public key (DER) once it is known.
    known_key: bytes | None = None

    # The single steps ---------------------------------------------------------------------------------------------

    @abstractmethod
    async def status(self) -> Status:
        """Both statuses and both error dwords."""

    @abstractmethod
    async def state(self) -> Status:
        """Both statuses; the error dwords only where they cost no request of their own."""

    @abstractmethod
    async def signature_status(self) -> Signature:
        """The digital signature status alone."""

    @abstractmethod
    async def set_clock(self, seconds: int, offset: int) -> None:
        """Write Unix time and offset in minutes."""

    @abstractmethod
    async def set_fixed_fields(self, fields: Mapping[str, Any]) -> None:
        """Hand over the fixed fields of the next cycle; see :func:`~wattproof.meters.dmed4.text.fixed_fields`."""

    @abstractmethod
    async def command(self, letter: str) -> None:
        """Give a command and return when the meter has acknowledged it; signing follows. See :meth:`sign`."""

    @abstractmethod
    async def record(self) -> Record | None:
        """The newest signed record; ``None`` if there is none, as while a signature is in progress."""

    @abstractmethod
    async def read(self, *points: Any) -> list[Reading]:
        """Readings of points, by the names of the registers."""

    @abstractmethod
    async def public_key(self) -> bytes:
        """The public key as DER SubjectPublicKeyInfo, read anew."""

    # What follows from them -------------------------------------------------------------------------------------

    async def set_time(self, when: datetime | None = None) -> None:
        """Set time and offset to ``when`` (aware), or to the driver's clock and the local time zone.

        Raises :class:`~wattproof.errors.InvalidValue` for a time without offset, or one that is no quarter of an hour.
        """
        if when is None:
            when = datetime.fromtimestamp(self.clock.time() / NANOSECONDS).astimezone()
        offset = when.utcoffset()
        if offset is None:
            raise InvalidValue(f"{when.isoformat()} has no offset to UTC: add one, such as +01:00")
        minutes, rest = divmod(int(offset.total_seconds()), 60)
        if rest or minutes not in OFFSETS:
            raise InvalidValue(f"the meter takes offsets of whole quarters of an hour up to 15 hours, not {offset}")
        await self.set_clock(int(when.timestamp()), minutes)

    async def sign(self, letter: str) -> Record:
        """Give one of the commands that sign (B, C, E, r), wait for the signature and fetch the record.

        An answer that is lost is no failure yet: the status shows whether the command arrived, and it is sent again
        where it shows nothing.

        Raises:
            SnapshotFailed: the meter could not sign, or has no record afterwards.
            ResponseTimeout: it was not done within 15 seconds.
            ModbusRefused, HttpRefused: it refuses the command.
        """
        letter = letter_of(letter)
        if letter == Command.RESET:
            raise UsageError("X signs nothing: give it as a command")
        acknowledged = True
        started = self.clock.now()
        try:
            await self.command(letter)
        except (ResponseTimeout, Disconnected, FrameError):
            acknowledged = False
        except (ModbusRefused, HttpRefused) as error:
            raise await self._explained(letter, error) from error
        state = await self._signed(letter, started, acknowledged)
        if state.signature & Signature.FAILED:
            status = await self.status()
            raise SnapshotFailed(f"the meter could not sign after {letter}: {status.words}", status.signature.value)
        found = await self.record()
        if found is None:
            raise SnapshotFailed(f"the meter has no record after {letter}: {state.words}", state.signature.value)
        return found

    async def _explained(self, letter: str, error: ModbusRefused | HttpRefused) -> Refused:
        """A refusal together with the status, which says why."""
        try:
            words = f"the meter refuses {letter} ({error}): {(await self.status()).words}"
        except (LinkError, ProtocolError, Refused):
            return error
        return (
            ModbusRefused(error.code, words) if isinstance(error, ModbusRefused) else HttpRefused(error.status, words)
        )

    async def _signed(self, letter: str, started: int, acknowledged: bool) -> Status:
        """Look every 100 ms until the signing of this command has ended."""
        sendings = 1
        last = "nothing was seen"
        while True:
            passed = (self.clock.now() - started) / NANOSECONDS
            try:
                state = await self.state()
                last = state.words
                if state.signed and self._fits(letter, state) and await self._taken(letter, state, passed):
                    return state
                if not acknowledged and passed >= sendings * LOST_LIMIT and sendings < SENDINGS:
                    sendings += 1
                    acknowledged = await self._again(letter, state)
                elif not state.signed:
                    await self._taken(letter, state, passed)
            except (LinkError, ProtocolError) as error:
                last = str(error)
            if passed >= SIGNING_LIMIT:
                raise ResponseTimeout(
                    f"gave up on the signature after {letter} after {SIGNING_LIMIT:g} s: {last}; the meter may end it "
                    f"later, look with: read METER_URL measurement_status signature_status"
                )
            await self.clock.sleep(POLL_PAUSE)

    async def _again(self, letter: str, state: Status) -> bool:
        """Send a command again whose answer was lost, unless its effect shows; whether it is under way now."""
        if state.signature & Signature.IN_PROGRESS or (letter != Command.INTERMEDIATE and self._fits(letter, state)):
            return True
        try:
            await self.command(letter)
        except (ResponseTimeout, Disconnected, FrameError):
            return False
        return True

    @staticmethod
    def _fits(letter: str, state: Status) -> bool:
        """Whether the measurement status is the one that follows a command (8.3)."""
        if state.signature & Signature.FAILED:
            return True
        if letter in (Command.END, Command.RECOVER):
            return not state.charging
        return state.charging

    async def _taken(self, letter: str, state: Status, passed: float) -> bool:
        """Whether the meter has understood the command, as far as the driver can tell; it may help it along."""
        return True

    # Sessions -------------------------------------------------------------------------------------------------------

    def session(self, **options: Any) -> DmedSession:
        """A charging session with this meter; options as of :class:`~wattproof.meters.dmed4.session.DmedSession`."""
        from wattproof.meters.dmed4.session import DmedSession

        return DmedSession(self, **options)

    async def existing_session(self, which: str) -> tuple[SessionRecord, bool]:
        """A session whose end the meter has signed, and whether it holds: ``last``, over REST also ``T12``."""
        from wattproof.meters.dmed4.session import existing

        return await existing(self, which)


def letter_of(text: str) -> str:
    """A command letter; case matters (8.2). Raises :class:`~wattproof.errors.InvalidValue`."""
    if text not in COMMAND_LETTERS:
        raise InvalidValue(f"{text!r} is no command: B begin, C intermediate, E end, r recover, X reset the errors")
    return text
