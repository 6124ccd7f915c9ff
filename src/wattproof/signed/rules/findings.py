"""What checks hand their results to, and what they may ask: thresholds and the present moment."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple, Protocol

from wattproof.signed.records import Severity

if TYPE_CHECKING:
    from wattproof.signed.sessions import Session


class Thresholds(NamedTuple):
    """From where on a value is remarkable. ``now``: Unix seconds of the moment of checking."""

    now: float
    energy_wh: Decimal = Decimal(500_000)
    power_w: Decimal = Decimal(1_000_000)


class Say(Protocol):
    """Raises one code. Without ``severity`` that of the code's row counts."""

    def __call__(self, code: str, detail: str = "", severity: Severity | None = None) -> None: ...


Check = Callable[["Session", Say, Thresholds], None]
