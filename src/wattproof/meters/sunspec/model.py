"""A SunSpec information model as rows, and how it becomes a block of registers at an address.

Source: SunSpec Information Model Reference; SunSpec Device Information Model Specification 1.1, chapters 4 and 6.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from wattproof.errors import UnknownName
from wattproof.model.quantities import Kind, Quantity
from wattproof.model.units import NONE
from wattproof.wire.modbus.bindings import Block, Point
from wattproof.wire.modbus.types import UINT16, WireType

#: First registers of every SunSpec map: "SunS".
MARKER = b"SunS"
#: Where the marker may lie, 0-based, in the order of the specification's preference.
BASES = (40000, 50000, 0)
#: ID of the model that ends the chain; its length is 0.
END = 0xFFFF
HEADER_REGISTERS = 2


@dataclass(frozen=True, slots=True)
class Model:
    """One information model: header and points without gaps, in register order.

    ``length`` is the payload length in registers, as the model's ``L`` states it.
    """

    id: int
    name: str
    label: str
    points: tuple[Point, ...]
    source: str = ""

    def __post_init__(self) -> None:
        offset = 0
        for point in self.points:
            if point.offset != offset:
                raise ValueError(
                    f"model {self.id}: {point.name} lies at {point.offset}, the row before ends at {offset}"
                )
            offset += point.type.registers

    @property
    def registers(self) -> int:
        """Registers with the header."""
        last = self.points[-1]
        return last.offset + last.type.registers

    @property
    def length(self) -> int:
        """Payload length in registers, without the header."""
        return self.registers - HEADER_REGISTERS

    def at(
        self, address: int, name: str | None = None, label: str | None = None, aliases: tuple[str, ...] = ()
    ) -> Block:
        """This model as a block whose header begins at the 0-based ``address``."""
        return Block(
            name=name or self.name,
            address=address,
            registers=self.registers,
            points=self.points,
            id=self.id,
            label=label or self.label,
            aliases=aliases,
        )

    def with_rows(self, changes: Mapping[str, Mapping[str, Any]], source: str = "") -> Model:
        """This model as one device has it: fields of some rows replaced, keyed by point name.

        The fields are those of a row, and ``obis`` for the code of its quantity. Raises
        :class:`~wattproof.errors.UnknownName` for a point that the model does not have.
        """
        unknown = set(changes) - {point.name for point in self.points}
        if unknown:
            raise UnknownName(f"model {self.id} has no point {', '.join(sorted(unknown))}")
        points = tuple(_changed(point, dict(changes.get(point.name, {}))) for point in self.points)
        return replace(self, points=points, source=source or self.source)


def _changed(point: Point, fields: dict[str, Any]) -> Point:
    if "obis" in fields:
        fields["quantity"] = replace(point.quantity, obis=fields.pop("obis"))
    return replace(point, **fields) if fields else point


def header(model_id: int, length: int) -> tuple[Point, Point]:
    """The two rows that every model begins with. The end marker's ID is what a uint16 writes for "unavailable"."""
    setting = Kind.SETTING
    identity = None if model_id == END else model_id
    return (
        Point("ID", 0, UINT16, Quantity("model_id", setting, description="model ID"), constant=identity),
        Point("L", 1, UINT16, Quantity("model_length", setting, description="payload length"), constant=length),
    )


def row(
    name: str,
    type: WireType,
    kind: Kind,
    description: str,
    *,
    quantity: str | None = None,
    unit: Any = NONE,
    phase: str | None = None,
    **fields: Any,
) -> Point:
    """One row without its offset; :func:`model` lays the rows out one after the other."""
    noun = quantity or description.replace(" ", "_").replace(",", "").lower()
    return Point(name, 0, type, Quantity(noun, kind, unit, phase=phase, description=description), **fields)


def model(id: int, name: str, label: str, rows: Iterable[Point], source: str) -> Model:
    """A model from its header and rows, which follow each other without gaps."""
    offset = HEADER_REGISTERS
    placed = []
    for point in rows:
        placed.append(replace(point, offset=offset))
        offset += point.type.registers
    return Model(id, name, label, (*header(id, offset - HEADER_REGISTERS), *placed), source)
