"""The gateway's HTTP side: CPU of one request for the instrument values of a meter, from the bytes of the request to
those of the answer, without sockets. The floor is an ASGI application that answers the same bytes whoever asks.

"polled": the values are fresh and the credentials were verified, as for who reads a meter every few seconds.
"""

from __future__ import annotations

import asyncio
import base64
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from uvicorn.config import Config as ServerConfig
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from bench.measure import Target, interleaved, report
from wattproof.gateway.auth.passwords import Verifier
from wattproof.gateway.config import Config
from wattproof.gateway.records import Access, Binding, Meter, User, Value
from wattproof.gateway.serve import values
from wattproof.gateway.serve.exact import ExactProtocol
from wattproof.gateway.serve.service import assemble
from wattproof.gateway.store.sqlite import SQLiteStore
from wattproof.io.clock import SystemClock

REQUESTS = 5000
SERIAL, USER, PASSWORD = "ABB_8", "operator", "a long password"
_PAIR = base64.b64encode(f"{USER}:{PASSWORD}".encode())
REQUEST = (
    b"GET /meters/ABB_8/instrument HTTP/1.1\r\nHost: gateway:8443\r\nUser-Agent: bench\r\nAccept: */*\r\n"
    b"Authorization: Basic " + _PAIR + b"\r\n\r\n"
)


class Wire(asyncio.Transport):
    """Takes what is written, and keeps the last piece."""

    def __init__(self) -> None:
        super().__init__()
        self.last = b""

    def write(self, data: Any) -> None:
        self.last = bytes(data)

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        """It has no other end."""

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("192.0.2.9", 40000) if name == "peername" else default


class Fresh:
    """The other process: every value of #60 is of this moment."""

    async def call(self, command: str, **arguments: Any) -> Any:
        if command == "commit":
            return None
        now = time.time_ns() // 10**6
        return {id: Value(2301, -1, now) for id in values.ids(values.INSTRUMENT)}

    async def stream(self, command: str, **arguments: Any) -> AsyncIterator[Any]:
        raise NotImplementedError
        yield


async def one_round(application: Any, protocol: type[HttpToolsProtocol]) -> tuple[float, bytes]:
    """CPU microseconds of a request, and the last answer."""
    config = ServerConfig(
        application, http=protocol, lifespan="off", log_config=None, server_header=False, date_header=False,
        proxy_headers=False, access_log=False,
    )  # fmt: skip
    config.load()
    connection, wire = protocol(config, ServerState(), {}), Wire()
    connection.connection_made(wire)
    for counted in (10, REQUESTS):
        before = time.process_time()
        for _ in range(counted):
            connection.data_received(REQUEST)
            while not connection.cycle.response_complete:
                await asyncio.sleep(0)
    spent = (time.process_time() - before) / REQUESTS * 1e6
    connection.connection_lost(ConnectionResetError())
    return spent, wire.last


async def gateway(folder: Path) -> tuple[float, bytes]:
    """One round of ours, on a store of its own."""
    store, verifier = SQLiteStore(folder / "store.sqlite3"), Verifier()
    meter = Meter(SERIAL, "abb", 3, 17, "eq", provides=values.ids(values.INSTRUMENT), status=1, registered=1)
    user = User(USER, await verifier.hash(PASSWORD))
    await store.commit(user, meter, Binding(USER, SERIAL, Access.VIEW))
    service = assemble(Config(data=folder), store, Fresh(), verifier, SystemClock(), current=lambda: True)
    try:
        return await one_round(service.app, ExactProtocol)
    finally:
        await service.close()
        await store.close()
        verifier.close()


def floor(answer: bytes) -> Callable[[], float]:
    """Rounds of the application that knows its answer."""
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = [line.partition(b": ") for line in head.split(b"\r\n")[1:]]
    headers = [(name, value) for name, _, value in lines]

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return lambda: _run(one_round(application, HttpToolsProtocol))[0]


def ours() -> tuple[float, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        return _run(gateway(Path(folder)))


def _run(coroutine: Any) -> Any:
    import uvloop

    return uvloop.run(coroutine)


def main() -> bool:
    _, answer = ours()
    if not answer.startswith(b"HTTP/1.1 200 OK\r\n") or SERIAL.encode() in answer:
        raise SystemExit(f"not the instrument values: {answer[:200]!r}")
    contestants = {"wattproof, polled": lambda: ours()[0], "constant answer, uvicorn": floor(answer)}
    figures = interleaved("gateway_http", "us CPU/request", contestants)
    ratio = figures["constant answer, uvicorn"].median / figures["wattproof, polled"].median
    target = Target("requests a CPU second, ours / constant answer", ratio, 0.5, at_least=True)
    return report("The gateway's HTTP side, GET of instrument values", figures, [target])
