"""The partitions of the large tables in PostgreSQL: one a month, from 2000 to 2099; what is outside has two of its own.

Deleting a month is then dropping a table, and a query over days looks into one or two of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

#: The tables that have them.
PARTITIONED = ("readings", "rows")
#: 2000-01-01 and 2100-01-01 (UTC ms): between them every month has a partition.
BEGINNING, END = 946_684_800_000, 4_102_444_800_000


class Month(NamedTuple):
    """A month, UTC."""

    year: int
    month: int

    @classmethod
    def of(cls, time: int) -> Month:
        """The month of a time (UTC ms)."""
        moment = datetime.fromtimestamp(time // 1000, UTC)
        return cls(moment.year, moment.month)

    @property
    def next(self) -> Month:
        """The month after it."""
        return Month(self.year + self.month // 12, self.month % 12 + 1)

    @property
    def begin(self) -> int:
        """Its first millisecond (UTC ms)."""
        return int(datetime(self.year, self.month, 1, tzinfo=UTC).timestamp()) * 1000

    def partition(self, table: str) -> str:
        """The name of its partition."""
        return f"{table}_{self.year:04}{self.month:02}"


def months(times: Iterable[int]) -> set[Month]:
    """The months that need a partition for rows of these times (UTC ms)."""
    times = list(times)
    first, last = max(min(times), BEGINNING), min(max(times), END - 1)
    if first > last:
        return set()
    one, end = Month.of(first), Month.of(last)
    if one == end:
        return {one}
    return {Month.of(time) for time in times if BEGINNING <= time < END}


def creation(table: str, month: Month) -> tuple[str, str]:
    """Statements that make the partition of a month. Attaching it lets others read and write on meanwhile."""
    name = month.partition(table)
    return (
        f"CREATE TABLE {name} (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)",
        f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ({month.begin}) TO ({month.next.begin})",
    )
