"""The master: frame count, repetitions, whole readouts, scans and searches over lines with meters."""

from __future__ import annotations

import random
from collections.abc import Callable
from math import log10

import pytest

from tests.wire.mbus.line import ENERGY, Line, Meter, combined
from wattproof.errors import FrameError, ProtocolError, Refused, ResponseTimeout
from wattproof.wire.mbus import ci_fields, frames
from wattproof.wire.mbus.addresses import SecondaryAddress
from wattproof.wire.mbus.fixed import FixedData
from wattproof.wire.mbus.frames import SELECTED, Ack, Long
from wattproof.wire.mbus.master import TELEGRAM_LIMIT, Exchange, Master, Outcome, run
from wattproof.wire.mbus.receivers import Damaged, Expect
from wattproof.wire.mbus.requests import Request
from wattproof.wire.mbus.search import Finding, Search, scan
from wattproof.wire.mbus.slave import Counting
from wattproof.wire.mbus.telegrams import AlarmStatus, Telegram, encode_answer
from wattproof.wire.mbus.timing import Pause, Timing, Wait

Spoil = Callable[[int, bytes], bytes]


def numbers(line: Line, master: Master | None = None, address: int = 5) -> list[int]:
    """The pages of a whole readout."""
    result = run((master or Master()).read(address), line)
    return [record.content // 1000 for record in result.records if isinstance(record.content, int)]


@pytest.mark.proves("A-005", "A-004")
def test_a_readout_begins_with_fcb_1_and_toggles_after_every_good_answer() -> None:
    line = Line(Meter(pages=3))
    assert numbers(line) == [1, 2, 3]
    assert line.sent == ["10 40 05 45 16", "10 7B 05 80 16", "10 5B 05 60 16", "10 7B 05 80 16"]
    waits = [(step.wait, step.pause) for step in line.steps]
    assert waits == [
        (Wait.ACK, Pause.NONE),
        (Wait.RESPONSE, Pause.BEFORE_REQ_UD2),
        *[(Wait.RESPONSE, Pause.AFTER_TELEGRAM)] * 2,
    ]


@pytest.mark.proves("A-005")
@pytest.mark.parametrize(
    "damage",
    [lambda octets: b"", lambda octets: octets[:-1], lambda octets: octets[:9] + b"\0" + octets[10:]],
    ids=["silence", "cut", "changed"],
)
def test_a_lost_answer_is_asked_for_again_with_the_same_bit(damage: Callable[[bytes], bytes]) -> None:
    line = Line(Meter(pages=3), spoil=lambda step, octets: damage(octets) if step in (3, 4, 6) else octets)
    result = run(Master().read(5), line)
    assert [record.content // 1000 for record in result.records] == [1, 2, 3]  # type: ignore[operator]
    assert [sent[3:5] for sent in line.sent] == ["40", "7B", "5B", "5B", "5B", "7B", "7B"]
    assert [step.pause for step in line.steps][3:5] == [Pause.REPETITION] * 2
    assert result.warnings == [
        "the access number went from 1 to 4 at telegram 2",
        "the access number went from 4 to 6 at telegram 3",
    ]


@pytest.mark.proves("A-014")
def test_after_two_repetitions_a_meter_is_offline_and_comes_back_by_snd_nke() -> None:
    meter, silent = Meter(), True
    line = Line(meter, spoil=lambda step, octets: b"" if silent else octets)
    master = Master()
    with pytest.raises(ResponseTimeout, match="meter 5 does not answer, asked 3 times with SND_NKE"):
        run(master.read(5), line)
    assert len(line.sent) == 3
    silent = False
    assert numbers(line, master) == [1, 2, 3]


def test_what_is_no_answer_is_told() -> None:
    def instead(frame: bytes) -> Spoil:
        return lambda step, octets: octets if step == 1 else frame

    for octets, reason in (
        (b"\xe5", "asked 3 times with REQ_UD2: 1 bytes that form no frame"),
        (frames.rsp_ud(6, 0x72, bytes(12)).encode(), "the answer comes from address 6"),
        (frames.rsp_ud(5, 0x72, bytes(12)).encode() * 2, "several meters answered"),
        (frames.Short(8, 5).encode(), "instead of a response"),
    ):
        with pytest.raises(FrameError, match=reason):
            run(Master().read(5), Line(Meter(), spoil=instead(octets)))
    with pytest.raises(ProtocolError, match="CI 50"):
        run(Master().read(5), Line(Meter(), spoil=instead(frames.rsp_ud(5, 0x50).encode())))
    with pytest.raises(ProtocolError, match="record at byte 0"):
        run(Master().read(5), Line(Meter(), spoil=instead(frames.rsp_ud(5, 0x78, b"\x04").encode())))
    busy = frames.rsp_ud(5, 0x70, b"\x08").encode()
    with pytest.raises(Refused, match="meter 5 answers with an application error: application busy"):
        run(Master().read(5), Line(Meter(), spoil=instead(busy)))


def test_a_meter_with_fixed_data_has_one_telegram() -> None:
    fixed = FixedData.build("12345678", 1, 0, 7, (0x29, 0x3E), (1, 135))
    octets = Long(8, 5, *encode_answer(fixed)).encode()
    result = run(Master().read(5), Line(Meter(), spoil=lambda step, sent: sent if step == 1 else octets))
    assert result.telegrams == [fixed]
    assert (result.records, result.identification) == ([], None)


def test_a_readout_is_merged_and_searched_by_key() -> None:
    result = run(Master().read(5), Line(Meter(pages=2)))
    found = result.find(ENERGY.key)
    assert found is result.records[0]
    assert result.identification is not None
    assert result.identification.address.number == "00217819"
    assert result.find(found.key._replace(tariff=1)) is None
    assert result.warnings == []


@pytest.mark.proves("A-202")
def test_a_readout_without_end_ends_with_an_error() -> None:
    stuck = Line(Meter(pages=3))
    stuck.slaves[0].counting = Counting.STUCK
    with pytest.raises(ProtocolError, match="has sent 32 telegrams and more follow: always the same one"):
        run(Master().read(5), stuck)
    assert len(stuck.sent) == 1 + TELEGRAM_LIMIT
    with pytest.raises(ProtocolError, match="has sent 32 telegrams"):
        run(Master().read(5), Line(Meter(pages=3, endless=True)))


@pytest.mark.proves("A-202")
def test_a_meter_that_ignores_the_bit_is_noticed_by_its_access_number() -> None:
    line = Line(Meter(pages=4), spoil=lambda step, octets: b"" if step == 3 else octets)
    line.slaves[0].counting = Counting.IGNORED
    result = run(Master().read(5), line)
    assert [record.content // 1000 for record in result.records] == [1, 3, 4]  # type: ignore[operator]
    assert result.warnings == ["the access number went from 1 to 3 at telegram 2"]
    still = Line(Meter(pages=2))
    still.slaves[0].counts_access = False
    assert run(Master().read(5), still).warnings == ["the access number went from 0 to 0 at telegram 2"]


def test_commands_are_counted_and_repeated_ones_are_done_once() -> None:
    meter = Meter()
    line = Line(meter, spoil=lambda step, octets: b"" if step == 2 else octets)
    master = Master()
    run(master.initialise(5), line)
    run(master.send(5, Request("set_tariff", 2).encode()), line)
    run(master.send(5, Request("set_tariff", 3).encode()), line)
    run(master.send(5, ci=ci_fields.baud_rate_ci(9600)), line)
    assert [sent[12:14] for sent in line.sent[1:]] == ["73", "73", "53", "73"]
    assert meter.executed == [Request("set_tariff", 2), Request("set_tariff", 3)]
    assert line.slaves[0].rate == 9600
    run(master.send(255, Request("set_tariff", 1).encode()), line)
    run(master.initialise(255), line)
    assert (line.steps[-1].expect, line.steps[-1].wait) == (Expect.NOTHING, Wait.NONE)
    assert meter.executed[-1] == Request("set_tariff", 1)


def test_alarms_are_acknowledged_where_there_are_none() -> None:
    line, master = Line(Meter()), Master()
    assert run(master.alarms(5), line) is None
    assert run(master.alarms(5), line) is None
    assert line.sent == ["10 7A 05 7F 16", "10 5A 05 5F 16"]
    assert (line.steps[0].expect, line.steps[0].wait) == (Expect.EITHER, Wait.RESPONSE)
    alarm = frames.rsp_ud(5, 0x71, b"\x04").encode()
    assert run(master.alarms(5), Line(Meter(), spoil=lambda step, octets: alarm)) == AlarmStatus(4)


def test_a_special_readout_after_its_request() -> None:
    line, master = Line(Meter()), Master()
    run(master.initialise(5), line)
    run(master.send(5, Request("voltage_harmonics").encode()), line)
    result = run(master.read(5, initialise=False), line)
    assert [record.content // 1000 for record in result.records] == [1, 2]  # type: ignore[operator]


def test_a_selected_meter_is_read_from_its_first_telegram_by_253() -> None:
    line, master = Line(Meter("00217819", 5, pages=2), Meter("00217818", 5, pages=3)), Master()
    for number, pages in (("00217818", [1, 2, 3]), ("00217819", [1, 2]), ("00217818", [1, 2, 3])):
        run(master.select(SecondaryAddress(number)), line)
        result = run(master.read(SELECTED, initialise=False), line)
        assert [record.content // 1000 for record in result.records] == pages  # type: ignore[operator]
        assert result.identification is not None
        assert result.identification.address.number == number
    with pytest.raises(ResponseTimeout, match="meter 253"):
        run(master.select(SecondaryAddress("00000000")), line)


@pytest.mark.proves("A-027")
def test_a_scan_tells_collisions_and_no_wrong_meter() -> None:
    meters = [Meter("00000001", 1), Meter("00000002", 2), Meter("00000003", 2, pages=1), Meter("00000004", 250)]
    line = Line(*meters)
    found = run(scan(range(251)), line)
    assert [(one.address, one.identification and one.identification.number) for one in found] == [
        *[(1, "00000001"), (2, None), (250, "00000004")],
    ]
    assert "two meters with the same address" in found[1].problem
    assert all(step.settle for step in line.steps)


@pytest.mark.proves("A-027")
@pytest.mark.parametrize(
    ("answers", "problem"),
    [
        ((b"",) * 3, "it acknowledges, but sends no telegram"),
        ((b"\xe5",) * 3, "two meters with the same address"),
        ((frames.rsp_ud(9, 0x72, bytes(12)).encode(),) * 3, "the answer comes from address 9"),
        ((frames.rsp_ud(5, 0x50).encode(),), "its telegram cannot be read"),
        ((frames.rsp_ud(5, 0x70, b"\x08").encode(),), ""),
        ((b"\x00" * 9, b"", frames.rsp_ud(5, 0x70).encode()), ""),
    ],
)
def test_a_scan_says_what_is_odd(answers: tuple[bytes, ...], problem: str) -> None:
    line = Line(Meter(), spoil=lambda step, octets: octets if step == 1 else answers[step - 2])
    (found,) = run(scan([5]), line)
    assert found.problem.startswith(problem)
    assert bool(found.problem) is bool(problem)
    assert found.identification is None
    assert len(line.steps) == 1 + len(answers)


def test_a_finding_of_nothing() -> None:
    assert Finding(5).identification is None


def meters_of(numbers: list[str]) -> list[Meter]:
    return [Meter(number, address % 251, pages=1) for address, number in enumerate(numbers)]


def bound(count: int) -> float:
    """Selections of 1.6 for so many meters with random numbers."""
    return 10 * count * log10(count) + 10 if count > 1 else 10


@pytest.mark.proves("A-024")
@pytest.mark.parametrize("count", [0, 1, 2, 16])
@pytest.mark.parametrize("seed", range(3))
def test_a_search_finds_meters_with_random_numbers(count: int, seed: int) -> None:
    generator = random.Random(1000 * count + seed)
    numbers = sorted(f"{generator.randrange(10**8):08d}" for _ in range(count))
    line = Line(*meters_of(numbers))
    search = run(Search().steps(), line)
    assert [found.number for found in search.found] == numbers
    assert (search.duplicates, search.unknown, search.complete) == ([], [], True)
    assert search.selections <= max(bound(count), 20)
    assert line.sent[-1] == "10 40 FD 3D 16"
    assert not any(slave.selected for slave in line.slaves)


@pytest.mark.proves("A-024")
def test_a_search_finds_meters_that_differ_in_the_last_digit() -> None:
    numbers = [f"1234567{digit}" for digit in (0, 4, 9)]
    search = run(Search().steps(), Line(*meters_of(numbers)))
    assert [found.number for found in search.found] == numbers
    assert [found.letters for found in search.found] == ["ABB"] * 3
    assert search.selections == 80
    below = run(Search().steps("1234567"), Line(*meters_of(numbers)))
    assert ([found.number for found in below.found], below.selections) == (numbers, 10)


@pytest.mark.proves("A-025")
def test_equal_numbers_are_told_as_duplicates() -> None:
    meters = [*meters_of(["11111111", "11111111", "22222222"])]
    search = run(Search().steps(), Line(*meters))
    assert search.duplicates == ["11111111"]
    assert [found.number for found in search.found] == ["22222222"]
    assert search.complete


@pytest.mark.proves("A-025")
def test_a_maker_or_a_version_may_tell_equal_numbers_apart() -> None:
    meters = [Meter("11111111", 1, version=0x20), Meter("11111111", 2, manufacturer=0x2C2D, version=0x16)]
    search = run(Search().steps(), Line(*meters))
    assert ([found.letters for found in search.found], search.duplicates) == (["ABB"], ["11111111"])
    walked = run(Search(versions=True).steps(), Line(*meters))
    assert [(found.letters, found.version) for found in walked.found] == [("ABB", 0x20), ("KAM", 0x16)]
    assert (walked.duplicates, walked.complete) == ([], True)


@pytest.mark.proves("A-026")
def test_a_lost_acknowledgement_and_a_lost_telegram_cost_no_meter() -> None:
    numbers = ["10000000", "20000000", "30000001", "30000002"]

    for lost in range(1, 60, 3):
        line = Line(*meters_of(numbers), spoil=lambda step, octets, lost=lost: b"" if step == lost else octets)
        search = run(Search().steps(), line)
        assert [found.number for found in search.found] == numbers, lost
        assert search.selections <= 80 + 10

    quick = Line(*meters_of(numbers[:1]))
    assert len(run(Search(probe_silence=False).steps(), quick).found) == 1
    assert len(quick.steps) == 2 * 10 + 1 + 1


def test_two_acknowledgements_look_like_one_and_prove_nothing() -> None:
    assert combined([b"\xe5", b"\xe5"]) == b"\xe5"
    line, outcomes = Line(*meters_of(["10000001", "10000002"])), []

    def watch(exchange: Exchange) -> Outcome:
        outcome = line(exchange)
        outcomes.append(outcome)
        return outcome

    search = run(Search().steps(), watch)
    selected = outcomes.index(Ack())
    assert isinstance(outcomes[selected + 1], Damaged)
    assert [found.number for found in search.found] == ["10000001", "10000002"]


def test_a_search_ends_where_there_is_only_noise_or_when_it_is_cancelled() -> None:
    noise = run(Search(limit=200).steps(), lambda step: Damaged("noise"))
    assert (noise.selections, noise.complete, noise.found) == (200, False, [])
    search = Search()
    line = Line(*meters_of(["10000000", "50000000"]))

    def cancelling(step: Exchange) -> Outcome:
        if search.found:
            search.cancel()
        return line(step)

    assert run(search.steps(), cancelling) is search
    assert ([found.number for found in search.found], search.complete) == (["10000000"], False)
    assert line.sent[-1] == "10 40 FD 3D 16"
    assert search.selections < 10


def test_meters_without_a_header_are_told_by_number_or_as_unknown() -> None:
    fixed = FixedData.build("12345678", 1, 0, 7, (0x29, 0x3E), (1, 135))

    def over(content: bytes, ci: int) -> Search:
        line = Line(Meter("12345678", 5))

        def exchange(step: Exchange) -> Outcome:
            outcome = line(step)
            return frames.rsp_ud(5, ci, content) if isinstance(outcome, Long) else outcome

        return run(Search().steps(), exchange)

    assert [str(found) for found in over(fixed.encode(), 0x73).found] == ["12345678FFFFFFFF"]
    for ci, content in ((0x70, b"\x08"), (0x78, b"\x04"), (0x72, bytes(3))):
        search = over(content, ci)
        assert (search.found, search.unknown, search.complete) == ([], ["12345678"], True)
    other = Telegram.decode(0x72, bytes.fromhex("78 56 34 99 42 04 20 02 00 00 00 00"))
    assert over(other.encode(), 0x72).duplicates == ["12345678"]


def test_the_seven_values_of_a_configuration() -> None:
    timing = Timing(300, 200, 400, 25, 35, 150, 60_000)
    assert timing.wait(Wait.ACK, 2400) == 300
    assert timing.wait(Wait.RESPONSE, 2400) == 200 + 50
    assert timing.wait(Wait.RESPONSE, 300) == 600
    assert timing.wait(Wait.NONE, 300) == 0
    assert [timing.pause(pause) for pause in Pause] == [0, 25, 35, 150]
    assert timing.gap(2400) == 63.75
    assert timing.gap(2400, network=True) == 300
    assert timing.frame(2400, Wait.ACK) == pytest.approx(262 * 11 / 2.4 + 300)
