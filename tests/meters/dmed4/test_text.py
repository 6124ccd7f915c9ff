"""Texts of the charge cycle: signatures in every form that a meter may keep them, records, events."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.meters.dmed4.conftest import Bench, JoinedWeb
from tests.meters.dmed4.scripted import KEY, run
from wattproof.errors import ProtocolError
from wattproof.meters.dmed4.rest import RestDriver
from wattproof.meters.dmed4.text import Record, body_text, event, rebuilt, signature_text
from wattproof.virtual.base import SimulationOptions

DER = bytes.fromhex(
    "3046022100B876303F558413B964B078F9D42AE585685B3E2BBAE6413AB8A535826F90C4E1"
    "022100F187C658EF3930D669D57196B324F08A90B9F16EC08307410E6B8A1F0C278049"
)


@pytest.mark.proves("D-263")
@pytest.mark.parametrize(
    ("area", "encoding", "text"),
    [
        (DER, "hex", DER.hex().upper()),
        (DER.hex().upper().encode(), "hex", DER.hex().upper()),
        (DER.hex().encode(), "hex", DER.hex()),
        (b64encode(DER), "base64", b64encode(DER).decode()),
    ],
)
def test_the_signature_is_known_by_its_form(area: bytes, encoding: str, text: str) -> None:
    assert signature_text(area) == (encoding, text)
    record = Record(rebuilt(b'{"RD":[]}', area))
    assert record.text == f'OCMF|{{"RD":[]}}|{{"SA":"ECDSA-secp256r1-SHA256","SE":"{encoding}","SD":"{text}"}}'.encode()


@pytest.mark.parametrize("area", [b"", b"\0" * 72, DER[:-1], b"30zz", b"ME!", b"hello"])
def test_what_is_no_signature_says_so(area: bytes) -> None:
    with pytest.raises(ProtocolError, match="neither DER nor its text"):
        signature_text(area)


def test_a_whole_record_at_4400h_is_taken_as_it_is() -> None:
    assert rebuilt(b"OCMF|{}|{}", b"") == b"OCMF|{}|{}"


@pytest.mark.proves("D-262")
@pytest.mark.parametrize("form", ["0", "1"])
def test_the_record_from_registers_is_the_one_of_rest(form: str) -> None:
    one = Bench("modbus", SimulationOptions("dmed4", seed=1, load="none", settings={"P06_01": form}))
    run(one.driver.info())
    run(one.driver.set_fixed_fields({"ID": "Jürgen"}))
    record = run(one.driver.sign("B"))
    web: Any = RestDriver(JoinedWeb(one.meter, one.clock))
    assert record == run(web.record()) == run(web.last_record())
    assert record.valid(one.meter.public_key)
    assert (b'"SE":"base64"' in record.text) == (form == "1")


@pytest.mark.parametrize("algorithm", ["ECDSA-secp256r1-SHA256", "ECDSA-secp256r1-SHA512", None])
def test_a_signature_is_checked_by_the_algorithm_that_it_names(algorithm: str | None) -> None:
    key = ec.derive_private_key(7, ec.SECP256R1())
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    readings = [{"TM": "2023-09-29T08:47:25,000+0200 S", "TX": "B", "RV": 1, "RI": "1", "RU": "kWh", "ST": "G"}]
    payload = json.dumps({"FV": "1.0", "PG": "T1", "MS": "1", "RD": readings}).encode()
    hashing = hashes.SHA512() if algorithm and "512" in algorithm else hashes.SHA256()
    section = {"SD": key.sign(payload, ec.ECDSA(hashing)).hex()} | ({"SA": algorithm} if algorithm else {})
    good = Record(b"|".join((b"OCMF", payload, json.dumps(section).encode())))
    assert good.valid(public)
    assert not good.valid(KEY)
    assert not Record(good.text.replace(b"T1", b"T2")).valid(public)
    wrong = {"ECDSA-secp256r1-SHA512": b"SHA256", "ECDSA-secp256r1-SHA256": b"SHA384"}
    if algorithm:
        assert not Record(good.text.replace(algorithm[-6:].encode(), wrong[algorithm])).valid(public)


def test_a_record_that_is_none_verifies_with_nothing() -> None:
    for text in (b"", b"OCMF|{}", b"OCMF|{}|{}", b'OCMF|{}|{"SD":"30"}', b'OCMF|{}|{"SD":5,"SE":7}', b"OCMF|{}|x"):
        assert not Record(text).valid(KEY)
    assert not Record(b"OCMF|{}|{}").valid(b"")
    with pytest.raises(ProtocolError):
        _ = Record(b"OCMF|[]|{}").payload
    with pytest.raises(ProtocolError, match="six tuples"):
        _ = Record(b"OCMF|{}|{}").energy
    assert Record(b'OCMF|{"PG":"F7"}|{}').counter is None


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b'{"OCMF_BUFF":5}', b'{"OTHER":"x"'])
def test_a_body_without_the_text_says_so(body: bytes) -> None:
    with pytest.raises(ProtocolError, match="holds no text"):
        body_text(body, "OCMF_BUFF")


def test_events_are_passed_through() -> None:
    found = {"date": "2023-09-29", "time": "08:47:22", "event_code": "99", "arguments": "a;b|c"}
    assert event(b"EVENT|" + json.dumps(found).encode()) == found
    with pytest.raises(ProtocolError, match="no event"):
        event(b"OCMF|{}|{}")
