"""What the readers of JSON containers share: records that stand in a text, and keys that stand there twice.

A container states its records as text; which format that is, the text itself decides (specification of the verifier,
0.5). A key that occurs more than once makes what it describes ambiguous (1.13): inside the place of one record that
record, anywhere else in the container every record.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

from wattproof.signed import jsonscan
from wattproof.signed.jsonscan import Number, Path
from wattproof.signed.keys import decode_base64
from wattproof.signed.records import Finding, KeySource
from wattproof.signed.units import Carrier, Enclosed, KeyText, Unit

BEGIN, END = "Transaction.Begin", "Transaction.End"
_LONGEST_ID = 256
#: Repeated keys of a whole document that are named; beyond them one for each record.
_MOST_LISTED = 10_000


def member(value: Any, *names: str) -> Any:
    """A value inside nested objects; ``None`` where something on the way is missing or no object."""
    for name in names:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def text(value: Any) -> str | None:
    """A JSON text that is not blank, as it stands; ``None`` for everything else."""
    return value if type(value) is str and value.strip() else None


def identifier(value: Any) -> str | None:
    """An id, which may be a text or a number, without white space around it."""
    if not isinstance(value, str):
        return None
    return value.strip()[:_LONGEST_ID] or None


def key(value: Any, encoding: str | None = None, source: KeySource = KeySource.CONTAINER) -> tuple[KeyText, ...]:
    """The key that a text states, none if it is blank or no text."""
    found = text(value)
    return () if found is None else (KeyText(found, source, encoding),)


def enclosed(stated: str, carrier: Carrier) -> Enclosed:
    """A record as text, which is Base64 by the description of its container; its content decides."""
    try:
        decoded = decode_base64("".join(stated.split()))
    except ValueError:
        decoded = None
    return Enclosed(jsonscan.whole(stated).encode(), carrier, decoded)


class Repetitions:
    """Repeated keys of a container, told apart by the ``places`` of its records."""

    def __init__(self, document: Any, places: Iterable[Path]) -> None:
        known = set(places)
        self._own: dict[Path, list[Path]] = {}
        self._around: list[Path] = []
        self._noted = False
        listed = 0
        for path in jsonscan.repeated_keys(document):
            place = next((path[:end] for end in range(len(path)) if path[:end] in known), None)
            paths = self._around if place is None else self._own.setdefault(place, [])
            if len(paths) <= (jsonscan.MOST_REPEATED if listed < _MOST_LISTED else 0):
                paths.append(path)
                listed += 1

    def findings(self, place: Path) -> tuple[Finding, ...]:
        """Those of one record; the first record asked for gets those around all of them too."""
        paths = [*([] if self._noted else self._around), *self._own.get(place, [])]
        self._noted = True
        return tuple(jsonscan.repeated_findings(iter(paths)))

    def ambiguous(self, place: Path) -> list[str]:
        """Paths that make a record ambiguous: its own, and one of those around all records."""
        paths: Sequence[Path] = [*self._around[:1], *self._own.get(place, [])]
        return [f"/{jsonscan.path_text(path)}" for path in islice(paths, jsonscan.MOST_REPEATED)]


def mark(units: Iterable[Unit], ambiguous: list[str], group: object = None) -> None:
    """Note on records what their container says: keys that stand there twice, and the session that they belong to."""
    for unit in units:
        unit.record.ambiguous += ambiguous
        if group is not None:
            unit.record.group = group


def unlabelled(units: list[Unit]) -> None:
    """A label that stands for several records says nothing about any of them."""
    if len(units) > 1:
        for unit in units:
            unit.record.context = None


def where(path: Path) -> str:
    """A path as the place of a finding."""
    return f"/{jsonscan.path_text(path)}"


def is_number(value: Any) -> bool:
    """Whether a JSON value is a number."""
    return isinstance(value, Number)
