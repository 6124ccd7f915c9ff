"""The real meter of 2022: its registers in a virtual one give its answers, byte for byte (section 26)."""

from __future__ import annotations

import json

import pytest

from wattproof.model.codec.crc import crc16_modbus


@pytest.fixture(scope="module")
def frames(vectors):
    rows = json.loads((vectors / "bsm" / "rtu_frames.json").read_text())["frames"]
    return [bytes.fromhex(row["frame_hex"]) for row in rows], rows


@pytest.fixture(scope="module")
def image(vectors):
    registers = json.loads((vectors / "bsm" / "register_image_2022.json").read_text())["registers"]
    return {int(address): value for address, value in registers.items()}


def load(meter, address, data):
    at = (address - 40000) * 2
    meter.meter.registers.data[at : at + len(data)] = data


@pytest.mark.proves("B-160")
def test_every_captured_exchange_is_reproduced(bench, frames):
    pairs = 0
    raw, rows = frames
    for frame in raw:
        assert crc16_modbus(frame[:-2]).to_bytes(2, "little") == frame[-2:]
    for (asked, request), (answered, response) in zip(
        zip(raw[::2], rows[::2], strict=True), zip(raw[1::2], rows[1::2], strict=True), strict=True
    ):
        assert (request["direction"], response["direction"]) == ("request", "response")
        meter = bench(serial="001BZR1521070006", unit=asked[0])
        meter.set_time()
        pdu = asked[1:-2]
        if pdu[0] == 3:
            load(meter, int.from_bytes(pdu[1:3], "big"), answered[3:-2])
        answer = meter.ask(pdu)
        assert asked[:1] + answer == answered[:-2], request["what"]
        pairs += 1
    assert pairs == 21


@pytest.mark.proves("B-160", "B-005")
def test_the_register_image_is_served_as_it_is(bench, image):
    meter = bench(serial="001BZR1521070006")
    for address, value in image.items():
        load(meter, address, value.to_bytes(2, "big"))
    for address, value in image.items():
        assert int.from_bytes(meter.read(address), "big") == value


def test_identity_and_fixed_registers_equal_the_capture(bench, image):
    """What our own meter shows in the captured registers, apart from its life: every fixed register agrees."""
    meter = bench(serial="001BZR1521070006")
    living = {*range(40211, 40219), *range(40227, 40235), *range(40243, 40279), *range(40279, 40449)}
    key = range(40451, 40499)
    snapshots = range(40521, 44292)
    compared = 0
    for address, value in image.items():
        if address in living or address in key or address in snapshots:
            continue
        assert int.from_bytes(meter.read(address), "big") == value, address
        compared += 1
    assert compared > 80
