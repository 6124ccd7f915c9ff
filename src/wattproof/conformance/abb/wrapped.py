"""APDUs over TCP and UDP: the header of the wrapper, its ports, its connections (abb-meters.md 2.17)."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from wattproof.conformance.abb.association import STRANGER
from wattproof.conformance.abb.common import INFERRED, MANUAL, expect, row
from wattproof.conformance.abb.cosem import OBJECTS, CosemSide, message, request_of
from wattproof.conformance.abb.services import SELF
from wattproof.conformance.abb.stream import Heard, Stream
from wattproof.conformance.abb.subject import Abb
from wattproof.conformance.engine import Failed, Need, Skipped
from wattproof.drivers.cosem.place import TCP, UDP
from wattproof.errors import FrameError, LinkError
from wattproof.wire.cosem import acse, apdus, wrapper
from wattproof.wire.cosem.acse import AssociationResponse
from wattproof.wire.cosem.data import Data
from wattproof.wire.cosem.descriptors import Attribute
from wattproof.wire.cosem.results import Result
from wattproof.wire.hdlc.addresses import PUBLIC

HEADER = struct.Struct(">4H")
AARQ = bytes.fromhex("601DA109060760857405080101BE10040E01000000065F1F0400001E1D04B0")
AARE = bytes.fromhex("6129A109060760857405080101A203020100A305A103020100BE10040E0800065F1F0400001E1D04B00007")
RLRQ, RLRE = bytes.fromhex("6203800100"), bytes.fromhex("6303800100")
QUESTION = apdus.encode(apdus.GetRequest(apdus.INVOKE, SELF))
#: Seconds after which an association without requests is over, and a little more.
INACTIVITY = 121.0
#: PDU size of a client that needs blocks.
SMALL = 128
#: Class of registers, and how often they are compared.
REGISTER, ATTEMPTS = 3, 2


def _wrapped(meter: Abb) -> CosemSide:
    """A side with the wrapper: TCP, else UDP."""
    for side in meter.carriers:
        if side.transport in (TCP, UDP):
            return side
    return meter.over(TCP)


async def examples(meter: Abb) -> None:
    """AARQ and release byte for byte; answers swap the ports."""
    side = _wrapped(meter)
    await side.release()
    for request, wanted, exact in ((AARQ, AARE, False), (RLRQ, RLRE, True)):
        sent = HEADER.pack(1, PUBLIC, 1, len(request)) + request
        heard = await side.ask(sent)
        expect(len(heard.data) > 8, f"{sent[:12].hex(' ')} ... is answered by {heard}")
        version, source, destination, length = HEADER.unpack_from(heard.data)
        expect(version == 1, f"the answer has version {version}")
        expect((source, destination) == (1, PUBLIC), f"the answer goes from port {source} to {destination}")
        expect(length == len(heard.data) - 8, f"the header says {length} bytes, {len(heard.data) - 8} follow")
        apdu = heard.data[8:]
        # The conformance and the PDU size of a real meter may be others.
        told = apdu == wanted if exact else apdu[:29] == wanted[:29]
        expect(told, f"{request[:4].hex(' ')} ... is answered by {apdu[:32].hex(' ')}")
    await side.release()


async def stream(meter: Abb) -> None:
    """Version 2, length 0, length above 2048 close; two messages in one segment, one message in pieces."""
    side = meter.over(TCP)
    for what, head in (
        ("version 2", HEADER.pack(2, PUBLIC, 1, 5)),
        ("length 0", HEADER.pack(1, PUBLIC, 1, 0)),
        ("length 2049", HEADER.pack(1, PUBLIC, 1, 2049)),
    ):
        await side.release()
        heard = await side.ask(head + bytes(5))
        expect(heard.closed, f"a message with {what} is answered by {heard}, the connection is not closed")
    await _pieces(side)


async def _pieces(side: CosemSide) -> None:
    await side.release()
    request = message(AARQ)
    heard = await side.ask(request[:11], 0.5)
    expect(not heard and not heard.closed, f"a third of a message is answered by {heard}")
    heard = await side.ask(request[11:])
    expect(heard.data[8:9] == b"\x61", f"a message in two pieces is answered by {heard}")
    first = await side.ask(message(QUESTION) + message(QUESTION))
    found = wrapper.Receiver().receive(first.data)
    if len(found) == 1:
        more = await side.stream.more(side.timing.answer, side.timing.octet)
        found = wrapper.Receiver().receive(first.data + more)
    expect(len(found) == 2, f"two messages in one segment get {len(found)} answers")
    await side.ask(message(RLRQ))
    await side.release()


async def datagrams(meter: Abb) -> None:
    """A bad header or a wrong length is dropped; the association belongs to peer and SAP, and ends after 120 s."""
    side = meter.over(UDP)
    await side.release()
    good = message(AARQ)
    for what, data in (
        ("version 2", b"\0\2" + good[2:]),
        ("length 0", good[:6] + b"\0\0"),
        ("a byte too many", good + b"\0"),
        ("a byte too few", good[:-1]),
    ):
        heard = await side.ask(data, 1.0)
        expect(not heard, f"a datagram with {what} is answered by {heard}")
    session = await side.fresh(max_pdu=SMALL)
    value = await session.get(OBJECTS)
    expect(isinstance(value.value, tuple) and value.value, "block transfer over UDP gives no object list")
    await side.clock.sleep(INACTIVITY)
    answer = await session.apdu(QUESTION)
    expect(answer == bytes.fromhex("D80101"), f"after {INACTIVITY:g} s of silence a GET gets {answer[:8].hex(' ')}")
    await session.close()


async def ports(meter: Abb) -> str:
    """A foreign destination gets nothing, a foreign source is rejected with 13; a second client is turned away."""
    side = _wrapped(meter)
    await side.release()
    heard = await side.ask(message(AARQ, destination=2), 1.0)
    expect(not heard and not heard.closed, f"an AARQ to port 2 is answered by {heard}")
    heard = await side.ask(message(AARQ, source=STRANGER))
    diagnostic = _diagnostic(heard)
    expect(diagnostic == 13, f"an AARQ of port {STRANGER} gets diagnostic {diagnostic}, not 13")
    heard = await side.ask(message(QUESTION, source=STRANGER), 1.0)
    expect(not heard, f"a GET of port {STRANGER} is answered by {heard}")
    session = await side.fresh()
    try:
        await _second(side)
        await session.get(SELF)
    finally:
        await session.close()
    return side.name


def _diagnostic(heard: Heard) -> int | None:
    """The diagnostic of a rejecting AARE."""
    try:
        found = acse.decode(heard.data[8:])
    except FrameError as error:
        raise Failed(f"an AARQ is answered by {heard}: {error}") from error
    if not isinstance(found, AssociationResponse) or not found.result:
        raise Failed(f"an AARQ is answered by {heard}, not by a rejection")
    return found.diagnostic


async def _second(side: CosemSide) -> None:
    """TCP: its connection is closed at once. UDP: result 2, diagnostic 1."""
    other = Stream(side.dial, side.clock)
    try:
        heard = await other.ask(message(request_of().encode()), first=2.0, gap=0.3, whole=lambda data: len(data) > 8)
    except LinkError:
        heard = Heard(closed=True)
    finally:
        await other.close()
    if side.transport == TCP:
        expect(heard.closed and not heard, f"a second connection is answered by {heard}")
        return
    found = acse.decode(heard.data[8:]) if heard else None
    refused = isinstance(found, AssociationResponse) and (found.result, found.diagnostic) == (2, 1)
    expect(refused, f"a second client is answered by {heard}, not by result 2, diagnostic 1")


async def same_values(meter: Abb) -> str:
    """Values read over HDLC, TCP and UDP one after the other are equal: those that do not change by themselves."""
    sides = meter.carriers
    if len(sides) < 2:
        raise Skipped("needs two ways to its COSEM server: --also abb+dlms://HOST")
    registers = [entry.attribute(2) for entry in await sides[0].objects() if entry.class_id == REGISTER]
    for _ in range(ATTEMPTS):
        first, *others = [await _read(side, registers) for side in (*sides, sides[0])]
        still = [n for n, value in enumerate(first) if value == others[-1][n]]
        expect(still, "no register stands still: nothing can be compared")
        for side, values in zip(sides[1:], others, strict=False):
            for n in still:
                what = f"{registers[n]} is {values[n]} over {side.name}, {first[n]} over {sides[0].name}"
                expect(values[n] == first[n], what)
    return f"{len(still)} of {len(registers)} registers stand still"


async def _read(side: CosemSide, registers: Sequence[Attribute]) -> list[Data | Result]:
    session = await side.fresh()
    try:
        return await session.get_list(registers)
    finally:
        await session.close()


ROWS = (
    row("A-190", "The header is version, ports, length; answers swap the ports", MANUAL, Need.READ, examples),
    row("A-191", "TCP: a bad header closes; several messages, and messages in pieces, are taken", INFERRED, Need.READ,
        stream),
    row("A-192", "UDP: a bad header is dropped; blocks work; an association ends after 120 s", INFERRED, Need.READ,
        datagrams),
    row("A-193", "Foreign ports get nothing, or 13; a second client is turned away", INFERRED, Need.READ, ports),
    row("A-194", "Values are equal over HDLC, TCP and UDP", INFERRED, Need.READ, same_values),
)  # fmt: skip
