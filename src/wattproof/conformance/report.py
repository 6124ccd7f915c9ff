"""What came of a run, as one object for programs and as rows for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wattproof.conformance.engine import Outcome, Result

#: How an outcome is shown: word and colour.
SHOWN = {
    Outcome.PASS: ("pass", "green"),
    Outcome.FAIL: ("FAIL", "bold red"),
    Outcome.SKIP: ("skip", "yellow"),
    Outcome.NOT_APPLICABLE: ("n/a", "dim"),
}
COLUMNS = ("id", "statement", "evidence", "needs", "result", "detail")


def summary(results: Sequence[Result]) -> dict[str, int]:
    """Number of results by outcome; every outcome is a key."""
    return {str(outcome): sum(result.outcome is outcome for result in results) for outcome in Outcome}


def passed(results: Sequence[Result]) -> bool:
    """Whether nothing failed."""
    return not any(result.outcome is Outcome.FAIL for result in results)


def as_dict(meter: dict[str, Any], allowed: Sequence[str], results: Sequence[Result]) -> dict[str, Any]:
    """The report as JSON shows it."""
    return {
        "version": 1,
        "meter": meter,
        "allowed": list(allowed),
        "summary": summary(results),
        "results": [result.as_dict() for result in results],
    }


def row(result: Result) -> tuple[str, ...]:
    """One line of the table, in the order of ``COLUMNS``."""
    word, _ = SHOWN[result.outcome]
    return (result.id, result.text, str(result.evidence), str(result.need), word, result.detail)


def closing(results: Sequence[Result]) -> str:
    """The last line: how many of each."""
    counts = summary(results)
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count)
