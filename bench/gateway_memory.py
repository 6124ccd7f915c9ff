"""1,000 registered meters, idle: resident memory of both processes of the gateway, and CPU that their start takes.

The meters are lean (``bench/c/meters.c``), each on a bus of its own, with a map file, engine and tariffs as any meter
has them. They are polled once a minute, nobody asks for anything while memory is looked at; before that a client has
asked for all lists and some values, so that what serves is in its usual state.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

from bench.gateway_https import cpu_seconds
from bench.gateways import Running, changed_password, running_gateway, wait_for
from bench.measure import Figure, Target, built, report, running
from bench.poll_500 import map_file

METERS = int(os.environ.get("BENCH_METERS", "1000"))
#: Seconds without requests before memory is looked at.
IDLE = 20.0
#: Seconds until all meters have been read.
PATIENCE = 300
PROCESSES = ("acquire", "serve")


def configure(folder: Path, ports: list[int]) -> Path:
    """The configuration of a gateway with one bus a meter."""
    (folder / "lean.toml").write_text(map_file(), encoding="utf-8")
    text = ["[gateway]", 'timezone = "Europe/Berlin"']
    for number, port in enumerate(ports):
        text += ["[[bus]]", f'name = "m{number}"', f'url = "tcp://127.0.0.1:{port}"']
        text += ["poll_live_s = 60", "poll_energy_s = 60"]
    for number in range(len(ports)):
        text += ["[[meter]]", f'bus = "m{number}"', 'family = "map"', "unit = 1", 'map = "lean.toml"']
    path = folder / "gateway.toml"
    path.write_text("\n".join(text) + "\n", encoding="utf-8")
    return path


def resident(pid: int) -> int:
    """Bytes (proc(5), status)."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS"))


def visit(gateway: Running) -> None:
    """What a client does in a minute."""
    for _ in range(PATIENCE):
        meters = wait_for(gateway, "/api/v1/meters", lambda found: True)["meters"]
        if len(meters) == METERS and all(one["status"] == 1 for one in meters):
            break
        time.sleep(1)
    else:
        raise SystemExit("not all meters have been read")
    gateway.ask("GET", "/meters")
    gateway.ask("GET", "/api/v1/buses")
    for one in meters[:50]:
        time.sleep(0.1)  # no more than 20 handshakes of TLS a second from one address
        gateway.ask("GET", f"/meters/{one['serial']}/instrument")
        gateway.ask("GET", f"/api/v1/meters/{one['serial']}/latest")


def main() -> bool:
    lean = built("meters")
    if lean is None:
        print("gateway_memory needs a C compiler")
        return False
    with tempfile.TemporaryDirectory() as name, running([str(lean), str(METERS)]) as (_, line):
        folder = Path(name)
        config = configure(folder, [int(port) for port in line.split()])
        begun = time.monotonic()
        with running_gateway(folder, config) as gateway:
            ready = time.monotonic() - begun
            pids = gateway.processes()
            started = {one: cpu_seconds(pids[one]) for one in PROCESSES}
            changed_password(gateway)
            visit(gateway)
            there = time.monotonic() - begun
            time.sleep(IDLE)
            memory = {one: resident(pids[one]) / 10**6 for one in PROCESSES}
    figures = {
        **{f"memory of {one}": Figure("gateway_memory", f"memory of {one}", "MB", (memory[one],)) for one in PROCESSES},
        **{
            f"start of {one}": Figure("gateway_memory", f"CPU until {one} is ready", "s", (started[one],))
            for one in PROCESSES
        },
        "ready": Figure("gateway_memory", "the gateway is ready", "s", (ready,)),
        "there": Figure("gateway_memory", "all meters have been read", "s", (there,)),
    }
    total = sum(memory.values())
    return report(f"{METERS} registered meters, idle", figures, [Target("memory of both processes, MB", total, 400)])
