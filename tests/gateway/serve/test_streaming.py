"""Answers that are sent while they are made, and the reasons of those that break off (11.5)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from tests.g13 import examples
from wattproof.g13 import bodies
from wattproof.g13.resources import BY_NUMBER
from wattproof.gateway.local import CommandFailed, Failing
from wattproof.gateway.records import Setting, Write
from wattproof.gateway.serve.exact import CUT
from wattproof.gateway.serve.framing import Framing
from wattproof.gateway.serve.lasterror import BLOCK, KEPT, LAST_ID, LastErrors, shown
from wattproof.gateway.serve.problems import COSEM, Problem
from wattproof.gateway.serve.rows import Rows
from wattproof.gateway.serve.streaming import Asked, Streamed, Streaming
from wattproof.gateway.store.sqlite import SQLiteStore
from wattproof.model.clock import VirtualClock

ASKED = Asked("eva", 73, "/meters/A/loadprofiles", "A")
DARK = CommandFailed(Failing.METER, COSEM, detail="no answer from unit 42")


class Setup:
    """A store, ids, and what a client sees."""

    def __init__(self, store: SQLiteStore, *, compat: bool = False, complete: int = 100) -> None:
        self.store = store
        self.clock = VirtualClock()
        self.reserved: list[Sequence[Write]] = []
        self.errors = LastErrors(store, self.commit, self.clock)
        self.streaming = Streaming(Framing(compat=compat), self.errors, complete=complete)
        self.sent: list[Any] = []

    async def commit(self, *writes: Write) -> None:
        self.reserved.append(writes)
        await self.store.commit(*writes)

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    async def answer(self, pieces: Sequence[bytes | Exception]) -> tuple[dict[bytes, bytes], bytes, bool]:
        """Headers, body, and whether it was cut."""

        async def made() -> AsyncIterator[bytes]:
            for piece in pieces:
                if isinstance(piece, Exception):
                    raise piece
                yield piece

        self.sent.clear()
        await self.streaming.send(self.send, Streamed(made()), ASKED)
        body = b"".join(message.get("body", b"") for message in self.sent[1:])
        return dict(self.sent[0]["headers"]), body, self.sent[-1]["type"] == CUT


@pytest.fixture
async def store(tmp_path: Any) -> AsyncIterator[SQLiteStore]:
    opened = SQLiteStore(tmp_path / "store.sqlite")
    yield opened
    await opened.close()


@pytest.mark.proves("G-380", "G-001")
async def test_a_small_answer_is_completed_first_and_has_no_id(store: SQLiteStore) -> None:
    setup = Setup(store)
    headers, body, _ = await setup.answer([b"x" * 60, b"y" * 40])
    assert headers[b"Content-Length"] == b"100" and headers[b"Link"] == b"/lasterror/0"
    assert body == b"x" * 60 + b"y" * 40 and not setup.reserved
    with pytest.raises(CommandFailed):
        await setup.answer([b"x" * 60, DARK])
    assert not setup.sent


@pytest.mark.proves("G-379", "G-380")
async def test_a_large_answer_that_breaks_off_is_cut(store: SQLiteStore) -> None:
    setup = Setup(store)
    headers, body, cut = await setup.answer([b'{"items":[', b"x" * 91, DARK])
    assert headers[b"Transfer-Encoding"] == b"chunked" and headers[b"Link"] == b"/lasterror/1"
    assert cut and body == b'{"items":[' + b"x" * 91
    with pytest.raises(json.JSONDecodeError):
        json.loads(body)
    assert shown(1, setup.errors.find(1)) == {
        "id": 1, "status": "error", "des": COSEM, "serial": "A", "resource": "/meters/A/loadprofiles",
        "detail": "no answer from unit 42",
    }  # fmt: skip
    headers, body, cut = await setup.answer([b"x" * 101, b"y"])
    assert headers[b"Link"] == b"/lasterror/2" and body == b"x" * 101 + b"y" and not cut
    assert shown(2, setup.errors.find(2)) == {"id": 2, "status": "success"}


@pytest.mark.proves("G-379")
async def test_compat_streams_from_the_first_piece_on_and_ends_with_a_chunk(store: SQLiteStore) -> None:
    setup = Setup(store, compat=True)
    headers, body, cut = await setup.answer([b'{"mapping":[]', DARK])
    assert headers[b"Link"] == b"/lasterror/1" and body == b'{"mapping":[]' and not cut
    assert setup.sent[-1] == {"type": "http.response.body", "body": b""}
    with pytest.raises(CommandFailed):
        await setup.answer([DARK])
    assert not setup.sent


@pytest.mark.proves("G-380", "G-191")
async def test_ids_rise_over_restarts_and_come_round(store: SQLiteStore) -> None:
    first = Setup(store)
    assert [await first.errors.begin("eva", "/", "A") for _ in range(BLOCK + 1)] == list(range(1, BLOCK + 2))
    assert len(first.reserved) == 2
    again = Setup(store)
    assert await again.errors.begin("eva", "/", "A") == 2 * BLOCK + 1
    await store.commit(Setting("errors", LAST_ID - BLOCK + 2))
    last = Setup(store)
    assert await last.errors.begin("eva", "/", "A") == 1


@pytest.mark.proves("G-380")
async def test_entries_are_kept_for_a_day_and_a_thousand_of_them(store: SQLiteStore) -> None:
    setup = Setup(store)
    ids = [await setup.errors.begin("eva", "/", "A") for _ in range(KEPT + 1)]
    assert setup.errors.find(ids[0]) is None and setup.errors.find(ids[1]) is not None
    setup.clock.advance(86399)
    assert setup.errors.find(ids[-1]) is not None
    setup.clock.advance(1)
    assert setup.errors.find(ids[-1]) is None


async def test_a_client_that_has_gone_ends_what_makes_the_pieces(store: SQLiteStore) -> None:
    setup = Setup(store)
    ended = asyncio.Event()

    async def made() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x" * 200
        finally:
            ended.set()

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await setup.streaming.send(send, Streamed(made()), ASKED)
    assert ended.is_set()


@pytest.mark.proves("G-169", "G-173", "G-177")
@pytest.mark.parametrize("number", [69, 73, 77])
def test_items_are_written_as_their_shapes_write_them(number: int) -> None:
    resource = BY_NUMBER[number]
    (text,) = [example.text for example in examples.ANSWERS if example.number == number]
    document = json.loads(text)
    items = document.pop("items")
    rows = Rows(resource, document, compat=False)
    made = rows.head + rows.items([]) + rows.items(items) + rows.items([]) + rows.items(items) + rows.end
    assert made == bodies.encode(resource, document | {"items": items * 2})
    for wrong in ([{"time": "x"}], [items[0] | {"more": 1}], [[1]], [{**items[0], next(iter(items[0])): {}}]):
        with pytest.raises(Problem):
            rows.items(wrong)


def test_items_may_be_missing_or_several_numbers() -> None:
    profile = Rows(BY_NUMBER[73], {"mapping": ["a", "%"], "interval": 60}, compat=True)
    time = "2026-01-01T00:00:00"
    several = [{"status": 32, "value": None, "timestamp": time}, {"status": 1, "value": ["1.0"], "timestamp": time}]
    assert profile.items(several) == (
        b'{"status":32,"timestamp":"2026-01-01T00:00:00","value":null},'
        b'{"status":1,"timestamp":"2026-01-01T00:00:00","value":["1.0"]}'
    )
    demand = Rows(BY_NUMBER[77], {"mapping": []}, compat=False)
    assert demand.items([{"time": time, "values": [[1, "12.50", time, 3]]}]) == (
        b'{"values":[[1,12.50,"2026-01-01T00:00:00",3]],"time":"2026-01-01T00:00:00"}'
    )
