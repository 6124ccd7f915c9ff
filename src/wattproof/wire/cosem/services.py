"""GET, SET and ACTION within an association: the server's part (abb-meters.md 2.5).

One handler a form of request, in a table with the service that must have been negotiated for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeAlias

from wattproof.errors import CosemRefused, FrameError, InvalidValue
from wattproof.wire.cosem import apdus
from wattproof.wire.cosem import data as axdr
from wattproof.wire.cosem.apdus import CONFIRMED, Apdu, ExceptionResponse
from wattproof.wire.cosem.blocks import HEADER, Incoming, Outgoing, room
from wattproof.wire.cosem.conformance import Conformance
from wattproof.wire.cosem.data import Data
from wattproof.wire.cosem.descriptors import Attribute, Method
from wattproof.wire.cosem.fields import DATA, OUTCOME, Encoded, Outcome, or_result, sequence_of
from wattproof.wire.cosem.objects import C
from wattproof.wire.cosem.results import RESULTS, Result

if TYPE_CHECKING:
    from wattproof.wire.cosem.server import Association

_NOT_NEGOTIATED = ExceptionResponse(1, 2)
_UNREADABLE = apdus.encode(ExceptionResponse(2, 3))
_VALUES, _RESULTS, _OUTCOMES = sequence_of(DATA), sequence_of(or_result(DATA)), sequence_of(OUTCOME)


class _Sending(NamedTuple):
    """A pending answer: of GET, or of ACTION."""

    outgoing: Outgoing
    action: bool


class _Receiving(NamedTuple):
    """A pending request, SET or ACTION: for which attributes or methods, and whether it came as a list."""

    incoming: Incoming
    targets: tuple[Any, ...]
    as_list: bool
    action: bool


_Got: TypeAlias = apdus.GetResponse | apdus.GetListResponse
_Pending: TypeAlias = _Sending | _Receiving | None


class Services(Generic[C]):
    """The services of one association, with its pending transfer."""

    __slots__ = ("_association", "_pending")

    def __init__(self, association: Association[C]) -> None:
        self._association = association
        self._pending: _Pending = None

    def abandon(self) -> None:
        """Forget what is pending: the association is gone, or something else is asked."""
        self._pending = None

    def receive(self, octets: bytes) -> bytes | None:
        """The answer to a request; ``None`` to one that wants none."""
        try:
            request = apdus.decode(octets)
        except FrameError:
            self._pending = None
            return _UNREADABLE
        row = _HANDLERS[type(request)]
        if row.needs & ~self._association.services:
            self._pending = None
            return apdus.encode(_NOT_NEGOTIATED)
        pending, self._pending = self._pending, None
        answer = row.handle(self, request, pending)
        invoke: int = request.invoke  # type: ignore[union-attr]
        return apdus.encode(answer) if invoke & CONFIRMED or row.needs & _GET else None

    # The three things that can be done to an object

    def _read(self, attribute: Attribute) -> Data | Result:
        association = self._association
        try:
            target = association.device.find(association.context, attribute.class_id, attribute.name)
            self._guard(Conformance.GET, target, attribute.attribute_id)
            served = target.attributes.get(attribute.attribute_id)
            if served is None:
                return Result.OBJECT_UNDEFINED
            if not served.modes[association.client.role].readable:
                return Result.READ_WRITE_DENIED
            if attribute.selection is not None and not association.services & _SELECTIVE:
                return Result.SCOPE_OF_ACCESS_VIOLATED
            return target.read(association, served, attribute.selection)
        except CosemRefused as refused:
            return RESULTS[refused.result]
        except (FrameError, InvalidValue):  # the selection has another shape
            return Result.SCOPE_OF_ACCESS_VIOLATED

    def _write(self, attribute: Attribute, value: Data) -> Result:
        association = self._association
        try:
            target = association.device.find(association.context, attribute.class_id, attribute.name)
            self._guard(Conformance.SET, target, attribute.attribute_id)
            served = target.attributes.get(attribute.attribute_id)
            if served is None:
                return Result.OBJECT_UNDEFINED
            if not served.modes[association.client.role].writable:
                return Result.READ_WRITE_DENIED
            if attribute.selection is not None:
                return Result.SCOPE_OF_ACCESS_VIOLATED
            target.write(association, served, value)
        except (CosemRefused, FrameError, InvalidValue) as error:
            return _result(error)
        return Result.SUCCESS

    def _execute(self, method: Method, parameter: Data | None) -> Outcome:
        association = self._association
        try:
            target = association.device.find(association.context, method.class_id, method.name)
            self._guard(Conformance.ACTION, target, method.method_id)
            served = target.methods.get(method.method_id)
            if served is None:
                return Outcome(Result.OBJECT_UNDEFINED)
            if not served.allowed[association.client.role]:
                return Outcome(Result.READ_WRITE_DENIED)
            return Outcome(Result.SUCCESS, target.call(association, served, parameter))
        except (CosemRefused, FrameError, InvalidValue) as error:
            return Outcome(_result(error))

    def _guard(self, service: Conformance, target: Any, number: int) -> None:
        guard = self._association.device.guard
        if guard is not None and (result := guard(self._association, service, target, number)):
            raise CosemRefused(result, f"{target} is guarded")

    # GET

    def get(self, request: apdus.GetRequest, pending: _Pending) -> Apdu:
        value = self._read(request.attribute)
        if isinstance(value, Result):
            return apdus.GetResponse(request.invoke, value)
        encoded = Encoded(value.encode())
        too_long = apdus.GetResponse(request.invoke, Result.OTHER_REASON)
        return self._fitting(
            apdus.GetResponse(request.invoke, encoded), too_long, 4 + len(encoded.octets), encoded.octets
        )

    def get_list(self, request: apdus.GetList, pending: _Pending) -> Apdu:
        values = tuple(map(self._read, request.attributes))
        encoded = _RESULTS.write(values)
        too_long = apdus.GetListResponse(request.invoke, (Result.OTHER_REASON,) * len(values))
        return self._fitting(apdus.GetListResponse(request.invoke, values), too_long, 3 + len(encoded), encoded)

    def _fitting(self, response: _Got, too_long: _Got, size: int, encoded: bytes) -> Apdu:
        """The response; where it is too long for the client its first block, or what says that there are no blocks."""
        longest = self._association.longest
        if longest is None or size <= longest:
            return response
        if Conformance.BLOCK_TRANSFER_GET not in self._association.conformance:
            return too_long
        return self._get_block(response.invoke, _Sending(Outgoing(encoded), False))

    def _get_block(self, invoke: int, sending: _Sending) -> Apdu:
        outgoing = sending.outgoing
        raw = outgoing.next(room(self._association.longest or 0))
        self._pending = None if outgoing.last else sending
        return apdus.GetBlock(invoke, outgoing.last, outgoing.block, raw)

    def get_next(self, request: apdus.GetNext, pending: _Pending) -> Apdu:
        if not isinstance(pending, _Sending) or pending.action:
            return apdus.GetBlock(request.invoke, True, request.block, Result.NO_LONG_GET_IN_PROGRESS)
        if request.block != pending.outgoing.block:
            block = pending.outgoing.block + 1
            return apdus.GetBlock(request.invoke, True, block, Result.DATA_BLOCK_NUMBER_INVALID)
        return self._get_block(request.invoke, pending)

    # SET

    def set(self, request: apdus.SetRequest, pending: _Pending) -> Apdu:
        return apdus.SetResponse(request.invoke, self._write(request.attribute, request.value))

    def set_list(self, request: apdus.SetList, pending: _Pending) -> Apdu:
        if len(request.attributes) != len(request.values):
            return ExceptionResponse(2, 3)
        results = map(self._write, request.attributes, request.values)
        return apdus.SetListResponse(request.invoke, tuple(results))

    def set_first(self, request: apdus.SetFirstBlock, pending: _Pending) -> Apdu:
        return self._set_block(request, _Receiving(self._incoming(), (request.attribute,), False, False))

    def set_list_first(self, request: apdus.SetListFirstBlock, pending: _Pending) -> Apdu:
        return self._set_block(request, _Receiving(self._incoming(), request.attributes, True, False))

    def set_next(self, request: apdus.SetBlock, pending: _Pending) -> Apdu:
        if not isinstance(pending, _Receiving) or pending.action:
            return apdus.SetLastBlockResponse(request.invoke, Result.NO_LONG_SET_IN_PROGRESS, request.block)
        return self._set_block(request, pending)

    def _set_block(self, request: Any, receiving: _Receiving) -> Apdu:
        incoming = receiving.incoming
        if not incoming.take(request.block, request.raw):
            wrong = request.block != incoming.block
            result = Result.DATA_BLOCK_NUMBER_INVALID if wrong else Result.LONG_SET_ABORTED
            return apdus.SetLastBlockResponse(request.invoke, result, request.block)
        if not request.last:
            self._pending = receiving
            return apdus.SetBlockResponse(request.invoke, request.block)
        values = _values(incoming.data, receiving)
        if values is None:
            return apdus.SetLastBlockResponse(request.invoke, Result.TYPE_UNMATCHED, request.block)
        results = tuple(map(self._write, receiving.targets, values))
        if receiving.as_list:
            return apdus.SetListLastBlockResponse(request.invoke, results, request.block)
        return apdus.SetLastBlockResponse(request.invoke, results[0], request.block)

    def _incoming(self) -> Incoming:
        return Incoming(self._association.device.transfer_limit)

    # ACTION

    def action(self, request: apdus.ActionRequest, pending: _Pending) -> Apdu:
        return self._outcome(request.invoke, (self._execute(request.method, request.parameter),), False)

    def action_list(self, request: apdus.ActionList, pending: _Pending) -> Apdu:
        if len(request.methods) != len(request.parameters):
            return ExceptionResponse(2, 3)
        return self._outcome(request.invoke, tuple(map(self._execute, request.methods, request.parameters)), True)

    def action_first(self, request: apdus.ActionFirstBlock, pending: _Pending) -> Apdu:
        return self._action_block(request, _Receiving(self._incoming(), (request.method,), False, True))

    def action_list_first(self, request: apdus.ActionListFirstBlock, pending: _Pending) -> Apdu:
        return self._action_block(request, _Receiving(self._incoming(), request.methods, True, True))

    def action_block(self, request: apdus.ActionBlock, pending: _Pending) -> Apdu:
        if not isinstance(pending, _Receiving) or not pending.action:
            return apdus.ActionResponse(request.invoke, Outcome(Result.NO_LONG_GET_IN_PROGRESS))
        return self._action_block(request, pending)

    def _action_block(self, request: Any, receiving: _Receiving) -> Apdu:
        incoming = receiving.incoming
        if not incoming.take(request.block, request.raw):
            wrong = request.block != incoming.block
            result = Result.DATA_BLOCK_NUMBER_INVALID if wrong else Result.LONG_GET_ABORTED
            return apdus.ActionResponse(request.invoke, Outcome(result))
        if not request.last:
            self._pending = receiving
            return apdus.ActionBlockResponse(request.invoke, request.block)
        values = _values(incoming.data, receiving)
        if values is None:
            return apdus.ActionResponse(request.invoke, Outcome(Result.TYPE_UNMATCHED))
        outcomes = tuple(map(self._execute, receiving.targets, values))
        return self._outcome(request.invoke, outcomes, receiving.as_list)

    def _outcome(self, invoke: int, outcomes: tuple[Outcome, ...], as_list: bool) -> Apdu:
        encoded = (_OUTCOMES if as_list else OUTCOME).write(outcomes if as_list else outcomes[0])
        longest = self._association.longest
        if longest is None or 3 + len(encoded) <= longest:
            if as_list:
                return apdus.ActionListResponse(invoke, outcomes)
            return apdus.ActionResponse(invoke, outcomes[0])
        if Conformance.BLOCK_TRANSFER_ACTION not in self._association.conformance:
            return apdus.ActionResponse(invoke, Outcome(Result.OTHER_REASON))
        return self._outcome_block(invoke, _Sending(Outgoing(encoded), True))

    def _outcome_block(self, invoke: int, sending: _Sending) -> Apdu:
        outgoing = sending.outgoing
        raw = outgoing.next(room(self._association.longest or 0, HEADER - 1))
        self._pending = None if outgoing.last else sending
        return apdus.ActionResponseBlock(invoke, outgoing.last, outgoing.block, raw)

    def action_next(self, request: apdus.ActionNext, pending: _Pending) -> Apdu:
        if not isinstance(pending, _Sending) or not pending.action:
            return apdus.ActionResponse(request.invoke, Outcome(Result.NO_LONG_GET_IN_PROGRESS))
        if request.block != pending.outgoing.block:
            return apdus.ActionResponse(request.invoke, Outcome(Result.DATA_BLOCK_NUMBER_INVALID))
        return self._outcome_block(request.invoke, pending)


def _result(error: CosemRefused | FrameError | InvalidValue) -> Result:
    """What a refusal is on the wire: its own result, a wrong type, or a value out of range."""
    if isinstance(error, CosemRefused):
        return RESULTS[error.result]
    return Result.TYPE_UNMATCHED if isinstance(error, FrameError) else Result.SCOPE_OF_ACCESS_VIOLATED


def _values(raw: bytes, receiving: _Receiving) -> tuple[Data, ...] | None:
    """The values that came in blocks, one for each target; ``None`` where the bytes are something else."""
    try:
        values, end = _VALUES.read(raw, 0) if receiving.as_list else ((axdr.decode(raw),), len(raw))
    except FrameError:
        return None
    return values if end == len(raw) and len(values) == len(receiving.targets) else None


class _Row(NamedTuple):
    """The handler of a form of request, and the service that must have been negotiated."""

    needs: int
    handle: Callable[[Services[Any], Any, _Pending], Apdu]


# Plain integers: flags of an enumeration take longer to compare than everything else here.
_GET, _SET, _ACTION = map(int, (Conformance.GET, Conformance.SET, Conformance.ACTION))
_LIST, _GET_BLOCKS = int(Conformance.MULTIPLE_REFERENCES), int(Conformance.BLOCK_TRANSFER_GET)
_SELECTIVE = int(Conformance.SELECTIVE_ACCESS)
_SET_BLOCKS, _ACTION_BLOCKS = int(Conformance.BLOCK_TRANSFER_SET), int(Conformance.BLOCK_TRANSFER_ACTION)
_HANDLERS: Mapping[type[Any], _Row] = {
    apdus.GetRequest: _Row(_GET, Services.get),
    apdus.GetList: _Row(_GET | _LIST, Services.get_list),
    apdus.GetNext: _Row(_GET | _GET_BLOCKS, Services.get_next),
    apdus.SetRequest: _Row(_SET, Services.set),
    apdus.SetList: _Row(_SET | _LIST, Services.set_list),
    apdus.SetFirstBlock: _Row(_SET | _SET_BLOCKS, Services.set_first),
    apdus.SetListFirstBlock: _Row(_SET | _SET_BLOCKS | _LIST, Services.set_list_first),
    apdus.SetBlock: _Row(_SET | _SET_BLOCKS, Services.set_next),
    apdus.ActionRequest: _Row(_ACTION, Services.action),
    apdus.ActionList: _Row(_ACTION | _LIST, Services.action_list),
    apdus.ActionFirstBlock: _Row(_ACTION | _ACTION_BLOCKS, Services.action_first),
    apdus.ActionListFirstBlock: _Row(_ACTION | _ACTION_BLOCKS | _LIST, Services.action_list_first),
    apdus.ActionBlock: _Row(_ACTION | _ACTION_BLOCKS, Services.action_block),
    apdus.ActionNext: _Row(_ACTION | _ACTION_BLOCKS, Services.action_next),
}
