"""REST ``v1/measure`` of the virtual DMED4: requests per CPU second against a constant answer of the same bytes.

Both are served by the same edge (``io.http``), one request a connection, as the meter does it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import urllib.request
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from bench.measure import Target, built, free_port, interleaved, report, running, simulated

CLIENTS = "4"
SECONDS = "1.5"
PATH = "/v1/measure"


def one_round(port: int, pid: int, size: int) -> float:
    """Requests per CPU second of the server ``pid``."""
    load = built("http_load")
    assert load is not None
    words = [str(load), "127.0.0.1", str(port), CLIENTS, SECONDS, PATH, str(size), str(pid)]
    line = subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()
    if line[3] != "0":
        raise SystemExit(f"wrong answers under load: {line}")
    return 1e6 / float(line[2])


def main() -> bool:
    if built("http_load") is None:
        print("rest_measure needs a C compiler")
        return False
    with ExitStack() as stack:
        options = ("--listen", "http://127.0.0.1:0", "--set", "answer-delay=0", "--load", "none")
        pid, ready = stack.enter_context(simulated(*options, model="dmed4"))
        port = int(ready["listen"][0].rsplit(":", 1)[1])  # type: ignore[index]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{PATH}") as answer:
            body = answer.read()
        file = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "body.json"
        file.write_bytes(body)
        constant = free_port()
        command = [sys.executable, "-m", "bench.peers.constant_http", str(constant), str(file)]
        size = len(SUCCESS_HEAD) + len(f"{len(body):X}") + len(body) + 9
        runs = {
            "wattproof": partial(one_round, port, pid, size),
            "constant answer": partial(one_round, constant, stack.enter_context(running(command))[0], size),
        }
        figures = interleaved("rest_measure", "requests/CPU s", runs)
    ratio = figures["wattproof"].median / figures["constant answer"].median
    targets = [Target("ours / a constant answer", ratio, 0.6, at_least=True)]
    return report("REST v1/measure, one request a connection", figures, targets)


#: What stands before the first chunk.
SUCCESS_HEAD = (
    "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
)
