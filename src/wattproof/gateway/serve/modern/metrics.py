"""Figures for Prometheus: one gauge or counter a line, made from what is stored and from what ``acquire`` counts.

The client library writes the text format, so that names, escapes and types are right.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

from wattproof.gateway.local import CommandFailed
from wattproof.gateway.quantities import NUMBERS
from wattproof.gateway.records import Meter, Value
from wattproof.gateway.serve.modern.about import resident
from wattproof.gateway.serve.modern.face import Called, Face, Reply
from wattproof.model.quantities import Kind
from wattproof.model.units import DEGREE, KILOGRAM, NONE, SECOND, Unit
from wattproof.version import __version__

#: Words for units in names of metrics, by symbol; a unit that is not here is spelt by its name.
_WORDS = {KILOGRAM.symbol: "kilograms", DEGREE.symbol: "degrees", SECOND.symbol: "seconds", "°C": "celsius"}
_LABELS = ("serial", "alias", "location")


class _Once(Collector):
    """Metrics made beforehand, for one answer."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        yield from self._metrics


async def metrics(face: Face, called: Called) -> Reply:
    """Values of the meters that the user may see, and how the gateway is."""
    meters = [one for one in await face.reader.meters() if called.user.sees(one.serial)]
    latest = {one.serial: await face.reader.latest(one.serial) for one in meters}
    try:
        state: Mapping[str, Any] | None = await face.local.call("state")
    except CommandFailed:
        state = None
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Once([*_of_meters(meters, latest, face.serving.now), *_of_gateway(state)]))
    row = called.row.answer
    return Reply(200, generate_latest(registry), row)


def _of_meters(meters: Sequence[Meter], latest: Mapping[str, Mapping[int, Value]], now: int) -> Iterator[Metric]:
    """One family a quantity; whatever has no number now is left out. Then status and age."""
    status = GaugeMetricFamily("wattproof_meter_status", "-1 offline, 0 registered, 1 online.", labels=_LABELS)
    age = GaugeMetricFamily("wattproof_meter_age_seconds", "Age of the newest reading.", labels=_LABELS)
    for one in meters:
        labels = (one.serial, one.alias, one.location)
        status.add_metric(labels, one.status)
        times = [value.time for value in latest[one.serial].values() if value.mantissa is not None]
        if times:
            age.add_metric(labels, max(0.0, (now - max(times)) / 1000))
    yield from (status, age)
    ids = sorted({id for values in latest.values() for id in values if id in NUMBERS})
    for id in ids:
        known = NUMBERS[id]
        family = _family(known.kind, name_of(known.name, known.unit), f"{known.name} ({known.unit.name or 'no unit'}).")
        for one in meters:
            value = latest[one.serial].get(id)
            if value is not None and value.mantissa is not None and value.quality.value in ("good", "estimated"):
                family.add_metric((one.serial, one.alias, one.location), float(f"{value.mantissa}e{value.exponent}"))
        yield family


def _family(kind: Kind, name: str, text: str) -> CounterMetricFamily | GaugeMetricFamily:
    make = CounterMetricFamily if kind is Kind.COUNTER else GaugeMetricFamily
    return make(name, text, labels=_LABELS)


def name_of(quantity: str, unit: Unit) -> str:
    """The name of the metric of a quantity, with its unit as Prometheus wants it.

    >>> from wattproof.model.units import VOLT, WATT_HOUR
    >>> name_of("VOLTAGE_L1", VOLT), name_of("ACTIVE_ENERGY_IMPORT_TOTAL", WATT_HOUR)
    ('wattproof_voltage_l1_volts', 'wattproof_active_energy_import_total_watt_hours')
    """
    word = "" if unit == NONE else _WORDS.get(unit.symbol, f"{unit.name.lower().replace(' ', '_').replace('-', '_')}s")
    return f"wattproof_{quantity.lower()}" + (f"_{word}" if word else "")


def _of_gateway(state: Mapping[str, Any] | None) -> Iterator[Metric]:
    """How the processes are, and the figures of each bus that ``acquire`` counts."""
    yield GaugeMetricFamily("wattproof_acquire_up", "Whether the process that reads meters answers.", state is not None)
    built = GaugeMetricFamily("wattproof_build_info", "The version.", labels=("version",))
    built.add_metric((__version__,), 1)
    yield built
    memory = GaugeMetricFamily("wattproof_resident_memory_bytes", "Memory of a process.", labels=("process",))
    for process, size in (("serve", resident()), ("acquire", None if state is None else state.get("memory"))):
        if size is not None:
            memory.add_metric((process,), size)
    yield memory
    if state is None:
        return
    yield GaugeMetricFamily("wattproof_uptime_seconds", "Since the start of acquire.", state["uptime_s"])
    storage = state["storage"]
    failing = storage["failure"] is not None
    yield GaugeMetricFamily("wattproof_storage_failing", "Whether what meters say cannot be stored.", failing)
    yield GaugeMetricFamily("wattproof_storage_waiting_polls", "Polls that are not on disk yet.", storage["waiting"])
    yield CounterMetricFamily("wattproof_storage_lost_readings", "Readings given up since the start.", storage["lost"])
    names = sorted({name for bus in state["buses"] for name, value in bus.items() if _is_number(value)})
    for name in names:
        family = GaugeMetricFamily(f"wattproof_bus_{name}", f"Figure {name} of a bus.", labels=("bus",))
        for bus in state["buses"]:
            if _is_number(bus.get(name)):
                family.add_metric((bus["name"],), bus[name])
        yield family


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
