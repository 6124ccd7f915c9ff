"""The logical device of a variant: its objects, its clients, and the guard in front of its services (abb-meters.md 2.4,
2.8). Made once, when the first meter of a variant is asked; shared by all of them."""

from __future__ import annotations

from functools import lru_cache
from itertools import chain

from wattproof.meters.abb.quantities import ROWS
from wattproof.meters.abb.variants import Variant
from wattproof.meters.abb.virtual.body import Body
from wattproof.meters.abb.virtual.cosem.alarms import alarms
from wattproof.meters.abb.virtual.cosem.binding import Object, told
from wattproof.meters.abb.virtual.cosem.clock import clock
from wattproof.meters.abb.virtual.cosem.identity import identity
from wattproof.meters.abb.virtual.cosem.image import image
from wattproof.meters.abb.virtual.cosem.ports import ports
from wattproof.meters.abb.virtual.cosem.profiles import profiles
from wattproof.meters.abb.virtual.cosem.quantities import quantities
from wattproof.meters.abb.virtual.cosem.tariffs import tariffs
from wattproof.meters.abb.virtual.recorder import COUNTERS
from wattproof.meters.abb.virtual.refusals import Missing, Refusal
from wattproof.wire.cosem.conformance import Conformance
from wattproof.wire.cosem.descriptors import logical_name
from wattproof.wire.cosem.device import ClientRow, LogicalDevice
from wattproof.wire.cosem.results import RESULTS, Result
from wattproof.wire.cosem.server import Association
from wattproof.wire.hdlc.addresses import MANAGEMENT, PUBLIC


def _set_password(body: Body, password: bytes) -> None:
    told(body.set_password, password)


#: Who may ask: the public client without a password, the management client with the meter's (2.4).
CLIENTS = (
    ClientRow[Body](PUBLIC, 0, association="0-0:40.0.1"),
    ClientRow[Body](MANAGEMENT, 1, lambda body: body.password, _set_password, "0-0:40.0.2"),
)
PARTS = (identity, clock, quantities, ports, tariffs, alarms, profiles, image)
#: Objects whose methods the write access level does not bind, as their commands on M-Bus (1.15).
UNPROTECTED = frozenset({logical_name("0-0:10.0.100"), *(ROWS[id].ln for id in COUNTERS)})
#: Faults that put a result in place of one quantity.
_STATUSES = (("status-15", Missing.ABSENT), ("status-18", Missing.ERROR))


@lru_cache(maxsize=64)
def device_of(variant: Variant) -> LogicalDevice[Body]:
    """The logical device of a variant."""
    return LogicalDevice(chain.from_iterable(part(variant) for part in PARTS), CLIENTS, guard=guard)


def guard(association: Association[Body], service: Conformance, target: Object, number: int) -> Result:
    """The first word about a service: faults, and the write access level."""
    body = association.context
    if body.faults.active and (result := _fault(body, service, target, number)):
        return result
    if service is Conformance.GET or (service is Conformance.ACTION and target.name in UNPROTECTED):
        return Result.SUCCESS
    try:
        body.permit(password=True)  # client 1 has given it
    except Refusal as refusal:
        return RESULTS[refusal.access_result]
    return Result.SUCCESS


def _fault(body: Body, service: Conformance, target: Object, number: int) -> Result:
    """The result that a fault gives, success if none does."""
    faults = body.faults
    chosen = faults.get("access-result")
    if isinstance(chosen, str):
        name, result = _access_result(chosen)
        if name == target.name:
            faults.hit("access-result")
            return result
    for fault, missing in _STATUSES:
        row = ROWS.get(faults.get(fault))  # type: ignore[call-overload]
        if row is not None and row.ln == target.name and (missing is Missing.ABSENT or number == row.attribute):
            faults.hit(fault)
            return RESULTS[missing.access_result]
    if service is not Conformance.GET and faults.hit("refuse-writes"):
        return Result.READ_WRITE_DENIED
    return Result.SUCCESS


@lru_cache(maxsize=64)
def _access_result(text: str) -> tuple[bytes, Result]:
    """Logical name and result of ``LN/CODE``."""
    name, _, code = text.partition("/")
    return logical_name(name), RESULTS[int(code)]
