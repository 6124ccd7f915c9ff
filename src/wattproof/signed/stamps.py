"""Times of records as text: ISO 8601 with the zone that the source has. Source: verifier specification, section 0.6."""

from __future__ import annotations

import datetime

from wattproof.signed.records import Time

_EPOCH = datetime.datetime(1970, 1, 1)  # noqa: DTZ001 - wall time of the source, its zone is appended as text


def time_text(time: Time | None) -> str | None:
    """ISO 8601 with the source's offset, ``Z``, or no zone at all; ``None`` if there is no such date."""
    if time is None:
        return None
    try:
        local = _EPOCH + datetime.timedelta(seconds=time.seconds + 60 * (time.offset or 0))
    except OverflowError:
        return None
    text = f"{local:%H:%M:%S}" + (f".{time.milliseconds:03d}" if time.milliseconds else "")
    return f"{local.year:04d}-{local.month:02d}-{local.day:02d}T{text}{_zone(time)}"


def _zone(time: Time) -> str:
    if time.utc:
        return "Z"
    if time.offset is None:
        return ""
    hours, minutes = divmod(abs(time.offset), 60)
    return f"{'-' if time.offset < 0 else '+'}{hours:02d}:{minutes:02d}"
