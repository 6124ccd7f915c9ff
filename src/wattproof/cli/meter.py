"""What the commands with a METER_URL share: opening the meter, with a trace if wanted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from wattproof.io.trace import Trace
from wattproof.meters.connecting import SyncMeter, open_meter_sync


@contextmanager
def opened(url: str, trace: str | None = None) -> Iterator[SyncMeter]:
    """The meter at ``url``; ``trace`` is a file for every byte sent and received, ``-`` for stderr."""
    with nullcontext() if trace is None else Trace(trace) as recorder, open_meter_sync(url, trace=recorder) as meter:
        yield meter


def meter_dict(meter: Any, url: str) -> dict[str, Any]:
    """The object ``meter`` of JSON outputs: model, serial and URL first."""
    info = meter.info()
    return {"model": info.model, "serial": info.serial, "url": url, "variant": info.variant, "firmware": info.firmware}
