"""EMH readings in the containers of chargeIT and Chargy: the block that was signed, its times, keys and session."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wattproof.signed import curves, examine, testkeys
from wattproof.signed.formats import chargepoint_export, chargy, chargy_export, emh_export, samples
from wattproof.signed.formats.emh_export import Reading
from wattproof.signed.limits import Limits
from wattproof.signed.records import Moment
from wattproof.signed.report import Report

NOW = 1_800_000_000
START = 1_700_000_000
METER = "0901454D480000ABCDEF"
KEY = testkeys.private_key("secp192r1", "a key of these tests")
POINT = curves.public_key(KEY).point.hex().upper()


def judged(document: Any, **options: Any) -> Report:
    data = document if isinstance(document, (bytes, str)) else json.dumps(document)
    report = examine(data, **{"now": NOW, **options})
    assert not any("internal error" in finding.message for record in report.records for finding in record.findings)
    json.dumps(report.as_dict())
    return report


def verdicts(report: Report) -> list[str]:
    return [record.signature.verdict.value for record in report.records]


def pair(**end: Any) -> list[Reading]:
    first = Reading(METER, 0x19, 110281, START, contract_time=START - 10, second_index=1758261)
    stated = {"page": 0x1A, "value": 116765, "time": START + 3600, "second_index": 1761861, **end}
    return [first, Reading(**{**{name: getattr(first, name) for name in first.__slots__}, **stated})]


def sealed(readings: list[Reading], key: Any = KEY) -> list[tuple[Reading, bytes]]:
    return [(reading, samples.sign_raw(key, reading.block.encode())) for reading in readings]


def value(reading: Reading) -> dict[str, Any]:
    return emh_export.value(reading, samples.sign_raw(KEY, reading.block.encode()), curves.public_key(KEY))


def chargepoint(stated: chargepoint_export.Session) -> Any:
    key = testkeys.private_key("secp224k1", "x")
    signature = chargepoint_export.sign(chargepoint_export.record(stated), key)
    return json.loads(chargy_export.write_chargepoint(stated, signature, curves.public_key(key)))


def container(readings: list[Reading] | None = None) -> Any:
    return json.loads(emh_export.file(value(reading) for reading in readings or pair()))


def record(readings: list[Reading] | None = None, identifier: str = "1") -> Any:
    return json.loads(chargy_export.session(sealed(readings or pair()), curves.public_key(KEY), identifier=identifier))


# -- chargeIT -----------------------------------------------------------------------------------------------------


def test_a_session_of_two_readings(codes: Any) -> None:
    report = judged(container())
    (session,) = report.sessions
    assert verdicts(report) == ["valid", "valid"] and session.verdict == "ok" and not codes(session)
    first = report.records[0]
    assert (first.format, first.container, first.signature.key_source) == ("EMH", "chargeIT-JSON", "embedded")
    assert (first.meter_serial, first.identification, first.page) == (METER, "04A1B2C3D4E5F6", 0x19)
    assert first.signature.algorithm == "ECDSA-secp192r1-SHA256" and len(first.signed) == 320
    shown = report.as_dict()["sessions"][0]
    assert (shown["begin"], shown["end"]) == ("2023-11-14T23:13:20+01:00", "2023-11-15T00:13:20+01:00")
    assert shown["energy"] == {"value": "0.6484", "unit": "kWh"}
    assert judged(container(), public_key=POINT).summary["green"] == 1


@pytest.mark.proves("T-070")
def test_the_contract_id_is_signed_as_text_and_the_measurement_id_reversed() -> None:
    (first, _) = judged(container()).records
    assert first.signed[41:55] == b"04A1B2C3D4E5F6" and not any(first.signed[55:169])
    assert first.signed[19:23] == bytes.fromhex("19000000")
    assert first.signed[10:14] == (START + 3600).to_bytes(4, "little")
    assert first.signed[169:173] == (START - 10 + 3600).to_bytes(4, "little")
    document = container()
    document["signedMeterValues"][0]["measurementId"] = "19000000"
    assert verdicts(judged(document)) == ["invalid", "valid"]


@pytest.mark.proves("T-070", "T-081")
@pytest.mark.parametrize(
    "change",
    [
        lambda v: v["meterInfo"].update(meterId="0901454D480000ABCDEE"),
        lambda v: v["measuredValue"]["timestampLocal"].update(timestamp=START + 1),
        lambda v: v["measuredValue"]["timestampLocal"].update(localOffset=0),
        lambda v: v["measuredValue"]["timestampLocal"].update(seasonOffset=60),
        lambda v: v["additionalInfo"].update(status="0A"),
        lambda v: v["additionalInfo"]["indexes"].update(timer=1758262),
        lambda v: v["additionalInfo"]["indexes"].update(logBook="0400"),
        lambda v: v.update(measurementId="0000001B"),
        lambda v: v["measurand"].update(id="0100010800FF"),
        lambda v: v["measuredValue"].update(unitEncoded=27),
        lambda v: v["measuredValue"].update(scale=0),
        lambda v: v["measuredValue"].update(value="110282"),
        lambda v: v["contract"].update(id="04a1b2c3d4e5f6"),
        lambda v: v["contract"].update(id=" 04A1B2C3D4E5F6"),
        lambda v: v["contract"]["timestampLocal"].update(timestamp=START),
        lambda v: v.pop("contract"),
    ],
)
def test_every_field_of_the_block_is_signed(change: Callable[[Any], Any]) -> None:
    document = container()
    change(document["signedMeterValues"][0])
    assert verdicts(judged(document)) == ["invalid", "valid"]


@pytest.mark.proves("T-122")
@pytest.mark.parametrize(
    "change",
    [
        lambda v: v["contract"].update(id="04A1B2C3D4E5F6\0\0"),
        lambda v: v["measuredValue"].update(value="0000110281", unit="KILOWATT", valueType="x"),
        lambda v: v["measuredValue"].update(value=110281),
        lambda v: v["meterInfo"].update(meterId=METER.lower(), firmwareVersion="9", type="other"),
        lambda v: v.update(timestamp=1, transactionId="other"),
        lambda v: v["measurand"].update(id="0100011100ff", name="other"),
    ],
)
def test_other_spellings_and_unsigned_fields_show_nothing_else(change: Callable[[Any], Any]) -> None:
    document = container()
    change(document["signedMeterValues"][0])
    (before, after) = (judged(found).records[0] for found in (container(), document))
    assert after.signature.verdict == "valid"
    for name in ("signed", "meter_serial", "identification", "page", "readings", "text"):
        assert getattr(after, name) == getattr(before, name)


@pytest.mark.proves("T-076")
@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda v: v.pop("measuredValue"), "F-FORMAT"),
        (lambda v: v["measuredValue"].pop("timestampLocal"), "F-FORMAT"),
        (lambda v: v["measuredValue"]["timestampLocal"].update(timestamp=-1, localOffset=0), "F-FORMAT"),
        (lambda v: v["measuredValue"]["timestampLocal"].update(timestamp=1 << 32), "F-FORMAT"),
        (lambda v: v["measuredValue"]["timestampLocal"].update(localOffset=841), "F-FORMAT"),
        (lambda v: v["measuredValue"].update(value="1.5"), "F-FORMAT"),
        (lambda v: v["measuredValue"].update(value="-1"), "F-FORMAT"),
        (lambda v: v["measuredValue"].update(value=str(1 << 64)), "F-FORMAT"),
        (lambda v: v["measuredValue"].update(value="٣"), "F-FORMAT"),
        (lambda v: v["measuredValue"].update(scale=128), "F-FORMAT"),
        (lambda v: v["measuredValue"].update(unitEncoded=256), "F-FORMAT"),
        (lambda v: v.update(measurementId="1A"), "F-FORMAT"),
        (lambda v: v.update(measurementId=26), "F-FORMAT"),
        (lambda v: v["additionalInfo"].update(status="0800"), "F-FORMAT"),
        (lambda v: v.update(additionalInfo=7), "F-FORMAT"),
        (lambda v: v["contract"].update(id="x" * 129), "F-FORMAT"),
        (lambda v: v["contract"].update(id=["x"]), "F-FORMAT"),
        (lambda v: v["meterInfo"].update(meterId="0901"), "F-FORMAT"),
        (lambda v: v.update(signature=""), "F-SD"),
        (lambda v: v.update(signature="xy"), "F-SD"),
        (lambda v: v.pop("signature"), "F-SD"),
    ],
)
def test_values_that_cannot_be_rebuilt(change: Callable[[Any], Any], code: str) -> None:
    document = container()
    change(document["signedMeterValues"][0])
    report = judged(document)
    assert verdicts(report) == ["format-error", "valid"] and report.records[0].signature.reason == code
    assert report.sessions[0].verdict == "incomplete"


def test_forms_of_key_and_signature() -> None:
    document = container()
    first, last = document["signedMeterValues"]
    first["meterInfo"]["publicKey"] = POINT
    last["meterInfo"]["publicKey"] = ""
    assert verdicts(judged(document)) == ["valid", "no-key"]
    last["meterInfo"]["publicKey"] = POINT[:-2] + "00"
    assert judged(document).records[1].signature.reason == "V-KEY-POINT"
    first["signature"] = first["signature"] + "0004"
    assert judged(document).records[0].signature.reason == "V-SIG-ENCODING"


@pytest.mark.parametrize(
    ("end", "verdict", "code"),
    [
        ({"page": 0x19}, "fail", "S-PAGE-ORDER"),
        ({"page": 0x1C}, "warn", "S-PAGE-GAP"),
        ({"value": 110280}, "fail", "S-VALUE-DECREASE"),
        ({"value": 110281}, "ok", "S-ZERO-ENERGY"),
        ({"time": START - 1}, "fail", "S-TIME-ORDER"),
        ({"second_index": 1}, "fail", "S-TIME-ORDER"),
        ({"log": b"\0\5"}, "fail", "S-EVENT-COUNTER"),
        ({"contract": "04A1B2C3D4E5F7"}, "fail", "S-IDENT-MISMATCH"),
        ({"contract": "0104A1B2C3D4E5F6"}, "fail", "S-IDENT-MISMATCH"),
        ({"contract_time": START - 9}, "warn", "S-IDENT-TIME"),
        ({"meter": "0901454D480000ABCDEE"}, "fail", "S-METER-MISMATCH"),
        ({"status": 0x09}, "fail", "S-STATUS"),
        ({"status": 0x00}, "warn", "S-TIME-UNSYNC"),
        ({"status": 0x48}, "warn", "S-STATUS-MAGNET"),
        ({"status": 0x28}, "ok", "S-EXPORT-ONLY"),
    ],
)
def test_rules_of_the_session(end: dict[str, Any], verdict: str, code: str, codes: Any) -> None:
    documents = [container(pair(**end))]
    if not end.keys() & {"contract", "contract_time", "meter"}:  # a Chargy record states those once for all values
        documents.append(record(pair(**end)))
    for document in documents:
        report = judged(document)
        assert verdicts(report) == ["valid", "valid"]
        assert report.sessions[0].verdict == verdict and code in codes(report.sessions[0])


def test_the_case_of_a_contract_id_is_no_contradiction(codes: Any) -> None:
    (session,) = judged(container(pair(contract="04a1b2c3d4e5f6"))).sessions
    assert session.verdict == "ok" and "S-IDENT-MISMATCH" not in codes(session)


def test_begin_and_end_are_the_first_and_the_last_value(codes: Any) -> None:
    document = container()
    begin, end = document["signedMeterValues"]
    middle = value(pair(page=0x1A, value=111000, time=START + 60, second_index=1758322)[1])
    last = value(pair(page=0x1B)[1])
    document["signedMeterValues"] = [begin, middle, last]
    (session,) = judged(document).sessions
    assert session.verdict == "ok" and [r.moment for r in session.readings] == ["begin", "intermediate", "end"]
    for values, verdict, code in (
        ([end, begin], "fail", "S-PAGE-ORDER"),
        ([begin], "incomplete", "S-END-MISSING"),
        ([begin, begin], "incomplete", "S-END-MISSING"),
        ([begin, end, end], "warn", "S-DUPLICATE"),
        ([begin, begin, end], "warn", "S-DUPLICATE"),
        ([begin, end, begin], "incomplete", "S-END-MISSING"),
    ):
        document["signedMeterValues"] = values
        (session,) = judged(document).sessions
        if values == [begin, end, begin]:
            assert session.verdict != "ok"
        else:
            assert session.verdict == verdict and code in codes(session)


@pytest.mark.proves("T-114")
def test_repeated_keys_are_ambiguous(codes: Any) -> None:
    text = json.dumps(container())
    changed = text.replace('"status": "08"', '"status": "09", "status": "08"', 1)
    (session,) = judged(changed).sessions
    assert session.verdict == "fail" and "S-AMBIGUOUS" in codes(session)


@pytest.mark.proves("T-080", "T-081")
def test_changed_and_truncated_files(vectors: Path) -> None:
    data = (vectors / "transparency/other/emh_chargeit_synthetic_ok.json").read_bytes()
    known = {
        found.signed: (found.page, found.identification, found.readings[0].value) for found in judged(data).records
    }
    for at in range(0, len(data), 7):
        if at % 5 == 0:
            judged(data[:at])
        changed = bytearray(data)
        changed[at] ^= 0x01
        for found in judged(bytes(changed)).records:
            if found.signature.verdict == "valid":
                assert known[found.signed] == (found.page, found.identification, found.readings[0].value)


# -- Chargy -------------------------------------------------------------------------------------------------------


def test_a_session_in_a_chargy_record(codes: Any) -> None:
    report = judged(record())
    (session,) = report.sessions
    assert verdicts(report) == ["valid", "valid"] and (session.id, session.verdict) == ("1", "ok")
    first = report.records[0]
    assert (first.format, first.container, first.signature.key_source) == ("EMH", "Chargy-CTR", "container")
    assert first.signed == judged(container()).records[0].signed
    assert report.as_dict()["sessions"][0]["begin"] == "2023-11-14T23:13:20+01:00"
    assert not codes(first)


@pytest.mark.parametrize(
    ("signed", "stated", "expected"),
    [(0, "+01:00", "2023-11-14T22:13:20+00:00"), (60, "+00:00", "2023-11-14T23:13:20+01:00"), (60, "-05:00", None)],
)
def test_the_offset_that_verifies_is_named(signed: int, stated: str, expected: str | None, codes: Any) -> None:
    """The same instants, stated in another zone than the one whose local time was signed."""
    text = json.dumps(record([_at(reading, signed) for reading in pair()]))
    for seconds in (START, START + 3600, START - 10):
        text = text.replace(chargy_export._iso(seconds, signed), _shifted(seconds, stated))
    report = judged(text)
    assert verdicts(report) == ["valid", "valid"] and report.sessions[0].verdict == "ok"
    assert all("F-TIME-OFFSET" in codes(found) for found in report.records)
    shown = report.as_dict()["sessions"][0]
    assert shown["begin"] == (expected or "2023-11-14T23:13:20+01:00")


def _at(reading: Reading, offset: int) -> Reading:
    return Reading(**{**{name: getattr(reading, name) for name in reading.__slots__}, "offset": offset})


def _shifted(seconds: int, zone: str) -> str:
    sign = -1 if zone[0] == "-" else 1
    return chargy_export._iso(seconds, sign * (60 * int(zone[1:3]) + int(zone[4:])))


def test_a_local_time_that_nothing_verifies_has_no_zone() -> None:
    document = record()
    document["chargingSessions"][0]["measurements"][0]["values"][1]["value"] = "116766"
    report = judged(document)
    assert verdicts(report) == ["valid", "invalid"]
    shown = report.as_dict()["sessions"][0]
    assert (shown["begin"], shown["end"]) == ("2023-11-14T23:13:20+01:00", "2023-11-15T00:13:20")
    del document["chargingStationOperators"]
    assert judged(document).as_dict()["sessions"][0]["begin"] == "2023-11-14T23:13:20"


@pytest.mark.parametrize(
    ("seconds", "minutes"),
    [
        (1_711_846_799, 60),  # 2024-03-31 00:59:59Z
        (1_711_846_800, 120),
        (1_729_990_799, 120),  # 2024-10-27 00:59:59Z
        (1_729_990_800, 60),
        (1_679_792_400, 120),  # 2023-03-26 01:00:00Z
        (1_679_792_399, 60),
        (1_704_067_199, 60),  # 2023-12-31 23:59:59Z
    ],
)
def test_central_european_time(seconds: int, minutes: int) -> None:
    assert chargy.central_europe(seconds) == minutes


def test_keys_of_a_chargy_record() -> None:
    document = record()
    key = document.pop("chargingStationOperators")[0]["chargingStations"][0]["EVSEs"][0]["meters"][0]
    other = {
        "@id": "other",
        "publicKeys": [{"value": curves.public_key(testkeys.private_key("secp192r1", "x")).point.hex()}],
    }
    for place, expected in (
        ({"publicKeys": key["publicKeys"]}, "valid"),
        ({"publicKeys": [{**key["publicKeys"][0], "@id": METER.lower()}, *other["publicKeys"]]}, "valid"),
        ({"chargingPools": [{"energyMeters": [key, other]}]}, "valid"),
        ({"chargingPools": [{"energyMeters": [{**key, "@id": "a"}, other]}]}, "no-key"),
        ({"publicKeys": other["publicKeys"]}, "invalid"),
        ({"publicKeys": [7, {"value": 7}, {}]}, "no-key"),
    ):
        assert set(verdicts(judged({**document, **place}))) == {expected}


@pytest.mark.parametrize(
    ("signature", "expected"),
    [
        (lambda r, s: {"r": r, "s": s}, "valid"),
        (lambda r, s: {"r": r.lower(), "s": s.lower()}, "valid"),
        (lambda r, s: {"r": r.lstrip("0"), "s": s}, "valid"),
        (lambda r, s: {"value": r + s, "format": "rs"}, "valid"),
        (lambda r, s: {"value": curves.encode_signature(int(r, 16), int(s, 16)).hex(), "format": "DER"}, "valid"),
        (lambda r, s: {"r": s, "s": r}, "invalid"),
        (lambda r, s: {"r": "00" + r, "s": s}, "valid"),
        (lambda r, s: {"r": "01" + r, "s": s}, "invalid"),
        (lambda r, s: {"r": "0", "s": s}, "invalid"),
        (lambda r, s: {"r": "0" * 48, "s": s}, "invalid"),
        (lambda r, s: {"r": "x", "s": s}, "format-error"),
        (lambda r, s: 7, "format-error"),
        (lambda r, s: {}, "format-error"),
    ],
)
def test_forms_of_signatures(signature: Callable[[str, str], Any], expected: str) -> None:
    document = record()
    value = document["chargingSessions"][0]["measurements"][0]["values"][0]
    stated = value["signatures"][0]
    value["signatures"] = [signature(stated["r"], stated["s"])]
    assert verdicts(judged(document)) == [expected, "valid"]


@pytest.mark.proves("T-076")
@pytest.mark.parametrize(
    "change",
    [
        lambda v: v.update(timestamp="2023-11-14T23:13:20"),
        lambda v: v.update(timestamp="yesterday"),
        lambda v: v.update(timestamp=START),
        lambda v: v.update(timestamp="9999-12-31T23:59:59+00:00"),
        lambda v: v.update(timestamp="0001-01-01T00:00:00+14:00"),
        lambda v: v.update(infoStatus=8),
        lambda v: v.update(paginationId="19"),
        lambda v: v.update(secondsIndex=1 << 32),
        lambda v: v.update(value="x"),
        lambda v: v.pop("logBookIndex"),
        lambda v: v.pop("signatures"),
    ],
)
def test_values_of_chargy_that_cannot_be_rebuilt(change: Callable[[Any], Any]) -> None:
    document = record()
    change(document["chargingSessions"][0]["measurements"][0]["values"][0])
    assert verdicts(judged(document)) == ["format-error", "valid"]


def test_sessions_of_a_chargy_record_stay_apart(codes: Any) -> None:
    one, two = record(), record(identifier="2")
    three = chargepoint(chargepoint_export.Session("M1", "1.5", "2.5", START, START + 60))
    document = {
        **one,
        "publicKeys": three["chargingStationOperators"][0]["chargingStations"][0]["EVSEs"][0]["meters"][0][
            "publicKeys"
        ],
    }
    document["publicKeys"][0]["@id"] = "M1"
    document["chargingSessions"] += [*two["chargingSessions"], *three["chargingSessions"]]
    report = judged(document)
    assert [(session.id, session.verdict, len(session.records)) for session in report.sessions] == [
        ("1", "ok", 2),
        ("2", "ok", 2),
        ("1", "ok", 1),
    ]
    assert report.records[4].format == "ChargePoint" and report.records[4].container == "Chargy-CTR"
    values = document["chargingSessions"][0]["measurements"][0]["values"]
    values.pop()
    # Both hold the same begin, so the whole one is not beyond doubt.
    assert [session.verdict for session in judged(document).sessions] == ["incomplete", "warn", "ok"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda s: s.update(original="e30="), "F-FORMAT"),
        (lambda s: s.update(original="%"), "F-SD"),
        (lambda s: s.update(original=7), "F-SD"),
        (lambda s: s.pop("signature"), "F-SD"),
        (lambda s: s.update(signature="00"), "V-SIG-ENCODING"),
    ],
)
def test_chargepoint_sessions_that_cannot_be_read(change: Callable[[Any], Any], reason: str) -> None:
    stated = chargepoint_export.Session("M1", "1.5", "2.5", START, START + 60)
    document = chargepoint(stated)
    assert verdicts(judged(document)) == ["valid"]
    change(document["chargingSessions"][0])
    assert judged(document).records[0].signature.reason == reason


@pytest.mark.parametrize(
    ("scheme", "format"),
    [
        ("OCMFv1.0+json", "OCMF"),
        ("AlfenCrypt01+json", "ALFEN"),
        ("BSMCrypt01", "BSM"),
        ("other", "unknown"),
        (7, "unknown"),
    ],
)
def test_other_schemes_are_named_and_not_read(scheme: Any, format: str) -> None:
    document = record()
    session = document["chargingSessions"][0]
    session["@context"] = f"https://open.charging.cloud/contexts/SessionSignatureFormats/{scheme}" if scheme != 7 else 7
    (found,) = judged(document).loose
    assert (found.format, found.signature.verdict, found.signature.reason) == (format, "unsupported", "V-ALG")
    session["measurements"][0]["@context"] = (
        "https://open.charging.cloud/contexts/EnergyMeterSignatureFormats/EMHCrypt01"
    )
    assert (judged(document).sessions != []) is (format == "unknown")


def test_a_chargy_record_without_sessions_and_with_too_many_values() -> None:
    for sessions in (None, [], 7):
        assert judged({**record(), "chargingSessions": sessions}).records[0].signature.reason == "F-EMPTY"
    for sessions in ([7], [{}], [None, []]):
        report = judged({**record(), "chargingSessions": sessions})
        assert verdicts(report) == ["unsupported"] * len(sessions)
    empty = record()
    empty["chargingSessions"][0]["measurements"] = []
    assert judged(empty).records[0].signature.reason == "F-EMPTY"
    assert judged(record(), limits=Limits(units=1)).records[0].signature.reason == "F-SIZE"


# -- GDF ----------------------------------------------------------------------------------------------------------


SAMPLES = [
    samples.Sample(Moment.BEGIN, 100_100, START, 12),
    samples.Sample(Moment.END, 112_440, START + 3600, 13, second_index=103_600),
]


def _gdf() -> Any:
    key = testkeys.private_key("secp256r1", "GDF0000001")
    return json.loads(chargy_export.write(SAMPLES, key, format="GDF", serial="GDF0000001", user="04A1B2C3D4E5F6"))


def test_gdf_is_read_only_if_asked_for(codes: Any) -> None:
    (found,) = judged(_gdf()).loose
    assert (found.format, found.signature.verdict) == ("GDF", "unsupported")
    report = judged(_gdf(), experimental=True)
    (session,) = report.sessions
    assert verdicts(report) == ["valid", "valid"] and session.verdict == "ok"
    first = report.records[0]
    assert (first.meter_serial, first.identification, first.page) == ("GDF0000001", "04A1B2C3D4E5F6", None)
    assert "F-TEST-KEY" in codes(first) and "S-STATUS-MISSING" not in codes(session)
    document = _gdf()
    document["chargingSessions"][0]["measurements"][0]["values"][1]["value"] = "1"
    assert verdicts(judged(document, experimental=True)) == ["valid", "invalid"]
    for name in ("", "x" * 11):
        document["chargingSessions"][0]["measurements"][0]["energyMeterId"] = name
        assert verdicts(judged(document, experimental=True)) == ["format-error"] * 2
    document = _gdf()
    document["chargingSessions"][0]["authorizationStart"]["@id"] = "no hex"
    assert verdicts(judged(document, experimental=True)) == ["format-error"] * 2


@pytest.mark.proves("T-107")
@pytest.mark.parametrize("write", [emh_export.write, chargy_export.write])
def test_what_is_written(write: Any, codes: Any) -> None:
    serial = emh_export.SERIAL
    key, other = testkeys.private_key("secp192r1", serial), testkeys.private_key("secp192r1", "x")
    data = write(SAMPLES, key)
    assert data == write(SAMPLES, key)
    report = judged(data, public_key=curves.public_key(key).point.hex())
    assert report.sessions[0].verdict == "ok" and report.as_dict()["sessions"][0]["energy"]["value"] == "12.3400"
    assert report.summary["yellow"] == 1 and all("F-TEST-KEY" in codes(found) for found in report.records)
    assert verdicts(judged(write(SAMPLES, other, public_key=curves.public_key(key)))) == ["invalid", "invalid"]
    assert verdicts(judged(write(SAMPLES, key, embed=False))) == ["no-key", "no-key"]
    for changes in ({"value": 1}, {"time": START}, {"page": 9}, {"log": b"ab"}, {"status": 0}, {"meter": "09" * 10}):
        assert verdicts(judged(write(SAMPLES, key, changes=changes, public_key=curves.public_key(key))))[1] != "valid"
    with pytest.raises(ValueError, match="secp192r1"):
        write(SAMPLES, testkeys.private_key("secp256r1", "x"))
    with pytest.raises(ValueError, match="20 hexadecimal"):
        write(SAMPLES, key, serial="no meter")


def test_what_of_gdf_cannot_be_written() -> None:
    key = testkeys.private_key("secp256r1", "x")
    with pytest.raises(ValueError, match="hexadecimal"):
        chargy_export.write(SAMPLES, key, format="GDF", serial="x", user="no hex")
    with pytest.raises(ValueError, match="1 to 10 bytes"):
        chargy_export.write(SAMPLES, key, format="GDF", serial="x" * 11)
