"""Data types: bytes to values and back; what is no value says so."""
# ruff: noqa: DTZ001  (meters tell local time without a zone)

from __future__ import annotations

from datetime import date, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattproof.errors import InvalidValue
from wattproof.wire.mbus import values
from wattproof.wire.mbus.moments import Moment
from wattproof.wire.mbus.values import Content, DataType, Invalid

#: Type, bytes as sent, value.
CASES: list[tuple[DataType, str, Content]] = [
    (values.BCD[4], "78 56 34 12", 12345678),
    (values.BCD[2], "23 F1", -123),
    (values.BCD[1], "F5", -5),
    (values.BCD[6], "13 39 00 00 00 00", 3913),
    (values.SIGNED[1], "FF", -1),
    (values.SIGNED[2], "A2 FD", -606),
    (values.SIGNED[3], "FF FF 7F", 8388607),
    (values.SIGNED[8], "A9 FC FF FF FF FF FF FF", -855),
    (values.UNSIGNED[1], "80", 128),
    (values.UNSIGNED[8], "00 00 00 B6 21 1B 00 00", 0x1B21B6000000),
    (values.REAL, "00 00 C0 3F", 1.5),
    (values.DATE_G, "D1 18", Moment(2014, 8, 17)),
    (values.DATE_G, "FF 2C", Moment(2023, 12, 31)),
    (values.DATE_G, "21 B1", Moment(1989, 1, 1)),
    (values.DATE_TIME_F, "22 10 8D 11", Moment(2012, 1, 13, 16, 34)),
    (values.DATE_TIME_F, "32 14 7A 98", Moment(2075, 8, 26, 20, 50)),
    (values.DATE_TIME_F, "32 94 7A 18", Moment(2011, 8, 26, 20, 50, None, True)),
    (values.DATE_TIME_F, "10 09 05 C5", Moment(1996, 5, 5, 9, 16)),
    (values.DATE_TIME_F, "10 29 05 C5", Moment(2096, 5, 5, 9, 16)),
    (values.DATE_TIME_I, "80 00 08 16 27 00", Moment(2016, 7, 22, 8, 0, 0)),
    (values.DATE_TIME_I, "7B 3B 17 7E 14 00", Moment(2011, 4, 30, 23, 59, 59, True)),
    (values.TIME_J, "3B 3A 17", Moment(hour=23, minute=58, second=59)),
    (values.BCD_DATE_TIME, "00 15 00 16 08 14", Moment(2014, 8, 16, 0, 15, 0)),
    (values.BCD_DURATION, "15 00 00 00 00 00", 15),
    (values.BCD_DURATION, "59 59 23 02 01 00", (102 * 24 + 23) * 3600 + 3599),
    (values.VARIABLE, "0B 30 30 31 2D 33 31 35 20 31 34 41", "A41 513-100"),
    (values.VARIABLE, "00", ""),
    (values.VARIABLE, "C2 34 12", 1234),
    (values.VARIABLE, "D2 34 12", -1234),
    (values.VARIABLE, "E3 03 02 01", b"\x01\x02\x03"),
    (values.VARIABLE, "F0 " + "00 " * 15 + "7F", b"\x7f" + bytes(15)),
    (values.RAW[3], "01 02 03", b"\x01\x02\x03"),
    (values.NOTHING, "", None),
]


@pytest.mark.proves("A-034", "A-036", "A-037")
@pytest.mark.parametrize(("kind", "octets", "value"), CASES, ids=[f"{kind.name} {octets}" for kind, octets, _ in CASES])
def test_values_decode_and_encode_to_the_same_bytes(kind: DataType, octets: str, value: Content) -> None:
    data = bytes.fromhex(octets)
    assert kind.decode(data) == value
    assert kind.encode(value) == data


@pytest.mark.proves("A-036", "A-037")
@pytest.mark.parametrize(
    ("kind", "octets", "reason"),
    [
        (values.BCD[4], "78 5A 34 12", "12345A78 is not binary coded decimal"),
        (values.BCD[1], "FF", "FF is not"),
        (values.BCD[2], "23 A1", "A123 is not"),
        (values.SIGNED[1], "80", "the value is invalid"),
        (values.SIGNED[4], "00 00 00 80", "the value is invalid"),
        (values.REAL, "00 00 C0 7F", "nan"),
        (values.REAL, "00 00 80 FF", "-inf"),
        (values.DATE_G, "FF FF", "date is invalid"),
        (values.DATE_TIME_F, "A2 10 8D 11", "date and time are invalid"),
        (values.DATE_TIME_I, "00 80 00 00 00 00", "date and time are invalid"),
        (values.TIME_J, "FF FF FF", "time is invalid"),
        (values.BCD_DATE_TIME, "0A 15 00 16 08 14", "1408160015"),
        (values.BCD_DURATION, "0F 00 00 00 00 00", "no duration"),
        (values.VARIABLE, "C1 0A", "0A is not"),
    ],
)
def test_what_is_no_value_says_so(kind: DataType, octets: str, reason: str) -> None:
    found = kind.decode(bytes.fromhex(octets))
    assert isinstance(found, Invalid)
    assert reason in str(found)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (values.BCD[1], 100),
        (values.BCD[1], -10),
        (values.BCD[1], "1"),
        (values.SIGNED[1], -128),
        (values.SIGNED[1], 128),
        (values.UNSIGNED[1], -1),
        (values.UNSIGNED[1], 256),
        (values.REAL, float("nan")),
        (values.REAL, 1e39),
        (values.DATE_G, Moment(2081, 1, 1)),
        (values.DATE_G, Moment(1980, 1, 1)),
        (values.DATE_G, 5),
        (values.DATE_TIME_F, Moment(2014, 8, 17)),
        (values.DATE_TIME_F, Moment(2300, 8, 17, 1, 1)),
        (values.DATE_TIME_F, Moment(2014, 16, 17, 1, 1)),
        (values.DATE_TIME_I, Moment(1999, 8, 17, 1, 1, 1)),
        (values.TIME_J, Moment(2014, 8, 17)),
        (values.BCD_DATE_TIME, Moment(2100, 1, 1, 0, 0, 0)),
        (values.BCD_DURATION, -1),
        (values.VARIABLE, "x" * 192),
        (values.VARIABLE, "\u20ac"),
        (values.VARIABLE, 10**30),
        (values.VARIABLE, bytes(17)),
        (values.VARIABLE, None),
        (values.RAW[2], b"\0"),
        (values.NOTHING, 0),
    ],
)
def test_what_does_not_fit_is_refused(kind: DataType, value: Content) -> None:
    with pytest.raises(InvalidValue):
        kind.encode(value)


@pytest.mark.parametrize(
    ("moment", "date_", "time_", "datetime_"),
    [
        (Moment(2014, 8, 17), date(2014, 8, 17), None, datetime(2014, 8, 17)),
        (Moment(2014, 8, 17, 23, 59), date(2014, 8, 17), time(23, 59), datetime(2014, 8, 17, 23, 59)),
        (Moment(2014, 2, 30), None, None, None),
        (Moment(2014, 0, 0), None, None, None),
        (Moment(2127, 1, 1), None, None, None),
        (Moment(2014, 8, 17, 31, 63), date(2014, 8, 17), None, None),
        (Moment(hour=7, minute=30, second=5), None, time(7, 30, 5), None),
    ],
)
def test_moments_give_the_calendar_where_there_is_one(
    moment: Moment, date_: date | None, time_: time | None, datetime_: datetime | None
) -> None:
    assert (moment.date, moment.time, moment.datetime) == (date_, time_, datetime_)
    assert moment.exact is (datetime_ is not None or (moment.year is None and time_ is not None))
    for value in (datetime_, date_):
        if value is not None and moment.exact:
            assert Moment.of(value).date == moment.date


NUMBERS = [*values.SIGNED.values(), *values.UNSIGNED.values(), *values.BCD.values()]


@given(st.sampled_from(NUMBERS), st.data())
def test_any_bytes_of_a_number_are_that_number_or_invalid(kind: DataType, data: st.DataObject) -> None:
    octets = data.draw(st.binary(min_size=kind.size, max_size=kind.size))
    value = kind.decode(octets)
    if isinstance(value, int) and value:
        assert kind.encode(value) == octets


@given(st.one_of(st.text(st.characters(max_codepoint=255), max_size=191), st.integers(1 - 10**30, 10**30 - 1)))
def test_any_text_and_number_of_variable_length_round_trips(value: str | int) -> None:
    octets = values.VARIABLE.encode(value)
    assert values.VARIABLE.decode(octets) == value
    assert values.variable_size(octets[0]) == len(octets) - 1


@given(st.datetimes(datetime(1981, 1, 1), datetime(2299, 12, 31)), st.booleans())
def test_dates_round_trip_in_every_type_that_holds_them(moment: datetime, summer: bool) -> None:
    value = Moment(moment.year, moment.month, moment.day, moment.hour, moment.minute, None, summer)
    assert values.DATE_TIME_F.decode(values.DATE_TIME_F.encode(value)) == value
    if moment.year <= 2080:
        day = Moment.of(moment.date())
        assert values.DATE_G.decode(values.DATE_G.encode(day)) == day
    if 2000 <= moment.year <= 2099:
        whole = Moment.of(moment)
        for kind in (values.DATE_TIME_I, values.BCD_DATE_TIME):
            assert kind.decode(kind.encode(whole)) == whole


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_the_shortest_decimal_is_the_same_real(number: float) -> None:
    mantissa, exponent = values.shortest(number)
    assert values.REAL.encode(float(f"{mantissa}e{exponent}")) == values.REAL.encode(number + 0.0)
    assert [values.shortest(one) for one in (0.1, 1.5, 1e6, -0.0)] == [(1, -1), (15, -1), (1, 6), (0, 0)]
