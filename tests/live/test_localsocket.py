"""The local socket between the two processes of the gateway: commands, streams, notices, and ends of either side."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from wattproof.errors import StorageError
from wattproof.gateway.local import ALIVE, CONFIRM_LIMIT, CONNECTED, LEASE, WINDOW, CommandFailed, Failing, Notice
from wattproof.gateway.localclient import LocalClient
from wattproof.gateway.localsocket import LocalServer
from wattproof.model.clock import VirtualClock


class Desk:
    """Commands of which a test can see what happened to them."""

    def __init__(self) -> None:
        self.made = 0
        self.ended: list[str] = []
        self.commands = {
            "double": self.double,
            "count": self.count,
            "wait": self.wait,
            "refuse": self.refuse,
            "full": self.full,
            "break": self.break_down,
        }

    async def double(self, number: int) -> int:
        return 2 * number

    async def count(self, until: int) -> AsyncIterator[int]:
        try:
            for number in range(until):
                self.made += 1
                yield number
            if until > 50:
                raise CommandFailed(Failing.METER, "gone dark", where="last")
        finally:
            self.ended.append("count")

    async def wait(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            self.ended.append("wait")

    async def refuse(self) -> None:
        raise CommandFailed(Failing.BUSY, "bus busy", detail="64 commands wait", where="co2", retry_after=2)

    async def full(self) -> None:
        raise StorageError("no space left")

    async def break_down(self) -> None:
        raise ZeroDivisionError("no such luck")


@asynccontextmanager
async def joined(path: Path, desk: Desk, clock: VirtualClock) -> AsyncIterator[tuple[LocalServer, LocalClient]]:
    server, client = LocalServer(path, desk.commands, clock, call_limit=3), LocalClient(path, clock)
    await server.start()
    await client.start()
    try:
        async with asyncio.timeout(5):
            await client.found()
            yield server, client
    finally:
        await client.close()
        await server.stop()


async def settle(rounds: int = 40) -> None:
    """Let what both ends have written arrive."""
    for _ in range(rounds):
        await asyncio.sleep(0)


async def failure(coroutine: Any) -> CommandFailed:
    with pytest.raises(CommandFailed) as caught:
        await coroutine
    return caught.value


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "acquire.sock"


async def test_a_call_has_its_answer_and_every_failure_its_kind(path: Path, clock: VirtualClock) -> None:
    desk = Desk()
    async with joined(path, desk, clock) as (_, client):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert await asyncio.gather(client.call("double", number=21), client.call("double", number=4)) == [42, 8]
        refused = await failure(client.call("refuse"))
        assert (refused.kind, refused.text, refused.detail) == (Failing.BUSY, "bus busy", "64 commands wait")
        assert (refused.where, refused.retry_after) == ("co2", 2)
        assert (await failure(client.call("full"))).kind is Failing.STORAGE
        for wrong in (client.call("break"), client.call("nothing"), client.call("double", digit=1)):
            assert (await failure(wrong)).kind is Failing.INTERNAL
        assert await client.call("double", number=1) == 2


async def test_a_path_that_is_too_long_for_an_address_is_reached_all_the_same(
    tmp_path: Path, clock: VirtualClock
) -> None:
    folder = tmp_path / ("d" * 120)
    folder.mkdir()
    async with joined(folder / "acquire.sock", Desk(), clock) as (_, client):
        assert await client.call("double", number=3) == 6


async def test_a_left_over_socket_is_replaced_and_a_missing_directory_is_told(path: Path, clock: VirtualClock) -> None:
    path.touch()
    async with joined(path, Desk(), clock) as (_, client):
        assert await client.call("double", number=3) == 6
    assert not path.exists()
    with pytest.raises(StorageError):
        await LocalServer(path.parent / "none" / "s", {}, clock).start()


async def test_parts_wait_until_somebody_takes_them(path: Path, clock: VirtualClock) -> None:
    desk = Desk()
    async with joined(path, desk, clock) as (_, client):
        assert [part async for part in client.stream("count", until=30)] == list(range(30))
        desk.made = 0
        stream = client.stream("count", until=50)
        assert await anext(stream) == 0
        await settle()
        assert desk.made <= WINDOW + 2
        await stream.aclose()
        await settle()
        assert desk.ended == ["count", "count"]
        failing = client.stream("count", until=60)
        assert [await anext(failing) for _ in range(60)] == list(range(60))
        with pytest.raises(CommandFailed, match="gone dark") as caught:
            await anext(failing)
        assert caught.value.where == "last"


async def test_a_caller_that_no_longer_waits_cancels(path: Path, clock: VirtualClock) -> None:
    desk = Desk()
    async with joined(path, desk, clock) as (_, client):
        call = asyncio.create_task(client.call("wait"))
        await settle()
        call.cancel()
        await settle()
        assert desk.ended == ["wait"]
        running = [asyncio.create_task(client.call("wait")) for _ in range(3)]
        await settle()
        assert (await failure(client.call("double", number=1))).kind is Failing.BUSY
        for task in running:
            task.cancel()
        await settle()
        assert await client.call("double", number=1) == 2


async def test_a_change_is_known_to_every_process_before_it_is_acknowledged(path: Path, clock: VirtualClock) -> None:
    heard: list[Notice] = []
    free = asyncio.Event()

    async def take(notice: Notice) -> None:
        await free.wait()
        heard.append(notice)

    async with joined(path, Desk(), clock) as (server, client):
        other = LocalClient(path, clock)
        other.listen(take)
        await other.start()
        free.set()
        await other.found()
        free.clear()
        epoch = client.epoch
        change = asyncio.create_task(server.tell_and_wait("changed", {"users": ["eva"]}))
        await settle()
        assert not change.done() and client.epoch == epoch + 1
        free.set()
        await change
        assert [(notice.kind, notice.value) for notice in heard] == [(CONNECTED, None), ("changed", {"users": ["eva"]})]
        await other.close()


async def test_a_process_that_hangs_is_cut_off_and_has_before_that_ceased_to_trust_its_memory(
    path: Path, clock: VirtualClock
) -> None:
    stuck = asyncio.Event()

    async def take(notice: Notice) -> None:
        if notice.kind == "changed":
            await stuck.wait()

    async with joined(path, Desk(), clock) as (server, client):
        client.listen(take)
        change = asyncio.create_task(server.tell_and_wait("changed"))
        await clock.run(CONFIRM_LIMIT - 0.1)
        assert not change.done() and server.connections == 1
        assert not client.current
        await clock.run(0.11)
        await change
        assert server.connections == 0


async def test_the_lease_ends_without_heart_beat(path: Path, clock: VirtualClock) -> None:
    async with joined(path, Desk(), clock) as (server, client):
        for _ in range(6):
            await clock.run(0.5)
            await settle()
            assert client.current
        clock.advance(LEASE)  # at one stroke: the heart beat has had no chance
        assert not client.current
        server.tell(ALIVE)
        await settle()
        assert client.current


async def test_while_the_service_is_away_calls_fail_and_later_everything_is_read_anew(
    path: Path, clock: VirtualClock
) -> None:
    heard: list[str] = []
    desk = Desk()
    async with joined(path, desk, clock) as (server, client):
        client.listen(lambda notice: heard.append(notice.kind))
        waiting = asyncio.create_task(client.call("wait"))
        await settle()
        await server.stop()
        assert (await failure(waiting)).kind is Failing.GONE
        gone = await failure(client.call("double", number=1))
        assert (gone.kind, gone.retry_after, client.current) == (Failing.GONE, 1, False)
        assert desk.ended == ["wait"]
        again = LocalServer(path, desk.commands, clock)
        await again.start()
        await clock.run(2)
        await client.found()
        assert await client.call("double", number=5) == 10 and client.current
        assert heard == [CONNECTED]
        await again.stop()


async def test_a_listener_that_fails_ends_the_connection_instead_of_going_on_with_old_knowledge(
    path: Path, clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    def take(notice: Notice) -> None:
        if notice.kind == "changed":
            raise StorageError("cannot read the users")

    async with joined(path, Desk(), clock) as (server, client):
        client.listen(take)
        await server.tell_and_wait("changed")
        await settle()
        assert not client.current
        assert "cannot be taken" in caplog.text or "could not be taken" in caplog.text


async def test_rubbish_ends_a_connection_and_nothing_else(path: Path, clock: VirtualClock) -> None:
    async with joined(path, Desk(), clock) as (server, client):
        for rubbish in (b"\xff\xff\xff\xff", b"\x00\x00\x00\x02\x01\x02", b"GET / HTTP/1.1\r\n\r\n"):
            reader, writer = await asyncio.open_unix_connection(str(path))
            writer.write(rubbish)
            try:
                while await reader.read(1000):
                    pass
            except ConnectionError:
                pass
            writer.close()
        await settle()
        assert server.connections == 1
        assert await client.call("double", number=2) == 4
