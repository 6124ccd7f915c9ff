"""The whole BSM map over Modbus TCP, decoded to readings: CPU of the client for one pass, ours and pysunspec2."""

from __future__ import annotations

import time
from collections.abc import Callable

import sunspec2.modbus.client as sunspec

from bench.measure import Target, interleaved, report, simulated
from wattproof import open_meter_sync

PASSES = 20


def cpu_per_pass(read: Callable[[], int]) -> float:
    """CPU milliseconds of this process for one pass; every pass must yield all points."""
    before = time.process_time()
    for _ in range(PASSES):
        if read() < 300:
            raise SystemExit("a pass did not read the whole map")
    return (time.process_time() - before) / PASSES * 1000


def main() -> bool:
    with simulated("--listen", "tcp://127.0.0.1:0", "--set", "answer-delay=0") as (_, ready):
        url = ready["listen"][0]  # type: ignore[index]
        device = sunspec.SunSpecModbusClientDeviceTCP(
            slave_id=42, ipaddr="127.0.0.1", ipport=int(url.rsplit(":", 1)[1])
        )
        device.scan()

        def theirs() -> int:
            points = 0
            for models in {id(model): model for group in device.models.values() for model in group}.values():
                models.read()
                points += sum(1 for point in models.points.values() if point.cvalue is not None or point.value is None)
            return points

        with open_meter_sync(f"bsm+{url}?unit=42") as meter:
            figures = interleaved(
                "whole_map",
                "ms CPU/pass",
                {
                    "wattproof": lambda: cpu_per_pass(lambda: len(meter.read())),
                    "pysunspec2": lambda: cpu_per_pass(theirs),
                },
            )
        device.close()
    ratio = figures["pysunspec2"].median / figures["wattproof"].median
    return report(
        "Whole BSM map to readings", figures, [Target("ours / pysunspec2, passes per CPU second", ratio, 1.5, True)]
    )
