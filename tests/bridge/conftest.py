"""A line of scripted units in memory, as the tests of the drivers have it."""

from __future__ import annotations

from tests.drivers.conftest import bench

__all__ = ["bench"]
