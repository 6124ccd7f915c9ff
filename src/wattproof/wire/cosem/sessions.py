"""A logical device at the end of a transport: HDLC, TCP or UDP with the wrapper. Bytes in, bytes out.

========================  =======================================================
:class:`HdlcSession`      one meter, alone on a line or on a stream of HDLC frames
:class:`HdlcLine`         several meters on one line
:class:`StreamSession`    one TCP connection
:class:`DatagramSession`  one UDP port
========================  =======================================================
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Generic

from wattproof.errors import FrameError, InvalidValue
from wattproof.wire.cosem import wrapper
from wattproof.wire.cosem.acse import AssociationRequest
from wattproof.wire.cosem.association_objects import SERVER_SAP
from wattproof.wire.cosem.device import LogicalDevice
from wattproof.wire.cosem.objects import C
from wattproof.wire.cosem.server import OCCUPIED, Association
from wattproof.wire.cosem.wrapper import Message
from wattproof.wire.hdlc.parameters import Parameters
from wattproof.wire.hdlc.receiver import Receiver
from wattproof.wire.hdlc.server import INACTIVITY, LIMITS, ServerLink

#: What a client that sets no limit gets at most in one APDU over HDLC.
LONGEST_APDU = 0xFFFF


class HdlcSession(Generic[C]):
    """One meter on HDLC.

    Args:
        device: what is served.
        context: the meter.
        address: the physical device.
        gap: inter-octet time-out in nanoseconds; ``None``: pauses mean nothing.
        limits: of information fields.
        inactivity: nanoseconds until a silent client is forgotten.
    """

    __slots__ = ("association", "link", "receiver")

    def __init__(
        self,
        device: LogicalDevice[C],
        context: C,
        address: int,
        gap: int | None = None,
        limits: Parameters = LIMITS,
        inactivity: int = INACTIVITY,
    ) -> None:
        self.association = Association(device, context, LONGEST_APDU)
        self.link = ServerLink(address, self.association, limits, inactivity)
        self.receiver = Receiver(gap)

    def receive(self, data: bytes, now: int = 0) -> bytes:
        """The frames that answer ``data``, which arrived at ``now`` (monotonic nanoseconds)."""
        answers = [self.link.hear(frame, now) for frame in self.receiver.receive(data, now)]
        return b"".join([answer.encode() for answer in answers if answer is not None])

    def tick(self, now: int) -> None:
        """Time goes by: a silent client is forgotten."""
        self.link.tick(now)


class HdlcLine(Generic[C]):
    """Several meters on one line, found by their physical address.

    Args:
        sessions: the meters; no two may have the same address.
        gap: inter-octet time-out in nanoseconds; ``None``: pauses mean nothing.
    """

    __slots__ = ("receiver", "sessions")

    def __init__(self, sessions: Iterable[HdlcSession[C]], gap: int | None = None) -> None:
        self.sessions: dict[int, HdlcSession[C]] = {}
        for session in sessions:
            if session.link.address in self.sessions:
                raise InvalidValue(f"two meters on one line have the HDLC address {session.link.address}")
            self.sessions[session.link.address] = session
        self.receiver = Receiver(gap)

    def receive(self, data: bytes, now: int = 0) -> bytes:
        """The frames that answer ``data``, which arrived at ``now`` (monotonic nanoseconds)."""
        answers = []
        for frame in self.receiver.receive(data, now):
            if frame.destination.all_stations:
                for session in self.sessions.values():
                    session.link.hear(frame, now)
            elif (one := self.sessions.get(frame.destination.lower)) and (answer := one.link.hear(frame, now)):
                answers.append(answer.encode())
        return b"".join(answers)

    def tick(self, now: int) -> None:
        """Time goes by: silent clients are forgotten."""
        for session in self.sessions.values():
            session.link.tick(now)


class _Ports(Generic[C]):
    """The rules of the wrapper's ports: who is served, who is turned away, who gets nothing."""

    __slots__ = ("_heard", "_holder", "association", "inactivity")

    def __init__(self, device: LogicalDevice[C], context: C, inactivity: int = INACTIVITY) -> None:
        self.association = Association(device, context, wrapper.LONGEST)
        self.inactivity = inactivity
        self._holder: Hashable = None
        self._heard = 0

    def tick(self, now: int) -> None:
        """Time goes by: an association without requests ends."""
        if self.association.associated and now - self._heard >= self.inactivity:
            self.association.disconnected()

    def _answer(self, message: Message, peer: Hashable, now: int) -> bytes:
        """The answer to a message of a peer, in bytes; empty: none."""
        self.tick(now)
        association, sap, apdu = self.association, message.source, message.apdu
        opening, known = apdu[0] == AssociationRequest.tag, sap in association.device.clients
        if message.destination != SERVER_SAP or not (known or opening):
            return b""
        caller = (peer, sap)
        answer: bytes | None
        if not known:
            answer = _stranger(association, apdu, now)
        elif association.associated and caller != self._holder:
            answer = OCCUPIED if opening else _stranger(association, apdu, now)
        else:
            if opening or caller != self._holder:
                association.connected(sap)
                self._holder = caller
            self._heard = now
            answer = association.receive(apdu, now)
        return b"" if answer is None else message.answer(answer).encode()


def _stranger(association: Association[C], apdu: bytes, now: int) -> bytes | None:
    """What somebody hears who has no association, or cannot have one, whoever else has one."""
    return Association(association.device, association.context).receive(apdu, now)


class StreamSession(_Ports[C]):
    """One TCP connection to one meter. ``broken``: why it must be closed."""

    __slots__ = ("receiver",)

    def __init__(self, device: LogicalDevice[C], context: C, inactivity: int = INACTIVITY) -> None:
        super().__init__(device, context, inactivity)
        self.receiver = wrapper.Receiver()

    @property
    def broken(self) -> FrameError | None:
        return self.receiver.broken

    def receive(self, data: bytes, now: int = 0) -> bytes:
        """The answers to ``data``, which arrived at ``now`` (monotonic nanoseconds), in the order of the requests."""
        return b"".join([self._answer(message, None, now) for message in self.receiver.receive(data, now)])

    def tick(self, now: int) -> None:
        """Time goes by: a message that does not end breaks the stream, an association without requests ends."""
        super().tick(now)
        self.receiver.tick(now)


class DatagramSession(_Ports[C]):
    """One UDP port of one meter. Whatever cannot be read is dropped."""

    __slots__ = ()

    def receive(self, datagram: bytes, peer: Hashable, now: int = 0) -> bytes:
        """The datagram that answers the one of ``peer`` (its address and port); empty: none."""
        try:
            message = wrapper.decode(datagram)
        except FrameError:
            return b""
        return self._answer(message, peer, now)
