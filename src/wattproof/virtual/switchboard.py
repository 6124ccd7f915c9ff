"""What the names of a family's closed tables do to a meter: one object a family, the same rules for every meter.

Controls and faults come as texts of the command line or as values of JSON and Python; they are read by their rows
first, all or nothing, and then brought into force at once or when a named state begins.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from decimal import Decimal
from typing import Any, Protocol, cast

from wattproof.errors import InvalidValue, UnknownName
from wattproof.virtual import curves
from wattproof.virtual.base import SECOND
from wattproof.virtual.faults import ENDED, Armed, Faults, Flag, Kind, Number, Row, Table, Whole, shown, split_fault
from wattproof.virtual.line import LINE_FAULTS, LineFaults


class Switched(Protocol):
    """What a meter needs for its names to be switched."""

    @property
    def faults(self) -> Faults:
        """The family's own faults in force."""
        ...

    @property
    def line(self) -> LineFaults:
        """The bus faults in force."""
        ...

    @property
    def journal(self) -> Callable[[str, Mapping[str, object]], None]:
        """Where changes are told."""
        ...

    @property
    def supplied(self) -> bool:
        """Whether it has supply."""
        ...


#: What a name does to a meter of its family, given the value that was read.
Action = Callable[[Any, object], None]

_LINE_KINDS: dict[str, Kind] = {
    "percent": Number(0, 100, "%"),
    "seconds": Number(0, 600, "s real"),
    "code": Whole(1, 11, "exception code"),
    "flag": Flag(),
}


def bus_rows(source: str, names: Mapping[str, str] | None = None) -> tuple[Row, ...]:
    """The bus faults as rows of a family's table; ``names`` are other names under which the family knows some."""
    other = names or {}
    return tuple(
        Row(
            other.get(row.name, row.name),
            _LINE_KINDS[row.kind],
            row.default if row.kind in ("flag", "code") else Decimal(row.default),
            row.effect,
            source,
        )
        for row in LINE_FAULTS.values()
    )


def nanoseconds(seconds: object) -> int:
    """Meter nanoseconds of a value of a table."""
    return int(cast(Decimal, seconds) * SECOND)


class Switchboard:
    """The closed tables of one family and what their names do.

    :param states: the named states at which a change can be armed; ``example``: how they are written, for messages.
    :param acts: what each control does; :param strikes: what a fault does at the moment it is set, and (unless it acts
        once) at the moment it ends, with ``None``. Faults without an entry are looked up where they matter.
    :param powered: controls that act inside the meter; without supply there is nothing that they could reach.
    :param bus: bus faults by the family's own name, where it differs.
    """

    def __init__(
        self,
        controls: Table,
        faults: Table,
        states: Iterable[str],
        *,
        example: str,
        acts: Mapping[str, Action],
        strikes: Mapping[str, Action],
        powered: Container[str] = (),
        bus: Mapping[str, str] | None = None,
    ) -> None:
        self.controls = controls
        self.faults = faults
        self.states = frozenset(states)
        self._example = example
        self._acts = acts
        self._strikes = strikes
        self._powered = powered
        self._bus = {**{name: name for name in LINE_FAULTS}, **(bus or {})}

    # reading

    def read_controls(self, controls: Mapping[str, object]) -> dict[str, object]:
        """Controls as values, in the order of the table."""
        values = {name: self.controls.read(name, value) for name, value in controls.items()}
        return {name: values[name] for name in self.controls.by_name if name in values}

    def read_faults(self, meter: Switched, faults: Mapping[str, object]) -> dict[str, object]:
        """Faults as values, ended ones as ``None``. Raises ``InvalidValue`` for what contradicts one in force."""
        values = {name: self.faults.read_fault(name, value) for name, value in faults.items()}
        meter.faults.check({name: value for name, value in values.items() if not self.is_bus_fault(name)})
        return values

    def check_when(self, when: str) -> None:
        """``UnknownName`` unless ``when`` is a named state."""
        if when not in self.states:
            raise UnknownName(f"no named state {when!r}: write {self._example}")

    def parse(self, texts: Iterable[str]) -> list[tuple[str, object, str | None]]:
        """Faults of the command line, each with the state it waits for."""
        found = []
        for text in texts:
            name, value, when = split_fault(text)
            if when is not None:
                self.check_when(when)
            found.append((name, self.faults.read_fault(name, value), when))
        return found

    def begin(self, meter: Switched, faults: Iterable[tuple[str, object, str | None]]) -> list[Armed]:
        """Bring the faults of :meth:`parse` into force; returns those that wait for a state."""
        armed = []
        for name, value, when in faults:
            if when is not None:
                armed.append(Armed(when, {}, {name: value}))
                continue
            if not self.is_bus_fault(name):
                meter.faults.check({name: value})
            self.put_fault(meter, name, value)
        return armed

    def is_bus_fault(self, name: str) -> bool:
        """Whether it acts between the meter and its wire."""
        return name in self._bus

    # bringing into force

    def apply(self, meter: Switched, controls: Mapping[str, object], faults: Mapping[str, object]) -> None:
        """Bring read controls and faults into force at the present moment."""
        for name, value in faults.items():
            self.put_fault(meter, name, value)
        for name, value in controls.items():
            details = {"control": name, "value": value.text if isinstance(value, curves.Load) else shown(value)}
            if name in self._powered and not meter.supplied:
                meter.journal("control-ignored", {**details, "reason": "the meter has no supply"})
                continue
            meter.journal("control", details)
            self._acts[name](meter, value)

    def put_fault(self, meter: Switched, name: str, value: object) -> None:
        """Set or end one fault. One that would contradict another in force is refused, in the journal."""
        if self.is_bus_fault(name):
            self._put_bus_fault(meter, name, value)
            return
        try:
            meter.faults.check({name: value})
        except InvalidValue as error:
            meter.journal("fault-refused", {"fault": name, "reason": str(error)})
            return
        meter.faults.put(name, value)
        strike = self._strikes.get(name)
        if strike is not None and not (value is ENDED and self.faults.by_name[name].once):
            strike(meter, value)

    def _put_bus_fault(self, meter: Switched, name: str, value: object) -> None:
        row = self._bus[name]
        if value is ENDED:
            if row in meter.line.active:
                meter.line.clear(row)
                meter.journal("fault-ended", {"fault": name})
            return
        number = value if isinstance(value, bool | int) else _json_number(cast(Decimal, value))
        meter.line.set(row, number)
        meter.journal("fault-set", {"fault": name, "value": number})

    def in_force(self, meter: Switched) -> dict[str, object]:
        """The faults in force with their values, as the control interface shows them."""
        own = {row: name for name, row in self._bus.items()}
        active = {name: shown(value) for name, value in meter.faults.active.items()}
        return active | {own[row]: value for row, value in meter.line.active.items()}


def _json_number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)
