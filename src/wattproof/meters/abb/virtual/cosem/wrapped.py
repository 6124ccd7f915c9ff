"""The faces of a meter on TCP and UDP, under the header of the IP wrapper (abb-meters.md 2.17, 3.13)."""

from __future__ import annotations

import random
from dataclasses import dataclass

from wattproof.errors import FrameError
from wattproof.meters.abb.virtual.body import Body
from wattproof.meters.abb.virtual.cosem.association import MeterAssociation
from wattproof.meters.abb.virtual.cosem.device import device_of
from wattproof.meters.abb.virtual.cosem.link import Faced
from wattproof.meters.abb.virtual.cosem.meaning import apdu_meaning
from wattproof.virtual.wrapped import Wrapped
from wattproof.wire.cosem import wrapper
from wattproof.wire.cosem.sessions import DatagramSession
from wattproof.wire.cosem.wrapper import Message

#: Where the length stands in the header, and the source port of the fault ``wrong-address``.
_LENGTH, _WRONG = slice(6, 8), b"\0\2"


@dataclass(frozen=True, slots=True)
class Heard(Wrapped):
    """A message, and its words."""

    def __str__(self) -> str:
        return f"{self.message.source} > {self.message.destination} from {self.peer}: {apdu_meaning(self.message.apdu)}"


class WrapperFace:
    """One meter on TCP or on UDP: one association, which belongs to a peer and its port of the wrapper.

    Sessions are made when somebody asks.
    """

    __slots__ = ("_meter", "_peer", "_session", "_started", "delay")

    kind = "W"

    def __init__(self, meter: Faced) -> None:
        self.delay = meter.options.answer_delay or 0
        self._meter = meter
        self._session: DatagramSession[Body] | None = None
        #: Which start of the meter the session belongs to: a power failure ends it.
        self._started = 0
        #: Who was answered last.
        self._peer = ""

    @staticmethod
    def wrap(message: Message, peer: str, /) -> Heard:
        """A message as this face hears it."""
        return Heard(message, peer)

    def left(self, peer: str, /) -> None:
        """A connection is gone, and the association that it had."""
        if self._session is not None and peer == self._peer:
            self._session.association.disconnected()

    def concerns(self, heard: Heard, /) -> bool:
        """A port is one meter."""
        return True

    def answer(self, heard: Heard, now: int, /) -> bytes | None:
        """The message that answers, if any does."""
        session, body = self._session, self._meter.body
        if session is None:
            device = device_of(body.variant)
            session = self._session = DatagramSession(device, body)
            session.association = MeterAssociation(device, body, wrapper.LONGEST, self._meter.touched)
            self._started = body.ready_at
        elif body.ready_at != self._started:
            session.association.disconnected()
            self._started = body.ready_at
        self._peer = heard.peer
        answer = session.receive(heard.encode(), heard.peer, now)
        if not answer or not body.supplied:
            return None
        if body.faults.hit("wrong-length"):
            length = int.from_bytes(answer[_LENGTH], "big") + 1
            answer = answer[:6] + length.to_bytes(2, "big") + answer[8:]
        return answer

    def meaning(self, answer: bytes, /) -> str:
        """What an answer says."""
        try:
            message = wrapper.decode(answer)
        except FrameError as error:
            return f"damaged: {error}"
        return f"{message.source} > {message.destination}: {apdu_meaning(message.apdu)}"

    def spoil(self, fault: str, value: object, request: Heard, answer: bytes, chance: random.Random, /) -> bytes | None:
        """The answer as a fault of the frame leaves it; ``None``: this answer cannot be hit."""
        return answer[:2] + _WRONG + answer[4:] if fault == "wrong-address" else None
