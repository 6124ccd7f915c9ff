"""Modbus RTU: unit, PDU, CRC-16 with the low byte first (Modbus over Serial Line 1.02, 2.5.1).

The standard ends a frame by a silence of 3.5 characters. A receiver that sees bytes through buffers, threads and
adapters cannot trust silences, so frames are found by their content: the function code tells the length, the CRC
tells whether it is a frame. Damaged bytes are got rid of by sliding: any later place may begin a frame. Hints about
an idle line (``gap``) only help where content cannot tell.
"""

from __future__ import annotations

from collections.abc import Container

from wattproof.errors import FrameError
from wattproof.model.codec.crc import crc16_modbus
from wattproof.wire.modbus.exceptions import EXCEPTION_FLAG
from wattproof.wire.modbus.framing.messages import BROADCAST, Echo, Request, Response, answer_size, check_outgoing
from wattproof.wire.modbus.messages import PDU_LIMIT
from wattproof.wire.modbus.pdu import request_size, response_size

#: Bytes of a frame: unit, PDU and CRC; the shortest PDU is a function code alone.
SHORTEST, LONGEST = 4, PDU_LIMIT + 3
#: So many bytes of a PDU are enough to tell its length (function 23: the byte count is the tenth).
_PREFIX = 10

#: What a place in the buffer turned out to be, where it is not the end of a frame.
_PENDING, _DEAD, _DAMAGED = 0, -1, -2


def frame(unit: int, pdu: bytes) -> bytes:
    """The frame of a PDU, request and answer alike."""
    data = bytes((unit,)) + pdu
    return data + crc16_modbus(data).to_bytes(2, "little")


def _judge(buffer: bytearray, at: int, size: int | None) -> int:
    """The end of the intact frame that begins ``at`` and whose PDU has ``size`` bytes, or ``_PENDING``, ``_DEAD``."""
    if size is None:
        return _PENDING
    end = at + size + 3
    if not 0 < size <= PDU_LIMIT:
        return _DEAD
    if end > len(buffer):
        return _PENDING
    return _DEAD if crc16_modbus(buffer[at:end]) else end


def _foreign(buffer: bytearray) -> int:
    """What begins at the front of the buffer, if it is a request or an answer of any unit."""
    prefix = bytes(buffer[1 : 1 + _PREFIX])
    asked = _judge(buffer, 0, request_size(prefix))
    return asked if asked > 0 else max(asked, _judge(buffer, 0, _answer_size(buffer)))


def _answer_size(buffer: bytearray) -> int | None:
    """Length of the answer PDU at the front; function 43 has no byte count, all of it must be walked through."""
    return response_size(bytes(buffer[1:] if buffer[1:2] == b"\x2b" else buffer[1 : 1 + _PREFIX]))


class ServerFramer:
    """Server side: finds requests between noise, cut frames and the traffic of other units.

    ``units``: the addresses answered here, ``None`` for all; the set may change at any time. Broadcasts are handed
    over too. At most 256 bytes are kept, and each place is judged a bounded number of times.

    What begins at the front of the buffer is taken for what it says, request or another unit's answer, and consumed
    whole once its CRC is right. As long as it is incomplete, every place behind it may begin a request to one of
    ``units`` too: a header that claims 246 bytes which never come costs no later request. For a wrong match unit,
    function, length and CRC-16 must agree by chance: less than once in a million full frames of random bytes.
    (Broadcasts are not looked for there: zeros in front of small numbers are too common in other units' answers.)
    """

    __slots__ = ("_base", "_buffer", "_candidates", "_examined", "_since", "broken", "units")

    def __init__(self, units: Container[int] | None = None) -> None:
        self.units = units
        self.broken: FrameError | None = None  # never set: on a line the next frame may be whole
        self._buffer = bytearray()
        self._base = 0  # position of the buffer's first byte in the stream
        self._examined = 0  # up to here in the stream, places behind the front were looked at
        self._candidates: list[int] = []  # those of them that may still begin a request
        self._since = bytearray()  # everything since the last frame or silence, one byte more than a frame at most

    def receive(self, data: bytes) -> list[Request]:
        """All requests that are complete after ``data``; other units' traffic is skipped."""
        requests: list[Request] = []
        for at in range(0, len(data), LONGEST):
            chunk = data[at : at + LONGEST]
            self._buffer += chunk
            self._since += chunk
            self._collect(requests)
            if not requests and self._unknown_function():
                requests += self._everything()
            del self._since[LONGEST + 1 :]
            self._drop(max(0, len(self._buffer) - LONGEST))
        return requests

    def gap(self) -> list[Request]:
        """A hint: the line was idle for at least 3.5 characters.

        What lies between two silences and has the right CRC is a frame, even if its length is not that of its
        function; it is handed over so that it can be refused, if the hint comes while its sender still waits.
        Otherwise nothing is thrown away: the silence may be one of our own side, in the middle of a frame.
        """
        requests = self._everything()
        self._since.clear()
        return requests

    def encode(self, request: Request, pdu: bytes) -> bytes:
        """The answer frame: the unit of the request, the PDU, the CRC."""
        return frame(request[0], pdu)

    def _ours(self, unit: int) -> bool:
        return self.units is None or unit in self.units

    def _collect(self, requests: list[Request]) -> None:
        """Take all frames out of the buffer."""
        while self._buffer:
            begin, end = 0, self._front()
            if end == _DEAD:
                self._drop(1)
                continue
            if end == _PENDING:
                begin, end = self._behind()
                if not end:
                    return
            unit = self._buffer[begin]
            if unit == BROADCAST or self._ours(unit):
                requests.append(Request(unit, bytes(self._buffer[begin + 1 : end - 2])))
            self._drop(end)
            self._since[:] = self._buffer

    def _front(self) -> int:
        """What the front of the buffer is: the end of a frame, ``_PENDING`` or ``_DEAD``."""
        unit = self._buffer[0]
        if unit == BROADCAST or self._ours(unit):
            return _judge(self._buffer, 0, request_size(bytes(self._buffer[1 : 1 + _PREFIX])))
        return _foreign(self._buffer)

    def _behind(self) -> tuple[int, int]:
        """Begin and end of a request behind an unfinished front, 0 and 0 if there is none."""
        buffer, base = self._buffer, self._base
        start = max(self._examined, base + 1)
        self._examined = base + len(buffer)
        self._candidates += (at for at in range(start, self._examined) if self._ours(buffer[at - base]))
        waiting: list[int] = []
        for index, position in enumerate(self._candidates):
            at = position - base
            end = _DEAD if at < 1 else _judge(buffer, at, request_size(bytes(buffer[at + 1 : at + 1 + _PREFIX])))
            if end > 0:
                self._candidates = waiting + self._candidates[index + 1 :]
                return at, end
            if end == _PENDING:
                waiting.append(position)
        self._candidates = waiting
        return 0, 0

    def _unknown_function(self) -> bool:
        """Whether all since the last boundary may be a request of a function whose length nobody knows."""
        return len(self._since) >= SHORTEST and request_size(bytes(self._since[1:2])) == 0

    def _everything(self) -> list[Request]:
        """All since the last boundary as one request, if it is to us, its CRC is right, and it is no answer.

        An answer with our own unit is our own, come back over an adapter that echoes: it must not be answered.
        """
        data = bytes(self._since)
        if not SHORTEST <= len(data) <= LONGEST or not self._ours(data[0]) or crc16_modbus(data):
            return []
        if response_size(data[1:-2]) == len(data) - 3:
            return []
        self._since.clear()
        self._drop(len(self._buffer))
        return [Request(data[0], data[1:-2])]

    def _drop(self, count: int) -> None:
        del self._buffer[:count]
        self._base += count


class ClientFramer:
    """Client side: the answer to the one request under way, among echo, noise and the traffic of other units.

    Unit and function of the answer are known, and with most functions its length. ``echo``: whether the adapter
    gives back what is sent; ``None``: found out. It matters for functions whose answer equals the request.
    """

    __slots__ = ("_asked", "_buffer", "_echo", "_echo_seen", "_length", "_sent", "broken", "discarded", "heard")

    def __init__(self, echo: bool | None = None) -> None:
        self.broken: FrameError | None = None  # never set: on a line the next frame may be whole
        #: Bytes thrown away since the request went out, and other units heard meanwhile: for error messages.
        self.discarded = 0
        self.heard: set[int] = set()
        self._echo = Echo(echo)
        self._asked: Request | None = None
        self._sent = b""
        self._length: int | None = None
        self._buffer = bytearray()

    def encode(self, unit: int, pdu: bytes, transaction: int = 0) -> bytes:
        """The request frame. Raises ``InvalidValue`` for a unit or length out of range."""
        check_outgoing(unit, pdu)
        return frame(unit, pdu)

    def expecting(self, request: Request) -> None:
        """``request`` goes out now; whatever came before belongs to nothing any more."""
        self._asked = request
        self._sent = frame(request.unit, request.pdu)
        self._length = answer_size(request.pdu)
        self._echo.ask(request.pdu[0])
        self._buffer.clear()
        self.discarded = 0
        self.heard.clear()

    def receive(self, data: bytes) -> list[Response | FrameError]:
        """The answer, once it is there; a ``FrameError`` where something that should be the answer is damaged.

        After an error listening goes on: what was damaged may have been noise in front of the answer.
        """
        events: list[Response | FrameError] = []
        for at in range(0, len(data), LONGEST):
            self._buffer += data[at : at + LONGEST]
            while self._asked is not None and self._step(self._asked, events):
                pass
            self._throw(len(self._buffer) if self._asked is None else max(0, len(self._buffer) - LONGEST))
        return events

    def gap(self) -> None:
        """A hint: the line was idle. The length of the answer is known, so it is not needed."""

    def missing(self) -> int:
        """Bytes that the answer still needs: up to an exception first, then up to the length that was asked for."""
        have, asked = len(self._buffer), self._asked
        if not have or asked is None or self._length is None:
            return 0
        if have <= SHORTEST:
            return SHORTEST + 1 - have
        if self._buffer[1] & EXCEPTION_FLAG:
            return 0
        return max(0, self._length + 3 - have)

    def _step(self, asked: Request, events: list[Response | FrameError]) -> bool:
        """Use up something at the front of the buffer, or return ``False`` if more must come first."""
        buffer = self._buffer
        if not buffer:
            return False
        if buffer.startswith(self._sent) and self._echo.skip():
            del buffer[: len(self._sent)]
            return True
        end = self._answer_at(asked, 0)
        if end > 0:
            self._answered(asked, 0, end, events)
            return True
        if end == _DAMAGED:
            events.append(FrameError(f"the answer of unit {asked.unit} has a wrong check sum; check the wiring"))
        other = _foreign(buffer) if buffer[0] != asked.unit else _DEAD
        if other > 0:
            self.heard.add(buffer[0])
            del buffer[:other]
            return True
        if _PENDING not in (end, other) and not self._sent.startswith(buffer):
            self._throw(1)
            return True
        return self._behind(asked, events)

    def _behind(self, asked: Request, events: list[Response | FrameError]) -> bool:
        """Look for the answer behind an unfinished front, which may be noise."""
        at = self._buffer.find(asked.unit, 1)
        while at > 0:
            end = self._answer_at(asked, at)
            if end > 0:
                self._answered(asked, at, end, events)
                return True
            at = self._buffer.find(asked.unit, at + 1)
        return False

    def _answer_at(self, asked: Request, at: int) -> int:
        """The end of an answer that begins ``at``, or ``_PENDING``, ``_DEAD``, ``_DAMAGED``."""
        buffer, function = self._buffer, asked.pdu[0]
        if buffer[at] != asked.unit:
            return _DEAD
        if len(buffer) < at + 2:
            return _PENDING
        if buffer[at + 1] == function | EXCEPTION_FLAG:
            size: int | None = 2
        elif buffer[at + 1] != function:
            return _DEAD
        else:
            size = response_size(bytes(buffer[at + 1 : at + LONGEST]))
        if size == 0:  # a function of unknown form: all there is, if the CRC says so
            size = max(1, len(buffer) - at - 3)
        elif size is not None and self._length not in (None, size) and buffer[at + 1] == function:
            return _DEAD
        end = _judge(buffer, at, size)
        if end == _DEAD and size is not None and size <= PDU_LIMIT:
            return _PENDING if response_size(bytes((function,))) == 0 else _DAMAGED
        return end

    def _answered(self, asked: Request, begin: int, end: int, events: list[Response | FrameError]) -> None:
        events.append(Response(asked.unit, bytes(self._buffer[begin + 1 : end - 2]), asked.transaction))
        self._echo.answered()
        self._asked = None
        self.discarded += begin + len(self._buffer) - end
        self._buffer.clear()

    def _throw(self, count: int) -> None:
        self.discarded += count
        del self._buffer[:count]
