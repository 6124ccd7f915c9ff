"""Ways to spoil a virtual ABB meter: its telegrams, its frames, its APDUs, what it executes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from tests.conformance.abb import MBUS, Bench, Turn
from wattproof.drivers.cosem.place import HDLC
from wattproof.errors import ProtocolError
from wattproof.meters.abb.mbus.binding import ROWS_BY_SENSE, Sense
from wattproof.wire.cosem import apdus
from wattproof.wire.cosem.apdus import Apdu
from wattproof.wire.cosem.data import Data
from wattproof.wire.cosem.descriptors import Attribute
from wattproof.wire.cosem.results import Result
from wattproof.wire.hdlc import frames as hdlc
from wattproof.wire.hdlc.addresses import PUBLIC, Address
from wattproof.wire.hdlc.controls import Kind, control
from wattproof.wire.mbus import frames
from wattproof.wire.mbus.frames import Long
from wattproof.wire.mbus.records import Record, RecordList
from wattproof.wire.mbus.telegrams import Telegram, decode_answer, encode_answer

Prepare = Callable[[Bench], None]


# M-Bus -----------------------------------------------------------------------------------------------------------


def mbus(turn: Turn) -> Prepare:
    """Answers on M-Bus."""

    def prepare(bench: Bench) -> None:
        bench.works.turns[MBUS] = turn

    return prepare


def frame(change: Callable[[Long], Long]) -> Prepare:
    """Every RSP_UD."""

    def turn(request: bytes, answer: bytes | None) -> bytes | None:
        found = None if answer is None else frames.decode(answer)
        return change(found).encode() if isinstance(found, Long) else answer

    return mbus(turn)


def telegram(change: Callable[[Telegram], Telegram], only: Callable[[bytes], bool] = lambda request: True) -> Prepare:
    """Every telegram of variable data, ``only`` those that answer some requests."""

    def turn(request: bytes, answer: bytes | None) -> bytes | None:
        found = None if answer is None else frames.decode(answer)
        if not isinstance(found, Long) or not only(request):
            return answer
        told = decode_answer(found)
        if not isinstance(told, Telegram):
            return answer
        ci, data = encode_answer(change(told))
        return replace(found, ci=ci, data=data).encode()

    return mbus(turn)


def records(change: Callable[[Sequence[Record]], Sequence[Record]]) -> Prepare:
    """The records of every telegram."""
    return telegram(lambda told: replace(told, body=RecordList(tuple(change(told.records)), told.body.tail)))


def value(id: int, data: bytes) -> Prepare:
    """The data of a quantity: always these."""

    def change(found: Sequence[Record]) -> list[Record]:
        return [Record(one.header, _sized(data, one)) if _is(one, id) else one for one in found]

    return records(change)


def _sized(data: bytes, record: Record) -> bytes:
    return (data * record.header.size)[: record.header.size] if len(data) == 1 else data


def _is(record: Record, id: int) -> bool:
    row = ROWS_BY_SENSE.get(Sense.of(record.header))
    return row is not None and row.id == id


def lacks(id: int) -> Prepare:
    """A quantity is not sent."""
    return records(lambda found: [one for one in found if not _is(one, id)])


def without_first(holds: Callable[[Sequence[Record]], bool]) -> Prepare:
    """Telegrams that hold something lack their first record."""
    return records(lambda found: found[1:] if holds(found) else found)


def bytes_of(old: str, new: str) -> Prepare:
    """Bytes behind the CI field are others, wherever they stand."""
    before, after = bytes.fromhex(old), bytes.fromhex(new)
    return frame(lambda found: replace(found, data=found.data.replace(before, after)))


def header(**fields: Any) -> Prepare:
    """Fields of the header."""
    return telegram(lambda told: replace(told, header=replace(told.header, **fields)))  # type: ignore[type-var]


# Both ------------------------------------------------------------------------------------------------------------


def silent_to(*parts: str, bus: str = MBUS) -> Prepare:
    """No answer to requests with these bytes."""
    wanted = [bytes.fromhex(part) for part in parts]

    def prepare(bench: Bench) -> None:
        bench.works.turns[bus] = lambda request, answer: None if any(one in request for one in wanted) else answer

    return prepare


def deaf_to(*parts: str) -> Prepare:
    """Requests with these bytes are never heard."""
    return says("", *parts)


def silent_after(part: str) -> Prepare:
    """No answer ever again after a request with these bytes has been answered."""
    wanted, over = bytes.fromhex(part), []

    def turn(request: bytes, answer: bytes | None) -> bytes | None:
        if over:
            return None
        over.extend([1] if wanted in request else [])
        return answer

    return mbus(turn)


def says(answer: str, *parts: str) -> Prepare:
    """This answer to requests with these bytes; they are not executed."""
    wanted, said = [bytes.fromhex(part) for part in parts], bytes.fromhex(answer)

    def prepare(bench: Bench) -> None:
        bench.works.swallow = lambda request: said if any(one in request for one in wanted) else None

    return prepare


def careless(answer: Callable[[bytes], bytes | None]) -> Prepare:
    """Bytes that are no frame are answered all the same."""

    def prepare(bench: Bench) -> None:
        bench.works.careless = answer

    return prepare


# HDLC ------------------------------------------------------------------------------------------------------------


def hdlc_frames(change: Callable[[hdlc.Frame, hdlc.Frame | None], hdlc.Frame | None]) -> Prepare:
    """Every answer on HDLC: request, answer, what is sent instead."""

    def turn(request: bytes, answer: bytes | None) -> bytes | None:
        try:
            asked = hdlc.decode(request)
        except ProtocolError:
            return answer
        found = change(asked, None if answer is None else hdlc.decode(answer))
        return None if found is None else found.encode()

    def prepare(bench: Bench) -> None:
        bench.works.turns[HDLC] = turn

    return prepare


def instead(old: Kind, new: Kind) -> Prepare:
    """One kind of answer in place of another."""

    def change(request: hdlc.Frame, answer: hdlc.Frame | None) -> hdlc.Frame | None:
        if answer is None or answer.kind is not old:
            return answer
        return hdlc.Frame(answer.destination, answer.source, control(new))

    return hdlc_frames(change)


UA = hdlc.Frame(Address.client(PUBLIC), Address.server(17), control(Kind.UA)).encode()


# APDUs -----------------------------------------------------------------------------------------------------------

AARQ = 0x60
#: Request and answer as bytes; what is answered instead.
ApduTurn = Callable[[bytes, bytes | None], bytes | None]


class Between:
    """Between a link and its association: sees whole APDUs, before and after."""

    def __init__(self, upper: Any, turn: ApduTurn, swallow: Callable[[bytes], bytes | None]) -> None:
        self.upper, self.turn, self.swallow = upper, turn, swallow

    def connected(self, client: int) -> None:
        self.upper.connected(client)

    def disconnected(self) -> None:
        self.upper.disconnected()

    def receive(self, apdu: bytes, now: int) -> bytes | None:
        swallowed = self.swallow(apdu)
        if apdu[0] == AARQ:
            apdu = apdu[:-2] + bytes(2)  # the client takes APDUs of any length: nothing comes in blocks
        answer = self.upper.receive(apdu, now) if swallowed is None else swallowed
        return self.turn(apdu, answer)


def apdu(
    turn: ApduTurn = lambda request, answer: answer, swallow: Callable[[bytes], bytes | None] = lambda request: None
) -> Prepare:
    """APDUs over HDLC."""

    def prepare(bench: Bench) -> None:
        face: Any = bench.meter.face(HDLC)
        framer: Any = bench.meter.framer(HDLC, network=True)
        knock = hdlc.Frame(Address.server(17), Address.client(PUBLIC), control(Kind.DISC)).encode()
        face.answer(framer.receive(knock, bench.works.now())[0], bench.works.now())
        face._link._upper = Between(face._link._upper, turn, swallow)

    return prepare


def services(change: Callable[[Apdu, Apdu], Apdu | None]) -> Prepare:
    """xDLMS answers: request, answer, what is answered instead."""

    def turn(request: bytes, answer: bytes | None) -> bytes | None:
        if answer is None or request[:1] not in (b"\xc0", b"\xc1", b"\xc3"):
            return answer
        found = change(apdus.decode(request), apdus.decode(answer))
        return answer if found is None else apdus.encode(found)

    return apdu(turn)


def reads(change: Callable[[Attribute, Data | Result], Data | Result], *codes: Attribute) -> Prepare:
    """What GET gives, alone or in a list: of some attributes, or of all."""
    wanted = {one._replace(selection=None) for one in codes}

    def one(attribute: Attribute, found: Any) -> Any:
        return change(attribute, found) if not wanted or attribute._replace(selection=None) in wanted else found

    def turn(request: Apdu, answer: Apdu) -> Apdu | None:
        if isinstance(request, apdus.GetRequest) and isinstance(answer, apdus.GetResponse):
            return replace(answer, value=one(request.attribute, answer.value))
        if isinstance(request, apdus.GetList) and isinstance(answer, apdus.GetListResponse):
            return replace(answer, values=tuple(map(one, request.attributes, answer.values)))
        return None

    return services(turn)


def results(old: Result, new: Result) -> Prepare:
    """One result of SET and ACTION in place of another."""

    def turn(request: Apdu, answer: Apdu) -> Apdu | None:
        if isinstance(answer, apdus.SetResponse) and answer.result == old:
            return replace(answer, result=new)
        if isinstance(answer, apdus.ActionResponse) and answer.outcome.result == old:
            return replace(answer, outcome=answer.outcome._replace(result=new))
        return None

    return services(turn)


def last_blocks(old: Result, new: Result) -> Prepare:
    """One result of a SET or GET in blocks in place of another."""

    def turn(request: Apdu, answer: Apdu) -> Apdu | None:
        if isinstance(answer, apdus.SetLastBlockResponse) and answer.result == old:
            return replace(answer, result=new)
        if isinstance(answer, apdus.GetBlock) and answer.raw == old:
            return replace(answer, raw=new)
        return None

    return services(turn)


def forgets(tag: int, *codes: str) -> Prepare:
    """SET (C1) or ACTION (C3) of some objects, by their names as digits, succeed and are not executed."""
    wanted = [bytes.fromhex(code) for code in codes]
    done = {0xC1: bytes.fromhex("C501C100"), 0xC3: bytes.fromhex("C701C10000")}[tag]

    def swallow(request: bytes) -> bytes | None:
        return done if request[0] == tag and any(code in request for code in wanted) else None

    return apdu(swallow=swallow)
