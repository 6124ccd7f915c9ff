"""Meters on one line: connections that are kept and renewed, repetitions, meters that rest."""

from __future__ import annotations

import asyncio

import pytest

from tests.drivers.cosem.rig import Rig, losing
from wattproof.drivers.cosem.bus import Bus
from wattproof.drivers.cosem.line import Line
from wattproof.drivers.cosem.place import HDLC, TCP, UDP, Place
from wattproof.drivers.cosem.timing import Timing
from wattproof.drivers.modbus import run_blocking
from wattproof.errors import AssociationRefused, CosemRefused, Disconnected, LinkError, ResponseTimeout
from wattproof.io.memory import MemoryLink
from wattproof.model.clock import VirtualClock
from wattproof.wire.cosem.data import integer, unsigned
from wattproof.wire.cosem.descriptors import Attribute, Method

VOLTAGE = Attribute.of(3, "1-0:32.7.0")
TARIFF = Attribute.of(1, "0-0:96.14.0")
RESET = Method.of(3, "1-0:1.8.0", 1)
TRANSPORTS = (HDLC, TCP, UDP)


def voltage(rig: Rig, station=None) -> int:
    return run_blocking((station or rig.station()).ask(lambda client: client.get(VOLTAGE))).value


def reset(station):
    return run_blocking(station.tell(lambda client: client.action(RESET, integer(0))))


@pytest.mark.proves("A-194")
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_value_is_the_same_over_every_transport(transport: str) -> None:
    rig = Rig(transport)
    station = rig.station()
    assert voltage(rig, station) == 2306
    first = len(rig.requests)
    assert voltage(rig, station) == 2306
    assert len(rig.requests) == first + 1, "the connection is kept"
    run_blocking(station.close())
    assert not station.is_open
    closed = len(rig.requests)
    run_blocking(station.close())
    assert len(rig.requests) == closed
    assert voltage(rig, station) == 2306


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_an_idle_connection_is_ended_and_begun_anew(transport: str) -> None:
    rig = Rig(transport)
    station = rig.station()
    voltage(rig, station)
    rig.requests.clear()
    rig.clock.advance(99)
    voltage(rig, station)
    assert len(rig.requests) == 1
    rig.requests.clear()
    rig.clock.advance(101)
    voltage(rig, station)
    if transport == HDLC:
        assert rig.kinds() == "DISC SNRM I I"
    else:
        assert [request[8] for request in rig.requests] == [0x62, 0x60, 0xC0]
    rig.clock.advance(3600)  # by now the meter has dropped everything by itself
    assert voltage(rig, station) == 2306


@pytest.mark.proves("A-106", "A-109")
def test_a_lost_frame_is_repeated_and_a_forgotten_link_renewed() -> None:
    rig = Rig()
    station = rig.station()
    voltage(rig, station)
    rig.requests.clear()
    rig.spoil_answer = losing(1, 2)
    assert voltage(rig, station) == 2306
    assert rig.kinds() == "I I I"
    rig.requests.clear()
    rig.start()  # the meter was switched off and on: it answers DM
    assert voltage(rig, station) == 2306
    assert rig.kinds() == "I DISC SNRM I I"
    rig.requests.clear()
    rig.spoil_answer = losing(1, 2, 3, 4)
    assert voltage(rig, station) == 2306
    assert rig.kinds() == "I I I RR DISC SNRM I I"


def test_what_must_not_be_done_twice_is_done_once() -> None:
    rig = Rig()
    station = rig.station()
    reset(station)
    assert rig.meters[17]["resets"] == 1
    rig.spoil_answer = losing(1, 2, 3, 4)
    with pytest.raises(ResponseTimeout, match="HDLC address 17 on memory"):
        reset(station)
    assert rig.meters[17]["resets"] == 2, "the answer was lost, not the request"
    rig.spoil_answer = lambda data: data
    rig.clock.advance(10)
    voltage(rig, station)
    rig.start()
    rig.clock.advance(50)
    rig.requests.clear()
    reset(station)
    assert rig.meters[17]["resets"] == 3
    assert rig.kinds() == "I DISC SNRM I I", "whether the meter knows us is found out with a read"


@pytest.mark.proves("A-195")
def test_over_udp_a_get_is_repeated_and_nothing_else() -> None:
    rig = Rig(UDP)
    station = rig.station()
    rig.spoil_request = losing(1)
    assert voltage(rig, station) == 2306
    assert [request[8] for request in rig.requests] == [0x60, 0x60, 0xC0]
    rig.requests.clear()
    rig.spoil_answer = losing(1, 2)
    assert voltage(rig, station) == 2306
    assert [request[8] for request in rig.requests] == [0xC0] * 3
    for answer_lost in (lambda client: client.set(TARIFF, unsigned(2)), lambda client: client.action(RESET)):
        rig.requests.clear()
        rig.spoil_answer = losing(1)
        with pytest.raises(ResponseTimeout):
            run_blocking(station.tell(answer_lost))
        assert len(rig.requests) == 1
        rig.clock.advance(5)
        rig.spoil_answer = lambda data: data
        voltage(rig, station)
    rig.spoil_answer = losing(1)
    rig.requests.clear()
    run_blocking(station.set(TARIFF, unsigned(3)))
    assert [request[8] for request in rig.requests] == [0xC1, 0x60, 0xC0]
    assert rig.meters[17]["tariff"] == 3


@pytest.mark.proves("A-123")
def test_an_association_that_is_forgotten_is_opened_again() -> None:
    rig = Rig(UDP)
    station = rig.station()
    voltage(rig, station)
    for service, expected in (
        (lambda: voltage(rig, station), 2306),
        (lambda: reset(station), None),
        (lambda: run_blocking(station.set(TARIFF, unsigned(2))), None),
    ):
        rig.start()  # the meter has been switched off and on: exception 1/1
        rig.requests.clear()
        assert service() == expected
        assert [request[8] for request in rig.requests][1:2] == [0x60], "nothing was done, so it is done now"
    assert (rig.meters[17]["resets"], rig.meters[17]["tariff"]) == (1, 2)


def test_over_tcp_a_time_out_costs_the_connection() -> None:
    rig = Rig(TCP)
    station = rig.station()
    voltage(rig, station)
    rig.spoil_answer = losing(1)
    began = rig.clock.now()
    with pytest.raises(ResponseTimeout):
        voltage(rig, station)
    assert (rig.clock.now() - began) / 1e9 == pytest.approx(5, abs=0.1)
    rig.clock.advance(2)
    assert voltage(rig, station) == 2306
    assert rig.line.statistics.connections == 2
    rig.far.cut()
    assert voltage(rig, station) == 2306, "a connection that the other side has closed is opened again"
    assert rig.line.statistics.connections == 3


@pytest.mark.proves("A-121")
def test_a_refused_association_names_the_meter_and_frees_the_link() -> None:
    rig = Rig()
    wrong = rig.station(password=b"87654321")
    with pytest.raises(AssociationRefused, match=r"HDLC address 17 on memory: .*failure \(13\); .*password-file"):
        voltage(rig, wrong)
    assert rig.kinds() == "SNRM I DISC"
    public = rig.station(client=None, password=None)
    assert public.place.sap == 16
    assert voltage(rig, public) == 2306
    run_blocking(public.close())
    with pytest.raises(CosemRefused) as refused:
        run_blocking(rig.station().ask(lambda client: client.get(Attribute.of(3, "1-0:99.99.9"))))
    assert refused.value.result == 4


@pytest.mark.proves("A-112")
def test_a_meter_that_serves_another_client_says_dm() -> None:
    rig = Rig()
    voltage(rig)
    with pytest.raises(Disconnected, match="another client"):
        voltage(rig, rig.station(client=16, password=None))


@pytest.mark.proves("A-184")
def test_dead_meters_cost_their_time_outs_once_a_round() -> None:
    addresses = tuple(range(16, 48))
    rig = Rig(addresses=addresses)
    rig.start(20, 30)
    stations = {address: rig.station(address) for address in addresses}

    def one_round() -> tuple[float, set[int]]:
        began, failed = rig.clock.now(), set()
        for address, station in stations.items():
            try:
                assert voltage(rig, station) == 2306
            except LinkError:
                failed.add(address)
        return (rig.clock.now() - began) / 1e9, failed

    seconds, failed = one_round()
    assert failed == {20, 30}
    assert seconds == pytest.approx(2 * 3 * 0.58, abs=0.01)
    seconds, failed = one_round()
    assert failed == {20, 30}
    assert seconds <= 2 * 0.58 + 0.01, "resting meters cost one SNRM at most"
    rig.start()
    rig.clock.advance(60)
    assert one_round()[1] == set()
    assert rig.bus.statistics["20"].timeouts >= 1


async def test_services_of_many_callers_take_turns() -> None:
    rig = Rig(addresses=(17, 18))
    stations = [rig.station(17), rig.station(18), rig.station(17)]
    under_way = 0

    def counted(client):
        nonlocal under_way
        under_way += 1
        assert under_way == 1
        value = yield from client.get(VOLTAGE)
        under_way -= 1
        return value.value

    results = await asyncio.gather(*(station.ask(counted) for station in stations[:2] for _ in range(5)))
    assert results == [2306] * 10
    await asyncio.gather(*(station.close() for station in stations))
    await rig.bus.close()


async def test_a_caller_that_is_cancelled_leaves_the_meter_to_others() -> None:
    rig = Rig()
    station = rig.station()
    assert (await station.ask(lambda client: client.get(VOLTAGE))).value == 2306
    rig.spoil_answer = lambda data: None
    waiting = asyncio.create_task(station.ask(lambda client: client.get(VOLTAGE)))
    behind = asyncio.create_task(station.ask(lambda client: client.get(TARIFF)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    rig.spoil_answer = lambda data: data
    rig.requests.clear()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert (await behind).value == 1
    assert rig.kinds() == "DISC SNRM I I", "nobody knows how far the meter is, so the link is opened anew"


@pytest.mark.parametrize(
    ("transport", "head", "drop"),
    [(HDLC, b"", b"\x7e"), (HDLC, b"\x7e\xa7\xff", b"\x02"), (TCP, b"\x00\x01\x00\x01\x00\x01\x08\x00", b"\x00")],
)
def test_a_meter_that_sends_byte_by_byte_does_not_hold_the_line(transport: str, head: bytes, drop: bytes) -> None:
    class Dripping(MemoryLink):
        async def receive(self, timeout: float) -> bytes:
            self.clock.advance(0.03)
            return self.discard() or drop

    async def opened() -> MemoryLink:
        link, far = Dripping("memory", clock), MemoryLink("far end", clock)
        link.peer, far.peer, far.answer = far, link, lambda data: head
        return link

    clock = VirtualClock()
    bus = Bus(Line(opened, name="memory", clock=clock, timing=Timing(network=True)))
    with pytest.raises(ResponseTimeout):
        run_blocking(bus.station(Place(transport)).ask(lambda client: client.get(VOLTAGE)))
    assert clock.now() < 60e9


@pytest.mark.parametrize("transport", [HDLC, UDP])
def test_what_an_interrupt_leaves_standing_is_ended(transport: str) -> None:
    def interrupted(data: bytes) -> bytes:
        rig.spoil_answer = lambda data: data
        raise KeyboardInterrupt

    rig = Rig(transport)
    station = rig.station()
    voltage(rig, station)
    rig.spoil_answer = interrupted
    with pytest.raises(KeyboardInterrupt):
        voltage(rig, station)
    run_blocking(station.close())
    if transport == HDLC:
        assert rig.kinds().endswith("I DISC")
    else:
        assert rig.requests[-1][8] == 0x62
