"""The HTTP client's edge: one question, one answer, one connection, on asyncio and without an event loop.

Small devices close the connection after every response, so nothing is kept open. Requests carry the headers that they
need and no more, in the order Host, Content-Type, Content-Length. Answers are parsed by httptools: bodies in chunks of
any size, with a length, or up to the end of the connection; a failure without either has no body (RFC 9112, section 6;
specification of the DMED4, section 6).
"""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import httptools

from wattproof.errors import Disconnected, InvalidURL, InvalidValue, ProtocolError, ResponseTimeout, UsageError
from wattproof.io.clock import BlockingClock, SystemClock
from wattproof.io.link import ByteLink
from wattproof.io.opening import open_link, open_link_blocking
from wattproof.io.tcp import CONNECT_LIMIT
from wattproof.io.trace import SENT, HeldTrace, Trace, TracedLink
from wattproof.io.url import MeterURL
from wattproof.model.clock import Clock

SCHEMES = frozenset({"http", "https"})
DEFAULT_PORTS = {"http": 80, "https": 443}
#: Environment variable with the password of a meter, where its address names no file.
PASSWORD_VARIABLE = "WATTPROOF_PASSWORD"  # noqa: S105 - a name, no password
#: Methods that may be asked again when no answer came: they change nothing.
REPEATABLE = frozenset({"GET"})
OK = 200


@dataclass(frozen=True, slots=True)
class Limits:
    """What one answer may take: bytes of head and body, seconds without a byte, seconds in all."""

    head: int = 16 * 1024
    body: int = 1024 * 1024
    silence: float = 5.0
    whole: float = 60.0


@dataclass(frozen=True, slots=True)
class WebAnswer:
    """One response: its status, reason phrase, headers (names in lower case) and body."""

    status: int
    reason: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def ok(self) -> bool:
        return self.status == OK

    def json(self) -> Any:
        """The body as JSON. Raises ``ValueError``."""
        return json.loads(self.body)


class BrokenOff(Disconnected):
    """The connection ended inside an answer. ``answer`` is what had come of it: its body is not whole."""

    def __init__(self, message: str, answer: WebAnswer) -> None:
        super().__init__(message)
        self.answer = answer


class WebLink(Protocol):
    """A way to one HTTP server."""

    name: str

    @property
    def clock(self) -> Clock:
        """The clock that times the link; drivers sleep on it."""
        ...

    async def exchange(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        *,
        timeout: float | None = None,
        secret: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> WebAnswer:
        """Ask for ``target`` (path and query, percent-encoded) and return the answer, whatever its status.

        ``headers`` go out behind Host; a ``Content-Type`` among them is that of the body, which is JSON otherwise.

        ``timeout`` seconds without a byte replace the link's own for this request, which is then not repeated.
        ``secret``: a part of the request that no trace may show.

        Raises:
            Unreachable: there is no connection, or the certificate is not the expected one. Nothing was sent.
            ResponseTimeout: no whole answer came in time. What was asked may have been done.
            Disconnected: the connection ended before the answer was whole, as :class:`BrokenOff` if its head had come.
                What was asked may have been done.
            ProtocolError: what came is no HTTP, or more of it than the limits allow.
        """
        ...

    async def close(self) -> None:
        """End what is open; harmless at any time."""
        ...


class WebClient:
    """A :class:`WebLink` that opens a connection for each request with ``opener``.

    ``name``: the server as messages name it. ``host``: the value of the Host header. ``retries``: further attempts of a
    GET that got no whole answer. ``trace`` records every byte but secrets. ``veil`` hides those of bodies: it gets the
    bytes of a request or an answer and returns as many.
    """

    def __init__(
        self,
        opener: Callable[[], Awaitable[ByteLink]],
        *,
        name: str,
        host: str,
        clock: Clock,
        limits: Limits | None = None,
        retries: int = 2,
        prefix: str = "",
        trace: Trace | None = None,
        veil: Callable[[bytes], bytes] = bytes,
    ) -> None:
        self.name = name
        self.host = host
        self.clock = clock
        self.limits = limits or Limits()
        self.retries = retries
        self._opener = opener
        self._prefix = prefix
        self._trace = trace
        self._veil = veil
        self._link: ByteLink | None = None

    async def exchange(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        *,
        timeout: float | None = None,
        secret: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> WebAnswer:
        """See :meth:`WebLink.exchange`."""
        request = self.request(method, target, body, headers)
        attempts = 1 + (self.retries if timeout is None and method in REPEATABLE else 0)
        what = f"{method} {target.partition('?')[0]} at {self.name}"
        while True:
            attempts -= 1
            try:
                return await self._once(request, what, timeout or self.limits.silence, secret)
            except (ResponseTimeout, Disconnected):
                if not attempts:
                    raise

    async def transcript(
        self, request: bytes, whole: Callable[[bytes], bool], *, linger: float = 1.0
    ) -> tuple[bytes, bool]:
        """Send the bytes of a request; everything that comes back as it is, and whether the other side then closed.

        ``whole`` says when nothing more has to come; the connection is watched for ``linger`` seconds after that.
        Raises what :meth:`WebLink.exchange` raises if not a single byte came.
        """
        what = f"{request.split(b' ')[0].decode('latin-1')} at {self.name}"
        self._link = link = await self._opener()
        data = b""
        heard, held = self._heard(link)
        try:
            await self._send(link, request, "")
            while True:
                part = await heard.receive(linger if whole(data) else self.limits.silence)
                data += part
                if len(data) > self.limits.head + 2 * self.limits.body:
                    raise ProtocolError(f"{what}: the answer does not end")
                if not part:
                    break
        except Disconnected as error:
            if not data:
                raise Disconnected(f"{what}: no answer ({error})") from error
            return data, True
        finally:
            await self.close()
            held()
        if not data:
            raise ResponseTimeout(f"{what}: no answer within {self.limits.silence:g} s")
        return data, False

    def request(
        self, method: str, target: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> bytes:
        """The bytes that :meth:`exchange` sends for a request."""
        return encode_request(method, self._prefix + target, self.host, body, headers)

    async def close(self) -> None:
        """End a connection that an interrupted request left behind."""
        link, self._link = self._link, None
        if link is not None:
            link.abort()

    async def _once(self, request: bytes, what: str, silence: float, secret: str) -> WebAnswer:
        self._link = link = await self._opener()
        try:
            await self._send(link, request, secret)
            heard, held = self._heard(link)
            try:
                return await self._receive(heard, what, silence)
            finally:
                held()
        finally:
            await self.close()

    def _heard(self, link: ByteLink) -> tuple[ByteLink, Callable[[], None]]:
        """The link as the trace hears it, and what writes that down when the answer is over."""
        if self._trace is None:
            return link, lambda: None
        held = HeldTrace(self._trace, self._veil)
        return TracedLink(link, held), held.release

    async def _send(self, link: ByteLink, request: bytes, secret: str) -> None:
        if self._trace is not None:
            self._trace.note(f"open {self.name}")
            shown = request.replace(secret.encode(), b"*" * len(secret.encode())) if secret else request
            self._trace.record(SENT, self._veil(shown))
        await link.send(request)

    async def _receive(self, link: ByteLink, what: str, silence: float) -> WebAnswer:
        reader = ResponseReader(what, self.limits)
        deadline = link.clock.now() + round(max(self.limits.whole, silence) * 1e9)
        while not reader.complete:
            wait = min(silence, (deadline - link.clock.now()) / 1e9)
            try:
                data = await link.receive(wait) if wait > 0 else b""
            except Disconnected as error:
                if reader.ended():
                    break
                message = f"{what}: {reader.state} ({error})"
                raise (BrokenOff(message, reader.answer()) if reader.headed else Disconnected(message)) from error
            if not data:
                raise ResponseTimeout(
                    f"{what}: {reader.state} within {silence:g} s; check that it is the meter's address, or allow more "
                    f"time with ?timeout="
                )
            reader.feed(data)
        return reader.answer()


def encode_request(
    method: str, target: str, host: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> bytes:
    """The bytes of a request. PUT without a body says so with its length; a body is JSON unless a header says else.

    Raises :class:`~wattproof.errors.InvalidValue` for a target with blanks, controls or characters beyond ASCII, and
    for a header with controls or such characters.
    """
    more = dict(headers or {})
    if not target.startswith("/") or not all("!" <= letter <= "~" for letter in target):
        raise InvalidValue(f"{target!r} is no path of HTTP: it begins with / and is percent-encoded")
    for name, value in more.items():
        if not all(" " <= letter <= "~" for letter in name + value):
            raise InvalidValue(f"the header {name} holds what no header may hold")
    kind = more.pop("Content-Type", "application/json")
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", *(f"{name}: {value}" for name, value in more.items())]
    if body is not None:
        lines.append(f"Content-Type: {kind}")
    if body is not None or method in ("PUT", "POST"):
        lines.append(f"Content-Length: {len(body or b'')}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii") + (body or b"")


class ResponseReader:
    """Reads one response, sans-I/O. httptools calls the ``on_...`` methods while :meth:`feed` feeds it."""

    def __init__(self, what: str, limits: Limits) -> None:
        self._what = what
        self._limits = limits
        self._parser = httptools.HttpResponseParser(self)
        self._seen = 0
        self._headed = False
        self._done = False
        self._reason = b""
        self._headers: dict[str, str] = {}
        self._body = bytearray()
        self._problem: ProtocolError | None = None

    def feed(self, data: bytes) -> None:
        """Take what came. Raises :class:`~wattproof.errors.ProtocolError`."""
        if not self._headed:
            self._seen += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            # Whatever stands behind a whole answer is not asked about.
            if not self.complete:
                raise self._problem or ProtocolError(f"{self._what}: the answer is no HTTP ({error})") from None
        if not self._headed and self._seen > self._limits.head:
            raise ProtocolError(f"{self._what}: the head of the answer is longer than {self._limits.head} bytes")

    @property
    def complete(self) -> bool:
        """Whether nothing more has to come: the body is whole, or a failure said nothing of a body."""
        return self._done or (self._headed and not self._bodied and self._parser.get_status_code() != OK)

    @property
    def headed(self) -> bool:
        """Whether the head of the answer is whole."""
        return self._headed

    @property
    def _bodied(self) -> bool:
        return "content-length" in self._headers or "transfer-encoding" in self._headers

    def ended(self) -> bool:
        """The connection has ended: whether the answer is whole, because nothing else marks its end."""
        return self.complete or (self._headed and not self._bodied)

    @property
    def state(self) -> str:
        """How far it came, for messages."""
        if not self._seen:
            return "no answer"
        return "the answer broke off in its body" if self._headed else "the answer broke off in its head"

    def answer(self) -> WebAnswer:
        """What was read."""
        return WebAnswer(
            self._parser.get_status_code(), self._reason.decode("latin-1"), self._headers, bytes(self._body)
        )

    # what httptools calls

    def on_status(self, status: bytes) -> None:
        self._reason += status

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        # 1xx announces the real answer, which the parser reads next.
        if self._parser.get_status_code() >= OK:
            self._headed = True

    def on_body(self, body: bytes) -> None:
        self._body += body
        if len(self._body) > self._limits.body:
            self._problem = ProtocolError(f"{self._what}: the answer is longer than {self._limits.body} bytes")
            raise self._problem

    def on_message_complete(self) -> None:
        if self._headed:
            self._done = True
        else:
            self._reason, self._headers = b"", {}


def web_link(
    url: MeterURL,
    *,
    trace: Trace | None = None,
    clock: Clock | None = None,
    veil: Callable[[bytes], bytes] = bytes,
    limits: Limits | None = None,
) -> WebClient:
    """A link to the server of ``url`` on the running event loop; it connects when asked.

    ``http`` or ``https`` with ``?timeout=``, ``?retries=`` and, for ``https``, ``?verify=``, ``?pin=`` and ``?ca=``.
    ``limits`` of an answer, where they are not the usual ones; ``?timeout=`` counts for more.

    Raises :class:`~wattproof.errors.InvalidURL` for another scheme.
    """
    clock = clock or SystemClock()

    async def opener() -> ByteLink:
        return await open_link(url, limit=_connect_limit(url), clock=clock)

    return _client(url, opener, clock, trace, veil, limits)


def web_link_blocking(
    url: MeterURL,
    *,
    trace: Trace | None = None,
    clock: Clock | None = None,
    veil: Callable[[bytes], bytes] = bytes,
    limits: Limits | None = None,
) -> WebClient:
    """The same for code without an event loop: no method of the link ever suspends."""
    clock = clock or BlockingClock()

    async def opener() -> ByteLink:
        return open_link_blocking(url, limit=_connect_limit(url), clock=clock)

    return _client(url, opener, clock, trace, veil, limits)


def _connect_limit(url: MeterURL) -> float:
    return max(CONNECT_LIMIT, url.number("timeout", 0.0))


def _client(
    url: MeterURL,
    opener: Callable[[], Awaitable[ByteLink]],
    clock: Clock,
    trace: Trace | None,
    veil: Callable[[bytes], bytes],
    limits: Limits | None,
) -> WebClient:
    if url.scheme not in SCHEMES:
        raise InvalidURL(f"{url}: {url.scheme} does not carry HTTP; an example: http://192.168.1.1")
    usual = limits or Limits()
    return WebClient(
        opener,
        name=url.place,
        host=host_header(url),
        clock=clock,
        limits=replace(usual, silence=url.number("timeout", usual.silence)),
        retries=url.whole("retries", 2),
        prefix=url.path.rstrip("/"),
        trace=trace,
        veil=veil,
    )


def host_header(url: MeterURL) -> str:
    """The Host header: no port where it is the scheme's own (RFC 9110, 7.2)."""
    host = f"[{url.host}]" if url.host and ":" in url.host else str(url.host)
    return host if url.port in (None, DEFAULT_PORTS.get(url.scheme)) else f"{host}:{url.port}"


def password_of(url: MeterURL) -> str | None:
    """The password for the device at ``url``: first line of ``?password-file=``, else the environment; else none.

    Raises :class:`~wattproof.errors.UsageError` if the file cannot be read.
    """
    name = url.options.get("password-file")
    if name is None:
        return os.environ.get(PASSWORD_VARIABLE) or None
    try:
        lines = Path(name).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise UsageError(f"cannot read the password file {name}: {reason}") from error
    return lines[0] if lines else None
