"""Answers of other gateways in the default form: what shapes alone cannot tell (g13-api.md 6, column "Accepted")."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

#: Output port of an alarm, and of a pulse output that is off (52, 65).
OUTPUTS, OFF = range(5), 255
_UNITS = {"active": "W", "reactive": "var", "apparent": "VA"}


@dataclass(slots=True)
class Accepting:
    """How answers are taken: ``pulse_port_base`` is the first number of a pulse port where the answer itself does not
    tell (GD-11). ``warnings`` gathers what was odd."""

    pulse_port_base: int = 0
    warnings: list[str] = field(default_factory=list)

    def warn(self, text: str) -> None:
        """Say something once."""
        if text not in self.warnings:
            self.warnings.append(text)


def _categories(document: dict[str, Any], how: Accepting) -> None:
    """GD-30: the log id counts, not the category beside it."""
    for log in document.values():
        for entry in log:
            if "logid" in entry:
                entry["category"] = 2 if entry["logid"] < 1000 else 4 if entry["logid"] < 2000 else 8


def _outputs(document: dict[str, Any], how: Accepting) -> None:
    """GD-12: an output that there is not is none."""
    for alarm in document.get("alarmconfig", ()):
        if alarm.get("output", 0) not in OUTPUTS:
            how.warn(f"alarm {alarm.get('id')}: there is no output {alarm['output']}; taken as none")
            alarm["output"] = 0


def _totals(document: dict[str, Any], how: Accepting) -> None:
    """GD-16: units are taken as they are printed; only what cannot be is told."""
    for registers in document.values():
        phases = [Decimal(registers[name][0]) for name in ("l1", "l2", "l3") if _given(registers, name)]
        if phases and _given(registers, "total"):
            units = {registers[name][1] for name in ("l1", "l2", "l3", "total") if name in registers}
            total = abs(Decimal(registers["total"][0]))
            if len(units) == 1 and sum(map(abs, phases), Decimal()) > 100 * total:
                how.warn("phase energies and total disagree")


def _given(registers: Mapping[str, Any], name: str) -> bool:
    return name in registers and registers[name][0] is not None


def _power_units(document: dict[str, Any], how: Accepting) -> None:
    """GD-18: the unit follows the member, not the text."""
    for name, unit in _UNITS.items():
        for value in document.get(name, {}).values():
            value[1] = unit


def _ports(document: dict[str, Any], how: Accepting) -> None:
    """63: where no port is printed, its position is the port."""
    for number, port in enumerate(document.get("iostatus", ()), 1):
        port.setdefault("port", number)


def _pulse_ports(document: dict[str, Any], how: Accepting) -> None:
    """GD-11: a port 0 tells that they are counted from 0, a port 4 or an ``id`` that they are not."""
    outputs = document.get("pulse", [])
    ports = {output.get("port") for output in outputs}
    one_based = 4 in ports or any("id" in output for output in outputs)
    base = 0 if 0 in ports else 1 if one_based else how.pulse_port_base
    for number, output in enumerate(outputs, 1):
        output.setdefault("id", number)
        if output.get("port", OFF) != OFF:
            output["port"] += 1 - base


#: What is done to the document of a resource, by number.
NORMAL: Mapping[int, Callable[[dict[str, Any], Accepting], None]] = {
    51: _categories,
    52: _outputs,
    54: _totals,
    59: _power_units,
    63: _ports,
    65: _pulse_ports,
}
