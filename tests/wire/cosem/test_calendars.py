"""Calendar, special days, scripts and images: the worked examples both ways."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattproof.errors import FrameError
from wattproof.wire.cosem import apdus
from wattproof.wire.cosem import data as axdr
from wattproof.wire.cosem.calendars import (
    DayAction,
    DayProfile,
    Script,
    ScriptAction,
    Season,
    SpecialDay,
    WeekProfile,
    read_table,
    table,
)
from wattproof.wire.cosem.data import Data, array, structure, unsigned
from wattproof.wire.cosem.descriptors import Attribute, Method, logical_name
from wattproof.wire.cosem.image_transfer import ImageBlock, ImageInfo, ImageInitiation, ImageStatus
from wattproof.wire.cosem.times import LAST_DAY, Date, DateTime, Time

Examples = dict[str, dict[str, Any]]
SCRIPTS = logical_name("0-0:10.0.100")
MIDNIGHT = Time(0, 0, 0, 0)
CALENDAR = "0-0:13.0.0"


def test_the_tables_of_the_examples_are_written_and_read(examples: Examples) -> None:
    seasons = (
        Season(b"Winter", DateTime(Date(None, 10, LAST_DAY), MIDNIGHT), b"Week1"),
        Season(b"Summer", DateTime(Date(None, 5, 1), MIDNIGHT), b"Week2"),
    )
    weeks = (WeekProfile(b"Week1", (1, 4, 2, 5, 3, 6, 1)),)
    days = (
        DayProfile(
            1,
            (DayAction(Time(12, 0, 0, 0), SCRIPTS, 1), DayAction(Time(15, 0, 0, 0), SCRIPTS, 2)),
        ),
    )
    for name, attribute, kind, entries in (
        ("cal-seasons", 7, Season, seasons), ("cal-weeks", 8, WeekProfile, weeks), ("cal-days", 9, DayProfile, days),
    ):  # fmt: skip
        octets = examples[name]["octets"]
        value = table(entries)  # type: ignore[arg-type]
        assert apdus.encode(apdus.SetRequest(0xC1, Attribute.of(20, CALENDAR, attribute), value)) == octets
        request = apdus.decode(octets)
        assert isinstance(request, apdus.SetRequest)
        assert read_table(kind, request.value) == entries
    insert = SpecialDay(1, Date(None, 11, LAST_DAY), 1)
    method = Method.of(11, "0-0:11.0.0")
    assert apdus.encode(apdus.ActionRequest(0xC1, method, insert.data)) == examples["cal-special"]["octets"]
    assert SpecialDay.read(insert.data) == insert


@pytest.mark.proves("A-186")
def test_the_script_table_is_the_one_that_is_printed() -> None:
    tariff = logical_name("0-0:96.14.0")
    scripts = [Script(number, (ScriptAction(1, 1, tariff, 2, unsigned(number)),)) for number in range(1, 5)]
    for output in range(1, 5):
        name = logical_name(f"0-{output}:96.3.2")
        for value in (True, False):
            scripts.append(Script(len(scripts) + 1, (ScriptAction(1, 1, name, 2, axdr.boolean(value)),)))
    encoded = table(scripts).encode()
    assert (len(scripts), len(encoded), encoded[:2]) == (12, 314, bytes.fromhex("010C"))
    assert scripts[0].data.encode() == bytes.fromhex(
        "02 02 12 00 01 01 01 02 05 16 01 12 00 01 09 06 00 00 60 0E 00 FF 0F 02 11 01"
    )
    assert scripts[4].data.encode() == bytes.fromhex(
        "02 02 12 00 05 01 01 02 05 16 01 12 00 01 09 06 00 01 60 03 02 FF 0F 02 03 01"
    )
    assert read_table(Script, axdr.decode(encoded)) == tuple(scripts)
    get = apdus.GetRequest(0xC1, Attribute.of(9, "0-0:10.0.100"))
    execute = apdus.ActionRequest(0xC1, Method.of(9, "0-0:10.0.100"), axdr.long_unsigned(2))
    assert apdus.encode(get) == bytes.fromhex("C0 01 C1 00 09 00 00 0A 00 64 FF 02 00")
    assert apdus.encode(execute) == bytes.fromhex("C3 01 C1 00 09 00 00 0A 00 64 FF 01 01 12 00 02")
    with pytest.raises(FrameError, match="service 3"):
        ScriptAction.read(ScriptAction(3, 1, tariff, 2, unsigned(1)).data)


def test_images_of_the_examples(examples: Examples) -> None:
    for name, number, parameter in (
        ("img-init", 1, ImageInitiation(b"B24-1.20", 1_500_000)),
        ("img-block", 2, ImageBlock(0, bytes(range(16)))),
    ):
        request = apdus.ActionRequest(0xC1, Method.of(18, "0-0:44.0.0", number), parameter.data)
        assert apdus.encode(request) == examples[name]["octets"]
        assert type(parameter).read(parameter.data) == parameter
    status = apdus.decode(examples["img-status"]["octets"])
    assert isinstance(status, apdus.GetResponse)
    assert status.value == axdr.enum(ImageStatus.VERIFIED)
    info = ImageInfo(448, b"B24-1.20", b"sum")
    assert ImageInfo.read(info.data) == info


KINDS = (
    DayAction,
    DayProfile,
    WeekProfile,
    Season,
    SpecialDay,
    ScriptAction,
    Script,
    ImageInfo,
    ImageBlock,
    ImageInitiation,
)
VALUES = st.recursive(
    st.sampled_from(
        [axdr.NULL, unsigned(1), axdr.octet_string(b"abcd"), axdr.octet_string(bytes(6)), axdr.octet_string(bytes(12))]
    ),
    lambda inner: (
        st.lists(inner, max_size=5).map(array) | st.lists(inner, max_size=5).map(lambda found: structure(*found))
    ),
    max_leaves=8,
)


@given(VALUES)
def test_any_other_data_is_a_frame_error(value: Data) -> None:
    for kind in KINDS:
        try:
            entry = kind.read(value)
        except FrameError:
            continue
        assert kind.read(entry.data) == entry
