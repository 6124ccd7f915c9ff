"""A new firmware for the virtual meter: blocks, lost blocks, verification, activation, restart."""

from __future__ import annotations

import zlib

import pytest

from tests.meters.abb.cosem.rig import Rig
from wattproof.errors import InvalidValue, ResponseTimeout
from wattproof.meters.abb.cosem.images import INITIATE, Phase
from wattproof.meters.abb.driver import MeterRefused
from wattproof.wire.cosem.image_transfer import ImageInitiation, ImageStatus


def image(version: str = "A9.01.0", size: int = 5000) -> bytes:
    body = version.encode().ljust(16, b"\0") + bytes(number % 251 for number in range(size - 20))
    return body + zlib.crc32(body).to_bytes(4, "little")


def update(rig: Rig, data: bytes, **options):
    async def run():
        return [step async for step in rig.driver.update_firmware(data, "A9", **options)]

    return rig.run(run())


@pytest.mark.proves("A-160")
def test_a_good_image_is_the_new_firmware() -> None:
    rig = Rig()
    assert rig.run(rig.driver.info()).firmware == "A1.00.0"
    steps = update(rig, image(), version="A9.01.0")
    assert list(dict.fromkeys(step.phase for step in steps)) == [
        Phase.INITIATING, Phase.TRANSFERRING, Phase.VERIFYING, Phase.ACTIVATING, Phase.RESTARTING, Phase.DONE,
    ]  # fmt: skip
    sent = [step.blocks for step in steps if step.phase is Phase.TRANSFERRING]
    assert sent == list(range(1, 13))
    assert (steps[-1].version, steps[-1].percent, steps[5].total) == ("A9.01.0", 100, 12)
    assert steps[5].percent < 50
    assert rig.run(rig.driver.info()).firmware == "A9.01.0"


@pytest.mark.proves("A-160")
def test_a_block_that_is_missing_is_sent_again() -> None:
    rig = Rig()
    rig.run(rig.driver.status())
    plain, count = rig._answer, 0

    def losing(data: bytes) -> bytes:
        nonlocal count
        if b"\xc3\x01" in data and b"\x00\x00\x2c\x00\x00\xff\x02" in data:
            count += 1
            if 3 <= count <= 7:  # block 2, all repetitions, and the connection breaks
                return b""
        return plain(data)

    rig.driver.station.bus.line._link.peer.answer = losing  # type: ignore[union-attr]
    steps = update(rig, image())
    assert steps[-1].version == "A9.01.0"
    assert count > 12
    sent = [step.blocks for step in steps if step.phase is Phase.TRANSFERRING]
    assert len(sent) > 12


@pytest.mark.proves("A-160")
def test_what_goes_wrong_is_told() -> None:
    rig = Rig()
    with pytest.raises(InvalidValue):
        update(rig, b"")
    with pytest.raises(MeterRefused, match="verification of the image failed: status verification_failed"):
        update(rig, image()[:-1] + b"\xff")
    assert rig.run(rig.driver.image_status()) is ImageStatus.VERIFICATION_FAILED
    rig.bench.fault("image-fails", "activate")
    with pytest.raises(MeterRefused, match="activation of the image failed"):
        update(rig, image())
    rig.bench.fault("image-fails", False)
    with pytest.raises(MeterRefused, match=r"runs firmware A9.02.0 after the update, not A9.03.0"):
        update(rig, image("A9.02.0"), version="A9.03.0")
    with pytest.raises(MeterRefused, match="not a new one"):
        update(rig, image("A9.02.0"))
    iron = Rig("A44-052-100")
    with pytest.raises(MeterRefused, match="takes no firmware"):
        update(iron, image())


@pytest.mark.proves("A-160")
def test_a_transfer_goes_on_where_it_was_broken_off() -> None:
    rig = Rig()
    data = image()
    rig.run(rig.driver.act(INITIATE, ImageInitiation(b"A9", len(data)).data))
    for block in range(5):
        rig.run(rig.driver._send_block(data, 448, block))
    steps = update(rig, data, resume=True)
    assert [step.blocks for step in steps if step.phase is Phase.TRANSFERRING] == list(range(6, 13))
    assert steps[-1].version == "A9.01.0"
    rig.bench.control("power", False)
    with pytest.raises(ResponseTimeout):
        update(rig, image("A9.09.0"))
