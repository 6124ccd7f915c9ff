"""The reader of the optical interface, against our head and against meters that are different, in virtual time."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction

import pytest

from wattproof.drivers.modbus import run_blocking
from wattproof.errors import FrameError, ResponseTimeout, UnknownName
from wattproof.meters.bsm.optical.head import OpticalHead, OpticalValues
from wattproof.meters.bsm.optical.reader import OpticalDriver, reading
from wattproof.meters.bsm.optical.rows import READOUT
from wattproof.model.clock import VirtualClock
from wattproof.model.readings import Reading
from wattproof.model.values import Quality
from wattproof.wire.iec62056 import DataSet, encode_readout

VALUES = OpticalValues(
    error="00000000",
    serial="21070006",
    version="1.9:32CA:AFF4",
    address=42,
    baudrate=19200,
    power=-11040,
    phase_power=(3680, 3680, 3680),
    voltage=(230, 230, 230),
    current=48,
    phase_current=(16, 16, 16),
    power_factor=(Fraction(775, 1000), 1, 1),
    frequency=50,
    total_wh=100_158,
    rcr_wh=159,
    power_downs=3241,
    epoch=1_657_267_552,
    tzo=120,
)


class Source:
    optical_values = VALUES
    speed = Fraction(1)
    silent = False

    def set_address(self, address: int, baudrate: int) -> None: ...
    def set_epoch(self, epoch: int) -> None: ...
    def reset_rcr(self) -> None: ...
    def set_service_mode(self, on: bool) -> None: ...


class HeadLink:
    """A byte link whose other end is a head in virtual time; ``spoil`` may change what is sent."""

    name = "iec://head"
    heard = 0
    closed = False

    def __init__(self, head: OpticalHead, spoil: Callable[[bytes], bytes] = bytes) -> None:
        self.clock = VirtualClock()
        self.sent: list[bytes] = []
        self._head = head
        self._spoil = spoil

    async def send(self, data: bytes) -> None:
        self.sent.append(data)
        self._head.receive(data, self.clock.now())

    async def receive(self, timeout: float) -> bytes:
        end = self.clock.now() + int(timeout * 1e9)
        while (at := self._head.next_event()) is not None and at <= end:
            self.clock.advance(max(0, at - self.clock.now()) / 1e9)
            if data := b"".join(output.data for output in self._head.due(self.clock.now())):
                return self._spoil(data)
        self.clock.advance((end - self.clock.now()) / 1e9)
        return b""

    def discard(self) -> bytes:
        return b""

    async def close(self) -> None:
        self.closed = True


class Script(HeadLink):
    """A byte link that answers each message with the next of the given texts."""

    def __init__(self, *answers: bytes) -> None:
        super().__init__(OpticalHead(Source()))
        self._answers = list(answers)
        self._waiting: list[bytes] = []

    async def send(self, data: bytes) -> None:
        self.sent.append(data)
        if self._answers:
            self._waiting.append(self._answers.pop(0))

    async def receive(self, timeout: float) -> bytes:
        return self._waiting.pop(0) if self._waiting else b""


def by_point(readings: list[Reading]) -> dict[str, Reading]:
    return {item.point: item for item in readings}


@pytest.mark.proves("B-180")
@pytest.mark.parametrize("mode", ["c", "a", "d0"])
def test_every_mode_gives_the_values_of_the_meter(mode: str) -> None:
    link = HeadLink(OpticalHead(Source(), mode, d0_list="full"))
    found = by_point(run_blocking(OpticalDriver(link, mode=mode).read()))
    assert len(found) == (24 if mode == "d0" else len(READOUT))
    assert (found["ac_meter.W"].value, found["ac_meter.W"].unit) == (Decimal(-11040), "W")
    assert (found["ac_meter.TotWhImp"].value, found["ac_meter.TotWhImp"].unit) == (Decimal(100150), "Wh")
    assert (found["bs_meter.RCR"].value, found["bs_meter.RCR"].obis) == (Decimal(150), "1-0:1.8.0*198")
    assert (found["ac_meter.PFphA"].value, found["ac_meter.PFphA"].unit) == (Decimal("77.5"), "%")
    assert found["bs_meter.SNM"].value == "21070006"
    assert found["optical.address"].value == "040042"
    assert found["bs_meter.PDCnt"].value == 3241
    assert found["optical.local_time"].value == "2022-07-08T10:05:52"
    assert found["ac_meter.W"].raw == "-011.040*kW"
    assert all(item.quality is Quality.GOOD for item in found.values())
    assert link.sent == {"c": [b"/?!\r\n", b"\x06050\r\n"], "a": [b"/?!\r\n"], "d0": []}[mode]


def test_info_is_what_identification_and_readout_say() -> None:
    info = run_blocking(OpticalDriver(HeadLink(OpticalHead(Source()))).info())
    assert (info.manufacturer, info.type, info.serial, info.firmware) == (
        "BAU",
        "BSM-WS36A-H01",
        "21070006",
        "1.9:32CA:AFF4",
    )


def test_a_serial_number_is_asked_for_and_a_foreign_one_stays_unanswered() -> None:
    link = HeadLink(OpticalHead(Source()))
    with pytest.raises(ResponseTimeout, match=r"no identification within 3 s.*serial number"):
        run_blocking(OpticalDriver(link, serial="5").read())
    assert link.sent == [b"/?5!\r\n"]


@pytest.mark.proves("B-180")
def test_other_meters_with_other_lines_in_other_order_are_read() -> None:
    lines = b"1.8.0*198(1.5)\r\n1-0:15.7.0(  2.25 * kW)\r\nF.F(00)\r\n99.99(x)\r\n0.1.2(7*m3)\r\n!\r\n"
    body = b"\x02" + lines + b"\x03"
    check = 0
    for byte in body[1:]:
        check ^= byte
    link = Script(b"/XYZ3Some.Meter\\9\r\n", body + bytes([check]))
    found = by_point(run_blocking(OpticalDriver(link).read()))
    assert link.sent[1] == b"\x06030\r\n"
    assert found["bs_meter.RCR"].value == 1500
    assert found["ac_meter.W"].value == 2250
    assert found["bs_meter.ErrM"].value == "00"
    assert found["optical.99.99.0"].value == "x"
    assert (found["optical.0.1.2"].value, found["optical.0.1.2"].unit) == (7, "m3")


@pytest.mark.proves("B-180")
def test_one_wrong_bcc_is_asked_again_and_two_are_damaged_data() -> None:
    good = encode_readout([DataSet("1-0:1.8.1", "000001.00", "kWh")])
    bad = good[:-1] + bytes([good[-1] ^ 1])
    link = Script(b"/BAU5X\r\n", bad, good)
    assert [item.value for item in run_blocking(OpticalDriver(link).read())] == [Decimal(1000)]
    assert link.sent[-1] == b"\x15"
    for second in (bad, good[:-3]):
        with pytest.raises(FrameError, match="the readout is damaged twice"):
            run_blocking(OpticalDriver(Script(b"/BAU5X\r\n", bad, second)).read())


def test_a_head_that_garbles_everything_gives_no_reading() -> None:
    head = OpticalHead(Source())
    link = HeadLink(head, spoil=lambda data: data[:-1] + bytes([data[-1] ^ 2]) if len(data) > 99 else data)
    with pytest.raises(FrameError, match="BCC"):
        run_blocking(OpticalDriver(link).read())


def test_endless_noise_is_given_up() -> None:
    class Noise(Script):
        async def receive(self, timeout: float) -> bytes:
            return b"\x55" * 10_000

    with pytest.raises(FrameError, match="no optical head"):
        run_blocking(OpticalDriver(Noise()).read())


@pytest.mark.proves("B-180")
def test_points_are_chosen_by_name_instance_and_code_and_missing_ones_are_said() -> None:
    def read(*points: str) -> list[Reading]:
        return run_blocking(OpticalDriver(HeadLink(OpticalHead(Source(), "d0")), mode="d0").read(points))

    assert [item.point for item in read("W")] == ["ac_meter.W"]
    assert [item.point for item in read("1-0:1.8.0*198", "ac_meter/totwhimp")] == ["bs_meter.RCR", "ac_meter.TotWhImp"]
    (missing,) = read("ac_meter.Hz")
    assert (missing.quality, missing.value, missing.unit) == (Quality.MISSING, None, "Hz")
    assert len(read("ac_meter")) == 16
    with pytest.raises(UnknownName, match=r"no point 'Meta1'; it has .*ac_meter\.W"):
        read("Meta1")


@pytest.mark.parametrize(
    ("item", "quality"),
    [
        (DataSet("1.8.1", "12.3x", "kWh"), Quality.INVALID),
        (DataSet("1.8.1", "", "kWh"), Quality.INVALID),
        (DataSet("1.8.1", "9" * 40, "kWh"), Quality.INVALID),
        (DataSet("1.0.0", "0" * 12), Quality.MISSING),
        (DataSet("1.0.0", "220732000000"), Quality.INVALID),
    ],
)
def test_what_is_no_value_is_never_a_number(item: DataSet, quality: Quality) -> None:
    result = reading(item, None)
    assert (result.value, result.quality) == (None, quality)


def test_the_rate_of_a_serial_device_follows_the_identification() -> None:
    rates: list[int] = []
    link = HeadLink(OpticalHead(Source()))
    run_blocking(OpticalDriver(link, set_rate=rates.append).read())
    assert rates == [300, 9600]


@pytest.mark.parametrize("mode", ["a", "c"])
def test_asking_a_head_that_only_sends_ends(mode: str) -> None:
    link = HeadLink(OpticalHead(Source(), "d0"))
    with pytest.raises(ResponseTimeout, match=r"no data within 3 s.*\?mode=c, a or d0"):
        run_blocking(OpticalDriver(link, mode=mode).read())
    assert link.clock.now() < 10 * 10**9


def test_listening_to_a_head_that_waits_to_be_asked_ends() -> None:
    link = HeadLink(OpticalHead(Source()))
    with pytest.raises(ResponseTimeout, match="no identification within 15 s"):
        run_blocking(OpticalDriver(link, mode="d0", patience=15).read())
