"""What framings hand over and take: requests, answers, and the two roles every framing has.

Modbus over Serial Line 1.02 and Modbus Messaging on TCP/IP 1.0b.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from wattproof.errors import FrameError, InvalidValue
from wattproof.wire.modbus.messages import PDU_LIMIT, octets

#: Unit 0 addresses every device of a line; nobody answers.
BROADCAST = 0


class Request(NamedTuple):
    """A request as a server receives it. ``transaction`` is the MBAP transaction identifier, 0 on a line."""

    unit: int
    pdu: bytes
    transaction: int = 0


class Response(NamedTuple):
    """An answer as a client receives it."""

    unit: int
    pdu: bytes
    transaction: int = 0


class ServerFramer(Protocol):
    """The server's side of a stream of bytes. Never raises on what it receives."""

    #: Set when the stream cannot be understood any more: answer nothing, close it.
    broken: FrameError | None

    def receive(self, data: bytes) -> list[Request]:
        """All requests that are complete after ``data``."""
        ...

    def encode(self, request: Request, pdu: bytes) -> bytes:
        """The frame that answers ``request`` with ``pdu``."""
        ...

    def gap(self) -> list[Request]:
        """A hint: the line was idle for at least 3.5 characters. What only a silence could complete."""
        ...


class ClientFramer(Protocol):
    """The client's side of a stream of bytes. Never raises on what it receives."""

    broken: FrameError | None

    def encode(self, unit: int, pdu: bytes, transaction: int = 0) -> bytes:
        """The frame of a request. Raises ``InvalidValue`` if unit, length or transaction are out of range."""
        ...

    def expecting(self, request: Request) -> None:
        """This request goes out now: its answer is what counts from here on."""
        ...

    def receive(self, data: bytes) -> list[Response | FrameError]:
        """What is complete after ``data``: answers, and errors as events where bytes had to be thrown away."""
        ...

    def gap(self) -> None:
        """A hint: the line was idle for at least 3.5 characters."""
        ...

    def missing(self) -> int:
        """So many bytes at least have to come before the answer under way can be whole; 0 if that is not known.

        Behind noise an exception may be whole earlier; everything else not.
        """
        ...


def check_outgoing(unit: int, pdu: bytes) -> None:
    """Raises ``InvalidValue`` for a unit beyond 0..255 or a PDU beyond 1..253 bytes."""
    if not 0 <= unit <= 255:
        raise InvalidValue(f"unit {unit} cannot be addressed; allowed are 0 to 255")
    if not 1 <= len(pdu) <= PDU_LIMIT:
        raise InvalidValue(f"a request of {len(pdu)} bytes cannot be sent; allowed are 1 to {PDU_LIMIT}")


def answer_size(request: bytes) -> int | None:
    """Length of the normal answer PDU to a request PDU, ``None`` where only the answer itself tells."""
    function = request[0]
    if function in (5, 6, 15, 16):
        return 5
    if function == 22:
        return 7
    if function in (1, 2, 3, 4, 23) and len(request) >= 5:
        return 2 + octets(function, int.from_bytes(request[3:5], "big"))
    return None


#: Functions whose normal answer is the request again.
REPEATING = frozenset({5, 6, 8, 22})


class Echo:
    """Whether a line gives back what is sent, as half-duplex adapters with the receiver left on do.

    With most functions an echo cannot be the answer, so each exchange shows whether there is one. Where request and
    answer are alike, the first of them is the echo if the last such exchange showed one.
    """

    __slots__ = ("_known", "_present", "_repeating", "_seen")

    def __init__(self, known: bool | None = None) -> None:
        self._known = known
        self._present = bool(known)
        self._repeating = False
        self._seen = False

    def ask(self, function: int) -> None:
        """A request goes out."""
        self._repeating = function in REPEATING
        self._seen = False

    def skip(self) -> bool:
        """The request has come back: whether as an echo (and not as the answer)."""
        if self._seen or (self._repeating and not self._present):
            return False
        self._seen = True
        return True

    def answered(self) -> None:
        """The answer has come: learn from whether there was an echo before it."""
        if self._known is None and not self._repeating:
            self._present = self._seen
