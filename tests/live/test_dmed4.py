"""The commands and drivers against a virtual DMED4 over every way that leads to it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from wattproof import VirtualMeter, open_meter, open_meter_sync
from wattproof.cli import run
from wattproof.errors import HttpRefused, LinkError, ProtocolError, Unreachable, UsageError

Capture = pytest.CaptureFixture[str]
CARD, EVSE = "1F2D3A4F5506C7", "DE*ABC*E000123"
QUICK = {"answer-delay": "0", "sign-delay": "0.1", "reboot-delay": "0.5", "start-delay": "0", "init-delay": "0"}
WAYS = [
    "tcp://127.0.0.1:0",
    "tcp://127.0.0.1:0?framing=rtu",
    "rtu://127.0.0.1:0",
    "ascii://127.0.0.1:0",
    "http://127.0.0.1:0",
]
Start = Callable[..., VirtualMeter]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a virtual DMED4 in a thread of its own."""
    running: list[VirtualMeter] = []

    def make(
        *listen: str, settings: dict[str, str] | None = None, model: str = "dmed4", **options: Any
    ) -> VirtualMeter:
        options = {"seed": 1, "load": "constant:36000", **options}
        one = VirtualMeter(model, listen=[*(listen or WAYS)], settings={**QUICK, **(settings or {})}, **options)
        one.__enter__()
        running.append(one)
        return one

    yield make
    for one in running:
        one.__exit__(None, None, None)


def command(capsys: Capture, *arguments: str, code: int = 0) -> Any:
    """Run a command with --json and give what it prints."""
    assert run([*arguments, "--json"]) == code, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("way", WAYS)
def test_reading_without_an_event_loop(start: Start, way: str) -> None:
    one = start(way)
    with open_meter_sync(f"dmed4+{one.urls[0]}") as meter:
        readings = {reading.point: reading for reading in meter.read("voltage", "energy_import_total", "temp_i1_c")}
        assert readings["measure.voltage"].value == 400
        assert readings["measure.temp_i1_c"].value == 25
        assert readings["measure.energy_import_total"].unit == "Wh"
        info = meter.info()
    assert (info.model, info.manufacturer, info.public_key) == ("dmed4", "LOVATO ELECTRIC", one.public_key)
    assert "DMED404R1500" in info.type


@pytest.mark.parametrize("way", WAYS)
async def test_a_session_on_asyncio(way: str) -> None:
    options: dict[str, Any] = {"seed": 1, "load": "constant:36000", "settings": QUICK}
    async with (
        VirtualMeter("dmed4", listen=[way], speed=50, **options) as one,
        open_meter(f"dmed4+{one.urls[0]}") as meter,
    ):
        await meter.begin(identification=CARD, evse=EVSE)
        record = await meter.end()
        assert (record.whole, record.failure) == (True, None)
        assert record.end.record.valid(one.public_key)


@pytest.mark.parametrize("way", ["tcp://127.0.0.1:0", "http://127.0.0.1:0"])
def test_detection_and_scanning(start: Start, capsys: Capture, way: str) -> None:
    one = start(way)
    found = command(capsys, "read", one.urls[0], "voltage")
    assert found["meter"]["model"] == "dmed4"
    assert found["readings"][0]["value"].startswith("400.")
    options = [] if way.startswith("http") else ["--units", "1-2"]
    meters = command(capsys, "scan", one.urls[0], *options)["meters"]
    assert {meter["model"] for meter in meters} == {"dmed4"}
    assert len(meters) == 1
    if not way.startswith("http"):
        assert (meters[0]["unit"], meters[0]["units"]) == (1, [1, 2])
    else:
        assert [(meter["unit"], meter["serial"]) for meter in meters] == [(None, one.serial)]
        assert meters[0]["url"] == f"dmed4+{one.urls[0]}"


@pytest.mark.parametrize("framing", ["tcp", "rtu"])
def test_the_framing_of_a_socket_is_found_out(start: Start, capsys: Capture, framing: str) -> None:
    one = start(f"tcp://127.0.0.1:0?framing={framing}")
    place = one.urls[0].partition("?")[0]
    found = command(capsys, "read", f"dmed4+{place}?framing=auto&timeout=0.3", "voltage")
    assert found["readings"][0]["value"].startswith("400.")
    assert run(["simulate", "dmed4", "--listen", "tcp://127.0.0.1:0?framing=auto"]) == 2
    assert run(["scan", f"{place}?framing=auto"]) == 2
    one.controls["power"] = False
    assert run(["read", f"dmed4+{place}?framing=auto&timeout=0.1", "voltage"]) == 4


def test_the_meters_behind_a_display_are_found_by_channel(start: Start, capsys: Capture) -> None:
    one = start("http://127.0.0.1:0", model="dmed4:DC1", settings={"channels": "1,3"})
    meters = command(capsys, "scan", one.urls[0])["meters"]
    assert [meter["url"].rpartition("?")[2] for meter in meters] == ["channel=1", "channel=3"]
    assert len({meter["serial"] for meter in meters}) == 2
    with open_meter_sync(meters[1]["url"]) as meter:
        meter.begin(identification=CARD)
        assert meter.end().whole
    with pytest.raises(ProtocolError, match="channel=1"), open_meter_sync(one.urls[0]):
        pass
    assert run(["read", f"dmed4+{one.urls[0]}"]) == 1
    assert "404" in (told := capsys.readouterr().err) and "?channel=1 to 4" in told
    assert run(["read", f"dmed4+{one.urls[0]}?channel=2"]) == 1
    assert "none on channel 2" in capsys.readouterr().err


def test_scanning_names_what_does_not_answer(start: Start, capsys: Capture) -> None:
    one = start("http://127.0.0.1:0", "tcp://127.0.0.1:0")
    found = command(capsys, "scan", one.urls[0], "http://127.0.0.1:9")
    assert len(found["meters"]) == len(found["failures"]) == 1
    assert run(["scan", "http://127.0.0.1:9"]) == 4


@pytest.mark.parametrize("way", ["tcp://127.0.0.1:0", "rtu://127.0.0.1:0", "ascii://127.0.0.1:0", "http://127.0.0.1:0"])
@pytest.mark.parametrize("form", ["safe-xml", "ocmf", "json"])
def test_charge(start: Start, capsys: Capture, tmp_path: Path, way: str, form: str) -> None:
    one = start(way, speed=60)
    file = tmp_path / "session"
    summary = command(
        capsys, "charge", f"dmed4+{one.urls[0]}", "--energy", "200", "--identification", CARD, "--evse", EVSE,
        "--format", form, "--output", str(file),
    )  # fmt: skip
    assert summary["files"] == [str(file)]
    assert Decimal(summary["session"]["energy_wh"]) >= 200
    assert [path.name for path in tmp_path.iterdir()] == ["session"]
    if form == "json":
        return
    verdict = command(capsys, "verify", str(file), "--public-key", one.public_key.hex(), "--allow-test-keys")
    (session,) = verdict["sessions"]
    assert (session["verdict"], session["overall"], len(session["records"])) == ("ok", "green", 1)
    assert session["profiles"]["safe-1.4.1"]["verdict"] == "valid"
    assert b"context" not in file.read_bytes()


def test_chargy_is_refused_before_anything_is_asked(capsys: Capture) -> None:
    assert run(["charge", "dmed4+http://127.0.0.1:9", "--format", "chargy"]) == 2
    assert "safe-xml, ocmf, json" in capsys.readouterr().err


def test_a_session_that_does_not_begin_leaves_no_file(start: Start, capsys: Capture, tmp_path: Path) -> None:
    one = start("http://127.0.0.1:0")
    one.faults["signature-error"] = 1
    assert run(["charge", f"dmed4+{one.urls[0]}", "--output", str(tmp_path / "x.xml")]) == 1
    assert "ERROR_ECDSA_SIGN" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_failed_end_keeps_the_begin_and_says_how_to_go_on(start: Start, capsys: Capture, tmp_path: Path) -> None:
    one = start("http://127.0.0.1:0", speed=60)
    one.change(faults={"error-ecdsa-sign": True}, when="end:accepted")
    url = f"dmed4+{one.urls[0]}"
    file = tmp_path / "x.xml"
    assert run(["charge", url, "--duration", "30", "--output", str(file)]) == 1
    words = capsys.readouterr().err
    assert "ERROR_ECDSA_SIGN" in words
    assert "--existing last" in words
    kept = json.loads((tmp_path / "x.xml.partial.json").read_text())
    assert kept["begin"]["ocmf"].startswith("OCMF|")
    one.faults["error-ecdsa-sign"] = False
    with open_meter_sync(url) as meter:
        meter.command("X")
    assert run(["charge", url, "--existing", "last", "--output", str(file)]) == 0
    assert b"OCMF|" in file.read_bytes()


def test_writing_settings_and_parameters(start: Start, capsys: Capture, tmp_path: Path, monkeypatch: Any) -> None:
    one = start("http://127.0.0.1:0", "tcp://127.0.0.1:0")
    web, bus = (f"dmed4+{url}" for url in one.urls)
    assert run(["write", web, "tariff=3", "datetime_offset=60", "display_page=5"]) == 0
    assert command(capsys, "read", web, "tariff")["readings"][0]["value"] == "3"
    assert command(capsys, "read", bus, "datetime_offset")["readings"][0]["value"] == "60"
    assert run(["write", bus, "P02_01=ON"]) == 0
    assert command(capsys, "read", bus, "P02_01")["readings"][0]["value"] == "ON"
    assert run(["read", web, "P02_01"]) == 2
    assert "password-file" in capsys.readouterr().err
    secret = tmp_path / "secret"
    secret.write_text("2000\n")
    trace = tmp_path / "trace"
    assert run(["write", f"{web}?password-file={secret}", "P02_01=OFF", "P06_01=BASE64", "--trace", str(trace)]) == 0
    assert b"password=2000".hex() not in trace.read_text()
    assert b'"P03_02":2000'.hex() not in trace.read_text()
    assert trace.read_text().count(b'"P03_02":****'.hex()) >= 3, "two answers and a request"
    monkeypatch.setenv("WATTPROOF_PASSWORD", "2000")
    found = command(capsys, "read", web, "P02_01", "P06_01", "P05_03")["readings"]
    assert [row["value"] for row in found] == ["OFF", "BASE64", "192.168.1.1"]


def test_the_log_book_is_fetched_once_and_verified(start: Start, capsys: Capture, tmp_path: Path) -> None:
    one = start("http://127.0.0.1:0")
    url = f"dmed4+{one.urls[0]}"
    folder = tmp_path / "log"
    with open_meter_sync(url) as meter:
        for _ in range(2):
            meter.begin(identification=CARD)
            meter.end()
        assert [record.counter for record in meter.records(2)] == [2, 3, 4]
        assert [event.keys() for event in meter.events()]
    found = command(capsys, "logbook", url, "--output", str(folder), "--verify")
    assert [(row["counter"], row["fetched"], row["signature"]) for row in found["records"]] == [
        (number, True, "valid") for number in (1, 2, 3, 4)
    ]
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    assert len(events) == found["events"] >= 1
    assert events[0].keys() == {"date", "time", "event_code", "arguments"}
    assert (folder / "public-key.txt").read_text().strip() == one.public_key.hex()
    with open_meter_sync(url) as meter:
        meter.begin(identification=CARD)
        meter.end()
    (folder / "T2.ocmf").unlink()
    again = command(capsys, "logbook", url, "--output", str(folder), "--no-events")
    assert [row["counter"] for row in again["records"] if row["fetched"]] == [2, 5, 6]
    text = (folder / "T2.ocmf").read_bytes()
    (folder / "T2.ocmf").write_bytes(text.replace(b"1F2D3A", b"1F2D3B"))
    bad = command(capsys, "logbook", url, "--output", str(folder), "--verify", code=1)
    assert [row["counter"] for row in bad["records"] if row["signature"] != "valid"] == [2]
    assert run(["verify", str(folder / "T6.ocmf"), "--public-key", one.public_key.hex(), "--allow-test-keys"]) == 0


def test_the_log_book_needs_rest(start: Start, capsys: Capture) -> None:
    one = start("tcp://127.0.0.1:0")
    assert run(["logbook", f"dmed4+{one.urls[0]}"]) == 2
    assert "over REST" in capsys.readouterr().err


@pytest.mark.parametrize("fault", [{"http-slow": 0.2}, {"http-half": 1}, {"http-reset": 1}, {"http-no-close": True}])
def test_a_bad_web_server_is_borne(start: Start, fault: dict[str, Any]) -> None:
    one = start("http://127.0.0.1:0")
    one.change(faults=fault)
    with open_meter_sync(f"dmed4+{one.urls[0]}") as meter:
        assert meter.read("voltage")[0].value == 400


def test_failures_of_a_web_server_are_named(start: Start) -> None:
    one = start("http://127.0.0.1:0")
    with open_meter_sync(f"dmed4+{one.urls[0]}?timeout=0.3&retries=0") as meter:
        for fault, value, error in (
            ("http-status", 500, HttpRefused),
            ("http-half", True, LinkError),
            ("http-slow", 2, LinkError),
        ):
            one.faults[fault] = value
            with pytest.raises(error, match="v1/measure"):
                meter.read("voltage")
            one.faults[fault] = False


def test_a_pinned_certificate_is_checked_before_anything_is_sent(start: Start) -> None:
    one = start("https://127.0.0.1:0")
    url = f"dmed4+{one.urls[0].partition('?')[0]}"
    with pytest.raises(Unreachable, match="the certificate is not trusted"), open_meter_sync(url) as meter:
        meter.read("voltage")
    before = len(one.journal)
    with (
        pytest.raises(Unreachable, match="has the digest") as raised,
        open_meter_sync(f"{url}?pin=sha256:{'0' * 64}") as meter,
    ):
        meter.read("voltage")
    assert not [entry for entry in one.journal[before:] if entry["kind"] == "request"]
    digest = str(raised.value).partition("sha256:")[2][:64]
    with open_meter_sync(f"{url}?pin=sha256:{digest}") as meter:
        assert meter.read("voltage")[0].value == 400


@pytest.mark.parametrize("way", ["tcp://127.0.0.1:0", "http://127.0.0.1:0"])
def test_everything_that_can_be_read(start: Start, capsys: Capture, way: str) -> None:
    one = start(way)
    readings = {row["point"]: row for row in command(capsys, "read", f"dmed4+{one.urls[0]}", "all")["readings"]}
    assert readings["output.public_key" if way.startswith("http") else "measure.voltage"]["quality"] == "good"
    assert {row["quality"] for row in readings.values()} <= {"good", "missing"}
    expected = "system_status.serial_number" if way.startswith("http") else "hours.hours_total"
    assert readings[expected]["value"] is not None
    assert run(["read", f"dmed4+{one.urls[0]}"]) == 0
    assert "measure.voltage" in capsys.readouterr().out


@pytest.mark.parametrize("way", ["tcp://127.0.0.1:0", "http://127.0.0.1:0"])
def test_an_interrupt_still_ends_the_session(start: Start, tmp_path: Path, way: str) -> None:
    one = start(way, speed=10)
    file = tmp_path / "session.ocmf"
    url = f"dmed4+{one.urls[0]}"
    arguments = ["charge", url, "--format", "ocmf", "--output", str(file), "--verbose"]
    process = subprocess.Popen([sys.executable, "-m", "wattproof", *arguments], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    assert "begun: begin T1" in process.stderr.readline()
    assert json.loads((tmp_path / "session.ocmf.partial.json").read_text())["begin"]["counter"] == 1
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode == 130
    assert file.read_bytes().startswith(b"OCMF|")
    assert [path.name for path in tmp_path.iterdir()] == ["session.ocmf"]
    with open_meter_sync(url) as meter:
        assert not meter.status().charging


def test_snapshots_are_no_matter_of_this_meter(start: Start) -> None:
    one = start("tcp://127.0.0.1:0")
    assert run(["snapshot", f"dmed4+{one.urls[0]}", "current"]) == 2
    with open_meter_sync(f"dmed4+{one.urls[0]}") as meter, pytest.raises(UsageError, match="begin first"):
        meter.end()
