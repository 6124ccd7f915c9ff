"""Charging sessions of BSM snapshots in the charging-station JSON: chain rules and unsigned copies."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from tests.signed import independent
from wattproof.signed import curves, examine, testkeys
from wattproof.signed.formats import bsm, chargeit
from wattproof.signed.formats.bsm import CURRENT, Kind, Value
from wattproof.signed.report import Report

Codes = Callable[[Any], set[str]]
NOW = 1_800_000_000
SERIAL = "001BZR9900000001"
PRIVATE = testkeys.private_key("secp256r1", "a key of these tests")
KEY = curves.spki(PRIVATE).hex()
EPOCH = 1_700_000_000


def snapshot(kind: int, private: Any = PRIVATE, **changes: int | str) -> dict[str, Any]:
    """A signed snapshot; ``changes`` replace signed values before signing."""
    step = 1 if kind in (2, 4) else 0
    stated: dict[str, int | str] = {
        "Typ": kind,
        "RCR": 150 * step,
        "TotWhImp": 10_000 + 150 * step,
        "W": 0,
        "MA1": SERIAL,
        "RCnt": 100 + step,
        "OS": 5_000 + 600 * step,
        "Epoch": EPOCH + 600 * step,
        "TZO": 60,
        "EpochSetCnt": 3,
        "EpochSetOS": 4_000,
        "DI": 1,
        "DO": 0,
        "Meta1": "contract-id: rfid:12345678abcdef",
        "Meta2": "evse-id: DE*TST*E0001",
        "Meta3": "",
        "Evt": 0,
        **changes,
    }
    values: dict[str, Value | bytes | None] = {
        name: value.encode() if isinstance(value, str) else Value(value) for name, value in stated.items()
    }
    signature = curves.sign_digest(private, hashlib.sha256(bsm.hash_input(values)).digest())
    zone = timezone(timedelta(minutes=int(stated["TZO"])))
    return {
        "@context": "https://www.chargeit-mobility.com/contexts/bsm-ws36a-json-v1",
        "@id": f"{stated['MA1']}-{stated['RCnt']}",
        "time": datetime.fromtimestamp(int(stated["Epoch"]), UTC).astimezone(zone).isoformat(),
        "meterInfo": {"publicKey": curves.spki(private).hex(), "meterId": stated["MA1"]},
        "contract": {"id": "12345678abcdef", "type": "rfid"},
        "measurementId": stated["RCnt"],
        "value": {"measurand": {"name": "RCR"}, "measuredValue": _measured("RCR", stated["RCR"])},
        "additionalValues": [
            {"measurand": {"name": field.name}, "measuredValue": _measured(field.name, stated[field.name])}
            for field in CURRENT
        ],
        "signature": signature.hex(),
    }


def _measured(name: str, value: int | str) -> dict[str, Any]:
    field = bsm.FIELDS[name]
    if field.kind is Kind.TEXT:
        return {"value": value, "valueType": "String", "valueEncoding": "UTF-8"}
    return {"scale": 0, "unitEncoded": field.unit, "value": value, "valueType": "UnsignedInteger32"}


def document(*snapshots: dict[str, Any], evse: str = "DE*TST*E0001") -> dict[str, Any]:
    text = chargeit.write(
        snapshots,
        identifier="af032557-c62c-414b-aecc-41ea59877305",
        charge_point=chargeit.charge_point(evse),
        station=chargeit.station("maker", "type"),
    )
    found: dict[str, Any] = json.loads(text)
    return found


def checked(found: dict[str, Any], key: str | None = KEY) -> Report:
    return examine(json.dumps(found), key, now=NOW)


def test_a_good_session(codes: Codes) -> None:
    report = checked(document(snapshot(1), snapshot(2)))
    (session,) = report.sessions
    assert session.findings == [] and session.verdict == "ok"
    (entry,) = report.as_dict()["sessions"]
    assert entry["id"] == "af032557-c62c-414b-aecc-41ea59877305" and entry["overall"] == "green"
    assert entry["begin"] == "2023-11-14T23:13:20+01:00" and entry["energy"] == {"value": "0.150", "unit": "kWh"}


#: code, verdict, snapshots
CASES: list[tuple[str, str, Callable[[], list[dict[str, Any]]]]] = [
    ("S-BEGIN-MISSING", "incomplete", lambda: [snapshot(0), snapshot(2)]),
    ("S-END-MISSING", "incomplete", lambda: [snapshot(1), snapshot(0, RCnt=101, OS=5001, Epoch=EPOCH + 1)]),
    ("S-BEGIN-MULTIPLE", "fail", lambda: [snapshot(1), snapshot(3, RCnt=101, OS=5001, Epoch=EPOCH + 1), _late()]),
    ("S-END-MULTIPLE", "fail", lambda: [snapshot(1), snapshot(2), _late()]),
    ("S-PAGE-ORDER", "fail", lambda: [snapshot(1, RCnt=101), snapshot(2)]),
    ("S-PAGE-SKIPPED", "ok", lambda: [snapshot(1), snapshot(2, RCnt=120)]),
    ("S-METER-MISMATCH", "fail", lambda: [snapshot(1), snapshot(2, MA1="001BZR9900000002")]),
    ("S-IDENT-MISMATCH", "fail", lambda: [snapshot(1), _other_user()]),
    ("S-VALUE-DECREASE", "fail", lambda: [snapshot(1, TotWhImp=10_151), snapshot(2)]),
    ("S-REGISTER-DISAGREE", "warn", lambda: [snapshot(1), snapshot(2, TotWhImp=10_161)]),
    ("S-TIME-ORDER", "fail", lambda: [snapshot(1), snapshot(2, OS=5_000)]),
    ("S-TIME-ORDER", "fail", lambda: [snapshot(1), snapshot(2, Epoch=EPOCH)]),
    ("S-TIME-SET", "warn", lambda: [snapshot(1), snapshot(2, EpochSetCnt=4)]),
    ("S-TIME-SET", "warn", lambda: [snapshot(1), snapshot(2, EpochSetOS=5_100)]),
    ("S-STATUS", "fail", lambda: [snapshot(1), snapshot(2, Evt=1 << 16)]),
    ("S-KEY-MISMATCH", "fail", lambda: [snapshot(1), snapshot(2, testkeys.private_key("secp256r1", "other"))]),
    ("S-DUPLICATE", "warn", lambda: [snapshot(1), snapshot(1), snapshot(2)]),
]


def _late() -> dict[str, Any]:
    return snapshot(4, RCnt=102, OS=5_700, Epoch=EPOCH + 700)


def _other_user() -> dict[str, Any]:
    found = snapshot(2, Meta1="contract-id: rfid:87654321")
    found["contract"]["id"] = "87654321"
    return found


@pytest.mark.proves("T-113", "T-069", "T-088")
@pytest.mark.parametrize(("code", "verdict", "make"), CASES)
def test_rule(code: str, verdict: str, make: Callable[[], list[dict[str, Any]]], codes: Codes) -> None:
    report = checked(document(*make()), key=None)
    assert {record.signature.verdict for record in report.records} == {"valid"}
    (session,) = report.sessions
    assert code in codes(session) and session.verdict == verdict


def test_status_bits_are_named(codes: Codes) -> None:
    (session,) = checked(document(snapshot(1), snapshot(2, Evt=1 << 2 | 1 << 16))).sessions
    (finding,) = session.findings
    assert finding.code == "S-STATUS" and "power failure" in finding.message and "fatal" in finding.message


def test_ten_watt_hours_between_the_registers_are_tolerated(codes: Codes) -> None:
    (session,) = checked(document(snapshot(1), snapshot(2, TotWhImp=10_160))).sessions
    assert session.verdict == "ok" and not codes(session)


@pytest.mark.proves("B-146", "T-069", "T-113")
@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("measurementId", lambda found: found.update(measurementId=102)),
        ("@id", lambda found: found.update({"@id": f"{SERIAL}-102"})),
        ("time", lambda found: found.update(time="2023-11-14T23:23:21+01:00")),
        ("time", lambda found: found.update(time="2023-11-14T23:23:20+02:00")),
        ("meterId", lambda found: found["meterInfo"].update(meterId="001BZR9900000002")),
        ("value", lambda found: found["value"]["measuredValue"].update(value=149)),
        ("value", lambda found: found["value"]["measuredValue"].update(scale=1)),
        ("contract", lambda found: found["contract"].update(id="87654321")),
        ("contract", lambda found: found["contract"].update(type="sms")),
    ],
)
def test_a_changed_unsigned_copy_is_reported(field: str, change: Callable[[dict[str, Any]], None]) -> None:
    last = snapshot(2)
    change(last)
    report = checked(document(snapshot(1), last))
    assert [record.signature.verdict for record in report.records] == ["valid", "valid"]
    (session,) = report.sessions
    assert [finding.code for finding in session.findings] == ["S-UNSIGNED-MISMATCH"] and session.verdict == "fail"
    assert field in session.findings[0].message


@pytest.mark.proves("B-146")
def test_a_changed_charge_point_is_reported(codes: Codes) -> None:
    (session,) = checked(document(snapshot(1), snapshot(2), evse="DE*TST*E0002")).sessions
    assert session.verdict == "fail" and codes(session) == {"S-EVSE-MISMATCH"}
    (unknown,) = checked(document(snapshot(1), snapshot(2), evse="unknown")).sessions
    assert unknown.verdict == "ok"


@pytest.mark.proves("T-107", "T-108")
def test_a_published_key_of_the_meter_is_recognised() -> None:
    private = testkeys.private_key("secp256r1", SERIAL)
    report = checked(document(snapshot(1, private), snapshot(2, private)), curves.spki(private).hex())
    assert all("F-TEST-KEY" in {finding.code for finding in record.findings} for record in report.records)
    assert report.summary["yellow"] == 1


@pytest.mark.proves("B-145")
@pytest.mark.parametrize("name", ["ev-charging-chargy.json", "ev-charging-ocmf.xml"])
def test_the_makers_examples_verify(name: str, vectors: Path) -> None:
    report = examine(vectors / "bsm" / name, (vectors / "bsm" / "public_key.der").read_bytes(), now=NOW)
    (entry,) = report.as_dict()["sessions"]
    assert entry["verdict"] == "ok" and entry["overall"] == "green"
    assert not any(record.unsigned_mismatches for record in report.records)


def test_another_registers_kind_is_refused(codes: Codes) -> None:
    last = snapshot(2)
    last["additionalValues"][1]["measuredValue"]["value"] = "150"
    report = checked(document(snapshot(1), last))
    assert report.records[1].signature.verdict in ("format-error", "invalid")
    assert report.exit_status() == 1


@pytest.mark.proves("T-030", "T-069")
@pytest.mark.parametrize(("scale", "usable"), [(30, True), (31, False), (-30, True), (-31, False), (-128, False)])
def test_a_power_of_ten_beyond_the_limits_is_no_value(scale: int, usable: bool, codes: Any) -> None:
    """The limit holds for every format: a green session of 10^-128 kWh would be one of nothing."""
    key = independent.Signer("secp256r1")
    begin = {"Typ": 3, "RCR": 0, "TotWhImp": 1000, "RCnt": 10, "OS": 1000, "Epoch": 1_714_550_400}
    end = {"Typ": 4, "RCR": 5, "TotWhImp": 1005, "RCnt": 11, "OS": 4600, "Epoch": 1_714_554_000}
    report = examine(
        independent.chargeit(*(independent.bsm(key, scales={"RCR": scale}, **each) for each in (begin, end))).encode()
    )
    assert {record.signature.verdict for record in report.records} == {"valid"}
    assert all(("F-RV-RANGE" in codes(record)) is not usable for record in report.records)
    assert ("S-VALUE-MISSING" in codes(report.sessions[0])) is not usable


@pytest.mark.proves("T-096")
@pytest.mark.parametrize(
    ("offset", "begin"),
    [(1439, "2024-05-02T07:59:00+23:59"), (-1439, "2024-04-30T08:01:00-23:59")]
    + [(offset, "2024-05-01T08:00:00Z") for offset in (1440, -1440, 2**31 - 1)],
)
def test_an_offset_of_a_day_or_more_is_no_zone(offset: int, begin: str) -> None:
    stated = {"Typ": 3, "RCR": 0, "TotWhImp": 1000, "RCnt": 10, "OS": 1000, "Epoch": 1_714_550_400}
    odd = independent.bsm(independent.Signer("secp256r1"), **stated, TZO=offset)
    (session,) = examine(independent.chargeit(odd).encode()).as_dict()["sessions"]
    assert session["begin"] == begin
