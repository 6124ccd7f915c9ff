"""Network settings (8.1) and local time (8.2) as #5 and #12 check them."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from wattproof.gateway.serve.localtime import instant, shown
from wattproof.gateway.serve.network import checked, mac_text
from wattproof.gateway.serve.problems import Problem

GOOD: dict[str, Any] = {
    "dhcp": False,
    "dns": False,
    "ip": "192.168.1.255",
    "gateway": "192.168.1.1",
    "subnet": "255.255.255.0",
    "pdns": "0.0.0.0",
    "sdns": "8.8.8.8",
}
BERLIN = ZoneInfo("Europe/Berlin")


def text(body: dict[str, Any]) -> str:
    with pytest.raises(Problem) as caught:
        checked(body)
    assert caught.value.status == 400
    return caught.value.text


@pytest.mark.proves("G-105")
def test_network_settings() -> None:
    assert checked(GOOD | {"extra": 1}) == GOOD
    for name in GOOD:
        assert text({member: value for member, value in GOOD.items() if member != name}) == f"missing {name} in JSON"
    for bad in ("192.168.1.256", "192.168.01.1", "192.168.1", "::1", "", 5, " 1.2.3.4"):
        assert text(GOOD | {"ip": bad}) == "invalid ip"
        assert text(GOOD | {"sdns": bad}) == "invalid sdns"
    for mask in ("255.0.255.0", "0.0.0.1", "255.255.255.253"):
        assert text(GOOD | {"subnet": mask}) == "invalid subnet"
    for mask in ("255.255.255.255", "128.0.0.0", "0.0.0.0"):
        assert checked(GOOD | {"subnet": mask, "gateway": "0.0.0.0"})["subnet"] == mask
    assert text(GOOD | {"gateway": "192.168.2.1"}) == "invalid gateway"
    assert checked(GOOD | {"gateway": "0.0.0.0"})["gateway"] == "0.0.0.0"
    assert text(GOOD | {"dhcp": "no"}) == "invalid dhcp"
    assert text(GOOD | {"dns": True}) == "static ip needs static dns"
    assert checked(GOOD | {"dns": True, "dhcp": True})["dhcp"] is True
    assert mac_text(0) == "0.0.0.0.0.0"


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
