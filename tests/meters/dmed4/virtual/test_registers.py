"""What the registers hold: types, scales, refresh and areas of sections 4.2 to 4.10."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Any

import pytest

Make = Callable[..., Any]
EPOCH = 1695970042
RUNNING = {"load_follows": "always"}


@pytest.fixture
def loaded(bench: Make, tmp_path: Any) -> Make:
    """A meter with one row of a load file in force."""

    def make(*variant: str, energy: str = "0", energy_export: str = "0", **columns: str) -> Any:
        path = tmp_path / "load.csv"
        path.write_text(f"t,{','.join(columns)}\n0,{','.join(columns.values())}\n")
        return bench(*variant, load=f"csv:{path}", energy=energy, energy_export=energy_export, **RUNNING)

    return make


# 4.3


@pytest.mark.proves("D-076", "D-077", "D-083", "D-084", "D-085", "D-015")
def test_energies_are_four_words_of_watt_hours(bench: Make) -> None:
    meter = bench(energy="12345678.901", energy_export="87654.321", load="constant:-3600")
    assert meter.read(0x0002, 4) == (12345678901).to_bytes(8, "big")
    assert meter.read(0x0016, 4) == (87654321).to_bytes(8, "big")
    assert meter.read(0x001E, 4) == (12345678901 + 87654321).to_bytes(8, "big")
    assert meter.read(0x0006, 4) == meter.read(0x001A, 4) == bytes(8)
    meter.begin()
    meter.wait(99.5)
    assert meter.read(0x001A, 4) == (100).to_bytes(8, "big")
    assert meter.read(0x0006, 4) == bytes(8)
    assert meter.read(0x0016, 4) == (87654321 + 100).to_bytes(8, "big")
    meter.control(load="constant:7200")
    meter.wait(100)
    assert meter.read(0x0006, 4) == (200).to_bytes(8, "big")
    meter.signed("E")
    last = meter.read(0x0006, 4), meter.read(0x001A, 4)
    meter.wait(5000)
    assert (meter.read(0x0006, 4), meter.read(0x001A, 4)) == last


@pytest.mark.proves("D-078", "D-079", "D-080", "D-087", "D-309")
@pytest.mark.parametrize(
    ("volts", "amperes", "words"),
    [
        ("400.53", "125.0000", (40053, 1250000, 50066)),
        ("0", "0", (0, 0, 0)),
        ("950.005", "0.00006", (95001, 1, 0)),
        ("1000", "-1500", (100000, 15000000, -1500000)),
        ("1000", "-1500.0001", (100000, 15000000, -1500000)),
        ("1000", "2000", (100000, 15000000, 1500000)),
    ],
)
def test_voltage_current_and_power(loaded: Make, volts: str, amperes: str, words: tuple[int, int, int]) -> None:
    meter = loaded(v=volts, a=amperes).wait(1)
    assert struct.unpack(">IIq", meter.read(0x000A, 8)) == words
    assert struct.unpack(">IIq", meter.read(0x0200, 8)) == words


@pytest.mark.proves("D-309")
@pytest.mark.parametrize(
    ("variant", "amperes"), [("404R1500", 250), ("404D0600", 250), ("403R0400", 250), ("403D0150", 150)]
)
def test_the_curve_stays_within_the_nominal_current(bench: Make, variant: str, amperes: int) -> None:
    meter = bench(variant)
    meter.begin()
    most = max(int.from_bytes(meter.wait(20).read(0x000C, 2), "big") for _ in range(30))
    assert most == amperes * 10000


@pytest.mark.proves("D-081", "D-082")
@pytest.mark.parametrize(
    ("celsius", "fahrenheit"), [(250, 770), (-400, -400), (0, 320), (1, 322), (-178, 0), (2000, 3920), (-600, -760)]
)
def test_temperatures(bench: Make, celsius: int, fahrenheit: int) -> None:
    meter = bench()
    meter.control(temperature_i1=celsius / 10)
    meter.wait(1)
    assert struct.unpack(">4h", meter.read(0x0012, 4)) == (celsius, fahrenheit, 250, 770)
    meter.control(temperature_i2=celsius / 10)
    meter.wait(1)
    assert struct.unpack(">4h", meter.read(0x0012, 4)) == (celsius, fahrenheit) * 2


@pytest.mark.proves("D-086")
def test_hours(bench: Make) -> None:
    meter = bench(load="constant:-5", **RUNNING)
    meter.wait(3600 * 2)
    assert struct.unpack(">QQ", meter.read(0x0030, 8)) == (2, 2)
    meter.control(load="none")
    meter.wait(3600)
    meter.control(power=False)
    meter.wait(3600 * 5)
    meter.control(power=True)
    meter.wait(3600 + 10)
    assert struct.unpack(">QQ", meter.read(0x0030, 8)) == (4, 2)


@pytest.mark.proves("D-087")
def test_the_fast_block_is_refreshed_ten_times_a_second_and_the_main_one_once(bench: Make, tmp_path: Any) -> None:
    path = tmp_path / "ramp.csv"
    path.write_text("t,v\n" + "".join(f"{step / 20},{100 + step}\n" for step in range(60)))
    meter = bench(load=f"csv:{path}", **RUNNING)
    fast, main = [], []
    for _ in range(200):
        meter.wait(0.01)
        fast.append(int.from_bytes(meter.read(0x0200, 2), "big"))
        main.append(int.from_bytes(meter.read(0x000A, 2), "big"))
    assert len(set(fast[:100])) in (10, 11) and len(set(fast)) in (20, 21)
    assert [at for at in range(1, 200) if fast[at] != fast[at - 1]] == list(range(9, 200, 10))
    assert len(set(main)) >= 2


@pytest.mark.proves("D-088", "D-089", "D-074")
def test_the_time_of_the_last_sample(bench: Make) -> None:
    meter = bench()
    assert meter.read(0x0208, 2) == (1577836800).to_bytes(4, "big"), "the first sample is taken at the start"
    assert meter.read(0x0200, 2) == (40000).to_bytes(4, "big")
    meter.set_time(EPOCH, -60)
    meter.wait(0.1)
    assert meter.read(0x0208, 3) == EPOCH.to_bytes(4, "big") + b"\xff\xc4"
    meter.wait(12.95)
    assert int.from_bytes(meter.read(0x0208, 2), "big") == EPOCH + 13
    assert int.from_bytes(meter.read(0x4080, 2), "big") == EPOCH + 13


@pytest.mark.proves("D-090", "D-091")
def test_sizes_and_counts_of_the_logs(bench: Make) -> None:
    meter = bench(ocmf_log_size="3", event_log_size="7")
    assert struct.unpack(">HH", meter.read(0x020D, 2)) == (7, 1)
    assert struct.unpack(">HH", meter.read(0x0220, 2)) == (3, 0)
    meter.begin()
    for count in (2, 3, 3):
        meter.signed("C")
        assert struct.unpack(">HH", meter.read(0x0220, 2)) == (3, count)
    meter.command("E")
    meter.wait(1).set_time()
    assert struct.unpack(">HH", meter.read(0x020D, 2)) == (7, 3)
    default = bench()
    assert (default.raw("events_max"), default.raw("ocmf_max")) == (1000, 1000)


# 4.4


@pytest.mark.proves("D-092", "D-107")
def test_error_dwords_lie_high_word_first(bench: Make) -> None:
    meter = bench()
    meter.fault("error-ecdsa-verify-sign")
    meter.fault("error-dmed-frame")
    assert meter.read(0x4000, 4) == bytes.fromhex("00 01 00 00 00 00 00 04")


@pytest.mark.proves("D-093", "D-096", "D-102")
def test_registers_and_rest_say_the_same(bench: Make) -> None:
    meter = bench()
    assert meter.read(0x4004, 2).hex().upper() == meter.get("system_status")["meas_fw_cks"]
    key = meter.read(0x4600, 32)
    assert key.hex().upper() == meter.get("charge_settings")["public_key"] and len(key) == 64
    for step in (
        meter.set_time,
        meter.message,
        lambda: meter.command("B"),
        lambda: meter.wait(1),
        lambda: meter.command("B"),
    ):
        step()
        status = meter.get("charge_status")
        words = struct.unpack(">HH", meter.read(0x4200, 2)) + struct.unpack(">II", meter.read(0x4000, 4))
        assert words == tuple(
            status[key] for key in ("measurement_status", "signature_status", "error_status_1", "error_status_2")
        )


@pytest.mark.proves("D-094", "D-095")
def test_the_clock_is_written_at_once_or_in_halves(bench: Make) -> None:
    meter = bench()
    assert meter.read(0x4080, 2) == (1577836800).to_bytes(4, "big")
    assert meter.ask("10 40 7F 00 02 04 65 16 72 FA") == bytes.fromhex("10 40 7F 00 02")
    assert meter.read(0x4080, 2) == EPOCH.to_bytes(4, "big")
    assert meter.put(0x4080, 0x7000) == bytes.fromhex("06 40 7F 70 00")
    assert meter.read(0x4080, 2) == EPOCH.to_bytes(4, "big"), "nothing happens at the first half"
    assert meter.put(0x4081, 0x0001) == bytes.fromhex("06 40 80 00 01")
    assert meter.read(0x4080, 2) == bytes.fromhex("70 00 00 01")
    assert meter.word & 0x20


@pytest.mark.proves("D-095")
@pytest.mark.parametrize("low", [0x0000, 0x0001, 0xFFFF])
def test_the_first_half_is_taken_whatever_the_clock_shows(bench: Make, low: int) -> None:
    meter = bench()
    meter.put_many(0x4080, struct.pack(">HH", 0x6000, low))
    assert meter.put(0x4080, 0) == bytes.fromhex("06 40 7F 00 00")
    assert meter.put(0x4081, 5) is not None
    assert meter.read(0x4080, 2) == bytes.fromhex("00 00 00 05")
    assert meter.put(0x4080, 0) is not None
    assert meter.refused("06 40 80 00 00") == 3
    assert meter.refused("10 40 7F 00 02 04 00 00 00 00") == 3
    assert meter.read(0x4080, 2) == bytes.fromhex("00 00 00 05")


@pytest.mark.proves("D-097", "D-103", "D-264", "D-265")
def test_lengths_and_areas_of_the_output(bench: Make) -> None:
    meter = bench().set_time()

    def areas() -> tuple[bytes, bytes, bytes, bytes]:
        text = b"".join(meter.read(register, 64) for register in range(0x4400, 0x4600, 64))
        binary = b"".join(meter.read(register, 64) for register in range(0x46C0, 0x48C0, 64))
        der = meter.read(0x4640, 64) + meter.read(0x4680, 64)
        return text, der, meter.read(0x4620, 32), binary

    empty = (bytes(1024), bytes(256), bytes(64), bytes(1024))
    assert struct.unpack(">3H", meter.read(0x4202, 3)) == (0, 0, 0) and areas() == empty
    record = meter.begin()
    payload, signature = record.split("|")[1].encode(), bytes.fromhex(json.loads(record.split("|")[2])["SD"])
    assert struct.unpack(">3H", meter.read(0x4202, 3)) == (len(payload), 0, len(signature))
    r, s = signature[4 : 4 + signature[3]], signature[6 + signature[3] :]
    text, der, raw, binary = areas()
    assert text == payload.ljust(1024, b"\0") and text[:2] == b'{"'
    assert der == signature.ljust(256, b"\0")
    assert raw == b"".join(int.from_bytes(part, "big").to_bytes(32, "big") for part in (r, s))
    assert binary == bytes(1024)
    meter.command("C")
    assert struct.unpack(">3H", meter.read(0x4202, 3)) == (0, 0, 0) and areas() == empty
    meter.wait(1)
    assert areas() != empty
    meter.power_cycle()
    assert struct.unpack(">3H", meter.read(0x4202, 3)) == (0, 0, 0) and areas() == empty


@pytest.mark.proves("D-098")
def test_signature_format_and_sync_timeout_follow_their_parameters(bench: Make) -> None:
    assert struct.unpack(">HH", bench().read(0x4282, 2)) == (0, 1440)
    assert struct.unpack(">HH", bench(P06_01="1", P06_02="7").read(0x4282, 2)) == (1, 7)
    meter = bench()
    for menu, number, value in ((6, 1, 1), (6, 2, 90)):
        meter.put(0x5000, menu), meter.put(0x5002, number), meter.put(0x5004, value)
        assert struct.unpack(">HH", meter.read(0x4282, 2)) == (0, 1440)
    meter.put(0x2F03, 5)
    meter.wait(10)
    assert struct.unpack(">HH", meter.read(0x4282, 2)) == (1, 90)
    assert meter.get("charge_settings")["sync_timeout"] == 90


@pytest.mark.proves("D-099", "D-100", "D-060")
def test_the_time_offset_has_steps_of_a_quarter_of_an_hour(bench: Make) -> None:
    meter = bench()
    for minutes in range(-1000, 1001, 5):
        request = struct.pack(">BHh", 6, 0x4283, minutes)
        if minutes % 15 == 0 and -900 <= minutes <= 900:
            assert meter.ask(request) == request
            assert meter.read(0x4284) == struct.pack(">h", minutes)
        else:
            assert meter.refused(request) == 3
    meter.put(0x4284, -60)
    assert meter.read(0x4284) == b"\xff\xc4"


@pytest.mark.proves("D-101", "D-103", "D-110", "D-109")
def test_input_area_length_and_command_word(bench: Make) -> None:
    meter = bench()
    text = bytes(range(1, 241)) * 4 + b"x" * 64
    for at in range(0, 1024, 240):
        assert meter.put_many(0x4A00 + at // 2, text[at : at + 240]) is not None
    assert b"".join(meter.read(register, 64) for register in range(0x4A00, 0x4C00, 64)) == text
    assert meter.put(0x4A00, 0x4142) is not None and meter.read(0x4A00, 2) == b"AB" + text[2:4]
    assert meter.refused(struct.pack(">BHHB", 16, 0x49FF, 121, 242) + bytes(242)) == 3
    for length, code in ((1024, 0), (1025, 3), (0xFFFF, 3)):
        answer = meter.put(0x4281, length)
        assert answer == struct.pack(">BHH", 6, 0x4280, length) if not code else answer == b"\x86\x03"
    assert meter.read(0x4281) == (1024).to_bytes(2, "big")
    assert meter.read(0x4280) == bytes(2)
    assert meter.put(0x4280, 0x0058) is not None and meter.read(0x4280) == b"\x00\x58"
    assert meter.put(0x4280, 0x4200) == b"\x86\x04" and meter.read(0x4280) == b"\x00\x58"
    assert meter.put(0x4280, 0x5800) is not None and meter.read(0x4280) == b"\x58\x00"
    meter.power_cycle()
    assert meter.read(0x4280) == bytes(2)


@pytest.mark.proves("D-104", "D-060")
def test_display_registers(bench: Make) -> None:
    meter = bench()
    for value in range(20):
        assert meter.put(0x4F10, value) == (struct.pack(">BHH", 6, 0x4F0F, value) if value <= 1 else b"\x86\x03")
        assert meter.put(0x4F11, value) == (struct.pack(">BHH", 6, 0x4F10, value) if 1 <= value <= 13 else b"\x86\x03")
    assert meter.meter.state()["display"]["page"] == 13
    assert meter.put_many(0x4F10, bytes.fromhex("00 00 00 05")) is not None
    assert meter.meter.state()["display"] == {"on": False, "page": 5, "text": ""}


READ_ONLY = (
    0x0002, 0x0021, 0x0030, 0x0200, 0x020A, 0x020D, 0x0221, 0x4000, 0x4005, 0x4200, 0x4204, 0x4282, 0x4283, 0x4400,
    0x45FF, 0x4600, 0x4620, 0x4640, 0x46C0, 0x48BF,
)  # fmt: skip


@pytest.mark.proves("D-058", "D-060")
@pytest.mark.parametrize("register", READ_ONLY)
def test_what_may_only_be_read(bench: Make, register: int) -> None:
    meter = bench()
    before = meter.read(register)
    for value in (0, 1, 0xFFFF):
        assert meter.put(register, value) == b"\x86\x04"
        assert meter.put_many(register, struct.pack(">H", value)) == b"\x90\x04"
    assert meter.read(register) == before


@pytest.mark.proves("D-108")
@pytest.mark.parametrize(
    ("register", "data", "code"),
    [
        (0x4280, "58 00 04 01", 3),  # X, and a length above 1024
        (0x4280, "43 00 00 05", 4),  # C is not allowed in IDLE
        (0x4280, "58 00 00 05 00 00", 4),  # 4282h may only be read
        (0x5000, "00 02 00 64", 3),
        (0x5000, "00 02 00 00 00 01 00 00", 2),  # 5003h is unassigned
        (0x4F10, "00 00 00 0E", 3),
        (0x4BFF, "41 42 00 00", 2),
        (0x4283, "00 00 00 78", 4),
    ],
)
def test_a_write_of_several_registers_is_all_or_nothing(bench: Make, register: int, data: str, code: int) -> None:
    meter = bench()
    meter.put_many(0x4A00, b"before")

    def shown() -> tuple[object, ...]:
        blocks = ((0x4280, 5), (0x4A00, 120), (0x4BFF, 1), (0x5000, 3), (0x4200, 1))
        return (*(meter.read(*block) for block in blocks), meter.meter.state()["display"])

    before = shown()
    assert meter.put_many(register, bytes.fromhex(data)) == bytes((0x90, code))
    assert shown() == before


@pytest.mark.proves("D-108")
def test_a_write_over_several_registers_takes_them_in_their_order(bench: Make) -> None:
    meter = bench()
    assert meter.put_many(0x5000, bytes.fromhex("00 02 00 00 00 05")) is not None
    assert meter.read(0x5000, 3) == bytes.fromhex("00 02 00 00 00 05")


# DEC-16


@pytest.mark.proves("D-071")
def test_the_other_reading_of_the_charge_cycle_table(bench: Make) -> None:
    meter = bench(block_4000_offset="0", energy="3")
    assert meter.ask("04 42 00 00 01") == b"\x04\x02\x00\x01"
    assert meter.refused("04 41 FF 00 01") == 2
    assert meter.ask("10 40 80 00 02 04 65 16 72 FA") is not None
    assert meter.ask("04 40 80 00 02") == bytes.fromhex("04 04 65 16 72 FA")
    assert meter.ask("06 42 84 00 78") is not None and meter.ask("04 42 84 00 01") == b"\x04\x02\x00\x78"
    assert meter.read(0x0002, 4) == (3000).to_bytes(8, "big"), "only 4000h to 4BFFh moves"
    assert meter.put(0x5000, 2) is not None
