"""Whatever comes over the line, a transaction ends in time, with a readout or an error of ours."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.mbusline import BusLink, PlayedMeter
from wattproof.drivers.mbus.address import Address
from wattproof.drivers.mbus.meter import MbusMeter
from wattproof.drivers.mbus.scan import scan_primary, scan_secondary
from wattproof.drivers.modbus import run_blocking
from wattproof.errors import WattproofError
from wattproof.io.url import parse_url
from wattproof.wire.mbus.frames import Long, Short, rsp_ud

#: A telegram of a made-up meter, so that this needs no vectors.
TELEGRAM = rsp_ud(1, 0x72, bytes.fromhex("19782100420420020B100000 0E840013390000000000 1F".replace(" ", ""))).encode()
URL = parse_url("mbus:///dev/x")
Spoilt = st.one_of(
    st.binary(max_size=300),
    st.tuples(st.just(TELEGRAM), st.integers(0, len(TELEGRAM) - 1), st.integers(1, 255)).map(
        lambda item: item[0][: item[1]] + bytes((item[0][item[1]] ^ item[2],)) + item[0][item[1] + 1 :]
    ),
    st.tuples(st.integers(0, 255), st.binary(max_size=200)).map(lambda item: rsp_ud(1, *item).encode()),
    st.just(TELEGRAM),
    st.just(b"\xe5"),
    st.none(),
)


def rubbish(answers: list[bytes | None]) -> BusLink:
    meter = PlayedMeter([TELEGRAM], 1)
    left = iter(answers)
    meter.spoil = lambda request, answer: next(left, answer)
    return BusLink([meter])


@settings(max_examples=60, deadline=None)
@given(st.lists(Spoilt, max_size=12), st.sampled_from(["1", "00217819", "FFFFFFFF"]))
def test_a_readout_ends_and_raises_only_our_errors(answers: list[bytes | None], address: str) -> None:
    link = rubbish(answers)
    try:
        readings = run_blocking(MbusMeter(link.bus(), Address.parse(address)).read())
    except WattproofError:
        pass
    else:
        assert all(reading.point for reading in readings)
    assert link.clock.now() < 120e9
    assert all(isinstance(frame, Long | Short) for _, frame in link.sent)


@settings(max_examples=15, deadline=None)
@given(st.lists(Spoilt, max_size=30), st.booleans())
def test_a_scan_ends_and_raises_nothing(answers: list[bytes | None], secondary: bool) -> None:
    link = rubbish(answers)
    bus = link.bus()

    async def everything() -> int:
        found = scan_secondary(bus, URL, prefix="00") if secondary else scan_primary(bus, URL, range(4))
        return len([item async for item in found])

    assert run_blocking(everything()) >= 0
    assert len(link.sent) < 3000
