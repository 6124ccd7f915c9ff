"""Modbus TCP server: CPU of the server process per request, with a whole virtual meter behind it.

Ours is the full virtual meter behind ``simulate`` (``answer-delay=0``); the peers answer from a plain register table.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from bench.measure import Target, built, free_port, interleaved, report, running, simulated

SECONDS = "1.5"
#: Where the peers have their registers, and the unit they answer to.
PEER_ADDRESS, PEER_UNIT = 40090, 42


@dataclass(frozen=True, slots=True)
class Case:
    """One table: a meter, the registers that are asked for, and what is promised."""

    model: str
    unit: int
    address: int
    connections: int
    registers: tuple[int, ...]
    peers: tuple[str, ...]


CASES = (
    # The AC meter model: live registers.
    Case("bsm", 42, 40090, 50, (10, 120), ("libmodbus", "pymodbus", "bare protocol, uvloop")),
    # The output message of the DMED4, which serves two connections and no third.
    Case("dmed4", 1, 0x43FF, 2, (50,), ("libmodbus", "pymodbus")),
)


@dataclass(frozen=True, slots=True)
class Server:
    """A running contestant: port, process, and where its registers are."""

    port: int
    pid: int
    unit: int = PEER_UNIT
    address: int = PEER_ADDRESS


def one_round(server: Server, connections: int, registers: int) -> float:
    """CPU microseconds per request that a server spends under load."""
    load = built("load")
    assert load is not None
    words = [server.port, connections, registers, SECONDS, server.unit, server.address, server.pid]
    command = [str(load), "127.0.0.1", *map(str, words)]
    line = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    if line[3:] != ["0", "0"]:
        raise SystemExit(f"exceptions or mixed-up transactions under load: {line}")
    return float(line[2])


def peers(servers: ExitStack) -> dict[str, Server]:
    """The peers that this machine has, each in a process of its own."""
    found = {}
    program = built("libmodbus_server", "modbus")
    commands = {"libmodbus": None if program is None else [str(program), "tcp"]}
    commands["pymodbus"] = [sys.executable, "-m", "bench.peers.pymodbus_server"]
    commands["bare protocol, uvloop"] = [sys.executable, "-m", "bench.peers.bare_server"]
    for name, command in commands.items():
        if command is not None:
            port = free_port()
            found[name] = Server(port, servers.enter_context(running([*command, str(port)]))[0])
    return found


def main() -> bool:
    if built("load") is None:
        print("tcp_server needs a C compiler")
        return False
    met = True
    with ExitStack() as servers:
        others = peers(servers)
        for case in CASES:
            options = ("--listen", "tcp://127.0.0.1:0", "--set", "answer-delay=0")
            pid, ready = servers.enter_context(simulated(*options, model=case.model))
            port = int(ready["listen"][0].rsplit(":", 1)[1])  # type: ignore[index]
            contestants = {"wattproof": Server(port, pid, case.unit, case.address)}
            contestants |= {name: others[name] for name in case.peers if name in others}
            for registers in case.registers:
                met &= one_table(case, contestants, registers)
    return met


def one_table(case: Case, contestants: dict[str, Server], registers: int) -> bool:
    """One meter and one number of registers."""
    runs = {name: partial(one_round, server, case.connections, registers) for name, server in contestants.items()}
    figures = interleaved(f"tcp_server {case.model} q={registers}", "us CPU/request", runs)
    ours, targets = figures["wattproof"].median, []
    if "libmodbus" in figures:
        targets.append(Target("ours / libmodbus", ours / figures["libmodbus"].median, 1.6))
    targets.append(Target("ours / pymodbus", ours / figures["pymodbus"].median, 1 / 3))
    title = f"Modbus TCP server, virtual {case.model}, {case.connections} connections, {registers} registers"
    return report(title, figures, targets)
