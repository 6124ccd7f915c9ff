"""ChargePoint records: the exact bytes of a file, its signature and keys beside it, the session that it states."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from wattproof.signed import Examination, companions, curves, examine, integers, testkeys
from wattproof.signed.formats import chargepoint_export, chargepoint_files, samples
from wattproof.signed.formats.chargepoint_export import Session
from wattproof.signed.records import Moment
from wattproof.signed.report import Report
from wattproof.signed.units import Detached

NOW = 1_800_000_000
START = 1_700_000_000


def session(**changes: Any) -> Session:
    stated = {"meter": "TEST0001", "begin": "74.6", "end": "86.6", "start": START, "stop": START + 3600, **changes}
    return Session(**stated)


def key(curve: str = "secp224k1") -> curves.SigningKey:
    return testkeys.private_key(curve, "a key of this test")


def judged(data: bytes, signature: bytes | None = None, public_key: Any = None, **options: Any) -> Report:
    """A record file with its signature beside it, as bytes."""
    examination = Examination(public_key, now=NOW, **options)
    signature = chargepoint_export.sign(data, key()) if signature is None else signature
    examination.add(data, "secrrct", chargepoint_files.Beside(Detached(data, signature), (), frozenset(["x"])))
    return examination.report()


def signed(document: Any, **options: Any) -> Report:
    return judged(json.dumps(document).encode(), public_key=curves.spki(key()), **options)


def files(stated: Session, private: curves.SigningKey) -> dict[str, bytes]:
    data = chargepoint_export.record(stated)
    return chargepoint_export.files(data, chargepoint_export.sign(data, private), curves.public_key(private))


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    def write(stated: Session | None = None, curve: str = "secp224k1") -> Path:
        for name, data in files(stated or session(), key(curve)).items():
            (tmp_path / name).write_bytes(data)
        return tmp_path

    return write


@pytest.mark.proves("T-071")
@pytest.mark.parametrize(
    ("curve", "algorithm"),
    [
        ("secp224k1", "ECDSA-secp224k1-SHA256"),
        ("secp256r1", "ECDSA-secp256r1-SHA256"),
        ("secp384r1", "ECDSA-secp384r1-SHA384"),
        ("secp521r1", "ECDSA-secp521r1-SHA512"),
    ],
)
def test_the_key_decides_curve_and_hash(folder: Callable[..., Path], curve: str, algorithm: str) -> None:
    report = examine(folder(curve=curve) / "secrrct", now=NOW)
    (record,) = report.records
    assert (record.signature.verdict, record.signature.algorithm) == ("valid", algorithm)
    assert (record.format, record.container, record.signature.key_source) == ("ChargePoint", "CHARGEPOINT", "container")
    (found,) = report.sessions
    assert (found.id, found.verdict) == ("1", "ok")
    shown = report.as_dict()["sessions"][0]
    assert shown["energy"] == {"value": "12.0", "unit": "kWh"}
    assert (shown["begin"], shown["end"]) == ("2023-11-14T22:13:20Z", "2023-11-14T23:13:20Z")


@pytest.mark.proves("T-071")
def test_the_digest_is_shifted_by_31_bits_on_secp224k1() -> None:
    data, curve = chargepoint_export.record(session()), curves.CURVES["secp224k1"]
    der = chargepoint_export.sign(data, key())
    r, s = int.from_bytes(der[4 : 4 + der[3]], "big"), int.from_bytes(der[6 + der[3] :], "big")
    scalar, inverse = testkeys.derive("secp224k1", "a key of this test"), pow(s, -1, curve.order)
    digest = int.from_bytes(hashlib.sha256(data).digest(), "big")
    for shift, expected in ((31, True), (32, False), (0, False)):
        x, _ = integers.public_point(curve, ((digest >> shift) + r * scalar) * inverse % curve.order)
        assert (x % curve.order == r) is expected


def test_a_curve_that_signs_no_such_record_is_a_key_error() -> None:
    data = chargepoint_export.record(session())
    other = testkeys.private_key("secp256k1", "x")
    report = judged(data, public_key=curves.spki(other))
    assert report.records[0].signature.reason == "V-CURVE-MISMATCH"
    with pytest.raises(ValueError, match="secp256k1"):
        chargepoint_export.sign(data, other)


@pytest.mark.proves("T-077")
@pytest.mark.parametrize("other", ["secp256r1", "secp384r1", "secp256k1", "secp224k1"])
@pytest.mark.parametrize("curve", ["secp224k1", "secp384r1"])
def test_keys_on_different_curves(folder: Callable[..., Path], curve: str, other: str, codes: Any) -> None:
    place = folder(curve=curve)
    wrong = curves.spki(testkeys.private_key(other, "someone else"))
    (record,) = examine(place / "secrrct", wrong, now=NOW).records
    assert (record.signature.verdict, record.signature.reason) == ("key-error", "V-KEY-CONFLICT")
    assert record.signature.hints == ["would_verify_with_other_key"]
    (place / "0000b1000000aa00_1.other.pem").write_text(wrong.hex())
    (record,) = examine(place / "secrrct", curves.spki(key(curve)), now=NOW).records
    assert record.signature.verdict == "valid" and "F-KEY-DIFFERS" in codes(record)


@pytest.mark.parametrize("curve", ["secp224k1", "secp256r1", "secp384r1", "secp521r1"])
def test_a_bare_point_lies_on_the_curve_of_its_size(folder: Callable[..., Path], curve: str, codes: Any) -> None:
    public = curves.public_key(key(curve))
    compressed = bytes((2 + public.y % 2,)) + public.point[1 : 1 + public.curve.field_bytes]
    for text in (public.point.hex(), compressed.hex(), public.point[1:].hex()):
        (record,) = examine(folder(curve=curve) / "secrrct", text, now=NOW).records
        assert record.signature.verdict == "valid" and not codes(record)
    assert (
        examine(folder(curve=curve) / "secrrct", "04" + "11" * 64, now=NOW).records[0].signature.verdict == "key-error"
    )


@pytest.mark.parametrize(
    "form",
    [
        lambda der: der,
        lambda der: der.hex().encode(),
        lambda der: der.hex().upper().encode() + b"\r\n",
        base64.b64encode,
        base64.encodebytes,
    ],
)
def test_forms_of_the_signature_file(form: Any) -> None:
    data = chargepoint_export.record(session())
    signature = form(chargepoint_export.sign(data, key()))
    assert judged(data, signature, curves.spki(key())).records[0].signature.verdict == "valid"


@pytest.mark.parametrize(
    ("signature", "reason"),
    [(b"", "F-SD"), (b" \n", "F-SD"), (b"no signature!", "V-SIG-ENCODING"), (b"\x30\x80\xff", "V-SIG-ENCODING")],
)
def test_signatures_that_are_none(signature: bytes, reason: str) -> None:
    data = chargepoint_export.record(session())
    report = judged(data, signature, curves.spki(key()))
    assert report.records[0].signature.reason == reason


@pytest.mark.proves("T-071", "T-081")
def test_every_byte_of_the_file_is_signed() -> None:
    data = chargepoint_export.record(session())
    signature = chargepoint_export.sign(data, key())
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= 0x01
        assert judged(bytes(changed), signature, curves.spki(key())).records[0].signature.verdict != "valid"
    for changed in (data + b"\n", b" " + data, b"\xef\xbb\xbf" + data):
        assert judged(changed, signature, curves.spki(key())).records[0].signature.verdict == "invalid"
        assert judged(changed, chargepoint_export.sign(changed, key()), curves.spki(key())).summary["green"] == 1


@pytest.mark.proves("T-080")
def test_truncated_files() -> None:
    data = chargepoint_export.record(session())
    signature = chargepoint_export.sign(data, key())
    for end in range(len(data)):
        assert judged(data[:end], signature, curves.spki(key())).exit_status() == 1
    for end in range(len(signature)):
        assert judged(data, signature[:end], curves.spki(key())).records[0].signature.verdict != "valid"


def test_without_the_signature_file() -> None:
    report = examine(chargepoint_export.record(session()), now=NOW)
    (record,) = report.loose
    assert (record.signature.verdict, record.signature.reason) == ("format-error", "F-SD")
    assert "secrrct.sign" in record.findings[0].message


def test_no_other_files_are_read_for_other_records(tmp_path: Path, forge: Any) -> None:
    (tmp_path / "a.ocmf").write_text(forge.session())
    (tmp_path / "a.ocmf.sign").write_bytes(b"x")
    assert forge.examine(tmp_path / "a.ocmf").summary["green"] == 1
    names = [str(tmp_path / name) for name in ("a.ocmf.sign", "a.ocmf", "missing", "b.pem")]
    assert companions.leading(names) == names


def test_which_key_files_belong_to_a_record(folder: Callable[..., Path], codes: Any) -> None:
    place = folder()
    other = curves.spki(testkeys.private_key("secp224k1", "other"))
    (place / "0000b1000000aa00_10.pem").write_text(other.hex())
    (place / "0000b1000000aa00_1-publicKey.txt").write_text(curves.spki(key()).hex())
    (place / "unrelated.pem").write_text(other.hex())
    (place / "0000b1000000aa00_1.dir").mkdir()
    (record,) = examine(place / "secrrct", now=NOW).records
    assert record.signature.verdict == "valid" and "F-KEY-DIFFERS" not in codes(record)
    (place / "0000b1000000aa00_1-publicKey.txt").write_text(other.hex())
    assert examine(place / "secrrct", now=NOW).records[0].signature.reason == "V-KEY-CONFLICT"
    assert "F-KEY-DIFFERS" in codes(examine(place / "secrrct", curves.spki(key()), now=NOW).records[0])


def test_files_of_such_names_that_are_no_keys(folder: Callable[..., Path], codes: Any) -> None:
    place = folder()
    (place / "0000b1000000aa00_1_123_payload.tar.bz2").write_bytes(b"BZh9" + bytes(range(256)))
    (place / "0000b1000000aa00_1.chargy").write_text('{"@context": "https://open.charging.cloud/contexts/CTR+json"}')
    (place / "0000b1000000aa00_1-broken.chargy").write_text("{")
    (place / "0000b1000000aa00_1-empty.txt").write_text("")
    (place / "0000b1000000aa00_1-large.txt").write_text("0" * 70_000)
    (record,) = examine(place / "secrrct", now=NOW).records
    assert record.signature.verdict == "valid" and not codes(record)


def test_a_key_as_a_json_object(folder: Callable[..., Path]) -> None:
    place = folder()
    (place / "0000b1000000aa00_1.pem").unlink()
    assert examine(place / "secrrct", now=NOW).records[0].signature.verdict == "no-key"
    for value in (curves.public_key(key()).point.hex(), curves.spki(key()).hex()):
        stated = {"@context": "https://open.charging.cloud/contexts/publicKey+json", "value": value}
        (place / "0000b1000000aa00_1-publicKey.chargy").write_text(json.dumps(stated))
        assert examine(place / "secrrct", now=NOW).records[0].signature.verdict == "valid"


@pytest.mark.parametrize(
    ("station", "outlet", "expected"),
    [
        ("0024:b100:0002:e300", "2", "0024b1000002e300_2"),
        ("0024B1000002E300", "2", "0024b1000002e300_2"),
        ("../../etc/passwd", "1", "etcpasswd_1"),
        ("", "1", None),
        ("/", "1", None),
    ],
)
def test_names_of_key_files(station: str, outlet: str, expected: str | None) -> None:
    assert chargepoint_files.key_name({"station_mac": station, "outlet": outlet}) == expected


def test_names_in_an_archive() -> None:
    found = files(session(), key())
    names = {f"x/{name}": data for name, data in found.items()}
    names["y/secrrct.sign"] = b"of another record"
    beside = chargepoint_files.beside("x/secrrct", names["x/secrrct"], names, lambda name, most: names[name][:most])
    assert beside.names == {"x/secrrct.sign", "x/0000b1000000aa00_1.pem"}
    assert beside.detached is not None and beside.detached.signature == found["secrrct.sign"]
    assert len(beside.keys) == 1


# -- the session --------------------------------------------------------------------------------------------------


COMPACT = json.loads(chargepoint_export.record(session()))
OLDER = {
    "company_name": "Test",
    "energy": [
        {"start_time_utc": START + 10, "end_time_utc": START + 20, "units": 1, "type": "ENERGY"},
        {"start_time_utc": START, "end_time_utc": START + 15, "units": 1, "type": "ENERGY"},
    ],
    "parking": [{"start_time_utc": START - 100, "end_time_utc": START + 100}],
    "additional_info": {
        "outlet": 2,
        "session_id": 2,
        "station_mac": "0024:b100:0002:e300",
        "driver_info": "someone",
        "meter_serial": "240008S",
        "meter_startreading": 3078,
        "meter_endreading": 3137,
        "energy_units": "Wh",
    },
}


def test_the_older_form() -> None:
    report = signed(OLDER)
    (found,) = report.sessions
    (record,) = report.records
    assert found.verdict == "ok" and found.id == "2"
    assert (record.meter_serial, record.gateway_serial, record.identification) == (
        "240008S",
        "0024:b100:0002:e300",
        "someone",
    )
    shown = report.as_dict()["sessions"][0]
    assert shown["energy"] == {"value": "0.059", "unit": "kWh"}
    assert (shown["begin"], shown["end"]) == ("2023-11-14T22:13:20Z", "2023-11-14T22:13:40Z")
    without = {**OLDER, "energy": []}
    assert signed(without).as_dict()["sessions"][0]["begin"] == "2023-11-14T22:11:40Z"


@pytest.mark.parametrize(
    ("change", "verdict", "code"),
    [
        ({}, "ok", "S-TIME-INFORMATIVE"),
        ({"meter_endreading": 74.5, "total_energy": -0.1}, "fail", "S-VALUE-DECREASE"),
        ({"end_time": START - 1}, "fail", "S-TIME-ORDER"),
        ({"end_time": "soon"}, "fail", "S-TIME-FORMAT"),
        ({"end_time": 10**40}, "fail", "S-TIME-FORMAT"),
        ({"start_time": -5}, "fail", "S-TIME-FORMAT"),
        ({"start_time": 999999999999, "end_time": 999999999999}, "warn", "S-TIME-IMPLAUSIBLE"),
        ({"energy_units": "MWh"}, "fail", "S-UNIT"),
        ({"energy_units": None}, "fail", "S-UNIT"),
        ({"total_energy": 12.1}, "ok", "S-TIME-INFORMATIVE"),
        ({"total_energy": 12.3}, "warn", "S-REGISTER-DISAGREE"),
        ({"total_energy": 12}, "ok", "S-TIME-INFORMATIVE"),
        ({"total_energy": 14}, "warn", "S-REGISTER-DISAGREE"),
        ({"meter_endreading": None}, "incomplete", "S-END-MISSING"),
        ({"meter_startreading": None, "meter_endreading": None}, "incomplete", "S-BEGIN-MISSING"),
        ({"meter_endreading": "abc"}, "fail", "S-VALUE-MISSING"),
        ({"meter_endreading": []}, "fail", "S-VALUE-MISSING"),
        ({"meter_startreading": -1, "total_energy": 87.6}, "fail", "S-VALUE-NEGATIVE"),
    ],
)
def test_rules_of_the_session(change: dict[str, Any], verdict: str, code: str, codes: Any) -> None:
    report = signed({**COMPACT, **change})
    assert report.records[0].signature.verdict == "valid"
    (found,) = report.sessions
    assert found.verdict == verdict and code in codes(found)
    assert "S-STATUS-MISSING" not in codes(found)


def test_a_number_beyond_every_limit_costs_nothing(codes: Any) -> None:
    text = json.dumps(COMPACT).replace("86.6", "1e999999999")
    report = judged(text.encode(), public_key=curves.spki(key()))
    assert "F-RV-RANGE" in codes(report.records[0]) and report.sessions[0].verdict == "fail"


@pytest.mark.proves("T-114")
@pytest.mark.parametrize("name", ["meter_endreading", "total_energy", "driver_info", "end_time", "outlet"])
def test_repeated_keys_are_ambiguous(name: str, codes: Any) -> None:
    value = json.dumps(COMPACT[name])
    text = json.dumps(COMPACT).replace(f'"{name}": {value}', f'"{name}": 1, "{name}": {value}')
    (found,) = judged(text.encode(), public_key=curves.spki(key())).sessions
    assert found.verdict == "fail" and "S-AMBIGUOUS" in codes(found)
    (found,) = judged(json.dumps(COMPACT)[:-1].encode() + b', "x": 1, "x": 2}', public_key=curves.spki(key())).sessions
    assert found.verdict == "ok"


def test_a_file_that_is_no_utf8(codes: Any) -> None:
    data = json.dumps(COMPACT).replace("test-driver", "M\\u00fcller").encode().replace(b"\\u00fc", b"\xfc")
    report = judged(data, public_key=curves.spki(key()))
    assert report.summary["green"] == 1 and report.records[0].identification == "Müller"
    assert "F-UTF8" in codes(report.records[0])


@pytest.mark.proves("T-107")
@pytest.mark.parametrize(("meter", "identity"), [("TEST0001", "TEST0001"), ("", "0000b1000000aa00")])
def test_records_of_a_test_key(meter: str, identity: str, codes: Any) -> None:
    private = testkeys.private_key("secp224k1", identity)
    data = chargepoint_export.record(session(meter=meter))
    report = judged(data, chargepoint_export.sign(data, private), curves.spki(private))
    assert report.summary["yellow"] == 1 and "F-TEST-KEY" in codes(report.records[0])
    allowed = judged(data, chargepoint_export.sign(data, private), curves.spki(private), allow_test_keys=True)
    assert allowed.summary["green"] == 1


def test_readings_to_write_must_be_numbers() -> None:
    with pytest.raises(ValueError, match="decimal"):
        chargepoint_export.record(session(begin="abc"))


@pytest.mark.proves("T-107")
def test_what_is_written(tmp_path: Path, codes: Any) -> None:
    readings = [
        samples.Sample(Moment.BEGIN, 100_100, START, 12),
        samples.Sample(Moment.END, Decimal(112_440), START + 3600, 13),
    ]
    private = testkeys.private_key("secp224k1", chargepoint_export.SERIAL)

    def read(**options: Any) -> Report:
        for found in tmp_path.iterdir():
            found.unlink()
        for name, data in chargepoint_export.write(readings, private, **options).items():
            (tmp_path / name).write_bytes(data)
        return examine(tmp_path / "secrrct", now=NOW)

    report = read()
    assert report.sessions[0].verdict == "ok" and "F-TEST-KEY" in codes(report.records[0])
    assert report.as_dict()["sessions"][0]["energy"]["value"] == "12.340"
    other = curves.public_key(testkeys.private_key("secp224k1", "x"))
    assert read(public_key=other).records[0].signature.verdict == "invalid"
    assert read(embed=False).records[0].signature.verdict == "no-key"
    for changes in ({"end": "112.441"}, {"meter": "x"}, {"stop": START}, {"unit": "Wh"}):
        assert read(changes=changes).records[0].signature.verdict == "invalid"
    packed = chargepoint_export.archive(chargepoint_export.write(readings, private))
    assert packed == chargepoint_export.archive(chargepoint_export.write(readings, private))
    with zipfile.ZipFile(io.BytesIO(packed)) as found:
        assert found.namelist() == ["secrrct", "secrrct.sign", "0000b1000000aa00_1.pem"]
