"""The DMED4 under test, behind Modbus, REST or both, and the charge cycles that the checks run with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from wattproof.conformance.dmed4.common import Energies, States, expect
from wattproof.conformance.dmed4.modbus import MENU, Registers
from wattproof.conformance.dmed4.rest import Resources
from wattproof.conformance.engine import Failed, Skipped
from wattproof.errors import HttpRefused, InvalidURL, LinkError, ModbusRefused, ProtocolError, WattproofError
from wattproof.io.url import MeterURL
from wattproof.io.web import SCHEMES
from wattproof.meters.dmed4.driver import DmedDriver
from wattproof.meters.dmed4.enums import Command, MeasurementStatus, Signature
from wattproof.meters.dmed4.rest import RestDriver
from wattproof.meters.dmed4.text import Record
from wattproof.meters.dmed4.text import public_key as spki_of
from wattproof.model.clock import Clock

if TYPE_CHECKING:
    from wattproof.conformance.dmed4.restart import Failure

#: Fixed fields of the cycles that the checks run; the order is part of what is checked.
ID = "C0FFEE12"
FIELDS = (
    '{"FV":"1.0","GI":"Wattproof conformance","GS":"1","IS":true,"IF":["RFID_PLAIN"],"IT":"ISO14443",'
    f'"ID":"{ID}","TT":"No tariff","CT":"EVSEID","CI":"DE*WPF*E1*1"}}'
)
#: UTC + 2 h while the checks run: an offset of which sign and unit can be told.
OFFSET = 120
SECOND = 10**9
#: Seconds between two looks at the status, the first of them without a pause, and until the signature is given up.
PAUSE, LIMIT = 0.05, 15.0
#: Seconds that a load is given to move the counters before C and E.
LOADING = 2.0
TROUBLE = (LinkError, ProtocolError, ModbusRefused, HttpRefused)


@dataclass(frozen=True, slots=True)
class Step:
    """One command that signs, with everything seen around it."""

    letter: str
    before: States
    accepted: States  # at the first look after the command
    seen: tuple[States, ...]  # until the signature was done, the last one included
    unsigned: bytes  # the record while it was being signed
    energies: tuple[Energies, Energies]  # before the command, and when it was done
    logged: tuple[int, int]
    full: bool  # the log can hold no more
    set_at: int  # Unix time that the clock was set to for this cycle
    took: float
    record: Record | None

    @property
    def after(self) -> States:
        return self.seen[-1]

    @property
    def stored(self) -> bool:
        """Whether the log holds one record more, or is a full ring."""
        return self.logged[1] == self.logged[0] + 1 or (self.full and self.logged[1] == self.logged[0])

    @property
    def signing(self) -> bool:
        """Whether the signature was seen in progress."""
        return any(state.has(Signature.IN_PROGRESS) for state in (self.accepted, *self.seen))


@dataclass(slots=True)
class Left:
    """How the meter was found: what :meth:`Dmed.finish` puts back."""

    offset: int | None = None
    menu: dict[str, int] | None = None
    message: bool = False
    cycle: bool = False
    shown: bool = False
    prepared: list[States] = field(default_factory=list)


class Dmed:
    """One DMED4.

    ``modbus``, ``rest``: the interfaces there are, at least one. ``writes``: whether checks may write. ``limit``:
    seconds after which a signature is given up. ``power_cycle``: takes the supply away and gives it back; ``None``
    where nobody can.
    """

    #: Schemes that lead to it, besides those of Modbus.
    schemes = SCHEMES

    def __init__(
        self,
        modbus: Registers | None = None,
        rest: Resources | None = None,
        *,
        writes: bool = False,
        limit: float = LIMIT,
        variant: str | None = None,
        power_cycle: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        side = modbus or rest
        if side is None:
            raise InvalidURL("a DMED4 is checked over Modbus, REST or both; an example: dmed4+tcp://192.168.1.1")
        self.side: Registers | Resources = side
        self._modbus = modbus
        self._rest = rest
        self.writes = writes
        self.limit = limit
        self.variant = variant
        self.power_cycle = power_cycle
        self.left = Left()
        self.steps: dict[str, Step] = {}
        self.pages: list[Step] = []
        self._key: bytes | None = None
        self._ours = False
        self._set_at = 0
        self.failure: Failure | None = None

    @classmethod
    def of(cls, opened: Sequence[tuple[Any, MeterURL]], *, writes: bool = False) -> Dmed:
        """From drivers and the addresses that they were opened at.

        Raises :class:`~wattproof.errors.InvalidURL` for two of the same kind.
        """
        sides: dict[str, Any] = {}
        for driver, url in opened:
            kind = "rest" if isinstance(driver, RestDriver) else "modbus" if isinstance(driver, DmedDriver) else ""
            if not kind or kind in sides:
                raise InvalidURL(f"{url}: give one address for Modbus and one for HTTP; an example: http://192.168.1.1")
            sides[kind] = (
                Resources(driver, tls=url.scheme == "https")
                if kind == "rest"
                else Registers(driver, network=url.scheme in ("tcp", "tls"), framing=url.framing)
            )
        return cls(**sides, writes=writes, variant=opened[0][0].variant)

    @property
    def clock(self) -> Clock:
        return self.side.clock

    @property
    def modbus(self) -> Registers:
        """The registers. Raises ``Skipped`` where only REST is given."""
        if self._modbus is None:
            raise Skipped("needs Modbus: --also dmed4+tcp://HOST")
        return self._modbus

    @property
    def rest(self) -> Resources:
        """The resources. Raises ``Skipped`` where only Modbus is given."""
        if self._rest is None:
            raise Skipped("needs REST: --also dmed4+http://HOST")
        return self._rest

    @property
    def has_rest(self) -> bool:
        return self._rest is not None

    # Care -----------------------------------------------------------------------------------------------------------

    async def claim(self) -> None:
        """Before anything is changed: note how the meter was found. ``Skipped`` while somebody else's cycle is open."""
        if self.left.offset is not None:
            return
        states = await self.side.states()
        if states.active and not self._ours:
            raise Skipped(f"a charge cycle is open that these checks did not begin ({states.words})")
        self.left.offset = (await self.side.settings())["datetime_offset"]
        if self._modbus is not None:
            self.left.menu = await self._modbus.numbers(*MENU)

    async def finish(self) -> None:
        """Leave the meter as it was found: no open cycle, no message, no errors of ours, offset and menu as before.

        The clock keeps the time it was set to. A meter that no longer answers is left as it is.
        """
        left = self.left
        if left.offset is None:
            return
        with suppress(*TROUBLE, Failed, Skipped):
            await self.idle()
            if left.message and (await self.side.states()).has(Signature.JSON_OK):
                await self.side.drop_message()
            await self.side.set({"datetime_offset": left.offset})
        with suppress(*TROUBLE):
            if self._modbus is not None and left.menu is not None:
                await self._modbus.restore_menu(left.menu)
        with suppress(*TROUBLE):
            if (await self.side.states()).errors:
                await self.side.command(Command.RESET)

    async def untroubled(self) -> None:
        """Clear error dwords that a check before has set."""
        if (await self.side.states()).errors:
            await self.side.command(Command.RESET)

    async def key(self) -> bytes:
        """The public key (DER) that the meter shows, read once in a run."""
        if self._key is None:
            self._key = spki_of(await self.side.public_key())
        return self._key

    # The charge cycle -----------------------------------------------------------------------------------------------

    async def prepare(self, *, message: bool = True) -> list[States]:
        """Steps 1 to 5 of a cycle: errors cleared, time set, fixed fields. The statuses at start, then after each."""
        await self.untroubled()
        seen = [await self.side.states()]
        self._set_at = self.clock.time() // SECOND
        await self.side.set({"datetime": self._set_at, "datetime_offset": OFFSET})
        seen.append(await self.side.states())
        if message:
            self.left.message = True
            await self.side.fields(FIELDS)
            seen.append(await self.side.states())
        return seen

    async def idle(self) -> None:
        """No open cycle: one of ours is ended."""
        if self._ours and (await self.side.states()).active:
            await self.take(Command.END)
        self._ours = False

    async def active(self) -> None:
        """An open cycle, begun if there is none."""
        if not (self._ours and (await self.side.states()).active):
            self.left.prepared = await self.prepare()
            await self.take(Command.BEGIN)

    async def take(self, letter: str) -> Step:
        """Give a command that signs and see it through. Raises what the meter refuses with."""
        side = self.side
        if letter in (Command.INTERMEDIATE, Command.END):
            await self.clock.sleep(LOADING)
        before, energies, logged = await side.states(), await side.energies(), await side.logged()
        begun = self.clock.now()
        self._ours |= letter == Command.BEGIN
        await side.command(letter)
        accepted = await side.states()
        unsigned = await side.record() if accepted.has(Signature.IN_PROGRESS) else b""
        if unsigned and not (await side.states()).has(Signature.IN_PROGRESS):
            unsigned = b""  # it was done meanwhile
        seen = await self.signed()
        took = (self.clock.now() - begun) / SECOND
        text = await side.record()
        step = Step(
            letter, before, accepted, tuple(seen), unsigned, (energies, await side.energies()),
            (logged, await side.logged()), logged >= await side.capacity(), self._set_at, took,
            Record(text) if text else None,
        )  # fmt: skip
        again = letter == Command.RECOVER and before.measurement == MeasurementStatus.IDLE
        self.steps["again" if again else letter] = step
        self.pages.append(step)
        return step

    def own_cycle(self) -> None:
        """The cycle that is about to begin is one of ours."""
        self._ours = True

    async def signed(self) -> list[States]:
        """The statuses from now on until the signing has ended."""
        seen: list[States] = []
        begun = self.clock.now()
        while True:
            state = await self.side.states()
            if not seen or state != seen[-1]:
                seen.append(state)
            if not state.has(Signature.IN_PROGRESS):
                return seen
            if self.clock.now() - begun > self.limit * SECOND:
                raise Failed(f"no signature within {self.limit:g} s: {state.words}")
            await self.clock.sleep(PAUSE)

    async def step(self, name: str) -> Step:
        """The latest step of the run, made if need be: ``B``, ``C``, ``E``, ``r`` in ACTIVE or ``again``, r in IDLE."""
        if name not in self.steps:
            if name == "again":
                await self.step(Command.END)
                await self.idle()
                await self.untroubled()
                await self.take(Command.RECOVER)
            else:
                if name == Command.BEGIN:
                    await self.idle()
                await self.active()
                await self.untroubled()
                if name != Command.BEGIN:
                    await self.take(name)
        return self.steps[name]

    async def record(self, name: str) -> Record:
        """The record of a step. ``Failed`` if there is none."""
        step = await self.step(name)
        if step.record is None:
            raise Failed(f"no record after {name}: {step.after.words}")
        return step.record

    async def existing(self) -> Record:
        """A record that is out now, or the newest stored one; made if writing is allowed."""
        text = await self.side.record()
        if not text and self._rest is not None:
            with suppress(WattproofError):
                found = await self._rest.driver.last_record()
                text = b"" if found is None else found.text
        if not text and self.writes:
            await self.claim()
            return await self.record(Command.END)
        if not text:
            raise Skipped("the meter shows no record: make one, or --allow-writes")
        return Record(text)

    # Power failures -------------------------------------------------------------------------------------------------

    async def cut(self) -> None:
        """Supply off and on. ``Skipped`` where nobody can."""
        if self.power_cycle is None:
            raise Skipped("needs a power failure, which cannot be made over the bus")
        await self.power_cycle()

    async def ready(self, seconds: float = 60.0) -> float:
        """Wait until the meter answers again, with keys; how long that took. ``Failed`` after ``seconds``."""
        begun = self.clock.now()
        while True:
            passed = (self.clock.now() - begun) / SECOND
            with suppress(*TROUBLE):
                if (await self.side.states()).measurement != MeasurementStatus.NOT_INITIALIZED:
                    return passed
            expect(passed < seconds, f"the meter is not back after {seconds:g} s")
            await self.clock.sleep(0.2)
