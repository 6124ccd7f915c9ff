"""The command that people meet: clear verdicts, exit codes, nothing from a record that a terminal obeys."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from wattproof.cli import output, run
from wattproof.signed import curves, testkeys
from wattproof.signed.formats import chargepoint_export
from wattproof.signed.texts import NOTICE

PRIVATE = testkeys.private_key("secp256r1", "a key of these tests")
KEY = curves.spki(PRIVATE).hex()


def record(end: str = "112.340", meter: str = "METER0001", private: Any = PRIVATE, **fields: Any) -> str:
    """A complete signed OCMF record of one register."""
    stated: dict[str, Any] = {"FV": "1.2", "GS": "GW0001", "PG": "T7", "MS": meter, "IS": True, "ID": "1F2D", **fields}
    common = {"RI": "1-b:1.8.0", "RU": "kWh", "ST": "G"}
    stated["RD"] = [
        {"TM": "2024-03-01T10:00:00,000+0100 S", "TX": "B", "RV": "@100.100", **common},
        {"TM": "2024-03-01T11:00:00,000+0100 S", "TX": "E", "RV": f"@{end}", **common},
    ]
    text = json.dumps(stated, separators=(",", ":")).replace('"@', "").replace(f'{end}"', end)
    text = text.replace('100.100"', "100.100")
    signature = curves.sign_digest(private, hashlib.sha256(text.encode()).digest()).hex()
    return f'OCMF|{text}|{{"SA":"ECDSA-secp256r1-SHA256","SD":"{signature}"}}'


@pytest.fixture(autouse=True)
def _fresh_console() -> None:
    """The console is made for the stdout of the moment."""
    output.console.cache_clear()
    output.errors.cache_clear()


@pytest.fixture
def verify(capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs the command; gives exit code, stdout and stderr."""

    def call(*arguments: object) -> SimpleNamespace:
        code = run(["verify", *map(str, arguments)])
        out, err = capsys.readouterr()
        return SimpleNamespace(code=code, out=out, err=err)

    return call


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.ocmf"
    path.write_text(record())
    return path


@pytest.fixture
def tampered(tmp_path: Path) -> Path:
    path = tmp_path / "tampered.ocmf"
    path.write_text(record().replace("112.340", "112.341"))
    return path


@pytest.mark.proves("T-093", "T-112")
def test_a_good_record_with_its_key_is_green(verify: Any, good: Path) -> None:
    result = verify(good, "--public-key", KEY)
    assert result.code == 0 and "GREEN" in result.out and "12.240 kWh" in result.out
    assert "The key was given by you." in result.out
    assert NOTICE.en in result.out.replace("\n", " ")


@pytest.mark.proves("T-093", "T-078")
def test_a_key_inside_the_file_is_yellow_and_strict_fails(verify: Any, tmp_path: Path) -> None:
    path = tmp_path / "own-key.ocmf"
    path.write_text(f"{record()}|{KEY}")
    result = verify(path)
    assert result.code == 0 and "YELLOW" in result.out
    assert "inside the record" in result.out and "proves only that record and key belong together" in result.out
    assert "given by you" not in result.out
    assert verify(path, "--strict").code == 1
    assert verify(path, "--strict", "--public-key", KEY).code == 0


def test_a_changed_digit_is_red(verify: Any, tampered: Path) -> None:
    result = verify(tampered, "--public-key", KEY)
    assert result.code == 1 and "RED" in result.out and "V-MISMATCH" in result.out
    assert "not backed by signatures" in result.out


def test_without_a_key_nothing_can_be_judged(verify: Any, good: Path) -> None:
    result = verify(good)
    assert result.code == 3 and "GREY" in result.out and "--public-key" in result.out


@pytest.mark.proves("T-094")
@pytest.mark.parametrize("bad", ["missing.ocmf", "folder"])
def test_unreadable_files_are_named_and_the_others_reported(
    bad: str, verify: Any, good: Path, tampered: Path, tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    result = verify(good, tmp_path / bad, tampered, "--public-key", KEY, "--json")
    report = json.loads(result.out)
    assert result.code == 2 and str(tmp_path / bad) in result.err
    assert report["summary"]["unreadable"] == 1
    assert [entry["overall"] for entry in report["sessions"]] == ["green", "red"]
    assert [Path(entry["source"]).name for entry in report["records"]] == ["good.ocmf", "tampered.ocmf"]


@pytest.mark.proves("T-094")
@pytest.mark.proves("T-071")
@pytest.mark.parametrize("order", [["secrrct"], ["secrrct", "secrrct.sign"], ["secrrct.sign", "KEY", "secrrct"]])
def test_the_files_of_one_record_are_one_input(verify: Any, tmp_path: Path, order: list[str]) -> None:
    stated = chargepoint_export.Session("M1", "1.0", "2.0", 1_700_000_000, 1_700_003_600)
    private, data = testkeys.private_key("secp224k1", "someone"), chargepoint_export.record(stated)
    files = chargepoint_export.files(data, chargepoint_export.sign(data, private), curves.public_key(private))
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    key = next(name for name in files if name.endswith(".pem"))
    result = verify(*(tmp_path / (key if name == "KEY" else name) for name in order), "--json")
    assert result.code == 0
    found = json.loads(result.out)
    assert found["summary"]["sessions"] == found["summary"]["yellow"] == 1 and not found["summary"]["loose_records"]
    assert found["records"][0]["source"] == str(tmp_path / "secrrct")
    alone = verify(tmp_path / "secrrct.sign", "--json")
    assert alone.code == 1 and json.loads(alone.out)["records"][0]["format"] == "unknown"


def test_red_beats_grey(verify: Any, tampered: Path, tmp_path: Path) -> None:
    sealed = tmp_path / "sealed.xml"
    sealed.write_text("<values><value><encodedData>30820100</encodedData></value></values>")
    assert verify(sealed).code == 3
    assert verify(sealed, tampered, "--public-key", KEY).code == 1


def test_standard_input(verify: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(record().encode())))
    result = verify("-", "--public-key", KEY, "--json")
    assert result.code == 0 and json.loads(result.out)["records"][0]["source"] == "-"


@pytest.mark.parametrize("form", ["hex", "der", "pem", "base64"])
def test_key_files(form: str, verify: Any, good: Path, tmp_path: Path) -> None:
    import base64

    der = bytes.fromhex(KEY)
    packed = base64.encodebytes(der)
    content = {
        "hex": KEY.encode() + b"\n",
        "der": der,
        "base64": packed,
        "pem": b"-----BEGIN PUBLIC KEY-----\n" + packed + b"-----END PUBLIC KEY-----\n",
    }[form]
    path = tmp_path / "key"
    path.write_bytes(content)
    assert verify(good, "--public-key", f"@{path}").code == 0


def test_misuse_is_said_in_one_line(verify: Any, good: Path) -> None:
    for arguments in ([], [good, "--public-key", "@nowhere.pem"], [good, "--profile", "other"], ["--digest", "00"]):
        result = verify(*arguments)
        assert result.code == 2 and result.err.startswith("error: ") and not result.out
        assert "Traceback" not in result.err
    assert "nowhere.pem" in verify(good, "--public-key", "@nowhere.pem").err


@pytest.mark.proves("T-107")
def test_test_keys_are_yellow_unless_allowed(verify: Any, tmp_path: Path) -> None:
    private = testkeys.private_key("secp256r1", "METER0001")
    path, key = tmp_path / "virtual.ocmf", curves.spki(private).hex()
    path.write_text(record(private=private))
    result = verify(path, "--public-key", key)
    assert result.code == 0 and "YELLOW" in result.out and "F-TEST-KEY" in result.out
    assert "this is test data" in result.out
    allowed = verify(path, "--public-key", key, "--allow-test-keys")
    assert "GREEN" in allowed.out and "F-TEST-KEY" in allowed.out


def test_a_profile_decides_the_exit_code(verify: Any, good: Path, tmp_path: Path) -> None:
    newer = tmp_path / "newer.ocmf"
    newer.write_text(record(FV="1.4"))
    assert verify(newer, "--public-key", KEY).code == 0
    result = verify(newer, "--public-key", KEY, "--profile", "safe-1.4.1")
    assert result.code == 1 and "P-S-FV" in result.out and "GREEN" in result.out
    assert verify(good, "--public-key", KEY, "--profile", "safe-1.4.1").code == 0


@pytest.mark.proves("T-079")
def test_a_record_cannot_talk_to_the_terminal(verify: Any, tmp_path: Path) -> None:
    hostile = "\x1b]0;owned\x07\x1b[2J\u202egnp.exe\r\n\x9b31m[red]markup[/red]"
    path = tmp_path / "hostile.ocmf"
    path.write_text(record(ID=hostile, TT=hostile, CI=hostile, MS=hostile, PG=hostile, IL=hostile))
    out = verify(path, "--public-key", KEY).out
    assert not [character for character in out if ord(character) < 32 and character != "\n"]
    assert not set(out) & {"\x7f", "\x9b", "\u202e"}
    assert "\\u001b" in out and "[red]markup[/red]" in out


def test_json_is_the_only_thing_on_stdout(verify: Any, good: Path) -> None:
    result = verify(good, "--public-key", KEY, "--json")
    report = json.loads(result.out)
    assert list(report) == ["version", "notice", "summary", "records", "sessions"]
    assert report["notice"] == NOTICE.en and not result.err


def test_a_bare_digest(verify: Any, tmp_path: Path) -> None:
    digest = hashlib.sha256(b"snapshot").digest()
    signature = curves.sign_digest(PRIVATE, digest)
    file = tmp_path / "signature.der"
    file.write_bytes(signature)
    key = ["--public-key", KEY]
    assert verify("--digest", digest.hex(), "--signature", signature.hex(), *key).code == 0
    assert verify("--digest", digest.hex(), "--signature", f"@{file}", *key).code == 0
    other = verify("--digest", hashlib.sha256(b"other").hexdigest(), "--signature", signature.hex(), *key)
    assert other.code == 1 and "V-MISMATCH" not in other.err and "invalid" in other.out
    result = verify("--digest", digest.hex(), "--signature", signature.hex(), *key, "--json")
    assert json.loads(result.out)["signature"] == "valid"
    assert verify("--digest", "00", "--signature", signature.hex(), *key).code == 2
    assert verify("--digest", "xy", "--signature", signature.hex(), *key).code == 2
    assert verify("--digest", digest.hex(), "--signature", signature.hex(), "--public-key", "00").code == 1


def test_help_shows_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["verify", "--help"]) == 0
    assert "wattproof verify session.xml" in capsys.readouterr().out


@pytest.mark.proves("T-082", "T-096")
def test_time_zone_and_locale_of_the_machine_do_not_matter(good: Path) -> None:
    outputs = set()
    for zone, locale in (("UTC", "C.UTF-8"), ("Pacific/Kiritimati", "de_DE.UTF-8"), ("America/St_Johns", "C")):
        environment = {**os.environ, "TZ": zone, "LC_ALL": locale, "PYTHONUTF8": "1"}
        command = [sys.executable, "-m", "wattproof", "verify", str(good), "--public-key", KEY, "--json"]
        outputs.add(subprocess.run(command, env=environment, capture_output=True, check=True, timeout=60).stdout)
    (text,) = outputs
    assert json.loads(text)["sessions"][0]["begin"] == "2024-03-01T10:00:00+01:00"


@pytest.mark.proves("T-082", "T-079")
@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_an_output_that_lacks_characters_gets_escapes(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "foreign.ocmf"
    path.write_text(record(TT="T\u00fcr \u20ac \u6f22"), encoding="utf-8")
    command = [sys.executable, "-m", "wattproof", "verify", str(path), "--public-key", KEY]
    environment = {**os.environ, "PYTHONIOENCODING": encoding}

    def output_of(*options: str) -> bytes:
        return subprocess.run([*command, *options], env=environment, capture_output=True, check=True, timeout=60).stdout

    text = output_of()
    assert b"GREEN" in text and b"\\u6f22" in text and NOTICE.en.encode() in text
    with_options = json.loads(output_of("--json").decode("ascii"))
    assert with_options["sessions"][0]["overall"] == "green"


def test_large_hostile_files_end_soon(verify: Any, tmp_path: Path) -> None:
    path = tmp_path / "deep"
    path.write_bytes(b"[" * 2_000_000)
    started = time.process_time()
    assert verify(path).code == 1
    assert time.process_time() - started < 10


def test_endless_files_are_refused_by_size(verify: Any) -> None:
    result = verify("/dev/zero", "--json")
    assert result.code == 1 and json.loads(result.out)["records"][0]["reason"] == "F-SIZE"


@pytest.mark.parametrize(("wrong", "status"), [(False, 0), (True, 1)], ids=["green", "red"])
@pytest.mark.parametrize("arguments", [(), ("--json",), ("--language", "de")], ids=["text", "json", "German"])
def test_a_reader_who_leaves_early_does_not_change_the_exit_code(
    tmp_path: Path, arguments: tuple[str, ...], wrong: bool, status: int
) -> None:
    path = tmp_path / "a.ocmf"
    path.write_text(record().replace("METER0001", "METER0002" if wrong else "METER0001"))
    report = tmp_path / "a.html"
    command = [sys.executable, "-m", "wattproof", "verify", str(path), "--public-key", KEY, "--keys", "none"]
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run([*command, "--report", str(report), *arguments], stdout=writing, stderr=subprocess.PIPE)
    finally:
        os.close(writing)
    assert done.returncode == status and report.stat().st_size
    assert b"Traceback" not in done.stderr and b"error" not in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="closes streams as a shell does")
def test_closed_streams_are_no_defect(tmp_path: Path) -> None:
    path = tmp_path / "a.ocmf"
    path.write_text(record())
    verify = shlex.join([sys.executable, "-m", "wattproof", "verify", "--keys", "none", "--public-key", KEY])
    for streams, name, status in ((">&-", path, 0), ("2>&-", path, 0), ("<&-", "-", 2), ("2>&-", "missing", 2)):
        done = subprocess.run(["sh", "-c", f"{verify} {name} {streams}"], capture_output=True, text=True)
        assert done.returncode == status, streams
        assert "defect" not in done.stderr
    assert (
        "error: cannot read -: standard input is closed"
        in subprocess.run(["sh", "-c", f"{verify} - <&-"], capture_output=True, text=True).stderr
    )
