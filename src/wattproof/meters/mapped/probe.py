"""Recognising a meter on a bus by the ``[[probe]]`` rules of map files (g13-api.md 10.2, 10.5)."""

from __future__ import annotations

from collections.abc import Iterable

from wattproof.drivers.modbus import ModbusLink
from wattproof.drivers.registers import read_spans
from wattproof.errors import InvalidValue, LinkError, ProtocolError, Refused
from wattproof.meters.mapped.driver import MappedDriver
from wattproof.meters.mapped.mapfile import MeterMap, Probe
from wattproof.model.devices import DeviceInfo
from wattproof.wire.modbus.plan import Span


async def recognise(link: ModbusLink, unit: int, maps: Iterable[MeterMap]) -> MeterMap | None:
    """The first map whose rules all hold at ``unit``; one without rules recognises nothing.

    Raises :class:`~wattproof.errors.LinkError` if nothing answers.
    """
    for one in maps:
        if one.probes and await _holds(link, unit, one.probes):
            return one
    return None


async def probe(link: ModbusLink, unit: int, meter_map: MeterMap) -> DeviceInfo | None:
    """Who answers at ``unit`` if it is the meter of a map; ``None`` if it is another one.

    Raises :class:`~wattproof.errors.LinkError` if nothing answers.
    """
    if await recognise(link, unit, [meter_map]) is None:
        return None
    return await MappedDriver(link, unit, meter_map=meter_map).info()


async def _holds(link: ModbusLink, unit: int, rules: Iterable[Probe]) -> bool:
    for rule in rules:
        try:
            span = Span(rule.address, rule.type.registers)
            image = await read_spans(link, unit, [span], function=rule.function)
            value = rule.type.decode(image.read(span.address, span.count))
        except LinkError:  # also where a gateway says it, which is a refusal as well
            raise
        except (ProtocolError, Refused, InvalidValue):
            return False
        if (value.strip() if isinstance(value, str) else value) != rule.equals:
            return False
    return True
