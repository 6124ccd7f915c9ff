"""A line that is read fast is read as every other line is: the same row, or none."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattproof.signed.limits import DEFAULT, Limits
from wattproof.signed.sources import lines

RECORD = 'OCMF|{"FV":"1.0","PG":"T1","RD":[{"TM":"x","RV":1.0}]}|{"SD":"30"}'
NAMES = (
    *(
        "record",
        "OCMF",
        "signed_data",
        "public key",
        "publicKey",
        "key",
        "transaction-id",
        "sessionId",
        "x",
        "encoding",
    ),
    *("context", "nature", "", "r\u00e9cord", 'a"b', "a\\b"),
)


def same(body: bytes, limits: Limits = DEFAULT) -> bool:
    """Whether the line is read fast; then it is what the other reader makes of it."""
    fast = lines.quick(body, limits)
    if fast is not None:
        assert fast == lines.parse_any(body, limits), body
    return fast is not None


def test_what_streams_hold_is_read_fast() -> None:
    for separators in ((",", ":"), (", ", ": ")):
        for row in (
            {"record": RECORD},
            {"ocmf": RECORD, "publicKey": "3059", "sessionId": " 7 ", "site": "x", "number": ""},
            {"number": -17, "big": 2**64 - 1, "ocmf": RECORD, "some": True, "none": None},
            {"record": RECORD, "key": ""},
            {"record": RECORD, "note": "\n\t\u0001 \\ / \\u0041"},
            {"record": ""},
            {"a": "", "b": "", "c": "", "d": "", "e": "", "f": "", "g": 1, "record": RECORD},
        ):
            assert same(json.dumps(row, separators=separators).encode()), row
    assert same(json.dumps(RECORD).encode())
    assert same(b'{"r\\u0065cord":"x"}'), "a name may be written in any way"


@pytest.mark.parametrize(
    "line",
    [
        b"{}",
        b"[]",
        b"1",
        b'{"record":"a","record":"b"}',
        b'{"record":"a","x":"","x":""}',
        b'{"x":"","record":"a","x":""}',
        b'{"x":"",          "record":"a","x":""}',
        b'{"x":"", "record":"a",   "\\u0078":""}',
        b'{"record":"a","r\\u0065cord":"b"}',
        b'{"record":"a","Record":"b"}',
        b'{"record":"a","key":"1","publicKey":"2"}',
        b'{"record":"a","context":"b"}',
        b'{"record":"a","encoding":"hex"}',
        b'{"record":"a","n":1.0}',
        b'{"record":"a","n":1e3}',
        b'{"record":"a","n":01}',
        b'{"record":"a","n":[]}',
        b'{"record":1}',
        b'{"record":"a","key":1}',
        b'{"record":"a","sessionId":1}',
        b'{"record":"a","n":100000000000000000000000000000,"n":1}',
        b'{"record":null}',
        b'{"record":{}}',
        b'{"record":"\xc3\xa4"}',
        b'{"record":"\\u00e4"}',
        b'{"record":"\\ud800"}',
        b'{"record":"a","key":"\\u00e4"}',
        b'{"record":"a","sessionId":"\\u00e4"}',
        b'{"record":"\n"}',
        b'{"record":"\xff"}',
        b'{"record":"a"} x',
        b'{"record":"a",}',
        b'"a" "b"',
        b'"\\u00e4"',
        b'"\\ud800"',
        b'{"x":"a"}',
        b'{"record":"' + b"x" * 20_000 + b'"}',
    ],
    ids=lambda line: line[:30],
)
def test_what_deviates_is_left_to_the_other_reader(line: bytes) -> None:
    assert not same(line)


def test_limits_hold() -> None:
    line = json.dumps({"record": RECORD}).encode()
    assert same(line, Limits(document=len(line), json_depth=2))
    assert not same(line, Limits(document=len(line) - 1)) and not same(line, Limits(json_depth=0))


_texts = st.text(max_size=12) | st.sampled_from([RECORD, "", '"', "\\", "\\\\", '\\"', "/"])
_numbers = st.integers().map(str) | st.sampled_from(["-0", "1.50", "1e2", "true", "null", "[]", "1e400", "00"])
_members = st.lists(
    st.tuples(st.sampled_from(NAMES) | st.text(max_size=4), _texts, st.none() | _numbers), min_size=1, max_size=7
)


def _written(text: str, draw: random.Random) -> str:
    """A JSON text, each character as short as can be, or escaped."""
    parts = []
    for character in text:
        if draw.random() < 0.1 or character < " " or character in '"\\':
            short = json.dumps(character)[1:-1]
            long = "".join(f"\\u{unit:04x}" for unit in _units(character))
            parts.append(draw.choice([short, long]))
        else:
            parts.append(character)
    return '"' + "".join(parts) + '"'


def _units(character: str) -> list[int]:
    data = character.encode("utf-16-be", "surrogatepass")
    return [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2)]


@pytest.mark.proves("T-114", "T-124")
@settings(max_examples=1500, deadline=None)
@given(_members, st.integers(0, 1 << 30), st.sampled_from(["", " ", "\t", "  "]))
def test_however_a_line_is_written_it_is_read_alike(members: Any, seed: int, space: str) -> None:
    """Names that occur twice, escapes that are longer than need be, white space in all places."""
    draw = random.Random(seed)

    def gap() -> str:
        return draw.choice(["", space])

    text = ",".join(
        f"{gap()}{_written(name, draw)}{gap()}:{gap()}{_written(value, draw) if number is None else number}{gap()}"
        for name, value, number in members
    )
    body = ("{" + text + "}").encode("utf-8", "surrogatepass")
    fast = same(body)
    assert not (fast and len({name for name, _, _ in members}) < len(members)), body


@pytest.mark.proves("T-124")
def test_whatever_is_changed_is_read_alike() -> None:
    """Characters and pieces of JSON put in, left out, replaced and moved."""
    draw = random.Random(21)
    pieces = [b"", b'"', b":", b",", b"{", b"}", b" ", b"\\", b'\\"', b"\\u0041", b"\\ud800", b"\x00", b"\x7f", b"\xc3",
              b"\n", b'"record":"",', b'"key":"1",', b'"":"",', b"null", b"1"]  # fmt: skip
    texts = [json.dumps(row).encode() for row in ({"record": RECORD, "publicKey": "3059"}, RECORD, {"ocmf": RECORD})]
    fast = 0
    for _ in range(20_000):
        text = draw.choice(texts)
        for _ in range(draw.randrange(1, 3)):
            at = draw.randrange(len(text))
            text = text[:at] + draw.choice(pieces) + text[min(len(text), at + draw.randrange(4)) :]
        fast += same(text)
    assert fast > 100
