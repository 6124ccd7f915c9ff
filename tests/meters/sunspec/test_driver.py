"""The driver for any SunSpec meter; a virtual BSM is one, seen without knowing its own models."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from wattproof.drivers.answers import accept
from wattproof.drivers.mapped import joined
from wattproof.drivers.modbus import run_blocking
from wattproof.errors import InvalidValue, ResponseTimeout, UnknownName
from wattproof.meters.bsm.driver import probe as bsm_probe
from wattproof.meters.bsm.points import MAP
from wattproof.meters.sunspec.driver import SunspecDriver, probe
from wattproof.model.clock import VirtualClock
from wattproof.wire.modbus.exceptions import exception

Make = Callable[..., Any]


def test_a_meter_is_read_by_walking_its_chain(bench: Make) -> None:
    one = bench(load="constant:11040")
    one.control(do=True)
    one.wait(1)
    driver = SunspecDriver(one.link, 42)
    readings = {reading.point: reading for reading in one.run(driver.read())}
    assert readings["ac_meter.W"].value == Decimal(11040)
    assert readings["common.Mn"].value == "BAUER Electronic"
    assert "model_64900.ID" not in readings
    assert not any(name.endswith(("_SF", ".Pad", ".L")) for name in readings)
    names = [block.name for block in one.run(driver.map()).blocks]
    assert names[:5] == ["common", "serial_interface_header", "serial_interface", "ac_meter", "model_64900"]
    assert names.count("model_64901_5") == 1


def test_the_chain_is_walked_once(bench: Make) -> None:
    one = bench()
    driver = SunspecDriver(one.link, 42)
    one.run(driver.read("ac_meter.W"))
    walked = len(one.link.requests)
    one.run(driver.read("ac_meter.W"))
    assert len(one.link.requests) == walked + 1


def test_info_comes_from_model_1(bench: Make) -> None:
    one = bench()
    info = one.run(SunspecDriver(one.link, 42).info())
    assert (info.model, info.manufacturer, info.serial) == ("sunspec", "BAUER Electronic", one.meter.serial[-8:])
    assert info.public_key is None


def test_probe_takes_only_meters(bench: Make) -> None:
    one = bench()
    assert one.run(probe(one.link, 42)).model == "sunspec"
    with pytest.raises(ResponseTimeout):
        one.run(probe(one.link, 3))


class BehindGateway:
    """A link whose gateway finds nobody at any unit."""

    clock = VirtualClock()

    async def exchange(self, unit: int, pdu: bytes, *, timeout: float | None = None) -> bytes:
        return accept(pdu, exception(pdu[0], 0x0B), f"unit {unit} at tcp://gateway:502")

    async def close(self) -> None:
        pass


@pytest.mark.parametrize("recognise", [probe, bsm_probe])
def test_a_unit_that_its_gateway_does_not_reach_is_not_there(recognise: Any) -> None:
    with pytest.raises(ResponseTimeout, match="no answer from unit 1 at tcp://gateway:502"):
        run_blocking(recognise(BehindGateway(), 1))


def test_symbols_can_be_written_by_name_and_wrong_ones_are_refused(bench: Make) -> None:
    one = bench()
    driver = SunspecDriver(one.link, 42)
    one.run(driver.write({"serial_interface.Pty": "even"}))
    with pytest.raises(InvalidValue, match="none, odd, even"):
        one.run(driver.write({"serial_interface.Pty": "sometimes"}))
    with pytest.raises(UnknownName):
        one.run(driver.write({"serial_interface.Party": 1}))


@pytest.mark.parametrize("chunk", [0, 126])
def test_a_chunk_has_limits(bench: Make, chunk: int) -> None:
    with pytest.raises(InvalidValue, match="1 to 125"):
        SunspecDriver(bench().link, 42, chunk=chunk)


def test_writes_join_neighbours_and_pass_over_read_only_registers_only() -> None:
    def at(name: str) -> tuple[Any, bytes]:
        (bound,) = MAP.find(name)
        return bound, b"\1" * 2 * bound.registers

    def spans(names: str, gap: int) -> list[tuple[int, int]]:
        return [(address, len(data) // 2) for address, data in joined(MAP, [at(name) for name in names.split()], gap)]

    assert spans("sm.TZO sm.Epoch", 0) == [(40260, 3)]
    assert spans("common.DA si.Rte", 0) == [(40068, 1), (40082, 2)]
    assert spans("common.DA si.Rte", 13) == [(40068, 16)]
    assert spans("sm.TZO sm.DO", 13) == [(40262, 7)]
    assert spans("sm.Epoch sm.DO", 13) == [(40260, 2), (40268, 1)]
    assert spans("sm.Meta1 sm.Meta2 sm.Meta3", 0) == [(40279, 120), (40399, 50)]
