"""Saturating the HTTP side delays no poll."""

from __future__ import annotations

import asyncio
import threading
import time
from itertools import pairwise
from pathlib import Path

import pytest

from tests.live.running_gateway import Gateway, gateway, simulated
from wattproof.gateway.records import Group
from wattproof.gateway.store.opening import open_reader

BUS = '[[bus]]\nname = "{name}"\nurl = "{url}"\n[[meter]]\nbus = "{name}"\nfamily = "bsm"\nunit = 42\n'
CLIENTS, SECONDS = 16, 5.0
#: What the clients ask for: values, documents, rows, things that there are not.
PATHS = ("power", "instrument", "info", "loadprofiles", "datetime", "nothing")


def flood(running: Gateway, serial: str, number: int, over: threading.Event, answers: list[int]) -> None:
    while not over.is_set():
        for path in PATHS[number % len(PATHS) :]:
            try:
                answers.append(running.ask("GET", f"/meters/{serial}/{path}", timeout=5).status)
            except OSError:
                answers.append(0)


async def readings(data: Path, serial: str, first: int, last: int) -> list[int]:
    reader = await open_reader("sqlite", data)
    try:
        return [at async for at, _ in reader.readings(serial, [69], first, last, group=Group.LIVE)]
    finally:
        await reader.close()


@pytest.mark.proves("G-015")
def test_a_flood_of_requests_delays_no_poll(tmp_path: Path) -> None:
    with simulated("bsm", "--listen", "tcp://127.0.0.1:0", "--set", "answer-delay=0") as meter:
        config = BUS.format(name="hall", url=meter["listen"][0])
        with gateway(tmp_path, config) as running:
            running.change_password()
            running.until(f"/meters/{meter['serial']}/power", lambda found: "active" in found)
            over, answers = threading.Event(), list[int]()
            clients = [
                threading.Thread(target=flood, args=(running, meter["serial"], number, over, answers))
                for number in range(CLIENTS)
            ]
            first = round(time.time() * 1000)
            for client in clients:
                client.start()
            time.sleep(SECONDS)
            over.set()
            for client in clients:
                client.join()
            last = round(time.time() * 1000)
            assert answers.count(200) > 50
            time.sleep(1.5)
        times = asyncio.run(readings(running.data, meter["serial"], first - 2000, last))
        # One reading a second, none later than a period.
        assert max(after - before for before, after in pairwise([*times, last])) <= 2000
