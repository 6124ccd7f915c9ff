"""JSON of untrusted origin: literals kept, repeated keys found, hostile shapes refused in linear time."""

from __future__ import annotations

import json
import time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattproof.signed import jsonscan
from wattproof.signed.jsonscan import JsonProblem, Number
from wattproof.signed.limits import Limits
from wattproof.signed.numbers import NumberRefused, exact


def test_numbers_stay_as_written() -> None:
    value = jsonscan.scan('{"a":1.20,"b":"1.20","c":-0,"d":1E+5}').value
    assert value == {"a": "1.20", "b": "1.20", "c": "-0", "d": "1E+5"}
    assert [type(item) is Number for item in value.values()] == [True, False, True, True]


@pytest.mark.proves("T-026")
def test_repeated_keys_have_paths_and_the_last_counts() -> None:
    found = jsonscan.scan('{"PG":1,"RD":[{"RV":1,"RV":2,"RV":3}],"PG":2,"\\u0050G":3}')
    assert found.repeated
    assert [*map(jsonscan.path_text, jsonscan.repeated_keys(found.value))] == ["PG", "RD/0/RV"]
    assert found.value == {"PG": "3", "RD": [{"RV": "3"}]}
    assert not jsonscan.scan('{"a":1}').repeated


@pytest.mark.proves("T-026")
def test_repeated_keys_without_end_are_counted_not_listed() -> None:
    long = "k" * 10_000
    text = f'{{"{long}":{{' + ",".join(f'"{n}":1,"{n}":2' for n in range(5000)) + "}}"
    findings = jsonscan.form_findings(jsonscan.scan(text))
    assert len(findings) == jsonscan.MOST_REPEATED + 1
    assert findings[-1].message.startswith("4900 more keys")
    assert sum(len(finding.code) + len(finding.where) for finding in findings) < 20_000


def test_control_characters_are_accepted_and_noticed() -> None:
    assert jsonscan.scan('{"a":"x\ty"}').controls
    pretty = jsonscan.scan('{\n\t"a": "x"\n}')
    assert not pretty.controls


def test_half_surrogates_become_the_replacement_character() -> None:
    value = jsonscan.scan('{"a\\udfff":["\\ud800","\\ud83d\\ude00"]}').value
    assert value == {"a\ufffd": ["\ufffd", "\U0001f600"]}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "F-JSON"),
        ("[1,]", "F-JSON"),
        ('{"a":1,}', "F-JSON"),
        ('{"a":NaN}', "F-JSON"),
        ("[Infinity]", "F-JSON"),
        ("[-Infinity]", "F-JSON"),
        ("[01]", "F-JSON"),
        ("[+1]", "F-JSON"),
        ("[1] // comment", "F-JSON"),
        ("[1] [2]", "F-JSON"),
        ("{'a':1}", "F-JSON"),
        ('{"a"', "F-JSON"),
        ('"abc', "F-JSON"),
        ('"abc\\', "F-JSON"),
        ("[" * 33 + "]" * 33, "F-JSON-DEPTH"),
        ('{"a":' * 5000, "F-JSON-DEPTH"),
        ('["' + "[" * 100, "F-JSON"),
    ],
)
def test_what_is_not_json(text: str, code: str) -> None:
    with pytest.raises(JsonProblem) as problem:
        jsonscan.load(text)
    assert problem.value.code == code


def test_brackets_in_strings_do_not_count_as_depth() -> None:
    value, _ = jsonscan.load(json.dumps(["[" * 100, "\\" * 7 + '"' + "{" * 100]))
    assert len(value) == 2


@pytest.mark.proves("T-033")
def test_32_levels_are_read() -> None:
    value, _ = jsonscan.load("[" * 32 + "]" * 32)
    assert value


def test_documents_beyond_the_limit_are_refused() -> None:
    with pytest.raises(JsonProblem) as problem:
        jsonscan.load(b"[" + b"1," * 50 + b"1]", Limits(document=64))
    assert problem.value.code == "F-SIZE"


def test_bytes_that_are_no_utf8_are_read_as_windows_1252() -> None:
    value, findings = jsonscan.load('{"a":"Tür €"}'.encode("cp1252"))
    assert value == {"a": "Tür €"}
    assert [finding.code for finding in findings] == ["F-UTF8"]


@pytest.mark.parametrize("text", ['"' + '\\"' * 200_000, "[" + '"a",' * 100_000, "{" * 100_000, '["\\' * 100_000])
def test_hostile_texts_take_linear_time(text: str) -> None:
    started = time.process_time()
    with pytest.raises(JsonProblem):
        jsonscan.load(text)
    assert time.process_time() - started < 2


@pytest.mark.proves("T-029", "T-115")
@pytest.mark.parametrize(
    ("literal", "value"),
    [
        ("2935.600", "2935.600"),
        ("1.606848e7", "16068480"),
        ("       9.038", "9.038"),
        ("00000000.000", "0.000"),
        ("-1.5", "-1.5"),
        ("1e30", "1e30"),
        ("1e-30", "1e-30"),
        ("0" * 60 + "7", "7"),
        ("9" * 40, "9" * 40),
    ],
)
def test_accepted_numbers_are_exact(literal: str, value: str) -> None:
    assert exact(literal) == Decimal(value)
    assert "e" in literal or exact(literal).as_tuple().exponent == Decimal(literal.strip()).as_tuple().exponent


@pytest.mark.proves("T-030", "T-115")
@pytest.mark.parametrize(
    ("literal", "code"),
    [
        ("1e999999999", "F-RV-RANGE"),
        ("1e-999999999", "F-RV-RANGE"),
        ("1e" + "9" * 5000, "F-RV-RANGE"),
        ("9" * 41, "F-RV-RANGE"),
        ("9" * 5000, "F-RV-RANGE"),
        ("0." + "0" * 100 + "1", "F-RV-RANGE"),
        ("1e31", "F-RV-RANGE"),
        ("", "F-RV"),
        ("+12.340", "F-RV"),
        ("12,340", "F-RV"),
        ("0x1F", "F-RV"),
        ("NaN", "F-RV"),
        ("Infinity", "F-RV"),
        ("\u0661\u0662", "F-RV"),
        ("１２", "F-RV"),
        ("1_000", "F-RV"),
        ("1.", "F-RV"),
        (".5", "F-RV"),
        ("1 ", "F-RV"),
        ("1\n", "F-RV"),
        ("--1", "F-RV"),
    ],
)
def test_refused_numbers(literal: str, code: str) -> None:
    with pytest.raises(NumberRefused) as refused:
        exact(literal)
    assert refused.value.code == code


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=15,
)


def plain(value: Any) -> Any:
    """A scanned value as the standard library gives it."""
    if isinstance(value, Number):
        return int(value) if value.lstrip("-").isdecimal() else float(value)
    if isinstance(value, list):
        return [plain(item) for item in value]
    return {key: plain(item) for key, item in value.items()} if isinstance(value, dict) else value


@settings(max_examples=80)
@given(json_values, st.sampled_from([None, 1]), st.text(" \t\r\n", max_size=3))
def test_the_extent_and_value_of_any_json(value: Any, indent: int | None, tail: str) -> None:
    text = json.dumps(value, indent=indent)
    found = jsonscan.scan(text + tail + "|")
    if isinstance(value, int) and not isinstance(value, bool):
        assert found.end == len(text)
    assert plain(found.value) == value
    assert found.end == len(text)


@settings(max_examples=150)
@given(st.text(alphabet='{}[]":,\\ue0123.-tfn \t|', max_size=60))
def test_no_text_does_more_than_be_refused(text: str) -> None:
    try:
        value, _ = jsonscan.load(text)
    except JsonProblem as problem:
        assert problem.code in ("F-JSON", "F-JSON-DEPTH")
    else:
        assert plain(value) == plain(json.loads(text, strict=False)) or "\\u" in text
