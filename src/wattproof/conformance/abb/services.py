"""xDLMS services: results, lists, blocks (abb-meters.md 2.5)."""

from __future__ import annotations

from wattproof.conformance.abb.common import INFERRED, MANUAL, NO_DESCRIPTION, expect, row
from wattproof.conformance.abb.cosem import OBJECTS, CosemSide, Session, refused
from wattproof.conformance.abb.subject import Abb
from wattproof.conformance.engine import Failed, Need, NotApplicable
from wattproof.wire.cosem import apdus
from wattproof.wire.cosem.apdus import INVOKE, GetBlock, GetList, GetNext, GetRequest
from wattproof.wire.cosem.association_objects import CURRENT_ASSOCIATION
from wattproof.wire.cosem.data import Data, double_long_unsigned, integer, octet_string
from wattproof.wire.cosem.descriptors import Attribute, Method
from wattproof.wire.cosem.results import Result
from wattproof.wire.hdlc.addresses import PUBLIC

DENIED = Result.READ_WRITE_DENIED
ENERGY = Attribute.of(3, "1-0:1.8.0")
NOWHERE = Attribute.of(3, "1-0:199.199.199")
FACTOR = Attribute.of(3, "1-0:0.4.128")
SOURCE = Attribute.of(1, "0-0:96.14.128")
SELF = Attribute.of(15, CURRENT_ASSOCIATION, 1)
#: PDU size of a client that needs blocks.
SMALL = 128
#: Blocks after which a value is taken for endless.
MOST_BLOCKS = 4096


async def results(meter: Abb) -> str:
    """Unknown object, wrong class, unknown attribute; with --allow-writes denied, wrong type, out of range."""
    side = meter.cosem
    session = await side.fresh(PUBLIC)
    try:
        for attribute, result, what in (
            (NOWHERE, Result.OBJECT_UNDEFINED, "an object that is not there"),
            (ENERGY._replace(class_id=1), Result.OBJECT_CLASS_INCONSISTENT, "1-0:1.8.0 as class 1"),
            (ENERGY._replace(attribute_id=9), Result.OBJECT_UNDEFINED, "attribute 9 of a register"),
        ):
            await refused(session, session.client.get(attribute), result, f"GET of {what}")
        if not meter.writes:
            return "GET only; SET and ACTION with --allow-writes"
        value = await session.get(ENERGY)
        await refused(session, session.client.set(ENERGY, value), DENIED, "SET of an energy by client 16")
        reset = Method.of(3, "1-0:1.8.0", 1)
        await refused(session, session.client.action(reset, integer(0)), DENIED, "reset of an energy by client 16")
    finally:
        await session.close()
    if side.is_manager:
        await _by_manager(side)
    return "GET, SET and ACTION"


async def _by_manager(side: CosemSide) -> None:
    session = await side.manager()
    client = session.client
    await refused(
        session, client.set(NOWHERE, integer(0)), Result.OBJECT_UNDEFINED, "SET of an object that is not there"
    )
    nothing = Method.of(3, "1-0:199.199.199", 1)
    await refused(session, client.action(nothing, integer(0)), Result.OBJECT_UNDEFINED, "ACTION of no object")
    value = await session.get(ENERGY)
    await refused(session, client.set(ENERGY, value), DENIED, "SET of an energy by client 1")
    if await side.has(FACTOR.name) and await open_level(side):
        wrong = octet_string(b"\0\0\0\1")
        await refused(session, client.set(FACTOR, wrong), Result.TYPE_UNMATCHED, "SET of a factor with a text")
    if await side.has(SOURCE.name) and await open_level(side):
        source = await session.get(SOURCE)
        beyond = source._replace(value=9)
        await refused(session, client.set(SOURCE, beyond), Result.SCOPE_OF_ACCESS_VIOLATED, "SET of tariff source 9")


async def open_level(side: CosemSide) -> bool:
    """Whether the write access level lets client 1 write."""
    return await side.number(1, "0-0:128.5.0") != 1


async def lists(meter: Abb) -> None:
    session = await meter.cosem.fresh()
    wanted = (SELF, NOWHERE, ENERGY, ENERGY._replace(class_id=1), ENERGY._replace(attribute_id=3))
    answer = await session.ask(GetList(INVOKE, wanted))
    await session.close()
    if not isinstance(answer, apdus.GetListResponse):
        raise Failed(f"a GET with list is answered by {type(answer).__name__}")
    kinds = [int(value) if isinstance(value, Result) else "data" for value in answer.values]
    expect(kinds == ["data", 4, "data", 9, "data"], f"the results of a list are {kinds}")
    found = [value.value for value in answer.values if isinstance(value, Data)]
    kinds_are = [isinstance(value, kind) for value, kind in zip(found, (bytes, int, tuple), strict=True)]
    expect(all(kinds_are), f"name, energy and scaler_unit are {found}: not in the order in which they were asked for")


async def blocks(meter: Abb) -> str:
    """The object list for a client with a small PDU: blocks from 1 on that join to the value."""
    side = meter.cosem
    session = await side.fresh(max_pdu=0)
    whole = (await session.get(OBJECTS)).encode() if side.transport == "hdlc" else None
    await session.close()
    session = await side.fresh(max_pdu=SMALL)
    try:
        joined, count = await _blocks(session, GetRequest(INVOKE, OBJECTS))
        if whole is not None:
            expect(joined == whole, "the blocks do not join to the value that comes in one piece")
        await _wrong_block(session)
    finally:
        await session.close()
    return f"{count} blocks"


async def _blocks(session: Session, request: GetRequest) -> tuple[bytes, int]:
    joined, number = b"", 1
    answer = await session.ask(request)
    while True:
        if not isinstance(answer, GetBlock) or not isinstance(answer.raw, bytes):
            raise Failed(f"block {number} of a long value is {answer}")
        expect(answer.block == number, f"block {number} of a long value has the number {answer.block}")
        joined += answer.raw
        if answer.last:
            return joined, number
        expect(number < MOST_BLOCKS, "the blocks do not come to an end")
        answer = await session.ask(GetNext(INVOKE, number))
        number += 1


async def _wrong_block(session: Session) -> None:
    await session.ask(GetRequest(INVOKE, OBJECTS))
    answer = await session.ask(GetNext(INVOKE, 7))
    wrong = isinstance(answer, GetBlock) and answer.last and answer.raw == Result.DATA_BLOCK_NUMBER_INVALID
    expect(wrong, f"a wrong block number is answered by {answer}, not by error 19 in a last block")
    answer = await session.ask(GetNext(INVOKE, 1))
    over = isinstance(answer, GetBlock) and isinstance(answer.raw, Result)
    expect(over, "the transfer goes on after a wrong block number")


async def written_in_blocks(meter: Abb) -> None:
    """A factor in two blocks; and the same with another request in between, which leaves it as it was."""
    side = meter.cosem
    session = await side.manager()
    await side.need(FACTOR.name, "factor that can be set")
    if not await open_level(side):
        raise NotApplicable("the write access level is closed")
    before = await session.get(FACTOR)
    if not isinstance(before.value, int):
        raise Failed(f"the CO2 factor is a {before.tag.name}")
    other = double_long_unsigned(before.value + 1 if before.value < 10**6 else before.value - 1)
    raw = other.encode()
    try:
        await _first(session, raw[:3])
        await session.get(SELF)
        await _second(session, raw[3:], done=False)
        expect(await session.get(FACTOR) == before, "a SET in blocks that was interrupted changes the value")
        await _first(session, raw[:3])
        await _second(session, raw[3:], done=True)
        found = await session.get(FACTOR)
    finally:
        await session.set(FACTOR, before)
    expect(found == other, f"a SET in blocks is acknowledged, and {found.value!r} is read instead of {other.value!r}")


async def _first(session: Session, raw: bytes) -> None:
    answer = await session.ask(apdus.SetFirstBlock(INVOKE, FACTOR, False, 1, raw))
    taken = isinstance(answer, apdus.SetBlockResponse) and answer.block == 1
    expect(taken, f"the first block of a SET is answered by {answer}")


async def _second(session: Session, raw: bytes, *, done: bool) -> None:
    answer = await session.ask(apdus.SetBlock(INVOKE, True, 2, raw))
    if not isinstance(answer, apdus.SetLastBlockResponse):
        raise Failed(f"the last block of a SET is answered by {answer}")
    success = answer.result == Result.SUCCESS
    expect(
        success == done, f"the last block of a SET{'' if done else ' that was interrupted'} gets {answer.result.text}"
    )


ROWS = (
    row("A-126", "What is not there, not of this class, denied, of another type or out of range has its result",
        INFERRED, Need.READ, results, NO_DESCRIPTION),
    row("A-127", "GET with list: results in order, errors in their places", MANUAL, Need.READ, lists),
    row("A-128", "Long values come in blocks from 1 on; a wrong number ends with 19", MANUAL, Need.READ, blocks),
    row("A-129", "SET in blocks; another request ends it, and nothing is changed", MANUAL, Need.WRITE,
        written_in_blocks),
)  # fmt: skip
