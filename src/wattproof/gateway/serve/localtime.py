"""The gateway's time as the interface shows and takes it: civil, local, without a zone (g13-api.md 1.2, 8.2)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo

from wattproof.gateway.serve.problems import invalid

_FORM = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_YEAR, LAST_YEAR = 2000, 2099


def shown(time: int, offset: int, zone: tzinfo) -> str:
    """UTC milliseconds of the host as ``YYYY-MM-DDTHH:MM:SS`` of the gateway, whose time is ``offset`` ms ahead.

    >>> from zoneinfo import ZoneInfo
    >>> shown(1_704_067_200_999, 0, ZoneInfo("Europe/Berlin"))
    '2024-01-01T01:00:00'
    """
    moment = _EPOCH + timedelta(milliseconds=time + offset)
    return moment.astimezone(zone).replace(microsecond=0, tzinfo=None).isoformat()


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
