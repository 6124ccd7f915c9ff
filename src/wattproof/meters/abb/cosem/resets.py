"""What can be reset at an ABB meter: by method 1 of its object, or by writing 0 to it (abb-meters.md 2.13)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from wattproof.meters.abb.quantities import ROWS
from wattproof.meters.abb.rights import WRITINGS, Writing
from wattproof.meters.abb.shapes.recording import CHANNELS, channel_name
from wattproof.wire.cosem.data import FALSE, Data, double_long_unsigned
from wattproof.wire.cosem.descriptors import Attribute, Method

#: Ids of the rights list that are about resetting.
IDS = range(201, 221)
#: All channels of the load profile at once.
LOAD_PROFILE = "LOAD_PROFILE"
#: The counter of resets of a resettable register has the id of the register and this.
_COUNTER = 4
_PROFILE, _IN_USE = 7, 7


@dataclass(frozen=True, slots=True)
class Reset:
    """One thing. ``data`` is written to ``attribute``; without it ``method`` is executed.

    ``proof`` tells afterwards whether that was done: it is 0, or with ``counts`` another number than before.
    """

    name: str
    attribute: Attribute
    method: Method
    data: Data | None
    proof: Attribute
    counts: bool = False


def _reset(row: Writing) -> Reset:
    attribute = Attribute.of(row.class_id, row.logical_name, row.attribute or 2)
    method = Method.of(row.class_id, row.logical_name)
    if row.attribute:
        zero = FALSE if row.name.startswith("IO_STORED") else double_long_unsigned(0)
        return Reset(row.name, attribute, method, zero, attribute)
    if row.class_id == _PROFILE:
        return Reset(row.name, attribute, method, None, attribute._replace(attribute_id=_IN_USE))
    if row.name.startswith("RSTREG"):
        counter = ROWS[_register(row.name) + _COUNTER]
        return Reset(row.name, attribute, method, None, Attribute(counter.class_id, counter.ln, 2), counts=True)
    return Reset(row.name, attribute, method, None, attribute)


def _register(name: str) -> int:
    return next(row.id for row in ROWS.values() if row.name == name)


def _channel(channel: int) -> Reset:
    name = channel_name(channel)
    in_use = Attribute.of(_PROFILE, name, _IN_USE)
    return Reset(f"LOAD_PROFILE_CH_{channel}", Attribute.of(_PROFILE, name), Method.of(_PROFILE, name), None, in_use)


CHANNEL_RESETS = tuple(map(_channel, CHANNELS))
#: By name; `LOAD_PROFILE` stands for all channels.
RESETS: Mapping[str, tuple[Reset, ...]] = MappingProxyType(
    {
        **{row.name: (row,) for row in map(_reset, (WRITINGS[id] for id in IDS))},
        **{row.name: (row,) for row in CHANNEL_RESETS},
        LOAD_PROFILE: CHANNEL_RESETS,
    }
)
