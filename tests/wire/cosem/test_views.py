"""What other meters do: compressed buffers, unknown classes and units, older object lists."""

from __future__ import annotations

import pytest

from tests.wire.cosem.meter import COLUMNS, ROWS, new_device
from wattproof.errors import CosemRefused, FrameError, InvalidValue, UnknownName
from wattproof.model.obis import Obis
from wattproof.model.units import VOLT
from wattproof.wire.cosem.data import (
    FALSE,
    NULL,
    TRUE,
    array,
    enum,
    integer,
    long_unsigned,
    octet_string,
    structure,
    unsigned,
)
from wattproof.wire.cosem.descriptors import Attribute, Method, Selection
from wattproof.wire.cosem.object_list import Access, AttributeAccess, ObjectEntry, ObjectList
from wattproof.wire.cosem.profiles import decode_buffer, encode_buffer, select, times
from wattproof.wire.cosem.selection import CaptureObject
from wattproof.wire.cosem.times import Date, DateTime, Time
from wattproof.wire.cosem.units import read_scaler_unit, scaled, scaler_unit, unit_of

NAME = bytes.fromhex("0100200700ff")


def test_values_that_a_meter_leaves_out_are_filled_in() -> None:
    first, *_ = ROWS
    sent = encode_buffer([first, (NULL, NULL, unsigned(5)), (NULL, unsigned(3), NULL)])
    rows = decode_buffer(sent, COLUMNS, 900)
    assert [[value.plain for value in row[1:]] for row in rows] == [[1, 4096], [1, 5], [3, 5]]
    assert [moment.time for moment in times(rows, COLUMNS)] == [Time(0, minute, 0, 0) for minute in (0, 15, 30)]
    assert times(rows, COLUMNS)[1].date == Date(2012, 7, 1, 7)
    assert decode_buffer(sent) == [first, (NULL, NULL, unsigned(5)), (NULL, unsigned(3), NULL)]
    unfilled = decode_buffer(sent, COLUMNS)  # the period is not known
    assert unfilled[1] == (NULL, unsigned(1), unsigned(5))
    with pytest.raises(FrameError, match="null where the time"):
        times(unfilled, COLUMNS)
    open_time = (octet_string(DateTime().encode()), *first[1:])
    assert decode_buffer(encode_buffer([open_time, (NULL, NULL, NULL)]), COLUMNS, 900)[1][0] == NULL
    with pytest.raises(FrameError, match="2 values, not 3"):
        decode_buffer(array([structure(NULL, NULL)]), COLUMNS)
    with pytest.raises(FrameError, match="no time"):
        times(rows, (CaptureObject.of(3, "1-0:1.8.0"),))


def test_all_rows_are_selected_without_a_selection_and_other_selectors_are_refused() -> None:
    assert list(select(ROWS, COLUMNS, None)) == ROWS
    with pytest.raises(CosemRefused) as refused:
        select(ROWS, COLUMNS, Selection(3, NULL))
    assert refused.value.result == 13


def test_units_without_a_name_keep_their_code_and_scalers_have_limits() -> None:
    assert read_scaler_unit(scaler_unit(-1, VOLT)) == (-1, VOLT)
    for code in (10, 254, 200):
        assert unit_of(code).dlms == code
        assert read_scaler_unit(structure(integer(0), enum(code))) == (0, unit_of(code))
    assert str(scaled(-3, -2)) == "-0.03"
    with pytest.raises(FrameError, match="exponent"):
        scaled(1, 1000)


def test_entries_know_their_attributes_by_name_where_the_class_is_known() -> None:
    register = ObjectEntry(3, 0, NAME, {}, {})
    assert register.attribute("scaler_unit") == Attribute(3, NAME, 3)
    assert register.method("reset") == Method(3, NAME, 1)
    assert register.obis == Obis(1, 0, 32, 7, 0, 255)
    unknown = ObjectEntry(9000, 2, NAME, {}, {})
    assert (unknown.interface_class, str(unknown)) == (None, "class 9000 1-0:32.7.0*255")
    assert unknown.attribute(7) == Attribute(9000, NAME, 7)
    with pytest.raises(UnknownName, match="use the number"):
        unknown.attribute("value")
    found = ObjectList([register])
    assert (found[0], found[Obis.parse("32.7.0")], register in found, unknown in found) == (
        register,
        register,
        True,
        False,
    )


def test_object_lists_of_other_versions_are_read() -> None:
    def entry(mode: int, selectors: object = NULL, allowed: object = TRUE) -> object:
        attributes = array([structure(integer(2), enum(mode), selectors)])  # type: ignore[arg-type]
        methods = array([structure(integer(1), allowed)])  # type: ignore[arg-type]
        return structure(long_unsigned(3), unsigned(0), octet_string(NAME), structure(attributes, methods))

    for mode, access in ((4, Access.READ), (5, Access.WRITE), (6, Access.READ_WRITE)):
        found = ObjectEntry.read(entry(mode))  # type: ignore[arg-type]
        assert (found.attributes, found.methods) == ({2: AttributeAccess(access)}, {1: True})
        assert (access.readable, access.writable) == (mode != 5, mode != 4)
    old = ObjectEntry.read(entry(1, array([integer(1), integer(2)]), FALSE))  # type: ignore[arg-type]
    assert (old.attributes[2].selectors, old.methods[1]) == ((1, 2), False)
    with pytest.raises(FrameError, match="access mode 9"):
        ObjectEntry.read(entry(9))  # type: ignore[arg-type]


def test_an_object_without_reader_or_writer_refuses_by_itself() -> None:
    device = new_device()
    secret = device.objects[bytes.fromhex("0000280002ff")]
    for attribute in secret.attributes.values():
        assert attribute.modes[0] in (Access.READ, Access.NONE)
    with pytest.raises(CosemRefused) as refused:
        secret.value({}, secret.attributes[7])
    assert refused.value.result == 3
    with pytest.raises(InvalidValue):
        Attribute.of(3, "nonsense")
