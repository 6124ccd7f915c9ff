"""Signed charging sessions through the gateway: begun and ended at the meter, kept, and verified on receipt.

Everything is stored before the next step: that a session begins, before the meter is asked; its begin record, before
``begin`` answers; that it shall end, before the meter is asked for that; whatever else the meter signed, as it came. So
after a crash a session goes on, and one of which only the intention was stored is ended at the meter, because energy
may flow. For the same reason no silence of a meter ends a session: it is reached again, however long that takes.

::

    beginning --> running --> ending --> ended       the meter signed an end
        |            '----------'------> failed      it did not, or something went wrong; the records tell
        '------------------------------> failed
"""

from __future__ import annotations

import asyncio
import functools
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from wattproof.drivers.charging import ChargingSession
from wattproof.errors import InvalidValue, MeterSilent, SessionFailed, StorageError, WattproofError
from wattproof.gateway.acquire.judging import Judge
from wattproof.gateway.acquire.keeping import Commit, Keeping
from wattproof.gateway.acquire.site import NO_SPACE
from wattproof.gateway.acquire.station import Source, charging_driver
from wattproof.gateway.events import Id, event
from wattproof.gateway.local import CommandFailed, Failing
from wattproof.gateway.records import Audit, Session, Write
from wattproof.gateway.store.base import Store
from wattproof.meters.abb.driver import Cause

log = logging.getLogger(__name__)

#: States in which a meter is taken.
OPEN = ("beginning", "running", "ending")
#: Seconds between two tries to go on with a session.
AGAIN = 10.0
#: Seconds that whoever ends a session waits for the meter to sign.
WAIT = 30.0
#: What is said where the end has to wait.
LATER = "the end is kept, and the session is ended as soon as the meter is back"
OFFLINE = "the meter is offline"
#: Options of a session that name what its record signs.
SIGNED = ("identification", "evse")

Now = Callable[[], int]
SourceOf = Callable[[str], Awaitable[Source]]
#: Held while the meter with a serial number signs.
Signing = Callable[[str], AbstractContextManager[None]]


@dataclass
class _Open:
    """A session in memory. ``charging``: with the meter, ``None`` until it is reached (again). ``end``: somebody asked
    for its end. ``wake``: there is a reason to try at once. ``closing``: the state that it gets when that is stored;
    ``error``: why it did not end as it should. ``waiting``: who is told of the outcome of the next try."""

    session: Session
    charging: ChargingSession | None = None
    stored: set[str] = field(default_factory=set)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    end: asyncio.Event = field(default_factory=asyncio.Event)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    closing: str | None = None
    error: WattproofError | None = None
    waiting: list[asyncio.Future[WattproofError | None]] = field(default_factory=list)

    def tell(self, error: WattproofError | None) -> None:
        """How the try went."""
        for future in self.waiting:
            if not future.done():
                future.set_result(error)
        self.waiting.clear()


class Sessions:
    """All sessions of the gateway. ``source_of`` gives the source of a meter, or raises :class:`CommandFailed`; ``now``
    is host time, UTC ms; within ``signing`` a meter is busy; ``away``: whether it is known to be offline; ``commit``
    stores writes durably, by default in ``store``."""

    def __init__(
        self,
        store: Store,
        source_of: SourceOf,
        now: Now,
        signing: Signing = lambda serial: nullcontext(),
        *,
        commit: Commit | None = None,
        away: Callable[[str], bool] = lambda serial: False,
        judge: Judge = Judge(),  # noqa: B008
    ) -> None:
        self._store = store
        self._source_of = source_of
        self._now = now
        self._signing = signing
        self._away = away
        self._keeping = Keeping(store, commit or store.commit, now, judge)
        self._open: dict[str, _Open] = {}
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
                ``meter`` that is offline or gave no reliable begin record, ``storage``.
        """
        self._check_free(serial)
        source = await self._source_of(serial)
        charging, family = _charging(source, options)
        self._check_free(serial)
        if self._away(serial):
            raise CommandFailed(Failing.METER, Cause.INVALID_RESPONSE.value, detail=OFFLINE)
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
        one = _Open(session, charging)
        charging.keep_with(functools.partial(self._keep, one))
        audit = self._audit(user, address, "session begin", session)
        await asyncio.shield(self._spawn(self._begin(one, charging, audit)))
        return session.id

    def _check_free(self, serial: str) -> None:
        if serial in self._taken:
            raise CommandFailed(Failing.CONFLICT, "a session is running on this meter")

    async def _begin(self, one: _Open, charging: ChargingSession, audit: Audit) -> None:
        try:
            await self._keeping.commit(one.session, audit)
        except BaseException:
            self._taken.discard(one.session.serial)
            raise
        self._open[one.session.id] = one
        try:
            with self._signing(one.session.serial):
                await charging.begin()
        except WattproofError as error:
            await self._not_begun(one, charging, error)
            raise _failed(error) from error
        try:
            await self._change(one, state="ending" if one.end.is_set() else "running")
        except WattproofError:
            one.end.set()  # nobody gets to know its id, and energy may flow
            raise
        finally:
            self._spawn(self._lead(one))

    async def _not_begun(self, one: _Open, charging: ChargingSession, error: WattproofError) -> None:
        """Close the session as failed; where it may be open at the meter all the same, try on to end it there."""
        failure = charging.record.failure = charging.record.failure or str(error)
        one.end.set()
        try:
            if charging.unfinished:
                log.warning("session %s of %s has not begun, but may be open at the meter: %s", *_names(one), failure)
                one.charging = None
                await self._keep(one, charging.record)
                await self._change(one, state="ending", options={**one.session.options, "failure": failure})
            else:
                one.closing, one.error = "failed", _failed(error)
                await self._close(one, charging, one.closing)
        except WattproofError as trouble:
            log.error("session %s of %s cannot be stored: %s", *_names(one), trouble)
        if one.session.state in OPEN:
            self._spawn(self._lead(one))

    async def end(self, id: str, who: Mapping[str, str]) -> str:
        """End a session, also where the caller leaves; ending one that is ended already changes nothing.

        Raises:
            CommandFailed: ``unknown`` id; ``conflict`` with a session that failed; ``meter``: it does not answer, and
                the session is ended when it is back, or there is no end as it should be, and the records tell what
                there is; ``storage``.
        """
        known = await self._store.session(id)
        if known is None:
            raise CommandFailed(Failing.UNKNOWN, "unknown session")
        if known.state == "failed":
            raise CommandFailed(Failing.CONFLICT, _how_it_failed(known.options.get("failure")))
        if known.state not in OPEN:
            return id
        one = self._open.get(id) or self._go_on_with(known)
        audit = self._audit(who.get("user", ""), who.get("address", ""), "session end", known)
        await self._change(one, audit, state="beginning" if one.session.state == "beginning" else "ending")
        if one.session.state not in OPEN:
            return await self.end(id, who)
        outcome: asyncio.Future[WattproofError | None] = asyncio.get_running_loop().create_future()
        one.waiting.append(outcome)
        one.end.set()
        one.wake.set()
        if self._away(one.session.serial):
            one.waiting.remove(outcome)
            raise CommandFailed(Failing.METER, f"{OFFLINE}: {LATER}")
        done, _ = await asyncio.wait([outcome], timeout=WAIT)
        if not done:
            one.waiting.remove(outcome)
            raise CommandFailed(Failing.METER, f"the meter has not signed for {WAIT:g} s: {LATER}")
        if (error := outcome.result()) is not None:
            raise error
        return id

    # Going on -----------------------------------------------------------------------------------------------------

    async def resume(self) -> None:
        """After a start: sessions that are open go on; those that had not begun are ended at the meter."""
        for session in await self._store.sessions(limit=1000):
            if session.state in OPEN:
                self._go_on_with(session)

    def returned(self, serial: str) -> None:
        """The meter is back."""
        for one in self._open.values():
            if one.session.serial == serial:
                one.wake.set()

    def _go_on_with(self, session: Session) -> _Open:
        self._taken.add(session.serial)
        one = self._open[session.id] = _Open(session)
        if session.state != "running":
            one.end.set()
        self._spawn(self._lead(one))
        return one

    async def _lead(self, one: _Open) -> None:
        """See a session through to its end, whatever comes between."""
        while True:
            try:
                await self._see_through(one)
                return
            except WattproofError as error:
                await self._trouble(one, error)
            except Exception as error:
                log.exception("session %s of %s met a mistake of ours", *_names(one))
                one.tell(CommandFailed(Failing.INTERNAL, "internal error", detail=str(error)))
            await self._pause(one)

    async def _see_through(self, one: _Open) -> None:
        charging = one.charging or await self._reach(one)
        if one.closing is None:
            if not one.end.is_set():
                await self._watch(one, charging)
            one.closing = await self._finish(one, charging)
        await self._close(one, charging, one.closing)

    async def _reach(self, one: _Open) -> ChargingSession:
        """Take the session up at the meter, from what is stored. What belongs to another session is left alone."""
        if self._away(one.session.serial):
            raise MeterSilent(OFFLINE)
        charging, _ = _charging(await self._source_of(one.session.serial), one.session.options)
        charging.keep_with(functools.partial(self._keep, one))
        kept = await self._store.signed_records(one.session.id)
        one.stored = {record.data.decode() for record in kept if record.role != "session"}
        begin = next((record.data.decode() for record in kept if record.role == "begin"), None)
        failure = one.session.options.get("failure")
        if one.session.state == "beginning" and failure is None:
            failure = "the gateway was restarted, or could store nothing, while the session began"
        try:
            await charging.resume(begin)
        except SessionFailed as error:
            if isinstance(error, MeterSilent):
                raise
            charging.record.failure = str(error)
            one.closing, one.error = "failed", CommandFailed(Failing.CONFLICT, _how_it_failed(str(error)))
        charging.record.failure = "; ".join(filter(None, (failure, charging.record.failure))) or None
        if one.session.options.get("waiting"):
            log.warning("session %s of %s goes on", *_names(one))
            await self._change(one, options={**one.session.options, "waiting": None})
        one.charging = charging
        return charging

    async def _watch(self, one: _Open, charging: ChargingSession) -> None:
        """Until its energy or time is reached, its end is asked for, or the meter says that it cannot go on."""
        energy, duration = one.session.options.get("energy_wh"), one.session.options.get("duration_s")
        if not energy and not duration:
            await one.end.wait()
            return
        try:
            await charging.run(
                energy=None if energy is None else Decimal(str(energy)),
                duration=None if duration is None else float(duration),
                stopped=one.end.is_set,
            )
        except MeterSilent:
            raise
        except SessionFailed as error:
            charging.record.failure = str(error)
            await self._change(one, state="ending", options={**one.session.options, "failure": str(error)})
        one.end.set()

    async def _finish(self, one: _Open, charging: ChargingSession) -> str:
        """Let the meter sign the end, unless it has; the state of the session after that."""
        record = charging.record
        if record.end is None:
            if self._away(one.session.serial):
                raise MeterSilent(OFFLINE)
            try:
                with self._signing(one.session.serial):
                    await charging.end()
            except SessionFailed as error:
                if isinstance(error, MeterSilent):
                    raise
                one.error = _failed(error)
        return "ended" if record.failure is None and one.error is None else "failed"

    async def _trouble(self, one: _Open, error: WattproofError) -> None:
        """The session cannot go on now: say so, once, and tell whoever waits for its end."""
        text = str(error)
        if _is_storage(error):
            log.error("session %s of %s cannot be stored: %s", *_names(one), text)
            one.tell(_failed(error))
            return
        one.tell(CommandFailed(Failing.METER, f"{text}: {LATER}"))
        charging, one.charging = one.charging, None
        level = logging.DEBUG if one.session.options.get("waiting") else logging.WARNING
        log.log(level, "session %s of %s stays open and goes on when the meter is back: %s", *_names(one), text)
        with suppress(WattproofError):
            if charging is not None:
                await self._keep(one, charging.record)
            if not one.session.options.get("waiting"):
                told = event(Id.SESSION_INTERRUPTED, self._now(), f"{one.session.serial}, session {one.session.id}")
                await self._change(one, told, options={**one.session.options, "waiting": text})

    async def _pause(self, one: _Open) -> None:
        """Until the meter is back, something is asked for, or a while is over; while it is offline, longer."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(AGAIN):
                    await one.wake.wait()
            one.wake.clear()
            if not self._away(one.session.serial):
                return

    # Keeping ------------------------------------------------------------------------------------------------------

    async def _keep(self, one: _Open, record: Any) -> None:
        await self._keeping.keep(one.session, one.stored, record)

    async def _close(self, one: _Open, charging: ChargingSession, state: str) -> None:
        """The session is over, for good or ill; what it leaves is judged as a whole."""
        record = charging.record
        await self._keep(one, record)
        writes, verdict = await self._keeping.judged(one.session, record)
        options = {
            **one.session.options,
            "failure": record.failure or (None if one.error is None else str(one.error)),
            "waiting": None,
            "notes": list(record.notes),
            "measured_wh": None if record.energy is None else format(record.energy, "f"),
        }
        await self._change(one, *writes, state=state, ended=self._now(), verdict=verdict, options=options)
        self._taken.discard(one.session.serial)
        self._open.pop(one.session.id, None)
        one.tell(one.error)

    async def _change(self, one: _Open, *writes: Write, **changes: Any) -> None:
        """Store a session that has changed; one that is closed changes no more."""
        async with one.lock:
            changed = replace(one.session, **changes) if one.session.state in OPEN else one.session
            await self._keeping.commit(*writes, changed)
            one.session = changed

    def _audit(self, user: str, address: str, action: str, session: Session) -> Audit:
        return Audit(self._now(), user, address, action, session.serial, session.id)

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
    """A session with the meter behind a source, and its family. Raises :class:`CommandFailed`, with the option that
    this meter cannot take."""
    driver = charging_driver(source)
    if driver is None:
        raise CommandFailed(Failing.UNSUPPORTED, "not supported by this meter: signed sessions")
    texts = {name: options.get(name) for name in SIGNED}
    name = " and ".join(SIGNED)
    try:
        for name, text in texts.items():
            driver.session(**{name: text})
        name = " and ".join(SIGNED)
        session: ChargingSession = driver.session(**texts, switching=bool(options.get("switching", True)))
    except InvalidValue as error:
        raise CommandFailed(Failing.INVALID, f"{name}: {error}") from error
    session.comes_back = True
    return session, driver.family


def _names(one: _Open) -> tuple[str, str]:
    return one.session.id, one.session.serial


def _how_it_failed(failure: str | None) -> str:
    return f"the session has failed: {failure or 'the reason is not known'}"


def _is_storage(error: WattproofError) -> bool:
    return isinstance(error, StorageError) or (isinstance(error, CommandFailed) and error.kind is Failing.STORAGE)


def _failed(error: WattproofError) -> CommandFailed:
    """An error as whoever asked for a session gets it."""
    if isinstance(error, CommandFailed):
        return error
    if isinstance(error, StorageError):
        return CommandFailed(Failing.STORAGE, NO_SPACE, detail=str(error))
    return CommandFailed(Failing.INVALID if isinstance(error, InvalidValue) else Failing.METER, str(error))
