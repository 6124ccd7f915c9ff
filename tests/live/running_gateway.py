"""A whole gateway as its users run it: `wattproof gateway` with its two processes, beside virtual meters."""

from __future__ import annotations

import base64
import json
import os
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

KEY = "a new secret"
#: Seconds for anything that a test waits for.
PATIENCE = 60.0


@dataclass
class Answer:
    """What a client got."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Gateway:
    """``ready``: the ready object. ``password``: of ``admin`` now."""

    process: subprocess.Popen[str]
    ready: dict[str, Any]
    data: Path
    password: str
    context: ssl.SSLContext = field(default_factory=ssl._create_unverified_context)

    @property
    def url(self) -> str:
        return str(self.ready["gateway"]["url"])

    def ask(
        self, method: str, path: str, body: Any = None, *, user: str = "admin", password: str | None = None,
        timeout: float = PATIENCE, content: str = "application/json",
    ) -> Answer:  # fmt: skip
        """One request with Basic authentication. A body of bytes is sent as it is, of the type ``content``."""
        pair = f"{user}:{self.password if password is None else password}"
        headers = {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        if data is not None:
            headers["Content-Type"] = content
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=timeout, context=self.context) as answer:
                return Answer(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, dict(error.headers), error.read())

    def insist(self, method: str, path: str, body: Any = None) -> Answer:
        """The same, again while a process restarts, as `Retry-After` asks for."""
        end = time.monotonic() + PATIENCE
        while (answer := self.ask(method, path, body)).status == 503 and time.monotonic() < end:
            time.sleep(0.2)
        return answer

    def get(self, path: str, **options: Any) -> Any:
        """The document of a good answer."""
        answer = self.ask("GET", path, **options)
        assert answer.status == 200, (path, answer)
        return answer.json

    def change_password(self, key: str = KEY) -> None:
        """The one-time password becomes one that stays."""
        change = {"name": "admin", "oldkey": self.password, "key": key}
        answer = self.ask("POST", "/users/admin", change)
        assert answer.status == 200, answer
        self.password = key

    def until(self, path: str, right: Any, patience: float = PATIENCE) -> Any:
        """Ask until the document pleases, through restarts as well."""
        end = time.monotonic() + patience
        last: Any = None
        while time.monotonic() < end:
            try:
                answer = self.ask("GET", path, timeout=2)
                last = answer
                if answer.status == 200 and right(answer.json):
                    return answer.json
            except OSError as error:
                last = error
            time.sleep(0.05)
        raise AssertionError(f"{path} never pleased: {last}")

    def processes(self) -> dict[str, int]:
        """The ids of both processes by name, as soon as both are there."""
        end = time.monotonic() + PATIENCE
        while len(found := dict(self._children())) < 2:
            assert time.monotonic() < end, f"only {found} run"
            time.sleep(0.05)
        return found

    def _children(self) -> Iterator[tuple[str, int]]:
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        for child in listed.split():
            with suppress(OSError, ValueError):  # it has ended, or has not begun: no command line of ours
                words = Path(f"/proc/{child}/cmdline").read_bytes().decode().split("\0")
                if (name := words[words.index("gateway") + 1]) in ("acquire", "serve"):
                    yield name, int(child)

    def kill(self, name: str) -> None:
        """kill -9 one of the two."""
        os.kill(self.processes()[name], signal.SIGKILL)

    def stop(self) -> int:
        """Ctrl-C; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise


@contextmanager
def gateway(folder: Path, config: str = "", *options: str, password: str = "") -> Iterator[Gateway]:
    """Start one on ``folder/data`` with this configuration file."""
    file = folder / "gateway.toml"
    file.write_text('[gateway]\ntimezone = "Europe/Berlin"\nallow_test_keys = true\n' + config, "utf-8")
    command = [sys.executable, "-m", "wattproof", "gateway", "--config", str(file), "--data", str(folder / "data")]
    with (folder / "gateway.log").open("a") as log:
        process = subprocess.Popen(
            [*command, "--listen", "https://127.0.0.1:0", "--json", *options],
            stdout=subprocess.PIPE, stderr=log, text=True,
        )  # fmt: skip
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line, (folder / "gateway.log").read_text()
        ready = json.loads(line)
        made = Gateway(process, ready, folder / "data", ready["gateway"]["password"] or password)
        yield made
        made.stop()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        process.stdout.close()


@contextmanager
def simulated(model: str, *options: str) -> Iterator[dict[str, Any]]:
    """A virtual meter in a process of its own: its ready object."""
    command = [sys.executable, "-m", "wattproof", "simulate", model, *options, "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()
