"""How a snapshot comes into being: the steps of sections 11, 12 and 28.2 as one table.

``creation`` walks it; the diagrams of the documentation are drawn from it by :func:`diagram`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from wattproof.meters.bsm.enums import SnapshotStatus, SnapshotType


class State(StrEnum):
    """The named states (28.2), in order. ON0 to ON6 and OFF0 to OFF5 of section 12."""

    ACCEPTED = "accepted"
    OPENING = "opening"
    FEEDBACK = "feedback"
    COLLECTING = "collecting"
    CLOSING = "closing"
    SIGNING = "signing"
    DONE = "done"


class Cause(StrEnum):
    """What leads from one state to the next."""

    READY = "write acknowledged"
    NOT_ENABLED = "DOE low (up to CM 1.1)"
    OPENED = "demand 0"
    RELEASED = "DI high"
    STUCK = "DI low for 0.5 s"
    COLLECTED = "data complete"
    COLLECTING_FAILED = "data not available"
    CLOSED = "demand 1"
    NOT_CLOSED = "DI high for 0.5 s (up to CM 1.1)"
    SIGNED = "snapshot and OCMF text signed"
    SIGNING_FAILED = "no signature"


#: The limit of the contactor's feedback, seconds (manual 10.2).
FEEDBACK_LIMIT = 0.5

_ON, _OFF = SnapshotType.TURN_ON, SnapshotType.TURN_OFF
_SWITCHING = (_ON, _OFF)
_PLAIN = (SnapshotType.CURRENT, SnapshotType.START, SnapshotType.END)
_ALL = tuple(SnapshotType)


@dataclass(frozen=True, slots=True)
class Transition:
    """One row. ``status`` is St from then on, ``None`` while it stays."""

    kinds: tuple[SnapshotType, ...]
    source: State
    cause: Cause
    target: State
    status: SnapshotStatus | None = None


TRANSITIONS = (
    Transition(_SWITCHING, State.ACCEPTED, Cause.READY, State.OPENING),
    Transition(_PLAIN, State.ACCEPTED, Cause.READY, State.COLLECTING),
    Transition((_ON,), State.ACCEPTED, Cause.NOT_ENABLED, State.DONE, SnapshotStatus.FAILED_NOT_ENABLED),
    Transition(_SWITCHING, State.OPENING, Cause.OPENED, State.FEEDBACK),
    Transition(_SWITCHING, State.FEEDBACK, Cause.RELEASED, State.COLLECTING),
    Transition(_SWITCHING, State.FEEDBACK, Cause.STUCK, State.DONE, SnapshotStatus.FAILED_FEEDBACK),
    Transition((_ON,), State.COLLECTING, Cause.COLLECTED, State.CLOSING),
    Transition((_OFF, *_PLAIN), State.COLLECTING, Cause.COLLECTED, State.SIGNING),
    Transition(_ALL, State.COLLECTING, Cause.COLLECTING_FAILED, State.DONE, SnapshotStatus.FAILED_GENERAL),
    Transition((_ON,), State.CLOSING, Cause.CLOSED, State.SIGNING),
    Transition((_ON,), State.CLOSING, Cause.NOT_CLOSED, State.DONE, SnapshotStatus.FAILED_FEEDBACK),
    Transition(_ALL, State.SIGNING, Cause.SIGNED, State.DONE, SnapshotStatus.VALID),
    Transition(_ALL, State.SIGNING, Cause.SIGNING_FAILED, State.DONE, SnapshotStatus.FAILED_GENERAL),
)

NEXT = {(kind, row.source, row.cause): row for row in TRANSITIONS for kind in row.kinds}

#: States outside a creation at which a change can be armed.
POWER_UP = "power-up"
REQUEST = "request"


def states(kind: SnapshotType) -> list[State]:
    """The states that a snapshot of this kind passes, in order."""
    used = {State.ACCEPTED} | {row.target for row in TRANSITIONS if kind in row.kinds}
    return [state for state in State if state in used]


def named_states() -> Iterable[str]:
    """Every name that ``when`` accepts, ``*:STATE`` included."""
    for kind in SnapshotType:
        for state in states(kind):
            yield f"{kind.word}:{state}"
    for state in State:
        yield f"*:{state}"
    yield POWER_UP
    yield REQUEST


def diagram(kind: SnapshotType) -> str:
    """A Mermaid state diagram of one kind of snapshot, drawn from the table.

    >>> print(diagram(SnapshotType.CURRENT))
    stateDiagram-v2
        [*] --> accepted: write St = 2 / St 2
        accepted --> collecting: write acknowledged
        collecting --> signing: data complete
        collecting --> done: data not available / St 3
        signing --> done: snapshot and OCMF text signed / St 0
        signing --> done: no signature / St 3
        done --> [*]
    """
    lines = ["stateDiagram-v2", "    [*] --> accepted: write St = 2 / St 2"]
    for row in TRANSITIONS:
        if kind in row.kinds:
            status = "" if row.status is None else f" / St {row.status.value}"
            lines.append(f"    {row.source} --> {row.target}: {row.cause}{status}")
    return "\n".join([*lines, "    done --> [*]"])
