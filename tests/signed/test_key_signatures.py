"""Signatures over the keys of a charge transparency record: told, checked where that is possible, never believed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from wattproof.signed import curves, examine, testkeys
from wattproof.signed.forging import forge
from wattproof.signed.formats import key_signatures, samples
from wattproof.signed.formats.key_signatures import Place
from wattproof.signed.jsonscan import load
from wattproof.signed.records import Finding

NOW = 1_800_000_000
SIGNER = testkeys.private_key("secp256r1", "an authority")
POINT = curves.public_key(SIGNER).point.hex()
#: The text that such a signature covers, written out by hand.
COVERED = (
    '{"@id":"DE*TST*S1","description":{"2":"zwei","de":"Säule \\"A\\"\\n"},"geoLocation":{"lat":50.9,"lng":1e-7},'
    '"address":null,"softwareVersion":"1.0","EVSE":{"@id":"DE*TST*E1","sockets":[{},[],1],'
    '"meter":{"@id":"METER","vendor":"EMH","model":"eHZ","firmwareVersion":"123","publicKey":'
    '{"algorithm":"secp192r1","format":"DER","value":"KEY","signature":'
    '{"signer":"Authority","timestamp":"2024-01-01T00:00:00Z","comment":"checked","algorithm":"secp256r1"}}}}}'
)


def record(signature: Any = None, **placed: Any) -> dict[str, Any]:
    """A session of an EMH meter whose key bears a signature."""
    document: dict[str, Any] = json.loads(forge("Chargy-CTR").data)
    station = document["chargingStationOperators"][0]["chargingStations"][0]
    station |= {
        "softwareVersion": "1.0",
        "@id": "DE*TST*S1",
        "address": None,
        "description": {"de": 'Säule "A"\n', "2": "zwei"},
        "geoLocation": {"lat": 50.900, "lng": 0.0000001},
        "other": 1,
    }
    evse = station["EVSEs"][0]
    evse |= {"@id": "DE*TST*E1", "sockets": [{}, [], 1.0]}
    meter = evse["meters"][0]
    meter |= {"vendor": "EMH", "model": "eHZ", "firmwareVersion": "123"}
    key = meter["publicKeys"][0]
    key |= {"algorithm": "secp192r1"}
    for name, holder in (("key", key), ("meter", meter), ("document", document)):
        if name in placed:
            holder["publicKeySignatures"] = placed[name]
    if "session" in placed:
        document["chargingSessions"][0]["publicKeySignatures"] = placed["session"]
    if signature is not None:
        key["signatures"] = [signature]
    return document


def key_of(document: dict[str, Any]) -> dict[str, Any]:
    meter = document["chargingStationOperators"][0]["chargingStations"][0]["EVSEs"][0]["meters"][0]
    found: dict[str, Any] = meter["publicKeys"][0]
    return found


def text(document: dict[str, Any]) -> str:
    meter = forge("Chargy-CTR").identity
    return COVERED.replace("METER", meter).replace("KEY", key_of(document)["value"])


def signature(**changes: Any) -> dict[str, Any]:
    stated = {
        "signer": "Authority",
        "timestamp": "2024-01-01T00:00:00Z",
        "comment": "checked",
        "algorithm": "secp256r1",
        "publicKey": POINT,
        "signature": samples.sign_der(SIGNER, text(record()).encode()).hex(),
    }
    return {name: value for name, value in {**stated, **changes}.items() if value is not ...}


def told(document: Any) -> list[list[Finding]]:
    report = examine(json.dumps(document).encode(), now=NOW)
    assert {one.signature.verdict.value for one in report.records} == {"valid"}
    assert {colour.value for colour in report.colours} == {"yellow"}, "the signer's key proves nothing by itself"
    return [[one for one in found.findings if one.code.startswith("F-KEY-SIG")] for found in report.records]


def test_a_signature_that_verifies_names_the_signer() -> None:
    for findings in told(record(signature())):
        assert [one.code for one in findings] == ["F-KEY-SIGNED"]
        assert "signed by Authority on 2024-01-01" in findings[0].message
        assert findings[0].where.endswith("/publicKeys/0/signatures/0")


@pytest.mark.parametrize("place", ["key", "meter", "document", "session"])
def test_it_may_stand_at_the_key_its_meter_the_record_or_the_session(place: str) -> None:
    for findings in told(record(**{place: [signature(), signature(signer="Somebody")]})):
        assert [one.code for one in findings] == ["F-KEY-SIGNED", "F-KEY-SIGNATURE"]
        assert findings[1].severity == "warning" and "does not verify" in findings[1].message


def _raw(place: str) -> dict[str, Any]:
    raw = samples.sign_raw(SIGNER, text(record()).encode()).hex()
    parts = {"r": raw[:64], "s": raw[64:].lstrip("0").upper()}
    return {
        "text": signature(signature=raw),
        "inside": signature(signature=parts),
        "beside": signature(signature=..., **parts),
        "value": signature(signature=..., value=raw),
    }[place]


@pytest.mark.parametrize("place", ["text", "inside", "beside", "value"])
def test_forms_of_the_signature(place: str) -> None:
    assert [one.code for one in told(record(_raw(place)))[0]] == ["F-KEY-SIGNED"]


def _without(part: str) -> dict[str, Any]:
    """The key stands where that part is not around it."""
    document = record(signature())
    operators = document.pop("chargingStationOperators")
    station = operators[0]["chargingStations"][0]
    evse = station["EVSEs"][0]
    meter = evse["meters"][0]
    if part == "station":
        return {**document, "EVSEs": [evse]}
    if part == "charge point":
        return {**document, "chargingStations": [{**station, "EVSEs": None, "meters": [meter]}]}
    return {**document, "publicKeys": meter["publicKeys"]}


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (lambda: record("text"), "it is no object"),
        (lambda: record(signature(publicKey=...)), "the signer's key is missing"),
        (lambda: record(signature(publicKey="04" + "00" * 64)), "none of secp256r1"),
        (lambda: record(signature(publicKey=testkeys.public_key("secp384r1", "x").spki.hex())), "none of secp256r1"),
        (lambda: record(signature(signature=...)), "the signature itself is missing"),
        (lambda: record(signature(signature="no hex!")), "cannot be decoded"),
        (lambda: record(signature(signature="3005")), "V-SIG-ENCODING"),
        (lambda: record(signature(signature={"r": "1" * 65, "s": "1"})), "too long"),
        (lambda: record(signature(comment="x" * 70_000)), "what it covers is too long"),
        (lambda: record(signature(comment=["x"] * 70_000)), "what it covers is too long"),
        *((lambda part=part: _without(part), "not all stated") for part in ("station", "charge point", "meter")),
    ],
)
def test_what_cannot_be_checked_is_said(document: Callable[[], Any], said: str) -> None:
    for findings in told(document()):
        assert [one.code for one in findings] == ["F-KEY-SIGNATURE"]
        assert findings[0].severity == "info" and "cannot be checked: " in findings[0].message
        assert said in findings[0].message


@pytest.mark.parametrize("name", ["@id", "softwareVersion", "description", "geoLocation", "address"])
def test_every_change_of_what_it_covers_is_told(name: str) -> None:
    document = record(signature())
    document["chargingStationOperators"][0]["chargingStations"][0][name] = "other"
    assert [one.severity for one in told(document)[0]] == ["warning"]


@pytest.mark.proves("T-081")
def test_a_flipped_bit_of_a_key_signature_is_never_a_verified_one() -> None:
    right = bytes.fromhex(signature()["signature"])
    for position in range(len(right)):
        wrong = right[:position] + bytes((right[position] ^ 1,)) + right[position + 1 :]
        assert "F-KEY-SIGNED" not in [one.code for one in told(record(signature(signature=wrong.hex())))[0]]


def test_other_formats_of_the_record_tell_it_too() -> None:
    document = json.loads(forge("ChargePoint").data)
    evse = document["chargingStationOperators"][0]["chargingStations"][0]["EVSEs"][0]
    evse["meters"][0]["publicKeySignatures"] = [signature()]
    assert [one.code for one in told(document)[0]] == ["F-KEY-SIGNATURE"]


def test_signatures_of_the_document_are_none_of_a_key() -> None:
    document = record()
    document["signatures"] = [signature()]
    assert told(document) == [[], []]


@pytest.mark.proves("T-080")
def test_many_signatures_end_soon() -> None:
    document = record(session=[signature()] * 1000)
    assert len(told(document)[0]) == key_signatures.MOST
    many = record()
    meter = many["chargingStationOperators"][0]["chargingStations"][0]["EVSEs"][0]["meters"][0]
    meter["publicKeySignatures"] = [signature(signer=f"{number}") for number in range(16)]
    meter["publicKeys"] = [{**meter["publicKeys"][0], "other": number} for number in range(500)]
    begun = time.process_time()
    report = examine(json.dumps(many).encode(), now=NOW)
    assert time.process_time() - begun < 5
    messages = [one.message for one in report.records[0].findings if one.code == "F-KEY-SIGNATURE"]
    assert any("of which the first count" in message for message in messages)


@pytest.mark.parametrize(
    ("literal", "written"),
    [
        ("1", "1"), ("-0", "0"), ("1.50", "1.5"), ("100", "100"), ("1e2", "100"), ("1e20", "100000000000000000000"),
        ("1e21", "1e+21"), ("1.5e300", "1.5e+300"), ("0.000001", "0.000001"), ("0.0000001", "1e-7"), ("1e400", "null"),
        ("1.25e-7", "1.25e-7"), ("9007199254740993", "9007199254740992"), ("123456789.123", "123456789.123"),
    ],
)  # fmt: skip
def test_numbers_are_written_as_ecmascript_does(literal: str, written: str) -> None:
    station = load(b'{"@id":' + literal.encode() + b"}")[0]
    assert key_signatures.covered({}, Place(station, {}, {}, {})).startswith(f'{{"@id":{written},')


def test_texts_are_written_as_ecmascript_does() -> None:
    station = {"@id": '\x00\x1f\x7f\b\t\n\f\r"\\/é\u2028\U0001f600\ud800', "description": {"b": 1, "10": 2, "9": 3}}
    found = key_signatures.covered({}, Place(station, {}, {}, {}))
    shown = '"\\u0000\\u001f\x7f\\b\\t\\n\\f\\r\\"\\\\/é\u2028\U0001f600\\ud800"'
    assert found.startswith('{"@id":' + shown + ',"description":{"9":3,"10":2,"b":1},"EVSE"')
