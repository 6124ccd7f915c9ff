"""What carries APDUs over TCP and UDP, for a client (abb-meters.md 2.17).

Both are the ``link`` of a :class:`~wattproof.wire.cosem.client.Client`; opening and closing sockets is the driver's.
"""

from __future__ import annotations

from wattproof.errors import FrameError, ProtocolError, ResponseTimeout
from wattproof.wire.conversation import Conversation, Send
from wattproof.wire.cosem import wrapper
from wattproof.wire.cosem.apdus import is_repeatable
from wattproof.wire.cosem.association_objects import SERVER_SAP
from wattproof.wire.cosem.wrapper import Message
from wattproof.wire.hdlc.addresses import PUBLIC

#: Nanoseconds until an answer must have come.
TIMEOUT = 5 * 10**9
#: So many messages that are not for us, and there is no point in listening on.
_STRANGERS = 16
#: Answers that begin with tag, form and the invoke byte of their request.
_NUMBERED = frozenset({0xC4, 0xC5, 0xC7})
#: Answers that belong to one request alone: AARE to AARQ, RLRE to RLRQ.
_OPENING = {0x61: 0x60, 0x63: 0x62}


class _Ports:
    """The ports of one client and its server."""

    def __init__(self, client: int = PUBLIC, server: int = SERVER_SAP, timeout: int = TIMEOUT) -> None:
        self.client = client
        self.server = server
        self.timeout = timeout

    def connect(self) -> Conversation[None]:
        """Nothing to do: the wrapper has no connection of its own."""
        yield from ()

    def disconnect(self) -> Conversation[None]:
        """Nothing to do."""
        yield from ()

    def _is_answer(self, message: Message) -> bool:
        return (message.source, message.destination) == (self.server, self.client)

    def _silence(self) -> ResponseTimeout:
        return ResponseTimeout(f"no answer from port {self.server} of the wrapper within {self.timeout / 1e9:g} s")


class StreamLink(_Ports):
    """Over TCP. Nothing is repeated: after an error a new connection is needed."""

    #: Whether a late answer to an earlier request may come.
    datagrams = False

    def exchange(self, apdu: bytes) -> Conversation[bytes]:
        """The answer to an APDU.

        Raises:
            ResponseTimeout: none in time.
            FrameError: the stream holds something else than wrapped APDUs.
            ProtocolError: only messages to others.
        """
        receiver = wrapper.Receiver()
        data = yield Send(Message(self.client, self.server, apdu).encode(), self.timeout)
        strangers = 0
        while data:
            for message in receiver.receive(data):
                if self._is_answer(message):
                    return message.apdu
                strangers += 1
            if receiver.broken is not None:
                raise receiver.broken
            if strangers > _STRANGERS:
                raise ProtocolError(f"{strangers} messages came for other ports of the wrapper, none for {self.client}")
            data = yield Send(b"", self.timeout)
        raise self._silence()


class DatagramLink(_Ports):
    """Over UDP; what is received at once is one datagram. GET is sent up to twice more, SET and ACTION never."""

    datagrams = True
    repetitions = 2

    def exchange(self, apdu: bytes) -> Conversation[bytes]:
        """The answer to an APDU. Raises ``ResponseTimeout``: none in time, also after repetitions."""
        request = Message(self.client, self.server, apdu).encode()
        for _ in range(1 + (self.repetitions if is_repeatable(apdu) else 0)):
            datagram = yield Send(request, self.timeout)
            strangers = 0
            while datagram and strangers <= _STRANGERS:
                answer = self._answer(datagram, apdu)
                if answer is not None:
                    return answer
                strangers += 1
                datagram = yield Send(b"", self.timeout)
        raise self._silence()

    def _answer(self, datagram: bytes, request: bytes) -> bytes | None:
        """The APDU of a datagram, if it may answer this request and no earlier one."""
        try:
            message = wrapper.decode(datagram)
        except FrameError:
            return None
        answer = message.apdu
        return answer if self._is_answer(message) and not _is_late(answer, request) else None


def _is_late(answer: bytes, request: bytes) -> bool:
    """Whether an APDU answers an earlier request than this one."""
    if answer[0] in _OPENING:
        return request[0] != _OPENING[answer[0]]
    return answer[0] in _NUMBERED and (request[0] in _OPENING.values() or answer[2:3] != request[2:3])
