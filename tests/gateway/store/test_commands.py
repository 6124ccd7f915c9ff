"""`wattproof export`, `backup` and `restore` on the command line."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.store.filling import content, fill
from wattproof.cli import run
from wattproof.gateway.records import Setting
from wattproof.gateway.store.opening import open_store
from wattproof.io.journal import DirectoryLock


@pytest.fixture
def config(url: str, tmp_path: Path) -> list[str]:
    """Options that name a gateway whose store has content."""
    data = tmp_path / "data"
    data.mkdir()
    (tmp_path / "gateway.toml").write_text(f'[gateway]\ndata = "data"\n[store]\nurl = "{url}"\n')

    async def filled() -> None:
        store = await open_store(url, data)
        await fill(store, rows=30)
        await store.close()

    asyncio.run(filled())
    return ["--config", str(tmp_path / "gateway.toml")]


def answer(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> Any:
    """What a command prints as JSON, or its complaint."""
    found = run([*arguments, "--json"])
    out, err = capsys.readouterr()
    assert found == code, err
    return json.loads(out) if code == 0 else err


def test_a_backup_is_checked_and_restored(
    config: list[str], url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(tmp_path / "b.zip")
    made = answer(capsys, "backup", *config, "--output", file)
    assert made["output"] == file
    assert made["tables"]["readings"] == 61
    before = asyncio.run(content(url, tmp_path / "data"))
    checked = answer(capsys, "restore", file, "--check")
    assert (checked["rows"], checked["restored"]) == (made["rows"], False)
    assert "--replace" in answer(capsys, "restore", file, *config, code=5)

    async def changed() -> None:
        store = await open_store(url, tmp_path / "data")
        await store.commit(Setting("later", 1))
        await store.close()

    asyncio.run(changed())
    with DirectoryLock(tmp_path / "data"):
        assert "stop that process" in answer(capsys, "restore", file, *config, "--replace", code=2)
    if url == "sqlite":
        assert answer(capsys, "restore", file, *config, "--replace")["audit_entries"] == 3
        assert asyncio.run(content(url, tmp_path / "data")) == before
    (tmp_path / "b.zip").write_bytes(b"PK")
    assert "damaged or no backup" in answer(capsys, "restore", file, *config, "--replace", code=5)


def test_exports(config: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["export", "profiles", *config, "--meter", "00000001", "--to", "2025-06-15T18:00"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["serial"] for row in rows] == ["00000001"] * 12
    for name, kind in (("x.parquet", "parquet"), ("x.csv", "csv")):
        done = answer(capsys, "export", "readings", *config, "--output", str(tmp_path / name))
        assert (done["format"], done["rows"]) == (kind, 30 * 3 + 30 + 1)
        assert (tmp_path / name).exists()
    assert answer(capsys, "export", "records", *config, "--output", str(tmp_path / "r"))["rows"] == 2
    assert "no meter 'x'" in answer(
        capsys, "export", "records", *config, "--meter", "x", "--output", str(tmp_path / "q"), code=2
    )
    assert "--output" in answer(capsys, "export", "records", *config, code=2)
    assert "no time" in answer(capsys, "export", "records", *config, "--from", "today", code=2)
    for times in (("2025-06-16", "2025-06-15"), ("2025-06-15", "2025-06-15T02:00+02:00")):
        said = answer(capsys, "export", "records", *config, "--from", times[0], "--to", times[1], code=2)
        assert "--from must be before --to" in said
    assert "there is no store" in answer(
        capsys, "export", "records", "--data", str(tmp_path / "none"), "--output", str(tmp_path / "q"), code=5
    )
    assert not (tmp_path / "q").exists()
