"""The service units: systemd understands them, and finds the processes well shut in."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = sorted((Path(__file__).parents[2] / "deploy" / "systemd").glob("*.service"))


@pytest.fixture(scope="module")
def analyze() -> str:
    found = shutil.which("systemd-analyze")
    if found is None:
        pytest.skip("systemd-analyze is not installed")
    return found


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_unit_is_understood_and_shut_in(unit: Path, analyze: str, tmp_path: Path) -> None:
    text = unit.read_text()
    assert "Type=notify" in text and "WatchdogSec=" in text and "User=wattproof" in text
    # The program and the user need not be on this machine.
    shown = text.replace("/usr/local/bin/wattproof", "/bin/true").replace("=wattproof\n", "=daemon\n")
    copies = [tmp_path / other.name for other in UNITS]
    for other, copy in zip(UNITS, copies, strict=True):
        copy.write_text(shown if other == unit else "[Service]\nExecStart=/bin/true\n")
    verified = subprocess.run([analyze, "verify", str(tmp_path / unit.name)], capture_output=True, text=True)
    assert (verified.returncode, verified.stderr) == (0, "")
    command = [analyze, "security", "--offline=true", str(tmp_path / unit.name)]
    judged = subprocess.run(command, capture_output=True, text=True)
    level = re.search(r"Overall exposure level for \S+: ([0-9.]+)", judged.stdout)
    assert level is not None and float(level[1]) <= 2.5, judged.stdout[-200:]


def test_there_is_one_for_each_process() -> None:
    assert [unit.stem for unit in UNITS] == ["wattproof-acquire", "wattproof-serve"]
