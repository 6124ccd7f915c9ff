"""The audit log is a chain: each entry's hash covers the entry and the hash before it, so none can be changed, removed
or put in between without all later hashes changing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterable, Iterable

from msgspec.structs import asdict

from wattproof.errors import StorageError
from wattproof.gateway.records import Audit

#: What stands before the first entry.
BEGINNING = "0" * 64


def link(previous: str, number: int, entry: Audit) -> str:
    """SHA-256 (hexadecimal) over the previous hash and the entry in its canonical form: JSON with sorted names, no
    blanks, UTF-8."""
    content = {"previous": previous, "number": number, **asdict(entry)}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


async def check(entries: AsyncIterable[tuple[int, str, Audit]]) -> tuple[int, str]:
    """Number and hash of the last entry of a whole audit log, as :meth:`Reader.audit` gives it; 0 for an empty one.

    Who has noted them elsewhere can tell later that nothing before was changed, and that the end is not missing.

    Raises:
        StorageError: the chain is broken, at which entry.
    """
    last, previous = 0, BEGINNING
    async for number, hash, entry in entries:
        if number != last + 1:
            raise StorageError(f"the audit log is broken: entry {number} follows entry {last}")
        if hash != link(previous, number, entry):
            raise StorageError(f"the audit log is broken: entry {number} is not what was written")
        last, previous = number, hash
    return last, previous


def broken(entries: Iterable[tuple[int, str, Audit]], *, anchor: int = 0) -> int | None:
    """The number of the first entry of a part that does not follow from the one before it; ``None`` if all do.

    ``anchor``: the number of the entry that the part begins with and that is taken as it is; 0: it begins with the log.
    """
    last, previous = 0, BEGINNING
    for number, hash, entry in entries:
        taken = number == anchor and last == 0
        if not taken and (number != last + 1 or hash != link(previous, number, entry)):
            return number
        last, previous = number, hash
    return None
