"""Sources: how each family of meters is asked for the resources 41 to 90 (g13-api.md 10.3)."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from wattproof.gateway.acquire.sources.base import Options
from wattproof.gateway.acquire.station import Source
from wattproof.gateway.records import Meter

__all__ = ["Options", "open_source"]

_HERE = "wattproof.gateway.acquire.sources"
#: Classes by family, or by family and protocol (10.1) where the way makes a difference; imported when first used.
SOURCES: Mapping[str | tuple[str, int], str] = {
    "abb": f"{_HERE}.abb_mbus:AbbMbusSource",
    ("abb", 3): f"{_HERE}.abb_eq:AbbEqSource",
    "bsm": f"{_HERE}.bsm:BsmSource",
    "dmed4": f"{_HERE}.dmed4:DmedModbusSource",
    ("dmed4", 7): f"{_HERE}.dmed4:DmedRestSource",
    "g13": f"{_HERE}.mirror:MirrorSource",
    "map": f"{_HERE}.mapped:MapSource",
    "sunspec": f"{_HERE}.registers:SunspecSource",
}
#: What makes the source of any other family, from its rows.
BY_BINDINGS = f"{_HERE}.registers:by_bindings"


def open_source(meter: Meter, link: Any, options: Options | None = None) -> Source:
    """The source of a registered meter on its bus. Nothing is sent yet: await its ``open``.

    ``link``: what the meter's bus is asked through: a ``ModbusLink``, a ``WebLink``, or the ``Bus`` of M-Bus or COSEM.

    Raises:
        UnknownName: a family or map file that there is not.
        InvalidFile: a map file with a mistake.
    """
    target = SOURCES.get((meter.family, meter.protocol)) or SOURCES.get(meter.family, BY_BINDINGS)
    module, _, name = target.partition(":")
    made: Source = getattr(importlib.import_module(module), name)(meter, options or Options(), link)
    return made
