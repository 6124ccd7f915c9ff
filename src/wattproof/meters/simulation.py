"""Virtual meters brought to life in an event loop: made, given their state, heard, controlled, and ended.

``wattproof simulate`` and ``VirtualMeter`` both stand on ``Simulation``; it alone knows how many meters there are,
which serial, unit, port and folder each has, and in which order things begin and end.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from pathlib import Path
from typing import Any

from wattproof.errors import InvalidValue, PortInUse, StorageError
from wattproof.io.journal import DirectoryLock, StateFile, make_directory
from wattproof.io.logfile import LogFile
from wattproof.io.url import MeterURL, parse_url
from wattproof.meters import registry
from wattproof.meters.places import first_unit_of, listen_url, named_unit, path_of
from wattproof.virtual.base import Meter, SimulationOptions
from wattproof.virtual.control import Control
from wattproof.virtual.curves import read_limited
from wattproof.virtual.job import Forwarder
from wattproof.virtual.listeners import is_line, open_listener
from wattproof.virtual.runtime import Runtime
from wattproof.virtual.sockets import Listener, SocketListener
from wattproof.virtual.timers import LoopTimers

STATE_FILE, LOG_FILE = "state.journal", "log.journal"
LARGEST_COUNT = 10_000
#: Records that the journals of all meters hold together (about 400 bytes each).
JOURNAL_RECORDS = 65_536
#: Descriptors that a process needs besides one or two for each meter.
_SPARE_FILES = 512


@dataclass(frozen=True, slots=True)
class Plan:
    """What to bring to life: the options of ``wattproof simulate``, as texts where the command line has texts.

    :param model: ``FAMILY`` or ``FAMILY:VARIANT``.
    :param listen: addresses; empty for that of the family (Modbus TCP on 127.0.0.1:5020, M-Bus on 5021), or another
        free port.
    :param settings: ``--set``; ``faults``: ``NAME[=VALUE][@STATE]``.
    :param state: folder of durable state; ``None`` keeps nothing.
    :param key: private signing key, PEM or DER.
    :param control: ``http://`` address of the control interface.
    :param journal: records that each meter's journal holds; by default 4096, fewer when there are many meters.
    """

    model: str
    listen: Sequence[str] = ()
    unit: int | None = None
    serial: str | None = None
    seed: int | None = None
    speed: str | int | float | Decimal | Fraction = 1
    load: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    faults: Sequence[str] = ()
    state: Path | None = None
    count: int = 1
    key: bytes | None = None
    control: str | None = None
    token: str | None = None
    journal: int | None = None


@dataclass(slots=True)
class Running:
    """One meter of a simulation and where it is heard."""

    runtime: Runtime
    urls: list[MeterURL] = field(default_factory=list)

    @property
    def meter(self) -> Meter:
        return self.runtime.meter


def read_speed(speed: str | int | float | Decimal | Fraction) -> Fraction:
    """The speed as an exact number above 0, at most 100 000 (bsm.md 2.8).

    :raises InvalidValue: anything else.
    """
    try:
        exact = speed if isinstance(speed, Fraction) else Fraction(Decimal(str(speed)))
    except (InvalidOperation, ValueError, OverflowError):
        exact = Fraction(0)
    if not 0 < exact <= 100_000:
        raise InvalidValue(f"speed {speed} is not possible: write a decimal number above 0, at most 100000")
    return exact


def following_serial(serial: str, step: int) -> str:
    """The serial ``step`` further: its last digits counted up, as many as there are.

    :raises InvalidValue: they do not suffice.

    >>> following_serial("001BZR1521070006", 5)
    '001BZR1521070011'
    """
    found = re.search(r"[0-9]+$", serial)
    if found is None:
        return serial if step == 0 else f"{serial}{step}"
    digits = found.group()
    following = str(int(digits) + step).zfill(len(digits))
    if len(following) > len(digits):
        raise InvalidValue(f"serial {serial} has no {step} serials behind it: begin with a smaller one")
    return serial[: found.start()] + following


@dataclass(frozen=True, slots=True)
class _Files:
    """Where one meter keeps its state and its logs."""

    state: StateFile
    log: LogFile

    def recover(self) -> tuple[bytes | None, list[bytes]]:
        """What they hold. Raises ``StorageError``."""
        return self.state.recover(), self.log.recover()


class Simulation:
    """Meters that run. Make one with ``await Simulation.start(plan)``; end it with ``close``."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.meters: list[Running] = []
        self.control: Control | None = None
        #: Set when the state of a meter cannot be kept any more.
        self.failed: asyncio.Event = asyncio.Event()
        self._listeners: list[Listener] = []
        self._lock: DirectoryLock | None = None

    @classmethod
    async def start(cls, plan: Plan) -> Simulation:
        """Everything of a plan, or nothing; the meters answer when this returns.

        :raises UsageError: what the plan asks for is not possible; the message says what is.
        :raises PortInUse: an address is taken.
        :raises StorageError: the state cannot be read or kept, or another process uses its folder.
        """
        simulation = cls(plan)
        try:
            await simulation._start()
        except BaseException:
            with contextlib.suppress(StorageError):
                await simulation.close()
            raise
        return simulation

    async def _start(self) -> None:
        plan = self.plan
        if not 1 <= plan.count <= LARGEST_COUNT:
            raise InvalidValue(f"count {plan.count} is not possible: write 1 to {LARGEST_COUNT}")
        addresses = [listen_url(text) for text in plan.listen]
        if plan.count > 16:
            _allow_files(plan.count * (1 + len(addresses)) + _SPARE_FILES)
        if plan.state is not None:
            self._lock = DirectoryLock(plan.state)
        family, variant = self._family()
        usual = parse_url(family.listen)
        self._make(family, variant, addresses, addresses or [usual])
        for running in self.meters:
            running.runtime.on_failure = lambda _: self.failed.set()
        if addresses:
            for address in addresses:
                await self._listen(address)
        else:
            await self._listen_by_default(usual)
        if plan.control is not None:
            url = parse_url(plan.control)
            self.control = await Control.open(url, [one.runtime for one in self.meters], plan.token)
        for one in self.meters:
            while seconds := one.runtime.until_ready():
                await asyncio.sleep(seconds)
        for listener in self._listeners:
            if isinstance(listener, SocketListener):
                await listener.settle()

    # -- making ----------------------------------------------------------------------------------------------------

    def _family(self) -> tuple[registry.Family, str | None]:
        """Family and variant of the plan. Raises ``UsageError`` if there is none that can be simulated."""
        family, variant = registry.find(self.plan.model)
        if family.virtual is None:
            virtual = ", ".join(row.name for row in registry.families().values() if row.virtual)
            raise InvalidValue(
                f"{family.name} ({family.label}) cannot be simulated: it has no virtual meter; "
                f"those that have: {virtual}"
            )
        return family, variant if ":" in self.plan.model else None

    def _make(
        self,
        family: registry.Family,
        variant: str | None,
        addresses: Sequence[MeterURL],
        heard: Sequence[MeterURL],
    ) -> None:
        plan = self.plan
        unit = plan.unit if plan.unit is not None else next(filter(None, map(named_unit, addresses)), None)
        lines = [url for url in heard if is_line(url)] if plan.count > 1 else []
        first_unit = first_unit_of(lines, unit, family.unit, plan.count)
        create: Callable[[SimulationOptions], Meter] = family.load("virtual")
        seed = plan.seed if plan.seed is not None else secrets.randbits(32)
        options = SimulationOptions(
            model=family.name,
            variant=variant,
            serial=self._first_kept_serial() if plan.serial is None else plan.serial,
            unit=unit,
            seed=seed,
            speed=read_speed(plan.speed),
            load=plan.load,
            settings=dict(plan.settings),
            faults=tuple(plan.faults),
            key=plan.key,
            wall=int(time.time()),
            read_text=_Reader(),
            listen=addresses,
        )
        describe = _describer(family)
        journal = plan.journal or max(64, min(4096, JOURNAL_RECORDS // plan.count))
        timers = LoopTimers(asyncio.get_running_loop())
        closely = any("@" in fault for fault in plan.faults)
        for index in range(plan.count):
            if index:
                options = replace(
                    options,
                    serial=following_serial(self.meters[0].meter.serial, index),
                    seed=(seed + index) & 0xFFFFFFFF if plan.seed is None else seed + index,
                )
            files = self._files(options.serial)
            state, log = files.recover() if files else (None, [])
            own_unit = unit if first_unit is None else first_unit + index
            meter = create(replace(options, unit=own_unit, state=state, log=log, index=index if lines else 0))
            if files is None:
                files = self._files(meter.serial)
            runtime = Runtime(
                meter,
                timers,
                store=files.state if files else None,
                log=files.log if files else None,
                journal=journal,
                describe=describe,
            )
            runtime.way = _way
            if closely:
                runtime.watch_closely()
            self.meters.append(Running(runtime))
            if runtime.failure is not None:
                raise runtime.failure

    def _first_kept_serial(self) -> str | None:
        """Of several meters with kept state, the serial that comes first."""
        if self.plan.count == 1 or self.plan.state is None:
            return None
        kept = sorted(entry.parent.name for entry in self.plan.state.glob(f"*/{STATE_FILE}"))
        return kept[0] if kept else None

    def _files(self, serial: str | None) -> _Files | None:
        """The files of a meter. One meter has them in the folder itself, several below it."""
        folder = self.plan.state
        if folder is None or (serial is None and self.plan.count > 1):
            return None
        if self.plan.count > 1 and serial is not None:
            folder = folder / serial
            make_directory(folder)
        return _Files(StateFile(folder / STATE_FILE), LogFile(folder / LOG_FILE))

    # -- listening -------------------------------------------------------------------------------------------------

    async def _listen(self, address: MeterURL) -> None:
        if is_line(address):
            await self._open(address, self.meters)
            return
        for index, running in enumerate(self.meters):
            port = address.port
            if port:
                port += index
                if port > 65535:
                    raise InvalidValue(f"{address}: {len(self.meters)} ports from {address.port} on end above 65535")
            await self._open(replace(address, port=port, path=path_of(address, index)), [running])

    async def _listen_by_default(self, usual: MeterURL) -> None:
        """The family's usual port and those behind it, each replaced by a free one where it is taken; meters that
        share a line share the port."""
        groups = [self.meters] if is_line(usual) else [[one] for one in self.meters]
        for meters, port in zip(groups, itertools.count(usual.port or 0), strict=False):
            address = replace(usual, port=port)
            try:
                await self._open(address, meters)
            except PortInUse:
                await self._open(replace(address, port=0), meters)

    async def _open(self, address: MeterURL, meters: Sequence[Running]) -> None:
        listener = await open_listener(address, [one.runtime for one in meters])
        self._listeners.append(listener)
        for one in meters:
            one.urls.append(listener.url)

    @property
    def listen(self) -> list[str]:
        """Where the meters are heard, each address once."""
        return list(dict.fromkeys(str(url) for one in self.meters for url in one.urls))

    # -- ending ----------------------------------------------------------------------------------------------------

    async def close(self) -> None:
        """Hear no more, keep the last state, give the folder free.

        :raises StorageError: the state of a meter could not be kept, now or earlier.
        """
        if self.control is not None:
            await self.control.close()
        for listener in self._listeners:
            await listener.close()
        self._listeners.clear()
        failure: StorageError | None = None
        for one in self.meters:
            if one.runtime.forwarder is not None:
                await one.runtime.forwarder.close()
            try:
                one.runtime.close()
            except StorageError as error:
                failure = failure or error
        if self._lock is not None:
            self._lock.close()
        if failure is not None:
            raise failure


def _way(meter: Meter) -> Forwarder:
    """The way to the line behind a meter that passes requests on."""
    from wattproof.bridge.gateway import Gateway

    return Gateway.to(meter.bus, asyncio.get_running_loop())


class _Reader:
    """Reads the file of ``csv:FILE``, once for all meters."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def __call__(self, name: str) -> str:
        if name not in self._texts:
            try:
                self._texts[name] = read_limited(name)
            except (OSError, UnicodeDecodeError) as error:
                reason = error.strerror if isinstance(error, OSError) else "no UTF-8 text"
                raise InvalidValue(f"load csv:{name}: the file cannot be read: {reason}") from error
        return self._texts[name]


def _describer(family: registry.Family) -> Callable[[int, int], str | None] | None:
    """Names registers by the family's table, which is loaded when the journal is first read."""
    if family.points is None:
        return None
    spans: list[tuple[int, int, str]] = []

    def describe(address: int, count: int) -> str | None:
        if not spans:
            blocks: Any = family.load("points").blocks
            for block in blocks:
                names = {point.offset: (point.type.registers, point.name) for point in block.points}
                spans.extend(
                    (block.address + offset, block.address + offset + size, f"{block.name}.{name}")
                    for offset, (size, name) in names.items()
                )
        touched = [name for begin, end, name in spans if begin < address + count and address < end]
        if not touched:
            return None
        return ", ".join(touched) if len(touched) <= 4 else f"{touched[0]} to {touched[-1]}"

    return describe


def _allow_files(wanted: int) -> None:
    """Ask the system for as many open files as so many sockets need.

    :raises InvalidValue: it allows fewer.
    """
    try:
        import resource
    except ImportError:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= wanted or soft == resource.RLIM_INFINITY:
        return
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if allowed < wanted:
        raise InvalidValue(f"so many meters need {wanted} open files, the system allows {hard}: raise it (ulimit -n)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
