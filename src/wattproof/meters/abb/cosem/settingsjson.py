"""Settings of ABB meters as the gateway's JSON interface writes them (g13-api.md 52, 53, 64 to 68, 70 to 80).

What reads stands beside what writes. Numbers are whole numbers, thresholds decimal text; names and codes of what has
both are taken alike. Everything that reads raises ``InvalidValue``.

>>> alarm_of({"id": 3, "quantity": 69, "onthreshold": "250.0", "offthreshold": "240", "ondelay": 5, "offdelay": 0,
...           "log": True}).setting
Setting(quantity=69, on=2500, off=2400, on_delay=5, off_delay=0, log=True, output=0)
>>> alarm_of({"id": 4}).as_dict()
{'id': 4}
>>> channel_of(2, [900, 1, 35040]).as_list(), channel_list(ChannelSettings(3, 900, None, 0))
([900, 1, 35040], [0, 0, 0])
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from enum import IntEnum
from typing import Any, TypeVar

from wattproof.errors import InvalidValue
from wattproof.metering.demand import Entry
from wattproof.metering.intervals import Period, Span
from wattproof.meters.abb.cosem.settings import (
    Alarm,
    ChannelSettings,
    PortFunction,
    PreviousSettings,
    PulseEnergy,
    PulseOutput,
)
from wattproof.meters.abb.quantities import ROWS
from wattproof.meters.abb.rows import Row
from wattproof.meters.abb.shapes.recording import DemandSettings

E = TypeVar("E", bound=IntEnum)
#: What is to stay as it is (67), and what pulses of an output that counts nothing are called (68).
UNCHANGED = 255
#: Names as the interface prints them (GD-26).
PORT_NAMES = {
    **{function: function.name.lower() for function in PortFunction},
    PortFunction.COMMUNICATION_OUT: "communiation_out",
}
#: A channel that records nothing.
UNUSED = [0, 0, 0]
#: The weekday of a period that is no week.
SUNDAY = 7


def quantity(id: object) -> Row:
    """The row of an id."""
    row = ROWS.get(id) if isinstance(id, int) else None
    if row is None:
        raise InvalidValue(f"there is no quantity {id}")
    return row


# Ports and pulses ----------------------------------------------------------------------------------------------------


def port_names(functions: Mapping[int, PortFunction]) -> list[str]:
    """Functions of the ports in their order."""
    return [PORT_NAMES[functions[port]] for port in sorted(functions)]


def port_functions_of(functions: Sequence[int | str]) -> dict[int, PortFunction]:
    """Functions by port, of codes and names in the order of the ports; those that stay are left out."""
    found = {}
    for port, function in enumerate(functions, 1):
        if function not in (UNCHANGED, "dont_change"):
            found[port] = _coded(PortFunction, function, {name: code for code, name in PORT_NAMES.items()})
    return found


def pulse_output_of(members: Mapping[str, Any]) -> PulseOutput:
    """One pulse output; an energy that is none turns it off."""
    energy = members["energytype"]
    kind = PulseEnergy.TURNED_OFF if energy in (UNCHANGED, "invalid") else _coded(PulseEnergy, energy)
    return PulseOutput(members["id"], members["length"], members["frequency"], kind, members["port"])


# Alarms --------------------------------------------------------------------------------------------------------------


def alarm_of(members: Mapping[str, Any]) -> Alarm:
    """One alarm; with its id alone it is off."""
    if "quantity" not in members:
        return Alarm(members["id"])
    found = Alarm(
        members["id"],
        quantity(members["quantity"]),
        _decimal(members["onthreshold"]),
        _decimal(members["offthreshold"]),
        members.get("ondelay", 0),
        members.get("offdelay", 0),
        members.get("log", False),
        members.get("output", 0),
    )
    _ = found.setting  # raises where a threshold is finer than the quantity
    return found


# What is recorded ----------------------------------------------------------------------------------------------------


def channel_list(channel: ChannelSettings) -> list[int]:
    """Interval, id and rows of a channel; of one that is off nothing but zeros."""
    return list(UNUSED) if channel.quantity is None else channel.as_list()


def channel_of(number: int, members: Sequence[int], present: ChannelSettings | None = None) -> ChannelSettings:
    """One channel; of one that is turned off the interval stays as it is."""
    interval, id, rows = members
    if [interval, id, rows] == UNUSED:
        return ChannelSettings(number, 900 if present is None else present.interval, None, 0)
    return ChannelSettings(number, interval, quantity(id), rows)


def previous_dict(settings: PreviousSettings) -> dict[str, object]:
    return {**_period_dict("interval", settings.period), "pvconfig": [row.id for row in settings.quantities]}


def previous_of(members: Mapping[str, Any]) -> PreviousSettings:
    return PreviousSettings(_period_of(members, "interval"), tuple(map(quantity, members["pvconfig"])))


def demand_dict(settings: DemandSettings) -> dict[str, object]:
    return {
        "dmc": [[entry.quantity, entry.code] for entry in settings.entries],
        "interval": [settings.interval, settings.sub_interval],
        **_period_dict("period", settings.period),
    }


def demand_of(members: Mapping[str, Any]) -> DemandSettings:
    interval, sub_interval = members["interval"]
    return DemandSettings(interval, sub_interval, _period_of(members, "period"), tuple(_entries(members["dmc"])))


def _entries(pairs: Iterable[Sequence[int]]) -> Iterable[Entry]:
    return (Entry(quantity(id).id, code) for id, code in pairs)


def _period_dict(name: str, period: Period) -> dict[str, object]:
    weekday = {"weekday": period.weekday} if period.span is Span.WEEKLY else {}
    return {name: period.span.name.lower(), **weekday}


def _period_of(members: Mapping[str, Any], name: str) -> Period:
    try:
        return Period(Span[members[name].upper()], members.get("weekday", SUNDAY))
    except (KeyError, ValueError) as error:
        raise InvalidValue(f"{members.get(name)!r} is no period: {error}") from None


def _coded(kind: type[E], value: int | str, names: Mapping[str, E] | None = None) -> E:
    """A member by its code or name."""
    known = {member.name.lower(): member for member in kind} | dict(names or {})
    try:
        return known[value] if isinstance(value, str) else kind(value)
    except (KeyError, ValueError):
        raise InvalidValue(f"{value!r} is none of {', '.join(known)}") from None


def _decimal(value: object) -> Decimal:
    try:
        return Decimal(str(value))
    except InvalidOperation:
        raise InvalidValue(f"{value!r} is no number") from None
