"""How old an answer may be, and how long a request waits for a newer one: the table of g13-api.md 11.1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

FOR_EVER = float("inf")


class Age(NamedTuple):
    """Seconds: greatest age of an answer, longest wait of a request. ``connection``: dropped when the meter comes back
    online; ``settings``: dropped by every write to the meter."""

    most: float
    wait: float
    connection: bool = False
    settings: bool = False


#: Resources, the row of the table, and the row for M-Bus where it differs.
_ROWS: tuple[tuple[tuple[int, ...], Age, Age | None], ...] = (
    ((59, 60, 63, 81), Age(5, 10), Age(30, 30)),
    ((54, 55, 56, 58, 50), Age(15, 10), Age(60, 30)),
    ((61, 62), Age(60, 20), None),
    ((16,), Age(5, 10), None),
    ((41,), Age(0, 10), None),
    ((44, 48, 52, 64, 65, 70, 74, 78, 83, 85, 87, 89), Age(300, 10, settings=True), None),
    ((43, 46, 47, 30), Age(86400, 10, connection=True), None),
    ((51, 69, 73, 77), Age(15, 60), None),
)
AGES: Mapping[int, Age] = {resource: age for resources, age, _ in _ROWS for resource in resources}
MBUS_AGES: Mapping[int, Age] = {
    **AGES,
    **{resource: mbus for resources, _, mbus in _ROWS if mbus is not None for resource in resources},
}


def age_of(resource: int, *, mbus: bool) -> Age:
    """The row of a resource; a write waits as long as its configuration is read."""
    return (MBUS_AGES if mbus else AGES).get(resource, Age(0, 30 if mbus else 10))
