"""Who is on an HDLC line."""

from __future__ import annotations

import logging

import pytest

from tests.drivers.cosem.rig import Rig
from wattproof.drivers.cosem.meter import CosemMeter
from wattproof.drivers.cosem.scan import ADDRESSES, COLLISION, MOST, REFUSES, knock_time, search
from wattproof.drivers.cosem.timing import Timing
from wattproof.drivers.modbus import run_blocking
from wattproof.drivers.scan import LineProgress
from wattproof.io.url import parse_url

URL = parse_url("hdlc://127.0.0.1:4059")


def scanned(rig: Rig, **options):
    async def run():
        return [found async for found in search(rig.bus, URL, **options)]

    return run_blocking(run())


def test_every_address_is_asked_and_says_who_it_is() -> None:
    rig = Rig(addresses=(16, 17, 99, 125))
    progress: list[LineProgress] = []
    began = rig.clock.now()
    found = scanned(
        rig, progress=progress.append, timeout=0.3, recognise=lambda name: "abb" if name[:3] == "ABB" else "x"
    )
    assert [(item.unit, item.family, item.answer) for item in found] == [
        (address, "abb", "COSEM") for address in (16, 17, 99, 125)
    ]
    assert str(found[1].url) == "abb+hdlc://127.0.0.1:4059?address=17"
    assert (found[1].info.manufacturer, found[1].info.serial) == ("ABB", "ABB1234567890123")
    assert (len(progress), progress[-1].done, progress[-1].total, progress[-1].found) == (110, 110, 110, 4)
    assert (rig.clock.now() - began) / 1e9 == pytest.approx(106 * 0.3), "silence costs one time-out, an answer nothing"
    voltage = run_blocking(CosemMeter(rig.station(17)).read(["1-0:32.7.0"]))[0]
    assert voltage.raw == 2306, "nobody is left connected"


@pytest.mark.proves("A-203")
def test_collisions_and_refusals_are_told_as_such(caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig(addresses=(17,))
    rig.spoil_answer = lambda answer: answer[:-3] + b"\0" + answer[-2:]
    with caplog.at_level(logging.WARNING):
        found = scanned(rig, addresses=range(16, 20))
    assert [(item.unit, item.family, item.info, item.answer) for item in found] == [(17, None, None, COLLISION)]
    assert "HDLC address 17" in caplog.text
    assert rig.kinds().split().count("SNRM") == 5, "one more try"
    caplog.clear()
    alike = Rig(addresses=(17,))  # two meters that differ in nothing before they say their names
    alike.spoil_answer = lambda answer: answer[:-3] + b"\0" + answer[-2:] if b"\xe6\xe7\0\xc4" in answer else answer
    with caplog.at_level(logging.WARNING):
        assert [item.answer for item in scanned(alike, addresses=(17,))] == [COLLISION]
    assert "HDLC address 17" in caplog.text
    busy = Rig(addresses=(17,))
    run_blocking(busy.station(17).ask(lambda client: client.get_list([])))
    assert [item.answer for item in scanned(busy, addresses=(17,))] == [REFUSES]


def test_a_scan_ends_with_so_many_meters_and_knows_its_times() -> None:
    rig = Rig(addresses=tuple(range(16, 60)))
    assert len(scanned(rig)) == MOST
    assert list(ADDRESSES) == list(range(16, 126))
    assert knock_time(Timing()) == pytest.approx(0.31)
    assert knock_time(Timing(octet=0.3, network=True)) == pytest.approx(0.61)
