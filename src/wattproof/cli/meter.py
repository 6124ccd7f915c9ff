"""What the commands with a METER_URL share: opening the meter, with a trace if wanted."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from decimal import Decimal
from typing import Annotated, Any

from cyclopts import Parameter

from wattproof.errors import InvalidValue, UsageError
from wattproof.io.trace import Trace
from wattproof.meters.connecting import SyncMeter, open_meter_sync

#: A file for every byte sent and received; ``-`` is stderr.
TraceFile = Annotated[str | None, Parameter(allow_leading_hyphen=True)]


@contextmanager
def opened(url: str, trace: str | None = None) -> Iterator[SyncMeter]:
    """The meter at ``url``; ``trace`` is a file for every byte sent and received, ``-`` for stderr."""
    with nullcontext() if trace is None else Trace(trace) as recorder, open_meter_sync(url, trace=recorder) as meter:
        yield meter


def able(meter: Any, method: str, url: str, words: str, way: str = "Modbus") -> None:
    """Raises :class:`~wattproof.errors.UsageError` if this meter, or this way to it, does not offer a method."""
    if not hasattr(meter, method):
        raise UsageError(f"{url} cannot {words}: reach the meter over {way}, or use a meter that can")


def positive(value: float | Decimal | None, option: str, unit: str) -> None:
    """Raises :class:`~wattproof.errors.InvalidValue` unless a number is finite and more than 0; ``None`` passes."""
    if value is not None and not (math.isfinite(value) and value > 0):
        raise InvalidValue(f"{option} {value}: give a number of {unit} above 0")


def meter_dict(meter: Any, url: str) -> dict[str, Any]:
    """The object ``meter`` of JSON outputs: model, serial and URL first."""
    info = meter.info()
    return {"model": info.model, "serial": info.serial, "url": url, "variant": info.variant, "firmware": info.firmware}
