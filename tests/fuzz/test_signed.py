"""No bytes hang or crash the readers of signed records, and none that nobody signed are called valid."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from wattproof.signed import jsonscan, keys, recognise, xmlscan
from wattproof.signed.formats import chargeit, ocmf, safe_xml
from wattproof.signed.jsonscan import JsonProblem
from wattproof.signed.limits import DEFAULT
from wattproof.signed.records import KeySource, Verdict
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


@settings(max_examples=300, deadline=None)
@given(BYTES)
def test_any_document(data: bytes) -> None:
    units = recognise.read(data, Carrier())
    assert units
    judge([*units])
    keys.looks_like_key(data)
