"""The process that reads meters, over real sockets and with the real store."""

from __future__ import annotations

import asyncio
from pathlib import Path

from wattproof.gateway.acquire import service
from wattproof.gateway.config import BusConfig, Config, MeterConfig
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
