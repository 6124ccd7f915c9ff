"""Reading and writing registers by the rules of sections 2.3 to 2.6, and what stands in a fresh map."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattproof.meters.bsm.enums import BAUD_RATES
from wattproof.meters.bsm.points import MAP
from wattproof.meters.bsm.virtual.meter import create
from wattproof.virtual.base import SimulationOptions

HEADERS = [
    (40002, 1, 66), (40070, 10, 4), (40076, 17, 12), (40090, 203, 105), (40197, 64900, 300), (40499, 64902, 20),
    (40521, 64901, 252), (40775, 64901, 252), (41029, 64901, 252), (41283, 64901, 252), (41537, 64901, 252),
    (41791, 64903, 498), (42291, 64903, 498), (42791, 64903, 498), (43291, 64903, 498), (43791, 64903, 498),
    (44291, 65535, 0),
]  # fmt: skip

_METER = create(SimulationOptions("bsm", seed=3))


@pytest.mark.proves("B-005", "B-006", "B-010")
@given(start=st.integers(39990, 44300), count=st.integers(1, 125))
@settings(max_examples=200, deadline=None)
def test_any_read_inside_the_map_is_a_slice_of_it(start, count):
    whole = b"".join(_METER.execute(struct.pack(">BHH", 3, at, 1), 0)[2:] for at in (40000, 44292))
    assert whole == b"Su\0\0"
    answer = _METER.execute(struct.pack(">BHH", 3, start, count), 0)
    if start < 40000 or start + count > 44293:
        assert answer == b"\x83\x02"
    else:
        single = b"".join(_METER.execute(struct.pack(">BHH", 3, start + at, 1), 0)[2:] for at in range(count))
        assert answer == bytes((3, 2 * count)) + single


@pytest.mark.proves("B-008")
@pytest.mark.parametrize("function", [1, 2, 4, 5, 6, 7, 15, 17, 22, 23, 43, 100])
def test_other_functions_are_refused(bench, function):
    assert bench().ask(bytes((function, 0x9C, 0x40, 0, 1))) == bytes((function | 0x80, 1))


@pytest.mark.proves("B-009", "B-010")
def test_reads_with_bad_count_or_outside_the_map(bench):
    meter = bench()
    for count in (0, 126, 0xFFFF):
        assert meter.ask(struct.pack(">BHH", 3, 40000, count)) == b"\x83\x03"
    for address, count in ((39999, 1), (39999, 2), (44293, 1), (44292, 2), (0, 1), (0xFFFF, 125)):
        assert meter.ask(struct.pack(">BHH", 3, address, count)) == b"\x83\x02"
    for pdu in (b"\x03", b"\x03\x9c\x40", b"\x03\x9c\x40\0\x01\0"):
        assert meter.ask(pdu) == b"\x83\x03"


@pytest.mark.proves("B-011")
@pytest.mark.parametrize(
    "pdu",
    [
        struct.pack(">BHHB", 16, 40260, 2, 6) + bytes(6),
        struct.pack(">BHHB", 16, 40260, 3, 6) + bytes(4),
        struct.pack(">BHHB", 16, 40260, 0, 0),
        struct.pack(">BHHB", 16, 40279, 124, 248) + bytes(248),
        b"\x10",
        b"\x10\x9d\x44",
    ],
)
def test_writes_with_wrong_sizes_have_no_effect(bench, pdu):
    meter = bench()
    before = bytes(meter.meter.registers.data)
    assert meter.ask(pdu) == b"\x90\x03"
    assert meter.meter.registers.data == before


@pytest.mark.proves("B-007", "B-018", "B-053")
def test_writing_up_to_123_registers_echoes_start_and_count(bench):
    meter = bench()
    both = b"one".ljust(140, b"\0") + b"two".ljust(100, b"\0")
    assert meter.put(40279, both) == struct.pack(">BHH", 16, 40279, 120)
    assert (meter.raw("bs_meter.Meta1"), meter.raw("bs_meter.Meta2")) == ("one", "two")
    assert meter.put(40276, bytes(6) + both) == struct.pack(">BHH", 16, 40276, 123)
    assert meter.put(40267, b"\0\1") == struct.pack(">BHH", 16, 40267, 1)


@pytest.mark.proves("B-012", "B-013", "B-014")
def test_a_write_takes_effect_whole_or_not_at_all(bench):
    meter = bench()
    meter.set_time()
    before = meter.read(40197, 120)
    assert meter.put(40260, b"\x5f\xee") == b"\x90\x02"
    assert meter.put(40261, b"\x5f\xee\x00\x3c") == b"\x90\x02"
    assert meter.put(40279, b"x" * 138) == b"\x90\x02"
    assert meter.put(40280, b"x" * 138) == b"\x90\x02"
    # DA and Rte together, one of them wrong; DO beside a metadata block that is not complete
    assert meter.put(40068, struct.pack(">H", 17) + bytes(26) + struct.pack(">I", 12345)) == b"\x90\x03"
    assert meter.put(40068, struct.pack(">H", 248) + bytes(26) + struct.pack(">I", 9600)) == b"\x90\x03"
    assert meter.put(40268, b"\0\1" + bytes(30)) == b"\x90\x02"
    assert meter.put(44292, b"\0\0\0\0") == b"\x90\x02"
    assert meter.read(40197, 120) == before
    assert (meter.meter.unit, meter.meter.baudrate) == (42, 19200)


@pytest.mark.proves("B-015", "B-016", "B-029", "B-056")
@pytest.mark.parametrize(
    ("address", "data"),
    [
        (40004, b"X" * 8),  # inside Mn
        (40084, struct.pack(">4H", 7, 1, 0, 1)),  # Bits, Pty, Dup, Flw
        (40256, b"\xff\xff"),  # half of PDCnt
        (41794, b"\0\2"),  # St of an OCMF instance
        (40451, b"\xff" * 20),  # public key
        (44291, b"\0\0"),
    ],
)
def test_registers_that_can_only_be_read_are_acknowledged_and_stay(bench, address, data):
    meter = bench()
    before = bytes(meter.meter.registers.data)
    assert meter.put(address, data) == struct.pack(">BHH", 16, address, len(data) // 2)
    assert meter.meter.registers.data == before
    assert meter.meter.maker.job is None


@pytest.mark.proves("B-017", "B-046", "B-048")
def test_one_request_sets_address_and_rate(bench):
    meter = bench()
    data = struct.pack(">H", 17) + b"\xff" * 26 + struct.pack(">I", 115200)
    assert meter.put(40068, data) == struct.pack(">BHH", 16, 40068, 16)
    assert (meter.meter.unit, meter.meter.baudrate) == (17, 115200)
    assert (meter.raw("common.DA"), meter.raw("serial_interface.Rte")) == (17, 115200)
    assert meter.raw("bs_meter.MA2") == "070017"


@pytest.mark.proves("B-047", "B-049")
def test_addresses_and_rates_have_their_limits(bench):
    meter = bench()
    for unit in (0, 248, 0xFFFF):
        assert meter.put(40068, struct.pack(">H", unit)) == b"\x90\x03"
    for rate in (12345, 0, 19201, 0xFFFFFFFF):
        assert meter.put(40082, struct.pack(">I", rate)) == b"\x90\x03"
    assert meter.meter.unit == 42
    for unit in (1, 247, 42):
        meter.put(40068, struct.pack(">H", unit))
        assert meter.meter.unit == unit
    for rate in BAUD_RATES:
        meter.put(40082, struct.pack(">I", rate))
        assert meter.meter.baudrate == rate


@pytest.mark.proves("B-004")
def test_the_serial_line_is_19200_8e1_by_default(bench):
    meter = bench()
    assert (meter.meter.baudrate, meter.raw("serial_interface.Rte")) == (19200, 19200)
    assert [meter.raw(f"serial_interface.{name}") for name in ("Bits", "Pty", "Dup", "Flw")] == [8, 2, 1, 0]


@pytest.mark.proves("B-019", "B-020", "B-021", "B-022", "B-023", "B-024")
def test_the_model_chain(bench):
    meter = bench()
    assert meter.read(40000, 2) == b"SunS"
    address, found = 40002, []
    while True:
        model, length = struct.unpack(">HH", meter.read(address, 2))
        found.append((address, model, length))
        if model == 0xFFFF:
            break
        address += 2 + length
    assert found == HEADERS


@pytest.mark.proves("B-025", "B-036", "B-037", "B-038", "B-039", "B-040")
def test_identity(bench):
    meter = bench()
    assert meter.read(40004, 16) == b"BAUER Electronic".ljust(32, b"\0")
    assert meter.read(40020, 16) == b"BSM-WS36A-H01-1311-0000".ljust(32, b"\0")
    assert meter.read(40044, 8) == meter.read(40219, 8) == b"1.9:32CA:AFF4".ljust(16, b"\0")
    assert meter.read(40052, 16) == b"00000001".ljust(32, b"\0")
    assert meter.read(40203, 8) == b"00000001".ljust(16, b"\0")
    assert meter.read(40235, 8) == b"001BZR9900000001"
    assert 0 not in meter.read(40211, 8) and int(meter.read(40211, 8), 16)
    assert struct.unpack(">HH", meter.read(40449, 2)) == (48, 91)
    assert meter.read(40451, 48) == meter.meter.public_key + bytes(5)
    assert struct.unpack(">3H", meter.read(40501, 3)) == (0, 16, 32)
    assert meter.read(40505, 16).hex() == "11b49f84cf423009674d78f0af72a39a2a59b49e2a46e9ed587d48a54434531d"


@pytest.mark.proves("B-026", "B-027", "B-028", "B-030", "B-031", "B-032", "B-033")
def test_fixed_registers(bench):
    meter = bench()
    assert [meter.read(address) for address in (40069, 40075, 40504)] == [b"\x80\0"] * 3
    assert struct.unpack(">3H", meter.read(40072, 3)) == (1, 0xFFFF, 2)
    assert struct.unpack(">6H", meter.read(40084, 6)) == (8, 2, 1, 0, 2, 1)
    factors = ("A_SF", "V_SF", "Hz_SF", "W_SF", "VA_SF", "VAR_SF", "PF_SF")
    assert [meter.raw(f"ac_meter.{name}") for name in factors] == [-2, -1, -1, 1, 1, 1, -1]
    for name in ("TotVAh_SF", "TotVArh_SF", "PhV", "PPV", "PhVphAB", "PhVphBC", "PhVphCA", "PF"):
        assert meter.read(MAP.find(f"ac_meter.{name}")[0].address) == b"\x80\0"
    assert meter.read(40128, 8) == bytes(16)
    assert meter.read(40138, 6) == bytes(12)


@pytest.mark.proves("B-034")
def test_a_phase_without_voltage_reads_zero(bench):
    meter = bench(load="constant:6900", wiring="direct")
    meter.fault(phase_lost=2)
    for name in ("AphB", "PhVphB", "WphB", "VAphB", "VARphB", "PFphB"):
        assert meter.raw(f"ac_meter.{name}") == 0
    assert meter.raw("ac_meter.PhVphA") == 2300 and meter.raw("ac_meter.W") == 460


@pytest.mark.proves("B-051", "B-052")
def test_register_do_switches_and_is_stamped(bench):
    meter = bench()
    meter.wait(5)
    assert meter.put(40268, b"\xff\xfe") == struct.pack(">BHH", 16, 40268, 1)
    assert meter.raw("bs_meter.DO") == 0 and meter.raw("bs_meter.DOChgOS") is None
    meter.put(40268, b"\xab\xcd")
    assert meter.raw("bs_meter.DO") == 1
    stamps = [meter.raw(f"bs_meter.{name}") for name in ("DOChgOS", "DOChgEpoch", "DOChgTZO")]
    assert stamps == [5, None, None]  # the time is invalid: only the operating seconds
    meter.set_time()
    meter.wait(7)
    meter.put(40268, b"\0\1")
    assert meter.raw("bs_meter.DOChgOS") == 5
    meter.put(40268, b"\0\0")
    stamps = [meter.raw(f"bs_meter.{name}") for name in ("DOChgOS", "DOChgEpoch", "DOChgTZO")]
    assert stamps == [12, 1657267228 + 7, 120]


@pytest.mark.proves("B-057")
@pytest.mark.parametrize("value", [0, 1, 3, 4, 5, 0xFFFF])
def test_only_2_starts_a_snapshot(bench, value):
    meter = bench()
    assert meter.put(40524, struct.pack(">H", value)) == b"\x90\x03"
    assert meter.raw("signed_current_snapshot.St") == 1 and meter.meter.maker.job is None


@pytest.mark.proves("B-155", "B-156")
def test_the_address_page_turns_once_a_round(bench):
    meter = bench()
    texts = ["040042", "F001D4", "F111B4", "F29F84", "040042"]
    for text in texts:
        assert meter.raw("bs_meter.MA2") == text
        meter.wait(47.9)
        assert meter.raw("bs_meter.MA2") == text
        meter.wait(0.1)
    older = bench(variant="cm12")
    older.wait(48)
    assert older.raw("bs_meter.MA2") == "F06D1D"


@pytest.mark.proves("B-001")
def test_other_units(bench):
    meter = bench().meter
    assert meter.unit == 42
    assert meter.foreign(7, network=False) is None
    assert meter.foreign(7, network=True) == 0x0B


@given(pdu=st.binary(max_size=260))
@settings(max_examples=200, deadline=None)
def test_no_request_breaks_the_meter(pdu):
    answer = _METER.execute(pdu, 0)
    assert answer is None if not pdu else answer[0] & 0x7F == pdu[0] & 0x7F
