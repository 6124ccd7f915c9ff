"""Answers that are sent while they are made, and what happens when they break off (g13-api.md 1.3, 11.5, GD-37)."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass

from wattproof.gateway.serve.exact import CUT
from wattproof.gateway.serve.framing import Answer, Framing, Send
from wattproof.gateway.serve.lasterror import LastErrors
from wattproof.gateway.serve.problems import problem, worded

#: An answer is completed before its head goes out up to this size; with ``compat=g13`` none is (GD-37).
COMPLETE = 4 * 1024 * 1024

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Streamed:
    """An answer whose body comes in pieces. A failure before the first piece is an ordinary error."""

    pieces: AsyncIterator[bytes]


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asked for what: kept with an answer that breaks off."""

    user: str
    number: int
    path: str
    serial: str


class Streaming:
    """Sends streamed answers. ``complete``: bytes that are gathered before the head goes out."""

    def __init__(self, framing: Framing, errors: LastErrors, *, complete: int = COMPLETE) -> None:
        self._framing = framing
        self._errors = errors
        self._complete = 0 if framing.compat else complete

    async def send(self, send: Send, answer: Streamed, asked: Asked) -> None:
        """Send the answer, whole if it is small.

        Raises what the pieces raise as long as nothing has been sent; afterwards the body just ends, and #91 says why.
        """
        async with aclosing(answer.pieces) as pieces:  # type: ignore[type-var]
            gathered: list[bytes] = []
            size = 0
            async for piece in pieces:
                gathered.append(piece)
                size += len(piece)
                if size > self._complete:
                    break
            else:
                await self._framing.send(send, Answer(b"".join(gathered)))
                return
            await self._stream(send, b"".join(gathered), pieces, asked)

    async def _stream(self, send: Send, begun: bytes, pieces: AsyncIterator[bytes], asked: Asked) -> None:
        id = await self._errors.begin(asked.user, asked.path, asked.serial)
        await send(self._framing.head(Answer(link=id), streamed=True))
        try:
            await _more(send, begun)
            async for piece in pieces:
                await _more(send, piece)
        except Exception as error:
            found = problem(error)
            self._errors.fail(id, worded(found, asked.number, compat=self._framing.compat).text, found.detail)
            _log.warning("%s broke off: %s (%s)", asked.path, found.text, found.detail)
            if not self._framing.compat:
                await send({"type": CUT})
                return
        await send({"type": "http.response.body", "body": b""})


async def _more(send: Send, piece: bytes) -> None:
    if piece:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
