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
from wattproof.gateway.quantities import NUMBERS, Known
from wattproof.gateway.records import Meter, Value
from wattproof.gateway.serve.modern.about import resident
from wattproof.gateway.serve.modern.face import Called, Face, Reply
from wattproof.gateway.serve.modern.meters import newest
from wattproof.model.quantities import Kind
from wattproof.model.units import DEGREE, KILOGRAM, NONE, SECOND, Unit
from wattproof.version import __version__

#: Words for units in names of metrics, by symbol; a unit that is not here is spelt by its name.
_WORDS = {
    KILOGRAM.symbol: "kilograms",
    DEGREE.symbol: "degrees",
    SECOND.symbol: "seconds",
    "°C": "celsius",
    "Hz": "hertz",
    "%": "percent",
    "currency": "currency",
}
#: Factors are per kilowatt-hour, which their unit does not say.
_NAMES = {
    "NRG_CONVERSION_FACTOR_CO2": "wattproof_co2_kilograms_per_kilowatt_hour",
    "NRG_CONVERSION_FACTOR_CURR": "wattproof_currency_per_kilowatt_hour",
}
_LABELS = ("serial", "alias", "location")


#: Figures of a bus: in the state of ``acquire``, in the metric, whether they only grow.
_OF_BUSES: tuple[tuple[str, str, type[CounterMetricFamily | GaugeMetricFamily], str], ...] = (
    ("meters", "meters", GaugeMetricFamily, "Meters registered on the bus."),
    ("online", "online_meters", GaugeMetricFamily, "Meters that answer."),
    ("queue", "queue", GaugeMetricFamily, "Requests that wait."),
    ("stretch", "stretch", GaugeMetricFamily, "By how much periods are stretched because the bus is full."),
    ("load", "load_ratio", GaugeMetricFamily, "Share of the time in which the bus is busy."),
    ("late_s", "late_seconds", GaugeMetricFamily, "Worst delay of a poll in the last minute."),
    ("polls", "polls", CounterMetricFamily, "Polls since the start."),
    ("commands", "commands", CounterMetricFamily, "Requests of clients carried out."),
    ("refused", "refused", CounterMetricFamily, "Requests refused because too many waited."),
    ("mistakes", "mistakes", CounterMetricFamily, "Failures of the gateway itself."),
    ("busy_s", "busy_seconds", CounterMetricFamily, "Time in which the bus was busy."),
)


class _Once(Collector):
    """Metrics made beforehand, for one answer."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        yield from self._metrics


async def metrics(face: Face, called: Called) -> Reply:
    """Values of the meters that the user may see, and how the gateway is."""
    meters = [one for one in await face.reader.meters() if called.user.sees(one.serial)]
    latest = await newest(face, [one.serial for one in meters])
    try:
        state: Mapping[str, Any] | None = await face.local.call("state")
    except CommandFailed:
        state = None
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Once([*_of_meters(meters, latest, face.serving.now), *_of_gateway(state)]))
    row = called.row.answer
    return Reply(200, generate_latest(registry), row)


def _of_meters(meters: Sequence[Meter], latest: Mapping[str, Mapping[int, Value]], now: int) -> Iterator[Metric]:
    """One family a quantity; whatever has no number now is left out, and so is all of a meter that is offline: its last
    values would get the time of this answer. Then status and age."""
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
        made = family(known, f"{known.name} ({known.unit.name or 'no unit'}).")
        for one in meters:
            if one.status < 0:
                continue
            value = latest[one.serial].get(id)
            if value is not None and value.mantissa is not None and value.quality.value in ("good", "estimated"):
                made.add_metric((one.serial, one.alias, one.location), float(f"{value.mantissa}e{value.exponent}"))
        yield made


def family(known: Known, text: str) -> CounterMetricFamily | GaugeMetricFamily:
    """A counter is what never falls; net registers do when energy flows back."""
    grows = known.kind is Kind.COUNTER and "_NET_" not in known.name
    make = CounterMetricFamily if grows else GaugeMetricFamily
    return make(_NAMES.get(known.name) or name_of(known.name, known.unit), text, labels=_LABELS)


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
    for key, name, make, text in _OF_BUSES:
        figures = make(f"wattproof_bus_{name}", text, labels=("bus",))
        for bus in state["buses"]:
            if key in bus:
                figures.add_metric((bus["name"],), bus[key])
        yield figures
