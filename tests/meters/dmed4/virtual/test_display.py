"""``v1/force_display``: display on or off, and its page (section 7.13)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

#: Table 7.13: the pages, and what each shows of the meter below.
PAGES = {
    1: ("total imported energy", "1234.678 kWh"), 2: ("last charge cycle energy", "0.111 kWh"), 3: ("voltage",
    "400.53 V"),
    4: ("current", "90.0000 A"), 5: ("power", "-36.048 kW"), 6: ("date", "2023-09-29"), 7: ("time", "08:47:42"),
    8: ("I1 temperature", "31.5 °C"), 9: ("I2 temperature", "-0.5 °C"), 10: ("total hour counter", "0 h"),
    11: ("working hour counter", "0 h"), 12: ("total exported energy", "5.100 kWh"),
    13: ("last discharge cycle energy", "0.100 kWh"),
}  # fmt: skip


def send(one: Any, method: str, **values: object) -> Any:
    if method == "POST":
        return one.http("POST", "/v1/force_display", values)
    return one.http("PUT", "/v1/force_display?" + "&".join(f"{key}={value}" for key, value in values.items()))


def display(one: Any) -> tuple[bool, int]:
    shown = one.meter.state()["display"]
    return shown["on"], shown["page"]


@pytest.mark.proves("D-197")
@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_the_display_is_switched_and_turned(bench: Callable[..., Any], method: str) -> None:
    one = bench()
    for page in range(1, 14):
        answer = send(one, method, set_page=page)
        assert answer.status == 200 and answer.body == b'{"set_page":%d}' % page
        assert display(one) == (True, page)
    for on in (0, 1):
        assert send(one, method, display_on_off=on).body == b'{"display_on_off":%d}' % on
        assert display(one) == (bool(on), 13)
    assert send(one, method, set_page=4, display_on_off=0).body == b'{"set_page":4,"display_on_off":0}'
    assert one.meter.state()["display"] == {"on": False, "page": 4, "text": ""}


@pytest.mark.proves("D-198", "D-197")
@pytest.mark.parametrize("method", ["PUT", "POST"])
@pytest.mark.parametrize(
    ("key", "wrong"), [("set_page", (0, 14, -1, 65537, "", "x", "3.0")), ("display_on_off", (2, -1, "", "on", "true"))]
)
def test_other_values_change_nothing(
    bench: Callable[..., Any], method: str, key: str, wrong: tuple[object, ...]
) -> None:
    one = bench()
    other = {"set_page": 3, "display_on_off": 0}
    for value in wrong:
        assert send(one, method, **{key: value}).status == 400
        assert send(one, method, **other | {key: value}).status == 400
        assert display(one) == (True, 1)
    assert send(one, method).status == 400


@pytest.mark.proves("D-200", "D-197")
def test_every_page_shows_its_quantity(bench: Callable[..., Any]) -> None:
    rows = "t,v,a,t1,t2\n0,400,100,31.5,-0.5\n10,400.53,-90,31.5,-0.5\n"
    one = bench(load="csv:rows", rows=rows, energy="1234.567", energy_export="5")
    one.set_time(1695970042, 120)
    one.begin()
    one.wait(19.5)
    shown = {}
    for page in PAGES:
        send(one, "PUT", set_page=page)
        name, _, text = one.meter.state()["display"]["text"].partition(": ")
        shown[page] = name, text
    assert shown == PAGES


@pytest.mark.proves("D-197")
@pytest.mark.parametrize("state", ["operating", "status 2", "status 3", "tls"])
def test_it_is_accepted_in_every_state(bench: Callable[..., Any], state: str) -> None:
    one = bench(commissioned="yes" if state == "operating" else "no", P05_11="1" if state == "tls" else "0")
    if state.startswith("status"):
        one.begin()
    if state == "status 3":
        one.power_cycle()
    assert send(one, "PUT", set_page=13, display_on_off=1).status == 200
    one.power_cycle()
    assert display(one) == (True, 1)  # a start forgets it
