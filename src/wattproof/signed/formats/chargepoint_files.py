"""Which files are one ChargePoint record: ``secrrct``, ``secrrct.sign`` beside it, and keys named after the outlet.

Nothing here opens a file: the caller says which names there are and how to read one, in a folder or an archive.
Source: specification of the verifier, 2.13.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from wattproof.signed import jsonscan
from wattproof.signed.formats import chargepoint, enclosing
from wattproof.signed.jsonscan import JsonProblem
from wattproof.signed.keys import looks_like_key
from wattproof.signed.limits import DEFAULT, Limits
from wattproof.signed.records import KeySource
from wattproof.signed.units import Detached, KeyText

SUFFIX = ".sign"
_MOST_KEYS, _MOST_NAMED = 16, 64
_NOT_IN_NAMES = re.compile(r"[^0-9a-z]")
_STATION = re.compile(r"[0-9a-z]{6,64}")

#: The content of a named file, at most so many bytes of it; ``None`` if it cannot be read.
Open = Callable[[str, int], bytes | None]


@dataclass(frozen=True, slots=True)
class Beside:
    """What stands in files beside a record, and their names."""

    detached: Detached | None = None
    keys: tuple[KeyText, ...] = ()
    names: frozenset[str] = frozenset()


NOTHING = Beside()


def may_be_record(data: bytes) -> bool:
    """Whether a file is worth looking for others beside it, at a glance."""
    return data[:64].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{" and b'"session_id"' in data


def beside(name: str, data: bytes, names: Iterable[str], read: Open, limits: Limits = DEFAULT) -> Beside:
    """What ``names`` hold for the record file ``name``: its signature and its keys, if it is a ChargePoint record.

    Names are paths with ``/``; only files in the same folder count.
    """
    if not may_be_record(data) or len(data) > limits.record:
        return NOTHING
    try:
        document, _ = jsonscan.load(data, limits)
    except JsonProblem:
        return NOTHING
    if not chargepoint.detect(document):
        return NOTHING
    folder = PurePosixPath(name).parent
    around = sorted(other for other in set(names) if other != name and PurePosixPath(other).parent == folder)
    used: set[str] = set()
    signature = None
    for other in around:
        if other.lower() == (name + SUFFIX).lower() and signature is None:
            signature = read(other, limits.key + 1)
            used.add(other)
    keys: list[KeyText] = []
    named = [other for other in around if other not in used and _is_key_of(PurePosixPath(other).name, document)]
    for other in named[:_MOST_NAMED]:
        key = _key(read(other, limits.key + 1) or b"", limits) if len(keys) < _MOST_KEYS else None
        if key is not None:
            keys.append(KeyText(key, KeySource.CONTAINER))
            used.add(other)
    return Beside(None if signature is None else Detached(data, signature), tuple(keys), frozenset(used))


def key_name(document: Any) -> str | None:
    """What the name of a key file of this record begins with: ``<station>_<outlet>``."""
    for holder in (document, enclosing.member(document, "additional_info")):
        station = enclosing.identifier(enclosing.member(holder, "station_mac"))
        outlet = enclosing.identifier(enclosing.member(holder, "outlet"))
        if station is not None and outlet is not None:
            plain = _NOT_IN_NAMES.sub("", station.lower())
            return f"{plain}_{outlet.lower()}" if _STATION.fullmatch(plain) else None
    return None


def _is_key_of(name: str, document: Any) -> bool:
    start = key_name(document)
    lower = name.lower()
    return start is not None and lower.startswith(start) and not lower[len(start) : len(start) + 1].isdigit()


def _key(content: bytes, limits: Limits) -> str | bytes | None:
    """The key that a file holds, alone or as ``value`` of a JSON object; archives and records have such names, too."""
    if len(content) > limits.key:
        return None
    if content.lstrip()[:1] == b"{":
        try:
            stated = enclosing.text(enclosing.member(jsonscan.load(content, limits)[0], "value"))
        except JsonProblem:
            return None
        content = (stated or "").encode("utf-8", "replace")
    if not content or not looks_like_key(content):
        return None
    return content.decode("ascii").strip() if content.isascii() else content
