"""A logical device: its objects, its clients, and the objects that tell about both (abb-meters.md 2.4, 2.8).

It is made once and shared by all meters of a kind; it has no state. The state of a meter is its context.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeAlias

from wattproof.errors import CosemRefused, InvalidValue
from wattproof.wire.cosem.association_objects import CURRENT_ASSOCIATION, AssociationObject
from wattproof.wire.cosem.conformance import OFFERED, Conformance
from wattproof.wire.cosem.initiate import MAX_PDU
from wattproof.wire.cosem.objects import C, CosemObject
from wattproof.wire.cosem.results import Result

if TYPE_CHECKING:
    from wattproof.wire.cosem.server import Association


@dataclass(frozen=True)  # no slots: Python 3.11 cannot make a Name[Type](...) of a frozen class with slots
class ClientRow(Generic[C]):
    """A client that may open an association.

    Args:
        sap: its address: HDLC client address or wrapper port.
        role: its column in the access of objects.
        secret: gives its password, for low level security; ``None``: it needs none and must not give one.
        set_secret: takes a new password that the client writes to its association object.
        association: the logical name of the object that tells about it.
    """

    sap: int
    role: int
    secret: Callable[[C], bytes] | None = None
    set_secret: Callable[[C, bytes], None] | None = None
    association: str | None = None


#: A first word about every service, for a meter that is closed or a fault that is set: association, service (GET, SET
#: or ACTION), object, number of attribute or method; ``SUCCESS`` to go on, else the result.
Guard: TypeAlias = "Callable[[Association[C], Conformance, CosemObject[C], int], Result]"


class LogicalDevice(Generic[C]):
    """Objects by logical name, clients by address.

    Args:
        objects: what is served, in the order of the object list. Association objects are added in front.
        clients: who may ask.
        guard: asked before every service to an object that there is, whatever its access says.
        conformance: services that are offered.
        max_pdu: the longest APDU that is taken.
        transfer_limit: bytes that a client may send in blocks.
    """

    def __init__(
        self,
        objects: Iterable[CosemObject[C]],
        clients: Iterable[ClientRow[C]],
        *,
        guard: Guard[C] | None = None,
        conformance: Conformance = OFFERED,
        max_pdu: int = MAX_PDU,
        transfer_limit: int = 0x1_0000,
    ) -> None:
        self.clients: Mapping[int, ClientRow[C]] = {row.sap: row for row in clients}
        self.guard = guard
        self.conformance = conformance
        self.max_pdu = max_pdu
        self.transfer_limit = transfer_limit
        self.objects: dict[bytes, CosemObject[C]] = {}
        roles = 1 + max((row.role for row in self.clients.values()), default=0)
        named = [row for row in self.clients.values() if row.association is not None]
        own: list[CosemObject[C]] = [AssociationObject(CURRENT_ASSOCIATION, self.clients.values(), None, roles)]
        own += [AssociationObject(row.association or "", (row,), row, roles) for row in named]
        for item in (*own, *objects):
            if item.name in self.objects:
                raise InvalidValue(f"two objects have the logical name of {item}")
            self.objects[item.name] = item

    def present(self, context: C) -> Iterator[CosemObject[C]]:
        """The objects that a meter has."""
        return (item for item in self.objects.values() if item.present is None or item.present(context))

    def find(self, context: C, class_id: int, name: bytes) -> CosemObject[C]:
        """The object. Raises ``CosemRefused``: object undefined, or its class is another."""
        item = self.objects.get(name)
        if item is None or (item.present is not None and not item.present(context)):
            raise CosemRefused(Result.OBJECT_UNDEFINED, "no such object")
        if item.interface_class.id != class_id:
            raise CosemRefused(Result.OBJECT_CLASS_INCONSISTENT, f"class {class_id} of {item}")
        return item
