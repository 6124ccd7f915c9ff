"""A new firmware for meters on the EQ bus: one meter after the other on each bus, buses at the same time (#24, #27;
g13-api.md 8.5).

The job is a journal: where each meter stands is on disk before the next step is taken. So after a crash a transfer goes
on from the first block that the meter misses, and a meter that was caught in its activation is judged by the firmware
that it runs. Each request to a meter is a command of its own on the bus, so polls and the requests of others go on in
between.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from wattproof.errors import LinkError, ProtocolError, ResponseTimeout, WattproofError
from wattproof.gateway.acquire.buses import Urgency
from wattproof.gateway.acquire.fleet import Fleet
from wattproof.gateway.acquire.places import EQ_BUS
from wattproof.gateway.acquire.registration import Who
from wattproof.gateway.acquire.site import Site
from wattproof.gateway.acquire.stations import Station
from wattproof.gateway.images import IMAGE, METER, UPDATE, path_of, version_of
from wattproof.gateway.local import CommandFailed, Failing
from wattproof.gateway.records import Audit, Setting, Write
from wattproof.meters.abb.cosem.images import Phase, Turn, UpdateProgress

T = TypeVar("T")
MOST_METERS = 10
#: ``firmwareupdatecomplete`` of #24.
NOT_INITIATED, IN_PROGRESS, COMPLETED = 0, 1, 2
WAITING, DONE, FAILED = "waiting", str(Phase.DONE), "failed"
#: ``status`` of #24 for states that are over.
STATUSES = {DONE: "success", FAILED: "failed"}
#: States in which a meter that falls silent is tried again: so often without a new block, after so many seconds.
REPEATABLE = frozenset({Phase.INITIATING, Phase.TRANSFERRING, Phase.VERIFYING})
AGAIN, PAUSE = 3, 10.0
#: Seconds that one request may take, the wait for its turn included.
LONGEST = 60.0
#: Of a meter that was deregistered or moved while it waited, or was sent to.
TAKEN_AWAY = "the meter is not registered at this place any more"
_log = logging.getLogger(__name__)


class Reopened(WattproofError):
    """The bus of a meter ends; the meter is on another line soon, or is none of ours any more."""


@dataclass
class Device:
    """One meter of a job. ``blocks`` of ``total`` are there; ``progress`` in percent."""

    serial: str
    state: str = WAITING
    progress: int = 0
    blocks: int = 0
    total: int = 0
    error: str = ""

    @property
    def is_over(self) -> bool:
        return self.state in STATUSES

    def shown(self) -> dict[str, Any]:
        """As #24 has it."""
        told = {"serial": self.serial, "status": STATUSES.get(self.state, "pending"), "state": self.state}
        error = {"error": self.error} if self.error else {}
        return {**told, "progress": self.progress, "blocks": [self.blocks, self.total], **error}


@dataclass
class Job:
    """``image``: its description, ``None`` when the job is over. ``version``: what the meters run afterwards.

    ``steps`` were taken since the start of the gateway, ``kept_steps`` of them are in the journal."""

    image: dict[str, Any] | None
    version: str
    who: dict[str, str]
    time: int
    devices: list[Device]
    steps: int = 0
    kept_steps: int = 0

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Job:
        """As it was kept."""
        return cls(**{**kept, "devices": [Device(**device) for device in kept["devices"]]})

    @property
    def is_over(self) -> bool:
        return all(device.is_over for device in self.devices)

    def kept(self) -> Setting:
        """As it is stored."""
        image = None if self.is_over else self.image
        devices = [asdict(device) for device in self.devices]
        document = {"image": image, "version": self.version, "who": self.who, "time": self.time, "devices": devices}
        return Setting(UPDATE, document)


class MeterFirmware:
    """The update of meters under way, or the last one. ``busy`` holds ``image`` while one is sent."""

    def __init__(self, fleet: Fleet, site: Site, busy: set[str]) -> None:
        self._fleet = fleet
        self._site = site
        self._busy = busy
        self._job: Job | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._beginning = asyncio.Lock()

    # commands

    async def update(self, meters: Sequence[str], who: Who) -> None:
        """#27: begin to install the uploaded image on meters; nothing is begun unless it is on all.

        Raises ``CommandFailed``: ``unknown`` meter, ``unsupported`` by a meter, ``invalid``, ``conflict`` with a job.
        """
        async with self._beginning:
            stations = self._named(meters)
            described = await self._site.store.setting(IMAGE)
            image = None if described is None else await self._load(described)
            if described is None or image is None or described["kind"] != METER:
                raise CommandFailed(Failing.INVALID, "no meter image")
            if self._job is not None and not self._job.is_over:
                raise CommandFailed(Failing.CONFLICT, "firmware update in progress")
            devices = [Device(station.serial) for station in stations]
            job = Job(dict(described), version_of(image), dict(who), self._site.now, devices)
            named = f"{job.version}: {', '.join(meters)}"
            await self._site.commit(job.kept(), self._audit(job, str(described["sha256"]), named))
            self._begin(job, image)

    async def status(self) -> dict[str, Any]:
        """#24."""
        job = self._job
        if job is None:
            return {"devices": [], "firmwareupdatecomplete": NOT_INITIATED}
        complete = COMPLETED if job.is_over else IN_PROGRESS
        shown = {"devices": [device.shown() for device in job.devices], "firmwareupdatecomplete": complete}
        await self._keep_progress(job)
        return shown

    async def _keep_progress(self, job: Job) -> None:
        """What somebody sees does not go back after a crash; between two looks it need not be kept."""
        async with self._beginning:
            if self._job is not job or job.kept_steps == job.steps:
                return
            try:
                await self._keep(job)
            except CommandFailed as error:
                _log.error("the progress of a firmware update is not stored: %s", error)

    async def _keep(self, job: Job, *writes: Write) -> None:
        steps = job.steps
        await self._site.commit(job.kept(), *writes)
        job.kept_steps = max(steps, job.kept_steps)

    def _named(self, meters: Sequence[str]) -> list[Station]:
        stations = [self._fleet.station(serial) for serial in meters]
        if len(meters) > MOST_METERS:
            raise CommandFailed(Failing.INVALID, "too many meters")
        if len(set(meters)) < len(meters):
            raise CommandFailed(Failing.INVALID, "duplicate serial")
        for station in stations:
            if _driver(station) is None:
                raise CommandFailed(Failing.UNSUPPORTED, f"firmware update not supported: {station.serial}")
        return stations

    async def _load(self, image: Mapping[str, Any]) -> bytes | None:
        """The bytes of an image, ``None`` if they are not there any more."""
        path: Path = path_of(self._site.config.data, image)
        try:
            return await asyncio.to_thread(path.read_bytes)
        except OSError as error:
            _log.error("the image %s cannot be read: %s", path, error)
            return None

    # the job

    async def resume(self) -> None:
        """After a start: the job that was under way goes on; the last one is shown."""
        kept = await self._site.store.setting(UPDATE)
        if kept is None:
            return
        job = Job.of(kept)
        image = None if job.is_over or job.image is None else await self._load(job.image)
        if not job.is_over and image is None:
            for device in job.devices:
                if not device.is_over:
                    device.state, device.error = FAILED, "the image is not in the gateway any more"
            await self._site.commit(job.kept())
        if image is None:
            self._job = job
        else:
            self._begin(job, image)

    def _begin(self, job: Job, image: bytes) -> None:
        """One task for the meters of each bus."""
        self._job = job
        self._busy.add("image")
        buses: dict[str, list[Device]] = {}
        for device in job.devices:
            station = self._fleet.stations.get(device.serial)
            buses.setdefault("" if station is None else station.record.bus, []).append(device)
        for bus, devices in buses.items():
            task = asyncio.create_task(self._update_bus(job, devices, image), name=f"firmware on {bus}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _update_bus(self, job: Job, devices: Sequence[Device], image: bytes) -> None:
        for device in devices:
            if not device.is_over:
                await self._update_one(job, device, image)
        if job.is_over:
            self._busy.discard("image")

    async def _update_one(self, job: Job, device: Device, image: bytes) -> None:
        """Update a meter, and keep how it ended; whatever goes wrong with it, the others have their turn."""
        try:
            await self._persist(job, device, image)
        except WattproofError as error:
            _log.warning("the firmware of meter %s is not updated: %s", device.serial, error)
            await self._fail(job, device, str(error))
        except Exception:
            _log.exception("the update of meter %s has stumbled", device.serial)
            await self._fail(job, device, "internal error")

    async def _persist(self, job: Job, device: Device, image: bytes) -> None:
        """Update a meter, through silences that pass."""
        silences = 0
        while True:
            before = device.blocks
            try:
                await self._send(job, device, image)
                return
            except (LinkError, ProtocolError, Reopened) as error:
                silences = silences + 1 if device.blocks <= before else 1
                if silences > AGAIN or not (device.state in REPEATABLE or isinstance(error, Reopened)):
                    raise
                _log.info("the update of meter %s goes on in %g s: %s", device.serial, PAUSE, error)
            await self._site.clock.sleep(PAUSE)

    async def _send(self, job: Job, device: Device, image: bytes) -> None:
        station = self._fleet.stations.get(device.serial)
        driver = None if station is None else _driver(station)
        if station is None or driver is None:
            raise CommandFailed(Failing.UNKNOWN, TAKEN_AWAY)
        station.runner.line.forgive(station.record.place)
        if device.state == WAITING:
            device.state = str(Phase.INITIATING)
        update = driver.update_firmware(
            image, job.version, version=job.version, resume=Phase(device.state), turn=self._turn(station)
        )
        async with aclosing(update) as steps:
            async for step in steps:
                entered = step.phase != device.state
                job.steps += 1
                _advance(device, step)
                if step.phase is Phase.DONE:
                    station.renew()
                    await self._keep(job, self._audit(job, device.serial, f"runs {step.version}"))
                elif entered:
                    await self._keep(job)

    def _turn(self, station: Station) -> Turn:
        """Requests to a meter as commands of its bus, as long as it is there."""

        async def turn(work: Callable[[], Awaitable[T]]) -> T:
            if self._fleet.stations.get(station.serial) is not station:
                raise Reopened(TAKEN_AWAY)
            try:
                return await station.runner.ask(work, Urgency.READ, LONGEST)
            except CommandFailed as error:
                if error.kind is Failing.GONE:
                    raise Reopened(TAKEN_AWAY) from error
                raise ResponseTimeout(str(error)) from error

        return turn

    async def _fail(self, job: Job, device: Device, error: str) -> None:
        device.state, device.error = FAILED, error
        job.steps += 1
        try:
            await self._keep(job, self._audit(job, device.serial, f"failed: {error}"))
        except CommandFailed as failed:
            _log.error("the end of the update of %s is not stored: %s", device.serial, failed)

    def _audit(self, job: Job, subject: str, detail: str) -> Write:
        who = job.who
        return Audit(self._site.now, who.get("user", ""), who.get("address", ""), "meter firmware", subject, detail)

    async def close(self) -> None:
        """Break off: the job goes on after the next start."""
        for task in [*self._tasks]:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _driver(station: Station) -> Any:
    """What updates the firmware of a meter, ``None`` where nothing can."""
    driver = getattr(station.source, "driver", None)
    return driver if station.record.protocol == EQ_BUS and hasattr(driver, "update_firmware") else None


def _advance(device: Device, step: UpdateProgress) -> None:
    """A transfer that goes on begins with the first block that is missing, some behind it may be there. A meter that is
    judged by its version has no blocks."""
    device.state, device.error = str(step.phase), ""
    if step.total:
        device.blocks = max(step.blocks, device.blocks if step.phase is Phase.TRANSFERRING else 0)
        device.total = step.total
    if step.phase is Phase.DONE:
        device.blocks = device.total
    device.progress = UpdateProgress(step.phase, device.blocks, device.total).percent
