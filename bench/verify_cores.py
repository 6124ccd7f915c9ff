"""All cores: the same JSON-lines file judged by ``wattproof verify`` on one core and on two, in seconds that pass.

The output must be the same on both. ``BENCH_CORES_RECORDS`` makes the file larger or smaller; the start of processes
counts, so that a small file shows less.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import bench.verify_stream as stream
from bench.measure import HERE, Figure, Target, interleaved, report

COUNT = int(os.environ.get("BENCH_CORES_RECORDS", "100000"))


def main() -> bool:
    texts, key = stream.fleet()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fleet.jsonl"
        stream.COUNT, whole = COUNT, stream.COUNT
        try:
            stream.write_lines(path, texts)
        finally:
            stream.COUNT = whole
        said: set[str] = set()

        def run(jobs: int) -> float:
            command = [sys.executable, "-m", "wattproof", "verify", str(path), "--public-key", key]
            options = ["--allow-test-keys", "--keys", "none", "--jobs", str(jobs)]
            begin = time.monotonic()
            done = subprocess.run([*command, *options], check=True, capture_output=True, cwd=HERE.parent)
            taken = time.monotonic() - begin
            said.add(hashlib.sha256(done.stdout).hexdigest())
            return taken

        figures: dict[str, Figure] = interleaved(
            "verify_cores", "s", {"one core": lambda: run(1), "two cores": lambda: run(2)}
        )
    if len(said) != 1:
        raise SystemExit("one core and two say different things")
    ratio = figures["one core"].median / figures["two cores"].median
    return report(
        f"{COUNT:,} records on one core and on two",
        figures,
        [Target("one core / two cores", ratio, 1.8, at_least=True)],
    )
