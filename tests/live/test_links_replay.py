"""A trace recorded on a real socket, and the device in it played again."""

from __future__ import annotations

import asyncio
import struct
from pathlib import Path

import pytest

from wattproof.drivers.modbus import connect, connect_blocking, run_blocking
from wattproof.errors import ResponseTimeout
from wattproof.io.opening import open_link
from wattproof.io.replay import Replay, repeat, serve_replay
from wattproof.io.trace import CLOSED, RECEIVED, SENT, Chunk, Trace, read_trace
from wattproof.io.url import parse_url
from wattproof.wire.modbus.framing import FRAMINGS
from wattproof.wire.modbus.pdu import read_request


def recorded(framing: str) -> list[Chunk]:
    """A conversation: registers 0 and 1 twice with other values, registers 9 to 12 once."""
    client, server = FRAMINGS[framing].client(), FRAMINGS[framing].server()
    chunks: list[Chunk] = []
    for number, (address, count, values) in enumerate([(0, 2, (1, 2)), (0, 2, (3, 4)), (9, 4, (5, 6, 7, 8))]):
        sent = client.encode(42, read_request(3, address, count), number + 1)
        (request,) = server.receive(sent)
        answer = server.encode(request, bytes((3, 2 * count)) + struct.pack(f">{count}H", *values))
        chunks += [Chunk(number, SENT, sent), Chunk(number + 0.01, RECEIVED, answer)]
    return chunks


@pytest.mark.parametrize("framing", ["tcp", "rtu", "ascii"])
async def test_a_played_device_is_read_and_recorded_again(tmp_path: Path, framing: str) -> None:
    chunks = recorded(framing)
    replay = Replay(chunks, echoed=2 if framing == "tcp" else 0)
    async with serve_replay(replay) as (host, port):
        url = parse_url(f"tcp://{host}:{port}?framing={framing}&timeout=0.2&retries=0")
        with Trace(tmp_path / "trace") as trace:
            link = await connect(url, trace=trace)
            answers = [await link.exchange(42, read_request(3, *span)) for span in ((0, 2), (0, 2), (9, 4))]
            with pytest.raises(ResponseTimeout):
                await link.exchange(42, read_request(3, 77, 1))
            await link.close()
    assert [answer.hex() for answer in answers] == ["030400010002", "030400030004", "03080005000600070008"]
    assert len(replay.unknown) == 1
    again = [chunk for chunk in read_trace(tmp_path / "trace") if chunk.direction != CLOSED]
    skip = 2 if framing == "tcp" else 0
    assert [(one.direction, one.data[skip:]) for one in again[:6]] == [
        (one.direction, one.data[skip:]) for one in chunks
    ]


async def test_a_played_device_serves_a_blocking_client() -> None:
    async with serve_replay(Replay(recorded("tcp"), echoed=2)) as (host, port):

        def work() -> bytes:
            link = connect_blocking(parse_url(f"tcp://{host}:{port}"))
            answer = run_blocking(link.exchange(42, read_request(3, 0, 2)))
            run_blocking(link.close())
            return answer

        assert (await asyncio.to_thread(work)).hex() == "030400010002"


async def test_a_recording_is_asked_again_and_differences_are_told() -> None:
    chunks = recorded("rtu")
    async with serve_replay(Replay(chunks)) as (host, port):
        link = await open_link(parse_url(f"rtu://{host}:{port}"))
        assert await repeat(link, chunks) == []
        other = [*chunks[:1], Chunk(0.1, RECEIVED, b"otherwise"), *chunks[2:]]
        assert [one.number for one in await repeat(link, other, timeout=0.2)] == [1]
        await link.close()
