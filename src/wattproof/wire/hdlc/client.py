"""The client's end of one HDLC link, as conversations (abb-meters.md 2.2, 2.3).

>>> link = ClientLink(17)
>>> step = next(link.connect())
>>> step.data.hex()[:16]
'7ea0210223219348'
"""

from __future__ import annotations

from dataclasses import dataclass

from wattproof.errors import Disconnected, FrameError, ResponseTimeout
from wattproof.wire.conversation import Conversation, Pause, Send
from wattproof.wire.hdlc.addresses import PUBLIC, Address
from wattproof.wire.hdlc.controls import Control, Kind, control
from wattproof.wire.hdlc.frames import LONGEST, Frame
from wattproof.wire.hdlc.llc import COMMAND, LONGEST_MESSAGE, RESPONSE, segments
from wattproof.wire.hdlc.parameters import Parameters
from wattproof.wire.hdlc.receiver import Receiver

MILLISECOND = 1_000_000
#: So many bytes without a frame for us, and what is there is not going to be one.
_BABBLE = 4 * LONGEST


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a client waits, in nanoseconds, and how often it tries again.

    ``answer``: until the first byte; ``octet``: the longest pause within an answer; ``busy``: before a busy server is
    asked again, ``patience`` times at most.
    """

    answer: int = 580 * MILLISECOND
    octet: int = 40 * MILLISECOND
    repetitions: int = 2
    busy: int = 500 * MILLISECOND
    patience: int = 20

    @classmethod
    def of(cls, octet: int) -> Timing:
        """The times that belong to an inter-octet time-out in nanoseconds (abb-meters.md 2.3)."""
        return cls(500 * MILLISECOND + 2 * octet, octet)


class ClientLink:
    """A link to one server. Window 1; each conversation must end before the next begins.

    The numbers of I frames tell a late answer from the one that is due, so there are no ``datagrams`` here.

    Args:
        server: address of the server; a number is a physical device with logical device 1 in two bytes.
        client: address of the client, 16 public or 1 management.
        limits: what is asked for.
    """

    datagrams = False

    def __init__(
        self,
        server: Address | int,
        client: int = PUBLIC,
        limits: Parameters = Parameters(512, 512),  # noqa: B008  (immutable)
        timing: Timing = Timing(),
    ) -> None:
        self.server = Address.server(server) if isinstance(server, int) else server
        self.client = Address.client(client)
        self.limits = limits
        self.timing = timing
        self.connected = False
        #: What holds on the link once it is connected.
        self.parameters = Parameters()
        self.receiver = Receiver()
        self._vs = self._vr = 0

    def connect(self) -> Conversation[Parameters]:
        """Open the link, or open it anew; the parameters that hold.

        Raises:
            ResponseTimeout: silence, also after repetitions.
            Disconnected: the server answers DM: it does not want to, or serves another client.
            FrameError: the UA holds no parameters.
        """
        self.connected = False
        self._vs = self._vr = 0
        answer = yield from self._repeat(self._frame(control(Kind.SNRM), self.limits.encode()), _UNNUMBERED)
        if answer is None:
            raise ResponseTimeout(f"no answer from HDLC address {self.server} to SNRM{self._damage()}")
        if answer.kind is Kind.DM:
            raise Disconnected(f"HDLC address {self.server} refuses the connection (DM); is another client connected?")
        self.parameters = self.limits.agree(Parameters.decode(answer.information))
        self.connected = True
        return self.parameters

    def disconnect(self) -> Conversation[None]:
        """Close the link. Silence is as good as an answer."""
        self.connected = False
        yield from self._listen(self._frame(control(Kind.DISC)), _UNNUMBERED)

    def exchange(self, apdu: bytes) -> Conversation[bytes]:
        """Send an APDU, in segments if need be, and put its answer together.

        Raises:
            Disconnected: not connected, DM, FRMR, busy for too long; a new connection is needed.
            ResponseTimeout: silence, also after repetitions; a new connection is needed.
            FrameError: an answer without LLC header, or one that has no end.
        """
        if not self.connected:
            raise Disconnected(f"HDLC address {self.server} is not connected")
        try:
            return (yield from self._exchange(apdu))
        except (Disconnected, ResponseTimeout, FrameError):
            self.connected = False
            raise

    def _exchange(self, apdu: bytes) -> Conversation[bytes]:
        for piece, more in segments(COMMAND + apdu, self.parameters.transmit):
            field = control(Kind.I, self._vs, self._vr)
            self._vs = self._vs + 1 & 7
            answer = yield from self._turn(self._frame(field, piece, more))
        patience = self.timing.patience
        while answer.kind is not Kind.I:  # taken, but the answer is not ready
            patience -= 1
            if patience < 0:
                raise ResponseTimeout(f"HDLC address {self.server} takes the request but gives no answer")
            yield Pause(self.timing.busy)
            answer = yield from self._turn(self._ready())
        message = answer.information
        while answer.segmented:
            answer = yield from self._turn(self._ready())
            if answer.kind is not Kind.I:
                raise Disconnected(f"HDLC address {self.server} ends within a message of several segments")
            message += answer.information
            if len(message) > LONGEST_MESSAGE:
                raise FrameError(f"the answer of HDLC address {self.server} is longer than {LONGEST_MESSAGE} bytes")
        if not message.startswith(RESPONSE):
            raise FrameError(f"the answer of HDLC address {self.server} begins with {message[:3].hex()}, not E6 E7 00")
        return message[len(RESPONSE) :]

    def _turn(self, frame: Frame) -> Conversation[Frame]:
        """Send a frame until the server shows, by its I or RR frame, that it has what was sent."""
        after_silence = iter([frame] * self.timing.repetitions + [self._ready()])  # at last: what does it expect?
        busy = not_taken = 0
        sending: Frame | None = frame
        while sending is not None:
            answer = yield from self._listen(sending, _ANSWERS)
            if answer is None:
                sending = next(after_silence, None)
            elif answer.kind is Kind.RNR:
                busy += 1
                if busy > self.timing.patience:
                    raise Disconnected(f"HDLC address {self.server} stays busy (RNR)")
                yield Pause(self.timing.busy)
                sending = self._ready()
            elif answer.kind is Kind.RR and answer.control.nr != self._vs:
                not_taken += 1
                if not_taken > self.timing.repetitions:
                    raise Disconnected(f"HDLC address {self.server} does not take what is sent")
                sending = frame
            elif answer.kind in (Kind.DM, Kind.FRMR):
                yield from self._broken(answer)
            else:
                self._vr = self._vr + (answer.kind is Kind.I) & 7
                return answer
        raise ResponseTimeout(f"no answer from HDLC address {self.server} to {frame.kind}{self._damage()}")

    def _broken(self, answer: Frame) -> Conversation[None]:
        if answer.kind is Kind.FRMR:
            yield from self.disconnect()
            raise Disconnected(f"HDLC address {self.server} rejected a frame (FRMR {answer.information.hex()})")
        raise Disconnected(f"HDLC address {self.server} has forgotten the connection (DM)")

    def _repeat(self, frame: Frame, kinds: frozenset[Kind]) -> Conversation[Frame | None]:
        for _ in range(self.timing.repetitions + 1):
            answer = yield from self._listen(frame, kinds)
            if answer is not None:
                return answer
        return None

    def _listen(self, frame: Frame, kinds: frozenset[Kind]) -> Conversation[Frame | None]:
        """Send a frame and wait for one of ``kinds`` that fits; ``None`` where none comes in time."""
        receiver = self.receiver
        receiver.silence()
        receiver.dropped, receiver.damage = 0, None
        heard = 0
        data = yield Send(frame.encode(), self.timing.answer)
        while data:
            heard += len(data)
            for found in receiver.receive(data):
                if found.kind in kinds and self._is_next(found):
                    return found
            if heard > _BABBLE:
                break
            data = yield Send(b"", self.timing.octet if receiver.unfinished else self.timing.answer)
        receiver.silence()
        return None

    def _is_next(self, frame: Frame) -> bool:
        """Whether a frame is from our server to us, and an I frame the one that is due."""
        if frame.destination.octets != self.client.octets or frame.source.lower != self.server.lower:
            return False
        if self.server.upper is not None and frame.source.upper not in (None, self.server.upper):
            return False
        return frame.kind is not Kind.I or (frame.control.ns == self._vr and frame.control.nr == self._vs)

    def _ready(self) -> Frame:
        return self._frame(control(Kind.RR, nr=self._vr))

    def _frame(self, field: Control, information: bytes = b"", segmented: bool = False) -> Frame:
        return Frame(self.server, self.client, field, information, segmented)

    def _damage(self) -> str:
        damage = self.receiver.damage
        return f"; {self.receiver.dropped} bytes were damaged: {damage}" if damage else ""


_ANSWERS = frozenset({Kind.I, Kind.RR, Kind.RNR, Kind.DM, Kind.FRMR})
_UNNUMBERED = frozenset({Kind.UA, Kind.DM})
