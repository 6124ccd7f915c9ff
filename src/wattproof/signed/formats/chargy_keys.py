"""Public keys that a charge transparency record states, and which of them belongs to a meter.

Keys stand at the top of the record or at the meter, wherever that stands below operators, stations and outlets.
Source: specification of the verifier, 2.14.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from wattproof.signed.formats import enclosing
from wattproof.signed.units import KeyText

_MOST_KEYS = 16
#: Parts of a record that hold no keys of meters.
_SKIPPED = frozenset({"chargingSessions", "publicKeySignatures"})


class Keys:
    """The keys of one record by the names of those they belong to, in lower case."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._all: dict[KeyText, None] = {}
        self._by_name: dict[str, dict[KeyText, None]] = {}
        for names, key in _stated(document):
            self._all[key] = None
            for name in names:
                self._by_name.setdefault(name.lower(), {})[key] = None

    def of(self, names: Iterable[str]) -> tuple[KeyText, ...]:
        """The keys of the first name that has any; if no key bears a known name, the only key that there is."""
        for name in names:
            found = self._by_name.get(name.lower())
            if found:
                return tuple(found)[:_MOST_KEYS]
        return tuple(self._all) if len(self._all) == 1 else ()


def _stated(node: Any) -> Iterator[tuple[list[str], KeyText]]:
    if isinstance(node, list):
        for item in node:
            yield from _stated(item)
    elif isinstance(node, dict):
        keys = node.get("publicKeys")
        for key in keys if isinstance(keys, list) else ():
            owners = (node.get("@id"), *(enclosing.member(key, name) for name in ("@id", "subject", "meterId")))
            names = [name for owner in owners if (name := enclosing.identifier(owner)) is not None]
            encoding = enclosing.text(enclosing.member(key, "encoding"))
            yield from ((names, found) for found in enclosing.key(enclosing.member(key, "value"), encoding))
        for name, item in node.items():
            if name not in _SKIPPED and isinstance(item, (dict, list)):
                yield from _stated(item)
