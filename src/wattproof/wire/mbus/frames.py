"""The frames of the M-Bus link layer as bytes, both roles (EN 13757-2; IEC 60870-5-1 format class FT 1.2).

=========  ================================  =============================================
frame      bytes                             class
=========  ================================  =============================================
single     ``E5``                            :class:`Ack`
short      ``10 C A CS 16``                  :class:`Short`
control    ``68 03 03 68 C A CI CS 16``      :class:`Long` without data
long       ``68 L L 68 C A CI data CS 16``   :class:`Long`; L = 3 + data, at most 255
=========  ================================  =============================================

CS is the sum of all bytes from C to the last data byte, modulo 256.
"""

from __future__ import annotations

from dataclasses import dataclass

from wattproof.errors import FrameError, InvalidValue

SINGLE, SHORT, LONG, STOP = 0xE5, 0x10, 0x68, 0x16
#: Most bytes behind the CI field, and in a frame.
DATA_LIMIT, FRAME_LIMIT = 252, 261

#: Addresses with a meaning of their own (EN 13757-2, 5.7.5): factory setting, the meter selected by secondary address,
#: all meters answer (point to point only), all meters execute and none answers.
UNCONFIGURED, SELECTED, EVERY_ANSWERS, BROADCAST = 0, 253, 254, 255
#: Primary addresses that can be given to a meter; 251 and 252 are reserved.
PRIMARY = range(251)

#: Bits of the C field (EN 13757-2, 5.7.3). From the meter FCB and FCV are ACD and DFC.
PRM, FCB, FCV = 0x40, 0x20, 0x10


@dataclass(frozen=True, slots=True)
class Service:
    """One row of the C field: ``function`` is its low four bits.

    ``primary``: sent by the master. ``counted``: carries a valid frame count bit. ``answers``: the names of what may
    come back; ``E5`` is the single character.
    """

    name: str
    function: int
    primary: bool
    counted: bool
    answers: tuple[str, ...]
    meaning: str

    def control(self, fcb: bool = False) -> int:
        """The C field with this frame count bit; it is left clear where the service carries none."""
        return self.function | PRM * self.primary | (FCV | FCB * fcb if self.counted else 0)

    def __str__(self) -> str:
        return self.name


SND_NKE = Service("SND_NKE", 0x0, True, False, ("E5",), "initialise the meter's link layer")
SND_UD = Service("SND_UD", 0x3, True, True, ("E5",), "data to the meter")
REQ_UD1 = Service("REQ_UD1", 0xA, True, True, ("E5", "RSP_UD"), "ask for alarm data")
REQ_UD2 = Service("REQ_UD2", 0xB, True, True, ("RSP_UD",), "ask for the next telegram")
RSP_UD = Service("RSP_UD", 0x8, False, False, (), "data from the meter")

#: All services, as EN 13757-2 lists them.
SERVICES = (SND_NKE, SND_UD, REQ_UD1, REQ_UD2, RSP_UD)
_BY_CODE = {(row.primary, row.function): row for row in SERVICES}


def service(control: int) -> Service | None:
    """The service of a C field, ``None`` for one that M-Bus does not know. FCB and FCV (ACD, DFC) do not matter."""
    return None if control & 0x80 else _BY_CODE.get((bool(control & PRM), control & 0x0F))


@dataclass(frozen=True, slots=True)
class Ack:
    """The single character: the meter has received a frame that needs no data in return."""

    def encode(self) -> bytes:
        return bytes((SINGLE,))

    def __str__(self) -> str:
        return "E5"


@dataclass(frozen=True, slots=True)
class Short:
    """A frame of C field and address: SND_NKE, REQ_UD1, REQ_UD2."""

    control: int
    address: int

    def encode(self) -> bytes:
        return bytes((SHORT, self.control, self.address, (self.control + self.address) & 0xFF, STOP))

    def __str__(self) -> str:
        return f"{service(self.control) or f'C {self.control:02X}'} to {self.address}"


@dataclass(frozen=True, slots=True)
class Long:
    """A frame with CI field and up to 252 bytes of data; without data it is the control frame of the standard."""

    control: int
    address: int
    ci: int
    data: bytes = b""

    def encode(self) -> bytes:
        """Raises ``InvalidValue`` for more than 252 bytes of data."""
        length = len(self.data) + 3
        if length > 255:
            raise InvalidValue(f"{len(self.data)} bytes of data do not fit into a frame; at most {DATA_LIMIT} do")
        body = bytes((self.control, self.address, self.ci)) + self.data
        return bytes((LONG, length, length, LONG)) + body + bytes((sum(body) & 0xFF, STOP))

    def __str__(self) -> str:
        name = service(self.control) or f"C {self.control:02X}"
        way = "to" if self.control & PRM else "from"
        return f"{name} {way} {self.address}, CI {self.ci:02X}, {len(self.data)} bytes"


Frame = Ack | Short | Long


def frame_end(buffer: bytes | bytearray, at: int) -> int | str:
    """Where the frame that begins ``at`` ends; 0 while its end has not come yet; or why there is none, in words.

    The byte ``at`` is ``10`` or ``68``.
    """
    have = len(buffer) - at
    if buffer[at] == SHORT:
        begin, end = at + 1, at + 5
    else:
        length = buffer[at + 1] if have > 1 else 3
        if length < 3:
            return f"a long frame has L = 3 or more, not {length}"
        if have > 2 and buffer[at + 2] != length:
            return f"the two length bytes differ: {length} and {buffer[at + 2]}"
        if have > 3 and buffer[at + 3] != LONG:
            return f"the fourth byte of a long frame is 68, not {buffer[at + 3]:02X}"
        begin, end = at + 4, at + length + 6
        if have < 2:
            return 0
    if len(buffer) < end:
        return 0
    if buffer[end - 1] != STOP:
        return f"the stop byte is {buffer[end - 1]:02X}, not 16"
    wanted = sum(buffer[begin : end - 2]) & 0xFF
    if buffer[end - 2] != wanted:
        return f"the check sum is {buffer[end - 2]:02X}, not {wanted:02X}"
    return end


def frame_at(buffer: bytes | bytearray, at: int, end: int) -> Short | Long:
    """The frame between ``at`` and the ``end`` that :func:`frame_end` gave."""
    if buffer[at] == SHORT:
        return Short(buffer[at + 1], buffer[at + 2])
    return Long(buffer[at + 4], buffer[at + 5], buffer[at + 6], bytes(buffer[at + 7 : end - 2]))


def decode(data: bytes | bytearray) -> Frame:
    """The one frame that these bytes are.

    Raises:
        FrameError: they are no frame, an unfinished one, or more than one.
    """
    first = data[0] if data else -1
    if first == SINGLE:
        end: int | str = 1
    elif first in (LONG, SHORT):
        end = frame_end(data, 0)
    else:
        raise FrameError(f"a frame begins with E5, 10 or 68, not with {data[:1].hex() or 'nothing'}")
    if isinstance(end, str):
        raise FrameError(f"damaged frame: {end}")
    if end == 0:
        raise FrameError(f"the frame is cut: {len(data)} bytes have come, its end has not")
    if end < len(data):
        raise FrameError(f"{len(data) - end} bytes stand behind the frame")
    return Ack() if first == SINGLE else frame_at(data, 0, end)


def snd_nke(address: int) -> Short:
    """Initialise: clears the frame count bit, ends a readout, ends a secondary selection."""
    return Short(SND_NKE.control(), address)


def req_ud2(address: int, fcb: bool) -> Short:
    """Ask for a telegram with this frame count bit."""
    return Short(REQ_UD2.control(fcb), address)


def req_ud1(address: int, fcb: bool) -> Short:
    """Ask for alarm data with this frame count bit."""
    return Short(REQ_UD1.control(fcb), address)


def snd_ud(address: int, ci: int, data: bytes = b"", fcb: bool = False) -> Long:
    """Data to the meter with this frame count bit."""
    return Long(SND_UD.control(fcb), address, ci, data)


def rsp_ud(address: int, ci: int, data: bytes = b"") -> Long:
    """Data from the meter."""
    return Long(RSP_UD.control(), address, ci, data)
