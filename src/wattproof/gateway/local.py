"""What the two processes of the gateway say to each other over a local socket: messages, commands, their failures.

A frame is a length (4 bytes, big endian) and a :data:`Message` in msgpack. The socket lies in the data directory with
mode 0600: who may open it may do everything.
"""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator
from enum import StrEnum
from typing import Any, Protocol

import msgspec
from msgspec import Struct

from wattproof.errors import FrameError, WattproofError

#: No frame is longer; long answers are streamed in parts.
FRAME_LIMIT = 16 * 1024 * 1024
#: Parts of a streamed answer that travel before the caller has taken the first.
WINDOW = 8
#: ``acquire`` says this often that it is there (s), with a notice :data:`ALIVE`.
HEARTBEAT = 0.5
#: Who has heard nothing for so long (s) takes nothing from what it remembers: shorter than :data:`CONFIRM_LIMIT`.
LEASE = 1.5
#: Who has not confirmed a notice after so long (s) is cut off.
CONFIRM_LIMIT = 2.0
#: Kinds of notices without meaning outside the local socket: the heart beat, and (made by the client) a new connection.
ALIVE, CONNECTED = "alive", "connected"
_LENGTH = struct.Struct(">I")


class Failing(StrEnum):
    """Why a command failed, and so which HTTP status it becomes."""

    INVALID = "invalid"  # 400
    UNSUPPORTED = "unsupported"  # 400: this meter has no such thing (10.3)
    CONFLICT = "conflict"  # 400: not now (a scan runs, the serial is taken)
    DENIED = "denied"  # 403: the meter refuses
    UNKNOWN = "unknown"  # 404
    METER = "meter"  # 500: the meter does not answer, or wrongly (11.3)
    STORAGE = "storage"  # 500: the disk
    BUSY = "busy"  # 503
    GONE = "gone"  # 503: the other process is away
    INTERNAL = "internal"  # 500: a mistake of ours, which the log of the other process describes


class CommandFailed(WattproofError):
    """A command of the other process failed. ``text`` is what the interface says, ``detail`` the true cause,
    ``where`` the member of a composite write that was reached, ``retry_after`` seconds."""

    def __init__(
        self, kind: Failing, text: str, *, detail: str = "", where: str | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(f"{text} ({detail})" if detail else text)
        self.kind, self.text, self.detail, self.where, self.retry_after = kind, text, detail, where, retry_after


class Call(Struct, frozen=True, tag=True):
    """Ask for a command; ``id`` is the caller's."""

    id: int
    command: str
    arguments: dict[str, Any] = {}


class Cancel(Struct, frozen=True, tag=True):
    """The caller no longer waits."""

    id: int


class Result(Struct, frozen=True, tag=True):
    """The last answer of a call that went well."""

    id: int
    value: Any = None


class Part(Struct, frozen=True, tag=True):
    """One part of a streamed answer."""

    id: int
    value: Any = None


class More(Struct, frozen=True, tag=True):
    """The caller has room for ``count`` further parts; it begins with room for :data:`WINDOW`."""

    id: int
    count: int


class Failure(Struct, frozen=True, tag=True):
    """The last answer of a call that did not."""

    id: int
    kind: Failing
    text: str
    detail: str = ""
    where: str | None = None
    retry_after: float | None = None

    def error(self) -> CommandFailed:
        """As an exception."""
        return CommandFailed(self.kind, self.text, detail=self.detail, where=self.where, retry_after=self.retry_after)


class Notice(Struct, frozen=True, tag=True):
    """Told to every ``serve`` without being asked; one with a ``number`` is confirmed."""

    kind: str
    value: Any = None
    number: int | None = None


class Confirm(Struct, frozen=True, tag=True):
    """A notice has taken effect."""

    number: int


Message = Call | Cancel | Result | Part | More | Failure | Notice | Confirm

_ENCODER = msgspec.msgpack.Encoder()
_DECODER: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)


def encode(message: Message) -> bytes:
    """One frame."""
    body = _ENCODER.encode(message)
    if len(body) > FRAME_LIMIT:
        raise FrameError(f"a message of {len(body)} bytes does not fit into a frame of the local socket")
    return _LENGTH.pack(len(body)) + body


class Frames:
    """Bytes to messages."""

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, data: bytes) -> list[Message]:
        """The messages that are complete now. Raises ``FrameError``: the other side speaks something else."""
        self._data += data
        messages = []
        while len(self._data) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._data)
            if length > FRAME_LIMIT:
                raise FrameError(f"a frame of {length} bytes on the local socket")
            if len(self._data) < _LENGTH.size + length:
                break
            body = bytes(self._data[_LENGTH.size : _LENGTH.size + length])
            del self._data[: _LENGTH.size + length]
            try:
                messages.append(_DECODER.decode(body))
            except msgspec.MsgspecError as error:
                raise FrameError(f"a frame of the local socket cannot be read: {error}") from error
        return messages


class Local(Protocol):
    """The other process, as its caller sees it."""

    async def call(self, command: str, **arguments: Any) -> Any:
        """Carry out a command. Raises :class:`CommandFailed`."""
        ...

    def stream(self, command: str, **arguments: Any) -> AsyncIterator[Any]:
        """Parts of a streamed answer. Raises :class:`CommandFailed`, also after parts."""
        ...
