"""Connections over TCP, with or without TLS, for asyncio and for code that blocks."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import sys
from collections.abc import Callable

from wattproof.errors import Unreachable
from wattproof.io.link import CHUNK, BlockingLink, TransportLink, ended
from wattproof.io.tls import Trust
from wattproof.model.clock import Clock

#: Seconds within which a connection has to stand, unless the caller says otherwise.
CONNECT_LIMIT = 5.0


async def connect(
    host: str,
    port: int,
    *,
    name: str,
    limit: float = CONNECT_LIMIT,
    trust: Trust | None = None,
    clock: Clock | None = None,
) -> TransportLink:
    """Open a connection; ``trust`` makes it TLS. ``name`` is the address for error messages.

    Raises:
        Unreachable: refused, no route, unknown host, not there within ``limit`` seconds, certificate not trusted.
    """
    loop = asyncio.get_running_loop()
    context = trust.client_context() if trust else None
    try:
        async with asyncio.timeout(limit):
            _, link = await loop.create_connection(
                lambda: TransportLink(name, clock), host, port, ssl=context, server_hostname=host if context else None
            )
    except TimeoutError as error:
        raise unreachable(name, f"no connection within {limit:g} s") from error
    except (OSError, ssl.SSLError, UnicodeError) as error:
        raise unreachable(name, reason(error)) from error
    if trust:
        try:
            trust.check_pin(name, link.transport.get_extra_info("ssl_object"))
        except Unreachable:
            await link.close()
            raise
    return link


def connect_blocking(
    host: str,
    port: int,
    *,
    name: str,
    limit: float = CONNECT_LIMIT,
    trust: Trust | None = None,
    clock: Clock | None = None,
) -> BlockingLink:
    """The same without an event loop. Raises ``Unreachable``."""
    context = trust.client_context() if trust else None
    plain: socket.socket | None = None
    try:
        plain = socket.create_connection((host, port), timeout=limit)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream = context.wrap_socket(plain, server_hostname=host) if context else plain
        if trust:
            trust.check_pin(name, stream)
    except TimeoutError as error:
        _close(plain)
        raise unreachable(name, f"no connection within {limit:g} s") from error
    except (OSError, ssl.SSLError, UnicodeError) as error:
        _close(plain)
        raise unreachable(name, reason(error)) from error
    except Unreachable:
        stream.close()
        raise
    if not isinstance(stream, ssl.SSLSocket) and hasattr(socket, "SO_RCVTIMEO") and sys.platform != "win32":
        return SocketLink(stream, name, clock)
    stream.setblocking(False)
    return BlockingLink(stream, name, clock)


class SocketLink(BlockingLink):
    """A plain socket whose waits the kernel ends by itself (SO_RCVTIMEO): one system call for an answer, not two."""

    #: Nanoseconds of the grid on which waits lie, so that the kernel is told a new limit only now and then.
    GRID = 10_000_000

    def __init__(self, stream: socket.socket, name: str, clock: Clock | None = None) -> None:
        super().__init__(stream, name, clock)
        stream.setblocking(True)
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@ll", 10, 0))
        self._socket = stream
        self._limit = -1

    async def receive(self, timeout: float) -> bytes:
        if self._over:
            raise ended(self.name, self._cause)
        wait = round(timeout * 1e9)
        if wait <= 0:
            return self._read()
        until = self.clock.now() + wait
        while wait > 0:
            # Rounded down, but never to 0, which would mean for ever; what is left is waited for in a second round.
            limit = wait // self.GRID * self.GRID or wait // 1000 * 1000 + 1000
            if limit != self._limit:
                seconds, rest = divmod(limit // 1000, 1_000_000)
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", seconds, rest))
                self._limit = limit
            data = self._take(0)
            if data:
                self.heard = self.clock.now()
                return data
            wait = until - self.clock.now()
        return b""

    def _read(self) -> bytes:
        return self._take(socket.MSG_DONTWAIT)

    def _take(self, flags: int) -> bytes:
        try:
            data = self._socket.recv(CHUNK, flags)
        except (BlockingIOError, InterruptedError):
            return b""
        except OSError as error:
            self._lose(error)
            raise ended(self.name, error) from error
        if not data:
            self._lose(None)
            raise ended(self.name)
        return data


def _close(plain: socket.socket | None) -> None:
    if plain is not None:
        plain.close()


_REMEDIES: tuple[tuple[Callable[[BaseException], bool], str, str], ...] = (
    (
        lambda error: isinstance(error, ssl.SSLCertVerificationError),
        "",
        "trust its authority with ?ca=FILE, the certificate itself with ?pin=sha256:DIGEST, or anybody with ?verify=no",
    ),
    (
        lambda error: isinstance(error, ssl.SSLError),
        "",
        "does the other side speak TLS there? Without TLS it is tcp:// or http://",
    ),
    (
        lambda error: isinstance(error, socket.gaierror),
        "the host name is unknown",
        "check its spelling or use the address",
    ),
    (
        lambda error: isinstance(error, ConnectionRefusedError),
        "nothing listens there",
        "check that the meter or gateway is running, and the port",
    ),
)


def reason(error: BaseException) -> str:
    """Why a connection failed and what to do, in words."""
    for applies, words, remedy in _REMEDIES:
        if applies(error):
            return f"{words or _plain(error)}; {remedy}"
    return f"{_plain(error)}; check the address, the network and that the device is switched on"


def _plain(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not trusted ({error.verify_message})"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def unreachable(name: str, why: str) -> Unreachable:
    """The error for a place to which there is no connection."""
    return Unreachable(f"cannot connect to {name}: {why}")
