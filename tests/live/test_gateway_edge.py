"""The gateway's HTTPS listeners with real sockets: TLS, places, times, and what is never passed on."""

from __future__ import annotations

import asyncio
import contextlib
import random
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import uvloop

from wattproof.errors import PortInUse
from wattproof.gateway.serve.certificates import Certificates, own_certificate
from wattproof.gateway.serve.connection import Limits, compat_answer
from wattproof.gateway.serve.door import Door
from wattproof.gateway.serve.edge import Edge
from wattproof.io.clock import SystemClock

GET = b"GET /fine HTTP/1.1\r\nHost: x\r\n\r\n"


class Site:
    """An edge, and an application that says what it was asked when it has the whole of it."""

    def __init__(
        self, folder: Path, *, listen=("https://127.0.0.1:0",), limits=None, door=None, **options: Any
    ) -> None:
        self.executed: list[tuple[str, str, bytes]] = []
        self.begun: list[str] = []
        self.gone: list[str] = []
        self.crowded: list[str] = []
        self.open = asyncio.Event()
        clock = SystemClock()
        self.files = own_certificate(folder, ["127.0.0.1"])
        self.certificates = Certificates(*self.files, clock)
        self.door = Door(clock, self.crowded.append, **{"handshakes": (1000, 1000), **(door or {})})
        self.edge = Edge(self.app, listen, self.certificates, self.door, limits=limits, **options)

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        method, path = scope["method"], scope["path"]
        self.begun.append(path)
        body, more = b"", method != "GET"
        status = 200
        if path == "/refuse":
            status, more = 401, False
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.gone.append(path)
                return
            body += message["body"]
            more = message["more_body"]
        self.executed.append((method, path, body))
        if path == "/wait":
            await self.open.wait()
        answer = b"x" * 20_000_000 if path == "/large" else repr(scope["headers"]).encode()
        headers = [(b"Content-Length", b"%d" % len(answer)), (b"X-Path", path.encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        for begin in range(0, len(answer), 65536):
            more = begin + 65536 < len(answer)
            await send({"type": "http.response.body", "body": answer[begin : begin + 65536], "more_body": more})

    @property
    def port(self) -> int:
        return int(self.edge.urls[0].rpartition(":")[2])

    async def connect(self, **options: Any) -> Client:
        context = ssl.create_default_context(cafile=self.files[0])
        for name, value in options.items():
            setattr(context, name, value)
        return Client(*await asyncio.open_connection("127.0.0.1", self.port, ssl=context))

    async def ask(self, request: bytes) -> bytes:
        """All that comes back until the other side closes, within a second."""
        client = await self.connect()
        client.send(request)
        return await client.rest()

    async def emptied(self) -> None:
        """Wait until every place is free."""
        async with asyncio.timeout(2):
            while len(self.door):
                await asyncio.sleep(0.005)


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def answer(self) -> tuple[int, bytes]:
        async with asyncio.timeout(2):
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            return int(head.split()[1]), await self.reader.readexactly(length)

    async def rest(self) -> bytes:
        data = b""
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            async with asyncio.timeout(3):
                while part := await self.reader.read(65536):
                    data += part
        self.close()
        return data

    def close(self) -> None:
        self.writer.transport.abort()


@contextlib.asynccontextmanager
async def running(folder: Path, **options: Any) -> AsyncIterator[Site]:
    site = Site(folder, **options)
    await site.edge.start()
    try:
        yield site
    finally:
        site.open.set()
        await site.edge.stop(grace=0.3)
        assert len(site.door) == 0


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with running(tmp_path) as site:
        yield site


def status(answer: bytes) -> int:
    """Of the first line; 0: closed without a word."""
    return int(answer.split()[1]) if answer else 0


# TLS ----------------------------------------------------------------------------------------------------------------


@pytest.mark.proves("G-010")
async def test_only_tls_1_2_and_later_is_spoken(site: Site):
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        client = await site.connect(minimum_version=version, maximum_version=version)
        client.send(GET)
        assert (await client.answer())[0] == 200
        client.close()
    old = ssl.TLSVersion.TLSv1_1
    with pytest.warns(DeprecationWarning), pytest.raises((ssl.SSLError, ConnectionError)):
        await site.connect(maximum_version=old, minimum_version=old)
    assert len(site.executed) == 2


@pytest.mark.proves("G-010")
async def test_plain_http_at_the_tls_port_is_closed_without_an_answer(site: Site):
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(GET)
    data = b""
    with contextlib.suppress(ConnectionError):
        data = await asyncio.wait_for(reader.read(), 2)
    writer.transport.abort()
    assert b"HTTP" not in data
    assert site.executed == []
    await site.emptied()


@pytest.mark.proves("G-318")
async def test_a_handshake_that_does_not_end_has_a_place_like_any_connection(tmp_path: Path):
    async with running(tmp_path, door={"per_address": 2}) as site:
        mute = [await asyncio.open_connection("127.0.0.1", site.port) for _ in range(2)]
        async with asyncio.timeout(2):
            while len(site.door) < 2:
                await asyncio.sleep(0.005)
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await site.connect()
        assert len(site.crowded) == 1
        for _, writer in mute:
            writer.transport.abort()
        await site.emptied()
        assert status(await site.ask(GET + GET[:-2] + b"Connection: close\r\n\r\n")) == 200


async def test_the_certificate_that_a_client_sees_is_the_newest(site: Site, tmp_path: Path):
    client = await site.connect()
    old = client.writer.get_extra_info("ssl_object").getpeercert(True)
    (tmp_path / "other").mkdir()
    for there, new in zip(site.files, own_certificate(tmp_path / "other", ["127.0.0.1"]), strict=True):
        there.write_bytes(new.read_bytes())
    site.certificates._looked -= 10**9
    other = await site.connect()
    assert other.writer.get_extra_info("ssl_object").getpeercert(True) != old
    for one in (client, other):
        one.send(GET)
        assert (await one.answer())[0] == 200
        one.close()


# What is no request -------------------------------------------------------------------------------------------------

POST = b"POST /bad HTTP/1.1\r\nHost: x\r\n"
SMUGGLED = {
    "two lengths": POST + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\na",
    "two other lengths": POST + b"Content-Length: 1\r\nContent-Length: 40\r\n\r\na",
    "a list of lengths": POST + b"Content-Length: 1, 1\r\n\r\na",
    "a signed length": POST + b"Content-Length: +1\r\n\r\na",
    "length and chunks": POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    "chunked twice": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "another coding": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "coding without chunks": POST + b"Transfer-Encoding: identity\r\n\r\n",
    "coding in 1.0": b"POST /bad HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "blank before the colon": POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "bare LF everywhere": b"POST /bad HTTP/1.1\nHost: x\nContent-Length: 0\n\n",
    "bare LF in a header": b"POST /bad HTTP/1.1\r\nHost: x\nContent-Length: 0\r\n\r\n",
    "bare LF at the end": POST + b"Content-Length: 0\r\n\n",
    "bare CR in a header": b"POST /bad HTTP/1.1\r\nHost: x\rA: b\r\nContent-Length: 0\r\n\r\n",
    "bare LF behind a chunk size": POST + b"Transfer-Encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n",
    "bare LF behind a chunk": POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\n0\r\n\r\n",
    "no chunk size": POST + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
    "a folded header": POST + b"A: b\r\n c\r\nContent-Length: 0\r\n\r\n",
    "a NUL": POST + b"A: b\x00c\r\nContent-Length: 0\r\n\r\n",
    "no host": b"POST /bad HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
    "two hosts": POST + b"Host: y\r\nContent-Length: 0\r\n\r\n",
    "another version": b"POST /bad HTTP/2.0\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
    "a proxy's request": b"POST http://y/bad HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
    "a tunnel": b"CONNECT y:443 HTTP/1.1\r\nHost: x\r\n\r\n",
    "an upgrade": POST + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 0\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no method": b"X\r\n\r\n",
}


@pytest.mark.proves("G-010")
async def test_what_could_be_read_in_two_ways_is_never_executed(site: Site):
    for name, data in SMUGGLED.items():
        answer = await site.ask(data + GET)
        assert status(answer) in (0, 400), name
        assert answer.count(b"HTTP/1.1 ") <= 1, name
        assert site.executed == [], name
        in_parts = await site.connect()
        for cut in range(0, len(data), 11):
            in_parts.send(data[cut : cut + 11])
            await asyncio.sleep(0)
        assert status(await in_parts.rest()) in (0, 400), name
        assert site.executed == [], name
    assert status(await site.ask(GET[:-2] + b"Connection: close\r\n\r\n")) == 200
    await site.emptied()


@pytest.mark.proves("G-010")
async def test_a_request_before_a_malformed_one_is_answered_and_nothing_else(site: Site):
    client = await site.connect()
    client.send(GET.replace(b"fine", b"wait") + SMUGGLED["two lengths"] + GET)
    await asyncio.sleep(0.02)
    site.open.set()
    answer = await client.rest()
    assert (status(answer), answer.count(b"HTTP/1.1 ")) == (200, 1)
    assert site.executed == [("GET", "/wait", b"")]


async def test_requests_sent_ahead_are_answered_one_after_the_other(site: Site):
    client = await site.connect()
    post = b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
    client.send(GET + post + GET + b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" + GET)
    answer = await client.rest()
    paths = [part.partition(b"\r\n")[0] for part in answer.split(b"X-Path: ")[1:]]
    assert paths == [b"/fine", b"/body", b"/fine", b"/last"]
    assert site.executed[1] == ("POST", "/body", b"abc")
    assert len(site.executed) == 4, "what comes behind a close is no request"


async def test_who_sends_too_much_ahead_is_answered_so_far_and_no_further(site: Site):
    client = await site.connect()
    client.send(GET.replace(b"fine", b"wait") + GET * 400)
    await asyncio.sleep(0.05)
    site.open.set()
    answer = await client.rest()
    assert answer.count(b"HTTP/1.1 200") == 17
    assert len(site.executed) == 17


async def test_a_client_that_asks_before_it_sends_its_body_is_told_to(site: Site):
    client = await site.connect()
    client.send(b"POST /ask HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
    assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.send(b"abc")
    assert (await client.answer())[0] == 200
    assert site.executed == [("POST", "/ask", b"abc")]
    client.close()


async def test_headers_behind_the_body_are_none(site: Site):
    client = await site.connect()
    chunks = b"POST /chunks HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\n"
    client.send(chunks + b"Authorization: Basic eDp5\r\n\r\n")
    code, text = await client.answer()
    assert (code, site.executed) == (200, [("POST", "/chunks", b"abc")])
    assert b"uthorization" not in text
    client.close()


@pytest.mark.proves("G-011")
async def test_random_bytes_do_no_harm(site: Site):
    dice = random.Random(1)
    for _ in range(60):
        base = bytearray(dice.choice([GET, POST + b"Content-Length: 3\r\n\r\nabc", *SMUGGLED.values()]))
        for _ in range(dice.randrange(1, 9)):
            base[dice.randrange(len(base))] = dice.randrange(256)
        client = await site.connect()
        client.send(bytes(base) + b"\r\n\r\n")
        await asyncio.sleep(0.001)
        client.send(b"\r\n\r\n")
        with contextlib.suppress(TimeoutError, ConnectionError, asyncio.IncompleteReadError):
            async with asyncio.timeout(0.05):
                found = status(await client.reader.readuntil(b"\r\n"))
                assert 200 <= found < 500
        client.close()
    assert status(await site.ask(GET[:-2] + b"Connection: close\r\n\r\n")) == 200


# Sizes --------------------------------------------------------------------------------------------------------------


def head_of(size: int) -> bytes:
    return GET[:-2] + b"A: " + b"a" * (size - len(GET) - 5) + b"\r\n\r\n"


@pytest.mark.proves("G-318")
async def test_a_head_of_16_kib_and_one_byte_more(site: Site):
    assert len(head_of(16384)) == 16384
    client = await site.connect()
    for _ in range(2):
        client.send(head_of(16384))
        assert (await client.answer())[0] == 200
    client.send(head_of(16385))
    answer = await client.rest()
    assert status(answer) == 431
    assert answer.endswith(b'{"status":"error","des":"request header too large"}')
    assert status(await site.ask(b"GET /" + b"a" * 20_000)) == 431
    assert len(site.executed) == 2


async def test_with_compat_there_is_no_431(tmp_path: Path):
    async with running(tmp_path, answer=compat_answer) as site:
        answer = await site.ask(head_of(16385))
        assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\nServer: embOS/IP\r\n")


@pytest.mark.proves("G-318")
async def test_who_is_refused_hears_why_although_his_body_is_long(site: Site):
    client = await site.connect()
    client.send(b"POST /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n" + b"a" * 200_000)
    assert (await client.answer())[0] == 401
    client.send(GET)
    assert (await client.answer())[0] == 200, "and the connection goes on"
    client.send(b"POST /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n\r\n")
    assert (await client.answer())[0] == 401
    with contextlib.suppress(ConnectionError):
        for _ in range(90):
            client.send(b"a" * 100_000)
            await client.writer.drain()
    assert await client.rest() == b""
    await site.emptied()


# Times --------------------------------------------------------------------------------------------------------------

SHORT = Limits(head_time=0.15, body_time=0.15, slow_body=0.6, idle=0.35, spare_time=0.1, answer=0.2)


async def lasts(client: Client) -> float:
    """Seconds until the other side closes."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    await client.rest()
    return loop.time() - begun


@pytest.mark.proves("G-012", "G-318")
async def test_a_body_half_sent_changes_nothing_and_gives_its_place_free(tmp_path: Path):
    async with running(tmp_path, limits=SHORT) as site:
        client = await site.connect()
        client.send(b"POST /half HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
        assert 0.1 < await lasts(client) < 2
        drops = await site.connect()
        drops.send(b"POST /half HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
        trickles = await site.connect()
        trickles.send(b"POST /half HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        await asyncio.sleep(0.05)
        drops.close()
        for _ in range(4):
            trickles.send(b"1\r\na\r\n")
            await asyncio.sleep(0.04)
        await trickles.rest()
        await site.emptied()
        assert site.executed == []
        assert site.gone == ["/half"] * 3


@pytest.mark.proves("G-318")
async def test_heads_bodies_images_and_idle_connections_have_their_times(tmp_path: Path):
    async with running(tmp_path, limits=SHORT) as site:
        silent, slow, image, used = [await site.connect() for _ in range(4)]
        used.send(GET)
        await used.answer()
        slow.send(GET[:-4])
        image.send(b"POST /firmware HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")

        async def trickle() -> None:
            with contextlib.suppress(ConnectionError):
                while True:
                    slow.send(b"x")
                    await asyncio.sleep(0.03)

        trickling = asyncio.create_task(trickle())
        found = await asyncio.gather(*(lasts(client) for client in (silent, slow, image, used)))
        trickling.cancel()
        of_silent, of_slow, of_image, of_used = found
        assert 0.1 < of_slow < of_silent < of_image, "a head has less time than an idle connection, an image has more"
        assert min(of_silent, of_used) > 0.2
        await site.emptied()


@pytest.mark.proves("G-318")
async def test_who_does_not_take_his_answer_is_cut_off(tmp_path: Path):
    async with running(tmp_path, limits=SHORT) as site:
        client = await site.connect()
        client.writer.transport.pause_reading()
        client.send(GET.replace(b"fine", b"large"))
        await site.emptied()
        client.close()


async def test_an_answer_may_take_its_time(tmp_path: Path):
    async with running(tmp_path, limits=SHORT) as site:
        client = await site.connect()
        client.send(GET.replace(b"fine", b"wait"))
        await asyncio.sleep(0.45)
        site.open.set()
        assert (await client.answer())[0] == 200
        client.close()


# Places and addresses -----------------------------------------------------------------------------------------------


@pytest.mark.proves("G-318")
async def test_the_connection_that_finds_no_place_is_closed(tmp_path: Path):
    async with running(tmp_path, door={"per_address": 3}) as site:
        clients = [await site.connect() for _ in range(3)]
        for _ in range(2):
            with pytest.raises((ssl.SSLError, ConnectionError)):
                await site.connect()
        assert len(site.crowded) == 1
        for client in clients:
            client.send(GET)
            assert (await client.answer())[0] == 200
            client.close()
        await site.emptied()
        (await site.connect()).close()


async def test_it_listens_at_several_addresses_and_says_at_which_ports(tmp_path: Path):
    async with running(tmp_path, listen=("https://127.0.0.1:0", "https://127.0.0.2:0")) as site:
        first, second = site.edge.urls
        assert (first[:18], second[:18]) == ("https://127.0.0.1:", "https://127.0.0.2:")
        assert int(first[18:]) > 0
        with pytest.raises(PortInUse, match=r"cannot listen on https://127\.0\.0\.2:\d+: another process"):
            await Site(tmp_path, listen=("https://127.0.0.3:0", second)).edge.start()
        with pytest.raises(PortInUse, match="address of this machine"):
            await Site(tmp_path, listen=("https://203.0.113.1:0",)).edge.start()


@pytest.mark.proves("G-318")
async def test_the_65th_connection_of_an_address_finds_no_place(tmp_path: Path):
    async with running(tmp_path) as site:
        mute = [(await asyncio.open_connection("127.0.0.1", site.port))[1] for _ in range(65)]
        async with asyncio.timeout(5):
            while not site.crowded:
                await asyncio.sleep(0.01)
        assert len(site.door) == 64
        for writer in mute:
            writer.transport.abort()
    assert site.crowded == ["64 connections from 127.0.0.1 are open; one more was closed"]


async def test_it_moves_to_another_address_at_the_same_port(site: Site):
    client = await site.connect()
    port = site.port
    await site.edge.move("127.0.0.2")
    assert (site.edge.host, site.edge.urls) == ("127.0.0.2", [f"https://127.0.0.2:{port}"])
    with pytest.raises(PortInUse):
        await site.edge.move("203.0.113.1")
    client.send(GET)
    assert (await client.answer())[0] == 200
    client.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
    _, writer = await asyncio.open_connection("127.0.0.2", port)
    writer.transport.abort()
    await site.edge.move("127.0.0.1")
    assert site.edge.urls == [f"https://127.0.0.1:{port}"]


async def test_what_was_asked_is_answered_when_it_ends(tmp_path: Path):
    site = Site(tmp_path)
    await site.edge.start()
    idle, busy = await site.connect(), await site.connect()
    busy.send(GET.replace(b"fine", b"wait"))
    await asyncio.sleep(0.03)
    ending = asyncio.create_task(site.edge.stop())
    await asyncio.sleep(0.03)
    site.open.set()
    assert (await busy.answer())[0] == 200
    assert await busy.rest() == await idle.rest() == b""
    await ending
    await site.edge.stop()
    assert len(site.door) == 0


def test_the_same_on_uvloop(tmp_path: Path):
    async def scenario() -> None:
        async with running(tmp_path, limits=SHORT, door={"per_address": 3}) as site:
            for name in ("two lengths", "bare LF everywhere", "bare LF behind a chunk", "an upgrade"):
                assert status(await site.ask(SMUGGLED[name] + GET)) in (0, 400)
            assert site.executed == []
            assert status(await site.ask(head_of(16385))) == 431
            half = await site.connect()
            half.send(b"POST /half HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
            assert 0.1 < await lasts(half) < 2
            mute = await asyncio.open_connection("127.0.0.1", site.port)
            clients = [await site.connect() for _ in range(2)]
            with pytest.raises((ssl.SSLError, ConnectionError)):
                await site.connect()
            for client in clients:
                client.send(GET)
                assert (await client.answer())[0] == 200
                client.close()
            mute[1].transport.abort()
            await site.emptied()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scenario())
