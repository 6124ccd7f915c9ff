"""DMED4DC1: four meters behind one address over HTTP, each for itself (section 11.2)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from wattproof.errors import InvalidValue

CHANNELS = (1, 2, 3, 4)


def ask(one: Any, method: str, path: str, body: Any = b"") -> Any:
    answer = one.http(method, f"/v1/{path}", body)
    return json.loads(answer.body) if answer.status == 200 else answer.status


@pytest.mark.proves("D-292")
@pytest.mark.parametrize("channel", CHANNELS)
def test_a_request_acts_on_its_channel_alone(bench: Callable[..., Any], channel: int) -> None:
    one = bench("DC1")
    assert ask(one, "PUT", f"{channel}/force_display?set_page=3&display_on_off=0") == {
        "set_page": 3,
        "display_on_off": 0,
    }
    assert ask(one, "PUT", f"{channel}/charge_settings?datetime=1695970042&tariff=7") == {
        "datetime": 1695970042,
        "tariff": 7,
    }
    assert ask(one, "POST", f"{channel}/ocmf", '{"ID":"x"}') == {}
    assert ask(one, "PUT", f"{channel}/charge_settings?command=B") == {"command": "B"}
    one.wait(0.5)
    shown = one.meter.state()["channels"]
    for other in CHANNELS:
        mine = other == channel
        assert shown[other]["display"]["page"] == (3 if mine else 1)
        assert ask(one, "GET", f"{other}/charge_settings")["tariff"] == (7 if mine else 0)
        assert (ask(one, "GET", f"{other}/charge_settings")["datetime"] > 1695970000) == mine
        assert ask(one, "GET", f"{other}/charge_status")["measurement_status"] == (2 if mine else 1)
        assert (ask(one, "GET", f"{other}/ocmf")["OCMF_BUFF"] != "") == mine
        assert ask(one, "GET", f"{other}/logbook/info")["ocmf_total_number"] == int(mine)
    record = ask(one, "GET", f"{channel}/logbook/OCMF?index_type=POS&index_reference=LAST")["OCMF_LOG"]
    assert f'"MS":"{12345677 + channel}"' in record


@pytest.mark.proves("D-293", "D-294")
@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "DELETE"])
@pytest.mark.parametrize(
    "path",
    [
        "measure", "system_status", "login?password=2000", "0/measure", "5/measure", "01/measure", "11/measure",
        "-1/measure",
        "+1/measure", "1.0/measure", "a/measure", "%D9%A1/measure", "1", "1/", "1//measure", "/1/measure",
        "1/1/measure",
        "1/v1/measure", "1/Measure", "1/logbook/ocmf", "2/../1/measure", "1%2Fmeasure", "%2F1/measure", "1/measure%0A",
        "",
    ],
)  # fmt: skip
def test_channels_are_1_to_4_and_nothing_is_without_one(bench: Callable[..., Any], method: str, path: str) -> None:
    assert ask(bench("DC1"), method, path) == 404


@pytest.mark.proves("D-293", "D-299")
def test_the_four_channels_are_four_meters(bench: Callable[..., Any]) -> None:
    one = bench("DC1", serial="00000100")
    assert [ask(one, "GET", f"{channel}/system_status")["serial_number"] for channel in CHANNELS] == [
        100,
        101,
        102,
        103,
    ]
    assert len({ask(one, "GET", f"{channel}/charge_settings")["public_key"] for channel in CHANNELS}) == 4
    assert {ask(one, "GET", f"{channel}/system_status")["model_code"] for channel in CHANNELS} == {0}
    for channel in CHANNELS:
        assert ask(one, "GET", f"{channel}/%6Deasure/").keys() == ask(one, "GET", f"{channel}/measure").keys()
        assert ask(one, "PUT", f"{channel}/measure") == 501
        assert ask(one, "GET", f"{channel}/system_parameters") == 403


@pytest.mark.proves("D-299", "D-293")
def test_channels_can_be_left_out(bench: Callable[..., Any]) -> None:
    one = bench("DC1", serial="00000100", channels="1,3")
    assert ask(one, "GET", "1/system_status")["serial_number"] == 100
    assert ask(one, "GET", "3/system_status")["serial_number"] == 102
    assert (
        ask(one, "GET", "2/measure") == ask(one, "GET", "4/measure") == ask(one, "PUT", "4/login?password=2000") == 404
    )
    assert ask(bench("DC1", channels="4"), "GET", "4/measure")["voltage"] == 4000
    for wrong in ("", "0", "5", "1,1", "1,,2", "a"):
        with pytest.raises(InvalidValue):
            bench("DC1", channels=wrong)


@pytest.mark.proves("D-294")
def test_an_alias_stands_for_a_missing_channel(bench: Callable[..., Any]) -> None:
    one = bench("DC1", serial="00000100", channel_alias="3")
    assert ask(one, "GET", "system_status")["serial_number"] == 102
    assert ask(one, "GET", "2/system_status")["serial_number"] == 101
    for path in ("5/measure", "0/measure", "colour"):
        assert ask(one, "GET", path) == 404
    assert ask(bench("DC1", channels="1,2", channel_alias="3"), "GET", "measure") == 404


@pytest.mark.proves("D-295")
def test_login_and_lock_out_belong_to_a_channel(bench: Callable[..., Any]) -> None:
    one = bench("DC1")
    assert ask(one, "PUT", "2/login?password=2000") == {"logged": 1}
    assert [ask(one, "GET", f"{channel}/system_status")["logged"] for channel in CHANNELS] == [0, 1, 0, 0]
    assert [ask(one, "GET", f"{channel}/system_parameters") == 403 for channel in CHANNELS] == [True, False, True, True]
    for channel in (1, 2, 3):
        assert ask(one, "PUT", f"{channel}/login?password=1") == 403  # three wrong ones, but nowhere in a row
    assert ask(one, "PUT", "1/login?password=2000") == {"logged": 1}
    for _ in range(3):
        assert ask(one, "PUT", "3/login?password=1") == 403
    assert ask(one, "PUT", "3/login?password=2000") == 403
    assert ask(one, "PUT", "4/login?password=2000") == {"logged": 1}
    one.wait(900)
    assert ask(one, "PUT", "3/login?password=2000") == {"logged": 1}


@pytest.mark.proves("D-295")
def test_parameters_and_restarts_belong_to_a_channel(bench: Callable[..., Any]) -> None:
    one = bench("DC1")
    for channel in (1, 2):
        ask(one, "PUT", f"{channel}/login?password=2000")
    block = ask(one, "GET", "2/system_parameters")
    assert ask(one, "POST", "2/system_parameters", block | {"P02_01": 1, "P03_02": 4711}) == {}
    one.wait(0.5)
    assert ask(one, "GET", "2/measure") == 404  # it restarts
    assert ask(one, "GET", "1/system_parameters")["P02_01"] == 0
    one.wait(6)
    assert ask(one, "PUT", "2/login?password=2000") == 403
    assert ask(one, "PUT", "2/login?password=4711") == {"logged": 1}
    assert ask(one, "GET", "2/system_parameters")["P02_01"] == 1
    assert ask(one, "PUT", "1/system_status?operative_status=operating") == {"operative_status": "Operating"}
    assert ask(one, "GET", "2/system_status")["operative_status"] == "Ready"


def test_a_lost_channel_answers_404(bench: Callable[..., Any]) -> None:
    one = bench("DC1")
    one.fault("channel-lost", 3)
    assert [ask(one, "GET", f"{channel}/measure") == 404 for channel in CHANNELS] == [False, False, True, False]
    one.fault("channel-lost", False)
    assert ask(one, "GET", "3/measure")["voltage"] == 4000


@pytest.mark.proves("D-326")
def test_faults_of_one_channel_leave_the_others_alone(bench: Callable[..., Any]) -> None:
    one = bench("DC1")
    second = one.meter.channels[2]
    second.patch(one.now, {}, {"http-status": 503, "http-slow": 1})
    for channel in CHANNELS:
        answer = one.http("GET", f"/v1/{channel}/measure")
        assert answer.status == (503 if channel == 2 else 200)
        assert hasattr(one.site.deliver(answer), "pieces") == (channel == 2)
    assert one.http("GET", "/2").status == 503
    assert one.http("GET", "/1").status == one.http("GET", "/").status == 200


def test_a_meter_has_no_channels(bench: Callable[..., Any]) -> None:
    assert [ask(bench(), "GET", f"{channel}/measure") for channel in CHANNELS] == [404] * 4


# Modbus names the display itself


@pytest.mark.proves("D-009", "D-010")
@pytest.mark.parametrize(("variant", "code"), [("DC1", "0C"), ("DC2", "0D")])
def test_modbus_knows_the_display_by_its_code_alone(bench: Callable[..., Any], variant: str, code: str) -> None:
    from wattproof.meters.dmed4.virtual.creation import create
    from wattproof.virtual.base import SimulationOptions

    display = create(SimulationOptions("dmed4", variant=variant, serial="12345678"))
    assert display.execute(b"\x11", 0) == bytes.fromhex(f"11 08 {code} 05 01 03 02 07 00 00")
    assert display.execute(bytes.fromhex("04 00 01 00 04"), 0) == bytes.fromhex("84 02")
    assert (display.site() is None) == (variant == "DC2")
