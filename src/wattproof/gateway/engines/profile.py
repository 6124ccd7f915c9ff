"""Eight channels of load profile for a meter that keeps none (g13-api.md 73 to 76, 10.3; abb-meters.md 3.10).

A row takes the reading nearest to its end, at most :attr:`Facts.reach` away; without one it is marked 0x20 and shows
the last good value. While the service was down nothing was closed: there is no row, and the next one is marked 0x02.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from wattproof.g13.parameters import PROFILED
from wattproof.gateway.engines.books import Books, Part
from wattproof.gateway.engines.failing import invalid, whole
from wattproof.gateway.engines.measured import Measured, Ordering, Taken
from wattproof.gateway.engines.scales import ACTIVE_POWER, GAUGES, IMPORT, column_of, exponent_of
from wattproof.gateway.records import ClearRows, Kind, Series
from wattproof.metering.dst import FAR
from wattproof.metering.load_profile import INTERVALS, Channel, Status

CHANNELS, ROWS = 8, 40_000
#: A channel as #74 shows it: interval (s), quantity, rows. The two that a meter begins with.
Setting = tuple[int, int, int]
UNUSED: Setting = (0, 0, 0)
DEFAULTS: tuple[Setting, Setting] = ((900, IMPORT, 35_040), (900, ACTIVE_POWER, 4_960))
#: Told of a boundary that passed without a good reading: channel, quantity, its moment, what the row would show;
#: whether a row is to be written.
Missed = Callable[[int, int, int, Taken], bool]


class LoadProfile(Part):
    """``settings`` of channels 1 to 8; ``missed`` is told of every row without a good reading of a counter."""

    name = "profile"

    def __init__(self, books: Books, measured: Measured, missed: Missed) -> None:
        super().__init__()
        self._books, self._measured, self._missed = books, measured, missed
        self.settings: list[Setting] = [UNUSED] * CHANNELS
        self._channels: list[Channel | None] = [None] * CHANNELS
        self._order = [Ordering() for _ in range(CHANNELS)]
        #: Since when a channel has recorded what it does, or was cleared (host time).
        self._since = [0] * CHANNELS

    @property
    def averaged(self) -> frozenset[int]:
        """Gauges that its channels average."""
        return frozenset(id for _, id, _ in self.settings) & GAUGES

    # configuration

    def begin(self, at: int) -> None:
        """A new meter: the channels of 10.3, as far as it has what they record."""
        for number, setting in enumerate(DEFAULTS, 1):
            if self._measured.has(setting[1]):
                self._configure(number, setting, at)

    def check(self, body: Mapping[str, Any]) -> list[Setting]:
        """The settings that 75 asks for. Raises ``CommandFailed``."""
        wanted = body.get("lpconfig")
        if not isinstance(wanted, list):
            raise invalid("missing lpconfig in JSON")
        if len(wanted) > CHANNELS:
            raise invalid("Invalid Request", f"there are {CHANNELS} channels, not {len(wanted)}")
        settings = [self._check(number, entry) for number, entry in enumerate(wanted)]
        if sum(rows for _, _, rows in settings) > ROWS:
            raise invalid("too many items", f"all channels together hold {ROWS} rows")
        return settings + [UNUSED] * (CHANNELS - len(settings))

    def _check(self, number: int, entry: Any) -> Setting:
        if not isinstance(entry, list) or len(entry) != 3:
            raise invalid("Invalid Request", "a channel is [interval, quantity, items]")
        interval, quantity, rows = (whole(part, "Invalid Request") for part in entry)
        setting = (interval, quantity, rows)
        if setting in (UNUSED, self.settings[number]):
            return setting
        if interval not in INTERVALS:
            raise invalid("invalid interval")
        if rows < 1 or rows > ROWS:
            raise invalid("too many items" if rows > 0 else "invalid items")
        if quantity not in PROFILED or not self._measured.has(quantity):
            raise invalid("invalid quantity", f"this meter has no quantity {quantity} for a load profile")
        return setting

    def put(self, settings: list[Setting], at: int) -> None:
        """Other settings: changed channels begin anew and lose their rows, the others go on."""
        for number, setting in enumerate(settings, 1):
            if setting != self.settings[number - 1]:
                self.clear(number, at)
                self._configure(number, setting, at)

    def _configure(self, number: int, setting: Setting, at: int) -> None:
        interval, quantity, rows = setting
        self.settings[number - 1], self._channels[number - 1] = setting, None
        self._since[number - 1], self.changed = at, True
        columns: tuple[tuple[int, int], ...] = ()
        if setting != UNUSED:
            columns = ((quantity, exponent_of(quantity)),)
            self._measured.averages.follow({*self._measured.averages.sums, quantity} & GAUGES)
            channel = Channel(interval, 1)
            channel.begin(self._books.clock, at, self._measured.start(quantity, at))
            self._channels[number - 1] = channel
        self._books.write(Series(self._books.facts.serial, Kind.PROFILE, number, at, columns, interval, rows))

    def clear(self, number: int, at: int) -> None:
        """Forget the rows of a channel."""
        self._since[number - 1], self.changed = at, True
        self._books.write(ClearRows(self._books.facts.serial, Kind.PROFILE, number, at))

    def document(self) -> dict[str, Any]:
        """The body of 74."""
        return {"lpconfig": [list(setting) for setting in self.settings]}

    def head(self, number: int) -> dict[str, Any]:
        """What #73 says before its items; a channel without a quantity has no mapping."""
        interval, quantity, _ = self.settings[number - 1]
        mapping = {"mapping": column_of(quantity).as_list()} if quantity else {}
        return {**mapping, "interval": interval}

    def may_be_full(self, number: int, at: int) -> bool:
        """Whether a channel can have had more rows than it holds; there is a row an interval at most."""
        interval, _, rows = self.settings[number - 1]
        return at - self._since[number - 1] >= interval * rows * 1000

    # time

    def wanted(self) -> int:
        """The end of the earliest interval (host time)."""
        due = min((channel.due for channel in self._channels if channel is not None), default=FAR)
        return FAR if due >= FAR else self._books.clock.when(due)

    def close(self, at: int, late: int) -> None:
        """End the intervals that ended until ``at``; a reading that may come after ``late`` is not waited for."""
        clock = self._books.clock
        for number, channel in enumerate(self._channels, 1):
            if channel is None:
                continue
            quantity = self.settings[number - 1][1]
            while (moment := clock.when(channel.due)) <= at and self._measured.ready((quantity,), moment, late):
                self._end(number, channel, quantity, moment)

    def _end(self, number: int, channel: Channel, quantity: int, moment: int) -> None:
        measured, self.changed = self._measured, True
        taken = measured.take(quantity, moment, tuple(channel.start))
        if not taken.good:
            channel.flag(Status.BAD)
        end = channel.end(self._books.clock, moment)
        channel.close(end, (taken.value or 0,), measured.start(quantity, moment))
        for row in channel.take():
            if taken.good or self._missed(number, quantity, moment, taken):
                write = self._order[number - 1].row(
                    self._books.facts.serial, Kind.PROFILE, number, moment, row.stamp, row.status, (taken.value,)
                )
                self._books.write(write)

    def skip(self, at: int, gap: Callable[[int, int, int, int], None]) -> None:
        """The service was down: what should have ended long before ``at`` gets no row. ``gap`` is told: channel,
        quantity, first and last moment without a row."""
        clock = self._books.clock
        behind = at - self._books.facts.patience - 1
        for number, channel in enumerate(self._channels, 1):
            if channel is None or (first := clock.when(channel.due)) > behind:
                continue
            quantity = self.settings[number - 1][1]
            channel.skip(clock, behind, self._measured.start(quantity, behind))
            gap(number, quantity, first, channel.began)
            self.changed = True

    def clock_moved(self, moved: int, at: int, marked: bool) -> None:
        """The gateway's time was set by so many ms; ``marked``: that is to be seen in the open intervals."""
        bits = Status.CLOCK_CHANGED | (Status.LONG if moved < 0 else Status.SHORT)
        for channel in self._channels:
            if channel is not None:
                if marked:
                    channel.flag(bits)
                else:
                    channel.began -= moved
                channel.plan(self._books.clock, at)
        self.changed = True

    # what stays

    def save(self) -> Any:
        return {
            "settings": [list(setting) for setting in self.settings],
            "channels": [None if channel is None else channel.save() for channel in self._channels],
            "last": [order.last for order in self._order],
            "since": list(self._since),
        }

    def restore(self, data: Any) -> None:
        self.settings = [(interval, id, rows) for interval, id, rows in data["settings"]]
        self._channels = [None if channel is None else Channel.restore(channel) for channel in data["channels"]]
        for order, last in zip(self._order, data["last"], strict=True):
            order.last = last
        self._since = list(data["since"])
