"""Bytes from the line to messages, one receiver a role. They hold at most one unfinished message of bounded size.

Each state of a receiver is one function of the next byte; the state it returns takes the byte after. Bit 7 of
every byte is ignored: it is the parity bit where a peer counts eight data bits (bsm.md 21.1).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from wattproof.errors import FrameError
from wattproof.wire.iec62056.messages import (
    Acknowledge,
    Command,
    DataSet,
    Identification,
    Request,
    bcc,
    data_sets,
)

#: Longest request line, command and identification line that is taken; a readout may have 64 KiB.
LINE_LIMIT = 64
COMMAND_LIMIT = 256
READOUT_LIMIT = 65_536

_SOH, _STX, _ETX, _ACK, _NAK = 0x01, 0x02, 0x03, 0x06, 0x15
_LF, _CR, _SLASH, _BANG = 0x0A, 0x0D, 0x2F, 0x21


@dataclass(frozen=True, slots=True)
class Ack:
    """A lone ACK: the meter has done what it was told."""


@dataclass(frozen=True, slots=True)
class Nak:
    """The other side did not understand; it wants the last message again."""


@dataclass(frozen=True, slots=True)
class Damaged:
    """A message that cannot be trusted, and why. Nothing of it may be used as a value."""

    reason: str


@dataclass(frozen=True, slots=True)
class Data:
    """A message of data sets: a readout, an answer to R1, an error text, or a D0 packet."""

    sets: tuple[DataSet, ...]


ToMeter = Request | Acknowledge | Nak | Command | Damaged
ToReader = Identification | Data | Command | Ack | Nak | Damaged


class MeterReceiver:
    """What a reader sends, as the meter hears it. Noise between messages is skipped."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._events: list[ToMeter] = []
        self._state: Callable[[int], bool] = self._idle

    def receive(self, data: bytes) -> list[ToMeter]:
        """Messages that are complete after these bytes, in their order."""
        for byte in data:
            self._step(byte & 0x7F)
        events, self._events = self._events, []
        return events

    @property
    def unfinished(self) -> bool:
        """Whether the beginning of a message is waiting for its end."""
        return self._state != self._idle

    def gap(self) -> None:
        """The line was silent for longer than a message may pause: drop what is unfinished."""
        self._buffer.clear()
        self._state = self._idle

    def _step(self, byte: int) -> None:
        if not self._state(byte):  # not part of the unfinished message: it may begin the next one
            self.gap()
            self._idle(byte)

    def _begin(self, state: Callable[[int], bool], byte: int) -> None:
        self._buffer[:] = bytes([byte])
        self._state = state

    def _done(self, event: ToMeter) -> bool:
        self._events.append(event)
        self.gap()
        return True

    def _idle(self, byte: int) -> bool:
        if byte == _NAK:
            self._events.append(Nak())
        elif byte == _SLASH:
            self._begin(self._request, byte)
        elif byte == _ACK:
            self._begin(self._acknowledge, byte)
        elif byte == _SOH:
            self._begin(self._command, byte)
        return True

    def _request(self, byte: int) -> bool:
        if byte == _LF:
            request = Request.parse(bytes(self._buffer.rstrip(b"\r")))
            return self._done(request) if request else False
        if byte in (_SLASH, _SOH, _ACK, _NAK) or len(self._buffer) >= LINE_LIMIT:
            return False
        self._buffer.append(byte)
        return True

    def _acknowledge(self, byte: int) -> bool:
        position = len(self._buffer)
        if position == 5 and byte == _LF:
            return self._done(Acknowledge(*map(chr, self._buffer[1:4])))
        if (position < 4 and chr(byte).isalnum()) or (position == 4 and byte == _CR):
            self._buffer.append(byte)
            return True
        return False

    def _command(self, byte: int) -> bool:
        if len(self._buffer) > 1 and self._buffer[-1] == _ETX:
            return self._done(_command(bytes(self._buffer), byte))
        damaged = (len(self._buffer) in (1, 2) and not chr(byte).isalnum()) or byte == _SOH
        if damaged or len(self._buffer) >= COMMAND_LIMIT:
            self._events.append(Damaged("programming message without a whole frame"))
            return False
        self._buffer.append(byte)
        return True


class ReaderReceiver:
    """What a meter sends, as the reader hears it.

    Args:
        packets: listen to D0 packets: data lines follow the identification without STX, ETX and BCC.
    """

    def __init__(self, packets: bool = False) -> None:
        self.packets = packets
        self._buffer = bytearray()
        self._events: list[ToReader] = []
        self._state: Callable[[int], bool] = self._idle

    def receive(self, data: bytes) -> list[ToReader]:
        """Messages that are complete after these bytes, in their order."""
        for byte in data:
            if not self._state(byte & 0x7F):
                self.gap()
                self._idle(byte & 0x7F)
        events, self._events = self._events, []
        return events

    @property
    def unfinished(self) -> bool:
        """Whether the beginning of a message is waiting for its end."""
        return self._state != self._idle

    def gap(self) -> None:
        """The line was silent for too long: drop what is unfinished."""
        self._buffer.clear()
        self._state = self._idle

    def _done(self, event: ToReader) -> bool:
        self._events.append(event)
        self.gap()
        return True

    def _idle(self, byte: int) -> bool:
        if not self.packets and byte in (_ACK, _NAK):
            self._events.append(Ack() if byte == _ACK else Nak())
        elif byte == _SLASH:
            self._buffer[:] = bytes([byte])
            self._state = self._identification
        elif not self.packets and byte in (_SOH, _STX):
            self._buffer[:] = bytes([byte])
            self._state = self._message
        return True

    def _identification(self, byte: int) -> bool:
        if byte in (_SLASH, _SOH, _STX) or len(self._buffer) >= LINE_LIMIT:
            return False
        if byte != _LF:
            self._buffer.append(byte)
            return True
        try:
            identification = Identification.parse(bytes(self._buffer.rstrip(b"\r")))
        except FrameError:
            return False
        self._done(identification)
        if self.packets:
            self._state = self._packet
        return True

    def _packet(self, byte: int) -> bool:
        begins = byte == _SLASH and bytes(self._buffer[-1:]) in (b"\n", b"")  # a slash inside a line belongs to a unit
        if begins or len(self._buffer) >= READOUT_LIMIT:
            self._events.append(Damaged("D0 packet without its end '!'"))
            return False
        self._buffer.append(byte)
        return self._done(_sets(bytes(self._buffer))) if byte == _BANG else True

    def _message(self, byte: int) -> bool:
        if self._buffer[-1] == _ETX:
            content = bytes(self._buffer)
            return self._done(_command(content, byte) if content[0] == _SOH else _data(content, byte))
        if len(self._buffer) >= READOUT_LIMIT:
            self._events.append(Damaged(f"message longer than {READOUT_LIMIT} bytes"))
            return False
        self._buffer.append(byte)
        return True


def _checked(content: bytes, check: int) -> Damaged | None:
    wanted = bcc(content[1:])
    return None if wanted == check else Damaged(f"BCC is {check:02X}, the message has {wanted:02X}")


def _command(content: bytes, check: int) -> Command | Damaged:
    if damaged := _checked(content, check):
        return damaged
    name, stx, data = content[1:3], content[3:4], content[4:-1]
    if not (len(name) == 2 and name.isalnum()) or (stx != b"\x02" if len(content) > 4 else stx != b"\x03"):
        return Damaged("programming message without a whole frame")
    if stx == b"\x03":
        return Command(name.decode("ascii"))
    try:
        sets = data_sets(data)
    except FrameError as error:
        return Damaged(str(error))
    if len(sets) != 1:
        return Damaged(f"programming message with {len(sets)} data sets instead of one")
    return Command(name.decode("ascii"), sets[0])


def _data(content: bytes, check: int) -> Data | Damaged:
    return _checked(content, check) or _sets(content[1:-1])


def _sets(text: bytes) -> Data | Damaged:
    try:
        return Data(data_sets(text.rstrip(b"!") if text.endswith(b"!") else text))
    except FrameError as error:
        return Damaged(str(error))
