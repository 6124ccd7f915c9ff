"""What a transaction does, as a generator of steps that either engine carries out: one meaning, two drivers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from itertools import groupby
from typing import Any

from wattproof.errors import InvalidValue
from wattproof.gateway import records
from wattproof.gateway.records import (
    Audit,
    ClearEvents,
    DropFailures,
    DropToken,
    DropUser,
    Event,
    Layout,
    Readings,
    Row,
    SignedRecord,
    Write,
)
from wattproof.gateway.store import chain
from wattproof.gateway.store.measured import Gathering, Thin, clear_rows, thin
from wattproof.gateway.store.memory import Memory
from wattproof.gateway.store.steps import Ask, Lock, Run, Steps
from wattproof.gateway.store.tables import AUDIT, EVENTS, LAYOUTS, SIGNED_RECORDS, TABLES


def transaction(writes: Iterable[Write], memory: Memory) -> Steps:
    """The steps of one transaction. The engine sends back the rows of each :class:`~.steps.Ask`.

    Raises ``InvalidValue``: a write refers to what does not exist.
    """
    gathering = Gathering(memory)
    for kind, run in groupby(writes, type):
        if kind is Readings:
            yield from gathering.readings(list(run))  # type: ignore[arg-type]
        elif kind is Row:
            yield from gathering.rows(list(run))  # type: ignore[arg-type]
        else:
            handle = _OTHERS.get(kind, _put)
            yield from handle(list(run), memory)
    yield from gathering.filled()


def _put(run: list[Any], memory: Memory) -> Steps:
    table = TABLES[type(run[0])]
    if table.unless is None:
        yield Run(table.insert, [table.pack(write) for write in run])
        return
    for write in run:
        if getattr(write, table.unless) is None:
            yield Run(table.delete, [table.key_of(write)])
        else:
            yield Run(table.insert, [table.pack(write)])


def _drop_user(run: list[DropUser], memory: Memory) -> Steps:
    for write in run:
        yield Run('DELETE FROM users WHERE "name" = ?', [(write.name,)])
        yield Run('DELETE FROM bindings WHERE "user" = ?', [(write.name,)])
        yield Run('DELETE FROM tokens WHERE "user" = ?', [(write.name,)])
        yield Run('DELETE FROM failures WHERE "key" = ?', [(f"user:{write.name}",)])
        begins = [f"pair:{write.name}@", f"known:{write.name}@"]
        yield Run('DELETE FROM failures WHERE substr("key", 1, ?) = ?', [(len(begin), begin) for begin in begins])


def _drop_failures(run: list[DropFailures], memory: Memory) -> Steps:
    yield Run('DELETE FROM failures WHERE "key" = ?', [(write.key,) for write in run])


def _drop_token(run: list[DropToken], memory: Memory) -> Steps:
    yield Run('DELETE FROM tokens WHERE "id" = ?', [(write.id,) for write in run])


def _layouts(run: list[Layout], memory: Memory) -> Steps:
    """Id 0: the store chooses one, unless there is such a layout."""
    for write in run:
        packed = LAYOUTS.pack(write)
        if len(write.quantities) != len(write.exponents) or not write.quantities:
            raise InvalidValue("a layout has one exponent for each of its quantities, and at least one")
        yield Lock()
        yield Run(LAYOUTS.insert, [packed]) if write.id else Run(_NEW_LAYOUT, [packed[1:]])


_NEW_LAYOUT = (
    'INSERT INTO layouts ("id", "quantities", "exponents") VALUES ((SELECT coalesce(max("id"), 0) + 1 FROM layouts),'
    " ?, ?) ON CONFLICT DO NOTHING"
)


def _events(run: list[Event], memory: Memory) -> Steps:
    yield Lock()
    found = yield Ask('SELECT coalesce(max("number"), 0) FROM events')
    first = int(found[0][0]) + 1
    yield Run(EVENTS.insert, [(*EVENTS.pack(write), number) for number, write in enumerate(run, first)])


def _clear_events(run: list[ClearEvents], memory: Memory) -> Steps:
    for write in run:
        yield Run(_EVENT_CLEARING, [(write.time,)])


_EVENT_CLEARING = (
    'INSERT INTO event_clearings ("number", "time") VALUES ((SELECT coalesce(max("number"), 0) FROM events), ?)'
    " ON CONFLICT DO NOTHING"
)


def _signed_records(run: list[SignedRecord], memory: Memory) -> Steps:
    yield Lock()
    found = yield Ask('SELECT coalesce(max("number"), 0) FROM signed_records')
    first = int(found[0][0]) + 1
    yield Run(
        SIGNED_RECORDS.insert,
        [
            (*SIGNED_RECORDS.pack(write), number, hashlib.sha256(write.data).hexdigest())
            for number, write in enumerate(run, first)
        ],
    )


def _audit(run: list[Audit], memory: Memory) -> Steps:
    yield Lock()
    found = yield Ask('SELECT "number", "hash" FROM audit ORDER BY "number" DESC LIMIT 1')
    number, previous = found[0] if found else (0, chain.BEGINNING)
    packed = []
    for write in run:
        number, previous = number + 1, chain.link(previous, number + 1, write)
        packed.append((*AUDIT.pack(write), number, previous))
    yield Run(AUDIT.insert, packed)


_OTHERS: dict[type[Write], Callable[[list[Any], Memory], Steps]] = {
    Thin: thin,
    records.ClearRows: clear_rows,
    records.DropUser: _drop_user,
    records.DropFailures: _drop_failures,
    records.DropToken: _drop_token,
    records.Layout: _layouts,
    records.Event: _events,
    records.ClearEvents: _clear_events,
    records.SignedRecord: _signed_records,
    records.Audit: _audit,
}
