"""The numbered statements of the specifications, run against any meter, real or virtual.

``suite(family)`` gives the statements of a family and its subject; :mod:`wattproof.conformance.engine` runs them.
"""

from __future__ import annotations

import importlib
from typing import Any

from wattproof.errors import UnknownName

#: Family: module with ``STATEMENTS`` and the class of the subject. Its ``of`` makes one from opened drivers and their
#: addresses, and says which of them it takes.
SUITES = {
    "bsm": ("wattproof.conformance.bsm", "Bsm"),
    "dmed4": ("wattproof.conformance.dmed4", "Dmed"),
    "abb": ("wattproof.conformance.abb", "Abb"),
}


def suite(family: str) -> tuple[tuple[Any, ...], Any]:
    """Statements and class of the subject of a family.

    Raises:
        UnknownName: the family has no statements yet.
    """
    if family not in SUITES:
        raise UnknownName(f"no statements for the family {family!r} yet; there are some for {', '.join(SUITES)}")
    module_name, subject = SUITES[family]
    module = importlib.import_module(module_name)
    return module.STATEMENTS, getattr(module, subject)
