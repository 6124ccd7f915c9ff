"""Which valid request is answered first after a disturbance on an RTU line (19,200 bit/s, polled every 170 ms).

The master is a few raw writes here, so that no client's own recovery helps or hinders. ``-`` means: not within 40.
"""

from __future__ import annotations

import os
import select
import sys
import tempfile
import termios
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.measure import built, running, simulated
from wattproof.model.codec.crc import crc16_modbus

BAUDRATE = 19200
PERIOD = 0.17
TRIES = 40


def framed(body: bytes) -> bytes:
    return body + crc16_modbus(body).to_bytes(2, "little")


REQUEST = framed(bytes((42, 3)) + (40090).to_bytes(2, "big") + (10).to_bytes(2, "big"))
ANSWER_HEAD = bytes((42, 3, 20))
DISTURBANCES = {
    "one noise byte": b"\x5a",
    "truncated request": REQUEST[:5],
    "request with bad CRC": REQUEST[:-1] + bytes((REQUEST[-1] ^ 1,)),
    "cut function-16 header": bytes((42, 16)) + (40279).to_bytes(2, "big") + (123).to_bytes(2, "big") + b"\xf6",
    "another unit's request": framed(bytes((7, 3, 0, 0, 0, 10))) + framed(bytes((7, 3, 20)) + bytes(20)),
}


def first_answered(device: int, disturbance: bytes) -> int | None:
    """Number of the valid request (from 1) that the server answers first."""
    os.write(device, disturbance)
    for number in range(1, TRIES + 1):
        time.sleep(PERIOD)
        termios.tcflush(device, termios.TCIFLUSH)
        os.write(device, REQUEST)
        heard, deadline = b"", time.monotonic() + PERIOD
        while (rest := deadline - time.monotonic()) > 0:
            if select.select([device], [], [], rest)[0]:
                heard += os.read(device, 256)
                at = heard.find(ANSWER_HEAD)
                if at >= 0 and len(heard) >= at + 25:
                    return number
    return None


@contextmanager
def line() -> Iterator[tuple[str, int]]:
    """A paced line: the path of the meter's end, and the master's end as an open file."""
    program = built("line")
    assert program is not None
    with tempfile.TemporaryDirectory() as folder:
        ends = [str(Path(folder) / name) for name in ("meter", "master")]
        with running([str(program), *ends, str(BAUDRATE)]):
            device = os.open(ends[1], os.O_RDWR | os.O_NOCTTY)
            tty.setraw(device)
            try:
                yield ends[0], device
            finally:
                os.close(device)


def ours() -> dict[str, int | None]:
    with line() as (path, device), simulated("--listen", f"rtu://{path}?baudrate={BAUDRATE}&parity=N"):
        return {name: first_answered(device, octets) for name, octets in DISTURBANCES.items()}


def theirs(command: list[str]) -> dict[str, int | None]:
    """A peer is started anew for every disturbance: one that never answers again would spoil the next."""
    taken = {}
    for name, octets in DISTURBANCES.items():
        with line() as (path, device), running([path if word == "DEVICE" else word for word in command]):
            time.sleep(0.3)
            taken[name] = first_answered(device, octets)
    return taken


def main() -> bool:
    if built("line") is None:
        print("disturbances needs a C compiler")
        return False
    table = {"wattproof": ours()}
    if program := built("libmodbus_server", "modbus"):
        table["libmodbus"] = theirs([str(program), "rtu", "DEVICE", str(BAUDRATE)])
    table["pymodbus"] = theirs([sys.executable, "-m", "bench.peers.pymodbus_rtu_server", "DEVICE", str(BAUDRATE)])
    print("\n## First valid request answered after a disturbance")
    print(f"  {'':<24}" + "".join(f"{name:>12}" for name in table))
    for name in DISTURBANCES:
        print(f"  {name:<24}" + "".join(f"{column[name] or '-':>12}" for column in table.values()))
    met = all(number == 1 for number in table["wattproof"].values())
    print(f"  {'met   ' if met else 'MISSED'} ours: request 1 after every disturbance")
    return met
