"""The map file of a generic Modbus meter (g13-api.md 10.5): TOML, checked whole when it is loaded.

Every refusal names file, line and key. What a file says becomes the rows that all drivers of register meters use: one
block a Modbus function, named after its kind, whose points have the names of their quantities.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from wattproof.errors import UnknownName
from wattproof.io import tomlfile
from wattproof.io.tomlfile import InvalidFile, Section
from wattproof.meters.mapped.keys import (
    ADDRESSES,
    CLOCK,
    CLOCKS,
    COILS,
    DISCRETE,
    FILE,
    IDENTITY,
    POINTS,
    PROBES,
    SECTIONS,
    SPACES,
    TEXTS,
)
from wattproof.meters.mapped.quantities import PORT_STATES, QUANTITIES
from wattproof.meters.mapped.types import BIT, NUMBERS, PowerOfTen, RegisterBit, arranged, pattern
from wattproof.model.quantities import Kind, Quantity
from wattproof.model.units import NONE, PERCENT, SECOND, Unit, prefixed
from wattproof.model.values import Scaled
from wattproof.wire.modbus.bindings import Access, Block, Point, RegisterMap
from wattproof.wire.modbus.types import SUNSSF, Float, WireType, string


@dataclass(frozen=True, slots=True)
class MapPoint:
    """One ``[[point]]``. ``path``: its point in the rows. ``quantity``: its name, ``""`` for one that is only a flag.

    ``modulus``: where a counter begins anew, in the unit of the quantity. ``poll``: ``""``, the quantity decides.
    """

    path: str
    quantity: str
    modulus: Scaled | None = None
    poll: str = ""
    flag: str = ""
    writable: bool = False


@dataclass(frozen=True, slots=True)
class Probe:
    """One ``[[probe]]``: what must stand at a register of this meter."""

    function: int
    address: int
    type: WireType
    equals: int | str


@dataclass(frozen=True, slots=True)
class MeterMap:
    """A map file. ``spaces``: rows by Modbus function. ``identity``: paths of the points about the meter by section."""

    name: str
    title: str
    source: str
    spaces: Mapping[int, RegisterMap]
    points: tuple[MapPoint, ...]
    identity: Mapping[str, str] = field(default_factory=dict)
    clock_writable: bool = False
    probes: tuple[Probe, ...] = ()
    max_registers: int = 100
    max_gap: int = 0
    transformer: bool = False


# Loading --------------------------------------------------------------------------------------------------------------


def find_map(text: str, folders: Iterable[Path] = ()) -> Path:
    """The file of a map by its path, or by its name in one of the folders.

    Raises ``UnknownName``.
    """
    names = (text,) if text.endswith(".toml") else (text, f"{text}.toml")
    places = [Path(text).expanduser(), *(folder / name for folder in folders for name in names)]
    tried = list(dict.fromkeys(places))
    for path in tried:
        if path.is_file():
            return path
    raise UnknownName(f"there is no map file {text!r}: looked for {', '.join(map(str, tried))}")


def maps_in(folders: Iterable[Path]) -> list[MeterMap]:
    """All maps of the folders, by file name within each; files that are no maps are left out, with a warning."""
    return [*map_files(folders).values()]


def map_files(folders: Iterable[Path], but: Container[Path | None] = ()) -> dict[Path, MeterMap]:
    """The same with their files; ``but`` are files that are something else, as are files that hold no points at all."""
    found = {}
    for path in (path for folder in folders for path in sorted(folder.glob("*.toml"))):
        if path in but:
            continue
        try:
            read = tomlfile.read(path)
            if "point" in read.data:
                found[path] = _built(read)
        except InvalidFile as error:
            logging.getLogger(__name__).warning("no map file: %s", error)
    return found


def load_map(path: Path | str) -> MeterMap:
    """Read and check a map file. Raises ``InvalidFile``."""
    return _built(tomlfile.read(path))


def parse_map(text: str, path: Path | str = "map") -> MeterMap:
    """The same for text at hand."""
    return _built(tomlfile.parse(text, path))


def _built(file: Section) -> MeterMap:
    values = file.take(FILE, sections=SECTIONS)
    rows = _Rows(values)
    identity = {name: rows.text(section, name) for name in IDENTITY for section in file.sections(name)}
    clock_writable = False
    for section in file.sections("clock"):
        identity[CLOCK], clock_writable = rows.clock(section)
    points = [rows.point(section) for section in file.sections("point", many=True)]
    if not points:
        raise file.wrong("point", "missing; a map without points says nothing", missing=True)
    return MeterMap(
        values["name"],
        values["title"],
        values["source"],
        rows.spaces(),
        tuple(points),
        identity,
        clock_writable,
        tuple(rows.probe(section) for section in file.sections("probe", many=True)),
        values["max_registers"],
        values["max_gap"],
        values["transformer"],
    )


class _Rows:
    """Rows by function, as they come."""

    def __init__(self, file: Mapping[str, Any]) -> None:
        self._file = file
        self._words, self._octets = (file[name] == "little" for name in ("word_order", "byte_order"))
        self._places: dict[int, list[tuple[int, Point]]] = {}
        self._quantities: set[str] = set()
        self._names: set[str] = set()

    def spaces(self) -> dict[int, RegisterMap]:
        """One block a function, from its first to its last register."""
        found = {}
        for function, places in sorted(self._places.items()):
            first = min(address for address, _ in places)
            end = max(address + point.registers for address, point in places)
            rows = tuple(_moved(point, address - first) for address, point in places)
            found[function] = RegisterMap([Block(SPACES[function], first, end - first, rows)])
        return found

    # Sections

    def text(self, section: Section, name: str) -> str:
        """``[serial]`` and its like."""
        values = section.take(TEXTS)
        kind = self._text_type(section, values)
        quantity = Quantity(IDENTITY[name], Kind.TEXT)
        return self._add(section, values, Point(IDENTITY[name], 0, kind, quantity, source=self._file["source"]))

    def clock(self, section: Section) -> tuple[str, bool]:
        """``[clock]``: UTC seconds."""
        values = section.take(CLOCKS)
        writable = values["access"] == "rw"
        function = values["function"] or self._file["function"]
        if writable and function != 3:
            raise section.wrong("access", "only holding registers (function 3) can be written")
        kind = arranged(NUMBERS["u32"], words=self._words, octets=self._octets)
        access = Access.READ_WRITE if writable else Access.READ
        point = Point(
            CLOCK, 0, kind, Quantity(CLOCK, Kind.TIME, SECOND, "0-0:1.0.0"), access=access, source=self._file["source"]
        )
        return self._add(section, values, point), writable

    def probe(self, section: Section) -> Probe:
        """``[[probe]]``."""
        values = section.take(PROBES)
        kind = self._text_type(section, values)
        equals = values["equals"]
        if isinstance(equals, str) != (values["type"] == "str"):
            raise section.wrong("equals", f"{equals!r} is no value of the type {values['type']}")
        function = values["function"] or self._file["function"]
        return Probe(function, self._address(section, "address", values["address"], kind.registers), kind, equals)

    def point(self, section: Section) -> MapPoint:
        """``[[point]]``."""
        values = section.take(POINTS)
        name, quantity = self._what(section, values)
        kind = self._bool(section, values) if values["type"] == "bool" else self._number(section, values)
        unit, power = self._unit(section, values, quantity)
        factor, scale = self._scale(section, values, power)
        writable = values["access"] == "rw"
        if writable and values["function"] != COILS:
            raise section.wrong("access", "rw is for outputs: coils, function 1")
        point = Point(
            name, 0, kind, Quantity(quantity.name, quantity.kind, unit, quantity.obis, quantity.phase),
            access=Access.READ_WRITE if writable else Access.READ, scale=scale, source=self._file["source"],
            factor=factor,
        )  # fmt: skip
        path = self._add(section, values, point)
        modulus = self._modulus(section, values, kind, quantity, power)
        return MapPoint(path, values["quantity"] or "", modulus, values["poll"], values["flag"], writable)

    # Parts of a point

    def _what(self, section: Section, values: Mapping[str, Any]) -> tuple[str, Quantity]:
        """Name and quantity of a point; a flag may be nothing else."""
        name = values["quantity"]
        if values["flag"] and values["type"] != "bool":
            raise section.wrong("flag", "only a point of the type bool is a flag")
        if name is None:
            if not values["flag"]:
                raise section.wrong("quantity", "missing; only a flag needs none", missing=True)
            slug = re.sub(r"[^a-z0-9]+", "_", values["flag"].lower()).strip("_")
            return f"flag_{slug}", Quantity(f"flag_{slug}", Kind.STATE, description=values["flag"])
        if name in self._quantities:
            raise section.wrong("quantity", f"{name}: there are two points of this quantity")
        self._quantities.add(name)
        return name, QUANTITIES[name] if name in QUANTITIES else PORT_STATES[name]

    def _number(self, section: Section, values: Mapping[str, Any]) -> WireType:
        for name, wanted in (("bit", values["bit"] is not None), ("function", values["function"] in (COILS, DISCRETE))):
            if wanted:
                raise section.wrong(name, "this is for points of the type bool")
        if values["quantity"] in PORT_STATES:
            raise section.wrong("type", "the state of one port is bool")
        kind = NUMBERS[values["type"]]
        try:
            nothing = frozenset(pattern(kind, _raw(value)) for value in values["invalid"])
        except ValueError as error:
            raise section.wrong("invalid", str(error)) from None
        return arranged(kind, words=self._words, octets=self._octets, nothing=nothing)

    def _bool(self, section: Section, values: Mapping[str, Any]) -> WireType:
        for name in ("scale", "scale_register", "modulus"):
            if values[name] is not None:
                raise section.wrong(name, "a point of the type bool has none")
        if values["invalid"]:
            raise section.wrong("invalid", "a point of the type bool has none")
        if values["function"] in (COILS, DISCRETE):
            if values["bit"] is not None:
                raise section.wrong("bit", "a coil or discrete input (function 1, 2) is one bit already")
            return BIT
        if values["bit"] is None:
            raise section.wrong("bit", "missing; which bit of the register, or function 1 or 2", missing=True)
        return RegisterBit("bool", 1, bit=values["bit"], octets=self._octets)

    def _unit(self, section: Section, values: Mapping[str, Any], quantity: Quantity) -> tuple[Unit, int]:
        """Unit of the quantity, and the power of ten that leads there from the source unit."""
        text = values["unit"]
        if text is None:
            if values["type"] != "bool":
                raise section.wrong("unit", "missing; it is required", missing=True)
            text = "none"
        unit, power = (NONE, 0) if text == "none" else prefixed("°" if text == "deg" else text)
        if unit == quantity.unit:
            return unit, power
        if unit is PERCENT and quantity.name.startswith("power_factor"):
            return quantity.unit, -2
        wanted = quantity.unit.symbol or "none"
        raise section.wrong("unit", f"{text!r} is of another dimension than {quantity.name} ({wanted})")

    def _scale(self, section: Section, values: Mapping[str, Any], power: int) -> tuple[int, int | str]:
        """What a number is multiplied by: an integer, and a power of ten or the point that gives one."""
        register = values["scale_register"]
        if register is None:
            mantissa, exponent = _reduced(Scaled.of(values["scale"] or Decimal(1)))
            if not SUNSSF.low <= exponent + power <= SUNSSF.high:
                raise section.wrong("scale", "a power of ten from -10 to 10 in the unit of the quantity is possible")
            return mantissa, exponent + power
        if values["scale"] is not None:
            raise section.wrong("scale_register", "scale and scale_register exclude each other")
        address = self._address(section, "scale_register", register, 1)
        name = f"scale_{address}" + (f"_{power}" if power else "")
        kind = PowerOfTen("sunssf", 1, inner=arranged(SUNSSF, octets=self._octets), shift=power)
        quantity = Quantity("scale_factor", Kind.SETTING)
        point = Point(name, 0, kind, quantity, source=self._file["source"])
        self._place(section, "scale_register", self._function(values), address, point)
        return 1, name

    def _modulus(
        self, section: Section, values: Mapping[str, Any], kind: WireType, quantity: Quantity, power: int
    ) -> Scaled | None:
        """Where a counter begins anew: as the file says in its source unit, else what its type can hold."""
        given = values["modulus"]
        inner = NUMBERS.get(values["type"])
        if isinstance(inner, Float) and given is not None:
            raise section.wrong("modulus", "a number of the type f32 or f64 has none")
        if given is not None:
            if given < 0:
                raise section.wrong("modulus", "it is positive")
            exact = Scaled.of(given)
            return Scaled(exact.mantissa, exact.exponent + power)
        if quantity.kind is not Kind.COUNTER or values["scale_register"] is not None or inner is None:
            return None
        span = _span(values["type"], kind.registers)
        if span is None:
            return None
        mantissa, exponent = _reduced(Scaled.of(values["scale"] or Decimal(1)))
        return Scaled(span * abs(mantissa), exponent + power)

    # Places

    def _text_type(self, section: Section, values: Mapping[str, Any]) -> WireType:
        if values["type"] == "str":
            if values["registers"] is None:
                raise section.wrong("registers", "missing; how long is the text", missing=True)
            return arranged(string(values["registers"]), octets=self._octets)
        return arranged(NUMBERS[values["type"]], words=self._words, octets=self._octets)

    def _function(self, values: Mapping[str, Any]) -> int:
        return int(values["function"] or self._file["function"])

    def _add(self, section: Section, values: Mapping[str, Any], point: Point) -> str:
        """Put a point in its place; its path."""
        if point.name in self._names:
            raise section.wrong("flag", f"two points are called {point.name}")
        self._names.add(point.name)
        function = self._function(values)
        address = self._address(section, "address", values["address"], point.registers)
        self._place(section, "address", function, address, point)
        return f"{SPACES[function]}.{point.name}"

    def _address(self, section: Section, key: str, printed: int, registers: int) -> int:
        """0-based address of what the file prints."""
        address = printed - int(self._file["base"])
        if address < 0:
            raise section.wrong(key, "numbers begin with 1 where base is 1")
        if address + registers > ADDRESSES:
            raise section.wrong(key, f"{printed} and its {registers} registers reach beyond 65536")
        return address

    def _place(self, section: Section, key: str, function: int, address: int, point: Point) -> None:
        places = self._places.setdefault(function, [])
        for other, present in places:
            if other < address + point.registers and address < other + present.registers:
                if present.name == point.name:
                    return  # a scale register of several points
                if other != address or _form(present.type) != _form(point.type):
                    raise section.wrong(key, f"{point.name} overlaps {present.name}, which is of another type")
        places.append((address, point))


def _form(kind: WireType) -> str:
    """What has to be equal for two points to share a register: bits of one register are all of one type."""
    return kind.name


def _moved(point: Point, offset: int) -> Point:
    return Point(
        point.name, offset, point.type, point.quantity, access=point.access, scale=point.scale, source=point.source,
        factor=point.factor,
    )  # fmt: skip


def _raw(value: Any) -> int | str:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(f"{value!r} is no raw value: write a number or hexadecimal text such as 0xFFFF")
    return value


def _reduced(exact: Scaled) -> tuple[int, int]:
    """Mantissa without factors of ten, and exponent.

    >>> _reduced(Scaled(250, -1))
    (25, 0)
    """
    mantissa, exponent = exact.mantissa, exact.exponent
    while mantissa % 10 == 0:
        mantissa, exponent = mantissa // 10, exponent + 1
    return mantissa, exponent


def _span(type: str, registers: int) -> int | None:
    """How many values a counter of a type has before it begins anew; ``None`` for signed numbers and floats."""
    if type.startswith("u"):
        return 1 << 16 * registers
    return int("1" + "0" * 4 * registers) if type.startswith("bcd") else None
