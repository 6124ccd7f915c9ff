"""OBIS codes in all their spellings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattproof.errors import InvalidValue
from wattproof.model.obis import LETTERS, Obis

GROUP = st.one_of(st.integers(0, 255), st.sampled_from(sorted(LETTERS)))
CODES = st.builds(
    lambda ab, c, d, e, f: Obis(*(ab or (None, None)), c, d, e, f),
    st.one_of(st.none(), st.tuples(st.integers(0, 255), st.integers(0, 255))),
    GROUP,
    GROUP,
    st.one_of(st.none(), GROUP),
    st.one_of(st.none(), st.integers(0, 255)),
)


@given(CODES)
def test_the_written_form_comes_back(code: Obis) -> None:
    assert Obis.parse(str(code)) == code


@given(st.binary(min_size=6, max_size=6))
def test_logical_names_come_back(name: bytes) -> None:
    assert Obis.from_bytes(name).to_bytes() == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("1-0:1.8.0*198", "0100010800c6"),
        ("1-0:1.8.0", "0100010800ff"),
        ("1.8.0", "0100010800ff"),
        ("F.F", "0100616100ff"),
        ("1-0:F.F.0", "0100616100ff"),
        ("1-0:C.1.0", "0100600100ff"),
        ("1.0.1.8.0.255", "0100010800ff"),
        ("0-0:96.1.0&1", "000060010001"),
    ],
)
def test_spellings_and_their_logical_names(text: str, name: str) -> None:
    assert Obis.parse(text).to_bytes().hex() == name


@pytest.mark.parametrize(
    "text", ["", "1", "1-0:", "256.8.0", "1-0:1.8.0*256", "x.8.0", "1-0:1.8.0*", "1.8.0 ", "١.8.0"]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue):
        Obis.parse(text)


def test_half_a_medium_is_refused() -> None:
    with pytest.raises(InvalidValue, match="A and B"):
        Obis(1, None, 1, 8)


def test_letters_stay_in_their_groups() -> None:
    with pytest.raises(InvalidValue):
        Obis(1, 0, "X", 8)
    with pytest.raises(InvalidValue, match="6 bytes"):
        Obis.from_bytes(b"\1\0\1")
