"""The 27 parameters of the meter, by the menu numbers under which REST and the Modbus menu know them.

``origin`` says what the manual gives: E the enumeration, N the name; without either the meaning is inferred (DEC-47).
Source: communication manual, `v1/system_parameters`; specification, sections 5 and 7.12.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass

from wattproof.errors import InvalidValue, UnknownName


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter. ``allowed`` are its values, ``words`` how many registers hold it, high word first."""

    id: str
    origin: str
    allowed: range
    default: int
    meaning: str
    symbols: Mapping[int, str] | None = None
    words: int = 1

    @property
    def menu(self) -> int:
        return int(self.id[1:3])

    @property
    def number(self) -> int:
        return int(self.id[4:6])

    @property
    def splits(self) -> bool:
        """Whether REST takes it as four byte fields too (7.11)."""
        return self.menu == 5

    @property
    def limits(self) -> str:
        """What it takes, for people."""
        if self.symbols:
            return ", ".join(f"{value} {name}" for value, name in self.symbols.items())
        return f"{self.allowed.start}..{self.allowed.stop - 1}"

    def read(self, text: str) -> int:
        """The value that a text names: a number, a symbol, or a dotted address for P05_03.

        Raises ``InvalidValue``.
        """
        found = None
        if text.isascii() and text.isdigit() and len(text) <= 10:
            found = int(text)
        elif self.id == IP_ADDRESS and "." in text:
            try:
                found = int(ipaddress.IPv4Address(text))
            except ValueError:
                found = None
        elif self.symbols:
            found = next((value for value, name in self.symbols.items() if name.casefold() == text.casefold()), None)
        if found is None or found not in self.allowed:
            raise InvalidValue(f"parameter {self.id}: {text!r} is not possible: write {self.limits}")
        return found


_SWITCH = {0: "OFF", 1: "ON"}
#: Values of one word, and of two.
WORD, LONG = range(1 << 16), range(1 << 32)
BAUD_RATES = (1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200)
#: Data bits and parity (P04_03); the last two work with ASCII alone.
FORMATS = {0: "8N", 1: "8O", 2: "8E", 3: "7O", 4: "7E"}
SEVEN_BIT = (3, 4)
IP_ADDRESS, PASSWORD = "P05_03", "P03_02"


def _choice(id: str, origin: str, symbols: Mapping[int, str], default: int, meaning: str) -> Parameter:
    return Parameter(id, origin, range(len(symbols)), default, meaning, symbols)


def _stored(id: str, origin: str = "", default: int = 0, meaning: str = "stored only") -> Parameter:
    return _choice(id, origin, _SWITCH, default, meaning)


def _long(id: str, default: int = 0, meaning: str = "stored only", origin: str = "") -> Parameter:
    return Parameter(id, origin, LONG, default, meaning, words=2)


PARAMETERS = (
    Parameter("P01_01", "", WORD, 0, "stored only"),
    _stored("P02_01", "E N", 0, "OBIS mode of the display"),
    _stored("P02_02", "E"),
    _stored("P02_03", "E"),
    _stored("P02_04", "E"),
    _choice("P02_05", "E", {0: "°C", 1: "°F"}, 0, "temperature unit of the display"),
    _stored("P03_01", "E", 1, "stored only (likely password enable)"),
    Parameter(PASSWORD, "", WORD, 2000, "advanced password (inferred)"),
    Parameter("P04_01", "", range(1, 248), 1, "serial node number (inferred)"),
    _choice("P04_02", "E", {index: str(rate) for index, rate in enumerate(BAUD_RATES)}, 3, "serial speed, bit/s"),
    _choice("P04_03", "E", FORMATS, 0, "data bits and parity"),
    Parameter("P04_04", "", range(1, 3), 1, "stop bits (inferred)"),
    _choice("P04_05", "E", {0: "RTU", 1: "ASCII"}, 0, "serial protocol"),
    _stored("P04_06", "E"),
    _long("P05_01"),
    _long("P05_02"),
    _long(IP_ADDRESS, 0xC0A80101, "IP address", "N"),
    _long("P05_04", 0xFFFFFF00, "stored only (likely subnet mask)"),
    _choice("P05_05", "E", {0: "Slave", 1: "Gateway"}, 0, "Modbus role on Ethernet"),
    _long("P05_06"),
    _long("P05_07"),
    _long("P05_08"),
    _long("P05_09"),
    _choice("P05_10", "E", {0: "RTU", 1: "TCP"}, 1, "framing on the Modbus socket (DEC-13)"),
    _stored("P05_11", "E", 0, "TLS (inferred)"),
    _choice("P06_01", "E", {0: "HEX", 1: "BASE64"}, 0, "signature format"),
    Parameter("P06_02", "", WORD, 1440, "time synchronisation timeout, minutes (inferred)"),
)
BY_ID = {parameter.id: parameter for parameter in PARAMETERS}
_BY_PLACE = {(parameter.menu, parameter.number): parameter for parameter in PARAMETERS}


def parameter(text: str) -> Parameter:
    """The parameter called ``P05_03``, ``P05.03`` or ``p05_03``. Raises ``UnknownName``."""
    found = BY_ID.get(text.upper().replace(".", "_"))
    if found is None:
        raise UnknownName(f"no parameter is called {text!r}; there are {', '.join(BY_ID)}")
    return found


def at(menu: int, submenu: int, number: int) -> Parameter | None:
    """The parameter that the Modbus menu shows there (section 5)."""
    return None if submenu else _BY_PLACE.get((menu, number))


def contradiction(values: Mapping[str, int]) -> str | None:
    """Why these values do not go together: seven data bits need ASCII (7.12)."""
    if values["P04_03"] in SEVEN_BIT and values["P04_05"] == 0:
        return f"P04_03 = {FORMATS[values['P04_03']]} works only with ASCII (P04_05 = 1)"
    return None
