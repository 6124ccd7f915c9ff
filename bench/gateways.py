"""A gateway to be measured: the command as users run it, its processes, its interface."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wattproof.gateway.records import Kind, Row
from wattproof.gateway.store.sqlite import SQLiteStore

PATIENCE = 60.0
#: Rows of a year, and seconds between them.
YEAR, QUARTER = 35040, 900


@dataclass
class Running:
    """A gateway in processes of its own. ``password``: of ``admin``."""

    pid: int
    url: str
    password: str
    data: Path

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The document of an answer. Raises ``OSError`` for all that is no success."""
        pair = base64.b64encode(f"admin:{self.password}".encode()).decode()
        headers = {"Authorization": f"Basic {pair}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        context = ssl._create_unverified_context()
        with urllib.request.urlopen(request, timeout=10, context=context) as answer:
            return json.loads(answer.read() or b"null")

    def processes(self) -> dict[str, int]:
        """Process ids of ``acquire`` and ``serve``."""
        found = {}
        for child in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split():
            words = Path(f"/proc/{child}/cmdline").read_bytes().decode().split("\0")
            found[words[words.index("gateway") + 1]] = int(child)
        return found


def configured(folder: Path, meters: Sequence[tuple[str, str]], **keys: Any) -> Path:
    """A configuration file with a bus for each meter (URL, family). ``keys``: of every bus."""
    text = ""
    for number, (url, family) in enumerate(meters):
        text += f'[[bus]]\nname = "b{number}"\nurl = "{url}"\n'
        text += "".join(f"{name} = {value}\n" for name, value in keys.items())
        text += f'[[meter]]\nbus = "b{number}"\nfamily = "{family}"\n'
    file = folder / "gateway.toml"
    file.write_text(text)
    return file


@contextmanager
def running_gateway(folder: Path, config: Path) -> Iterator[Running]:
    """``wattproof gateway`` for the time of the block."""
    data = folder / "data"
    command = [sys.executable, "-m", "wattproof", "gateway", "--config", str(config), "--data", str(data)]
    process = subprocess.Popen(
        [*command, "--listen", "https://127.0.0.1:0", "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=os.environ,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        ready = json.loads(process.stdout.readline())["gateway"]
        yield Running(process.pid, ready["url"], ready["password"], data)
    finally:
        process.terminate()
        process.wait(timeout=30)
        process.stdout.close()


def changed_password(gateway: Running, key: str = "a new secret") -> None:
    """Make the gateway usable."""
    gateway.ask("POST", "/users/admin", {"name": "admin", "oldkey": gateway.password, "key": key})
    gateway.password = key


def wait_for(gateway: Running, path: str, right: Callable[[Any], bool]) -> Any:
    """Ask until the answer pleases."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            found = gateway.ask("GET", path)
        except (OSError, urllib.error.HTTPError):
            found = None
        if found is not None and right(found):
            return found
        time.sleep(0.1)
    raise SystemExit(f"{path} did not please within {PATIENCE:g} s")


async def fill_profile(data: Path, serial: str) -> None:
    """A year of rows in the first channel of a load profile, ending a while ago; nobody may run the gateway."""
    store = SQLiteStore(data / "store.sqlite3")
    end = (int(time.time()) // QUARTER - 8) * QUARTER
    rows = [
        Row(serial, Kind.PROFILE, 1, at * 1000, at - 946684800 + 3600, 1, (10 * number,))
        for number, at in enumerate(range(end - YEAR * QUARTER, end, QUARTER))
    ]
    for begin in range(0, len(rows), 5000):
        await store.commit(*rows[begin : begin + 5000])
    await store.close()


@contextmanager
def gateway_with_profile(folder: Path, config: Path) -> Iterator[tuple[Running, str]]:
    """A gateway whose only meter has a year of load profile, read anew since its start; and the serial of the meter."""
    with running_gateway(folder, config) as gateway:
        changed_password(gateway)
        key = gateway.password
        serial = str(wait_for(gateway, "/api/v1/meters", lambda found: bool(found["meters"]))["meters"][0]["serial"])
    asyncio.run(fill_profile(folder / "data", serial))
    with running_gateway(folder, config) as gateway:
        gateway.password = key
        wait_for(gateway, f"/meters/{serial}/instrument", lambda found: "l1" in found)
        yield gateway, serial
