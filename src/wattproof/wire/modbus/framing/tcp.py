"""Modbus TCP: the MBAP header in front of a PDU (Modbus Messaging on TCP/IP 1.0b, 3.1.3).

::

    transaction 2 | protocol 2 (always 0) | length 2 (unit and PDU: 2..254) | unit 1 | PDU 1..253

A header that breaks these limits leaves no way to find the next one: the framer is ``broken``, the connection must be
closed.
"""

from __future__ import annotations

import struct

from wattproof.errors import FrameError, InvalidValue
from wattproof.wire.modbus.framing.messages import Request, Response, check_outgoing
from wattproof.wire.modbus.messages import PDU_LIMIT

MBAP = struct.Struct(">HHHB")
#: Values of the length field: unit and 1 to 253 bytes of PDU.
SHORTEST, LONGEST = 2, PDU_LIMIT + 1

_unpack = MBAP.unpack_from
_pack = MBAP.pack


def _fault(protocol: int, length: int) -> FrameError:
    if protocol:
        return FrameError(f"MBAP protocol identifier {protocol} instead of 0; the other side does not speak Modbus TCP")
    return FrameError(f"MBAP length {length}, allowed are {SHORTEST} to {LONGEST}; the connection must be closed")


class ServerFramer:
    """Server side; keeps at most one unfinished frame (259 bytes)."""

    __slots__ = ("_rest", "broken")

    def __init__(self) -> None:
        self._rest = b""
        self.broken: FrameError | None = None

    def receive(self, data: bytes) -> list[Request]:
        """All requests complete after ``data``; none any more once :attr:`broken` is set."""
        size = len(data)
        if not self._rest and size > 7 and self.broken is None:
            transaction, protocol, length, unit = _unpack(data)
            if length + 6 == size and not protocol and length <= LONGEST:
                return [Request(unit, data[7:], transaction)]
        return self._slowly(data)

    def _slowly(self, data: bytes) -> list[Request]:
        requests: list[Request] = []
        if self.broken is not None:
            return requests
        data = self._rest + data
        at, end = 0, len(data)
        while end - at >= 6:
            transaction, protocol, length = struct.unpack_from(">HHH", data, at)
            if protocol or not SHORTEST <= length <= LONGEST:
                self.broken = _fault(protocol, length)
                self._rest = b""
                return requests
            if end - at < 6 + length:
                break
            requests.append(Request(data[at + 6], data[at + 7 : at + 6 + length], transaction))
            at += 6 + length
        self._rest = data[at:]
        return requests

    def encode(self, request: Request, pdu: bytes) -> bytes:
        """The answer frame: transaction and unit of the request."""
        return _pack(request[2], 0, len(pdu) + 1, request[0]) + pdu

    def gap(self) -> list[Request]:
        """TCP has no gaps that mean anything."""
        return []


class ClientFramer:
    """Client side. Which transaction an answer belongs to is left to whoever asked: several may be under way."""

    __slots__ = ("_server", "broken")

    def __init__(self) -> None:
        self._server = ServerFramer()
        self.broken: FrameError | None = None

    def encode(self, unit: int, pdu: bytes, transaction: int = 0) -> bytes:
        """The request frame. Raises ``InvalidValue`` for a unit, transaction or length out of range."""
        check_outgoing(unit, pdu)
        if not 0 <= transaction <= 0xFFFF:
            raise InvalidValue(f"transaction {transaction} cannot be sent; allowed are 0 to 65535")
        return _pack(transaction, 0, len(pdu) + 1, unit) + pdu

    def expecting(self, request: Request) -> None:
        """Answers carry their transaction; nothing needs to be remembered."""

    def receive(self, data: bytes) -> list[Response | FrameError]:
        """Answers in the order of arrival; one ``FrameError`` at the end when the stream breaks, then nothing."""
        if self.broken is not None:
            return []
        events: list[Response | FrameError] = [Response(*frame) for frame in self._server.receive(data)]
        self.broken = self._server.broken
        if self.broken is not None:
            events.append(self.broken)
        return events

    def gap(self) -> None:
        """TCP has no gaps that mean anything."""

    def missing(self) -> int:
        """Not known: a stream has no speed."""
        return 0
