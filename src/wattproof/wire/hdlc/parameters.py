"""What SNRM asks for and UA grants (IEC 62056-46, 6.4.4.4.3.2; abb-meters.md 2.2).

>>> Parameters(512, 128).encode().hex(" ")
'81 80 13 05 02 02 00 06 01 80 07 04 00 00 00 01 08 04 00 00 00 01'
>>> Parameters(512, 512).grant(Parameters.decode(b""))
Parameters(transmit=128, receive=128, window_transmit=1, window_receive=1)
"""

from __future__ import annotations

from dataclasses import dataclass

from wattproof.errors import FrameError, InvalidValue

_FORMAT, _GROUP = 0x81, 0x80
_HEADER = bytes((_FORMAT, _GROUP))
#: Largest information field that a frame of eleven length bits has room for, whatever its addresses.
LARGEST = 2030
LARGEST_WINDOW = 7
DEFAULT_LENGTH, DEFAULT_WINDOW = 128, 1
#: Parameter identifiers with their field names, and the bytes in which windows are written.
_FIELDS = {0x05: "transmit", 0x06: "receive", 0x07: "window_transmit", 0x08: "window_receive"}
_WINDOW_OCTETS = 4


@dataclass(frozen=True, slots=True)
class Parameters:
    """Longest information fields and windows, as the one who sends them transmits and receives."""

    transmit: int = DEFAULT_LENGTH
    receive: int = DEFAULT_LENGTH
    window_transmit: int = DEFAULT_WINDOW
    window_receive: int = DEFAULT_WINDOW

    def __post_init__(self) -> None:
        for octets in (self.transmit, self.receive):
            if not 1 <= octets <= LARGEST:
                raise InvalidValue(f"information length {octets} is outside 1 to {LARGEST}")
        for frames in (self.window_transmit, self.window_receive):
            if not 1 <= frames <= LARGEST_WINDOW:
                raise InvalidValue(f"window {frames} is outside 1 to {LARGEST_WINDOW}")

    def encode(self) -> bytes:
        """The information field of SNRM or UA, all four groups."""
        groups = bytearray()
        for identifier, name in _FIELDS.items():
            value = getattr(self, name)
            octets = _WINDOW_OCTETS if name.startswith("window") else 1 if value < 0x100 else 2
            groups += bytes((identifier, octets)) + value.to_bytes(octets, "big")
        return _HEADER + bytes((len(groups),)) + groups

    @classmethod
    def decode(cls, information: bytes) -> Parameters:
        """The parameters of an information field; what is not given has its default, no field is all defaults.

        What is larger than a frame or a window can be is taken for the largest.

        Raises:
            FrameError: it is no field of parameters, or a value is out of range.
        """
        values: dict[str, int] = {}
        end = len(information)
        if information and (information[:2] != _HEADER or end < 3 or information[2] != end - 3):
            raise FrameError(f"{information[:8].hex()} is no field of HDLC parameters: 81 80 and its length")
        at = 3
        while at < end:
            body = at + 2
            at = body + (information[body - 1] if body <= end else end)
            if at > end:
                raise FrameError("the HDLC parameters end within a group")
            if name := _FIELDS.get(information[body - 2]):
                values[name] = int.from_bytes(information[body:at], "big")
        limits = {name: LARGEST_WINDOW if name.startswith("window") else LARGEST for name in values}
        try:
            return cls(**{name: min(value, limits[name]) for name, value in values.items()})
        except InvalidValue as error:
            raise FrameError(f"HDLC parameters: {error}") from None

    def grant(self, proposed: Parameters) -> Parameters:
        """What a server with these limits answers to a client's proposal: the smaller lengths, window 1."""
        return Parameters(min(self.transmit, proposed.receive), min(self.receive, proposed.transmit))

    def agree(self, granted: Parameters) -> Parameters:
        """What holds for a client that proposed these, after the answer of the server; its window is 1 too."""
        return Parameters(min(self.transmit, granted.receive), min(self.receive, granted.transmit))
