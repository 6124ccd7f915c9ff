"""The manual builds without a warning, and its generated pages hold what the device data hold."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from wattproof.cli import COMMANDS
from wattproof.meters import registry

ROOT = Path(__file__).resolve().parents[2]


def test_the_manual_builds_without_a_warning(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-W",
        "--keep-going",
        "-q",
        "-b",
        "html",
        "-d",
        str(tmp_path / "doctrees"),
    ]
    done = subprocess.run(
        [*command, str(ROOT / "docs"), str(tmp_path / "html")], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    pages = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "generated").glob("*.md")}
    family = registry.family("bsm")
    for table, page in (("faults", "bsm-faults"), ("controls", "bsm-faults"), ("options", "bsm-options")):
        for row in family.load_table(table):
            assert f"`{row.name}`" in pages[page]
    for block in family.load("points").blocks:
        assert block.name in pages["bsm-registers"]
    for name in COMMANDS:
        assert f"wattproof {name}" in pages["commands"]
