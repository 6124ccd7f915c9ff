"""The server's end of one HDLC link: frames in, one frame or silence out (abb-meters.md 2.2, 2.3, 3.12).

::

    disconnected --SNRM/UA--> connected --DISC/UA, inactivity--> disconnected
    disconnected: DISC, I, RR, RNR -> DM
    connected:    I -> I, RR, RNR (busy) or FRMR;  RR -> next segment, last answer again, RR or FRMR
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, TypeAlias

from wattproof.errors import FrameError
from wattproof.wire.hdlc.addresses import ALL_STATIONS, ALL_STATIONS_LONG, LOGICAL_DEVICE, Address
from wattproof.wire.hdlc.controls import Control, Kind, control
from wattproof.wire.hdlc.frames import Frame
from wattproof.wire.hdlc.llc import COMMAND, LONGEST_MESSAGE, RESPONSE
from wattproof.wire.hdlc.parameters import Parameters

#: What the virtual meter transmits and receives at most in one information field.
LIMITS = Parameters(512, 512)
#: Nanoseconds without a frame of the client after which link and association are dropped.
INACTIVITY = 120 * 10**9
#: Why a frame is rejected, the third byte of FRMR: its control field, its length, its N(R).
_UNDEFINED, _TOO_LONG, _WRONG_NR = 0x01, 0x04, 0x08


class Upper(Protocol):
    """Who sits on the link: a COSEM server."""

    def connected(self, client: int) -> None:
        """A client has opened the link, or opened it anew."""
        ...

    def disconnected(self) -> None:
        """The link is gone, and all that depends on it."""
        ...

    def receive(self, apdu: bytes, now: int) -> bytes | None:
        """The answer to an APDU; ``None`` where there is none."""
        ...


class ServerLink:
    """One meter's link with one client at a time. Window 1: every I frame is answered before the next.

    Args:
        address: the physical device, 16 to 125 on a bus with two-byte addresses.
        upper: gets whole APDUs and answers them.
        limits: what this end transmits and receives.
        inactivity: nanoseconds after which a silent client is forgotten.
        logical_device: the upper address.
    """

    __slots__ = (
        "_client", "_heard", "_incoming", "_last", "_outgoing", "_rejection", "_upper", "_vr", "_vs",
        "address", "busy", "inactivity", "limits", "logical_device", "parameters",
    )  # fmt: skip

    def __init__(
        self,
        address: int,
        upper: Upper,
        limits: Parameters = LIMITS,
        inactivity: int = INACTIVITY,
        logical_device: int = LOGICAL_DEVICE,
    ) -> None:
        self.address = address
        self.limits = limits
        self.inactivity = inactivity
        self.logical_device = logical_device
        #: While set, I frames are not taken but answered RNR.
        self.busy = False
        #: What holds on the link; defaults while it is disconnected.
        self.parameters = Parameters()
        self._upper = upper
        self._client: int | None = None
        self._heard = 0
        self._clear()

    @property
    def client(self) -> int | None:
        """Who is connected: the client's address, or ``None``."""
        return self._client

    def hear(self, frame: Frame, now: int) -> Frame | None:
        """The answer to a frame that arrived at ``now`` (monotonic nanoseconds); ``None``: silence."""
        self.tick(now)
        everyone = frame.destination.all_stations
        if not self._is_here(frame.destination) or frame.source.size != 1 or not frame.control.final:
            return None
        if everyone and frame.kind is not Kind.SNRM:
            return None
        answer = self._answer(frame, now)
        if answer is None or everyone:
            return None
        field, information, segmented = answer
        return Frame(frame.source, frame.destination, field, information, segmented)

    def tick(self, now: int) -> None:
        """Drop the link if its client has been silent for too long."""
        if self._client is not None and now - self._heard >= self.inactivity:
            self.drop()

    def drop(self) -> None:
        """End link and association without a word, as a power failure does."""
        if self._client is not None:
            self._client = None
            self.parameters = Parameters()
            self._clear()
            self._upper.disconnected()

    def _is_here(self, destination: Address) -> bool:
        if destination.all_stations:
            return destination.upper in (None, self.logical_device, ALL_STATIONS, ALL_STATIONS_LONG)
        return destination.lower == self.address and destination.upper in (None, self.logical_device)

    def _answer(self, frame: Frame, now: int) -> _Answer | None:
        if self._client is None:
            return _DISCONNECTED.get(frame.kind, _ignore)(self, frame, now)
        if frame.source.lower != self._client:
            return _DM if frame.kind in _DISCONNECTED else None
        self._heard = now
        if self._rejection is not None and frame.kind not in (Kind.SNRM, Kind.DISC):
            return control(Kind.FRMR), self._rejection, False
        return _CONNECTED.get(frame.kind, _ignore)(self, frame, now)

    def _clear(self) -> None:
        self._vs = self._vr = 0
        self._incoming = b""
        self._outgoing = b""
        self._last: _Answer | None = None
        self._rejection: bytes | None = None

    def _connect(self, frame: Frame, now: int) -> _Answer | None:
        try:
            proposed = Parameters.decode(frame.information)
        except FrameError:
            return None
        if self._client is not None:
            self._upper.disconnected()
        self._clear()
        self._client, self._heard = frame.source.lower, now
        self.parameters = self.limits.grant(proposed)
        self._upper.connected(self._client)
        return control(Kind.UA), self.parameters.encode(), False

    def _disconnect(self, frame: Frame, now: int) -> _Answer:
        self.drop()
        return control(Kind.UA), b"", False

    def _information(self, frame: Frame, now: int) -> _Answer:
        field = frame.control
        if self._last is not None and field.ns == (self._vr - 1) & 7:
            return self._last  # a repetition: answered again, not executed again
        if field.ns != self._vr:
            return self._supervise(Kind.RR)
        if field.nr != self._vs:
            return self._reject(field, _WRONG_NR)
        if len(frame.information) > self.parameters.receive:
            return self._reject(field, _TOO_LONG)
        if self.busy:
            return self._supervise(Kind.RNR)
        if len(self._incoming) + len(frame.information) > LONGEST_MESSAGE:
            return self._reject(field, _TOO_LONG)
        self._vr = self._vr + 1 & 7
        self._outgoing = b""
        self._incoming += frame.information
        if frame.segmented:
            return self._keep(self._supervise(Kind.RR))
        message, self._incoming = self._incoming, b""
        answer = self._upper.receive(message[len(COMMAND) :], now) if message.startswith(COMMAND) else None
        if answer is None:
            return self._keep(self._supervise(Kind.RR))
        self._outgoing = RESPONSE + answer
        return self._next_segment()

    def _receive_ready(self, frame: Frame, now: int) -> _Answer:
        nr = frame.control.nr
        if nr != self._vs:
            if self._last is not None and self._last[0].kind is Kind.I and nr == (self._vs - 1) & 7:
                return self._last
            return self._reject(frame.control, _WRONG_NR)
        if self._outgoing and frame.kind is Kind.RR:
            return self._next_segment()
        return self._supervise(Kind.RNR if self.busy else Kind.RR)

    def _undefined(self, frame: Frame, now: int) -> _Answer:
        return self._reject(frame.control, _UNDEFINED)

    def _next_segment(self) -> _Answer:
        size = self.parameters.transmit
        piece, self._outgoing = self._outgoing[:size], self._outgoing[size:]
        field = control(Kind.I, self._vs, self._vr)
        self._vs = self._vs + 1 & 7
        return self._keep((field, piece, bool(self._outgoing)))

    def _supervise(self, kind: Kind) -> _Answer:
        return control(kind, nr=self._vr), b"", False

    def _keep(self, answer: _Answer) -> _Answer:
        self._last = answer
        return answer

    def _reject(self, field: Control, reason: int) -> _Answer:
        self._rejection = bytes((field.octet, self._vr << 5 | self._vs << 1, reason))
        return control(Kind.FRMR), self._rejection, False


#: Control field, information, and whether more segments follow.
_Answer: TypeAlias = tuple[Control, bytes, bool]
_Handler: TypeAlias = Callable[[ServerLink, Frame, int], _Answer | None]
_DM: _Answer = (control(Kind.DM), b"", False)


def _ignore(link: ServerLink, frame: Frame, now: int) -> None:
    return None


def _refuse(link: ServerLink, frame: Frame, now: int) -> _Answer:
    return _DM


_DISCONNECTED: Mapping[Kind, _Handler] = {
    Kind.SNRM: ServerLink._connect,
    **dict.fromkeys((Kind.DISC, Kind.I, Kind.RR, Kind.RNR), _refuse),
}
_CONNECTED: Mapping[Kind, _Handler] = {
    Kind.SNRM: ServerLink._connect,
    Kind.DISC: ServerLink._disconnect,
    Kind.I: ServerLink._information,
    Kind.RR: ServerLink._receive_ready,
    Kind.RNR: ServerLink._receive_ready,
    Kind.UNKNOWN: ServerLink._undefined,
}
