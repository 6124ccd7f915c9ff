"""Virtual ABB meters as they are made: from options, from what an earlier run left, with controls and faults."""

from __future__ import annotations

from typing import Any

import pytest

from wattproof.errors import InvalidValue, StorageError, UnknownName
from wattproof.meters.abb.virtual.creation import create
from wattproof.meters.abb.virtual.meter import AbbMeter
from wattproof.virtual.base import SimulationOptions

HOUR = 3600 * 10**9
NOON = "2026-03-01T12:00:00"


def made(
    variant: str | None = None, *, time: str = NOON, settings: dict[str, str] | None = None, **options: Any
) -> AbbMeter:
    given = {"seed": 1, "load": "constant:1000", **options}
    meter = create(SimulationOptions("abb", variant, settings={"time": time, **(settings or {})}, **given))
    assert isinstance(meter, AbbMeter)
    return meter


def test_settings_are_those_of_a_new_meter() -> None:
    settings = {
        "access": "password",
        "ct-ratio": "100:5",
        "energy": "12.34",
        "hdlc-address": "20",
        "firmware": "A1.12.0",
    }
    meter = made(unit=7, serial="217819", settings=settings)
    state = meter.state()
    assert (meter.serial, meter.unit, meter.address, meter.hdlc_address) == ("00217819", 7, 7, 20)
    assert state["access_level"] == "password"
    assert not any(map(len, meter.body.watch.logs))
    assert meter.body.value(1) == meter.body.value(9) == 1234
    assert (meter.body.value(141), meter.body.value(142), meter.body.value(139)) == (100, 5, "A1.12.0")
    meter.advance(HOUR)
    assert meter.body.value(1) == 1234 + 20 * 100


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"unit": 251}, "unit 251 is no primary address"),
        ({"serial": "12a"}, "no serial of an ABB meter"),
        ({"key": b"x"}, "signs nothing"),
        ({"variant": "A43", "settings": {"ct-ratio": "100:5"}}, "has no such transformers"),
        ({"settings": {"vt-ratio": "1:2"}}, "option vt-ratio"),
        ({"settings": {"colour": "red"}}, "no option 'colour'"),
        ({"settings": {"hdlc-address": "15"}}, "16..125"),
        ({"variant": "B23", "settings": {"tariff-source": "clock"}}, "option tariff-source"),
        ({"faults": ("silence",)}, "no fault 'silence'"),
        ({"faults": ("silent@telegram:0",)}, "no named state"),
        ({"load": "car"}, "no load"),
    ],
)
def test_what_is_not_possible_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises((InvalidValue, UnknownName), match=message):
        made(**options)


def test_without_a_moment_the_clock_is_not_set() -> None:
    assert made(time="invalid").body.status_word >> 10 & 3 == 3
    assert made("B23", time="invalid").body.status_word == 0
    with pytest.raises(InvalidValue, match="needs the present time"):
        made(time="now")


@pytest.mark.proves("A-176")
def test_what_was_kept_comes_back_as_after_a_power_failure() -> None:
    meter = made(wall=1_000_000)
    meter.advance(HOUR)
    kept = meter.checkpoint()
    assert kept is not None and meter.checkpoint() is None
    again = made(state=kept, wall=1_000_000 + 3600 + 600, serial=meter.serial)
    assert again.body.value(1) == meter.body.value(1) == 100
    assert (again.body.power_fails, again.body.outage) == (1, 600)
    assert again.state()["clock"] == {"local": "2026-03-01T13:10:00", "dst": False, "set": True}
    again.advance(HOUR)
    assert again.body.value(1) == 200


@pytest.mark.parametrize("state", [b"", b"{}", b"[1]", b'{"version":1}', b'{"version":2}'])
def test_rubbish_is_no_state(state: bytes) -> None:
    with pytest.raises(StorageError):
        made(state=state)


def test_a_state_of_another_meter_is_refused() -> None:
    kept = made(wall=0).checkpoint()
    for options in ({"variant": "A43"}, {"serial": "1"}):
        with pytest.raises(InvalidValue, match="use another directory"):
            made(state=kept, **options)
