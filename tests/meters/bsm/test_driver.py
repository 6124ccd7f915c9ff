"""The driver against a virtual BSM in memory: what it sends, what it makes of the answers, and when it gives up."""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from wattproof.errors import (
    InvalidValue,
    ModbusRefused,
    ProtocolError,
    ReadOnly,
    ResponseTimeout,
    SnapshotFailed,
    UnknownName,
)
from wattproof.meters.bsm.driver import BsmDriver, probe
from wattproof.meters.bsm.enums import KeyFormat, SnapshotStatus, SnapshotType
from wattproof.meters.bsm.firmware import identify
from wattproof.meters.bsm.places import located
from wattproof.meters.bsm.points import MAP
from wattproof.meters.sunspec.chain import Instance
from wattproof.model.values import Quality

Make = Callable[..., Any]
PARIS = timezone(timedelta(hours=2))
READ, WRITE = 3, 16


def reads(requests: list[tuple[int, bytes]]) -> list[tuple[int, int]]:
    """Address and count of the reads among requests."""
    return [struct.unpack(">HH", pdu[1:5]) for _, pdu in requests if pdu[0] == READ]  # type: ignore[misc]


def writes(requests: list[tuple[int, bytes]]) -> list[tuple[int, int]]:
    return [struct.unpack(">HH", pdu[1:5]) for _, pdu in requests if pdu[0] == WRITE]  # type: ignore[misc]


# Identity ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", ["fw17", "cm11", "cm12", "cm13"])
def test_info_knows_the_variant(bench: Make, variant: str) -> None:
    one = bench(variant)
    info = one.run(one.driver.info())
    assert (info.model, info.variant, info.manufacturer) == ("bsm", variant, "BAUER Electronic")
    assert info.type == "BSM-WS36A-H01-1311-0000"
    assert (info.serial, info.public_key) == (one.meter.serial, one.meter.public_key)


@pytest.mark.parametrize(
    ("measuring", "communication", "variant", "development"),
    [
        ("1.7:97B4:505A", "c938f31", "fw17", False),
        ("1.7:97B4:505A", "d939f6f", "fw17", False),
        ("1.8:33C4:DB63", "08d1aa3", "cm11", False),
        ("1.9:32CA:AFF4", "6d1dd3c", "cm12", False),
        ("1.9:32CA:AFF4", "01d484f", "cm13", False),
        ("1.9:32CA:AFF4", "f1d3d06", "cm13", False),
        ("1.9:32CA:AFF4", "01d484f-dirty", "cm13", True),
        ("1.9:32CA:AFF4", "0123456", None, False),
    ],
)
def test_firmware_is_known_by_its_texts(
    measuring: str, communication: str, variant: str | None, development: bool
) -> None:
    found = identify(measuring, communication)
    assert (found.behaves_as, found.development) == (variant, development)


def test_firmware_counts_as_certified_only_with_its_hash(bench: Make) -> None:
    one = bench("cm13")
    assert one.run(one.driver.firmware()).certified
    one.fault(firmware_hash=True)
    changed = one.run(one.driver.firmware())
    assert (changed.hash_matches, changed.certified) == (False, False)


def test_the_public_key_in_four_forms(bench: Make) -> None:
    one = bench()
    forms = {form: one.run(one.driver.public_key(form)) for form in KeyFormat}
    assert forms[KeyFormat.DER] == one.meter.public_key
    x_and_y = one.meter.public_key[27:]
    assert forms[KeyFormat.RAW] == x_and_y
    assert forms[KeyFormat.SEC1_UNCOMPRESSED] == b"\x04" + x_and_y
    assert forms[KeyFormat.SEC1_COMPRESSED] == bytes((2 + x_and_y[-1] % 2,)) + x_and_y[:32]


# Finding the models ------------------------------------------------------------------------------------------------


@pytest.mark.proves("B-161")
def test_fixed_addresses_and_the_walked_chain_find_the_same(bench: Make) -> None:
    one = bench()
    fixed = one.run(one.driver.read("bs_meter.MA1", "ac_meter.W", "signed_end_snapshot.St"))
    assert not any(count == 2 and address == 40000 for address, count in reads(one.link.requests))
    found = one.run(one.driver.discover())
    assert [(block.name, block.address, block.registers) for block in found.blocks] == [
        (block.name, block.address, block.registers) for block in MAP.blocks
    ]
    walked = one.run(one.driver.read("bs_meter.MA1", "ac_meter.W", "signed_end_snapshot.St"))
    assert [reading.value for reading in walked] == [reading.value for reading in fixed]


def test_instances_at_other_addresses_are_used_where_they_are() -> None:
    moved = [Instance(block.id, block.address + 10_000, block.registers - 2) for block in MAP.blocks if block.id]
    found = located(moved)
    assert found.block("sunspec").address == 50_000
    assert found.block("ostoffs").address_of("O") == 52_795
    with pytest.raises(ProtocolError, match="no OCMF Signed End Snapshot"):
        located([instance for instance in moved if instance.address != moved[-2].address])
    with pytest.raises(ProtocolError, match="length 372"):
        located([Instance(i.id, i.address, 372 if i.id == 64903 else i.length) for i in moved])


def test_probe_recognises_a_bsm_and_nothing_else(bench: Make) -> None:
    one = bench()
    assert one.run(probe(one.link, 42)).serial == one.meter.serial
    with pytest.raises(ResponseTimeout):
        one.run(probe(one.link, 7))


# Reading -----------------------------------------------------------------------------------------------------------


def test_the_whole_map_takes_the_fewest_requests(bench: Make) -> None:
    one = bench()
    readings = one.run(one.driver.read("all"))
    assert len(readings) == sum(len(block.points) for block in MAP.blocks)
    assert len(reads(one.link.requests)) == -(-4293 // 125) == 35
    assert all(count <= 125 for _, count in reads(one.link.requests))


def test_a_number_is_never_torn_between_two_requests(bench: Make) -> None:
    for chunk in (7, 50, 125):
        one = bench(driver={"chunk": chunk})
        one.run(one.driver.read("ac_meter", "bs_meter", "scs"))
        begins = {address for address, _ in reads(one.link.requests)}
        for block in MAP.blocks:
            for point in block.points:
                if point.type.name not in ("string", "blob"):
                    inside = range(block.address + point.offset + 1, block.address + point.offset + point.registers)
                    assert not begins & set(inside), f"{block.name}.{point.name}"
        assert all(count <= chunk for _, count in reads(one.link.requests))


def test_a_point_brings_its_scale_factor_along(bench: Make) -> None:
    one = bench(load="constant:11040")
    one.control(do=True)
    one.wait(1)
    power, voltage = one.run(one.driver.read("ac_meter/w", "TPM.phvphb"))
    assert (power.value, power.unit, power.raw) == (Decimal(11040), "W", 1104)
    assert (voltage.value, voltage.unit) == (Decimal("230.0"), "V")
    assert len(one.link.requests) == 1


def test_readings_keep_the_order_asked_for_and_name_each_point_once(bench: Make) -> None:
    one = bench()
    readings = one.run(one.driver.read(["bs_meter.OS", "common.DA"], "bs_meter.OS"))
    assert [reading.point for reading in readings] == ["bs_meter.OS", "common.DA"]


def test_unavailable_values_are_missing_not_numbers(bench: Make) -> None:
    one = bench()
    readings = {reading.point: reading for reading in one.run(one.driver.read("bs_meter"))}
    assert readings["bs_meter.Epoch"].quality is Quality.MISSING
    assert readings["bs_meter.Epoch"].value is None
    assert readings["bs_meter.RCR"].value == 0


def test_a_wrong_name_says_what_there_is(bench: Make) -> None:
    one = bench()
    with pytest.raises(UnknownName, match="bs_meter"):
        one.run(one.driver.read("bs_metr.RCR"))
    with pytest.raises(UnknownName, match=r"ac_meter\.W, signed_current_snapshot\.W"):
        one.run(one.driver.read("W"))
    assert one.link.requests == []


def test_registers_of_any_length(bench: Make) -> None:
    one = bench()
    assert one.run(one.driver.registers(40000, 2)) == b"SunS"
    assert len(one.run(one.driver.registers(40521, 254))) == 508
    with pytest.raises(ModbusRefused) as refused:
        one.run(one.driver.registers(44290, 4))
    assert refused.value.code == 2


# Writing -----------------------------------------------------------------------------------------------------------


@pytest.mark.proves("B-053")
def test_neighbours_are_written_in_one_request(bench: Make) -> None:
    one = bench()
    one.run(one.driver.set_metadata("one", "two", "three"))
    assert writes(one.link.requests) == [(40279, 120), (40399, 50)]
    one.link.requests.clear()
    one.run(one.driver.write({"bs_meter.TZO": 60, "bs_meter.Epoch": 1_574_076_961}))
    assert writes(one.link.requests) == [(40260, 3)]
    values = [reading.value for reading in one.run(one.driver.read("sm.TZO", "sm.Meta3"))]
    assert values == [60, "three"]


@pytest.mark.proves("B-017", "B-046")
def test_address_and_rate_go_together_and_the_driver_follows(bench: Make) -> None:
    one = bench()
    one.run(one.driver.write({"common.DA": 7, "serial_interface.Rte": 115200}))
    assert writes(one.link.requests) == [(40068, 16)]
    assert one.meter.unit == one.driver.unit == 7
    readings = one.run(one.driver.read("common.DA", "si.Rte"))
    assert [reading.value for reading in readings] == [7, 115200]


def test_nothing_is_sent_for_a_bad_value(bench: Make) -> None:
    one = bench()
    for values, error in (
        ({"common.DA": 0}, InvalidValue),
        ({"common.DA": "248"}, InvalidValue),
        ({"si.Rte": 12345}, InvalidValue),
        ({"bs_meter.Meta1": "x" * 141}, InvalidValue),
        ({"bs_meter.Epoch": 0xFFFFFFFF}, InvalidValue),
        ({"bs_meter.Epoch": 1, "bs_meter.RCnt": 1}, ReadOnly),
        ({"bs_meter": 1}, InvalidValue),
        ({"scs.St": 1}, InvalidValue),
        ({"nothing": 1}, UnknownName),
    ):
        with pytest.raises(error):
            one.run(one.driver.write(values))
    assert one.link.requests == []


@pytest.mark.proves("B-029")
def test_fixed_points_of_the_interface_ignore_what_is_written(bench: Make) -> None:
    one = bench()
    one.run(one.driver.write_registers(40084, bytes.fromhex("0007000100000001")))
    fixed = one.run(one.driver.read("si.Bits", "si.Pty", "si.Dup", "si.Flw"))
    assert [reading.raw for reading in fixed] == [8, 2, 1, 0]


def test_texts_are_written_as_utf8_and_read_as_bytes(bench: Make) -> None:
    one = bench()
    one.run(one.driver.set_metadata("Zähler"))
    (reading,) = one.run(one.driver.read("sm.Meta1"))
    assert isinstance(reading.value, str)
    assert reading.value.encode("latin-1").decode("utf-8") == "Zähler"


def test_numbers_may_be_written_as_text(bench: Make) -> None:
    one = bench()
    one.run(one.driver.write({"common.DA": "0x15"}))
    assert one.meter.unit == one.driver.unit == 21


# Time --------------------------------------------------------------------------------------------------------------


@pytest.mark.proves("B-060")
def test_setting_the_time_writes_both_registers(bench: Make) -> None:
    one = bench()
    one.run(one.driver.set_time(datetime(2022, 7, 8, 10, 0, tzinfo=PARIS)))
    names = ("sm.Epoch", "sm.TZO", "sm.EpochSetCnt", "sm.EpochSetOS", "sm.OS")
    epoch, offset, count, stamp, seconds = (reading.value for reading in one.run(one.driver.read(*names)))
    assert (epoch, offset, count) == (1657267200, 120, 1)
    assert 0 <= seconds - stamp <= 10
    with pytest.raises(InvalidValue, match="offset"):
        one.run(one.driver.set_time(datetime(2022, 7, 8, 10, 0)))  # noqa: DTZ001


# Snapshots ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("blocking", ["yes", "no"])
@pytest.mark.parametrize("kind", list(SnapshotType))
@pytest.mark.proves("B-087")
def test_a_snapshot_with_a_silent_and_with_a_talking_meter(bench: Make, blocking: str, kind: SnapshotType) -> None:
    one = bench(settings={"blocking": blocking})
    one.run(one.driver.set_time())
    one.run(one.driver.set_metadata("contract-id: rfid:1", "evse-id: 2", "csc-sw-version: 3"))
    before = one.run(one.driver.counter())
    began = one.clock.now()
    taken = one.run(one.driver.snapshot(kind.word))
    assert (taken.kind, taken.status, taken.counter) == (kind, SnapshotStatus.VALID, before + 1)
    assert taken.valid
    assert taken.ocmf_valid
    assert taken.complaints == ()
    assert (taken.fields["Typ"], taken.fields["MA1"]) == (kind.value, one.meter.serial)
    assert (taken.fields["Meta1"], taken.fields["Meta3"]) == ("contract-id: rfid:1", "csc-sw-version: 3")
    assert taken.time is not None
    assert b'"PG":"T%d"' % taken.counter in taken.ocmf
    assert (one.clock.now() - began) / 1e9 < 8
    polls = [request for request in reads(one.link.requests) if request == (40521 + 254 * kind + 3, 1)]
    assert len(polls) >= 1 if blocking == "yes" else len(polls) > 5


@pytest.mark.proves("B-162")
def test_a_snapshot_is_read_in_several_requests_and_a_change_between_them_is_noticed(bench: Make) -> None:
    one = bench(settings={"blocking": "no"})
    one.run(one.driver.snapshot("current"))
    first = one.run(one.driver.existing("current"))
    parts = [request for request in reads(one.link.requests) if 40521 <= request[0] < 40775 and request[1] > 20]
    assert len(parts[-3:]) == 3
    other = BsmDriver(one.link)
    interfered = []

    def interfere(pdu: bytes) -> None:
        # Another master renews the snapshot while its second part is read.
        if pdu == struct.pack(">BHH", READ, *parts[-2]) and not interfered:
            interfered.append(pdu)
            one.run(other.snapshot("current"))

    one.link.before = interfere
    second = one.run(one.driver.existing("current"))
    assert interfered
    assert second.counter == first.counter + 1
    assert second.valid


def test_a_snapshot_that_keeps_changing_is_given_up(bench: Make) -> None:
    one = bench(settings={"blocking": "no"})
    one.run(one.driver.snapshot("current"))
    other = BsmDriver(one.link)
    part = struct.pack(">BHH", READ, 40521 + 125, 125)

    def interfere(pdu: bytes) -> None:
        if pdu == part:
            one.link.before = lambda pdu: None
            one.run(other.snapshot("current"))
            one.link.before = interfere

    one.link.before = interfere
    with pytest.raises(SnapshotFailed, match="another master"):
        one.run(one.driver.existing("current"))


@pytest.mark.proves("B-087", "B-197")
@pytest.mark.parametrize("blocking", ["yes", "no"])
def test_the_driver_gives_up_at_its_overall_limit_and_says_so(bench: Make, blocking: str) -> None:
    one = bench(settings={"blocking": blocking})
    one.fault(slow_signing=30)
    began = one.clock.now()
    with pytest.raises(ResponseTimeout, match=r"gave up .* after 20 s.*--existing"):
        one.run(one.driver.snapshot("current"))
    assert 20 <= (one.clock.now() - began) / 1e9 < 21
    one.wait(20)
    late = one.run(one.driver.existing("current"))
    assert late.valid
    assert late.counter == 1


@pytest.mark.proves("B-199")
def test_a_stale_snapshot_is_refused(bench: Make) -> None:
    one = bench()
    one.run(one.driver.snapshot("current"))
    one.fault(stale_snapshot=1)
    with pytest.raises(SnapshotFailed, match="stale current snapshot") as failed:
        one.run(one.driver.snapshot("current"))
    assert failed.value.status is SnapshotStatus.VALID
    assert one.run(one.driver.snapshot("current")).counter == 2


def test_a_gap_in_the_counter_is_noted(bench: Make) -> None:
    one = bench()
    one.fault(when="current:collecting", pagination_gap=3)
    taken = one.run(one.driver.snapshot("current"))
    assert taken.counter == 4
    assert taken.problems == ("RCnt went from 0 to 4: other snapshots were signed in between",)


@pytest.mark.parametrize(
    ("fault", "status", "words"),
    [
        ({"contactor_stuck_closed": True}, SnapshotStatus.FAILED_FEEDBACK, "welded"),
        ({"collecting_fails": 1}, SnapshotStatus.FAILED_GENERAL, "collect or sign"),
        ({"signing_fails": 1}, SnapshotStatus.FAILED_GENERAL, "collect or sign"),
    ],
)
def test_a_failed_snapshot_says_why(bench: Make, fault: dict[str, object], status: SnapshotStatus, words: str) -> None:
    one = bench()
    one.control(do=True)
    one.wait(1)
    one.fault(**fault)
    with pytest.raises(SnapshotFailed, match=words) as failed:
        one.run(one.driver.snapshot("turn-off"))
    assert failed.value.status is status


def test_doe_low_before_cm12_says_so(bench: Make) -> None:
    one = bench("cm11")
    one.control(doe=False)
    with pytest.raises(SnapshotFailed, match="DOE") as failed:
        one.run(one.driver.snapshot("turn-on"))
    assert failed.value.status is SnapshotStatus.FAILED_NOT_ENABLED


@pytest.mark.proves("B-163")
def test_a_restart_during_creation_is_reported(bench: Make) -> None:
    one = bench(settings={"blocking": "no", "start-delay": "0"})
    one.fault(when="turn-on:signing", power_cut=1)
    with pytest.raises(SnapshotFailed, match="restarted") as failed:
        one.run(one.driver.snapshot("turn-on"))
    assert failed.value.status is SnapshotStatus.INVALID
    (demand,) = one.run(one.driver.read("sm.DO"))
    assert demand.value == 0


@pytest.mark.parametrize("fault", ["bad_signature", "wrong_key"])
def test_a_wrong_signature_is_seen(bench: Make, fault: str) -> None:
    one = bench()
    one.fault(**{fault: True})
    taken = one.run(one.driver.snapshot("current"))
    assert (taken.valid, taken.ocmf_valid) == (False, False)
    assert any("does not verify" in text for text in taken.complaints)


@pytest.mark.parametrize("name", ["RCR", "Meta1", "Epoch", "W", "Evt", "MA1"])
def test_a_tampered_field_is_seen(bench: Make, name: str) -> None:
    one = bench()
    one.run(one.driver.set_time())
    one.fault(tamper=name)
    taken = one.run(one.driver.snapshot("current"))
    assert not taken.valid


def test_a_snapshot_without_ocmf_text_is_noted(bench: Make) -> None:
    one = bench()
    one.fault(ocmf_fails=1)
    taken = one.run(one.driver.snapshot("current"))
    assert (taken.valid, taken.ocmf, taken.ocmf_valid) == (True, None, None)
    assert taken.ocmf_status is SnapshotStatus.FAILED_GENERAL
    assert "no OCMF text" in taken.problems[0]


def test_no_snapshot_after_power_up(bench: Make) -> None:
    one = bench()
    with pytest.raises(SnapshotFailed, match="none since its last start"):
        one.run(one.driver.existing("end"))
    assert one.run(one.driver.status("stons")) is SnapshotStatus.INVALID


def test_a_lost_acknowledgement_does_not_lose_the_snapshot(bench: Make) -> None:
    one = bench()
    usual = one.link.exchange
    lost = []

    async def exchange(unit: int, pdu: bytes, *, timeout: float | None = None) -> bytes:
        answer = await usual(unit, pdu, timeout=timeout)
        if pdu[0] == WRITE and not lost:
            lost.append(pdu)
            raise ResponseTimeout("the answer was lost")
        return answer

    one.link.exchange = exchange
    taken = one.run(one.driver.snapshot("turn-on"))
    assert lost
    assert taken.counter == 1


def test_a_lost_trigger_is_no_snapshot(bench: Make) -> None:
    one = bench()
    one.run(one.driver.snapshot("current"))
    usual = one.link.exchange

    async def exchange(unit: int, pdu: bytes, *, timeout: float | None = None) -> bytes:
        if pdu[0] == WRITE:
            raise ResponseTimeout("the request was lost")
        return await usual(unit, pdu, timeout=timeout)

    one.link.exchange = exchange
    with pytest.raises(SnapshotFailed, match="not acknowledged"):
        one.run(one.driver.snapshot("current"))


@pytest.mark.proves("B-164")
def test_old_and_new_firmware_give_the_same_energy(bench: Make) -> None:
    energies = []
    for variant in ("cm12", "cm13"):
        one = bench(variant, load="constant:10000", settings={"energy": "123.45"})
        one.run(one.driver.snapshot("turn-on"))
        one.wait(600)
        taken = one.run(one.driver.snapshot("turn-off"))
        energies.append((taken.energy(), taken.energy("TotWhImp")))
        assert taken.number("Wh_SF") == (0 if variant == "cm12" else 1)
    assert energies[0] == energies[1]
    assert energies[0][1] - energies[0][0] in (Decimal(123450), Decimal(123460))


def test_a_snapshot_shows_itself_as_json(bench: Make) -> None:
    one = bench()
    shown = one.run(one.driver.snapshot("current")).as_dict()
    assert (shown["kind"], shown["status"], shown["signature"], shown["ocmf_signature"]) == (
        "current",
        0,
        "valid",
        "valid",
    )
    assert len(bytes.fromhex(shown["registers"])) == 508
    assert shown["ocmf"].startswith("OCMF|{")
    assert shown["energy"] == {"RCR": "0", "TotWhImp": "0"}
    assert shown["fields"]["RCnt"] == 1


@pytest.mark.parametrize("name", ["Epoch", "TZO"])
def test_half_a_time_is_refused_with_the_reason_while_the_time_is_invalid(bench: Make, name: str) -> None:
    one = bench()
    with pytest.raises(
        ModbusRefused, match=r"exception 3 .*; while .* Epoch and TZO must be written together \(BD-09\)"
    ):
        one.run(one.driver.write({f"bs_meter.{name}": 1500}))
    one.run(one.driver.write({"bs_meter.Epoch": 1_700_000_000, "bs_meter.TZO": 60}))
    one.run(one.driver.write({f"bs_meter.{name}": 1500}))


def test_a_text_that_is_too_long_is_not_shown_as_bytes(bench: Make) -> None:
    one = bench()
    with pytest.raises(InvalidValue, match=r"bs_meter.Meta1: the text has 142 bytes as UTF-8, there is room for 140$"):
        one.run(one.driver.write({"bs_meter.Meta1": "ä" * 71}))
