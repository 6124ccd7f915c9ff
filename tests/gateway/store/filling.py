"""A store with something in every table, and everything that is in one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from wattproof.gateway.records import (
    Access,
    Audit,
    Binding,
    ClearEvents,
    ClearRows,
    Correction,
    EngineState,
    Event,
    Failures,
    Group,
    Kind,
    Meter,
    MeterEvent,
    PublicKey,
    Readings,
    RegisteredKey,
    Row,
    Series,
    Session,
    Setting,
    SignedRecord,
    Token,
    User,
)
from wattproof.gateway.store.base import Store
from wattproof.gateway.store.measured import Thin
from wattproof.gateway.store.opening import open_source

QUARTER = 900_000
BEGIN = 1_750_000_000_000 // QUARTER * QUARTER


def times(count: int) -> range:
    """So many quarters of an hour (UTC ms)."""
    return range(BEGIN, BEGIN + count * QUARTER, QUARTER)


async def fill(store: Store, rows: int = 100) -> None:
    """Put something into every table. Meter 00000001: ``rows`` readings of two groups and of a load profile."""
    live, former = await store.layout({54: -1, 57: -3, 1: 1}), await store.layout({1: 1})
    await store.commit(
        Setting("gateway", {"alias": "Gateway", "ä": [1, None]}),
        User("anna", "$argon2id$", 2, admin=True),
        Binding("anna", "00000001", Access.CONFIGURE),
        Failures("user:anna", (1, 2), 1, 5),
        Token("t", "anna", "ab" * 32, "grafana", ("metrics",), 5, 9),
        Meter("00000001", "abb", 2, 1, "hall", {"unit": 1}, provides=(1, 54), registered=5),
        Meter("00000002", "bsm", 5, "x", "hall", active=False),
        Readings("00000001", Group.LIVE, BEGIN - 1, former, (7,)),
        *(Readings("00000001", Group.LIVE, time, live, (2300 + time % 7, None, time), "gmi") for time in times(rows)),
        *(Readings("00000001", Group.ENERGY, time + 5, former, (time // 9,)) for time in times(rows)),
        Series("00000001", Kind.PROFILE, 1, BEGIN, ([1, 1],), 900, 35040),
        *(Row("00000001", Kind.PROFILE, 2, time, time // 1000, 1, (1,)) for time in times(rows)),
        ClearRows("00000001", Kind.PROFILE, 2, BEGIN),
        *(
            Row("00000001", Kind.PROFILE, 1, time, time // 1000 + 7200, 1, (time // 7,), estimated=time % 2 == 0)
            for time in times(rows)
        ),
        Row("00000001", Kind.PREVIOUS, 0, BEGIN, 9, 1, (1, None), (1, 2)),
        Row("00000001", Kind.DEMAND, 0, BEGIN, 9, 1, ([1, 2, 3, 4],)),
        *(Event(id, 8, id, "détail") for id in range(5)),
        ClearEvents(5),
        Event(9, 4, 10),
        MeterEvent("00000001", "system", 1, 5, 5, 0, 2, 7),
        EngineState("00000001", "demand", {"a": 1}),
        Correction("00000001", 1, 5, "reset", 2**40, 0, 5),
        PublicKey("00000001", b"\x00\xff", 5),
        RegisteredKey("00000001", b"\x00\xff", [("2026-01-01T00:00:00Z", "trusted", "détail")]),
        Session("s", "00000001", "ended", 5, "anna", {"identification": "x"}, 9, {"overall": "green"}),
        SignedRecord("s", "00000001", "begin", 5, "OCMF", b"OCMF|{}|{}", "valid", "green"),
        SignedRecord("s", "00000001", "end", 9, "BSM", b"\x00\x01\xfe", "no-key", "grey"),
        Thin(1, Group.STATIC, 0, BEGIN, 900_000),
        *(Audit(time, "anna", "::1", "POST /login") for time in range(3)),
    )


async def content(url: str, data: Path, **options: Any) -> dict[str, list[str]]:
    """Every row of every table, the same text in both engines."""
    source = await open_source(url, data, **options)
    try:
        found = {}
        for name, columns in (await source.tables()).items():
            ordered = sorted(columns)
            rows = [_text(row) async for part in source.rows(name, ordered) for row in part]
            found[name] = sorted(rows)
        return found
    finally:
        await source.close()


def _text(row: Any) -> str:
    return json.dumps([_plain(value) for value in row])


def _plain(value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, list):
        return json.dumps(value, separators=(",", ":"))
    return value.hex() if isinstance(value, bytes) else value
