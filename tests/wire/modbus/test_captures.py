"""Frames captured from real meters: check sums, functions, and the same bytes when encoded again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from wattproof.model.codec.crc import crc16_modbus
from wattproof.model.values import to_decimal
from wattproof.wire.modbus.framing import Request, Response, rtu
from wattproof.wire.modbus.messages import ReadRequest, WriteMany
from wattproof.wire.modbus.pdu import check_response, decode_request, parse_read_response
from wattproof.wire.modbus.types import ACC32, INT16, SUNSSF, WireType

TYPES: dict[str, WireType] = {"int16": INT16, "sunssf": SUNSSF, "acc32": ACC32}
SCALES = {"PhVphA": "V_SF", "A": "A_SF", "W": "W_SF", "PFphA": "PF_SF", "Hz": "Hz_SF", "TotWhImp": "TotWh_SF"}


@pytest.fixture(scope="module")
def exchanges(vectors: Path) -> list[tuple[bytes, bytes]]:
    frames = json.loads((vectors / "bsm" / "rtu_frames.json").read_text())["frames"]
    data = [bytes.fromhex(frame["frame_hex"]) for frame in frames]
    assert [frame["direction"] for frame in frames] == ["request", "response"] * (len(frames) // 2)
    return list(zip(data[::2], data[1::2], strict=True))


@pytest.fixture(scope="module")
def ac_meter(vectors: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((vectors / "bsm" / "ac_meter_frame.json").read_text())
    return found


@pytest.mark.proves("B-160")
@pytest.mark.parametrize("size", [1, 10_000])
def test_captured_frames_decode_and_encode_to_the_same_bytes(exchanges: list[tuple[bytes, bytes]], size: int) -> None:
    server, client = rtu.ServerFramer({1, 42}), rtu.ClientFramer()
    for asked, said in exchanges:
        assert crc16_modbus(asked) == crc16_modbus(said) == 0
        found = [request for at in range(0, len(asked), size) for request in server.receive(asked[at : at + size])]
        assert found == [Request(asked[0], asked[1:-2])]
        message = decode_request(found[0].pdu)
        assert client.encode(asked[0], message.encode()) == asked
        client.expecting(found[0])
        events = [event for at in range(0, len(said), size) for event in client.receive(said[at : at + size])]
        assert events == [Response(said[0], said[1:-2])]
        answer = check_response(found[0].pdu, said[1:-2])
        assert server.encode(found[0], answer.encode()) == said
        assert isinstance(message, ReadRequest | WriteMany)


def test_a_meter_on_the_same_line_hears_the_captured_traffic_and_stays_silent(
    exchanges: list[tuple[bytes, bytes]],
) -> None:
    traffic = b"".join(asked + said for asked, said in exchanges)
    poll = rtu.frame(7, bytes.fromhex("039c440042"))
    for size in (1, 10, len(traffic)):
        server = rtu.ServerFramer({7})
        assert [r for at in range(0, len(traffic), size) for r in server.receive(traffic[at : at + size])] == []
        assert server.receive(poll) == [Request(7, poll[1:-2])]


@pytest.mark.proves("B-035")
def test_the_captured_ac_meter_frame_has_the_values_that_were_read_from_it(ac_meter: dict[str, object]) -> None:
    asked, said = (bytes.fromhex(str(ac_meter[key])) for key in ("request_hex", "response_hex"))
    message = decode_request(asked[1:-2])
    assert isinstance(message, ReadRequest)
    data = parse_read_response(said[1:-2], message.count)
    decoded = ac_meter["decoded"]
    assert isinstance(decoded, dict)
    scaled = {name: to_decimal(decoded[name]["raw"], decoded[factor]["raw"]) for name, factor in SCALES.items()}
    assert [format(value, "f") for value in scaled.values()] == ["228.7", "0.19", "30", "77.5", "50.0", "2410"]
    at = 0
    for row in decoded.values():
        raw = bytes.fromhex(row["raw_hex"])
        assert data[at : at + len(raw)] == raw
        if row["type"] in TYPES:
            kind = TYPES[row["type"]]
            missing = "value" in row and row["value"] is None
            assert kind.decode(raw) == (None if missing else row["raw"])
            assert kind.encode(kind.decode(raw)) == raw
        at += len(raw)
    assert at == len(data)
