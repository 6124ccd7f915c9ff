"""Writing HTTP/1.1 responses byte for byte (RFC 9112): the server's side, exactly as told.

A real device has its own reason phrases, its own order of headers, answers some failures without a body and some with
half of one. Nothing here is added, sorted or corrected behind the caller's back; ``framed`` adds the length on request.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from wattproof.errors import InvalidValue

Headers = tuple[tuple[str, str], ...]

#: Reason phrases of RFC 9110, section 15, and the few of others that devices send.
REASONS = {
    100: "Continue",
    101: "Switching Protocols",
    200: "OK",
    201: "Created",
    202: "Accepted",
    204: "No Content",
    205: "Reset Content",
    206: "Partial Content",
    301: "Moved Permanently",
    302: "Found",
    303: "See Other",
    304: "Not Modified",
    307: "Temporary Redirect",
    308: "Permanent Redirect",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    408: "Request Timeout",
    409: "Conflict",
    411: "Length Required",
    413: "Content Too Large",
    414: "URI Too Long",
    415: "Unsupported Media Type",
    417: "Expectation Failed",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
    505: "HTTP Version Not Supported",
    507: "Insufficient Storage",
}

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FIELD = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


@dataclass(frozen=True, slots=True)
class Response:
    """One response as it goes out.

    :param status: 100 to 999.
    :param headers: in this order and spelling; Latin-1.
    :param body: what follows the head, unless ``chunks`` cuts it.
    :param reason: ``None`` takes the standard's phrase, ``""`` sends none.
    :param chunks: sizes of the chunks of a chunked body; what is left over goes into one more chunk.
    :param digits: ``x`` writes those sizes in lower case, ``X`` in upper case.
    :param version: as in the status line.
    :param cut: number of bytes after which the answer breaks off, ``None`` for a whole one.
    """

    status: int
    headers: Headers = ()
    body: bytes = b""
    reason: str | None = None
    chunks: tuple[int, ...] | None = None
    version: str = "1.1"
    cut: int | None = None
    digits: str = "x"

    def header(self, name: str) -> str | None:
        """The first value of a header, whatever its case."""
        wanted = name.lower()
        return next((value for known, value in self.headers if known.lower() == wanted), None)

    @property
    def closes(self) -> bool:
        """Whether the connection ends behind it: it says so, or it breaks off."""
        return self.cut is not None or (self.header("Connection") or "").lower() == "close"

    def framed(self) -> Response:
        """The same response with the header that says where it ends, if it needs one and has none.

        ``Content-Length`` or, with ``chunks``, ``Transfer-Encoding: chunked``, behind the others. 1xx, 204 and 304
        have neither (RFC 9112, section 6).
        """
        if self.status < 200 or self.status in (204, 304):
            return self
        if self.header("Content-Length") is not None or self.header("Transfer-Encoding") is not None:
            return self
        length = ("Content-Length", str(len(self.body))) if self.chunks is None else ("Transfer-Encoding", "chunked")
        return replace(self, headers=(*self.headers, length))

    def encode(self, *, head_only: bool = False) -> bytes:
        """The bytes. ``head_only`` answers the method HEAD: the same head, no body.

        :raises InvalidValue: a header that cannot be written, or would end the head before its time.
        """
        data = encode_head(self.status, self.headers, reason=self.reason, version=self.version)
        if not head_only:
            data += self.body if self.chunks is None else self._chunked(self.chunks)
        return data if self.cut is None else data[: self.cut]

    def _chunked(self, sizes: tuple[int, ...]) -> bytes:
        return b"".join(encode_chunks(self.body, sizes, self.digits)) + LAST_CHUNK


def encode_head(
    status: int, headers: Iterable[tuple[str, str]], *, reason: str | None = None, version: str = "1.1"
) -> bytes:
    """Status line, header lines and the empty line behind them (RFC 9112, sections 4 and 5).

    :raises InvalidValue: see ``Response.encode``.
    """
    if not 100 <= status <= 999:
        raise InvalidValue(f"{status} is no HTTP status: it has three digits")
    phrase = REASONS.get(status, "") if reason is None else reason
    if not _FIELD.fullmatch(phrase):
        raise InvalidValue(f"the reason phrase {phrase!r} holds characters that HTTP has not")
    lines = [f"HTTP/{version} {status} {phrase}"]
    for name, value in headers:
        if not _TOKEN.fullmatch(name):
            raise InvalidValue(f"{name!r} is no header name")
        if not _FIELD.fullmatch(value) or value != value.strip(" \t"):
            raise InvalidValue(f"the value {value!r} of header {name} holds line ends, controls or outer blanks")
        lines.append(f"{name}: {value}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


LAST_CHUNK = b"0\r\n\r\n"


def encode_chunk(data: bytes, digits: str = "x") -> bytes:
    """One chunk (RFC 9112, section 7.1); nothing for no data, for that would end the body."""
    return b"%b\r\n%b\r\n" % (format(len(data), digits).encode("ascii"), data) if data else b""


def encode_chunks(body: bytes, sizes: Sequence[int], digits: str = "x") -> Iterable[bytes]:
    """A body in chunks of these sizes, the rest in one more."""
    position = 0
    for size in sizes:
        if size < 1:
            raise InvalidValue(f"a chunk of {size} bytes: it has at least one")
        yield encode_chunk(body[position : position + size], digits)
        position += size
    yield encode_chunk(body[position:], digits)


def json_response(status: int, content: object, headers: Headers = ()) -> Response:
    """A JSON document as a response with its length; ``headers`` come behind the type."""
    body = json.dumps(content, ensure_ascii=False, allow_nan=False).encode() + b"\n"
    return Response(
        status, (("Content-Type", "application/json"), ("Cache-Control", "no-store"), *headers), body
    ).framed()


def json_refusal(status: int, reason: str) -> Response:
    """The reason of a failure as ``{"error": reason}``; the connection ends behind it."""
    return json_response(status, {"error": reason}, (("Connection", "close"),))
