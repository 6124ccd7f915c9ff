"""Controls, faults and the state of a virtual ABB meter, as the control interface sees them (abb-meters.md 3.13)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, cast

from wattproof.metering.dates import SECOND
from wattproof.metering.logs import Category
from wattproof.meters.abb.quantities import ROWS
from wattproof.meters.abb.virtual import watch
from wattproof.meters.abb.virtual.electrics import Harmonics
from wattproof.meters.abb.virtual.faults import ACCESS, CONTROLS, FAULTS, INVALID, harmonics_text
from wattproof.meters.abb.virtual.image import Status as ImageStatus
from wattproof.meters.abb.virtual.ports import PORTS
from wattproof.meters.abb.virtual.refusals import Refusal
from wattproof.meters.abb.virtual.registers import ENERGY_IDS
from wattproof.meters.abb.virtual.sources import HERTZ, Load, parse_load
from wattproof.meters.abb.virtual.timeline import INTERVAL_END, PERIOD_END, POWER_UP
from wattproof.virtual.faults import ENDED
from wattproof.virtual.framefaults import FacedSwitchboard
from wattproof.virtual.switchboard import Action, Switched, nanoseconds
from wattproof.virtual.switched import REQUEST

if TYPE_CHECKING:
    from wattproof.meters.abb.virtual.meter import AbbMeter

#: Named states without a number.
STATES = (
    POWER_UP,
    REQUEST,
    "selection",
    "association",
    "segment",
    INTERVAL_END,
    PERIOD_END,
    *(status.state for status in ImageStatus),
)
#: Named states with one: the telegram of a readout, the block of a transfer.
_COUNTED = re.compile(r"(telegram|block):[1-9][0-9]{0,4}")
#: Energies by name for ``GET /``: those in Wh, varh or VAh.
_ENERGIES = {id: ROWS[id] for id in sorted(ENERGY_IDS) if ROWS[id].unit.symbol.endswith("h")}


class AbbSwitchboard(FacedSwitchboard):
    """The closed tables of this family. What a variant cannot do is refused in the journal."""

    def check_when(self, when: str) -> None:
        if not _COUNTED.fullmatch(when):
            super().check_when(when)

    def put_fault(self, meter: Switched, name: str, value: object) -> None:
        try:
            super().put_fault(meter, name, value)
        except Refusal as refusal:
            meter.journal("fault-refused", {"fault": name, "reason": str(refusal)})


def read_controls(meter: AbbMeter, controls: Mapping[str, object]) -> dict[str, object]:
    """Controls as values, in the order of the table; ``step`` is last there."""
    values = SWITCHBOARD.read_controls(controls)
    if "load" in values:
        values["load"] = parse_load(cast(str, values["load"]), meter.read_text)
    return values


# Faults that act at the moment they are set or ended.


def _cut(meter: AbbMeter, value: object) -> None:
    body = meter.body
    body.power(False)
    body.power_at = body.at + int(cast(Decimal, value) * SECOND)
    body.plan()


def _shift(sign: int) -> Action:
    return lambda meter, value: meter.body.shift_clock(sign * cast(int, value) * SECOND)


def _lose(meter: AbbMeter, value: object) -> None:
    meter.body.lose_clock()


def _drift(meter: AbbMeter, value: object) -> None:
    body = meter.body
    body.clock.set_drift(body.at, cast(int, value or 0))
    body.recorder.replan(body.clock, body.at)
    body.time_changed()


def _overflow(meter: AbbMeter, value: object) -> None:
    meter.body.registers.overflow()


def _jump(meter: AbbMeter, value: object) -> None:
    meter.body.registers.jump(cast(int, value))


def _freeze(meter: AbbMeter, value: object) -> None:
    meter.body.freeze(value is not ENDED)


def _noise(meter: AbbMeter, value: object) -> None:
    meter.body.supply.noise = float(cast(Decimal, value or 0))
    meter.body.rewire()


def _lost(meter: AbbMeter, value: object) -> None:
    meter.body.rewire(lost=value or 0)


def _reverse(meter: AbbMeter, value: object) -> None:
    meter.body.rewire(reversed=value is not ENDED)


def _review(meter: AbbMeter, value: object) -> None:
    meter.body.review()


def _fill_logs(meter: AbbMeter, value: object) -> None:
    """Up to their size, with entries that say nothing of a real event: one restart, event or voltage after another."""
    body = meter.body
    stamp = body.stamp
    for log, code in zip(body.watch.logs, (watch.RESTARTED, 1009, 1000), strict=True):
        category = Category.INFORMATION if code >= 2000 else Category.WARNING
        for _ in range(log.capacity - len(log)):
            log.note(stamp, category, code)


_STRIKES: Mapping[str, Action] = {
    "power-cut": _cut,
    "clock-back": _shift(-1),
    "clock-forward": _shift(1),
    "clock-lost": _lose,
    "clock-drift": _drift,
    "overflow": _overflow,
    "counter-jump": _jump,
    "frozen": _freeze,
    "noise": _noise,
    "phase-lost": _lost,
    "reverse": _reverse,
    "status-bit": _review,
    "log-full": _fill_logs,
}


# Controls.


def _load(meter: AbbMeter, value: object) -> None:
    body = meter.body
    body.supply.hang(cast(Load, value), body.at)
    body.rewire()


def _power(meter: AbbMeter, value: object) -> None:
    meter.body.power(bool(value))


def _clock(meter: AbbMeter, value: object) -> None:
    if value == INVALID:
        meter.body.lose_clock()
    else:
        meter.body.set_clock(cast(int, value))


def _input(port: int) -> Action:
    return lambda meter, value: meter.body.drive_input(port, bool(value))


def _frequency(meter: AbbMeter, value: object) -> None:
    meter.body.rewire(frequency=int((cast(Decimal, value) * 1000).to_integral_value()))


def _harmonics(meter: AbbMeter, value: object) -> None:
    meter.body.rewire(harmonics=cast(Harmonics, value))


def _key(meter: AbbMeter, value: object) -> None:
    meter.body.set_access(ACCESS[cast(str, value)])


def _default(meter: AbbMeter, value: object) -> None:
    meter.factory()


def _step(meter: AbbMeter, value: object) -> None:
    meter.step(nanoseconds(value))


def _told(act: Action) -> Action:
    """What a variant cannot do is told in the journal."""

    def tell(meter: AbbMeter, value: object) -> None:
        try:
            act(meter, value)
        except Refusal as refusal:
            meter.journal("control-ignored", {"reason": str(refusal)})

    return tell


_ACTS: Mapping[str, Callable[[AbbMeter, object], None]] = {
    "load": _load,
    "power": _power,
    "clock": _told(_clock),
    **{f"input-{port}": _input(port) for port in PORTS},
    "frequency": _frequency,
    "harmonics": _harmonics,
    "front-key": _key,
    "default": _default,
    "step": _step,
}

SWITCHBOARD = AbbSwitchboard(
    CONTROLS,
    FAULTS,
    STATES,
    example="power-up, request, telegram:N, selection, association, block:N, segment, interval-end, period-end or "
    "image:STATUS such as image:verified",
    acts=_ACTS,
    strikes=_STRIKES,
    powered=("front-key", "default"),
)


# GET /


def state(meter: AbbMeter) -> dict[str, object]:
    """The object of ``GET /``; who runs the meter fills in ``listen``."""
    body = meter.body
    fields = body.stamp.fields
    wiring, logs, measured = body.supply.wiring, body.watch.logs, body.measured
    source = HERTZ if measured is None else measured.frequency
    return {
        "model": meter.model,
        "variant": meter.variant,
        "serial": meter.serial,
        "address": meter.address,
        "hdlc_address": meter.hdlc_address,
        "speed": meter.speed,
        "listen": None,
        "clock": {
            "local": f"{fields.year:04d}-{fields.month:02d}-{fields.day:02d}T"
            f"{fields.hour:02d}:{fields.minute:02d}:{fields.second:02d}",
            "valid": body.clock.valid,
            "summer_time": body.stamp.summer,
        },
        "status_word": body.status_word,
        "access_level": _word(body.access),
        "tariff": body.registers.tariffs.active,
        "controls": {
            "load": body.supply.load.text,
            "power": body.supplied,
            **{f"input-{port}": body.ports.level(port) for port in PORTS},
            "frequency": Decimal(source if wiring.frequency is None else wiring.frequency) / 1000,
            "harmonics": harmonics_text(wiring.harmonics),
            "front-key": _word(body.access),
        },
        "faults": SWITCHBOARD.in_force(meter),
        "load": {
            "text": body.supply.load.text,
            "w": Decimal(0 if measured is None else measured.p[0]) / 1000,
            "var": Decimal(0 if measured is None else measured.q[0]) / 1000,
        },
        "energy": {row.name: 10 * (body.registers.read(id) or 0) for id, row in _ENERGIES.items() if id in body.ids},
        "profiles": {
            number: len(channel) for number, channel in enumerate(body.recorder.channels, 1) if channel is not None
        },
        "logs": dict(zip(("system", "event", "net_quality"), map(len, logs), strict=True)),
        "inputs": {port: body.ports.level(port) for port in PORTS if body.ports.is_input(port)},
        "outputs": {
            port: bool(body.outputs >> port - 1 & 1)
            for port in PORTS
            if body.ports.function(port) is not None and not body.ports.is_input(port)
        },
    }


def _word(access: int) -> str:
    return next(word for word, level in ACCESS.items() if level == access)
