"""HTTPS: ``instrument`` of a meter from the cache with Basic authentication, requests per CPU second of the process.

Against a bare ASGI application on the same server (uvicorn, uvloop, httptools, TLS) that answers the same bytes. The
load comes from ``wrk``.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from bench.gateways import changed_password, configured, running_gateway, wait_for
from bench.measure import Target, free_port, interleaved, report, running, simulated

CONNECTIONS, SECONDS = 8, 2


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far (proc(5), stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def one_round(url: str, pid: int, headers: list[str]) -> float:
    """Requests per CPU second of the server ``pid``."""
    options = [part for header in headers for part in ("-H", header)]
    before = cpu_seconds(pid)
    done = subprocess.run(
        ["wrk", "-t", "1", "-c", str(CONNECTIONS), "-d", f"{SECONDS}s", *options, url],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    spent = cpu_seconds(pid) - before
    if "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise SystemExit(f"wrong answers under load: {done.stdout}")
    found = re.search(r"(\d+) requests in", done.stdout)
    assert found is not None
    return int(found[1]) / spent


def main() -> bool:
    if shutil.which("wrk") is None:
        print("gateway_https needs wrk")
        return False
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        _, meter = stack.enter_context(simulated("--listen", "tcp://127.0.0.1:0", "--load", "none"))
        config = configured(folder, [(str(meter["listen"][0]), "bsm")])  # type: ignore[index]
        gateway = stack.enter_context(running_gateway(folder, config))
        changed_password(gateway)
        serial = wait_for(gateway, "/meters", lambda found: bool(found["locations"]))["locations"][0]["meters"][0][
            "serial"
        ]
        path = f"/meters/{serial}/instrument"
        body = wait_for(gateway, path, lambda found: "l1" in found)
        file = folder / "body.json"
        file.write_bytes(json.dumps(body, separators=(",", ":")).encode())
        port, data = free_port(), gateway.data
        bare = [sys.executable, "-m", "bench.peers.bare_asgi", str(port), str(file)]
        bare += [str(data / "certificate.pem"), str(data / "key.pem")]
        pid, _ = stack.enter_context(running(bare))
        pair = base64.b64encode(f"admin:{gateway.password}".encode()).decode()
        headers = [f"Authorization: Basic {pair}"]
        runs = {
            "wattproof": partial(one_round, gateway.url + path, gateway.processes()["serve"], headers),
            "bare ASGI": partial(one_round, f"https://127.0.0.1:{port}{path}", pid, headers),
        }
        figures = interleaved("gateway_https", "requests/CPU s", runs)
    ratio = figures["wattproof"].median / figures["bare ASGI"].median
    targets = [Target("ours / a bare ASGI answer of the same bytes", ratio, 0.5, at_least=True)]
    return report("HTTPS, instrument of a meter from the cache, Basic authentication", figures, targets)
