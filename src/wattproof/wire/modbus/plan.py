"""The read planner: the fewest requests that are legal on a device."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from wattproof.errors import InvalidValue


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """``count`` registers (or coils) from ``address``, 0-based."""

    address: int
    count: int

    @property
    def end(self) -> int:
        """First address behind the span."""
        return self.address + self.count


def plan(
    wanted: Iterable[Span],
    *,
    maximum: int = 125,
    gap: int = 0,
    forbidden: Iterable[Span] = (),
    boundaries: Collection[int] | None = None,
) -> list[Span]:
    """The fewest requests, ascending, that cover ``wanted``.

    ``maximum``: registers a request may have (Modbus Application Protocol 1.1b3, 6.3: 125).
    ``gap``: unwanted registers that may be read through to save a request; on a map without holes give ``maximum``.
    ``forbidden``: registers that no request may touch.
    ``boundaries``: the only addresses at which neighbouring registers may be divided between requests, usually the
    first registers of data points, so that no point is torn; ``None``: anywhere. What lies between two boundaries and
    is longer than ``maximum`` cannot be kept whole and is divided anywhere.

    Raises ``InvalidValue`` if a wanted register is forbidden or ``maximum`` is not positive.

    Greedy is optimal here: each request must hold the first register not yet covered, and the furthest place where
    it can end never moves back when its begin moves forward.
    """
    if maximum < 1:
        raise InvalidValue(f"a request must be allowed at least 1 register, not {maximum}")
    closed = _merge(forbidden, 0)
    stretches = _stretches(_merge(wanted, 0), closed, gap)
    cuts = None if boundaries is None else sorted(boundaries)
    requests: list[Span] = []
    for stretch in stretches:
        requests += _divide(stretch, maximum, cuts)
    return requests


def _merge(spans: Iterable[Span], gap: int) -> list[tuple[int, int]]:
    """Sorted, disjoint (begin, end); spans at most ``gap`` apart become one."""
    merged: list[tuple[int, int]] = []
    for span in sorted(span for span in spans if span.count > 0):
        if merged and span.address <= merged[-1][1] + gap:
            merged[-1] = (merged[-1][0], max(merged[-1][1], span.end))
        else:
            merged.append((span.address, span.end))
    return merged


def _stretches(
    wanted: list[tuple[int, int]], closed: list[tuple[int, int]], gap: int
) -> Iterable[list[tuple[int, int]]]:
    """Groups of wanted pieces that a request could read through."""
    stretch: list[tuple[int, int]] = []
    for begin, end in wanted:
        if _touches(closed, begin, end):
            raise InvalidValue(f"registers {begin} to {end - 1} (0-based) are wanted, but some of them are forbidden")
        if stretch and (begin - stretch[-1][1] > gap or _touches(closed, stretch[-1][1], begin)):
            yield stretch
            stretch = []
        stretch.append((begin, end))
    if stretch:
        yield stretch


def _touches(closed: list[tuple[int, int]], begin: int, end: int) -> bool:
    index = bisect_left(closed, (end, 0)) - 1
    return index >= 0 and closed[index][1] > begin


def _divide(pieces: list[tuple[int, int]], maximum: int, cuts: list[int] | None) -> Iterable[Span]:
    """Requests for pieces that may be read through, each beginning and ending at wanted registers."""
    index = 0
    begin = pieces[0][0]
    while True:
        limit = begin + maximum
        last = index
        while last + 1 < len(pieces) and pieces[last + 1][0] < limit:
            last += 1
        end = min(_cut(pieces[last], limit, maximum, cuts), pieces[last][1])
        if end == pieces[last][0]:  # the point at the begin of this piece is left whole to the next request
            last -= 1
            end = pieces[last][1]
        yield Span(begin, end - begin)
        index = last + (end == pieces[last][1])
        if index == len(pieces):
            return
        begin = max(end, pieces[index][0])


def _cut(piece: tuple[int, int], limit: int, maximum: int, cuts: list[int] | None) -> int:
    """The furthest place up to ``limit`` where a request that reaches into ``piece`` may end.

    Never the begin of a request that started in this piece: from there to ``limit`` lie ``maximum`` registers, and a
    point that is longer is divided.
    """
    if cuts is None or limit >= piece[1]:
        return limit
    index = bisect_right(cuts, limit)
    low = max(cuts[index - 1], piece[0]) if index else piece[0]
    high = min(cuts[index], piece[1]) if index < len(cuts) else piece[1]
    return limit if high - low > maximum else low
