"""Controls, faults and the state of a virtual BSM, as the control interface sees them (sections 28.1 and 28.5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, cast

from wattproof.meters.bsm.enums import SnapshotStatus, SnapshotType
from wattproof.meters.bsm.virtual.faults import CONTROLS, FAULTS
from wattproof.meters.bsm.virtual.machine import named_states
from wattproof.meters.bsm.virtual.registers import IN_AREA
from wattproof.virtual.loads import Load, parse_load
from wattproof.virtual.physics import WATT_HOUR
from wattproof.virtual.switchboard import Switchboard, nanoseconds

if TYPE_CHECKING:
    from wattproof.meters.bsm.virtual.meter import BsmMeter

#: TotWhImp after the fault roll-over: 999 999.90 kWh.
NEARLY_OVER = 999_999_900 * WATT_HOUR


def read_controls(meter: BsmMeter, controls: Mapping[str, object]) -> dict[str, object]:
    """Controls as values, in the order of the table; ``step`` is last there but for ``key``."""
    values = SWITCHBOARD.read_controls(controls)
    if "load" in values:
        values["load"] = parse_load(cast(str, values["load"]), meter.read_text)
    return values


# Faults that act at the moment they are set.


def _gap(meter: BsmMeter, value: object) -> None:
    meter.counters.response += cast(int, value)
    meter.counters.reserved = max(meter.counters.reserved, meter.counters.response)


def _lose_time(meter: BsmMeter, value: object) -> None:
    meter.clock.lose()


def _drift(meter: BsmMeter, value: object) -> None:
    meter.clock.set_drift(meter.now, cast(int, value or 0))


def _jump(meter: BsmMeter, value: object) -> None:
    meter.electrics.energy.add(cast(int, value) * WATT_HOUR)


def _roll(meter: BsmMeter, value: object) -> None:
    meter.electrics.energy.total = NEARLY_OVER


def _cut(meter: BsmMeter, value: object) -> None:
    meter.power(False)
    meter.power_later(nanoseconds(value))


def _release(meter: BsmMeter, value: object) -> None:
    meter.electrics.jam(meter.faults)


_AT_ONCE: Mapping[str, Callable[[BsmMeter, object], None]] = {
    "contactor-stuck-closed": _release,
    "contactor-stuck-open": _release,
    "pagination-gap": _gap,
    "clock-lost": _lose_time,
    "clock-drift": _drift,
    "counter-jump": _jump,
    "roll-over": _roll,
    "power-cut": _cut,
}


# Controls.


def _di(meter: BsmMeter, value: object) -> None:
    meter.di_control = cast("bool | None", value)


def _doe(meter: BsmMeter, value: object) -> None:
    meter.doe = bool(value)


def _do(meter: BsmMeter, value: object) -> None:
    meter.demand(bool(value))


def _plug(meter: BsmMeter, value: object) -> None:
    meter.electrics.plug(bool(value))


def _load(meter: BsmMeter, value: object) -> None:
    meter.electrics.hang(cast(Load, value))


def _power(meter: BsmMeter, value: object) -> None:
    meter.power(bool(value))


def _clock(meter: BsmMeter, value: object) -> None:
    if value is None:
        meter.clock.lose()
    else:
        meter.clock.write(meter.now, *cast("tuple[int, int]", value))


def _step(meter: BsmMeter, value: object) -> None:
    meter.step(nanoseconds(value))


def _key(meter: BsmMeter, value: object) -> None:
    meter.display.press(cast(str, value), meter.display_values, meter.now)
    meter.present()


_CONTROLS: Mapping[str, Callable[[BsmMeter, object], None]] = {
    "di": _di,
    "doe": _doe,
    "do": _do,
    "plug": _plug,
    "load": _load,
    "power": _power,
    "clock": _clock,
    "step": _step,
    "key": _key,
}


SWITCHBOARD = Switchboard(
    CONTROLS,
    FAULTS,
    named_states(),
    example="INSTANCE:STATE such as turn-on:signing or *:done, power-up or request",
    acts=_CONTROLS,
    strikes=_AT_ONCE,
    powered=("do", "clock", "key"),
)


# GET /


def _number(value: int, unit: int) -> int | float:
    """``value / unit`` for people and JSON: an integer where it is one."""
    whole, rest = divmod(value, unit)
    return value / unit if rest else whole


def state(meter: BsmMeter) -> dict[str, object]:
    """The object of ``GET /``."""
    electrics, clock, counters = meter.electrics, meter.clock, meter.counters
    contactor = electrics.contactor
    scale = 1 if meter.options.profile.raw_per_digit == 10 else 10
    os = clock.os(meter.now)
    return {
        "model": meter.model,
        "variant": meter.variant,
        "serial": meter.serial,
        "unit": counters.unit,
        "speed": _number(meter.speed.numerator, meter.speed.denominator),
        "time": {
            "os": os,
            "epoch": clock.epoch(os) if clock.valid else None,
            "tzo": clock.tzo if clock.valid else None,
        },
        "controls": {
            "di": "auto" if meter.di_control is None else meter.di_control,
            "doe": meter.doe,
            "do": meter.demanded,
            "plug": electrics.plugged,
            "load": electrics.load.text,
            "power": meter.supplied,
        },
        "faults": SWITCHBOARD.in_force(meter),
        "signals": {
            "demand": meter.demanded,
            "doe": meter.enabled,
            "do": meter.output,
            "di": bool(meter.di),
            "contactor": None if contactor is None else contactor.closed,
        },
        "load": {
            "text": electrics.load.text,
            "delivered_wh": _number(electrics.delivered, WATT_HOUR),
            "w": _number(electrics.segment.power, 10**6),
        },
        "energy": {
            "TotWhImp": meter.shown(electrics.energy.total) * scale,
            "RCR": meter.shown(electrics.energy.resettable) * scale,
        },
        "snapshots": {kind.word: _instance(meter, kind) for kind in SnapshotType},
        "display": meter.display.state(meter.display_values, meter.now) if meter.supplied else meter.display.dark(),
        "leds": {
            "adr": meter.supplied and meter.display.address_led,
            "doe": meter.supplied and meter.enabled,
            "do": meter.output,
        },
    }


def _instance(meter: BsmMeter, kind: SnapshotType) -> dict[str, object]:
    """St, the named state (``None`` before the first creation since power-up), RCnt of a valid snapshot."""
    status = meter.registers.status(kind)
    job = meter.maker.job
    running = str(job.state) if job is not None and job.kind is kind else None
    finished = None if status is SnapshotStatus.INVALID else "done"
    number = int.from_bytes(meter.registers.area(kind)[IN_AREA["RCnt"]], "big")
    return {
        "St": int(status),
        "state": running or finished,
        "RCnt": number if status is SnapshotStatus.VALID else None,
    }
