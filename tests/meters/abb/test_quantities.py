"""The tables of ABB meters: quantities, rights, variants (abb-meters.md 1.12, 2.13, 3.1)."""

from __future__ import annotations

import re

import pytest

from wattproof.errors import UnknownName
from wattproof.meters.abb.quantities import GROUPS, ROWS, by_logical_name, by_name
from wattproof.meters.abb.rights import WRITINGS
from wattproof.meters.abb.rows import PLATINUM
from wattproof.meters.abb.variants import DEFAULT, SHORT, variant

#: Three attributes of the calendar have one name: that of their object.
CALENDAR = "TARIFF_CALENDAR_CONFIG"


def test_no_two_rows_lie_at_one_attribute() -> None:
    places = {(row.ln, row.attribute) for row in ROWS.values()}
    assert len(places) == len(ROWS) == sum(map(len, GROUPS.values()))
    assert all(by_logical_name(row.ln, row.attribute) is row for row in ROWS.values())
    assert all(by_name(row.name) is row for row in ROWS.values() if row.name != CALENDAR)
    assert by_name(CALENDAR.lower()).id == 114


def test_no_two_rows_are_sent_in_one_record() -> None:
    """Apart from harmonics: their first element is what the total distortion calls order 0."""
    records = [(row.dib, row.vib) for row in ROWS.values() if row.record and row.type != "u16[16]"]
    assert len(set(records)) == len(records)


def test_every_record_leaves_room_for_its_status() -> None:
    for row in ROWS.values():
        if row.record:
            assert row.vib[-1] & 0x80, row.name
            assert not row.dib[-1] & 0x80, row.name


def test_rights_beyond_the_quantities() -> None:
    assert sorted(WRITINGS) == [*range(201, 221), *range(230, 242)]
    assert {row.method for row in WRITINGS.values() if row.attribute == 0} == {1}
    assert WRITINGS[213].name == "POWER_FAIL_COUNTER" and WRITINGS[213].attribute == 2


@pytest.mark.parametrize(
    ("text", "label", "phases", "level", "ratios"),
    [
        (None, "A44-552-100", 3, "Platinum", (True, True)),
        ("a41", "A41-513-100", 1, "Platinum", (False, False)),
        ("A42", "A42-552-100", 1, "Platinum", (True, False)),
        ("a43", "A43-512-100", 3, "Platinum", (False, False)),
        ("B21", "B21-312-100", 1, "Silver", (False, False)),
        ("B23", "B23-312-100", 3, "Silver", (False, False)),
        ("B24", "B24-352-100", 3, "Silver", (True, False)),
        ("a43-012-320", "A43-012-320", 3, "Iron", (False, False)),
    ],
)
def test_variants(text: str | None, label: str, phases: int, level: str, ratios: tuple[bool, bool]) -> None:
    found = variant(text)
    assert (found.label, found.phases, found.level_name, (found.has_ct, found.has_vt)) == (label, phases, level, ratios)
    assert found.designation == label.replace("-", " ", 1)


@pytest.mark.parametrize(
    "text", ["", "A40", "B22", "A45-552-100", "B23-412-100", "A44-652-100", "A44-532-100", "A44-555-100", "A44-552-400",
             "A44-552-130", "A44-552-101", "A44 552-100", "A44-552-100 "],
)  # fmt: skip
def test_labels_that_there_are_not(text: str) -> None:
    with pytest.raises(UnknownName, match="A44-552-100"):
        variant(text)


def test_a_level_has_what_the_lower_ones_have() -> None:
    before: set[int] = set()
    for level in range(PLATINUM + 1):
        rows = {row.id for row in variant(f"A44-{level}52-100").rows()}
        assert before < rows
        before = rows
    assert before == set(ROWS)
    assert {row.name for row in variant("A43-012-100").rows() if "HARDWARE" not in row.name} == {
        "ACTIVE_ENERGY_IMPORT_TOTAL",
        "METER_TYPE_DESIGNATION",
        "FIRMWARE_VERSION",
    }


#: What each level adds, as 3.1 says it; the first pattern that fits a name counts.
ADDED = (
    (0, "ACTIVE_ENERGY_IMPORT_TOTAL|METER_TYPE|FIRMWARE|HARDWARE"),
    (5, "LOAD_PROFILE|HARMONICS|THD|CURRENT_NEUTRAL"),
    (4, "CLOCK|TARIFF_(CALENDAR|SPECIAL|ACTIVE_)|PREVIOUS|DEMAND|ALARM"),
    (3, ".*_ENERGY.*_(L[123]|TAR[1-4])$|TARIFF|IO_(INPUT|STORED|CURRENT)|NRG"),
    (2, "(RE)?ACTIVE_ENERGY|APPARENT|REACTIVE|CURRENT_QUADRANT|PHASE_ANGLE|RSTREG"),
    (1, "ACTIVE_POWER|VOLTAGE|CURRENT|FREQUENCY|POWER_(FACTOR|FAIL|OUTAGE)|TRAFO|IO_PULSE"),
)


@pytest.mark.proves("A-199")
@pytest.mark.parametrize("level", range(6))
def test_each_level_adds_what_is_stated(level: int) -> None:
    stated = {row.id: next(number for number, names in ADDED if re.match(names, row.name)) for row in ROWS.values()}
    rows = {row.id for row in variant(f"A44-{level}52-100").rows()}
    assert rows == {id for id, lowest in stated.items() if lowest <= level}


def test_a_meter_with_one_element_has_no_other_phases() -> None:
    names = {row.name for row in variant("A41").rows()}
    assert "VOLTAGE_L1" in names and "ACTIVE_ENERGY_IMPORT_L1" in names
    assert not {name for name in names if name.endswith(("_L2", "_L3", "NEUTRAL"))}


def test_short_names_are_labels() -> None:
    assert SHORT["A44"] == DEFAULT
    assert all(variant(short).label == label for short, label in SHORT.items())
