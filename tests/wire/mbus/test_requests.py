"""Requests and commands: the bytes of ABB's manual, built by the driver and recognised by the meter."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattproof.errors import InvalidValue
from wattproof.wire.mbus import ci_fields, requests
from wattproof.wire.mbus.abb import MAKER
from wattproof.wire.mbus.frames import Long, decode, snd_ud
from wattproof.wire.mbus.moments import Moment
from wattproof.wire.mbus.records import decode_records
from wattproof.wire.mbus.requests import FORMS, NAMES, Form, Request, Shape

DAY = Moment(2014, 8, 17)
NOW = Moment(2014, 12, 11, 2, 3, 4)

#: The data behind CI 51 as abb-meters.md 1.14 and 1.15 print them.
PRINTED = [
    (Request("set_tariff", 3), "01 FF 13 03"),
    (Request("set_address", 250), "01 7A FA"),
    (Request("reset_power_fail_counter"), "00 FF 98 07"),
    (Request("set_ratio", 100, "ct_primary"), "04 FF 20 64 00 00 00"),
    (Request("set_ratio", 0xFFFFFFFF, "vt_secondary"), "04 FF 23 FF FF FF FF"),
    (Request("set_status_mode", 2), "01 FF 15 02"),
    (Request("reset_input_state", subject=1), "C0 40 FD 9B 07"),
    (Request("reset_input_state", subject=2), "C0 80 40 FD 9B 07"),
    (Request("reset_input_counter", subject=1), "80 40 FD E1 07"),
    (Request("reset_input_counter", subject=2), "80 80 40 FD E1 07"),
    (Request("set_output", 1, 1), "81 40 FD 1A 01"),
    (Request("set_output", 0, 2), "81 80 40 FD 1A 00"),
    (Request("reset_outage_time"), "00 FF EC 07"),
    (Request("send_password", b"12345678"), "07 FD 16 31 32 33 34 35 36 37 38"),
    (Request("set_password", bytes(8)), "07 FD 96 00 00 00 00 00 00 00 00 00"),
    (Request("set_date_time", NOW), "0E 6D 04 03 02 11 12 14"),
    (Request("set_date", DAY), "02 6C D1 18"),
    *((Request("clear", None, name), f"00 FF F9 {code | 0x80:02X} 07") for code, name in requests.CLEARABLE.items()),
    (Request("reset_register", subject="active_energy_import"), "00 84 FF F2 07"),
    (Request("reset_register", subject="active_energy_export"), "80 40 84 FF F2 07"),
    (Request("reset_register", subject="reactive_energy_import"), "80 80 40 84 FF F2 07"),
    (Request("reset_register", subject="reactive_energy_export"), "80 C0 40 84 FF F2 07"),
    (Request("freeze_demand"), "00 FF F9 82 0B"),
    (Request("set_write_access", 3), "01 FF 6A 03"),
    (Request("set_tariff_source", 1), "01 FF F9 06 01"),
    (Request("set_co2_factor", 1000), "04 FF 24 E8 03 00 00"),
    (Request("set_currency_factor", 1000), "04 FF 25 E8 03 00 00"),
    (Request("load_profile", DAY, "active_energy_import"), "02 EC FF F9 10 D1 18"),
    (Request("load_profile", NOW, "input_4"), "0E ED FF F9 26 04 03 02 11 12 14"),
    (Request("load_profile", None, "power_factor"), "00 FF F9 2C"),
    (Request("load_profile_channel", DAY, 5), "02 EC FF F9 B8 FF 05 D1 18"),
    (Request("load_profile_channel", None, 5), "00 FF F9 B8 FF F8 05"),
    (Request("demand", DAY), "02 EC FF F9 18 D1 18"),
    (Request("previous_values", DAY), "02 EC FF F9 19 D1 18"),
    (Request("current_harmonics"), "00 FF F9 1B"),
    (Request("current_harmonics", 4), "01 FF F9 1B 04"),
    (Request("voltage_harmonics"), "00 FF F9 2D"),
    (Request("voltage_harmonics", 7), "01 FF F9 2D 07"),
    (Request("log", NOW, "event", -1), "CE 40 ED FF F9 32 04 03 02 11 12 14"),
    (Request("log", NOW, "system", 2), "8E 01 ED FF F9 2E 04 03 02 11 12 14"),
    (Request("log", NOW, "net_quality"), "0E ED FF F9 30 04 03 02 11 12 14"),
]


@pytest.mark.parametrize(("request_", "octets"), PRINTED, ids=[f"{row.name}-{octets}" for row, octets in PRINTED])
def test_requests_have_the_printed_bytes_and_are_recognised(request_: Request, octets: str) -> None:
    assert request_.encode().hex(" ").upper() == octets
    (record,) = decode_records(bytes.fromhex(octets), MAKER).records
    assert Request.of(record) == request_


def test_every_printed_request_is_in_the_table_and_the_other_way_round() -> None:
    assert {request.name for request, _ in PRINTED} == set(NAMES)
    assert len({(form.chain, form.field, form.storage, form.subunit, form.code) for form in FORMS}) == len(FORMS)
    protected = {form.name for form in FORMS if form.protected}
    assert protected == {
        *("set_ratio", "set_date_time", "set_date", "clear", "reset_register"),
        *("freeze_demand", "set_write_access", "set_tariff_source"),
    }
    readouts = {form.name for form in FORMS if form.readout}
    assert readouts == {"load_profile", "demand", "previous_values", "current_harmonics", "voltage_harmonics", "log"}


@pytest.mark.proves("A-067")
def test_the_requests_of_the_manual(abb: dict[str, dict[str, Any]]) -> None:
    expected = {
        "a43-eventlog-req": Request("log", Moment(2014, 12, 11, 2, 3, 4), "event", -1),
        "a43-netquality-req": Request("log", Moment(2011, 12, 22, 3, 2, 1), "net_quality", -1),
        "a43-demand-req": Request("demand", Moment(2014, 8, 17)),
    }
    for name, request in expected.items():
        frame = decode(abb[name]["frame"])
        assert isinstance(frame, Long)
        (record,) = decode_records(frame.data, MAKER).records
        assert Request.of(record) == request
        if name != "a43-netquality-req":  # printed with superfluous DIFE
            assert snd_ud(254, ci_fields.DATA_SEND, request.encode(), fcb=True).encode() == abb[name]["frame"]
    assert Request("log", Moment(2011, 12, 22, 3, 2, 1), "net_quality", -1).encode().hex(" ").upper() == (
        "CE 40 ED FF F9 30 01 02 03 22 12 11"
    )


@pytest.mark.parametrize(
    "octets",
    [
        "01 FF 13 00",
        "01 FF F9 2D 04",
        "01 FF 13 05",
        "01 7A FB",
        "02 FF 13 01 00",
        "11 FF 13 01",
        "81 10 FF 13 01",
        "01 FF 93 07 01",
        "81 80 80 80 40 FD 1A 01",
        "80 80 80 40 84 FF F2 07",
        "00 FF 98 08",
        "02 6C 00 00",
        "0E 6D FF 03 02 11 12 14",
        "41 FF 13 01",
        "40 FF F9 B8 FF F8 05",
        "00 FF F9 B8 FF F9 05",
        "04 13 01 00 00 00",
        "7F",
        "0D FD 16 00",
    ],
)
def test_what_is_no_request_is_not_recognised(octets: str) -> None:
    (record,) = decode_records(bytes.fromhex(octets), MAKER).records
    assert Request.of(record) is None


@pytest.mark.parametrize(
    "request_",
    [
        Request("set_tariff", 5),
        Request("voltage_harmonics", 4),
        Request("set_tariff"),
        Request("set_tariff", 1, 1),
        Request("set_address", 251),
        Request("set_output", 1, 5),
        Request("set_password", b"123"),
        Request("demand", NOW),
        Request("demand", DAY, offset=1),
        Request("load_profile", DAY, "phase"),
        Request("load_profile_channel", NOW, 5),
        Request("load_profile_channel", None, 128),
        Request("nothing"),
    ],
)
def test_what_no_meter_takes_is_refused_before_it_is_sent(request_: Request) -> None:
    with pytest.raises(InvalidValue):
        request_.encode()


VALUES = {
    Shape.NOTHING: st.none(),
    Shape.BYTES: st.binary(min_size=8, max_size=8),
    Shape.DATE: st.dates().filter(lambda day: 1981 <= day.year <= 2080).map(Moment.of),
    Shape.MOMENT: st.datetimes().filter(lambda moment: 2000 <= moment.year <= 2099).map(Moment.of),
}


@given(st.sampled_from(FORMS), st.integers(-500, 500), st.data())
def test_any_request_round_trips(form: Form, offset: int, data: st.DataObject) -> None:
    value = data.draw(st.sampled_from(form.allowed) if form.allowed is not None else VALUES[form.shape])
    request = Request(form.name, value, form.subject, offset if form.offset else 0)
    (record,) = decode_records(request.encode(), MAKER).records
    assert Request.of(record) == request
    assert request.form == form


def test_rates_have_their_ci_fields() -> None:
    assert [ci_fields.baud_rate_ci(rate) for rate in ci_fields.BAUD_RATES.values()] == list(range(0xB8, 0xC0))
    with pytest.raises(InvalidValue, match="no rate of 115200"):
        ci_fields.baud_rate_ci(115200)
    assert not set(ci_fields.COMMANDS) & set(ci_fields.ANSWERS)
