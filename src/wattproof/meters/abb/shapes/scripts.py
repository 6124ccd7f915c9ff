"""The twelve scripts of the table 0-0:10.0.100: what each selector writes (abb-meters.md 2.16)."""

from __future__ import annotations

from wattproof.metering.tariffs import SELECTORS, TARIFF_SELECTORS, output_of
from wattproof.wire.cosem.data import (
    Data,
    array,
    boolean,
    enum,
    integer,
    long_unsigned,
    octet_string,
    structure,
    unsigned,
)
from wattproof.wire.cosem.descriptors import logical_name

#: The service of an action: write an attribute.
WRITE = 1
_TARIFF = "0-0:96.14.0"


def _target(selector: int) -> tuple[str, Data]:
    """The object that a script writes, and what."""
    if selector in TARIFF_SELECTORS:
        return _TARIFF, unsigned(selector)
    output, state = output_of(selector)
    return f"0-{output}:96.3.2", boolean(state)


def script(selector: int) -> Data:
    """One script: its number and its one action."""
    name, value = _target(selector)
    action = structure(enum(WRITE), long_unsigned(1), octet_string(logical_name(name)), integer(2), value)
    return structure(long_unsigned(selector), array([action]))


#: Attribute 2 of the script table.
SCRIPTS = array(map(script, SELECTORS))
