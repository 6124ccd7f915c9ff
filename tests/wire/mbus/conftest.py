"""The vectors of M-Bus: frames of libmbus and of ABB meters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def mbus(vectors: Path) -> Path:
    """The folder with ``good``, ``error`` and ``abb``."""
    return vectors / "mbus"


def hex_file(path: Path) -> bytes:
    """The bytes of a file of hexadecimal pairs."""
    return bytes.fromhex(path.read_text(encoding="ascii").strip())


@pytest.fixture(scope="session")
def good(mbus: Path) -> dict[str, bytes]:
    """Every good frame by its name; there are 45."""
    found = {path.stem: hex_file(path) for path in sorted((mbus / "good").glob("*.hex"))}
    assert len(found) == 45
    return found


@pytest.fixture(scope="session")
def errors(mbus: Path) -> dict[str, bytes]:
    """Every frame of the folder ``error``."""
    return {path.stem: hex_file(path) for path in sorted((mbus / "error").glob("*.hex"))}


@pytest.fixture(scope="session")
def abb(mbus: Path) -> dict[str, dict[str, Any]]:
    """Every entry of the ABB frames by its id, with its bytes as ``frame``."""
    rows = json.loads((mbus / "abb" / "abb-frames.json").read_text(encoding="utf-8"))
    return {row["id"]: {**row, "frame": bytes.fromhex(row["hex"])} for row in rows}


@pytest.fixture(scope="session")
def wired(good: dict[str, bytes], abb: dict[str, dict[str, Any]]) -> dict[str, bytes]:
    """Every frame that was on a wire: the good ones and those of ABB."""
    return good | {name: row["frame"] for name, row in abb.items() if "wireless" not in name}
