"""The worked examples of HDLC and COSEM."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def examples(vectors: Path) -> dict[str, dict[str, Any]]:
    """The vectors of ``mbus/cosem`` by their id; ``octets`` are their bytes."""
    rows = json.loads((vectors / "mbus" / "cosem" / "cosem-hdlc.json").read_text())
    return {row["id"]: row | {"octets": bytes.fromhex(row["hex"])} for row in rows}
