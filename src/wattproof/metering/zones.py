"""Local time by the rules of a place (IANA time zone) instead of two rules of summer time.

The clock runs on in UTC then; what a zone adds at a moment is its whole distance from UTC. Everything that counts
intervals and periods asks :class:`~wattproof.metering.dst.SummerTime` only what it adds and until when, so a
:class:`Zone` stands in for it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

from wattproof.metering.dates import DAY, SECOND
from wattproof.metering.dst import FAR, SummerTime

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
#: Unix time of 2000-01-01 00:00 UTC, ms.
EPOCH_MS = 946_684_800_000
#: How far a stretch without a change is known at most, days back and ahead. Whoever asks beyond has it found anew.
_BACK, _AHEAD = 8, 32
_YEAR = 366


class Zone(SummerTime):
    """Moments are milliseconds since 2000-01-01 00:00 UTC ("standard time" of the clock).

    :param zone: such as ``zoneinfo.ZoneInfo("Europe/Berlin")``.
    """

    __slots__ = ("_summer", "zone")

    def __init__(self, zone: tzinfo) -> None:
        super().__init__()
        self.zone = zone
        self._summer = False

    def active(self, standard: int) -> bool:
        """Whether it is summer time."""
        self.shift(standard)
        return self._summer

    def standard(self, local: int) -> int:
        """The moment at which the clock shows ``local``: of an hour passed twice the first; one left out counts as if
        the clock had not been put on yet."""
        shown = (_EPOCH + timedelta(milliseconds=local)).replace(tzinfo=self.zone)
        return local - _milliseconds(shown.utcoffset())

    def exists(self, local: int) -> bool:
        """Whether the clock ever shows ``local``."""
        return self.local(self.standard(local)) == local

    def changes(self, year: int) -> list[tuple[int, int]]:
        """Moments of change in a year of UTC, each with what is added from then on, in order."""
        begin, end = (_milliseconds(datetime(near, 1, 1, tzinfo=UTC) - _EPOCH) for near in (year, year + 1))
        found = []
        moment = self._next(begin - 1)
        while moment < end:
            found.append((moment, self._offset(moment)))
            moment = self._next(moment)
        return found

    def _find(self, standard: int) -> None:
        here = self._at(standard)
        self._shift, self._summer = _milliseconds(here.utcoffset()), bool(here.dst())
        self._until = min(self._next(standard, _AHEAD), standard + _AHEAD * DAY)
        self._since = standard
        while self._since > standard - _BACK * DAY and self._offset(self._since - DAY) == self._shift:
            self._since -= DAY

    def _next(self, standard: int, days: int = _YEAR) -> int:
        """The next moment of another offset, :data:`FAR` if there is none within so many days."""
        known, low = self._offset(standard), standard
        for high in range(standard + DAY, standard + days * DAY + 1, DAY):
            if self._offset(high) != known:
                return self._change(low, high)
            low = high
        return FAR

    def _change(self, low: int, high: int) -> int:
        """The full second after ``low`` and not after ``high`` from which on the offset is that of ``high``."""
        wanted = self._offset(high)
        low, high = low // SECOND, -(-high // SECOND)
        while high - low > 1:
            middle = (low + high) // 2
            if self._offset(middle * SECOND) == wanted:
                high = middle
            else:
                low = middle
        return high * SECOND

    def _offset(self, standard: int) -> int:
        return _milliseconds(self._at(standard).utcoffset())

    def _at(self, standard: int) -> datetime:
        return (_EPOCH + timedelta(milliseconds=standard)).astimezone(self.zone)


def _milliseconds(difference: timedelta | None) -> int:
    return 0 if difference is None else difference // timedelta(milliseconds=1)
