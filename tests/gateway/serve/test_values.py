"""Values of quantities as members of #54 to #60."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattproof.gateway.quantities import NUMBERS
from wattproof.gateway.records import Value
from wattproof.gateway.serve import values
from wattproof.gateway.serve.values import compose, ids, oldest, written
from wattproof.model.values import Quality

TABLES = {
    **{f"54 {kind}": table for kind, table in values.ENERGY.items()},
    **{f"55 {mode}": table for mode, table in values.CONVERTED.items()},
    "56": values.RESETTABLE,
    "58": values.COUNTERS,
    "59": values.POWER,
    "60": values.INSTRUMENT,
}


def value(mantissa: int | None, exponent: int = 0, quality: Quality = Quality.GOOD, time: int = 1000) -> Value:
    return Value(mantissa, exponent, time, quality)


@pytest.mark.parametrize("name", TABLES)
def test_every_member_shows_a_quantity_of_its_name_once(name: str) -> None:
    shown = ids(TABLES[name])
    assert len(set(shown)) == len(shown)
    for id in shown:
        assert id in NUMBERS
    pairs = {
        "54 active": ("importenergy", "t4", "ACTIVE_ENERGY_IMPORT_TAR4"),
        "54 reactive": ("exportenergy", "l2", "REACTIVE_ENERGY_EXPORT_L2"),
        "54 apparent": ("netenergy", "total", "APPARENT_ENERGY_NET_TOTAL"),
        "60": ("l3", "phaseanglecurrent", "PHASE_ANGLE_CURRENT_L3"),
        "59": ("reactive", "total", "REACTIVE_POWER_TOTAL"),
    }
    if name in pairs:
        outer, inner, quantity = pairs[name]
        assert NUMBERS[TABLES[name][outer][inner].id].name == quantity  # type: ignore[index,union-attr]


def test_the_units_fit_the_quantities() -> None:
    symbols = {"kWh": "Wh", "kvarh": "varh", "kVAh": "VAh", "deg": "°", "KG": "kg", "curr": "currency", None: ""}
    for table in TABLES.values():
        for member in values.members(table):
            assert NUMBERS[member.id].unit.symbol == symbols.get(member.unit.text, member.unit.text)


@pytest.mark.proves("G-009", "G-154", "G-155", "G-156", "G-158", "G-159", "G-160")
def test_bodies_in_the_form_of_section_3() -> None:
    energy = compose(values.ENERGY["active"], {3: value(175830729, 1), 1: value(127131, 1), 9: value(16, 1),
                                               10: value(0, 1), 13: value(-1095995988, 1)})  # fmt: skip
    assert energy == {
        "importenergy": {"l1": ["1758307.29", "kWh"], "t1": ["0.16", "kWh"], "t2": ["0.00", "kWh"],
                         "total": ["1271.31", "kWh"]},
        "netenergy": {"total": ["-10959959.88", "kWh"]},
    }  # fmt: skip
    assert list(energy["importenergy"]) == ["l1", "t1", "t2", "total"]
    assert compose(values.CONVERTED["co2"], {122: value(0, -2)}) == {"importenergy": {"total": ["0.00", "KG"]}}
    assert compose(values.RESETTABLE, {171: value(175839736, 1), 173: value(0, 1)}) == {
        "resettableenergy": {"activeimport": ["1758397360.000", "Wh"], "reactiveimport": ["0.000", "varh"]}
    }
    assert compose(values.COUNTERS, {175: value(3)}) == {"resetcounter": {"activeimport": ["3", None]}}
    assert compose(values.POWER, {96: value(-200000, -2), 100: value(5), 104: value(7)}) == {
        "active": {"total": ["-2000.00", "W"]},
        "reactive": {"total": ["5", "var"]},
        "apparent": {"total": ["7", "VA"]},
    }
    instrument = compose(
        values.INSTRUMENT, {69: value(2271, -1), 71: value(0, -3), 78: value(251920, -3), 160: value(0)}
    )
    assert instrument == {
        "l1": {"currentquadrant": ["0", None], "powerfactor": ["0.000", None], "voltage": ["227.1", "V"]},
        "l1-l2": {"voltage": ["251.920", "V"]},
    }


@pytest.mark.proves("G-374")
def test_a_bad_value_is_null_and_a_missing_one_absent() -> None:
    body = compose(
        values.INSTRUMENT,
        {
            69: value(2301, -1, Quality.INVALID),
            70: value(None, -2, Quality.INVALID),
            71: value(None, -3, Quality.MISSING),
            82: value(998, -3, Quality.ESTIMATED),
        },
    )
    assert body == {
        "l1": {"current": [None, "A"], "voltage": [None, "V"]},
        "total": {"powerfactor": ["0.998", None]},
    }


def test_the_age_is_that_of_the_oldest_value_shown() -> None:
    found = {96: value(1, time=5000), 97: value(1, time=3000), 98: value(None, time=1), 1: value(1, time=2)}
    assert oldest(values.POWER, found) == 3000
    assert oldest(values.POWER, {}) is None


@pytest.mark.proves("G-009")
@given(st.integers(-(10**18), 10**18), st.integers(-12, 12))
def test_texts_are_plain_decimal_numbers_of_the_same_value(mantissa: int, exponent: int) -> None:
    text = written(mantissa, exponent)
    assert Decimal(text) == Decimal(mantissa).scaleb(exponent)
    assert set(text) <= set("-0123456789.")
    assert len(text.partition(".")[2]) == max(0, -exponent)


@given(st.integers(-(10**9), 10**9), st.integers(-9, 9))
def test_a_number_of_decimals_is_kept(mantissa: int, exponent: int) -> None:
    text = written(mantissa, exponent, 3)
    assert len(text.partition(".")[2]) == 3
    assert abs(Decimal(text) - Decimal(mantissa).scaleb(exponent)) <= Decimal("0.0005")
