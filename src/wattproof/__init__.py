"""Energy meters that bill: drive them, be them, prove what they signed.

===================================  =============================================================================
``open_meter(url)``                  drive a meter in an event loop: ``async with open_meter("bsm+tcp://...") as m``
``open_meter_sync(url)``             the same without one
``VirtualMeter(model, ...)``         be a meter, with faults on demand
``verify(data, ...)``                check signed meter values; raises unless everything that counts holds
``examine(data, ...)``               the same as a report, without raising on bad content
===================================  =============================================================================

Nothing is imported before it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wattproof.errors import VerificationError, WattproofError
    from wattproof.meters.connecting import open_meter, open_meter_sync
    from wattproof.meters.opening import VirtualMeter
    from wattproof.model.devices import DeviceInfo
    from wattproof.model.readings import Reading
    from wattproof.model.values import Quality
    from wattproof.signed import Report, examine, verify
    from wattproof.version import __version__

__all__ = [
    "DeviceInfo",
    "Quality",
    "Reading",
    "Report",
    "VerificationError",
    "VirtualMeter",
    "WattproofError",
    "__version__",
    "examine",
    "open_meter",
    "open_meter_sync",
    "verify",
]

_HOMES = {
    "__version__": "wattproof.version",
    "open_meter": "wattproof.meters.connecting",
    "open_meter_sync": "wattproof.meters.connecting",
    "VirtualMeter": "wattproof.meters.opening",
    "verify": "wattproof.signed",
    "examine": "wattproof.signed",
    "Report": "wattproof.signed",
    "Reading": "wattproof.model.readings",
    "Quality": "wattproof.model.values",
    "DeviceInfo": "wattproof.model.devices",
    "WattproofError": "wattproof.errors",
    "VerificationError": "wattproof.errors",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
