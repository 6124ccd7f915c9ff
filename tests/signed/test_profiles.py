"""What the incumbents would say: every row of both tables has a record that meets it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wattproof.signed import examine
from wattproof.signed.profiles import chargy, safe
from wattproof.signed.profiles.prediction import Prediction
from wattproof.signed.report import Report

NOW = 1_800_000_000
B, M, E = (f"2024-03-01T{time},000+0100 S" for time in ("10:00:00", "10:30:00", "11:00:00"))
SAFE, CHARGY = "safe-1.4.1", "chargy-0.12"
Make = Callable[[Any], "bytes | str"]


def _predicted(report: Report, name: str) -> Prediction:
    unit = report.sessions[0] if report.sessions else report.loose[0]
    return report.predictions(unit)[name]


def _readings(f: Any, begin: dict[str, Any] | None = None, end: dict[str, Any] | None = None, **common: Any) -> str:
    """One complete record whose begin and end readings are changed; ``None`` leaves a field out."""
    first = f.reading("B", "1", **{**common, **(begin or {})})
    last = f.reading("E", "2", **{**common, **(end or {})})
    return f.ocmf([first, last])


def _pair(f: Any, begin: str, end: str, labels: tuple[str | None, str | None] | None = None) -> bytes:
    first, last = labels or ("Transaction.Begin", "Transaction.End")
    return f.xml((begin, "1", first), (end, "1", last))


def _begin(f: Any, value: str = "1", **fields: Any) -> str:
    return f.ocmf([f.reading("B", value)], PG="T7", **fields)


def _end(f: Any, value: str = "2", **fields: Any) -> str:
    return f.ocmf([f.reading("E", value)], PG="T8", **fields)


def _payload(f: Any, old: str, new: str) -> str:
    """A record whose payload text was changed before signing."""
    text = f.session().split("|")[1]
    assert old in text
    return f.sign(text.replace(old, new))


def _signature(f: Any, change: Callable[[bytes], bytes]) -> str:
    head, payload, section = f.session().split("|")
    stated = json.loads(section)
    stated["SD"] = change(bytes.fromhex(stated["SD"])).hex()
    return f"{head}|{payload}|{json.dumps(stated)}"


def _raw(der: bytes) -> bytes:
    size = der[3]
    return der[4 : 4 + size].lstrip(b"\0").rjust(32, b"\0") + der[6 + size :].lstrip(b"\0").rjust(32, b"\0")


def _overlong(der: bytes) -> bytes:
    """r with a superfluous leading zero, within what this verifier accepts."""
    size = der[3]
    r, s = der[4 : 4 + size].lstrip(b"\0"), der[4 + size :]
    body = b"\x02" + bytes([33]) + r.rjust(33, b"\0") + s
    return b"\x30" + bytes([len(body)]) + body


#: code, prediction, the document, whether the trusted key is given
SAFE_ROWS: list[tuple[str, str, Make]] = [
    ("P-S-XML", "refused", lambda f: f.xml((f.session(), "1")).replace(b"<values>", b'<values xmlns="urn:x">')),
    (
        "P-S-MIXED",
        "refused",
        lambda f: _pair(f, _begin(f), _end(f)).replace(b'format="OCMF"', b'format="PCDF"', 1),
    ),
    ("P-S-EMPTY", "invalid", lambda f: f.xml(("", "1"))),
    ("P-S-PAIR", "refused", lambda f: _pair(f, _begin(f), _end(f), (None, None))),
    ("P-S-PAIR", "refused", lambda f: f.xml((_begin(f), "1", "Transaction.Begin"), (_end(f), "1"), label="ocmf2")),
    ("P-S-SPLIT", "refused", lambda f: _payload(f, "TEST GW-1", "TEST|GW-1")),
    ("P-S-SPLIT", "refused", lambda f: f.session().replace("OCMF|", "OCMF |", 1)),
    ("P-S-DUPKEY", "refused", lambda f: _payload(f, '"PG":"T7"', '"PG":"T7","PG":"T7"')),
    ("P-S-FV", "refused", lambda f: f.session(FV="1.4")),
    ("P-S-FV", "refused", lambda f: f.session(FV=None)),
    ("P-S-TYPE", "refused", lambda f: f.session(TT=["list"])),
    ("P-S-TYPE", "refused", lambda f: _readings(f, {"RV": "two"})),
    ("P-S-SA", "refused", lambda f: f.ocmf([f.reading("B", "1")], {"SA": "ECDSA-SHA256"})),
    ("P-S-CURVE", "invalid", lambda f: f.ocmf([f.reading("B", "1")], {"SA": "ECDSA-prime256v1-SHA256"})),
    ("P-S-SE", "invalid", lambda f: f.ocmf([f.reading("B", "1")], {"SE": "base85"})),
    ("P-S-SE", "invalid", lambda f: f.ocmf([f.reading("B", "1")], {"SD": "no hex"})),
    ("P-S-POINT", "invalid", lambda f: f.ocmf([f.reading("B", "1")], {"SA": "ECDSA-secp256k1-SHA256"})),
    ("P-S-SIG", "invalid", lambda f: _signature(f, _raw)),
    ("P-S-SIG", "invalid", lambda f: _signature(f, _overlong)),
    ("P-S-HASH", "invalid", lambda f: f.session().replace("112.340", "112.341")),
    ("P-S-HASH", "invalid", lambda f: f.session().replace("OCMF|", "OCMF|\n")),
    ("P-S-PG", "invalid", lambda f: f.session(PG="T")),
    ("P-S-CONTEXT", "invalid", lambda f: _pair(f, _end(f), _begin(f))),
    ("P-S-FIRST", "invalid", lambda f: _readings(f, {"ST": None})),
    ("P-S-MULTI", "invalid", lambda f: f.ocmf([f.reading("B", "1"), f.reading("B", "1"), f.reading("E", "2")])),
    ("P-S-NONE", "invalid", lambda f: _readings(f, RI="1-0:1.8.0*198")),
    ("P-S-NONE", "invalid", lambda f: _readings(f, end={"RI": None, "RU": None})),
    ("P-S-VALUE", "invalid", lambda f: f.session("2", "1")),
    ("P-S-TIME", "invalid", lambda f: _readings(f, {"TM": E}, {"TM": B})),
    ("P-S-IL", "invalid", lambda f: f.session(IL="MISMATCH")),
    ("P-S-IL", "invalid", lambda f: f.session(FV="0.1", IS="INVALID", IL=None)),
    ("P-S-ST", "invalid", lambda f: _readings(f, end={"ST": "M"})),
    ("P-S-CLOCK", "invalid", lambda f: _readings(f, {"TM": B[:-1] + "R"})),
    ("P-S-CLOCK", "invalid", lambda f: _readings(f, {"TM": B[:-2]})),
    ("P-S-EI", "invalid", lambda f: f.ocmf([f.reading("B", "1", EI=1), f.reading("E", "2", EI=2)], FV="0.4")),
    ("P-S-EF", "invalid", lambda f: _readings(f, end={"EF": "Et"})),
]

CHARGY_ROWS: list[tuple[str, str, Make]] = [
    (
        "P-C-MIXED",
        "refused",
        lambda f: _pair(f, _begin(f), _end(f)).replace(b'encoding="plain">3', b'encoding="hex">3', 1),
    ),
    ("P-C-LABEL", "refused", lambda f: f.xml((f.session(), "1"), label=None)),
    ("P-C-GROUP", "refused", lambda f: f.xml((f.session(), "1"), (f.session(MS="METER0002"), "2"))),
    ("P-C-SPLIT", "refused", lambda f: f.session(TT="open { only")),
    ("P-C-JSON", "refused", lambda f: _payload(f, "TEST GW-1", "TEST\tGW-1")),
    ("P-C-FV", "refused", lambda f: f.session(FV="0.4")),
    ("P-C-FV", "refused", lambda f: f.session(FV=["1.0"])),
    ("P-C-READING", "refused", lambda f: _readings(f, {"TX": ["B"]})),
    ("P-C-SA", "refused", lambda f: f.ocmf([f.reading("B", "1")], {"SA": "ECDSA-secp256r1-SHA512"})),
    ("P-C-SE", "refused", lambda f: f.ocmf([f.reading("B", "1")], {"SE": "base32"})),
    ("P-C-SIG", "invalid", lambda f: _signature(f, _raw)),
    ("P-C-SIG", "unknown", lambda f: _signature(f, lambda der: der + b"\0")),
    ("P-C-HASH", "invalid", lambda f: f.session().replace("112.340", "112.341")),
    ("P-C-FIELD", "refused", lambda f: f.session(PG="page 7")),
    ("P-C-FIELD", "refused", lambda f: f.session(IS=None)),
    ("P-C-FIELD", "refused", lambda f: f.session(TT=5)),
    ("P-C-READING", "refused", lambda f: _readings(f, RT="HVDC")),
    ("P-C-READING", "refused", lambda f: _readings(f, {"TM": B[:-2]})),
    ("P-C-TWO", "invalid", lambda f: f.ocmf([f.reading("B", "1")])),
]


@pytest.mark.proves("T-110")
@pytest.mark.parametrize(("code", "verdict", "make"), SAFE_ROWS)
def test_safe_rows(code: str, verdict: str, make: Make, forge: Any) -> None:
    prediction = _predicted(forge.examine(make(forge)), SAFE)
    assert (prediction.verdict, [reason for reason, _ in prediction.reasons]) == (verdict, [code])


@pytest.mark.proves("T-110")
@pytest.mark.parametrize(("code", "verdict", "make"), CHARGY_ROWS)
def test_chargy_rows(code: str, verdict: str, make: Make, forge: Any) -> None:
    prediction = _predicted(forge.examine(make(forge)), CHARGY)
    assert (prediction.verdict, [reason for reason, _ in prediction.reasons]) == (verdict, [code])


@pytest.mark.proves("T-110")
def test_lists_of_a_pair(forge: Any) -> None:
    """The highest value of the begin record, intermediates included, must not exceed the end record's lowest."""
    begin = forge.ocmf([forge.reading("B", "1"), forge.reading("C", "3", M)], PG="T7")
    prediction = _predicted(forge.examine(_pair(forge, begin, _end(forge))), SAFE)
    assert prediction.reasons[0][0] == "P-S-LIST" and prediction.verdict == "invalid"


@pytest.mark.proves("T-110")
@pytest.mark.parametrize("name", [SAFE, CHARGY])
def test_keys(name: str, forge: Any, new_forge: Any) -> None:
    letter = name[0].upper()
    without = examine(forge.session(), now=NOW)
    assert _predicted(without, name).reasons[0][0] == f"P-{letter}-NOKEY"
    fourth = examine(f"{forge.session()}|{forge.key}", now=NOW)
    assert _predicted(fourth, name).reasons[0][0] == f"P-{letter}-NOKEY"
    bare = forge.xml((forge.session(), "1"), key=forge.key[-130:])
    assert _predicted(examine(bare, now=NOW), name).reasons[0][0] == f"P-{letter}-KEY"
    packed = forge.xml((forge.session(), "1"), key=base64.b64encode(bytes.fromhex(forge.key)).decode())
    assert _predicted(examine(packed, now=NOW), name).verdict == "valid"
    small = new_forge("secp192r1")
    report = examine(small.session(), small.key, now=NOW)
    expected = {SAFE: ("valid", []), CHARGY: ("refused", ["P-C-CURVE"])}[name]
    assert (_predicted(report, name).verdict, [code for code, _ in _predicted(report, name).reasons]) == expected


@pytest.mark.proves("T-110")
def test_the_pair_is_verified_with_the_key_of_the_last_value(forge: Any, new_forge: Any) -> None:
    other = new_forge(identity="another key")
    document = _pair(other, _begin(other), _end(other)).replace(other.key.encode(), forge.key.encode(), 1)
    assert _predicted(examine(document, now=NOW), SAFE) == Prediction("valid")
    junk = document.replace(forge.key.encode(), b"no key at all", 1)
    assert _predicted(examine(junk, now=NOW), SAFE) == Prediction("valid")
    last = _pair(other, _begin(other), _end(other)).replace(other.key.encode(), forge.key.encode())
    last = last.replace(forge.key.encode(), other.key.encode(), 1)
    assert _predicted(examine(last, now=NOW), SAFE).reasons[0][0] == "P-S-HASH"


@pytest.mark.proves("T-110")
@pytest.mark.parametrize(("position", "safe_codes"), [(0, []), (1, ["P-S-NOKEY"])])
def test_a_value_without_key_in_a_pair(position: int, safe_codes: list[str], forge: Any) -> None:
    head, *parts = _pair(forge, _begin(forge), _end(forge)).decode().split('<publicKey encoding="plain">')
    parts[position] = parts[position].replace(f"{forge.key}</publicKey>", "", 1)
    kept = parts[1 - position]
    parts[1 - position] = f'<publicKey encoding="plain">{kept}'
    report = examine((head + "".join(parts)).encode(), now=NOW)
    assert [code for code, _ in _predicted(report, SAFE).reasons] == safe_codes
    assert [code for code, _ in _predicted(report, CHARGY).reasons] == ["P-C-MIXED"]


@pytest.mark.proves("T-110")
def test_the_form_of_a_trusted_key_counts(forge: Any, new_forge: Any) -> None:
    der = bytes.fromhex(forge.key)
    pem = f"-----BEGIN PUBLIC KEY-----\n{base64.b64encode(der).decode()}\n-----END PUBLIC KEY-----"
    forms = (der[-65:].hex(), der[-64:].hex(), der[-65:], pem, f"oca:base16:asn1:{forge.key}")
    for key in (*forms, bytes.fromhex(new_forge("secp384r1").key)[-96:].hex()):
        prediction = _predicted(examine(forge.session(), key, now=NOW), SAFE)
        assert (prediction.verdict, prediction.reasons[0][0]) == ("invalid", "P-S-KEY")
    for key in (forge.key, der, base64.b64encode(der).decode()):
        assert _predicted(examine(forge.session(), key, now=NOW), SAFE) == Prediction("valid")
    other = examine(forge.session(), new_forge("secp384r1").key, now=NOW)
    assert _predicted(other, SAFE).reasons[0][0] == "P-S-POINT"


def _long_length(der: bytes) -> bytes:
    return b"\x30\x81" + der[1:]


def _three_integers(der: bytes) -> bytes:
    return b"\x30" + bytes([der[1] + 3]) + der[2:] + b"\x02\x01\x01"


@pytest.mark.proves("T-110")
@pytest.mark.parametrize("change", [_long_length, _three_integers, lambda der: der + b"\0"])
def test_a_lenient_frame_of_the_signature(change: Callable[[bytes], bytes], forge: Any) -> None:
    assert _predicted(forge.examine(_signature(forge, change)), SAFE) == Prediction("valid")
    tampered = _signature(forge, change).replace("112.340", "112.341")
    assert _predicted(forge.examine(tampered), SAFE).reasons[0][0] == "P-S-HASH"


@pytest.mark.proves("T-110")
def test_times_that_no_calendar_has_are_not_compared(forge: Any) -> None:
    leap = B.replace("10:00:00", "10:59:60")
    assert _predicted(forge.examine(_readings(forge, {"TM": leap})), SAFE) == Prediction("valid")
    late = _readings(forge, {"TM": B.replace("10:00:00", "11:00:60")})
    assert _predicted(forge.examine(late), SAFE).reasons[0][0] == "P-S-TIME"
    impossible = _readings(forge, {"TM": B.replace("-03-01", "-02-30")})
    assert _predicted(forge.examine(impossible), SAFE) == Prediction("valid")


@pytest.mark.proves("T-110")
@pytest.mark.parametrize("name", [SAFE, CHARGY])
def test_what_both_accept(name: str, forge: Any) -> None:
    documents = (
        forge.session(),
        forge.xml((forge.session(), "1", "Transaction.Begin")),
        _pair(forge, _begin(forge), _end(forge)),
        _readings(forge, RI="01-00:B2.08.00*FF"),
    )
    for document in documents:
        assert _predicted(forge.examine(document), name) == Prediction("valid")


@pytest.mark.proves("T-110")
@pytest.mark.parametrize(
    ("file", "name", "verdict"),
    [
        *((f"syn-{file}", SAFE, "refused") for file in ("fv-1.4", "no-fv", "dup-key", "pipe-in-string")),
        ("syn-sig-raw-rs", SAFE, "invalid"),
        ("syn-sig-trailing", SAFE, "valid"),
        *((f"syn-{file}", CHARGY, "refused") for file in ("secp192r1-ok", "brainpool256r1-ok", "fv-0.4")),
    ],
)
def test_vectors(file: str, name: str, verdict: str, vectors: Path) -> None:
    folder = vectors / "transparency"
    cases = json.loads((folder / "manifest.json").read_text("utf-8"))["cases"]
    (case,) = (case for case in cases if case["file"] == f"synthetic/{file}.ocmf")
    report = examine(folder / case["file"], case["key"], now=NOW)
    assert _predicted(report, name).verdict == verdict


@pytest.mark.proves("T-111")
def test_a_green_session_warns_of_an_incumbent(forge: Any) -> None:
    session = forge.session(FV="1.4")
    for report in (forge.examine(session), examine(f"{session}|{forge.key}", now=NOW)):
        (entry,) = report.as_dict()["sessions"]
        found = [finding for finding in entry["findings"] if finding["code"] == "F-PROFILE"]
        assert found and all(finding["severity"] == "info" for finding in found)
        assert any(
            "S.A.F.E." in f["message"] and ("P-S-FV" in f["message"] or "P-S-NOKEY" in f["message"]) for f in found
        )
        assert entry["profiles"][SAFE]["verdict"] == "refused"


@pytest.mark.proves("T-111")
def test_no_profile_finding_on_anything_else(forge: Any) -> None:
    others = (
        forge.session(FV="1.4").replace("112.340", "112.341"),  # red
        forge.session("0", "600", FV="1.4"),  # yellow for another reason
        forge.ocmf([forge.reading("B", "1")], FV="1.4"),  # grey
    )
    for document in others:
        assert "F-PROFILE" not in json.dumps(forge.examine(document).as_dict())
    assert "F-PROFILE" not in json.dumps(forge.examine(forge.session()).as_dict())
    named = forge.examine(forge.session(FV="1.4"), profile=SAFE)
    assert "F-PROFILE" not in json.dumps(named.as_dict())


@pytest.mark.proves("T-110")
def test_bsm_snapshots(vectors: Path) -> None:
    folder = vectors / "transparency" / "other"
    report = examine(folder / "bsm_chargeit_ok.json", now=NOW)
    assert _predicted(report, SAFE).reasons[0][0] == "P-S-FORMAT"
    assert _predicted(report, CHARGY) == Prediction("valid")
    changed = examine(folder / "bsm_chargeit_unsigned_id_changed.json", now=NOW)
    assert _predicted(changed, CHARGY).reasons[0][0] == "P-C-BSM"
    forged = examine(folder / "bsm_chargeit_signed_total_changed.json", now=NOW)
    assert _predicted(forged, CHARGY).verdict == "invalid"


def test_format_errors_are_unknown_and_loose_records_are_predicted_on_demand(forge: Any) -> None:
    report = forge.examine("not a record", profile=SAFE)
    assert report.as_dict()["records"][0]["profiles"][SAFE] == {"verdict": "unknown", "reasons": []}
    assert "profiles" not in forge.examine("not a record").as_dict()["records"][0]


def test_every_row_is_tried() -> None:
    rows = {row.code for table in (safe._CONTAINER, safe._RECORD, safe._READINGS) for row in table}
    tried = {code for code, _, _ in SAFE_ROWS} | {"P-S-FORMAT", "P-S-CONTAINER", "P-S-NOKEY", "P-S-KEY", "P-S-LIST"}
    assert rows == tried
    rows = {row.code for table in (chargy._CONTAINER, chargy._RECORD, chargy._SESSION, chargy._BSM) for row in table}
    tried = {code for code, _, _ in CHARGY_ROWS} | {"P-C-NOKEY", "P-C-KEY", "P-C-CURVE", "P-C-BSM", "P-C-OCPP"}
    assert rows | {"P-C-GROUP"} == tried
