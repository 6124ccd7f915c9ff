"""The read planner: legal, complete, and never one request more than an exhaustive search finds."""

from __future__ import annotations

import math
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattproof.errors import InvalidValue
from wattproof.wire.modbus.plan import Span, plan

SIZE = 24
SPANS = st.lists(st.builds(Span, st.integers(0, SIZE - 1), st.integers(0, 6)), max_size=6)


def fewest(wanted: set[int], closed: set[int], maximum: int, gap: int, cuts: set[int] | None) -> float:
    """The least number of legal requests, by trying every division."""

    def legal(begin: int, end: int) -> bool:
        inside = range(begin, end)
        run = longest = 0
        for at in inside:
            run = 0 if at in wanted else run + 1
            longest = max(longest, run)
        return end - begin <= maximum and not closed & set(inside) and longest <= gap

    def divided(at: int) -> bool:
        """Whether requests may part in front of register ``at``."""
        if cuts is None or at in cuts or at - 1 not in wanted or at not in wanted:
            return True
        low = max((cut for cut in cuts if cut < at), default=-1)
        high = min((cut for cut in cuts if cut > at), default=SIZE * 2)
        while at - 1 in wanted and at - 1 >= low:
            at -= 1
        end = at
        while end in wanted and end < high:
            end += 1
        return end - at > maximum

    @cache
    def count(begin: int) -> float:
        rest = [at for at in sorted(wanted) if at >= begin]
        if not rest:
            return 0
        first = rest[0]
        ends = (at + 1 for at in rest if legal(first, at + 1) and divided(at + 1))
        return 1 + min((count(end) for end in ends), default=math.inf)

    return count(0)


@settings(max_examples=300)
@given(
    SPANS,
    SPANS,
    st.integers(1, 8),
    st.integers(0, 4),
    st.one_of(st.none(), st.sets(st.integers(0, SIZE + 6))),
)
def test_plans_are_legal_complete_and_shortest(
    wanted: list[Span], forbidden: list[Span], maximum: int, gap: int, boundaries: set[int] | None
) -> None:
    registers = {at for span in wanted for at in range(span.address, span.end)}
    closed = {at for span in forbidden for at in range(span.address, span.end)}
    if registers & closed:
        with pytest.raises(InvalidValue, match="forbidden"):
            plan(wanted, maximum=maximum, gap=gap, forbidden=forbidden, boundaries=boundaries)
        return
    requests = plan(wanted, maximum=maximum, gap=gap, forbidden=forbidden, boundaries=boundaries)
    read = [at for request in requests for at in range(request.address, request.end)]
    assert registers <= set(read)
    assert not closed & set(read)
    assert len(read) == len(set(read))
    assert all(1 <= request.count <= maximum for request in requests)
    assert all(request.address in registers and request.end - 1 in registers for request in requests)
    assert len(requests) == fewest(registers, closed, maximum, gap, boundaries)


def test_a_whole_map_takes_as_many_requests_as_its_size_demands() -> None:
    assert len(plan([Span(40_000, 4_293)])) == math.ceil(4_293 / 125)
    assert plan([]) == []


def test_points_are_not_torn() -> None:
    assert plan([Span(0, 200)], boundaries=range(0, 200, 4)) == [Span(0, 124), Span(124, 76)]


def test_what_is_longer_than_a_request_is_divided_anywhere() -> None:
    assert plan([Span(0, 300)], boundaries=[0, 20]) == [Span(0, 125), Span(125, 125), Span(250, 50)]


def test_gaps_are_read_through_only_as_far_as_allowed() -> None:
    spans = [Span(0, 10), Span(14, 6)]
    assert plan(spans) == spans
    assert plan(spans, gap=4) == [Span(0, 20)]
    assert plan(spans, gap=4, forbidden=[Span(12, 1)]) == spans


def test_a_request_must_hold_something() -> None:
    with pytest.raises(InvalidValue, match="at least 1"):
        plan([Span(0, 1)], maximum=0)
