"""Alarms: their settings, and register monitors as a view of them (abb-meters.md 2.8, AD-23)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from wattproof.metering.alarms import ALARMS, Setting
from wattproof.meters.abb.quantities import ROWS
from wattproof.meters.abb.rows import GOLD
from wattproof.meters.abb.shapes.alarms import ALARM, alarm_name
from wattproof.meters.abb.shapes.calendar import SCRIPT_TABLE
from wattproof.meters.abb.variants import Variant
from wattproof.meters.abb.virtual.body import Body
from wattproof.meters.abb.virtual.cosem.binding import Members, Object, setting
from wattproof.wire.cosem.classes import DATA, REGISTER_MONITOR
from wattproof.wire.cosem.data import Data, Tag, array, integer, long64, long_unsigned, octet_string, structure

_NUMBERS = range(1, ALARMS + 1)
#: What an alarm that is off monitors.
_NOTHING = structure(long_unsigned(0), octet_string(bytes(6)), integer(0))


def _setting(body: Body, alarm: int) -> Setting | None:
    found = body.watch.alarms.get(alarm)
    return None if found is None else found.setting


def _script(selector: int) -> Data:
    return structure(octet_string(SCRIPT_TABLE), long_unsigned(selector))


def _thresholds(found: Setting | None) -> Data:
    return array(()) if found is None else array([long64(found.on), long64(found.off)])


def _monitored(found: Setting | None) -> Data:
    if found is None:
        return _NOTHING
    row = ROWS[found.quantity]
    return structure(long_unsigned(row.class_id), octet_string(row.ln), integer(row.attribute))


def _actions(found: Setting | None) -> Data:
    """Up and down at each threshold: beyond ``on`` the output's set script, back beyond ``off`` its reset script."""
    if found is None:
        return array(())
    nothing = _script(0)
    sets = _script(3 + 2 * found.output) if found.output else nothing
    clears = _script(4 + 2 * found.output) if found.output else nothing
    if found.on >= found.off:
        return array([structure(sets, nothing), structure(nothing, clears)])
    return array([structure(nothing, sets), structure(clears, nothing)])


def _settings(alarm: int) -> Object:
    value = setting(
        lambda body: ALARM.write(_setting(body, alarm)),
        lambda body, wanted: body.set_alarm(alarm, wanted),
        ALARM.read,
        Tag.STRUCTURE,
    )
    return Object(DATA, alarm_name(alarm), {"value": value})


def _monitor(alarm: int) -> Object:
    def of(tell: Callable[[Setting | None], Data]) -> Callable[[Body], Data]:
        return lambda body: tell(_setting(body, alarm))

    attributes: Members = {"thresholds": of(_thresholds), "monitored_value": of(_monitored), "actions": of(_actions)}
    return Object(REGISTER_MONITOR, f"0-0:16.1.{alarm}", attributes)


def alarms(variant: Variant) -> Iterator[Object]:
    """Those of a variant that has alarms."""
    if variant.level >= GOLD:
        yield from map(_settings, _NUMBERS)
        yield from map(_monitor, _NUMBERS)
