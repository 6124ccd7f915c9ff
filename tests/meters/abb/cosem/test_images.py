"""A new firmware for the virtual meter: blocks, lost blocks, verification, activation, restart."""

from __future__ import annotations

import zlib

import pytest

from tests.meters.abb.cosem.rig import Rig
from wattproof.errors import InvalidValue, ResponseTimeout
from wattproof.meters.abb.cosem.images import VERIFY, Phase
from wattproof.meters.abb.driver import MeterRefused
from wattproof.wire.cosem.image_transfer import ImageStatus


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
    assert sent == list(range(13))
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
    assert len(sent) > 13 and sent == sorted(sent), "what is lost is not counted before it has arrived"
    assert sent[-1] == 12 == steps[-1].blocks


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
    rig.run(rig.driver.initiate_image(data, "A9"))
    for block in range(5):
        rig.run(rig.driver.send_image_block(data, 448, block))
    steps = update(rig, data, resume=Phase.TRANSFERRING)
    assert [step.blocks for step in steps if step.phase is Phase.TRANSFERRING] == list(range(5, 13))
    assert steps[-1].version == "A9.01.0"
    rig.bench.control("power", False)
    with pytest.raises(ResponseTimeout):
        update(rig, image("A9.09.0"))


@pytest.mark.proves("A-160")
def test_an_activation_that_was_broken_off_is_judged_by_the_version() -> None:
    rig = Rig()
    data = image()

    async def broken_off(phase: Phase) -> None:
        """The update is left as soon as it would enter a phase."""
        async for step in rig.driver.update_firmware(data, "A9", version="A9.01.0"):
            if step.phase is phase:
                return

    def phases(**options) -> list[Phase]:
        return list(dict.fromkeys(step.phase for step in update(rig, data, version="A9.01.0", **options)))

    end = [Phase.ACTIVATING, Phase.RESTARTING, Phase.DONE]
    rig.run(broken_off(Phase.ACTIVATING))
    assert phases(resume=Phase.ACTIVATING) == end, "it had been verified and not activated"
    assert phases(resume=Phase.ACTIVATING) == [Phase.DONE]
    data = image("A9.02.0")
    with pytest.raises(MeterRefused, match=r"runs firmware A9.01.0 after the update, not A9.02.0"):
        update(rig, data, version="A9.02.0", resume=Phase.RESTARTING)
    rig.run(broken_off(Phase.VERIFYING))
    rig.bench.fault("image-fails", "activate")
    rig.run(rig.driver.act_on_image(VERIFY))
    with pytest.raises(MeterRefused, match="activation of the image failed"):
        update(rig, data, version="A9.01.1", resume=Phase.VERIFYING)
    with pytest.raises(MeterRefused, match="activation of the image failed"):
        update(rig, data, version="A9.02.0", resume=Phase.ACTIVATING)
    with pytest.raises(InvalidValue):
        update(rig, data, resume=Phase.ACTIVATING)
    rig.bench.fault("image-fails", "verify")
    with pytest.raises(MeterRefused, match="verification of the image failed"):
        update(rig, data, version="A9.02.0")
    with pytest.raises(MeterRefused, match="verification of the image failed"):
        update(rig, data, version="A9.02.0", resume=Phase.VERIFYING)
