"""What the tests of sources share with those of the drivers."""

from __future__ import annotations

from tests.meters.conftest import bench

__all__ = ["bench"]
