"""What makes the entries of a report cheap changes nothing in them."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from wattproof.cli import verify_stream
from wattproof.signed.records import Reading, Time
from wattproof.signed.report import _reading_time, time_text

_SECONDS = st.integers(-(1 << 40), 1 << 40) | st.integers(-100_000, 100_000)
_OFFSETS = st.none() | st.integers(-1500, 1500) | st.integers(-(1 << 33), 1 << 33)


@given(_SECONDS, _OFFSETS, st.integers(0, 999), st.booleans())
@example(253402300799, 0, 0, False)  # the last second of the last year
@example(253402300800, None, 0, False)
@example(-62135596800, -1, 5, False)
@example(0, 1 << 40, 0, False)
def test_times_of_readings(seconds: int, offset: int | None, milliseconds: int, utc: bool) -> None:
    time = Time(seconds, offset, milliseconds, utc)
    reading = Reading(None, None, None, None, None, None, time)
    assert _reading_time(reading) == time_text(time)


def test_no_time() -> None:
    assert _reading_time(None) is None
    assert _reading_time(Reading(None, None, None, None, None, None, None)) is None


class Text(str):
    __slots__ = ()


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.text("\x7f\\\"\x1f /<>&',:[]{}\u2028").map(Text),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
)


@given(_JSON)
@example({"message": 'a "quoted" \\ path', "control": "\x00\x1f\x7f", "other": "Zähler \U0001f50c"})
@example([[], {}, [{}], {"": []}])
@example({"source": "half a \ud800 character"})
def test_lines_are_those_of_json(value: Any) -> None:
    assert verify_stream._dump(value) == json.dumps(verify_stream.printable(value))
