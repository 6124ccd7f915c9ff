"""Writing to an ABB meter over M-Bus, and telling it what to do (abb-meters.md 1.15).

A meter acknowledges what it refuses, so everything is read back (AD-10). Protected commands are obeyed only while the
write access level is open, or open by password right behind the password; the driver sends the one it has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal

from wattproof.drivers.mbus.address import Address
from wattproof.drivers.mbus.bus import Bus
from wattproof.drivers.mbus.readout import read_out
from wattproof.drivers.schedule import Priority
from wattproof.errors import FrameError, InvalidValue, LinkError, ReadOnly, UnknownName, WattproofError
from wattproof.meters.abb.driver import Cause, MeterRefused
from wattproof.meters.abb.mbus.binding import reading_of
from wattproof.meters.abb.mbus.history import AbbHistory
from wattproof.meters.abb.mbus.settings import RESETS, SETTINGS, Reset, Setting, moment, password
from wattproof.meters.abb.points import Point, find
from wattproof.meters.abb.records import Log
from wattproof.model.readings import Reading, value_text
from wattproof.model.values import Quality
from wattproof.wire.mbus.ci_fields import APPLICATION_RESET, DATA_SEND, baud_rate_ci
from wattproof.wire.mbus.frames import PRIMARY
from wattproof.wire.mbus.moments import Moment
from wattproof.wire.mbus.requests import Request

#: Seconds by which a clock may be off when it is read back, beside the time that this takes.
CLOCK_TOLERANCE = 3
LOGS = {"SYSTEM_LOG": Log.SYSTEM, "EVENT_LOG": Log.EVENT, "NET_QUALITY_LOG": Log.QUALITY}


class AbbCommands(AbbHistory):
    """The writing half of the driver; see `wattproof.meters.abb.mbus.driver`.

    ``secret``: the password of the meter, sent before protected commands.
    """

    def __init__(
        self, bus: Bus, address: Address, *, priority: int = Priority.COMMAND, owner: bool = False,
        secret: str | bytes | None = None,
    ) -> None:  # fmt: skip
        super().__init__(bus, address, priority=priority, owner=owner)
        self._secret = None if secret is None else password(secret)
        #: Whether a protected command was obeyed; ``None`` while none was tried.
        self.obeyed: bool | None = None

    # Points -------------------------------------------------------------------------------------------------------

    async def write(self, values: Mapping[str, object]) -> None:
        """Write points in the order given, each in a transaction of its own and read back.

        Raises:
            UnknownName: no such point.
            ReadOnly: M-Bus has no telegram that sets it.
            InvalidValue: outside its range. Nothing was sent in these three cases.
            MeterRefused: the meter has acknowledged a value and not taken it; ``done`` were written before.
            ResponseTimeout, FrameError: it fell silent; the message names the point, and those written before.
        """
        plan = [(setting := _setting(name), setting.take(setting.point.name, value)) for name, value in values.items()]
        done: list[str] = []
        for setting, value in plan:
            name = setting.point.full_name
            try:
                await self._set(setting, value)
            except MeterRefused as error:
                raise MeterRefused(error.cause, _without(error) + _written(done), done) from error
            except (LinkError, FrameError) as error:
                raise _named(error, f"{name} was being written: {error}{_written(done)}") from error
            done.append(name)

    async def _set(self, setting: Setting, value: object) -> None:
        requests = setting.requests(value)
        begin = self.clock.now()
        await self.command(*requests)
        name = setting.point.full_name
        if not setting.reads_back:
            self._unconfirmed(name)
            return
        reading = await self._read_back(setting.point)
        if reading is None or reading.quality is Quality.MISSING:
            raise MeterRefused(Cause.OBJECT_UNDEFINED, f"{self._who} has no {name}")
        passed = (self.clock.now() - begin) / 1e9
        if _holds(reading, value, passed):
            self._obeyed(requests)
        else:
            raise self._denied(requests, f"{name} is {value_text(reading.value)}, not {value}")

    async def command(self, *requests: Request) -> None:
        """Send requests in one transaction. They are acknowledged, done or not.

        Raises:
            ResponseTimeout, FrameError: no good answer, repetitions included.
        """
        async with self.bus.session(self.address, self.priority) as session:
            await session.initialise()
            for request in requests:
                if request.form.protected and self._secret is not None:
                    await session.send(DATA_SEND, Request("send_password", self._secret).encode())
                await session.send(DATA_SEND, request.encode())
            session.ready = False

    async def _read_back(self, point: Point) -> Reading | None:
        return reading_of(point, await self.records([point]), self._now())

    # Resetting ----------------------------------------------------------------------------------------------------

    @property
    def resettable(self) -> Sequence[str]:
        """Names that `reset` takes."""
        return (*RESETS,)

    async def reset(self, name: str) -> None:
        """Reset a register, counter, stored input or what was recorded, and look whether it was.

        Raises:
            UnknownName: nothing of this name can be reset.
            MeterRefused: it stays as it was, or the meter does not have it.
        """
        reset = RESETS.get(name.strip().rpartition(".")[2].upper())
        if reset is None:
            raise UnknownName(f"nothing is called {name!r} that M-Bus can reset; known: {', '.join(RESETS)}")
        before = await self._look(reset)
        await self.command(reset.request)
        after = await self._look(reset)
        if _was_reset(reset, before, after):
            self._obeyed([reset.request])
        else:
            raise self._denied([reset.request], f"{reset.name} is as before")

    async def _look(self, reset: Reset) -> Decimal | frozenset[object]:
        """What tells whether something was reset: a value, or the newest of what is recorded."""
        if not reset.watch:
            return await self._newest(reset.name)
        reading = await self._read_back(find(reset.watch)[0])
        if reading is None or not isinstance(reading.value, Decimal):
            raise MeterRefused(Cause.OBJECT_UNDEFINED, f"{self._who} has no {reset.watch}")
        return reading.value

    async def _newest(self, name: str) -> frozenset[object]:
        if name in LOGS:
            return frozenset((entry.time, entry.code) for entry in await self.log(LOGS[name], count=5))
        if name == "DEMAND":
            demand = await self.demand(count=2)
            values = [value for row in demand.rows for value in row.values if value.value is not None]
            return frozenset((value.column.name, value.code, value.time, value.value) for value in values)
        if name == "PREVIOUS_VALUES":
            return frozenset(row.time for row in (await self.previous_values(count=1)).rows)
        return frozenset(row.time for row in (await self.load_profile(1, count=5)).rows)

    async def freeze_demand(self) -> None:
        """Close the demand period now. Raises ``MeterRefused`` if none was closed, or none is under way."""
        rows = (await self.demand(count=2)).rows
        if not rows:
            raise MeterRefused(Cause.OBJECT_UNDEFINED, f"{self._who} measures no demand")
        request = Request("freeze_demand")
        await self.command(request)
        before = {row.end for row in rows if not row.running}
        after = {row.end for row in (await self.demand(count=2)).rows if not row.running}
        if after - before:
            self._obeyed([request])
        else:
            raise self._denied([request], "the demand period goes on")

    # Single commands ----------------------------------------------------------------------------------------------

    async def set_clock(self, time: datetime) -> None:
        """Set date and time; a zone is ignored. Raises ``MeterRefused``."""
        await self.write({"clock.CLOCK": time})

    async def set_date(self, day: date) -> None:
        """Set the date alone. Raises ``MeterRefused``."""
        moment("CLOCK", datetime.combine(day, datetime.min.time()))
        request = Request("set_date", Moment.of(day))
        await self.command(request)
        read = (await self.read_clock()).time
        if read is not None and timedelta(0) <= read.date() - day <= timedelta(days=1):
            self._obeyed([request])
        else:
            raise self._denied([request], f"the date is {read}, not {day}")

    async def set_status_mode(self, mode: int) -> None:
        """How the status of records is sent: 0 never, 1 when it is not OK, 2 always. Raises ``MeterRefused``."""
        request = Request("set_status_mode", mode)
        await self.command(request)
        async with self.bus.session(self.address, self.priority) as session:
            readout = await read_out(session, enough=lambda telegram: True)
        sent = {record.status for record in readout}
        right = {0: sent == {None}, 1: 0 not in sent, 2: None not in sent}[mode]
        if not right:
            raise self._denied([request], f"the meter does not send the status of its records as mode {mode} says")

    async def set_address(self, address: int) -> None:
        """Give the meter another primary address, and ask it there from now on.

        Raises:
            InvalidValue: not 0 to 250.
            MeterRefused: the meter that answers there is another one.
        """
        if address not in PRIMARY:
            raise InvalidValue(f"primary address {address} is not 0 to 250")
        before = await self.info()
        await self.command(Request("set_address", address))
        there = type(self)(self.bus, Address(address), priority=self.priority)
        after = await there.info()
        if after.serial != before.serial:
            raise MeterRefused(
                Cause.READ_WRITE_DENIED, f"at address {address} is meter {after.serial}, not {before.serial}"
            )
        if self.address.secondary is None:
            self.address = there.address

    async def set_baudrate(self, rate: int) -> None:
        """Tell the meter to take another bit rate. It acknowledges at the old one.

        Open the line at the new rate and read the meter within 30 s, or it returns to the old one.

        Raises ``InvalidValue`` for a rate that M-Bus does not have.
        """
        async with self.bus.session(self.address, self.priority) as session:
            await session.initialise()
            await session.send(baud_rate_ci(rate))
            session.ready = False

    async def set_password(self, new: str | bytes) -> None:
        """Set the password; the present one is sent first. No telegram shows whether it was taken."""
        requests = [Request("set_password", password(new))]
        if self._secret is not None:
            requests.insert(0, Request("send_password", self._secret))
        await self.command(*requests)
        self._secret = password(new)
        self._unconfirmed("the password")

    async def set_write_access(self, level: int) -> None:
        """1 closes the meter for protected commands, 2 opens it by password, 3 opens it. No telegram shows it.

        Only the meter's own keys open it again once it is closed.
        """
        await self.command(Request("set_write_access", level))
        self._unconfirmed("the write access level")

    async def application_reset(self) -> None:
        """End what the meter is doing for its master; measured values stay."""
        async with self.bus.session(self.address, self.priority) as session:
            await session.initialise()
            await session.send(APPLICATION_RESET)
            session.ready = False

    # What became of it --------------------------------------------------------------------------------------------

    @property
    def _who(self) -> str:
        return f"{self.bus.name}, meter at address {self.address}"

    def _unconfirmed(self, what: str) -> None:
        self.warnings = (f"{what}: acknowledged, but the meter has no record that would show whether it was taken",)

    def _obeyed(self, requests: Sequence[Request]) -> None:
        if any(request.form.protected for request in requests):
            self.obeyed = True

    def _denied(self, requests: Sequence[Request], why: str) -> MeterRefused:
        remedy = "another setting forbids it"
        if any(request.form.protected for request in requests):
            self.obeyed = False
            remedy = "open its write access at its own keys, or give its password with ?password-file="
        return MeterRefused(Cause.READ_WRITE_DENIED, f"{self._who} has acknowledged and not obeyed: {why}; {remedy}")


def _setting(name: str) -> Setting:
    """Raises ``UnknownName``, ``ReadOnly``."""
    points = find(name)
    if len(points) != 1:
        raise ReadOnly(f"{name} is a group of {len(points)} points: write them by their own names")
    setting = SETTINGS.get(points[0].full_name)
    if setting is None:
        raise ReadOnly(f"{points[0].full_name} cannot be written over M-Bus; these can: {', '.join(SETTINGS)}")
    return setting


def _holds(reading: Reading, value: object, passed: float) -> bool:
    """Whether a point reads as it was written; a clock has gone on meanwhile."""
    if isinstance(value, datetime):
        if not isinstance(reading.value, str):
            return False
        late = (datetime.fromisoformat(reading.value) - value).total_seconds()
        return -1 <= late <= passed + CLOCK_TOLERANCE
    return reading.value == value


def _was_reset(reset: Reset, before: Decimal | frozenset[object], after: Decimal | frozenset[object]) -> bool:
    if isinstance(before, frozenset) or isinstance(after, frozenset):
        return not (isinstance(before, frozenset) and isinstance(after, frozenset) and before & after)
    if reset.request.name == "reset_register":
        return after != before  # the counter of its resets
    return before == 0 or after < before


def _without(error: MeterRefused) -> str:
    return str(error).removeprefix(f"{error.cause}: ")


def _written(done: Sequence[str]) -> str:
    return f"; written before: {', '.join(done)}" if done else ""


def _named(error: WattproofError, message: str) -> WattproofError:
    return type(error)(message)
