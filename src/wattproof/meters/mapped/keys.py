"""What may stand in a map file: every key, its type and its limits (g13-api.md 10.5)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from wattproof.io.tomlfile import Key
from wattproof.meters.mapped.quantities import PORT_STATES, QUANTITIES
from wattproof.meters.mapped.types import NUMBERS

#: Names of the blocks by function.
SPACES = {1: "coils", 2: "inputs", 3: "holding", 4: "input"}
COILS, DISCRETE = 1, 2
ADDRESSES = 0x10000
#: Source units.
UNITS = "Wh kWh MWh varh kvarh VAh kVAh W kW var kvar VA kVA V mV A mA Hz % deg none".split()
#: Sections of texts about the meter, and what their points are called.
IDENTITY = {"serial": "serial_number", "firmware": "firmware", "hardware": "hardware"}
CLOCK = "clock"
POLLS = ("live", "energy", "static")


def _choice(*names: Any) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if value not in names:
            raise ValueError("one of " + ", ".join(map(str, names)))
        return value

    return check


def _between(low: int, high: int) -> Callable[[int], int]:
    def check(value: int) -> int:
        if not low <= value <= high:
            raise ValueError(f"from {low} to {high}")
        return value

    return check


def _filled(value: str) -> str:
    if not value.strip():
        raise ValueError("not empty")
    return value


def _quantity(value: str) -> str:
    name = value.lower()
    if name not in QUANTITIES and name not in PORT_STATES:
        raise ValueError("no such quantity; names are those of the parameter table, such as voltage_l1")
    return name


def _decimal(value: str) -> Decimal:
    try:
        number = Decimal(value)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or not number:
        raise ValueError("a decimal number as text other than 0, such as 0.1")
    return number


_TEXT, _WHOLE, _SWITCH = (str,), (int,), (bool,)
_ADDRESS = Key("address", _WHOLE, check=_between(0, ADDRESSES))
_FUNCTION = Key("function", _WHOLE, None, _choice(1, 2, 3, 4))
_REGISTERS = Key("registers", _WHOLE, None, _between(1, 125))
FILE = (
    Key("name", _TEXT, check=_filled),
    Key("title", _TEXT, check=_filled),
    Key("source", _TEXT, check=_filled),
    Key("function", _WHOLE, 3, _choice(3, 4)),
    Key("base", _WHOLE, 0, _choice(0, 1)),
    Key("word_order", _TEXT, "big", _choice("big", "little")),
    Key("byte_order", _TEXT, "big", _choice("big", "little")),
    Key("max_registers", _WHOLE, 100, _between(1, 125)),
    Key("max_gap", _WHOLE, 0, _between(0, ADDRESSES)),
    Key("transformer", _SWITCH, False),
)
TEXTS = (_ADDRESS, Key("type", _TEXT, check=_choice("str", *NUMBERS)), _REGISTERS, _FUNCTION)
CLOCKS = (
    _ADDRESS, Key("type", _TEXT, check=_choice("unix32")), Key("access", _TEXT, "r", _choice("r", "rw")), _FUNCTION,
)  # fmt: skip
PROBES = (
    _ADDRESS,
    Key("type", _TEXT, check=_choice("str", *NUMBERS)),
    Key("equals", (int, str)),
    _REGISTERS,
    _FUNCTION,
)
POINTS = (
    Key("quantity", _TEXT, None, _quantity),
    _ADDRESS,
    Key("type", _TEXT, check=_choice(*NUMBERS, "bool")),
    Key("unit", _TEXT, None, _choice(*UNITS)),
    Key("scale", _TEXT, None, _decimal),
    Key("scale_register", _WHOLE, None, _between(0, ADDRESSES)),
    Key("invalid", (list,), ()),
    Key("modulus", _TEXT, None, _decimal),
    Key("poll", _TEXT, "", _choice(*POLLS)),
    Key("access", _TEXT, "r", _choice("r", "rw")),
    Key("flag", _TEXT, "", _filled),
    Key("bit", _WHOLE, None, _between(0, 15)),
    _FUNCTION,
)
SECTIONS = ("serial", "firmware", "hardware", "clock", "probe", "point")
