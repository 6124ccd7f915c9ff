"""OCMF: the frame, the signed bytes, algorithms and signatures, fields and readings of every version."""

from __future__ import annotations

import base64
import hashlib
import json
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from wattproof.signed import curves, testkeys
from wattproof.signed.encoding import decode_der
from wattproof.signed.formats import ocmf
from wattproof.signed.limits import Limits
from wattproof.signed.records import Clock, KeySource, Moment, Record, Verdict
from wattproof.signed.units import Carrier, KeyText
from wattproof.signed.verification import is_test_key, verify

SERIAL = "1ABC0001"
READING = (
    '{"TM":"2024-03-01T10:00:00,000+0100 S","TX":"B","RV":1.500,"RI":"1-b:1.8.0","RU":"kWh","RT":"AC","EF":"","ST":"G"}'
)


def payload(*readings: str, **fields: Any) -> str:
    """A payload with the given fields over the usual ones; ``None`` leaves a field out."""
    found: dict[str, Any] = {"FV": "1.0", "GS": "GW1", "PG": "T1", "MS": SERIAL, "IS": True, "IT": "NONE", **fields}
    head = ",".join(f"{json.dumps(key)}:{json.dumps(item)}" for key, item in found.items() if item is not None)
    return "{" + head + ',"RD":[' + ",".join(readings or (READING,)) + "]}"


def signed(
    text: str | bytes,
    curve: str = "secp256r1",
    name: str | None = "secp256r1",
    hash_name: str = "SHA256",
    **section: Any,
) -> bytes:
    """A record over exactly ``text``; further fields replace those of the signature section."""
    data = text.encode() if isinstance(text, str) else text
    digest = hashlib.new(hash_name.lower(), data).digest()
    der = curves.sign_digest(testkeys.private_key(curve, SERIAL), digest)
    fields = {"SA": f"ECDSA-{name}-{hash_name}" if name else None, "SD": der.hex(), **section}
    return b"OCMF|" + data + b"|" + json.dumps({k: v for k, v in fields.items() if v is not None}).encode()


def key(curve: str = "secp256r1") -> KeyText:
    return KeyText(testkeys.public_key(curve, SERIAL).spki.hex(), KeySource.TRUSTED)


def one(data: bytes, trusted: KeyText | None = None, carrier: Carrier | None = None) -> Record:
    units = ocmf.parse(data, carrier or Carrier())
    assert len(units) == 1
    return verify(units[0], trusted)


def codes(record: Record) -> list[str]:
    return [finding.code for finding in record.findings]


@cache
def _manifest(folder: Path) -> dict[str, dict[str, Any]]:
    cases = json.loads((folder / "manifest.json").read_text())["cases"]
    return {case["file"]: case for case in cases}


def vector(vectors: Path, name: str) -> Record:
    folder = vectors / "transparency"
    case = _manifest(folder)[name]
    trusted = KeyText(case["key"], KeySource.TRUSTED) if case["key"] else None
    return one((folder / name).read_bytes(), trusted)


# --- signed bytes ---------------------------------------------------------------------------------------------------


@pytest.mark.proves("T-001", "T-002")
def test_signed_bytes_are_those_between_the_pipes(vectors: Path) -> None:
    pretty = vector(vectors, "synthetic/syn-pretty.ocmf")
    assert pretty.signature.verdict is Verdict.VALID
    assert b"\n" in pretty.signed
    for name in ("tamper-space", "tamper-zero"):
        record = vector(vectors, f"synthetic/syn-secp256r1-{name}.ocmf")
        assert (record.signature.verdict, record.signature.reason) == (Verdict.INVALID, "V-MISMATCH")


@pytest.mark.proves("T-003", "T-014", "T-015", "T-007", "T-008", "T-009", "T-010", "T-011", "T-012")
def test_ocmf_vectors_get_their_signature_verdicts(vectors: Path) -> None:
    curves_seen = set()
    for name, case in _manifest(vectors / "transparency").items():
        if case["format"] != "OCMF" or not name.endswith(".ocmf"):
            continue
        record = vector(vectors, name)
        assert record.signature.verdict == case["signature"], name
        assert set(case["findings"]) <= set(codes(record)), name
        if record.signature.verdict is Verdict.VALID:
            curves_seen.add(str(record.signature.algorithm).split("-")[1])
    assert curves_seen >= {
        "secp192k1", "secp192r1", "secp256k1", "secp256r1", "secp384r1", "brainpoolP256r1", "brainpoolP384r1",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "reason", "hints"),
    [
        ("synthetic/syn-sig-trailing", "V-SIG-ENCODING", ["would_verify_without_trailing_bytes"]),
        ("synthetic/syn-sha512", "V-MISMATCH", ["would_verify_as_sha256"]),
        ("records/ocmf-0150", "V-CURVE-MISMATCH", []),
        ("records/ocmf-0151", "V-NO-KEY", []),
        ("records/ocmf-0160", "F-SD", []),
        ("records/ocmf-0161", "V-KEY-ENCODING", []),
        ("records/ocmf-0166", "F-JSON", []),
        ("other/ocmf_nested_5000", "F-JSON-DEPTH", []),
    ],
)
@pytest.mark.proves("T-011", "T-014", "T-015", "T-020", "T-021", "T-022", "T-023", "T-033")
def test_reasons_and_hints(vectors: Path, name: str, reason: str, hints: list[str]) -> None:
    record = vector(vectors, f"{name}.ocmf")
    assert record.signature.reason == reason
    assert record.signature.hints == hints


@pytest.mark.proves("B-125", "B-127", "B-128")
def test_texts_of_a_real_bsm_verify_as_they_stand_and_not_otherwise(vectors: Path) -> None:
    trusted = KeyText((vectors / "bsm/public_key.der").read_bytes(), KeySource.TRUSTED)
    for page in (4276, 4277, 4278):
        data = (vectors / f"bsm/ocmf_T{page}.txt").read_bytes()
        assert data.count(b"|") == 2
        record = one(data, trusted)
        assert record.signature.verdict is Verdict.VALID
        assert record.page == page
        _, text, section = data.split(b"|")
        again = json.dumps(json.loads(text), separators=(",", ":")).encode()
        assert again != text
        assert one(b"|".join((b"OCMF", again, section)), trusted).signature.verdict is Verdict.INVALID


@pytest.mark.proves("T-036", "T-117")
def test_white_space_outside_the_braces_is_tried_without_inside_never() -> None:
    text = payload()
    record = one(signed(text).replace(b"OCMF|", b"OCMF|\r\n ").replace(b"}|{", b"}\n|\n{"), key())
    assert record.signature.verdict is Verdict.VALID
    assert "F-PAYLOAD-TRIM" in codes(record)
    assert record.signed == text.encode()
    spaced = one(signed(f" {text}\n"), key())
    assert spaced.signature.verdict is Verdict.VALID
    assert "F-PAYLOAD-TRIM" not in codes(spaced)
    inside = one(signed(text).replace(b'"FV":', b'"FV": '), key())
    assert inside.signature.verdict is Verdict.INVALID


@pytest.mark.proves("T-032")
def test_mark_and_line_ends_around_a_record(vectors: Path) -> None:
    record = vector(vectors, "other/ocmf_bom_crlf.ocmf")
    assert record.signature.verdict is Verdict.VALID
    assert "F-BOM" in codes(record)


@pytest.mark.proves("T-025")
def test_a_pipe_inside_a_text_does_not_split() -> None:
    record = one(signed(payload(ID="a|b|{\\")), key())
    assert record.signature.verdict is Verdict.VALID
    assert "F-PIPE" in codes(record)
    assert record.identification == "a|b|{\\"
    escaped = one(signed(payload(ID="ab").replace('"ab"', '"a\\u007cb"')), key())
    assert "F-PIPE" not in codes(escaped)
    assert escaped.identification == "a|b"


@pytest.mark.proves("T-031")
def test_bytes_that_are_no_utf8_are_hashed_as_they_are() -> None:
    record = one(signed(payload(ID="T\u00fcr").replace("\\u00fc", "\u00fc").encode("latin-1")), key())
    assert record.signature.verdict is Verdict.VALID
    assert "F-UTF8" in codes(record)
    assert record.identification == "T\u00fcr"


def test_white_space_in_the_header() -> None:
    record = one(signed(payload()).replace(b"OCMF|", b"OCMF \n|"), key())
    assert record.signature.verdict is Verdict.VALID
    assert "F-HEADER-WS" in codes(record)


@pytest.mark.proves("T-024")
def test_a_fourth_section_is_the_key_of_last_resort() -> None:
    own = testkeys.public_key("secp256r1", SERIAL).spki.hex()
    record = one(signed(payload()) + b"|" + own.encode())
    assert record.signature.verdict is Verdict.VALID
    assert record.signature.key_source is KeySource.EMBEDDED
    assert "F-SECTION4" in codes(record)
    assert one(signed(payload()) + b"|" + own.encode() + b"|x").signature.verdict is Verdict.FORMAT_ERROR


@pytest.mark.proves("T-116")
def test_records_follow_each_other_and_stay_apart() -> None:
    first, second = signed(payload(PG="T1")), signed(payload(PG="T2"))
    own = testkeys.public_key("secp256r1", SERIAL).spki.hex().encode()
    for glue in (b"\r\n", b"", b" ", b"|" + own + b"\n"):
        units = ocmf.parse(first + glue + second)
        assert [unit.record.page for unit in units] == [1, 2]
        assert [unit.record.index for unit in units] == [0, 1]
        assert all(verify(unit, key()).signature.verdict is Verdict.VALID for unit in units)
    broken = ocmf.parse(first + b" rubbish " + second + b"\nOCMF|{|")
    assert [unit.record.signature.verdict for unit in broken[::2]] == [Verdict.FORMAT_ERROR] * 2
    assert verify(broken[1], key()).page == 2


# --- algorithms -----------------------------------------------------------------------------------------------------


@pytest.mark.proves("T-003", "T-005", "T-035")
@pytest.mark.parametrize(
    ("curve", "name", "code"),
    [
        ("secp192k1", "secp192k1", None),
        ("secp192r1", "SECP192R1", None),
        ("secp256k1", "secp256k1", None),
        ("secp256r1", "Secp256R1", None),
        ("secp256r1", "prime256v1", "F-SA-ALIAS"),
        ("secp256r1", "P-256", "F-SA-ALIAS"),
        ("secp384r1", "secp384r1", None),
        ("secp384r1", "prime384v1", "F-SA-ALIAS"),
        ("brainpoolP256r1", "brainpool256r1", None),
        ("brainpoolP256r1", "brainpoolP256r1", "F-SA-ALIAS"),
        ("brainpoolP384r1", "brainpool384r1", None),
        ("brainpoolP512r1", "brainpoolP512r1", "F-SA-EXTENSION"),
        ("secp521r1", "secp521r1", "F-SA-EXTENSION"),
        ("secp224k1", "secp224k1", "F-SA-EXTENSION"),
    ],
)
def test_curves_and_their_names(curve: str, name: str, code: str | None) -> None:
    record = one(signed(payload(), curve, name), key(curve))
    assert record.signature.verdict is Verdict.VALID
    assert record.signature.algorithm == f"ECDSA-{curve}-SHA256"
    assert [found for found in codes(record) if found.startswith("F-SA")] == ([code] if code else [])


@pytest.mark.parametrize("hash_name", ["SHA384", "SHA512"])
def test_longer_hashes_are_extensions(hash_name: str) -> None:
    record = one(signed(payload(), hash_name=hash_name), key())
    assert record.signature.verdict is Verdict.VALID
    assert "F-SA-EXTENSION" in codes(record)


@pytest.mark.proves("T-006")
def test_a_missing_algorithm_means_p256_or_the_curve_of_the_key() -> None:
    assert one(signed(payload(), name=None), key()).signature.algorithm == "ECDSA-secp256r1-SHA256"
    other = one(signed(payload(), "secp256k1", None), key("secp256k1"))
    assert (other.signature.verdict, other.signature.reason) == (Verdict.KEY_ERROR, "V-CURVE-MISMATCH")
    assert other.signature.hints == ["would_verify_with_key_curve"]
    old = one(signed(payload(FV="0.3", IS="VERIFIED"), "secp256k1", None), key("secp256k1"))
    assert old.signature.verdict is Verdict.VALID
    assert old.signature.algorithm == "ECDSA-secp256k1-SHA256"


def test_a_draft_of_0_4_names_the_algorithm_in_the_payload() -> None:
    record = one(signed(payload(FV="0.4", SA="ECDSA-secp256k1-SHA256"), "secp256k1", None), key("secp256k1"))
    assert record.signature.verdict is Verdict.VALID
    assert "F-KEY-UNKNOWN" not in codes(record)


@pytest.mark.proves("T-084")
@pytest.mark.parametrize(
    "name", ["RSA-2048-SHA256", "ML-DSA-44", "ECDSA-secp256r1-MD5", "ECDSA-nothing-SHA256", "", "-", "x" * 99]
)
def test_algorithms_that_are_not_supported(name: str) -> None:
    record = one(signed(payload(), SA=name), key())
    assert (record.signature.verdict, record.signature.reason) == (Verdict.UNSUPPORTED, "V-ALG")
    assert record.meter_serial == SERIAL


@pytest.mark.proves("T-085")
@pytest.mark.parametrize("name", ["Ed25519", "Ed448"])
def test_edwards_signatures_cover_the_payload_itself(name: str) -> None:
    from cryptography.hazmat.primitives.asymmetric import ed448, ed25519

    maker = ed25519.Ed25519PrivateKey if name == "Ed25519" else ed448.Ed448PrivateKey
    private = maker.from_private_bytes(testkeys.seed(name, SERIAL))
    text = payload()
    trusted = KeyText(testkeys.edwards_spki(name, SERIAL).hex(), KeySource.TRUSTED)
    signature = private.sign(text.encode())
    fields = {"SA": f"EdDSA-{name}", "SD": signature.hex()}
    record = one(signed(text, **fields), trusted)
    assert record.signature.verdict is Verdict.VALID
    assert "F-SA-EXTENSION" in codes(record)
    assert is_test_key(record)
    changed = one(signed(text.replace("1.500", "1.501"), **fields), trusted)
    assert (changed.signature.verdict, changed.signature.reason) == (Verdict.INVALID, "V-MISMATCH")
    short = one(signed(text, SA=f"EdDSA-{name}", SD=signature[:-1].hex()), trusted)
    assert (short.signature.verdict, short.signature.reason) == (Verdict.INVALID, "V-SIG-ENCODING")
    assert one(signed(text, **fields), key()).signature.reason == "V-CURVE-MISMATCH"
    other = b"|" + str(key("secp384r1").text).encode()  # keys of curves that EdDSA has nothing to do with
    beside = one(signed(text, SA=f"EdDSA-{name}") + other, key())
    assert (beside.signature.verdict, beside.signature.reason) == (Verdict.KEY_ERROR, "V-CURVE-MISMATCH")


# --- signatures -----------------------------------------------------------------------------------------------------


@pytest.mark.proves("T-007", "T-008", "T-021")
@pytest.mark.parametrize(
    ("change", "verdict", "reason"),
    [
        ({"SE": "hex"}, Verdict.VALID, None),
        ({"SE": "Hex"}, Verdict.FORMAT_ERROR, "F-SE"),
        ({"SE": "base32"}, Verdict.FORMAT_ERROR, "F-SE"),
        ({"SE": 1}, Verdict.FORMAT_ERROR, "F-SE"),
        ({"SD": ""}, Verdict.FORMAT_ERROR, "F-SD"),
        ({"SD": None}, Verdict.FORMAT_ERROR, "F-SD"),
        ({"SD": 12}, Verdict.FORMAT_ERROR, "F-SD"),
        ({"SD": "3 0"}, Verdict.FORMAT_ERROR, "F-SD"),
        ({"SD": "0x30"}, Verdict.FORMAT_ERROR, "F-SD"),
        ({"SD": "${jndi:ldap://a}"}, Verdict.FORMAT_ERROR, "F-SD"),
        ({"SD": "30"}, Verdict.INVALID, "V-SIG-ENCODING"),
    ],
)
def test_the_signature_section(change: dict[str, Any], verdict: Verdict, reason: str | None) -> None:
    record = one(signed(payload(), **change), key())
    assert (record.signature.verdict, record.signature.reason) == (verdict, reason)


@pytest.mark.proves("T-007", "T-008")
def test_signatures_in_base64_and_either_case_of_hex() -> None:
    text = payload()
    der = curves.sign_digest(testkeys.private_key("secp256r1", SERIAL), hashlib.sha256(text.encode()).digest())
    for fields in (
        {"SD": der.hex().upper()},
        {"SD": base64.b64encode(der).decode(), "SE": "base64"},
        {"SD": base64.b64encode(der).decode().rstrip("="), "SE": "base64"},
    ):
        assert one(signed(text, **fields), key()).signature.verdict is Verdict.VALID


@pytest.mark.proves("T-119", "T-013", "T-012")
def test_twins_of_a_signature() -> None:
    text = payload()
    curve = curves.CURVES["secp256r1"]
    der = curves.sign_digest(testkeys.private_key("secp256r1", SERIAL), hashlib.sha256(text.encode()).digest())
    r, s = decode_der(curve, der)
    n = curve.order

    def judged(data: bytes) -> tuple[Verdict, str | None, list[str]]:
        record = one(signed(text, SD=data.hex()), key())
        return record.signature.verdict, record.signature.reason, [c for c in codes(record) if c.startswith("F-SIG")]

    raw = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    assert judged(curves.encode_signature(r, n - s)) == (Verdict.VALID, None, [])
    assert judged(raw) == (Verdict.VALID, None, ["F-SIG-RAW"])
    assert judged(b"\x30\x46\x02\x21\0" + raw[:32] + b"\x02\x21\0" + raw[32:])[0] is Verdict.VALID
    assert judged(b"\x30\x44\x02\x20" + raw[:32] + b"\x02\x20" + raw[32:])[0] is Verdict.VALID
    assert judged(curves.encode_signature(s, r))[:2] == (Verdict.INVALID, "V-MISMATCH")
    for outside in ((r + n, s), (r, s + n), (0, s), (r, 0), (n, s)):
        assert judged(curves.encode_signature(*outside))[0] is Verdict.INVALID
    assert judged(b"\x30\x48\x02\x22\0\0" + raw[:32] + b"\x02\x22\0\0" + raw[32:])[1] == "V-SIG-ENCODING"
    assert judged(der + b"\0")[1] == "V-SIG-ENCODING"
    other = curves.sign_digest(testkeys.private_key("secp256r1", SERIAL), hashlib.sha256(b"another").digest())
    assert judged(other)[:2] == (Verdict.INVALID, "V-MISMATCH")


# --- fields ---------------------------------------------------------------------------------------------------------


@pytest.mark.proves("T-027")
@pytest.mark.parametrize("version", [None, "0.1", "0.2", "0.3", "0.4", "0.5", "1.0", "1.1", "1.2", "1.3", "1.4"])
def test_every_version_is_read(version: str | None) -> None:
    record = one(signed(payload(FV=version, IS="VERIFIED" if (version or "9") < "0.4" else True)), key())
    assert record.signature.verdict is Verdict.VALID
    assert not [finding for finding in record.findings if finding.severity != "info"]
    assert record.page == 1


@pytest.mark.proves("T-027")
def test_odd_versions_leave_a_finding() -> None:
    numeric = one(signed(payload().replace('"FV": "1.0"', '"FV":1.0').replace('"1.0"', "1.0")), key())
    assert numeric.signature.verdict is Verdict.VALID
    assert codes(numeric) == ["F-FV"]
    for version, severity in (("1.9", "warning"), ("2.0", "error"), ("x", "error")):
        found = one(signed(payload(FV=version)), key()).findings
        assert [(finding.code, finding.severity) for finding in found] == [("F-FV", severity)]


@pytest.mark.proves("T-028")
def test_the_old_assignment_is_the_level() -> None:
    old = one(signed(payload(FV="0.1", IS="MISMATCH")), key())
    assert (old.assignment_level, old.assigned, codes(old)) == ("MISMATCH", True, [])
    new = one(signed(payload(FV="1.0", IS="VERIFIED")), key())
    assert (new.assignment_level, codes(new)) == ("VERIFIED", ["F-IS"])


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"PG": "TRANSACTION-1"}, "F-PG"),
        ({"PG": "T01"}, "F-PG"),
        ({"PG": None}, "F-PG"),
        ({"PG": 5}, "F-PG"),
        ({"PG": "T" + "9" * 21}, "F-PG"),
        ({"MS": None, "GS": None}, "F-MS"),
        ({"IL": "SURE"}, "F-IL"),
        ({"IF": ["OCCP_AUTH"]}, "F-IF"),
        ({"IF": ["RFID_NONE", "RFID_PLAIN"]}, "F-IF"),
        ({"IF": "RFID_NONE"}, "F-IF"),
        ({"IF": [["x"]]}, "F-IF"),
        ({"IT": "TAXI"}, "F-IT"),
        ({"IT": {"a": 1}}, "F-IT"),
        ({"IT": "ISO14443", "ID": "xyz"}, "F-ID-SHAPE"),
        ({"CT": ""}, "F-CT"),
        ({"CT": 0}, "F-CT"),
        ({"TT": "x" * 251}, "F-LENGTH"),
        ({"CF": "x" * 26}, "F-LENGTH"),
        ({"LC": {"LR": 1}}, "F-LC"),
        ({"LC": []}, "F-LC"),
        ({"GI": 7}, "F-TYPE"),
        ({"MM": {}}, "F-TYPE"),
        ({"QQ": 1}, "F-KEY-UNKNOWN"),
    ],
)
def test_deviating_fields(fields: dict[str, Any], code: str) -> None:
    record = one(signed(payload(**fields)), key())
    assert record.signature.verdict is Verdict.VALID
    assert code in codes(record)


@pytest.mark.proves("T-035")
def test_vendor_keys_say_nothing_and_unknown_keys_only_inform() -> None:
    plain = one(signed(payload()), key())
    vendor = one(signed(payload(UA=1, VI="x", WX={}, X2="meta", YZ=[1], Z=None)), key())
    unknown = one(signed(payload(AB=1, zz=2)), key())
    assert codes(plain) == codes(vendor) == []
    assert codes(unknown) == ["F-KEY-UNKNOWN"] * 2
    assert plain.readings == vendor.readings == unknown.readings


@pytest.mark.proves("T-026", "T-114")
@pytest.mark.parametrize(
    ("before", "after", "path", "ambiguous"),
    [
        ('"PG": "T1"', '"PG":"T1","PG":"T2"', "PG", True),
        ('"RV":1.500', '"RV":9,"RV":1.500', "RD/0/RV", True),
        ('"RV":1.500', '"RV":1.500,"R\\u0056":9', "RD/0/RV", True),
        ('"PG": "T1"', '"PG": "T1","ZZ":1,"ZZ":2', "ZZ", False),
        ('"PG": "T1"', '"PG": "T1","XQ":{"RV":1,"RV":2}', "XQ/RV", False),
        ('"RV":1.500', '"RV":1.500,"XQ":{"RV":1,"RV":2}', "RD/0/XQ/RV", False),
        ('"PG": "T1"', '"PG": "T1","ZZ":{"RD":[{"RV":1,"RV":2}]}', "ZZ/RD/0/RV", False),
        ('"PG": "T1"', '"PG": "T1","RV":1,"RV":2', "RV", False),
        ('"PG": "T1"', '"PG": "T1","LC":{"LR":1,"LR":2,"LU":"mOhm"}', "LC/LR", True),
    ],
)
def test_repeated_keys(before: str, after: str, path: str, ambiguous: bool) -> None:
    text = payload().replace('"PG":"T1"', '"PG": "T1"')
    assert before in text
    record = one(signed(text.replace(before, after)), key())
    assert record.signature.verdict is Verdict.VALID
    assert f"F-JSON-DUPKEY:{path}" in codes(record)
    assert record.ambiguous == ([path] if ambiguous else [])


@pytest.mark.proves("T-114", "T-035")
def test_any_number_of_findings_is_listed_shortly_and_hides_no_checked_key() -> None:
    odd = "".join(f'"{n}":1,"{n}":2,' for n in range(500))
    text = payload().replace('"PG":', f'{odd}"PG":"T9","PG":', 1)
    record = one(signed(text), key())
    assert record.signature.verdict is Verdict.VALID
    assert len(record.findings) <= 101 and record.findings[-1].code == "F-MORE"
    assert record.ambiguous == ["PG"]


@pytest.mark.proves("T-125", "T-031")
def test_a_byte_in_one_record_changes_no_other() -> None:
    good = signed(payload(TT="@").replace("@", "T\u00fcr \u6f22"))
    broken = signed(payload(TT="@").replace("@", "\xfc").encode("latin-1"))
    lost = b'OCMF|{"a":"\xfc T\xc3\xbcr"'
    alone = one(good, key())
    for document, place in ((good + b"\n" + broken, 0), (broken + good, 1), (lost + b"\n" + good, 1)):
        found = [verify(unit, key()) for unit in ocmf.parse(document)]
        assert found[place].text.strip() == alone.text
        assert (found[place].signed, found[place].tariff, codes(found[place])) == (alone.signed, alone.tariff, [])
        assert found[place].signature.verdict is Verdict.VALID
        assert "F-UTF8" in codes(found[1 - place])
    assert [finding.where for finding in one(broken, key()).findings] == [f"@{broken.index(0xFC)}"]


@pytest.mark.proves("T-022")
@pytest.mark.parametrize("header", ["XOCMF", "OCMF1OCMF", "ocmfOCMF"])
def test_no_record_is_found_inside_a_wrong_header(header: str) -> None:
    wrong = signed(payload()).replace(b"OCMF", header.encode(), 1)
    (record,) = (verify(unit, key()) for unit in ocmf.parse(wrong))
    assert record.signature.verdict is Verdict.FORMAT_ERROR
    first, second = (verify(unit, key()) for unit in ocmf.parse(wrong + b"\n" + signed(payload())))
    assert (first.signature.verdict, second.signature.verdict) == (Verdict.FORMAT_ERROR, Verdict.VALID)


@pytest.mark.parametrize("space", [" " * 100, "\r\n" * 5000])
def test_any_white_space_may_stand_before_the_first_pipe(space: str) -> None:
    text = signed(payload()).replace(b"OCMF", b"OCMF" + space.encode(), 1)
    assert ocmf.detect(text)
    record = one(text, key())
    assert record.signature.verdict is Verdict.VALID and codes(record) == ["F-HEADER-WS"]


@pytest.mark.proves("T-021")
@pytest.mark.parametrize("text", ["====", "=", " "])
def test_a_signature_of_no_bytes_is_none(text: str) -> None:
    head, _, _ = signed(payload()).rpartition(b"|")
    record = one(head + b'|{"SE":"base64","SD":"' + text.encode() + b'"}', key())
    assert (record.signature.verdict, record.signature.reason) == (Verdict.FORMAT_ERROR, "F-SD")


# --- readings -------------------------------------------------------------------------------------------------------


def readings(*texts: str, **fields: Any) -> list[Any]:
    return one(signed(payload(*texts, **fields)), key()).readings


@pytest.mark.proves("T-037")
def test_inheritance() -> None:
    first, second, third = readings(
        READING,
        '{"TM":"2024-03-01T11:00:00,000+0100 S","TX":"E","RV":3,"CL":0,"EF":"t"}',
        '{"RV":7,"RI":"1-b:2.8.0"}',
    )
    assert (second.register, second.unit, second.status, second.error_flags) == ("1-b:1.8.0", "kWh", "G", "t")
    assert (third.moment, third.code, third.time, third.error_flags) == (Moment.END, "E", second.time, "t")
    assert (third.register, third.unit, third.loss, second.loss) == ("1-b:2.8.0", "kWh", None, Decimal(0))
    assert first.value == Decimal("1.500")
    (empty,) = readings('{"TM":"2024-03-01T11:00:00,000+0100 S"}')
    assert (empty.value, empty.literal, empty.value_error) == (None, None, False)


@pytest.mark.proves("T-037")
def test_nothing_is_inherited_across_records() -> None:
    units = ocmf.parse(signed(payload()) + b"\n" + signed(payload('{"RV":2}')))
    assert units[1].record.readings[0].register is None
    assert "F-READING" in codes(units[1].record)


@pytest.mark.proves("T-038")
def test_an_empty_error_flag_stops_inheritance() -> None:
    found = readings(READING.replace('"EF":""', '"EF":"E"'), '{"RV":2}', '{"RV":3,"EF":""}', '{"RV":4}')
    assert [reading.error_flags for reading in found] == ["E", "E", "", ""]


@pytest.mark.proves("T-029", "T-030", "T-115")
@pytest.mark.parametrize(
    ("written", "value", "literal", "code"),
    [
        ("2935.600", "2935.600", "2935.600", None),
        ("1.606848e7", "16068480", "1.606848e7", None),
        ('"       9.038"', "9.038", "       9.038", "F-RV-STRING"),
        ('"00000000.000"', "0.000", "00000000.000", "F-RV-STRING"),
        ("1e999999999", None, "1e999999999", "F-RV-RANGE"),
        ("9" * 400, None, "9" * 400, "F-RV-RANGE"),
        ('"12,340"', None, "12,340", "F-RV"),
        ('"+1"', None, "+1", "F-RV"),
        ("null", None, None, "F-RV"),
        ("true", None, None, "F-RV"),
        ("[1]", None, None, "F-RV"),
    ],
)
def test_values(written: str, value: str | None, literal: str | None, code: str | None) -> None:
    record = one(signed(payload(READING.replace("1.500", written))), key())
    (reading,) = record.readings
    assert record.signature.verdict is Verdict.VALID
    assert reading.value == (None if value is None else Decimal(value))
    assert reading.literal == literal
    assert reading.value_error is (value is None)
    assert [found for found in codes(record) if found.startswith("F-RV")][-1:] == ([code] if code else [])


@pytest.mark.proves("T-115")
@pytest.mark.parametrize("written", ["NaN", "Infinity", "012.340", "+12.340", "0x1F", "1_0", ".5", "1."])
def test_numbers_that_are_not_json_stop_the_record(written: str) -> None:
    record = one(signed(payload(READING.replace("1.500", written))), key())
    assert (record.signature.verdict, record.signature.reason) == (Verdict.FORMAT_ERROR, "F-JSON")


@pytest.mark.parametrize(
    ("text", "seconds", "offset", "clock", "code"),
    [
        ("2024-03-01T10:00:00,000+0100 S", 1709283600, 60, Clock.SYNCHRONISED, None),
        ("2024-03-01T10:00:00,123-0330 R", 1709301600 - 3600 + 1800, -210, Clock.RELATIVE, None),
        ("2024-02-29T23:59:60,000+0000 I", 1709251200, 0, Clock.INFORMATIVE, None),
        ("2024-03-01T10:00:00,000+0100", 1709283600, 60, Clock.UNKNOWN, "F-TM"),
        ("2024-03-01T10:00:00.000+01:00 S", 1709283600, 60, Clock.SYNCHRONISED, "F-TM"),
        ("2024-03-01T09:00:00,000Z U", 1709283600, 0, Clock.UNKNOWN, "F-TM"),
        ("2023-02-29T10:00:00,000+0100 S", None, None, None, "F-TM"),
        ("2024-03-01T24:00:00,000+0100 S", None, None, None, "F-TM"),
        ("2024-03-01T10:00:00,000+0160 S", None, None, None, "F-TM"),
        ("0000-01-01T10:00:00,000+0100 S", None, None, None, "F-TM"),
        ("yesterday", None, None, None, "F-TM"),
        ("\u0662024-03-01T10:00:00,000+0100 S", None, None, None, "F-TM"),
    ],
)
def test_times(text: str, seconds: int | None, offset: int | None, clock: Clock | None, code: str | None) -> None:
    record = one(signed(payload(READING.replace("2024-03-01T10:00:00,000+0100 S", text))), key())
    (reading,) = record.readings
    found = reading.time
    assert (None if found is None else found.seconds) == seconds
    assert (None if found is None else found.offset) == offset
    assert reading.clock is clock
    assert reading.time_text == text
    assert ("F-TM" in codes(record)) is (code is not None)


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        ('"TX":"B"', '"TX":"Q"', "F-TX"),
        ('"ST":"G"', '"ST":"g"', "F-ST"),
        ('"EF":""', '"EF":"Ex"', "F-EF"),
        ('"EF":""', '"EF":[]', "F-EF"),
        ('"RT":"AC"', '"RT":"XC"', "F-RT"),
        ('"RI":"1-b:1.8.0"', '"RI":"energy"', "F-RI"),
        ('"RI":"1-b:1.8.0"', '"RI":"01-00:B5.08.00*FF"', "F-RI"),
        ('"RI":"1-b:1.8.0",', "", "F-RI-RU"),
        ('"RU":"kWh"', '"RU":"sec"', "F-RU"),
        ('"ST":"G"', '"ST":"G","CL":"x"', "F-CL"),
        ('"ST":"G"', '"ST":"G","RM":1', "F-KEY-UNKNOWN"),
        ('"ST":"G"', '"ST":"G","EI":1', "F-KEY-UNKNOWN"),
        (',"ST":"G"', "", "F-READING"),
        ('"TM":"2024-03-01T10:00:00,000+0100 S",', "", "F-READING"),
    ],
)
def test_deviating_readings(before: str, after: str, code: str) -> None:
    assert before in READING
    record = one(signed(payload(READING.replace(before, after))), key())
    assert record.signature.verdict is Verdict.VALID
    assert code in codes(record)


def test_the_event_counter_of_old_versions() -> None:
    (reading,) = readings(READING.replace('"ST":"G"', '"ST":"G","EI":17'), FV="0.3", IS="NONE")
    assert reading.event_counter == 17


def test_fiscal_readings_have_no_reason() -> None:
    (reading,) = readings(READING.replace('"TX":"B",', ""), PG="F3")
    assert (reading.moment, reading.code) == (Moment.FISCAL, None)


# --- limits and hostile input ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"", "F-JSON"),
        (b"OCMF", "F-JSON"),
        (b"OCMF|", "F-JSON"),
        (b"OCMF|{}", "F-JSON"),
        (b"OCMF|{}|", "F-JSON"),
        (b"OCMF|{}|[]", "F-JSON"),
        (b"OCMF|[]|{}", "F-JSON"),
        (b"OCMF|{}|{}", "F-SD"),
        (b"ocmf|{}|{}", "F-JSON"),
        (b"OCMF|{}{}|{}", "F-JSON"),
        (b"OCMF||{}|{}", "F-JSON"),
        (b'OCMF|{"a":1}|{"SD":"30"', "F-JSON"),
        (b'OCMF|{"a":"' + b"\\" * 999, "F-JSON"),
        (b"\xff\xfeO\0C\0M\0F\0|\0", "F-JSON"),
        (b"OCMF|" + b'{"a":' * 200_000, "F-JSON-DEPTH"),
    ],
)
@pytest.mark.proves("T-022", "T-033", "T-116")
def test_broken_records(text: bytes, code: str) -> None:
    record = one(text, key())
    assert (record.signature.verdict, record.signature.reason) == (Verdict.FORMAT_ERROR, code)
    assert code in codes(record)


def test_limits() -> None:
    small = Limits(record=200, readings=2, units=3)
    assert ocmf.parse(signed(payload()), limits=small)[0].record.signature.reason == "F-SIZE"
    many = Limits(readings=2)
    assert ocmf.parse(signed(payload(READING, READING, READING)), limits=many)[0].record.signature.reason == "F-SIZE"
    units = ocmf.parse(signed(payload()) * 9, limits=Limits(units=3))
    assert len(units) == 4
    assert units[-1].record.signature.reason == "F-SIZE"
    assert ocmf.parse(b"OCMF|" + b" " * 99, limits=Limits(document=50))[0].record.signature.reason == "F-SIZE"
