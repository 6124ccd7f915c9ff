"""One long step and many short ones lead to the same state, byte for byte (abb-meters.md 3.14); so do save and restore.

A scenario is drawn from a seed: a source with segments on whole seconds, everything configured that a meter has, and
what happens to it meanwhile. It is played with time advanced at once, in random steps, and second by second.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable

import pytest

from tests.meters.abb.virtual.rigs import DAY, HOUR, Rig
from wattproof.metering.alarms import Setting
from wattproof.metering.clock import Clock
from wattproof.metering.dates import DatePattern
from wattproof.metering.demand import Entry
from wattproof.metering.intervals import Period, Span
from wattproof.metering.tariffs import Action, DayProfile, Season, SpecialDay, WeekProfile
from wattproof.meters.abb.variants import variant
from wattproof.meters.abb.virtual.body import Body
from wattproof.meters.abb.virtual.sources import Segment, Terminals, Watts
from wattproof.virtual.curves import Load, Recorded

#: Where something special lies ahead: both changes of summer time, the end of a month and of a year.
STARTS = [
    (2024, 3, 31, 0, 40),
    (2024, 10, 27, 0, 40),
    (2024, 2, 28, 23, 10),
    (2024, 12, 31, 22, 50),
    (2024, 6, 9, 21, 0),
]
DEMAND_CODES = (1, 3, 5, 6, 9, 11, 13, 15)
NANO = 10**9


def source(draw: random.Random, seconds: int) -> Load[Segment]:
    starts = sorted({0, *(draw.randrange(seconds) for _ in range(draw.choice((3, 40, 400))))})
    segments: list[Segment] = []
    for _ in starts:
        if draw.random() < 0.3:
            segments.append(Watts(draw.randrange(-9_000_000, 9_000_000), draw.choice((0, 18_000)), 50_000))
            continue
        u, i, phi = (
            tuple(draw.randrange(*limits) for _ in range(3))
            for limits in ((30_000, 260_000), (-20_000_000, 20_000_000), (-180_000, 180_000))
        )
        segments.append(Terminals(u, i, phi, draw.choice((44_900, 50_000, 50_020))))
    return Recorded("csv:drawn", [start * NANO for start in starts], segments)


def configure(rig: Rig, draw: random.Random) -> None:
    body = rig.body
    quantities = [1, 2, 33, 53, 69, 70, 82, 60, 179, 188, 13, 10]
    for number, quantity in enumerate(draw.sample(quantities, 8), 1):
        body.set_channel(number, quantity, draw.choice((60, 120, 300, 900, 3600, 7200)), draw.choice((3, 50, 4000)))
    body.set_previous_values([1, 2, 9, 10, 53, 122, 171], Period(draw.choice(tuple(Span)), draw.randint(1, 7)))
    interval = draw.choice((900, 300, 3600))
    entries = [Entry(draw.choice((1, 2, 21, 41, 53, 69, 93, 96, 60)), code) for code in DEMAND_CODES]
    body.set_demand(entries, interval, draw.choice((60, 300, interval)), Period())
    for port, function in ((1, 2), (2, 3), (3, draw.choice((0, 1, 4)))):
        body.set_port(port, function)
    body.set_pulse(1, draw.choice((10, 77, 990)), draw.choice((100, 9999, 1_000_000)), draw.randrange(4), 2)
    for number, quantity in enumerate((96, 69, 82, 60, 81, 170), 1):
        on, off = draw.randrange(-200_000, 300_000), draw.randrange(-200_000, 300_000)
        scale = 1 if quantity == 96 else 100
        delays = draw.choice((0, 7, 60, 1000)), draw.choice((0, 3, 90))
        body.set_alarm(number, Setting(quantity, on // scale, off // scale, *delays, True, draw.choice((0, 1))))
    body.write_passive(
        days=tuple(
            DayProfile(day, tuple(Action(draw.randrange(1440), draw.randint(1, 8)) for _ in range(draw.randint(0, 9))))
            for day in range(4)
        ),
        weeks=(WeekProfile(b"w", tuple(draw.randrange(4) for _ in range(7))),),
        seasons=(Season(b"s", DatePattern(month=draw.randint(1, 12), day=254), b"w"),),
    )
    body.insert_special_day(SpecialDay(1, DatePattern(day=254), 3))
    body.activate_calendar()
    body.set_tariff_source(draw.choice((0, 0, 1, 2)))
    rig.control(harmonics="u1:3=50,u2:5=20,i1:2=9,i3:16=700")


def happenings(draw: random.Random, noise: bool) -> list[tuple[str, Callable[[Rig], None]]]:
    """What can happen to a meter."""
    moved, choice = draw.randint(1, 9000), draw.randint(1, 4)
    found: dict[str, Callable[[Rig], None]] = {
        "clock-back": lambda rig: rig.fault("clock-back", moved),
        "clock-forward": lambda rig: rig.fault("clock-forward", moved),
        "power-cut": lambda rig: rig.fault("power-cut", moved),
        "clock-lost": lambda rig: rig.fault("clock-lost"),
        "clock-drift": lambda rig: rig.fault("clock-drift", moved * 10 - 40_000),
        "overflow": lambda rig: rig.fault("overflow"),
        "counter-jump": lambda rig: rig.fault("counter-jump", moved),
        "reverse": lambda rig: rig.fault("reverse", "reverse" not in rig.faults),
        "phase-lost": lambda rig: rig.fault("phase-lost", False if "phase-lost" in rig.faults else 2),
        "noise": lambda rig: rig.fault("noise", False if "noise" in rig.faults else "2.5"),
        "status-bit": lambda rig: rig.fault("status-bit", False if "status-bit" in rig.faults else 44),
        "input-3": lambda rig: rig.control(input_3=not rig.body.ports.level(3)),
        "input-4": lambda rig: rig.control(input_4=not rig.body.ports.level(4)),
        "frequency": lambda rig: rig.control(frequency=44 + choice),
        "load": lambda rig: rig.control(load=draw_load(choice)),
        "ratio": lambda rig: rig.body.set_ratio(141, choice * 3) if rig.supplied else None,
        "factor": lambda rig: rig.body.set_factor(84, moved) if rig.supplied else None,
        "tariff": lambda rig: rig.body.set_tariff_source(choice % 3) if rig.supplied else None,
        "reset": lambda rig: rig.body.reset_register(170 + choice) if rig.supplied else None,
        "freeze": lambda rig: rig.body.freeze_demand() if rig.supplied else None,
        "channel": lambda rig: rig.body.set_channel(choice, 70 + choice, 120, 90) if rig.supplied else None,
        "alarm": lambda rig: rig.body.set_alarm(choice, Setting(69, 2000, 1900, 5, 5, True)) if rig.supplied else None,
        "image": start_image,
    }
    if not noise:
        del found["noise"]
    return [(name, found[name]) for name in draw.choices(tuple(found), k=draw.randint(0, 9))]


def draw_load(number: int) -> str:
    return ("curve:day", "curve:pv", "none", "constant:-4321.987")[number - 1]


def start_image(rig: Rig) -> None:
    if rig.supplied and rig.body.image.due > rig.body.at * 10**6:
        rig.body.initiate_image(b"i", 100)
        rig.body.verify_image()


class Scenario:
    """Everything that is drawn: the same for each way of playing it."""

    def __init__(self, seed: int, length: int, start: tuple[int, ...] | None = None) -> None:
        draw = random.Random(seed)
        self.seed, self.length = seed, length
        self.start = start or draw.choice(STARTS)
        self.load = source(draw, length)
        self.settings = draw.getrandbits(32)
        moments = sorted(draw.randrange(length) for _ in range(9))
        self.happenings = list(zip(moments, happenings(draw, noise=length <= 2 * HOUR), strict=False))

    def begin(self) -> Rig:
        rig = Rig(load=self.load, start=self.start, seed=self.seed, summer=True)
        configure(rig, random.Random(self.settings))
        return rig

    def play(self, advance: Callable[[Rig, int], None], between: Callable[[Rig], None] = lambda rig: None) -> Rig:
        """``advance`` moves time by so many seconds, ``between`` is called after each happening."""
        rig, now = self.begin(), 0
        for moment, (_, happen) in self.happenings:
            advance(rig, moment - now)
            now = moment
            happen(rig)
            between(rig)
        advance(rig, self.length - now)
        return rig


def kept(rig: Rig) -> str:
    """Everything that a meter holds, and what it shows."""
    body = rig.body
    state = body.save()
    shown = {
        id: str(body.value(id)) for id in sorted(body.ids) if id not in (109, 110, 111, 112, 114, 115, 147, 148, 155)
    }
    state["shown"] = [shown, body.status_word, body.outputs, body.next_event()]
    return json.dumps(state, sort_keys=True)


def at_once(rig: Rig, seconds: int) -> None:
    rig.run(seconds)


def by_seconds(rig: Rig, seconds: int) -> None:
    for _ in range(seconds):
        rig.run(1)


def at_random(seed: int) -> Callable[[Rig, int], None]:
    draw = random.Random(seed)

    def advance(rig: Rig, seconds: int) -> None:
        left = seconds * 1000
        while left:
            step = min(draw.choice((1, 137, 1000, 60_000, 977_123)), left)
            rig.run(step / 1000)
            left -= step

    return advance


def compare(scenario: Scenario, *ways: Callable[[Rig, int], None]) -> None:
    expected = scenario.play(at_once)
    states = expected.states
    for way in ways:
        found = scenario.play(way)
        assert kept(found) == kept(expected), [name for _, (name, _) in scenario.happenings]
        assert found.states == states


@pytest.mark.proves("A-210")
@pytest.mark.parametrize("seed", range(8))
def test_hours_at_once_at_random_and_by_seconds(seed):
    compare(Scenario(seed, 2 * HOUR), at_random(seed), by_seconds)


@pytest.mark.proves("A-210")
def test_a_whole_day_by_seconds():
    compare(Scenario(1001, DAY, (2024, 3, 30, 12, 0)), by_seconds)


@pytest.mark.proves("A-210")
@pytest.mark.parametrize("seed", range(100, 104))
def test_days_at_once_and_at_random(seed):
    compare(Scenario(seed, 3 * DAY), at_random(seed))


@pytest.mark.proves("A-211")
def test_segments_that_begin_at_any_millisecond():
    draw = random.Random(5)
    starts = [0, *sorted(draw.sample(range(1, 7_200_000), 200))]
    load = Recorded("csv:x", [start * 10**6 for start in starts], [Watts(draw.randrange(10**7)) for _ in starts])
    whole, split = Rig(load=load), Rig(load=load)
    whole.run(7200)
    at_random(9)(split, 7200)
    assert kept(whole) == kept(split)
    ends = [*starts[1:], 7_200_000]
    energy = sum(
        segment.power * (end - start) for segment, start, end in zip(load._segments, starts, ends, strict=True)
    )
    assert whole.body.registers.sums[0] == energy


@pytest.mark.proves("A-176")
@pytest.mark.parametrize("seed", range(200, 204))
def test_a_meter_is_saved_and_restored_wherever_it_is(seed):
    scenario = Scenario(seed, 2 * HOUR)

    def reborn(rig: Rig) -> None:
        old = rig.body
        data = json.loads(json.dumps(old.save()))
        body = Body(variant(), "00000000", old.supply.load, Clock(), rig.faults, seed=seed)
        body.supply.noise, body.supply.wiring = old.supply.noise, old.supply.wiring._replace(voltage=(1, 1))
        body.entered = old.entered
        body.restore(data)
        assert body.save() == old.save()
        rig.body = body

    assert kept(scenario.play(at_once, reborn)) == kept(scenario.play(at_once))


@pytest.mark.proves("A-176")
def test_two_runs_with_equal_inputs_are_equal():
    scenario = Scenario(300, 4 * HOUR)
    assert kept(scenario.play(at_once)) == kept(scenario.play(at_once))
