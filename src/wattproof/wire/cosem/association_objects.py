"""Objects that tell about association and server (IEC 62056-62, classes 15 and 17; abb-meters.md 2.8)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from wattproof.errors import CosemRefused
from wattproof.model.obis import Obis
from wattproof.wire.cosem import acse
from wattproof.wire.cosem.classes import ASSOCIATION_LN, SAP_ASSIGNMENT
from wattproof.wire.cosem.data import (
    NULL,
    Data,
    array,
    bit_string,
    enum,
    integer,
    long_unsigned,
    octet_string,
    structure,
    unsigned,
)
from wattproof.wire.cosem.descriptors import Selection
from wattproof.wire.cosem.initiate import DLMS_VERSION
from wattproof.wire.cosem.objects import Bound, C, CosemObject, ServedAttribute
from wattproof.wire.cosem.results import Result
from wattproof.wire.cosem.shapes import octets

if TYPE_CHECKING:
    from wattproof.wire.cosem.device import ClientRow
    from wattproof.wire.cosem.server import Association

#: Service access point of the one logical device, and the object about the association that asks.
SERVER_SAP = 1
CURRENT_ASSOCIATION = "0-0:40.0.0"
_SECRET = ASSOCIATION_LN.attribute("secret").id
_NON_ASSOCIATED, _ASSOCIATED = 0, 2


class AssociationObject(CosemObject[C]):
    """Class 15: what it tells depends on who asks, not on the meter.

    Args:
        code: its logical name.
        clients: whose password may be set through it.
        about: the client it tells about; ``None``: whoever asks.
        roles: how many roles there are.
    """

    __slots__ = ("about",)

    def __init__(
        self, code: str | bytes | Obis, clients: Iterable[ClientRow[C]], about: ClientRow[C] | None, roles: int
    ) -> None:
        self.about = about
        secret = ["-"] * roles
        for row in clients:
            if row.set_secret is not None:
                secret[row.role] = "w"
        attributes: dict[str | int, Any] = dict.fromkeys(_TELL, NULL)
        if "w" in secret:
            attributes[_SECRET] = Bound[C](set=lambda context, value: None, access="/".join(secret))
        super().__init__(ASSOCIATION_LN, code, attributes, access="/".join(["r"] * roles))

    def read(self, association: Association[C], attribute: ServedAttribute[C], selection: Selection | None) -> Data:
        tell = _TELL_BY_ID.get(attribute.id)
        if tell is None or selection is not None:
            return super().read(association, attribute, selection)
        row = self.about or association.client
        return tell(association, row, row is association.client)

    def write(self, association: Association[C], attribute: ServedAttribute[C], value: Data) -> None:
        row = self.about or association.client
        if row.set_secret is None:
            raise CosemRefused(Result.READ_WRITE_DENIED, f"client {row.sap} has no password")
        row.set_secret(association.context, octets(value))


def _object_list(association: Association[C], row: ClientRow[C], current: bool) -> Data:
    return array(item.entry(row.role).data for item in association.device.present(association.context))


def _partners(association: Association[C], row: ClientRow[C], current: bool) -> Data:
    return structure(integer(row.sap), long_unsigned(SERVER_SAP))


def _context_info(association: Association[C], row: ClientRow[C], current: bool) -> Data:
    device = association.device
    return structure(
        bit_string(f"{association.conformance if current else device.conformance:024b}"),
        long_unsigned(device.max_pdu),
        long_unsigned(association.client_pdu if current else device.max_pdu),
        unsigned(DLMS_VERSION),
        integer(0),
        octet_string(b""),
    )


#: Attributes by name: what they tell of the association, of the client that it is about, and whether that one asks.
_TELL: Mapping[str, Callable[[Association[Any], ClientRow[Any], bool], Data]] = {
    "object_list": _object_list,
    "associated_partners_id": _partners,
    "application_context_name": lambda association, row, current: octet_string(acse.LN),
    "xdlms_context_info": _context_info,
    "authentication_mechanism_name": lambda association, row, current: octet_string(
        acse.LOWEST if row.secret is None else acse.LOW_LEVEL
    ),
    "association_status": lambda association, row, current: enum(_ASSOCIATED if current else _NON_ASSOCIATED),
}
_TELL_BY_ID = {ASSOCIATION_LN.attribute(key).id: tell for key, tell in _TELL.items()}


def sap_assignment(
    logical_device_name: Callable[[C], bytes], code: str = "0-0:41.0.0", access: str = "r/r"
) -> CosemObject[C]:
    """The object of class 17 that names the one logical device."""

    def assignment(context: C) -> Data:
        return array([structure(long_unsigned(SERVER_SAP), octet_string(logical_device_name(context)))])

    return CosemObject(SAP_ASSIGNMENT, code, {"sap_assignment_list": assignment}, access=access)
