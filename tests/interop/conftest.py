"""Independent peers at the other end: a virtual BSM in a process of its own, as anybody would start it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

Simulate = Callable[..., dict[str, Any]]


@pytest.fixture
def simulate() -> Iterator[Simulate]:
    """Start ``wattproof simulate bsm`` with further options; gives its ready object. Ends with the test."""
    running: list[subprocess.Popen[str]] = []

    def start(*options: str, listen: str = "tcp://127.0.0.1:0") -> dict[str, Any]:
        command = [sys.executable, "-m", "wattproof", "simulate", "bsm", "--json", "--seed", "1", "--listen", listen]
        process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True)
        running.append(process)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, f"simulate ended with {process.wait()}"
        return json.loads(line)

    yield start
    for process in running:
        process.terminate()
        process.communicate(timeout=10)


@pytest.fixture(scope="session")
def mbpoll() -> str:
    """The command line client of libmodbus."""
    found = shutil.which("mbpoll")
    if found is None:
        pytest.skip("mbpoll is not installed (Debian package mbpoll)")
    return found


@pytest.fixture(scope="session")
def compiler() -> str:
    """A C compiler with libmodbus' headers, for the server of ``bench/c``."""
    found = shutil.which("cc")
    if found is None:
        pytest.skip("no C compiler")
    return found
