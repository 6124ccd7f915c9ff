"""A BSM behind the gateway."""

from __future__ import annotations

import pytest

from tests.gateway.sources.rig import bsm
from wattproof.gateway.records import Group
from wattproof.model.values import Quality


@pytest.mark.proves("G-353")
def test_who_it_is() -> None:
    rig = bsm(serial="001BZR1521070006").opened()
    assert rig.source.serial == "001BZR1521070006"
    assert rig.source.label == "BSM-WS36A-H01-1311-0000"


def test_values_come_from_one_planned_read_with_the_time_before_it() -> None:
    rig = bsm(load="constant:11040").opened()
    rig.run(rig.source.driver.snapshot("turn-on"))
    rig.wait(30)
    before, asked = rig.clock.time() // 10**6, len(rig.link.requests)
    values = rig.run(rig.source.read([1, 69, 71, 96, 100, 104, 170, 999, 2]))
    assert len(rig.link.requests) - asked == 1
    assert set(values) == {1, 69, 71, 96, 100, 104, 170}
    assert {value.time for value in values.values()} == {before}
    assert {value.quality for value in values.values()} == {Quality.GOOD}
    assert values[69].exponent == -1 and 2200 < values[69].mantissa < 2400
    assert values[96].exponent == 1 and values[96].mantissa == 1104
    assert values[71].exponent == -3 and 900 < values[71].mantissa <= 1000
    assert values[1][:2] == (9, 1)  # 11.04 kW for half a minute, in steps of 10 Wh
    assert values[170].exponent == -1


def test_groups() -> None:
    groups = bsm().source.groups()
    assert groups[Group.ENERGY] == {1}
    assert {69, 70, 71, 93, 96, 104, 170} <= groups[Group.LIVE]
    assert set(groups) == {Group.LIVE, Group.ENERGY}
