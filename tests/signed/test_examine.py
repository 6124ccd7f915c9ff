"""The two functions of the facade, and the report they give."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

import wattproof
from wattproof.errors import InvalidValue, StorageError, UnknownName, VerificationError
from wattproof.signed import Examination, KeyRegister, examine, testkeys, verify, verify_digest
from wattproof.signed.records import Time
from wattproof.signed.report import time_text

NOW = 1_800_000_000
Codes = Callable[[Any], set[str]]


def test_the_facade_offers_both() -> None:
    assert wattproof.examine is examine and wattproof.verify is verify


def test_the_object_has_the_fields_of_the_design_in_their_order(forge: Any) -> None:
    report = forge.examine(forge.session(AA=1)).as_dict()
    assert list(report) == ["version", "notice", "summary", "records", "sessions"]
    assert list(report["summary"]) == ["sessions", "loose_records", "green", "yellow", "red", "grey", "unreadable"]
    assert list(report["records"][0]) == (
        "source index format container signature overall reason hints algorithm public_key key_source findings".split()
    )
    assert list(report["records"][0]["findings"][0]) == ["code", "severity", "where", "message"]
    assert list(report["sessions"][0]) == "id records verdict overall begin end energy profiles findings".split()
    entry = forge.examine(forge.session("0", "0")).as_dict()["sessions"][0]
    assert list(entry["findings"][0]) == ["code", "severity", "message"]
    assert entry["profiles"] == {name: {"verdict": "valid", "reasons": []} for name in ("safe-1.4.1", "chargy-0.12")}
    assert report["records"][0]["public_key"] == forge.key and report["records"][0]["key_source"] == "trusted"


@pytest.mark.proves("T-082")
def test_equal_input_gives_equal_reports(forge: Any) -> None:
    document = forge.xml((forge.session(), "1"), (forge.session("3", "2", MS=None, XX=1), "2"))
    assert forge.examine(document).as_dict() == forge.examine(document).as_dict()


@pytest.mark.proves("T-092")
def test_several_files_in_one_run(forge: Any) -> None:
    run = Examination(forge.key, now=NOW)
    run.add(forge.session().encode(), "a")
    run.add(b"rubbish", "b")
    run.unreadable("c", "no such file")
    run.add(forge.xml((forge.session("2", "1"), "1"), ("", "2")), "d")
    report = run.report().as_dict()
    assert report["summary"] == {
        "sessions": 2,
        "loose_records": 2,
        "green": 1,
        "yellow": 0,
        "red": 3,
        "grey": 0,
        "unreadable": 1,
    }
    assert [(record["source"], record["index"]) for record in report["records"]] == [
        ("a", 0),
        ("b", 0),
        ("d", 0),
        ("d", 1),
    ]
    assert [session["records"] for session in report["sessions"]] == [[0], [2]]


@pytest.mark.proves("T-107", "T-108")
@pytest.mark.parametrize(("allowed", "severity", "colour"), [(False, "warning", "yellow"), (True, "info", "green")])
def test_a_test_key_marks_every_record_of_the_run(
    allowed: bool, severity: str, colour: str, new_forge: Any, codes: Codes
) -> None:
    virtual = new_forge(identity="METER0001")
    run = Examination(virtual.key, allow_test_keys=allowed, now=NOW)
    run.add(virtual.session(MS="SOMETHING ELSE").encode(), "first")
    run.add(virtual.session().encode(), "second")
    run.add(virtual.session().replace("112.340", "112.341").encode(), "third")
    report = run.report()
    for record in report.records:
        (finding,) = (finding for finding in record.findings if finding.code == "F-TEST-KEY")
        assert finding.severity == severity
    assert [report.session_colour(session) for session in report.sessions] == [colour, colour, "red"]
    assert run.report() is report and len([f for f in report.records[0].findings if f.code == "F-TEST-KEY"]) == 1


@pytest.mark.proves("T-107")
def test_the_gateways_serial_identifies_too_and_other_keys_are_not_marked(new_forge: Any, codes: Codes) -> None:
    gateway = new_forge(identity="GW0001")
    (record,) = gateway.examine(gateway.session()).records
    assert "F-TEST-KEY" in codes(record)
    own = new_forge(identity="anything else")
    (record,) = own.examine(own.session()).records
    assert "F-TEST-KEY" not in codes(record)


@pytest.mark.proves("T-095")
def test_session_ids(forge: Any) -> None:
    record = forge.session()
    plain = forge.examine(record).sessions[0].id
    assert plain.startswith("sha256:") and len(plain) == 23
    assert forge.examine(forge.xml((record, None))).sessions[0].id == plain
    assert forge.examine(f"{forge.session(PG='T1')}\n{record}").sessions[1].id == plain
    assert forge.examine(forge.xml((record, " 4711 "))).sessions[0].id == "4711"


@pytest.mark.proves("T-096")
@pytest.mark.parametrize(
    ("time", "text"),
    [
        (Time(1_709_283_600, 60), "2024-03-01T10:00:00+01:00"),
        (Time(1_709_283_600, -210, 120), "2024-03-01T05:30:00.120-03:30"),
        (Time(1_709_283_600, 0), "2024-03-01T09:00:00+00:00"),
        (Time(1_709_283_600, 0, utc=True), "2024-03-01T09:00:00Z"),
        (Time(1_709_283_600, None), "2024-03-01T09:00:00"),
        (Time(0, 60), "1970-01-01T01:00:00+01:00"),
        (Time(10**15, 0), None),
        (None, None),
    ],
)
def test_times(time: Time | None, text: str | None) -> None:
    assert time_text(time) == text


@pytest.mark.parametrize(
    ("begin", "end", "energy"),
    [
        ("100.100", "112.340", "12.240"),
        ("100.1", "112.340", "12.2"),
        ("100", "112", "12"),
        ("1.606848e7", "1.606849e7", "10"),
        ("0.000", "0.0001", "0.000"),
        ("5.00", "4.00", "-1.00"),
        ("1234567890123456789012345.001", "1234567890123456789012346.002", "1.001"),
    ],
)
def test_energy_has_the_decimals_of_the_less_precise_value(begin: str, end: str, energy: str, forge: Any) -> None:
    (entry,) = forge.examine(forge.session(begin, end)).as_dict()["sessions"]
    assert entry["energy"] == {"value": energy, "unit": "kWh"}


def test_energy_of_mixed_units_is_exact(forge: Any) -> None:
    document = forge.ocmf([forge.reading("B", "100.1"), forge.reading("E", "112340", RU="Wh")])
    assert forge.examine(document).as_dict()["sessions"][0]["energy"]["value"] == "12.2"
    missing = forge.ocmf([forge.reading("B", "1"), forge.reading("E", None)])
    assert forge.examine(missing).as_dict()["sessions"][0]["energy"] is None


@pytest.mark.proves("T-057")
def test_signature_and_session_are_judged_apart(forge: Any) -> None:
    (session,) = (report := forge.examine(forge.session().replace("112.340", "112.341"))).sessions
    assert report.records[0].signature.verdict == "invalid" and session.verdict == "ok"
    assert report.session_colour(session) == "red"
    (session,) = (report := forge.examine(forge.session("2", "1"))).sessions
    assert report.records[0].signature.verdict == "valid" and session.verdict == "fail"


@pytest.mark.proves("T-078")
def test_only_a_given_key_is_called_trusted(forge: Any) -> None:
    inside = examine(f"{forge.session()}|{forge.key}", now=NOW).as_dict()["records"][0]
    assert (inside["key_source"], inside["overall"]) == ("embedded", "yellow")
    beside = examine(forge.xml((forge.session(), "1")), now=NOW).as_dict()["records"][0]
    assert (beside["key_source"], beside["overall"]) == ("container", "yellow")
    given = forge.examine(forge.xml((forge.session(), "1"))).as_dict()["records"][0]
    assert (given["key_source"], given["overall"]) == ("trusted", "green")


def test_data_may_be_bytes_text_or_a_path(forge: Any, tmp_path: Path) -> None:
    path = tmp_path / "session.ocmf"
    path.write_text(forge.session())
    for data, source in (
        (forge.session(), "data"),
        (forge.session().encode(), "data"),
        (bytearray(forge.session().encode()), "data"),
        (path, str(path)),
        (str(path), str(path)),
    ):
        report = examine(data, forge.key, now=NOW)
        assert report.summary["green"] == 1 and report.records[0].source == source
    assert examine(path, forge.key, source="named").records[0].source == "named"
    with pytest.raises(StorageError, match=r"missing\.ocmf"):
        examine(tmp_path / "missing.ocmf")


def test_wrong_options_are_said(forge: Any) -> None:
    with pytest.raises(UnknownName, match=r"safe-1\.4\.1"):
        examine(forge.session(), profile="safe-9")
    with pytest.raises(TypeError):
        examine(forge.session(), colour="green")
    with pytest.raises(StorageError, match="nowhere"):
        examine(forge.session(), Path("nowhere.pem"))


def test_now_may_be_a_datetime(forge: Any, codes: Codes) -> None:
    report = examine(forge.session(), forge.key, now=datetime(2020, 1, 1, tzinfo=UTC))
    assert codes(report.sessions[0]) == {"S-TIME-IMPLAUSIBLE"}


def test_an_unusable_trusted_key_is_a_key_error(forge: Any) -> None:
    report = examine(forge.session(), "no key", now=NOW)
    assert (report.records[0].signature.verdict, report.records[0].signature.reason) == ("key-error", "V-KEY-ENCODING")
    assert report.sessions[0].verdict == "ok" and report.exit_status() == 1


# -- verify -------------------------------------------------------------------------------------------------------


def test_verify_returns_the_report_of_what_holds(forge: Any) -> None:
    report = verify(forge.session(), forge.key, now=NOW)
    assert report.summary["green"] == 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda f: f.session().replace("112.340", "112.341"), "V-MISMATCH"),
        (lambda f: f.session("2", "1"), "S-VALUE-DECREASE"),
        (lambda f: f.session("0", "600"), "S-ENERGY-HIGH"),
        (lambda f: f.ocmf([f.reading("B", "1")]), "S-END-MISSING"),
        (lambda f: f.session(PG="F1"), "fiscal"),
        (lambda f: "rubbish", "F-FORMAT"),
        (lambda f: "", "F-EMPTY"),
        (lambda f: f.xml((f.session(), "1"), ("", "2")), "F-EMPTY"),
    ],
)
def test_verify_raises_for_everything_else(make: Callable[[Any], Any], message: str, forge: Any) -> None:
    with pytest.raises(VerificationError, match=message) as raised:
        verify(make(forge), forge.key, now=NOW)
    assert json.dumps(raised.value.report.as_dict())


def test_verify_needs_a_trusted_key_unless_told_otherwise(forge: Any, new_forge: Any) -> None:
    document = forge.xml((forge.session(), "1"))
    with pytest.raises(VerificationError, match="public_key"):
        verify(document, now=NOW)
    assert verify(document, now=NOW, allow_unknown_keys=True)
    with pytest.raises(VerificationError, match="V-NO-KEY"):
        verify(forge.session(), now=NOW, allow_unknown_keys=True)
    virtual = new_forge(identity="METER0001")
    with pytest.raises(VerificationError, match="test key"):
        verify(virtual.session(), virtual.key, now=NOW)
    assert verify(virtual.session(), virtual.key, now=NOW, allow_test_keys=True)
    unknown = virtual.xml((virtual.session(), "1"))
    with pytest.raises(VerificationError, match="public_key"):
        verify(unknown, now=NOW, allow_test_keys=True)
    with pytest.raises(VerificationError, match="test key"):
        verify(unknown, now=NOW, allow_unknown_keys=True)


def test_verify_accepts_warnings_only_when_told(forge: Any) -> None:
    assert verify(forge.session("0", "600"), forge.key, now=NOW, allow_warnings=True).summary["yellow"] == 1
    with pytest.raises(VerificationError):
        verify(forge.session("2", "1"), forge.key, now=NOW, allow_warnings=True)


# -- bare digests -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [32, 48, 64])
def test_bare_digests(size: int, forge: Any) -> None:
    from wattproof.signed import curves

    digest = bytes(range(size))
    signature = curves.sign_digest(forge.private, digest)
    found = verify_digest(digest, signature, forge.key)
    assert found.verdict == "valid" and found.algorithm == f"ECDSA-secp256r1-SHA{size * 8}"
    assert verify_digest(digest, signature, forge.key[-130:]).verdict == "valid"
    assert verify_digest(digest[::-1], signature, forge.key).reason == "V-MISMATCH"
    assert verify_digest(digest, signature + b"\0", forge.key).reason == "V-SIG-ENCODING"
    assert verify_digest(digest, signature, "no key").verdict == "key-error"
    with pytest.raises(InvalidValue, match="32, 48 or 64"):
        verify_digest(digest[:-1], signature, forge.key)


@pytest.mark.proves("T-107")
@pytest.mark.parametrize("curve", ["secp256r1", "Ed25519"])
def test_a_long_serial_hides_no_test_key(curve: str, new_forge: Any, codes: Codes) -> None:
    serial = "S" * 5000
    if curve == "Ed25519":
        payload = json.dumps({"FV": "1.0", "PG": "T1", "MS": serial, "RD": []})
        key = ed25519.Ed25519PrivateKey.from_private_bytes(testkeys.seed(curve, serial))
        section = json.dumps({"SA": "EdDSA-Ed25519", "SD": key.sign(payload.encode()).hex()})
        record = examine(f"OCMF|{payload}|{section}", testkeys.edwards_spki(curve, serial)).records[0]
    else:
        forge = new_forge(curve, serial)
        record = forge.examine(forge.session(MS=serial)).records[0]
    assert record.signature.verdict == "valid" and "F-TEST-KEY" in codes(record)


@pytest.mark.proves("T-016")
def test_a_key_file_may_hold_a_binary_point(forge: Any, tmp_path: Path) -> None:
    der = bytes.fromhex(forge.key)
    point = der[-65:]
    compressed = bytes([2 + point[-1] % 2]) + point[1:33]
    for content in (der, point, point[1:], compressed, forge.key.encode(), b"\xef\xbb\xbf" + forge.key.encode()):
        path = tmp_path / "key.bin"
        path.write_bytes(content)
        assert examine(forge.session(), path).records[0].signature.verdict == "valid"
        assert examine(forge.session(), content).records[0].signature.verdict == "valid"


@pytest.mark.proves("T-082")
def test_wrong_arguments_are_refused_before_anything_is_read(forge: Any, tmp_path: Path) -> None:
    """A number is no record of so many zeros, and a time without zone would be one of this machine."""
    record = forge.session()
    for data in (5, None, [record.encode()]):
        with pytest.raises(TypeError):
            examine(data)  # type: ignore[arg-type]
    for key in (5, ["key"]):
        with pytest.raises(TypeError):
            examine(record, key)  # type: ignore[arg-type]
    for options in ({"now": datetime(2026, 1, 1)}, {"energy_limit": Decimal("NaN")}):  # noqa: DTZ001
        with pytest.raises(InvalidValue):
            examine(record, **options)
    assert examine(record, bytearray(bytes.fromhex(forge.key))).summary["green"] == 1
    register = KeyRegister()
    row, _ = register.add(bytes.fromhex(forge.key), "METER0001", "a test", "2026-01-02T03:04:05Z")
    register.trust(row, "a test", "2026-01-02T03:04:05Z")
    path = tmp_path / "keys.json"
    path.write_bytes(register.dump())
    path.chmod(0o600)
    assert all(examine(record, register=known).summary["green"] == 1 for known in (register, path, str(path)))
