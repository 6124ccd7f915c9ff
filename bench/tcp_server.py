"""Modbus TCP server: CPU of the server process per request, 50 connections, 10 and 120 registers.

Ours is the full virtual BSM behind ``simulate`` (``answer-delay=0``); the peers answer from a plain register table.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from functools import partial

from bench.measure import Target, built, free_port, interleaved, report, running, simulated

CONNECTIONS = 50
SECONDS = "1.5"
UNIT = "42"
ADDRESS = "40090"  # the AC meter model: live registers


def one_round(port: int, pid: int, registers: int) -> float:
    """CPU microseconds per request that the server ``pid`` spends under load."""
    load = built("load")
    assert load is not None
    words = [str(load), "127.0.0.1", str(port), str(CONNECTIONS), str(registers), SECONDS, UNIT, ADDRESS, str(pid)]
    line = subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()
    if line[3:] != ["0", "0"]:
        raise SystemExit(f"exceptions or mixed-up transactions under load: {line}")
    return float(line[2])


def main() -> bool:
    if built("load") is None:
        print("tcp_server needs a C compiler")
        return False
    with ExitStack() as servers:
        pid, ready = servers.enter_context(simulated("--listen", "tcp://127.0.0.1:0", "--set", "answer-delay=0"))
        contestants = {"wattproof": (int(ready["listen"][0].rsplit(":", 1)[1]), pid)}  # type: ignore[index]
        program = built("libmodbus_server", "modbus")
        if program:
            port = free_port()
            contestants["libmodbus"] = (port, servers.enter_context(running([str(program), "tcp", str(port)]))[0])
        port = free_port()
        command = [sys.executable, "-m", "bench.peers.pymodbus_server", str(port)]
        contestants["pymodbus"] = (port, servers.enter_context(running(command))[0])
        port = free_port()
        command = [sys.executable, "-m", "bench.peers.bare_server", str(port)]
        contestants["bare protocol, uvloop"] = (port, servers.enter_context(running(command))[0])
        met = True
        for registers in (10, 120):
            runs = {name: partial(one_round, port, pid, registers) for name, (port, pid) in contestants.items()}
            figures = interleaved(f"tcp_server q={registers}", "us CPU/request", runs)
            ours, targets = figures["wattproof"].median, []
            if "libmodbus" in figures:
                targets.append(Target("ours / libmodbus", ours / figures["libmodbus"].median, 1.6))
            targets.append(Target("ours / pymodbus", ours / figures["pymodbus"].median, 1 / 3))
            met &= report(f"Modbus TCP server, {CONNECTIONS} connections, {registers} registers", figures, targets)
    return met
