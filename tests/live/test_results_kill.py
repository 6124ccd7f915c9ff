"""`--results` survives kill -9 at any moment: what was judged is not judged again, and the end is the same."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet

from tests.cli.test_verify import KEY, record

SCRIPT = """
import sys
from wattproof.signed.scale import results
from wattproof.signed.scale.engines import Processes
from wattproof.signed.scale.places import Folder
if __name__ == "__main__":
    engine = Processes(2)
    options = {"public_key": sys.argv[2]}
    found = results.run(sys.argv[3:], Folder(sys.argv[1]), options, engine, lambda part: None, 20_000)
    engine.close()
    print(found.judged, found.known, found.joined)
"""


def tables(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for path in sorted(folder.glob("*/part-*.parquet")):
        found += pyarrow.parquet.read_table(path, partitioning=None).to_pylist()
    return found


def test_kill_9_at_any_moment(tmp_path: Path) -> None:
    rows = [{"ocmf": record(PG=f"T{page}"), "transactionId": str(page % 700)} for page in range(1, 1001)]
    data = tmp_path / "a.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    script = tmp_path / "run.py"
    script.write_text(SCRIPT)

    def start(folder: Path) -> subprocess.Popen[str]:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, script, folder, KEY, data]
        return subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True, env=environment)

    begin = time.monotonic()
    whole, _ = start(tmp_path / "whole").communicate(timeout=120)
    duration = time.monotonic() - begin
    judged, known, joined = map(int, whole.split())
    assert judged > 20 and known == 0 and joined > 0
    folder = tmp_path / "killed"
    chance = random.Random(7)
    kept = 0
    for _ in range(4):
        process = start(folder)
        time.sleep(chance.uniform(0.3, 0.9) * duration)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
        parts = folder / "parts"
        markers = len(list(parts.glob("*.json"))) if parts.exists() else 0
        assert markers >= kept  # what was there stays
        kept = markers
    out, _ = start(folder).communicate(timeout=120)
    again, known, joined_again = map(int, out.split())
    assert again + known == judged and joined_again == joined and known >= kept - joined_again
    assert tables(folder) == tables(tmp_path / "whole")
    assert not list(folder.glob("*/.*"))  # nor is anything left that was half written
