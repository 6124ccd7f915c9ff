"""The advanced password over REST: login, lock-out, commissioning (sections 7.9, 7.10)."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest


def attempt(one: Any, password: str) -> int:
    return int(one.status_of("PUT", f"login?password={password}"))


def logged(one: Any) -> bool:
    """Whether the device says so, and behaves so."""
    shown = one.get("system_status")["logged"]
    assert (one.status_of("GET", "system_parameters") == 200) == (shown == 1)
    return bool(shown)


def events(one: Any, code: int) -> int:
    return sum(event.code == code for event in one.meter.logbook.events)


@pytest.mark.proves("D-173", "D-180")
def test_the_right_password_logs_in(bench: Callable[..., Any]) -> None:
    one = bench()
    assert not logged(one)
    answer = one.http("PUT", "/v1/login?password=2000")
    assert (answer.status, answer.body) == (200, b'{"logged":1}')
    assert logged(one) and events(one, 7) == 1
    assert logged(one.wait(10_000_000))  # without an idle time it lasts


@pytest.mark.proves("D-173")
@pytest.mark.parametrize(
    "wrong",
    ["2001", "200", "20000", "02000", "2000.0", "+2000", "2e3", "2000%00", "%00", "2 000", "2000;", "%EF%BC%92000",
    "%ff", "true"],
)  # fmt: skip
def test_a_password_is_compared_as_text(bench: Callable[..., Any], wrong: str) -> None:
    one = bench()
    assert attempt(one, wrong) == 403
    assert not logged(one)


@pytest.mark.parametrize("right", ["%32%30%30%30", "%202000%20", "2000&colour=red", "2000%20"])
def test_it_is_decoded_and_blanks_around_it_dropped(bench: Callable[..., Any], right: str) -> None:
    one = bench()
    assert attempt(one, right) == 200 and logged(one)


def test_parameter_p03_02_is_the_password(bench: Callable[..., Any]) -> None:
    one = bench(P03_02="4711")
    assert attempt(one, "2000") == 403
    assert attempt(one, "4711") == 200


@pytest.mark.parametrize(
    "query", ["", "?", "?password=", "?password=%20", "?password", "?colour=red", "?Password=2000"]
)
def test_a_missing_password_is_not_counted(bench: Callable[..., Any], query: str) -> None:
    one = bench()
    assert attempt(one, "1") == attempt(one, "2") == 403
    for _ in range(5):
        assert one.status_of("PUT", f"login{query}") == 400
    assert one.status_of("PUT", "login?password=2000&password=2000") == 400
    assert attempt(one, "2000") == 200


@pytest.mark.proves("D-174", "D-175", "D-176")
def test_three_wrong_passwords_lock_for_900_seconds(bench: Callable[..., Any]) -> None:
    one = bench()
    for guess in ("1", "2", "3"):
        assert attempt(one, guess) == 403
    assert events(one, 8) == 1
    for _ in range(9):
        assert attempt(one, "2000") == attempt(one, "1") == 403
        one.wait(99.9)
        assert attempt(one, "2000") == 403
    nanosecond = Fraction(1, 10**9)
    assert attempt(one.wait(Fraction(9, 10) - nanosecond), "2000") == 403
    assert attempt(one.wait(nanosecond), "2000") == 200
    assert logged(one) and events(one, 8) == 1


@pytest.mark.proves("D-174", "D-176")
def test_after_a_lock_out_counting_begins_anew(bench: Callable[..., Any]) -> None:
    one = bench()
    for _ in range(3):
        attempt(one, "1")
    one.wait(900)
    assert attempt(one, "1") == attempt(one, "1") == 403
    assert attempt(one, "2000") == 200
    for _ in range(3):
        assert attempt(one, "1") == 403
    assert attempt(one, "2000") == 403 and events(one, 8) == 2


@pytest.mark.proves("D-177")
def test_a_right_password_sets_the_counter_back(bench: Callable[..., Any]) -> None:
    one = bench()
    for _ in range(4):
        assert [attempt(one, guess) for guess in ("1", "2", "2000")] == [403, 403, 200]
    assert events(one, 8) == 0


@pytest.mark.proves("D-174", "D-177")
def test_every_order_of_right_and_wrong(bench: Callable[..., Any]) -> None:
    """The rule of 7.10 as a model: three wrong ones in a row, and nothing is right any more."""
    for guesses in itertools.product(("2000", "1", ""), repeat=5):
        one, wrong = bench(), 0
        for guess in guesses:
            locked = wrong >= 3
            expected = 400 if not guess else 200 if guess == "2000" and not locked else 403
            assert attempt(one, guess) == expected
            wrong = wrong if locked or not guess else 0 if guess == "2000" else wrong + 1


def test_a_wrong_password_does_not_log_out(bench: Callable[..., Any]) -> None:
    one = bench().log_in()
    for _ in range(4):
        assert attempt(one, "1") == 403
        assert logged(one)


@pytest.mark.proves("D-179")
@pytest.mark.parametrize("cause", ["reboot", "power"])
def test_a_start_forgets_login_and_lock_out(bench: Callable[..., Any], cause: str) -> None:
    one = bench().log_in()
    for _ in range(3):
        attempt(one, "1")
    if cause == "reboot":
        one.fault("reboot")
        one.wait(6)
    else:
        one.power_cycle()
    assert not logged(one)
    assert attempt(one, "2000") == 200


def test_an_idle_login_ends(bench: Callable[..., Any]) -> None:
    one = bench(login_timeout="60").log_in()
    for _ in range(5):
        assert one.wait(59).status_of("GET", "system_parameters") == 200
    for _ in range(3):
        one.get("system_status")  # does not need the login, so it does not keep it
        one.wait(20)
    assert not logged(one)


@pytest.mark.proves("D-175", "D-323")
def test_a_lock_out_can_be_imposed(bench: Callable[..., Any]) -> None:
    one = bench()
    one.fault("login-locked", "30")
    assert attempt(one, "2000") == 403
    assert attempt(one.wait(29.9), "2000") == 403
    assert attempt(one.wait(0.1), "2000") == 200


# commissioning


@pytest.mark.proves("D-169", "D-171", "D-172", "D-164")
@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_commissioning_needs_a_login_and_one_word(bench: Callable[..., Any], method: str) -> None:
    one = bench()

    def send(word: str, key: str = "operative_status") -> Any:
        if method == "PUT":
            return one.http("PUT", f"/v1/system_status?{key}={word}")
        return one.http("POST", "/v1/system_status", {key: word})

    assert send("operating").status == 403
    one.log_in()
    for word in ("ready", "Ready", "charging", "", "1", "operatin", "operating1", "oper ating"):
        assert send(word).status == 400
    assert send("operating", "operative").status == 400
    assert send("1", "logged").status == 400
    assert one.get("system_status")["operative_status"] == "Ready" and events(one, 6) == 0
    answer = send("OPERating")
    assert (answer.status, answer.body) == (200, b'{"operative_status":"Operating"}')
    assert one.get("system_status")["operative_status"] == "Operating" and events(one, 6) == 1
    assert send("operating").status == 200 and events(one, 6) == 1  # accepted, no change
    assert send("ready").status == 400
    one.power_cycle()
    assert one.get("system_status")["operative_status"] == "Operating"


@pytest.mark.proves("D-170", "D-164")
@pytest.mark.parametrize("status", [2, 3])
def test_commissioning_is_refused_while_charging(bench: Callable[..., Any], status: int) -> None:
    one = bench()
    one.begin()
    if status == 3:
        one.power_cycle()
    one.log_in()
    assert one.get("system_status")["operative_status"] == "Charging"
    assert one.status_of("PUT", "system_status?operative_status=operating") == 400
    one.signed("E")
    assert one.get("system_status")["operative_status"] == "Ready"
    assert one.status_of("PUT", "system_status?operative_status=operating") == 200
    one.begin()
    assert one.get("system_status")["operative_status"] == "Charging"
    one.signed("E")
    assert one.get("system_status")["operative_status"] == "Operating"
