"""Exact numbers, readings and device descriptions."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattproof.errors import InvalidValue
from wattproof.model.devices import DeviceInfo
from wattproof.model.readings import Reading
from wattproof.model.values import Quality, Scaled


@given(st.integers(-(10**40), 10**40), st.integers(-20, 20))
def test_a_scaled_value_is_exact_whatever_the_decimal_context(mantissa: int, exponent: int) -> None:
    with localcontext() as context:
        context.prec = 3
        value = Scaled(mantissa, exponent).decimal
        assert Scaled.of(value).at(-20) == Scaled(mantissa * 10 ** (exponent + 20), -20)


@given(st.integers(-(10**12), 10**12), st.integers(-10, 10), st.integers(-10, 10))
def test_another_exponent_keeps_the_number_or_refuses(mantissa: int, exponent: int, other: int) -> None:
    value = Scaled(mantissa, exponent)
    try:
        moved = value.at(other)
    except InvalidValue:
        assert mantissa % 10 ** (other - exponent) != 0
    else:
        assert moved.exponent == other
        assert moved.decimal == value.decimal


@pytest.mark.parametrize("text", ["", "abc", "nan", "Infinity", "1e999999", "1,5"])
def test_what_is_no_finite_number_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue):
        Scaled.of(text)


def test_digits_are_shown_plain() -> None:
    assert str(Scaled(12, 3)) == "12000"
    assert str(Scaled(-2305, -1)) == "-230.5"


@pytest.mark.parametrize(
    ("value", "text"),
    [(Decimal("230.1"), "230.1"), (Decimal("1E+3"), "1000"), ("abc", "abc"), (b"\x01\xff", "01ff"), (None, None)],
)
def test_a_reading_as_json(value: Decimal | str | bytes | None, text: str | None) -> None:
    time = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    reading = Reading("ac_meter.PhVphA", "voltage", value, "V", "1-0:32.7.0", Quality.GOOD, time, 2301)
    assert reading.as_dict() == {
        "point": "ac_meter.PhVphA",
        "quantity": "voltage",
        "value": text,
        "unit": "V",
        "obis": "1-0:32.7.0",
        "quality": "good",
        "time": "2026-11-20T12:00:00+00:00",
        "raw": 2301,
    }


def test_a_device_as_json() -> None:
    info = DeviceInfo("bsm", "cm13", "BAUER Electronic", "BSM-WS36A", "001BZR1521070006", "1.9", b"\x30\x59")
    assert info.as_dict()["public_key"] == "3059"
    assert DeviceInfo("sunspec", None, "", "", "", "", None).as_dict()["public_key"] is None
