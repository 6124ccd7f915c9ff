"""Start-up: CPU time of ``wattproof --version``, against an empty Python."""

from __future__ import annotations

import os
import subprocess
import sys

from bench.measure import Target, interleaved, report


def cpu_of(command: list[str]) -> float:
    """User and system seconds of one whole process."""
    before = os.times()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def main() -> bool:
    figures = interleaved(
        "startup",
        "s CPU",
        {
            "python -c pass": lambda: cpu_of([sys.executable, "-c", "pass"]),
            "wattproof --version": lambda: cpu_of([sys.executable, "-m", "wattproof", "--version"]),
            "wattproof models bsm --json": lambda: cpu_of(
                [sys.executable, "-m", "wattproof", "models", "bsm", "--json"]
            ),
        },
    )
    target = Target("CPU seconds of wattproof --version", figures["wattproof --version"].median, 0.2)
    return report("Start-up", figures, [target])
