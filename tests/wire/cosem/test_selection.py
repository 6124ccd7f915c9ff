"""Parts of a profile, and the rows of interface classes."""

from __future__ import annotations

from typing import Any

import pytest

from wattproof.errors import FrameError, InvalidValue, UnknownName
from wattproof.wire.cosem import apdus, classes
from wattproof.wire.cosem.data import NULL, array, structure, unsigned
from wattproof.wire.cosem.descriptors import Attribute, Method, Selection, logical_name, written
from wattproof.wire.cosem.selection import (
    CLOCK_TIME,
    CaptureObject,
    EntryDescriptor,
    RangeDescriptor,
    capture_objects,
    descriptor,
)
from wattproof.wire.cosem.times import Date, DateTime, Time

Examples = dict[str, dict[str, Any]]
PROFILE = Attribute.of(7, "1-0:99.1.1")


def test_the_selections_of_the_examples_are_built_and_read(examples: Examples) -> None:
    begin, end = (DateTime(Date(2012, 7, day), Time(0, 0, 0, 0)) for day in (1, 2))
    by_time, by_entry = RangeDescriptor.between(begin, end), EntryDescriptor(1, 2)
    for built, name in ((by_time, "lp-range"), (by_entry, "lp-entries")):
        octets = examples[name]["octets"]
        assert apdus.encode(apdus.GetRequest(193, PROFILE._replace(selection=built.selection))) == octets
        request = apdus.decode(octets)
        assert isinstance(request, apdus.GetRequest)
        assert request.attribute.selection is not None
        assert descriptor(request.attribute.selection) == built
    narrow = RangeDescriptor.between(begin, end, CLOCK_TIME, CaptureObject.of(3, "1-0:1.8.0"))
    assert descriptor(narrow.selection) == narrow


def test_the_columns_of_the_examples_are_read(examples: Examples) -> None:
    response = apdus.decode(examples["lp-capobj"]["octets"])
    assert isinstance(response, apdus.GetResponse)
    columns = capture_objects(response.value)  # type: ignore[arg-type]
    assert columns == (CLOCK_TIME, CaptureObject.of(1, "0-1:96.10.1"), CaptureObject.of(3, "1-0:1.8.0"))
    assert array(column.data for column in columns) == response.value
    assert str(columns[2]) == "3/1-0:1.8.0*255/2"
    assert str(CaptureObject.of(1, "0-1:96.10.1", 2, 3)) == "1/0-1:96.10.1*255/2[3]"


@pytest.mark.parametrize("selection", [
    Selection(3, NULL), Selection(1, NULL), Selection(2, structure(unsigned(1))), Selection(2, structure(*[NULL] * 4)),
    Selection(1, structure(unsigned(1), NULL, NULL, array([]))),
])  # fmt: skip
def test_other_selections_are_a_frame_error(selection: Selection) -> None:
    with pytest.raises(FrameError):
        descriptor(selection)


def test_logical_names_in_every_form() -> None:
    name = bytes.fromhex("0100200700ff")
    for code in ("1-0:32.7.0", "1.0.32.7.0.255", "32.7.0", name):
        assert logical_name(code) == name
    assert (written(name), written(b"\1")) == ("1-0:32.7.0*255", "01")
    assert str(Attribute.of(7, name, 2, EntryDescriptor(1).selection)) == "7/1-0:32.7.0*255/2 (selector 2)"
    assert str(Method.of(7, name, 2)) == "7/1-0:32.7.0*255/m2"
    with pytest.raises(InvalidValue):
        logical_name(b"\1\2")


def test_the_rows_of_interface_classes_are_numbered_from_two_without_gaps() -> None:
    assert {key for key, _ in classes.INTERFACE_CLASSES} == {1, 3, 4, 5, 7, 8, 9, 11, 15, 17, 18, 20, 21}
    for row in classes.INTERFACE_CLASSES.values():
        assert [attribute.id for attribute in row.attributes] == list(range(2, len(row.attributes) + 2)), row.name
        assert [method.id for method in row.methods] == list(range(1, len(row.methods) + 1)), row.name
        assert len({part.name for part in (*row.attributes, *row.methods)}) == len(row.attributes) + len(row.methods)
    assert classes.interface_class(7, 0) is classes.PROFILE_GENERIC
    assert classes.interface_class(15, 1) is classes.ASSOCIATION_LN
    assert classes.interface_class(70) is None
    with pytest.raises(UnknownName, match="scaler_unit"):
        classes.REGISTER.attribute("valu")
    with pytest.raises(UnknownName, match="none"):
        classes.DATA.method(1)
