"""The statements of the BSM that can be seen from outside, in the order in which they are checked."""

from __future__ import annotations

from wattproof.conformance.bsm import layout, protocol, records, restart, settings, snapshots
from wattproof.conformance.bsm.subject import Bsm
from wattproof.conformance.engine import Statement

STATEMENTS: tuple[Statement[Bsm], ...] = (
    *protocol.ROWS,
    *layout.ROWS,
    *settings.ROWS,
    *snapshots.ROWS,
    *records.ROWS,
    *restart.ROWS,
)

__all__ = ["STATEMENTS", "Bsm"]
