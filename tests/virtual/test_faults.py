"""Closed tables: what a row takes, and how faults come and go."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattproof.errors import InvalidValue, UnknownName
from wattproof.virtual.faults import (
    Armed,
    Choice,
    Count,
    Faults,
    Flag,
    Number,
    Row,
    Switch,
    Table,
    Text,
    Whole,
    instant,
    shown,
    split_fault,
)

TABLE = Table(
    "fault",
    (
        Row("weld", Flag(), True, "..."),
        Row("slow", Number(0, 60, "s"), Decimal(1), "..."),
        Row("fails", Count(), "all", "..."),
        Row("gap", Whole(1, 1000), 1, "...", once=True),
        Row("field", Choice(("RCR", "1")), "RCR", "..."),
        Row("code", Text("two digits", "[0-9]{2}"), "00", "..."),
    ),
)


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("weld", True, True), ("weld", "", True), ("weld", "true", True), ("weld", False, None), ("weld", None, None),
        ("weld", "false", None), ("slow", True, Decimal(1)), ("slow", "0.5", Decimal("0.5")), ("slow", 60, Decimal(60)),
        ("slow", 0.1, Decimal("0.1")), ("fails", True, "all"), ("fails", "3", 3), ("fails", 3, 3),
        ("fails", "all", "all"), ("gap", 1000, 1000), ("gap", 2.0, 2), ("field", "RCR", "RCR"),
        ("field", 1, "1"), ("code", "07", "07"),
        ("code", 42, "42"),
    ],
)  # fmt: skip
def test_values(name, value, read):
    assert TABLE.read_fault(name, value) == read


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("weld", 1), ("weld", "yes"), ("slow", 61), ("slow", -1), ("slow", "x"), ("slow", math.nan), ("slow", math.inf),
        ("slow", []), ("slow", {}), ("fails", 0), ("fails", -1), ("fails", 1.5), ("gap", 1001), ("field", "TZO"),
        ("code", "7"), ("code", ["07"]),
    ],
)  # fmt: skip
def test_values_out_of_the_table_are_refused_by_name(name, value):
    with pytest.raises(InvalidValue, match=f"fault {name}: "):
        TABLE.read_fault(name, value)


@given(value=st.one_of(st.text(), st.integers(), st.floats(), st.none(), st.booleans(), st.lists(st.integers())))
def test_no_value_breaks_a_table(value):
    for row in TABLE.rows:
        try:
            TABLE.read_fault(row.name, value)
        except InvalidValue as error:
            assert row.name in str(error)


def test_unknown_names_say_what_there_is():
    with pytest.raises(UnknownName, match="no fault 'wled': take one of weld, slow"):
        TABLE.read("wled", True)


def test_switches_and_instants():
    assert Switch().read("false") is False and Switch(("yes", "no")).read("yes") is True
    row = Row("doe", Switch(), True, "...")
    for bad in ("maybe", 1, None):
        with pytest.raises(InvalidValue, match=r"control doe: .*write true, false"):
            row.read(bad, "control")
    assert instant("2022-07-08T10:00:28+02:00") == (1657267228, 120)
    assert instant("2022-07-08T08:00:28Z") == (1657267228, 0)
    for bad in ("2022-07-08T10:00:28", "1969-12-31T23:59:59+00:00", "2200-01-01T00:00:00Z", "now"):
        with pytest.raises(InvalidValue, match="option time"):
            Row("time", Text("ISO 8601", ".*", instant), None, "...").read(bad, "option")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("weld", ("weld", True, None)),
        ("weld@turn-on:signing", ("weld", True, "turn-on:signing")),
        ("slow=0.5", ("slow", "0.5", None)),
        ("slow=0.5@*:opening", ("slow", "0.5", "*:opening")),
    ],
)
def test_faults_of_the_command_line(text, parts):
    assert split_fault(text) == parts


def test_counts_hits_and_the_journal():
    journal = []
    faults = Faults(TABLE, lambda event, details: journal.append((event, dict(details))), (("weld", "fails"),))
    assert not faults.hit("fails")
    faults.put("fails", 2)
    faults.put("slow", Decimal("0.50"))
    faults.put("gap", 5)
    assert "gap" not in faults and faults.get("slow") == Decimal("0.5")
    assert [faults.hit("fails") for _ in range(3)] == [True, True, False]
    faults.put("slow", None)
    faults.put("slow", None)
    assert journal == [
        ("fault-set", {"fault": "fails", "value": 2}),
        ("fault-set", {"fault": "slow", "value": "0.5"}),
        ("fault-set", {"fault": "gap", "value": 5}),
        ("fault-hit", {"fault": "fails"}),
        ("fault-hit", {"fault": "fails"}),
        ("fault-ended", {"fault": "fails"}),
        ("fault-ended", {"fault": "slow"}),
    ]
    faults.put("fails", "all")
    assert all(faults.hit("fails") for _ in range(100))
    with pytest.raises(InvalidValue, match="fault weld: contradicts fails"):
        faults.check({"weld": True})
    faults.check({"weld": True, "fails": None})


def test_armed_changes():
    assert Armed("turn-on:opening", {}, {}).matches("turn-on:opening")
    assert not Armed("turn-on:opening", {}, {}).matches("turn-off:opening")
    assert Armed("*:done", {}, {}).matches("current:done")
    assert not Armed("*:done", {}, {}).matches("request")


def test_numbers_in_json():
    assert [shown(Decimal(text)) for text in ("1", "2.50", "1E+3")] == [1, "2.5", 1000]
    assert shown("all") == "all" and shown(True) is True
