"""Modbus RTU on a byte-paced line: time of one exchange against what the wire itself needs.

The line (``bench/c/line.c``) delivers each byte when its stop bit would have arrived. The wire limit is the
characters of request and answer, 11 bits each, and both silent intervals (3.5 characters; 1.75 ms above 19,200 bit/s).
Both ends are ours: ``simulate`` answers, the blocking client asks.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from bench.measure import Figure, Target, built, report, rounds, running, simulated
from wattproof.drivers.modbus import connect_blocking, run_blocking
from wattproof.io.url import parse_url
from wattproof.wire.modbus.pdu import read_request

LIMITS = {19200: 1.06, 115200: 1.15}
EXCHANGES = {19200: 10, 115200: 40}
REGISTERS = (12, 120)
UNIT = 42


def wire_limit(registers: int, baudrate: int) -> float:
    """Seconds: 8 octets of request, 5 + 2 n of answer, both silent intervals."""
    character = 11 / baudrate
    silence = 0.00175 if baudrate > 19200 else 3.5 * character
    return (8 + 5 + 2 * registers) * character + 2 * silence


def one_rate(baudrate: int) -> dict[int, list[float]]:
    """Rounds of seconds per exchange for each number of registers."""
    line = built("line")
    assert line is not None
    taken: dict[int, list[float]] = {registers: [] for registers in REGISTERS}
    with tempfile.TemporaryDirectory() as folder:
        ends = [str(Path(folder) / name) for name in ("meter", "master")]
        with (
            running([str(line), *ends, str(baudrate)]),
            simulated("--listen", f"rtu://{ends[0]}?baudrate={baudrate}&parity=N", "--set", "answer-delay=0"),
        ):
            link = connect_blocking(parse_url(f"rtu://{ends[1]}?baudrate={baudrate}&parity=N&timeout=3"))
            for _ in range(rounds()):
                for registers in REGISTERS:
                    request = read_request(3, 40090, registers)
                    run_blocking(link.exchange(UNIT, request))
                    begin = time.monotonic()
                    for _ in range(EXCHANGES[baudrate]):
                        run_blocking(link.exchange(UNIT, request))
                    taken[registers].append((time.monotonic() - begin) / EXCHANGES[baudrate])
            run_blocking(link.close())
    return taken


def main() -> bool:
    if built("line") is None:
        print("rtu_line needs a C compiler")
        return False
    figures, targets = {}, []
    for baudrate, limit in LIMITS.items():
        for registers, seconds in one_rate(baudrate).items():
            name = f"{registers} registers, {baudrate} bit/s"
            figure = Figure("rtu_line", name, "ms/exchange", tuple(1000 * value for value in seconds))
            figures[name] = figure
            targets.append(
                Target(f"{name} / wire limit", figure.median / 1000 / wire_limit(registers, baudrate), limit)
            )
    return report("Modbus RTU on a byte-paced line", figures, targets)
