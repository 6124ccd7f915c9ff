"""Answers as they go out: status line, header names, their order and values in both modes (g13-api.md 1.2, GD-36).

Header names are sent as they stand here; :mod:`wattproof.gateway.serve.exact` makes uvicorn leave them alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

import msgspec

from wattproof.gateway.serve.problems import Problem

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Header = tuple[bytes, bytes]

JSON = b"application/json"
HTML = b"text/html"
_UNAUTHORIZED = (
    b"<HTML>\n<HEAD><TITLE>401 Unauthorized</TITLE></HEAD>\n<BODY>\n<H1>401 Unauthorized</H1>\n"
    b"Browser not authentication capable or authentication failed.\n</BODY>\n</HTML>\n"
)
_FORBIDDEN = b"<HTML><H1>403 Forbidden</H1></HTML>\n"
#: Pages in the place of a JSON body: 162 bytes (GD-38) and 36 bytes (GD-39).
PAGES = {401: _UNAUTHORIZED, 403: _FORBIDDEN}
SUCCESS = b'{"status":"success"}'
_CHALLENGE = (b"WWW-Authenticate", b'Basic realm="wattproof", charset="UTF-8"')
_PAD = (b"X-Pad", b"avoid browser bug")

encode_json = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Answer:
    """A good answer: its body, complete. ``link``: the id under which its failure would be found (11.5), ``None``: no
    such header. ``extra``: further headers, behind those that every answer has; ``head``: all headers, in the place of
    those. ``kept``: the body is remembered, and may be sent again."""

    body: bytes = b""
    type: bytes = JSON
    link: int | None = 0
    extra: tuple[Header, ...] = ()
    close: bool = False
    head: tuple[Header, ...] = ()
    kept: bool = False


DONE = Answer(SUCCESS)


def document(value: Any) -> Answer:
    """An answer with a JSON body."""
    return Answer(encode_json(value))


class Framing:
    """How one mode frames answers."""

    def __init__(self, *, compat: bool) -> None:
        self.compat = compat
        self._server = (b"Server", b"embOS/IP" if compat else b"wattproof")
        self._ranges: tuple[Header, ...] = ((b"Accept-Ranges", b"bytes"),) if compat else ()

    def head(self, answer: Answer, *, streamed: bool = False) -> Message:
        """The start of a good answer. ``streamed``: its length is not known yet."""
        if answer.head:
            return {"type": "http.response.start", "status": 200, "headers": list(answer.head)}
        headers = [(b"Content-Type", answer.type), self._server]
        if streamed or (self.compat and answer.body):
            headers.append((b"Transfer-Encoding", b"chunked"))
        elif not self.compat:
            headers.append((b"Content-Length", b"%d" % len(answer.body)))
        if answer.link is not None:
            headers.append((b"Link", b"/lasterror/%d" % answer.link))
        headers.extend(answer.extra)
        if answer.close:
            headers.append((b"Connection", b"close"))
        return {"type": "http.response.start", "status": 200, "headers": headers}

    async def send(self, send: Send, answer: Answer) -> None:
        """Send a complete answer."""
        await send(self.head(answer))
        await send({"type": "http.response.body", "body": answer.body})

    async def send_problem(self, send: Send, problem: Problem, *, challenge: bool = True) -> None:
        """Send an error. ``challenge``: let a 401 ask for Basic credentials, which makes browsers open a window."""
        if problem.good:
            await self.send(send, Answer(encode_json({"status": "error", "des": problem.text})))
            return
        page = PAGES.get(problem.status) if problem.html else None
        body = page or encode_json({"status": "error", "des": problem.text})
        headers = [
            self._server,
            *self._ranges,
            (b"Content-Length", b"%d" % len(body)),
            (b"Content-Type", HTML if page else JSON),
        ]
        if page is _FORBIDDEN:
            headers.append(_PAD)
        if not self.compat:
            headers.extend(_advice(problem, challenge))
        start: Message = {"type": "http.response.start", "status": problem.status, "headers": headers}
        if problem.reason is not None:
            start["reason"] = problem.reason
        await send(start)
        await send({"type": "http.response.body", "body": body})


def _advice(problem: Problem, challenge: bool) -> list[Header]:
    """Headers that tell a client what to do instead."""
    headers = []
    if problem.allow:
        headers.append((b"Allow", ", ".join(problem.allow).encode()))
    if problem.retry_after is not None:
        headers.append((b"Retry-After", b"%d" % max(1, round(problem.retry_after))))
    if problem.status == 401 and challenge:
        headers.append(_CHALLENGE)
    return headers
