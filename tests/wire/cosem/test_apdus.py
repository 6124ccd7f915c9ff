"""APDUs: the worked examples both ways, every form there and back, every damage."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattproof.errors import FrameError, InvalidValue
from wattproof.wire.cosem import acse, apdus
from wattproof.wire.cosem import data as axdr
from wattproof.wire.cosem.acse import AssociationRequest, AssociationResponse, ReleaseRequest, ReleaseResponse
from wattproof.wire.cosem.ber import oid
from wattproof.wire.cosem.conformance import OFFERED, Conformance
from wattproof.wire.cosem.descriptors import Attribute, Method, Selection
from wattproof.wire.cosem.fields import ATTRIBUTE, DATA, FLAG, METHOD, OCTET, OUTCOME, RAW, RESULT, U32, Outcome
from wattproof.wire.cosem.initiate import InitiateRequest, InitiateResponse
from wattproof.wire.cosem.results import Result

Examples = dict[str, dict[str, Any]]
NAMES = {
    "GET-Request-Normal": apdus.GetRequest,
    "GET-Request-Next": apdus.GetNext,
    "GET-Request-With-List": apdus.GetList,
    "GET-Response-Normal": apdus.GetResponse,
    "GET-Response-With-Datablock": apdus.GetBlock,
    "GET-Response-With-List": apdus.GetListResponse,
    "SET-Request-Normal": apdus.SetRequest,
    "SET-Request-With-First-Datablock": apdus.SetFirstBlock,
    "SET-Request-With-Datablock": apdus.SetBlock,
    "SET-Response-Normal": apdus.SetResponse,
    "SET-Response-Datablock": apdus.SetBlockResponse,
    "SET-Response-Last-Datablock": apdus.SetLastBlockResponse,
    "ACTION-Request-Normal": apdus.ActionRequest,
    "ACTION-Response-Normal": apdus.ActionResponse,
    "ExceptionResponse": apdus.ExceptionResponse,
}


@pytest.mark.proves("A-125")
def test_the_examples_of_xdlms_decode_and_encode_to_the_same_bytes(examples: Examples) -> None:
    rows = [row for row in examples.values() if row["layer"] == "xdlms"]
    assert len(rows) == 45
    for row in rows:
        apdu, says = apdus.decode(row["octets"]), row["decoded"]
        assert apdus.encode(apdu) == row["octets"], row["id"]
        if "apdu" in says:
            assert type(apdu) is NAMES[says["apdu"]], row["id"]
        for key in ("last", "block"):
            if hasattr(apdu, key) and key in says:
                assert getattr(apdu, key) == says[key], row["id"]
        if "size" in says and hasattr(apdu, "raw"):
            assert len(apdu.raw) == says["size"]
        match apdu:
            case apdus.GetRequest(attribute=attribute) | apdus.SetRequest(attribute=attribute):
                assert attribute.class_id == says.get("cls", attribute.class_id)
                assert attribute.attribute_id == says.get("attr", attribute.attribute_id)
                assert ".".join(map(str, attribute.name)) == says.get("ln", ".".join(map(str, attribute.name)))
            case apdus.GetResponse(value=Result() as result):
                assert result == says["error"]
            case apdus.GetResponse(value=axdr.Data() as value) if not isinstance(value.plain, (list, bytes)):
                assert value.plain == says["value"]
            case apdus.SetResponse(result=result) | apdus.ActionResponse(outcome=Outcome(result=result)):
                assert result == says.get("result", 0)


@pytest.mark.proves("A-120")
def test_the_examples_of_acse_decode_and_encode_to_the_same_bytes(examples: Examples) -> None:
    rows = [row for row in examples.values() if row["layer"] == "acse"]
    assert len(rows) == 7
    for row in rows:
        apdu, says = acse.decode(row["octets"]), row["decoded"]
        assert apdu.encode() == row["octets"], row["id"]
        match apdu:
            case AssociationRequest():
                assert oid(apdu.context) == says["context"] if "context" in says else apdu.context == acse.LN
                assert (None if apdu.mechanism is None else oid(apdu.mechanism)) == says["mechanism"]
                assert (apdu.password or b"").decode() == says.get("password", "")
                initiate = InitiateRequest.decode(apdu.user_information or b"")
                assert (f"{initiate.conformance:06X}", initiate.max_pdu) == (says["conformance"], says["max_pdu"])
                assert AssociationRequest.of(initiate, apdu.password) == apdu
            case AssociationResponse():
                assert (apdu.result, apdu.diagnostic, apdu.by_user) == (says["result"], says["diagnostic"], True)
                if "conformance" in says:
                    granted = InitiateResponse.decode(apdu.user_information or b"")
                    assert granted == InitiateResponse(OFFERED, says["max_pdu"], vaa_name=says["vaa_name"])
                assert AssociationResponse.of(apdu.result, apdu.diagnostic, apdu.user_information) == apdu
            case ReleaseRequest() | ReleaseResponse():
                assert apdu.reason == says["reason"]


def test_acse_keeps_what_it_does_not_understand() -> None:
    full = bytes.fromhex(
        "6030 800207 80 A109060760857405080101 A60A04084D4D4D0000BC614E 8A020780 8B0760857405080201 AC06 8004 31323334"
    )
    request = acse.decode(full)
    assert isinstance(request, AssociationRequest)
    assert (request.password, request.others[1][0]) == (b"1234", 0xA6)
    assert request.encode() == full
    assert acse.decode(b"\x62\x00") == ReleaseRequest()
    assert ReleaseRequest().encode() == b"\x62\x00"
    provider = acse.decode(bytes.fromhex("6117A109060760857405080101A203020101A305A203020102"))
    assert isinstance(provider, AssociationResponse)
    assert (provider.by_user, provider.diagnostic) == (False, 2)
    ciphered = InitiateRequest(
        Conformance.GET, 0, dedicated_key=bytes(16), response_allowed=False, quality_of_service=1
    )
    assert InitiateRequest.decode(ciphered.encode()) == ciphered
    error = apdus.ConfirmedServiceError(1, 6, 1)
    assert apdus.encode(error) == bytes.fromhex("0E010601")
    assert apdus.decode(bytes.fromhex("0E010601")) == error
    for wrong in (bytes(3), b"", b"\x60", b"\x60\x02\xa1\x05", b"\x61\x00", b"\x60\x80\x00\x00", b"\x60\x02\xbf\x00",
                  bytes.fromhex("600aa103060101a103060101")):  # fmt: skip
        with pytest.raises(FrameError):
            acse.decode(wrong)
    for octets in (InitiateRequest().encode(), InitiateResponse().encode()):
        read = InitiateRequest.decode if octets[0] == 1 else InitiateResponse.decode
        for end in range(len(octets)):
            with pytest.raises(FrameError):
                read(octets[:end])
        with pytest.raises(FrameError):
            read(octets + b"\0")
    with pytest.raises(InvalidValue):
        InitiateRequest(max_pdu=65536).encode()


DATA_VALUES = st.sampled_from(
    [axdr.NULL, axdr.unsigned(5), axdr.structure(axdr.integer(-1), axdr.enum(35)), axdr.octet_string(bytes(200))]
)
RESULTS = st.integers(0, 255).map(Result)
ATTRIBUTES = st.builds(
    Attribute,
    st.integers(0, 65535),
    st.binary(min_size=6, max_size=6),
    st.integers(-128, 127),
    st.none() | st.builds(Selection, st.integers(0, 255), DATA_VALUES),
)
METHODS = st.builds(Method, st.integers(0, 65535), st.binary(min_size=6, max_size=6), st.integers(-128, 127))
OUTCOMES = st.builds(Outcome, RESULTS, st.none() | DATA_VALUES | RESULTS)
BY_FIELD = {
    OCTET: st.integers(0, 255),
    U32: st.integers(0, 0xFFFFFFFF),
    FLAG: st.booleans(),
    RAW: st.binary(max_size=200),
    RESULT: RESULTS,
    DATA: DATA_VALUES,
    ATTRIBUTE: ATTRIBUTES,
    METHOD: METHODS,
    OUTCOME: OUTCOMES,
}
BY_NAME = {
    "attributes": st.lists(ATTRIBUTES, max_size=3).map(tuple),
    "methods": st.lists(METHODS, max_size=3).map(tuple),
    "parameters": st.lists(DATA_VALUES, max_size=3).map(tuple),
    "results": st.lists(RESULTS, max_size=3).map(tuple),
    "outcomes": st.lists(OUTCOMES, max_size=3).map(tuple),
    "parameter": st.none() | DATA_VALUES,
}
SPECIAL = {
    (apdus.GetResponse, "value"): DATA_VALUES | RESULTS,
    (apdus.GetBlock, "raw"): st.binary(max_size=200) | RESULTS,
    (apdus.GetListResponse, "values"): st.lists(DATA_VALUES | RESULTS, max_size=3).map(tuple),
    (apdus.SetList, "values"): st.lists(DATA_VALUES, max_size=3).map(tuple),
}
APDUS = st.one_of(
    st.builds(kind, *(
        SPECIAL[kind, name] if (kind, name) in SPECIAL else BY_NAME[name] if name in BY_NAME else BY_FIELD[field]
        for name, field in zip(kind.__slots__, fields, strict=True)
    ))
    for _, _, kind, fields in apdus.ROWS
)  # fmt: skip


@settings(max_examples=400)
@given(APDUS)
def test_every_form_comes_back_and_none_is_read_from_less_or_more(apdu: apdus.Apdu) -> None:
    octets = apdus.encode(apdu)
    assert apdus.decode(octets) == apdu
    assert type(apdus.decode(octets)) is type(apdu)
    for damaged in (octets + b"\0", *(octets[:end] for end in range(len(octets)))):
        with pytest.raises(FrameError):
            apdus.decode(damaged)


@pytest.mark.parametrize(
    "octets", ["", "c0", "c004c1", "05", "c001c100030100200700ff0202", "c001c100030100200700ff", "c003c184ffffffff"]
)
def test_what_is_no_apdu_is_a_frame_error(octets: str) -> None:
    with pytest.raises(FrameError):
        apdus.decode(bytes.fromhex(octets))


def test_what_does_not_fit_is_refused() -> None:
    for wrong in (
        apdus.GetNext(193, 1 << 32),
        apdus.GetRequest(256, Attribute(3, bytes(6), 2)),
        apdus.GetRequest(193, Attribute(1 << 16, bytes(6), 2)),
        apdus.GetRequest(193, Attribute(3, bytes(5), 2)),
        apdus.ActionRequest(193, Method(3, bytes(6), 200)),
    ):
        with pytest.raises(InvalidValue):
            apdus.encode(wrong)
    assert Result(77).text == "result-77 (77)"
    assert Result(3).text == "read-write-denied (3)"
    with pytest.raises(ValueError, match="256"):
        Result(256)
