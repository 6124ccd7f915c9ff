"""Which serial a meter has on this gateway (g13-api.md 10.1): given once, never changed, never shared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from wattproof.gateway.acquire.sources.serials import prefixed
from wattproof.gateway.records import Meter


class Named(NamedTuple):
    """``serial`` of a meter, and its record if it was ever registered."""

    serial: str
    known: Meter | None


def named(family: str, identity: str, bus: str, address: int | str, ever: Sequence[Meter]) -> Named:
    """The name of a meter that says it is ``identity``. ``ever``: all meters that were ever registered.

    The same family and identity is the same meter, wherever it is now. A meter at its place keeps its serial also when
    it gives a better one. A serial that another family has gets the prefix of this one.
    """
    for meter in ever:
        if meter.family == family and identity_of(meter) == identity:
            return Named(meter.serial, meter)
    taken = {meter.serial: meter for meter in ever}
    serial = identity
    if serial in taken and taken[serial].family != family:
        serial = prefixed(family, identity)
    found = taken.get(serial)
    return Named(serial, found if found is not None and found.family == family else None)


def identity_of(meter: Meter) -> str:
    """What a registered meter says of itself."""
    return str(meter.place.get("identity", meter.serial))
