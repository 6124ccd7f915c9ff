"""The creation of snapshots: one at a time, walked along the table of ``machine``.

Each state may have an action on entry and a question that yields the cause for leaving it, or ``None`` while it waits.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, cast

from wattproof.meters.bsm.enums import SnapshotStatus, SnapshotType
from wattproof.meters.bsm.virtual import ocmf, signing
from wattproof.meters.bsm.virtual.machine import NEXT, Cause, State, Transition
from wattproof.meters.bsm.virtual.registers import BLOB, COPIED, IN_AREA, METADATA
from wattproof.virtual.base import NEVER, SECOND
from wattproof.virtual.signing import sign_with_another
from wattproof.virtual.switchboard import nanoseconds

if TYPE_CHECKING:
    from wattproof.meters.bsm.virtual.face import Face

FEEDBACK_LIMIT = SECOND // 2
#: Signed fields that the OCMF text shows (fault tamper).
SHOWN_IN_TEXT = ("RCR", "TotWhImp", "Epoch", *METADATA)
_TEXTS = ("MA1", *METADATA)


class Creation:
    """A snapshot on its way."""

    __slots__ = ("area", "before", "deadline", "kind", "metadata", "since", "state", "synchronised", "triggered")

    def __init__(self, kind: SnapshotType, now: int, metadata: bytes, before: tuple[bytes, bytes] | None) -> None:
        self.kind = kind
        self.state = State.ACCEPTED
        self.triggered = now
        self.since = now  # when the present state was entered
        self.deadline = NEVER  # when the present state ends at the latest
        self.metadata = metadata  # of the moment of the trigger (BD-21)
        self.before = before  # the earlier snapshot and text of this instance, if it was valid
        self.area = b""
        self.synchronised = True


class Maker:
    """Makes the snapshots of one meter."""

    __slots__ = ("job", "meter")

    def __init__(self, meter: Face) -> None:
        self.meter = meter
        self.job: Creation | None = None

    @property
    def deadline(self) -> int:
        """When the running creation goes on by itself."""
        return NEVER if self.job is None else self.job.deadline

    def begin(self, kind: SnapshotType, now: int) -> None:
        """The write of St = 2 was accepted."""
        registers = self.meter.registers
        valid = registers.status(kind) is SnapshotStatus.VALID
        before = (registers.area(kind), registers.ocmf(kind)) if valid else None
        job = self.job = Creation(kind, now, registers.metadata, before)
        registers.refuse(kind, SnapshotStatus.UPDATING)
        self.meter.entered(f"{kind.word}:{job.state}")

    def abandon(self) -> None:
        """Power failure: the creation is lost."""
        self.job = None
        self.meter.counters.reserved = self.meter.counters.response

    def poll(self, now: int) -> None:
        """Go on as far as it goes."""
        while (job := self.job) is not None:
            cause = _CAUSES[job.state](self.meter, job, now)
            if cause is None:
                return
            self._enter(job, NEXT[job.kind, job.state, cause], now)

    def _enter(self, job: Creation, row: Transition, now: int) -> None:
        job.state, job.since, job.deadline = row.target, now, NEVER
        self.meter.entered(f"{job.kind.word}:{row.target}")
        if self.job is not job:
            return  # what was armed for this state cut the supply
        action = _ACTIONS.get(row.target)
        if action is not None:
            action(self.meter, job, now)
        if row.target is State.DONE:
            self._finish(job, row.status or SnapshotStatus.VALID)

    def _finish(self, job: Creation, status: SnapshotStatus) -> None:
        self.job = None
        if status is not SnapshotStatus.VALID:
            self.meter.counters.reserved = self.meter.counters.response
            self.meter.registers.refuse(job.kind, status)
        if status is SnapshotStatus.FAILED_FEEDBACK:
            self.meter.demand(False)


# Causes: what each state waits for.


def _accepted(meter: Face, job: Creation, now: int) -> Cause | None:
    asks = job.kind is SnapshotType.TURN_ON and meter.options.profile.needs_enable
    return Cause.NOT_ENABLED if asks and not meter.enabled else Cause.READY


def _opening(meter: Face, job: Creation, now: int) -> Cause | None:
    return Cause.OPENED


def _feedback(meter: Face, job: Creation, now: int) -> Cause | None:
    if meter.di:
        return Cause.RELEASED
    return Cause.STUCK if now >= job.deadline else None


def _collecting(meter: Face, job: Creation, now: int) -> Cause | None:
    if now < job.deadline:
        return None
    if meter.faults.hit("cm-init-failed") or meter.faults.hit("collecting-fails"):
        return Cause.COLLECTING_FAILED
    return Cause.COLLECTED if _done(_collect, meter, job) else Cause.COLLECTING_FAILED


def _closing(meter: Face, job: Creation, now: int) -> Cause | None:
    if not meter.options.profile.needs_enable or not meter.di:
        return Cause.CLOSED
    return Cause.NOT_CLOSED if now >= job.deadline else None


def _signing(meter: Face, job: Creation, now: int) -> Cause | None:
    if now < job.deadline:
        return None
    if meter.faults.hit("signing-fails"):
        return Cause.SIGNING_FAILED
    if meter.faults.hit("stale-snapshot"):
        return _leave_stale(meter, job)
    return Cause.SIGNED if _done(_sign, meter, job) else Cause.SIGNING_FAILED


_CAUSES: Mapping[State, Callable[[Face, Creation, int], Cause | None]] = {
    State.ACCEPTED: _accepted,
    State.OPENING: _opening,
    State.FEEDBACK: _feedback,
    State.COLLECTING: _collecting,
    State.CLOSING: _closing,
    State.SIGNING: _signing,
}


# Actions: what each state does when it is entered.


def _open(meter: Face, job: Creation, now: int) -> None:
    meter.demand(False)


def _await_release(meter: Face, job: Creation, now: int) -> None:
    job.deadline = now + FEEDBACK_LIMIT


def _begin_collecting(meter: Face, job: Creation, now: int) -> None:
    """The delay counts from the trigger, so that switching does not add to it (2.7)."""
    options, slow = meter.options, meter.faults.get("slow-collecting")
    meter.faults.hit("slow-collecting")
    delay = options.collect_delay_switching if job.kind.switches else options.collect_delay
    job.deadline = max(now, job.triggered + (delay if slow is None else nanoseconds(slow)))


def _close(meter: Face, job: Creation, now: int) -> None:
    job.deadline = now + FEEDBACK_LIMIT
    meter.demand(True)


def _begin_signing(meter: Face, job: Creation, now: int) -> None:
    """The number is reserved before anything is signed with it."""
    slow = meter.faults.get("slow-signing")
    meter.faults.hit("slow-signing")
    job.deadline = now + (meter.options.sign_delay if slow is None else nanoseconds(slow))
    meter.counters.reserved = meter.counters.response + 1


_ACTIONS: Mapping[State, Callable[[Face, Creation, int], None]] = {
    State.OPENING: _open,
    State.FEEDBACK: _await_release,
    State.COLLECTING: _begin_collecting,
    State.CLOSING: _close,
    State.SIGNING: _begin_signing,
}


def _done(work: Callable[[Face, Creation], None], meter: Face, job: Creation) -> bool:
    """Whether this step of a creation came to its end. Whatever stops it is a failed creation, not a dead meter."""
    try:
        work(meter, job)
    except Exception as error:
        meter.journal("creation-failed", {"instance": job.kind.word, "state": str(job.state), "reason": repr(error)})
        logging.getLogger(__name__).exception("meter %s: no %s snapshot", meter.serial, job.kind.word)
        return False
    return True


def _collect(meter: Face, job: Creation) -> None:
    """Take the values of this moment; turn-on and start set RCR to zero with its hidden digits."""
    if job.kind.resets and (job.kind is SnapshotType.TURN_ON or meter.options.start_resets_rcr):
        meter.electrics.energy.resettable = 0
    meter.show()
    total, session, watts = meter.measured()
    area = bytearray(meter.registers.area(job.kind))
    for target, source in COPIED:
        area[target] = meter.registers.data[source]
    numbers = {"RCR": session, "TotWhImp": total, "Evt": meter.events(), "W": watts}
    for name, value in numbers.items():
        where = IN_AREA[name]
        area[where] = value.to_bytes(where.stop - where.start, "big", signed=name == "W")
    area[IN_AREA["Meta1"].start : IN_AREA["Meta3"].stop] = job.metadata
    job.area = bytes(area)
    job.synchronised = meter.clock.synchronised


def _sign(meter: Face, job: Creation) -> None:
    """Both signatures, one after the other, and everything stored together (BD-51)."""
    counters, faults, profile = meter.counters, meter.faults, meter.options.profile
    number = counters.response + 1
    area = bytearray(job.area)
    area[IN_AREA["RCnt"]] = number.to_bytes(4, "big")
    spoiled, another = faults.hit("bad-signature"), faults.hit("wrong-key")

    def sign(digest: bytes) -> bytes:
        if spoiled:
            digest = signing.text_digest(digest)  # made over other data
        if another:
            return sign_with_another(meter.serial, digest)
        return meter.signer.sign(digest)

    signature = sign(signing.snapshot_digest(bytes(area)))
    signed = ocmf.payload(bytes(area), meter.identity, profile, job.synchronised)
    text_signature = sign(signing.text_digest(signed))
    area[IN_AREA["BSig"]] = len(signature).to_bytes(2, "big")
    area[IN_AREA["Sig"]] = signature.ljust(BLOB, b"\0")
    tampered = cast("str | None", faults.get("tamper"))
    if tampered is not None:
        _tamper(area, tampered)
        faults.hit("tamper")
        if tampered in SHOWN_IN_TEXT:
            signed = ocmf.payload(bytes(area), meter.identity, profile, job.synchronised)
    text = b"" if faults.hit("ocmf-fails") else ocmf.document(signed, text_signature) or b""
    meter.registers.store(job.kind, bytes(area), text)
    counters.response = counters.reserved = number


def _tamper(area: bytearray, name: str) -> None:
    """Invert the low bit of a signed field: of the last byte of a text, of the first if it is empty."""
    where = IN_AREA[name]
    last = where.stop - 1
    if name in _TEXTS:
        used = len(bytes(area[where]).rstrip(b"\0"))
        last = where.start + max(used - 1, 0)
    area[last] ^= 1


def _leave_stale(meter: Face, job: Creation) -> Cause:
    """The instance shows its earlier snapshot again, as if it were new; without one it fails."""
    if job.before is None:
        return Cause.SIGNING_FAILED
    meter.counters.reserved = meter.counters.response
    meter.registers.store(job.kind, *job.before)
    return Cause.SIGNED
