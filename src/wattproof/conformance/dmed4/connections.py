"""Modbus TCP byte by byte: its header, and how many connections the meter takes (specification, section 2.4)."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from wattproof.conformance.dmed4.common import INFERRED, MANUAL, expect, row
from wattproof.conformance.dmed4.subject import Dmed
from wattproof.conformance.engine import Failed, Need, NotApplicable, Skipped
from wattproof.errors import Disconnected, LinkError
from wattproof.io.link import ByteLink
from wattproof.wire.modbus.messages import ServerIdRequest

#: Transaction, protocol, length, node.
HEADER = struct.Struct(">HHHB")
#: Seconds for an answer, and for a connection to be closed.
LIMIT = 2.0
PDU = ServerIdRequest().encode()
#: A transaction whose bytes differ.
TRANSACTION = 0x1234


class Answer:
    """One answer: the fields of its header, and how many bytes came behind the length."""

    def __init__(self, data: bytes) -> None:
        self.transaction, self.protocol, self.length, self.node = HEADER.unpack_from(data)
        self.pdu = data[HEADER.size :]
        self.counted = len(data) - 6


async def _speak(link: ByteLink, node: int, *, protocol: int = 0) -> Answer | None:
    """Ask for the identity; the answer, ``None`` if the meter closes the connection instead of one.

    ``Failed`` for silence on an open connection.
    """
    data = b""
    try:
        await link.send(HEADER.pack(TRANSACTION, protocol, 1 + len(PDU), node) + PDU)
        while len(data) < HEADER.size + 2 or len(data) < HEADER.size + 2 + data[HEADER.size + 1]:
            part = await link.receive(LIMIT)
            if not part:
                raise Failed(f"neither an answer nor the end of the connection within {LIMIT:g} s, only {data.hex()!r}")
            data += part
    except Disconnected:
        return None
    return Answer(data)


@asynccontextmanager
async def _another(meter: Dmed) -> AsyncIterator[ByteLink]:
    """A further connection besides that of the checks."""
    registers = meter.modbus
    if not registers.network or registers.framing != "tcp":
        raise NotApplicable(f"the link is no Modbus TCP but {registers.framing}")
    dial = getattr(registers.link, "dial", None)
    if dial is None:
        raise Skipped("this link opens no further connections")
    await registers.identity()  # so that the first one is open
    link: ByteLink = await dial()
    try:
        yield link
    finally:
        await link.close()


async def _answered(meter: Dmed, link: ByteLink, node: int | None = None) -> Answer:
    found = await _speak(link, meter.modbus.unit if node is None else node)
    if found is None:
        raise Failed("a second connection is closed: does another master hold one?")
    return found


async def transaction(meter: Dmed) -> None:
    async with _another(meter) as link:
        found = await _answered(meter, link)
    expect(found.transaction == TRANSACTION, f"transaction {TRANSACTION:04x} is answered as {found.transaction:04x}")
    expect(found.protocol == 0, f"the answer has protocol {found.protocol}")


async def node(meter: Dmed) -> None:
    async with _another(meter) as link:
        for number in (meter.modbus.unit, 0, 255):
            found = await _answered(meter, link, number)
            expect(found.node == number, f"node {number} is answered as {found.node}")


async def length(meter: Dmed) -> None:
    async with _another(meter) as link:
        found = await _answered(meter, link)
    expect(found.length == found.counted, f"the length says {found.length}, {found.counted} bytes follow it")


async def other_protocol(meter: Dmed) -> None:
    async with _another(meter) as link:
        await _answered(meter, link)
        found = await _speak(link, meter.modbus.unit, protocol=1)
    expect(found is None, "a request with protocol id 1 is answered")


async def two(meter: Dmed) -> None:
    async with _another(meter) as link:
        for _ in range(2):
            await _answered(meter, link)
            await meter.modbus.identity()


async def third(meter: Dmed) -> str | None:
    remark = None
    async with _another(meter) as second:
        await _answered(meter, second)
        try:
            async with _another(meter) as link:
                found = await _speak(link, meter.modbus.unit)
        except LinkError as error:
            found, remark = None, f"refused: {error} (DEC-11)"
        expect(found is None, "a third connection is answered")
        await _answered(meter, second)
        await meter.modbus.identity()
    return remark


ROWS = (
    row("D-024", "The answer copies the transaction", MANUAL, Need.READ, transaction),
    row("D-025", "The answer copies the node", MANUAL, Need.READ, node),
    row("D-026", "The length counts node, function and data", MANUAL, Need.READ, length),
    row("D-027", "Another protocol id closes the connection", INFERRED, Need.READ, other_protocol),
    row("D-028", "Two connections work at the same time", MANUAL, Need.READ, two),
    row("D-029", "A third connection is closed, the others work on", INFERRED, Need.READ, third, "DEC-11"),
)
