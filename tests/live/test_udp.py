"""Datagrams on real sockets, suspended and blocking."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from wattproof.drivers.modbus import run_blocking
from wattproof.errors import Disconnected, Unreachable
from wattproof.io.opening import open_link, open_link_blocking
from wattproof.io.url import MeterURL, parse_url


@pytest.fixture
def peer() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        bound.settimeout(2)
        yield bound


def url_of(bound: socket.socket) -> MeterURL:
    return parse_url(f"dlms+udp://127.0.0.1:{bound.getsockname()[1]}")


def echo_three(bound: socket.socket) -> None:
    data, client = bound.recvfrom(100)
    for piece in (data, b"", b"third"):
        bound.sendto(piece, client)


async def test_a_datagram_is_received_as_it_was_sent(peer: socket.socket) -> None:
    link = await open_link(url_of(peer))
    assert await link.receive(0.01) == b""
    await link.send(b"first")
    echo_three(peer)
    assert [await link.receive(2) for _ in range(3)] == [b"first", b"", b"third"]
    assert link.heard
    await link.send(b"again")
    echo_three(peer)
    assert await link.receive(2) == b"again"
    await link.rest(0.05)
    assert link.discard() == b"third"
    await link.close()
    assert link.closed
    for refused in (link.send(b"x"), link.receive(1)):
        with pytest.raises(Disconnected):
            await refused


def test_the_blocking_link_does_the_same(peer: socket.socket) -> None:
    link = open_link_blocking(url_of(peer))
    assert run_blocking(link.receive(0.01)) == b""
    run_blocking(link.send(b"first"))
    echo_three(peer)
    assert [run_blocking(link.receive(2)) for _ in range(3)] == [b"first", b"", b"third"]
    run_blocking(link.send(b"again"))
    echo_three(peer)
    assert link.discard() == b"againthird"
    run_blocking(link.close())
    assert link.closed
    for refused in (link.send(b"x"), link.receive(1)):
        with pytest.raises(Disconnected):
            run_blocking(refused)


async def test_where_nothing_listens_the_next_answer_is_an_error(peer: socket.socket) -> None:
    url = url_of(peer)
    peer.close()
    link = await open_link(url)
    await link.send(b"knock")
    with pytest.raises(Unreachable, match="nothing listens there"):
        await link.receive(2)
    await link.close()
    blocking = open_link_blocking(url)
    run_blocking(blocking.send(b"knock"))
    with pytest.raises(Unreachable, match="nothing listens there"):
        run_blocking(blocking.receive(2))
    run_blocking(blocking.close())
