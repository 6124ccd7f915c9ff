"""The messages of EN 62056-21 as bytes, both roles side by side.

Characters have seven bits; this module sees them as bytes with bit 7 clear. Notation of the standard, clause 6.3::

    request         / ? address ! CR LF
    identification  / XXX Z text CR LF                XXX maker, Z bit rate (mode C: a digit)
    acknowledge     ACK V Z Y CR LF                   V protocol, Z bit rate, Y 0 readout, 1 programming
    readout         STX data-lines ! CR LF ETX BCC    data line: code(value*unit) CR LF
    command         SOH C D [STX data] ETX BCC        C D: P0 P1 R1 W1 B0
    answer          STX data ETX BCC
    packet (D0)     identification CR LF data-lines ! CR LF
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from operator import xor

from wattproof.errors import FrameError, InvalidValue

SOH, STX, ETX, ACK, NAK = b"\x01", b"\x02", b"\x03", b"\x06", b"\x15"
CRLF = b"\r\n"

#: Mode C bit rates by identification character (clause 6.3.14, table of Z).
RATES = {"0": 300, "1": 600, "2": 1200, "3": 2400, "4": 4800, "5": 9600, "6": 19200}
#: Mode B bit rates; ``A`` is 600. Mode A has any other character.
RATES_B = {"A": 600, "B": 1200, "C": 2400, "D": 4800, "E": 9600, "F": 19200}
#: Bits of a character on a serial device: start, 7 data, even parity, stop (clause 5.2).
BITS = 10

_IDENTIFICATION = re.compile(r"/([!-~]{3})([ -'*-~])([ -~]*)\Z")
_REQUEST = re.compile(rb"/\?([ -~]{0,32})!\Z")
_DATA_SET = re.compile(r"([^()\r\n]*)\(([^()\r\n]*)\)")
_PREFIX = re.compile(r"\A\d{1,3}-\d{1,3}:")


def bcc(data: bytes) -> int:
    """Block check character: exclusive or of all bytes after the first STX or SOH up to and including ETX."""
    return reduce(xor, data, 0)


@dataclass(frozen=True, slots=True)
class Request:
    """A sign-on; an empty address means any meter."""

    address: str = ""

    def encode(self) -> bytes:
        return b"/?" + _ascii(self.address, "device address") + b"!" + CRLF

    @classmethod
    def parse(cls, line: bytes) -> Request | None:
        """The request in a line without its CR LF, or ``None``."""
        match = _REQUEST.match(line)
        return cls(match[1].decode("ascii")) if match else None


@dataclass(frozen=True, slots=True)
class Identification:
    """Who answers: three characters of the maker, the bit rate character, and the maker's own text."""

    manufacturer: str
    rate: str
    text: str

    @property
    def mode(self) -> str:
        """Protocol mode by the rate character: ``C``, ``B`` or ``A``."""
        return "C" if self.rate in RATES else "B" if self.rate in RATES_B else "A"

    @property
    def baudrate(self) -> int:
        """The offered bit rate in bit/s; 300 in mode A."""
        return RATES.get(self.rate) or RATES_B.get(self.rate) or 300

    def encode(self) -> bytes:
        return b"/" + _ascii(self.manufacturer + self.rate + self.text, "identification") + CRLF

    @classmethod
    def parse(cls, line: bytes) -> Identification:
        """The identification in a line without its CR LF.

        Raises:
            FrameError: the line is none.
        """
        match = _IDENTIFICATION.match(line.decode("latin-1"))
        if match is None:
            raise FrameError(f"{line[:32]!r} is no identification of EN 62056-21: expected '/XXXZ...'")
        return cls(match[1], match[2], match[3])


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """The reader's choice: protocol (0 normal), bit rate character, and 0 readout or 1 programming."""

    protocol: str
    rate: str
    control: str

    def encode(self) -> bytes:
        return ACK + _ascii(self.protocol + self.rate + self.control, "acknowledge") + CRLF


@dataclass(frozen=True, slots=True)
class DataSet:
    """One ``code(value*unit)``. ``unit`` is ``None`` without a unit; ``code`` may be empty."""

    code: str
    value: str
    unit: str | None = None

    @property
    def canonical(self) -> str:
        """The code without ``1-0:`` and ``*255``, three groups long: ``1-0:F.F`` becomes ``F.F.0``."""
        code = _PREFIX.sub("", self.code.strip()).upper().removesuffix("*255")
        return f"{code}.0" if code.count(".") == 1 and "*" not in code else code

    def encode(self) -> bytes:
        unit = "" if self.unit is None else f"*{self.unit}"
        for part in (self.code, self.value, unit):
            if set(part) & set("()!\r\n\x01\x02\x03"):
                raise InvalidValue(f"{part!r} cannot be part of a data set of EN 62056-21: no brackets, no '!'")
        return _ascii(f"{self.code}({self.value}{unit})", "data set")


@dataclass(frozen=True, slots=True)
class Command:
    """A programming message: ``P0``, ``P1``, ``R1``, ``W1``, ``B0``; ``data`` is a data set or ``None``."""

    name: str
    data: DataSet | None = None

    def encode(self) -> bytes:
        body = self.name.encode("ascii") + (STX + self.data.encode() if self.data is not None else b"") + ETX
        return SOH + body + bytes([bcc(body)])


def data_sets(text: bytes) -> tuple[DataSet, ...]:
    """Every data set of a text, in its order. Line ends between them do not matter, nor does a final ``!``.

    Raises:
        FrameError: there is something that is neither a data set nor white space.
    """
    found: list[DataSet] = []
    for line in text.decode("latin-1").replace("\r", "\n").split("\n"):
        line = line.strip()
        if line == "!":
            break
        position = 0
        while position < len(line):
            match = _DATA_SET.match(line, position)
            if match is None:
                raise FrameError(f"data line {line[:48]!r} is no 'code(value*unit)'")
            value, star, unit = match[2].partition("*")
            found.append(DataSet(match[1].strip(), value.strip(), unit.strip() if star else None))
            position = match.end()
    return tuple(found)


def encode_lines(sets: Iterable[DataSet]) -> bytes:
    """Data lines, one set a line, closed by ``!``."""
    return b"".join(item.encode() + CRLF for item in sets) + b"!" + CRLF


def encode_readout(sets: Iterable[DataSet]) -> bytes:
    """A whole readout with STX, ETX and BCC (clause 6.3.4)."""
    return encode_answer(encode_lines(sets))


def encode_answer(data: bytes) -> bytes:
    """STX data ETX BCC: the answer to R1, an error text, or a readout."""
    return STX + data + ETX + bytes([bcc(data + ETX)])


def encode_packet(identification: Identification, sets: Iterable[DataSet]) -> bytes:
    """A packet of the unidirectional interface: no STX, ETX or BCC."""
    return identification.encode() + CRLF + encode_lines(sets)


def sending_time(octets: int, baudrate: int) -> int:
    """Nanoseconds that this many characters take on a serial device."""
    return -(-octets * BITS * 1_000_000_000 // baudrate)


def _ascii(text: str, what: str) -> bytes:
    try:
        return text.encode("ascii")
    except UnicodeEncodeError:
        raise InvalidValue(f"{what} {text!r} has characters beyond seven bits; use ASCII only") from None
