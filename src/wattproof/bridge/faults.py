"""The closed table of faults that a proxy can have: those of the line between it and its masters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import cast

from wattproof.errors import InvalidValue
from wattproof.virtual.faults import ENDED, Flag, Number, Row, Table, Whole, split_fault
from wattproof.virtual.faults import Kind as RowKind
from wattproof.virtual.line import KINDS, LINE_FAULTS, LineFaults, Value

_UNITS = {"percent": "%", "seconds": "s"}


def _kind(name: str) -> RowKind:
    limits = KINDS[name]
    if name == "flag":
        return Flag()
    if name == "code":
        return Whole(limits.low, limits.high, "exception code")
    return Number(limits.low, limits.high, _UNITS[name])


FAULTS = Table("fault", tuple(Row(row.name, _kind(row.kind), row.default, row.effect) for row in LINE_FAULTS.values()))


def read_faults(texts: Iterable[str]) -> dict[str, object]:
    """``NAME[=VALUE]`` texts of the command line as names and values.

    :raises UnknownName: no such fault.
    :raises InvalidValue: a value out of range, or a state: a proxy has none that a fault could wait for.
    """
    found: dict[str, object] = {}
    for text in texts:
        name, value, when = split_fault(text)
        if when is not None:
            raise InvalidValue(f"--fault {text}: a proxy has no states, so nothing can wait for {when!r}")
        found[name] = FAULTS.read_fault(name, value)
    return found


def put_faults(line: LineFaults, changes: Mapping[str, object]) -> None:
    """Begin and end faults: all of ``changes`` (names and values as JSON has them), or nothing.

    :raises UnknownName: no such fault.
    :raises InvalidValue: a value out of range.
    """
    read = {name: FAULTS.read_fault(name, value) for name, value in changes.items()}
    for name, value in read.items():
        if value is ENDED:
            if name in line.active:
                line.clear(name)
                line.journal("fault-ended", {"fault": name})
            continue
        number = _plain(cast(Value, value))
        line.set(name, number)
        line.journal("fault-set", {"fault": name, "value": number})


def _plain(value: Value) -> bool | int | float:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value
