"""Rounds, medians, ratios: how every figure of the benchmarks is taken.

The machines these run on are shared and noisy. So each contestant is run in turn (A B C, A B C, ...), the figure is
the median of the rounds, the spread is printed, and only the ratio within one run is worth quoting.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import socket
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILT = HERE / "_build"
ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Figure:
    """One contestant's figure in one table: the median of its rounds, and how far they lay apart."""

    table: str
    contestant: str
    unit: str
    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.rounds)

    def __str__(self) -> str:
        return (
            f"{self.contestant:<28} {self.median:>12.4g} {self.unit:<16}"
            f" (min {min(self.rounds):.4g}, max {max(self.rounds):.4g}, {len(self.rounds)} rounds)"
        )


@dataclass(frozen=True, slots=True)
class Target:
    """A promise about the ratio ours / peer; within 10 % counts as met."""

    text: str
    value: float
    limit: float
    at_least: bool = False

    @property
    def met(self) -> bool:
        return self.value >= self.limit / 1.1 if self.at_least else self.value <= self.limit * 1.1

    def __str__(self) -> str:
        sign = ">=" if self.at_least else "<="
        return f"{'met   ' if self.met else 'MISSED'} {self.text}: {self.value:.3g} (target {sign} {self.limit:g})"


def interleaved(table: str, unit: str, contestants: Mapping[str, Callable[[], float]]) -> dict[str, Figure]:
    """Run every contestant once a round, in turn, and give each one's figure."""
    taken: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds()):
        for name, run in contestants.items():
            taken[name].append(run())
    return {name: Figure(table, name, unit, tuple(values)) for name, values in taken.items()}


def rounds() -> int:
    """At least five; ``BENCH_ROUNDS`` asks for more."""
    return max(ROUNDS, int(os.environ.get("BENCH_ROUNDS", "0")))


def built(name: str, *libraries: str) -> Path | None:
    """The C program ``bench/c/NAME.c``, compiled if need be; ``None`` where compiler or library is missing."""
    source, target = HERE / "c" / f"{name}.c", BUILT / name
    if target.exists() and target.stat().st_mtime >= source.stat().st_mtime:
        return target
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    BUILT.mkdir(exist_ok=True)
    command = [compiler, "-O2", "-o", str(target), str(source), *(f"-l{library}" for library in libraries)]
    if subprocess.run(command, check=False, capture_output=True).returncode != 0:
        return None
    return target


@contextmanager
def running(command: list[str], environment: Mapping[str, str] | None = None) -> Iterator[tuple[int, str]]:
    """A server process for the time of the block: its process id and the first line it printed."""
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # pymodbus comments every closed connection
        text=True,
        env={**os.environ, **(environment or {})},
        cwd=HERE.parent,
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        if not line:
            raise SystemExit(f"{' '.join(command)} ended before it was ready (exit code {process.wait()})")
        yield process.pid, line
    finally:
        process.terminate()
        process.wait(timeout=10)
        process.stdout.close()


@contextmanager
def simulated(*options: str, model: str = "bsm") -> Iterator[tuple[int, dict[str, object]]]:
    """``wattproof simulate MODEL`` with these options: its process id and its ready object."""
    command = [sys.executable, "-m", "wattproof", "simulate", model, "--json", *options]
    with running(command) as (pid, line):
        yield pid, json.loads(line)


def free_port() -> int:
    """A TCP port of the loopback address that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def machine() -> str:
    """One line: processor, cores, kernel, Python and the versions of the peers."""
    names = ("cryptography", "coincurve", "uvloop", "pymodbus", "pysunspec2", "pyocmf", "pyMeterBus", "gurux-dlms")
    found = ", ".join(f"{name} {_version(name)}" for name in names)
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    return f"{model}, {os.cpu_count()} cores, {platform.release()}, Python {platform.python_version()}; {found}"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"


def report(title: str, figures: Mapping[str, Figure], targets: list[Target]) -> bool:
    """Print one table and its promises; says whether all are met."""
    print(f"\n## {title}")
    for figure in figures.values():
        print(f"  {figure}")
    for target in targets:
        print(f"  {target}")
    sys.stdout.flush()
    return all(target.met for target in targets)
