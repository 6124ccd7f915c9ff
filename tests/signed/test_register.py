"""The key register: what makes a key trusted, what is told of differing, foreign and revoked keys."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from wattproof.errors import InvalidValue, StorageError, UnknownName
from wattproof.signed import KeyRegister, curves, examine, testkeys
from wattproof.signed.forging import GREY, MAKERS, forge
from wattproof.signed.register import ANY, State, read_key
from wattproof.signed.registered import signer
from wattproof.signed.report import Report

NOW = 1_800_000_000
DAY, LATER = "2026-01-02T03:04:05Z", "2026-02-03T04:05:06Z"
SERIAL = "TEST0001"
PRIVATE = testkeys.private_key("secp256r1", "the key of a meter")
KEY = curves.spki(PRIVATE)
OTHER = curves.spki(testkeys.private_key("secp256r1", "another key"))
FORMATS = ["SAFE-XML", "OCMF", "chargeIT-JSON"]


def register(*rows: tuple[bytes, str, str]) -> KeyRegister:
    made = KeyRegister()
    for key, serial, state in rows:
        row, _ = made.add(key, serial, "a test", DAY)
        if state == "trusted":
            made.trust(row, "compared", LATER)
        elif state == "revoked":
            made.revoke(key, "stolen", LATER)
    return made


def judged(format: str, known: KeyRegister, variant: str = "valid", **options: Any) -> Report:
    return examine(forge(format, variant, key=PRIVATE, serial=SERIAL).data, register=known, now=NOW, **options)


def told(report: Report) -> set[str]:
    codes = {finding.code for record in report.records for finding in record.findings}
    return {code for code in codes if code.startswith("F-KEY")}


def summary(report: Report) -> tuple[set[str], set[str | None], set[str]]:
    sources = {record.signature.key_source.value if record.signature.key_source else None for record in report.records}
    return {record.signature.verdict.value for record in report.records}, sources, {c.value for c in report.colours}


@pytest.mark.proves("T-093")
@pytest.mark.parametrize("format", FORMATS)
def test_only_a_trusted_key_is_green(format: str) -> None:
    assert summary(judged(format, KeyRegister()))[2] == {"yellow"}
    seen = judged(format, register((KEY, SERIAL, "seen")))
    assert summary(seen)[2] == {"yellow"} and told(seen) == {"F-KEY-SEEN"}
    trusted = judged(format, register((KEY, SERIAL, "trusted")))
    assert summary(trusted) == ({"valid"}, {"trusted"}, {"green"}) and told(trusted) == {"F-KEY-REGISTER"}
    message = next(f.message for f in trusted.records[0].findings if f.code == "F-KEY-REGISTER")
    assert SERIAL in message and LATER in message and "compared" in message


@pytest.mark.parametrize("format", FORMATS)
def test_a_key_is_trusted_for_its_meter_only(format: str) -> None:
    report = judged(format, register((KEY, "ANOTHER", "trusted")))
    assert summary(report)[2] == {"yellow"} and told(report) == {"F-KEY-SERIAL"}
    report = judged(format, register((KEY, ANY, "trusted")))
    assert summary(report)[2] == {"green"}


@pytest.mark.proves("T-077")
@pytest.mark.parametrize("format", FORMATS)
def test_a_differing_key_of_a_known_meter(format: str) -> None:
    """A trusted key decides, so another one beside the record is a conflict; a key that was only seen is told."""
    report = judged(format, register((OTHER, SERIAL, "trusted")))
    assert summary(report)[0] == {"key-error"} and summary(report)[2] == {"red"}
    assert {record.signature.reason for record in report.records} == {"V-KEY-CONFLICT"}
    report = judged(format, register((OTHER, SERIAL, "seen")))
    assert summary(report) == ({"valid"}, {"embedded" if format != "SAFE-XML" else "container"}, {"yellow"})
    assert told(report) == {"F-KEY-CHANGED"}


@pytest.mark.parametrize("format", FORMATS)
def test_a_revoked_key_is_told_and_never_trusted(format: str) -> None:
    report = judged(format, register((KEY, SERIAL, "revoked")))
    assert summary(report)[2] == {"yellow"} and told(report) == {"F-KEY-REVOKED"}
    elsewhere = register((KEY, "ANOTHER", "trusted"))
    elsewhere.revoke(KEY, "stolen", LATER)
    assert told(judged(format, elsewhere)) == {"F-KEY-REVOKED"}
    given = judged(format, register((KEY, SERIAL, "revoked")), public_key=KEY.hex())
    assert told(given) == {"F-KEY-REVOKED"}, "told even where the user gives this key"


@pytest.mark.parametrize("variant", ["no-key", "valid"])
def test_of_several_trusted_keys_the_one_that_verifies_decides(variant: str) -> None:
    for rows in ([(OTHER, SERIAL, "trusted"), (KEY, SERIAL, "trusted")], [(KEY, SERIAL, "trusted")]):
        report = judged("OCMF", register(*rows), variant)
        assert summary(report) == ({"valid"}, {"trusted"}, {"green"})
    assert summary(judged("OCMF", register((OTHER, ANY, "trusted"), (KEY, ANY, "trusted")), "no-key"))[2] == {"green"}


def test_a_gateways_key_does_not_stand_in_for_that_of_a_known_meter(new_forge: Any) -> None:
    """Who holds one trusted key could else sign for every meter of the register by naming its own gateway beside."""
    gateway = new_forge(identity="a gateway")
    key = bytes.fromhex(gateway.key)
    record = gateway.xml((gateway.session(GS="GW1", MS=SERIAL), "1"))
    alone = examine(record, register=register((key, "GW1", "trusted")), now=NOW)
    assert summary(alone) == ({"valid"}, {"trusted"}, {"green"})
    both = examine(record, register=register((key, "GW1", "trusted"), (KEY, SERIAL, "trusted")), now=NOW)
    assert summary(both)[2] == {"red"} and both.records[0].signature.reason == "V-KEY-CONFLICT"
    seen = examine(record, register=register((key, "GW1", "trusted"), (KEY, SERIAL, "seen")), now=NOW)
    assert summary(seen)[2] == {"green"}, "a key that nobody compared is in nobody's way"


def test_a_record_without_key_says_that_one_waits() -> None:
    report = judged("OCMF", register((KEY, SERIAL, "seen")), "no-key")
    assert summary(report)[0] == {"no-key"} and told(report) == {"F-KEY-SEEN"}
    assert summary(judged("OCMF", register((OTHER, ANY, "trusted")), "no-key"))[0] == {"no-key"}


def test_the_users_key_comes_before_the_register() -> None:
    report = judged("SAFE-XML", register((OTHER, SERIAL, "trusted")), public_key=KEY.hex())
    assert summary(report) == ({"valid"}, {"trusted"}, {"green"}) and told(report) == {"F-KEY-CHANGED"}


def test_a_directory_is_no_register(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="for the commands only"):
        KeyRegister.load(tmp_path)


@pytest.mark.parametrize("format", [name for name in MAKERS if name not in GREY])
def test_the_signer_of_every_format_is_found_again(format: str) -> None:
    forged = forge(format)
    bare = examine(forged.data, now=NOW)
    names = {signer(record) for record in bare.records}
    assert names == {forged.identity}
    trusted = register((forged.public_key, forged.identity, "trusted"))
    assert summary(examine(forged.data, register=trusted, now=NOW, allow_test_keys=True))[2] == {"green"}
    assert summary(examine(forge(format, "no-key").data, register=trusted, now=NOW))[1] == {"trusted"}
    foreign = register((forged.public_key, "SOMEBODY ELSE", "trusted"))
    assert told(examine(forged.data, register=foreign, now=NOW)) >= {"F-KEY-SERIAL"}
    other = curves.spki(testkeys.private_key(forged.curve, "another key"))
    changed = examine(forged.data, register=register((other, forged.identity, "trusted")), now=NOW)
    assert {record.signature.reason for record in changed.records} == {"V-KEY-CONFLICT"}


@pytest.mark.proves("T-107")
def test_trusting_a_test_key_makes_no_record_green() -> None:
    forged = forge("SAFE-XML", serial=SERIAL)
    known = register((forged.public_key, SERIAL, "trusted"))
    assert summary(examine(forged.data, register=known, now=NOW))[2] == {"yellow"}
    assert summary(examine(forged.data, register=known, now=NOW, allow_test_keys=True))[2] == {"green"}


def test_what_was_seen_first_stays_and_everything_is_in_the_history() -> None:
    known = register((KEY, SERIAL, "seen"))
    row, new = known.add(KEY, f" {SERIAL} ", "later", LATER)
    assert not new and row.first.source == "a test" and len(known) == 1
    second, new = known.add(OTHER, SERIAL, "later", LATER)
    assert new and [item.key for item in known.of_meter(SERIAL)] == [KEY, OTHER]
    known.trust(row, "compared", LATER)
    assert not known.trust(row, "again", LATER)
    known.revoke(KEY, "stolen", LATER)
    assert [event.state for event in row.history] == [State.SEEN, State.TRUSTED, State.REVOKED]
    with pytest.raises(InvalidValue, match="stolen"):
        known.trust(row, "after all", LATER)
    again, _ = known.add(KEY, "ANOTHER", "later", LATER)
    assert again.state is State.REVOKED and second.state is State.SEEN
    with pytest.raises(InvalidValue, match="1000"):
        known.add(KEY, "x" * 1001, "", DAY)


def test_rows_are_found_by_serial_fingerprint_and_key() -> None:
    known = register((KEY, SERIAL, "seen"), (OTHER, "B", "seen"))
    row = known.of_meter(SERIAL)[0]
    for which in (
        SERIAL,
        row.fingerprint,
        row.fingerprint[:8],
        row.fingerprint[:16].upper(),
        KEY.hex(),
        "AC" + KEY.hex(),
    ):
        assert known.find(which) == [row], which
    for which in ("", "nobody", row.fingerprint[:7], "0" * 16):
        with pytest.raises(UnknownName):
            known.find(which)


def test_a_register_survives_its_file(tmp_path: Path) -> None:
    known = register((KEY, "Zähler 1 \u2028\ud800", "trusted"), (OTHER, ANY, "revoked"), (OTHER, SERIAL, "seen"))
    path = tmp_path / "keys.json"
    path.write_bytes(known.dump())
    path.chmod(0o600)
    again = KeyRegister.load(path)
    assert again.dump() == known.dump() and list(again) == list(known)
    assert len(KeyRegister.load(tmp_path / "missing.json")) == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        '{"version":2,"keys":[]}',
        '{"version":1,"keys":[{}]}',
        '{"version":1,"keys":[{"key":"00","serial":"1","history":[]}]}',
        '{"version":1,"keys":[{"key":"KEY","serial":"1","history":[]}]}',
        '{"version":1,"keys":[{"key":"KEY","serial":1,"history":[{"time":"","state":"seen","source":""}]}]}',
        '{"version":1,"keys":[{"key":"KEY","serial":"1","history":[{"time":"","state":"good","source":""}]}]}',
        "[" * 100_000,
        "\x00",
    ],
)
def test_a_damaged_register_is_never_taken_for_an_empty_one(tmp_path: Path, text: str) -> None:
    path = tmp_path / "keys.json"
    path.write_text(text.replace("KEY", KEY.hex()))
    path.chmod(0o600)
    with pytest.raises(StorageError, match="damaged"):
        KeyRegister.load(path)
    with pytest.raises(StorageError, match="damaged"):
        examine(b"OCMF|{}|{}", register=path)


@pytest.mark.skipif(os.name != "posix", reason="modes of files")
@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_register_that_others_may_write_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "keys.json"
    path.write_bytes(register().dump())
    path.chmod(mode)
    with pytest.raises(StorageError, match="chmod 600"):
        KeyRegister.load(path)


def test_a_truncated_register_is_damaged_or_refused_at_every_byte(tmp_path: Path) -> None:
    data = register((KEY, SERIAL, "trusted")).dump().rstrip()
    path = tmp_path / "keys.json"
    for length in range(0, len(data), 7):
        path.write_bytes(data[:length])
        path.chmod(0o600)
        with pytest.raises(StorageError):
            KeyRegister.load(path)


def test_a_key_must_name_its_curve() -> None:
    assert read_key("AC" + KEY.hex()).spki == KEY
    for text in ("no key", KEY[-64:].hex(), ""):
        with pytest.raises(InvalidValue, match="no public key"):
            read_key(text)


def test_a_register_does_not_change_what_it_does_not_know() -> None:
    data = forge("SAFE-XML", key=PRIVATE).data
    known = register((OTHER, "SOMEBODY ELSE", "trusted"))
    first, second = examine(data, now=NOW).as_dict(), examine(data, register=known, now=NOW).as_dict()
    assert json.dumps(first) == json.dumps(second)
    for junk in (b"", b"<values/>", b"OCMF|", b"{}", b"AP;0"):
        assert examine(junk, register=known).as_dict() == examine(junk).as_dict()
