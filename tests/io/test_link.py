"""The blocking link, over files that stand for what a line has sent."""

from __future__ import annotations

import os
from pathlib import Path

from wattproof.drivers.modbus import run_blocking
from wattproof.io.link import BlockingLink, DescriptorStream


def test_what_a_peer_babbles_is_taken_away_in_parts(tmp_path: Path) -> None:
    noise = tmp_path / "noise"
    noise.write_bytes(b"\x55" * 4_000_000)
    link = BlockingLink(DescriptorStream(os.open(noise, os.O_RDONLY)), "noise")
    assert 0 < len(link.discard()) < 1_000_000
    assert run_blocking(link.receive(0)) == b"\x55" * 65536
    link.abort()
