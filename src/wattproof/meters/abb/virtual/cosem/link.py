"""The face of a meter on HDLC: its link, the association on it, and what goes wrong there (abb-meters.md 2.1 to 2.3,
3.12, 3.13)."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Protocol

from wattproof.errors import FrameError
from wattproof.meters.abb.virtual.body import Body
from wattproof.meters.abb.virtual.cosem.association import MeterAssociation
from wattproof.meters.abb.virtual.cosem.device import device_of
from wattproof.meters.abb.virtual.cosem.meaning import frame_meaning
from wattproof.meters.abb.virtual.options import Options
from wattproof.model.codec.crc import crc16_x25
from wattproof.wire.cosem.sessions import LONGEST_APDU
from wattproof.wire.hdlc import Address, Frame, Kind, Receiver, ServerLink, control, decode
from wattproof.wire.hdlc.addresses import LOGICAL_DEVICE
from wattproof.wire.hdlc.llc import RESPONSE

#: Inter-octet time-outs in nanoseconds: on a line, and where bytes come over a network.
LINE_GAP, NETWORK_GAP = 100_000_000, 300_000_000
#: Why a frame is rejected by the fault: "control field undefined" (the third byte of FRMR).
_UNDEFINED = 0x01


class Faced(Protocol):
    """The meter behind a face."""

    body: Body
    options: Options
    #: Its physical device address, 16 to 125.
    hdlc_address: int

    def touched(self) -> None:
        """Something may have been changed."""
        ...


class Heard:
    """A frame from the line, and its words."""

    __slots__ = ("frame",)

    def __init__(self, frame: Frame) -> None:
        self.frame = frame

    def encode(self) -> bytes:
        """The bytes that were heard."""
        return self.frame.encode()

    def __str__(self) -> str:
        return frame_meaning(self.frame)


class HdlcFramer:
    """Bytes of a stream to frames; a pause inside of one drops it."""

    __slots__ = ("_receiver",)

    def __init__(self, *, network: bool) -> None:
        self._receiver = Receiver(NETWORK_GAP if network else LINE_GAP)

    def receive(self, data: bytes, now: int) -> Sequence[Heard]:
        """The frames that end in ``data``, whose last byte came at the real instant ``now`` (ns)."""
        return [Heard(frame) for frame in self._receiver.receive(data, now)]


class HdlcFace:
    """One meter on HDLC. Its link is made when somebody asks."""

    __slots__ = ("_link", "_meter", "_segment", "_sent", "_started", "delay")

    kind = "H"

    def __init__(self, meter: Faced) -> None:
        self.delay = meter.options.answer_delay or 0
        self._meter = meter
        self._link: ServerLink | None = None
        #: Which start of the meter the link belongs to: a power failure drops it.
        self._started = 0
        #: Number of the segment of an answer that was sent last, and the N(S) that it had.
        self._segment, self._sent = 0, -1

    def concerns(self, heard: Heard, /) -> bool:
        """Whether this meter is meant, be it among all stations."""
        if heard.frame.destination.all_stations:
            return heard.frame.kind is Kind.SNRM
        return self._is_here(heard.frame)

    def _is_here(self, frame: Frame) -> bool:
        to = frame.destination
        return to.lower == self._meter.hdlc_address and to.upper in (None, LOGICAL_DEVICE)

    def answer(self, heard: Heard, now: int, /) -> bytes | None:
        """The frame that answers, if any does."""
        link, body = self._link, self._meter.body
        if link is None:
            if not self.concerns(heard):
                return None
            association = MeterAssociation(device_of(body.variant), body, LONGEST_APDU, self._meter.touched)
            link = self._link = ServerLink(self._meter.hdlc_address, association)
            self._started = body.ready_at
        elif body.ready_at != self._started:
            link.drop()
            self._started = body.ready_at
        frame = heard.frame
        answer = self._struck(link, frame) if body.faults.active else None
        if answer is None:
            answer = link.hear(frame, now)
            link.busy = False
        if answer is None or not body.supplied:
            return None
        if answer.kind is Kind.UA:
            self._segment, self._sent = 0, -1
        elif answer.kind is Kind.I:
            answer = self._numbered(frame, answer)
        return None if answer is None else answer.encode()

    def _struck(self, link: ServerLink, frame: Frame) -> Frame | None:
        """What a fault answers in place of the link; ``None`` if none does."""
        faults = self._meter.body.faults
        if not self._is_here(frame):
            return None
        if frame.kind is Kind.SNRM and faults.hit("dm"):
            return Frame(frame.source, frame.destination, control(Kind.DM))
        if frame.kind is Kind.I and frame.source.lower == link.client:
            field = frame.control
            if faults.hit("frmr"):
                rejected = bytes((field.octet, field.ns << 5 | field.nr << 1, _UNDEFINED))
                return Frame(frame.source, frame.destination, control(Kind.FRMR), rejected)
            link.busy = faults.hit("rnr")
        return None

    def _numbered(self, request: Frame, answer: Frame) -> Frame | None:
        """An I frame as it leaves: segments are counted, and may be lost; numbers may be wrong."""
        body, ns = self._meter.body, answer.control.ns
        if request.kind is Kind.I and ns != self._sent:
            self._segment = 0
        if ns != self._sent:  # else it is the same again
            self._segment, self._sent = self._segment + 1, ns
            if answer.segmented or self._segment > 1:
                body.entered("segment")
                if self._segment == 2 and body.faults.hit("lost-segment"):
                    return None
        if request.kind is Kind.I and body.faults.hit("wrong-ns"):
            field = control(Kind.I, ns + 1, answer.control.nr)
            return Frame(answer.destination, answer.source, field, answer.information, answer.segmented)
        return answer

    def meaning(self, answer: bytes, /) -> str:
        """What an answer says."""
        try:
            return frame_meaning(decode(answer))
        except FrameError as error:
            return f"damaged: {error}"

    def spoil(self, fault: str, value: object, request: Heard, answer: bytes, chance: random.Random, /) -> bytes | None:
        """The answer as a fault of the frame leaves it; ``None``: this answer cannot be hit."""
        return _SPOILERS[fault](answer, value, chance)


def _wrong_address(answer: bytes, value: object, chance: random.Random) -> bytes:
    frame = decode(answer)
    source = Address(frame.source.upper, frame.source.lower + 1 & 0x7F, frame.source.size)
    return Frame(frame.destination, source, frame.control, frame.information, frame.segmented).encode()


def _bad_checksum(answer: bytes, value: object, chance: random.Random) -> bytes:
    return answer[:-3] + _plus_one(answer[-3:-1]) + answer[-1:]


def _bad_hcs(answer: bytes, value: object, chance: random.Random) -> bytes | None:
    """HCS + 1; the FCS is right for what is sent."""
    frame = decode(answer)
    if not frame.information:
        return None
    place = len(answer) - len(frame.information) - 5
    body = answer[1:place] + _plus_one(answer[place : place + 2]) + frame.information
    return answer[:1] + body + crc16_x25(body).to_bytes(2, "little") + answer[-1:]


def _collision(answer: bytes, value: object, chance: random.Random) -> bytes | None:
    """A second meter with the same address answers too: the same frame, as long as nothing of itself is in it. One with
    another address stays silent."""
    frame = decode(answer)
    if value != "address" or not frame.information.startswith(RESPONSE + b"\xc4"):
        return None
    other = bytearray(frame.information)
    other[-1] ^= chance.randrange(1, 256)
    second = Frame(frame.destination, frame.source, frame.control, bytes(other), frame.segmented).encode()
    return bytes(one & two for one, two in zip(answer, second, strict=True))


def _plus_one(sum_: bytes) -> bytes:
    return (int.from_bytes(sum_, "little") + 1 & 0xFFFF).to_bytes(2, "little")


_SPOILERS = {
    "wrong-address": _wrong_address,
    "bad-checksum": _bad_checksum,
    "bad-hcs": _bad_hcs,
    "collision": _collision,
}
