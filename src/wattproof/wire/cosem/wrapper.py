"""APDUs over TCP and UDP: the wrapper's header and its receiver (IEC 62056-47; abb-meters.md 2.17).

>>> Message(16, 1, bytes.fromhex("6203800100")).encode().hex(" ", -2)
'0001 0010 0001 0005 6203 8001 00'
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from wattproof.errors import FrameError, InvalidValue

#: Registered port of DLMS/COSEM.
PORT = 4059
VERSION = 1
#: Longest APDU that is taken.
LONGEST = 2048
#: Nanoseconds within which a message that has begun must be complete.
PATIENCE = 30 * 10**9
_HEADER = struct.Struct(">4H")


class Message(NamedTuple):
    """One APDU with the ports of the wrapper: the service access points of client and server."""

    source: int
    destination: int
    apdu: bytes

    def encode(self) -> bytes:
        """Header and APDU. Raises ``InvalidValue`` where the APDU is empty or too long, or a port out of range."""
        if not 0 < len(self.apdu) <= 0xFFFF:
            raise InvalidValue(f"an APDU of {len(self.apdu)} bytes does not fit into the wrapper")
        try:
            return _HEADER.pack(VERSION, self.source, self.destination, len(self.apdu)) + self.apdu
        except struct.error:
            raise InvalidValue(f"wrapper ports {self.source} and {self.destination}: allowed are 0 to 65535") from None

    def answer(self, apdu: bytes) -> Message:
        """The answer to this message: the ports change places."""
        return Message(self.destination, self.source, apdu)


def decode(datagram: bytes) -> Message:
    """The message of one datagram. Raises ``FrameError``: no header, or the length is not that of the APDU."""
    found = _parse(datagram, 0)
    if found is None or found[1] != len(datagram):
        raise FrameError(f"a datagram of {len(datagram)} bytes is not one wrapped APDU")
    return found[0]


def _parse(data: bytes, at: int) -> tuple[Message, int] | None:
    """The message that begins ``at`` and its end, or ``None`` while it is not complete. Raises ``FrameError``."""
    if len(data) - at < _HEADER.size:
        if not data.startswith(b"\0\1"[: len(data) - at], at):
            raise FrameError(f"{data[at : at + 2].hex()} is not version {VERSION} of the wrapper")
        return None
    version, source, destination, length = _HEADER.unpack_from(data, at)
    if version != VERSION:
        raise FrameError(f"version {version} of the wrapper is not known, {VERSION} is")
    if not 0 < length <= LONGEST:
        raise FrameError(f"length {length} of a wrapped APDU is outside 1 to {LONGEST}")
    begin = at + _HEADER.size
    end = begin + length
    return None if end > len(data) else (Message(source, destination, data[begin:end]), end)


class Receiver:
    """A TCP stream to messages. After an error the stream cannot be trusted: ``broken`` says why it must be closed."""

    __slots__ = ("_kept", "_since", "broken")

    def __init__(self) -> None:
        self.broken: FrameError | None = None
        self._kept = b""
        self._since: int | None = None

    def receive(self, data: bytes, now: int = 0) -> list[Message]:
        """All messages that are complete after ``data``, which arrived at ``now`` (monotonic nanoseconds)."""
        self.tick(now)
        messages: list[Message] = []
        data = self._kept + data
        at = 0
        while self.broken is None:
            try:
                found = _parse(data, at)
            except FrameError as error:
                self.broken = error
                break
            if found is None:
                break
            message, at = found
            messages.append(message)
        self._kept = b"" if self.broken else data[at:]
        if not self._kept:
            self._since = None
        elif at or self._since is None:
            self._since = now
        return messages

    def tick(self, now: int) -> None:
        """Time goes by: a message that has begun must be complete within 30 seconds."""
        if self._since is not None and now - self._since >= PATIENCE and self.broken is None:
            self.broken = FrameError(f"the rest of a wrapped APDU did not come within {PATIENCE // 10**9} s")
