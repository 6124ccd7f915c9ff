"""The client's end of an association, as conversations over any link (abb-meters.md 2.4, 2.5).

>>> from wattproof.wire.cosem.descriptors import Attribute
>>> from wattproof.wire.hdlc import ClientLink
>>> client = Client(ClientLink(17))
>>> conversation = client.open()          # run it: see wattproof.wire.conversation
>>> conversation = client.get(Attribute.of(3, "1-0:32.7.0"))
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

from wattproof.errors import (
    CosemRefused,
    Disconnected,
    FrameError,
    LinkError,
    ProtocolError,
    ResponseTimeout,
)
from wattproof.wire.conversation import Conversation
from wattproof.wire.cosem import acse, apdus
from wattproof.wire.cosem import data as axdr
from wattproof.wire.cosem.acse import AssociationRequest, AssociationResponse, AssociationResult
from wattproof.wire.cosem.apdus import INVOKE, INVOKE_ID, Apdu, ExceptionResponse
from wattproof.wire.cosem.blocks import HEADER, Outgoing, room
from wattproof.wire.cosem.conformance import OFFERED, Conformance
from wattproof.wire.cosem.data import Data
from wattproof.wire.cosem.descriptors import Attribute, Method
from wattproof.wire.cosem.fields import DATA, OUTCOME, Outcome, or_result, sequence_of
from wattproof.wire.cosem.initiate import MAX_PDU, InitiateRequest, InitiateResponse
from wattproof.wire.cosem.refusals import exception, not_associated, refusal
from wattproof.wire.cosem.results import Result

T = TypeVar("T")
#: Most bytes of a value that comes in blocks.
TRANSFER_LIMIT = 16 * 1024 * 1024
#: Bytes of a list request without its descriptors, and the most descriptors of one.
_LIST_HEADER, _LIST_LIMIT = 6, 127
_RESULTS = sequence_of(or_result(DATA))


class _Service(NamedTuple):
    """What is under way, in words: they are only put together for an error."""

    name: str
    target: object

    def __str__(self) -> str:
        return f"{self.name} {self.target}"


class Link(Protocol):
    """What carries APDUs: HDLC, or the wrapper. ``datagrams``: a late answer to an earlier request may come."""

    datagrams: bool

    def connect(self) -> Conversation[Any]:
        """Open the link."""
        ...

    def disconnect(self) -> Conversation[None]:
        """Close it; never fails."""
        ...

    def exchange(self, apdu: bytes) -> Conversation[bytes]:
        """The answer to an APDU. Raises ``LinkError`` or ``FrameError``."""
        ...


class Client:
    """One client of one server. Each conversation must end before the next begins.

    Args:
        link: carries the APDUs.
        password: for low level security; ``None``: no authentication.
        max_pdu: the longest APDU that is taken, 0 for no limit.
        conformance: the services that are proposed.
    """

    def __init__(
        self, link: Link, password: bytes | None = None, max_pdu: int = MAX_PDU, conformance: Conformance = OFFERED
    ) -> None:
        self.link = link
        self.password = password
        self.max_pdu = max_pdu
        self.proposed = conformance
        #: invoke-id-and-priority of the service under way; it changes only where answers may be late.
        self.invoke = INVOKE
        #: What the server granted; nothing without an association.
        self.granted = InitiateResponse(Conformance(0), 0)

    # Opening and closing

    def open(self) -> Conversation[InitiateResponse]:
        """Connect and associate. Raises as :meth:`associate` and the link do."""
        yield from self.link.connect()
        return (yield from self.associate())

    def close(self) -> Conversation[None]:
        """Release and disconnect. What fails on the way does not matter."""
        try:
            if self.granted.conformance:
                yield from self.release()
        except (LinkError, ProtocolError):
            pass
        yield from self.link.disconnect()

    def associate(self) -> Conversation[InitiateResponse]:
        """Open the association; what the server grants.

        Raises:
            AssociationRefused: the server says no, with its diagnostic.
            ServiceRefused: it answers an exception.
            FrameError: the answer is none, or grants no GET.
        """
        self.granted = InitiateResponse(Conformance(0), 0)
        request = AssociationRequest.of(InitiateRequest(self.proposed, self.max_pdu), self.password)
        octets = yield from self.link.exchange(request.encode())
        if octets[:1] == b"\xd8":
            raise exception(apdus.decode(octets), "the association")
        response = acse.decode(octets)
        if not isinstance(response, AssociationResponse):
            raise FrameError(f"{type(response).__name__} answers an association request")
        if response.result != AssociationResult.ACCEPTED:
            raise not_associated(response)
        granted = InitiateResponse.decode(response.user_information or b"")
        if Conformance.GET not in granted.conformance:
            raise FrameError("the server accepts the association, but offers no GET with logical names")
        self.granted = granted
        return granted

    def release(self) -> Conversation[None]:
        """Close the association and keep the link. Raises ``FrameError`` where the answer is none."""
        self.granted = InitiateResponse(Conformance(0), 0)
        octets = yield from self.link.exchange(acse.ReleaseRequest(0).encode())
        if octets[:1] != b"\xd8" and not isinstance(acse.decode(octets), acse.ReleaseResponse):
            raise FrameError(f"{octets[:4].hex()} answers a release request")

    def persist(self, service: Callable[[], Conversation[T]]) -> Conversation[T]:
        """``service()``; after a lost link once more over a new connection and association.

        Only for what may be done twice: a request whose answer was lost has been executed.
        """
        try:
            return (yield from service())
        except (Disconnected, ResponseTimeout):
            yield from self.link.disconnect()
            yield from self.open()
            return (yield from service())

    # GET

    def get(self, attribute: Attribute) -> Conversation[Data]:
        """The value of an attribute, or of the part that its selection selects.

        Raises:
            CosemRefused: the server gives a result instead.
            ServiceRefused: it answers an exception.
            ProtocolError: its answer belongs to nothing that was asked.
        """
        what = _Service("GET of", attribute)
        answer = yield from self._ask(apdus.GetRequest(self._next(), attribute), _GET, what)
        if isinstance(answer, apdus.GetBlock):
            raw = yield from self._blocks(answer, what)
            return axdr.decode(raw)
        value: Data | Result = answer.value
        if isinstance(value, Result):
            raise refusal(value, str(what))
        return value

    def get_list(self, attributes: Sequence[Attribute]) -> Conversation[list[Data | Result]]:
        """The values of attributes in their order, with results in the places of those that are refused.

        As many as fit are asked for together; one by one where the server takes no lists.

        Raises:
            ServiceRefused, ProtocolError: as :meth:`get`.
        """
        values: list[Data | Result] = []
        for part in self._parts(attributes):
            if len(part) == 1:
                try:
                    values.append((yield from self.get(part[0])))
                except CosemRefused as refused:
                    values.append(Result(refused.result))
            else:
                values += yield from self._get_list(part)
        return values

    def _get_list(self, attributes: Sequence[Attribute]) -> Conversation[Sequence[Data | Result]]:
        what = _Service("GET of a list of", len(attributes))
        answer = yield from self._ask(apdus.GetList(self._next(), tuple(attributes)), _GET_LIST, what)
        if isinstance(answer, apdus.GetBlock):
            raw = yield from self._blocks(answer, what)
            values, end = _RESULTS.read(raw, 0)
            if end != len(raw):
                raise FrameError(f"{what}: {len(raw) - end} bytes too many")
        else:
            values = answer.values
        if len(values) != len(attributes):
            raise ProtocolError(f"{what} was answered with {len(values)} results")
        results: Sequence[Data | Result] = values
        return results

    def _parts(self, attributes: Sequence[Attribute]) -> Iterator[Sequence[Attribute]]:
        """Groups of attributes whose request fits into an APDU of the server."""
        if Conformance.MULTIPLE_REFERENCES not in self.granted.conformance:
            yield from ((attribute,) for attribute in attributes)
            return
        group: list[Attribute] = []
        size = _LIST_HEADER
        for attribute in attributes:
            octets = 10 if attribute.selection is None else 11 + len(attribute.selection.parameter.encode())
            too_long = self.granted.max_pdu and size + octets > self.granted.max_pdu
            if group and (too_long or len(group) == _LIST_LIMIT):
                yield group
                group, size = [], _LIST_HEADER
            group.append(attribute)
            size += octets
        if group:
            yield group

    def _blocks(self, block: apdus.GetBlock, what: _Service) -> Conversation[bytes]:
        """All blocks from the first one, joined."""
        joined = bytearray()
        number = 1
        while True:
            if isinstance(block.raw, Result):
                raise refusal(block.raw, str(what))
            if block.block != number:
                raise ProtocolError(f"{what}: block {block.block} came where {number} was due")
            joined += block.raw
            if len(joined) > TRANSFER_LIMIT:
                raise ProtocolError(f"{what}: the value is longer than {TRANSFER_LIMIT} bytes")
            if block.last:
                return bytes(joined)
            block = yield from self._ask(apdus.GetNext(self.invoke, number), (apdus.GetBlock,), what)
            number += 1

    # SET

    def set(self, attribute: Attribute, value: Data) -> Conversation[None]:
        """Write an attribute, in blocks where the value is longer than an APDU of the server.

        Raises:
            CosemRefused, ServiceRefused, ProtocolError: as :meth:`get`.
        """
        what = _Service("SET of", attribute)
        request = apdus.SetRequest(self._next(), attribute, value)
        if self._fits(apdus.encode(request)):
            result = (yield from self._ask(request, (apdus.SetResponse,), what)).result
        else:
            result = yield from self._set_blocks(attribute, value.encode(), what)
        if result != Result.SUCCESS:
            raise refusal(result, str(what))

    def set_and_verify(self, attribute: Attribute, value: Data) -> Conversation[None]:
        """As :meth:`set`; where no answer comes, the attribute is read back instead of written again.

        Raises:
            ResponseTimeout: no answer, and the attribute does not have the value.
        """
        try:
            yield from self.set(attribute, value)
        except ResponseTimeout:
            if (yield from self.get(attribute)) != value:
                raise

    def set_list(self, pairs: Sequence[tuple[Attribute, Data]]) -> Conversation[list[Result]]:
        """Write several attributes in one request; their results in their order.

        Raises:
            ServiceRefused, ProtocolError: as :meth:`get`.
        """
        request = apdus.SetList(self._next(), tuple(one for one, _ in pairs), tuple(value for _, value in pairs))
        what = _Service("SET of a list of", len(pairs))
        answer = yield from self._ask(request, (apdus.SetListResponse,), what)
        if len(answer.results) != len(pairs):
            raise ProtocolError(f"{what} was answered with {len(answer.results)} results")
        return list(answer.results)

    def _set_blocks(self, attribute: Attribute, encoded: bytes, what: _Service) -> Conversation[Result]:
        outgoing = Outgoing(encoded)
        first = len(apdus.encode(apdus.SetFirstBlock(self.invoke, attribute, False, 1, b""))) - 1
        raw = outgoing.next(room(self.granted.max_pdu, first))
        request: Apdu = apdus.SetFirstBlock(self.invoke, attribute, outgoing.last, 1, raw)
        while True:
            answer = yield from self._ask(request, _SET_BLOCK, what)
            if isinstance(answer, apdus.SetLastBlockResponse):
                result: Result = answer.result
                return result
            if answer.block != outgoing.block or outgoing.last:
                raise ProtocolError(f"{what}: block {answer.block} is acknowledged, {outgoing.block} was sent")
            raw = outgoing.next(room(self.granted.max_pdu, HEADER - 1))
            request = apdus.SetBlock(self.invoke, outgoing.last, outgoing.block, raw)

    # ACTION

    def action(self, method: Method, parameter: Data | None = None) -> Conversation[Data | None]:
        """Execute a method; its return parameters, or ``None``.

        Raises:
            CosemRefused, ServiceRefused, ProtocolError: as :meth:`get`.
        """
        what = _Service("ACTION", method)
        request = apdus.ActionRequest(self._next(), method, parameter)
        if parameter is None or self._fits(apdus.encode(request)):
            answer = yield from self._ask(request, _ACTION, what)
        else:
            answer = yield from self._action_blocks(method, parameter.encode(), what)
        outcome = (
            answer.outcome if isinstance(answer, apdus.ActionResponse) else (yield from self._outcome(answer, what))
        )
        if outcome.result != Result.SUCCESS:
            raise refusal(outcome.result, str(what))
        if isinstance(outcome.value, Result):
            raise refusal(outcome.value, f"{what}: its return parameter")
        returned: Data | None = outcome.value
        return returned

    def _action_blocks(self, method: Method, encoded: bytes, what: _Service) -> Conversation[Any]:
        outgoing = Outgoing(encoded)
        first = len(apdus.encode(apdus.ActionFirstBlock(self.invoke, method, False, 1, b""))) - 1
        raw = outgoing.next(room(self.granted.max_pdu, first))
        request: Apdu = apdus.ActionFirstBlock(self.invoke, method, outgoing.last, 1, raw)
        while True:
            answer = yield from self._ask(request, (*_ACTION, apdus.ActionBlockResponse), what)
            if not isinstance(answer, apdus.ActionBlockResponse):
                return answer
            if answer.block != outgoing.block or outgoing.last:
                raise ProtocolError(f"{what}: block {answer.block} is acknowledged, {outgoing.block} was sent")
            raw = outgoing.next(room(self.granted.max_pdu, HEADER - 1))
            request = apdus.ActionBlock(self.invoke, outgoing.last, outgoing.block, raw)

    def _outcome(self, block: apdus.ActionResponseBlock, what: _Service) -> Conversation[Outcome]:
        """The outcome that comes in blocks."""
        joined = bytearray()
        answer: Any = block
        while isinstance(answer, apdus.ActionResponseBlock):
            joined += answer.raw
            if len(joined) > TRANSFER_LIMIT:
                raise ProtocolError(f"{what}: the return parameters are longer than {TRANSFER_LIMIT} bytes")
            if answer.last:
                outcome, end = OUTCOME.read(bytes(joined), 0)
                if end != len(joined):
                    raise FrameError(f"{what}: {len(joined) - end} bytes too many")
                found: Outcome = outcome
                return found
            answer = yield from self._ask(apdus.ActionNext(self.invoke, answer.block), _ACTION, what)
        ended: Outcome = answer.outcome
        return ended

    # One request

    def _next(self) -> int:
        """The invoke byte of a new service."""
        if self.link.datagrams:
            self.invoke = self.invoke & ~INVOKE_ID | (self.invoke + 1) & INVOKE_ID
        return self.invoke

    def _fits(self, request: bytes) -> bool:
        return not self.granted.max_pdu or len(request) <= self.granted.max_pdu

    def _ask(self, request: Apdu, expected: tuple[type[Any], ...], what: _Service) -> Conversation[Any]:
        octets = yield from self.link.exchange(apdus.encode(request))
        answer = apdus.decode(octets)
        if isinstance(answer, ExceptionResponse):
            raise exception(answer, str(what))
        if not isinstance(answer, expected):
            raise ProtocolError(f"{what} was answered with {type(answer).__name__}")
        if answer.invoke != self.invoke:
            raise ProtocolError(f"{what}: the answer is to request {answer.invoke:02X}, not {self.invoke:02X}")
        return answer


_GET = (apdus.GetResponse, apdus.GetBlock)
_GET_LIST = (apdus.GetListResponse, apdus.GetBlock)
_SET_BLOCK = (apdus.SetBlockResponse, apdus.SetLastBlockResponse)
_ACTION = (apdus.ActionResponse, apdus.ActionResponseBlock)
