"""The whole gateway: first start, a meter, a signed session, processes that are killed, restarts."""

from __future__ import annotations

import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.running_gateway import Gateway, gateway, simulated

METER = '[[bus]]\nname = "hall"\nurl = "{url}"\n[[meter]]\nbus = "hall"\nfamily = "bsm"\nlocation = "Park"\n'


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One gateway with a BSM for all tests that do not care about its start."""
    folder = tmp_path_factory.mktemp("gateway")
    with (
        simulated("bsm", "--listen", "tcp://127.0.0.1:0", "--load", "constant:11040", "--seed", "7") as meter,
        gateway(folder, METER.format(url=meter["listen"][0])) as made,
    ):
        made.change_password()
        made.until("/meters", lambda found: found["locations"])
        yield made


@pytest.fixture(scope="module")
def serial(running: Gateway) -> str:
    return str(running.get("/meters")["locations"][0]["meters"][0]["serial"])


@pytest.mark.proves("G-301", "G-302", "G-303", "G-304")
def test_first_start(tmp_path: Path) -> None:
    with gateway(tmp_path) as first:
        file = first.data / "initial-password"
        one_time = first.password
        assert file.read_text().strip() == one_time
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert first.ask("GET", "/about").status == 200
        assert first.ask("GET", "/meters").status == 403
        assert first.ask("GET", "/gateway").status == 403
        for line in (tmp_path / "gateway.log").read_text().splitlines():
            assert one_time not in line
    with gateway(tmp_path, password=one_time) as second:
        assert second.ready["gateway"]["password"] is None
        assert second.ask("GET", "/meters").status == 403
        second.change_password()
        assert not file.exists()
        assert second.ask("GET", "/meters").status == 200
        assert second.ask("GET", "/meters", password=one_time).status == 401
    for path in first.data.iterdir():
        if path.is_file() and path.name != "certificate.pem":
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_the_values_of_the_meter(running: Gateway, serial: str) -> None:
    found = running.until(f"/meters/{serial}/instrument", lambda body: "l1" in body)
    assert found["l1"]["voltage"] == ["230.0", "V"]
    assert running.get(f"/meters/{serial}/status")["status"] == 1
    profile = running.get(f"/meters/{serial}/loadprofiles/configuration")
    assert profile["lpconfig"][0] == [900, 1, 35040]


def test_a_signed_session_is_true(running: Gateway, serial: str) -> None:
    begun = running.ask("POST", f"/api/v1/meters/{serial}/sessions", {"identification": "rfid:1", "evse": "E1"})
    assert begun.status == 201, begun
    id = begun.json["id"]
    assert running.ask("POST", f"/api/v1/meters/{serial}/sessions", {}).status == 409
    time.sleep(1.5)
    ended = running.ask("POST", f"/api/v1/sessions/{id}/end")
    assert ended.status == 200, ended
    assert (ended.json["state"], ended.json["true"]) == ("ended", True)
    assert [record["role"] for record in ended.json["records"]] == ["begin", "end", "session"]
    actions = [entry["action"] for entry in running.get("/api/v1/audit?limit=1000")["items"]]
    assert actions[-2:] == ["session begin", "session end"]
    assert running.ask("POST", f"/api/v1/sessions/{id}/end").json == ended.json, "ending it twice changes nothing"
    (listed,) = running.get(f"/api/v1/meters/{serial}/sessions")["sessions"]
    assert listed == {**ended.json, "records": None}


@pytest.mark.proves("G-014")
@pytest.mark.parametrize("name", ["serve", "acquire"])
def test_a_killed_process_comes_back_and_loses_nothing(running: Gateway, serial: str, name: str) -> None:
    before = running.processes()
    for count in range(3):
        alias = f"alias {name} {count}"
        written = {"alias": alias, "location": "Park", "serial": running.get("/gateway")["serial"]}
        assert running.insist("POST", "/gateway", written).status == 200
        running.kill(name)
        assert running.until("/gateway", lambda found: True)["alias"] == alias
        running.until(f"/meters/{serial}/power", lambda found: True)
    after = running.processes()
    other = {"serve": "acquire", "acquire": "serve"}[name]
    assert after[other] == before[other], "the other process went on"


@pytest.mark.proves("G-115", "G-334")
def test_a_restart_by_the_interface(running: Gateway) -> None:
    before = running.processes()
    answer = running.insist("POST", "/gateway/reboot")
    assert (answer.status, answer.json) == (200, {"status": "Rebooting"})
    events = running.until("/gateway/events", lambda found: found["events"] and found["events"][0]["id"] == 11)
    assert [event["id"] for event in events["events"][:2]] == [11, 10]
    running.until("/meters", lambda found: found["locations"])
    after = running.processes()
    assert set(before.values()).isdisjoint(after.values())


@pytest.mark.proves("G-323")
def test_the_reset_button(running: Gateway, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "wattproof", "gateway", "--factory-reset", "--data"]
    refused = subprocess.run([*command, str(running.data)], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert (refused.returncode, "stop that process" in refused.stderr) == (2, True), refused
    without = subprocess.run(command[:-1], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert (without.returncode, "needs --data" in without.stderr) == (2, True)


def test_a_wrong_configuration_ends_it_with_exit_code_2(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text("[gateway]\ncompat = 'x'\n")
    command = [sys.executable, "-m", "wattproof", "gateway", "--config", str(file), "--data", str(tmp_path / "data")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, f"{file}, line 2" in done.stderr) == (2, True), done
    assert not (tmp_path / "data").exists()


def test_a_second_gateway_on_the_same_data_is_refused(running: Gateway) -> None:
    command = [sys.executable, "-m", "wattproof", "gateway", "--data", str(running.data), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (5, ""), done
    assert "in use" in done.stderr
