"""An association as a virtual ABB meter holds it: with the faults that strike APDUs, and its named states
(abb-meters.md 3.12, 3.13)."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from wattproof.meters.abb.virtual.body import Body
from wattproof.wire.cosem import apdus
from wattproof.wire.cosem.acse import AssociationRequest, AssociationResponse, AssociationResult
from wattproof.wire.cosem.apdus import CONFIRMED, INVOKE_ID, ExceptionResponse
from wattproof.wire.cosem.device import LogicalDevice
from wattproof.wire.cosem.server import Association

_GET, _GET_RESPONSE, _ACTION_RESPONSE = 0xC0, 0xC4, 0xC7
#: Requests that may change something: SET and ACTION.
_CHANGES = frozenset({0xC1, 0xC3})
#: Responses, by tag: behind it come the form and the invoke byte.
_RESPONSES = frozenset({_GET_RESPONSE, 0xC5, _ACTION_RESPONSE})
#: Form of a response that is a data block, and where its block number stands.
_BLOCK, _NUMBER = 2, slice(4, 8)


class MeterAssociation(Association[Body]):
    """The association of one link of a meter. Without faults it is the plain one. ``touched`` is told of every SET and
    ACTION."""

    __slots__ = ("_touched",)

    def __init__(
        self, device: LogicalDevice[Body], body: Body, ceiling: int | None, touched: Callable[[], None]
    ) -> None:
        super().__init__(device, body, ceiling)
        self._touched = touched

    def receive(self, apdu: bytes, now: int) -> bytes | None:
        """The answer to an APDU; ``None``: none."""
        body = self.context
        tag = apdu[0] if apdu else 0
        if tag == AssociationRequest.tag:
            body.entered("association")
        answer = self._refused(tag, apdu) or super().receive(apdu, now)
        if tag in _CHANGES:
            self._touched()
        body.answered()
        if answer is None or not body.supplied:
            return None
        return self._spoilt(answer)

    def _refused(self, tag: int, apdu: bytes) -> bytes:
        """What a fault answers in place of the server, empty if none does."""
        faults = self.context.faults
        if not faults.active:
            return b""
        if tag == AssociationRequest.tag and faults.hit("aare-reject"):
            self._release()
            diagnostic = int(cast(str, faults.get("aare-reject")))
            return AssociationResponse.of(AssociationResult.REJECTED_PERMANENT, diagnostic).encode()
        confirmed = tag in apdus.REQUESTS and (tag == _GET or (apdu[2:3] and apdu[2] & CONFIRMED))
        if confirmed and faults.hit("exception"):
            state, service = map(int, cast(str, faults.get("exception")).split("/"))
            return apdus.encode(ExceptionResponse(state, service))
        return b""

    def _spoilt(self, answer: bytes) -> bytes:
        """An answer with its named state entered, as faults leave it."""
        faults = self.context.faults
        if answer[0] in (_GET_RESPONSE, _ACTION_RESPONSE) and answer[1] == _BLOCK:
            number = int.from_bytes(answer[_NUMBER], "big")
            self.context.entered(f"block:{number}")
            if faults.hit("bad-block"):
                answer = answer[:4] + (number + 1 & 0xFFFFFFFF).to_bytes(4, "big") + answer[8:]
        if answer[0] in _RESPONSES and faults.hit("wrong-invoke"):
            invoke = answer[2] & ~INVOKE_ID | answer[2] + 1 & INVOKE_ID
            answer = answer[:2] + bytes((invoke,)) + answer[3:]
        return answer
