"""A year of a 15-minute load profile as JSON: ``GET /meters/SERIAL/loadprofiles/1`` of a whole gateway.

What counts is the time of a client from its request to the last byte, over TLS on a connection that is there already,
and the processor time of ``serve`` for it. The body comes in parts; how soon the first one comes is told as well.
"""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

from bench.gateway_https import cpu_seconds
from bench.gateways import YEAR, configured, gateway_with_profile
from bench.measure import Figure, Target, report, rounds, simulated

#: Requests of a round: the clock of a process counts hundredths of a second.
REPEATS = 5


def asked(line: http.client.HTTPSConnection, path: str, headers: dict[str, str]) -> tuple[float, float]:
    """Seconds until the first part, and until the last byte, of one answer."""
    begun = time.perf_counter()
    line.request("GET", path, headers=headers)
    answer = line.getresponse()
    start = answer.read1(65536)
    first = time.perf_counter() - begun
    body = start + answer.read()
    whole = time.perf_counter() - begun
    rows = len(json.loads(body)["items"])
    if rows < YEAR:
        raise SystemExit(f"{rows} rows instead of {YEAR}")
    return first, whole


def main() -> bool:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        _, meter = stack.enter_context(simulated("--listen", "tcp://127.0.0.1:0", "--load", "none"))
        config = configured(folder, [(str(meter["listen"][0]), "bsm")])  # type: ignore[index]
        gateway, serial = stack.enter_context(gateway_with_profile(folder, config))
        place, pid = urlsplit(gateway.url), gateway.processes()["serve"]
        context = ssl._create_unverified_context()
        line = http.client.HTTPSConnection(place.hostname or "", place.port, context=context, timeout=60)
        headers = {"Authorization": "Basic " + base64.b64encode(f"admin:{gateway.password}".encode()).decode()}
        path = f"/meters/{serial}/loadprofiles/1"
        asked(line, path, headers)
        firsts, wholes, spent = [], [], []
        for _ in range(rounds()):
            before = cpu_seconds(pid)
            taken = [asked(line, path, headers) for _ in range(REPEATS)]
            spent.append((cpu_seconds(pid) - before) / REPEATS)
            firsts.append(statistics.median(first for first, _ in taken))
            wholes.append(statistics.median(whole for _, whole in taken))
        line.close()
    figures = {
        "first": Figure("profile_year", "until the first part", "s", tuple(firsts)),
        "whole": Figure("profile_year", "until the last byte", "s", tuple(wholes)),
        "cpu": Figure("profile_year", "processor time of serve", "s", tuple(spent)),
    }
    targets = [Target("a meter-year of 15 minutes as JSON, s", figures["whole"].median, 0.15)]
    return report("A year of a load profile as JSON", figures, targets)
