"""The REST driver of the DMED4: what it sends, byte by byte, and what it bears."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.meters.dmed4.scripted import EVSE, FIELDS, IDENTIFICATION, KEY, MOMENT, Scripted, conversation, run
from wattproof.errors import (
    Disconnected,
    HttpRefused,
    InvalidValue,
    ProtocolError,
    ReadOnly,
    Refused,
    ResponseTimeout,
    UnknownName,
    UsageError,
)
from wattproof.io.web import WebAnswer, WebClient
from wattproof.meters.dmed4 import restparameters
from wattproof.meters.dmed4.enums import MeasurementStatus
from wattproof.meters.dmed4.parameters import PARAMETERS
from wattproof.meters.dmed4.rest import RestDriver, probe
from wattproof.model.clock import VirtualClock
from wattproof.model.values import Quality

Act = Callable[[str, str, dict[str, str], Any], object]


class Meter:
    """A web link to a meter whose answers a test gives by path; ``asked`` are the requests."""

    name = "http://meter"

    def __init__(self, **answers: object) -> None:
        self.clock = VirtualClock()
        self.answers: dict[str, object] = {name.replace("__", "/"): answer for name, answer in answers.items()}
        self.asked: list[tuple[str, str]] = []
        self.bodies: list[bytes] = []
        self.secrets: list[str] = []
        self.on: Act = lambda method, path, query, body: None

    async def exchange(
        self, method: str, target: str, body: bytes | None = None, *, timeout: float | None = None, secret: str = ""
    ) -> WebAnswer:
        self.asked.append((method, target))
        self.secrets += [secret] if secret else []
        self.clock.advance(0.01)
        parts = urlsplit(target)
        path = parts.path.removeprefix("/v1/")
        if body is not None:
            self.bodies.append(body)
        found = self.on(method, path, dict(parse_qsl(parts.query)), body)
        if found is None:
            found = self.answers.get(path, 404) if method == "GET" else {}
        if isinstance(found, Exception):
            raise found
        if isinstance(found, int):
            return WebAnswer(found, "refused")
        return WebAnswer(200, "OK", {}, found if isinstance(found, bytes) else json.dumps(found).encode())

    async def close(self) -> None:
        pass


SYSTEM = {
    "meas_fw_rev": "5",
    "serial_number": 12345678,
    "model_code": 0,
    "cable_res_locked": 0,
    "logged": 0,
    "operative_status": "Ready",
}
MEASURE = {
    "voltage": 4005,
    "current": 1250,
    "power": -501,
    "energy": 123,
    "energy_neg": 7,
    "temperature_i1": 250,
    "temperature_i1_fahrenheit": 770,
    "temperature_i2": -32768,
    "temperature_i2_fahrenheit": -32768,
    "energyPos": 1234690,
    "energyNeg": 9,
}
IDLE = {"measurement_status": 1, "signature_status": 0x20, "error_status_1": 0, "error_status_2": 0}


# The worked session ------------------------------------------------------------------------------------------------


@pytest.mark.proves("D-239", "D-336")
def test_a_whole_session_byte_for_byte() -> None:
    far = Scripted(conversation("rest"))
    link = WebClient(far.open, name="http://192.168.1.1", host="192.168.1.1", clock=far.clock, retries=0)
    driver = RestDriver(link, public_key=KEY)
    session = driver.session(identification=IDENTIFICATION, evse=EVSE, fields=FIELDS, time=MOMENT)
    run(session.begin())
    readings = {reading.point: reading.value for reading in run(driver.read("measure"))}
    assert readings["measure.energy_cycle"] == 123
    record = run(session.end())
    assert record.energy == 345
    assert [taken.valid for taken in record.records] == [True, True]
    assert run(driver.last_record()) == record.end.record
    assert not far.left


# Values ------------------------------------------------------------------------------------------------------------


def test_values_have_the_names_and_units_of_the_registers() -> None:
    one = Meter(measure=MEASURE)
    readings = {reading.point: reading for reading in run(RestDriver(one).read("measure"))}
    assert {name: str(reading.value) for name, reading in readings.items() if reading.value is not None} == {
        "measure.voltage": "400.5",
        "measure.current": "125.0",
        "measure.power": "-5.01E+4",
        "measure.energy_cycle": "123",
        "measure.energy_cycle_export": "7",
        "measure.temp_i1_c": "25.0",
        "measure.temp_i1_f": "77.0",
        "measure.energy_import_total": "1234690",
        "measure.energy_export_total": "9",
    }
    assert readings["measure.power"].as_dict()["value"] == "-50100"
    assert (readings["measure.power"].unit, readings["measure.power"].raw) == ("W", -501)
    assert readings["measure.temp_i2_c"].quality is Quality.MISSING
    assert one.asked == [("GET", "/v1/measure")]


def test_each_resource_is_asked_once_and_found_by_any_name() -> None:
    one = Meter(measure=MEASURE, charge_status=IDLE, charge_settings={"tariff": "7", "datetime": 5.0})
    readings = run(RestDriver(one).read("voltage", "energyNeg", "tariff", "measurement_status", "datetime", "error_1"))
    assert [reading.value for reading in readings] == [
        Decimal("400.5"),
        Decimal(9),
        Decimal(7),
        "IDLE",
        Decimal(5),
        "none",
    ]
    assert [target for _, target in one.asked] == ["/v1/measure", "/v1/charge_settings", "/v1/charge_status"]
    (missing,) = run(RestDriver(one).read("sync_timeout"))
    assert (missing.value, missing.quality) == (None, Quality.MISSING)
    with pytest.raises(UnknownName, match="over Modbus"):
        run(RestDriver(one).read("hours_total"))
    with pytest.raises(UnknownName, match="did you mean voltage"):
        run(RestDriver(one).read("voltag"))
    one.answers["measure"] = {**MEASURE, "voltage": "4.5"}
    with pytest.raises(ProtocolError, match="no whole number"):
        run(RestDriver(one).read("voltage"))


@pytest.mark.proves("D-012")
@pytest.mark.parametrize(
    ("code", "name", "variant"),
    [
        (0, "DMED404R1500", "404R1500"),
        (15, "DMED403D0150", "403D0150"),
        (16, "unknown model", None),
        ("99", "unknown model", None),
        (-1, "unknown model", None),
    ],
)
def test_a_model_code_that_is_not_known_is_no_error(code: object, name: str, variant: str | None) -> None:
    one = Meter(system_status={**SYSTEM, "model_code": code}, charge_settings={"public_key": KEY[-64:].hex().upper()})
    info = run(RestDriver(one).info())
    assert (info.type, info.variant, info.serial, info.firmware) == (name, variant, "12345678", "5")
    assert info.public_key == KEY


@pytest.mark.proves("D-168")
@pytest.mark.parametrize(
    ("bits", "shown"),
    [
        ({"flash_err": 1, "mac_err": 0}, "flash_err"),
        ({"flash_pattern_error": 1, "meas_not_comm_error": "1"}, "flash_err, meas_not_comm_err"),
        ({"Flash_Pattern_Error": 1, "UDP_client_err": 1}, "flash_err, udp_client_err"),
        ({}, "none"),
    ],
)
def test_both_spellings_of_the_flags(bits: dict[str, object], shown: str) -> None:
    one = Meter(system_status={**SYSTEM, "board_1_status_bits": bits})
    (reading,) = run(RestDriver(one).read("board_1_status_bits"))
    assert reading.value == shown


@pytest.mark.proves("D-168")
def test_flags_inside_flags_and_the_one_that_only_the_table_has() -> None:
    bits = {"init_uncorrect_flag": 1, "hw_test_ongoing": 1, "fatal_err": 1, "fatal_err_bits": {"e_3": 1, "e_4": 0}}
    one = Meter(system_status={**SYSTEM, "board_2_status_bits": bits})
    (reading,) = run(RestDriver(one).read("board_2_status_bits"))
    assert reading.value == "hw_test_ongoing, init_uncorrect_err, fatal_err, e_3"
    one = Meter(logbook__info={"Log_search_poisition": 3, "ocmf_total_number": 2})
    info = run(RestDriver(one).log_info())
    assert (info.search_position, info.ocmf_total, info.first) == (3, 2, 0)


@pytest.mark.proves("D-296")
def test_the_channel_stands_between_v1_and_the_suffix() -> None:
    one = Meter(**{"2__measure": MEASURE, "2__logbook__OCMF": {"OCMF_LOG": ""}})
    driver = RestDriver(one, channel=2)
    run(driver.read("voltage"))
    run(driver.last_record())
    run(driver.write({"display_page": 3}))
    assert [target.partition("?")[0] for _, target in one.asked] == [
        "/v1/2/measure",
        "/v1/2/logbook/OCMF",
        "/v1/2/force_display",
    ]
    with pytest.raises(InvalidValue, match="channels 1 to 4"):
        RestDriver(one, channel=5)


def test_the_probe_asks_once() -> None:
    one = Meter(system_status=SYSTEM)
    assert run(probe(one)).serial == "12345678"
    assert one.asked == [("GET", "/v1/system_status")]
    for other in ({}, {"serial_number": 1}, [], 404, b"<html>"):
        assert run(probe(Meter(system_status=other))) is None


# Writing -----------------------------------------------------------------------------------------------------------


def test_settings_go_out_together_and_a_command_alone_behind_them() -> None:
    one = Meter()
    run(RestDriver(one).write({"command": "X", "tariff": "5", "datetime_offset": -60, "display_on_off": "OFF"}))
    assert one.asked == [
        ("PUT", "/v1/charge_settings?tariff=5&datetime_offset=-60"),
        ("PUT", "/v1/force_display?display_on_off=0"),
        ("PUT", "/v1/charge_settings?command=X"),
    ]


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"datetime_offset": 20}, InvalidValue),
        ({"display_page": 14}, InvalidValue),
        ({"command": "b"}, InvalidValue),
        ({"tariff": "x"}, InvalidValue),
        ({"voltage": 1}, ReadOnly),
        ({"sync_timeout": 1}, ReadOnly),
        ({"nonsense": 1}, UnknownName),
        ({"input_length": 1}, UnknownName),
        ({"operative_status": "operating"}, UsageError),
        ({"P04_01": 0}, InvalidValue),
    ],
)
def test_what_cannot_be_set_is_not_sent(values: dict[str, Any], error: type[Exception]) -> None:
    one = Meter()
    with pytest.raises(error):
        run(RestDriver(one).write({"tariff": 1, **values}))
    assert one.asked == []


def test_a_meter_without_put_gets_a_post_from_then_on() -> None:
    one = Meter()
    one.on = lambda method, path, query, body: 501 if method == "PUT" else None
    driver = RestDriver(one)
    run(driver.command("X"))
    run(driver.set_clock(5, 60))
    assert [method for method, _ in one.asked] == ["PUT", "POST", "POST"]
    assert one.bodies == [b'{"command":"X"}', b'{"datetime":5,"datetime_offset":60}']


def test_a_locked_cable_is_not_written_to() -> None:
    one = Meter(system_status={**SYSTEM, "cable_res_locked": 1})
    with pytest.raises(Refused, match="locked for good"):
        run(RestDriver(one).write({"res_cable": 5}))
    assert [method for method, _ in one.asked] == ["GET"]
    one.answers["system_status"] = SYSTEM
    run(RestDriver(one).write({"res_cable": 5}))
    assert one.asked[-1] == ("PUT", "/v1/charge_settings?res_cable=5")


@pytest.mark.proves("D-252")
def test_fixed_fields_that_are_no_json_for_the_meter_are_sent_plain_once() -> None:
    one = Meter(charge_status={**IDLE, "signature_status": 0x8020, "error_status_1": 1})
    one.on = lambda method, path, query, body: 400 if path == "ocmf" and body.startswith(b'{"OCMF') else None
    driver = RestDriver(one)
    run(driver.set_fixed_fields({"FV": "1.0"}))
    run(driver.set_fixed_fields({"FV": "1.0"}))
    assert one.bodies == [
        b'{"OCMF_BUFF":"OCMF|{\\"FV\\":\\"1.0\\",\\"RD\\":[]}|{\\"SA\\":\\"\\",\\"SE\\":\\"\\",\\"SD\\":\\"\\"}"}',
        b'{"FV":"1.0"}',
        b'{"FV":"1.0"}',
    ]
    one.on = lambda method, path, query, body: 400 if path == "ocmf" else None
    driver = RestDriver(one)
    with pytest.raises(HttpRefused):
        run(driver.set_fixed_fields({"FV": "1.0"}))
    with pytest.raises(HttpRefused):
        run(driver.set_fixed_fields({"FV": "1.0"}))
    assert len(one.bodies) == 3 + 3


@pytest.mark.proves("D-252")
def test_other_errors_of_the_fixed_fields_are_no_reason_to_send_them_otherwise() -> None:
    one = Meter(charge_status={**IDLE, "error_status_1": 8})
    one.on = lambda method, path, query, body: 400 if path == "ocmf" else None
    with pytest.raises(HttpRefused, match="ERROR_JSON_VALUE"):
        run(RestDriver(one).set_fixed_fields({"FV": "1.0"}))
    assert len(one.bodies) == 1


# Records -----------------------------------------------------------------------------------------------------------


@pytest.mark.proves("D-268")
@pytest.mark.parametrize(
    "body",
    [
        b'{"OCMF_BUFF":"OCMF|{"FV":"1.0","RD":[{"RV":1}]}|{"SD":"30"}"}',
        b'{ "OCMF_BUFF" : "OCMF|{"FV":"1.0","RD":[{"RV":1}]}|{"SD":"30"}" }',
        json.dumps({"OCMF_BUFF": 'OCMF|{"FV":"1.0","RD":[{"RV":1}]}|{"SD":"30"}'}).encode(),
    ],
)
def test_a_record_with_plain_quotes_is_taken_out_of_its_body(body: bytes) -> None:
    record = run(RestDriver(Meter(ocmf=body)).record())
    assert record.text == b'OCMF|{"FV":"1.0","RD":[{"RV":1}]}|{"SD":"30"}'


def test_no_record_is_none() -> None:
    assert run(RestDriver(Meter(ocmf={"OCMF_BUFF": ""})).record()) is None
    assert run(RestDriver(Meter(ocmf={})).record()) is None
    with pytest.raises(ProtocolError):
        run(RestDriver(Meter(ocmf=b"<html>")).record())
    with pytest.raises(HttpRefused):
        run(RestDriver(Meter()).record())


def stored(number: int) -> str:
    payload = {"PG": f"T{number}", "ID": f"card{number % 2}", "RD": []}
    return f'OCMF|{json.dumps(payload)}|{{"SD":"30"}}'


def book(numbers: list[int], *, origin: int = 0, absent: object = 404, transactions: bool = True) -> Meter:
    """A meter with these records; ``origin`` is what LAST_BUT means the last one."""
    one = Meter(
        logbook__info={
            "ocmf_total_number": len(numbers),
            "ocmf_last_internal_progressive": max(numbers, default=0),
            "ocmf_first_internal_progressive": min(numbers, default=0),
            "events_total_number": 3,
        }
    )

    def search(method: str, path: str, query: dict[str, str], body: Any) -> object:
        if path not in ("logbook/OCMF", "logbook/events"):
            return None
        kind, value = query["index_type"], query.get("index_value", "0")
        at: int | None = None
        if kind == "PROGR":
            at = numbers.index(int(value)) if int(value) in numbers else None
        elif kind == "TRANS_ID":
            at = next(
                (i for i in reversed(range(len(numbers))) if transactions and f"card{numbers[i] % 2}" == value), None
            )
        else:
            back = int(value) - origin if query["index_reference"] == "LAST_BUT" else 0
            at = len(numbers) - 1 - back if 0 <= back < len(numbers) else None
        if at is None:
            return absent
        if path == "logbook/events":
            return {"EVENT_LOG": f'EVENT|{{"date":"2023-09-29","event_code":"{numbers[at]}","arguments":"a|b"}}'}
        return {"OCMF_LOG": stored(numbers[at])}

    one.on = search
    return one


@pytest.mark.parametrize(
    "wrong",
    [
        {"ocmf_last_internal_progressive": 10**12},
        {"events_total_number": 10**12},
        {"ocmf_first_internal_progressive": 9},
    ],
)
def test_numbers_of_the_log_book_that_lead_nowhere_are_refused(wrong: dict[str, int]) -> None:
    one = book([4, 5])
    known = one.answers["logbook/info"]
    assert isinstance(known, dict)
    one.answers["logbook/info"] = {**known, **wrong}
    with pytest.raises(ProtocolError, match="cannot be as the meter says"):
        run(RestDriver(one).log_info())


@pytest.mark.proves("D-279")
@pytest.mark.parametrize("absent", [{"OCMF_LOG": ""}, {}, 404, 400])
def test_nothing_found_in_any_of_its_ways(absent: object) -> None:
    driver = RestDriver(book([4, 5], absent=absent))
    assert run(driver.logged(3)) is None
    assert run(driver.transaction("nobody")) is None
    assert run(driver.logged(4)).counter == 4
    with pytest.raises(HttpRefused):
        run(RestDriver(book([4], absent=500)).logged(3))


@pytest.mark.parametrize(("origin", "absent"), [(0, 404), (1, 404), (1, {"OCMF_LOG": ""})])
def test_where_counting_begins_is_found_out_once(origin: int, absent: object) -> None:
    one = book([4, 5, 6], origin=origin, absent=absent)
    driver = RestDriver(one)
    assert [run(driver.record_before_last(back)).counter for back in (0, 1, 2)] == [6, 5, 4]
    assert run(driver.record_before_last(3)) is None
    assert sum("index_value=0" in target for _, target in one.asked) == 1


def test_the_log_book_is_walked_from_the_oldest_on() -> None:
    async def numbers(driver: RestDriver, first: int) -> list[int | None]:
        return [record.counter async for record in driver.records(first)]

    driver = RestDriver(book([4, 5, 7]))
    assert run(numbers(driver, 1)) == [4, 5, 7]
    assert run(numbers(driver, 5)) == [5, 7]
    assert run(numbers(RestDriver(book([])), 1)) == []

    async def codes(driver: RestDriver) -> list[str]:
        return [event["event_code"] async for event in driver.events()]

    assert run(codes(driver)) == ["4", "5", "7"]
    assert run(driver.event(0))["arguments"] == "a|b"


@pytest.mark.parametrize("transactions", [True, False])
def test_a_transaction_is_found_by_its_id_or_by_walking(transactions: bool) -> None:
    one = book([4, 5, 6], transactions=transactions)
    assert run(RestDriver(one).transaction("card1")).counter == 5


# Login and parameters ----------------------------------------------------------------------------------------------


class Block(Meter):
    """A meter with parameters and a login; it reboots for five seconds after a block."""

    def __init__(self, *, reverse: bool = False, ends: Exception | None = None) -> None:
        super().__init__(system_status=SYSTEM)
        self.values = {row.id: row.default for row in PARAMETERS}
        self.logged = 0
        self.password = "2000"
        self.reverse = reverse
        self.ends = ends
        self.applies = True
        self.away_until = 0
        self.logins: list[str] = []
        self.on = self.act

    def act(self, method: str, path: str, query: dict[str, str], body: Any) -> object:
        if self.clock.now() < self.away_until:
            self.clock.advance(1)
            return ResponseTimeout("it reboots")
        if path == "system_status" and method == "GET":
            return {**SYSTEM, "logged": self.logged}
        if path == "login":
            self.logins.append(query["password"])
            self.logged = int(query["password"] == self.password)
            return {} if self.logged else 403
        if not self.logged:
            return 403
        if method == "GET":
            return {name: self._order(name, value) for name, value in self.values.items()}
        self._take(json.loads(body))
        return self.ends or {}

    def _order(self, name: str, value: int) -> int:
        swaps = self.reverse and name in ("P05_03", "P05_04")
        return int.from_bytes(value.to_bytes(4, "big"), "little") if swaps else value

    def _take(self, sent: dict[str, int]) -> None:
        assert len(sent) == 27 - 2 + 8, "P05_03 and P05_04 are split"
        for name in ("P05_03", "P05_04"):
            octets = bytes(sent.pop(f"{name}_{number:02d}") for number in range(1, 5))
            sent[name] = int.from_bytes(octets, "little" if self.reverse else "big")
        assert set(sent) == set(self.values)
        if self.applies:
            self.values = sent
            self.password = str(sent["P03_02"])
        self.logged = 0
        self.away_until = self.clock.now() + 5 * 10**9


@pytest.mark.parametrize("ends", [None, Disconnected("closed"), ResponseTimeout("silent")])
@pytest.mark.proves("D-187")
def test_a_block_whose_answer_is_lost_is_probably_applied_and_compared(ends: Exception | None) -> None:
    one = Block(ends=ends)
    run(RestDriver(one, password="2000").write({"P05_03": "192.168.1.7", "P02_01": "ON"}))
    assert (one.values["P05_03"], one.values["P02_01"]) == (0xC0A80107, 1)
    assert one.logins == ["2000", "2000"]
    assert sum(method == "POST" for method, _ in one.asked) == 1


@pytest.mark.proves("D-187")
def test_a_block_that_was_not_applied_is_found_out() -> None:
    one = Block(ends=Disconnected("closed"))
    one.applies = False
    with pytest.raises(ProtocolError, match=r"P02_01 is 0, not 1 \(closed\)"):
        run(RestDriver(one, password="2000").write({"P02_01": 1}))


def test_a_meter_that_turns_its_addresses_round_is_known_by_its_own() -> None:
    one = Block(reverse=True)
    driver = RestDriver(one, password="2000", host="192.168.1.1")
    (reading,) = run(driver.read("P05_03"))
    assert reading.value == "192.168.1.1"
    run(driver.write({"P02_01": 1}))
    assert one.values["P05_03"] == 0xC0A80101
    assert one.values["P05_04"] == 0xFFFFFF00


def test_a_wrong_password_is_tried_once() -> None:
    one = Block()
    driver = RestDriver(one, password="1234")
    with pytest.raises(HttpRefused, match="third wrong one"):
        run(driver.read("P02_01"))
    with pytest.raises(UsageError, match="advanced password"):
        run(driver.read("P02_01"))
    assert one.logins == ["1234"]


def test_parameters_are_not_sent_without_a_password_though_somebody_is_logged_in() -> None:
    one = Block()
    one.logged = 1
    with pytest.raises(UsageError, match="advanced password"):
        run(RestDriver(one).write({"P02_01": 1}))
    assert (one.values["P02_01"], one.logged) == (0, 1)


def test_a_wrong_password_that_comes_out_after_the_reboot_is_told_so() -> None:
    one = Block()
    one.logged = 1
    with pytest.raises(HttpRefused, match=r"were sent and the meter has rebooted.*password is wrong"):
        run(RestDriver(one, password="1234").write({"P02_01": 1}))
    assert (one.values["P02_01"], one.logins) == (1, ["1234"])


def test_a_password_is_hidden_as_it_is_sent() -> None:
    one = Block()
    one.password = "a b/ä"
    run(RestDriver(one, password="a b/ä").login())
    assert one.secrets == ["a%20b%2F%C3%A4"]
    assert one.asked[-1] == ("PUT", f"/v1/login?password={one.secrets[0]}")


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (b'{"P03_02":4321,"P04_01":7}', b'{"P03_02":****,"P04_01":7}'),
        (b'{"p03_02" : "4321" }', b'{"p03_02" : "****" }'),
        (b'{"P03\r\n100\r\n_02":4\r\n1F\r\n321}', b'{"P03\r\n100\r\n_02":*\r\n*F\r\n***}'),
        (b'{"P03_01":1,"P03_03":4321}', b'{"P03_01":1,"P03_03":4321}'),
    ],
)
def test_the_password_among_the_parameters_is_hidden_from_traces(data: bytes, shown: bytes) -> None:
    assert restparameters.veiled(data) == shown


def test_a_new_password_is_used_after_the_reboot() -> None:
    one = Block()
    run(RestDriver(one, password="2000").write({"P03_02": 1234}))
    assert one.logins == ["2000", "1234"]


def test_commissioning_wants_to_be_confirmed() -> None:
    one = Block()
    driver = RestDriver(one, password="2000")
    with pytest.raises(UsageError, match="cannot be undone"):
        run(driver.commission())
    assert one.asked == []
    asked: list[tuple[str, str]] = one.asked
    one.on = lambda method, path, query, body: (
        {} if path == "system_status" and method == "PUT" else one.act(method, path, query, body)
    )
    run(driver.commission(confirm=True))
    assert asked[-1] == ("PUT", "/v1/system_status?operative_status=operating")


def test_the_status_is_the_same_object_as_over_modbus() -> None:
    one = Meter(charge_status={**IDLE, "measurement_status": "3", "signature_status": 0xFF80 | 0x20})
    status = run(RestDriver(one).status())
    assert status.measurement is MeasurementStatus.ACTIVE_AFTER_POWER_FAILURE
    assert status.words == "ACTIVE AFTER POWER FAILURE, signature 0x8020"
    with pytest.raises(ProtocolError, match="no status"):
        run(RestDriver(Meter(charge_status={})).status())
