"""The application behind its real HTTPS listeners: answers byte for byte, answers that break off, and moving."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.serve.requests import prepare
from tests.gateway.serve.rig import LIGHT, PASSWORDS, SERIAL, Rig
from wattproof.gateway.auth.passwords import Verifier
from wattproof.gateway.local import CommandFailed, Failing
from wattproof.gateway.serve.certificates import Certificates, own_certificate
from wattproof.gateway.serve.door import Door
from wattproof.gateway.serve.edge import Edge
from wattproof.gateway.serve.network import PAUSE, Moving
from wattproof.gateway.serve.problems import COSEM
from wattproof.gateway.store.sqlite import SQLiteStore
from wattproof.io.clock import SystemClock

HERE, THERE = "127.0.0.1", "127.0.0.2"


class Site:
    """A rig and its edge. ``port`` is the same wherever it listens."""

    def __init__(self, rig: Rig, edge: Edge) -> None:
        self.rig, self.edge = rig, edge
        self.context = ssl._create_unverified_context()

    @property
    def port(self) -> int:
        return int(self.edge.urls[0].rsplit(":", 1)[1])

    async def say(self, data: bytes, host: str = HERE) -> bytes:
        """What comes back until the server closes, or has nothing more to say for a while."""
        reader, writer = await asyncio.open_connection(host, self.port, ssl=self.context)
        writer.write(data)
        answer = b""
        try:
            while piece := await asyncio.wait_for(reader.read(65536), 0.3):
                answer += piece
            answer += b"<closed>"
        except TimeoutError:
            pass
        finally:
            writer.close()
        return answer

    async def get(
        self, path: str, *, user: str = "carl", host: str = HERE, method: str = "GET", version: str = "1.1"
    ) -> bytes:
        pair = base64.b64encode(f"{user}:{PASSWORDS[user]}".encode()).decode()
        head = f"{method} {path} HTTP/{version}\r\nHost: g\r\nAuthorization: Basic {pair}\r\n\r\n"
        return await self.say(head.encode(), host)


@pytest.fixture
def verifier() -> Iterator[Verifier]:
    made = Verifier(LIGHT)
    yield made
    made.close()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SQLiteStore]:
    opened = SQLiteStore(tmp_path / "store.sqlite3")
    yield opened
    await opened.close()


@asynccontextmanager
async def listening(rig: Rig) -> AsyncIterator[Site]:
    await rig.furnish()
    await prepare(rig)
    clock = SystemClock()
    certificates = Certificates(*own_certificate(rig.config.data, [HERE]), clock)
    edge = Edge(rig.app, [f"https://{HERE}:0"], certificates, Door(clock, lambda text: None))
    await edge.start()
    try:
        yield Site(rig, edge)
    finally:
        await edge.stop(0)
        await rig.close()


@pytest.mark.proves("G-002", "G-003", "G-001")
async def test_heads_and_bodies_on_the_wire(tmp_path: Path, store: SQLiteStore, verifier: Verifier) -> None:
    async with listening(Rig(tmp_path, store, verifier)) as site:
        assert await site.get("/lasterror/0") == (
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nServer: wattproof\r\nContent-Length: 20\r\n"
            b'Link: /lasterror/0\r\n\r\n{"status":"success"}'
        )
        refused = await site.say(b"GET /about HTTP/1.1\r\nHost: g\r\n\r\n")
        assert refused.startswith(b"HTTP/1.1 401 Unauthorized\r\nServer: wattproof\r\nContent-Length: 162\r\n")
        head = await site.get("/about", method="HEAD")
        assert head.startswith(b"HTTP/1.1 405 Method Not Allowed\r\n") and head.endswith(b"\r\n\r\n")
        login = await site.get("/login", method="POST")
        assert login.startswith(b"HTTP/1.1 200 OK\r\n") and b"Content-Length: 0\r\n" in login


@pytest.mark.proves("G-002", "G-003", "G-004")
async def test_heads_and_bodies_of_the_original(tmp_path: Path, store: SQLiteStore, verifier: Verifier) -> None:
    async with listening(Rig(tmp_path, store, verifier, compat="g13")) as site:
        good = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nServer: embOS/IP\r\n"
        assert await site.get("/lasterror/0") == (
            good + b'Transfer-Encoding: chunked\r\nLink: /lasterror/0\r\n\r\n14\r\n{"status":"success"}\r\n0\r\n\r\n'
        )
        assert await site.get("/lasterror/0", version="1.0") == (
            good + b'Link: /lasterror/0\r\n\r\n{"status":"success"}<closed>'
        )
        login = await site.get("/login", method="POST")
        assert login.startswith(good + b"Link: /lasterror/0\r\nSet-Cookie: ") and login.endswith(b"\r\n\r\n<closed>")
        site.rig.desk.failing = CommandFailed(Failing.METER, COSEM)
        assert await site.get(f"/meters/{SERIAL}/demand/configuration") == (
            b"HTTP/1.1 502 Internal Server Error\r\nServer: embOS/IP\r\nAccept-Ranges: bytes\r\nContent-Length: 64\r\n"
            b'Content-Type: application/json\r\n\r\n{"status":"error","des":"received invalid response from COSEM."}'
        )


@pytest.mark.proves("G-379")
@pytest.mark.parametrize("compat", ["none", "g13"])
async def test_an_answer_that_breaks_off(tmp_path: Path, store: SQLiteStore, verifier: Verifier, compat: str) -> None:
    async with listening(Rig(tmp_path, store, verifier, compat=compat)) as site:
        items = [{"status": 1, "timestamp": "2012-07-01T01:00:00", "value": "0.000"}] * 1000
        broken: list[Any] = [{"mapping": ["a", "Wh"], "interval": 900}, *[items] * 70]
        site.rig.desk.streams[73] = [*broken, CommandFailed(Failing.METER, COSEM)]
        answer = await site.get(f"/meters/{SERIAL}/loadprofiles/1")
        assert b"Transfer-Encoding: chunked\r\n" in answer[:300]
        assert answer.endswith(b"\r\n0\r\n\r\n") is (compat == "g13")
        assert answer.endswith(b"<closed>") is (compat == "none") and b"]}" not in answer


@pytest.mark.proves("G-332")
async def test_moving_to_another_address(tmp_path: Path, store: SQLiteStore, verifier: Verifier) -> None:
    rig = Rig(tmp_path, store, verifier, allow_network=True)
    async with listening(rig) as site:
        restored: list[Any] = []

        async def restore(settings: Any) -> None:
            restored.append(settings)

        rig.service.serving.moving = Moving(site.edge, rig.clock, restore, home=HERE)
        settings = {
            "dhcp": False, "dns": False, "ip": THERE, "gateway": "0.0.0.0", "subnet": "255.0.0.0", "pdns": "0.0.0.0",
            "sdns": "0.0.0.0",
        }  # fmt: skip
        foreign = await rig.ask("POST", "/configuration/ip", settings | {"ip": "198.51.100.1"}, user="gina")
        assert (foreign.status, foreign.text) == (400, "ip is not an address of this host")
        assert await store.setting("ip") is None
        with pytest.raises(ConnectionError):
            await site.get("/about", host=THERE)
        assert (await rig.ask("POST", "/configuration/ip", settings, user="gina")).status == 200
        await rig.clock.run(PAUSE)
        await _settle(lambda: site.edge.host == THERE)
        assert b" 200 OK" in await site.get("/about", host=THERE)
        with pytest.raises(ConnectionError):
            await site.get("/about", host=HERE)
        await rig.clock.run(200)
        assert site.edge.host == THERE and not restored
        assert (await rig.ask("POST", "/configuration/ip", settings | {"dhcp": True}, user="gina")).status == 200
        await rig.clock.run(PAUSE)
        await _settle(lambda: site.edge.host == HERE)
        await rig.clock.run(120)
        await _settle(lambda: site.edge.host == THERE)
        assert restored == [settings]


async def _settle(reached: Any) -> None:
    async with asyncio.timeout(5):
        while not reached():
            await asyncio.sleep(0.005)
