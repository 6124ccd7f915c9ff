"""Whatever a server sends, the HTTP client's reader ends with an answer or with an error of its own."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from wattproof.errors import ProtocolError
from wattproof.io.web import Limits, ResponseReader
from wattproof.wire.http1 import Response

LIMITS = Limits(head=400, body=400)
BODIES = st.binary(max_size=200)
SIZES = st.lists(st.integers(1, 50), max_size=6).map(tuple)


def read(data: bytes, pieces: list[int]) -> ResponseReader:
    """Feed ``data`` in pieces, as a slow line would."""
    reader = ResponseReader("GET /", LIMITS)
    at = 0
    for size in [*pieces, len(data)]:
        if reader.complete or at >= len(data):
            break
        reader.feed(data[at : at + size])
        at += size
    return reader


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=900), st.lists(st.integers(1, 60), max_size=10))
@example(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", [])
@example(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", [])
@example(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nzzz", [])
@example(b"HTTP/2 200\r\n\r\n", [])
def test_rubbish_is_an_error_and_nothing_else(data: bytes, pieces: list[int]) -> None:
    try:
        reader = read(data, pieces)
    except ProtocolError:
        return
    assert len(reader.answer().body) <= LIMITS.body


@settings(deadline=None, max_examples=200)
@given(BODIES, SIZES, st.lists(st.integers(1, 60), max_size=20), st.booleans())
def test_a_response_of_our_own_server_is_read_back(
    body: bytes, sizes: tuple[int, ...], pieces: list[int], chunked: bool
) -> None:
    response = Response(200, (("Connection", "close"),), body, chunks=sizes if chunked else None).framed()
    reader = read(response.encode(), pieces)
    assert reader.complete
    assert (reader.answer().status, reader.answer().body) == (200, body)
