"""A meter, its runtime and its files on a disk that loses the power at every step: what has been shown is kept."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.disks import FragileDisk, PowerCut
from tests.wires import HandTimers
from wattproof.errors import StorageError
from wattproof.io.http import Request
from wattproof.io.journal import StateFile
from wattproof.io.logfile import LogFile
from wattproof.virtual.runtime import Runtime
from wattproof.virtual.web import visit

Make = Callable[..., Any]
STATE, LOG = Path("/state/state.journal"), Path("/state/log.journal")
#: Two cycles; what a client does, and how long it waits afterwards.
SCRIPT = [("message", 0.0), ("B", 0.4), ("C", 0.4), ("E", 0.4), ("r", 0.4), ("message", 0.0), ("B", 0.4), ("C", 0.4)]


class Station:
    """A meter that runs on a disk, and the client that asks it."""

    def __init__(self, make: Make, disk: FragileDisk) -> None:
        state, log = StateFile(STATE, disk=disk), LogFile(LOG, disk=disk)
        kept, entries = state.recover(), log.recover()
        self.timers = HandTimers()
        self.meter = make(
            state=kept, log=tuple(entries), load="constant:7200", answer_delay="0", start_delay="0", init_delay="0"
        ).meter
        self.runtime = Runtime(self.meter, self.timers, store=state, log=log)
        self.site = self.meter.site()
        self.runtime.advance()

    def visit(self, method: str, target: str, body: bytes = b"") -> Any:
        """The object of an answer, its status if it has none; ``None`` if nobody answers."""
        path = target.partition("?")[0]
        answer = visit(self.runtime, self.site, Request(method, path, {}, {}, body, "1.1", target))
        if answer is None:
            return None
        return json.loads(answer.body) if answer.body else answer.status

    def do(self, what: str) -> None:
        if what == "message":
            assert self.visit("POST", "/v1/ocmf", b'{"ID":"x"}') == {}
        else:
            assert self.visit("PUT", f"/v1/charge_settings?command={what}") == {"command": what}

    @property
    def shown(self) -> str:
        return str(self.visit("GET", "/v1/ocmf")["OCMF_BUFF"])


def page(record: str) -> int:
    return int(json.loads(record.split("|")[1])["PG"][1:])


def run(station: Station, seen: dict[int, str]) -> tuple[str, str]:
    """The script until the power goes: the last thing that was acknowledged, and the one that was under way."""
    done = ""
    for what, seconds in SCRIPT:
        try:
            station.do(what)
            done = what
            station.timers.run(seconds)
            record = station.shown
            if record:
                seen[page(record)] = record
        except PowerCut:
            return done, what
    return done, ""


@pytest.mark.proves("D-215", "D-231", "D-280", "D-281")
@pytest.mark.parametrize("seed", range(3))
def test_a_power_cut_at_every_step_of_the_disk(bench: Make, seed: int) -> None:
    dry = FragileDisk()
    whole: dict[int, str] = {}
    assert run(Station(bench, dry), whole) == ("C", "")
    assert list(whole) == [1, 2, 3, 4, 5, 6]
    for cut in range(1, dry.steps):
        disk, rng = FragileDisk(), random.Random(f"{seed}:{cut}")
        disk.cut_after = cut
        seen: dict[int, str] = {}
        try:
            done, under_way = run(Station(bench, disk), seen)
        except PowerCut:
            done, under_way = "", "start"
        after = Station(bench, disk.survivor(rng))
        status = after.visit("GET", "/v1/charge_status")["measurement_status"]
        if done in ("B", "C") and under_way not in ("E", "r"):
            assert status == 3, (cut, done, under_way)
        elif done in ("", "E", "r") and under_way not in ("B", "C", "E"):
            assert status == 1, (cut, done, under_way)
        for number, record in seen.items():
            found = after.visit("GET", f"/v1/logbook/OCMF?index_type=PROGR&index_value={number}")
            assert found == {"OCMF_LOG": record}, (cut, number)
        if status == 1:
            after.do("message")
        after.do("B" if status == 1 else "E")
        after.timers.run(0.4)
        assert page(after.shown) > max(seen, default=0), "no number is used twice"
        numbers = [record.number for record in after.meter.logbook.records]
        assert numbers == sorted(set(numbers)), "nor is that of a record that was kept and never shown"


@pytest.mark.proves("D-281")
@pytest.mark.parametrize("step", ["write", "sync"])
def test_nothing_leaves_a_meter_whose_disk_refuses(bench: Make, step: str) -> None:
    disk = FragileDisk()
    station = Station(bench, disk)
    station.do("message")
    station.do("B")
    disk.failures[step] = OSError(28, "No space left on device")
    station.timers.run(0.4)
    assert station.visit("GET", "/v1/ocmf") is None and isinstance(station.runtime.failure, StorageError)
    assert station.visit("GET", "/v1/measure") is None
    after = Station(bench, FragileDisk(disk.durable))
    assert after.visit("GET", "/v1/charge_status")["measurement_status"] == 3
    after.do("E")
    after.timers.run(0.4)
    assert page(after.shown) == 1, "what was never shown was never used"
