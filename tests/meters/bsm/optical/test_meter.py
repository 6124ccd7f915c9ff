"""The optical head in front of the virtual BSM: the same values as Modbus, and writes that take effect."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from wattproof.drivers.modbus import run_blocking
from wattproof.errors import ResponseTimeout
from wattproof.meters.bsm.optical.head import OpticalHead
from wattproof.meters.bsm.optical.reader import OpticalDriver
from wattproof.meters.bsm.points import MAP
from wattproof.meters.bsm.virtual.meter import BsmMeter, create
from wattproof.model.clock import VirtualClock
from wattproof.model.readings import Reading
from wattproof.virtual.base import SECOND, SimulationOptions
from wattproof.wire.iec62056 import Command, DataSet
from wattproof.wire.modbus.bindings import decode_reading
from wattproof.wire.modbus.image import RegisterImage
from wattproof.wire.modbus.pdu import read_request, write_multiple_request

PASSWORD = Command("P1", DataSet("", "00000000")).encode()


class MeterLink:
    """A byte link to the optical head of a virtual meter, in virtual time."""

    name = "iec://meter"
    heard = 0
    closed = False

    def __init__(self, meter: BsmMeter) -> None:
        self.meter = meter
        self.clock = VirtualClock()
        self.head: OpticalHead = meter.optical()

    def tick(self, nanoseconds: int) -> None:
        self.clock.advance(nanoseconds / 1e9)
        self.meter.advance(int(self.clock.now() * self.meter.speed))

    async def send(self, data: bytes) -> None:
        self.tick(0)
        self.head.receive(data, self.clock.now())

    async def receive(self, timeout: float) -> bytes:
        end = self.clock.now() + int(timeout * 1e9)
        while (at := self.head.next_event()) is not None and at <= end:
            self.tick(max(0, at - self.clock.now()))
            if data := b"".join(output.data for output in self.head.due(self.clock.now())):
                return data
        self.tick(end - self.clock.now())
        return b""

    def discard(self) -> bytes:
        return b""

    async def close(self) -> None: ...

    def ask(self, data: bytes) -> bytes:
        run_blocking(self.send(data))
        return run_blocking(self.receive(3.0))

    def program(self) -> None:
        assert self.ask(b"/?!\r\n").startswith(b"/BAU5")
        assert self.ask(b"\x06051\r\n").startswith(b"\x01P0")
        assert self.ask(PASSWORD) == b"\x06"

    def write(self, code: str, value: str = "") -> bytes:
        return self.ask(Command("W1", DataSet(f"1-0:{code}", value)).encode())

    def read(self, code: str) -> str:
        return self.ask(Command("R1", DataSet(f"1-0:{code}", "")).encode())[1:-2].decode()

    def registers(self, path: str) -> bytes:
        (bound,) = MAP.find(path)
        request = read_request(3, bound.address, bound.registers)
        answer = self.meter.execute(request, int(self.clock.now() * self.meter.speed))
        assert answer is not None
        return answer[2:]

    def number(self, path: str) -> int:
        return int.from_bytes(self.registers(path), "big")


def make(speed: int = 1, **settings: str) -> MeterLink:
    chosen = {"wiring": "direct", **{name.replace("_", "-"): text for name, text in settings.items()}}
    return MeterLink(create(SimulationOptions(model="bsm", seed=1, speed=Fraction(speed), settings=chosen)))


def over_modbus(link: MeterLink) -> dict[str, Reading]:
    image = RegisterImage()
    for start, count in ((40002, 68), (40090, 108), (40197, 125), (40322, 80)):
        answer = link.meter.execute(read_request(3, start, count), int(link.clock.now() * link.meter.speed))
        image.write(start, (answer or b"")[2:])
    found = [
        decode_reading(bound, image, None) for block in ("common", "ac_meter", "bs_meter") for bound in MAP.block(block)
    ]
    return {item.point: item for item in found}


@pytest.mark.proves("B-170")
def test_a_readout_equals_the_registers_of_its_moment() -> None:
    link = make(energy="1234.56", time="2026-03-29T01:30:00+01:00")
    link.tick(100 * SECOND)
    readings = run_blocking(OpticalDriver(link).read())
    registers = over_modbus(link)
    compared = 0
    for item in readings:
        twin = registers.get(item.point)
        if twin is None or twin.value is None:
            continue
        compared += 1
        if isinstance(item.value, Decimal) and isinstance(twin.value, Decimal):
            digit = Decimal(10) if item.point.startswith("ac_meter.W") else Decimal("0.1")
            assert abs(item.value - twin.value) <= digit / 2, item.point
        else:
            assert item.value == twin.value, item.point
    assert compared >= 20
    assert {"ac_meter.TotWhImp", "bs_meter.RCR", "ac_meter.W"} <= {item.point for item in readings}


@pytest.mark.proves("B-174")
def test_the_operator_resets_rcr_and_moves_the_meter() -> None:
    link = make()
    link.tick(60 * SECOND)
    link.program()
    assert link.number("bs_meter.RCR") > 0
    assert link.write("1.8.0*198") == b"\x06"
    assert link.number("bs_meter.RCR") == 0
    assert link.write("0.0.1", "070007") == b"\x06"
    assert (link.number("common.DA"), link.number("serial_interface.Rte")) == (7, 115_200)
    assert link.meter.unit == 7
    assert link.read("0.0.1") == "(070007)"


@pytest.mark.proves("B-174")
def test_the_time_is_set_by_the_rules_of_the_registers() -> None:
    link = make(time="2026-06-01T12:00:00+02:00")
    link.program()
    settings = link.number("bs_meter.EpochSetCnt")
    local = link.read("1.0.0")[1:-1]
    assert link.write("1.0.0", local) == b"\x06"
    assert link.number("bs_meter.EpochSetCnt") == settings  # inside the cone: an updating
    assert link.write("1.0.0", "260601180000") == b"\x06"
    assert link.number("bs_meter.EpochSetCnt") == settings + 1
    assert abs(link.number("bs_meter.Epoch") - 1_780_329_600) <= 1
    assert link.number("bs_meter.TZO") == 120


@pytest.mark.proves("B-174")
def test_the_time_cannot_be_set_before_its_offset_is_known() -> None:
    link = make()
    link.program()
    assert link.write("1.0.0", "260601180000") == b"\x02(ER03)\x03\x16"
    assert link.number("bs_meter.Epoch") == 0xFFFFFFFF


@pytest.mark.proves("B-176")
def test_service_mode_ends_after_60_meter_seconds() -> None:
    link = make(speed=10)
    link.program()
    assert link.write("96.5.1", "1") == b"\x06"
    assert link.registers("bs_meter.ErrM") == b"00000010"
    assert link.number("ac_meter.Evt") == 1 << 16
    assert link.read("F.F.0") == "(00000010)"
    assert link.read("1.8.1")[5] == "."
    link.tick(4 * SECOND)
    assert link.registers("bs_meter.ErrM") == b"00000010"
    link.tick(2 * SECOND)
    assert link.registers("bs_meter.ErrM") == b"00000000"
    assert link.read("1.8.1")[7] == "."


@pytest.mark.proves("B-179")
def test_the_head_works_while_a_snapshot_is_created() -> None:
    link = make()
    address = next(bound for bound in MAP.find("signed_current_snapshot.St")).address
    link.meter.execute(write_multiple_request(address, b"\0\2"), 0)
    assert link.meter.blocked
    readings = run_blocking(OpticalDriver(link).read())
    assert link.meter.blocked
    assert len(readings) == 26


def test_without_supply_nobody_answers() -> None:
    link = make()
    link.meter.patch(0, {"power": False}, {})
    with pytest.raises(ResponseTimeout):
        run_blocking(OpticalDriver(link).read())
    link.meter.patch(int(link.clock.now()), {"power": True}, {})
    link.tick(10 * SECOND)
    assert len(run_blocking(OpticalDriver(link).read())) == 26


@pytest.mark.proves("B-177")
def test_a_packet_of_a_fast_meter_comes_every_two_meter_seconds() -> None:
    link = make(speed=20, optical="d0")
    link.tick(SECOND)
    run_blocking(link.receive(1.0))
    first = link.clock.now()
    run_blocking(link.receive(1.0))
    assert link.clock.now() - first == SECOND // 10
