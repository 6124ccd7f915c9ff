"""The rows of the standard models."""

from __future__ import annotations

import pytest

from wattproof.errors import UnknownName
from wattproof.meters.sunspec import ac_meter, common
from wattproof.meters.sunspec.model import Model, header
from wattproof.meters.sunspec.models import BY_ID, MODELS
from wattproof.model.quantities import Kind
from wattproof.model.units import PERCENT, WATT_HOUR

LENGTHS = {1: 66, 10: 4, 17: 12, **dict.fromkeys((201, 202, 203, 204), 105), **dict.fromkeys((211, 212, 213, 214), 124)}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: str(model.id))
def test_each_model_has_the_length_of_the_standard(model: Model) -> None:
    assert model.length == LENGTHS[model.id]
    assert model.points[1].constant == model.length
    assert model.points[0].constant == model.id
    assert len({point.name for point in model.points}) == len(model.points)
    assert all(point.quantity.name and point.quantity.description for point in model.points)


@pytest.mark.parametrize("number", [201, 202, 203, 204])
def test_integer_meters_scale_and_float_meters_do_not(number: int) -> None:
    whole, floating = BY_ID[number], BY_ID[number + 10]
    scaled = [point for point in whole.points if point.scale is not None]
    assert {point.scale for point in scaled} == {
        "A_SF", "V_SF", "Hz_SF", "W_SF", "VA_SF", "VAR_SF", "PF_SF", "TotWh_SF", "TotVAh_SF", "TotVArh_SF"
    }  # fmt: skip
    assert all(point.scale is None for point in floating.points)
    assert [point.quantity.name for point in scaled] == [
        point.quantity.name for point in floating.points if point.type.name == "float32"
    ]


def test_quantities_carry_unit_kind_and_phase() -> None:
    rows = {point.name: point for point in ac_meter.WYE.points}
    assert (rows["TotWhImp"].quantity.unit, rows["TotWhImp"].quantity.kind) == (WATT_HOUR, Kind.COUNTER)
    assert (rows["PFphB"].quantity.unit, rows["PFphB"].quantity.phase) == (PERCENT, "L2")
    assert rows["PhVphCA"].quantity.phase == "L3-L1"
    assert rows["W"].quantity.phase is None
    assert rows["W"].quantity.name == "active_power"
    assert rows["WphA"].quantity.name == "active_power_l1"
    assert "PPVphAB" in {point.name for point in ac_meter.SINGLE_PHASE.points}


def test_a_device_layer_changes_rows_and_nothing_else() -> None:
    layered = common.COMMON.with_rows({"DA": {"allowed": range(1, 3), "obis": "1-0:0.0.1"}}, "somewhere")
    before = {point.name: point for point in common.COMMON.points}
    for point in layered.points:
        if point.name == "DA":
            assert point.permits(2)
            assert not point.permits(3)
            assert point.quantity.obis == "1-0:0.0.1"
        else:
            assert point is before[point.name]
    with pytest.raises(UnknownName, match="Nope"):
        common.COMMON.with_rows({"Nope": {}})


def test_rows_with_a_gap_are_refused() -> None:
    points = (*header(1, 5), *common.COMMON.points[3:])
    with pytest.raises(ValueError, match="Md lies at 18"):
        Model(1, "broken", "Broken", points)
