"""500 Modbus TCP meters, 40 values each, every second, stored: CPU of the gateway, lateness, and what is on disk.

The meters are lean (``bench/c/meters.c``, one process), so that the gateway is measured and not they. ``acquire`` runs
as it always does, with a map file of 40 points, engines and the SQLite store. After a warm-up it is observed for
``SECONDS``: nothing may be read later than one period after its time, and every reading of every meter has to be in the
store afterwards. CPU is user and system time of ``acquire`` in all its threads, as share of one core.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.measure import Figure, Target, built, report, running
from bench.proxy import cpu
from wattproof.gateway.localclient import LocalClient
from wattproof.gateway.localsocket import SOCKET_NAME
from wattproof.gateway.quantities import NUMBERS
from wattproof.gateway.records import Group
from wattproof.gateway.store.opening import open_reader
from wattproof.io.clock import SystemClock

METERS = int(os.environ.get("BENCH_METERS", "500"))
#: The gateway tells the worst delay of the last minute, so that the start is over before anything counts.
WARM_UP, SECONDS = 65.0, float(os.environ.get("BENCH_SECONDS", "120"))
#: Ids of what is bound: the total, and 39 gauges.
IDS = (1, *range(69, 83), *range(93, 109), *range(158, 167), 169, 170)[:40]
UNITS = {"Wh": "Wh", "W": "W", "var": "var", "VA": "VA", "V": "V", "A": "A", "Hz": "Hz", "°": "deg", "%": "%"}


def map_file() -> str:
    """40 points; all of them polled with the live ones, so that each reading has 40 values."""
    text = ['name = "lean"', 'title = "Lean meter"', 'source = "bench/c/meters.c"', "max_registers = 125"]
    text += ["max_gap = 20", "[serial]", "address = 0", 'type = "str"', "registers = 4"]
    for number, id in enumerate(IDS):
        known = NUMBERS[id]
        address, kind = (16, "u32") if id == 1 else (18 + number, "u16")
        text += [
            "[[point]]",
            f'quantity = "{known.name.lower()}"',
            f"address = {address}",
            f'type = "{kind}"',
            f'unit = "{UNITS.get(known.unit.symbol, "none")}"',
            'scale = "0.1"' if id != 1 else 'scale = "1"',
            'poll = "live"',
        ]
    return "\n".join(text) + "\n"


def configure(folder: Path, ports: Sequence[int]) -> Path:
    """The configuration of a gateway with one bus a meter."""
    (folder / "lean.toml").write_text(map_file(), encoding="utf-8")
    text = ["[gateway]", 'timezone = "Europe/Berlin"']
    for number, port in enumerate(ports):
        text += ["[[bus]]", f'name = "m{number}"', f'url = "tcp://127.0.0.1:{port}"']
    for number in range(len(ports)):
        text += ["[[meter]]", f'bus = "m{number}"', 'family = "map"', "unit = 1", 'map = "lean.toml"']
    path = folder / "gateway.toml"
    path.write_text("\n".join(text) + "\n", encoding="utf-8")
    return path


async def observe(data: Path, pid: int) -> dict[str, Any]:
    """The state at the beginning and the end of the observed time, and CPU in between."""
    client = LocalClient(data / SOCKET_NAME, SystemClock())
    await client.start()
    await asyncio.wait_for(client.found(), 30)
    for _ in range(120):
        state = await client.call("state")
        if sum(bus["online"] for bus in state["buses"]) == METERS:
            break
        await asyncio.sleep(1)
    await asyncio.sleep(WARM_UP)
    first, begun, spent = round(time.time() * 1000), time.monotonic(), cpu(pid)
    late = []
    while time.monotonic() - begun < SECONDS:
        await asyncio.sleep(5)
        state = await client.call("state")
        late.append(max(bus["late_s"] for bus in state["buses"]))
    share = (cpu(pid) - spent) / (time.monotonic() - begun)
    last = round(time.time() * 1000)
    await asyncio.sleep(2)
    await client.close()
    return {"first": first, "last": last, "share": share, "late": late, "state": state}


async def stored(data: Path, first: int, last: int) -> tuple[list[int], int]:
    """Readings in the observed time by meter, and the longest gap between two of a meter (ms)."""
    reader = await open_reader("sqlite", data)
    counts, gap = [], 0
    for meter in await reader.meters():
        times = [at async for at, _ in reader.readings(meter.serial, [70], first, last, group=Group.LIVE)]
        counts.append(len(times))
        gap = max(gap, *(after - before for before, after in itertools.pairwise(times)))
    await reader.close()
    return counts, gap


def main() -> bool:
    meters = built("meters")
    if meters is None:
        print("poll_500 needs a C compiler")
        return False
    with tempfile.TemporaryDirectory() as name, running([str(meters), str(METERS)]) as (_, line):
        folder = Path(name)
        config = configure(folder, [int(port) for port in line.split()])
        command = [sys.executable, "-m", "wattproof", "gateway", "acquire", "--config", str(config)]
        with running([*command, "--data", str(folder), "--json"]) as (pid, _):
            seen = asyncio.run(observe(folder, pid))
        counts, gap = asyncio.run(stored(folder, seen["first"], seen["last"]))
        size = sum(path.stat().st_size for path in folder.glob("store.sqlite3*"))
    wanted = (seen["last"] - seen["first"]) / 1000
    taken = sum(counts)
    figures = {
        "CPU of acquire": Figure("poll_500", "CPU of acquire", "% of a core", (100 * seen["share"],)),
        "worst delay of a poll": Figure("poll_500", "worst delay of a poll", "s", (max(seen["late"]),)),
        "longest gap": Figure("poll_500", "longest gap in the store", "s", (gap / 1000,)),
        "readings": Figure("poll_500", "readings stored", "/s", (taken / wanted,)),
        "values": Figure("poll_500", "values stored", "/s", (taken * len(IDS) / wanted,)),
        "memory": Figure("poll_500", "memory", "MiB", (seen["state"]["memory"] / 2**20,)),
        "store": Figure("poll_500", "store", "MiB", (size / 2**20,)),
    }
    targets = [
        Target("a poll is late, s", max(seen["late"]), 1.0),
        Target("gap between two readings of a meter, s", gap / 1000, 2.0),
        Target("readings of the meter with the fewest, share of all", min(counts) / wanted, 0.99, at_least=True),
        Target("CPU of acquire, cores", seen["share"], 1.0),
    ]
    return report(f"{len(counts)} of {METERS} Modbus TCP meters, {len(IDS)} values each second", figures, targets)
