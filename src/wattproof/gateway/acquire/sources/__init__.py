"""Sources: how each family of meters is asked for the resources 41 to 90 (g13-api.md 10.3)."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from wattproof.gateway.acquire.sources.base import Options
from wattproof.gateway.acquire.station import Source
from wattproof.gateway.records import Meter

__all__ = ["Options", "open_source"]

#: What makes a source, by family; imported when first used.
SOURCES: Mapping[str, str] = {
    "bsm": "wattproof.gateway.acquire.sources.bsm:BsmSource",
    "dmed4": "wattproof.gateway.acquire.sources.dmed4:dmed_source",
    "map": "wattproof.gateway.acquire.sources.mapped:MapSource",
    "sunspec": "wattproof.gateway.acquire.sources.registers:SunspecSource",
}
#: What makes the source of any other family, from its rows.
BY_BINDINGS = "wattproof.gateway.acquire.sources.registers:by_bindings"


def open_source(meter: Meter, link: Any, options: Options | None = None) -> Source:
    """The source of a registered meter on its bus. Nothing is sent yet: await its ``open``.

    ``link``: what the meter's bus is asked through: a ``ModbusLink``, a ``WebLink``, or the ``Bus`` of M-Bus or COSEM.

    Raises:
        UnknownName: a family or map file that there is not.
        InvalidFile: a map file with a mistake.
    """
    module, _, name = SOURCES.get(meter.family, BY_BINDINGS).partition(":")
    made: Source = getattr(importlib.import_module(module), name)(meter, options or Options(), link)
    return made
