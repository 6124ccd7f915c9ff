"""The whole BSM map over Modbus TCP, decoded to readings: CPU of the client for one pass, ours and pysunspec2."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import sunspec2.device as sunspec_device
import sunspec2.modbus.client as sunspec

from bench.measure import Target, interleaved, report, simulated
from wattproof import open_meter_sync

PASSES = 20


def cpu_per_pass(read: Callable[[], int]) -> float:
    """CPU milliseconds of this process for one pass; every pass must yield all points."""
    before = time.process_time()
    for _ in range(PASSES):
        if read() < 290:
            raise SystemExit("a pass did not read the whole map")
    return (time.process_time() - before) / PASSES * 1000


def main() -> bool:
    with (
        tempfile.TemporaryDirectory() as folder,
        simulated("--listen", "tcp://127.0.0.1:0", "--set", "answer-delay=0") as (_, ready),
    ):
        command = [sys.executable, "-m", "wattproof", "models", "bsm", "--sunspec-json", folder]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        sunspec_device.set_model_defs_path([folder, *sunspec_device.get_model_defs_path()])
        url = str(ready["listen"][0])  # type: ignore[index]
        port = int(url.rsplit(":", 1)[1])
        device = sunspec.SunSpecModbusClientDeviceTCP(slave_id=42, ipaddr="127.0.0.1", ipport=port)
        device.scan()
        device.connect()

        def theirs() -> int:
            """Read every model anew and take every point's computed value."""
            values = 0
            for model in device.model_list:
                model.read()
                values += len([point.cvalue for point in model.points.values()])
            return values

        address = f"bsm+{url}?unit=42"
        with open_meter_sync(address) as one, open_meter_sync(f"{address}&pipeline=8") as eight:
            runs = {
                "wattproof, 8 in flight": lambda: cpu_per_pass(lambda: len(eight.read("all"))),
                "wattproof, one by one": lambda: cpu_per_pass(lambda: len(one.read("all"))),
                "pysunspec2": lambda: cpu_per_pass(theirs),
            }
            figures = interleaved("whole_map", "ms CPU/pass", runs)
        device.close()
    ratio = figures["pysunspec2"].median / figures["wattproof, 8 in flight"].median
    target = Target("passes per CPU second, ours / pysunspec2", ratio, 1.5, True)
    return report("Whole BSM map to readings", figures, [target])
