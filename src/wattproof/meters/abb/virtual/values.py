"""The body's values by the ids of the table of quantities, as both faces show them (abb-meters.md 1.12, 3.2 to 3.5).

Numbers are raw, in units of 10^scale of the row; texts are ``str``, switches ``bool``, arrays tuples, the clock a
stamp. What has no value now is a :class:`Missing`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from wattproof.metering.clock import Stamp
from wattproof.metering.dates import DAY
from wattproof.metering.harmonics import ORDERS, distortion, spectrum
from wattproof.metering.rounding import nearest
from wattproof.meters.abb.quantities import ROWS
from wattproof.meters.abb.virtual.gauges import DISTORTIONS, GAUGES, SPECTRA
from wattproof.meters.abb.virtual.ports import PORTS
from wattproof.meters.abb.virtual.recorder import COUNTERS
from wattproof.meters.abb.virtual.refusals import Missing
from wattproof.meters.abb.virtual.registers import ENERGY_IDS

if TYPE_CHECKING:
    from wattproof.meters.abb.virtual.body import Body

Value = int | bool | str | Stamp | tuple[int, ...]
#: Ids that stand still while the meter is frozen.
FROZEN = frozenset({*GAUGES, *DISTORTIONS, *SPECTRA, *ENERGY_IDS})
_STORED = range(55, 59)


def _pulse(number: int, field: str) -> Callable[[Body], Value]:
    return lambda body: getattr(body.ports.pulses[number - 1], field)


def _ratio(kind: str, part: int) -> Callable[[Body], Value]:
    return lambda body: getattr(body.supply.wiring, kind)[part]


def _hardware(number: int) -> Callable[[Body], Value]:
    return lambda body: body.hardware[number]


#: What is neither a gauge nor a register.
READERS: Mapping[int, Callable[[Body], Value]] = {
    **{45 + k: _pulse(2 + k, "length") for k in range(3)},
    **{48 + k: _pulse(1 + k, "frequency") for k in range(3)},
    83: lambda body: body.registers.currency,
    84: lambda body: body.registers.co2,
    138: lambda body: body.variant.designation,
    139: lambda body: body.firmware,
    140: lambda body: body.tariffing.inputs,
    141: _ratio("current", 0),
    142: _ratio("current", 1),
    143: _ratio("voltage", 0),
    144: _ratio("voltage", 1),
    146: lambda body: body.stamp,
    149: lambda body: body.tariffing.calendar.valid(body.clock.local(body.at) // DAY).day or 0,
    150: lambda body: body.tariffing.calendar.valid(body.clock.local(body.at) // DAY).season,
    151: lambda body: body.outage,
    152: lambda body: body.power_fails,
    153: _pulse(4, "energy"),
    154: lambda body: body.outputs,
    189: lambda body: body.registers.tariffs.active,
    190: lambda body: int(body.tariffing.source),
    **{191 + k: _hardware(k) for k in range(8)},
}


def read(body: Body, id: int) -> Value | Missing:
    """The value of a quantity at this moment. Raises ``KeyError`` for an id that has no single value."""
    row = ROWS[id]
    faults = body.faults
    if id not in body.ids or faults.get("status-15") == id:
        return Missing.ABSENT
    if faults.get("status-18") == id:
        return Missing.ERROR
    if id in ENERGY_IDS and "counter-glitch" in faults:
        body.glitched = True
        return 0
    if body.frozen is not None and id in FROZEN:
        return body.frozen[id]
    if id in COUNTERS or id in _STORED:
        return _input(body, id)
    value = _measured(body, id) if id in FROZEN else None
    if value is None:
        number = body.recorder.register(id)
        value = READERS[id](body) if number is None else number
    return value if not isinstance(value, int) or row.holds(value) else Missing.OVERFLOW


def _input(body: Body, id: int) -> Value | Missing:
    """The counter or the stored state of a port. Of an output only the counter is served (capture of an A41)."""
    if id in COUNTERS:
        return body.ports.count(id - COUNTERS.start + 1)
    port = id - _STORED.start + 1
    return bool(body.ports.stored >> port - 1 & 1) if body.ports.is_input(port) else Missing.ABSENT


def _measured(body: Body, id: int) -> Value | Missing | None:
    measured = body.measured
    if measured is None:
        return Missing.PENDING if id not in ENERGY_IDS else None
    gauge = GAUGES.get(id)
    if gauge is not None:
        return gauge.show(measured)
    if id in ENERGY_IDS:
        return None
    if body.available() < len(ORDERS):
        return Missing.PENDING
    if id in DISTORTIONS:
        return distortion(measured.spectrum(DISTORTIONS[id]))
    return spectrum(measured.spectrum(SPECTRA[id]))


def harmonic(body: Body, id: int, order: int) -> int | Missing:
    """One order of an array of harmonics, which may be there before the others; 0.1 %, order 2 to 16."""
    if id not in body.ids or body.faults.get("status-15") == id:
        return Missing.ABSENT
    if body.faults.get("status-18") == id:
        return Missing.ERROR
    if body.frozen is not None and isinstance(shown := body.frozen[id], tuple):
        return shown[order - 1]
    if body.measured is None or order - ORDERS.start >= body.available():
        return Missing.PENDING
    return body.measured.spectrum(SPECTRA[id])[order - ORDERS.start]


def milliamperes(body: Body, id: int) -> int | Missing:
    """A current (one of :data:`CURRENTS`) in mA, as the A41 and A42 send it on M-Bus (AD-06)."""
    shown = read(body, id)
    if isinstance(shown, Missing) or body.measured is None:
        return shown if isinstance(shown, Missing) else Missing.PENDING
    if body.frozen is not None:
        kept = body.frozen[-id]
        return kept if isinstance(kept, int | Missing) else Missing.PENDING
    return nearest(GAUGES[id].read(body.measured), 1000)


def outputs(body: Body) -> int:
    """States of the outputs, bit n - 1 = port n."""
    alarms, tariff = body.watch.outputs, body.registers.tariffs.active
    return sum(
        body.ports.output(port, body.at, tariff, alarms) << port - 1
        for port in PORTS
        if body.ports.function(port) and not body.ports.is_input(port)
    )
