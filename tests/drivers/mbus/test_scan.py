"""Finding meters on an M-Bus line, in virtual time (abb-meters.md 1.5, 1.6)."""

from __future__ import annotations

import math
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.mbusline import BusLink, PlayedMeter, good_frame
from wattproof.drivers.mbus.address import Address
from wattproof.drivers.mbus.meter import MbusMeter
from wattproof.drivers.mbus.scan import ADDRESSES, scan_one, scan_primary, scan_secondary, scanned
from wattproof.drivers.modbus import run_blocking
from wattproof.drivers.scan import Found, LineProgress
from wattproof.io.url import parse_url
from wattproof.wire.mbus.ci_fields import SELECT
from wattproof.wire.mbus.frames import SELECTED, Long, Short, service, snd_nke

URL = parse_url("mbus:///dev/ttyUSB1?baudrate=2400")


def family(manufacturer: str, medium: int) -> str:
    return "abb" if (manufacturer, medium) == ("ABB", 2) else "mbus"


async def everything(found: AsyncIterator[Found]) -> list[Found]:
    return [item async for item in found]


def selections(link: BusLink) -> int:
    return sum(isinstance(frame, Long) and frame.ci == SELECT for _, frame in link.sent)


def numbers(found: list[Found]) -> list[str]:
    return [item.info.serial if item.info else f"{item.url.options['address']}: {item.answer}" for item in found]


@pytest.mark.proves("A-024", "A-026")
@pytest.mark.parametrize(
    "meters",
    [
        ["00217819"],
        ["00217819", "00217818"],
        ["99999999", "10000000", "99999998"],
        [f"{number:08d}" for number in random.Random(7).sample(range(10**8), 16)],
    ],
    ids=["one", "last digit", "ends", "sixteen"],
)
def test_a_search_finds_every_meter_in_order(a41: list[bytes], meters: list[str]) -> None:
    chance = random.Random(1)
    link = BusLink(
        [PlayedMeter(a41, n, number, delay=chance.uniform(0.035, 0.08)) for n, number in enumerate(meters, 1)]
    )
    told: list[LineProgress] = []
    found = run_blocking(everything(scan_secondary(link.bus(), URL, told.append, recognise=family)))
    assert numbers(found) == sorted(meters)
    assert {item.family for item in found} == {"abb"}
    assert str(found[0].url) == f"abb+mbus:///dev/ttyUSB1?baudrate=2400&address={min(meters)}42042002"
    if len(meters) == 16:
        assert selections(link) <= 10 * 16 * math.log10(16) + 10
    assert link.sent[-1][1] == snd_nke(SELECTED)
    assert [progress.done for progress in told] == sorted(progress.done for progress in told)
    assert (told[-1].done, told[-1].found) == (told[-1].total, len(meters))


@pytest.mark.proves("A-025")
def test_two_meters_with_one_number_are_told_as_duplicates_and_the_search_ends(a41: list[bytes]) -> None:
    rows = (("00000007", 0.035), ("00000007", 0.07), ("55555555", 0.035))
    link = BusLink([PlayedMeter(a41, address, number, delay=delay) for address, (number, delay) in enumerate(rows)])
    found = run_blocking(everything(scan_secondary(link.bus(), URL)))
    assert numbers(found) == ["00000007: duplicate identification number", "55555555"]
    assert found[0].info is None and found[0].family is None


@pytest.mark.proves("A-026")
def test_a_lost_acknowledgement_costs_no_meter(a41: list[bytes]) -> None:
    link = BusLink([meter := PlayedMeter(a41, 1)])
    meter.spoil = lambda request, answer: None if isinstance(request, Long) and request.ci == SELECT else answer
    assert numbers(run_blocking(everything(scan_secondary(link.bus(), URL)))) == ["00217819"]
    assert selections(link) == 10 + 1  # and once more by all that it says


@pytest.mark.proves("A-024")
def test_meters_that_answer_in_the_very_same_moment_are_no_other_meter(a41: list[bytes]) -> None:
    """63 and 64 and 65 make 60, of a telegram whose check sum fits by chance: nobody has that number."""
    serials = ["18034063", "18034064", "18034065"]
    link = BusLink([PlayedMeter(a41, address, number) for address, number in enumerate(serials, 1)])
    told: list[LineProgress] = []
    found = run_blocking(everything(scan_secondary(link.bus(), URL, told.append)))
    assert numbers(found) == serials
    assert [progress.found for progress in told][-1] == 3


def test_a_single_number_is_asked_for_alone(a41: list[bytes]) -> None:
    link = BusLink([PlayedMeter(a41, 1)])
    bus = link.bus()
    known = run_blocking(everything(scan_one(bus, URL.with_options(address="00217819"), Address.parse("00217819"))))
    assert [(item.family, item.info and item.info.serial, str(item.url)) for item in known] == [
        ("mbus", "00217819", "mbus+mbus:///dev/ttyUSB1?baudrate=2400&address=00217819")
    ]
    assert run_blocking(everything(scan_one(bus, URL, Address.parse("00217818")))) == []


def test_a_search_below_digits_that_are_known(a41: list[bytes]) -> None:
    link = BusLink([PlayedMeter(a41, 1, number) for number in ("00217819", "00217919", "77777777")])
    assert numbers(run_blocking(everything(scan_secondary(link.bus(), URL, prefix="0021")))) == ["00217819", "00217919"]


async def first_two(found: AsyncIterator[Found]) -> list[Found]:
    taken = []
    async for item in found:
        taken.append(item)
        if len(taken) == 2:
            break
    await found.aclose()  # type: ignore[attr-defined]
    return taken


def test_a_search_that_is_broken_off_leaves_nobody_selected(a41: list[bytes]) -> None:
    link = BusLink([PlayedMeter(a41, 1, number) for number in ("10000000", "20000000", "30000000")])
    bus = link.bus()
    assert numbers(run_blocking(first_two(scan_secondary(bus, URL)))) == ["10000000", "20000000"]
    assert link.sent[-1][1] == snd_nke(SELECTED)
    assert not any(meter._selected for meter in link.meters)  # type: ignore[attr-defined]
    assert len(run_blocking(MbusMeter(bus, Address.parse("30000000")).read())) == 97  # the line is free again


@pytest.mark.proves("A-027", "A-028")
def test_a_scan_of_primary_addresses_tells_meters_and_collisions(a41: list[bytes], vectors: Path) -> None:
    heat = good_frame(vectors, "kamstrup_multical_601")
    old = good_frame(vectors, "manual_frame2")
    mute = PlayedMeter(a41, 9)
    mute.spoil = lambda request, answer: answer if str(service(request.control)) == "SND_NKE" else None
    link = BusLink(
        [
            *(PlayedMeter(a41, 5), PlayedMeter([heat], 6), PlayedMeter(a41, 7), PlayedMeter(a41, 7, "00217820")),
            *(mute, PlayedMeter([old], 250)),
        ]
    )
    told: list[LineProgress] = []
    found = run_blocking(everything(scan_primary(link.bus(), URL, ADDRESSES, told.append, recognise=family)))
    assert [(item.unit, item.family) for item in found] == [
        *((5, "abb"), (6, "mbus"), (7, None), (9, None), (250, "mbus"))
    ]
    assert found[2].answer.startswith("two meters with the same address")
    assert found[3].answer == "it acknowledges, but sends no telegram"
    abb, kamstrup, *_, oldest = (item.info for item in found)
    assert abb is not None and kamstrup is not None and oldest is not None
    assert (abb.manufacturer, abb.type, abb.serial, abb.firmware) == ("ABB", "A41 513-100", "00217819", "A1.12.0")
    assert (kamstrup.manufacturer, kamstrup.type, kamstrup.serial) == ("KAM", "heat, outlet", "06855817")
    assert oldest.serial == "12345678"
    assert [str(item.url) for item in found[:3]] == [
        "abb+mbus:///dev/ttyUSB1?baudrate=2400&address=5",
        "mbus+mbus:///dev/ttyUSB1?baudrate=2400&address=6",
        "mbus:///dev/ttyUSB1?baudrate=2400&address=7",
    ]
    assert scanned(found[0]) == {"serial": "00217819", "protocol": "1", "address": "5"}
    assert (len(told), told[-1].done, told[-1].total, told[-1].found) == (251, 251, 251, 5)


@pytest.mark.proves("A-028")
def test_a_scan_of_an_infrared_head_says_so(a41: list[bytes]) -> None:
    link = BusLink([PlayedMeter(a41, 1)])
    found = run_blocking(everything(scan_secondary(link.bus(), parse_url("mbus:///dev/x?ir=1"))))
    assert scanned(found[0]) == {"serial": "00217819", "protocol": "2", "address": "0021781942042002"}


def test_silent_addresses_cost_their_acknowledgement_only(a41: list[bytes]) -> None:
    link = BusLink([])
    bus = link.bus()
    assert run_blocking(everything(scan_primary(bus, URL, range(1, 11)))) == []
    assert len(link.sent) == 10
    assert link.clock.now() / 1e9 == pytest.approx(10 * (bus.timing.times.ack / 1000 + 6 * 11 / 2400))


def test_polls_go_on_between_the_addresses_of_a_scan(a41: list[bytes]) -> None:
    link = BusLink([PlayedMeter(a41[4:], 5)])
    bus = link.bus()
    order: list[int] = []

    async def both() -> None:
        async for _ in scan_primary(bus, URL, (4, 5, 6)):
            await MbusMeter(bus, Address.parse("5")).read()
        order.extend(frame.address for _, frame in link.sent if isinstance(frame, Short))

    run_blocking(both())
    assert order == [4, 5, 5, 5, 5, 6]
