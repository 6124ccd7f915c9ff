"""Transactions on an M-Bus line, in virtual time (abb-meters.md 1.1 to 1.5)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from tests.mbusline import BusLink, PlayedMeter, elapse
from wattproof.drivers.mbus.address import Address
from wattproof.drivers.mbus.bus import Bus
from wattproof.drivers.mbus.readout import Readout, read_out
from wattproof.drivers.mbus.timing import LineTiming, times_for
from wattproof.drivers.modbus import run_blocking
from wattproof.drivers.schedule import Priority
from wattproof.errors import Disconnected, FrameError, InvalidValue, ProtocolError, ResponseTimeout
from wattproof.io.url import parse_url
from wattproof.wire.mbus.frames import FCB, Long, Short, service
from wattproof.wire.mbus.timing import Pause, Wait

FIVE = Address.parse("5")


async def readout(bus: Bus, address: Address = FIVE, priority: int = Priority.POLL) -> Readout:
    async with bus.session(address, priority) as session:
        return await read_out(session)


def names(link: BusLink) -> list[str]:
    """The frames that were sent: NKE, UD, 1 and 0 for a REQ_UD2 with and without FCB."""
    short = {"SND_NKE": "NKE", "SND_UD": "UD"}
    return [
        short.get(str(service(frame.control)), "1" if frame.control & FCB else "0") for _, frame in link.sent
    ]  # fmt: skip


def times(link: BusLink) -> list[float]:
    return [moment for moment, _ in link.sent]


def hits(*numbers: int, change: Callable[[bytes], bytes | None]) -> Callable[[Short | Long, bytes], bytes | None]:
    """Changes the answers with these numbers, counted from 0."""
    count = iter(range(10**6))
    return lambda request, answer: change(answer) if next(count) in numbers else answer


def timing(*, baudrate: int = 2400, network: bool = False, retries: int = 2, **times: int) -> LineTiming:
    return LineTiming(replace(times_for(network=network, baudrate=baudrate), **times), baudrate, network, retries)


def lose(answer: bytes) -> bytes | None:
    return None


def damage(answer: bytes) -> bytes | None:
    return answer[:-2] + bytes((answer[-2] ^ 1,)) + answer[-1:]


@pytest.mark.proves("A-005")
def test_the_frame_count_bit_toggles_after_good_answers_only(a41: list[bytes]) -> None:
    meter = PlayedMeter(a41, 5)
    link = BusLink([meter])
    bus = link.bus()
    run_blocking(readout(bus))
    assert names(link) == ["NKE", "1", "0", "1", "0", "1"]
    link.sent.clear()
    meter.spoil = hits(2, 3, 5, change=damage)
    run_blocking(readout(bus))
    assert names(link) == ["NKE", "1", "0", "0", "0", "1", "1", "0", "1"]


@pytest.mark.proves("A-061")
def test_a_lost_telegram_is_asked_for_again_and_none_is_missing(a41: list[bytes]) -> None:
    meter = PlayedMeter(a41, 5)
    link = BusLink([meter])
    meter.spoil = hits(1, 4, change=lose)
    found = run_blocking(readout(link.bus()))
    assert len(found.records) == 97 and found.complete
    # The meter has counted the telegram that was lost, so what looks like a gap is told.
    assert [warning.partition(" between ")[2][:15] for warning in found.warnings] == ["telegrams 2 and"]


@pytest.mark.proves("A-013")
def test_the_line_rests_twenty_milliseconds_between_an_answer_and_the_next_request(a41: list[bytes]) -> None:
    link = BusLink([PlayedMeter(a41, 5)], baudrate=9600)
    run_blocking(readout(link.bus(timing(baudrate=9600, delay_before_requd2=0, delay_after_telegram=0))))
    gaps = [asked - max(end for end in link.ended if end < asked) for asked in times(link)[1:]]
    assert len(gaps) == 5
    assert gaps == pytest.approx([0.020] * 5)


@pytest.mark.proves("A-014")
def test_a_dead_meter_is_asked_three_times_then_rests_and_recovers(a41: list[bytes]) -> None:
    meter = PlayedMeter(a41, 5)
    link = BusLink([])
    bus = link.bus(timing(ack=200, get_request=100))
    with pytest.raises(ResponseTimeout, match=r"meter at address 5: .* asked 3 times with SND_NKE"):
        run_blocking(readout(bus))
    assert names(link) == ["NKE"] * 3
    attempts = [after - before for before, after in pairwise(times(link))]
    assert attempts == pytest.approx([0.3 + 6 * 11 / 2400] * 2)
    with pytest.raises(ResponseTimeout, match=r"offline and rests.*next attempt is in 1.0 s"):
        run_blocking(readout(bus))
    assert len(link.sent) == 3
    link.clock.advance(1.1)
    with pytest.raises(ResponseTimeout, match="asked 1 times with SND_NKE"):
        run_blocking(readout(bus))
    assert len(link.sent) == 4
    link.meters.append(meter)
    link.clock.advance(2.1)
    assert len(run_blocking(readout(bus)).records) == 97
    assert names(link)[4:] == ["NKE", "1", "0", "1", "0", "1"]
    state = bus.statistics["5"]
    assert (state.requests, state.answers, state.timeouts, state.declined, state.failures) == (3, 1, 2, 1, 0)


@pytest.mark.proves("A-014")
def test_a_meter_that_falls_silent_in_a_readout_is_offline_too(a41: list[bytes]) -> None:
    meter = PlayedMeter(a41, 5)
    link = BusLink([meter])
    bus = link.bus()
    meter.spoil = hits(*range(3, 99), change=lose)
    with pytest.raises(ResponseTimeout, match="asked 3 times with REQ_UD2"):
        run_blocking(readout(bus))
    assert names(link) == ["NKE", "1", "0", "1", "1", "1"]
    assert not bus.statistics["5"].is_healthy


@pytest.mark.proves("A-015")
def test_every_time_of_the_bus_is_kept(a41: list[bytes]) -> None:
    link = BusLink([meter := PlayedMeter(a41[3:], 5)])
    kept = timing(
        ack=700, response_timeout_base=400, response_timeout=800, delay_before_requd2=250, delay_after_telegram=600,
        get_request=150, meter_contact=5000,
    )  # fmt: skip
    bus = link.bus(kept)
    run_blocking(readout(bus))
    assert names(link) == ["NKE", "1", "0"]
    _, first, second = times(link)
    acknowledged, *_ = link.ended
    assert first - acknowledged == pytest.approx(0.25)
    assert second - max(end for end in link.ended if end < second) == pytest.approx(0.6)

    link.sent.clear()
    link.clock.advance(4.9)
    run_blocking(readout(bus))
    assert names(link) == ["1", "0"]  # within meter_contact no SND_NKE, and the readout begins anew
    link.clock.advance(5.0)
    run_blocking(readout(bus))
    assert names(link)[2:] == ["NKE", "1", "0"]

    link.sent.clear()
    meter.spoil = hits(0, 2, change=lose)
    link.clock.advance(6)
    run_blocking(readout(bus))
    assert names(link) == ["NKE", "NKE", "1", "1", "0"]
    five, six = 5 * 11 / 2400, 6 * 11 / 2400
    lost, again, asked, repeated, _ = times(link)
    assert again - lost == pytest.approx(0.7 + six + 0.15)
    assert repeated - asked == pytest.approx(0.4 + 0.8 * 300 / 2400 + six + 0.15)
    assert asked - again == pytest.approx(five + 0.035 + 11 / 2400 + 0.25)


@pytest.mark.proves("A-015")
def test_the_wait_for_a_telegram_shrinks_with_the_baud_rate() -> None:
    waits = {
        rate: timing(response_timeout_base=100, response_timeout=300, baudrate=rate).wait(Wait.RESPONSE)
        for rate in (300, 2400, 9600)
    }
    assert waits == pytest.approx({300: 0.4, 2400: 0.1375, 9600: 0.109375})


def test_the_options_of_an_address_say_how_long_to_wait() -> None:
    network = LineTiming.of(parse_url("mbus://h:1?baudrate=300&ack=900&get-request=30&retries=1&meter-contact=7"))
    assert (network.gap, network.wait(Wait.ACK), network.pause(Pause.REPETITION)) == pytest.approx((0.3, 0.9, 0.03))
    assert (network.retries, network.times.meter_contact) == (1, 7)
    simple = LineTiming.of(parse_url("mbus:///dev/x?timeout=0.5&pause=0.1"))
    assert [simple.wait(wait) for wait in (Wait.ACK, Wait.RESPONSE)] == [0.5, 0.5]
    assert [simple.pause(pause) for pause in (Pause.BEFORE_REQ_UD2, Pause.AFTER_TELEGRAM)] == [0.1, 0.1]
    usual = LineTiming.of(parse_url("mbus:///dev/x"))
    assert usual.wait(Wait.RESPONSE) == pytest.approx(0.150 + 330 / 2400)
    assert usual.wait(Wait.ACK) == pytest.approx(usual.wait(Wait.RESPONSE), abs=0.001)


@pytest.mark.proves("A-017")
@pytest.mark.parametrize("known", [True, None])
def test_the_echo_of_an_infrared_head_is_taken_out(a41: list[bytes], known: bool | None) -> None:
    link = BusLink([PlayedMeter(a41, 5)])
    link.echo = bytes
    bus = link.bus(echo=known)
    assert len(run_blocking(readout(bus)).records) == 97
    assert bus.line.statistics.damaged == 0


@pytest.mark.proves("A-017")
def test_an_echo_that_differs_is_a_collision(a41: list[bytes]) -> None:
    link = BusLink([PlayedMeter(a41, 5)])
    link.echo = lambda data: data[:2] + bytes((data[2] & 0xFE,)) + data[3:]
    with pytest.raises(FrameError, match=r"collision: byte 2 of the echo is 04 where 05 was sent"):
        run_blocking(readout(link.bus()))


@pytest.mark.proves("A-202")
def test_a_readout_that_does_not_end_is_an_error_after_32_telegrams(a41: list[bytes]) -> None:
    link = BusLink([meter := PlayedMeter([a41[1]], 5)])
    with pytest.raises(ProtocolError, match="after 32 telegrams it says that more follow"):
        run_blocking(readout(link.bus()))
    assert len(meter.heard) == 33
    assert link.bus().statistics == {}


@pytest.mark.proves("A-202")
def test_a_meter_that_ignores_the_frame_count_bit_is_noticed(a41: list[bytes]) -> None:
    """Every REQ_UD2 gets the next telegram: one is lost when an answer is, and the access number tells."""
    link = BusLink([meter := PlayedMeter(a41, 5)])
    meter.ignores_fcb = True
    assert run_blocking(readout(link.bus())).warnings == ()
    meter.spoil = hits(2, change=lose)
    found = run_blocking(readout(link.bus()))
    assert len(found.records) < 97
    assert found.warnings == (
        "the access number went from 6 to 8 between telegrams 1 and 2: a telegram may be missing",
    )


def test_another_meter_that_answers_is_passed_over(a41: list[bytes]) -> None:
    link = BusLink([meter := PlayedMeter(a41, 5)])
    meter.spoil = lambda request, answer: (
        answer if answer == b"\xe5" else answer[:5] + b"\x06" + answer[6:-2] + bytes(((answer[-2] + 1) & 0xFF, 0x16))
    )
    with pytest.raises(FrameError, match="the answer comes from address 6"):
        run_blocking(readout(link.bus()))


def test_two_meters_at_one_address_are_a_collision(a41: list[bytes]) -> None:
    link = BusLink([PlayedMeter(a41, 5), PlayedMeter(a41, 5, "00217820")])
    with pytest.raises(FrameError, match=r"two meters have this address \(a collision\)"):
        run_blocking(readout(link.bus()))


def test_pauses_inside_a_frame_end_it(a41: list[bytes]) -> None:
    """A gap of 33 bit times and 50 ms is no pause of a meter: what came before it is damaged."""
    link = BusLink([meter := PlayedMeter(a41, 5)])
    bus = link.bus(timing(retries=0))
    link.between = 0.06
    with pytest.raises(FrameError, match="its end has not come"):
        run_blocking(readout(bus))
    assert len(meter.heard) == 2
    slow = BusLink([PlayedMeter(a41, 5)])
    slow.between = 0.05
    assert len(run_blocking(readout(slow.bus(timing(response_timeout_base=60_000)))).records) == 97


@pytest.mark.proves("A-184")
async def test_a_dead_meter_costs_a_round_of_32_meters_its_time_outs_at_most(a41: list[bytes]) -> None:
    dead = {"7", "20"}
    meters = [PlayedMeter(a41[4:], address, f"{address:08d}") for address in range(1, 33) if str(address) not in dead]
    link = BusLink(meters, baudrate=9600)
    bus = link.bus(timing(baudrate=9600, ack=200))

    async def one_round() -> tuple[float, int]:
        begin = link.clock.now()
        asked = [readout(bus, Address.parse(str(address))) for address in range(1, 33)]
        found = await asyncio.gather(*asked, return_exceptions=True)
        good = sum(isinstance(one, Readout) for one in found)
        return (link.clock.now() - begin) / 1e9, good

    first, good = await elapse(link.clock, one_round())
    assert good == 30
    link.meters = [*meters, *(PlayedMeter(a41[4:], int(address)) for address in dead)]
    link.clock.advance(100)
    whole, everybody = await elapse(link.clock, one_round())
    assert everybody == 32
    share, attempt = whole / 32, 0.2 + 6 * 11 / 9600 + 0.05
    assert first <= 30 * share + len(dead) * 3 * attempt + 0.001
    link.meters = meters
    await elapse(link.clock, one_round())
    link.clock.advance(2)
    probing, good = await elapse(link.clock, one_round())
    assert good == 30
    assert probing <= 30 * share + len(dead) * attempt + 0.001
    assert bus.statistics["7"].rests == 2 and bus.statistics["8"].answers == 4


async def test_the_most_urgent_goes_first_then_meters_in_turn(a41: list[bytes]) -> None:
    link = BusLink([PlayedMeter(a41[4:], address) for address in (1, 2, 3)])
    bus = link.bus()
    one, two, three = (Address.parse(str(number)) for number in (1, 2, 3))
    asked = [
        readout(bus, one), readout(bus, one), readout(bus, two), readout(bus, three, Priority.COMMAND),
        readout(bus, two),
    ]  # fmt: skip
    await elapse(link.clock, _all(*asked))
    order = [frame.address for _, frame in link.sent if str(service(frame.control)) == "SND_NKE"]
    assert order == [1, 3, 1, 2, 2] or order == [1, 3, 2, 1, 2]


async def _all(*coroutines: Any) -> None:
    await asyncio.gather(*coroutines)


async def test_a_cancelled_transaction_leaves_the_line_to_the_next_when_its_answer_is_over(a41: list[bytes]) -> None:
    link = BusLink([PlayedMeter(a41, 5), PlayedMeter(a41[4:], 6)])
    bus = link.bus()

    async def cancelled() -> Readout:
        task = asyncio.create_task(readout(bus))
        waiting = asyncio.create_task(readout(bus, Address.parse("6")))
        forgotten = asyncio.create_task(readout(bus, Address.parse("6")))
        await link.clock.sleep(0.4)  # the first telegram is on its way
        task.cancel()
        forgotten.cancel()
        await asyncio.gather(task, forgotten, return_exceptions=True)
        return await waiting

    assert len((await elapse(link.clock, cancelled())).records) == 17
    assert bus.line.statistics.late == 1 and bus.line.statistics.damaged == 0
    assert [frame.address for _, frame in link.sent] == [5, 5, 6, 6]
    assert bus.statistics["5"].is_healthy
    assert len((await elapse(link.clock, readout(bus))).records) == 97


def test_a_lost_connection_is_opened_again(a41: list[bytes]) -> None:
    link = BusLink([meter := PlayedMeter(a41, 5)])
    bus = link.bus()

    def cut(request: Short | Long, answer: bytes) -> bytes | None:
        link.closed = True
        return answer

    meter.spoil = cut
    with pytest.raises(Disconnected):
        run_blocking(readout(bus))
    meter.spoil = lambda request, answer: answer
    assert len(run_blocking(readout(bus)).records) == 97
    assert bus.line.statistics.connections == 2 and bus.statistics["5"].is_healthy


def test_a_silent_converter_is_dialled_again(a41: list[bytes]) -> None:
    link = BusLink([])
    bus = link.bus(timing(network=True, retries=0))
    for address in ("5", "6"):
        with pytest.raises(ResponseTimeout):
            run_blocking(readout(bus, Address.parse(address)))
    assert link.closed
    link.meters.append(PlayedMeter(a41, 7))
    assert len(run_blocking(readout(bus, Address.parse("7"))).records) == 97


@pytest.mark.parametrize("text", ["", "251", "253", "255", "1000", "12345", "0021781G", "-1"])
def test_addresses_that_there_are_not(text: str) -> None:
    with pytest.raises(InvalidValue):
        Address.parse(text)


@pytest.mark.parametrize("text", ["0", "5", "250", "254", "00217819", "002178FF", "0021781942042002"])
def test_addresses_are_written_as_they_are_read(text: str) -> None:
    assert str(Address.parse(text)) == text
