"""The gateway's time as the interface shows and takes it: civil, local, without a zone (g13-api.md 1.2, 8.2)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo

from wattproof.gateway.serve.problems import invalid
from wattproof.metering.zones import EPOCH_MS, Zone

_FORM = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOUR = 3_600_000
FIRST_YEAR, LAST_YEAR = 2000, 2099


def shown(time: int, offset: int, zone: tzinfo) -> str:
    """UTC milliseconds of the host as ``YYYY-MM-DDTHH:MM:SS`` of the gateway, whose time is ``offset`` ms ahead.

    >>> from zoneinfo import ZoneInfo
    >>> shown(1_704_067_200_999, 0, ZoneInfo("Europe/Berlin"))
    '2024-01-01T01:00:00'
    """
    moment = _EPOCH + timedelta(milliseconds=time + offset)
    return moment.astimezone(zone).replace(microsecond=0, tzinfo=None).isoformat()


class Passing:
    """Moments at which a clock that keeps the gateway's time showed local times one after the other. An hour that is
    passed twice begins anew where the times go back.

    >>> from zoneinfo import ZoneInfo
    >>> passing = Passing(ZoneInfo("Europe/Berlin"), 0)
    >>> two = 846_208_800  # o'clock on 2026-10-25
    >>> moments = [passing.moment(local) for local in (two, two + 1800, two, two + 1800, two + 3600)]
    >>> [(moment - moments[0]) // 60_000 for moment in moments]
    [0, 30, 60, 90, 120]
    """

    def __init__(self, zone: tzinfo, offset: int) -> None:
        self._zone, self._offset = Zone(zone), offset
        self._last: int | None = None

    def moment(self, local: int) -> int:
        """Host time (UTC ms) of civil seconds."""
        shown = local * 1000
        found = self._zone.standard(shown)
        if self._last is not None and found <= self._last and self._zone.local(found + HOUR) == shown:
            found += HOUR
        self._last = found
        return found + EPOCH_MS - self._offset


def instant(text: object, zone: tzinfo) -> int:
    """UTC milliseconds of a local time. One that comes twice is the first (8.2).

    Raises ``Problem`` 400: no such form, outside 2000 to 2099, or skipped by summer time.
    """
    if not isinstance(text, str) or not _FORM.fullmatch(text):
        raise invalid("invalid datetime")
    try:
        civil = datetime.fromisoformat(text)
    except ValueError:
        raise invalid("invalid datetime") from None
    if not FIRST_YEAR <= civil.year <= LAST_YEAR:
        raise invalid("invalid datetime")
    moment = civil.replace(tzinfo=zone).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) != civil:
        raise invalid("no such local time")
    return round((moment - _EPOCH) / timedelta(milliseconds=1))
