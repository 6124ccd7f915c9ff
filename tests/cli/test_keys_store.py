"""`wattproof keys --keys DIRECTORY`: the register in a gateway's store, on both engines, running or not, and killed."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.gateway.postgres import Cluster, cluster, programs
from wattproof.cli import output, run
from wattproof.gateway.acquire import service
from wattproof.gateway.config import Config
from wattproof.gateway.records import Audit, Meter, PublicKey, RegisteredKey
from wattproof.gateway.store.opening import FILE, open_reader, open_store
from wattproof.io.journal import DirectoryLock
from wattproof.signed import curves, testkeys
from wattproof.signed.forging import forge

SEED, KILLS = 4711, 5


def key(number: int) -> bytes:
    return curves.spki(testkeys.private_key("secp256r1", f"key {number}"))


@pytest.fixture(scope="module")
def postgres() -> Iterator[Cluster]:
    """A server that syncs: what it acknowledged must be there."""
    if programs() is None:
        pytest.skip("no PostgreSQL: install the package postgresql, or put initdb into PATH")
    with cluster("shared_buffers=32MB") as made:
        yield made


@pytest.fixture(params=["sqlite", "postgresql"])
def data(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A data directory of a gateway that has never run."""
    made = tmp_path / "gateway"
    made.mkdir(mode=0o700)
    config = '[gateway]\ntimezone = "Europe/Berlin"\n'
    if request.param == "postgresql":
        config += f'[store]\nurl = "{request.getfixturevalue("postgres").database()}"\n'
    (made / "gateway.toml").write_text(config)
    return made


def address(data: Path) -> str:
    text = (data / "gateway.toml").read_text()
    return text.split('url = "')[1].split('"')[0] if "[store]" in text else "sqlite"


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, data: Path) -> Any:
    monkeypatch.setenv("WATTPROOF_KEYS", str(data))

    def call(*arguments: object) -> SimpleNamespace:
        output.console.cache_clear()
        output.errors.cache_clear()
        code = run([*map(str, arguments)])
        out, err = capsys.readouterr()
        return SimpleNamespace(code=code, out=out, err=err)

    return call


def rows(call: Any) -> list[tuple[str | None, str, str]]:
    result = call("keys", "list", "--json")
    assert result.code == 0, result.err
    listed = json.loads(result.out)["keys"]
    return [(row["serial"], row["state"], row["public_key"]) for row in listed]


async def stored(data: Path) -> tuple[list[RegisteredKey], list[Audit]]:
    reader = await open_reader(address(data), data)
    try:
        return await reader.registered_keys(), [entry async for _, _, entry in reader.audit()]
    finally:
        await reader.close()


def test_verify_asks_the_register_and_pins_into_it(call: Any, tmp_path: Path) -> None:
    session = tmp_path / "session.xml"
    session.write_bytes(forge("SAFE-XML", serial="M2").data)
    none = call("verify", session)
    assert none.code == 5 and "the gateway makes it when it starts" in none.err
    assert call("keys", "add", key(1).hex(), "--serial", "M1").code == 0
    seen = call("verify", session, "--allow-test-keys", "--pin")
    assert seen.code == 0 and "YELLOW" in seen.out
    assert [row[:2] for row in rows(call)] == [("M1", "seen"), ("M2", "seen")]
    assert call("keys", "trust", "M2").code == 0
    trusted = call("verify", session, "--allow-test-keys", "--strict")
    assert trusted.code == 0 and "GREEN" in trusted.out
    assert call("keys", "revoke", "M2", "--reason", "stolen").code == 0
    assert "F-KEY-REVOKED" in call("verify", session, "--allow-test-keys").out


def test_a_key_is_added_trusted_and_revoked(call: Any, data: Path, tmp_path: Path) -> None:
    assert call("keys", "add", key(1).hex(), "--serial", "M1", "--source", "delivery note").code == 0
    assert call("keys", "trust", "M1", "--source", "read off the meter").code == 0
    session = tmp_path / "session.xml"
    session.write_bytes(forge("SAFE-XML", serial="M2").data)
    assert call("keys", "import", session).code == 0
    assert call("keys", "revoke", "M1", "--reason", "stolen").code == 0
    assert [row[:2] for row in rows(call)] == [("M1", "revoked"), ("M2", "seen")]
    history = json.loads(call("keys", "list", "M1", "--json").out)["keys"][0]["history"]
    assert [(event["state"], event["source"]) for event in history] == [
        ("seen", "delivery note"), ("trusted", "read off the meter"), ("revoked", "stolen"),
    ]  # fmt: skip
    found, audit = asyncio.run(stored(data))
    assert {one.serial for one in found} == {"M1", "M2"}
    assert [(one.action, one.subject) for one in audit] == [("keys", name) for name in ("M1", "M1", "M2", "M1")]
    assert "revoked" in audit[-1].detail and audit[-1].detail.endswith("stolen")
    assert call("keys", "trust", "M1").code == 2


def test_keys_that_the_gateway_saw_are_there_and_can_be_trusted(call: Any, data: Path) -> None:
    async def taken() -> None:
        store = await open_store(address(data), data)
        await store.commit(Meter("M1", "bsm", 1, "", "hall", {"unit": 1}), PublicKey("M1", key(1), 1_767_323_045_000))
        await store.close()

    asyncio.run(taken())
    assert rows(call) == [("M1", "seen", key(1).hex())]
    assert asyncio.run(stored(data))[0] == [], "looking changes nothing"
    assert call("keys", "trust", "M1").code == 0
    (row,) = asyncio.run(stored(data))[0]
    assert next((time, state) for time, state, _ in row.history) == ("2026-01-02T03:04:05Z", "seen")
    assert row.history[-1][1] == "trusted"
    assert call("keys", "add", key(2).hex(), "--serial", "M1").code == 0
    assert rows(call) == [("M1", "trusted", key(1).hex()), ("M1", "seen", key(2).hex())]


def test_a_command_that_fails_changes_nothing(call: Any, data: Path) -> None:
    assert call("keys", "add", key(1).hex(), "nonsense", "--serial", "M1").code == 2
    assert rows(call) == [] and asyncio.run(stored(data)) == ([], [])


def test_a_running_gateway_writes_itself(call: Any, data: Path) -> None:
    """It holds the store; the register goes over its local socket, and is durable when it answers."""

    async def running() -> None:
        ready: asyncio.Queue[object] = asyncio.Queue()
        stopping = asyncio.Event()
        config = Config(data=data, store_url=address(data), timezone="Europe/Berlin")
        gateway = asyncio.create_task(service.run(config, ready=ready.put_nowait, stopping=stopping))
        await asyncio.wait_for(ready.get(), 30)
        added = await asyncio.to_thread(call, "keys", "add", key(1).hex(), "--serial", "M1", "--trust")
        assert added.code == 0, added.err
        assert await asyncio.to_thread(rows, call) == [("M1", "trusted", key(1).hex())]
        found, audit = await stored(data)
        assert len(found) == 1 and "keys" in [entry.action for entry in audit]
        stopping.set()
        await asyncio.wait_for(gateway, 30)

    asyncio.run(running())
    assert rows(call) == [("M1", "trusted", key(1).hex())]


def test_a_directory_in_use_by_something_else_is_exit_code_five(
    call: Any, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert call("keys", "add", key(1).hex(), "--serial", "M1").code == 0
    monkeypatch.setattr("wattproof.cli.keystore._PATIENCE", 0.3)
    with DirectoryLock(data):
        result = call("keys", "add", key(2).hex(), "--serial", "M2")
    assert result.code == 5 and "no gateway answers" in result.err
    assert len(rows(call)) == 1


@pytest.mark.parametrize("data", ["sqlite"], indirect=True)
def test_other_directories_are_refused_and_left_alone(call: Any, data: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    for arguments in (["add", key(1).hex(), "--serial", "M1"], ["list"]):
        result = call("keys", *arguments, "--keys", other)
        assert result.code == 2 and "no data directory of a gateway" in result.err
    assert list(other.iterdir()) == []
    assert call("keys", "list").code == 5, "there is no store yet"


def _start(data: Path, number: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "wattproof", "keys", "add", key(number).hex(), "--serial", f"M{number}", "--trust"]
    return subprocess.Popen(
        [*command, "--keys", str(data), "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_commands_at_once_lose_nothing(call: Any, data: Path) -> None:
    started = [_start(data, number) for number in range(3)]
    assert [process.communicate(timeout=60)[0] != "" for process in started] == [True] * 3
    assert [row[:2] for row in rows(call)] == [(f"M{number}", "trusted") for number in range(3)]


def test_what_was_acknowledged_survives_kill_9(call: Any, data: Path) -> None:
    """Killed at any moment: a key is there whole or not at all, and there if the command said so."""
    source = random.Random(SEED)
    begun = time.monotonic()
    assert _start(data, 0).communicate(timeout=60)[0]
    usual = time.monotonic() - begun
    said = {0}
    for number in range(1, KILLS + 1):
        process = _start(data, number)
        time.sleep(usual * source.uniform(0.4, 1.2))
        os.kill(process.pid, signal.SIGKILL)
        answer, _ = process.communicate(timeout=60)
        if answer.strip().endswith("}"):
            said.add(number)
    found = {row[0]: row for row in rows(call)}
    assert {f"M{number}" for number in said} <= found.keys()
    assert all(row == (f"M{number}", "trusted", key(number).hex()) for number in range(KILLS + 1)
               if (row := found.get(f"M{number}")) is not None)  # fmt: skip
    assert _start(data, 99).communicate(timeout=60)[0], "the next command works"
    assert (data / FILE).exists() is (address(data) == "sqlite")
