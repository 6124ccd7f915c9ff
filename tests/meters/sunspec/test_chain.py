"""Finding the models of a SunSpec device in a register image."""

from __future__ import annotations

import struct
from collections.abc import Awaitable, Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattproof.drivers.modbus import run_blocking
from wattproof.errors import ModbusRefused, ProtocolError, WattproofError
from wattproof.meters.sunspec import chain
from wattproof.meters.sunspec.models import BY_ID

Read = Callable[[int, int], Awaitable[bytes]]


def reader(base: int, data: bytes) -> Read:
    """Registers ``data`` from ``base``; everything else is refused."""

    async def read(address: int, count: int) -> bytes:
        at = 2 * (address - base)
        if at < 0 or at + 2 * count > len(data):
            raise ModbusRefused(2, f"register {address} refused: illegal data address")
        return data[at : at + 2 * count]

    return read


def device(*models: tuple[int, int], end: bool = True) -> bytes:
    """Marker, headers with empty payloads, end marker."""
    parts = [b"SunS"]
    parts += [struct.pack(">HH", number, length) + bytes(2 * length) for number, length in models]
    return b"".join(parts) + (b"\xff\xff\x00\x00" if end else b"")


@pytest.mark.parametrize("base", [40000, 50000, 0])
def test_the_marker_is_found_at_every_base(base: int) -> None:
    assert run_blocking(chain.find_base(reader(base, device()))) == base


def test_no_marker_is_no_sunspec_device() -> None:
    with pytest.raises(ProtocolError, match="no SunSpec marker at 0-based 40000, 50000, 0"):
        run_blocking(chain.find_base(reader(40000, b"SunX")))


@pytest.mark.proves("B-021")
def test_the_chain_is_walked_to_its_end() -> None:
    found = run_blocking(chain.walk(reader(40000, device((1, 66), (203, 105), (7, 0))), 40000))
    assert [(item.id, item.address, item.length) for item in found] == [
        (1, 40002, 66),
        (203, 40070, 105),
        (7, 40177, 0),
        (65535, 40179, 0),
    ]


def test_a_chain_without_end_is_an_error_and_not_a_loop() -> None:
    with pytest.raises(ModbusRefused):
        run_blocking(chain.walk(reader(40000, device((1, 66), end=False)), 40000))
    endless = reader(0, b"SunS" + b"\0\1\0\0" * 40_000)
    with pytest.raises(ProtocolError, match="no end: after 256 headers"):
        run_blocking(chain.walk(endless, 0))


def instances(lengths: Sequence[tuple[int, int]]) -> list[chain.Instance]:
    return run_blocking(chain.walk(reader(0, device(*lengths)), 0))


def test_unknown_models_show_their_header_and_repeated_ones_are_numbered() -> None:
    found = chain.blocks(instances([(1, 66), (203, 105), (64123, 10), (203, 105)]), BY_ID)
    assert [block.name for block in found.blocks] == ["common", "ac_meter", "model_64123", "ac_meter_2", "end"]
    assert [point.name for point in found.block("model_64123").points] == ["ID", "L"]
    assert found.block("model_64123").registers == 12
    assert found.block("ac_meter_2").address_of("W") == found.block("ac_meter_2").address + 18


@pytest.mark.parametrize("length", [65, 66, 80])
def test_a_model_of_another_length_keeps_what_fits(length: int) -> None:
    (common, _) = chain.blocks(instances([(1, length)]), BY_ID).blocks
    names = [point.name for point in common.points]
    assert common.registers == length + 2
    assert ("Pad" in names) == (length >= 66)
    assert "DA" in names


def test_a_point_without_its_scale_factor_is_left_out() -> None:
    (meter, _) = chain.blocks(instances([(203, 52)]), BY_ID).blocks
    names = [point.name for point in meter.points]
    assert "W" in names
    assert "TotWhImp" not in names


@settings(max_examples=50)
@given(st.binary(max_size=600))
def test_rubbish_is_refused_and_never_hangs(data: bytes) -> None:
    try:
        found = run_blocking(chain.walk(reader(40000, b"SunS" + data), 40000))
    except WattproofError:
        return
    assert found[-1].id == 0xFFFF
    chain.blocks(found, BY_ID)
