"""Modbus ASCII: ``:``, unit, PDU and LRC as hexadecimal digits, CR LF (Modbus over Serial Line 1.02, 2.5.2).

A colon always begins a new frame, whatever came before, so that no disturbance outlives it.
"""

from __future__ import annotations

from binascii import unhexlify
from collections.abc import Container

from wattproof.errors import FrameError
from wattproof.model.codec.crc import lrc
from wattproof.wire.modbus.exceptions import EXCEPTION_FLAG
from wattproof.wire.modbus.framing.messages import BROADCAST, Echo, Request, Response, answer_size, check_outgoing
from wattproof.wire.modbus.messages import PDU_LIMIT
from wattproof.wire.modbus.pdu import response_size

#: Characters of the longest frame: colon, two for each byte of unit, PDU and LRC, CR, LF.
LONGEST = 1 + 2 * (PDU_LIMIT + 2) + 2


def frame(unit: int, pdu: bytes) -> bytes:
    """The frame of a PDU, request and answer alike; digits in upper case, as the standard writes them."""
    data = bytes((unit,)) + pdu
    return b":%s%02X\r\n" % (data.hex().upper().encode(), lrc(data))


def unframe(text: bytes) -> bytes:
    """Unit and PDU of the text between colon and line end; lower-case digits are understood too.

    Raises ``FrameError`` for anything but pairs of digits, a wrong LRC or an impossible length.
    """
    try:
        data = unhexlify(text)
    except ValueError:
        raise FrameError(f"{text[:20]!r}... is not an even number of hexadecimal digits") from None
    if len(data) < 3:
        raise FrameError(f"{len(data)} bytes are too few for unit, function and check")
    if sum(data) & 0xFF:
        raise FrameError(f"the check is {data[-1]:#04x} instead of {lrc(data[:-1]):#04x}")
    return data[:-1]


class Lines:
    """Cuts a stream into frame texts; at most one unfinished frame is kept. Bytes outside frames are passed over."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = b""

    def receive(self, data: bytes) -> list[bytes]:
        """The texts between colon and CR LF that are complete after ``data``."""
        *lines, rest = (self._buffer + data).split(b"\n")
        self._buffer = self._open(rest)
        return [text[:-1] for text in map(self._last, lines) if text.endswith(b"\r")]

    @staticmethod
    def _last(line: bytes) -> bytes:
        """What stands behind the last colon of a line, empty if nothing can be a frame."""
        text = line.rpartition(b":")
        return text[2] if text[1] and len(text[2]) <= LONGEST - 2 else b""

    @staticmethod
    def _open(rest: bytes) -> bytes:
        """What may become a frame: from the last colon on, unless it is too long already."""
        at = rest.rfind(b":")
        return rest[at:] if at >= 0 and len(rest) - at < LONGEST else b""

    def clear(self) -> None:
        """Forget an unfinished frame."""
        self._buffer = b""


class ServerFramer:
    """Server side. ``units``: the addresses answered here, ``None`` for all; broadcasts are handed over too."""

    __slots__ = ("_lines", "broken", "units")

    def __init__(self, units: Container[int] | None = None) -> None:
        self.units = units
        self.broken: FrameError | None = None  # never set: the next colon begins anew
        self._lines = Lines()

    def receive(self, data: bytes) -> list[Request]:
        """All requests that are complete after ``data``; damaged frames and other units' traffic are skipped."""
        requests: list[Request] = []
        for text in self._lines.receive(data):
            try:
                unit, pdu = (frame := unframe(text))[0], frame[1:]
            except FrameError:
                continue
            if unit == BROADCAST or self.units is None or unit in self.units:
                requests.append(Request(unit, pdu))
        return requests

    def encode(self, request: Request, pdu: bytes) -> bytes:
        """The answer frame."""
        return frame(request[0], pdu)

    def gap(self) -> list[Request]:
        """Silences mean nothing here: up to a second may pass between two characters."""
        return []


class ClientFramer:
    """Client side: the answer to the one request under way. ``echo`` as for RTU."""

    __slots__ = ("_asked", "_echo", "_lines", "broken", "discarded", "heard")

    def __init__(self, echo: bool | None = None) -> None:
        self.broken: FrameError | None = None  # never set: the next colon begins anew
        #: Frames thrown away since the request went out, and other units heard meanwhile: for error messages.
        self.discarded = 0
        self.heard: set[int] = set()
        self._asked: Request | None = None
        self._echo = Echo(echo)
        self._lines = Lines()

    def encode(self, unit: int, pdu: bytes, transaction: int = 0) -> bytes:
        """The request frame. Raises ``InvalidValue`` for a unit or length out of range."""
        check_outgoing(unit, pdu)
        return frame(unit, pdu)

    def expecting(self, request: Request) -> None:
        """``request`` goes out now; whatever came before belongs to nothing any more."""
        self._asked = request
        self._echo.ask(request.pdu[0])
        self._lines.clear()
        self.discarded = 0
        self.heard.clear()

    def receive(self, data: bytes) -> list[Response | FrameError]:
        """The answer, once it is there; a ``FrameError`` for each damaged frame before it."""
        events: list[Response | FrameError] = []
        for text in self._lines.receive(data):
            if self._asked is None:
                self.discarded += 1
                continue
            try:
                self._judge(self._asked, unframe(text), events)
            except FrameError as error:
                self.discarded += 1
                events.append(error)
        return events

    def gap(self) -> None:
        """Silences mean nothing here."""

    def missing(self) -> int:
        """Not known: up to a second may pass between two characters."""
        return 0

    def _judge(self, asked: Request, data: bytes, events: list[Response | FrameError]) -> None:
        unit, pdu = data[0], data[1:]
        if unit != asked.unit:
            self.heard.add(unit)
        elif pdu == asked.pdu and self._echo.skip():
            return
        elif _fits(asked.pdu, pdu):
            self._echo.answered()
            self._asked = None
            events.append(Response(unit, pdu, asked.transaction))
        else:
            self.discarded += 1


def _fits(request: bytes, answer: bytes) -> bool:
    """Whether a PDU can be the answer: same function and the length that it must have."""
    if answer[0] == request[0] | EXCEPTION_FLAG:
        return len(answer) == 2
    if answer[0] != request[0]:
        return False
    size = response_size(answer)
    return size == 0 or (size == len(answer) and answer_size(request) in (None, size))
