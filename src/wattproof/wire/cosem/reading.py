"""Reading any COSEM meter: its objects, a register with its unit, a profile with its columns.

Nothing is known beforehand but how to reach it: the object list says what there is.
"""

from __future__ import annotations

from dataclasses import dataclass

from wattproof.errors import FrameError
from wattproof.model.obis import Obis
from wattproof.model.units import Unit
from wattproof.model.values import Scaled
from wattproof.wire.conversation import Conversation
from wattproof.wire.cosem.association_objects import CURRENT_ASSOCIATION
from wattproof.wire.cosem.classes import (
    ASSOCIATION_LN,
    CLOCK,
    DEMAND_REGISTER,
    EXTENDED_REGISTER,
    PROFILE_GENERIC,
    REGISTER,
    InterfaceClass,
)
from wattproof.wire.cosem.client import Client
from wattproof.wire.cosem.data import Data
from wattproof.wire.cosem.descriptors import Attribute
from wattproof.wire.cosem.object_list import ObjectEntry, ObjectList
from wattproof.wire.cosem.profiles import Row, decode_buffer, times
from wattproof.wire.cosem.refusals import refusal
from wattproof.wire.cosem.results import Result
from wattproof.wire.cosem.selection import CaptureObject, EntryDescriptor, RangeDescriptor, capture_objects
from wattproof.wire.cosem.shapes import INTEGERS, number, octets
from wattproof.wire.cosem.times import DateTime
from wattproof.wire.cosem.units import read_scaler_unit, scaled

#: Classes with a value and a scaler_unit: which attributes these are.
_VALUES = {REGISTER.id: "value", EXTENDED_REGISTER.id: "value", DEMAND_REGISTER.id: "current_average_value"}
_REGISTERS = {row.id: row for row in (REGISTER, EXTENDED_REGISTER, DEMAND_REGISTER)}


@dataclass(frozen=True, slots=True)
class RegisterValue:
    """What a register shows. ``number`` is ``None`` where ``raw`` is no integer."""

    raw: Data
    unit: Unit
    number: Scaled | None


@dataclass(frozen=True, slots=True)
class Profile:
    """Rows of a profile, oldest first as the meter sends them, with their columns and the capture period in seconds."""

    columns: tuple[CaptureObject, ...]
    period: int
    rows: tuple[Row, ...]

    @property
    def times(self) -> list[DateTime]:
        """The time of each row. Raises ``FrameError`` where the profile captures none."""
        return times(self.rows, self.columns)


def read_objects(client: Client) -> Conversation[ObjectList]:
    """All objects that this client may see. Raises as :meth:`Client.get` does."""
    data = yield from client.get(_attribute(ASSOCIATION_LN, CURRENT_ASSOCIATION, "object_list"))
    return ObjectList.read(data)


def read_clock(client: Client, code: str | bytes | Obis = "0-0:1.0.0") -> Conversation[DateTime]:
    """The time of the meter's clock. Raises as :meth:`Client.get` does."""
    data = yield from client.get(_attribute(CLOCK, code, "time"))
    return DateTime.decode(octets(data, 12))


def read_register(client: Client, entry: ObjectEntry) -> Conversation[RegisterValue]:
    """Value and unit of a register, extended register or demand register, read at one moment.

    Raises:
        FrameError: the object is no register, or its scaler_unit is none.
        CosemRefused: the meter gives a result instead.
    """
    row = _REGISTERS.get(entry.class_id)
    if row is None:
        raise FrameError(f"{entry} is no register")
    wanted = [entry.attribute(_VALUES[row.id]), entry.attribute("scaler_unit")]
    values = yield from client.get_list(wanted)
    raw, scale = (_given(value, attribute) for value, attribute in zip(values, wanted, strict=True))
    scaler, unit = read_scaler_unit(scale)
    return RegisterValue(raw, unit, scaled(number(raw), scaler) if raw.tag in INTEGERS else None)


def read_profile(
    client: Client, code: str | bytes | Obis, part: RangeDescriptor | EntryDescriptor | None = None
) -> Conversation[Profile]:
    """The rows of a profile, or those that ``part`` selects. Raises as :meth:`Client.get` does."""
    columns_of = _attribute(PROFILE_GENERIC, code, "capture_objects")
    period_of = _attribute(PROFILE_GENERIC, code, "capture_period")
    columns = capture_objects((yield from client.get(columns_of)))
    period = number((yield from client.get(period_of)))
    selection = None if part is None else part.selection
    data = yield from client.get(_attribute(PROFILE_GENERIC, code, "buffer")._replace(selection=selection))
    columns = _selected(columns, part)
    return Profile(columns, period, tuple(decode_buffer(data, columns, period)))


def _selected(
    columns: tuple[CaptureObject, ...], part: RangeDescriptor | EntryDescriptor | None
) -> tuple[CaptureObject, ...]:
    if isinstance(part, EntryDescriptor):
        return columns[part.from_column - 1 : part.to_column or None]
    return part.columns if part is not None and part.columns else columns


def _attribute(row: InterfaceClass, code: str | bytes | Obis, name: str) -> Attribute:
    return Attribute.of(row.id, code, row.attribute(name).id)


def _given(value: Data | Result, attribute: Attribute) -> Data:
    if isinstance(value, Result):
        raise refusal(value, f"GET of {attribute}")
    return value
