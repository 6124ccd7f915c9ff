"""A thousand virtual BSM in one process: resident memory per further meter, and the time until all are ready.

Every meter has its own port, key and serial, runs its physics, and answers one read that is checked.
"""

from __future__ import annotations

import socket
import struct
import time
from pathlib import Path

from bench.measure import Figure, Target, report, rounds, simulated

COUNT = 1000
READ_SERIAL = struct.pack(">HHHBBHH", 1, 0, 6, 42, 3, 40235, 8)  # bs_meter.MA1, 8 registers


def checked_read(url: str, serial: str) -> None:
    """One request over a connection of its own; the answer must carry this meter's serial."""
    host, port = url.removeprefix("tcp://").rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=5) as peer:
        peer.sendall(READ_SERIAL)
        answer = b""
        while len(answer) < 25:
            chunk = peer.recv(64)
            if not chunk:
                raise SystemExit(f"{url} closed the connection")
            answer += chunk
    if answer[9:25].decode() != serial:
        raise SystemExit(f"{url} answered {answer!r}, expected serial {serial}")


def started(count: int) -> tuple[float, float]:
    """Seconds until ready, and resident bytes after one checked read of every meter."""
    begin = time.monotonic()
    options = ["--listen", "tcp://127.0.0.1:0", "--count", str(count), "--set", "answer-delay=0", "--speed", "10"]
    with simulated(*options) as (pid, ready):
        seconds = time.monotonic() - begin
        for meter in ready["meters"]:  # type: ignore[attr-defined]
            checked_read(meter["listen"][0], meter["serial"])
        status = Path(f"/proc/{pid}/status").read_text()
        resident = next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS"))
    return seconds, resident


def main() -> bool:
    each: list[float] = []
    ready: list[float] = []
    for _ in range(rounds()):
        _, one = started(1)
        seconds, many = started(COUNT)
        each.append((many - one) / (COUNT - 1) / 1000)
        ready.append(seconds)
    figures = {
        "memory": Figure("memory", f"(RSS({COUNT}) - RSS(1)) / {COUNT - 1}", "kB/meter", tuple(each)),
        "start": Figure("memory", f"{COUNT} meters ready", "s", tuple(ready)),
    }
    targets = [
        Target("kB per further virtual meter", figures["memory"].median, 40),
        Target(f"seconds until {COUNT} meters are ready", figures["start"].median, 5),
    ]
    return report("Virtual meters in one process", figures, targets)
