"""Bodies of resources that were read from a meter, until they are too old or something was written to it (11.1)."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any

from wattproof.gateway.acquire.ages import age_of
from wattproof.gateway.acquire.station import Document

#: Documents of one meter that are kept; the oldest goes.
MOST = 128
#: Resource that shows ratios and factors, which are written elsewhere, beside what a meter is.
INFO = 43
Key = tuple[int, tuple[tuple[str, Hashable], ...]]


def key_of(resource: int, arguments: Mapping[str, Any]) -> Key:
    """What tells one document of a meter from another."""
    return resource, tuple(sorted((name, value) for name, value in arguments.items() if value is not None))


class Documents:
    """The documents of one meter."""

    def __init__(self) -> None:
        self._kept: dict[Key, Document] = {}

    def get(self, key: Key, at: int, most: float) -> Document | None:
        """A document not older than ``most`` seconds at ``at`` (UTC ms)."""
        document = self._kept.get(key)
        return document if document is not None and at - document.time <= most * 1000 and most > 0 else None

    def put(self, key: Key, document: Document) -> None:
        """Keep a document."""
        self._kept.pop(key, None)
        self._kept[key] = document
        if len(self._kept) > MOST:
            del self._kept[next(iter(self._kept))]

    def written(self) -> None:
        """Something was written to the meter: only what no write can change stays."""
        self._drop(lambda resource: resource == INFO or not age_of(resource, mbus=False).connection)

    def reconnected(self) -> None:
        """It is back, and may be another one, or have other firmware."""
        self._kept.clear()

    def _drop(self, drops: Callable[[int], bool]) -> None:
        self._kept = {key: document for key, document in self._kept.items() if not drops(key[0])}
