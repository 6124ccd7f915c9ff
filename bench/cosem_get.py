"""One GET of a register over HDLC, client and server in memory: CPU of both sides, ours and gurux-dlms."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from bench.measure import HERE, Target, interleaved, report
from wattproof.model.units import WATT_HOUR
from wattproof.wire.conversation import run
from wattproof.wire.cosem import classes
from wattproof.wire.cosem.client import Client
from wattproof.wire.cosem.data import double_long_unsigned
from wattproof.wire.cosem.descriptors import Attribute
from wattproof.wire.cosem.device import ClientRow, LogicalDevice
from wattproof.wire.cosem.objects import CosemObject
from wattproof.wire.cosem.sessions import HdlcSession
from wattproof.wire.cosem.units import scaler_unit
from wattproof.wire.hdlc import ClientLink

OURS, THEIRS = 5000, 1000
REGISTER = "1-0:1.8.0"


def ours() -> float:
    """CPU microseconds of one GET; a new meter and a new connection each round."""
    register: CosemObject[int] = CosemObject(
        classes.REGISTER, REGISTER, {"value": double_long_unsigned, "scaler_unit": scaler_unit(1, WATT_HOUR)}
    )
    session = HdlcSession(LogicalDevice([register], [ClientRow(16, 0)]), 123456, 17)
    client = Client(ClientLink(17))

    def exchange(data: bytes, timeout: int) -> bytes:
        return session.receive(data)

    run(client.open(), exchange)
    attribute, expected = Attribute.of(3, REGISTER), double_long_unsigned(123456)
    before = time.process_time()
    for _ in range(OURS):
        if run(client.get(attribute), exchange) != expected:
            raise SystemExit("a GET gave another value")
    return (time.process_time() - before) / OURS * 1e6


def theirs() -> float:
    command = [sys.executable, str(Path(HERE) / "peers" / "gurux_get.py"), str(THEIRS)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> bool:
    figures = interleaved("cosem_get", "µs CPU/GET", {"wattproof": ours, "gurux-dlms": theirs})
    ratio = figures["wattproof"].median / figures["gurux-dlms"].median
    target = Target("CPU of a GET, ours / gurux-dlms", ratio, 0.25)
    return report("COSEM GET of a register, client and server over HDLC", figures, [target])
