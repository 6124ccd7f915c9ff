"""The key register of a gateway that runs, while its writing process is killed again and again."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.live.running_gateway import gateway
from wattproof.signed import curves, testkeys

SEED, ROUNDS = 4712, 6

pytestmark = pytest.mark.slow


def _keys(data: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "wattproof", "keys", *arguments, "--keys", str(data), "--json"]


def _listed(data: Path) -> dict[str, Any]:
    found = subprocess.run(_keys(data, "list"), check=True, capture_output=True, text=True, timeout=60)
    return {row["serial"]: row for row in json.loads(found.stdout)["keys"]}


def test_what_a_killed_gateway_acknowledged_is_there(tmp_path: Path) -> None:
    source = random.Random(SEED)
    said = set()
    with gateway(tmp_path) as running:
        for number in range(ROUNDS):
            key = curves.spki(testkeys.private_key("secp256r1", f"key {number}")).hex()
            command = _keys(running.data, "add", key, "--serial", f"M{number}", "--trust")
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            if number % 2:
                time.sleep(source.uniform(0.3, 1.5))
                running.kill("acquire")
            _, told = process.communicate(timeout=90)
            assert process.returncode in (0, 5), told
            if process.returncode == 0:
                said.add(f"M{number}")
        assert {f"M{number}" for number in range(0, ROUNDS, 2)} <= said, "nobody was killed meanwhile"
        found = _listed(running.data)
        assert said <= found.keys() and {row["state"] for row in found.values()} == {"trusted"}
        assert set(running.processes()) == {"acquire", "serve"}, "it goes on"
    assert _listed(running.data) == found
