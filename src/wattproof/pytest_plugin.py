"""pytest fixtures: virtual meters for tests of charging software.

::

    def test_a_stuck_contactor_is_noticed(virtual_meter):
        meter = virtual_meter("bsm", speed=100, answer_delay=0)
        meter.change(faults={"contactor-stuck-closed": True}, when="turn-on:signing")
        my_station.charge(meter.urls[0])
        assert ...

The meter runs in a thread of its own, so synchronous and asynchronous tests use it alike, and ends with the test.
Nothing is imported before a test asks for the fixture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from wattproof.meters.opening import VirtualMeter


@pytest.fixture
def virtual_meter() -> Iterator[Callable[..., VirtualMeter]]:
    """``virtual_meter(model="bsm", **options)`` starts a virtual meter for this test; see ``VirtualMeter``."""
    with ExitStack() as stack:

        def start(model: str = "bsm", **options: Any) -> VirtualMeter:
            from wattproof.meters.opening import VirtualMeter

            return stack.enter_context(VirtualMeter(model, **options))

        yield start
