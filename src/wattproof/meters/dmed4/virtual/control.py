"""Controls, faults and the state of a virtual DMED4, as the control interface sees them (15.1, 15.7)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, cast

from wattproof.meters.dmed4.enums import PAGES
from wattproof.meters.dmed4.virtual.cycle import Cycle, named_states
from wattproof.meters.dmed4.virtual.display import page_text
from wattproof.meters.dmed4.virtual.electrics import LIMIT, ROUND
from wattproof.meters.dmed4.virtual.faults import BUS, CONTROLS, FAULTS
from wattproof.meters.dmed4.virtual.health import ERROR_FAULTS
from wattproof.meters.dmed4.virtual.logbook import Event, Kept
from wattproof.meters.dmed4.virtual.message import Fixed
from wattproof.meters.dmed4.virtual.record import Reading
from wattproof.virtual.dc import WATT_HOUR, Load, parse_load
from wattproof.virtual.faults import ENDED
from wattproof.virtual.switchboard import Switchboard, nanoseconds

if TYPE_CHECKING:
    from wattproof.meters.dmed4.virtual.meter import DmedMeter

#: Import total after the fault roll-over: 99 999 990.500 kWh.
NEARLY_OVER = 99_999_990_500


def read_controls(meter: DmedMeter, controls: Mapping[str, object]) -> dict[str, object]:
    """Controls as values, in the order of the table; ``step`` is last there."""
    values = SWITCHBOARD.read_controls(controls)
    if "load" in values:
        values["load"] = parse_load(cast(str, values["load"]), meter.read_text)
    return values


# Faults that act at the moment they are set or ended.


def _errors(meter: DmedMeter, value: object) -> None:
    meter.health.impose()


def _drift(meter: DmedMeter, value: object) -> None:
    meter.clock.set_drift(meter.now, cast(int, value or 0))


def _deaf(meter: DmedMeter, value: object) -> None:
    meter.clock.deaf = value is not ENDED
    if meter.clock.deaf:
        meter.clock.synced_at = None


def _fill_events(meter: DmedMeter, value: object) -> None:
    log = meter.logbook
    missing = (log.events.maxlen or 0) - len(log.events)
    for _ in range(missing):
        log.note(Event(meter.clock.seconds(meter.now), 10, ""), ring=False)


def _fill_records(meter: DmedMeter, value: object) -> None:
    """Copies of the last cycle, or of one without energy, each signed under its own number."""
    charge, log = meter.charge, meter.logbook
    cycle = charge.last or _empty_cycle(meter)
    end = cycle.end
    for _ in range((log.records.maxlen or 0) - len(log.records)):
        if end is not None:
            charge.progressive += 1
            record = charge.signed(cycle, end, charge.progressive)
            log.keep(Kept(record.number, record.text))


def _empty_cycle(meter: DmedMeter) -> Cycle:
    begin = Reading("B", meter.clock.utc(meter.now), meter.clock.offset, "U", 0, 0, 0)
    return Cycle(Fixed(()), begin, end=replace(begin, transaction="E"))


def _lock(meter: DmedMeter, value: object) -> None:
    """As after three wrong passwords, event included."""
    meter.access.lock(nanoseconds(value), meter.now)
    meter.note(8)


def _roll(meter: DmedMeter, value: object) -> None:
    """What is shown changes; how often the counter has rolled over stays, for the reading at begin counts on it."""
    counters = meter.electrics.counters
    counters.imported = (counters.imported // ROUND * LIMIT + NEARLY_OVER) * WATT_HOUR


def _jump(meter: DmedMeter, value: object) -> None:
    meter.electrics.counters.imported += cast(int, value) * WATT_HOUR


def _cut(meter: DmedMeter, value: object) -> None:
    meter.power(False)
    meter.power_later(nanoseconds(value))


def _reboot(meter: DmedMeter, value: object) -> None:
    if meter.supplied:
        meter.reboot()


_STRIKES: Mapping[str, Callable[[DmedMeter, object], None]] = {
    **dict.fromkeys(ERROR_FAULTS, _errors),
    "clock-drift": _drift,
    "never-synchronised": _deaf,
    "logbook-full": _fill_events,
    "ocmf-log-full": _fill_records,
    "login-locked": _lock,
    "roll-over": _roll,
    "counter-jump": _jump,
    "power-cut": _cut,
    "reboot": _reboot,
}


# Controls.


def _plug(meter: DmedMeter, value: object) -> None:
    meter.electrics.plug(bool(value))


def _load(meter: DmedMeter, value: object) -> None:
    meter.electrics.hang(cast(Load, value))


def _power(meter: DmedMeter, value: object) -> None:
    meter.power(bool(value))


def _clock(meter: DmedMeter, value: object) -> None:
    meter.set_time(cast(int, value))


def _step(meter: DmedMeter, value: object) -> None:
    meter.step(nanoseconds(value))


def _temperature(number: int) -> Callable[[DmedMeter, object], None]:
    def act(meter: DmedMeter, value: object) -> None:
        meter.temperatures[number] = int((cast(Decimal, value) * 10).to_integral_value())

    return act


def _operative(meter: DmedMeter, value: object) -> None:
    if value == "operating":
        meter.commission()
    else:
        meter.commissioned = False


def _cable(meter: DmedMeter, value: object) -> None:
    meter.cable_locked = bool(value)


_ACTS: Mapping[str, Callable[[DmedMeter, object], None]] = {
    "plug": _plug,
    "load": _load,
    "power": _power,
    "clock": _clock,
    "temperature-i1": _temperature(0),
    "temperature-i2": _temperature(1),
    "operative": _operative,
    "cable-locked": _cable,
    "step": _step,
}

SWITCHBOARD = Switchboard(
    CONTROLS,
    FAULTS,
    named_states(),
    example="COMMAND:STATE such as begin:signing or *:done, json, power-up, reboot or request",
    acts=_ACTS,
    strikes=_STRIKES,
    powered=("clock",),
    bus=BUS,
)


# GET /


def state(meter: DmedMeter) -> dict[str, object]:
    """The object of ``GET /`` (15.7); who runs the meter fills in ``listen``."""
    counters, clock, charge, log = meter.electrics.counters, meter.clock, meter.charge, meter.logbook
    segment = meter.electrics.segment
    dark = not meter.supplied or not meter.display_on or meter.health.dark
    return {
        "model": meter.model,
        "variant": meter.variant,
        "serial": meter.serial,
        "node": meter.unit,
        "speed": meter.speed,
        "listen": None,
        "clock": {
            "utc": clock.seconds(meter.now),
            "offset": clock.offset,
            "synchronised": clock.synchronised(meter.now),
        },
        "status": {
            "measurement": int(charge.status),
            "signature": charge.signature_status(meter.now),
            "error_1": meter.health.first,
            "error_2": meter.health.second,
            "operative": meter.operative.value,
        },
        "parameters": dict(meter.shown_parameters()),
        "controls": {
            "plug": meter.electrics.plugged,
            "load": meter.electrics.load.text,
            "power": meter.supplied,
            "temperature-i1": Decimal(meter.temperatures[0]) / 10,
            "temperature-i2": Decimal(meter.temperatures[1]) / 10,
            "operative": "operating" if meter.commissioned else "ready",
            "cable-locked": meter.cable_locked,
        },
        "faults": SWITCHBOARD.in_force(meter),
        "load": {
            "text": meter.electrics.load.text,
            "v": Decimal(segment.voltage) / 1000,
            "a": Decimal(segment.current) / 10**6,
            "w": Decimal(segment.power) / 10**9,
        },
        "energy": {
            "import": counters.imported // WATT_HOUR,
            "export": counters.exported // WATT_HOUR,
            "cycle": counters.cycle // WATT_HOUR,
            "cycle_export": counters.cycle_export // WATT_HOUR,
        },
        "log": {"ocmf": len(log.records), "events": len(log.events)},
        "display": {
            "on": not dark,
            "page": meter.display_page,
            "text": "" if dark else f"{PAGES[meter.display_page]}: {page_text(meter)}",
        },
    }
