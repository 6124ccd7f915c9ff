"""The objects of a COSEM meter, for `wattproof read`: class, logical name, what may be done with them, values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wattproof.cli import output
from wattproof.model.readings import Reading


def has_objects(meter: Any, points: Sequence[str]) -> bool:
    """Whether all objects of a meter are wanted of which nothing else is known."""
    return not points and getattr(meter, "family", None) == "cosem"


def objects_list(meter: Any) -> list[dict[str, object]]:
    """All objects for JSON."""
    from wattproof.drivers.cosem.names import entry_dict

    return [entry_dict(entry) for entry in meter.objects()]


def objects_table(meter: Any, readings: Sequence[Reading], shown: Any) -> Any:
    """All objects for people, with the values of those that have one."""
    from wattproof.drivers.cosem.names import access_text, short

    values = {reading.point: reading for reading in readings}
    rows = []
    for entry in meter.objects():
        name = short(entry.name)
        reading = values.get(name)
        known = entry.interface_class
        value = "" if reading is None or reading.value is None else shown(reading)
        unit = "" if reading is None else reading.unit
        rows.append((str(entry.class_id), known.name if known else "", name, access_text(entry), value, unit))
    columns = ("Class", "Name", "Logical name", "Access", "Value", "Unit")
    return output.table(columns, rows, right="Class")
