"""Every fuzz target runs guided by coverage, for a number of runs and not of seconds, and finds nothing."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.guided.targets import targets

ROOT = Path(__file__).resolve().parent.parent.parent
RUNS = 8


@pytest.mark.slow
@pytest.mark.proves("T-080", "T-082", "T-125")
def test_a_short_run_of_every_target(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.fuzz.guided", "--runs", str(RUNS), "--seed", "1", "--work", str(tmp_path)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, errors="replace", check=False)
    assert run.returncode == 0, [line for line in run.stderr.splitlines() if line.startswith(("DEFECT", "=="))][-40:]
    assert re.findall(r"^== (.+)$", run.stderr, re.MULTILINE) == list(targets())
    executed = [int(number) for number in re.findall(r"stat::number_of_executed_units: (\d+)", run.stderr)]
    assert len(executed) == len(targets()) and min(executed) > RUNS / 10
    covered = [int(number) for number in re.findall(r"DONE +cov: (\d+)", run.stderr)]
    assert len(covered) == len(targets()) and max(covered) > 2000, "the code is not instrumented"


@pytest.mark.proves("T-080")
def test_a_defect_is_reported(tmp_path: Path) -> None:
    """What raises is written down and named, and the command fails."""
    code = (
        "import sys; import tests.fuzz.guided.__main__ as guided\n"
        "from tests.fuzz.guided.targets import Target, targets\n"
        "def run(data):\n    assert b'x' not in data, 'an x'\n"
        "targets().clear(); targets()['trap'] = Target('trap', run, lambda: (b'a', b'axa'))\n"
        f"sys.argv = ['fuzz', '--runs', '5', '--work', {str(tmp_path)!r}]\n"
        "sys.exit(guided.main())"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "AssertionError: an x" in run.stderr and "defects found by: trap" in run.stderr
    (defect,) = (tmp_path / "trap").glob("defect-*")
    assert b"x" in defect.read_bytes()
