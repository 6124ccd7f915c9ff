"""Local time as #12 takes it and as the interface shows it (8.2)."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from wattproof.gateway.serve.localtime import instant, shown
from wattproof.gateway.serve.problems import Problem

BERLIN = ZoneInfo("Europe/Berlin")


def problem(value: object) -> str:
    with pytest.raises(Problem) as caught:
        instant(value, BERLIN)
    return caught.value.text


@pytest.mark.proves("G-112")
def test_local_times() -> None:
    for civil in ("2024-02-29T12:00:00", "2000-01-01T00:00:00", "2099-12-31T23:59:59", "2026-07-01T00:00:01"):
        assert shown(instant(civil, BERLIN), 0, BERLIN) == civil
    for wrong in (
        "1999-12-31T23:59:59", "2100-01-01T00:00:00", "2023-02-29T12:00:00", "2026-01-01T24:00:00",
        "2026-01-01T00:00:00Z", "2026-01-01T00:00:00+01:00", "2026-01-01 00:00:00", "2026-1-1T0:00:00", "", None, 5,
        "２０２６-01-01T00:00:00",
    ):  # fmt: skip
        assert problem(wrong) == "invalid datetime"
    assert problem("2026-03-29T02:30:00") == "no such local time"
    first = instant("2026-10-25T02:30:00", BERLIN)
    assert shown(first, 3_600_000, BERLIN) == "2026-10-25T02:30:00"  # an hour later it is 02:30 again
    assert shown(first, -3_600_000, BERLIN) == "2026-10-25T01:30:00"
