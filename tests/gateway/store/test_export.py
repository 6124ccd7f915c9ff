"""Exports: what is stored, exactly, as CSV and as Parquet."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from tests.gateway.store.filling import BEGIN, QUARTER, fill
from wattproof.errors import InvalidValue
from wattproof.gateway.records import ClearRows, Group, Kind, Meter, PublicKey, Readings, Row, Series, SignedRecord
from wattproof.gateway.store.base import Store
from wattproof.gateway.store.export import EXPORTS, Wanted
from wattproof.gateway.store.export_files import FORMATS, CSVFile

MINUTE = 60_000
NOW = BEGIN + 1000 * QUARTER


async def exported(store: Store, what: str, **wanted: Any) -> list[dict[str, str]]:
    """As CSV, read back."""
    stream = io.StringIO(newline="")
    file = CSVFile(stream, EXPORTS[what].columns)
    shares = []
    async for rows, share in EXPORTS[what].parts(store, Wanted(NOW, **wanted)):
        file.add(rows)
        shares.append(share)
    assert shares == sorted(shares)
    assert all(0 <= share <= 1 for share in shares)
    stream.seek(0)
    return list(csv.DictReader(stream))


async def test_readings_line_by_line(store: Store) -> None:
    layout = await store.layout({54: -1, 1: 1, 999: 0})
    await store.commit(
        Meter("A", "abb", 2, 1, "b"),
        Meter("B", "abb", 2, 2, "b", active=False),
        Readings("A", Group.LIVE, BEGIN, layout, (2301, None, 7)),
        Readings("A", Group.LIVE, BEGIN + 1, layout, (0, 12, None), "gei"),
        Readings("B", Group.LIVE, BEGIN, layout, (1, 2, 3)),
    )
    named = {"serial": "A", "quantity": "power_fact_l1", "unit": "", "obis": "1-0:33.7.0*255"}
    lines = await exported(store, "readings", serials=("A",))
    assert [(line["time"], line["quantity"], line["value"], line["unit"], line["quality"]) for line in lines] == [
        (instant(BEGIN), lines[0]["quantity"], "230.1", lines[0]["unit"], "good"),
        (instant(BEGIN), "active_energy_import_total", "", "Wh", "missing"),
        (instant(BEGIN), "999", "7", "", "good"),
        (instant(BEGIN + 1), lines[0]["quantity"], "0.0", lines[0]["unit"], "good"),
        (instant(BEGIN + 1), "active_energy_import_total", "120", "Wh", "estimated"),
        (instant(BEGIN + 1), "999", "", "", "invalid"),
    ]
    assert lines[1]["obis"].startswith("1-0:1.8.0")
    assert named["serial"] == lines[0]["serial"]
    assert len(await exported(store, "readings")) == 9
    assert len(await exported(store, "readings", first=BEGIN + 1, last=BEGIN + 1)) == 3


def instant(time: int) -> str:
    return datetime.fromtimestamp(time / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def test_profiles_in_the_scale_that_held(store: Store) -> None:
    rows = [Row("A", Kind.PROFILE, 1, BEGIN + n * QUARTER, n, n, (n,), estimated=n == 2) for n in range(1, 5)]
    await store.commit(
        Meter("A", "abb", 2, 1, "b"),
        Series("A", Kind.PROFILE, 1, BEGIN, ([1, 1],), 900),
        *rows[:2],
        Series("A", Kind.PROFILE, 1, BEGIN + 2 * QUARTER + 1, ([2, -2],), 900),
        *rows[2:],
        Row("A", Kind.PROFILE, 2, BEGIN, 0, 1, (9,)),
        Series("A", Kind.PROFILE, 2, BEGIN, ([1, 0],), 900),
        ClearRows("A", Kind.PROFILE, 2, BEGIN),
    )
    lines = await exported(store, "profiles")
    assert [(line["quantity"], line["value"], line["status"], line["estimated"]) for line in lines] == [
        ("active_energy_import_total", "10", "1", "false"),
        ("active_energy_import_total", "20", "2", "true"),
        ("active_energy_export_total", "0.03", "3", "false"),
        ("active_energy_export_total", "0.04", "4", "false"),
    ]
    assert lines[0]["local"] == "2000-01-01T00:00:01"
    assert lines[0]["time"] == instant(BEGIN + QUARTER)
    assert len(await exported(store, "profiles", last=BEGIN + QUARTER)) == 1


async def test_records_as_they_came(store: Store) -> None:
    text, binary = 'OCMF|{"ü": "a,b"}|{}\n', b"\x00\xff"
    await store.commit(
        PublicKey("A", b"\x30\x59", 4),
        PublicKey("A", b"another", 5),
        SignedRecord("s", "A", "begin", 5, "OCMF", text.encode(), "valid", "green"),
        SignedRecord("s", "A", "end", 6, "BSM", binary, "invalid", "red"),
        SignedRecord("t", "B", "end", 7, "OCMF", b"x", "no-key", "grey"),
    )
    lines = await exported(store, "records")
    assert [(line["role"], line["public_key"], line["encoding"], line["data"]) for line in lines] == [
        ("begin", "3059", "utf-8", text),
        ("end", "3059", "base64", "AP8="),
        ("end", "", "utf-8", "x"),
    ]
    assert [line["session"] for line in await exported(store, "records", serials=("B",), first=1)] == ["t"]


@pytest.mark.parametrize("what", EXPORTS)
async def test_parquet_holds_the_same(store: Store, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wattproof.gateway.store.export_files.GROUP", 70)
    await fill(store, rows=50)
    with FORMATS["parquet"](tmp_path / "x.parquet", EXPORTS[what].columns) as file:
        async for rows, _ in EXPORTS[what].parts(store, Wanted(NOW)):
            file.add(rows)
    lines = await exported(store, what)
    table = pyarrow.parquet.read_table(tmp_path / "x.parquet")
    assert table.num_rows == len(lines) > 0
    for row, line in zip(table.to_pylist(), lines, strict=True):
        assert list(row) == list(line)
        for name, value in row.items():
            assert _same(value, line[name]), (name, value, line[name])


def _same(value: Any, text: str) -> bool:
    match value:
        case None:
            return text == ""
        case datetime(tzinfo=None):
            return datetime.fromisoformat(text) == value
        case datetime():
            return datetime.fromisoformat(text.replace("Z", "+00:00")) == value
        case Decimal():
            return Decimal(text) == value
        case bool():
            return text == str(value).lower()
    return str(value) == text


async def test_a_number_that_does_not_fit_is_no_other_number(store: Store, tmp_path: Path) -> None:
    layout = await store.layout({1: -12})
    await store.commit(Meter("A", "abb", 2, 1, "b"), Readings("A", Group.LIVE, BEGIN, layout, (123,)))
    with (
        pytest.raises(InvalidValue, match="does not fit"),
        FORMATS["parquet"](tmp_path / "x.parquet", EXPORTS["readings"].columns) as file,
    ):
        async for rows, _ in EXPORTS["readings"].parts(store, Wanted(NOW)):
            file.add(rows)
    assert list(tmp_path.glob("x.parquet*")) == []
    assert [line["value"] for line in await exported(store, "readings")] == ["0.000000000123"]
