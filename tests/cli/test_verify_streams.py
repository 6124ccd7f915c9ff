"""Long inputs on the command line: the same verdicts and the same JSON, written in constant memory."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.cli.test_verify import KEY, record
from wattproof.cli import keysources, output, run, verify_stream
from wattproof.signed import curves, testkeys
from wattproof.signed.paper import sheet
from wattproof.signed.texts import NOTICE


@pytest.fixture(autouse=True)
def _fresh_console() -> None:
    output.console.cache_clear()
    output.errors.cache_clear()


@pytest.fixture
def verify(capsys: pytest.CaptureFixture[str]) -> Any:
    def call(*arguments: object) -> SimpleNamespace:
        code = run(["verify", *map(str, arguments)])
        out, err = capsys.readouterr()
        return SimpleNamespace(code=code, out=out, err=err)

    return call


def lines(*values: Any) -> str:
    return "".join(json.dumps(value) + "\n" for value in values)


@pytest.fixture
def stream(tmp_path: Path) -> Path:
    path = tmp_path / "fleet.jsonl"
    rows = [{"ocmf": record(PG=f"T{page}")} for page in range(1, 11)]
    rows[6] = {"ocmf": record().replace("112.340", "112.341")}
    path.write_text(lines(*rows) + "rubbish\n" + lines({"ocmf": record(), "transactionId": "last"}))
    return path


@pytest.mark.proves("T-092", "T-098")
@pytest.mark.parametrize("options", [[], ["--profile", "safe-1.4.1"], ["--allow-test-keys"]])
def test_long_and_short_inputs_give_the_same_object(
    options: list[str], verify: Any, stream: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = verify(stream, "--public-key", KEY, "--json", *options)
    monkeypatch.setattr(verify_stream, "RECORDS", 3)
    long = verify(stream, "--public-key", KEY, "--json", *options)
    assert json.loads(short.out) == json.loads(long.out) and short.code == long.code == 1
    report = json.loads(long.out)
    assert list(report) == ["version", "notice", "summary", "records", "sessions"]
    assert report["summary"] == {
        "sessions": 11,
        "loose_records": 1,
        "green": 10,
        "yellow": 0,
        "red": 2,
        "grey": 0,
        "unreadable": 0,
    }
    assert report["sessions"][-1]["records"] == [11] and report["sessions"][-1]["id"] == "last"
    assert report["records"][-1]["source"] == f"{stream}#12"
    assert long.out.count("\n") < short.out.count("\n") / 5  # a line for a record


def test_people_see_what_is_wrong_in_a_long_input(verify: Any, stream: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify_stream, "RECORDS", 2)
    result = verify(stream, "--public-key", KEY)
    assert result.code == 1 and result.out.count("GREEN") == 3 and result.out.count("RED") == 2
    assert "fleet.jsonl#7" in result.out and "fleet.jsonl#11" in result.out
    assert "11 sessions, 1 record outside a session: 10 green, 2 red" in result.out


@pytest.mark.proves("T-108")
@pytest.mark.parametrize("form", ["json", "text"])
def test_a_test_key_that_becomes_known_late_marks_what_was_written(
    form: str, verify: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify_stream, "RECORDS", 1)
    private = testkeys.private_key("secp256r1", "METER0001")
    key = curves.spki(private).hex()
    rows = [record(meter=f"OTHER{number}", private=private, GS=f"G{number}") for number in range(5)]
    path = tmp_path / "a.jsonl"
    path.write_text(lines(*rows, record(private=private)))
    result = verify(path, "--public-key", key, *(["--json"] if form == "json" else []))
    assert result.code == 0
    if form == "text":
        assert "6 sessions: 6 yellow" in result.out
        return
    report = json.loads(result.out)
    assert report["summary"]["yellow"] == 6 and report["summary"]["green"] == 0
    assert {entry["overall"] for entry in report["records"] + report["sessions"]} == {"yellow"}
    assert all([f["code"] for f in entry["findings"]] == ["F-TEST-KEY"] for entry in report["records"])
    assert verify(path, "--public-key", key, "--strict", "--json").code == 1
    allowed = json.loads(verify(path, "--public-key", key, "--allow-test-keys", "--json").out)
    assert allowed["summary"]["green"] == 6 and allowed["sessions"][0]["overall"] == "green"


@pytest.mark.proves("T-094")
def test_several_long_files_one_of_them_unreadable(
    verify: Any, stream: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify_stream, "RECORDS", 3)
    packed = tmp_path / "more.gz"
    packed.write_bytes(gzip.compress(stream.read_bytes()))
    result = verify(stream, tmp_path / "missing", tmp_path, packed, "--public-key", KEY, "--json")
    report = json.loads(result.out)
    assert result.code == 2 and report["summary"]["unreadable"] == 2 and report["summary"]["green"] == 20
    assert str(tmp_path / "missing") in result.err and len(result.err.splitlines()) == 2
    assert [entry["records"] for entry in report["sessions"]][-1] == [23]


def test_a_long_stream_through_standard_input(verify: Any, stream: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify_stream, "RECORDS", 3)
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as file:
        file.write(stream.read_bytes())
    with os.fdopen(reading, "rb") as file, monkeypatch.context() as patched:
        patched.setattr(sys, "stdin", SimpleNamespace(buffer=file))
        report = json.loads(verify("-", "--public-key", KEY, "--json").out)
    assert report["summary"]["green"] == 10 and report["records"][0]["source"] == "-#1"


def test_a_file_name_that_is_no_text_is_written_as_json(
    verify: Any, stream: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify_stream, "RECORDS", 3)
    path = tmp_path / os.fsdecode(b"a\xff.jsonl")
    path.write_bytes(stream.read_bytes())
    long = json.loads(verify(path, "--json").out)
    monkeypatch.undo()
    assert long == json.loads(verify(path, "--json").out)
    assert json.dumps(long, ensure_ascii=False).encode()


def test_a_report_of_a_long_input_has_the_counts_of_all(
    verify: Any, stream: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "report.html"
    short = verify(stream, "--public-key", KEY, "--report", page)
    whole = page.read_text("utf-8")
    monkeypatch.setattr(verify_stream, "RECORDS", 3)
    long = verify(stream, "--public-key", KEY, "--report", page)
    assert short.code == long.code == 1 and str(page) in long.err
    text = page.read_text("utf-8")
    assert text.count("<article>") == whole.count("<article>") == 13 and "10 green" in text and "2 red" in text
    monkeypatch.setattr(sheet, "MOST_SHEETS", 5)
    assert verify(stream, "--public-key", KEY, "--report", page, "--json").code == 1
    text = page.read_text("utf-8")
    assert text.count("<article>") == 6 and "10 green" in text and "7 more sessions or records" in text


def test_pages_of_a_long_input_stay_within_memory(
    verify: Any, stream: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify_stream, "RECORDS", 2)
    monkeypatch.setattr(sheet, "MOST_SIZE", 4 * len(record()))
    page = tmp_path / "report.html"
    assert verify(stream, "--public-key", KEY, "--report", page).code == 1
    assert page.read_text("utf-8").count("<article>") == 4 and "9 more" in page.read_text("utf-8")


@pytest.mark.proves("T-108")
def test_a_report_marks_test_keys_that_become_known_late(
    verify: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify_stream, "RECORDS", 1)
    private = testkeys.private_key("secp256r1", "METER0001")
    path, page = tmp_path / "a.jsonl", tmp_path / "report.html"
    path.write_text(lines(*[record(meter=f"OTHER{i}", private=private) for i in range(4)], record(private=private)))
    assert verify(path, "--public-key", curves.spki(private).hex(), "--report", page).code == 0
    text = page.read_text("utf-8")
    assert "5 yellow" in text and text.count('<header class="yellow">') == 5 and 'class="green"' not in text


def test_a_long_input_speaks_german(verify: Any, stream: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify_stream, "RECORDS", 2)
    result = verify(stream, "--public-key", KEY, "--language", "de")
    assert "eine lange Eingabe" in result.out and "11 Ladevorgänge" in result.out and NOTICE.de in result.out
    assert "sessions" not in result.out and "a long input" not in result.out


def test_keys_of_a_long_input_are_pinned_and_trusted(
    verify: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify_stream, "RECORDS", 2)
    path, register = tmp_path / "fleet.jsonl", tmp_path / "keys.json"
    rows = [{"ocmf": record(meter=f"M{number}"), "publicKey": KEY} for number in range(6)]
    path.write_text(lines(*rows, {"ocmf": record(meter="M" * 2000), "publicKey": KEY}, {"ocmf": record(meter="bare")}))
    first = verify(path, "--pin", "--keys", register, "--json")
    assert first.code == 3 and "6 keys first seen" in first.err
    assert run(["keys", "trust", "M3", "--keys", str(register)]) == 0
    out = verify(path, "--keys", register, "--json").out
    second = json.loads(out[out.index("{") :])
    assert second["summary"]["green"] == 1 and second["records"][3]["overall"] == "green"
    monkeypatch.setattr(keysources, "MOST_SEEN", 2)
    other = verify(path, "--pin", "--keys", tmp_path / "other.json")
    assert "2 keys first seen" in other.err and "first 2 keys" in other.err


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    """Two files that are cut, a small one, one that must be read here, and one that is missing."""
    rows = [{"ocmf": record(PG=f"T{page % 50 + 1}")} for page in range(2000)]
    rows[700] = {"ocmf": record().replace("112.340", "112.341")}
    rows[1500] = {"ocmf": record(), "transactionId": 'odd", "records": [7], "'}
    (tmp_path / "a.jsonl").write_text(lines(*rows))
    (tmp_path / "b.jsonl").write_text(lines(*rows, *rows[:200]))
    (tmp_path / "keyed.jsonl").write_text(lines(*({**row, "key": KEY} for row in rows if row != rows[700])))
    (tmp_path / "c.ocmf").write_text(record())
    (tmp_path / "d.gz").write_bytes(gzip.compress(lines(*rows[:100]).encode(), 0) + os.urandom(10))
    return tmp_path


@pytest.mark.parametrize("options", [[], ["--json"], ["--language", "de"], ["--json", "--profile", "chargy-0.12"]])
def test_processes_find_what_one_finds(options: list[str], fleet: Path, verify: Any, tmp_path: Path) -> None:
    names = [fleet / name for name in ("c.ocmf", "a.jsonl", "missing", "c.ocmf", "d.gz", "b.jsonl", "c.ocmf")]
    one, two = (verify(*names, "--public-key", KEY, *options, "--jobs", jobs) for jobs in (1, 2))
    assert one.code == two.code == 2 and "missing" in two.err
    assert one.out == two.out and one.err == two.err


def test_processes_pin_what_one_pins(fleet: Path, verify: Any, tmp_path: Path) -> None:
    found = []
    for jobs in (1, 2):
        register = tmp_path / f"keys-{jobs}.json"
        assert verify(fleet / "keyed.jsonl", "--keys", register, "--pin", "--jobs", jobs).code == 0
        found.append([{**row, "history": None} for row in json.loads(register.read_text())["keys"]])
    assert found[0] == found[1] and found[0]


@pytest.mark.parametrize(
    ("options", "words"),
    [(["--jobs", "0"], "at least 1"), (["--jobs", "-3"], "at least 1"), (["--engine", "x"], "ray")],
)
def test_wrong_numbers_and_engines_are_said(options: list[str], words: str, verify: Any, stream: Path) -> None:
    result = verify(stream, *options)
    assert result.code == 2 and words in result.err


def test_a_reader_who_leaves_a_long_stream_early_learns_no_verdict(stream: Path) -> None:
    """Nothing is known of the rest, so the exit code is not that of a green input; with --json the rest was judged."""
    program = (
        "import sys; from wattproof.cli import run, verify_stream; verify_stream.RECORDS = 3;"
        "sys.exit(run(['verify', *sys.argv[1:]]))"
    )
    command = [sys.executable, "-c", program, str(stream), "--public-key", KEY, "--keys", "none"]
    for arguments, expected in (([], {1, 5}), (["--json"], {1})):
        reading, writing = os.pipe()
        os.close(reading)
        try:
            done = subprocess.run([*command, *arguments], stdout=writing, stderr=subprocess.PIPE)
        finally:
            os.close(writing)
        assert done.returncode in expected and done.stderr == b""


@pytest.mark.proves("T-108")
@pytest.mark.parametrize("options", [[], ["--json"], ["--allow-test-keys", "--language", "de"]])
def test_processes_know_test_keys_where_one_knows_them(options: list[str], verify: Any, tmp_path: Path) -> None:
    """The key is recognised in the middle: what was red before it and behind it, is said with it in one way."""
    private = testkeys.private_key("secp256r1", "METER0001")
    other = record(meter="OTHER", private=private)
    rows = [{"ocmf": other if page % 7 else other.replace("112.340", "112.341")} for page in range(6000)]
    rows[2500] = {"ocmf": record(private=private)}
    path = tmp_path / "a.jsonl"
    path.write_text(lines(*rows))
    assert path.stat().st_size > 3 * 1024 * 1024
    key = curves.spki(private).hex()
    one, two = (verify(path, "--public-key", key, *options, "--jobs", jobs) for jobs in (1, 2))
    assert one.code == two.code == 1 and one.err == two.err and one.out == two.out
    assert ("F-TEST-KEY" in one.out) and (f"{path}#5006" in one.out)


def test_pipes_are_read_once_and_here(verify: Any, fleet: Path, tmp_path: Path) -> None:
    """A pipe with a name, and one that only this process has, before and behind what is judged elsewhere."""
    found = []
    for jobs in (1, 2):
        os.mkfifo(tmp_path / f"pipe{jobs}")
        inner, outer = os.pipe()
        with ThreadPoolExecutor() as pool:
            one = pool.submit((tmp_path / f"pipe{jobs}").write_bytes, (fleet / "a.jsonl").read_bytes())
            os.write(outer, record().encode())
            os.close(outer)
            names = [tmp_path / f"pipe{jobs}", fleet / "b.jsonl", f"/dev/fd/{inner}", fleet / "c.ocmf"]
            result = verify(*names, "--public-key", KEY, "--json", "--jobs", jobs)
            one.result()
        os.close(inner)
        assert result.code == 1 and result.err == ""
        found.append(result.out.replace(f"pipe{jobs}", "pipe").replace(f"/dev/fd/{inner}", "fd"))
    assert found[0] == found[1] and json.loads(found[0])["summary"]["sessions"] == 2000 + 2200 + 2
