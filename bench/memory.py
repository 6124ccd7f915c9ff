"""A thousand virtual meters in one process: resident memory per further meter, and the time until all are ready.

Every meter has its own port (on M-Bus its own address), key and serial, runs its physics, and answers one read that is
checked.
"""

from __future__ import annotations

import json
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.measure import Figure, Target, report, rounds, running, simulated

COUNT = 1000
PEERS = Path(__file__).resolve().parent / "peers"


@dataclass(frozen=True, slots=True)
class Registers:
    """What only one meter has on Modbus TCP: unit, where its registers lie, and what must stand there."""

    unit: int
    address: int
    count: int
    expected: Callable[[Mapping[str, Any]], bytes]

    def check(self, meter: Mapping[str, Any]) -> None:
        """One request over a connection of its own; the answer must be this meter's."""
        request = struct.pack(">HHHBBHH", 1, 0, 6, self.unit, 3, self.address, self.count)
        size = 9 + 2 * self.count
        answer = asked(meter, request, lambda data: size - len(data))
        if answer[9:] != self.expected(meter):
            raise SystemExit(f"{meter['listen'][0]} answered {answer!r}, which is not that of meter {meter['serial']}")


def check_telegram(meter: Mapping[str, Any]) -> None:
    """The first telegram of an M-Bus meter carries its serial number."""
    unit = meter["unit"]
    answer = asked(
        meter,
        bytes((0x10, 0x7B, unit, 0x7B + unit & 0xFF, 0x16)),
        lambda data: data[1] + 6 - len(data) if len(data) > 1 else 1,
    )
    if answer[7:11][::-1].hex() != meter["serial"]:
        raise SystemExit(f"{meter['listen'][0]}, address {unit}: {answer.hex()} is not of meter {meter['serial']}")


def asked(meter: Mapping[str, Any], request: bytes, missing: Callable[[bytes], int]) -> bytes:
    """The whole answer to a request, over a connection of its own."""
    host, port = meter["listen"][0].partition("://")[2].rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=5) as peer:
        peer.sendall(request)
        answer = b""
        while missing(answer) > 0:
            chunk = peer.recv(512)
            if not chunk:
                raise SystemExit(f"{meter['listen'][0]} closed the connection")
            answer += chunk
    return answer


def on_ports(model: str, count: int) -> Any:
    """So many meters, each with a port of its own."""
    options = ["--listen", "tcp://127.0.0.1:0", "--count", str(count), "--set", "answer-delay=0", "--speed", "10"]
    return simulated(*options, model=model)


@contextmanager
def on_lines(model: str, count: int) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """So many meters on M-Bus lines of 250."""
    with running([sys.executable, str(PEERS / f"{model}_lines.py"), str(count)]) as (pid, line):
        yield pid, json.loads(line)


@dataclass(frozen=True, slots=True)
class Case:
    """A meter: how many of them are started, how each is told from all others; promised kB and s."""

    model: str
    begin: Callable[[str, int], Any]
    check: Callable[[Mapping[str, Any]], None]
    kilobytes: int
    seconds: int


MA1 = Registers(42, 40235, 8, lambda meter: meter["serial"].encode())
PUBLIC_KEY = Registers(1, 0x45FF, 32, lambda meter: bytes.fromhex(meter["public_key"])[-64:])
CASES = (
    Case("bsm", on_ports, MA1.check, 40, 5),
    Case("dmed4", on_ports, PUBLIC_KEY.check, 60, 5),
    Case("abb", on_lines, check_telegram, 150, 5),
)


def started(case: Case, count: int) -> tuple[float, float]:
    """Seconds until ready, and resident bytes after one checked read of every meter."""
    begin = time.monotonic()
    with case.begin(case.model, count) as (pid, ready):
        seconds = time.monotonic() - begin
        for meter in ready["meters"]:
            case.check(meter)
        status = Path(f"/proc/{pid}/status").read_text()
        resident = next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS"))
    return seconds, resident


def main() -> bool:
    met = True
    for case in CASES:
        met &= one_table(case)
    return met


def one_table(case: Case) -> bool:
    """One kind of meter."""
    each: list[float] = []
    ready: list[float] = []
    for _ in range(rounds()):
        _, one = started(case, 1)
        seconds, many = started(case, COUNT)
        each.append((many - one) / (COUNT - 1) / 1000)
        ready.append(seconds)
    figures = {
        "memory": Figure("memory", f"(RSS({COUNT}) - RSS(1)) / {COUNT - 1}", "kB/meter", tuple(each)),
        "start": Figure("memory", f"{COUNT} meters ready", "s", tuple(ready)),
    }
    targets = [
        Target("kB per further virtual meter", figures["memory"].median, case.kilobytes),
        Target(f"seconds until {COUNT} meters are ready", figures["start"].median, case.seconds),
    ]
    return report(f"Virtual {case.model} in one process", figures, targets)
