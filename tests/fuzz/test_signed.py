"""No bytes hang or crash the readers of signed records, and none that nobody signed are called valid."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from wattproof.signed import curves, examine, jsonscan, keys, recognise, testkeys, xmlscan
from wattproof.signed.formats import (
    chargeit,
    chargepoint_export,
    chargy_export,
    emh_export,
    ocmf,
    ocpi,
    ocpp_export,
    ptb,
    safe_xml,
    samples,
)
from wattproof.signed.jsonscan import JsonProblem
from wattproof.signed.limits import DEFAULT
from wattproof.signed.records import KeySource, Moment, Record, Verdict
from wattproof.signed.units import Carrier, Enclosed, Item, KeyText
from wattproof.signed.verification import verify
from wattproof.signed.xmlscan import XmlProblem

KEY = KeyText("3059301306072a8648ce3d020106082a8648ce3d03010703420004" + "11" * 64, KeySource.TRUSTED)

STRUCTURE = 'OCMF| { } [ ] | " , : \\ 0 1.5 - e null true NaN'.split()
FIELDS = ['"FV":"1.0"', '"RD":', '"TM":"2024-03-01T10:00:00,000+0100 S"', '"SD":"3006020101020101"', '"RV":', '"SA":']
MARKUP = "<values> <value> <signedData> </ > <!-- <![CDATA[ ]]> &amp; <?xml ?> <!DOCTYPE".split()
TOKENS = st.sampled_from([*STRUCTURE, *FIELDS, *MARKUP, " ", "\n", "\ufeff"])
TEXTS = st.lists(TOKENS, max_size=40).map("".join)
BYTES = st.one_of(TEXTS.map(str.encode), st.binary(max_size=120), st.binary(max_size=60).map(lambda b: b"OCMF|{" + b))

JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from(
                "FV PG MS IS IF IT ID LC RD TM TX RV RI RU EF ST CL SA SE SD @context @id signedMeterValues placeInfo "
                "additionalValues measurand measuredValue name value scale valueEncoding signature meterInfo publicKey "
                "contract time measurementId".split()
            ),
            inner,
            max_size=6,
        ),
    ),
    max_leaves=25,
)


def judge(items: list[Item]) -> None:
    for item in items:
        if isinstance(item, Enclosed):
            judge([*recognise.read(item.content, item.carrier)])
        else:
            record = verify(item, KEY)
            assert record.signature.verdict is not Verdict.VALID
            assert record.signature.reason


@settings(max_examples=300, deadline=None)
@given(BYTES)
def test_ocmf(data: bytes) -> None:
    units = ocmf.parse(data)
    assert units
    judge([*units])


@settings(max_examples=300, deadline=None)
@given(JSON, JSON)
def test_ocmf_of_any_json(payload: Any, section: Any) -> None:
    judge([*ocmf.parse(f"OCMF|{json.dumps(payload)}|{json.dumps(section)}".encode())])


@settings(max_examples=300, deadline=None)
@given(TEXTS, st.sampled_from(["", "<values>", "<values><value><signedData>"]))
def test_xml(text: str, start: str) -> None:
    data = (start + text).encode()
    judge(safe_xml.read(data))
    xmlscan.root_name(data)
    try:
        xmlscan.parse(data)
    except XmlProblem as problem:
        assert problem.code.startswith("F-")


@settings(max_examples=300, deadline=None)
@given(st.lists(JSON, max_size=3), JSON, JSON)
def test_charging_station_json(values: list[Any], place: Any, station: Any) -> None:
    snapshots = [{"@context": "bsm-ws36a-json-v1", **value} if isinstance(value, dict) else value for value in values]
    document = {"placeInfo": place, "chargingStationInfo": station, "signedMeterValues": snapshots}
    try:
        parsed, _ = jsonscan.load(json.dumps(document))
    except JsonProblem as problem:  # NaN, or nested too deeply
        assert problem.code in ("F-JSON", "F-JSON-DEPTH")
        return
    assert chargeit.detect(parsed)
    judge(chargeit.read(parsed, Carrier(), DEFAULT))


METER, START = "0901454D480000ABCDEF", 1_700_000_000
SAMPLES = [samples.Sample(Moment.BEGIN, 100, START, 1), samples.Sample(Moment.END, 200, START, 2)]
METER_KEY, OUTLET_KEY = testkeys.private_key("secp192r1", METER), testkeys.private_key("secp224k1", "M1")
RECORD = safe_xml.Signed(b'OCMF|{"PG":"T1","MS":"1","RD":[]}|{"SD":"3006020101020101"}', safe_xml.END, b"")
CHARGEPOINT = chargepoint_export.Session("M1", "1.0", "2.0", START, START)
DOCUMENTS = [
    json.loads(data)
    for data in (
        emh_export.write(SAMPLES, METER_KEY, serial=METER),
        chargy_export.write(SAMPLES, METER_KEY, serial=METER),
        chargy_export.write(SAMPLES, testkeys.private_key("secp256r1", "G1"), format="GDF", serial="G1"),
        chargy_export.write_chargepoint(
            CHARGEPOINT,
            chargepoint_export.sign(chargepoint_export.record(CHARGEPOINT), OUTLET_KEY),
            curves.public_key(OUTLET_KEY),
        ),
        ptb.write(RECORD.record, RECORD.record, b""),
        ocpi.write([RECORD], identifier="1"),
        ocpp_export.write_16([RECORD]),
        ocpp_export.write_201([RECORD]),
        chargepoint_export.record(CHARGEPOINT),
    )
]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of everything inside a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, item in items for found in ((*path, key), *places(item, (*path, key)))]


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(DOCUMENTS), st.integers(0, 10_000), JSON, st.integers(0, 10_000))
def test_containers_with_anything_in_one_place(document: Any, place: int, value: Any, other: int) -> None:
    """One value is replaced by anything, or by one from another place of the document; shown is what was signed."""
    changed = copy.deepcopy(document)
    paths = places(changed)
    *path, last = paths[place % len(paths)]
    holder = changed
    for key in path:
        holder = holder[key]
    if value is None:
        value = document
        for key in paths[other % len(paths)]:
            value = value[key]
    holder[last] = value
    signed = {record.signed: shown(record) for record in examine(json.dumps(document), experimental=True).records}
    report = examine(json.dumps(changed), experimental=True)
    json.dumps(report.as_dict())
    for record in report.records:
        assert not any("internal error" in finding.message for finding in record.findings)
        if record.signature.verdict is Verdict.VALID:
            assert shown(record) == signed[record.signed]


def shown(record: Record) -> tuple[Any, ...]:
    """What is displayed of the signed content; the zone of an EMH meter's clock is not signed."""
    return (
        record.meter_serial,
        record.gateway_serial,
        record.identification,
        record.page,
        [
            (
                r.register,
                r.value,
                r.literal,
                r.unit,
                r.status,
                r.clock,
                r.time and r.time.seconds + 60 * (r.time.offset or 0),
            )
            for r in record.readings
        ],
    )


@settings(max_examples=300, deadline=None)
@given(BYTES)
def test_any_document(data: bytes) -> None:
    units = recognise.read(data, Carrier())
    assert units
    judge([*units])
    keys.looks_like_key(data)
