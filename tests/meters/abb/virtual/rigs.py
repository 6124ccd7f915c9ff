"""A body on the bench: its faults and controls in force, time moved by hand."""

from __future__ import annotations

import random
from collections.abc import Mapping

from wattproof.metering.clock import Clock
from wattproof.metering.dates import seconds_of
from wattproof.meters.abb.variants import variant
from wattproof.meters.abb.virtual import control
from wattproof.meters.abb.virtual.body import Body
from wattproof.meters.abb.virtual.faults import METER_CONTROLS, METER_FAULTS, VALUE_FAULTS
from wattproof.meters.abb.virtual.sources import Load, parse_load
from wattproof.virtual.faults import Faults, Table
from wattproof.virtual.line import LineFaults
from wattproof.virtual.switchboard import Switchboard

SECOND, MILLI = 10**9, 10**6
HOUR = 3600
DAY = 24 * HOUR
#: Monday, 2024-01-01 00:00.
START = (2024, 1, 1)
BOARD = Switchboard(
    Table("control", METER_CONTROLS),
    Table("fault", (*METER_FAULTS, *VALUE_FAULTS)),
    control.STATES,
    example="interval-end",
    acts=control.ACTS,
    strikes=control.STRIKES,
    powered=control.POWERED,
)


class Rig:
    """``now`` is meter time in ns; everything happens there."""

    def __init__(
        self,
        label: str | None = None,
        load: str | Load = "none",
        start: tuple[int, ...] = START,
        *,
        seed: int = 1,
        summer: bool = False,
    ) -> None:
        self.events: list[tuple[str, Mapping[str, object]]] = []
        self.states: list[tuple[int, str]] = []
        self.faults = Faults(BOARD.faults, self.journal)
        self.line = LineFaults(random.Random(seed))
        self.now = 0
        clock = Clock()
        clock.summer.enabled = summer
        clock.set_local(0, seconds_of(*start))
        source = parse_load(load) if isinstance(load, str) else load
        self.body = Body(variant(label), "00012345", source, clock, self.faults, seed=seed)
        self.body.entered = lambda state: self.states.append((self.body.at, state))

    def journal(self, event: str, details: Mapping[str, object]) -> None:
        self.events.append((event, details))

    @property
    def supplied(self) -> bool:
        return self.body.supplied

    def step(self, duration: int) -> None:
        self.now += duration

    def control(self, **controls: object) -> None:
        self.patch({name.replace("_", "-"): value for name, value in controls.items()}, {})

    def fault(self, name: str, value: object = True) -> None:
        self.patch({}, {name: value})

    def patch(self, controls: Mapping[str, object], faults: Mapping[str, object]) -> None:
        self.body.advance(self.now)
        read = control.read_controls(BOARD.read_controls(controls))
        BOARD.apply(self, read, BOARD.read_faults(self, faults))
        self.body.advance(self.now)

    def run(self, seconds: float) -> None:
        self.now += round(seconds * 1000) * MILLI
        self.body.advance(self.now)

    def values(self, *ids: int) -> list[object]:
        return [self.body.value(id) for id in ids]

    @property
    def time(self) -> tuple[int, ...]:
        """Month, day, hour, minute, second."""
        fields = self.body.stamp.fields
        return (*fields[1:3], *fields[4:])
