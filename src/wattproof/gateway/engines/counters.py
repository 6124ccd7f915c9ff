"""The counters of one meter: which readings are believed, and how much is booked of them (g13-api.md 10.3).

A counter that falls or jumps is judged by `wattproof.metering.integrity`. Nothing is booked of a glitch, of the fall of
a reset, or of another meter; a roll-over books what it counted. Every verdict is a `Correction` and an entry in the
meter's log; the readings themselves are stored by whoever read them, as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from wattproof.gateway.engines.books import SYSTEM, Books, Part
from wattproof.gateway.engines.readings import Point, Track
from wattproof.gateway.engines.scales import ENERGIES, exponent_of, scaled
from wattproof.gateway.records import Correction, Value
from wattproof.metering.integrity import Counter, Verdict

#: Log entries of ours beside those of the status word (5.2): 2000 + a bit that no meter sends.
GLITCH, RESET, REPLACED, ROLLED_OVER = 2060, 2061, 2062, 2063
#: Verdicts that are recorded: how a correction calls them, and their log entry.
RECORDED: Mapping[Verdict, tuple[str, int]] = MappingProxyType(
    {
        Verdict.GLITCH: ("glitch", GLITCH),
        Verdict.RESET: ("reset", RESET),
        Verdict.JUMPED: ("reset", RESET),
        Verdict.REPLACED: ("replacement", REPLACED),
        Verdict.ROLLED_OVER: ("roll-over", ROLLED_OVER),
    }
)
#: A counter of which nobody knows where it rolls over never does.
ENDLESS = 10**30


class Growth(NamedTuple):
    """What a reading that was believed changed. ``continued``: it is the same counter, counting on."""

    before: Point | None
    after: Point
    continued: bool


class Counters(Part):
    """``tracks`` by id, ``identity`` whatever tells this meter from another one in its place. ``ratio``: what the
    readings of a counter are multiplied by, and with them the end at which it rolls over."""

    name = "counters"

    def __init__(self, books: Books, ratio: Callable[[int], tuple[int, int]]) -> None:
        super().__init__()
        self._books, self._ratio = books, ratio
        self.tracks: dict[int, Track] = {}
        self.identity: str | None = None
        self._counters: dict[int, Counter] = {}
        #: Time and value of the first reading of a counter that is not believed yet.
        self._doubted: dict[int, tuple[int, int]] = {}

    def read(self, id: int, value: Value, wanted: int) -> Growth | None:
        """A reading of a counter; ``None`` if it is none to count on, or not believed (yet)."""
        number = scaled(value, exponent_of(id))
        track = self.tracks.setdefault(id, Track())
        latest = track.latest
        if number is None or (latest is not None and value.time <= latest.time):
            return None
        counter = self._counters.get(id) or self._counter(id)
        last, before = counter.last, counter.before
        verdict, amount = counter.read(number, value.time, self.identity)
        self.changed = True
        if verdict is Verdict.SUSPECT:
            self._doubted.setdefault(id, (value.time, number))
            return None
        if verdict in RECORDED:
            self._record(id, verdict, value.time, before if last is None else last, number, amount)
        self._doubted.pop(id, None)
        booked = (latest.booked if latest else 0) + amount
        point = Point(value.time, number, booked)
        track.add(point, wanted)
        return Growth(latest, point, verdict in (Verdict.COUNTED, Verdict.GLITCH, Verdict.ROLLED_OVER))

    def _counter(self, id: int) -> Counter:
        facts = self._books.facts
        most = None if facts.most is None or id not in ENERGIES else facts.most * 10 ** -exponent_of(id)
        numerator, denominator = self._ratio(id)
        modulus = facts.moduli.get(id, ENDLESS) * numerator // denominator
        self._counters[id] = Counter(modulus, most, slack=1 if most is None else facts.slack)
        return self._counters[id]

    def _record(self, id: int, verdict: Verdict, moment: int, before: int | None, after: int, booked: int) -> None:
        """The correction carries the last good reading, and the first one that did not fit it."""
        word, code = RECORDED[verdict]
        moment, after = self._doubted.get(id, (moment, after))
        self._books.write(Correction(self._books.facts.serial, id, moment, word, before, after, booked))
        self._books.note(SYSTEM, code, moment)

    def begin_anew(self) -> None:
        """The next readings have nothing to do with those before."""
        self._counters, self._doubted, self.changed = {}, {}, True

    def newest(self) -> list[Point]:
        """The last good reading of each."""
        return [track.latest for track in self.tracks.values() if track.latest is not None]

    def turn_back(self, at: int) -> None:
        """The host's clock was set back."""
        for id, track in self.tracks.items():
            track.turn_back(at)
            if id in self._counters:
                self._counters[id].at = min(self._counters[id].at, at)
        self.changed = True

    def save(self) -> Any:
        return {
            "identity": self.identity,
            "tracks": [[id, [list(point) for point in track.points]] for id, track in self.tracks.items()],
            "counters": [
                [id, [counter.last, counter.at, counter.identity, list(counter.suspects), counter.before,
                      counter.since, counter.owed]]
                for id, counter in self._counters.items()
            ],
            "doubted": [[id, *first] for id, first in self._doubted.items()],
        }  # fmt: skip

    def restore(self, data: Any) -> None:
        self.identity = data["identity"]
        self.tracks = {}
        for id, points in data["tracks"]:
            self.tracks[id] = Track()
            self.tracks[id].points = [Point(*point) for point in points]
        self._counters = {}
        for id, (last, at, identity, suspects, before, since, owed) in data["counters"]:
            counter = self._counter(id)
            counter.last, counter.at, counter.identity, counter.before = last, at, identity, before
            counter.since, counter.owed = since, owed
            counter.suspects[:] = suspects
        self._doubted = {id: (moment, value) for id, moment, value in data["doubted"]}
