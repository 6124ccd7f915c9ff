"""Commands on M-Bus: what each does to the meter, and who may give it (abb-meters.md 1.15)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.meters.abb.virtual.mbusmaster import HOUR, Master, made
from wattproof.metering.dates import seconds_of
from wattproof.metering.demand import Entry
from wattproof.meters.abb.virtual.body import Access
from wattproof.meters.abb.virtual.meter import AbbMeter
from wattproof.meters.abb.virtual.ports import Function
from wattproof.meters.abb.virtual.tariffing import Source
from wattproof.wire.mbus.frames import snd_nke
from wattproof.wire.mbus.moments import Moment
from wattproof.wire.mbus.requests import FORMS, Request

Look = Callable[[AbbMeter], Any]


def value(id: int) -> Look:
    return lambda meter: meter.body.value(id)


def seconds(meter: AbbMeter) -> object:
    return meter.body.stamp.seconds


def log(number: int) -> Look:
    return lambda meter: len(meter.body.watch.logs[number])


def rows(meter: AbbMeter) -> tuple[int, ...]:
    recorder = meter.body.recorder
    channel = recorder.channels[0]
    return len(channel or ()), len(recorder.previous.table), len(recorder.demand.table)


RESET = "reset_register"
#: A command, where its effect shows, what stands there afterwards.
COMMANDS: list[tuple[Request, Look, object]] = [
    (Request("set_tariff", 3), value(189), 3),
    (Request("set_address", 77), lambda meter: meter.address, 77),
    (Request("reset_power_fail_counter"), value(152), 0),
    (Request("set_ratio", 200, "ct_primary"), value(141), 200),
    (Request("set_ratio", 300, "vt_primary"), value(143), 300),
    (Request("set_ratio", 2, "ct_secondary"), value(142), 2),
    (Request("set_ratio", 3, "vt_secondary"), value(144), 3),
    (Request("set_status_mode", 1), lambda meter: meter.record_status, 1),
    (Request("reset_input_state", subject=3), value(57), 0),
    (Request("reset_input_counter", subject=4), value(54), 0),
    (Request("set_output", 1, 2), value(154), 2),
    (Request("reset_outage_time"), value(151), 0),
    (Request("set_password", b"12345678"), lambda meter: meter.body.password, b"12345678"),
    (Request("set_date_time", Moment(2027, 3, 4, 5, 6, 7)), seconds, seconds_of(2027, 3, 4, 5, 6, 7)),
    (Request("set_date", Moment(2027, 3, 4)), seconds, seconds_of(2027, 3, 4, 1)),
    (Request("clear", subject="demand"), lambda meter: rows(meter)[2], 0),
    (Request("clear", subject="previous_values"), lambda meter: rows(meter)[1], 0),
    (Request("clear", subject="load_profile"), lambda meter: rows(meter)[0], 0),
    (Request("clear", subject="system_log"), log(0), 0),
    (Request("clear", subject="event_log"), log(1), 0),
    (Request("clear", subject="net_quality_log"), log(2), 0),
    (Request(RESET, subject="active_energy_import"), value(171), 0),
    (Request(RESET, subject="active_energy_export"), value(176), 1),
    (Request(RESET, subject="reactive_energy_import"), value(173), 0),
    (Request(RESET, subject="reactive_energy_export"), value(178), 1),
    (Request("freeze_demand"), lambda meter: rows(meter)[2], 2),
    (Request("set_write_access", 2), lambda meter: meter.body.access, Access.PASSWORD),
    (Request("set_tariff_source", 2), lambda meter: meter.body.tariffing.source, Source.INPUTS),
    (Request("set_co2_factor", 432), value(84), 432),
    (Request("set_currency_factor", 321), value(83), 321),
]
PROTECTED = [row for row in COMMANDS if row[0].form.protected]


def lived(**options: Any) -> Master:
    """A meter with something to reset everywhere: a day and an hour old, one power failure, all logs filled."""
    settings = {"ct-ratio": "100:1", "vt-ratio": "100:1"}
    master = Master(made(set=settings, load="curve:day", **options))
    body = master.meter.body
    body.set_demand([Entry(1, 5)], 900, 900, body.recorder.demand.period)
    master.patch({"input-3": True, "input-4": True})
    master.run(24 * HOUR)
    master.patch({"power": False})
    master.run(10)
    master.patch({"power": True})
    master.patch(log_full=True)
    master.run(HOUR - 10)
    return master


@pytest.mark.proves("A-074")
@pytest.mark.parametrize(("request_", "look", "after"), COMMANDS, ids=lambda row: str(getattr(row, "name", "")))
def test_every_command_has_its_effect(request_: Request, look: Look, after: object) -> None:
    master = lived()
    before = look(master.meter)
    assert before != after
    master.nke()
    master.tell(request_)
    assert look(master.meter) == after
    assert ("command", {"command": request_.name, "subject": request_.subject}) in master.events


def test_the_table_of_commands_is_whole() -> None:
    told = {(request.name, request.subject) for request, *_ in COMMANDS}
    ports = {"reset_input_state", "reset_input_counter", "set_output"}
    known = {(form.name, None if form.name in ports else form.subject) for form in FORMS if not form.readout}
    known.remove(("send_password", None))
    assert {(name, None if name in ports else subject) for name, subject in told} == known


@pytest.fixture(scope="module")
def closed() -> Master:
    return lived()


@pytest.mark.proves("A-074")
@pytest.mark.parametrize(("request_", "look", "after"), PROTECTED, ids=lambda row: str(getattr(row, "name", "")))
def test_a_closed_meter_acknowledges_and_does_nothing(
    closed: Master, request_: Request, look: Look, after: object
) -> None:
    closed.patch({"front-key": "closed"})
    before = look(closed.meter)
    closed.nke()
    closed.tell(Request("send_password", b"00000000"), request_)
    assert look(closed.meter) == before and closed.events[-1][0] == "command-refused"


@pytest.mark.proves("A-074", "A-075")
def test_the_password_opens_until_the_session_ends() -> None:
    master = Master(made(set={"access": "password", "password": "secret42"}))
    factor = lambda: master.meter.body.value(141)  # noqa: E731
    told = [Request("send_password", b"secret42"), Request("set_ratio", 50, "ct_primary")]
    master.nke()
    master.tell(told[1])
    master.tell(Request("send_password", b"secret43"), told[1])
    assert factor() == 1 and master.meter.body.access is Access.PASSWORD
    master.tell(*told)
    assert factor() == 50
    master.tell(Request("set_ratio", 60, "ct_primary"))
    assert factor() == 60
    master.run(61)
    master.tell(Request("set_ratio", 70, "ct_primary"))
    assert factor() == 60
    master.tell(told[0])
    master.nke()
    master.tell(Request("set_ratio", 70, "ct_primary"))
    assert factor() == 60


@pytest.mark.proves("A-075")
def test_another_password_needs_the_old_one() -> None:
    master = Master(made(set={"access": "password"}))
    master.nke()
    master.tell(Request("set_password", b"12345678"))
    assert master.meter.body.password == b"00000000"
    master.tell(Request("send_password", b"00000000"), Request("set_password", b"12345678"))
    assert master.meter.body.password == b"12345678"


@pytest.mark.parametrize(
    "request_", [Request("set_tariff", 2), Request("reset_register", subject="active_energy_import")]
)
def test_a_meter_that_refuses_writes_acknowledges_them(request_: Request) -> None:
    master = Master(made())
    master.patch(refuse_writes=True)
    before = master.meter.body.save()
    master.nke()
    master.tell(request_)
    assert master.meter.body.save() == before


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("01 FF 13 05", "no command"),
        ("01 7A FB", "no command"),
        ("04 FF 20 00 00 00 00", "ratio"),
        ("0E 6D 99 99 99 31 02 26", "no command"),
        ("81 C0 40 FD 1A 01", "no output"),
        ("80 40 FD E1 07", "no input"),
        ("01 FF F9 06 03", "no command"),
        ("02 FD 09 00 00", "no command"),
    ],
)
def test_what_is_not_possible_is_acknowledged_without_effect(data: str, reason: str) -> None:
    master = Master(made())
    before = master.meter.body.save()
    master.nke()
    master.send(bytes.fromhex(data))
    assert master.meter.body.save() == before and master.meter.address == 1
    assert master.events[-1][0] == "command-refused" and reason in master.events[-1][1]["reason"]


def test_a_variant_without_it_refuses() -> None:
    master = Master(made("B23-112-100"))
    for request in (
        Request("set_tariff", 2),
        Request("set_date", Moment(2026, 5, 1)),
        Request("clear", subject="event_log"),
    ):
        master.nke()
        master.tell(request)
        assert master.events[-1][0] == "command-refused"


def test_a_new_address_is_acknowledged_from_the_old_one() -> None:
    master = Master(made(), address=1)
    master.nke()
    master.tell(Request("set_address", 200))
    assert master.meter.unit == 200 and master.ask(snd_nke(1)) is None
    master.address = 200
    master.nke()


def test_an_output_for_something_else_is_not_switched() -> None:
    master = Master(made())
    master.meter.body.set_port(1, Function.ALARM)
    master.nke()
    master.tell(Request("set_output", 1, 1))
    assert master.meter.body.value(154) == 0
