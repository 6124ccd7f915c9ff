from __future__ import annotations

import asyncio
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattproof.errors import Disconnected, InvalidValue, StorageError
from wattproof.io.memory import memory_pair
from wattproof.io.replay import Difference, Replay, Reply, answer_on, exchanges, repeat, replay_link
from wattproof.io.trace import CLOSED, RECEIVED, SENT, Chunk, HeldTrace, Trace, TracedLink, read_trace
from wattproof.model.clock import VirtualClock

TRACE = """\
# wattproof trace 1
# open rtu://h:1
0.000000 > 2a 03 9c40 0002
0.100000 < 2a0304
0.150000 < 53756e53
1.000000 > ff01
2.000000 > 2a039c400002
2.050000 < 2a0304aaaaaaaa
3.000000 > 99

3.100000 ! closed
"""
FIRST = bytes.fromhex("2a039c400002")


def lines() -> list[Chunk]:
    return read_trace(TRACE.splitlines())


async def test_every_byte_of_a_link_is_written_with_time_and_direction(tmp_path: Path) -> None:
    clock = VirtualClock()
    near, far = memory_pair(clock, "tcp://h:1")
    path = tmp_path / "trace"
    with Trace(path, clock=clock) as trace:
        link = TracedLink(near, trace)
        await link.send(b"\x01\x02")
        clock.advance(0.25)
        await far.send(b"\x03")
        assert await link.receive(1) == b"\x03"
        await far.send(b"\x04")
        assert link.discard() == b"\x04"
        assert (link.heard, link.closed, link.name) == (250_000_000, False, "tcp://h:1")
        far.cut()
        with pytest.raises(Disconnected):
            await link.receive(1)
        await link.close()
    assert path.read_text().splitlines() == [
        "# wattproof trace 1",
        "# open tcp://h:1",
        "0.000000 > 0102",
        "0.250000 < 03",
        "0.250000 < 04",
        "0.250000 ! closed",
    ]
    assert read_trace(path) == [
        Chunk(0.0, SENT, b"\x01\x02"),
        Chunk(0.25, RECEIVED, b"\x03"),
        Chunk(0.25, RECEIVED, b"\x04"),
        Chunk(0.25, CLOSED, b""),
    ]


def test_a_trace_goes_to_standard_error_or_any_stream(capsys: pytest.CaptureFixture[str]) -> None:
    trace = Trace("-", clock=VirtualClock())
    trace.record(SENT, b"\xff")
    trace.close()
    assert "0.000000 > ff" in capsys.readouterr().err
    stream = io.StringIO()
    Trace(stream, clock=VirtualClock()).note("caf\u00e9\n")
    assert stream.getvalue().endswith("# caf\\xe9\n\n")


def test_a_trace_that_cannot_be_written_or_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="folder"):
        Trace(tmp_path / "no" / "folder" / "x")
    with pytest.raises(StorageError, match="absent"):
        read_trace(tmp_path / "absent")
    full = Path("/dev/full")
    if full.exists():
        with pytest.raises(StorageError, match=r"the trace .*full.* could not be written any further"):
            Trace(full)


@pytest.mark.parametrize("line", ["x > 00", "0.0 ? 00", "0.0 > 0", "0.0 >", "zz", "0.0 < g0"])
def test_a_line_that_is_no_chunk_is_named_by_its_number(line: str) -> None:
    with pytest.raises(StorageError, match="line 2: "):
        read_trace(["0.0 > 00", line])


@given(st.lists(st.tuples(st.floats(0, 1e6), st.sampled_from([SENT, RECEIVED]), st.binary(min_size=1, max_size=20))))
@settings(max_examples=50)
def test_what_is_written_is_read(rows: list[tuple[float, str, bytes]]) -> None:
    chunks = [Chunk(round(time, 6), direction, data) for time, direction, data in rows]
    read = read_trace([str(chunk) for chunk in chunks])
    assert [(chunk.direction, chunk.data) for chunk in read] == [(chunk.direction, chunk.data) for chunk in chunks]
    assert [chunk.time for chunk in read] == pytest.approx([chunk.time for chunk in chunks])


def test_a_conversation_is_requests_and_their_answers() -> None:
    found = exchanges(lines())
    assert [(one.request.hex(), one.answer.hex()) for one in found] == [
        ("2a039c400002", "2a030453756e53"),
        ("ff012a039c400002", "2a0304aaaaaaaa"),
        ("99", ""),
    ]
    assert [reply.delay for reply in found[0].replies] == pytest.approx([0.1, 0.15])


RECORDED = [
    Chunk(0.0, SENT, b"AA"),
    Chunk(0.1, RECEIVED, b"one"),
    Chunk(1.0, SENT, b"AA"),
    Chunk(1.1, RECEIVED, b"two"),
    Chunk(2.0, SENT, b"BBB"),
    Chunk(2.5, CLOSED, b""),
]


def test_a_question_asked_again_gets_the_next_recorded_answer_and_then_the_first() -> None:
    replay = Replay(RECORDED)
    assert [replay.receive(b"AA")[0].data for _ in range(3)] == [b"one", b"two", b"one"]
    assert replay.receive(b"BBB") == [Reply(0.5, None)]


def test_a_question_may_come_in_pieces_or_with_others() -> None:
    replay = Replay(RECORDED)
    assert replay.receive(b"A") == []
    assert [reply.data for reply in replay.receive(b"AAA")] == [b"one", b"two"]


def test_what_was_never_asked_is_not_answered_but_kept() -> None:
    replay = Replay(RECORDED)
    assert replay.receive(b"zz") == []
    assert replay.unknown == [b"zz"]
    assert [reply.data for reply in replay.receive(b"AA")] == [b"one"]


def test_the_transaction_of_the_asker_is_given_back() -> None:
    replay = Replay([Chunk(0, SENT, b"\0\1rest"), Chunk(0, RECEIVED, b"\0\1answer")], echoed=2)
    assert [reply.data for reply in replay.receive(b"\x77\x88rest")] == [b"\x77\x88answer"]


def test_a_trace_without_a_request_cannot_answer() -> None:
    with pytest.raises(InvalidValue, match="no request"):
        Replay([Chunk(0, RECEIVED, b"x")])


async def test_the_recorded_device_answers_with_its_delays() -> None:
    clock = VirtualClock()
    near, far = memory_pair(clock)
    playing = asyncio.create_task(answer_on(far, Replay(lines())))
    await near.send(FIRST)
    heard: list[tuple[float, bytes]] = []

    async def listen() -> None:
        while data := await near.receive(5):
            heard.append((clock.now() / 1e9, data))

    listening = asyncio.create_task(listen())
    await clock.run(10)
    await listening
    assert heard == [(0.1, bytes.fromhex("2a0304")), (0.15, bytes.fromhex("53756e53"))]
    near.cut()
    await clock.run(0)
    assert playing.done()


async def test_the_recorded_device_hangs_up_where_it_did() -> None:
    clock = VirtualClock()
    near, far = memory_pair(clock)
    playing = asyncio.create_task(answer_on(far, Replay(RECORDED), paced=False))
    await near.send(b"BBB")
    await clock.run(0)
    assert playing.done()
    assert near.closed
    near = replay_link(Replay(RECORDED), clock)
    await near.send(b"AABBB")
    assert await near.receive(0) == b"one"
    with pytest.raises(Disconnected):
        await near.receive(0)


async def test_a_device_that_answers_as_recorded_makes_no_difference() -> None:
    clock = VirtualClock()
    link = replay_link(Replay(RECORDED[:4]), clock)
    assert await repeat(link, RECORDED[:4]) == []


async def test_what_a_device_answers_otherwise_is_told() -> None:
    clock = VirtualClock()
    link, far = memory_pair(clock)
    far.answer = lambda data: b"one"
    (difference,) = await repeat(link, RECORDED[:4])
    assert difference == Difference(2, b"AA", b"two", b"one")
    assert "request 2 (4141): recorded 74776f, now 6f6e65" in str(difference)
    far.answer = lambda data: far.cut() or b""  # type: ignore[func-returns-value]
    (difference,) = await repeat(link, RECORDED[:4])
    assert difference.answered == b""


def test_a_secret_in_pieces_is_hidden_and_every_piece_keeps_its_moment() -> None:
    text = io.StringIO()
    clock = VirtualClock()
    held = HeldTrace(Trace(text, clock=clock), lambda data: data.replace(b"s3cret", b"******"))
    for piece in (b"key:s3", b"cret end", b""):
        held.record(RECEIVED if piece else CLOSED, piece)
        clock.advance(1)
    held.note("at once")
    held.release()
    assert text.getvalue().splitlines()[1:] == [
        "# at once",
        f"0.000000 < {b'key:**'.hex()}",
        f"1.000000 < {b'**** end'.hex()}",
        "2.000000 ! closed",
    ]
