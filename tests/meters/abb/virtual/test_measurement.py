"""What the body measures and counts."""

from __future__ import annotations

import math

import pytest

from tests.meters.abb.virtual.rigs import DAY, HOUR, Rig
from wattproof.meters.abb.virtual.refusals import Missing
from wattproof.meters.abb.virtual.sources import Terminals, recorded
from wattproof.virtual.curves import Constant


def terminals(u, i, phi, label=None) -> Rig:
    load = Constant("test", Terminals(tuple(u), tuple(i), tuple(phi)))
    return Rig(label, load)


@pytest.mark.proves("A-170")
@pytest.mark.parametrize(("label", "phases"), [("A44", 3), ("A41", 1)])
def test_a_kilowatt_hour(label, phases):
    rig = Rig(label, "constant:1000")
    assert rig.body.value(96) == 100_000
    rig.run(HOUR - 0.001)
    assert rig.values(1, 9) == [99, 99]
    rig.run(0.001)
    assert rig.values(1, 9, 10, 2, 21) == [100, 100, 0, 0, 0]
    if phases == 3:
        assert rig.values(3, 4, 5) == [33, 33, 33]
        assert sum(rig.body.registers.sums[n] for n in (1, 2, 3)) == rig.body.registers.sums[0] == 10**6 * HOUR * 1000


def test_watts_are_divided_exactly():
    rig = Rig("A44", "constant:1000.001")
    assert rig.body.measured.powers[:4] == (1_000_001, 333_335, 333_333, 333_333)


QUADRANTS = [(30, 1, 30, (1, 0, 1, 0)), (150, 2, 150, (0, 1, 1, 0)), (-150, 3, -150, (0, 1, 0, 1)),
             (-30, 4, -30, (1, 0, 0, 1))]  # fmt: skip


@pytest.mark.proves("A-171", "A-173")
@pytest.mark.parametrize(("angle", "quadrant", "shown", "moved"), QUADRANTS)
def test_quadrants(angle, quadrant, shown, moved):
    rig = terminals([230_000] * 3, [10_000_000] * 3, [angle * 1000] * 3)
    p, q = (3 * round(2_300_000 * turn(math.radians(angle))) for turn in (math.cos, math.sin))
    assert rig.values(169, 160, 163, 166) == [quadrant] * 4
    assert rig.values(108, 105) == [shown * 10] * 2
    assert rig.values(159, 162, 165)[0] == -shown * 10
    assert rig.values(96, 100, 104) == [round(p / 10), round(q / 10), 690_000]
    assert rig.body.value(82) == round(1000 * math.cos(math.radians(angle)))
    rig.run(HOUR)
    energies = rig.values(1, 2, 21, 22)
    assert [energy > 0 for energy in energies] == [bool(one) for one in moved]
    assert rig.values(13, 29) == [energies[0] - energies[1], energies[2] - energies[3]]
    assert rig.values(34 if p > 0 else 33, 33 if p > 0 else 34) in ([0, 689], [0, 690])


@pytest.mark.proves("A-171")
def test_a_change_of_sign_moves_energy_to_export():
    rig = Rig(load="constant:2000")
    rig.run(HOUR)
    rig.control(load="constant:-500")
    rig.run(2 * HOUR)
    assert rig.values(1, 2, 13, 9, 85) == [200, 100, 100, 200, 100]
    assert rig.values(6, 7, 8) == [33, 33, 33]


@pytest.mark.proves("A-172", "A-173")
def test_opposite_phases():
    rig = terminals([230_000] * 3, [10_000_000, -10_000_000, 4_000_000], [0, 0, 60_000])
    assert rig.values(93, 94, 95, 96) == [230_000, -230_000, 46_000, 46_000]
    q = round(92_000 * math.sin(math.radians(60)))
    assert rig.values(97, 98, 99, 100) == [0, 0, q, q]
    assert rig.body.value(104) == round(math.hypot(46_000, q))
    rig.run(HOUR)
    assert rig.values(1, 2, 3, 7, 5, 14, 15) == [46, 0, 230, 230, 46, 230, -230]
    assert sum(rig.values(3, 4, 5)) > rig.body.value(1)


def test_line_voltages_neutral_and_angles():
    rig = terminals([230_000, 230_000, 115_000], [5_000_000] * 3, [0, 0, 0])
    assert rig.values(78, 79, 80, 81) == [3984, 3043, 3043, 0]
    assert rig.values(158, 161, 164, 159, 162, 165) == [0, -1200, 1200, 0, -1200, 1200]
    lonely = terminals([230_000] * 3, [5_000_000, 0, 0], [90_000, 0, 0])
    assert lonely.values(81, 159, 162, 105, 82, 71, 74) == [500, -900, -1200, 900, 0, 0, 0]
    assert lonely.body.milliamperes(70) == 5000


@pytest.mark.proves("A-174")
def test_transformer_ratios_multiply():
    rig = Rig(load="constant:1000")
    rig.body.set_ratio(141, 100)
    rig.body.set_ratio(142, 5)
    rig.body.set_ratio(143, 10)
    assert rig.values(96, 69, 70) == [20_000_000, 23_000, 2899]
    rig.run(HOUR)
    assert rig.values(1, 3) == [20_000, 6_666]
    mixed = terminals([57_735] * 3, [1_000_000] * 3, [0] * 3)
    mixed.body.set_ratio(141, 7)
    mixed.body.set_ratio(142, 3)
    assert mixed.values(69, 70, 93) == [577, 233, round(57.735 * 7 / 3 * 100)]


@pytest.mark.proves("A-212")
@pytest.mark.parametrize(("curve", "imported", "exported"), [("day", 1584, 0), ("pv", 894, 1830)])
def test_the_curves_of_a_day(curve, imported, exported):
    rig = Rig(load=f"curve:{curve}", start=(2024, 5, 17, 9, 20))
    rig.run(DAY)
    assert rig.values(1, 2) == [imported, exported]
    rig.run(2 * DAY)
    assert rig.values(1, 2) == [3 * imported, 3 * exported]


def test_a_recorded_source_holds_until_its_next_row():
    load = recorded("csv:x", "t,u1,i1,phi1,u2,hz\n0,230,1,0,20,50\n0.5,231,-2,0,,49.5\n60,100,0,,,44\n")
    rig = Rig(load=load)
    assert rig.values(69, 72, 70, 93, 170) == [2300, 200, 100, 23_000, 5000]
    assert rig.body.status_word == 0b10
    rig.run(0.5)
    assert rig.values(69, 72, 70, 93, 170) == [2310, 2300, 200, -46_200, 4950]
    assert rig.body.status_word == 0b1001_0000
    rig.run(100)
    assert rig.values(69, 70, 71, 160, 170) == [1000, 0, 0, 0, 4400]
    assert rig.body.status_word == 0x100


@pytest.mark.parametrize(
    ("label", "absent", "present"),
    [
        ("A44-052-100", [96, 2, 189, 152, 146], [1, 138, 139, 191]),
        ("A43-112-100", [2, 21, 100, 9, 146, 141], [1, 96, 69, 152, 170]),
        ("A44-212-100", [3, 9, 51, 113], [2, 21, 34, 100, 169, 171, 141, 143]),
        ("B23-312-100", [146, 149, 59, 143], [3, 9, 113, 53, 189]),
        ("A42-552-100", [4, 72, 78, 81, 163, 143], [3, 69, 141, 179]),
    ],
)
def test_what_a_variant_has(label, absent, present):
    rig = Rig(label, "constant:500")
    rig.run(100)
    assert set(rig.values(*absent)) == {Missing.ABSENT}
    assert not any(isinstance(value, Missing) for value in rig.values(*present))


def test_a_value_beyond_its_type_is_an_overflow():
    rig = Rig(load="constant:1000000")
    rig.body.set_ratio(141, 999)
    assert rig.body.value(96) is Missing.OVERFLOW
    assert rig.body.value(93) is Missing.OVERFLOW
    assert rig.body.value(170) == 5000


def test_harmonics_come_one_after_the_other():
    rig = Rig(load="constant:3000")
    rig.control(harmonics="u1:3=30,u1:5=40,i2:2=100,u2:3=30")
    rig.run(14.999)
    assert rig.values(59, 179) == [Missing.PENDING] * 2
    assert rig.body.harmonic(179, 2) is Missing.PENDING
    rig.run(0.001)
    assert (rig.body.harmonic(179, 2), rig.body.harmonic(179, 3)) == (0, Missing.PENDING)
    rig.run(3)
    assert [rig.body.harmonic(179, order) for order in (3, 5, 6)] == [30, 40, Missing.PENDING]
    rig.run(11)
    assert rig.values(59, 60, 61, 66, 65) == [50, 30, 0, 100, 0]
    assert rig.body.value(179) == (1000, 0, 30, 0, 40, *(0,) * 11)
    assert rig.body.harmonic(182, 3) == 0  # the third ones of two phases are alike, so nothing is between them
    assert rig.body.harmonic(182, 5) == round(40 * 230 / 398.37)
    rig.control(power=False)
    rig.run(5)
    rig.control(power=True)
    assert rig.body.value(59) is Missing.PENDING
