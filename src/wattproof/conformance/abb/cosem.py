"""The meter under test as a COSEM server: raw frames and messages, associations, objects.

A :class:`Session` is one association; a side keeps one open for all checks that only ask. Checks of the link and of
associations close it and speak for themselves.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from wattproof.conformance.abb.common import expect
from wattproof.conformance.abb.stream import Dial, Heard, Stream
from wattproof.conformance.engine import Failed, NotApplicable, Skipped
from wattproof.drivers.cosem.place import HDLC, TCP, UDP, Place
from wattproof.drivers.cosem.timing import Timing
from wattproof.errors import CosemRefused, FrameError, WattproofError
from wattproof.model.clock import Clock
from wattproof.wire.conversation import Conversation
from wattproof.wire.cosem import acse, apdus, wrapper
from wattproof.wire.cosem.acse import AssociationRequest, AssociationResponse
from wattproof.wire.cosem.apdus import Apdu
from wattproof.wire.cosem.association_objects import CURRENT_ASSOCIATION, SERVER_SAP
from wattproof.wire.cosem.client import Client
from wattproof.wire.cosem.conformance import OFFERED, Conformance
from wattproof.wire.cosem.data import Data
from wattproof.wire.cosem.descriptors import Attribute, Method
from wattproof.wire.cosem.initiate import MAX_PDU, InitiateRequest
from wattproof.wire.cosem.object_list import ObjectList
from wattproof.wire.cosem.results import Result
from wattproof.wire.cosem.shapes import number, octets
from wattproof.wire.cosem.times import DateTime
from wattproof.wire.hdlc.addresses import MANAGEMENT, PUBLIC, Address
from wattproof.wire.hdlc.client import ClientLink
from wattproof.wire.hdlc.controls import Control, Kind, control
from wattproof.wire.hdlc.frames import FLAG, Frame
from wattproof.wire.hdlc.parameters import Parameters
from wattproof.wire.hdlc.receiver import Receiver

T = TypeVar("T")
#: What a check asks for in UA and AARE unless it is about them.
LIMITS = Parameters(512, 512)
OBJECTS = Attribute.of(15, CURRENT_ASSOCIATION)
TIME = Attribute.of(8, "0-0:1.0.0")
#: Clock status: nobody has set it.
INVALID = 0x01


class CosemSide:
    """One meter behind HDLC, TCP or UDP.

    ``dial`` opens the line; ``prepare`` is awaited before each use of it and ends what else uses it.
    """

    def __init__(self, dial: Dial, clock: Clock, timing: Timing, place: Place, driver: Any = None) -> None:
        self.driver = driver
        self.timing = timing
        self.place = place
        self.prepare: Callable[[], Awaitable[None]] | None = None
        self.dial = dial
        self.stream = Stream(dial, clock, character=timing.character, pause=timing.pause)
        self._session: Session | None = None
        self._objects: dict[int, ObjectList] = {}

    @property
    def name(self) -> str:
        return {HDLC: "HDLC", TCP: "TCP wrapper", UDP: "UDP wrapper"}[self.place.transport]

    @property
    def transport(self) -> str:
        return self.place.transport

    @property
    def clock(self) -> Clock:
        return self.stream.clock

    @property
    def is_manager(self) -> bool:
        """Whether checks may be client 1: its password is known."""
        return self.place.password is not None

    async def release(self) -> None:
        """End what is open, and the connection."""
        await self.quit()
        await self.stream.close()

    async def quit(self) -> None:
        """End the association that checks share."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    # Raw ------------------------------------------------------------------------------------------------------------

    async def _prepared(self) -> None:
        if self.prepare is not None:
            await self.prepare()

    async def run(self, conversation: Conversation[T]) -> T:
        await self._prepared()
        return await self.stream.converse(conversation)

    async def ask(self, data: bytes, timeout: float | None = None) -> Heard:
        """Bytes, and what comes back until the answer is whole; asked once."""
        await self._prepared()
        whole = _frame_whole if self.transport == HDLC else _message_whole
        first = self.timing.answer if timeout is None else timeout
        return await self.stream.ask(data, first=first, gap=self.timing.octet, whole=whole)

    async def frame(self, request: Frame | bytes, timeout: float | None = None) -> Frame | None:
        """One HDLC frame for another; ``None`` for silence. ``FrameError`` for bytes that are no frame."""
        heard = await self.ask(request if isinstance(request, bytes) else request.encode(), timeout)
        if not heard:
            return None
        receiver = Receiver()
        found = receiver.receive(heard.data)
        if not found:
            raise FrameError(f"{heard} is no HDLC frame: {receiver.damage or 'its end has not come'}")
        return found[0]

    def to_meter(
        self, field: Control, information: bytes = b"", segmented: bool = False, client: int = PUBLIC
    ) -> Frame:
        """A frame of a client to the meter."""
        return Frame(self.server, Address.client(client), field, information, segmented)

    @property
    def server(self) -> Address:
        return Address.server(self.place.address)

    async def expecting(self, request: Frame | bytes, kind: Kind, what: str) -> Frame:
        """The answer of this kind; ``Failed`` for another one."""
        found = await self.frame(request)
        told = "silence" if found is None else str(found)
        if found is None or found.kind is not kind:
            raise Failed(f"{what}: {told} instead of {kind}")
        return found

    async def connected(self, parameters: Parameters | None = LIMITS, client: int = PUBLIC) -> Frame:
        """SNRM by hand, with nothing else open: the UA."""
        await self.quit()
        information = b"" if parameters is None else parameters.encode()
        request = self.to_meter(control(Kind.SNRM), information, client=client)
        return await self.expecting(request, Kind.UA, "SNRM")

    async def leave(self, client: int = PUBLIC) -> None:
        """DISC by hand; whatever comes."""
        await self.frame(self.to_meter(control(Kind.DISC), client=client))

    # Sessions -------------------------------------------------------------------------------------------------------

    def new(self, sap: int, password: bytes | None = None, **options: Any) -> Session:
        """A session that is not open yet; see :class:`Session`."""
        return Session(self, sap, password, **options)

    async def fresh(self, sap: int = PUBLIC, **options: Any) -> Session:
        """A new session with an association, alone: client 16, or 1 with the password of the address."""
        await self.quit()
        if sap == MANAGEMENT and self.place.password is None:
            raise Skipped("needs client 1: ?client=1, and its password by ?password-file= or WATTPROOF_PASSWORD")
        session = self.new(sap, self.place.password if sap == MANAGEMENT else None, **options)
        await session.open()
        return session

    async def session(self) -> Session:
        """The association that checks share: of client 1 if its password is known, else of client 16."""
        if self._session is None or not self._session.is_open:
            self._session = None
            self._session = await self.fresh(MANAGEMENT if self.is_manager else PUBLIC)
        return self._session

    async def manager(self) -> Session:
        """The same; ``Skipped`` unless it is client 1."""
        session = await self.session()
        if session.sap != MANAGEMENT:
            raise Skipped("needs client 1: ?client=1, and its password by ?password-file= or WATTPROOF_PASSWORD")
        return session

    # Objects --------------------------------------------------------------------------------------------------------

    async def objects(self, session: Session | None = None) -> ObjectList:
        """The object list of this client, read once."""
        asked = session or await self.session()
        if asked.sap not in self._objects:
            self._objects[asked.sap] = ObjectList.read(await asked.get(OBJECTS))
        return self._objects[asked.sap]

    async def has(self, code: str | bytes) -> bool:
        """Whether the object list has this object."""
        return (await self.objects()).find(code) is not None

    async def need(self, code: str | bytes, what: str) -> None:
        """``NotApplicable`` without the object."""
        if not await self.has(code):
            raise NotApplicable(f"the meter has no {what}")

    async def get(self, attribute: Attribute) -> Data:
        """An attribute over the shared association. Raises ``CosemRefused``."""
        return await (await self.session()).get(attribute)

    async def time(self) -> datetime:
        """Date and time of the meter, read now. ``NotApplicable`` without a clock that is set."""
        await self.need("0-0:1.0.0", "clock")
        moment = DateTime.decode(octets(await self.get(TIME), 12))
        found = moment.to_datetime()
        if found is None or (moment.status or 0) & INVALID:
            raise NotApplicable("nobody has set the clock")
        return found

    async def number(self, class_id: int, code: str, attribute: int = 2) -> int:
        """The value of an attribute that is a number. Raises ``FrameError`` for another type."""
        return number(await self.get(Attribute.of(class_id, code, attribute)))

    async def plain(self, class_id: int, code: str, attribute: int = 2) -> Any:
        """The bare value of an attribute."""
        return (await self.get(Attribute.of(class_id, code, attribute))).plain


class Session:
    """One link and its association.

    Args:
        side: the meter.
        sap: the client.
        password: for low level security.
        max_pdu: the longest APDU that the client takes.
        conformance: what it proposes.
        limits: of HDLC.
    """

    def __init__(
        self,
        side: CosemSide,
        sap: int,
        password: bytes | None = None,
        *,
        max_pdu: int = MAX_PDU,
        conformance: Conformance = OFFERED,
        limits: Parameters = LIMITS,
    ) -> None:
        self.side = side
        self.sap = sap
        self.link = _link(side, sap, limits)
        self.client = Client(self.link, password, max_pdu, conformance)
        self.is_open = False

    async def open(self) -> None:
        """Connect and associate. Raises ``AssociationRefused``."""
        await self.side.run(self.client.open())
        self.is_open = True

    async def close(self) -> None:
        """Release and disconnect, whatever comes."""
        self.is_open = False
        try:
            await self.side.run(self.client.close())
        except WattproofError:
            await self.side.stream.close()

    async def run(self, conversation: Conversation[T]) -> T:
        """A conversation of the client. What went wrong on the link ends the session."""
        try:
            return await self.side.run(conversation)
        except CosemRefused:
            raise
        except WattproofError:
            self.is_open = False
            raise

    async def apdu(self, request: bytes | Apdu) -> bytes:
        """The bytes that answer an APDU."""
        data = request if isinstance(request, bytes) else apdus.encode(request)
        return await self.run(self.link.exchange(data))

    async def ask(self, request: bytes | Apdu) -> Apdu:
        """The xDLMS APDU that answers one."""
        return apdus.decode(await self.apdu(request))

    async def associate(self, request: bytes | AssociationRequest) -> AssociationResponse:
        """Connect, and ask for an association by hand."""
        await self.run(self.link.connect())
        data = request if isinstance(request, bytes) else request.encode()
        answer = acse.decode(await self.apdu(data))
        if not isinstance(answer, AssociationResponse):
            raise Failed(f"an AARQ is answered by {type(answer).__name__}")
        return answer

    async def get(self, attribute: Attribute) -> Data:
        """Raises ``CosemRefused``."""
        return await self.run(self.client.get(attribute))

    async def get_list(self, attributes: Sequence[Attribute]) -> list[Data | Result]:
        return await self.run(self.client.get_list(attributes))

    async def set(self, attribute: Attribute, value: Data) -> None:
        """Raises ``CosemRefused``."""
        await self.run(self.client.set(attribute, value))

    async def act(self, method: Method, parameter: Data | None = None) -> Data | None:
        """Raises ``CosemRefused``."""
        return await self.run(self.client.action(method, parameter))

    async def refusal(self, action: Conversation[Any]) -> Result:
        """The result of a service: ``SUCCESS`` where it is not refused."""
        try:
            await self.run(action)
        except CosemRefused as refused:
            return Result(refused.result)
        return Result.SUCCESS


def _link(side: CosemSide, sap: int, limits: Parameters) -> Any:
    """The link of this client, of the kind that the place has."""
    link = replace(side.place, client=sap).link(side.timing)
    if isinstance(link, ClientLink):
        link.limits = limits
    return link


async def refused(session: Session, action: Conversation[Any], results: Result | Sequence[Result], what: str) -> None:
    """``Failed`` unless a service gets one of these results."""
    wanted = [results] if isinstance(results, Result) else list(results)
    found = await session.refusal(action)
    names = " or ".join(result.text for result in wanted)
    expect(found in wanted, f"{what} gets {found.text}, not {names}")


def request_of(initiate: InitiateRequest | None = None, password: bytes | None = None) -> AssociationRequest:
    """An AARQ as the driver sends it."""
    return AssociationRequest.of(initiate or InitiateRequest(), password)


def message(apdu: bytes, source: int = PUBLIC, destination: int = SERVER_SAP) -> bytes:
    """An APDU behind the header of the wrapper."""
    return wrapper.Message(source, destination, apdu).encode()


def _frame_whole(data: bytes) -> bool:
    """Flag, format, as many bytes as it says, flag."""
    begin = data.find(FLAG)
    while 0 <= begin < len(data) - 1 and data[begin + 1] == FLAG:
        begin += 1
    if begin < 0 or len(data) < begin + 3:
        return False
    length = (data[begin + 1] << 8 | data[begin + 2]) & 0x7FF
    return len(data) >= begin + length + 2


def _message_whole(data: bytes) -> bool:
    return len(data) >= 8 and len(data) >= 8 + int.from_bytes(data[6:8], "big")
