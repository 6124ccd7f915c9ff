"""Value information block: VIF and VIFE, read with the tables of the standard and of a maker (EN 13757-3, 6.4).

Order of bytes: VIF (or FB, FD and the true VIF; or FC, length and text), then combinable VIFE, at the end perhaps a
status or an action below 20. ``FF`` says that the next VIFE is the maker's own; what follows it then is known only to
a :class:`Maker` table (abb-meters.md 1.10), and stays raw without one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from wattproof.model.units import NONE, OTHER, Unit
from wattproof.wire.mbus.application_errors import ApplicationErrorCode, RecordError
from wattproof.wire.mbus.dib import EXTENSION, EXTENSION_LIMIT
from wattproof.wire.mbus.vif import (
    ANY,
    EXTENSIONS,
    FD_SECOND,
    MANUFACTURER,
    PLAIN_TEXT,
    PRIMARY,
    SECOND_LEVEL,
    UNKNOWN,
    Kind,
    Vif,
)
from wattproof.wire.mbus.vife import (
    COMBINABLE,
    COMBINABLE_SECOND,
    NEXT_IS_MANUFACTURER,
    NEXT_IS_SECOND,
    PROFILES,
    Qualifier,
    Vife,
)

STATUS_LIMIT = 0x20
#: Codes of a maker from which on another byte belongs to them (abb-meters.md 1.10), known or not.
FIRST_OF_TWO = 0x78


@dataclass(frozen=True, slots=True)
class Maker:
    """The tables of one manufacturer, layered on those of the standard.

    ``codes``: the VIFE behind ``FF``. ``second``: tables of codes that need one more byte, by the code in front.
    ``numbering``: codes behind which a number follows, and its qualifier's name. ``kinds``: what a quantity of the
    standard in its unit really is for a device subunit. ``headers``: those met so far, by
    their bytes.
    """

    name: str = ""
    codes: Mapping[int, Vif | Vife] = field(default_factory=lambda: MappingProxyType({}))
    second: Mapping[int, Mapping[int, Vif | Vife]] = field(default_factory=lambda: MappingProxyType({}))
    numbering: Mapping[int, str] = field(default_factory=lambda: MappingProxyType({}))
    kinds: Mapping[tuple[str, Unit, int], tuple[str, Unit]] = field(default_factory=lambda: MappingProxyType({}))
    headers: dict[bytes, Any] = field(default_factory=dict, repr=False, compare=False)


STANDARD = Maker()


@dataclass(slots=True)
class Meaning:
    """What a value information block says; ``status`` is the record status or the action, ``None`` if none is sent.

    ``chain`` is the block without the status, so that records are found whether it is sent or not.
    """

    quantity: str = UNKNOWN.quantity
    unit: Unit = NONE
    exponent: int = 0
    kind: Kind = Kind.NUMBER
    phase: str | None = None
    qualifiers: list[Qualifier] = field(default_factory=list)
    status: int | None = None
    chain: bytes = b""
    known: bool = True

    def take(self, row: Vif) -> None:
        """The quantity itself."""
        self.quantity, self.unit, self.exponent, self.kind = row.quantity, row.unit, row.exponent, row.kind

    def qualify(self, row: Vife) -> None:
        """One step further."""
        if row.unit is not None:
            self.unit, self.exponent = row.unit, 0
        self.exponent += row.shift
        self.kind = row.kind or self.kind
        if row.phase is None:
            self.qualifiers.append(Qualifier(row.name))
        else:
            self.phase = row.phase

    def unknown(self, what: str, code: int) -> None:
        """A code without a row."""
        self.qualifiers.append(Qualifier(what, code))
        self.known = False


def block_end(data: bytes, at: int, record: int) -> int:
    """Where the block that begins ``at`` ends, the text of a plain text VIF included.

    Raises:
        RecordError: it has more than ten VIFE, or no end. ``record`` is where its record begins.
    """
    try:
        byte, end = data[at], at + 1
        first = end
        if byte & 0x7F == PLAIN_TEXT:
            end = first = end + 1 + data[end]
        while byte & EXTENSION:
            if end - first == EXTENSION_LIMIT:
                raise RecordError(ApplicationErrorCode.TOO_MANY_VIFE, record, "more than 10 VIFE")
            byte = data[end]
            end += 1
    except IndexError:
        end = len(data) + 1
    if end > len(data):
        raise RecordError(ApplicationErrorCode.PREMATURE_END, record, "its VIF and VIFE have no end")
    return end


def interpret(vib: bytes, subunit: int = 0, maker: Maker = STANDARD) -> Meaning:
    """What a whole block means for a value of this device subunit. Never raises: unknown codes become qualifiers."""
    meaning = Meaning()
    at = _quantity(meaning, vib)
    status_at = _qualifiers(meaning, vib, at, maker)
    meaning.chain = _without_status(vib, status_at)
    kind = maker.kinds.get((meaning.quantity, meaning.unit, subunit))
    if kind is not None:
        meaning.quantity, meaning.unit = kind
    return meaning


def _quantity(meaning: Meaning, vib: bytes) -> int:
    """Read VIF, true VIF or text; gives where the VIFE begin."""
    code = vib[0] & 0x7F
    if code == PLAIN_TEXT:
        end = 2 + vib[1]
        text = vib[2:end][::-1].decode("latin-1")
        meaning.quantity, meaning.unit = "plain_text", Unit(text, text, OTHER)
        return end
    table, at, prefix = PRIMARY, 1, ""
    if code in EXTENSIONS and vib[0] & EXTENSION:
        table, at, prefix = EXTENSIONS[code], 2, f"{code | EXTENSION:02X} "
        code = vib[1] & 0x7F
        if table is EXTENSIONS[0x7D] and code == SECOND_LEVEL and vib[1] & EXTENSION:
            table, at, prefix = FD_SECOND, 3, "FD FD "
            code = vib[2] & 0x7F
    row = table.get(code)
    if row is None:
        meaning.unknown(f"unknown {prefix}VIF", code)
    else:
        meaning.take(row)
    return at


def _qualifiers(meaning: Meaning, vib: bytes, at: int, maker: Maker) -> int:
    """Read the VIFE from ``at``; gives where the status stands, the length of the block if there is none."""
    end = len(vib)
    if vib[0] & 0x7F == MANUFACTURER:
        at = _manufacturer(meaning, vib, at, maker)
    while at < end:
        code = vib[at] & 0x7F
        at += 1
        if code == NEXT_IS_MANUFACTURER:
            at = _manufacturer(meaning, vib, at, maker)
        elif code < STATUS_LIMIT and at == end and code not in PROFILES:
            meaning.status = code
            return at - 1
        elif code < STATUS_LIMIT:
            _combine(meaning, PROFILES, code, "unknown VIFE")
        elif code == NEXT_IS_SECOND and at < end:
            _combine(meaning, COMBINABLE_SECOND, vib[at] & 0x7F, "unknown FC VIFE")
            at += 1
        else:
            _combine(meaning, COMBINABLE, code, "unknown VIFE")
    return end


def _combine(meaning: Meaning, table: Mapping[int, Vife], code: int, unknown: str) -> None:
    row = table.get(code)
    if row is None:
        meaning.unknown(unknown, code)
    else:
        meaning.qualify(row)


def _manufacturer(meaning: Meaning, vib: bytes, at: int, maker: Maker) -> int:
    """Read one code of the maker, with the byte that it announces; gives where the next VIFE stands."""
    if not maker.codes or at == len(vib):
        meaning.known = False
        meaning.qualifiers += (Qualifier("manufacturer VIFE", code) for code in vib[at:])
        return len(vib)
    code, announces = vib[at] & 0x7F, bool(vib[at] & EXTENSION and at + 1 < len(vib))
    at += 1
    row, name = maker.codes.get(code), f"{maker.name} VIFE"
    if announces and code in maker.numbering:
        meaning.qualifiers.append(Qualifier(maker.numbering[code], vib[at] & 0x7F))
        return at + 1
    if announces and code >= FIRST_OF_TWO:
        table, name = maker.second.get(code, {}), f"{maker.name} VIFE {code | EXTENSION:02X}"
        code = vib[at] & 0x7F
        row = table.get(code)
        at += 1
    if row is None:
        meaning.unknown(name, code)
    elif isinstance(row, Vife):
        meaning.qualify(row)
    elif meaning.quantity in (PRIMARY[MANUFACTURER].quantity, PRIMARY[ANY].quantity):
        meaning.take(row)
    else:
        meaning.qualifiers.append(Qualifier(row.quantity))
    return at


def _without_status(vib: bytes, status_at: int) -> bytes:
    if status_at == len(vib):
        return vib
    last = 0 if _is_text(vib, status_at) else status_at - 1  # the byte that says that the status follows
    return vib[:last] + bytes((vib[last] & 0x7F,)) + vib[last + 1 : status_at]


def with_status(chain: bytes, status: int | None) -> bytes:
    """A chain and its record status or action as the last VIFE; ``None`` sends none."""
    if status is None:
        return chain
    last = 0 if _is_text(chain, len(chain)) else len(chain) - 1
    return chain[:last] + bytes((chain[last] | EXTENSION,)) + chain[last + 1 :] + bytes((status,))


def _is_text(vib: bytes, end: int) -> bool:
    """Whether the block up to ``end`` is a plain text VIF alone: its extension bit stands in front of the text."""
    return vib[0] & 0x7F == PLAIN_TEXT and end == 2 + vib[1]
