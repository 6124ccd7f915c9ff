"""How the meter behaves under a fault: silent boards, signatures, wiring, clock, counters, supply; section 15.4."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.meters.dmed4.virtual.shown import dwords, flag, page, readings

Make = Callable[..., Any]
EPOCH = 1695970042
SIGNING, OK, FAILED, ERROR = 4, 8, 0x10, 0x8000


@pytest.mark.proves("D-318")
@pytest.mark.parametrize("name", ["meas-board-silent", "board1-meas-not-comm-err"])
def test_a_silent_measurement_board(bench: Make, name: str) -> None:
    meter = bench(load="constant:36000", load_follows="always").set_time()
    meter.wait(10)
    before = meter.read(0x0002, 32), meter.read(0x0200, 10)
    meter.fault(name)
    assert dwords(meter) == (0, 2) and flag(meter, "meas_not_comm_err") == 1
    assert meter.get("system_status")["system_status"] == 10
    meter.wait(90)
    assert (meter.read(0x0002, 32), meter.read(0x0200, 10)) == before
    assert meter.message() == 200
    assert meter.put(0x4280, 0x4200) is not None
    assert meter.wait(1.9).word & SIGNING
    assert meter.wait(0.1).word & (SIGNING | OK | FAILED) == FAILED and meter.measurement == 1
    assert dwords(meter) == (1 << 15, 2)
    meter.fault(name, False)
    meter.wait(8)
    assert meter.raw("energy_import_total") == 1100, "counted inside meanwhile"
    assert meter.raw("sample_time") == EPOCH + 110
    meter.command("X")
    assert dwords(meter) == (0, 0) and page(meter.signed("B")) == "T1"


@pytest.mark.proves("D-319", "D-220")
@pytest.mark.parametrize("count", [1, 3])
def test_so_many_signings_fail(bench: Make, count: int) -> None:
    meter = bench()
    meter.begin()
    meter.fault("signature-error", count)
    for left in range(count, 0, -1):
        assert meter.meter.state()["faults"] == {"signature-error": left}
        meter.command("C")
        assert meter.wait(1).word & (OK | FAILED | ERROR) == FAILED | ERROR
        assert dwords(meter) == (1 << 15, 0) and flag(meter, "signature_err") == 1
    assert meter.meter.state()["faults"] == {}
    assert page(meter.signed("C")) == "T2" and flag(meter, "signature_err") == 0


@pytest.mark.proves("D-319", "D-061")
@pytest.mark.parametrize("end", ["fault", "power"])
def test_a_signing_that_never_ends(bench: Make, end: str) -> None:
    meter = bench(load="constant:3600", load_follows="always")
    meter.begin()
    meter.fault("signature-stuck")
    meter.command("C")
    meter.wait(3600)
    assert meter.word & (SIGNING | OK | FAILED) == SIGNING
    assert meter.put(0x4280, 0x4500) == b"\x86\x06" and meter.command("E") == 400
    energy = meter.raw("energy_import_total")
    if end == "power":
        meter.power_cycle()
        assert meter.measurement == 3 and not meter.word & SIGNING
        meter.fault("signature-stuck", False)
    else:
        meter.fault("signature-stuck", False)
        assert meter.word & OK
    assert meter.raw("energy_import_total") in (energy, energy + 2)
    assert page(meter.signed("E")) == ("T2" if end == "power" else "T3")


@pytest.mark.proves("D-311")
def test_signing_takes_as_long_as_it_is_told(bench: Make) -> None:
    meter = bench()
    meter.fault("slow-signing", 20)
    meter.message()
    meter.command("B")
    assert meter.wait(19.9).word & SIGNING
    assert meter.wait(0.1).word & OK


@pytest.mark.proves("D-241", "D-280")
def test_records_that_do_not_verify(bench: Make) -> None:
    meter = bench()
    meter.fault("bad-signature", 1)
    text = meter.begin()
    assert meter.word & OK and not meter.verifies(text)
    assert meter.verifies(meter.signed("C"))
    meter.fault("wrong-key")
    assert not meter.verifies(meter.signed("C")) and meter.word & OK
    meter.fault("wrong-key", False)
    assert meter.verifies(meter.signed("E"))


@pytest.mark.proves("D-281")
def test_a_stale_record(bench: Make) -> None:
    meter = bench()
    first = meter.begin()
    before = meter.read(0x4202, 3), meter.read(0x4640, 40)
    meter.fault("stale-record", 1)
    assert meter.signed("C") == first
    assert (meter.read(0x4202, 3), meter.read(0x4640, 40), meter.raw("ocmf_count")) == (*before, 1)
    assert meter.word & OK and page(meter.signed("C")) == "T2"


@pytest.mark.proves("D-321")
def test_a_clock_that_takes_no_synchronisation(bench: Make) -> None:
    meter = bench().set_time()
    meter.fault("never-synchronised")
    assert not meter.word & 0x20
    meter.set_time(EPOCH + 100)
    meter.control(clock="2030-01-01T00:00:00Z")
    assert meter.raw("datetime") == 1893456000 and not meter.word & 0x20
    assert readings(meter.begin())[0]["TM"].endswith("+0200 U")
    meter.fault("never-synchronised", False)
    meter.signed("E")
    assert meter.set_time().word & 0x20


@pytest.mark.proves("D-329")
def test_counters_that_jump_stand_still_or_read_0(bench: Make) -> None:
    meter = bench(energy="10", energy_export="2", load="constant:3600", load_follows="always")
    meter.fault("counter-jump", 500)
    assert meter.wait(1).raw("energy_import_total") == 10501
    meter.fault("frozen")
    frozen = meter.read(0x0002, 32), meter.read(0x0200, 8), meter.get("measure")
    meter.control(load="constant:7200")
    meter.wait(100)
    assert (meter.read(0x0002, 32), meter.read(0x0200, 8), meter.get("measure")) == frozen
    assert readings(meter.begin())[0]["RV"] == "10.701", "records are made of what was counted"
    meter.fault("frozen", False)
    assert meter.raw("energy_import_total") == 10702 and meter.raw("power") == 7200
    meter.fault("counter-glitch", 2)
    assert meter.read(0x000A, 4) != bytes(8), "an answer without counters is no hit"
    assert meter.read(0x0002, 8) == bytes(16) and meter.read(0x0001 + 1, 4, 3) == bytes(8)
    assert meter.raw("energy_import_total") == 10702
    meter.fault("counter-glitch")
    assert readings(meter.signed("C"))[3]["RV"] == "10.702"


@pytest.mark.proves("D-329")
def test_noise_varies_what_is_shown_and_not_what_is_counted(bench: Make) -> None:
    quiet, noisy = (bench(load="constant:36000", load_follows="always", seed=3) for _ in range(2))
    noisy.fault("noise", 5)
    seen = {noisy.wait(1).raw("voltage") for _ in range(20)}
    assert len(seen) > 10 and all(30000 < value < 50000 for value in seen)
    assert noisy.raw("energy_import_total") == quiet.wait(20).raw("energy_import_total")
    again = bench(load="constant:36000", load_follows="always", seed=3)
    again.fault("noise", 5)
    assert again.wait(20).raw("voltage") == noisy.raw("voltage"), "chance comes from the seed"


@pytest.mark.proves("D-254")
@pytest.mark.parametrize(("ppm", "gained"), [(20000, 72), (-100000, -360), (True, 72)])
def test_a_clock_that_drifts(bench: Make, ppm: object, gained: int) -> None:
    meter = bench().set_time()
    meter.fault("clock-drift", ppm)
    assert meter.wait(3600).raw("datetime") == EPOCH + 3600 + gained
    meter.fault("clock-drift", False)
    assert meter.wait(3600).raw("datetime") == EPOCH + 7200 + gained


@pytest.mark.proves("D-325", "D-256", "D-215")
def test_a_power_cut_of_its_own_length(bench: Make) -> None:
    meter = bench(load="constant:3600")
    meter.begin()
    meter.fault("power-cut", 60)
    assert meter.meter.closed >= {"tcp", "http", "https"} and meter.ask("11") is None
    assert meter.wait(60.99).ask("11") is None
    assert (meter.wait(0.01).measurement, meter.wait(0.5).measurement) == (0, 3)
    record = meter.wait(0.6).signed("E")
    assert readings(record)[3]["EF"] == "t" and readings(record)[5]["RV"] == "0.001"


@pytest.mark.proves("D-119")
def test_a_reboot_as_after_a_save(bench: Make) -> None:
    meter = bench()
    meter.fault("reboot")
    assert meter.wait(4.99).ask("11") is None
    assert meter.wait(0.01).ask("11") is not None
    assert meter.meter.logbook.events[-1].arguments == "reboot"


@pytest.mark.proves("D-282", "D-281")
def test_a_log_filled_with_old_records(bench: Make) -> None:
    meter = bench(ocmf_log_size="5")
    meter.begin()
    ended = meter.signed("E")
    meter.fault("ocmf-log-full")
    assert meter.raw("ocmf_count") == 5
    copy = meter.get("logbook/OCMF?index_type=PROGR&index_value=5")["OCMF_LOG"]
    assert copy.split("|")[1].replace('"T5"', '"T2"') == ended.split("|")[1] and meter.verifies(copy)
    assert page(meter.begin()) == "T6"
    assert meter.get("logbook/info")["ocmf_first_internal_progressive"] == 2


@pytest.mark.proves("D-220", "D-058")
def test_manipulated_firmware_takes_no_command(bench: Make) -> None:
    meter = bench()
    meter.begin()
    meter.fault("board2-fw-crc-err")
    for letter in "BCErX":
        assert meter.put(0x4280, ord(letter) << 8) == b"\x86\x04"
    assert (meter.measurement, meter.errors) == (2, 0)


@pytest.mark.proves("D-320", "D-167")
@pytest.mark.parametrize(("variant", "wrong"), [("404R0150", 0), ("404D0150", 1), ("403D0600", 1)])
@pytest.mark.parametrize("commissioned", ["no", "yes"])
def test_reversed_wiring(bench: Make, variant: str, wrong: int, commissioned: str) -> None:
    meter = bench(variant, load="constant:7200", load_follows="always", commissioned=commissioned)
    meter.wait(10)
    meter.fault("wiring")
    meter.wait(100)
    assert (meter.raw("power"), meter.raw("current")) == (-7200, 180000)
    assert meter.raw("energy_import_total") == 20
    assert meter.raw("energy_export_total") == (0 if wrong else 200), "one direction does not count the other (DEC-03)"
    assert flag(meter, "wiring_err") == wrong
    assert flag(meter, "e_3") == flag(meter, "fatal_err") == (wrong if commissioned == "yes" else 0)
    meter.message()
    assert meter.command("B") == (400 if wrong and commissioned == "yes" else 200)
    meter.fault("wiring", False)
    meter.wait(1)
    assert (flag(meter, "wiring_err"), flag(meter, "e_3"), meter.raw("power")) == (0, 0, 7200)


@pytest.mark.proves("D-323")
@pytest.mark.parametrize(("value", "seconds"), [(True, 900), (60, 60)])
def test_a_lockout(bench: Make, value: object, seconds: int) -> None:
    meter = bench()
    meter.fault("login-locked", value)
    assert meter.meter.state()["faults"] == {}
    assert [event.code for event in meter.meter.logbook.events][-1] == 8
    assert meter.status_of("PUT", "login?password=2000") == 403
    assert meter.wait(seconds - 0.1).status_of("PUT", "login?password=2000") == 403
    assert meter.wait(0.1).status_of("PUT", "login?password=2000") == 200
