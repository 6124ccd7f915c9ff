"""Signed meter values: formats, keys, curves, session rules, report.

===================================  =============================================================================
``examine(data, public_key, ...)``   the report on a file, text or bytes; never raises on bad content
``verify(data, public_key, ...)``    the same, but raises ``VerificationError`` unless everything that counts holds
``verify_digest(...)``               a bare digest, its signature and a key
``examine_stream(data, ...)``        a report for every document or group of rows of a stream, in constant memory
``Examination(...)``                 one run over several files
``KeyRegister``                      keys of meters: first seen, trusted, revoked
``Report``                           records, sessions, colours; ``as_dict()`` is what ``verify --json`` prints
===================================  =============================================================================

Nothing is imported before it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wattproof.signed.calls import examine, examine_stream, verify, verify_digest
    from wattproof.signed.examination import Examination
    from wattproof.signed.register import KeyRegister
    from wattproof.signed.report import Report
    from wattproof.signed.sources.source import Progress

__all__ = [
    "Examination",
    "KeyRegister",
    "Progress",
    "Report",
    "examine",
    "examine_stream",
    "verify",
    "verify_digest",
]

_HOMES = {
    "Examination": "wattproof.signed.examination",
    "KeyRegister": "wattproof.signed.register",
    "Report": "wattproof.signed.report",
    "examine": "wattproof.signed.calls",
    "examine_stream": "wattproof.signed.calls",
    "Progress": "wattproof.signed.sources.source",
    "verify": "wattproof.signed.calls",
    "verify_digest": "wattproof.signed.calls",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(home), name)
