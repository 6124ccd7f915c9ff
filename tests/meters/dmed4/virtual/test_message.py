"""The input message of a virtual DMED4: its forms, what is judged, and which error says what is wrong (8.5, 9.3,
9.7)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

FIELDS = (
    '{"FV":"1.0","GI":"Wattproof","IS":true,"IF":["RFID_PLAIN"],"ID":"1F2D3A4F5506C7","TT":"Tariff 1",'
    '"LC":{"LN":"c","LI":1}}'
)
SIGNATURE = '{"SA":"","SE":"","SD":""}'
SYNTAX, NOT_FULL, SEQUENCE, VALUE = 1, 2, 4, 8


def with_readings(fields: str) -> str:
    return f'{fields[:-1]},"RD":[]}}'


def wrapped(text: str) -> str:
    return json.dumps({"OCMF_BUFF": text})


FORMS = {
    "F1": wrapped(f"OCMF|{with_readings(FIELDS)}|{SIGNATURE}"),
    "F2 no signature": wrapped(f"OCMF|{with_readings(FIELDS)}"),
    "F2 no head": wrapped(f"{with_readings(FIELDS)}|{SIGNATURE}"),
    "F2 neither": wrapped(with_readings(FIELDS)),
    "F2 no RD": wrapped(f"OCMF|{FIELDS}|{SIGNATURE}"),
    "F3": FIELDS,
    "F3 RD": with_readings(FIELDS),
    "F4": f"OCMF|{with_readings(FIELDS)}|{SIGNATURE}",
    "F4 no signature": f"OCMF|{FIELDS}",
}


def send(one: Any, body: str | bytes) -> int:
    """The error bits of a message, 0 for one that is accepted; both interfaces say the same about it."""
    status = one.status_of("POST", "ocmf", body)
    errors = int(one.errors)
    assert one.get("charge_status")["error_status_1"] == errors
    assert (one.word & 2 == 0) == (status == 400) == (errors != 0)
    assert (one.word & 0x8000 != 0) == (errors != 0)
    return errors


@pytest.mark.proves("D-250")
@pytest.mark.parametrize("form", FORMS)
def test_every_form_carries_the_same_fields(bench: Callable[..., Any], form: str) -> None:
    one = bench()
    answer = one.http("POST", "/v1/ocmf", FORMS[form])
    assert (answer.status, answer.body) == (200, b"{}")
    assert one.word & 2
    record = one.signed("B")
    assert record.startswith(f'OCMF|{FIELDS[:-1]},"PG":"T1",')
    assert one.verifies(record)


@pytest.mark.proves("D-250")
@pytest.mark.parametrize("form", [form for form in FORMS if form[1] != "1" and "F2" not in form])
def test_modbus_takes_the_same_texts_without_the_wrapper(bench: Callable[..., Any], form: str) -> None:
    one = bench()
    data = FORMS[form].encode()
    padded = data + b"\0" * (len(data) % 2)
    for at in range(0, len(padded), 240):
        assert one.put_many(0x4A00 + at // 2, padded[at : at + 240]) is not None
    assert one.put(0x4281, len(data)) is not None
    assert one.word == 2 and one.errors == 0


def test_white_space_between_tokens_is_dropped(bench: Callable[..., Any]) -> None:
    one = bench()
    assert send(one, f"\r\n {json.dumps(json.loads(FIELDS), indent=2)}\t") == 0
    assert one.signed("B").startswith(f'OCMF|{FIELDS[:-1]},"PG":"T1",')


@pytest.mark.proves("D-251")
@pytest.mark.parametrize("readings", ['[{"RV":1}]', "[0]", "[[]]", "{}", "null", '""', "0"])
@pytest.mark.parametrize("form", [wrapped("OCMF|{}|" + SIGNATURE), "{}", "OCMF|{}"], ids=["F1", "F3", "F4"])
def test_readings_of_the_client_are_refused(bench: Callable[..., Any], form: str, readings: str) -> None:
    one = bench()
    fields = f'{{"FV":"1.0","RD":{readings}}}'
    inner = json.dumps(fields)[1:-1] if "BUFF" in form else fields
    assert send(one, form.replace("{}", inner, 1)) == VALUE
    assert one.get("ocmf") == {"OCMF_BUFF": ""}


TYPES = [
    ("IS", ["true", "false"], ["0", "1", '"true"', "null", "[]"]),
    ("IF", ["[]", '["a"]', '["a","b","c","d"]'], ['["a","b","c","d","e"]', '"a"', "[1]", "[null]", "{}", '[["a"]]',
    "null"]),
    ("LC", ["{}", '{"LN":"x","LR":1.5}'], ["[]", '"x"', "null", "1"]),
    ("TT", ['""', f'"{"t" * 250}"', f'"{"ä" * 200}"'], [f'"{"t" * 251}"', "1", "null", "[]"]),
    ("CF", ['""', f'"{"c" * 25}"'], [f'"{"c" * 26}"', "1"]),
    *((key, ['""', '"x"'], ["1", "1.0", "true", "null", '["x"]', '{"x":1}'])
      for key in ("FV", "GI", "GS", "GV", "IL", "IT", "ID", "CT", "CI", "PG", "MV", "MM", "MS", "MF", "U", "V", "Z")),
    ("RD", ["[]"], ["{}"]),
    ("colour", ["1", "null", '"red"', "[1,{}]"], []),
]  # fmt: skip


@pytest.mark.proves("D-229")
@pytest.mark.parametrize(("key", "right", "wrong"), TYPES, ids=[key for key, _, _ in TYPES])
def test_known_fields_have_types(bench: Callable[..., Any], key: str, right: list[str], wrong: list[str]) -> None:
    one = bench()
    for value in right:
        assert send(one, f'{{"{key}":{value}}}') == 0
    for value in wrong:
        assert send(one, f'{{"{key}":{value}}}') == VALUE
    assert send(one, "{}") == 0


@pytest.mark.proves("D-227", "D-228", "D-229", "D-230", "D-224")
@pytest.mark.parametrize(
    ("body", "bit"),
    [
        (b"", SYNTAX), (b"  ", SYNTAX), (b"[]", SYNTAX), (b'"x"', SYNTAX), (b"1", SYNTAX), (b"null", SYNTAX),
        (b"OCMX|{}", SYNTAX),
        (b"ocmf|{}", SYNTAX), (b"{}x", SYNTAX), (b"{}{}", SYNTAX), (b"OCMF|{}|{}|{}", SYNTAX), (b"OCMF|{}|[]", SYNTAX),
        (b"OCMF|[]", SYNTAX), (b"OCMF||{}", SYNTAX), (b'{"ID":"a" "b"}', SYNTAX), (b"{'ID':1}", SYNTAX), (b'{"x":NaN}',
        SYNTAX),
        (b'{"x":-Infinity}', SYNTAX), (b'{"LC":{"x":NaN}}', SYNTAX), (b'{"x":01}', SYNTAX), (b'{"x":"\n"}', SYNTAX),
        (b'{"x":"\xff"}', SYNTAX), (b'{"x":"\xed\xa0\x80"}', SYNTAX), (b'\xef\xbb\xbf{}', SYNTAX),
        (b'{"x":' + b"1" * 5000 + b"}", SYNTAX),
        (b'{"x":' * 1500, SYNTAX), (b'{"x":' * 65 + b"1" + b"}" * 65, SYNTAX),
        (b'{"OCMF_BUFF":"' + b"[" * 65 + b'"}', SYNTAX), (b"[" * 8000, SYNTAX), (b'{"x":tru}', SYNTAX),
        (b'{"x":"\\q"}', SYNTAX), (b'{"ID":"a|b"}', VALUE), (b'{"a|b":"x"}', VALUE), (b'{"ID":"a","ID":"a"}', VALUE),
        (b'{"ID":"a","I\\u0044":"a"}', VALUE),
        (b'{"\\ud800":"x"}', VALUE), (b'{"OCMF_BUFF":1}', VALUE), (b'{"OCMF_BUFF":null}', VALUE),
        (b'{"OCMF_BUFF":["{}"]}', VALUE),
        (b'{"OCMF_BUFF":"{}","OCMF_BUFF":"{}"}', VALUE), (b'{"ID":"a\0b"}', NOT_FULL), (b"\0{}", NOT_FULL), (b"{}\0",
        NOT_FULL),
    ],
    ids=lambda value: repr(value[:24]) if isinstance(value, bytes) else None,
)  # fmt: skip
def test_what_is_wrong_with_a_message_is_one_error(bench: Callable[..., Any], body: bytes, bit: int) -> None:
    one = bench()
    assert send(one, body) == bit
    assert one.command("B") == 400
    assert one.message(FIELDS) == 200
    assert one.errors == SEQUENCE  # a valid message clears the others (8.5)


LONG = '{"ID":"\\u00e4ö\\n","IS":false,"x":[-1.5e-3,1E5,true,null,{"y":{}}]}'


@pytest.mark.parametrize("form", ["{}", "OCMF|{}", "OCMF|{}|" + SIGNATURE])
def test_a_message_that_ends_early_is_not_full(bench: Callable[..., Any], form: str) -> None:
    one = bench()
    data = form.replace("{}", LONG, 1).encode()
    whole = len(data) - len(SIGNATURE) - 1 if SIGNATURE in form else len(data)
    for end in range(1, len(data)):
        one.command("X")
        assert send(one, data[:end]) == (0 if end == whole else NOT_FULL), data[:end]
    outer = json.dumps({"OCMF_BUFF": data.decode()}).encode()
    for end in range(1, len(outer)):
        one.command("X")
        assert send(one, outer[:end]) == NOT_FULL, outer[:end]


@pytest.mark.proves("D-247")
def test_the_record_keeps_what_was_sent(bench: Callable[..., Any]) -> None:
    one = bench()
    fields = '{"ZZ":1.50,"ID":"\\u0041ä\\/","b":{"d":[1, 2],"c":-0},"FV":"1.0"}'
    assert send(one, fields) == 0
    assert one.signed("B").startswith('OCMF|{"ZZ":1.50,"ID":"\\u0041ä\\/","b":{"d":[1,2],"c":-0},"FV":"1.0","PG":')


@pytest.mark.proves("D-267")
def test_records_are_escaped_in_json_unless_told_otherwise(bench: Callable[..., Any]) -> None:
    for quotes, escaped in (({}, True), ({"inner_quotes": "escaped"}, True), ({"inner_quotes": "plain"}, False)):
        one = bench(**quotes)
        assert one.message(FIELDS) == one.command("B") == 200
        one.wait(0.5)
        record = one.meter.charge.output.text
        for path, key, text in (
            ("ocmf", "OCMF_BUFF", record),
            ("logbook/OCMF", "OCMF_LOG", record),
            ("logbook/events", "EVENT_LOG", one.meter.logbook.events[-1].text),
        ):
            body = one.http("GET", f"/v1/{path}").body.decode()
            assert body == (f'{{"{key}":{json.dumps(text)}}}' if escaped else f'{{"{key}":"{text}"}}')
            assert not escaped or json.loads(body) == {key: text}


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.one_of(
        st.binary(max_size=30),
        st.text(max_size=30).map(str.encode),
        st.dictionaries(
            st.sampled_from(["ID", "TT", "IF", "IS", "RD", "LC", "OCMF_BUFF"]) | st.text(max_size=4),
            st.none()
            | st.booleans()
            | st.text(max_size=5)
            | st.lists(st.text(max_size=2))
            | st.integers()
            | st.floats(),
        ).map(lambda content: json.dumps(content).encode()),
        st.tuples(st.integers(0, 200), st.binary(max_size=3)).map(
            lambda cut: FORMS["F1"].encode()[: cut[0]] + cut[1] + FORMS["F1"].encode()[cut[0] + len(cut[1]) :]
        ),
    )
)
def test_any_message_is_accepted_or_sets_one_bit_and_what_is_accepted_can_be_signed(
    bench: Callable[..., Any], body: bytes
) -> None:
    one = bench(sign_delay="0")
    if send(one, body) == 0:
        record = one.signed("B")
        payload = json.loads(record.split("|")[1])
        assert len(record.split("|")) == 3 and list(payload)[-1] == "RD" and one.verifies(record)
    else:
        assert one.errors in (SYNTAX, NOT_FULL, VALUE)
