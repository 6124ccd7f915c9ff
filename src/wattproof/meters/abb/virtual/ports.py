"""Inputs, outputs and pulse outputs (abb-meters.md 3.5)."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from enum import IntEnum
from typing import Any

from wattproof.metering.pulses import PulseOutput
from wattproof.meters.abb.rows import PLATINUM, SILVER, STEEL
from wattproof.meters.abb.virtual.electrics import REACTIVE, Measured

PORTS = range(1, 5)
#: The port of a pulse output that is off.
OFF = 255
#: Energy of a pulse output that counts nothing.
NO_ENERGY = 4


class Function(IntEnum):
    """What a port does."""

    INPUT = 0
    COMMUNICATION = 1
    ALARM = 2
    PULSE = 3
    TARIFF = 4
    ALWAYS_ON = 5
    ALWAYS_OFF = 6


#: Outputs 1 and 2, inputs 3 and 4, by which tariffs can be switched; below Silver a pulse output alone.
_PORTS = (Function.COMMUNICATION, Function.COMMUNICATION, Function.INPUT, Function.INPUT)


@dataclass(frozen=True, slots=True)
class Pulse:
    """Settings of one pulse output: length in ms, pulses a kWh (kvarh), energy type 0..4, port 1..4 or 255."""

    length: int = 100
    frequency: int = 100
    energy: int = 0
    port: int = OFF


UNUSED = Pulse()


class Ports:
    """``levels``, ``stored`` and ``outputs`` are bits, port 1 the lowest."""

    __slots__ = ("counters", "fixed", "functions", "levels", "outputs", "pulses", "running", "stored")

    def __init__(self, level: int) -> None:
        self.fixed = level < PLATINUM
        self.functions: tuple[Function, ...] = ()
        self.pulses: tuple[Pulse, ...] = (UNUSED,) * len(PORTS)
        if level >= SILVER:
            self.functions = _PORTS
        elif level >= STEEL:
            self.functions = (Function.PULSE,)
            self.pulses = (Pulse(port=1), UNUSED, UNUSED, UNUSED)
        self.levels = self.stored = self.outputs = 0
        self.counters = [0] * len(PORTS)
        self.running: dict[int, PulseOutput] = {}

    def function(self, port: int) -> Function | None:
        """What a port does, ``None`` if there is no such port."""
        return self.functions[port - 1] if 1 <= port <= len(self.functions) else None

    def is_input(self, port: int) -> bool:
        return self.function(port) is Function.INPUT

    def count(self, port: int) -> int:
        """The counter of an input."""
        return self.counters[port - 1]

    # from outside

    def drive(self, port: int, level: bool) -> bool:
        """A level at a port; whether an input has changed."""
        changed = self.level(port) != level
        self.put_level(port, level)
        if not (changed and self.is_input(port)):
            return False
        if level:
            self.counters[port - 1] += 1
            self.stored |= 1 << port - 1
        return True

    def put_level(self, port: int, level: bool) -> None:
        """Another level at a port, without an edge."""
        bit = 1 << port - 1
        self.levels = self.levels | bit if level else self.levels & ~bit

    def level(self, port: int) -> bool:
        """What is at an input."""
        return bool(self.levels >> port - 1 & 1)

    def reset_stored(self, port: int) -> None:
        """Forget that an input was on; the next edge sets it again."""
        self.stored &= ~(1 << port - 1)

    def reset_counter(self, port: int) -> None:
        self.counters[port - 1] = 0

    def put(self, port: int, state: bool) -> bool:
        """Set an output by communication; whether it is one."""
        if self.function(port) is not Function.COMMUNICATION:
            return False
        bit = 1 << port - 1
        self.outputs = self.outputs | bit if state else self.outputs & ~bit
        return True

    def output(self, port: int, now: int, tariff: int, alarms: int) -> bool:
        """What an output shows; ``alarms``: bits of the ports that alarms switch on."""
        function = self.function(port)
        if function is Function.COMMUNICATION:
            return bool(self.outputs >> port - 1 & 1)
        if function is Function.ALARM:
            return bool(alarms >> port - 1 & 1)
        if function is Function.PULSE:
            return any(self.pulses[k].port == port and run.level(now) for k, run in self.running.items())
        return function is Function.ALWAYS_ON or (function is Function.TARIFF and tariff == port)

    # settings

    def assign(self, port: int, function: Function, now: int) -> None:
        """Another function for a port."""
        self.functions = (*self.functions[: port - 1], function, *self.functions[port:])
        self.arrange(now)

    def set_pulse(self, number: int, now: int, **changes: int) -> None:
        """Other settings of pulse output 1 to 4; it begins anew."""
        changed = replace(self.pulses[number - 1], **changes)
        self.pulses = (*self.pulses[: number - 1], changed, *self.pulses[number:])
        self.running.pop(number - 1, None)
        self.arrange(now)

    def arrange(self, now: int) -> None:
        """Start and stop pulse outputs as their settings and ports say."""
        for number, pulse in enumerate(self.pulses):
            runs = self.function(pulse.port) is Function.PULSE and pulse.energy != NO_ENERGY
            if runs and number not in self.running:
                self.running[number] = PulseOutput(pulse.length, pulse.frequency, now)
            elif not runs:
                self.running.pop(number, None)

    # time

    def advance(self, measured: Measured | None, now: int) -> None:
        """Pulses until ``now``, over what was measured since the last call."""
        for number, output in self.running.items():
            output.advance(0 if measured is None else power_of(measured, self.pulses[number].energy), now)

    def fail(self) -> None:
        """The supply fails."""
        for output in self.running.values():
            output.fail()

    @property
    def merged(self) -> bool:
        """Whether pulses were lost since the last full minute."""
        return any(output.merged for output in self.running.values())

    # what stays

    def save(self) -> dict[str, Any]:
        """Plain data of everything."""
        return {
            "functions": [int(function) for function in self.functions],
            "pulses": [list(asdict(pulse).values()) for pulse in self.pulses],
            "levels": self.levels,
            "stored": self.stored,
            "outputs": self.outputs,
            "counters": list(self.counters),
            "running": [[number, output.save()] for number, output in sorted(self.running.items())],
        }

    def restore(self, data: dict[str, Any]) -> None:
        """As :meth:`save` left it."""
        self.functions = tuple(Function(function) for function in data["functions"])
        self.pulses = tuple(Pulse(*pulse) for pulse in data["pulses"])
        self.levels, self.stored, self.outputs = data["levels"], data["stored"], data["outputs"]
        self.counters = list(data["counters"])
        self.running = {number: PulseOutput.restore(output) for number, output in data["running"]}


def power_of(measured: Measured, energy: int) -> int:
    """mW or mvar of an energy type: active import, active export, reactive import, reactive export."""
    power: int = measured.powers[0 if energy < 2 else REACTIVE]
    return max(power if energy % 2 == 0 else -power, 0)
