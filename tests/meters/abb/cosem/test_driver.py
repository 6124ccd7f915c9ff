"""The ABB driver over COSEM against the virtual meter: points, writes, ports, resets, rights, a meter's no."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest

from tests.meters.abb.cosem.rig import Rig
from wattproof.drivers.cosem.place import HDLC, TCP, UDP
from wattproof.errors import InvalidValue, LinkError, ProtocolError, ReadOnly, ResponseTimeout, UnknownName
from wattproof.meters.abb.driver import AbbDriver, Cause, MeterRefused, cause_of
from wattproof.meters.abb.points import POINTS
from wattproof.meters.abb.quantities import ROWS
from wattproof.model.values import Quality

EVERYTHING = tuple(group for group in POINTS if group not in ("previous", "harmonics"))


def test_it_offers_what_every_abb_driver_offers() -> None:
    rig = Rig()
    assert isinstance(rig.driver, AbbDriver)
    info = rig.run(rig.driver.info())
    assert (info.model, info.manufacturer, info.type) == ("abb", "ABB", "A44 552-100")
    assert (info.serial, info.firmware) == (rig.bench.body.serial, rig.bench.body.firmware)


@pytest.mark.proves("A-194", "A-181")
def test_values_are_those_of_the_meter_over_every_transport() -> None:
    found = []
    for transport in (HDLC, TCP, UDP):
        rig = Rig(transport=transport, load="constant:3300")
        rig.bench.step(7200)
        readings = rig.read(*EVERYTHING)
        moving = ("CLOCK", "NRG_ENERGY_VALUE_CO2")  # the line itself takes time
        found.append({name: one.value for name, one in readings.items() if name not in moving})
        body = rig.bench.body
        for row in ROWS.values():
            one = readings.get(row.name)
            if one is not None and row.class_id == 3:
                assert one.value == Decimal(body.value(row.id)).scaleb(row.scale), row.name
                assert (one.unit, one.obis, one.quality) == (row.unit.symbol, row.logical_name, Quality.GOOD)
        rig.run(rig.driver.close())
    assert found[0] == found[1] == found[2]
    assert found[0]["ACTIVE_ENERGY_IMPORT_TOTAL"] == 6600
    assert found[0]["ACTIVE_POWER_TOTAL"] == 3300
    assert found[0]["METER_TYPE_DESIGNATION"] == "A44 552-100"
    assert len(found[0]) > 140


def test_points_by_name_group_and_id() -> None:
    rig = Rig()
    first, second, third = rig.run(rig.driver.read(["voltage_l1", "energy.ACTIVE_ENERGY_IMPORT_TOTAL", "170"]))
    assert (first.point, first.value, first.unit) == ("instrument.VOLTAGE_L1", Decimal("230.0"), "V")
    assert (second.raw, third.value) == (0, Decimal("50.00"))
    assert len(rig.requests) <= 5, "nothing else is asked for"
    assert rig.read("clock.CLOCK")["CLOCK"].value[:16] == "2026-02-28T11:59"
    rig.bench.step(86400)
    previous = rig.read("previous")
    assert previous["TIME"].value == "2026-03-01T00:00:00"
    assert previous["ACTIVE_ENERGY_IMPORT_TOTAL"].value == 12000
    assert "REACTIVE_ENERGY_IMPORT_L1" not in previous
    spectra = rig.read("harmonics")
    assert spectra["HARMONICS_VOLTAGE_L1"].value.startswith("[100, 0")
    assert spectra["THD_VOLTAGE_L1"].value == 0
    with pytest.raises(UnknownName):
        rig.read("no_such_point")
    with pytest.raises(UnknownName, match="no single value"):
        rig.read("TARIFF_CALENDAR_CONFIG")


@pytest.mark.proves("A-180", "A-198")
def test_what_a_meter_does_not_have_is_absent_and_never_zero() -> None:
    iron = Rig("A44-052-100")
    assert set(iron.read()) == {"ACTIVE_ENERGY_IMPORT_TOTAL", "ERRORS", "WARNINGS", "INFORMATION"}
    readings = iron.read("all")
    assert set(readings) <= {
        "ACTIVE_ENERGY_IMPORT_TOTAL", "METER_TYPE_DESIGNATION", "FIRMWARE_VERSION", "ERRORS", "WARNINGS", "INFORMATION",
        *(f"HARDWARE_VERSION_{number}" for number in range(8)),
    }  # fmt: skip
    assert "ACTIVE_ENERGY_IMPORT_TOTAL" in readings
    power, tariff = iron.run(iron.driver.read(["ACTIVE_POWER_TOTAL", "TARIFF_ACTIVE"]))
    assert [(one.value, one.quality) for one in (power, tariff)] == [(None, Quality.MISSING)] * 2
    assert iron.run(iron.driver.ports()) == []
    assert iron.run(iron.driver.harmonics("current")) == []
    assert iron.run(iron.driver.load_profile_settings()) == []
    with pytest.raises(MeterRefused) as refused:
        iron.run(iron.driver.day_profiles())
    assert refused.value.cause is Cause.OBJECT_UNDEFINED
    rig = Rig()
    rig.bench.fault("status-18", 69)
    assert rig.read("VOLTAGE_L1")["VOLTAGE_L1"][2:6] == (None, "V", "1-0:32.7.0", Quality.INVALID)
    rig.bench.fault("status-18", False)
    rig.bench.fault("status-15", 69)
    assert rig.read("VOLTAGE_L1")["VOLTAGE_L1"].quality is Quality.MISSING


@pytest.mark.proves("A-144", "A-154")
def test_points_are_written_in_their_units() -> None:
    rig = Rig()
    body = rig.bench.body
    rig.run(
        rig.driver.write(
            {
                "TARIFF_ACTIVE": 3, "NRG_CONVERSION_FACTOR_CO2": "1.123",
                "conversion.NRG_CONVERSION_FACTOR_CURR": "100.789",
                "TRAFO_CT_RATIO_NUMERATOR": 5, "OUTPUT_STATE_1": "on", "IO_STORED_INPUT_STATE_3": 0,
                "IO_PULSE_LENGTH_2": "0.2", "clock.CLOCK": "2027-01-01T10:00:00+05:00", "POWER_FAIL_COUNTER": 0,
                "TARIFF_INPUT_CONFIG": "1,2,3,3",
            }
        )
    )  # fmt: skip
    values = [body.value(id) for id in (189, 83, 84, 141, 154, 45)]
    assert values == [3, 100789, 1123, 5, 1, 200]
    assert body.stamp.fields[:3] == (2027, 1, 1)
    assert rig.read("clock.CLOCK")["CLOCK"].value[:16] == "2027-01-01T10:00"
    assert rig.read("TARIFF_INPUT_CONFIG")["TARIFF_INPUT_CONFIG"].value == "[1, 2, 3, 3]"
    rig.requests.clear()
    for values, error in (
        ({"TARIFF_ACTIVE": 2, "VOLTAGE_L1": 5}, ReadOnly),
        ({"TARIFF_ACTIVE": 5}, InvalidValue),
        ({"NRG_CONVERSION_FACTOR_CO2": "1.1234"}, InvalidValue),
        ({"IO_STORED_INPUT_STATE_3": 1}, InvalidValue),
        ({"clock.CLOCK": "soon"}, InvalidValue),
        ({"TARIFF_INPUT_CONFIG": "1,9"}, InvalidValue),
        ({"energy": 1}, InvalidValue),
        ({"nothing": 1}, UnknownName),
    ):
        with pytest.raises(error):
            rig.run(rig.driver.write(values))
    assert not rig.requests, "nothing is sent before all of it is known to be possible"


@pytest.mark.proves("A-182", "A-161")
def test_a_meter_that_says_no_is_quoted() -> None:
    rig = Rig()
    body = rig.bench.body
    rig.bench.control("front-key", "closed")
    with pytest.raises(MeterRefused, match="received READ_WRITE_DENIED response from COSEM") as refused:
        rig.run(rig.driver.write({"TRAFO_CT_RATIO_NUMERATOR": 5}))
    assert (refused.value.cause, refused.value.http_status) == (Cause.READ_WRITE_DENIED, 403)
    with pytest.raises(MeterRefused, match="READ_WRITE_DENIED"):
        rig.run(rig.driver.reset("RSTREG_ACT_ENERGY_IMP"))
    rig.bench.control("front-key", "open")
    rig.run(rig.driver.write({"TARIFF_SOURCE": 2}))
    with pytest.raises(MeterRefused, match="READ_WRITE_DENIED") as refused:
        rig.run(rig.driver.write({"NRG_CONVERSION_FACTOR_CO2": 2, "TARIFF_ACTIVE": 2}))
    assert refused.value.done == ("conversion.NRG_CONVERSION_FACTOR_CO2",)
    assert body.value(84) == 2000
    for code, cause in (
        (3, Cause.READ_WRITE_DENIED), (4, Cause.OBJECT_UNDEFINED), (9, Cause.OBJECT_UNDEFINED),
        (11, Cause.OBJECT_UNDEFINED), (12, Cause.TYPE_UNMATCHED), (13, Cause.SCOPE_OF_ACCESS_VIOLATED),
        (250, Cause.OTHER_REASON), (1, Cause.OTHER_REASON),
    ):  # fmt: skip
        rig.bench.fault("access-result", f"0-0:97.97.0/{code}")
        with pytest.raises(MeterRefused) as refused:
            rig.run(rig.driver.status())
        assert cause_of(refused.value) is cause, code
    rig.bench.fault("access-result", False)
    rig.bench.fault("exception", "2/2")
    with pytest.raises(MeterRefused) as refused:
        rig.run(rig.driver.status())
    assert refused.value.cause is Cause.INVALID_RESPONSE
    stranger = Rig()
    stranger.driver = stranger.as_client(1, b"wrong123")
    with pytest.raises(MeterRefused, match=r"READ_WRITE_DENIED.*authentication failure"):
        stranger.run(stranger.driver.status())


@pytest.mark.proves("A-183")
def test_a_write_of_several_points_stops_where_the_meter_falls_silent() -> None:
    rig = Rig()
    rig.run(rig.driver.status())
    count = 0

    def cut(answer: bytes) -> bytes | None:
        nonlocal count
        count += 1
        return answer if count <= 2 else None

    rig.spoil_answer = cut
    with pytest.raises(
        ResponseTimeout, match=r"writing device.TRAFO_CT_RATIO_NUMERATOR; done before: .*CO2, .*CURR"
    ) as e:
        rig.run(
            rig.driver.write(
                {
                    "NRG_CONVERSION_FACTOR_CO2": 2, "NRG_CONVERSION_FACTOR_CURR": 3, "TRAFO_CT_RATIO_NUMERATOR": 7,
                    "TARIFF_ACTIVE": 2,
                }
            )
        )  # fmt: skip
    assert cause_of(e.value) is Cause.INVALID_RESPONSE
    assert rig.bench.body.value(189) == 1, "what comes behind is not sent"


class LosesAnswersToWrites:
    """Loses the answers to the first SET or ACTION and to what is sent until somebody gives up: ``left`` messages."""

    def __init__(self, rig: Rig, left: int) -> None:
        self.rig, self.left, self.begun = rig, left, False

    def __call__(self, answer: bytes) -> bytes | None:
        self.begun = self.begun or any(form in self.rig.requests[-1] for form in (b"\xc1\x01", b"\xc3\x01"))
        if not self.begun or not self.left:
            return answer
        self.left -= 1
        return None


@pytest.mark.proves("A-195")
@pytest.mark.parametrize(("transport", "messages"), [(HDLC, 4), (UDP, 1), (TCP, 1)])
def test_a_write_whose_answer_is_lost_is_read_back_not_done_again(transport: str, messages: int) -> None:
    rig = Rig(transport=transport)
    for write in (lambda: rig.driver.write({"TARIFF_ACTIVE": 4}), lambda: rig.driver.reset("RSTREG_ACT_ENERGY_IMP")):
        rig.run(rig.driver.status())
        rig.spoil_answer = LosesAnswersToWrites(rig, messages)
        rig.run(write())
        rig.spoil_answer = lambda answer: answer
    assert (rig.bench.body.value(189), rig.bench.body.value(175)) == (4, 1)


def test_ports_inputs_and_outputs() -> None:
    rig = Rig()
    rig.bench.control("input-3", True)
    rig.run(rig.driver.write({"ports.OUTPUT_STATE_2": True}))
    one, two, three, four = rig.run(rig.driver.ports())
    assert (one.as_dict(), two.as_dict()) == ({"port": 1, "currentstate": 0}, {"port": 2, "currentstate": 1})
    assert (three.is_input, three.state, three.stored, three.counter) == (True, True, True, 1)
    assert four.as_dict() == {"port": 4, "currentstate": 0, "storedstate": 0, "counter": 0}
    for name in ("IO_INPUT_CUMULATION_3", "IO_STORED_INPUT_STATE_3"):
        rig.run(rig.driver.reset(name))
    three = rig.run(rig.driver.ports())[2]
    assert (three.stored, three.counter) == (False, 0)


@pytest.mark.proves("A-159")
def test_resets_count_and_clear() -> None:
    rig = Rig(load="constant:1000")
    rig.bench.step(3600)
    assert set(rig.driver.resettable) >= {"RSTREG_ACT_ENERGY_IMP", "PREVIOUS_VALUES", "SYSTEM_LOG", "LOAD_PROFILE"}
    rig.run(rig.driver.reset("rstreg_act_energy_imp"))
    assert rig.bench.body.value(175) == 1
    assert rig.read("RSTREG_ACT_ENERGY_IMP", "RSTREG_ACT_CNTR_IMP")["RSTREG_ACT_CNTR_IMP"].value == 1
    rig.run(rig.driver.write({"NRG_CONVERSION_FACTOR_CO2": "2"}))
    energy = rig.read("ACTIVE_ENERGY_IMPORT_TOTAL", "NRG_ENERGY_VALUE_CO2")
    assert energy["NRG_ENERGY_VALUE_CO2"].value == energy["ACTIVE_ENERGY_IMPORT_TOTAL"].value * 2 / 1000
    assert rig.run(rig.driver.load_profile(1)).rows
    rig.run(rig.driver.reset("LOAD_PROFILE"))
    assert rig.run(rig.driver.load_profile(1)).rows == ()
    rig.bench.step(900)
    rig.run(rig.driver.reset("LOAD_PROFILE_CH_1"))
    assert rig.run(rig.driver.load_profile(1)).rows == ()
    with pytest.raises(UnknownName):
        rig.run(rig.driver.reset("VOLTAGE_L1"))


@pytest.mark.proves("A-142")
def test_rights_follow_the_object_list() -> None:
    rig = Rig()
    full = rig.run(rig.driver.rights())
    assert (full.role, len(full.flags)) == ("Configure", 241)
    readable = {id for id in range(1, 201) if id in full}
    assert readable == {id for id in ROWS if id <= 200 and rig.bench.meter.body.variant.has(ROWS[id])}
    assert {id for id in range(201, 242) if id in full} == {*range(201, 221), *range(230, 242)}
    rig.run(rig.driver.close())
    public = rig.as_client(16)
    seen = rig.run(public.rights())
    assert seen.role == "View Only"
    assert {id for id in range(1, 201) if id in seen} == readable
    assert not any(id in seen for id in range(201, 242))
    assert seen.as_dict()["objects"][:2] == [1, 1]


@pytest.mark.proves("A-187", "A-155")
def test_scripts_are_executed_as_the_meter_allows() -> None:
    rig = Rig()
    body = rig.bench.body
    rig.run(rig.driver.execute_script(2))
    assert body.value(189) == 2
    rig.run(rig.driver.execute_script(5))
    assert body.value(154) & 1
    rig.run(rig.driver.execute_script(6))
    assert not body.value(154) & 1
    causes = {0: Cause.SCOPE_OF_ACCESS_VIOLATED, 13: Cause.SCOPE_OF_ACCESS_VIOLATED, 9: Cause.READ_WRITE_DENIED}
    for selector, cause in causes.items():
        with pytest.raises(MeterRefused) as refused:
            rig.run(rig.driver.execute_script(selector))
        assert refused.value.cause is cause, selector
    rig.run(rig.driver.write({"TARIFF_SOURCE": 0}))
    with pytest.raises(MeterRefused, match="READ_WRITE_DENIED"):
        rig.run(rig.driver.execute_script(1))
    rig.run(rig.driver.close())
    with pytest.raises(MeterRefused, match="READ_WRITE_DENIED"):
        rig.run(rig.as_client(16).execute_script(1))


def test_another_password_is_needed_from_then_on() -> None:
    rig = Rig()
    rig.run(rig.driver.set_password("12345678"))
    rig.run(rig.driver.close())
    with pytest.raises(MeterRefused):
        rig.run(rig.driver.status())
    assert rig.run(rig.as_client(1, b"12345678").status()).word == 0
    with pytest.raises(InvalidValue):
        rig.run(rig.driver.set_password("short"))


@pytest.mark.proves("A-201", "A-204")
@pytest.mark.parametrize(
    ("fault", "value"),
    [
        ("silent", 2), ("bad-checksum", 40), ("bad-hcs", 40), ("frmr", 1), ("rnr", 2), ("wrong-ns", 1),
        ("lost-segment", 1), ("leading-bytes", 100), ("truncate", 30), ("drop-answer", 30), ("garble", 20),
    ],
)  # fmt: skip
def test_the_driver_recovers_from_faults_of_the_line(fault: str, value: int) -> None:
    rig = Rig()
    rig.bench.fault(fault, value)
    for _ in range(3):
        found = rig.run(rig.driver.read(["instrument"]))
        assert found[0].value == Decimal("230.0")
        rig.clock.advance(1)


@pytest.mark.proves("A-204")
@pytest.mark.parametrize(
    ("fault", "value", "transport", "cause"),
    [
        ("dm", True, HDLC, Cause.INVALID_RESPONSE), ("frmr", 9, HDLC, Cause.INVALID_RESPONSE),
        ("rnr", 99, HDLC, Cause.INVALID_RESPONSE), ("bad-block", 1, UDP, Cause.INVALID_RESPONSE),
        ("bad-block", 1, HDLC, Cause.INVALID_RESPONSE), ("wrong-invoke", True, HDLC, Cause.INVALID_RESPONSE),
        ("wrong-invoke", True, UDP, Cause.INVALID_RESPONSE), ("exception", "2/3", TCP, Cause.INVALID_RESPONSE),
        ("wrong-length", True, TCP, Cause.INVALID_RESPONSE), ("wrong-length", True, UDP, Cause.INVALID_RESPONSE),
        ("aare-reject", 13, HDLC, Cause.READ_WRITE_DENIED), ("aare-reject", 14, UDP, Cause.READ_WRITE_DENIED),
        ("aare-reject", 2, TCP, Cause.OTHER_REASON), ("access-result", "0-0:40.0.0/2", HDLC, Cause.OTHER_REASON),
        ("collision", "address", HDLC, Cause.INVALID_RESPONSE), ("wrong-address", True, TCP, Cause.INVALID_RESPONSE),
        ("wrong-address", True, HDLC, Cause.INVALID_RESPONSE), ("silent", True, HDLC, Cause.INVALID_RESPONSE),
    ],
)  # fmt: skip
def test_faults_that_do_not_pass_are_told(fault: str, value: object, transport: str, cause: Cause) -> None:
    rig = Rig(transport=transport)
    rig.bench.fault(fault, value)
    with pytest.raises((LinkError, ProtocolError, MeterRefused)) as told:
        rig.run(rig.driver.objects())
    assert cause_of(told.value) is cause
    assert rig.bench.journal("fault-hit")
    rig.bench.fault(fault, False)
    rig.clock.advance(100)
    assert len(rig.run(rig.driver.objects())) > 200


def test_the_status_word_has_names() -> None:
    rig = Rig()
    rig.bench.fault("phase-lost", 2)
    assert rig.run(rig.driver.status()).as_dict()["warnings"] == ["U2 Missing"]
    found = rig.read("flags")
    assert (found["WARNINGS"].value, found["ERRORS"].value) == (2, 0)
    assert datetime.fromisoformat(rig.read("clock.CLOCK")["CLOCK"].value) > datetime(2026, 1, 1)  # noqa: DTZ001
