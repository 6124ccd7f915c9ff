"""The statements of the DMED4 that can be seen from outside, in the order in which they are checked."""

from __future__ import annotations

from wattproof.conformance.dmed4 import (
    cycle,
    identity,
    log,
    menu,
    protocol,
    records,
    registers,
    resources,
    restart,
    settings,
    webform,
    websettings,
)
from wattproof.conformance.dmed4.subject import Dmed
from wattproof.conformance.engine import Statement

STATEMENTS: tuple[Statement[Dmed], ...] = (
    *protocol.ROWS,
    *settings.ROWS,
    *menu.ROWS,
    *webform.ROWS,
    *websettings.ROWS,
    *cycle.ROWS,
    *records.ROWS,
    *registers.ROWS,
    *resources.ROWS,
    *log.ROWS,
    *identity.ROWS,
    *restart.ROWS,
    *webform.FORM_ROWS,
)

__all__ = ["STATEMENTS", "Dmed"]
