"""`wattproof keys`, and what `wattproof verify` makes of the register."""

from __future__ import annotations

import asyncio
import io
import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.signed.test_sources import code, pdf, picture
from wattproof.cli import output, run
from wattproof.meters.bsm.publickey import front_code
from wattproof.signed import curves, testkeys
from wattproof.signed.forging import forge

SERIAL = "TEST0001"
PRIVATE = testkeys.private_key("secp256r1", "the key of a meter")
KEY = curves.spki(PRIVATE)
OTHER = curves.spki(testkeys.private_key("secp256r1", "another key"))


@pytest.fixture
def register(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "of the user" / "keys.json"
    monkeypatch.setenv("WATTPROOF_KEYS", str(path))
    return path


@pytest.fixture
def call(register: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    def call(*arguments: object) -> SimpleNamespace:
        output.console.cache_clear()
        output.errors.cache_clear()
        code = run([*map(str, arguments)])
        out, err = capsys.readouterr()
        return SimpleNamespace(code=code, out=out, err=err)

    return call


@pytest.fixture
def session(tmp_path: Path) -> Path:
    path = tmp_path / "session.xml"
    path.write_bytes(forge("SAFE-XML", key=PRIVATE, serial=SERIAL).data)
    return path


def rows(call: Any) -> list[tuple[str | None, str, str]]:
    listed = json.loads(call("keys", "list", "--json").out)["keys"]
    return [(row["serial"], row["state"], row["public_key"]) for row in listed]


@pytest.mark.proves("T-093", "T-078")
def test_a_key_is_added_trusted_used_and_revoked(call: Any, session: Path, register: Path) -> None:
    assert call("verify", session, "--strict").code == 1
    added = call("keys", "add", front_code(KEY), "--serial", SERIAL)
    assert added.code == 0 and SERIAL in added.out and "not trusted" in added.err
    assert call("verify", session, "--strict").code == 1
    assert call("keys", "trust", SERIAL, "--source", "read off the meter").code == 0
    result = call("verify", session, "--strict")
    assert result.code == 0 and "GREEN" in result.out and "read off the meter" in result.out
    assert "trusted in your key register" in result.out and "given by you" not in result.out
    assert call("verify", session, "--strict", "--keys", "none").code == 1
    assert call("keys", "revoke", KEY.hex(), "--reason", "meter stolen").code == 0
    result = call("verify", session)
    assert result.code == 0 and "YELLOW" in result.out and "meter stolen" in result.out
    refused = call("keys", "trust", SERIAL)
    assert refused.code == 2 and "meter stolen" in refused.err
    assert rows(call) == [(SERIAL, "revoked", KEY.hex())]
    if os.name == "posix":
        assert stat.S_IMODE(register.stat().st_mode) == 0o600
        assert stat.S_IMODE(register.parent.stat().st_mode) == 0o700


def test_a_differing_key_is_told_when_it_comes(call: Any, session: Path) -> None:
    call("keys", "add", OTHER.hex(), "--serial", SERIAL, "--trust")
    result = call("verify", session, "--json")
    assert result.code == 1 and json.loads(result.out)["records"][0]["reason"] == "V-KEY-CONFLICT"
    imported = call("keys", "import", session)
    assert imported.code == 0 and "another key" in imported.err
    assert rows(call) == [(SERIAL, "trusted", OTHER.hex()), (SERIAL, "seen", KEY.hex())]
    assert "2 trusted keys" in call("keys", "trust", KEY.hex()).err


def test_first_seen_keys_are_pinned_on_request_only(call: Any, session: Path, tmp_path: Path) -> None:
    call("verify", session)
    assert rows(call) == []
    assert "1 key first seen" in call("verify", session, "--pin").err
    assert rows(call) == [(SERIAL, "seen", KEY.hex())]
    impostor = tmp_path / "impostor.xml"
    impostor.write_bytes(forge("SAFE-XML", serial=SERIAL, key=testkeys.private_key("secp256r1", "another key")).data)
    result = call("verify", impostor, "--pin")
    assert "F-KEY-CHANGED" in result.out and "first seen" not in result.err
    assert rows(call) == [(SERIAL, "seen", KEY.hex())]
    assert call("verify", session, "--pin", "--keys", "none").code == 2
    missing = call("verify", session, "--keys", tmp_path / "missing.json")
    assert missing.code == 2 and "no such key register" in missing.err
    assert call("verify", session, "--keys", tmp_path / "new.json", "--pin").code == 0
    assert (tmp_path / "new.json").is_file()


@pytest.mark.parametrize("format", ["OCMF", "SAFE-XML", "chargeIT-JSON"])
def test_keys_of_valid_records_are_imported_and_others_are_not(call: Any, tmp_path: Path, format: str) -> None:
    path = tmp_path / "records"
    path.write_bytes(forge(format, "wrong-key", serial=SERIAL).data)
    refused = call("keys", "import", path)
    assert refused.code == 2 and "no key" in refused.err
    path.write_bytes(forge(format, serial=SERIAL).data)
    assert call("keys", "import", path, "--trust").code == 0
    ((serial, state, key),) = rows(call)
    assert (serial, state) == (SERIAL, "trusted") and key == testkeys.public_key("secp256r1", SERIAL).spki.hex()
    assert "test key" in call("keys", "list").out


def test_texts_of_front_codes_lists_and_ready_lines(call: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "code.txt"
    path.write_text(front_code(KEY) + "\n")
    assert "--serial" in call("keys", "import", path).err
    assert call("keys", "import", path, "--serial", "A").code == 0
    path.write_text(f"# our meters\nB {front_code(OTHER)}\nC;{KEY.hex()}\nnonsense\nD zzzz\n")
    assert call("keys", "import", path).code == 0
    ready = {
        "ready": True,
        "serial": "E",
        "public_key": KEY.hex(),
        "meters": [{"serial": "F", "public_key": OTHER.hex()}],
    }
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(json.dumps(ready).encode() + b"\n")))
    assert call("keys", "import", "-", "--source", "simulated").code == 0
    assert [row[0] for row in rows(call)] == ["A", "B", "C", "E", "F"]
    path.write_text(f"B {front_code(OTHER)}\nC;{KEY.hex()}\n")
    assert "of meter G" in call("keys", "import", path, "--serial", "G").err
    listed = json.loads(call("keys", "list", "E", "--json").out)["keys"]
    assert [event["source"] for event in listed[0]["history"]] == ["simulated"]


CODE = front_code(KEY)


@pytest.mark.parametrize("kind", ["QRCode", "DataMatrix"])
@pytest.mark.parametrize("format", ["PNG", "JPEG", "TIFF", "WEBP", "PDF"])
def test_a_photo_of_the_front_code_is_imported(call: Any, tmp_path: Path, kind: str, format: str) -> None:
    image = code(CODE, kind)
    path = tmp_path / "photo"
    path.write_bytes(pdf(images=[image]) if format == "PDF" else picture(image, image, format=format))
    assert "--serial" in call("keys", "import", path).err
    assert call("keys", "import", path, "--serial", SERIAL, "--trust").code == 0
    assert rows(call) == [(SERIAL, "trusted", KEY.hex())]
    history = json.loads(call("keys", "list", SERIAL, "--json").out)["keys"][0]["history"]
    assert history[0]["source"] == str(path)


def test_a_key_of_a_photo_makes_its_meters_records_green(call: Any, tmp_path: Path, session: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(picture(code(CODE)))
    assert call("keys", "import", path, "--serial", SERIAL, "--trust").code == 0
    assert call("verify", session, "--strict").code == 0
    path.write_bytes(picture(code(front_code(OTHER))))
    assert "another key" in call("keys", "import", path, "--serial", SERIAL).err


def test_codes_that_state_a_serial_number_or_hold_a_record(call: Any, tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(picture(code(f"A {CODE}\nB {front_code(OTHER)}"), code("an advertisement")))
    assert call("keys", "import", path).code == 0
    assert rows(call) == [("A", "seen", KEY.hex()), ("B", "seen", OTHER.hex())]
    for format in ("QR", "PDF"):
        path.write_bytes(forge(format, key=PRIVATE, serial=f"C-{format}").data)
        assert call("keys", "import", path).code == 0
    assert [row[0] for row in rows(call)] == ["A", "B", "C-PDF", "C-QR"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (lambda: picture(code(CODE), code(front_code(OTHER))), "shows 2 keys"),
        (lambda: picture(code("https://example.org/?" + CODE[:40])), "holds no key"),
        (lambda: picture(code(CODE[:-2])), "holds no key"),
        (lambda: picture(code(CODE))[:300], "cannot read"),
        (lambda: b"\x89PNG\r\n\x1a\n", "cannot read"),
        (lambda: pdf(images=[code(CODE)])[:200], "cannot read"),
    ],
)
def test_photos_that_show_no_one_key(call: Any, tmp_path: Path, content: Any, said: str) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(content())
    result = call("keys", "import", path, "--serial", SERIAL)
    assert result.code == 2 and said in result.err and rows(call) == []


@pytest.mark.proves("T-101")
@pytest.mark.parametrize(("format", "module"), [("PNG", "images"), ("PDF", "pdf")])
def test_without_the_extra_a_photo_says_what_to_install(
    call: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: str, module: str
) -> None:
    path = tmp_path / "photo"
    path.write_bytes(picture(code(CODE)) if format == "PNG" else pdf(images=[code(CODE)]))
    monkeypatch.delattr(f"wattproof.signed.sources.{module}", raising=False)
    monkeypatch.setitem(sys.modules, f"wattproof.signed.sources.{module}", None)
    result = call("keys", "import", path, "--serial", SERIAL)
    assert result.code == 2 and "wattproof[documents]" in result.err and rows(call) == []


def test_the_ready_line_of_a_virtual_meter_is_what_is_imported(call: Any, tmp_path: Path) -> None:
    """``public_key`` there is the key in hexadecimal DER, as the front code has it behind its two letters."""
    key = testkeys.public_key("secp256r1", "001BZR0000000001").spki
    path = tmp_path / "ready.json"
    path.write_text(json.dumps({"serial": "001BZR0000000001", "public_key": key.hex(), "meters": []}, indent=2))
    assert call("keys", "import", path).code == 0
    assert rows(call) == [("001BZR0000000001", "seen", key.hex())]


def test_a_gateways_keys_come_with_the_time_they_were_first_seen(call: Any, tmp_path: Path) -> None:
    from wattproof.gateway.records import Meter, PublicKey
    from wattproof.gateway.store.opening import open_store

    data = tmp_path / "gateway"
    data.mkdir()
    assert "no data directory" in call("keys", "import", data).err

    async def fill() -> None:
        store = await open_store("sqlite", data)
        await store.commit(
            Meter("M1", "bsm", 5, "h:502/42", "hall"),
            Meter("M2", "bsm", 5, "h:502/43", "hall", active=False),
            PublicKey("M1", KEY, 1_767_323_045_000),
            PublicKey("M2", OTHER, 1_767_323_045_000),
            PublicKey("M2", b"no key", 1_767_323_046_000),
        )
        await store.close()

    asyncio.run(fill())
    result = call("keys", "import", data)
    assert result.code == 0 and "is left out" in result.err
    assert rows(call) == [("M1", "seen", KEY.hex()), ("M2", "seen", OTHER.hex())]
    listed = json.loads(call("keys", "list", "M1", "--json").out)["keys"]
    assert listed[0]["history"][0]["time"] == "2026-01-02T03:04:05Z"


@pytest.mark.parametrize(
    "arguments",
    [
        ["add"],
        ["add", KEY.hex()],
        ["add", "no key", "--serial", "A"],
        ["add", "@missing", "--serial", "A"],
        ["add", KEY.hex(), "--serial", "A", "--any-meter"],
        ["trust"],
        ["trust", "nobody"],
        ["trust", "A", "--trust"],
        ["trust", "A", "--reason", "x"],
        ["revoke", "nobody"],
        ["revoke", "A", "--serial", "A"],
        ["import", "missing"],
        ["list", "nobody"],
        ["list", "--sorted"],
        ["forget", "A"],
        ["list", "--keys", "none"],
    ],
)
def test_misuse_is_exit_code_two_and_changes_nothing(call: Any, arguments: list[str]) -> None:
    result = call("keys", *arguments)
    assert result.code == 2 and result.err.startswith("error:")
    assert rows(call) == []


def test_a_command_that_fails_in_the_middle_changes_nothing(call: Any, tmp_path: Path) -> None:
    good = tmp_path / "good.txt"
    good.write_text(f"A {KEY.hex()}\n")
    assert call("keys", "import", good, tmp_path / "missing").code == 2
    assert rows(call) == []


def test_a_damaged_register_stops_everything(call: Any, register: Path, session: Path) -> None:
    register.parent.mkdir()
    register.write_text("{}")
    register.chmod(0o600)
    for arguments in (["verify", session], ["keys", "list"], ["keys", "add", KEY.hex(), "--serial", "A"]):
        result = call(*arguments)
        assert result.code == 5 and "damaged" in result.err
    assert register.read_text() == "{}"


@pytest.mark.proves("T-079")
def test_what_files_state_is_harmless_in_the_terminal(call: Any) -> None:
    call("keys", "add", KEY.hex(), "--serial", "A\x1b[31m", "--source", "\u202eevil\x1b]0;x\x07")
    shown = call("keys", "list")
    assert "\x1b" not in shown.out and "\u202e" not in shown.out and "\\u001b" in shown.out


@pytest.mark.proves("T-079")
def test_a_serial_number_makes_no_line_of_its_own(call: Any) -> None:
    """A record names its meter, and a line end in that name could forge rows of the register."""
    forged = "A\ntrusted  0123456789abcdef  meter B"
    for arguments in (
        ("add", KEY.hex(), "--serial", forged, "--source", "x\nB trusted"),
        ("trust", KEY.hex()),
        ("list",),
    ):
        shown = call("keys", *arguments)
        assert "A\\u000atrusted" in shown.out
        assert not [
            line for line in (shown.out + shown.err).splitlines() if line.strip().startswith(("trusted  0123", "B"))
        ]


def test_commands_at_once_lose_nothing(register: Path, tmp_path: Path) -> None:
    """Four processes add a key each."""
    command = [sys.executable, "-m", "wattproof", "keys", "add", KEY.hex()]
    environment = {**os.environ, "WATTPROOF_KEYS": str(register)}
    running = [
        subprocess.Popen([*command, "--serial", f"S{number}"], env=environment, stdout=subprocess.DEVNULL)
        for number in range(4)
    ]
    assert [process.wait(timeout=60) for process in running] == [0] * 4
    found = json.loads(register.read_text())["keys"]
    assert sorted(row["serial"] for row in found) == ["S0", "S1", "S2", "S3"]
    assert not list(register.parent.glob("*.writing"))
