"""What the faults and controls of the meter do to its body, and what ``GET /`` tells of it (abb-meters.md 3.13)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Protocol, cast

from wattproof.metering.logs import Category
from wattproof.meters.abb.quantities import ROWS
from wattproof.meters.abb.variants import Variant
from wattproof.meters.abb.virtual.body import Access, Body
from wattproof.meters.abb.virtual.faults import INVALID
from wattproof.meters.abb.virtual.image import Status as ImageStatus
from wattproof.meters.abb.virtual.ports import PORTS
from wattproof.meters.abb.virtual.recorder import CHANNELS
from wattproof.meters.abb.virtual.refusals import Missing
from wattproof.meters.abb.virtual.registers import SUMS
from wattproof.meters.abb.virtual.sources import Load, parse_load
from wattproof.meters.abb.virtual.timeline import INTERVAL_END, PERIOD_END, POWER_UP
from wattproof.virtual.faults import ENDED
from wattproof.virtual.switchboard import Action, nanoseconds

#: Named states that begin inside the body.
STATES = (POWER_UP, INTERVAL_END, PERIOD_END, *(status.state for status in ImageStatus))
#: Controls that act inside the meter: without supply there is nothing that they could reach.
POWERED = frozenset({"clock", "front-key", "default"})
_LEVELS = {"closed": Access.CLOSED, "password": Access.PASSWORD, "open": Access.OPEN}
_MILLI = 1_000_000


class Embodied(Protocol):
    """A virtual meter as these names need it."""

    body: Body

    def step(self, duration: int) -> None:
        """Meter time jumps ahead by ``duration`` ns."""
        ...


def read_controls(values: dict[str, object], read_text: Any = None) -> dict[str, object]:
    """Controls that were read by their rows; the source is looked up, and its file read."""
    if "load" in values:
        values["load"] = parse_load(cast(str, values["load"]), read_text)
    return values


# Faults that act when they are set or ended.


def _cut(body: Body, value: object) -> None:
    body.power(False)
    body.power_at = body.at + max(nanoseconds(value) // _MILLI, 1)
    body.plan()


def _shift(sign: int) -> Any:
    def strike(body: Body, value: object) -> None:
        body.clock_moved(body.clock.move(body.at, sign * (nanoseconds(value) // _MILLI)))

    return strike


def _lose(body: Body, value: object) -> None:
    body.lose_clock()


def _drift(body: Body, value: object) -> None:
    body.clock.set_drift(body.at, cast(int, value or 0))
    body.time_changed()


def _overflow(body: Body, value: object) -> None:
    body.registers.overflow()


def _jump(body: Body, value: object) -> None:
    body.registers.jump(cast(int, value))


def _freeze(body: Body, value: object) -> None:
    body.freeze(value is not ENDED)


def _noise(body: Body, value: object) -> None:
    body.supply.noise = float(cast(Decimal, value or 0))
    body.rewire()


def _lost_phase(body: Body, value: object) -> None:
    body.rewire(lost=value or 0)


def _reverse(body: Body, value: object) -> None:
    body.rewire(reversed=value is not ENDED)


def _status(body: Body, value: object) -> None:
    body.review()


def _fill_logs(body: Body, value: object) -> None:
    """With entries of the kind that each log has most of."""
    codes = ((Category.INFORMATION, 2055), (Category.WARNING, 1007), (Category.WARNING, 1000))
    for log, (category, code) in zip(body.watch.logs, codes, strict=True):
        for _ in range(log.capacity - len(log)):
            log.note(body.stamp, category, code)


_STRIKES: Mapping[str, Any] = {
    "power-cut": _cut,
    "clock-back": _shift(-1),
    "clock-forward": _shift(1),
    "clock-lost": _lose,
    "clock-drift": _drift,
    "overflow": _overflow,
    "counter-jump": _jump,
    "frozen": _freeze,
    "noise": _noise,
    "phase-lost": _lost_phase,
    "reverse": _reverse,
    "status-bit": _status,
    "log-full": _fill_logs,
}


# Controls.


def _load(body: Body, value: object) -> None:
    body.supply.hang(cast(Load, value), body.at)
    body.rewire()


def _power(body: Body, value: object) -> None:
    body.power(bool(value))


def _set_clock(body: Body, value: object) -> None:
    if value == INVALID:
        body.lose_clock()
    else:
        body.clock_moved(body.clock.set_local(body.at, cast(int, value)))


def _input(port: int) -> Any:
    def act(body: Body, value: object) -> None:
        body.drive_input(port, bool(value))

    return act


def _frequency(body: Body, value: object) -> None:
    body.rewire(frequency=int(cast(Decimal, value) * 1000))


def _harmonics(body: Body, value: object) -> None:
    body.rewire(harmonics=value)


def _key(body: Body, value: object) -> None:
    body.access = _LEVELS[cast(str, value)]


def _default(body: Body, value: object) -> None:
    body.factory()


_ACTS: Mapping[str, Any] = {
    "load": _load,
    "power": _power,
    "clock": _set_clock,
    **{f"input-{port}": _input(port) for port in PORTS},
    "frequency": _frequency,
    "harmonics": _harmonics,
    "front-key": _key,
    "default": _default,
}


def _on_body(act: Any) -> Action:
    return lambda meter, value: act(meter.body, value)


#: For the switchboard of a meter that has a ``body``.
STRIKES: Mapping[str, Action] = {name: _on_body(strike) for name, strike in _STRIKES.items()}
ACTS: Mapping[str, Action] = {
    **{name: _on_body(act) for name, act in _ACTS.items()},
    "step": lambda meter, value: cast(Embodied, meter).step(nanoseconds(value)),
}


# GET /


def state(body: Body) -> dict[str, object]:
    """What the body knows of the object of ``GET /``; addresses, speed, controls and faults are the meter's."""
    variant: Variant = body.variant
    stamp = body.stamp
    fields = stamp.fields
    registers = {id: body.recorder.register(id) for id in SUMS if id in body.ids}
    return {
        "variant": variant.label,
        "serial": body.serial,
        "clock": {
            "local": "{0:04d}-{1:02d}-{2:02d}T{4:02d}:{5:02d}:{6:02d}".format(*fields),
            "dst": stamp.summer,
            "set": body.clock.valid,
        },
        "status_word": body.status_word,
        "access_level": {level: name for name, level in _LEVELS.items()}[body.access],
        "tariff": body.registers.tariffs.active,
        "controls": controls(body),
        "load": body.supply.load.text,
        "energy": {ROWS[id].name.lower(): (value or 0) * 10 for id, value in registers.items()},
        "profiles": {
            number: len(channel)
            for number, channel in enumerate(body.recorder.channels[:CHANNELS], 1)
            if channel is not None
        },
        "logs": {name: len(log) for name, log in zip(("system", "event", "quality"), body.watch.logs, strict=True)},
        "inputs": {port: body.ports.level(port) for port in PORTS if body.ports.is_input(port)},
        "outputs": {
            port: bool(body.outputs >> port - 1 & 1)
            for port in PORTS
            if body.ports.function(port) is not None and not body.ports.is_input(port)
        },
    }


def controls(body: Body) -> dict[str, object]:
    """The controls as they stand."""
    wiring, shown = body.supply.wiring, body.value(170)
    frequency = Decimal(shown) / 100 if not isinstance(shown, Missing | str | tuple) else None
    harmonics = ",".join(
        f"{place}:{order}={part}"
        for place, orders in zip(("u1", "u2", "u3", "i1", "i2", "i3"), wiring.harmonics, strict=bool(wiring.harmonics))
        for order, part in enumerate(orders, 2)
        if part
    )
    return {
        "load": body.supply.load.text,
        "power": body.supplied,
        **{f"input-{port}": body.ports.level(port) for port in PORTS},
        "frequency": frequency,
        "harmonics": harmonics,
        "front-key": {level: name for name, level in _LEVELS.items()}[body.access],
    }
