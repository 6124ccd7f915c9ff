"""The commands with a METER_URL against a virtual BSM in a process of its own: what the maker's tool does, and more."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from wattproof.cli import run
from wattproof.meters.connecting import open_meter, open_meter_sync
from wattproof.signed.formats import bsm

Capture = pytest.CaptureFixture[str]


class Simulated:
    """A running ``wattproof simulate``."""

    def __init__(self, *options: str) -> None:
        command = [sys.executable, "-m", "wattproof", "simulate", "bsm", "--json", "--seed", "1", "--speed", "50"]
        listen = ["--listen", "tcp://127.0.0.1:0"]
        self.process = subprocess.Popen([*command, *listen, *options], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.ready = json.loads(self.process.stdout.readline())
        self.url = f"bsm+{self.ready['listen'][0]}"

    def close(self) -> None:
        self.process.terminate()
        self.process.communicate(timeout=10)


@pytest.fixture(scope="module")
def meter() -> Iterator[Simulated]:
    simulated = Simulated("--load", "constant:11040")
    yield simulated
    simulated.close()


@pytest.fixture
def faulty() -> Iterator[Callable[..., Simulated]]:
    """Starts a meter with further options, such as faults."""
    running: list[Simulated] = []

    def start(*options: str) -> Simulated:
        running.append(Simulated(*options))
        return running[-1]

    yield start
    for simulated in running:
        simulated.close()


def printed(capsys: Capture, *arguments: str, code: int = 0) -> str:
    assert run(arguments) == code
    return capsys.readouterr().out


def document(capsys: Capture, *arguments: str, code: int = 0) -> Any:
    return json.loads(printed(capsys, *arguments, "--json", code=code))


# read --------------------------------------------------------------------------------------------------------------


@pytest.mark.proves("B-201")
def test_points_are_read_by_every_name(meter: Simulated, capsys: Capture) -> None:
    found = document(capsys, "read", meter.url, "bs_meter.MA1", "SM/MA1", "tpm.hz", "common.DA")
    assert found["meter"]["model"] == "bsm"
    assert found["meter"]["serial"] == meter.ready["serial"]
    assert found["meter"]["url"] == meter.url
    assert [(reading["point"], reading["value"]) for reading in found["readings"]] == [
        ("bs_meter.MA1", meter.ready["serial"]),
        ("ac_meter.Hz", "50.0"),
        ("common.DA", "42"),
    ]
    assert set(found["readings"][1]) == {"point", "quantity", "value", "unit", "obis", "quality", "time", "raw"}


@pytest.mark.proves("B-201")
def test_models_on_the_meter(meter: Simulated, capsys: Capture) -> None:
    found = document(capsys, "read", meter.url, "--models")["models"]
    assert [(row["address"], row["id"], row["length"]) for row in found][:5] == [
        (40002, 1, 66),
        (40070, 10, 4),
        (40076, 17, 12),
        (40090, 203, 105),
        (40197, 64900, 300),
    ]
    assert len(found) == 17
    assert found[6]["aliases"] == ["scs", "current_snapshot"]
    assert "Signed Turn-Off Snapshot" in printed(capsys, "read", meter.url, "--models")


@pytest.mark.proves("B-201")
def test_registers_are_dumped_8_a_line(meter: Simulated, capsys: Capture) -> None:
    lines = printed(capsys, "read", meter.url, "--registers", "0x9c40:12").splitlines()
    assert lines[0] == "40000: 5375 6e53 0001 0042 4241 5545 5220 456c  SunS...BBAUER El"
    assert lines[1].split()[:5] == ["40008:", "6563", "7472", "6f6e", "6963"]
    found = document(capsys, "read", meter.url, "--registers", "40000:300")
    assert (found["address"], found["count"], len(found["registers"])) == (40000, 300, 300)


@pytest.mark.proves("B-201")
def test_the_key_in_another_form(meter: Simulated, capsys: Capture) -> None:
    key = meter.ready["public_key"]
    for form, expected in (("der", key), ("raw", key[54:]), ("sec1-uncompressed", "04" + key[54:])):
        found = document(capsys, "read", meter.url, "bs_meter.PK", "--key-format", form)
        assert found["readings"][0]["value"] == expected
    assert run(["read", meter.url, "--key-format", "pem"]) == 2
    assert "sec1-compressed" in capsys.readouterr().err


def test_a_live_table_is_shown_until_interrupted(meter: Simulated) -> None:
    command = [sys.executable, "-m", "wattproof", "read", meter.url, "bs_meter.OS", "--watch", "0.1", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    seen = [int(json.loads(process.stdout.readline())["readings"][0]["value"]) for _ in range(3)]
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    assert seen == sorted(seen)
    assert seen[2] > seen[0]
    assert process.returncode == 130


def test_the_meter_is_detected_without_its_model(meter: Simulated, capsys: Capture) -> None:
    bare = meter.url.removeprefix("bsm+")
    assert document(capsys, "read", bare, "common.DA")["meter"]["serial"] == meter.ready["serial"]
    assert (
        document(capsys, "read", f"sunspec+{bare}?unit=42", "common.Mn")["readings"][0]["value"] == "BAUER Electronic"
    )


@pytest.mark.proves("B-201")
def test_chunks_trace_and_environment(
    meter: Simulated, capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATTPROOF_METER", f"{meter.url}?chunk=50&timeout=3")
    trace = tmp_path / "trace.txt"
    assert run(["read", "bs_meter.Meta1", "--trace", str(trace)]) == 0
    assert "bs_meter.Meta1" in capsys.readouterr().out
    sent = [line.split()[2] for line in trace.read_text().splitlines() if " > " in line]
    assert [request[-4:] for request in sent] == ["0032", "0014"]


def test_a_trace_goes_to_stderr_for_a_hyphen(meter: Simulated, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["read", meter.url, "common.DA", "--json", "--trace", "-"]) == 0
    captured = capfd.readouterr()
    assert json.loads(captured.out)["readings"][0]["value"] == "42"
    assert "# wattproof trace 1" in captured.err
    assert " < " in captured.err


def test_the_optical_head_is_read_and_cannot_do_the_rest(
    faulty: Callable[..., Simulated], capsys: Capture, tmp_path: Path
) -> None:
    simulated = faulty("--listen", "iec://127.0.0.1:0")
    (place,) = [place for place in simulated.ready["listen"] if place.startswith("iec")]
    trace = tmp_path / "trace.txt"
    found = document(capsys, "read", f"bsm+{place}", "bs_meter.ErrM", "--trace", str(trace))
    assert [reading["value"] for reading in found["readings"]] == ["00000000"]
    assert " > 2f3f210d0a" in trace.read_text()
    for arguments in (
        ["read", f"bsm+{place}", "--models"],
        ["read", f"bsm+{place}", "--registers", "40000:2"],
        ["write", f"bsm+{place}", "bs_meter.DO=1"],
        ["snapshot", f"bsm+{place}", "current"],
        ["charge", f"bsm+{place}", "--energy", "5"],
    ):
        assert run(arguments) == 2
        assert "cannot" in capsys.readouterr().err


def test_errors_have_their_exit_codes(meter: Simulated, capsys: Capture) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for arguments, code, words in (
        (["read", f"bsm+tcp://127.0.0.1:{port}"], 4, "127.0.0.1"),
        (["read", f"{meter.url}?unit=7&timeout=0.2&retries=0"], 4, "no answer from unit 7"),
        (["read", meter.url, "bs_meter.Nope"], 2, "Nope"),
        (["read", meter.url, "W"], 2, "ac_meter.W"),
        (["read", meter.url, "--registers", "44290:10"], 1, "44290"),
        (["read", meter.url, "--watch", "0"], 2, "--watch"),
        (["write", meter.url, "bs_meter.RCnt=1"], 2, "only be read"),
        (["write", meter.url, "common.DA=300"], 2, "1 to 247"),
        (["snapshot", meter.url, "sideways"], 2, "turn-on"),
        (["read", meter.url, "--trace", "/nonexistent/trace"], 5, "/nonexistent/trace"),
    ):
        assert run(arguments) == code, arguments
        captured = capsys.readouterr()
        assert words in captured.err, arguments
        assert captured.out == ""


# write, snapshot ---------------------------------------------------------------------------------------------------


@pytest.mark.proves("B-201")
def test_points_are_written(meter: Simulated, capsys: Capture) -> None:
    assert printed(capsys, "write", meter.url, "bs_meter.Meta1=contract-id: rfid:ä", "SM/Meta2=b", "--verbose")
    found = document(capsys, "read", meter.url, "bs_meter.Meta1", "bs_meter.Meta2")["readings"]
    assert [reading["value"] for reading in found] == ["contract-id: rfid:ä", "b"]
    assert document(capsys, "write", meter.url, "bs_meter.Meta1=")["written"] == {"bs_meter.Meta1": ""}


@pytest.mark.proves("B-201")
@pytest.mark.parametrize(("name", "kind"), [("scs", "current"), ("turn-on", "turn-on"), ("ses", "end")])
def test_a_snapshot_is_created_fetched_and_checked(meter: Simulated, capsys: Capture, name: str, kind: str) -> None:
    created = document(capsys, "snapshot", meter.url, name)["snapshot"]
    assert (created["kind"], created["signature"], created["ocmf_signature"]) == (kind, "valid", "valid")
    again = document(capsys, "snapshot", meter.url, kind, "--existing")["snapshot"]
    assert (again["registers"], again["ocmf"]) == (created["registers"], created["ocmf"])
    text = printed(capsys, "snapshot", meter.url, kind, "--existing", "--verify", "--verbose")
    for piece_name, piece in bsm.hash_pieces(bytes.fromhex(created["registers"])):
        assert piece_name in text
        assert piece.hex() in text
    assert created["digest"] in text
    assert "snapshot: signature valid" in text
    assert created["ocmf"] in text


@pytest.mark.proves("B-201")
def test_a_snapshot_may_be_started_without_waiting(meter: Simulated, capsys: Capture) -> None:
    before = document(capsys, "snapshot", meter.url, "turn-off")["snapshot"]["counter"]
    assert "creation started" in printed(capsys, "snapshot", meter.url, "turn-off", "--no-wait")
    for _ in range(50):
        if run(["snapshot", meter.url, "turn-off", "--existing", "--json"]) == 0:
            break
        capsys.readouterr()
        time.sleep(0.05)
    assert json.loads(capsys.readouterr().out)["snapshot"]["counter"] == before + 1


def test_a_bad_signature_is_exit_code_1(faulty: Callable[..., Simulated], capsys: Capture) -> None:
    simulated = faulty("--fault", "bad-signature")
    shown = document(capsys, "snapshot", simulated.url, "current", code=1)["snapshot"]
    assert shown["signature"] == "invalid"
    assert "INVALID" in printed(capsys, "snapshot", simulated.url, "current", code=1)


def test_no_snapshot_is_exit_code_1(faulty: Callable[..., Simulated], capsys: Capture) -> None:
    simulated = faulty("--fault", "feedback-lost")
    assert run(["snapshot", simulated.url, "turn-off"]) == 1
    assert "status 5" in capsys.readouterr().err


# charge ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("switching", [True, False])
@pytest.mark.parametrize("form", ["safe-xml", "ocmf", "chargy", "json"])
@pytest.mark.proves("B-201")
def test_a_session_is_written_in_every_format_and_verifies(
    meter: Simulated, capsys: Capture, tmp_path: Path, form: str, switching: bool
) -> None:
    if not switching:
        run(["write", meter.url, "bs_meter.DO=1"])
    path = tmp_path / "session"
    options = ["--identification", "rfid:12345678", "--evse", "DE*BDO*E1", "--format", form, "--output", str(path)]
    summary = document(
        capsys, "charge", meter.url, "--energy", "50", *options, *([] if switching else ["--no-switching"])
    )
    assert summary["files"] == [str(path)]
    assert [entry.name for entry in tmp_path.iterdir()] == ["session"]
    session = summary["session"]
    assert (session["whole"], session["failure"], session["switching"]) == (True, None, switching)
    assert float(session["energy_wh"]) >= 50
    kinds = ("turn-on", "turn-off") if switching else ("start", "end")
    assert (session["begin"]["kind"], session["end"]["kind"]) == kinds
    if form != "json":
        arguments = ["verify", str(path), "--public-key", meter.ready["public_key"], "--allow-test-keys"]
        report = document(capsys, *arguments)
        assert report["summary"]["sessions"] == 1
        assert report["summary"]["red"] == report["summary"]["grey"] == 0
        assert [record["signature"] for record in report["records"]] == ["valid", "valid"]
        data = path.read_bytes()
        changed = data.replace(session["begin"]["meter"]["serial"].encode(), b"001BZR0000000000")
        assert changed != data
        path.write_bytes(changed)
        assert run([*arguments, "--json"]) == 1
        capsys.readouterr()


@pytest.mark.proves("B-201")
@pytest.mark.parametrize("form", ["safe-xml", "chargy", "ocmf", "json"])
def test_snapshots_that_are_there_are_written(meter: Simulated, capsys: Capture, tmp_path: Path, form: str) -> None:
    for kind in ("turn-on", "turn-off"):
        document(capsys, "snapshot", meter.url, kind)
    path = tmp_path / "existing"
    arguments = ["charge", meter.url, "--existing", "stons,stoffs", "--format", form, "--output", str(path)]
    summary = document(capsys, *arguments, "--station-serial", "S-1", "--station-compliance", "C-1")
    assert summary["session"]["whole"]
    data = path.read_text(encoding="latin-1")
    if form == "chargy":
        station = json.loads(data)["chargingStationInfo"]
        assert (station["serialNumber"], station["compliance"]) == ("S-1", "C-1")
    elif form != "json":
        assert summary["session"]["begin"]["ocmf"] in data.replace("&quot;", '"')
    assert run(["charge", meter.url, "--existing", "stoffs,stons"]) == 2
    assert run(["charge", meter.url, "--existing", "stons"]) == 2


class Charging:
    """A running ``wattproof charge`` that has begun."""

    def __init__(self, url: str, folder: Path, path: str = "session.xml", *options: str) -> None:
        command = [sys.executable, "-m", "wattproof", "charge", url, "--output", path, "--verbose", *options]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder, bufsize=1
        )
        self.until("begun")

    def until(self, word: str) -> None:
        assert self.process.stderr is not None
        while word not in self.process.stderr.readline():
            assert self.process.poll() is None

    def end(self) -> tuple[int, str, str]:
        """Exit code, stdout and the rest of stderr."""
        output, trouble = self.process.communicate(timeout=30)
        return self.process.returncode, output, trouble

    def signalled(self, number: int) -> None:
        self.process.send_signal(number)
        self.until("ending the session")


def demand(url: str, capsys: Capture) -> str:
    return str(document(capsys, "read", url, "bs_meter.DO")["readings"][0]["value"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_ends_the_session_and_saves_it(
    meter: Simulated, capsys: Capture, tmp_path: Path, number: int
) -> None:
    charging = Charging(meter.url, tmp_path)
    assert json.loads((tmp_path / "session.xml.partial.json").read_text())["begin"]["signature"] == "valid"
    charging.signalled(number)
    code, output, _ = charging.end()
    assert code == 130
    assert "wrote session.xml" in output
    assert (tmp_path / "session.xml").read_text(encoding="latin-1").count("Transaction.") == 2
    assert [entry.name for entry in tmp_path.iterdir()] == ["session.xml"]
    assert demand(meter.url, capsys) == "0"


def test_a_second_interrupt_says_where_everything_is(faulty: Callable[..., Simulated], tmp_path: Path) -> None:
    simulated = faulty("--load", "constant:11040", "--fault", "slow-signing=500@turn-off:signing")
    charging = Charging(simulated.url, tmp_path, "session.xml", "--trace", "-")
    charging.signalled(signal.SIGTERM)
    charging.until("10a0480001020002")  # the trigger of the turn-off
    charging.process.send_signal(signal.SIGTERM)
    code, output, trouble = charging.end()
    assert code == 130
    assert "wrote session.xml.partial.json" in output
    assert f"wattproof charge '{simulated.url}' --existing stons,stoffs" in trouble
    record = json.loads((tmp_path / "session.xml.partial.json").read_text())
    assert (record["whole"], record["failure"], record["begin"]["signature"]) == (False, "interrupted", "valid")


def test_an_interrupt_before_the_begin_leaves_nothing(faulty: Callable[..., Simulated], tmp_path: Path) -> None:
    simulated = faulty("--fault", "late=600")
    command = [sys.executable, "-m", "wattproof", "charge", f"{simulated.url}?timeout=60", "--trace", "-"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    assert process.stderr is not None
    while " > " not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=10)
    assert process.returncode == 130
    assert list(tmp_path.iterdir()) == []


def test_a_welded_contactor_leaves_a_whole_session_and_says_so(
    faulty: Callable[..., Simulated], capsys: Capture, tmp_path: Path
) -> None:
    simulated = faulty("--load", "constant:11040", "--fault", "contactor-stuck-closed@turn-off:opening")
    path = tmp_path / "session.xml"
    assert run(["charge", simulated.url, "--energy", "50", "--output", str(path), "--json"]) == 1
    captured = capsys.readouterr()
    assert "CURRENT MAY STILL FLOW" in captured.err
    summary = json.loads(captured.out)
    assert summary["files"] == [str(path), f"{path}.partial.json"]
    assert "welded" in summary["session"]["failure"]
    assert summary["session"]["end"]["kind"] == "end"
    assert json.loads(Path(f"{path}.partial.json").read_text())["failure"] == summary["session"]["failure"]
    assert run(["verify", str(path), "--public-key", simulated.ready["public_key"], "--allow-test-keys"]) == 0


def test_a_session_that_cannot_begin_leaves_no_file(
    faulty: Callable[..., Simulated], capsys: Capture, tmp_path: Path
) -> None:
    simulated = faulty("--fault", "feedback-lost")
    assert run(["charge", simulated.url, "--energy", "50", "--output", str(tmp_path / "session.xml")]) == 1
    assert "has not begun" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_no_car_is_no_progress(faulty: Callable[..., Simulated], capsys: Capture, tmp_path: Path) -> None:
    simulated = faulty("--load", "none")
    path = tmp_path / "session.xml"
    assert run(["charge", simulated.url, "--output", str(path), "--json"]) == 1
    captured = capsys.readouterr()
    assert "no progress for" in captured.err
    assert json.loads(captured.out)["session"]["whole"]
    assert path.exists()


def test_nothing_is_begun_where_nothing_can_be_written(meter: Simulated, capsys: Capture, tmp_path: Path) -> None:
    before = document(capsys, "read", meter.url, "bs_meter.RCnt")["readings"][0]["value"]
    assert run(["charge", meter.url, "--energy", "5", "--output", str(tmp_path / "no" / "session.xml")]) == 5
    assert "cannot write" in capsys.readouterr().err
    assert document(capsys, "read", meter.url, "bs_meter.RCnt")["readings"][0]["value"] == before


def test_a_whole_session_that_cannot_be_written_is_not_lost(meter: Simulated, tmp_path: Path) -> None:
    (tmp_path / "session.xml.partial.json").write_text("from an earlier session")
    charging = Charging(meter.url, tmp_path)
    (tmp_path / "session.xml").mkdir()
    charging.signalled(signal.SIGINT)
    code, output, trouble = charging.end()
    assert code == 5
    assert output.count("wrote ") == 1
    assert "only session.xml-2.partial.json holds it" in trouble
    record = json.loads((tmp_path / "session.xml-2.partial.json").read_text())
    assert record["whole"]
    assert record["end"]["signature"] == "valid"
    assert (tmp_path / "session.xml.partial.json").read_text() == "from an earlier session"


def test_a_folder_that_is_gone_at_the_end_costs_no_signed_record(meter: Simulated, tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    charging = Charging(meter.url, tmp_path, "gone/session.xml")
    (folder / "session.xml.partial.json").unlink()
    folder.rmdir()
    charging.signalled(signal.SIGINT)
    code, output, trouble = charging.end()
    assert code == 5
    assert "wrote" not in output
    assert "session: " in output
    texts = [line.split(": ", 1)[1] for line in trouble.splitlines() if ": OCMF|" in line]
    assert len(texts) == 2
    assert "--existing stons,stoffs" in trouble
    (tmp_path / "rescued.ocmf").write_text("".join(f"{text}\n" for text in texts))
    key = ["--public-key", meter.ready["public_key"], "--allow-test-keys"]
    assert run(["verify", str(tmp_path / "rescued.ocmf"), *key]) == 0


def test_what_is_in_the_way_is_found_before_the_session(meter: Simulated, capsys: Capture, tmp_path: Path) -> None:
    before = document(capsys, "read", meter.url, "bs_meter.RCnt")["readings"][0]["value"]
    earlier = tmp_path / "session.xml"
    earlier.write_text("signed")
    for path, words in ((tmp_path, "is a directory"), (earlier, "not overwritten")):
        for options in (["--energy", "5"], ["--existing", "stons,stoffs"]):
            assert run(["charge", meter.url, *options, "--output", str(path)]) == 2
            assert words in capsys.readouterr().err
    assert earlier.read_text() == "signed"
    assert document(capsys, "read", meter.url, "bs_meter.RCnt")["readings"][0]["value"] == before


def test_snapshots_that_contradict_each_other_are_no_session(meter: Simulated, capsys: Capture, tmp_path: Path) -> None:
    for kind in ("turn-off", "turn-on", "end"):
        document(capsys, "snapshot", meter.url, kind)
    reversed_ = ["charge", meter.url, "--existing", "stons,stoffs", "--output", str(tmp_path / "reversed.xml")]
    assert run(reversed_) == 1
    assert "RCnt did not grow" in capsys.readouterr().err
    mixed = ["charge", meter.url, "--existing", "stons,ses", "--output", str(tmp_path / "mixed.xml")]
    assert run(mixed) == 0
    assert "one of them switches" in capsys.readouterr().err
    for idle in (["--energy", "5"], ["--identification", "A"], ["--no-switching"]):
        assert run(["charge", meter.url, "--existing", "stons,stoffs", *idle]) == 2
        assert f"{idle[0]} would do nothing" in capsys.readouterr().err


def test_texts_without_key_say_how_to_check_them(meter: Simulated, capsys: Capture, tmp_path: Path) -> None:
    path = tmp_path / "session.ocmf"
    assert run(["charge", meter.url, "--energy", "10", "--format", "ocmf", "--output", str(path)]) == 0
    hint = capsys.readouterr().err
    assert f"--public-key {meter.ready['public_key']}" in hint


# scan, Python ------------------------------------------------------------------------------------------------------


def test_a_bus_is_searched(meter: Simulated, capsys: Capture) -> None:
    bare = meter.url.removeprefix("bsm+")
    found = document(capsys, "scan", bare, "--units", "40-44")["meters"]
    assert [(item["unit"], item["model"], item["serial"]) for item in found] == [(42, "bsm", meter.ready["serial"])]
    assert document(capsys, "read", found[0]["url"], "common.DA")["readings"][0]["value"] == "42"
    assert meter.ready["serial"] in printed(capsys, "scan", bare, "--units", "42")
    assert "nothing answered" in printed(capsys, "scan", bare, "--units", "1-2")
    assert [item["unit"] for item in document(capsys, "scan", f"{bare}?unit=42", "--units", "1-2")["meters"]] == [42]


def test_a_bus_that_cannot_be_searched_is_named(meter: Simulated, capsys: Capture) -> None:
    good = f"{meter.url.removeprefix('bsm+')}?unit=42"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens there
        dead = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        assert run(["scan", good, dead, "--units", "1", "--json"]) == 0
        captured = capsys.readouterr()
        found = json.loads(captured.out)
        assert [item["unit"] for item in found["meters"]] == [42]
        assert [item["url"] for item in found["failures"]] == [dead]
        assert f"not searched: {dead}" in captured.err
        assert run(["scan", dead, "--units", "1"]) == 4
        assert dead in capsys.readouterr().err


async def test_open_meter_and_open_meter_sync_read_the_same(meter: Simulated) -> None:
    async with open_meter(meter.url) as one:
        readings = await one.read("bs_meter.MA1", "ac_meter.Hz")
        taken = await one.snapshot("current")
    assert taken.valid
    with open_meter_sync(meter.url) as two:
        assert [reading.value for reading in two.read("bs_meter.MA1", "ac_meter.Hz")] == [
            reading.value for reading in readings
        ]
        assert two.snapshot("current").counter == taken.counter + 1
        assert two.unit == 42
        assert "snapshot" in dir(two)
