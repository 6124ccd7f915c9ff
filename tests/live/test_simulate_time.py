"""Real time of a real virtual BSM: what speed divides, what waits for a creation, what does not."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from wattproof.meters.bsm.points import MAP
from wattproof.meters.opening import VirtualMeter

Start = Callable[..., VirtualMeter]
CURRENT = MAP.find("signed_current_snapshot.St")[0].address
OS = MAP.find("bs_meter.OS")[0].address
TRIGGER = struct.pack(">BHHBH", 16, CURRENT, 1, 2, 2)
STATUS = struct.pack(">BHH", 3, CURRENT, 1)


@contextmanager
def client(meter: VirtualMeter) -> Iterator[Callable[[bytes], tuple[bytes, float]]]:
    """Asks on one connection: the answer PDU and how long it took."""
    host, _, port = meter.urls[0].partition("://")[2].rpartition(":")
    with socket.create_connection((host, int(port)), timeout=30) as peer:

        def ask(pdu: bytes) -> tuple[bytes, float]:
            begun = time.monotonic()
            peer.sendall(struct.pack(">HHHB", 1, 0, len(pdu) + 1, 42) + pdu)
            return peer.recv(300)[7:], time.monotonic() - begun

        yield ask


@pytest.mark.proves("B-084", "B-085", "B-182")
@pytest.mark.parametrize("speed", [4, 20])
def test_a_creation_blocks_what_follows_for_its_time(virtual_meter: Start, speed: int) -> None:
    with client(virtual_meter(speed=speed)) as ask:
        acknowledged, soon = ask(TRIGGER)
        assert acknowledged == struct.pack(">BHH", 16, CURRENT, 1)
        status, late = ask(STATUS)
    assert status == b"\x03\x02\0\0"
    assert soon < 1 / speed + 0.1
    assert 2.8 / speed * 0.9 < soon + late < 2.8 / speed + 0.3


@pytest.mark.proves("B-086")
def test_without_blocking_the_running_creation_is_seen(virtual_meter: Start) -> None:
    seen = []
    with client(virtual_meter(speed=10, blocking=False, answer_delay=0)) as ask:
        ask(TRIGGER)
        begun = time.monotonic()
        while time.monotonic() < begun + 5 and (not seen or seen[-1] == 2):
            seen.append(int.from_bytes(ask(STATUS)[0][2:], "big"))
    assert seen[0] == 2
    assert seen[-1] == 0
    assert len(seen) > 3


@pytest.mark.proves("B-182")
def test_speed_drives_seconds_and_energy(virtual_meter: Start) -> None:
    meter = virtual_meter(speed=1000, load="constant:36000", wiring="direct", answer_delay=0)
    begun = time.monotonic()
    before = meter.state
    asked = time.monotonic()
    while time.monotonic() < asked + 0.5:
        meter.wait_journal(after=meter.journal_after(0)[-1]["n"] if meter.journal else 0, timeout=0.1)
    after = meter.state
    longest = (time.monotonic() - begun) * 1000
    seconds = after["time"]["os"] - before["time"]["os"]
    assert 450 <= seconds <= longest + 2
    energy = after["energy"]["TotWhImp"] - before["energy"]["TotWhImp"]
    assert abs(energy - seconds * 10) <= 40  # 36 kW are 10 Wh a second


@pytest.mark.proves("B-182")
@pytest.mark.parametrize("speed", [1, 20])
def test_the_answer_delay_is_in_meter_seconds(virtual_meter: Start, speed: int) -> None:
    with client(virtual_meter(speed=speed, answer_delay="0.5")) as ask:
        _, taken = ask(STATUS)
    assert 0.5 / speed - 0.002 <= taken < 0.5 / speed + 0.2


def test_the_optical_head_does_not_wait_for_a_creation(virtual_meter: Start) -> None:
    meter = virtual_meter(listen=["tcp://127.0.0.1:0", "iec://127.0.0.1:0"], answer_delay=0)
    host, _, port = meter.urls[1].partition("://")[2].rpartition(":")
    with client(meter) as ask, socket.create_connection((host, int(port)), timeout=5) as reader:
        ask(TRIGGER)
        begun = time.monotonic()
        reader.sendall(b"/?!\r\n")
        assert reader.recv(100).startswith(b"/BAU5")
        assert time.monotonic() - begun < 1.5
        meter.controls["step"] = 5
        assert ask(STATUS)[0] == b"\x03\x02\0\0"
