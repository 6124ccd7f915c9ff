"""The web page at its address: what it shows of the meter, whom its form obeys, and nothing else (section 16.1)."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest

FORM = {"content-type": "application/x-www-form-urlencoded"}


def rows(page: bytes) -> dict[str, str]:
    """Label and text of every row of the tables."""
    found = re.findall(r'<tr><th scope="row">(.*?)</th><td[^>]*>(.*?)</td></tr>', page.decode(), re.DOTALL)
    return {unescape(label): unescape(re.sub("<[^>]+>", " ", text)).strip() for label, text in found}


def post(one: Any, ip: str = "10.0.0.5", password: str = "2000", path: str = "/") -> int:
    return int(one.http("POST", path, f"ip={ip}&password={password}", FORM).status)


@pytest.mark.proves("D-330")
def test_the_page_shows_the_present_values(bench: Callable[..., Any]) -> None:
    one = bench(
        "404D0150", load="csv:rows", rows="t,v,a,t1,t2\n0,400.53,125,31.5,-0.5\n", P05_03="10.1.2.3", energy="1.234"
    )
    one.set_time(1695970042, 120)
    one.begin()
    one.fault("error-dmed-frame")
    one.wait(36.5)
    answer = one.http("GET", "/")
    assert answer.status == 200 and answer.closes and answer.header("Content-Type") == "text/html; charset=utf-8"
    assert answer.header("Transfer-Encoding") == "chunked" and answer.encode().endswith(b"\r\n0\r\n\r\n")
    measure, status = one.get("measure"), one.get("system_status")
    shown = rows(answer.body)
    assert measure["energy"] > 499
    expected = {
        "Voltage": "400.5 V", "Current": "125.0 A", "Power, negative = export": "50.1 kW",
        "Last charge cycle energy": f"{measure['energy']} Wh", "Total imported energy": f"{measure['energyPos']} Wh",
        "Total exported energy": "0 Wh", "Model": "DMED404D0150", "Serial number": "12345678", "IP address": "10.1.2.3",
        "Measurement firmware": status["meas_fw_rev"], "Measurement firmware checksum": status["meas_fw_cks"],
        "Communication firmware": status["pow_fw_rev"], "Communication firmware checksum": status["pow_fw_cks"],
        "Measurement": "ACTIVE", "Errors": "ERROR_DMED_FRAME", "Date": "2023-09-29", "Time": "08:47:59",
        "Time offset": "UTC+02:00",
        "Stored OCMF records": "1",
    }  # fmt: skip
    assert {label: shown[label] for label in expected} == expected
    assert "SIGNATURE OK" in shown["Signature"] and "TIMESTAMP SYNCHRONIZED" in shown["Signature"]
    assert b"Operative status: Charging" in answer.body


@pytest.mark.proves("D-330", "D-121")
def test_the_page_refers_to_nothing_else(bench: Callable[..., Any]) -> None:
    answer = bench().http("GET", "/")
    assert set(re.findall(rb'(?:href|src|action|data-source)="([^"]*)"', answer.body)) == {b"/", b"/v1/measure"}
    assert b"//" not in re.sub(rb"<script>.*?</script>|<style>.*?</style>", b"", answer.body, flags=re.DOTALL)
    assert "default-src 'none'" in str(answer.header("Content-Security-Policy"))
    assert answer.header("Set-Cookie") is None


@pytest.mark.proves("D-331")
def test_the_form_changes_the_address_alone_and_restarts(bench: Callable[..., Any]) -> None:
    one = bench(P04_01="7", P05_01="5").log_in()
    before = one.get("system_parameters")
    answer = one.http("POST", "/", "ip=10.0.0.5&password=2000", FORM)
    assert answer.status == 200 and b"10.0.0.5" in answer.body and answer.header("Set-Cookie") is None
    assert not one.meter.silent
    assert one.wait(0.2).meter.silent
    one.wait(6).log_in()
    assert one.get("system_parameters") == before | {"P05_03": 0x0A000005}
    assert [event.arguments for event in one.meter.logbook.events if event.code == 4] == ["P05_03"]
    assert rows(one.http("GET", "/").body)["IP address"] == "10.0.0.5"


@pytest.mark.proves("D-331")
def test_the_form_needs_no_login_and_gives_none(bench: Callable[..., Any]) -> None:
    one = bench()
    assert post(one, "192.168.1.1") == 200
    assert one.get("system_status")["logged"] == 0
    assert post(bench().log_in(), password="2001") == 403


@pytest.mark.proves("D-331")
def test_wrong_passwords_of_form_and_login_are_counted_together(bench: Callable[..., Any]) -> None:
    one = bench()
    assert post(one, password="1") == one.status_of("PUT", "login?password=1") == post(one, password="1") == 403
    assert post(one) == one.status_of("PUT", "login?password=2000") == 403
    assert one.wait(899.9).meter.next_event() is None and post(one) == 403
    assert post(one.wait(0.1)) == 200
    one = bench()
    for _ in range(3):
        assert post(one, password="1") == post(one, password="2") == 403
        assert one.status_of("PUT", "login?password=2000") == 200


@pytest.mark.proves("D-331")
@pytest.mark.parametrize("state", ["operating", "status 2", "status 3"])
def test_the_form_is_refused_unless_ready(bench: Callable[..., Any], state: str) -> None:
    one = bench(commissioned="yes" if state == "operating" else "no")
    if state != "operating":
        one.begin()
    if state == "status 3":
        one.power_cycle()
    before = one.memory
    assert post(one) == 400
    assert one.memory == before and one.meter.active["P05_03"] == one.meter.flash["P05_03"] == 0xC0A80101
    assert b"<fieldset" in one.http("GET", "/").body and b" disabled>" in one.http("GET", "/").body


@pytest.mark.proves("D-331", "D-332")
@pytest.mark.parametrize(
    "body",
    [
        "", "ip=10.0.0.5", "password=2000", "ip=&password=2000", "ip=10.0.0.5&password=", "ip=10.0.0.256&password=2000",
        "ip=10.0.0&password=2000", "ip=167772165&password=2000", "ip=::1&password=2000",
        "ip=10.0.0.5&password=2000&P04_01=9",
        "ip=10.0.0.5&ip=10.0.0.6&password=2000", "P05_03=10.0.0.5&password=2000", '{"ip":"10.0.0.5","password":"2000"}',
        "ip=10.0.0.5&password=%", "ip=10.0.0.5&password=2000\0", "ip=10.0.0.5&password=" + "2" * 2000,
    ],
)  # fmt: skip
def test_another_form_changes_nothing_and_is_not_counted(bench: Callable[..., Any], body: str) -> None:
    one = bench()
    before = one.memory
    for _ in range(4):
        answer = one.http("POST", "/", body, FORM)
        assert answer.encode() == b"HTTP/1.1 400 Bad request\r\nConnection: close\r\n\r\n"
    assert one.http("POST", "/", "ip=10.0.0.5&password=2000", {"content-type": "application/json"}).status == 400
    assert one.http("POST", "/", "ip=10.0.0.5&password=2000").status == 400
    assert one.memory == before and one.meter.next_event() is None
    assert post(one) == 200


@pytest.mark.proves("D-332")
@pytest.mark.parametrize("method", ["PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE"])
def test_the_page_takes_no_other_change(bench: Callable[..., Any], method: str) -> None:
    one = bench()
    before = one.memory
    assert one.http(method, "/?ip=10.0.0.5&password=2000", "ip=10.0.0.5&password=2000", FORM).status == 501
    assert one.memory == before
    assert b"<html" in one.http("GET", "/?ip=10.0.0.5&password=2000").body
    assert one.memory == before


@pytest.mark.proves("D-332", "D-122")
@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_with_tls_there_is_no_page(bench: Callable[..., Any], method: str) -> None:
    one = bench(P05_11="1")
    assert one.http(method, "/", "ip=10.0.0.5&password=2000", FORM).status == 404
    assert one.get("measure")["voltage"] == 4000
    assert one.status_of("PUT", "force_display?set_page=2") == 200  # also over TLS (DEC-29)
    display = bench("DC1", P05_11="1")
    assert display.http(method, "/").status == display.http(method, "/1").status == 404


# behind a display


@pytest.mark.proves("D-330", "D-331")
def test_a_display_lists_its_channels_and_each_has_its_page(bench: Callable[..., Any]) -> None:
    one = bench("DC1", serial="00000100", channels="1,3")
    shown = rows(one.http("GET", "/").body)
    assert shown["Channel 1"] == "DMED404R1500, serial number 100 , Ready" and shown["Channel 2"] == "no meter"
    assert "102" in shown["Channel 3"] and b'href="/3"' in one.http("GET", "/").body
    assert one.http("POST", "/", "ip=10.0.0.5&password=2000", FORM).status == 501
    page = one.http("GET", "/3")
    assert rows(page.body)["Serial number"] == "102" and b'data-source="/v1/3/measure"' in page.body
    assert [one.http("GET", path).status for path in ("/2", "/4", "/0", "/5", "/01", "/3/", "/%33")] == [404] * 6 + [
        200
    ]
    assert post(one, path="/3") == 200
    one.wait(0.2)
    assert one.http("GET", "/3").status == 404 and one.http("GET", "/1").status == 200
    one.wait(6)
    assert rows(one.http("GET", "/3").body)["IP address"] == "10.0.0.5"
    assert rows(one.http("GET", "/1").body)["IP address"] == "192.168.1.1"
