"""What the proxy costs on a byte-paced line of 19,200 bit/s: time that a cycle gains, and CPU of the proxy.

Two equal lines (``bench/c/line.c``) with a virtual meter each: one is read by its master, the other through
``wattproof proxy`` over Modbus TCP. Both masters are our blocking client. A cycle is one read and its answer, the next
read right behind it. CPU is user and system time of the proxy process, divided by the requests: on the line; to a
virtual meter over Modbus TCP, one request after the other or many under way; and for comparison that of a process that
only passes bytes between two connections. Where requests come one by one, each costs at least two wake-ups.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.measure import Target, built, interleaved, report, running, simulated
from wattproof.drivers.modbus import connect_blocking, run_blocking
from wattproof.io.url import parse_url
from wattproof.wire.modbus.pdu import read_request

BAUDRATE = 19200
CHARACTER = 11 / BAUDRATE
#: By number of registers, cycles in a round on the line.
EXCHANGES = {12: 40, 120: 10}
#: Requests in a round over Modbus TCP, and how many are under way at once where there is more than one.
MANY, UNDER_WAY = 2000, 16
UNIT, FIRST = 42, 40090
#: One character and the silence of 3.5, in milliseconds.
ALLOWED = 1000 * 4.5 * CHARACTER
CPU_LIMIT = 100.0
Run = Callable[[int, int], float]
_TICKS = os.sysconf("SC_CLK_TCK")


def cpu(pid: int) -> float:
    """Seconds of CPU that a process has used: to the nanosecond where the kernel says so, else in its ticks."""
    try:
        return sum(int((one / "schedstat").read_text().split()[0]) for one in Path(f"/proc/{pid}/task").iterdir()) / 1e9
    except (OSError, IndexError, ValueError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS


@contextmanager
def metered_line(folder: Path, name: str) -> Iterator[str]:
    """A paced line with a virtual meter at its far end; the address of the near one."""
    line = built("line")
    assert line is not None
    ends = [str(folder / f"{name}-{end}") for end in ("meter", "master")]
    options = f"?baudrate={BAUDRATE}&parity=N"
    with (
        running([str(line), *ends, str(BAUDRATE)]),
        simulated("--listen", f"rtu://{ends[0]}{options}", "--set", "answer-delay=0"),
    ):
        yield f"rtu://{ends[1]}{options}&timeout=3"


@contextmanager
def proxied(to: str, *options: str) -> Iterator[tuple[int, str]]:
    """``wattproof proxy`` in front of a line: its process id and where it listens."""
    command = [sys.executable, "-m", "wattproof", "proxy", "tcp://127.0.0.1:0", "--to", to, "--json", *options]
    with running(command) as (pid, line):
        yield pid, json.loads(line)["listen"][0]


def cycles(url: str) -> Run:
    """Makes ``run(registers, count)``: one exchange after the other; seconds for each."""
    link = connect_blocking(parse_url(url).with_options(timeout=3))

    def run(registers: int, count: int) -> float:
        request = read_request(3, FIRST, registers)
        begin = time.monotonic()
        for _ in range(count):
            run_blocking(link.exchange(UNIT, request))
        return (time.monotonic() - begin) / count

    run(1, 1)
    return run


def floods(url: str) -> Run:
    """The same with ``UNDER_WAY`` different requests under way all the time."""
    link = connect_blocking(parse_url(url).with_options(timeout=3, pipeline=UNDER_WAY))

    def run(registers: int, count: int) -> float:
        requests = [read_request(3, FIRST + number % 64, registers) for number in range(count)]
        begin = time.monotonic()
        run_blocking(link.exchange_all(UNIT, requests))
        return (time.monotonic() - begin) / count

    run(1, 1)
    return run


def measured_cpu(pid: int, run: Run, registers: int, count: int) -> Callable[[], float]:
    """A contestant: microseconds of CPU that the process ``pid`` spends on each request of ``run``."""

    def measure() -> float:
        before = cpu(pid)
        run(registers, count)
        return (cpu(pid) - before) * 1e6 / count

    return measure


def measured_cycle(run: Run, registers: int, count: int) -> Callable[[], float]:
    """A contestant: milliseconds of a cycle."""
    return lambda: 1000 * run(registers, count)


def main() -> bool:
    if built("line") is None:
        print("proxy needs a C compiler")
        return False
    met = True
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        direct = cycles(stack.enter_context(metered_line(folder, "direct")))
        on_line, url = stack.enter_context(proxied(stack.enter_context(metered_line(folder, "shared"))))
        through = cycles(url)
        _, ready = stack.enter_context(simulated("--listen", "tcp://127.0.0.1:0", "--set", "answer-delay=0"))
        meter = str(ready["listen"][0])  # type: ignore[index]
        on_tcp, url = stack.enter_context(proxied(f"{meter}?pipeline={UNDER_WAY}"))
        floor, line = stack.enter_context(
            running([sys.executable, "-m", "bench.peers.bare_forwarder", meter.rsplit(":", 1)[1]])
        )
        one_by_one, flood, bare = cycles(url), floods(url), cycles(f"tcp://127.0.0.1:{line.strip()}")
        for registers, count in EXCHANGES.items():
            figures = interleaved(
                f"proxy q={registers}",
                "ms/cycle",
                {
                    "direct": measured_cycle(direct, registers, count),
                    "through the proxy": measured_cycle(through, registers, count),
                },
            )
            added = figures["through the proxy"].median - figures["direct"].median
            targets = [Target("added by the proxy, ms; a character and the gap", added, ALLOWED)]
            met &= report(f"A cycle on a line of {BAUDRATE} bit/s, {registers} registers", figures, targets)
            figures = interleaved(
                f"proxy cpu q={registers}",
                "us CPU/request",
                {
                    "proxy, on the line": measured_cpu(on_line, through, registers, count),
                    "proxy, to Modbus TCP": measured_cpu(on_tcp, one_by_one, registers, MANY),
                    f"proxy, {UNDER_WAY} under way": measured_cpu(on_tcp, flood, registers, MANY),
                    "bare forwarder, the floor": measured_cpu(floor, bare, registers, MANY),
                },
            )
            targets = [
                Target(f"{name}, us", figure.median, CPU_LIMIT)
                for name, figure in figures.items()
                if name.startswith("proxy")
            ]
            met &= report(f"CPU for a forwarded request, {registers} registers", figures, targets)
    return met
