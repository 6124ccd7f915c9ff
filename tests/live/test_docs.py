"""The examples of README and manual run as they stand there.

``console`` blocks: each ``$ command`` is run in an empty folder; shown output is compared, ``...`` standing for any
text. A command that ends with ``&`` keeps running until the page ends. ``python`` blocks of a page share a namespace.
A block after ``<!-- not run -->`` is left alone. Ports 5020, 5021 (Modbus), 5031, 5032 (M-Bus,
HDLC), 5080 (HTTP) and 8443 (HTTPS) are replaced by free ones, so that pages run side by side.
"""

from __future__ import annotations

import doctest
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "docs" / "guides").glob("*.md"))]
FENCE = re.compile(
    r"(?P<skip><!-- not run -->\n+)?^```(?P<kind>console|python)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL
)
COMPARE = doctest.OutputChecker()
PORTS = ("5020", "5021", "5031", "5032", "5080", "8443")


@dataclass(frozen=True, slots=True)
class Example:
    kind: str
    body: str
    line: int


def examples(page: Path, ports: dict[str, int]) -> list[Example]:
    text = page.read_text(encoding="utf-8")
    found = []
    for match in FENCE.finditer(text):
        if not match["skip"]:
            line = text.count("\n", 0, match.start()) + 1
            body = re.sub(rf"\b({'|'.join(PORTS)})\b", lambda port: str(ports[port[0]]), match["body"])
            found.append(Example(match["kind"], body, line))
    return found


def commands(body: str) -> Iterator[tuple[str, str]]:
    """Each command of a console block with the output shown below it."""
    for part in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        while command.endswith("\\"):
            more, _, output = output.partition("\n")
            command = command[:-1] + more.removeprefix("> ")
        yield command, output


@pytest.fixture
def environment() -> dict[str, str]:
    return {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "100",
        "NO_COLOR": "1",
        "TERM": "dumb",
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_examples_of_the_page_run_and_print_what_is_shown(
    page: Path, tmp_path: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    background: list[subprocess.Popen[bytes]] = []
    names: dict[str, object] = {"__name__": "__example__"}
    try:
        for example in examples(page, {port: free_port() for port in PORTS}):
            where = f"{page.name}:{example.line}"
            if example.kind == "python":
                exec(compile(example.body, where, "exec"), names)
                continue
            for command, expected in commands(example.body):
                if command.endswith("&"):
                    background.append(start(command[:-1], tmp_path, environment))
                    continue
                done = subprocess.run(
                    ["bash", "-c", command],
                    cwd=tmp_path,
                    env=environment,
                    capture_output=True,
                    text=True,
                    timeout=60,
                    check=False,
                )
                said = done.stdout + done.stderr
                if expected.strip():
                    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
                    assert COMPARE.check_output(expected, said, flags), f"{where}: $ {command}\n{said}"
                else:
                    assert done.returncode == 0, f"{where}: $ {command}\n{said}"
    finally:
        for process in background:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=20)


def start(command: str, folder: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """Run in the background and wait until it says that it is ready (its first line)."""
    process = subprocess.Popen(shlex.split(command), cwd=folder, env=environment, stdout=subprocess.PIPE)
    assert process.stdout is not None
    os.set_blocking(process.stdout.fileno(), False)
    deadline = time.monotonic() + 20
    while not process.stdout.read(1):
        assert process.poll() is None, f"{command} ended with {process.returncode}"
        assert time.monotonic() < deadline, f"{command} said nothing"
        time.sleep(0.05)
    return process


def test_there_are_examples_to_run() -> None:
    assert sum(len(examples(page, dict.fromkeys(PORTS, 1))) for page in PAGES) >= 3
