"""Associations of COSEM: who is let in, what is negotiated, how they end (abb-meters.md 2.4)."""

from __future__ import annotations

from dataclasses import replace

from wattproof.conformance.abb.common import INFERRED, MANUAL, NO_DESCRIPTION, expect, row
from wattproof.conformance.abb.cosem import LIMITS, CosemSide, Session, request_of
from wattproof.conformance.abb.subject import Abb
from wattproof.conformance.engine import Failed, Need
from wattproof.drivers.cosem.place import HDLC
from wattproof.wire.cosem import acse, apdus
from wattproof.wire.cosem.acse import LN_CIPHERED, SN, AssociationRequest, AssociationResponse, Diagnostic
from wattproof.wire.cosem.association_objects import CURRENT_ASSOCIATION
from wattproof.wire.cosem.conformance import OFFERED, Conformance
from wattproof.wire.cosem.descriptors import Attribute
from wattproof.wire.cosem.initiate import InitiateRequest, InitiateResponse
from wattproof.wire.hdlc.addresses import MANAGEMENT, PUBLIC
from wattproof.wire.hdlc.controls import Kind, control
from wattproof.wire.hdlc.parameters import Parameters

#: A client that the meter does not know.
STRANGER = 20
#: Every service there is.
EVERYTHING = Conformance(0xFFFFFF)
SELF = Attribute.of(15, CURRENT_ASSOCIATION, 1)
QUESTION = apdus.encode(apdus.GetRequest(apdus.INVOKE, SELF))
NO_ASSOCIATION = bytes.fromhex("D80101")
WRONG_PASSWORD = b"\x00wrong\x00\x00"


async def _asked(side: CosemSide, sap: int, request: AssociationRequest) -> AssociationResponse:
    """The answer to an AARQ of a client that is connected for it alone."""
    await side.quit()
    session = side.new(sap)
    try:
        return await session.associate(request)
    finally:
        await session.close()


async def _rejected(side: CosemSide, sap: int, request: AssociationRequest, diagnostic: int, what: str) -> None:
    answer = await _asked(side, sap, request)
    told = f"result {answer.result}, diagnostic {answer.diagnostic}"
    expect(answer.result in (1, 2) and answer.diagnostic == diagnostic, f"{what} gets {told}, not {diagnostic}")


async def turned_away(meter: Abb) -> None:
    side = meter.cosem
    failure = Diagnostic.AUTHENTICATION_FAILURE
    short = replace(request_of(), context=SN)
    wanted = Diagnostic.APPLICATION_CONTEXT_NAME_NOT_SUPPORTED
    await _rejected(side, PUBLIC, short, wanted, "a context with short names")
    await _rejected(side, MANAGEMENT, request_of(), failure, "client 1 without a password")
    await _rejected(side, MANAGEMENT, request_of(password=WRONG_PASSWORD), failure, "client 1 with a wrong password")
    await _rejected(side, STRANGER, request_of(), failure, f"client {STRANGER}")


async def limits(meter: Abb) -> None:
    """Window 7 gets window 1; a context with ciphering is refused."""
    side = meter.cosem
    if side.transport == HDLC:
        found = Parameters.decode((await side.connected(Parameters(512, 512, 7, 7))).information)
        windows = (found.window_transmit, found.window_receive)
        expect(windows == (1, 1), f"a client that proposes window 7 gets {windows}")
        await side.leave()
    ciphered = replace(request_of(), context=LN_CIPHERED)
    wanted = Diagnostic.APPLICATION_CONTEXT_NAME_NOT_SUPPORTED
    await _rejected(side, PUBLIC, ciphered, wanted, "a context with ciphering")


async def negotiated(meter: Abb) -> str:
    side = meter.cosem
    offered = await _granted(side, EVERYTHING)
    for asked in (Conformance.GET | Conformance.SET, OFFERED, Conformance.GET | Conformance.SELECTIVE_ACCESS):
        found = await _granted(side, asked)
        expect(found == asked & offered, f"{asked!r} is granted as {found!r}, not {asked & offered!r}")
    without = request_of(InitiateRequest(OFFERED & ~Conformance.GET))
    await _rejected(side, PUBLIC, without, Diagnostic.NO_REASON_GIVEN, "a client without GET")
    return f"{int(offered):06X}"


async def _granted(side: CosemSide, asked: Conformance) -> Conformance:
    answer = await _asked(side, PUBLIC, request_of(InitiateRequest(asked)))
    if answer.result != 0 or answer.user_information is None:
        raise Failed(f"a client that proposes {int(asked):06X} is not let in: diagnostic {answer.diagnostic}")
    return InitiateResponse.decode(answer.user_information).conformance


async def nobody(meter: Abb) -> None:
    """Services without association; an APDU of an unknown tag within one."""
    side = meter.cosem
    await side.quit()
    session = side.new(PUBLIC)
    await session.run(session.link.connect())
    answer = await session.apdu(QUESTION)
    await session.close()
    expect(answer == NO_ASSOCIATION, f"a GET without association gets {answer[:8].hex(' ')}, not D8 01 01")
    session = await side.fresh()
    answer = await session.apdu(bytes.fromhex("C2010000"))
    await session.close()
    expect(answer == bytes.fromhex("D80202"), f"an APDU with tag C2 gets {answer[:8].hex(' ')}, not D8 02 02")


async def released(meter: Abb) -> None:
    side = meter.cosem
    for request in (bytes.fromhex("6203800100"), bytes.fromhex("6200")):
        session = await side.fresh()
        answer = await session.apdu(request)
        found = acse.decode(answer)
        expect(isinstance(found, acse.ReleaseResponse), f"RLRQ {request.hex(' ')} gets {answer[:8].hex(' ')}")
        await _is_over(session, f"RLRQ {request.hex(' ')}")
        await session.close()
    if side.transport == HDLC:
        await _by_link(side)


async def _is_over(session: Session, what: str) -> None:
    answer = await session.apdu(QUESTION)
    expect(answer == NO_ASSOCIATION, f"after {what} a GET gets {answer[:8].hex(' ')}, not D8 01 01")


async def _by_link(side: CosemSide) -> None:
    """DISC and SNRM end the association too."""
    for kind in (Kind.DISC, Kind.SNRM):
        session = await side.fresh()
        information = LIMITS.encode() if kind is Kind.SNRM else b""
        await side.expecting(side.to_meter(control(kind), information), Kind.UA, str(kind))
        await session.run(session.link.connect())
        await _is_over(session, str(kind))
        await session.close()


async def invoke(meter: Abb) -> None:
    session = await meter.cosem.fresh()
    for byte in (0xC1, 0x42, 0x4F, 0xC5):
        answer = await session.apdu(apdus.encode(apdus.GetRequest(byte, SELF)))
        told = answer[2:3]
        expect(told == bytes((byte,)), f"the invoke byte {byte:02X} is answered as {told.hex().upper()}")
    await session.close()


ROWS = (
    row("A-121", "Another context gets diagnostic 2; no or a wrong password, an unknown client 13", INFERRED, Need.READ,
        turned_away, NO_DESCRIPTION),
    row("A-122", "Conformance is what both sides have; without GET nobody is let in", MANUAL, Need.READ, negotiated,
        NO_DESCRIPTION),
    row("A-123", "Services without association get D8 01 01, unknown ones D8 02 02", INFERRED, Need.READ, nobody,
        NO_DESCRIPTION),
    row("A-124", "RLRQ in both forms, DISC and SNRM end the association", MANUAL, Need.READ, released),
    row("A-130", "The invoke byte is echoed", MANUAL, Need.READ, invoke),
    row("A-185", "Window 7 becomes 1, ciphering is refused with diagnostic 2", INFERRED, Need.READ, limits,
        NO_DESCRIPTION),
)  # fmt: skip
