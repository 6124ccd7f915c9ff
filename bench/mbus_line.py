"""M-Bus on a byte-paced line: time of a whole readout against what the line and its pauses need.

The line (``bench/c/line.c``) delivers each byte when its stop bit would have arrived. The limit: the characters of
SND_NKE and five REQ_UD2 and of their answers, 11 bits each, the 35 ms that the meter takes for each answer
(``bench/peers/mbus_slave.py``), and the 20 ms of the master between an answer and its next request. Both ends are ours.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from bench.measure import Figure, Target, built, report, rounds, running
from bench.peers.mbus_slave import DELAY, TELEGRAMS
from wattproof.drivers.mbus.meter import MbusMeter
from wattproof.drivers.modbus import run_blocking
from wattproof.io.url import parse_url
from wattproof.wire.mbus.records import Record

RATES = (2400, 9600)
LIMIT = 1.06
PAUSE = 0.020
#: Bytes of SND_NKE and REQ_UD2, and of the frame around the records with header and end mark.
SHORT, AROUND = 5, 22


def limit(records: tuple[Record, ...], baudrate: int) -> float:
    """Seconds of a readout that brings these records."""
    sent = SHORT * (1 + TELEGRAMS)
    received = 1 + TELEGRAMS * AROUND + sum(len(record.raw) for record in records)
    exchanges = 1 + TELEGRAMS
    return (sent + received) * 11 / baudrate + exchanges * DELAY + (exchanges - 1) * PAUSE


def one_rate(baudrate: int) -> tuple[list[float], float]:
    """Seconds of readouts, and the limit."""
    line = built("line")
    assert line is not None
    taken = []
    with tempfile.TemporaryDirectory() as folder:
        ends = [str(Path(folder) / name) for name in ("meter", "master")]
        slave = [sys.executable, "-m", "bench.peers.mbus_slave", ends[0]]
        with running([str(line), *ends, str(baudrate)]), running(slave):
            meter = MbusMeter.open_blocking(parse_url(f"mbus://{ends[1]}?baudrate={baudrate}&parity=N&address=1"))
            for _ in range(rounds()):
                time.sleep(2 * PAUSE)
                begin = time.monotonic()
                readout = run_blocking(meter.readout())
                taken.append(time.monotonic() - begin)
            run_blocking(meter.close())
    assert len(readout.telegrams) == TELEGRAMS
    return taken, limit(readout.records, baudrate)


def main() -> bool:
    if built("line") is None:
        print("mbus_line needs a C compiler")
        return False
    figures, targets = {}, []
    for baudrate in RATES:
        seconds, least = one_rate(baudrate)
        name = f"readout, {baudrate} bit/s"
        figure = Figure("mbus_line", name, "ms", tuple(1000 * value for value in seconds))
        figures[name] = figure
        targets.append(Target(f"{name} / line and pauses", figure.median / 1000 / least, LIMIT))
    return report("M-Bus on a byte-paced line", figures, targets)
