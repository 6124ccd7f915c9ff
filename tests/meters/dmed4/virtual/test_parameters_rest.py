"""All parameters in one block over REST, complete or not at all, and the restart behind it (sections 7.11, 7.12)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

#: Table 7.12: values and default.
WORD, LONG, SWITCH = range(1 << 16), range(1 << 32), range(2)
TABLE = {
    "P01_01": (WORD, 0), "P02_01": (SWITCH, 0), "P02_02": (SWITCH, 0), "P02_03": (SWITCH, 0), "P02_04": (SWITCH, 0),
    "P02_05": (SWITCH, 0), "P03_01": (SWITCH, 1), "P03_02": (WORD, 2000), "P04_01": (range(1, 248), 1),
    "P04_02": (range(8), 3),
    "P04_03": (range(5), 0), "P04_04": (range(1, 3), 1), "P04_05": (SWITCH, 0), "P04_06": (SWITCH, 0), "P05_01": (LONG,
    0),
    "P05_02": (LONG, 0), "P05_03": (LONG, 3232235777), "P05_04": (LONG, 4294967040), "P05_05": (SWITCH, 0),
    "P05_06": (LONG, 0),
    "P05_07": (LONG, 0), "P05_08": (LONG, 0), "P05_09": (LONG, 0), "P05_10": (SWITCH, 1), "P05_11": (SWITCH, 0),
    "P06_01": (SWITCH, 0), "P06_02": (WORD, 1440),
}  # fmt: skip
#: Those with ON and OFF.
SWITCHES = ("P02_01", "P02_02", "P02_03", "P02_04", "P03_01", "P04_06", "P05_11")


def block(**changed: int) -> dict[str, int]:
    """A complete block as the manual sends it: the address as four bytes, 30 keys."""
    values = {key: default for key, (_, default) in TABLE.items()} | changed
    address = values.pop("P05_03")
    return values | {f"P05_03_{number:02d}": address >> 8 * (4 - number) & 255 for number in range(1, 5)}


def parameters(one: Any) -> dict[str, int]:
    shown: dict[str, int] = one.get("system_parameters")
    return shown


def refused(one: Any, body: dict[str, Any] | str) -> bool:
    """Whether a block is refused and leaves everything as it is, now and later."""
    before = one.memory, parameters(one)
    assert one.status_of("POST", "system_parameters", body) == 400
    assert (one.memory, parameters(one)) == before
    return not one.meter.silent and one.meter.next_event() is None


@pytest.mark.proves("D-181", "D-182")
def test_there_are_27_numbers(bench: Callable[..., Any]) -> None:
    shown = parameters(bench().log_in())
    assert shown == {key: default for key, (_, default) in TABLE.items()}
    assert len(shown) == 27 and all(type(value) is int for value in shown.values())
    assert shown["P05_03"] == 192 << 24 | 168 << 16 | 1 << 8 | 1


@pytest.mark.proves("D-183")
def test_a_complete_block_is_saved_and_the_meter_restarts(bench: Callable[..., Any]) -> None:
    one = bench().log_in()
    body = block(P01_01=65535, P02_01=1, P03_02=4711, P04_01=17, P05_03=0x0A0B0CFE, P05_06=4294967295, P06_02=5)
    assert len(body) == 30
    answer = one.http("POST", "/v1/system_parameters", body)
    assert (answer.status, answer.body) == (200, b"{}")
    one.wait(0.2)
    assert one.meter.silent and one.ask("04 41 FF 00 01") is None
    assert one.wait(4.7).meter.silent
    one.wait(1)
    assert not one.meter.silent
    assert one.get("system_status")["logged"] == 0
    assert one.status_of("PUT", "login?password=4711") == 200
    expected = {key: default for key, (_, default) in TABLE.items()}
    expected |= {
        "P01_01": 65535,
        "P02_01": 1,
        "P03_02": 4711,
        "P04_01": 17,
        "P05_03": 0x0A0B0CFE,
        "P05_06": 4294967295,
        "P06_02": 5,
    }
    assert parameters(one) == expected
    saved = [event.arguments for event in one.meter.logbook.events if event.code == 4]
    assert saved == ["P01_01;P02_01;P03_02;P04_01;P05_03;P05_06;P06_02"]


@pytest.mark.proves("D-183")
def test_the_answer_leaves_before_anything_changes(bench: Callable[..., Any]) -> None:
    """The port would be closed, and the node another, before the client knows."""
    one = bench(listen=("http://127.0.0.1:80",)).log_in()
    assert one.status_of("POST", "system_parameters", block(P05_11=1, P04_01=9, P06_02=7)) == 200
    assert (one.meter.closed, one.meter.unit, one.raw("sync_timeout")) == (frozenset({"https"}), 1, 1440)
    assert json.loads(one.meter.checkpoint())["parameters"]["P04_01"] == 9  # kept, should the process end now
    one.wait(0.1)
    assert one.meter.silent
    one.wait(5.5)
    assert (one.meter.closed, one.meter.unit, one.raw("sync_timeout")) == (frozenset({"http"}), 9, 7)


def test_a_power_failure_before_the_restart_keeps_what_was_saved(bench: Callable[..., Any]) -> None:
    one = bench().log_in()
    assert one.status_of("POST", "system_parameters", block(P04_01=9)) == 200
    one.power_cycle()
    assert one.meter.unit == 9
    assert one.wait(20).get("charge_status")["measurement_status"] == 1  # and there is no second restart


def test_no_answer_if_it_is_to_be_silent(bench: Callable[..., Any]) -> None:
    one = bench(post_parameters="silent").log_in()
    answer = one.http("POST", "/v1/system_parameters", block(P04_01=9))
    assert answer.encode() == b"" and answer.closes
    assert one.wait(6).meter.unit == 9
    assert one.log_in().status_of("POST", "system_parameters", "{}") == 400  # refusals are heard


@pytest.mark.proves("D-184")
@pytest.mark.parametrize("missing", sorted(block()))
def test_one_missing_key_changes_nothing(bench: Callable[..., Any], missing: str) -> None:
    one = bench().log_in()
    body = block(P01_01=5, P04_01=9)
    del body[missing]
    assert refused(one, body)


@pytest.mark.proves("D-185")
@pytest.mark.parametrize("id", [key for key in TABLE if key.startswith("P05")])
def test_parameters_of_menu_5_are_one_number_or_four_bytes(bench: Callable[..., Any], id: str) -> None:
    one = bench().log_in()
    value = TABLE[id][1]
    whole: dict[str, Any] = {key: default for key, (_, default) in TABLE.items()}
    parts = {f"{id}_{number:02d}": value >> 8 * (4 - number) & 255 for number in range(1, 5)}
    split = {key: default for key, default in whole.items() if key != id} | parts
    for key in parts:
        assert refused(one, {name: part for name, part in split.items() if name != key})
        assert refused(one, whole | {key: parts[key]})
        assert refused(one, whole | {key: None})
        for wrong in (-1, 256, "1", 1.0, True, None, [1]):
            assert refused(one, split | {key: wrong})
    assert refused(one, whole | parts)
    assert one.status_of("POST", "system_parameters", split) == 200
    one.wait(6).log_in()
    assert parameters(one) == whole
    assert one.status_of("POST", "system_parameters", whole) == 200


@pytest.mark.proves("D-195", "D-184")
@pytest.mark.parametrize("id", TABLE)
def test_every_parameter_has_limits(bench: Callable[..., Any], id: str) -> None:
    one = bench(reboot_delay="0").log_in()
    allowed = range(2) if id in SWITCHES else TABLE[id][0]
    whole: dict[str, Any] = {key: default for key, (_, default) in TABLE.items()}
    if id == "P04_03":
        whole["P04_05"] = 1  # seven bits need ASCII
    for wrong in (
        allowed.start - 1,
        allowed.stop,
        1 << 32,
        -1 << 31,
        1.0,
        True,
        False,
        None,
        str(allowed.start),
        [],
        {},
    ):
        assert refused(one, whole | {id: wrong})
    for value in {allowed.start, allowed.stop - 1}:
        assert one.status_of("POST", "system_parameters", whole | {id: value}) == 200
        one.wait(2)
        password = value if id == "P03_02" else 2000
        assert one.status_of("PUT", f"login?password={password}") == 200
        assert parameters(one)[id] == value


@pytest.mark.proves("D-196")
@pytest.mark.parametrize("bits", range(5))
@pytest.mark.parametrize("ascii", [0, 1])
def test_seven_bits_need_ascii(bench: Callable[..., Any], bits: int, ascii: int) -> None:
    one = bench().log_in()
    body = block(P04_03=bits, P04_05=ascii)
    if bits in (3, 4) and not ascii:
        assert refused(one, body)
    else:
        assert one.status_of("POST", "system_parameters", body) == 200


@pytest.mark.proves("D-196")
def test_seven_bits_need_ascii_in_the_menu_and_in_options_too(bench: Callable[..., Any]) -> None:
    from wattproof.errors import InvalidValue

    with pytest.raises(InvalidValue, match="P04_03"):
        bench(P04_03="3")
    one = bench()
    assert one.put(0x5000, 4) and one.put(0x5002, 3) and one.put(0x5004, 3)
    assert one.refused("06 2F 02 00 05") == 3
    assert one.put(0x5002, 5) and one.put(0x5004, 1)
    assert one.ask("06 2F 02 00 05") is None


@pytest.mark.proves("D-186")
@pytest.mark.parametrize("state", ["operating", "status 2", "status 3"])
def test_parameters_are_locked_when_operating_or_charging(bench: Callable[..., Any], state: str) -> None:
    one = bench(commissioned="yes" if state == "operating" else "no")
    if state != "operating":
        one.begin()
    if state == "status 3":
        one.power_cycle()
    one.log_in()
    before = one.memory, parameters(one)
    assert one.status_of("POST", "system_parameters", block(P04_01=9)) == 400
    assert (one.memory, parameters(one)) == before


def test_unknown_keys_beside_the_block_are_ignored_and_doubles_refused(bench: Callable[..., Any]) -> None:
    one = bench().log_in()
    text = json.dumps(block())
    assert refused(one, text[:-1] + ',"P01_01":0}')
    assert refused(one, text[:-1] + ',"P01\\u005f01":0}')
    assert one.status_of("POST", "system_parameters", {**block(), "P99_01": 1, "colour": "red"}) == 200
