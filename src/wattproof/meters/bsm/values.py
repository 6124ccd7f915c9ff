"""Raw values of single points, and what a status means: the small words of the driver."""

from __future__ import annotations

from wattproof.errors import ProtocolError, SnapshotFailed
from wattproof.meters.bsm.enums import SnapshotStatus, SnapshotType
from wattproof.wire.modbus.bindings import BoundPoint
from wattproof.wire.modbus.image import RegisterImage


def status_of(bound: BoundPoint, image: RegisterImage) -> SnapshotStatus:
    """St as a status. Raises :class:`~wattproof.errors.ProtocolError` for a value that there is not."""
    raw = number_of(bound, image)
    try:
        return SnapshotStatus(0xFFFF if raw is None else raw)
    except ValueError:
        raise ProtocolError(f"{bound.path} at 0-based {bound.address} is {raw}: there is no such status") from None


def number_of(bound: BoundPoint, image: RegisterImage) -> int | None:
    """A raw number, ``None`` if unavailable."""
    value = bound.point.type.decode(data_of(bound, image))
    return value if isinstance(value, int) else None


def text_of(bound: BoundPoint, image: RegisterImage) -> str:
    """A text, empty if unavailable."""
    value = bound.point.type.decode(data_of(bound, image))
    return value if isinstance(value, str) else ""


def data_of(bound: BoundPoint, image: RegisterImage) -> bytes:
    return image.read(bound.address, bound.registers)


def failure(kind: SnapshotType, status: SnapshotStatus) -> SnapshotFailed:
    """What a status other than "valid" means after a trigger, and what to do (section 11, step 5)."""
    reasons = {
        SnapshotStatus.INVALID: "the meter has none since its last start; after a trigger: it restarted meanwhile. "
        "Create one",
        SnapshotStatus.UPDATING: "it is being created just now. Wait and fetch it with --existing",
        SnapshotStatus.FAILED_GENERAL: "the meter could not collect or sign the data. Try again; look at bs_meter.ErrM "
        "and ac_meter.Evt",
        SnapshotStatus.FAILED_NOT_ENABLED: "no enable signal at DOE. Let the controller raise DOE first",
        SnapshotStatus.FAILED_FEEDBACK: "the contactor did not report that it opened within 0.5 s (DI stayed low): "
        "it may be welded or its feedback broken. Current may still flow; check the contactor",
    }
    return SnapshotFailed(f"no {kind.word} snapshot: status {status.value}, {reasons[status]}", status)
