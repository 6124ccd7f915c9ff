"""The shortcut that proves "valid" agrees with the tables: on every record that either of them looks at differently."""

from __future__ import annotations

import base64
import json
import random
import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wattproof.signed import Examination, curves, examine, examine_stream, testkeys
from wattproof.signed.profiles import accepted, chargy, safe, stated
from wattproof.signed.profiles.prediction import Prediction, Surroundings, first
from wattproof.signed.records import Record
from wattproof.signed.report import Report

NOW = 1_800_000_000
VALID = Prediction("valid")
_PRIVATE = testkeys.private_key("secp256r1", "M1")
KEY = curves.spki(_PRIVATE).hex()
_OTHER = curves.spki(testkeys.private_key("secp256r1", "another")).hex()
READING = (
    '{"TM":"2026-01-01T1%d:00:00,000+0100 S","TX":"%s","RV":%s,"RI":"01-00:B2.08.00*FF","RU":"kWh","RT":"AC","EF":"",'
    '"ST":"G"}'
)
PAYLOAD = (
    '{"FV":"1.0","GI":"gateway","GS":"G1","GV":"1","PG":"T7","MV":"maker","MM":"model","MS":"M1","MF":"2","IS":true,'
    '"IL":"VERIFIED","IF":["RFID_PLAIN"],"IT":"NONE","ID":"","TT":"dear","CF":"3","CT":"EVSEID","CI":"DE*1","RD":['
    + READING % (0, "B", "0.125")
    + ","
    + READING % (1, "E", "12.5")
    + "]}"
)
_MEMBER = re.compile(r'"([A-Z]{2})":("[^"]*"|true|\[[^\[\]{}]*\]|[0-9.]+)')
#: What stands in place of a value.
VALUES = [
    *("null", "true", "false", "0", "1", "-1", "12.5", "99", "1e3", "1e400", "NaN", "1.50", '""', '"x"', "[]", '["x"]'),
    *("{}", '{"a":1}', '[{"a":1}]', '"1"', '"1.5"', '"E"', '"B"', '"C"', '"L"', '"T"', '"T1"', '"F1"', '"t1"', '"T٣"'),
    *('"0.1"', '"0.4"', '"0.5"', '"1.1"', '"1.3"', '"1.4"', '"1.0.0"', '" 1.0"', '"G"', '"M"', '"t"', '"Et"', '"AC"'),
    *(
        '"HVDC"',
        '"Wh"',
        '"kWh"',
        '"MISMATCH"',
        '"UNKNOWN"',
        '"{"',
        '"}"',
        '"}{"',
        '"|"',
        r'"\u007b"',
        r'"\"FV\":\"9\""',
    ),
    *('"1-0:1.8.0*198"', '"1-0:1.8.0"', '"1-b:1.8.0"', '"1-0:2.8.0"', '"0100B20800FF"', '"01-00:B3.08.00*FF"'),
    *('"01-00:C0.08.00*05"', '"2026-01-01T10:30:00,000+0100 R"', '"2026-01-01T10:30:00,000+0100"', '"ä"', r'"\ud800"'),
    *('"2026-01-01T10:59:60,000+0100 S"', '"2026-02-30T10:00:00,000+0100 S"', '"2026-01-01T10:30:00.000+01:00 U"'),
    *('"2026-01-01T09:00:00,000-0100 U"', '"2026-01-01T11:00:00,001+0100 I"', '"raw\ttab"', '"-----"', '"a-b-c-d"'),
]


def signed(payload: str, section: str | None = None, change: Callable[[str], str] = lambda text: text) -> str:
    """A record of this payload; ``%s`` in the section is the signature, ``change`` its text."""
    der = change(_sign(payload).hex())
    return f"OCMF|{payload}|{(section or DEFAULT).replace('%s', der)}"


def _sign(payload: str) -> bytes:
    assert isinstance(_PRIVATE, ec.EllipticCurvePrivateKey)
    return _PRIVATE.sign(payload.encode(), ec.ECDSA(hashes.SHA256()))


DEFAULT = '{"SA":"ECDSA-secp256r1-SHA256","SD":"%s"}'
SECTIONS = [
    '{"SD":"%s"}',
    '{"SD":"%s","SA":"ECDSA-secp256r1-SHA256"}',
    '{"SA":null,"SD":"%s"}',
    '{"SA":"","SD":"%s"}',
    '{"SA":["ECDSA-secp256r1-SHA256"],"SD":"%s"}',
    '{"SA":"ecdsa-secp256r1-sha256","SD":"%s"}',
    '{"SA":"ECDSA-SECP256R1-SHA256","SD":"%s"}',
    '{"SA":"ECDSA-prime256v1-SHA256","SD":"%s"}',
    '{"SA":"ECDSA-secp256r1-SHA512","SD":"%s"}',
    '{"SA":"ECDSA-secp256k1-SHA256","SD":"%s"}',
    '{"SA":"ECDSA-secp192r1-SHA256","SD":"%s"}',
    '{"SA":"ECDSA-brainpool256r1-SHA256","SD":"%s"}',
    '{"SA":"EdDSA-Ed25519","SD":"%s"}',
    '{"SE":"hex","SD":"%s"}',
    '{"SE":"","SD":"%s"}',
    '{"SE":"HEX","SD":"%s"}',
    '{"SE":"base64","SD":"%s"}',
    '{"SE":"plain","SD":"%s"}',
    '{"SE":null,"SD":"%s"}',
    '{"SD":"","SD":"%s"}',
    '{"SD":"%s","SD":""}',
    '{"SA":"x","SD":"%s","SA":"ECDSA-secp256r1-SHA256"}',
    '{"SD":"%s","SM":"application/x-der","U":{"x":[1]}}',
    '{"SD":"%s 00"}',
    ' {"SD" : "%s"} ',
    '{"SD":"%s"}|' + KEY,
    '{"SD":"%s"}|',
]


def _base64(text: str) -> str:
    return base64.b64encode(bytes.fromhex(text)).decode()


def _raw(text: str) -> str:
    der = bytes.fromhex(text)
    size = der[3]
    parts = (der[4 : 4 + size], der[6 + size :])
    return "".join(part.lstrip(b"\0").rjust(32, b"\0").hex() for part in parts)


CHANGES: list[Callable[[str], str]] = [
    str.upper,
    _base64,
    _raw,
    lambda text: text + "00",
    lambda text: "3081" + text[2:],
    lambda text: text[:-2],
    lambda text: text[:8] + " " + text[8:],
    lambda text: text[:-1] + ("0" if text[-1] != "0" else "1"),
    lambda text: "",
]


def payloads() -> Iterator[str]:
    """The payload with every member left out, doubled, and with every value in its place."""
    for match in _MEMBER.finditer(PAYLOAD):
        before, member, after = PAYLOAD[: match.start()], match[0], PAYLOAD[match.end() :]
        yield before + after.removeprefix(",") if after[0] == "," else before.removesuffix(",") + after
        yield f"{before}{member},{member}{after}"
        yield f'{before}{member},"{match[1]}":"other"{after}'
        yield f'{before}"{match[1]}":"other",{member}{after}'
        yield f'{before}{member},"V":{{{member}}}{after}'
        for value in VALUES:
            yield f'{before}"{match[1]}":{value}{after}'
    for added in ('"LC":{"LR":1,"LU":"mOhm"}', '"LC":null', '"LC":[]', '"IF":null', '"IF":{}', '"U":["{"]', '"QQ":1'):
        yield "{" + added + "," + PAYLOAD[1:]
    for added in ('"EI":1', '"EI":[]', '"CL":0', '"CL":{}', '"CL":null', '"U":[]', '"TX":"E"', '"QQ":"}"'):
        yield PAYLOAD.replace('"ST":"G"}', f'"ST":"G",{added}}}', 1)
        yield PAYLOAD.replace('"ST":"G"}', f'"ST":"G",{added}}}')
    one, two, three = (READING % (hour, code, value) for hour, code, value in ((0, "B", 1), (1, "E", 2), (1, "C", 3)))
    head = PAYLOAD[: PAYLOAD.index('"RD":')]
    device = two.replace("B2", "B3")
    lists = ((), (one,), (two,), (one, one), (one, two), (two, one), (one, two, two), (one, three), (one, three, two))
    for readings in (
        *lists,
        (one, device),
        (one.replace("B2", "B3"), device, two),
        (one, "1", two),
        (one, "null", two),
    ):
        yield f'{head}"RD":[{",".join(readings)}]}}'
    for space in (" ", "\n", "\t", "\u00a0"):
        yield PAYLOAD + space
        yield space + PAYLOAD
        yield PAYLOAD.replace(":", f":{space}").replace(",", f",{space}")


def frames() -> Iterator[str]:
    """The record with other signature sections, signatures, and characters around it."""
    for section in SECTIONS:
        yield signed(PAYLOAD, section)
        yield signed(PAYLOAD, section, _base64)
    for change in CHANGES:
        yield signed(PAYLOAD, None, change)
    text = signed(PAYLOAD)
    yield from (text.replace("OCMF|", "OCMF |"), f" {text}\n", f"{text}\v", f"{text}\n{text}", f"\ufeff{text}")
    yield from (text.replace("T7", "T8"), text.replace("|{", "| {"), f"{text}x", f"{text}|{KEY}")


def forms(text: str) -> Iterator[Report]:
    """The record bare and in rows, with keys in several places and forms."""
    yield from (examine(text, key, now=NOW) for key in (KEY, bytes.fromhex(KEY), None, _OTHER, KEY[-130:]))
    rows = [
        {"ocmf": text},
        {"ocmf": text, "publicKey": KEY},
        {"ocmf": text, "publicKey": _OTHER},
        {"ocmf": text, "publicKey": _base64(KEY), "transactionId": "7", "context": "Transaction.Begin"},
    ]
    lines = "\n".join(map(json.dumps, rows)).encode()
    for key in (KEY, None):
        yield from examine_stream(lines, key, now=NOW)


def _open(predict: Callable[[], Prediction]) -> Prediction:
    """A record that no table foresaw leaves the prediction open, as in :mod:`wattproof.signed.profiles`."""
    try:
        return predict()
    except (ValueError, TypeError, KeyError, ArithmeticError, RecursionError):
        return Prediction("unknown")


def common(text: str) -> Iterator[Report]:
    """The record bare, and in a row with its key."""
    yield examine(text, KEY, now=NOW)
    yield from examine_stream(json.dumps({"ocmf": text, "publicKey": KEY}).encode(), now=NOW)


def tables(record: Record, surroundings: Surroundings) -> tuple[Prediction, Prediction]:
    """What the tables say about one record that stands alone."""
    alone = safe._Values([record], False)
    return (
        _open(lambda: first(safe._CONTAINER, alone) or safe._judge([record], surroundings)),
        _open(lambda: chargy._judge(chargy._read(record, surroundings))),
    )


def compare(reports: Iterable[Report]) -> tuple[int, int]:
    """Holds every OCMF record of the reports against the tables; how many the shortcuts accept."""
    found = [0, 0]
    for report in reports:
        surroundings = Surroundings(report.records, report.trusted)
        for record in report.records:
            if record.format != "OCMF":
                continue
            by_safe, by_chargy = tables(record, surroundings)
            if record.container in safe._BARE and accepted.by_safe(record, surroundings):
                assert by_safe == VALID, (record.text, str(by_safe))
                found[0] += 1
            values = chargy._read(record, surroundings)
            if len(values) == 1 and record.container == "none" and accepted.by_chargy(record, surroundings):
                assert by_chargy == VALID, (record.text, str(by_chargy))
                found[1] += 1
            assert _open(partial(chargy._file, values, surroundings)) == by_chargy
            assert _open(partial(safe._alone, record, surroundings)) == by_safe
    return found[0], found[1]


@pytest.mark.proves("T-110")
def test_mutations_of_every_field() -> None:
    accepted_by = [compare(common(signed(payload))) for payload in payloads()]
    assert len(accepted_by) > 1500
    assert sum(found[0] > 0 for found in accepted_by) > 200  # it is no shortcut if it is never taken
    assert sum(found[1] > 0 for found in accepted_by) > 100


@pytest.mark.proves("T-110")
def test_mutations_of_the_frame() -> None:
    accepted_by = [compare(forms(text)) for text in frames()]
    assert sum(found[0] > 0 for found in accepted_by) > 5 and sum(found[1] > 0 for found in accepted_by) > 5


@pytest.mark.proves("T-110")
def test_the_common_record_takes_the_shortcut() -> None:
    for report in forms(signed(PAYLOAD)):
        (record,) = report.records
        surroundings = Surroundings(report.records, report.trusted)
        right = record.signature.verdict == "valid" and tables(record, surroundings)[0] == VALID
        assert accepted.by_safe(record, surroundings) == right
    surroundings = Surroundings(examine(signed(PAYLOAD), KEY, now=NOW).records)
    (record,) = surroundings.file(examine(signed(PAYLOAD), KEY, now=NOW).records[0])
    assert accepted.by_chargy(record, surroundings) and stated.read(record) is not None


_VALUE = st.sampled_from(VALUES)


@pytest.mark.proves("T-110")
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 4), _VALUE), max_size=4), st.sampled_from(SECTIONS))
def test_several_changes_at_once(changes: list[tuple[int, int, str]], section: str) -> None:
    payload = PAYLOAD
    for place, kind, value in changes:
        members = list(_MEMBER.finditer(payload))
        match = members[place % len(members)]
        new = (f'"{match[1]}":{value}', match[0], f'{match[0]},"XX":{value}', f'{match[0]} , "QQ":{value}', "")[kind]
        payload = payload[: match.start()] + new + payload[match.end() :]
    compare(common(signed(payload, section)))


@pytest.mark.proves("T-110")
def test_bytes_that_are_flipped_or_cut_off() -> None:
    random_places, text = random.Random(6), signed(PAYLOAD)
    for _ in range(300):
        at = random_places.randrange(len(text))
        compare([examine(text[:at] + chr(random_places.randrange(1, 128)) + text[at + 1 :], KEY, now=NOW)])
        compare([examine(text[:at], KEY, now=NOW)])


@pytest.mark.proves("T-110")
def test_the_vectors(vectors: Path) -> None:
    folder = vectors / "transparency"
    cases = json.loads((folder / "manifest.json").read_text("utf-8"))["cases"]
    accepted_by = [
        compare(examine_stream(folder / case["file"], key, now=NOW))
        for case in cases
        for key in {case.get("key"), None}
    ]
    assert sum(found[0] for found in accepted_by) > 20 and sum(found[1] for found in accepted_by) > 10


@pytest.mark.proves("T-110")
def test_test_keys_are_no_obstacle(forge: Any) -> None:
    run = Examination(KEY, now=NOW)
    run.add(signed(PAYLOAD).encode())
    (record,) = run.report().records
    assert [finding.code for finding in record.findings] == ["F-TEST-KEY"]
    assert accepted.by_safe(record, Surroundings([record], run.report().trusted))
    lent = forge.examine(forge.xml((forge.session(), "1")))
    compare([lent, forge.examine(forge.xml((forge.session(), "1"), (forge.session(PG="T8"), "2")))])
