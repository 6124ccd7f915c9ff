"""Finding the models of a SunSpec device: the marker, then header after header until the end marker.

Source: SunSpec Device Information Model Specification 1.1, 4.2 (base addresses) and 6.2 (model chain).
"""

from __future__ import annotations

import struct
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from wattproof.errors import LinkError, ModbusRefused, ProtocolError
from wattproof.meters.sunspec.model import BASES, END, HEADER_REGISTERS, MARKER, Model, header
from wattproof.wire.modbus.bindings import Block, Point, RegisterMap

#: Reads ``count`` registers from a 0-based address.
Read = Callable[[int, int], Awaitable[bytes]]

#: Longer chains are no device but a fault.
MOST_MODELS = 256
ADDRESSES = 0x10000


@dataclass(frozen=True, slots=True)
class Instance:
    """One header of the chain: model ``id``, 0-based ``address`` of the header, payload ``length`` in registers."""

    id: int
    address: int
    length: int

    @property
    def registers(self) -> int:
        """Registers with the header."""
        return self.length + HEADER_REGISTERS


async def find_base(read: Read, bases: Collection[int] = BASES) -> int:
    """0-based address of the marker "SunS".

    Raises :class:`~wattproof.errors.ProtocolError` if it is nowhere; errors of the link pass through.
    """
    for base in bases:
        try:
            if await read(base, 2) == MARKER:
                return base
        except LinkError:
            raise
        except ModbusRefused:
            continue
    places = ", ".join(map(str, bases))
    raise ProtocolError(
        f"no SunSpec marker at 0-based {places}: this unit is no SunSpec device, or another unit is meant"
    )


async def walk(read: Read, base: int) -> list[Instance]:
    """All headers behind the marker at ``base``, the end marker last.

    Raises :class:`~wattproof.errors.ProtocolError` if the chain does not end.
    """
    found: list[Instance] = []
    address = base + 2
    while len(found) < MOST_MODELS and address + HEADER_REGISTERS <= ADDRESSES:
        model_id, length = struct.unpack(">HH", await read(address, HEADER_REGISTERS))
        found.append(Instance(model_id, address, 0 if model_id == END else length))
        if model_id == END:
            return found
        address += length + HEADER_REGISTERS
    last = found[-1]
    raise ProtocolError(
        f"the chain of models has no end: after {len(found)} headers, the last one model {last.id} with length "
        f"{last.length} at 0-based {last.address}"
    )


def blocks(chain: Sequence[Instance], known: Mapping[int, Model]) -> RegisterMap:
    """The map of a walked device. Models of a number that is not ``known`` show only their header.

    The second instance of a model is called ``NAME_2``. Rows beyond a shorter length than the model's are left out.
    """
    result: list[Block] = []
    names: dict[str, int] = {}
    for instance in chain:
        model = known.get(instance.id)
        name = _name(instance, model)
        names[name] = names.get(name, 0) + 1
        result.append(
            Block(
                name if names[name] == 1 else f"{name}_{names[name]}",
                instance.address,
                instance.registers,
                _rows(instance, model),
                id=instance.id,
                label=model.label if model else "End marker" if instance.id == END else f"Model {instance.id}",
            )
        )
    return RegisterMap(result)


def _name(instance: Instance, model: Model | None) -> str:
    if model is not None:
        return model.name
    return "end" if instance.id == END else f"model_{instance.id}"


def _rows(instance: Instance, model: Model | None) -> tuple[Point, ...]:
    """The rows that lie inside the instance, without those whose scale factor lies outside."""
    if model is None:
        return header(instance.id, instance.length)
    inside = [point for point in model.points if point.offset + point.registers <= instance.registers]
    names = {point.name for point in inside}
    return tuple(point for point in inside if not isinstance(point.scale, str) or point.scale in names)
