"""Raw HTTP for the tests with sockets: bytes as they are sent, and everything that comes back."""

from __future__ import annotations

import json
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from wattproof.meters.opening import VirtualMeter

HTTP = "http://127.0.0.1:0"
TCP = "tcp://127.0.0.1:0"
BAD = b"HTTP/1.1 400 Bad request\r\nConnection: close\r\n\r\n"
FORBIDDEN = b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n"
MISSING = b"HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n"
NO_SUCH_METHOD = b"HTTP/1.1 501 Not Implemented\r\nConnection: close\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"


def place(url: str) -> tuple[str, int]:
    host, _, port = url.partition("://")[2].partition("?")[0].rpartition(":")
    return host, int(port)


def plain(url: str) -> str:
    """The address without what is only for our own clients."""
    return url.partition("?")[0]


def read_all(peer: socket.socket) -> bytes:
    """Everything until the other side ends the connection."""
    data = b""
    while more := peer.recv(65536):
        data += more
    return data


def send(meter: VirtualMeter, *parts: bytes, pause: float = 0.0) -> bytes:
    """Raw bytes in parts, and all that comes back until the connection ends."""
    with socket.create_connection(place(meter.urls[0]), timeout=10) as peer:
        for part in parts:
            peer.sendall(part)
            time.sleep(pause)
        return read_all(peer)


def request(method: str, target: str, body: bytes = b"", *, length: object = None, more: bytes = b"") -> bytes:
    count = str(len(body) if length is None else length).encode()
    return b"%b %b HTTP/1.1\r\nHost: h\r\n%bContent-Length: %b\r\n\r\n%b" % (
        method.encode(),
        target.encode(),
        more,
        count,
        body,
    )


def ask(url: str, path: str, method: str = "GET", body: object = None, context: ssl.SSLContext | None = None) -> Any:
    """The JSON of an answer, or the status of a failure, by the client of the standard library."""
    data = None if body is None else json.dumps(body).encode()
    sent = urllib.request.Request(f"{plain(url)}/v1/{path}", data, method=method)
    try:
        with urllib.request.urlopen(sent, timeout=10, context=context) as answer:
            assert answer.headers["Connection"] == "close"
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        assert error.headers["Connection"] == "close" and error.read() == b""
        return error.code


def is_open(url: str) -> bool:
    try:
        socket.create_connection(place(url), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True


def wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.01)
