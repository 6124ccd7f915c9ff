"""Local time of meters whose clock is UTC and an offset (BSM, DMED4, map files): by a time zone, or by rules of summer
time that were given with #42 (g13-api.md 10.3, rows 41 and 42)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any, NamedTuple

from wattproof.metering.dates import LAST
from wattproof.metering.dst import Rule, SummerTime
from wattproof.meters.abb.calendarjson import rule_dict, rule_of

#: 2000-01-01 00:00 UTC in Unix seconds: where `wattproof.metering` counts from.
EPOCH = 946_684_800
MINUTE, HOUR, DAY = 60, 3600, 86400
#: Years over which a rule must hold to be one.
YEARS = 7
MEMBERS = ("dststart", "dstend")


class Rules(NamedTuple):
    """Begin and end of summer time."""

    begin: Rule
    end: Rule


class LocalTime:
    """What the clock on the wall shows. ``kept``: rules given earlier, as :attr:`kept` told them; they replace those of
    the zone, not its standard time."""

    def __init__(self, zone: tzinfo, kept: Mapping[str, Any] | None = None) -> None:
        self.zone = zone
        self._kept: dict[str, Any] = dict(kept or {})

    @property
    def kept(self) -> dict[str, Any]:
        """What was given with #42, as plain data; empty while the zone decides."""
        return dict(self._kept)

    def set(self, body: Mapping[str, Any]) -> None:
        """Take the members of #42 about summer time. Raises ``InvalidValue`` for a rule that is none."""
        if "dstenable" not in body:
            return
        if not body["dstenable"]:
            self._kept = {"dstenable": False}
            return
        rules = {name: rule_dict(rule_of(body[name])) for name in MEMBERS}
        self._kept = {"dstenable": True, **rules}

    def offset(self, seconds: int) -> int:
        """Minutes from UTC to local time at a moment (Unix seconds)."""
        if not self._kept:
            return _offset(self.zone, seconds)
        standard = self._standard(seconds)
        return standard + self._summer().shift(_since_2000(seconds, standard)) // 60_000

    def seconds(self, local: datetime) -> int:
        """The moment (Unix seconds) at which the clock shows ``local``; of an hour that is passed twice the first."""
        if not self._kept:
            return int(local.replace(tzinfo=self.zone, fold=0).timestamp())
        shown = int(local.replace(tzinfo=UTC).timestamp())
        standard = self._standard(shown)
        return EPOCH + self._summer().standard((shown - EPOCH) * 1000) // 1000 - standard * MINUTE

    def moments(self, shown: Iterable[tuple[datetime, bool]]) -> list[int]:
        """Moments (Unix seconds) at which a clock showed these times one after the other, each with whether it said
        that it was summer time. Where clocks never say so, the hour at its end is passed anew when the time goes back.
        """
        times = list(shown)
        tells = any(summer for _, summer in times)
        found: list[int] = []
        for local, summer in times:
            moment = self.seconds(local)
            again = moment + HOUR
            passed = tells or (bool(found) and moment <= found[-1])
            if passed and not summer and self._shown(again) == self._shown(moment):
                moment = again
            found.append(moment)
        return found

    def _shown(self, seconds: int) -> int:
        return seconds + self.offset(seconds) * MINUTE

    def members(self, seconds: int) -> dict[str, Any]:
        """The members of #41 about summer time at a moment; the rules only where there are any."""
        rules = self._rules(seconds)
        enabled = bool(self._kept["dstenable"]) if self._kept else rules is not None
        shown = {} if rules is None else {"dstend": rule_dict(rules.end), "dststart": rule_dict(rules.begin)}
        return {"dst": int(self.offset(seconds) != self._standard(seconds)), "dstenable": enabled, **shown}

    def _rules(self, seconds: int) -> Rules | None:
        if all(name in self._kept for name in MEMBERS):
            return Rules(*(rule_of(self._kept[name]) for name in MEMBERS))
        return rules_of(self.zone, datetime.fromtimestamp(seconds, UTC).year)

    def _summer(self) -> SummerTime:
        summer = SummerTime()
        if self._kept["dstenable"]:
            begin, end = (rule_of(self._kept[name]) for name in MEMBERS)
            summer.set(begin, end, True)
        return summer

    def _standard(self, seconds: int) -> int:
        """Minutes from UTC to standard time: the lesser offset of winter and summer."""
        year = datetime.fromtimestamp(seconds, UTC).year
        return min(_offset(self.zone, _start(year)), _offset(self.zone, _start(year) + 182 * DAY))


def datetime_document(seconds: int | None, offset: int, local: LocalTime, now: int, *, is_set: bool) -> dict[str, Any]:
    """The document of #41. ``seconds``: the meter's clock, ``None`` where nobody has set it; ``offset``: its own, in
    minutes; ``now``: the present, which decides about summer time then."""
    shown = None if seconds is None else datetime.fromtimestamp(seconds + offset * MINUTE, UTC)
    return {
        "datetime": None if shown is None else f"{shown:%Y-%m-%dT%H:%M:%S}",
        "dayofweek": None if shown is None else shown.isoweekday(),
        **local.members(now if seconds is None else seconds),
        "status": "set" if is_set else "not set",
    }


@lru_cache(maxsize=64)
def rules_of(zone: tzinfo, year: int) -> Rules | None:
    """The rules by which a zone has summer time from ``year`` on; ``None`` where there are none, or none that hold."""
    found = [_rules_in(zone, one) for one in range(year, year + YEARS)]
    begins, ends = ({pair[way] for pair in found if pair is not None} for way in (0, 1))
    if None in found or not begins or not ends:
        return None
    begin, end = _common(begins), _common(ends)
    return None if begin is None or end is None else Rules(begin, end)


def _rules_in(zone: tzinfo, year: int) -> tuple[datetime, datetime] | None:
    """When summer time begins and ends in a year, as the clock shows it before; ``None`` unless both happen once."""
    begins: list[datetime] = []
    ends: list[datetime] = []
    for moment, before, after in _changes(zone, year):
        (begins if after > before else ends).append(datetime.fromtimestamp(moment + before * MINUTE, UTC))
    return (begins[0], ends[0]) if len(begins) == len(ends) == 1 else None


def _changes(zone: tzinfo, year: int) -> Iterator[tuple[int, int, int]]:
    """Moments at which the offset changes, with the offsets before and after."""
    begin, end = _start(year), _start(year + 1)
    for day in range(begin, end, DAY):
        before, after = _offset(zone, day), _offset(zone, min(day + DAY, end))
        if before != after:
            low, high = day, min(day + DAY, end)
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if _offset(zone, middle) == before else (low, middle)
            yield high, before, after


def _common(moments: set[datetime]) -> Rule | None:
    """The one rule that all moments keep, the n-th weekday of a month before the last one; ``None`` without any."""
    ways = [{*_ways(moment)} for moment in moments]
    shared = set.intersection(*ways)
    return min(shared, key=lambda rule: rule.day) if shared else None


def _ways(moment: datetime) -> Iterator[Rule]:
    yield Rule.of_week(moment.month, moment.isoweekday(), (moment.day - 1) // 7 + 1, moment.hour)
    if (moment + timedelta(days=7)).month != moment.month:
        yield Rule.of_week(moment.month, moment.isoweekday(), LAST, moment.hour)


def _offset(zone: tzinfo, seconds: int) -> int:
    offset = datetime.fromtimestamp(seconds, zone).utcoffset()
    return 0 if offset is None else int(offset.total_seconds()) // MINUTE


def _start(year: int) -> int:
    return int(datetime(year, 1, 1, tzinfo=UTC).timestamp())


def _since_2000(seconds: int, standard: int) -> int:
    """Milliseconds of standard time since 2000."""
    return (seconds - EPOCH + standard * MINUTE) * 1000
