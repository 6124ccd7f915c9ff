"""What the incumbents would say to the JSON containers: EMH, GDF, ChargePoint, PTB, OCPI, OCPP, Chargy's own record."""

from __future__ import annotations

import json
from typing import Any

import pytest

from wattproof.signed import curves, examine, testkeys
from wattproof.signed.formats import chargepoint_export, chargy_export, emh_export, ocpi, ocpp_export, ptb, samples
from wattproof.signed.formats.emh_export import Reading
from wattproof.signed.formats.safe_xml import BEGIN, END, Signed
from wattproof.signed.profiles import chargy_json

NOW = 1_800_000_000
START = 1_700_000_000
SAFE, CHARGY = "safe-1.4.1", "chargy-0.12"
METER = "0901454D480000ABCDEF"
KEY = testkeys.private_key("secp192r1", "a key of these tests")
READINGS = [Reading(METER, 1, 1000, START), Reading(METER, 2, 3000, START + 3600)]


def emh(readings: list[Reading]) -> bytes:
    public = curves.public_key(KEY)
    return emh_export.file(emh_export.value(reading, signature, public) for reading, signature in sealed(readings))


def sealed(readings: list[Reading]) -> list[tuple[Reading, bytes]]:
    return [(reading, samples.sign_raw(KEY, reading.block.encode())) for reading in readings]


def predicted(data: Any, **options: Any) -> tuple[tuple[str, list[str]], tuple[str, list[str]]]:
    text = data if isinstance(data, bytes) else json.dumps(data).encode()
    (session,) = examine(text, now=NOW, **options).as_dict()["sessions"]
    found = session["profiles"]
    return tuple((found[name]["verdict"], found[name]["reasons"]) for name in (SAFE, CHARGY))  # type: ignore[return-value]


@pytest.mark.proves("T-110")
def test_emh_readings() -> None:
    refused = ("refused", ["P-S-FORMAT"])
    for data in (emh(READINGS), chargy_export.session(sealed(READINGS), curves.public_key(KEY))):
        assert predicted(data) == (refused, ("valid", []))
    assert predicted(emh(READINGS[:1])) == (refused, ("invalid", ["P-C-EMH"]))
    document = json.loads(emh(READINGS))
    for value in document["signedMeterValues"]:
        value["meterInfo"]["publicKey"] = curves.spki(KEY).hex()
    assert predicted(document) == (refused, ("invalid", ["P-C-EMH"]))
    for value in document["signedMeterValues"]:
        value["meterInfo"]["publicKey"] = curves.public_key(KEY).point.hex()
    assert predicted(document) == (refused, ("valid", []))
    document["signedMeterValues"][0]["contract"]["id"] = "x"
    assert predicted(document) == (refused, ("invalid", ["P-C-HASH"]))


@pytest.mark.proves("T-110")
def test_chargepoint_records() -> None:
    stated = chargepoint_export.Session("M1", "1.5", "2.5", START, START + 3600)
    key = testkeys.private_key("secp224k1", "x")
    signature = chargepoint_export.sign(chargepoint_export.record(stated), key)
    data = chargy_export.write_chargepoint(stated, signature, curves.public_key(key))
    assert predicted(data) == (("refused", ["P-S-FORMAT"]), ("valid", []))
    document = json.loads(data)
    document["chargingStationOperators"] = []
    assert predicted(document)[1] == ("invalid", ["P-C-HASH"])


@pytest.mark.proves("T-110")
def test_containers_of_ocmf(forge: Any) -> None:
    key = bytes.fromhex(forge.key)
    begin = Signed(forge.ocmf([forge.reading("B", "100.100")], PG="T7").encode(), BEGIN, key)
    end = Signed(forge.ocmf([forge.reading("E", "112.340")], PG="T8").encode(), END, key)
    whole = Signed(forge.session().encode(), END, key)
    refused = ("refused", ["P-S-CONTAINER"])
    assert predicted(ptb.write(begin.record, end.record, key)) == (refused, ("valid", []))
    assert predicted(ocpi.write([whole], identifier="1")) == (refused, ("valid", []))
    assert predicted(ocpi.write([begin, end], identifier="1")) == (refused, ("invalid", ["P-C-TWO"]))
    for write in (ocpp_export.write_16, ocpp_export.write_201):
        assert predicted(write([begin, end])) == (refused, ("unknown", ["P-C-OCPP"]))


@pytest.mark.proves("T-111")
def test_a_good_session_warns_of_the_incumbents() -> None:
    text = json.dumps(examine(emh(READINGS), now=NOW).as_dict()["sessions"])
    assert "F-PROFILE" in text and "S.A.F.E." in text


def test_what_chargy_holds_and_nobody_reads_is_not_foreseen() -> None:
    document = json.loads(chargy_export.session(sealed(READINGS), curves.public_key(KEY)))
    document["chargingSessions"][0]["@context"] = "x/GDFCrypt01+json"
    (record,) = examine(json.dumps(document), now=NOW, profile=CHARGY).as_dict()["records"]
    assert record["profiles"][CHARGY] == {"verdict": "unknown", "reasons": []}
    assert {row.code for row in chargy_json._ROWS} == {"P-C-HASH", "P-C-EMH"}
