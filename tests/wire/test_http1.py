"""Responses byte for byte, as told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattproof.errors import InvalidValue
from wattproof.wire.http1 import LAST_CHUNK, REASONS, Response, encode_chunk, encode_head


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (Response(200), b"HTTP/1.1 200 OK\r\n\r\n"),
        (Response(200, reason="Fine"), b"HTTP/1.1 200 Fine\r\n\r\n"),
        (Response(200, reason=""), b"HTTP/1.1 200 \r\n\r\n"),
        (Response(599), b"HTTP/1.1 599 \r\n\r\n"),
        (Response(200, version="1.0"), b"HTTP/1.0 200 OK\r\n\r\n"),
        (
            Response(404, (("b", "2"), ("A", "1"), ("b", "3")), b"gone"),
            b"HTTP/1.1 404 Not Found\r\nb: 2\r\nA: 1\r\nb: 3\r\n\r\ngone",
        ),
        (
            Response(200, (), b"abcdefg", chunks=(2, 3)),
            b"HTTP/1.1 200 OK\r\n\r\n2\r\nab\r\n3\r\ncde\r\n2\r\nfg\r\n0\r\n\r\n",
        ),
        (Response(200, (), b"ab", chunks=(2,)), b"HTTP/1.1 200 OK\r\n\r\n2\r\nab\r\n0\r\n\r\n"),
        (Response(200, (), b"", chunks=()), b"HTTP/1.1 200 OK\r\n\r\n0\r\n\r\n"),
        (Response(200, (), b"whole answer", cut=21), b"HTTP/1.1 200 OK\r\n\r\nwh"),
        (Response(200, (("X", "\xe9"),)), b"HTTP/1.1 200 OK\r\nX: \xe9\r\n\r\n"),
    ],
)
def test_bytes(response: Response, expected: bytes) -> None:
    assert response.encode() == expected


@pytest.mark.parametrize(
    ("response", "added"),
    [
        (Response(200, (), b"abc"), ("Content-Length", "3")),
        (Response(400), ("Content-Length", "0")),
        (Response(200, (), b"abc", chunks=(1,)), ("Transfer-Encoding", "chunked")),
    ],
)
def test_framed_adds_the_length_last(response: Response, added: tuple[str, str]) -> None:
    assert response.framed().headers[-1] == added
    assert response.framed().framed() == response.framed()


@pytest.mark.parametrize("status", [100, 101, 204, 304])
def test_some_responses_have_no_length(status: int) -> None:
    assert Response(status).framed().headers == ()


def test_head_has_the_head_alone() -> None:
    assert Response(200, (), b"abc").framed().encode(head_only=True) == b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"


@pytest.mark.parametrize(
    "response",
    [
        Response(99),
        Response(1000),
        Response(200, (("a b", "c"),)),
        Response(200, (("", "c"),)),
        Response(200, (("a", "b\r\nSet-Cookie: c"),)),
        Response(200, (("a", "b\nc"),)),
        Response(200, (("a", " b"),)),
        Response(200, (("a", "\0"),)),
        Response(200, (("a", "€"),)),
        Response(200, reason="OK\r\nx: y"),
        Response(200, (), b"abc", chunks=(0,)),
    ],
)
def test_what_cannot_be_written_is_refused(response: Response) -> None:
    with pytest.raises(InvalidValue):
        response.encode()


@given(st.binary(max_size=300), st.lists(st.integers(1, 100), max_size=6))
def test_chunks_hold_the_body(body: bytes, sizes: list[int]) -> None:
    data = Response(200, (), body, chunks=tuple(sizes)).encode().partition(b"\r\n\r\n")[2]
    found = bytearray()
    while data != LAST_CHUNK:
        size, _, data = data.partition(b"\r\n")
        length = int(size, 16)
        assert length > 0
        found += data[:length]
        assert data[length : length + 2] == b"\r\n"
        data = data[length + 2 :]
    assert bytes(found) == body


@given(st.text(max_size=20), st.text(max_size=20))
def test_no_text_breaks_out_of_its_line(name: str, value: str) -> None:
    try:
        head = encode_head(200, [(name, value)])
    except InvalidValue:
        return
    assert head.count(b"\r\n") == 3
    assert head.count(b"\n") == 3


def test_an_empty_chunk_is_nothing() -> None:
    assert encode_chunk(b"") == b""
    assert encode_chunk(bytes(16)) == b"10\r\n" + bytes(16) + b"\r\n"


def test_phrases_are_printable() -> None:
    assert all(phrase.isascii() and phrase.isprintable() for phrase in REASONS.values())
