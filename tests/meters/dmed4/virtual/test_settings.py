"""Measured values, statuses and charge settings over REST, and when settings are refused (sections 6.6, 7.1 to 7.4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

MEASURE = {
    "voltage", "current", "power", "energy", "energy_neg", "temperature_i1", "temperature_i1_fahrenheit",
    "temperature_i2",
    "temperature_i2_fahrenheit", "energyPos", "energyNeg",
}  # fmt: skip


# v1/measure


@pytest.mark.proves("D-144", "D-145")
def test_measured_values_are_tenths(bench: Callable[..., Any]) -> None:
    one = bench(load="csv:rows", load_follows="always", rows="t,v,a,t1,t2\n0,400.53,125,31.5,-0.5\n").wait(1)
    shown = one.get("measure")
    assert shown.keys() == MEASURE and all(type(value) is int for value in shown.values())
    assert (shown["voltage"], shown["current"], shown["power"]) == (4005, 1250, 501)
    assert (one.raw("voltage"), one.raw("current"), one.raw("power")) == (40053, 1250000, 50066)
    assert [shown[key] for key in shown if key.startswith("temp")] == [315, 887, -5, 311]


@pytest.mark.proves("D-145")
@pytest.mark.parametrize(
    ("volts", "amperes", "expected"),
    [
        ("400.05", "0.05", (4001, 1, 0)), ("400.04", "0.0499", (4000, 0, 0)), ("500", "0.1", (5000, 1, 1)),
        ("500", "0.0989", (5000, 1, 0)), ("500", "-0.1", (5000, 1, -1)), ("500", "-0.0989", (5000, 1, 0)),
    ],
)  # fmt: skip
def test_halves_are_rounded_away_from_zero(
    bench: Callable[..., Any], volts: str, amperes: str, expected: tuple[int, ...]
) -> None:
    shown = bench(load="csv:rows", load_follows="always", rows=f"t,v,a\n0,{volts},{amperes}\n").wait(1).get("measure")
    assert (shown["voltage"], shown["current"], shown["power"]) == expected


@pytest.mark.proves("D-146", "D-147", "D-148")
def test_energies_are_watt_hours_of_their_own_registers(bench: Callable[..., Any]) -> None:
    one = bench(load="csv:rows", rows="t,v,a\n0,400,90\n20,400,-45\n", energy="1234.567", energy_export="7.654")
    one.begin()
    one.wait(40.1)
    shown = one.get("measure")
    assert shown["power"] == -180 and shown["current"] == 450
    assert shown["energy"] == 200 and 90 <= shown["energy_neg"] <= 105
    assert shown["energyPos"] == 1234567 + shown["energy"] and shown["energyNeg"] == 7654 + shown["energy_neg"]
    for key, point in (
        ("energy", "energy_cycle"), ("energy_neg", "energy_cycle_export"), ("energyPos", "energy_import_total"),
        ("energyNeg", "energy_export_total"),
    ):  # fmt: skip
        assert shown[key] == one.raw(point)


def test_asking_does_not_refresh_the_values(bench: Callable[..., Any]) -> None:
    one = bench(load="constant:36000", load_follows="always").wait(1)
    seen = [one.wait(0.1).get("measure")["energyPos"] for _ in range(12) if one.command("Q") == one.message("{") == 400]
    assert seen == [10] * 9 + [20] * 3


# v1/charge_settings


@pytest.mark.proves("D-150", "D-151", "D-152", "D-154")
def test_settings_have_seven_keys(bench: Callable[..., Any]) -> None:
    one = bench(P06_01="1", P06_02="30")
    assert one.status_of("PUT", "charge_settings?datetime=1695970042") == 200
    shown = one.wait(1).get("charge_settings")
    key = shown.pop("public_key")
    assert len(key) == 128 and bytes.fromhex(key) == one.read(0x4600, 32) and key == key.upper()
    assert shown == {
        "sync_timeout": 30, "signature_format": 1, "res_cable": 0, "datetime_offset": 0, "datetime": 1695970043,
        "tariff": 0,
    }  # fmt: skip
    assert bench().get("charge_settings")["signature_format"] == 0
    assert '"TM":"2023-09-29T06:47:23,000+0000 S"' in one.begin()


SETTINGS = [
    ("datetime", (1, 1695970042, 4294967295), (0, -1, 4294967296)),
    ("datetime_offset", (-900, -15, 0, 15, 900), (20, 915, -915, -901, 1)),
    ("tariff", (0, 1, 65535), (-1, 65536)),
    ("res_cable", (0, 1, 65535), (-1, 65536)),
]


@pytest.mark.proves("D-153", "D-155", "D-156")
@pytest.mark.parametrize(("key", "right", "wrong"), SETTINGS, ids=lambda row: row if isinstance(row, str) else "")
@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_settings_have_limits_and_are_repeated(
    bench: Callable[..., Any], method: str, key: str, right: tuple[int, ...], wrong: tuple[int, ...]
) -> None:
    one = bench()

    def send(value: int) -> Any:
        if method == "PUT":
            return one.http("PUT", f"/v1/charge_settings?{key}={value}")
        return one.http("POST", "/v1/charge_settings", {key: value})

    for value in right:
        answer = send(value)
        assert answer.status == 200 and answer.body == b'{"%b":%d}' % (key.encode(), value)
        assert one.get("charge_settings")[key] == value
    before = one.memory
    for value in wrong:
        assert send(value).status == 400
    assert one.memory == before


@pytest.mark.proves("D-156", "D-155")
def test_any_subset_is_taken_and_repeated(bench: Callable[..., Any]) -> None:
    one = bench()
    answer = one.http("PUT", "/v1/charge_settings?tariff=3&res_cable=12&datetime=5000&datetime_offset=45&command=X")
    assert answer.body == b'{"tariff":3,"res_cable":12,"datetime":5000,"datetime_offset":45,"command":"X"}'
    shown = one.get("charge_settings")
    assert [shown[key] for key in ("tariff", "res_cable", "datetime", "datetime_offset")] == [3, 12, 5000, 45]


@pytest.mark.proves("D-157")
@pytest.mark.parametrize("letter", ["", "b", "c", "e", "R", "x", "A", "BB", "B E", "0", "66", "%D0%92", "B%00"])
def test_other_letters_are_no_commands(bench: Callable[..., Any], letter: str) -> None:
    one = bench()
    assert one.message() == 200
    before = one.memory
    assert one.command(letter) == 400
    assert one.memory == before


# when settings are refused (6.6)

CHANGES = {"datetime": 1700000000, "datetime_offset": 60, "tariff": 5, "res_cable": 9}


def charging(one: Any, status: int) -> Any:
    one.begin()
    if status == 3:
        one.power_cycle()
    assert one.measurement == status
    return one


@pytest.mark.proves("D-138", "D-139")
@pytest.mark.parametrize("key", CHANGES)
@pytest.mark.parametrize("status", [2, 3])
def test_while_charging_every_setting_is_refused(bench: Callable[..., Any], status: int, key: str) -> None:
    one = charging(bench(), status)
    before = one.memory
    assert one.status_of("PUT", f"charge_settings?{key}={CHANGES[key]}") == 400
    assert one.status_of("POST", "charge_settings", {key: CHANGES[key]}) == 400
    assert one.memory == before
    one.signed("E")
    assert one.status_of("POST", "charge_settings", {key: CHANGES[key]}) == 200


@pytest.mark.proves("D-140", "D-155")
@pytest.mark.parametrize(
    ("key", "status"), [("datetime", 200), ("datetime_offset", 200), ("tariff", 200), ("res_cable", 400)]
)
def test_operating_locks_the_cable_alone(bench: Callable[..., Any], key: str, status: int) -> None:
    one = bench(commissioned="yes")
    assert one.get("system_status")["operative_status"] == "Operating"
    assert one.status_of("PUT", f"charge_settings?{key}={CHANGES[key]}") == status
    assert (one.get("charge_settings")[key] == CHANGES[key]) == (status == 200)


@pytest.mark.proves("D-141")
def test_a_locked_cable_is_refused(bench: Callable[..., Any]) -> None:
    one = bench(cable_locked="yes")
    assert one.get("system_status")["cable_res_locked"] == 1
    assert one.status_of("PUT", "charge_settings?res_cable=9") == 400
    assert one.status_of("POST", "charge_settings", {"res_cable": 9}) == 400
    assert one.get("charge_settings")["res_cable"] == 0
    one.control(cable_locked=False)
    assert one.get("system_status")["cable_res_locked"] == 0
    assert one.status_of("PUT", "charge_settings?res_cable=9") == 200


@pytest.mark.proves("D-142")
@pytest.mark.parametrize(
    "refused", ["datetime_offset=20", "res_cable=9", "command=E", "command=r", "command=B", "command=b", "tariff=-1"]
)
def test_one_refused_setting_refuses_all(bench: Callable[..., Any], refused: str) -> None:
    one = bench(cable_locked="yes")
    key = refused.partition("=")[0]
    others = "&".join(f"{name}={value}" for name, value in CHANGES.items() if name not in (key, "res_cable"))
    before = one.get("charge_settings"), one.meter.state()["log"]
    for query in (f"{others}&{refused}", f"{refused}&{others}"):
        assert one.status_of("PUT", f"charge_settings?{query}") == 400
        shown = one.get("charge_settings")
        assert shown == before[0]


@pytest.mark.proves("D-142", "D-138")
def test_a_command_beside_a_refused_setting_is_not_done(bench: Callable[..., Any]) -> None:
    one = charging(bench(), 2)
    assert one.status_of("PUT", "charge_settings?command=E&tariff=5") == 400
    assert one.measurement == 2 and one.errors == 0
    assert one.command("E") == 200


@pytest.mark.proves("D-143")
@pytest.mark.parametrize(
    "order", ["datetime=1695970042&datetime_offset=120&command=B", "command=B&datetime_offset=120&datetime=1695970042"]
)
def test_settings_come_before_the_command_of_the_same_request(bench: Callable[..., Any], order: str) -> None:
    one = bench()
    assert one.message() == 200
    assert one.status_of("PUT", f"charge_settings?{order}") == 200
    record = one.wait(0.5).get("ocmf")["OCMF_BUFF"]
    assert record.count('"TM":"2023-09-29T08:47:22,000+0200 S"') == 2


def test_during_a_signature_time_and_commands_wait(bench: Callable[..., Any]) -> None:
    one = bench()
    one.begin()
    assert one.command("E") == 200
    before = one.memory
    for query in ("command=X", "command=r", "command=C", "datetime=1700000000", "datetime_offset=60&tariff=1"):
        assert one.status_of("PUT", f"charge_settings?{query}") == 400
    assert one.message() == 400
    assert one.memory == before and one.errors == 0


# v1/charge_status, v1/ocmf


@pytest.mark.proves("D-158", "D-159", "D-160")
def test_status_and_record_of_a_cycle(bench: Callable[..., Any]) -> None:
    one = bench()
    assert one.get("ocmf") == {"OCMF_BUFF": ""}
    one.begin()
    one.command("E")
    assert one.get("ocmf") == {"OCMF_BUFF": ""}
    shown = one.get("charge_status")
    assert list(shown) == ["measurement_status", "signature_status", "error_status_1", "error_status_2"]
    assert shown["measurement_status"] == 1 and shown["signature_status"] == one.word == 0x06
    record = one.wait(0.5).get("ocmf")["OCMF_BUFF"]
    assert one.verifies(record) and '"TX":"E"' in record and '"PG":"T2"' in record
    assert one.get("ocmf") == {"OCMF_BUFF": record}
    one.fault("signature-error")
    one.message()
    assert one.command("B") == 200
    assert one.wait(0.5).get("ocmf") == {"OCMF_BUFF": ""}
    assert one.get("charge_status") == {
        "measurement_status": 1, "signature_status": one.word, "error_status_1": 1 << 15, "error_status_2": 0,
    }  # fmt: skip
    assert one.word == 0x8012
