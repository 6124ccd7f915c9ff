"""The optical head on real sockets and a pseudo-terminal: `simulate` on one side, `read` on the other."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest


def read(url: str, *arguments: str) -> tuple[int, str, str]:
    command = [sys.executable, "-m", "wattproof", "read", url, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.proves("B-180")
@pytest.mark.parametrize(
    ("listen", "options", "mode", "lines"),
    [
        ("iec://127.0.0.1:0", (), "c", 26),
        ("iec://127.0.0.1:0", ("--set", "optical=a"), "a", 26),
        ("iec://127.0.0.1:0", ("--set", "optical=d0", "--set", "d0-list=full", "--speed", "10"), "d0", 24),
        ("pty://{folder}/head?protocol=iec", (), "c", 26),
    ],
)
def test_what_simulate_sends_read_understands(
    tmp_path: Path, listen: str, options: tuple[str, ...], mode: str, lines: int
) -> None:
    command = [sys.executable, "-m", "wattproof", "simulate", "bsm", "--json", "--seed", "1"]
    command += ["--listen", listen.format(folder=tmp_path), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            ready = json.loads(process.stdout.readline())
            where = ready["listen"][0]
            code, out, err = read(f"bsm+{where}{'&' if '?' in where else '?'}mode={mode}", "--json")
        finally:
            process.terminate()
    assert (code, err) == (0, "")
    found = {item["point"]: item for item in json.loads(out)["readings"]}
    assert len(found) == lines
    assert found["bs_meter.SNM"]["value"] == ready["serial"][-8:]
    assert (found["ac_meter.PhVphA"]["value"], found["ac_meter.PhVphA"]["unit"]) == ("230.0", "V")
