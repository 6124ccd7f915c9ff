"""Statements, their checks, and what came of them; nothing here knows a meter family.

A check is a coroutine function of the *subject*, the family's view of the meter under test. It returns ``None`` or a
remark, or raises what it found::

    Failed          the statement does not hold
    Skipped         it could not be tried, and why
    NotApplicable   the statement is about another firmware, wiring or speed
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar

from wattproof.errors import UnknownName, WattproofError


class Evidence(StrEnum):
    """Where the knowledge behind a statement comes from."""

    MANUAL = "manual"
    CAPTURE = "capture"
    TOOL = "maker's tool"
    INFERRED = "inferred"


class Need(StrEnum):
    """What a check does to the meter. ``REBOOT``: it makes it start anew; ``RESTART``: it takes its supply away."""

    READ = "read"
    WRITE = "write"
    SWITCHING = "switching"
    REBOOT = "reboot"
    RESTART = "restart"


class Outcome(StrEnum):
    PASS = "pass"  # noqa: S105 - a verdict
    FAIL = "fail"
    SKIP = "skip"
    NOT_APPLICABLE = "not-applicable"


class Failed(Exception):
    """The statement does not hold; the message says what was seen instead."""


class Skipped(Exception):
    """The statement could not be tried; the message says why."""


class NotApplicable(Exception):
    """The statement is not about this meter; the message says why."""


S = TypeVar("S")
Check = Callable[[S], Awaitable[str | None]]


@dataclass(frozen=True, slots=True)
class Statement(Generic[S]):
    """One numbered statement of a specification.

    ``tolerance`` names what is accepted besides, by the specification's own decisions (BD-nn).
    """

    id: str
    text: str
    evidence: Evidence
    need: Need
    check: Check[S]
    tolerance: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one statement. ``detail`` is a remark, the failure, or the reason why it was not tried."""

    id: str
    text: str
    evidence: Evidence
    need: Need
    outcome: Outcome
    detail: str

    def as_dict(self) -> dict[str, str]:
        return {
            "statement": self.id,
            "text": self.text,
            "evidence": str(self.evidence),
            "needs": str(self.need),
            "result": str(self.outcome),
            "detail": self.detail,
        }


_VERDICTS: tuple[tuple[type[Exception], Outcome], ...] = (
    (Failed, Outcome.FAIL),
    (Skipped, Outcome.SKIP),
    (NotApplicable, Outcome.NOT_APPLICABLE),
    (WattproofError, Outcome.FAIL),  # the meter refused, stayed silent, or answered by no rule
)


def choose(statements: Sequence[Statement[Any]], ids: Sequence[str]) -> list[Statement[Any]]:
    """The statements of these ids in the order of the suite; all of them without ids.

    Raises:
        UnknownName: an id that the suite does not have.
    """
    known = {statement.id for statement in statements}
    wanted = {text.strip().upper() for text in ids}
    unknown = sorted(wanted - known)
    if unknown:
        raise UnknownName(
            f"{', '.join(unknown)}: no statement that can be seen from outside; there are {', '.join(sorted(known))}"
        )
    return [statement for statement in statements if not wanted or statement.id in wanted]


async def run(
    statements: Sequence[Statement[S]],
    subject: S,
    *,
    allowed: frozenset[Need] = frozenset({Need.READ}),
    on_result: Callable[[Result], None] | None = None,
) -> list[Result]:
    """Check the statements one after the other.

    Args:
        allowed: what the checks may do to the meter; others are skipped.
        on_result: called with each result as it comes.
    """
    results = []
    for statement in statements:
        outcome, detail = await _judge(statement, subject, allowed)
        result = Result(statement.id, statement.text, statement.evidence, statement.need, outcome, detail)
        results.append(result)
        if on_result is not None:
            on_result(result)
    return results


_REASONS = {
    Need.WRITE: "writes to the meter: --allow-writes",
    Need.SWITCHING: "switches the contactor or an output, or runs a charge cycle: --allow-writes",
    Need.REBOOT: "makes the meter reboot: --allow-reboots",
    Need.RESTART: "needs a power failure, which cannot be made over the bus",
}


async def _judge(statement: Statement[S], subject: S, allowed: frozenset[Need]) -> tuple[Outcome, str]:
    if statement.need not in allowed:
        return Outcome.SKIP, _REASONS[statement.need]
    try:
        return Outcome.PASS, await statement.check(subject) or ""
    except tuple(kind for kind, _ in _VERDICTS) as found:
        return next(outcome for kind, outcome in _VERDICTS if isinstance(found, kind)), str(found)
