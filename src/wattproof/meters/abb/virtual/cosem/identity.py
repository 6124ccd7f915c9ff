"""Who the meter is and how it is: objects of abb-meters.md 2.8 beside the table of quantities."""

from __future__ import annotations

from collections.abc import Iterator

from wattproof.meters.abb.rows import GOLD
from wattproof.meters.abb.variants import Variant
from wattproof.meters.abb.virtual.body import Body
from wattproof.meters.abb.virtual.cosem.binding import Object
from wattproof.wire.cosem.association_objects import sap_assignment
from wattproof.wire.cosem.classes import DATA
from wattproof.wire.cosem.data import double_long_unsigned, enum, long64_unsigned, octet_string

#: Characters of the logical device name behind the maker's three letters.
_NAME = 13
#: Characters of the serial number.
_SERIAL = 16


def logical_device_name(body: Body) -> bytes:
    """Sixteen bytes: ``ABB`` and the end of the serial number, filled up with zeros."""
    return b"ABB" + body.serial[-_NAME:].rjust(_NAME, "0").encode("ascii", "replace")


def identity(variant: Variant) -> Iterator[Object]:
    """Those that a variant has."""
    yield Object(DATA, "0-0:42.0.0", {"value": lambda body: octet_string(logical_device_name(body))})
    yield sap_assignment(logical_device_name)
    yield Object(DATA, "0-0:96.1.0", {"value": lambda body: octet_string(body.serial.encode("ascii")[:_SERIAL])})
    yield Object(DATA, "0-0:97.97.0", {"value": lambda body: long64_unsigned(body.status_word)})
    if variant.level >= GOLD:
        yield Object(DATA, "0-0:97.98.0", {"value": lambda body: double_long_unsigned(body.alarm_word)})
    yield Object(DATA, "0-0:128.5.0", {"value": lambda body: enum(body.access)})
