"""HDLC as the meter speaks it: frames, connection, sequence numbers, segments (abb-meters.md 2.1 to 2.3, 3.12).

The statements are those of IEC 62056-46; that ABB's EQ bus keeps them is an inference.
"""

from __future__ import annotations

from wattproof.conformance.abb.common import INFERRED, MANUAL, NO_DESCRIPTION, expect, row
from wattproof.conformance.abb.cosem import LIMITS, OBJECTS, TIME, CosemSide, request_of
from wattproof.conformance.abb.subject import Abb
from wattproof.conformance.engine import Failed, Need, NotApplicable, Skipped
from wattproof.wire.cosem import apdus
from wattproof.wire.cosem.association_objects import CURRENT_ASSOCIATION
from wattproof.wire.cosem.descriptors import Attribute
from wattproof.wire.cosem.initiate import InitiateRequest
from wattproof.wire.hdlc.addresses import ALL_STATIONS, FIRST, LAST, PUBLIC, Address
from wattproof.wire.hdlc.controls import Kind, control
from wattproof.wire.hdlc.frames import Frame
from wattproof.wire.hdlc.llc import COMMAND, RESPONSE, segments
from wattproof.wire.hdlc.parameters import Parameters

#: Longer than any inter-octet time-out (6 s), and than the inactivity time-out; seconds.
PAUSE, INACTIVITY = 6.5, 121.0
SNRM, DISC = control(Kind.SNRM), control(Kind.DISC)
#: A client that is neither public nor management.
STRANGER = 20
#: The shortest question that every server answers: the logical name of the current association.
QUESTION = COMMAND + apdus.encode(apdus.GetRequest(apdus.INVOKE, Attribute.of(15, CURRENT_ASSOCIATION, 1)))


async def address_forms(meter: Abb) -> str:
    side = meter.hdlc
    await side.quit()
    number = side.place.address
    if number > LAST:
        raise NotApplicable(f"address {number} has four bytes only")
    told = []
    for size in (2, 1, 4):
        server = Address.server(number, size=size)
        found = await side.expecting(Frame(server, Address.client(PUBLIC), SNRM), Kind.UA, f"SNRM to {size} bytes")
        expect(found.source == server, f"SNRM to an address of {size} bytes is answered from {found.source}")
        expect(found.destination == Address.client(PUBLIC), f"the answer goes to {found.destination}")
        told.append(str(size))
        await side.frame(Frame(server, Address.client(PUBLIC), DISC))
    return f"{', '.join(told)} bytes"


def _damaged(good: bytes) -> dict[str, bytes]:
    return {
        "a wrong FCS": good[:-2] + bytes((good[-2] ^ 1,)) + good[-1:],
        "a wrong HCS": good[:7] + bytes((good[7] ^ 1,)) + good[8:],
        "another format": good[:1] + bytes((good[1] ^ 0x10,)) + good[2:],
        "a length one too high": good[:2] + bytes((good[2] + 1,)) + good[3:],
        "no closing flag": good[:-1] + b"\x55",
    }


async def damaged(meter: Abb) -> None:
    side = meter.hdlc
    await side.quit()
    good = side.to_meter(SNRM, Parameters(256, 256).encode()).encode()
    for wrong, data in _damaged(good).items():
        heard = await side.ask(data)
        expect(not heard, f"a frame with {wrong} is answered by {heard}")
        await side.clock.sleep(1.0)
        await side.expecting(good, Kind.UA, f"SNRM after a frame with {wrong}")
    await side.leave()


async def flag_inside(meter: Abb) -> None:
    side = meter.hdlc
    session = await side.fresh()
    name = bytes.fromhex("01007E7E07FF")
    try:
        answer = await session.ask(apdus.GetRequest(apdus.INVOKE, Attribute(1, name, 2)))
        expect(isinstance(answer, apdus.GetResponse), f"a GET with 7E in it is answered by {type(answer).__name__}")
    finally:
        await session.close()


async def flags(meter: Abb) -> None:
    side = meter.hdlc
    await side.quit()
    good = side.to_meter(SNRM).encode()
    await side.expecting(b"\x7e\x7e\x7e" + good, Kind.UA, "SNRM behind three more flags")
    other = Frame(Address.server(_another(side)), Address.client(PUBLIC), DISC).encode()
    await side.expecting(other[:-1] + good, Kind.UA, "SNRM whose opening flag closes another frame")
    await side.leave()


def _another(side: CosemSide, step: int = 1) -> int:
    """Another physical address."""
    return FIRST + (side.place.address - FIRST + step) % (LAST - FIRST + 1)


async def parameters(meter: Abb) -> str:
    side = meter.hdlc
    plain = Parameters.decode((await side.connected(None)).information)
    expect((plain.transmit, plain.receive) == (128, 128), f"SNRM without parameters gets {plain}")
    own = Parameters.decode((await side.connected(Parameters(2000, 2000))).information)
    for asked in (Parameters(64, 100), Parameters(512, 512), Parameters(300, 80)):
        found = Parameters.decode((await side.connected(asked)).information)
        wanted = (min(own.transmit, asked.receive), min(own.receive, asked.transmit))
        expect((found.transmit, found.receive) == wanted, f"SNRM with {asked} gets {found}")
    partial = side.to_meter(SNRM, bytes.fromhex("81800306 01 40".replace(" ", "")))
    found = Parameters.decode((await side.expecting(partial, Kind.UA, "SNRM with one group")).information)
    expect((found.transmit, found.receive) == (64, 128), f"SNRM with group 06 = 64 alone gets {found}")
    await side.leave()
    return f"transmits {own.transmit}, receives {own.receive} at most"


# Information transfer --------------------------------------------------------------------------------------------


class Link:
    """A connection by hand: what it sent and received, number by number."""

    def __init__(self, side: CosemSide) -> None:
        self.side = side
        self.vs = self.vr = 0

    async def open(self, asked: Parameters = LIMITS) -> None:
        """Connect and associate; an APDU may have any length."""
        await self.side.connected(asked)
        self.vs = self.vr = 0
        await self.send(COMMAND + request_of(InitiateRequest(max_pdu=0)).encode())

    def next(self, information: bytes, segmented: bool = False) -> Frame:
        """The I frame that is due."""
        return self.side.to_meter(control(Kind.I, self.vs, self.vr), information, segmented)

    async def send(self, information: bytes) -> Frame:
        """An I frame, and the I frame that answers it."""
        found = await self.side.expecting(self.next(information), Kind.I, "an I frame")
        self.vs = self.vs + 1 & 7
        wanted = (self.vr, self.vs)
        told = (found.control.ns, found.control.nr)
        expect(told == wanted, f"the answer has N(S), N(R) = {told}, not {wanted}")
        self.vr = self.vr + 1 & 7
        return found

    def ready(self, nr: int | None = None) -> Frame:
        return self.side.to_meter(control(Kind.RR, nr=self.vr if nr is None else nr))

    async def close(self) -> None:
        await self.side.leave()


async def numbers(meter: Abb) -> None:
    """Nine requests, so that numbers pass 7; the last one again: the same frame, not executed again."""
    link = Link(meter.hdlc)
    await link.open()
    for _ in range(9):
        await link.send(QUESTION)
    has_clock = await _knows(link, TIME)
    question = COMMAND + apdus.encode(apdus.GetRequest(apdus.INVOKE, TIME)) if has_clock else QUESTION
    request = link.next(question)
    first = await link.send(question)
    await meter.clock.sleep(1.5)
    again = await meter.hdlc.expecting(request, Kind.I, "a repeated I frame")
    expect(again.encode() == first.encode(), "a repeated I frame gets another answer: it is executed again")
    await link.close()


async def _knows(link: Link, attribute: Attribute) -> bool:
    found = await link.send(COMMAND + apdus.encode(apdus.GetRequest(apdus.INVOKE, attribute)))
    answer = apdus.decode(found.information[len(RESPONSE) :])
    return isinstance(answer, apdus.GetResponse) and not isinstance(answer.value, int)


async def wrong_numbers(meter: Abb) -> None:
    side = meter.hdlc
    link = Link(side)
    await link.open()
    await link.send(QUESTION)
    ahead = side.to_meter(control(Kind.I, link.vs + 2, link.vr), QUESTION)
    found = await side.expecting(ahead, Kind.RR, "an I frame with N(S) two ahead")
    expect(found.control.nr == link.vs, f"the RR says {found.control.nr}, the meter expects {link.vs}")
    wrong = side.to_meter(control(Kind.I, link.vs, link.vr + 3), QUESTION)
    await side.expecting(wrong, Kind.FRMR, "an I frame with N(R) of a frame that was never sent")
    await link.close()


async def segmentation(meter: Abb) -> str:
    """Both directions; RR in between; the LLC header in the first segment alone."""
    side = meter.hdlc
    link = Link(side)
    await link.open(Parameters(128, 64))
    names = [OBJECTS._replace(attribute_id=1)] * 30
    request = COMMAND + apdus.encode(apdus.GetList(apdus.INVOKE, tuple(names)))
    granted = 128
    found: Frame | None = None
    for piece, more in segments(request, granted):
        kind = Kind.RR if more else Kind.I
        found = await side.expecting(link.next(piece, more), kind, f"a segment of {len(piece)} bytes")
        link.vs = link.vs + 1 & 7
        expect(found.control.nr == link.vs, f"a segment is acknowledged with N(R) = {found.control.nr}")
    assert found is not None  # noqa: S101 - a request has a segment
    message, count = b"", 0
    while True:
        count += 1
        expect(len(found.information) <= 64, f"a segment has {len(found.information)} bytes, 64 were agreed on")
        expect(found.control.ns == link.vr, f"segment {count} has N(S) = {found.control.ns}")
        message += found.information
        link.vr = link.vr + 1 & 7
        if not found.segmented:
            break
        found = await side.expecting(link.ready(), Kind.I, f"RR after segment {count}")
    await link.close()
    expect(count > 1, "an answer that is longer than the agreed information length comes in one frame")
    expect(
        message.startswith(RESPONSE) and message.count(RESPONSE) == 1,
        "the LLC header is not in the first segment alone",
    )
    answer = apdus.decode(message[len(RESPONSE) :])
    expect(isinstance(answer, apdus.GetListResponse), f"the segments make {type(answer).__name__}")
    return f"{count} segments"


# Connection ------------------------------------------------------------------------------------------------------


async def disconnect(meter: Abb) -> None:
    side = meter.hdlc
    await side.connected()
    await side.expecting(side.to_meter(DISC), Kind.UA, "DISC")
    link = Link(side)
    for what, frame in (("DISC", side.to_meter(DISC)), ("I", link.next(QUESTION)), ("RR", link.ready())):
        await side.expecting(frame, Kind.DM, f"{what} while disconnected")


async def inactivity(meter: Abb) -> None:
    side = meter.hdlc
    link = Link(side)
    await link.open()
    await link.send(QUESTION)
    await side.clock.sleep(INACTIVITY)
    await side.expecting(link.next(QUESTION), Kind.DM, f"an I frame after {INACTIVITY:g} s of silence")


async def second_client(meter: Abb) -> None:
    side = meter.hdlc
    await side.connected()
    await side.expecting(side.to_meter(SNRM, client=STRANGER), Kind.DM, "SNRM of a second client")
    await side.leave()


async def gap(meter: Abb) -> None:
    side = meter.hdlc
    await side.quit()
    data = side.to_meter(SNRM).encode()
    heard = await side.ask(data[:5], PAUSE)
    expect(not heard, f"the beginning of a frame is answered by {heard}")
    heard = await side.ask(data[5:])
    expect(not heard, f"a frame with a gap of {PAUSE:g} s inside is answered by {heard}")
    await side.expecting(data, Kind.UA, "SNRM after a frame with a gap")
    await side.leave()


async def foreign(meter: Abb) -> str:
    side = meter.hdlc
    await side.quit()
    for step in range(1, 6):
        number = _another(side, step)
        heard = await side.frame(Frame(Address.server(number), Address.client(PUBLIC), SNRM))
        if heard is None:
            break
        if heard.source.lower != number:
            raise Failed(f"SNRM to address {number} is answered from {heard.source}")
    else:
        raise Skipped("the next five addresses belong to other meters")
    everyone = Frame(Address.server(ALL_STATIONS), Address.client(PUBLIC), SNRM)
    heard_all = await side.ask(everyone.encode())
    expect(not heard_all, f"SNRM to all stations is answered by {heard_all}")
    await side.leave()
    return f"address {number}"


ROWS = (
    row("A-101", "Addresses of two, one and four bytes are taken, and answered in their form", INFERRED, Need.READ,
        address_forms, NO_DESCRIPTION),
    row("A-102", "Damaged frames stay unanswered, the next good one is found", MANUAL, Need.READ, damaged),
    row("A-103", "7E may stand inside the information", MANUAL, Need.READ, flag_inside),
    row("A-104", "Flags may be repeated, and shared by two frames", MANUAL, Need.READ, flags),
    row("A-105", "UA has the smaller lengths; what SNRM leaves out is 128", MANUAL, Need.READ, parameters),
    row("A-106", "Numbers wrap at 8; a repeated I frame gets its answer again", MANUAL, Need.READ, numbers),
    row("A-107", "Wrong N(S) gets RR, wrong N(R) FRMR", INFERRED, Need.READ, wrong_numbers, NO_DESCRIPTION),
    row("A-108", "Messages are cut into segments, RR in between, LLC in the first", MANUAL, Need.READ, segmentation),
    row("A-110", "DISC gets UA, and DM when disconnected, as do I and RR", MANUAL, Need.READ, disconnect),
    row("A-111", "A client that is silent for 120 s is forgotten", INFERRED, Need.READ, inactivity, NO_DESCRIPTION),
    row("A-112", "A second client gets DM", INFERRED, Need.READ, second_client, NO_DESCRIPTION),
    row("A-113", "A gap inside drops the frame", MANUAL, Need.READ, gap),
    row("A-114", "Frames to other addresses, and to all, are not answered", MANUAL, Need.READ, foreign),
)  # fmt: skip
