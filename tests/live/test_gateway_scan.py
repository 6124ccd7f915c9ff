"""A scan over every framing and REST, as #36 asks for it, and meters that it registers."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from wattproof.gateway.acquire.service import Acquire
from wattproof.gateway.config import Config
from wattproof.gateway.local import CommandFailed
from wattproof.gateway.store.sqlite import SQLiteStore
from wattproof.io.clock import SystemClock
from wattproof.meters.opening import VirtualMeter

WHO = {"user": "admin", "address": "127.0.0.1"}
#: Family, where it listens, its unit, and what #35 says of it: protocol, whether the address ends with the unit.
PLACES = (
    ("bsm", "tcp://127.0.0.1:0", 42, "5"),
    ("bsm", "rtu://127.0.0.1:0", 7, "6"),
    ("dmed4", "ascii://127.0.0.1:0", 3, "6"),
    ("dmed4", "tcp://127.0.0.1:0", 1, "5"),
    ("dmed4", "http://127.0.0.1:0", None, "7"),
    ("dmed4:DC1", "http://127.0.0.1:0", None, "7"),
)


async def scanned(acquire: Acquire, body: dict[str, Any]) -> list[dict[str, Any]]:
    await acquire.commands.scan(body, 1, WHO)
    while (found := await acquire.commands.scanned())["scancomplete"] != 1:
        await asyncio.sleep(0.05)
    rows: list[dict[str, Any]] = found["scanresult"]
    return rows


@pytest.mark.proves("G-354")
async def test_a_scan_finds_each_family_on_each_way(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        virtual = [
            await stack.enter_async_context(
                VirtualMeter(model, listen=listen, unit=unit, seed=number + 1, answer_delay=0)
            )
            for number, (model, listen, unit, _) in enumerate(PLACES)
        ]
        store = SQLiteStore(tmp_path / "store.sqlite3")
        acquire = Acquire(store, SystemClock(), Config(data=tmp_path, timezone="Europe/Berlin"))
        await acquire.start()
        try:
            modbus = [meter.urls[0] for meter, (_, _, unit, _) in zip(virtual, PLACES, strict=True) if unit]
            web = [meter.urls[0] for meter, (_, _, unit, _) in zip(virtual, PLACES, strict=True) if not unit]
            body = {"modbus": {"urls": modbus, "range": [1, 3, 7, 42]}, "rest": {"urls": web}}
            rows = await asyncio.wait_for(scanned(acquire, body), 30)
            found = {(row["family"], row["protocol"], row["address"]) for row in rows}
            for meter, (model, _, unit, protocol) in zip(virtual, PLACES, strict=True):
                place = meter.urls[0].partition("://")[2].rstrip("/")
                family = model.partition(":")[0]
                if model == "dmed4:DC1":
                    assert {(family, protocol, f"{place}/{channel}") for channel in (1,)} <= found
                else:
                    assert (family, protocol, place if unit is None else f"{place}/{unit}") in found
            assert all(row["serial"] and len(row["serial"]) <= 16 for row in rows)
            for row in rows[:2]:
                await acquire.commands.register(row["serial"], "", "Hall", WHO)
            for row in rows[:2]:
                values = await acquire.commands.values(row["serial"], [96], 5, 10)
                assert 96 in values
            with pytest.raises(CommandFailed):
                await acquire.commands.register("nobody", "", "", WHO)
        finally:
            await acquire.stop()
            await store.close()
