"""The example tests of the manual pass as they stand there, with nothing but the plugin that pip installs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"


def test_the_example_tests_of_a_charging_controller_pass(tmp_path: Path) -> None:
    for file in EXAMPLES.glob("*.py"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-c", "/dev/null"]
    done = subprocess.run(
        [*command, "--rootdir", str(tmp_path), str(tmp_path)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout
