"""HTTP answers as they are on the wire: status line, headers, every chunk, and how the connection ends (6.3).

A client forgives much of this, so it is read here by the letter of RFC 9112.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from wattproof.errors import ProtocolError

OK, BAD_REQUEST, FORBIDDEN, NOT_FOUND, NOT_IMPLEMENTED = 200, 400, 403, 404, 501
_END = b"\r\n\r\n"
_STATUS = re.compile(rb"HTTP/1\.1 ([1-9]\d\d) ([^\r\n]*)")
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})\r\n")


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. ``sizes``: lengths of the chunks as they were written, the last ``0`` included, ``None`` for a body
    that is not chunked. ``rest``: what stands behind its end. ``closed``: the meter has ended the connection."""

    request: str
    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    sizes: tuple[str, ...] | None
    body: bytes
    rest: bytes
    closed: bool

    def header(self, name: str) -> str:
        """The value of a header, empty without it."""
        return next((value for known, value in self.headers if known.lower() == name.lower()), "")

    @property
    def ok(self) -> bool:
        return self.status == OK

    @property
    def words(self) -> str:
        """For messages: request, status and reason."""
        return f"{self.request}: {self.status} {self.reason}".rstrip()

    def json(self) -> Any:
        """The body as JSON. Raises ``ProtocolError``."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise ProtocolError(f"{self.request} gives no JSON ({error}): {self.body[:60]!r}") from None


def is_whole(data: bytes) -> bool:
    """Whether nothing more has to come: a failure ends with its head, a success with its last chunk or its length."""
    head, end, body = data.partition(_END)
    if not end:
        return False
    fields = _headers(head)
    if "transfer-encoding" in fields:
        return body.endswith(b"0" + _END)
    if "content-length" in fields:
        return len(body) >= int(fields["content-length"] or 0)
    return not head.startswith(b"HTTP/1.1 200")


def read_answer(request: str, data: bytes, closed: bool) -> Answer:
    """The answer in the bytes that came. Raises ``ProtocolError`` for what is no HTTP, or breaks off."""
    head, end, content = data.partition(_END)
    line, _, _ = head.partition(b"\r\n")
    found = _STATUS.fullmatch(line)
    if not end or found is None:
        raise ProtocolError(f"{request}: the answer is no HTTP/1.1: {data[:60]!r}")
    headers = tuple(
        (name.decode("latin-1"), value.strip().decode("latin-1"))
        for name, _, value in (part.partition(b":") for part in head.split(b"\r\n")[1:])
    )
    fields = {name.lower(): value for name, value in headers}
    sizes = None
    if "chunked" in fields.get("transfer-encoding", "").lower():
        sizes, body, rest = _chunks(request, content)
    elif "content-length" in fields:
        length = int(fields["content-length"] or 0)
        body, rest = content[:length], content[length:]
    else:
        body, rest = (content, b"") if int(found[1]) == OK else (b"", content)
    return Answer(request, int(found[1]), found[2].decode("latin-1"), headers, sizes, body, rest, closed)


def _headers(head: bytes) -> dict[str, str]:
    parts = (part.partition(b":") for part in head.split(b"\r\n")[1:])
    return {name.decode("latin-1").lower(): value.strip().decode("latin-1") for name, _, value in parts}


def _chunks(request: str, content: bytes) -> tuple[tuple[str, ...], bytes, bytes]:
    """Sizes as written, the body, and what stands behind the last chunk."""
    sizes: list[str] = []
    body, at = b"", 0
    while True:
        found = _SIZE.match(content, at)
        if found is None:
            raise ProtocolError(f"{request}: no length of a chunk at byte {at} of the body: {content[at : at + 20]!r}")
        size = int(found[1], 16)
        sizes.append(found[1].decode("ascii"))
        begin, at = found.end(), found.end() + size + 2
        if content[at - 2 : at] != b"\r\n":
            raise ProtocolError(f"{request}: the chunk of {size} bytes breaks off or is longer than it says")
        if not size:
            return tuple(sizes), body, content[at:]
        body += content[begin : begin + size]
