"""Bodies of answers: checked, ordered, compact; what compat mode changes; what a client accepts (3, 6)."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from tests.g13.examples import ANSWERS, Example
from wattproof.errors import InvalidValue, ProtocolError
from wattproof.g13 import jsontext
from wattproof.g13.bodies import RESPONSES, SUCCESS, Streamed, accept, encode
from wattproof.g13.parameters import FLAGS, STORABLE
from wattproof.g13.resources import BY_NUMBER, RESOURCES


def given(number: int, document: Any, *, compat: bool = False) -> str:
    return encode(BY_NUMBER[number], document, compat=compat).decode()


def shuffled(document: Any) -> Any:
    """The same with the members of each object the other way round."""
    if isinstance(document, dict):
        return {name: shuffled(document[name]) for name in reversed(document)}
    return [shuffled(item) for item in document] if isinstance(document, list) else document


def default_form(example: Example) -> Any:
    """The document of a printed answer as the gateway holds it."""
    document = json.loads(example.text)
    if example.number == 30:  # nine flags are printed
        document["associationobjects"] = [1] * FLAGS
    if example.number == 59:  # GD-18
        units = {"active": "W", "reactive": "var", "apparent": "VA"}
        document = {kind: {k: [v[0], units[kind]] for k, v in values.items()} for kind, values in document.items()}
    if example.number == 65:  # GD-11
        for number, output in enumerate(document["pulse"], 1):
            output |= {"id": number, "port": output["port"] if output["port"] == 255 else output["port"] + 1}
    return document


@pytest.mark.proves("G-001")
@pytest.mark.parametrize("example", ANSWERS, ids=lambda example: str(example.number))
def test_answers_are_written_as_printed_whatever_the_order_of_their_members(example: Example) -> None:
    wanted = example.text
    if example.number in (61, 62):  # GD-52: one decimal
        wanted = wanted.replace("0,", "0.0,").replace("0]", "0.0]").replace(":0", ":0.0")
    written = given(example.number, shuffled(default_form(example)), compat=example.kind == "answer-compat")
    assert written == wanted
    assert accept(BY_NUMBER[example.number], written.encode()) is not None


def test_every_resource_has_an_answer_but_login_and_logout() -> None:
    assert set(RESPONSES) == {row.number for row in RESOURCES} - {2, 3}
    assert encode(BY_NUMBER[2], None) == b""
    for resource in RESOURCES:
        if resource.method != "GET" and resource.number not in (2, 3, 15, 16, 37):
            assert encode(resource, SUCCESS) == b'{"status":"success"}'


@pytest.mark.parametrize(
    ("number", "document", "default", "compat"),
    [
        (
            1,
            {"cosemversion": "6", "firmwareversion": "G1.0.0.0", "hardwareversion": "", "model": "wattproof"}
            | {
                "jsonapiversion": "1.0",
                "logicaldevicename": "WTP",
                "releasedate": "2026-01-01T00:00:00",
                "serial": "1",
            },
            '"model":"wattproof","jsonapiversion":"1.0"',
            '"model":"","jsonapiversion":"0.9"',
        ),
        (17, {"users": [{"name": "a", "gatewayadmin": True}]}, ',"gatewayadmin":true', '{"users":[{"name":"a"}]}'),
        (
            24,
            {
                "devices": [
                    {"serial": "A", "status": "pending", "state": "transferring", "progress": 5, "blocks": [1, 20]}
                ],
                "firmwareupdatecomplete": 1,
            },
            '"state":"transferring","progress":5,"blocks":[1,20]}',
            '{"serial":"A","status":"pending"}',
        ),
        (
            35,
            {
                "scanresult": [{"token": 1, "serial": "A", "protocol": 3, "address": "17", "family": "abb"}],
                "scancomplete": 2,
                "progress": 50,
            },
            '"protocol":"3","address":"17","family":"abb"}],"scancomplete":2,"progress":50}',
            '{"scanresult":[{"token":1,"serial":"A","protocol":"3","address":"17"}],"scancomplete":2}',
        ),
        (
            63,
            {"iostatus": [{"port": 1, "currentstate": 0}]},
            '{"iostatus":[{"port":1,"currentstate":0}]}',
            '{"iostatus":[{"port":1,"currentstate":0}]}',
        ),
        (60, {"l1": {"voltage": [None, "V"]}}, '{"l1":{"voltage":[null,"V"]}}', '{"l1":{}}'),
        (60, {"temperature": {"i1": ["20.5", "°C"]}}, '{"temperature":{"i1":["20.5","°C"]}}', "{}"),
        (
            91,
            {"id": 2, "status": "error", "des": "x", "serial": "A", "resource": "/meters/A/demand", "detail": "d"},
            ',"serial":"A","resource":"/meters/A/demand","detail":"d"}',
            '{"id":2,"status":"error","des":"x"}',
        ),
    ],
)
def test_compat_mode_shows_what_the_original_shows(number: int, document: Any, default: str, compat: str) -> None:
    assert default in given(number, document)
    assert compat in given(number, document, compat=True)


@pytest.mark.proves("G-009")
def test_values_are_decimal_texts_and_nothing_else() -> None:
    for value in ("0.00", "227.1", "-10959959.88", "1758397.363"):
        assert (
            given(55, {"importenergy": {"total": [value, "KG"]}}) == f'{{"importenergy":{{"total":["{value}","KG"]}}}}'
        )
    for value in ("1e3", "NaN", "Infinity", "+1", "1.", "", " 1", 1, Decimal(1)):
        with pytest.raises(InvalidValue, match="GET /meters"):
            given(55, {"importenergy": {"total": [value, "KG"]}})
    with pytest.raises(InvalidValue):
        given(55, {"importenergy": {"total": ["1", "kg"]}})


@pytest.mark.parametrize(
    ("number", "document"),
    [
        (9, {"serial": "1", "alias": "a"}),
        (9, {"serial": "1", "alias": "a", "location": "l", "colour": 1}),
        (9, {"serial": 1, "alias": "a", "location": "l"}),
        (9, {"serial": "\ud800", "alias": "a", "location": "l"}),
        (9, []),
        (11, {"datetime": "2012-05-09 16:30:52", "status": "set"}),
        (11, {"datetime": "2012-05-09T16:30:52", "status": "yes"}),
        (29, dict.fromkeys(STORABLE, 1)),
        (49, {"serial": "A", "label": "B", "status": True}),
        (64, {"ioconfig": ["inputs"]}),
        (78, {"dmc": [[1]], "interval": [900, 60], "period": "daily"}),
        (
            77,
            {"mapping": [], "items": [{"values": [[1, "x", "2012-06-17T02:40:00", 1]], "time": "2012-06-17T00:00:00"}]},
        ),
        (83, {"dayprofiles": [{"actions": [[1, "25:00"]], "profile": 1}]}),
    ],
)
def test_an_answer_without_its_shape_is_never_sent(number: int, document: Any) -> None:
    with pytest.raises(InvalidValue, match=str(BY_NUMBER[number].method)):
        given(number, document)


def test_numbers_keep_their_digits_and_harmonics_have_one_decimal() -> None:
    row = {"values": [[1, "230.10", "2012-06-17T02:40:00", 1], [0, 4294967295, "2012-06-17T02:40:00", 2]]}
    body = given(77, {"mapping": [["voltage_l1", "V"]], "items": [row | {"time": "2012-06-17T00:00:00"}]})
    assert '[1,230.10,"2012-06-17T02:40:00",1],[0,4294967295,' in body
    assert given(62, {"neutral": {"harmonics": [100, "2.5", Decimal("0.25")], "thd": 3}}) == (
        '{"neutral":{"harmonics":[100.0,2.5,0.25],"thd":3.0}}'
    )


@pytest.mark.parametrize("number", [69, 73, 77])
def test_a_streamed_answer_has_the_bytes_of_a_whole_one(number: int) -> None:
    (example,) = (example for example in ANSWERS if example.number == number)
    document = json.loads(example.text)
    items = document.pop("items") * 5
    whole = encode(BY_NUMBER[number], {**document, "items": items})
    streamed = Streamed(BY_NUMBER[number], document)
    parts = [streamed.head, streamed.items(items[:1]), streamed.items([]), streamed.items(items[1:4])]
    assert b"".join([*parts, streamed.items(items[4:]), streamed.end]) == whole
    assert whole.startswith(streamed.head)
    with pytest.raises(ValueError, match="Expecting"):
        json.loads(b"".join(parts))
    assert Streamed(BY_NUMBER[number], document).head + b"]}" == encode(BY_NUMBER[number], {**document, "items": []})


@pytest.mark.parametrize(
    ("number", "body", "document"),
    [
        # GD-01, GD-02: numbers and numeric texts
        (35, {"scanresult": [{"token": "7", "serial": "A", "protocol": 3, "address": 17}], "scancomplete": "2"},
         {"scanresult": [{"token": 7, "serial": "A", "protocol": "3", "address": "17"}], "scancomplete": 2}),
        (31, {"locations": [{"meters": [{"serial": "A", "protocol": "3", "address": "17", "status": "-1"},
                                        {"serial": "B", "protocol": 4, "address": "00:0d:6f"}]}]},
         {"locations": [{"meters": [{"serial": "A", "protocol": 3, "address": 17, "status": -1},
                                    {"serial": "B", "protocol": 4, "address": "00:0d:6f"}]}]}),
        # GD-03: any text, or a number
        (1, {"jsonapiversion": "2", "cosemversion": 6, "colour": 1}, {"jsonapiversion": "2", "cosemversion": "6"}),
        # GD-10
        (83, {"dayprofiles": [{"actions": [], "profile": 255}]}, {"dayprofiles": [{"actions": [], "profile": 255}]}),
        # GD-12
        (52, {"alarmconfig": [{"id": 1, "log": 4000, "output": 1}, {"id": 2, "log": 0}]},
         {"alarmconfig": [{"id": 1, "log": True, "output": 1}, {"id": 2, "log": False}]}),
        # GD-13
        (74, {"lpconfig": [[450, 1, 10]]}, {"lpconfig": [[450, 1, 10]]}),
        # GD-20, GD-21
        *(
            (60, {key: {"voltage": ["1", "V"]}}, {"l1-l2": {"voltage": ["1", "V"]}})
            for key in ("l1-l2", "l1_l2", "l1 l2", "l1l2")
        ),
        *((4, {key: {"ack": 1}}, {"mbus-ir": {"ack": 1}}) for key in ("mbus-ir", "mbus_ir", "mbus ir", "mbus/ir")),
        # GD-26
        (64, {"ioconfig": ["communication_out", 3, "new"]}, {"ioconfig": ["communiation_out", "pulse_out", "new"]}),
        # GD-27
        (28, {"parametermapping": {"1": "A"}}, {"1": "A"}),
        (28, {"1": "A"}, {"1": "A"}),
        # GD-28
        (4, {"ip": {"mac": "00:1A:2b:ff:00:10"}}, {"ip": {"mac": "0.26.43.255.0.16"}}),
        # GD-32
        (89, {"specialdayprofiles": [{"dayprofileid": 3}]}, {"specialdayprofiles": [{"dayprofile": 3}]}),
        # GD-34
        (69, {"items": [[[1, "2.0"], [1, "3.0"], "2012-07-23T00:00:00"], [1, "2.0", 1, "3.0", "2012-07-24T00:00:00"]]},
         {"items": [{"values": [[1, "2.0"], [1, "3.0"]], "time": "2012-07-23T00:00:00"},
                    {"values": [[1, "2.0"], [1, "3.0"]], "time": "2012-07-24T00:00:00"}]}),
        (77, {"items": [[0, 5, "2012-06-17T02:40:00", 1, 0, 6, "2012-06-17T02:40:00", 2, "2012-06-17T00:00:00"]]},
         {"items": [{"values": [[0, "5", "2012-06-17T02:40:00", 1], [0, "6", "2012-06-17T02:40:00", 2]],
                     "time": "2012-06-17T00:00:00"}]}),
        (73, {"items": [[1, "0.5", "2012-07-01T01:00:00"]]},
         {"items": [{"status": 1, "timestamp": "2012-07-01T01:00:00", "value": "0.5"}]}),
        # GD-53
        (59, {"active": {"l1": [None, "W"], "l2": [5, "W"]}}, {"active": {"l1": [None, "W"], "l2": ["5", "W"]}}),
    ],
)  # fmt: skip
def test_a_client_accepts_every_form(number: int, body: Any, document: Any) -> None:
    assert accept(BY_NUMBER[number], json.dumps(body).encode()) == document


@pytest.mark.parametrize(
    ("number", "body"),
    [
        (60, b'{"l1":{"voltage":["227.1","V"'),
        (60, b"[]"),
        (60, b'{"l1":{"voltage":"227.1"}}'),
        (60, b'{"l1":{"voltage":["x","V"]}}'),
        (28, b'{"x":"y"}'),
        (69, b'{"items":[[1,2,3,"2012-07-23T00:00:00"]]}'),
        (49, b'{"status":"online"}'),
    ],
)
def test_a_client_refuses_what_is_no_answer(number: int, body: bytes) -> None:
    with pytest.raises(ProtocolError, match=f"GET {BY_NUMBER[number].path[:8]}"):
        accept(BY_NUMBER[number], body)


def test_json_is_exact_both_ways() -> None:
    text = '{"a":1.10,"b":[],"c":{},"d":"\\u0001\\"ä","e":-0,"f":0.000000000000000000001}'
    found = jsontext.parse(text.encode())
    assert found["a"] == Decimal("1.10")
    assert jsontext.encode(found).decode() == text.replace("-0", "0").replace("\\u0001", "\\u0001")
    for value in (Decimal("NaN"), float(1), {1: 2}, b"", object()):
        with pytest.raises(InvalidValue):
            jsontext.encode([value])
