"""The server's end of an association: APDU in, APDU out (abb-meters.md 2.4, 2.5, 3.12).

::

    none --AARQ/AARE accepted--> associated --RLRQ/RLRE, link gone--> none
    none: every service -> exception 1/1
    associated: GET, SET, ACTION -> their responses; a pending transfer ends with every other request
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Generic

from wattproof.errors import FrameError
from wattproof.wire.cosem import acse, apdus
from wattproof.wire.cosem.acse import (
    AssociationRequest,
    AssociationResponse,
    AssociationResult,
    Diagnostic,
    ReleaseRequest,
    ReleaseResponse,
)
from wattproof.wire.cosem.apdus import ConfirmedServiceError, ExceptionResponse
from wattproof.wire.cosem.blocks import SHORTEST_PDU
from wattproof.wire.cosem.conformance import Conformance
from wattproof.wire.cosem.initiate import InitiateRequest, InitiateResponse
from wattproof.wire.cosem.objects import C
from wattproof.wire.cosem.services import Services

if TYPE_CHECKING:
    from wattproof.wire.cosem.device import ClientRow, LogicalDevice

#: So many wrong passwords in a row, and for so many nanoseconds no further one is looked at.
ATTEMPTS, LOCKED = 3, 30 * 10**9

_NO_ASSOCIATION = apdus.encode(ExceptionResponse(1, 1))
_UNKNOWN = apdus.encode(ExceptionResponse(2, 2))
#: Initiate error: the PDU size of the client is too short.
_PDU_TOO_SHORT = ConfirmedServiceError(1, 6, 3)


class Association(Generic[C]):
    """One link's association with a logical device. It is the ``Upper`` of an HDLC link.

    Args:
        device: what is served.
        context: the meter, as the objects of the device know it.
        ceiling: longest APDU that the link carries, whatever the client takes; ``None``: any.
    """

    __slots__ = ("_client", "_locked_until", "_sap", "_services", "_wrong", "ceiling", "client_pdu", "conformance",
                 "context", "device", "longest", "services")  # fmt: skip

    def __init__(self, device: LogicalDevice[C], context: C, ceiling: int | None = None) -> None:
        self.device = device
        self.context = context
        self.ceiling = ceiling
        #: What was negotiated: services, the same as an integer, and the longest APDU that the client takes (0: any).
        self.conformance = Conformance(0)
        self.services = 0
        self.client_pdu = 0
        #: The longest APDU that may be sent; ``None``: any.
        self.longest = ceiling
        self._sap: int | None = None
        self._client: ClientRow[C] | None = None
        self._services = Services(self)
        self._wrong = 0
        self._locked_until = 0

    @property
    def associated(self) -> bool:
        """Whether there is an association."""
        return self._client is not None

    @property
    def client(self) -> ClientRow[C]:
        """Who is associated. Only asked while there is an association."""
        if self._client is None:
            raise LookupError("there is no association")
        return self._client

    def connected(self, client: int) -> None:
        """A client, by its address, has opened the link; there is no association yet."""
        self.disconnected()
        self._sap = client

    def disconnected(self) -> None:
        """The link is gone, and the association with it. Wrong passwords are not forgotten."""
        self._sap = None
        self._release()

    def receive(self, apdu: bytes, now: int) -> bytes | None:
        """The answer to an APDU that came at ``now`` (monotonic nanoseconds); ``None``: none is wanted."""
        tag = apdu[0] if apdu else 0
        if tag == AssociationRequest.tag:
            return self._associate(apdu, now)
        if tag == ReleaseRequest.tag:
            self._release()
            return ReleaseResponse(0).encode()
        if tag not in apdus.REQUESTS:
            self._services.abandon()  # every request ends a pending transfer, a strange one too
            return _UNKNOWN
        return _NO_ASSOCIATION if self._client is None else self._services.receive(apdu)

    def _release(self) -> None:
        self._client = None
        self.conformance, self.services = Conformance(0), 0
        self._services.abandon()

    def _associate(self, apdu: bytes, now: int) -> bytes:
        self._release()
        try:
            request = acse.decode(apdu)
            diagnostic = self._refuses(request, now) if isinstance(request, AssociationRequest) else _NO_REASON
            initiate = None if diagnostic else InitiateRequest.decode(request.user_information or b"")
        except FrameError:
            diagnostic, initiate = _NO_REASON, None
        if initiate is None:
            return _rejected(diagnostic)
        if 0 < initiate.max_pdu < SHORTEST_PDU:
            return _rejected(_NO_REASON, apdus.encode(_PDU_TOO_SHORT))
        services = initiate.conformance & self.device.conformance
        if Conformance.GET not in services:
            return _rejected(_NO_REASON)
        self._client = self.device.clients[self._sap or 0]
        self.conformance, self.services, self.client_pdu = services, int(services), initiate.max_pdu
        self.longest = min((limit for limit in (initiate.max_pdu, self.ceiling) if limit), default=None)
        response = InitiateResponse(services, self.device.max_pdu).encode()
        return AssociationResponse.of(AssociationResult.ACCEPTED, Diagnostic.NULL, response).encode()

    def _refuses(self, request: AssociationRequest, now: int) -> int:
        """Why the client is not let in, 0 if it is."""
        if request.context != acse.LN:
            return Diagnostic.APPLICATION_CONTEXT_NAME_NOT_SUPPORTED
        client = self.device.clients.get(self._sap or 0)
        if client is None:
            return Diagnostic.AUTHENTICATION_FAILURE
        mechanism = acse.LOWEST if request.mechanism is None else request.mechanism
        if client.secret is None:
            return 0 if mechanism == acse.LOWEST else Diagnostic.AUTHENTICATION_MECHANISM_NAME_NOT_RECOGNISED
        if mechanism not in (acse.LOWEST, acse.LOW_LEVEL):
            return Diagnostic.AUTHENTICATION_MECHANISM_NAME_NOT_RECOGNISED
        if mechanism == acse.LOWEST or request.password is None or now < self._locked_until:
            return Diagnostic.AUTHENTICATION_FAILURE
        if hmac.compare_digest(request.password, client.secret(self.context)):
            self._wrong = 0
            return 0
        self._wrong += 1
        if self._wrong >= ATTEMPTS:
            self._wrong, self._locked_until = 0, now + LOCKED
        return Diagnostic.AUTHENTICATION_FAILURE


_NO_REASON = int(Diagnostic.NO_REASON_GIVEN)


def _rejected(diagnostic: int, user_information: bytes | None = None) -> bytes:
    return AssociationResponse.of(AssociationResult.REJECTED_PERMANENT, diagnostic, user_information).encode()


#: For whoever is turned away before there is an association: another client has one.
OCCUPIED = AssociationResponse.of(AssociationResult.REJECTED_TRANSIENT, Diagnostic.NO_REASON_GIVEN).encode()
