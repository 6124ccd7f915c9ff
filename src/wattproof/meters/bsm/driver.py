"""Asking a BSM: everything the maker's own tool does, and what a charging station needs.

Source: product manual 1.01, chapters 8, 10 and Appendix A; specification of the BSM, sections 2, 7, 8, 11 and 29.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from wattproof.drivers.charging import ChargingDriver
from wattproof.drivers.mapped import Value
from wattproof.drivers.modbus import ModbusLink
from wattproof.drivers.registers import read_planned
from wattproof.errors import (
    Disconnected,
    FrameError,
    InvalidValue,
    LinkError,
    ModbusRefused,
    ProtocolError,
    Refused,
    ResponseTimeout,
    SnapshotFailed,
)
from wattproof.meters.bsm.enums import (
    DEFAULT_UNIT,
    STATUS_MEANINGS,
    KeyFormat,
    SnapshotStatus,
    SnapshotType,
    snapshot_type,
)
from wattproof.meters.bsm.firmware import Firmware, identify
from wattproof.meters.bsm.places import located
from wattproof.meters.bsm.points import (
    COMMON_BLOCK,
    FIRMWARE_HASH_BLOCK,
    MAP,
    MODELS,
    OCMF_BLOCKS,
    SIGNING_METER_BLOCK,
    SNAPSHOT_BLOCKS,
)
from wattproof.meters.bsm.publickey import key_bytes
from wattproof.meters.bsm.taken import Snapshot
from wattproof.meters.bsm.values import data_of, failure, number_of, status_of, text_of
from wattproof.meters.sunspec.driver import SunspecDriver
from wattproof.meters.sunspec.model import Model
from wattproof.model.clock import Clock
from wattproof.model.devices import DeviceInfo
from wattproof.wire.modbus.bindings import Block, BoundPoint, RegisterMap
from wattproof.wire.modbus.exceptions import ExceptionCode
from wattproof.wire.modbus.image import RegisterImage
from wattproof.wire.modbus.plan import plan
from wattproof.wire.modbus.types import Text

if TYPE_CHECKING:
    from wattproof.meters.bsm.session import Session, SessionRecord

NANOSECONDS = 10**9

#: Seconds that one request may take while a snapshot is created: the meter does not answer meanwhile (2.7, BD-15).
PATIENCE = 15.0
#: Seconds for the next requests once the meter has said "updating".
TALKING_PATIENCE = 3.0
#: Seconds from the trigger until the driver gives up (section 11).
OVERALL_LIMIT = 20.0
#: Seconds between two looks at a status that is still "updating".
POLL_PAUSE = 0.25
#: How often a snapshot is read again because another master renewed it meanwhile.
READ_ATTEMPTS = 3
#: How often something that cannot be right is read, unless two readings agree before: then the meter means it.
DOUBTS = 8
#: How often a write is sent that may safely be done twice.
WRITE_ATTEMPTS = 3

T = TypeVar("T")

METADATA = ("Meta1", "Meta2", "Meta3")
TIME = frozenset({"bs_meter.Epoch", "bs_meter.TZO"})


class BsmDriver(SunspecDriver, ChargingDriver[Snapshot, "SessionRecord"]):
    """A BSM at ``unit`` (default 42) behind ``link``. What is said of :class:`SunspecDriver` holds here too.

    The map of the manual is used as it is, without asking; :meth:`discover` walks the chain of models instead.
    ``patience``: seconds that a request may take after a trigger. ``limit``: seconds until a snapshot is given up.
    """

    family = "bsm"
    default_unit: ClassVar[int] = DEFAULT_UNIT
    known: ClassVar[Mapping[int, Model]] = {model.id: model for model in MODELS}
    overview: ClassVar[Sequence[str]] = ("common", "ac_meter", "bs_meter")
    # From DA to Rte, over read-only registers of models 1, 10 and 17 (section 2.5).
    write_gap: ClassVar[int] = 13

    def __init__(
        self,
        link: ModbusLink,
        unit: int | None = None,
        clock: Clock | None = None,
        *,
        chunk: int = 125,
        variant: str | None = None,
        patience: float | None = PATIENCE,
        limit: float = OVERALL_LIMIT,
    ) -> None:
        super().__init__(link, unit, clock, chunk=chunk, variant=variant)
        self.patience: float = PATIENCE if patience is None else patience
        self.limit = limit
        self._map = MAP
        self._info: DeviceInfo | None = None
        self._metadata: dict[str, str] = {}

    async def discover(self) -> RegisterMap:
        """Walk the chain of models and use the addresses found there from now on.

        Raises :class:`~wattproof.errors.ProtocolError` if the instances are not those of a BSM.
        """
        self._map = located(await self.chain())
        self._selections.clear()
        return self._map

    # Identity -----------------------------------------------------------------------------------------------------

    async def info(self) -> DeviceInfo:
        """Maker, type, serial number (MA1), firmware, variant and public key, read anew."""
        bounds = [
            *(await self._bound(COMMON_BLOCK, "Mn", "Md")),
            *(await self._bound(SIGNING_METER_BLOCK, "VrM", "VrC", "MA1", "BPK", "PK")),
        ]
        image = await self.image(bounds)
        texts = {bound.point.name: text_of(bound, image) for bound in bounds if isinstance(bound.point.type, Text)}
        firmware = identify(texts["VrM"], texts["VrC"])
        self._info = DeviceInfo(
            self.family,
            firmware.behaves_as,
            texts["Mn"],
            texts["Md"],
            texts["MA1"],
            firmware.text,
            await self._key(image),
        )
        return self._info

    async def firmware(self) -> Firmware:
        """The firmware by its texts and its hash."""
        bounds = [
            *(await self._bound(SIGNING_METER_BLOCK, "VrM", "VrC")),
            *(await self._bound(FIRMWARE_HASH_BLOCK, "BB", "B")),
        ]
        image = await self.image(bounds)
        used, area = number_of(bounds[2], image) or 0, bounds[3].point.type.decode(data_of(bounds[3], image))
        return identify(
            text_of(bounds[0], image), text_of(bounds[1], image), area[:used] if isinstance(area, bytes) else b""
        )

    async def public_key(self, form: KeyFormat = KeyFormat.DER) -> bytes:
        """The meter's public key: DER, or the point in one of the forms of :class:`KeyFormat`."""
        image = await self.image(await self._bound(SIGNING_METER_BLOCK, "BPK", "PK"))
        return key_bytes(await self._key(image), form)

    async def _key(self, image: RegisterImage) -> bytes:
        length, area = await self._bound(SIGNING_METER_BLOCK, "BPK", "PK")
        used = number_of(length, image) or 0
        if not 0 < used <= 2 * area.registers:
            raise ProtocolError(
                f"{length.path} = {used} at 0-based {length.address}: not 1 to {2 * area.registers} bytes"
            )
        return data_of(area, image)[:used]

    # Time and metadata --------------------------------------------------------------------------------------------

    async def set_time(self, when: datetime | None = None) -> None:
        """Set Epoch and TZO in one request: to ``when`` (aware), or to the driver's clock and the local time zone.

        Raises :class:`~wattproof.errors.InvalidValue` for a time without offset.
        """
        first = self.now().astimezone() if when is None else when
        offset = first.utcoffset()
        if offset is None:
            raise InvalidValue(f"{first.isoformat()} has no offset to UTC: add one, such as +01:00")
        minutes, began = int(offset.total_seconds() // 60), self.clock.now()

        async def write() -> None:
            passed = (self.clock.now() - began) // NANOSECONDS
            await self.write({"bs_meter.Epoch": int(first.timestamp()) + passed, "bs_meter.TZO": minutes})

        await self._repeated(write)

    async def set_metadata(self, meta1: str = "", meta2: str = "", meta3: str = "") -> None:
        """Write all three metadata texts (140, 100 and 100 bytes of UTF-8) for the snapshots that follow.

        Raises :class:`~wattproof.errors.InvalidValue` for a longer text.
        """
        texts = dict(zip(METADATA, (meta1, meta2, meta3), strict=True))
        await self._repeated(lambda: self.write({f"bs_meter.{name}": text for name, text in texts.items()}))
        self._metadata = texts

    async def _repeated(self, write: Callable[[], Awaitable[None]]) -> None:
        """A write that does no harm if it is done twice, so a lost or damaged answer is no reason to give up."""
        for attempt in range(WRITE_ATTEMPTS):
            try:
                await write()
                return
            except (ResponseTimeout, Disconnected, FrameError):
                if attempt == WRITE_ATTEMPTS - 1:
                    raise

    async def write(self, values: Mapping[str, Value]) -> None:
        """Set points; see :meth:`SunspecDriver.write`. After a new address (DA) the driver uses it."""
        found = {bound.path: value for text, value in values.items() for bound in await self.find([text])}
        try:
            await super().write(values)
        except ModbusRefused as error:
            if error.code == ExceptionCode.ILLEGAL_DATA_VALUE and len(TIME & found.keys()) == 1:
                remedy = "while the meter's time is invalid, Epoch and TZO must be written together (BD-09)"
                raise ModbusRefused(error.code, f"{error}; {remedy}") from None
            raise
        address = found.get("common.DA")
        if address is not None:
            self.unit = int(str(address), 0)

    # Snapshots ----------------------------------------------------------------------------------------------------

    async def status(self, kind: SnapshotType | str, *, timeout: float | None = None) -> SnapshotStatus:
        """St of a snapshot. Raises :class:`~wattproof.errors.ProtocolError` for a value there is not."""
        return await self._status(await self._block(SNAPSHOT_BLOCKS[snapshot_type(kind)]), timeout)

    async def _status(self, block: Block, timeout: float | None) -> SnapshotStatus:
        bound = block.bind("St")
        image = await read_planned(self.link, self.unit, [bound.span], timeout=timeout)
        return status_of(bound, image)

    async def trigger(self, kind: SnapshotType | str) -> None:
        """Start the creation of a snapshot; the meter acknowledges at once and creates afterwards."""
        block = await self._block(SNAPSHOT_BLOCKS[snapshot_type(kind)])
        await self.write({f"{block.name}.St": SnapshotStatus.UPDATING.value})

    async def counter(self) -> int | None:
        """RCnt as it is now: the number of the newest signed snapshot. No signature vouches for it, so twice read."""
        (bound,) = await self._bound(SIGNING_METER_BLOCK, "RCnt")

        async def fetch() -> int | None:
            return number_of(bound, await self.image([bound]))

        return await self._settled(fetch, lambda count: False)

    async def snapshot(self, kind: SnapshotType | str) -> Snapshot:
        """Let the meter create and sign a snapshot, wait for it, fetch it and check it.

        Raises :class:`~wattproof.errors.SnapshotFailed` if the meter ends without a new signature,
        :class:`~wattproof.errors.ResponseTimeout` if it is not done within the overall limit. Signatures that do not
        verify are no error here: ask :attr:`Snapshot.complaints`.
        """
        kind = snapshot_type(kind)
        before = await self.counter()
        started = self.clock.now()
        acknowledged = await self._triggered(kind)
        await self._finished(kind, started)
        return await self.collect(kind, before, acknowledged)

    async def collect(self, kind: SnapshotType | str, before: int | None, acknowledged: bool = True) -> Snapshot:
        """Fetch what a trigger made, and check that it is new: ``before`` is RCnt before that trigger.

        Raises :class:`~wattproof.errors.SnapshotFailed` if there is nothing new, with the status that says why.
        """
        return self._judged(await self.existing(kind), before, acknowledged)

    async def _triggered(self, kind: SnapshotType) -> bool:
        """Trigger, and whether it was acknowledged. A lost answer is no failure yet: the meter may have begun."""
        try:
            await self.trigger(kind)
        except (ResponseTimeout, Disconnected, FrameError):
            return False
        return True

    async def _finished(self, kind: SnapshotType, started: int) -> None:
        """Wait for the end of a creation. Works with meters that keep silent and with those that say "updating"."""
        block = await self._block(SNAPSHOT_BLOCKS[kind])
        deadline = started + int(self.limit * NANOSECONDS)
        last: Exception | None = None
        patience = self.patience
        while (remaining := (deadline - self.clock.now()) / NANOSECONDS) > 0:
            try:
                if await self._status(block, min(patience, remaining)) is not SnapshotStatus.UPDATING:
                    return
                # It talks while it works, so a request that stays unanswered from now on is lost.
                last, patience = None, min(patience, TALKING_PATIENCE)
            except (ResponseTimeout, Disconnected, ProtocolError, ModbusRefused) as error:
                last = error
            remaining = (deadline - self.clock.now()) / NANOSECONDS
            await self.clock.sleep(max(0.0, min(POLL_PAUSE, remaining)))
        state = "it is still being created" if last is None else f"the meter does not answer ({last})"
        raise ResponseTimeout(
            f"gave up on the {kind.word} snapshot of unit {self.unit} after {self.limit:g} s: {state}; the meter may "
            f"end it later, look with: snapshot METER_URL {kind.word} --existing"
        ) from last

    async def existing(self, kind: SnapshotType | str) -> Snapshot:
        """Fetch the snapshot that is there, without creating one.

        The status is read again at the end; what changed meanwhile is discarded and read anew. Raises
        :class:`~wattproof.errors.SnapshotFailed` if there is no valid one.
        """
        kind = snapshot_type(kind)
        block = await self._block(SNAPSHOT_BLOCKS[kind])
        meter = self._info or await self.info()

        async def without_text() -> Snapshot:
            registers = await self.registers(block.address, block.registers)
            return Snapshot(kind, meter, registers, None, None, self.now())

        for _ in range(READ_ATTEMPTS):
            taken = await self._settled(without_text, lambda one: one.valid, lambda one: one.registers)
            status = status_of(block.bind("St"), RegisterImage(block.address, taken.registers))
            if status is not SnapshotStatus.VALID:
                raise failure(kind, status)
            taken = await self._with_text(taken)
            if await self._unchanged(block, taken.registers):
                return taken.with_problems(*self._inconsistencies(taken))
        raise SnapshotFailed(
            f"the {kind.word} snapshot of unit {self.unit} changed {READ_ATTEMPTS} times while it was read: another "
            f"master creates snapshots too; let only one do so",
            SnapshotStatus.UPDATING,
        )

    async def _with_text(self, taken: Snapshot) -> Snapshot:
        async def fetch() -> Snapshot:
            status, text = await self._ocmf(taken.kind)
            return replace(taken, ocmf=text, ocmf_status=status)

        return await self._settled(fetch, lambda one: bool(one.ocmf_valid), lambda one: (one.ocmf_status, one.ocmf))

    async def _settled(
        self,
        fetch: Callable[[], Awaitable[T]],
        holds: Callable[[T], bool],
        content: Callable[[T], object] = lambda found: found,
    ) -> T:
        """What the meter has, not what a damaged line makes of it: read again until it holds or two readings agree.

        Modbus TCP has no check sum of its own, so damage behind a gateway shows only in a signature.
        """
        found = await fetch()
        for _ in range(DOUBTS - 1):
            if holds(found):
                break
            again = await fetch()
            if content(again) == content(found):
                break
            found = again
        return found

    async def _unchanged(self, block: Block, registers: bytes) -> bool:
        """Whether St and RCnt are still those that were read: one request over both."""
        first, last = block.point("St").offset, block.point("RCnt").offset + block.point("RCnt").registers
        before = registers[2 * first : 2 * last]

        async def fetch() -> bytes:
            return await self.registers(block.address + first, last - first)

        return await self._settled(fetch, lambda again: again == before) == before

    async def _ocmf(self, kind: SnapshotType) -> tuple[SnapshotStatus, bytes | None]:
        """Status and text of the OCMF instance. A device may sign it at the first read (BD-51), so patience holds:
        with ordinary requests, so that a lost answer costs no more than elsewhere."""
        block = await self._block(OCMF_BLOCKS[kind])
        deadline = self.clock.now() + int(self.patience * NANOSECONDS)
        while True:
            try:
                image = await read_planned(self.link, self.unit, plan([block.span], maximum=self.chunk))
                break
            except (ResponseTimeout, Disconnected):
                if self.clock.now() >= deadline:
                    raise
        status = status_of(block.bind("St"), image)
        return status, data_of(block.bind("O"), image).rstrip(b"\0") if status is SnapshotStatus.VALID else None

    def _judged(self, taken: Snapshot, before: int | None, acknowledged: bool) -> Snapshot:
        """Step 6 of the procedure: the snapshot must be the one that was just asked for (section 11)."""
        number = taken.counter
        if before is not None and (number is None or number <= before):
            why = "" if acknowledged else "; the trigger was not acknowledged, so it may never have arrived"
            raise SnapshotFailed(
                f"stale {taken.kind.word} snapshot of unit {self.unit}: RCnt is {number}, but {before} was used before "
                f"the trigger, so this is an older snapshot{why}; trigger it again",
                taken.status,
            )
        problems = []
        if before is not None and number != before + 1:
            problems.append(f"RCnt went from {before} to {number}: other snapshots were signed in between")
        if before is None:
            problems.append("RCnt was unavailable before the trigger: whether the snapshot is new is not known")
        problems += [
            f"{name} is not the text that was written before: another master wrote it"
            for name, text in self._metadata.items()
            if (taken.fields[name] or "") != text.encode("utf-8").decode("latin-1")
        ]
        return taken.with_problems(*problems)

    def _inconsistencies(self, taken: Snapshot) -> list[str]:
        found = []
        if taken.number("Typ") != taken.kind.value:
            found.append(f"Typ is {taken.number('Typ')}, not {taken.kind.value} ({taken.kind.word})")
        if taken.fields["MA1"] != taken.meter.serial:
            found.append(f"MA1 is {taken.fields['MA1']!r}, but the meter calls itself {taken.meter.serial!r}")
        if taken.ocmf is None:
            status = taken.ocmf_status
            meaning = STATUS_MEANINGS[status] if status is not None else "unknown"
            found.append(f"there is no OCMF text: its status is {status} ({meaning})")
        return found

    # Sessions -----------------------------------------------------------------------------------------------------

    def session(self, **options: Any) -> Session:
        """A charging session with this meter; options as of :class:`~wattproof.meters.bsm.session.Session`."""
        from wattproof.meters.bsm.session import Session

        return Session(self, **options)

    async def existing_session(self, which: str) -> tuple[SessionRecord, bool]:
        """The session whose snapshots are on the meter, and whether it holds; ``which`` as in ``stons,stoffs``."""
        from wattproof.meters.bsm.session import existing

        return await existing(self, which)

    # Where things are ---------------------------------------------------------------------------------------------

    async def _block(self, block: Block) -> Block:
        """The block of the manual's map at its place on this meter."""
        return (await self.map()).block(block.name)

    async def _bound(self, block: Block, *names: str) -> list[BoundPoint]:
        found = await self._block(block)
        return [found.bind(name) for name in names]


async def probe(link: ModbusLink, unit: int) -> DeviceInfo | None:
    """Whether a BSM answers at ``unit``; ``None`` if something else does.

    Raises :class:`~wattproof.errors.LinkError` if nothing answers.
    """
    driver = BsmDriver(link, unit)
    try:
        header = await driver.registers(SIGNING_METER_BLOCK.address, 2)
        if header != SIGNING_METER_HEADER:
            return None
        return await driver.info()
    except LinkError:  # also where a gateway says it, which is a refusal as well
        raise
    except (ProtocolError, Refused):
        return None


#: Model ID and length of the signing meter, as registers.
SIGNING_METER_HEADER = bytes.fromhex("fd84012c")
