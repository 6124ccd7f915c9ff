"""Units and their DLMS codes."""

from __future__ import annotations

import pytest

from wattproof.errors import UnknownName
from wattproof.model import units
from wattproof.model.units import UNITS, Unit, by_dlms, by_symbol, prefixed


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name or "none")
def test_every_unit_is_found_by_its_symbol(unit: Unit) -> None:
    assert by_symbol(unit.symbol) is unit


@pytest.mark.parametrize("unit", [unit for unit in UNITS if unit.dlms != units.OTHER], ids=lambda unit: unit.name)
def test_every_dlms_code_names_one_unit(unit: Unit) -> None:
    assert by_dlms(unit.dlms) is unit


@pytest.mark.parametrize(
    ("code", "symbol"),
    [(27, "W"), (28, "VA"), (29, "var"), (30, "Wh"), (31, "VAh"), (32, "varh"), (33, "A"), (35, "V"), (44, "Hz")],
)
def test_codes_of_the_blue_book(code: int, symbol: str) -> None:
    assert by_dlms(code).symbol == symbol


@pytest.mark.parametrize(
    ("written", "symbol", "exponent"),
    [
        ("kWh", "Wh", 3),
        ("Wh", "Wh", 0),
        ("MWh", "Wh", 6),
        ("mA", "A", -3),
        ("min", "min", 0),
        ("m", "m", 0),
        ("Pct", "%", 0),
        ("kvarh", "varh", 3),
    ],
)
def test_prefixes_are_powers_of_ten(written: str, symbol: str, exponent: int) -> None:
    assert prefixed(written) == (by_symbol(symbol), exponent)


@pytest.mark.parametrize("written", ["wh", "kkWh", "k", "volt"])
def test_unknown_symbols_are_refused_by_name(written: str) -> None:
    with pytest.raises(UnknownName, match=repr(written)):
        prefixed(written)


def test_unknown_codes_are_refused() -> None:
    with pytest.raises(UnknownName, match="254"):
        by_dlms(units.OTHER)
