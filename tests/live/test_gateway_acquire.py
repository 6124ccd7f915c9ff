"""The process that reads meters, over real sockets and with the real store."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from wattproof.gateway.acquire import service
from wattproof.gateway.config import BusConfig, Config, MeterConfig
from wattproof.gateway.local import CommandFailed
from wattproof.gateway.localclient import LocalClient
from wattproof.gateway.localsocket import SOCKET_NAME
from wattproof.gateway.store.opening import open_reader
from wattproof.io.clock import SystemClock
from wattproof.meters.opening import VirtualMeter

WHO = {"user": "admin", "address": "127.0.0.1"}


async def test_a_virtual_bsm_is_read_renamed_and_still_there_after_a_reboot(tmp_path: Path) -> None:
    clock = SystemClock()
    async with VirtualMeter("bsm", answer_delay=0) as virtual:
        config = Config(
            data=tmp_path,
            buses=(BusConfig("hall", virtual.urls[0], poll_live_s=0.2),),
            meters=(MeterConfig("hall", "bsm", unit=virtual.unit),),
            timezone="Europe/Berlin",
        )
        ready: asyncio.Queue[object] = asyncio.Queue()
        running = asyncio.create_task(service.run(config, ready=ready.put_nowait, stopping=asyncio.Event()))
        said = await asyncio.wait_for(ready.get(), 5)
        assert isinstance(said, dict) and said["password"] and said["meters"] == []
        client = LocalClient(tmp_path / SOCKET_NAME, clock)
        await client.start()
        await asyncio.wait_for(client.found(), 5)
        heard: list[tuple[str, object]] = []
        client.listen(lambda notice: heard.append((notice.kind, notice.value)))
        live = client.stream("live", serials=[virtual.serial])
        part = await asyncio.wait_for(anext(live), 5)
        assert part["serial"] == virtual.serial and 69 in part["values"]
        await live.aclose()
        values = await client.call("values", serial=virtual.serial, ids=[69, 96], max_age=5, wait=10)
        assert set(values) == {69, 96}
        info = await client.call("get", serial=virtual.serial, resource=46)
        assert len(info["document"]["version"]) == 2
        await client.call("rename", serial=virtual.serial, alias="Car", location="Yard", who=WHO)
        state = await client.call("state")
        assert state["buses"][0]["online"] == 1 and state["memory"] > 0
        await client.call("reboot", who=WHO)
        assert await asyncio.wait_for(running, 5) == 0
        await client.close()
        assert [kind for kind, value in heard if kind == "event"] and heard[-1][0] in ("stopping", "alive")
    reader = await open_reader("sqlite", tmp_path)
    (meter,) = await reader.meters()
    assert (meter.alias, meter.location) == ("Car", "Yard")
    assert next(event.id for _, event in await reader.events()) == 10
    assert [row async for row in reader.readings(meter.serial, [69], 0, 1 << 50)]
    await reader.close()


@asynccontextmanager
async def acquiring(config: Config) -> AsyncIterator[LocalClient]:
    """The process, and a client of its commands."""
    stopping = asyncio.Event()
    running = asyncio.create_task(service.run(config, ready=lambda said: None, stopping=stopping))
    client = LocalClient(config.data / SOCKET_NAME, SystemClock())
    await client.start()
    try:
        await asyncio.wait_for(client.found(), 5)
        yield client
    finally:
        await client.close()
        stopping.set()
        assert await asyncio.wait_for(running, 5) == 0


async def test_a_session_waits_for_a_meter_that_is_offline(tmp_path: Path) -> None:
    """Its end is kept, refused at once while the meter is known to be away, and carried out when it is back."""
    async with VirtualMeter("bsm", load="constant:11040", speed=10) as virtual:
        config = Config(
            data=tmp_path,
            buses=(BusConfig("hall", virtual.urls[0], poll_live_s=0.2, timeout_ms=200, retries=0),),
            meters=(MeterConfig("hall", "bsm", unit=virtual.unit),),
        )
        async with acquiring(config) as client:
            await _until(client, online=1)
            begin = {"serial": virtual.serial, "options": {"identification": "T"}, "who": WHO}
            id = await client.call("begin_session", **begin)
            virtual.faults["drop"] = 100
            await _until(client, online=0)
            for _ in range(2):
                began = time.monotonic()
                with pytest.raises(CommandFailed, match="the meter is offline: the end is kept"):
                    await client.call("end_session", id=id, who=WHO)
                assert time.monotonic() - began < 1
            del virtual.faults["drop"]
            await _until(client, online=1)
            reader = await open_reader("sqlite", tmp_path)
            for _ in range(200):
                session = await reader.session(id)
                assert session is not None
                if session.state not in ("running", "ending"):
                    break
                await asyncio.sleep(0.05)
            assert (session.state, session.options["failure"]) == ("ended", None)
            assert [record.role for record in await reader.signed_records(id)] == ["begin", "end", "session"]
            assert [event.id for _, event in await reader.events()].count(20) == 1
            await reader.close()


async def _until(client: LocalClient, *, online: int) -> None:
    """Wait until so many meters of the bus are online; a meter that was away is looked for every ten seconds."""
    for _ in range(300):
        if (await client.call("state"))["buses"][0]["online"] == online:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it never came to that")
