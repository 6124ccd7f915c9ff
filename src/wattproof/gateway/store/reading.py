"""Everything else that is read from a store, in the SQL that both engines understand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec

from wattproof.gateway.records import (
    Access,
    Audit,
    Correction,
    Event,
    Failures,
    Meter,
    MeterEvent,
    PublicKey,
    RegisteredKey,
    Series,
    Session,
    SignedRecord,
    Token,
    User,
)
from wattproof.gateway.store.streams import ALL, PART, MeasuredReader
from wattproof.gateway.store.tables import (
    AUDIT,
    BINDINGS,
    CORRECTIONS,
    ENGINE_STATES,
    EVENTS,
    FAILURES,
    KEY_REGISTER,
    METER_EVENTS,
    METERS,
    PUBLIC_KEYS,
    SERIES,
    SESSIONS,
    SETTINGS,
    SIGNED_RECORDS,
    TOKENS,
    USERS,
)

#: The same of signed records, which are larger, and of counters of failed logins.
RECORDS = 500
_CLEARED = 'SELECT coalesce(max("number"), 0) FROM event_clearings'
_document = msgspec.json.Decoder().decode


class SqlReader(MeasuredReader):
    """The :class:`~wattproof.gateway.store.base.Reader` of both engines."""

    async def settings(self) -> dict[str, Any]:
        return {name: _document(value) for name, value in await self.fetch(SETTINGS.select())}

    async def setting(self, name: str, default: Any = None) -> Any:
        found = await self.fetch(SETTINGS.select('WHERE "name" = ?'), name)
        return _document(found[0][1]) if found else default

    async def users(self) -> list[User]:
        return [USERS.unpack(row) for row in await self.fetch(USERS.select('ORDER BY "name"'))]

    async def user(self, name: str) -> User | None:
        found = await self.fetch(USERS.select('WHERE "name" = ?'), name)
        return USERS.unpack(found[0]) if found else None

    async def bindings(self, user: str) -> dict[str, Access]:
        found = await self.fetch(BINDINGS.select('WHERE "user" = ? ORDER BY "serial"'), user)
        return {serial: Access(access) for _, serial, access in found}

    async def tokens(self, user: str | None = None) -> list[Token]:
        rest = 'WHERE CAST(? AS TEXT) IS NULL OR "user" = ? ORDER BY "created", "id"'
        return [TOKENS.unpack(row) for row in await self.fetch(TOKENS.select(rest), user, user)]

    async def failures(self, keys: Sequence[str]) -> dict[str, Failures]:
        if not keys:
            return {}
        rest = f'WHERE "key" IN ({", ".join("?" * len(keys))})'
        found = [FAILURES.unpack(row) for row in await self.fetch(FAILURES.select(rest), *keys)]
        return {counter.key: counter for counter in found}

    async def idle_failures(self, before: int) -> AsyncIterator[list[str]]:
        after = ""
        sql = FAILURES.select('WHERE "until" < ? AND "key" > ? ORDER BY "key" LIMIT ?')
        while found := [FAILURES.unpack(row) for row in await self.fetch_part(sql, before, after, RECORDS)]:
            yield [counter.key for counter in found if max(counter.times, default=0) < before]
            after = found[-1].key

    async def meters(self, *, active: bool = True) -> list[Meter]:
        rest = 'WHERE "active" OR NOT ? ORDER BY "location", "serial"'
        return [METERS.unpack(row) for row in await self.fetch(METERS.select(rest), active)]

    async def meter(self, serial: str) -> Meter | None:
        found = await self.fetch(METERS.select('WHERE "serial" = ?'), serial)
        return METERS.unpack(found[0]) if found else None

    async def series(self, serial: str, *, former: bool = False) -> list[Series]:
        rest = (
            'WHERE "serial" = ? ORDER BY "time", "kind", "channel"'
            if former
            else (
                'WHERE "serial" = ? AND "time" = (SELECT max(s."time") FROM series s WHERE s."serial" = series."serial"'
                ' AND s."kind" = series."kind" AND s."channel" = series."channel") ORDER BY "kind", "channel"'
            )
        )
        return [SERIES.unpack(row) for row in await self.fetch(SERIES.select(rest), serial)]

    async def events(self, *, limit: int | None = None) -> list[tuple[int, Event]]:
        rest = f'WHERE "number" > ({_CLEARED}) ORDER BY "number" DESC LIMIT ?'
        sql = f'SELECT "number" - ({_CLEARED}), {EVENTS.selected} FROM events {rest}'
        return [(row[0], EVENTS.unpack(row[1:])) for row in await self.fetch(sql, ALL if limit is None else limit)]

    async def meter_events(self, serial: str, log: str, *, until: int | None, count: int) -> list[MeterEvent]:
        rest = 'WHERE "serial" = ? AND "log" = ? AND "local" <= ? ORDER BY "number" DESC LIMIT ?'
        found = await self.fetch(METER_EVENTS.select(rest), serial, log, ALL if until is None else until, count)
        return [METER_EVENTS.unpack(row) for row in found]

    async def engine_states(self, serial: str) -> dict[str, Any]:
        found = await self.fetch(ENGINE_STATES.select('WHERE "serial" = ?'), serial)
        return {name: _document(state) for _, name, state in found}

    async def corrections(self, serial: str) -> list[Correction]:
        found = await self.fetch(CORRECTIONS.select('WHERE "serial" = ? ORDER BY "time", "quantity"'), serial)
        return [CORRECTIONS.unpack(row) for row in found]

    async def keys(self, serial: str) -> list[PublicKey]:
        found = await self.fetch(PUBLIC_KEYS.select('WHERE "serial" = ? ORDER BY "seen", "key"'), serial)
        return [PUBLIC_KEYS.unpack(row) for row in found]

    async def registered_keys(self) -> list[RegisteredKey]:
        found = await self.fetch(KEY_REGISTER.select('ORDER BY "serial", "key"'))
        return [KEY_REGISTER.unpack(row) for row in found]

    async def session(self, id: str) -> Session | None:
        found = await self.fetch(SESSIONS.select('WHERE "id" = ?'), id)
        return SESSIONS.unpack(found[0]) if found else None

    async def sessions(self, serial: str | None = None, *, limit: int = 100) -> list[Session]:
        where, bound = ("", ()) if serial is None else ('WHERE "serial" = ?', (serial,))
        rest = f'{where} ORDER BY "begun" DESC, "id" DESC LIMIT ?'
        return [SESSIONS.unpack(row) for row in await self.fetch(SESSIONS.select(rest), *bound, limit)]

    async def signed_records(self, session: str) -> list[SignedRecord]:
        found = await self.fetch(SIGNED_RECORDS.select('WHERE "session" = ? ORDER BY "number"'), session)
        return [SIGNED_RECORDS.unpack(row) for row in found]

    async def signed_batches(
        self, *, serial: str | None = None, first: int | None = None, last: int | None = None
    ) -> AsyncIterator[list[SignedRecord]]:
        where, bounds = '"number" > ?', []
        limits = (('"serial" = ?', serial), ('"time" >= ?', first), ('"time" <= ?', last))
        for condition, bound in limits:
            if bound is not None:
                where += f" AND {condition}"
                bounds.append(bound)
        columns = SIGNED_RECORDS.selected
        sql = f'SELECT {columns}, "number" FROM signed_records WHERE {where} ORDER BY "number" LIMIT ?'
        number = 0
        while part := await self.fetch_part(sql, number, *bounds, RECORDS):
            yield [SIGNED_RECORDS.unpack(row) for row in part]
            number = part[-1][-1]

    async def audit(self, *, after: int = 0, limit: int | None = None) -> AsyncIterator[tuple[int, str, Audit]]:
        sql = f'SELECT "number", "hash", {AUDIT.selected} FROM audit WHERE "number" > ? ORDER BY "number" LIMIT ?'
        left = ALL if limit is None else limit
        while left > 0:
            size = min(PART, left)
            part = await self.fetch_part(sql, after, size)
            for row in part:
                yield row[0], row[1], AUDIT.unpack(row[2:])
            if len(part) < size:
                return
            left, after = left - size, part[-1][0]

    async def last_audit(self) -> int:
        return int((await self.fetch('SELECT coalesce(max("number"), 0) FROM audit'))[0][0])
