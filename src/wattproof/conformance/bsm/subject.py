"""The BSM under test: raw requests, register values by name, and snapshots with everything seen around them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from wattproof.conformance.engine import Failed, NotApplicable, Skipped
from wattproof.drivers.modbus import ModbusLink
from wattproof.errors import (
    Disconnected,
    InvalidURL,
    LinkError,
    ModbusRefused,
    ProtocolError,
    ResponseTimeout,
    SnapshotFailed,
)
from wattproof.io.url import MeterURL
from wattproof.meters.bsm.driver import OVERALL_LIMIT, PATIENCE, POLL_PAUSE, BsmDriver
from wattproof.meters.bsm.enums import SnapshotStatus, SnapshotType
from wattproof.meters.bsm.firmware import Firmware
from wattproof.meters.bsm.points import MAP, OCMF_BLOCKS, SIGNING_METER_BLOCK, SNAPSHOT_BLOCKS
from wattproof.meters.bsm.taken import Snapshot
from wattproof.model.clock import Clock
from wattproof.model.devices import DeviceInfo
from wattproof.wire.modbus.bindings import Block, BoundPoint, decode_raw
from wattproof.wire.modbus.exceptions import ExceptionCode
from wattproof.wire.modbus.image import RegisterImage
from wattproof.wire.modbus.pdu import read_request, write_multiple_request
from wattproof.wire.modbus.types import Raw

FIRST, LAST = 40000, 44292
CHUNK = 125
#: Meta1 to Meta3.
METADATA_REGISTERS = range(40279, 40449)
SECOND = 1_000_000_000
#: Metadata of the snapshots that checks create; the first has every character that OCMF must escape.
METADATA = (b'contract-id: rfid:"a\\b|c/\x01\xe4', b"evse-id: DE*WPF*E1*1", b"")


@dataclass(frozen=True, slots=True)
class Taken:
    """One creation, as seen from outside. Durations in seconds of the link's clock, from the trigger."""

    kind: SnapshotType
    status: SnapshotStatus
    acknowledged: float
    finished: float
    silent: bool  # requests were not answered, or only at the end
    before: RegisterImage  # the live values of models 203 and 64900
    after: RegisterImage
    others: bool  # whether the other four instances stayed as they were
    snapshot: Snapshot | None = field(default=None)  # while valid


class Bsm:
    """One BSM behind a link.

    Args:
        link: Modbus, any transport.
        unit: its address.
        writes: whether checks may write; some look closer then.
        limit: seconds after which a creation is given up.
        power_cycle: takes the supply away and gives it back; ``None`` where nobody can.
    """

    def __init__(
        self,
        link: ModbusLink,
        unit: int,
        *,
        writes: bool = False,
        limit: float = OVERALL_LIMIT,
        power_cycle: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.link = link
        self.unit = unit
        self.writes = writes
        self.limit = limit
        self.power_cycle = power_cycle
        self.driver = BsmDriver(link, unit, limit=limit)
        self._image: RegisterImage | None = None
        self._info: DeviceInfo | None = None
        self._taken: dict[SnapshotType, Taken] = {}
        self._speed: float | None = None
        self._restart: tuple[RegisterImage, RegisterImage] | None = None
        self.switched = False
        self.described = False  # metadata were written

    @classmethod
    def of(cls, opened: Sequence[tuple[Any, MeterURL]], *, writes: bool = False) -> Bsm:
        """From the driver and the address that it was opened at.

        Raises :class:`~wattproof.errors.InvalidURL` for anything but one Modbus address.
        """
        driver, url = opened[-1]
        if len(opened) != 1 or not isinstance(driver, BsmDriver):
            raise InvalidURL(f"{url}: a BSM is checked over one Modbus address; an example: bsm+tcp://127.0.0.1:5020")
        return cls(driver.link, driver.unit, writes=writes)

    @property
    def clock(self) -> Clock:
        return self.link.clock

    # Requests -----------------------------------------------------------------------------------------------------

    async def ask(self, pdu: bytes, *, unit: int | None = None, timeout: float | None = None) -> bytes:
        """The answer to a raw request. Raises what the link raises, ``ModbusRefused`` for an exception."""
        return await self.link.exchange(self.unit if unit is None else unit, pdu, timeout=timeout)

    async def read(self, address: int, count: int, *, timeout: float | None = None) -> bytes:
        """Registers from a 0-based address in as many requests as it takes."""
        data = b""
        while len(data) < 2 * count:
            at, left = address + len(data) // 2, count - len(data) // 2
            data += (await self.ask(read_request(3, at, min(left, CHUNK)), timeout=timeout))[2:]
        return data

    async def write(self, address: int, data: bytes) -> None:
        """Registers in one request of function 16."""
        self.described |= address < METADATA_REGISTERS.stop and METADATA_REGISTERS.start < address + len(data) // 2
        await self.ask(write_multiple_request(address, data))

    async def refuses(self, pdu: bytes, code: ExceptionCode, what: str, *, strict: bool = False) -> str | None:
        """Check that a request is refused. Another code is remarked only (BD-12), unless ``strict``."""
        try:
            answer = await self.ask(pdu)
        except ModbusRefused as refused:
            if refused.code == code:
                return None
            said = f"{what}: exception 0x{refused.code:02x} instead of 0x{code:02x}"
            if strict:
                raise Failed(said) from None
            return f"{said} (BD-12 accepts any)"
        raise Failed(f"{what}: answered {answer[:6].hex()} instead of exception 0x{code:02x}")

    # Values -------------------------------------------------------------------------------------------------------

    def bound(self, path: str) -> BoundPoint:
        """The point of a full path, ``bs_meter.RCnt``."""
        (found,) = MAP.find(path)
        return found

    async def raw(self, path: str) -> Raw | None:
        """A value as it is now, before scale; ``None`` for unavailable."""
        return (await self.raws(path))[path]

    async def raws(self, *paths: str) -> dict[str, Raw | None]:
        """Values as they are now, by path, all of one request if they lie close enough."""
        bounds = [self.bound(path) for path in paths]
        first = min(bound.address for bound in bounds)
        count = max(bound.address + bound.registers for bound in bounds) - first
        image = RegisterImage(first, await self.read(first, count))
        return {path: decode_raw(bound, image) for path, bound in zip(paths, bounds, strict=True)}

    async def number(self, path: str) -> int | None:
        """A whole number as it is now; ``None`` for unavailable."""
        value = await self.raw(path)
        return value if isinstance(value, int) else None

    async def octets(self, path: str) -> bytes:
        """The bytes of a point as they are now."""
        bound = self.bound(path)
        return await self.read(bound.address, bound.registers)

    async def put(self, path: str, data: bytes) -> None:
        """The bytes of a point, NUL filled."""
        bound = self.bound(path)
        await self.write(bound.address, data.ljust(2 * bound.registers, b"\0"))

    async def image(self) -> RegisterImage:
        """The whole map, read once in a run."""
        if self._image is None:
            self._image = RegisterImage(FIRST, await self.read(FIRST, LAST - FIRST + 1))
        return self._image

    async def constant(self, path: str) -> Raw | None:
        """A value that does not change, out of the image."""
        return decode_raw(self.bound(path), await self.image())

    async def live(self) -> RegisterImage:
        """Models 203 and 64900 as they are now."""
        ac = self.bound("ac_meter.ID").address
        end = SIGNING_METER_BLOCK.address + SIGNING_METER_BLOCK.registers
        return RegisterImage(ac, await self.read(ac, end - ac, timeout=PATIENCE))

    async def firmware(self) -> Firmware:
        """Which build it presents."""
        return await self.driver.firmware()

    async def info(self) -> DeviceInfo:
        """Its identity and key, read once in a run."""
        if self._info is None:
            self._info = await self.driver.info()
        return self._info

    async def speed(self) -> float:
        """Meter seconds per second, measured once over some seconds."""
        if self._speed is None:
            begin, started = await self.number("bs_meter.OS"), self.clock.now()
            await self.clock.sleep(4.0)
            end, ended = await self.number("bs_meter.OS"), self.clock.now()
            self._speed = ((end or 0) - (begin or 0)) * SECOND / (ended - started)
        return self._speed

    # Snapshots ----------------------------------------------------------------------------------------------------

    async def exists(self, kind: SnapshotType) -> None:
        """Raise ``NotApplicable`` for start and end of firmware that has none (section 6.5)."""
        firmware = await self.firmware()
        if firmware.profile is not None and not firmware.profile.start_and_end and kind >= SnapshotType.START:
            raise NotApplicable(f"firmware {firmware.text} has no {kind.word} snapshot")

    async def taken(self, kind: SnapshotType) -> Taken:
        """The latest creation of this kind in the run, made if there was none yet."""
        return self._taken[kind] if kind in self._taken else await self.take(kind)

    async def take(self, kind: SnapshotType, metadata: tuple[bytes, ...] = METADATA) -> Taken:
        """Create a snapshot and note everything that can be seen of it."""
        await self.exists(kind)
        await self._metadata(metadata)
        before, others = await self.live(), await self._instances(kind)
        started = self.clock.now()
        self.switched |= kind.switches
        await self.write(SNAPSHOT_BLOCKS[kind].address_of("St"), b"\0\2")
        acknowledged = self.clock.now()
        status, silent = await self._wait(kind, started)
        finished = self.clock.now()
        after = await self.live()
        unchanged = others == await self._instances(kind)
        snapshot = await self._existing(kind) if status is SnapshotStatus.VALID else None
        seconds = [(moment - started) / SECOND for moment in (acknowledged, finished)]
        self._taken[kind] = Taken(kind, status, seconds[0], seconds[1], silent, before, after, unchanged, snapshot)
        return self._taken[kind]

    async def valid(self, kind: SnapshotType) -> tuple[Taken, Snapshot]:
        """A creation that must have succeeded; wiring without feedback is a reason to skip, all else a failure."""
        taken = await self.taken(kind)
        if taken.snapshot is None:
            seen = f"the {kind.word} snapshot ended with St = {taken.status.value}"
            if kind.switches and taken.status in (SnapshotStatus.FAILED_FEEDBACK, SnapshotStatus.FAILED_NOT_ENABLED):
                raise Skipped(f"{seen}: no contactor with feedback at this meter, or not enabled")
            raise Failed(seen)
        return taken, taken.snapshot

    async def records(self) -> list[Snapshot]:
        """All snapshots that are valid now; one is created if there is none and writing is allowed."""
        found = [snapshot for kind in SnapshotType if (snapshot := await self._existing(kind))]
        if not found and self.writes:
            found = [(await self.valid(SnapshotType.CURRENT))[1]]
        if not found:
            raise Skipped("the meter holds no valid snapshot: create one, or --allow-writes")
        return found

    async def texts(self) -> list[tuple[Snapshot, bytes]]:
        """The valid snapshots that have an OCMF text."""
        found = [(snapshot, snapshot.ocmf) for snapshot in await self.records() if snapshot.ocmf is not None]
        if not found:
            raise Failed("no valid snapshot has an OCMF text")
        return found

    async def finish(self) -> None:
        """Leave the meter quiet: metadata empty again, and no demand after checks that switched.

        A meter that no longer answers is left as it is: the results say so already.
        """
        with suppress(LinkError, ProtocolError, ModbusRefused):
            if self.switched:
                await self.put("bs_meter.DO", b"\0\0")
            if self.described:
                for name in ("Meta1", "Meta2", "Meta3"):
                    await self.put(f"bs_meter.{name}", b"")

    async def restarted(self) -> tuple[RegisterImage, RegisterImage]:
        """The whole map before and after one power cycle, made once in a run."""
        if self.power_cycle is None:
            raise Skipped("needs a power failure, which cannot be made over the bus")
        if self._restart is None:
            await self._metadata()
            before = RegisterImage(FIRST, await self.read(FIRST, LAST - FIRST + 1))
            await self.power_cycle()
            self._restart = before, RegisterImage(FIRST, await self.read(FIRST, LAST - FIRST + 1))
        return self._restart

    async def _metadata(self, texts: tuple[bytes, ...] = METADATA) -> None:
        for number, text in enumerate(texts, 1):
            await self.put(f"bs_meter.Meta{number}", text)

    async def _instances(self, kind: SnapshotType) -> list[bytes]:
        """The other four snapshots, each with the head of its OCMF text."""
        found = []
        for other in SnapshotType:
            if other is not kind:
                block, text = SNAPSHOT_BLOCKS[other], OCMF_BLOCKS[other]
                found.append(await self.read(block.address, block.registers, timeout=PATIENCE))
                found.append(await self.read(text.address, CHUNK, timeout=PATIENCE))
        return found

    async def _wait(self, kind: SnapshotType, started: int) -> tuple[SnapshotStatus, bool]:
        """The status that ends a creation, and whether the meter kept silent meanwhile."""
        silent = True
        status = SnapshotStatus.UPDATING
        while self.clock.now() - started < self.limit * SECOND:
            try:
                status = await self._status(SNAPSHOT_BLOCKS[kind])
            except (ResponseTimeout, Disconnected):
                continue
            if status is not SnapshotStatus.UPDATING:
                break
            silent = False
            await self.clock.sleep(POLL_PAUSE)
        return status, silent

    async def _status(self, block: Block) -> SnapshotStatus:
        value = int.from_bytes(await self.read(block.address_of("St"), 1, timeout=PATIENCE), "big")
        if value not in set(SnapshotStatus):
            raise Failed(f"{block.name}.St = {value}, which no status has")
        return SnapshotStatus(value)

    async def _existing(self, kind: SnapshotType) -> Snapshot | None:
        try:
            return await self.driver.existing(kind)
        except SnapshotFailed:
            return None


def value(image: RegisterImage, path: str) -> int:
    """A whole number out of an image. ``Failed`` if it is unavailable."""
    (bound,) = MAP.find(path)
    found = decode_raw(bound, image)
    if not isinstance(found, int):
        raise Failed(f"{path} is unavailable")
    return found


def expect(holds: bool, otherwise: str) -> None:
    """Raise ``Failed`` unless it holds."""
    if not holds:
        raise Failed(otherwise)
