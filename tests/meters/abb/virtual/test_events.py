"""Alarms, ports, pulses, resettable registers, overflow, firmware images, access."""

from __future__ import annotations

import zlib

import pytest

from tests.meters.abb.virtual.rigs import HOUR, Rig
from tests.meters.abb.virtual.test_recording import refused
from wattproof.metering.alarms import Setting
from wattproof.metering.dates import seconds_of
from wattproof.metering.dst import Rule
from wattproof.metering.integrity import Counter, Verdict
from wattproof.meters.abb.virtual.image import BLOCK_SIZE, Status
from wattproof.meters.abb.virtual.refusals import Reason


@pytest.mark.proves("A-156")
def test_an_alarm_switches_logs_and_ends():
    rig = Rig(load="constant:1000")
    rig.body.set_port(2, 2)
    rig.body.set_alarm(4, Setting(96, 200_000, 150_000, 10, 5, True, 2))
    rig.body.set_alarm(25, Setting(72, 2000, 2100, 0, 0, True, 0))
    rig.control(load="constant:3000")
    rig.run(9.999)
    assert (rig.body.alarm_word, rig.body.outputs) == (0, 0)
    rig.run(0.001)
    assert (rig.body.alarm_word, rig.body.outputs, rig.body.status_word) == (8, 2, 1 << 16)
    rig.control(load="constant:1800")
    rig.run(60)
    assert rig.body.alarm_word == 8
    rig.control(load="constant:1000")
    rig.run(4.999)
    assert rig.body.alarm_word == 8
    rig.run(0.001)
    assert (rig.body.alarm_word, rig.body.outputs) == (0, 0)
    (entry,) = rig.body.watch.event.rows()
    assert (entry.code, entry.category, entry.duration, entry.stamp.seconds) == (
        2016, 8, 65, seconds_of(2024, 1, 1) + 10)  # fmt: skip
    rig.fault("phase-lost", 2)
    assert rig.body.alarm_word == 1 << 24
    rig.run(30)
    rig.fault("phase-lost", False)
    assert [(entry.code, entry.duration) for entry in rig.body.watch.quality.rows()] == [(1001, 30), (2037, 30)]


@pytest.mark.proves("A-156")
def test_a_low_alarm_off_again_by_its_settings():
    rig = Rig(load="constant:100")
    rig.body.set_alarm(1, Setting(82, 900, 1001, 0, 0, False))
    assert rig.body.alarm_word == 0
    rig.control(load="curve:day")
    rig.body.set_alarm(1, Setting(82, 960, 1001, 0, 0, False))
    assert (rig.body.alarm_word, len(rig.body.watch.event)) == (1, 0)
    rig.body.set_alarm(1, None)
    assert rig.body.alarm_word == 0
    refused(Reason.RANGE, Rig("A42").body.set_alarm, 1, Setting(72, 1, 0))
    refused(Reason.RANGE, rig.body.set_alarm, 1, Setting(1, 1, 0))
    refused(Reason.RANGE, rig.body.set_alarm, 1, Setting(69, 1, 0, output=3))
    refused(Reason.RANGE, rig.body.set_alarm, 1, Setting(69, 1, 0, on_delay=-1))
    refused(Reason.UNDEFINED, rig.body.set_alarm, 26, None)
    refused(Reason.UNDEFINED, Rig("B23").body.set_alarm, 1, None)


@pytest.mark.proves("A-157")
def test_inputs():
    rig = Rig()
    for level in (True, True, False, True):
        rig.control(input_3=level)
    rig.control(input_1=True)
    assert rig.values(53, 57, 54, 58) == [2, True, 0, False]
    rig.body.reset_stored(3)
    assert rig.values(53, 57) == [2, False]
    rig.control(input_3=False, input_4=True)
    rig.control(input_3=True)
    assert rig.values(53, 57, 54) == [3, True, 1]
    rig.body.reset_counter(3)
    assert rig.values(53, 57) == [0, True]
    refused(Reason.UNDEFINED, rig.body.reset_counter, 1)
    refused(Reason.UNDEFINED, rig.body.reset_stored, 5)
    rig.body.set_port(4, 1)
    rig.control(input_4=False)
    rig.control(input_4=True)
    rig.body.set_port(4, 0)
    assert rig.values(54, 58) == [1, True]


def test_an_input_that_changes_without_supply_is_no_edge_and_not_forgotten():
    rig = Rig()
    rig.body.set_tariff_source(2)
    rig.control(power=False)
    rig.control(input_3=True)
    rig.control(power=True)
    assert (rig.body.ports.level(3), *rig.values(53, 57, 189)) == (True, 0, False, 2)
    rig.control(input_3=False)
    rig.control(input_3=True)
    assert rig.values(53, 57) == [1, True]


@pytest.mark.proves("A-157")
def test_outputs_by_function():
    rig = Rig()
    rig.body.set_outputs(0b1111)
    assert rig.body.outputs == 3
    for port, function in ((1, 4), (2, 5), (3, 4), (4, 6)):
        rig.body.set_port(port, function)
    assert rig.body.outputs == 0b0011
    rig.body.set_tariff(3)
    assert rig.body.outputs == 0b0110
    refused(Reason.DENIED, rig.body.set_output, 2, False)
    rig.body.set_port(2, 1)
    assert rig.body.outputs == 0b0110
    rig.body.set_output(2, False)
    rig.fault("power-cut", 5)
    rig.run(5)
    assert rig.body.outputs == 0b0100
    refused(Reason.RANGE, rig.body.set_port, 1, 7)
    refused(Reason.UNDEFINED, rig.body.set_port, 5, 1)
    silver = Rig("B23").body
    refused(Reason.RANGE, silver.set_port, 3, 1)
    refused(Reason.RANGE, silver.set_port, 1, 0)
    refused(Reason.UNDEFINED, silver.set_output, 3, True)
    refused(Reason.UNDEFINED, Rig("B23-212-100").body.set_port, 2, 1)


@pytest.mark.proves("A-158")
def test_pulses():
    rig = Rig(load="constant:7200")
    rig.body.set_port(1, 3)
    rig.body.set_pulse(2, length=10, frequency=1000, energy=0, port=1)
    rig.run(HOUR)
    _ = rig.body.outputs
    pulses = rig.body.ports.running[1]
    assert pulses.emitted + pulses.queue == 7200
    assert rig.body.status_word == 0
    rig.body.set_pulse(2, frequency=1_000_000)
    rig.run(10.01)
    assert (rig.body.status_word, rig.body.ports.running[1].emitted) == (1 << 54, 500)
    assert rig.body.outputs == 0
    rig.run(0.995)
    assert rig.body.outputs == 1
    rig.control(load="constant:-7200")
    rig.run(120)
    assert rig.body.status_word == 0b1111_0000
    for bad in ({"length": 9}, {"length": 991}, {"frequency": 0}, {"frequency": 1_000_001}, {"energy": 5}, {"port": 0}):
        refused(Reason.RANGE, rig.body.set_pulse, 1, **bad)
    refused(Reason.UNDEFINED, rig.body.set_pulse, 5, length=20)
    rig.body.set_pulse(2, energy=4)
    assert rig.body.ports.running == {}
    assert rig.values(46, 45, 49) == [100, 10, 1_000_000]


@pytest.mark.proves("A-159")
def test_resettable_registers_and_factors():
    rig = Rig(load="constant:10000")
    rig.run(HOUR)
    assert rig.values(171, 175, 122, 113) == [1000, 0, 10_000, 1000]
    rig.body.reset_register(171)
    rig.run(HOUR)
    assert rig.values(171, 175, 1, 173, 177) == [1000, 1, 2000, 0, 0]
    rig.body.set_factor(84, 500)
    rig.body.set_factor(83, 250)
    assert rig.values(122, 113, 84, 83) == [10_000, 500, 500, 250]
    refused(Reason.RANGE, rig.body.set_factor, 84, 10_000)
    refused(Reason.RANGE, rig.body.set_factor, 83, -1)
    refused(Reason.UNDEFINED, Rig("B23-212-100").body.set_factor, 84, 1)
    refused(Reason.UNDEFINED, rig.body.reset_register, 175)


@pytest.mark.proves("A-175", "A-206")
def test_registers_overflow():
    rig = Rig(load="constant:-20000")
    rig.control(load="constant:20000")
    counter = Counter(10**12)
    rig.fault("overflow")
    assert set(rig.values(1, 2, 3, 9, 12, 21, 34, 40, 88, 171, 174)) == {999_999_999_990}
    assert counter.read(rig.body.value(1)).verdict is Verdict.FIRST
    rig.run(17.999)
    assert rig.body.value(1) == 999_999_999_999
    rig.run(0.001)
    assert rig.values(1, 9, 171, 10, 2, 13) == [0, 0, 0, 999_999_999_990, 999_999_999_990, -999_999_999_990]
    assert tuple(counter.read(rig.body.value(1))) == (Verdict.ROLLED_OVER, 10)
    rig.run(18)
    assert tuple(counter.read(rig.body.value(1))) == (Verdict.COUNTED, 10)


def image(version: bytes = b"A1.05.2", size: int = 1000) -> bytes:
    content = version.ljust(16, b"\0") + bytes(number * 7 % 256 for number in range(size))
    return content + zlib.crc32(content).to_bytes(4, "little")


def transfer(rig: Rig, data: bytes, *, without: tuple[int, ...] = ()) -> None:
    rig.body.initiate_image(b"update", len(data))
    for number in range(-(-len(data) // BLOCK_SIZE)):
        if number not in without:
            rig.body.take_image_block(number, data[number * BLOCK_SIZE : (number + 1) * BLOCK_SIZE])


def test_an_image_is_transferred_verified_and_activated():
    rig, data = Rig(), image()
    refused(Reason.DENIED, rig.body.verify_image)
    transfer(rig, data, without=(1,))
    assert (rig.body.image.first_missing, rig.body.image.blocks) == (1, b"\1\0\1")
    rig.body.take_image_block(1, data[BLOCK_SIZE : 2 * BLOCK_SIZE])
    assert rig.body.image.first_missing == 3
    rig.body.verify_image()
    refused(Reason.TEMPORARY, rig.body.activate_image)
    rig.run(0.999)
    assert rig.body.image.status is Status.VERIFYING
    rig.run(0.001)
    assert (rig.body.image.status, rig.body.image.to_activate, rig.body.image.signature) == (3, True, data[-4:])
    rig.body.activate_image()
    assert rig.body.value(139) != "A1.05.2"
    rig.run(3)
    assert (rig.body.image.status, rig.body.value(139)) == (6, "A1.05.2")
    assert [state for _, state in rig.states] == [
        "image:initiated", "image:verifying", "image:verified", "image:activating", "image:activated"]  # fmt: skip


@pytest.mark.parametrize(
    ("data", "without"),
    [(image()[:-1] + b"x", ()), (image(), (2,)), (image(b"\xff\xff"), ()), (image(b""), ()), (b"short", ())],
)
def test_an_image_that_is_not_good(data, without):
    rig = Rig()
    transfer(rig, data, without=without)
    rig.body.verify_image()
    rig.run(1)
    assert rig.body.image.status is Status.VERIFICATION_FAILED
    refused(Reason.DENIED, rig.body.activate_image)


def test_images_are_bounded_and_faults_spoil_them():
    rig = Rig()
    for name, size in ((b"x", 0), (b"x", (1 << 20) + 1), (b"x" * 65, 100)):
        refused(Reason.RANGE, rig.body.initiate_image, name, size)
    refused(Reason.DENIED, rig.body.take_image_block, 0, b"")
    rig.body.initiate_image(b"x", 500)
    for number, length in ((0, 447), (1, 448), (2, 1), (-1, 448)):
        refused(Reason.RANGE, rig.body.take_image_block, number, bytes(length))
    for fails, status in (("verify", Status.VERIFICATION_FAILED), ("activate", Status.ACTIVATION_FAILED)):
        rig.fault("image-fails", fails)
        transfer(rig, image())
        rig.body.verify_image()
        rig.run(1)
        if fails == "activate":
            rig.body.activate_image()
            rig.run(3)
        assert rig.body.image.status is status
    rig.fault("image-fails", False)
    transfer(rig, image())
    rig.body.verify_image()
    rig.fault("power-cut")
    rig.run(20)
    assert rig.body.image.status is Status.VERIFICATION_FAILED


@pytest.mark.proves("A-144", "A-145")
def test_the_clock():
    rig = Rig()
    rig.body.set_clock(seconds_of(2012, 8, 5, 1, 11, 31))
    assert rig.body.value(146) == (seconds_of(2012, 8, 5, 1, 11, 31), 0)
    assert rig.body.stamp.fields.weekday == 7
    rig.fault("clock-lost")
    assert (rig.body.stamp.status, rig.body.status_word) == (1, 0xC00)
    rig.run(59)
    rig.body.set_summer_time(Rule.of_week(6, 1, 1, 2), Rule.of_week(10, 1, 1, 1), True)
    rig.body.set_clock(seconds_of(2012, 6, 4, 1, 59, 59))
    assert (rig.body.stamp.status, rig.body.status_word) == (0, 0)
    assert [(entry.code, entry.duration) for entry in rig.body.watch.system.rows() if entry.code < 2000] == [
        (1010, 59), (1011, 59)]  # fmt: skip
    rig.run(1)
    assert rig.body.stamp == (seconds_of(2012, 6, 4, 3), 0x80)
    rig.body.set_clock(seconds_of(2012, 10, 1, 0, 59, 59))
    assert rig.body.stamp.summer
    rig.run(1)
    assert rig.body.stamp == (seconds_of(2012, 10, 1, 0), 0)
    rig.body.shift_clock(-3000)
    rig.body.adjust_clock(60_000)
    assert rig.time == (10, 1, 0, 0, 0)
    rig.run(29)
    rig.body.adjust_clock(60_000)
    assert rig.time == (10, 1, 0, 0, 0)
    rig.run(451)
    rig.body.adjust_clock(900_000)
    assert rig.time == (10, 1, 0, 15, 0)
    refused(Reason.RANGE, rig.body.set_clock, seconds_of(2100, 1, 1))
    refused(Reason.RANGE, rig.body.set_clock, -1)
    refused(Reason.RANGE, rig.body.set_summer_time, deviation=30)
    refused(Reason.UNDEFINED, Rig("B23").body.set_clock, 0)


def test_ratios_have_limits():
    body = Rig().body
    for id, value in ((141, 0), (141, 1_000_000), (142, 2), (144, 5)):
        refused(Reason.RANGE, body.set_ratio, id, value)
    refused(Reason.UNDEFINED, body.set_ratio, 145, 1)
    refused(Reason.UNDEFINED, Rig("A43").body.set_ratio, 141, 5)
    refused(Reason.UNDEFINED, Rig("B24").body.set_ratio, 143, 5)


@pytest.mark.parametrize(("level", "without", "with_password"), [(3, True, True), (2, False, True), (1, False, False)])
def test_write_access_levels(level, without, with_password):
    rig = Rig()
    rig.body.set_access(level)
    for password, may in ((False, without), (True, with_password)):
        if may:
            rig.body.permit(password)
        else:
            refused(Reason.DENIED, rig.body.permit, password)
    rig.fault("refuse-writes")
    refused(Reason.DENIED, rig.body.permit, True)
    rig.fault("refuse-writes", False)
    rig.control(front_key="open")
    rig.body.permit(False)
    rig.body.set_password(b"12345678")
    assert rig.body.password == b"12345678"
    refused(Reason.RANGE, rig.body.set_password, b"1234567")
    refused(Reason.RANGE, rig.body.set_access, 4)
