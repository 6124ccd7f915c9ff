"""Signed charging sessions through the gateway: begun and ended at the meter, kept, and verified on receipt.

Everything is stored before the next step: that a session begins, before the meter is asked; its begin record, before
``begin`` answers; whatever else the meter signed, as it came. So after a crash a session goes on, and one of which
only the intention was stored is ended at the meter, because energy may flow.

::

    beginning --> running --> ended       the meter signed an end
        |            `------> failed      it did not, or something went wrong; the records tell
        `-------------------> failed
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from wattproof.drivers.charging import NO_STATION, ChargingSession, SignedRecord
from wattproof.errors import InvalidValue, LinkError, ProtocolError, Refused, StorageError, WattproofError
from wattproof.gateway import records
from wattproof.gateway.acquire.station import Source, charging_driver
from wattproof.gateway.local import CommandFailed, Failing
from wattproof.gateway.records import Audit, PublicKey, Session, Write
from wattproof.gateway.store.base import Store
from wattproof.meters import registry
from wattproof.signed import examine

log = logging.getLogger(__name__)

#: States in which a meter is taken.
OPEN = ("beginning", "running")
#: Seconds between two tries to reach the meter of a session that has to end by itself.
AGAIN = 10.0

Now = Callable[[], int]
SourceOf = Callable[[str], Awaitable[Source]]
#: Held while the meter with a serial number signs.
Signing = Callable[[str], AbstractContextManager[None]]


@dataclass
class _Running:
    """A session in memory."""

    session: Session
    charging: ChargingSession
    family: str
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    stored: set[str] = field(default_factory=set)
    watch: asyncio.Task[None] | None = None
    stopped: bool = False


class Sessions:
    """All sessions of the gateway. ``source_of`` gives the source of a meter, or raises :class:`CommandFailed`; ``now``
    is host time, UTC ms; within ``signing`` a meter is busy."""

    def __init__(
        self, store: Store, source_of: SourceOf, now: Now, signing: Signing = lambda serial: nullcontext()
    ) -> None:
        self._store = store
        self._source_of = source_of
        self._now = now
        self._signing = signing
        self._running: dict[str, _Running] = {}
        self._taken: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def charging(self, serial: str) -> bool:
        """Whether a session of ours is open at this meter: its clock and outputs are left alone then."""
        return serial in self._taken

    # Begin and end ------------------------------------------------------------------------------------------------

    async def begin(self, serial: str, options: Mapping[str, Any], who: Mapping[str, str]) -> str:
        """Begin a session; the id of it, once the signed begin record is stored. It goes on where the caller leaves.

        Raises:
            CommandFailed: ``unsupported`` meter, ``invalid`` option, ``conflict`` with a session that is open,
                ``meter`` that gave no reliable begin record, ``storage``.
        """
        if serial in self._taken:
            raise CommandFailed(Failing.CONFLICT, "a session is running on this meter")
        source = await self._source_of(serial)
        charging, family = _charging(source, options)
        if serial in self._taken:
            raise CommandFailed(Failing.CONFLICT, "a session is running on this meter")
        self._taken.add(serial)
        user, address = who.get("user", ""), who.get("address", "")
        session = Session(
            id=secrets.token_hex(8),
            serial=serial,
            state="beginning",
            begun=self._now(),
            user=user,
            options={**options, "family": family},
        )
        running = _Running(session, charging, family)
        charging.keep_with(functools.partial(self._keep, running))
        audit = self._audit(user, address, "session begin", session)
        await asyncio.shield(self._spawn(self._begin(running, audit)))
        return session.id

    async def _begin(self, running: _Running, audit: Audit) -> None:
        try:
            await self._store.commit(running.session, audit)
        except BaseException:
            self._taken.discard(running.session.serial)
            raise
        self._running[running.session.id] = running
        async with running.lock:
            await self._at_the_meter(running, running.charging.begin())
            await self._change(running, state="running")
        self._watch_limits(running)

    async def end(self, id: str, who: Mapping[str, str]) -> str:
        """End a session, also where the caller leaves; ending one that is ended already changes nothing.

        Raises:
            CommandFailed: ``unknown`` id; ``meter``: there is no end as it should be, the records tell what there is.
        """
        known = await self._store.session(id)
        if known is None:
            raise CommandFailed(Failing.UNKNOWN, "unknown session")
        if known.state not in OPEN:
            return id
        running = await self._resumed(known)
        audit = self._audit(who.get("user", ""), who.get("address", ""), "session end", known)
        await self._store.commit(audit)
        running.stopped = True
        await asyncio.shield(self._spawn(self._finish(running)))
        return id

    async def _finish(self, running: _Running) -> None:
        async with running.lock:
            if running.session.state not in OPEN:
                return
            await self._at_the_meter(running, running.charging.end())
            failed = running.charging.record.failure is not None
            await self._close(running, "failed" if failed else "ended")

    async def _at_the_meter(self, running: _Running, step: Awaitable[Any]) -> None:
        """A step of the session; where it fails, the session is closed as failed, with all that was signed."""
        try:
            with self._signing(running.session.serial):
                await step
        except asyncio.CancelledError:
            raise
        except WattproofError as error:
            running.charging.record.failure = running.charging.record.failure or str(error)
            await self._close(running, "failed")
            kind = {StorageError: Failing.STORAGE, InvalidValue: Failing.INVALID}.get(type(error), Failing.METER)
            raise CommandFailed(kind, str(error)) from error

    # Keeping ------------------------------------------------------------------------------------------------------

    async def _keep(self, running: _Running, record: Any) -> None:
        """Store what the meter has signed since the last time, with the verdict on each."""
        writes: list[Write] = []
        begin, end = record.begin, record.end
        for role, taken in (("begin", begin), *(("evidence", one) for one in record.evidence), ("end", end)):
            if taken is None or taken.words in running.stored:
                continue
            writes += await self._signed(running, role, taken)
            running.stored.add(taken.words)
        if writes:
            await self._store.commit(*writes)

    async def _signed(self, running: _Running, role: str, taken: SignedRecord) -> list[Write]:
        serial, now = running.session.serial, self._now()
        seen = await self._store.keys(serial)
        writes: list[Write] = []
        if taken.key and taken.key not in [known.key for known in seen]:
            writes.append(PublicKey(serial, taken.key, now))
        key = seen[0].key if seen else taken.key
        ocmf = taken.words.startswith("OCMF|")
        signature, overall = await asyncio.to_thread(_judged, taken, key, ocmf)
        kept = records.SignedRecord(
            session=running.session.id,
            serial=serial,
            role=role,
            time=now,
            format="OCMF" if ocmf else "registers",
            data=taken.words.encode(),
            signature=signature,
            overall=overall,
        )
        return [*writes, kept]

    async def _close(self, running: _Running, state: str) -> None:
        """The session is over: what the verifier says about the whole of it, with the key as first seen."""
        record = running.charging.record
        await self._keep(running, record)
        seen = await self._store.keys(running.session.serial)
        whole = await asyncio.to_thread(_document, running.family, record)
        verdict = None
        writes: list[Write] = []
        if whole is not None:
            name, document = whole
            key = seen[0].key if seen else None
            report = await asyncio.to_thread(functools.partial(examine, document, key, allow_test_keys=True))
            verdict = report.as_dict()
            signed = records.SignedRecord(
                session=running.session.id,
                serial=running.session.serial,
                role="session",
                time=self._now(),
                format=name,
                data=document,
                signature="",
                overall=verdict["sessions"][0]["overall"] if verdict["sessions"] else "red",
            )
            writes.append(signed)
        options = {
            **running.session.options,
            "failure": record.failure,
            "notes": list(record.notes),
            "measured_wh": None if record.energy is None else format(record.energy, "f"),
        }
        await self._change(running, *writes, state=state, ended=self._now(), verdict=verdict, options=options)
        self._taken.discard(running.session.serial)
        self._running.pop(running.session.id, None)

    async def _change(self, running: _Running, *writes: Write, **changes: Any) -> None:
        changed = replace(running.session, **changes)
        await self._store.commit(*writes, changed)
        running.session = changed

    def _audit(self, user: str, address: str, action: str, session: Session) -> Audit:
        return Audit(self._now(), user, address, action, session.serial, session.id)

    # Going on -----------------------------------------------------------------------------------------------------

    async def resume(self) -> None:
        """After a start: sessions that are open go on; those that had not begun are ended at the meter."""
        for session in await self._store.sessions(limit=1000):
            if session.state not in OPEN:
                continue
            self._taken.add(session.serial)
            if session.state == "beginning" or session.options.get("energy_wh") or session.options.get("duration_s"):
                self._spawn(self._resume_alone(session))

    async def _resume_alone(self, session: Session) -> None:
        """Reach the meter again, however long it takes; then end the session, or watch it until its limit."""
        while True:
            try:
                running = await self._resumed(session)
                break
            except (CommandFailed, WattproofError) as error:
                log.warning("session %s of %s cannot go on yet: %s", session.id, session.serial, error)
                await asyncio.sleep(AGAIN)
        if session.state == "beginning":
            running.charging.record.failure = "the gateway was restarted while the session began"
            with contextlib.suppress(CommandFailed):
                await self._finish(running)
        else:
            self._watch_limits(running)

    async def _resumed(self, session: Session) -> _Running:
        """The session in memory, made again from what is stored if need be."""
        if session.id in self._running:
            return self._running[session.id]
        source = await self._source_of(session.serial)
        charging, family = _charging(source, session.options)
        running = _Running(session, charging, family)
        kept = await self._store.signed_records(session.id)
        running.stored = {record.data.decode() for record in kept}
        charging.keep_with(functools.partial(self._keep, running))
        begin = next((record for record in kept if record.role == "begin"), None)
        try:
            if begin is not None:
                await charging.resume(begin.data.decode())
        except (LinkError, ProtocolError) as error:
            raise CommandFailed(Failing.METER, "received invalid response from COSEM.", detail=str(error)) from error
        except Refused as error:
            charging.record.failure = str(error)
        return self._running.setdefault(session.id, running)

    def _watch_limits(self, running: _Running) -> None:
        energy, duration = running.session.options.get("energy_wh"), running.session.options.get("duration_s")
        if energy or duration:
            running.watch = self._spawn(self._until(running, energy, duration))

    async def _until(self, running: _Running, energy: Any, duration: Any) -> None:
        """End the session when its energy or time is reached, or when the meter no longer counts."""
        passed = (self._now() - running.session.begun) / 1000
        try:
            await running.charging.run(
                energy=None if energy is None else Decimal(str(energy)),
                duration=None if duration is None else max(0.0, float(duration) - passed),
                stopped=lambda: running.stopped,
            )
        except WattproofError as error:
            running.charging.record.failure = str(error)
        with contextlib.suppress(CommandFailed):
            await self._finish(running)

    def _spawn(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._over)
        return task

    def _over(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # who waits has got it, and maybe nobody does

    async def close(self) -> None:
        """Let go; sessions stay open at their meters and go on after the next start."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _charging(source: Source, options: Mapping[str, Any]) -> tuple[ChargingSession, str]:
    """A session with the meter behind a source, and its family. Raises :class:`CommandFailed`."""
    driver = charging_driver(source)
    if driver is None:
        raise CommandFailed(Failing.UNSUPPORTED, "not supported by this meter: signed sessions")
    try:
        session: ChargingSession = driver.session(
            identification=options.get("identification"),
            evse=options.get("evse"),
            switching=bool(options.get("switching", True)),
        )
    except InvalidValue as error:
        raise CommandFailed(Failing.INVALID, str(error)) from error
    return session, driver.family


def _judged(taken: SignedRecord, key: bytes, ocmf: bool) -> tuple[str, str]:
    """Signature and colour of one record with the key as first seen."""
    if ocmf:
        report = examine(taken.words.encode(), key or None, allow_test_keys=True).as_dict()
        if report["records"]:
            first = report["records"][0]
            return first["signature"], first["overall"]
        return "format-error", "red"
    valid = getattr(taken, "valid", None)
    if valid and key and taken.key != key:
        valid = False
    return {True: ("valid", "green"), False: ("invalid", "red"), None: ("no-key", "grey")}[valid]


def _document(family: str, record: Any) -> tuple[str, bytes] | None:
    """The session as one file that the verifier reads; ``None`` while there is no begin and end."""
    if not record.whole:
        return None
    for name in ("safe-xml", "chargy"):
        format = registry.family(family).load("formats").get(name)
        if format is None:
            continue
        with contextlib.suppress(InvalidValue):
            return name, format.write(record, NO_STATION)
    return None
