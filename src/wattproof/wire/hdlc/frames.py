"""HDLC frames of format type 3 (IEC 62056-46, annex H; abb-meters.md 2.1).

``7E | format 2 | destination 1/2/4 | source 1/2/4 | control 1 | HCS 2 | information | FCS 2 | 7E``; a frame without
information has no HCS. No byte is stuffed: the format field says how long the frame is, so a ``7E`` may stand inside.

>>> frame = Frame(Address.server(17), Address.client(16), control(Kind.SNRM))
>>> frame.encode().hex(" ")
'7e a0 08 02 23 21 93 bd 64 7e'
>>> decode(frame.encode()) == frame
True
"""

from __future__ import annotations

from typing import NamedTuple

from wattproof.errors import FrameError, InvalidValue
from wattproof.model.codec.crc import crc16_x25, intact_x25
from wattproof.wire.hdlc import addresses
from wattproof.wire.hdlc.addresses import Address
from wattproof.wire.hdlc.controls import CONTROLS, Control, Kind, control

__all__ = ["FLAG", "LONGEST", "SHORTEST", "Control", "Frame", "Kind", "Partial", "control", "decode", "parse"]

FLAG = 0x7E
_FLAG = b"\x7e"
_TYPE, _TYPE_MASK, _SEGMENTED, _LENGTH = 0xA0, 0xF0, 0x0800, 0x07FF
#: Bytes between the flags: format, two addresses, control, FCS; and what eleven bits can say.
SHORTEST, LONGEST = 7, 2047


class Partial(Exception):
    """The bytes end before the frame does; so many more are needed at least."""


class Frame(NamedTuple):
    """One frame. ``segmented``: more frames follow that belong to the same message."""

    destination: Address
    source: Address
    control: Control
    information: bytes = b""
    segmented: bool = False

    @property
    def kind(self) -> Kind:
        return self.control.kind

    def encode(self) -> bytes:
        """The bytes with both flags. Raises ``InvalidValue`` where they are more than the format field can say."""
        head = self.destination.octets + self.source.octets + bytes((self.control.octet,))
        size = len(head) + 4 + (len(self.information) + 2 if self.information else 0)
        if size > LONGEST:
            raise InvalidValue(f"an HDLC frame of {size} bytes is longer than {LONGEST}; send it in segments")
        data = (_TYPE << 8 | (_SEGMENTED if self.segmented else 0) | size).to_bytes(2, "big") + head
        if self.information:
            data += crc16_x25(data).to_bytes(2, "little") + self.information
        return _FLAG + data + crc16_x25(data).to_bytes(2, "little") + _FLAG

    def __str__(self) -> str:
        numbers = {Kind.I: f" N(S)={self.control.ns} N(R)={self.control.nr}"}.get(self.kind, "")
        return f"{self.kind}{numbers} {self.source} > {self.destination}, {len(self.information)} bytes"


def decode(octets: bytes) -> Frame:
    """The frame of exactly these bytes, flags included. Raises ``FrameError``."""
    if not octets.startswith(_FLAG):
        raise FrameError("an HDLC frame begins with 7E")
    try:
        frame, end = parse(octets, 1)
    except Partial as partial:
        raise FrameError(f"the HDLC frame ends too early: {partial} bytes are missing") from None
    if end + 1 != len(octets):
        raise FrameError(f"{len(octets) - end - 1} bytes after the closing flag of the HDLC frame")
    return frame


def parse(data: bytes, at: int) -> tuple[Frame, int]:
    """The frame whose format field begins ``at``, and where its closing flag stands.

    Whatever can be judged is judged at once, so a header that lies about the length is found out by its HCS before
    the announced bytes have come.

    Raises:
        Partial: so far it may be one.
        FrameError: it is none, or damaged.
    """
    available = len(data) - at
    if available < 1:
        raise Partial(SHORTEST)
    if data[at] & _TYPE_MASK != _TYPE:
        raise FrameError(f"format {data[at]:02X} is not type 3 (A)")
    if available < 2:
        raise Partial(SHORTEST - available)
    word = data[at] << 8 | data[at + 1]
    size = word & _LENGTH
    if size < SHORTEST:
        raise FrameError(f"length {size} of an HDLC frame is below {SHORTEST}")
    split = at + 2 + _address_length(data, at + 2, size)
    place = split + _address_length(data, split, size - (split - at))
    _check_header(data, at, place + 1, size)
    end = at + size
    if len(data) <= end:
        raise Partial(end + 1 - len(data))
    if data[end] != FLAG:
        raise FrameError(f"{data[end]:02X} stands where the HDLC frame should end with 7E")
    if not intact_x25(data[at:end]):
        raise FrameError("the FCS of the HDLC frame is wrong")
    destination, source = addresses.decode(data[at + 2 : split]), addresses.decode(data[split:place])
    information = data[place + 3 : end - 2]
    return Frame(destination, source, CONTROLS[data[place]], information, bool(word & _SEGMENTED)), end


def _address_length(data: bytes, at: int, room: int) -> int:
    size = addresses.length(data, at)
    if size == 0:
        raise Partial(1)
    if size < 0 or size > room:
        raise FrameError("the address of the HDLC frame has not 1, 2 or 4 bytes")
    return size


def _check_header(data: bytes, at: int, end: int, size: int) -> None:
    """HCS, where there is one: everything up to the control field, which ends at ``end``."""
    rest = size - (end - at)
    if rest == 2:
        return
    if rest < 5:
        raise FrameError(f"length {size} leaves {rest} bytes after the header of the HDLC frame")
    if len(data) < end + 2:
        raise Partial(end + 2 - len(data))
    if not intact_x25(data[at : end + 2]):
        raise FrameError("the HCS of the HDLC frame is wrong")
