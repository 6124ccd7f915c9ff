"""A thousand virtual meters in one process: resident memory per further meter, and the time until all are ready.

Every meter has its own port, key and serial, runs its physics, and answers one read that is checked.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.measure import Figure, Target, report, rounds, simulated

COUNT = 1000


@dataclass(frozen=True, slots=True)
class Case:
    """A meter: unit, the registers that only this one of all has, and what must stand there; promised kB and s."""

    model: str
    unit: int
    address: int
    registers: int
    expected: Callable[[Mapping[str, Any]], bytes]
    kilobytes: int
    seconds: int


CASES = (
    Case("bsm", 42, 40235, 8, lambda meter: meter["serial"].encode(), 40, 5),  # bs_meter.MA1
    Case("dmed4", 1, 0x45FF, 32, lambda meter: bytes.fromhex(meter["public_key"])[-64:], 60, 5),  # public key
)


def checked_read(case: Case, meter: Mapping[str, Any]) -> None:
    """One request over a connection of its own; the answer must be this meter's."""
    host, port = meter["listen"][0].removeprefix("tcp://").rsplit(":", 1)
    request = struct.pack(">HHHBBHH", 1, 0, 6, case.unit, 3, case.address, case.registers)
    size = 9 + 2 * case.registers
    with socket.create_connection((host, int(port)), timeout=5) as peer:
        peer.sendall(request)
        answer = b""
        while len(answer) < size:
            chunk = peer.recv(512)
            if not chunk:
                raise SystemExit(f"{meter['listen'][0]} closed the connection")
            answer += chunk
    if answer[9:] != case.expected(meter):
        raise SystemExit(f"{meter['listen'][0]} answered {answer!r}, which is not that of meter {meter['serial']}")


def started(case: Case, count: int) -> tuple[float, float]:
    """Seconds until ready, and resident bytes after one checked read of every meter."""
    begin = time.monotonic()
    options = ["--listen", "tcp://127.0.0.1:0", "--count", str(count), "--set", "answer-delay=0", "--speed", "10"]
    with simulated(*options, model=case.model) as (pid, ready):
        seconds = time.monotonic() - begin
        for meter in ready["meters"]:  # type: ignore[attr-defined]
            checked_read(case, meter)
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
