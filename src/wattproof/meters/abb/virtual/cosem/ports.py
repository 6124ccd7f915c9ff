"""Inputs, outputs and pulse outputs (abb-meters.md 2.8, 3.5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from wattproof.meters.abb.rows import SILVER, STEEL
from wattproof.meters.abb.variants import Variant
from wattproof.meters.abb.virtual.body import Body
from wattproof.meters.abb.virtual.cosem.binding import TYPES, Object, setting
from wattproof.meters.abb.virtual.ports import PORTS
from wattproof.wire.cosem.classes import DATA
from wattproof.wire.cosem.data import Tag, boolean, enum
from wattproof.wire.cosem.objects import Bound
from wattproof.wire.cosem.shapes import flag, number


class _Pulse(NamedTuple):
    """One setting of a pulse output: group E of its logical name, the body's name, the type."""

    group: int
    name: str
    type: str


_PULSES = (
    _Pulse(131, "length", "u16"),
    _Pulse(132, "frequency", "u32"),
    _Pulse(133, "energy", "enum"),
    _Pulse(134, "port", "u8"),
)


def _is_input(port: int) -> Callable[[Body], bool]:
    return lambda body: body.ports.is_input(port)


def _is_output(port: int) -> Callable[[Body], bool]:
    return lambda body: body.ports.function(port) is not None and not body.ports.is_input(port)


def _input(port: int) -> Object:
    state = Bound[Body](lambda body: boolean(body.ports.level(port)))
    return Object(DATA, f"0-{port}:96.3.1", {"value": state}, present=_is_input(port))


def _output(port: int) -> Object:
    value = setting(
        lambda body: boolean(bool(body.outputs >> port - 1 & 1)),
        lambda body, state: body.set_output(port, state),
        flag,
        Tag.BOOLEAN,
    )
    return Object(DATA, f"0-{port}:96.3.2", {"value": value}, present=_is_output(port))


def _function(port: int) -> Object:
    value = setting(
        lambda body: enum(body.ports.function(port) or 0),
        lambda body, function: body.set_port(port, function),
        number,
        Tag.ENUM,
    )
    return Object(DATA, f"0-{port}:96.3.130", {"value": value})


def _pulse(output: int, row: _Pulse) -> Object:
    tag, write = TYPES[row.type]
    value = setting(
        lambda body: write(getattr(body.ports.pulses[output - 1], row.name)),
        lambda body, wanted: body.set_pulse(output, **{row.name: wanted}),
        number,
        tag,
    )
    return Object(DATA, f"0-{output}:96.3.{row.group}", {"value": value})


def ports(variant: Variant) -> Iterator[Object]:
    """Those that a variant has, beside stored states, counters and the mask of outputs, which are quantities."""
    if variant.level >= SILVER:
        for make in (_input, _output, _function):
            yield from map(make, PORTS)
    if variant.level >= STEEL:
        for output in PORTS:
            yield from (_pulse(output, row) for row in _PULSES)
