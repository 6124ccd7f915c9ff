"""Loads by name, by curve and from a file: section 27.3."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattproof.errors import InvalidValue, StorageError
from wattproof.virtual.base import NEVER, SECOND
from wattproof.virtual.loads import parse_load
from wattproof.virtual.physics import UNITY, WATT_HOUR


def watts(load, delivered=0, elapsed=0):
    return load.segment(elapsed, delivered).power / 10**6


@pytest.mark.proves("B-188")
@pytest.mark.parametrize(
    ("name", "stages"),
    [
        ("car", [(0, 11040), (17_999, 11040), (18_000, 6900), (19_500, 4140), (20_000, 0), (10**6, 0)]),
        ("car1", [(0, 3680), (9_499, 3680), (9_500, 1380), (10_000, 0)]),
    ],
)
def test_curves(name, stages):
    load = parse_load(f"curve:{name}")
    for delivered, power in stages:
        assert watts(load, delivered * WATT_HOUR) == power
    limits, delivered = [], 0
    while (delivered := load.next_energy(delivered)) < NEVER:
        limits.append(delivered // WATT_HOUR)
    assert limits == [wh for wh, _ in stages if wh in (18_000, 19_500, 20_000, 9_500, 10_000)]
    assert load.next_time(0) == NEVER


def test_car1_loads_the_third_phase():
    a, b, c = parse_load("curve:car1").segment(0, 0).phases
    assert (a.current, b.current, c.current) == (0, 0, 16_000_000) and a.voltage == 230_000


def test_names():
    assert parse_load("curve") is parse_load("curve:car")
    assert watts(parse_load("none")) == 0 and parse_load("none").segment(0, 0).phases[0].voltage == 230_000
    assert watts(parse_load("constant:-41400")) == -41400
    assert watts(parse_load("constant:0")) == 0


@given(milliwatts=st.integers(-41_400_000, 41_400_000))
def test_constant_power_is_exact_over_three_phases(milliwatts):
    sign = "-" if milliwatts < 0 else ""
    load = parse_load(f"constant:{sign}{abs(milliwatts) // 1000}.{abs(milliwatts) % 1000:03d}")
    segment = load.segment(0, 0)
    assert segment.power == milliwatts * 1000
    assert max(one.power for one in segment.phases) - min(one.power for one in segment.phases) <= 1


def test_a_file_holds_each_row_until_the_next():
    text = "t,u1,i1,pf1,i2,hz\n0,230,10,0.5,,50.01\n2.5,231.5,,,3,\n"
    load = parse_load("csv:x", lambda path: text)
    first, second = load.segment(0, 0), load.segment(3 * SECOND, 0)
    assert first == load.segment(2_499_999_999, 0) and second == load.segment(10**15, 0)
    assert first.power == 1_150_000_000 and first.frequency == 50_010
    assert second.phases[0].voltage == 231_500 and second.phases[0].factor == UNITY
    assert second.power == 690_000_000 and second.frequency == 50_000
    assert load.next_time(0) == 2_500_000_000 and load.next_time(2_500_000_000) == NEVER
    total = parse_load("csv:y", lambda path: "w,t\n100,0\n-5,1\n")
    assert (watts(total), watts(total, elapsed=SECOND)) == (100, -5)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", "columns"),
        ("t\n0\n", "columns"),
        ("w\n0\n", "columns"),
        ("t,x\n0,1\n", "columns"),
        ("t,w,w\n0,1,1\n", "columns"),
        ("t,w,i1\n0,1,1\n", "column w"),
        ("t,w\n", "no rows"),
        ("t,w\n1,5\n", "line 2"),
        ("t,w\n0,5\n0,6\n", "line 3"),
        ("t,w\n0,5\n5\n", "line 3"),
        ("t,w\n0,five\n", "line 2, column w"),
        ("t,w\n0,99999\n", "line 2, column w"),
        ("t,pf1\n0,1.1\n", "pf1"),
        ("t,i1\n0,nan\n", "i1"),
        ("t,i1\n0,327.68\n", "i1: 327.68 is out of range: write -327.67 to 327.67"),
    ],
)
def test_bad_files_are_named_by_line(content, complaint):
    with pytest.raises(InvalidValue, match=complaint):
        parse_load("csv:load.csv", lambda path: content)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(InvalidValue, match="no such file"):
        parse_load(f"csv:{tmp_path}/none.csv")
    with pytest.raises(StorageError, match="cannot be read"):
        parse_load(f"csv:{tmp_path}")
    with pytest.raises(InvalidValue, match="at most 32 MiB"):
        parse_load("csv:/dev/zero")
    with pytest.raises(InvalidValue, match="no table"):
        parse_load("csv:x", lambda path: "t,w\n0," + "1" * 200_000)
    (tmp_path / "binary").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(InvalidValue, match="UTF-8"):
        parse_load(f"csv:{tmp_path}/binary")
    (tmp_path / "good.csv").write_text("t,w\n0,12.5\n")
    assert watts(parse_load(f"csv:{tmp_path}/good.csv")) == 12.5
    (tmp_path / "marked.csv").write_text("\ufefft,i1\n0,327.67\n", encoding="utf-8")
    assert parse_load(f"csv:{tmp_path}/marked.csv").segment(0, 0).phases[0].current == 327_670_000


@pytest.mark.parametrize(
    "text", ["", "constant", "constant:", "constant:1e9", "constant:nan", "curve:", "curve:bus", "csv", "csv:", "NONE"]
)
def test_other_texts_are_refused(text):
    with pytest.raises(InvalidValue, match="load"):
        parse_load(text)
