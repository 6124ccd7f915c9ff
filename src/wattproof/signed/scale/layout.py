"""What a folder of results holds, by name: so that nothing else in it is ever read as a result, changed or removed."""

from __future__ import annotations

import re

#: Tables of a run, which are read together.
TABLES = ("records", "sessions")
SUMMARY = "summary.json"
_PUBLISHED = re.compile(r"part-[0-9]{5,}-[0-9a-f]{16}(-[0-9a-f]{8})?\.parquet")
_OWN = {
    "parts": re.compile(r"[0-9a-f]{64}(\.json|-[0-9a-f]{8}\.(records|sessions)\.parquet)"),
    **dict.fromkeys(TABLES, _PUBLISHED),
}
_DRAFT = re.compile(r"\.(.+)\.[0-9a-f]{16}\.draft")


def table(stem: str, name: str) -> str:
    """A table of a part."""
    return f"parts/{stem}.{name}.parquet"


def marker(address: str) -> str:
    """What is written last of a part."""
    return f"parts/{address}.json"


def published(name: str, number: int, address: str, mark: str = "") -> str:
    """The name under which a table of a part is read; ``mark`` tells files made from one part apart."""
    return f"{name}/part-{number:05}-{address[:16]}{mark}.parquet"


def draft(name: str, token: str) -> str:
    """The name of a file until it is whole; ``token``: 16 hexadecimal digits."""
    return f".{name}.{token}.draft"


def is_own(below: str, name: str) -> bool:
    """Whether a file in a folder below that of the results (``""``: in that itself) has a name that is given here."""
    if not below:
        return name == SUMMARY
    return below in _OWN and _OWN[below].fullmatch(name) is not None


def is_draft(below: str, name: str) -> bool:
    """Whether a file is one that was not finished."""
    found = _DRAFT.fullmatch(name)
    return found is not None and is_own(below, found[1])
