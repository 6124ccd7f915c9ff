"""Whether a saturated or dying ``serve`` delays polls: a BSM on a byte-paced line of 115,200 bit/s, read each second.

The line (``bench/c/line.c``) notes when the first byte of each message of the gateway comes. Polls lie on a grid of one
second; how far the first message of a poll lies behind its place is its delay. That is taken while nobody asks, while
``serve`` is saturated in several ways, and while it is killed again and again. The promise is that no poll is delayed
by more than 25 ms beyond what the idle line shows.
"""

from __future__ import annotations

import base64
import http.client
import itertools
import json
import os
import shutil
import signal
import ssl
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from bench.gateways import Running, gateway_with_profile, wait_for
from bench.measure import Figure, Target, built, report, running, simulated

BAUDRATE, PERIOD = 115200, 1.0
#: Seconds of each observation; so much of its beginning does not count.
SECONDS, WARM_UP = float(os.environ.get("BENCH_SECONDS", "60")), 3.0
#: A message begins a poll if none began so long before (s).
GAP = 0.25


def polls(log: Path, first: float, last: float) -> list[float]:
    """When polls began in this time, s since 1970."""
    moments = [int(line) / 1e6 for line in log.read_text().split()]
    begun = [after for before, after in itertools.pairwise(moments) if after - before > GAP]
    return [moment for moment in begun if first <= moment <= last]


def delays(moments: list[float], place: float) -> list[float]:
    """How far each poll lies behind ``place`` on the grid, ms; a little before it is a negative delay."""
    return [1000 * ((moment - place + PERIOD / 2) % PERIOD - PERIOD / 2) for moment in moments]


def place_of(moments: list[float]) -> float:
    """Where on the grid polls lie: the median."""
    anchor = moments[0]
    return anchor + statistics.median((moment - anchor + PERIOD / 2) % PERIOD - PERIOD / 2 for moment in moments)


class Load:
    """Clients in threads, each with an address of its own, until the block ends."""

    def __init__(self, gateway: Running) -> None:
        self.gateway = gateway
        self.done = 0
        self._over = threading.Event()

    def _ask(self, number: int, path: str, body: object = None, password: str | None = None) -> None:
        place = urlsplit(self.gateway.url)
        pair = f"admin:{password or self.gateway.password}".encode()
        headers = {"Authorization": "Basic " + base64.b64encode(pair).decode(), "Content-Type": "application/json"}
        source = (f"127.0.{2 + number // 200}.{1 + number % 200}", 0)
        connection = http.client.HTTPSConnection(
            place.hostname or "", place.port, context=ssl._create_unverified_context(), timeout=60,
            source_address=source,
        )  # fmt: skip
        with suppress(OSError, http.client.HTTPException):
            try:
                connection.request("GET" if body is None else "POST", path, body and json.dumps(body), headers)
                answer = connection.getresponse()
                while answer.read(65536):
                    pass
                self.done += answer.status < 500
            finally:
                connection.close()

    @contextmanager
    def clients(self, count: int, act: Callable[[int], None]) -> Iterator[None]:
        """``act`` again and again in so many threads; each call has a number of its own."""
        numbers = itertools.count()

        def work() -> None:
            while not self._over.is_set():
                act(next(numbers))

        threads = [threading.Thread(target=work) for _ in range(count)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join()

    def exporting(self, serial: str) -> Callable[[int], None]:
        """A year of a load profile."""
        return lambda number: self._ask(number % 4, f"/meters/{serial}/loadprofiles/1")

    def logging_in(self) -> Callable[[int], None]:
        """Wrong passwords from many addresses: each costs a verification."""
        return lambda number: self._ask(number % 50000, "/about", password=f"guess {number}")


@contextmanager
def wrk(gateway: Running, serial: str) -> Iterator[None]:
    """As many requests for the newest values as there can be."""
    pair = base64.b64encode(f"admin:{gateway.password}".encode()).decode()
    command = ["wrk", "-t", "1", "-c", "16", "-d", "600s", "-H", f"Authorization: Basic {pair}"]
    process = subprocess.Popen(
        [*command, f"{gateway.url}/meters/{serial}/instrument"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.kill()
        process.wait()


def kill_often(gateway: Running) -> Callable[[int], None]:
    """``serve`` is killed as soon as it is there."""

    def act(number: int) -> None:
        time.sleep(1.5)
        with suppress(OSError, KeyError, ValueError):
            os.kill(gateway.processes()["serve"], signal.SIGKILL)

    return act


def observed(log: Path) -> list[float]:
    """Polls of the next seconds."""
    time.sleep(WARM_UP)
    first = time.time()
    time.sleep(SECONDS)
    return polls(log, first, time.time())


def main() -> bool:
    line = built("line")
    if line is None or shutil.which("wrk") is None:
        print("gateway_saturation needs a C compiler and wrk")
        return False
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ends, log = [str(folder / name) for name in ("meter", "master")], folder / "log"
        stack.enter_context(running([str(line), *ends, str(BAUDRATE), "11", str(log)]))
        options = ["--set", "answer-delay=0", "--load", "constant:11040"]
        stack.enter_context(simulated("--listen", f"rtu://{ends[0]}?baudrate={BAUDRATE}&parity=N", *options))
        config = folder / "gateway.toml"
        config.write_text(
            f'[[bus]]\nname = "line"\nurl = "rtu://{ends[1]}?baudrate={BAUDRATE}&parity=N"\npoll_live_s = {PERIOD}\n'
            '[[meter]]\nbus = "line"\nfamily = "bsm"\nunit = 42\n'
        )
        gateway, serial = stack.enter_context(gateway_with_profile(folder, config))
        idle = observed(log)
        place = place_of(idle)
        taken = {"idle": idle}
        loads = {
            "newest values": lambda load: wrk(gateway, serial),
            "year exports": lambda load: load.clients(4, load.exporting(serial)),
            "log-ins": lambda load: load.clients(8, load.logging_in()),
            "serve killed": lambda load: load.clients(1, kill_often(gateway)),
        }
        counts = {}
        for name, begin in loads.items():
            load = Load(gateway)
            with begin(load):
                taken[name] = observed(log)
            counts[name] = load.done
            wait_for(gateway, f"/meters/{serial}/instrument", lambda found: "l1" in found)
        print(dict(counts.items()))
    late = {name: delays(moments, place) for name, moments in taken.items()}
    figures = {name: Figure("gateway_saturation", name, "ms late", tuple(each)) for name, each in late.items()}
    wanted = round(SECONDS / PERIOD) - 1
    targets = [
        Target(f"worst poll, {name}, ms beyond idle", max(each) - max(late["idle"]), 25) for name, each in late.items()
    ]
    targets += [Target(f"polls, {name}, share", len(each) / wanted, 1, at_least=True) for name, each in late.items()]
    return report("Polls while serve is saturated or killed", figures, targets)
