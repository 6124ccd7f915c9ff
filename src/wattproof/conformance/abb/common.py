"""What all checks of an ABB meter have in common: how rows are made, expectations, remarks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING

from wattproof.conformance.engine import Evidence, Failed, Need, Statement

if TYPE_CHECKING:
    from wattproof.conformance.abb.subject import Abb

Check = Callable[["Abb"], Awaitable[str | None]]

#: Marks S, V and I of the specification.
MANUAL, CAPTURE, INFERRED = Evidence.MANUAL, Evidence.CAPTURE, Evidence.INFERRED
#: Why a real meter may fail what is known of the EQ bus.
NO_DESCRIPTION = "no public description of the EQ bus exists: a real meter may differ"


def row(number: str, text: str, evidence: Evidence, need: Need, check: Check, tolerance: str = "") -> Statement[Abb]:
    """One statement. Checks that change something put it back themselves."""
    return Statement(number, text, evidence, need, check, tolerance)


def expect(holds: object, otherwise: str) -> None:
    """Raise ``Failed`` unless it holds."""
    if not holds:
        raise Failed(otherwise)


def several(remarks: list[str]) -> str | None:
    """All remarks in one, ``None`` without any."""
    return "; ".join(dict.fromkeys(remarks)) or None


def in_order(times: Sequence[datetime], what: str) -> str | None:
    """``Failed`` unless times rise, but for steps back where the clock was set back."""
    back = sum(later < earlier for earlier, later in pairwise(times))
    expect(2 * back < max(len(times), 2), f"{what}: time goes back {back} times in {len(times)} rows")
    return f"{what}: the clock was set back" if back else None
