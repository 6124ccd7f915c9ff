"""Public keys that a charge transparency record states, which of them belongs to a meter, and who signed them.

Keys stand at the top of the record or at the meter, wherever that stands below operators, stations and outlets.
Signatures over them: :mod:`.key_signatures`. Source: specification of the verifier, 2.14.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain
from typing import Any

from wattproof.signed.formats import enclosing, key_signatures
from wattproof.signed.formats.key_signatures import Place
from wattproof.signed.jsonscan import Path
from wattproof.signed.records import Finding, Severity
from wattproof.signed.units import KeyText

_MOST_KEYS = 16
#: Parts of a record that hold no keys of meters.
_SKIPPED = frozenset({"chargingSessions", *key_signatures.OF_KEY})
#: What the objects of a list are, by the name of the list.
_KINDS = {"chargingStations": "station", "EVSEs": "evse", "meters": "meter", "energyMeters": "meter"}
#: Signatures over keys that are looked at in one record.
_MOST_SIGNATURES = 256
_MANY = Finding(
    "F-KEY-SIGNATURE", Severity.INFO, f"more than {_MOST_SIGNATURES} signatures over keys, of which the first count"
)


class Keys:
    """The keys of one record by the names of those they belong to, in lower case."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._all: dict[KeyText, None] = {}
        self._by_name: dict[str, dict[KeyText, None]] = {}
        self._places: dict[KeyText, list[tuple[Path, Place]]] = {}
        self._findings: dict[tuple[KeyText, Path | None], tuple[Finding, ...]] = {}
        self._document = document
        self._looked_at = 0
        for names, key, path, place in _stated(document, (), Place()):
            self._all[key] = None
            self._places.setdefault(key, []).append((path, place))
            for name in names:
                self._by_name.setdefault(name.lower(), {})[key] = None

    def of(self, names: Iterable[str]) -> tuple[KeyText, ...]:
        """The keys of the first name that has any; if no key bears a known name, the only key that there is."""
        for name in names:
            found = self._by_name.get(name.lower())
            if found:
                return tuple(found)[:_MOST_KEYS]
        return tuple(self._all) if len(self._all) == 1 else ()

    def signed(self, keys: Iterable[KeyText], session: Any, path: Path) -> tuple[Finding, ...]:
        """What is to say of the signatures over these keys, and of those that the session at ``path`` states itself."""
        found: dict[Finding, None] = {}
        for key in keys:
            if (key, None) not in self._findings:
                self._findings[key, None] = tuple(self._judged(self._of_key(key)))
            if (key, path) not in self._findings:
                place = self._places[key][0][1]
                stated = key_signatures.of(session, path)
                self._findings[key, path] = tuple(self._judged((*one, place) for one in stated))
            found.update(dict.fromkeys((*self._findings[key, None], *self._findings[key, path])))
        return tuple(found)

    def _of_key(self, key: KeyText) -> Iterator[tuple[Any, str, Place]]:
        for path, place in self._places[key]:
            stated = (
                key_signatures.of(place.key, path, key_signatures.OF_KEY),
                key_signatures.of(place.meter, path[:-2]),
                key_signatures.of(self._document, ()),
            )
            yield from ((*one, place) for one in chain(*stated))

    def _judged(self, stated: Iterable[tuple[Any, str, Place]]) -> Iterator[Finding]:
        for signature, where, place in stated:
            if self._looked_at >= _MOST_SIGNATURES:
                yield _MANY
                return
            self._looked_at += 1
            yield key_signatures.finding(signature, place, where)


def _stated(node: Any, path: Path, place: Place) -> Iterator[tuple[list[str], KeyText, Path, Place]]:
    """Names, text, path and surroundings of every key below ``node``."""
    if isinstance(node, list):
        kind = _KINDS.get(path[-1]) if path else None
        for position, item in enumerate(node):
            inside = replace(place, **{kind: item}) if kind is not None else place
            yield from _stated(item, (*path, str(position)), inside)
    elif isinstance(node, dict):
        keys = node.get("publicKeys")
        for position, key in enumerate(keys if isinstance(keys, list) else ()):
            owners = (node.get("@id"), *(enclosing.member(key, name) for name in ("@id", "subject", "meterId")))
            names = [name for owner in owners if (name := enclosing.identifier(owner)) is not None]
            encoding = enclosing.text(enclosing.member(key, "encoding"))
            inside, own = replace(place, key=key), (*path, "publicKeys", str(position))
            for found in enclosing.key(enclosing.member(key, "value"), encoding):
                yield names, found, own, inside
        for name, item in node.items():
            if name not in _SKIPPED and isinstance(item, (dict, list)):
                yield from _stated(item, (*path, name), place)
