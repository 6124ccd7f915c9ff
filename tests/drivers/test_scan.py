from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from wattproof.drivers.job import Timing
from wattproof.drivers.modbus import ModbusClient, ModbusLink
from wattproof.drivers.scan import Failure, Found, Probe, Progress, scan
from wattproof.errors import ModbusRefused, ProtocolError, Unreachable
from wattproof.io.url import MeterURL, parse_url
from wattproof.model.devices import DeviceInfo
from wattproof.wire.modbus.framing.rtu import frame as rtu_frame
from wattproof.wire.modbus.pdu import read_request

Make = Callable[..., Any]
LINE = parse_url("rtu://h:1")


def info(model: str, serial: str) -> DeviceInfo:
    return DeviceInfo(model, None, "Acme", "A1", serial, "1.0", None)


async def never(link: ModbusLink, unit: int) -> DeviceInfo | None:
    raise ProtocolError("no marker")


async def odd(link: ModbusLink, unit: int) -> DeviceInfo | None:
    answer = await link.exchange(unit, read_request(3, 1, 1))
    return info("odd", f"S{answer[3]}") if unit % 2 else None


PROBES = (Probe("never", never), Probe("odd", odd))


class Building:
    """Several lines, each a bench on its own clock."""

    def __init__(self, make: Make, answers: dict[str, Callable[[Any, Any, bytes], bytes | None]]) -> None:
        self.benches = {place: make("rtu", timeout=0.3, retries=0) for place in answers}
        for place, bend in answers.items():
            self.benches[place].bend = bend

    async def connect(self, url: MeterURL, timing: Timing) -> ModbusClient:
        if url.place not in self.benches:
            raise Unreachable(f"cannot connect to {url.place}")
        bench = self.benches[url.place]
        bench.client.timing = timing
        bench.client.name = url.place
        await bench.client.open()
        client: ModbusClient = bench.client
        return client


async def collect(building: Building, urls: list[MeterURL], **options: Any) -> list[Found]:
    async def gather() -> list[Found]:
        return [found async for found in scan(urls, PROBES, connector=building.connect, **options)]

    first = next(iter(building.benches.values()))
    found: list[Found] = await first.run(gather(), limit=10_000)
    return found


def only(*units: int) -> Callable[[Any, Any, bytes], bytes | None]:
    return lambda bench, request, frame: frame if request.unit in units else None


async def test_every_unit_that_answers_is_found_and_named_by_the_first_probe_that_knows_it(bench: Make) -> None:
    building = Building(bench, {"rtu://h:1": only(3, 4, 247)})
    found = await collect(building, [LINE])
    assert [(one.unit, one.family, one.answer) for one in found] == [
        (3, "odd", "registers"),
        (4, None, "registers"),
        (247, "odd", "registers"),
    ]
    assert str(found[0].url) == "odd+rtu://h:1?unit=3"
    assert str(found[1].url) == "rtu://h:1?unit=4"
    assert found[0].info == info("odd", "S1")


async def test_a_scan_is_over_in_the_time_of_its_silent_units(bench: Make) -> None:
    building = Building(bench, {"rtu://h:1": only()})
    assert await collect(building, [LINE]) == []
    assert building.benches["rtu://h:1"].clock.now() / 1e9 == pytest.approx(247 * 0.3, rel=0.01)


async def test_an_exception_is_an_answer_but_a_gateway_without_target_is_not(bench: Make) -> None:
    code = {1: 2, 2: 0x0B, 3: 0x0A}

    def refuse(bench: Any, request: Any, frame: bytes) -> bytes | None:
        return rtu_frame(request.unit, bytes((0x83, code[request.unit]))) if request.unit in code else None

    found = await collect(Building(bench, {"rtu://h:1": refuse}), [LINE], units=range(1, 6))
    assert [(one.unit, one.answer) for one in found] == [(1, "exception 2")]


async def test_damaged_bytes_are_a_sign_of_life(bench: Make) -> None:
    def spoil(bench: Any, request: Any, frame: bytes) -> bytes | None:
        return frame[:-1] + bytes((frame[-1] ^ 1,)) if request.unit == 2 else None

    found = await collect(Building(bench, {"rtu://h:1": spoil}), [LINE], units=[1, 2, 3])
    assert [(one.unit, one.family, one.answer) for one in found] == [(2, None, "damaged bytes")]


async def test_progress_is_told_address_by_address(bench: Make) -> None:
    steps: list[Progress] = []
    await collect(Building(bench, {"rtu://h:1": only(2)}), [LINE], units=[1, 2, 3], progress=steps.append)
    assert [(step.unit, step.done, step.total, step.found) for step in steps] == [
        (1, 1, 3, 0),
        (2, 2, 3, 1),
        (3, 3, 3, 1),
    ]


async def test_bit_rates_are_tried_on_a_device(bench: Make) -> None:
    rates: list[str | None] = []
    building = Building(bench, {"rtu:///dev/ttyUSB0": only(5)})
    plain = building.connect

    async def connect(url: MeterURL, timing: Timing) -> ModbusClient:
        rates.append(url.options.get("baudrate"))
        return await plain(url, timing)

    building.connect = connect  # type: ignore[method-assign]
    url = parse_url("rtu:///dev/ttyUSB0?parity=E")
    found = await collect(building, [url], units=[5], baudrates=[9600, 19200])
    assert rates == ["9600", "19200"]
    assert str(found[0].url) == "odd+rtu:///dev/ttyUSB0?parity=E&baudrate=9600&unit=5"


async def test_a_line_that_cannot_be_opened_does_not_stop_the_others(bench: Make) -> None:
    building = Building(bench, {"rtu://h:1": only(3)})
    failures: list[Failure] = []
    found = await collect(building, [parse_url("rtu://gone:1"), LINE], units=[3], failed=failures.append)
    assert [one.unit for one in found] == [3]
    assert [(str(one.url), str(one.error)) for one in failures] == [("rtu://gone:1", "cannot connect to rtu://gone:1")]


async def test_the_unit_of_an_address_is_asked_alone(bench: Make) -> None:
    building = Building(bench, {"rtu://h:1": only(3, 4, 5), "rtu://h:2": only(3, 4)})
    urls = [parse_url("rtu://h:1?unit=5"), parse_url("rtu://h:2")]
    steps: list[Progress] = []

    async def gather() -> list[Found]:
        search = scan(urls, PROBES, units=[3, 4], connector=building.connect, progress=steps.append)
        return [found async for found in search]

    found = await asyncio.wait_for(gather(), 10)
    assert sorted(str(one.url) for one in found) == ["odd+rtu://h:1?unit=5", "odd+rtu://h:2?unit=3", "rtu://h:2?unit=4"]
    assert {step.total for step in steps} == {3}


async def test_no_line_at_all_is_an_error(bench: Make) -> None:
    building = Building(bench, {"rtu://h:1": only(3)})
    with pytest.raises(Unreachable, match="rtu://gone:1"):
        await collect(building, [parse_url("rtu://gone:1")], units=[3])


async def test_a_probe_that_is_refused_knows_nothing(bench: Make) -> None:
    async def refused(link: ModbusLink, unit: int) -> DeviceInfo | None:
        raise ModbusRefused(2, "no such register")

    building = Building(bench, {"rtu://h:1": only(3)})

    async def gather() -> list[Found]:
        probes = [Probe("refused", refused)]
        return [found async for found in scan([LINE], probes, units=[3], connector=building.connect)]

    found = await building.benches["rtu://h:1"].run(gather())
    assert [(one.unit, one.family) for one in found] == [(3, None)]
