"""What the host tells of its clock and its network interfaces."""

from __future__ import annotations

import sys

import pytest

from wattproof.gateway.serve.network import Moving, usual
from wattproof.io.hostclock import synchronised
from wattproof.io.interfaces import hardware_address, interfaces, is_local
from wattproof.model.clock import VirtualClock


def test_the_loopback_is_ours_and_others_are_not() -> None:
    assert is_local("127.0.0.1") and is_local("127.1.2.3")
    assert not is_local("198.51.100.255") and not is_local("0.0.0.0")
    assert hardware_address("127.0.0.1") == 0 and hardware_address("198.51.100.255") == 0
    assert 0 <= hardware_address("0.0.0.0") < 1 << 48


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells")
def test_interfaces_have_names_and_addresses() -> None:
    assert ("lo", "127.0.0.1", 0) in [(name, str(address), hardware) for name, address, hardware in interfaces()]


def test_the_kernel_is_asked_and_answers() -> None:
    assert synchronised() in (True, False)


async def nowhere(settings: object) -> None:
    """Nothing is stored."""


def test_settings_of_a_gateway_that_was_never_told_any() -> None:
    assert usual("127.0.0.1")["ip"] == "127.0.0.1" and usual("::1")["ip"] == "0.0.0.0"
    assert Moving(None, VirtualClock(), nowhere, home="127.0.0.1").mac == "0.0.0.0.0.0"
    assert len(Moving(None, VirtualClock(), nowhere, home="0.0.0.0").mac.split(".")) == 6
