"""The charge cycle: which command is taken in which status and what follows, as one table (8.3).

``meter`` walks it; the diagram of the documentation is drawn from it by :func:`diagram`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

from wattproof.meters.dmed4.enums import Command, MeasurementStatus
from wattproof.meters.dmed4.virtual.message import Fixed
from wattproof.meters.dmed4.virtual.record import Reading

NOT_INITIALIZED, IDLE = MeasurementStatus.NOT_INITIALIZED, MeasurementStatus.IDLE
ACTIVE, INTERRUPTED = MeasurementStatus.ACTIVE, MeasurementStatus.ACTIVE_AFTER_POWER_FAILURE


class Condition(Enum):
    """What must hold besides the status."""

    ALWAYS = "always"
    JSON_OK = "JSON ok"
    CLOSED_CYCLE = "a closed cycle is stored"


class Effect(Enum):
    """What an accepted command does."""

    BEGIN = "begin readings latched, signing starts"
    INTERMEDIATE = "intermediate readings latched, signing starts"
    END = "end readings latched, signing starts"
    AGAIN = "record of the last cycle made again"
    RESET = "error dwords cleared"


@dataclass(frozen=True, slots=True)
class Transition:
    """One row: in ``status`` the ``command`` is taken under ``condition``, and leads to ``target``."""

    status: MeasurementStatus
    command: Command
    condition: Condition
    target: MeasurementStatus
    effect: Effect


TRANSITIONS = (
    Transition(IDLE, Command.BEGIN, Condition.JSON_OK, ACTIVE, Effect.BEGIN),
    Transition(IDLE, Command.RECOVER, Condition.CLOSED_CYCLE, IDLE, Effect.AGAIN),
    Transition(ACTIVE, Command.INTERMEDIATE, Condition.ALWAYS, ACTIVE, Effect.INTERMEDIATE),
    Transition(ACTIVE, Command.END, Condition.ALWAYS, IDLE, Effect.END),
    Transition(ACTIVE, Command.RECOVER, Condition.ALWAYS, IDLE, Effect.END),
    Transition(INTERRUPTED, Command.INTERMEDIATE, Condition.ALWAYS, INTERRUPTED, Effect.INTERMEDIATE),
    Transition(INTERRUPTED, Command.END, Condition.ALWAYS, IDLE, Effect.END),
    Transition(INTERRUPTED, Command.RECOVER, Condition.ALWAYS, IDLE, Effect.END),
    *(Transition(status, Command.RESET, Condition.ALWAYS, status, Effect.RESET) for status in MeasurementStatus),
)
NEXT = {(row.status, row.command): row for row in TRANSITIONS}

#: States of a command at which a change can be armed (15.1), and those outside one.
STATES = ("accepted", "signing", "done")
JSON, POWER_UP, REBOOT, REQUEST = "json", "power-up", "reboot", "request"


def named_states() -> Iterable[str]:
    """Every name that ``when`` accepts."""
    for command in (Command.BEGIN, Command.INTERMEDIATE, Command.END, Command.RECOVER):
        yield from (f"{command.word}:{state}" for state in STATES)
    yield from (f"*:{state}" for state in STATES)
    yield from (JSON, POWER_UP, REBOOT, REQUEST)


@dataclass(slots=True)
class Cycle:
    """One charge cycle: its fixed fields, what was latched, and what it has seen.

    ``page``: progressive number of its begin record, 0 before that is signed. ``interrupted``: it saw a power failure.
    ``end``: once it is closed. ``wrapped`` and ``wrapped_export``: Wh by which the totals had rolled over before it.
    """

    fixed: Fixed
    begin: Reading
    wrapped: int = 0
    wrapped_export: int = 0
    page: int = 0
    interrupted: bool = False
    end: Reading | None = None

    def as_dict(self) -> dict[str, Any]:
        """For the state file."""
        return asdict(self) | {"fixed": list(self.fixed.fields)}

    @classmethod
    def of(cls, fields: dict[str, Any]) -> Cycle:
        """From the state file. Raises ``TypeError``, ``KeyError`` and ``ValueError`` for what is none."""
        fixed = Fixed(tuple((str(key), str(value)) for key, value in fields["fixed"]))
        end = fields["end"]
        return cls(
            fixed,
            Reading(**fields["begin"]),
            int(fields["wrapped"]),
            int(fields["wrapped_export"]),
            int(fields["page"]),
            bool(fields["interrupted"]),
            None if end is None else Reading(**end),
        )


def diagram() -> str:
    """A Mermaid state diagram of the table."""
    lines = ["stateDiagram-v2", "    [*] --> NOT_INITIALIZED: start", "    NOT_INITIALIZED --> IDLE: keys ready"]
    for row in TRANSITIONS:
        if row.command is not Command.RESET:
            condition = "" if row.condition is Condition.ALWAYS else f", {row.condition.value}"
            lines.append(f"    {row.status.name} --> {row.target.name}: {row.command}{condition}")
    lines.append("    ACTIVE --> ACTIVE_AFTER_POWER_FAILURE: supply lost and back")
    return "\n".join(lines)
