"""Who answers what: every cell of table 10.3."""

from __future__ import annotations

import pytest

from tests.gateway.sources.rig import record
from wattproof.gateway.answers import (
    ENGINE,
    GATEWAY,
    MERGED,
    METER,
    Trait,
    Unsupported,
    answer,
    associations,
    merged,
    supported,
)
from wattproof.gateway.records import Meter

AC = (1, *range(69, 78), *range(93, 105), 170)
DC = (1, 2, 13, 69, 70, 96)
MBUS = ("factors", "ports", "previous", "logs", "voltage-harmonics", "current-harmonics")
EVERYTHING = (*range(1, 45), *range(69, 83), *range(85, 105), 113, 122, 170, *range(171, 179))


def bsm(**fields: object) -> Meter:
    return record("bsm", provides=AC, **fields)


def dmed4(**fields: object) -> Meter:
    return record("dmed4", provides=DC, **fields)


def chiller(*ids: int, traits: tuple[str, ...] = (), **fields: object) -> Meter:
    return record("map", provides=ids, traits=traits, **fields)


def cells(meter: Meter, resources: range | tuple[int, ...]) -> set[object]:
    found = {answer(meter, number) for number in resources}
    return {one.what if isinstance(one, Unsupported) else one for one in found}


#: Resource numbers and their cell, for a BSM and a DMED4 over Modbus (10.3).
ROWS = (
    ((27,), "firmware update", "firmware update"),
    ((30, 49), GATEWAY, GATEWAY),
    ((41, 42), METER, METER),
    ((43, 50), MERGED, MERGED),
    ((44, 45), ENGINE, ENGINE),
    ((46,), METER, METER),
    ((47,), "M-Bus", "M-Bus"),
    ((48,), "transformer ratio", "transformer ratio"),
    ((51, 52, 53), ENGINE, ENGINE),
    ((54, 59, 60), METER, METER),
    ((55, 56, 57, 58), ENGINE, ENGINE),
    ((61, 62), "harmonics", "harmonics"),
    ((63, 66), METER, "inputs and outputs"),
    ((64,), GATEWAY, "inputs and outputs"),
    ((65, 68), "pulse outputs", "pulse outputs"),
    ((67,), "input and output configuration", "input and output configuration"),
    (tuple(range(69, 91)), ENGINE, ENGINE),
)


@pytest.mark.proves("G-351")
@pytest.mark.parametrize(("resources", "of_bsm", "of_dmed4"), ROWS)
def test_cells_of_bsm_and_dmed4(resources: tuple[int, ...], of_bsm: object, of_dmed4: object) -> None:
    assert cells(bsm(), resources) == {of_bsm}
    assert cells(dmed4(), resources) == {of_dmed4}
    over_rest = dmed4(protocol=7)
    assert cells(over_rest, tuple(number for number in resources if number != 51)) == {of_dmed4}


@pytest.mark.proves("G-351")
def test_the_log_of_a_dmed4_is_read_over_rest_alone() -> None:
    assert answer(dmed4(protocol=7), 51) is MERGED
    assert answer(dmed4(protocol=6), 51) is ENGINE


@pytest.mark.proves("G-351")
def test_other_energies_are_integrated_on_request_alone() -> None:
    for meter in (bsm(), dmed4()):
        assert answer(meter, 54, {"type": "active"}) is METER
        refused = answer(meter, 54, {"type": "reactive"})
        assert isinstance(refused, Unsupported)
        assert refused.text == "not supported by this meter: reactive energy"
    integrating = bsm(traits=(Trait.INTEGRATE,))
    assert answer(integrating, 54, {"type": "apparent"}) is ENGINE
    assert answer(bsm(traits=(Trait.INTEGRATE,), engines="off"), 54, {"type": "apparent"}) == Unsupported("energy")


@pytest.mark.proves("G-351")
def test_a_map_answers_what_it_binds() -> None:
    bare = chiller(69)
    assert cells(bare, (41, 42)) == {"clock"}
    assert cells(bare, (46,)) == {"hardware version"}
    assert cells(bare, (48,)) == {"transformer ratio"}
    assert cells(bare, (54, 55)) == {"active energy"}
    assert cells(bare, (56, 57, 58)) == {"resettable energy"}
    assert cells(bare, (59,)) == {"power"}
    assert cells(bare, (60,)) == {METER}
    assert cells(bare, (61, 62)) == {"harmonics"}
    assert cells(bare, (63, 64, 66)) == {"inputs and outputs"}
    assert answer(bare, 54, {"type": "reactive"}) == Unsupported("reactive energy")
    rich = chiller(
        1,
        21,
        96,
        traits=("voltage-harmonics", "current-harmonics", "clock", "clock-set", "hardware", "transformer", "ports"),
    )
    assert cells(rich, (41, 42, 46, 54, 59, 61, 62, 63, 66)) == {METER}
    assert cells(rich, (48, 55, 56, 57, 58)) == {ENGINE}
    assert answer(rich, 54, {"type": "reactive"}) is METER
    assert cells(rich, (60,)) == {"instrument values"}


@pytest.mark.proves("G-351")
@pytest.mark.parametrize("meter", [bsm(engines="off"), dmed4(engines="off"), chiller(*AC, engines="off")])
def test_engines_off(meter: Meter) -> None:
    assert answer(meter, 73) == Unsupported("load profile")
    assert answer(meter, 44) == Unsupported("conversion factors")
    assert answer(meter, 43) is METER
    assert answer(meter, 59) is METER
    assert not {44, 45, 51, 52, 53, 55, 56, 57, 58, *range(69, 91)} & {*supported(meter)}


@pytest.mark.proves("G-351")
def test_abb_meters_have_what_their_bus_carries() -> None:
    wired = record("abb", protocol=1, engines="off", provides=EVERYTHING, traits=MBUS)
    assert cells(wired, (41, 42, 43, 44, 45, 47, 50, 51, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63, 66, 69, 72)) == {METER}
    assert answer(wired, 70) == Unsupported("previous values configuration")
    assert answer(wired, 84) == Unsupported("day profiles")
    assert answer(wired, 67) == Unsupported("input and output configuration")
    automatic = record("abb", protocol=1, provides=EVERYTHING, traits=MBUS)
    assert cells(automatic, (52, 53, 69, 70, 71, 72, 73, 77)) == {ENGINE}
    assert answer(automatic, 83) == Unsupported("day profiles")
    whole = record("abb", protocol=3, engines="off", provides=EVERYTHING, traits=tuple(Trait))
    assert cells(whole, (30, *range(41, 49), *range(50, 91))) == {METER}


def test_a_meter_that_was_never_reached_is_asked() -> None:
    assert answer(record("abb", protocol=3, engines="off"), 83) is METER
    assert answer(record("map"), 54) is METER
    assert answer(record("bsm"), 47) == Unsupported("M-Bus")


def test_a_mirrored_meter_answers_for_itself() -> None:
    assert cells(record("g13", engines="off"), (*range(41, 49), *range(50, 91))) == {METER}


def test_families_outside_this_repository_have_the_cells_of_a_map() -> None:
    assert cells(record("acme", provides=(69, 96)), (59, 60)) == {METER}
    assert answer(record("acme", provides=(69, 96)), 63) == Unsupported("inputs and outputs")


def test_merging() -> None:
    info = merged(43, {"manufacturing": {"serial": "1"}, "power": {}}, {"conversionfactor": {"co2": ["1", "kg/kWh"]}})
    assert list(info) == ["manufacturing", "conversionfactor", "power"]
    flags = merged(50, {"errors": ["A"], "warnings": []}, {"informationflags": ["Alarm1 Active"], "errors": ["B"]})
    assert flags == {"errors": ["A", "B"], "warnings": [], "informationflags": ["Alarm1 Active"]}
    first, second, third = ({"datetime": f"2026-01-0{day}T00:00:00"} for day in (1, 2, 3))
    assert merged(51, {"system": [third, first]}, {"system": [second], "event": []}, 2) == {
        "system": [third, second],
        "event": [],
    }


def test_association_objects_say_what_is_served_reset_and_configured() -> None:
    flags = associations(record("bsm", provides=(*AC, 171, 175)))
    assert len(flags) == 241
    on = {number for number, flag in enumerate(flags, 1) if flag}
    assert {1, 69, 96, 146, 109, 111, 201, 215, 216, 217, 230, 231, 232, 235, 236, 241} <= on
    assert not on & {2, 21, 202, 205, 238, 240}
