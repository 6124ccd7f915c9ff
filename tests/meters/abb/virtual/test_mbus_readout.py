"""The standard readout of virtual ABB meters on M-Bus: the same bytes as real ones (abb-meters.md 1.7, 1.8, 1.13)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import pytest

from tests.meters.abb.virtual.mbusmaster import DAY, Master, made
from wattproof.errors import UnknownName
from wattproof.metering.alarms import Setting
from wattproof.metering.clock import Stamp
from wattproof.metering.dates import seconds_of
from wattproof.metering.energy import WATT_HOUR
from wattproof.metering.previous_values import Row
from wattproof.meters.abb.quantities import ROWS, by_name
from wattproof.meters.abb.variants import RATIOS, variant
from wattproof.meters.abb.virtual.electrics import ACTIVE, APPARENT, EXPORT, REACTIVE
from wattproof.meters.abb.virtual.mbus.fields import QUANTITIES
from wattproof.meters.abb.virtual.mbus.standard import field_of
from wattproof.meters.abb.virtual.recorder import COUNTERS
from wattproof.meters.abb.virtual.refusals import Missing
from wattproof.model.values import Scaled
from wattproof.wire.mbus.frames import decode, req_ud2
from wattproof.wire.mbus.moments import Moment
from wattproof.wire.mbus.records import Record
from wattproof.wire.mbus.telegrams import FixedData, Telegram, encode_answer

FINE = "u1:3=50,i1:5=120"


@pytest.fixture(scope="module")
def captured(vectors: Path) -> Mapping[str, dict[str, Any]]:
    frames = json.loads((vectors / "mbus" / "abb" / "abb-frames.json").read_text())
    return {frame["id"]: frame for frame in frames}


def a41_as_captured() -> Master:
    """The A41 513-100 whose readout was captured: its registers, ports, clock and previous values.

    What it measured does not fit together without harmonics that nobody knows (3.2): the shown values are given.
    """
    settings = {"time": "invalid", "firmware": "A1.12.0"}
    master = Master(made("A41", set=settings, load="none", serial="00217819"), address=9)
    meter, body = master.meter, master.meter.body
    meter.address = 9
    sums = body.registers.sums
    for number, energy in ((ACTIVE, 39_139), (REACTIVE + EXPORT, 8550), (APPARENT, 76_860)):
        sums[number] = energy * WATT_HOUR
    body.set_clock(seconds_of(2010, 1, 1, 1, 1, 1))
    body.lose_clock()
    body.power_fails, body.outage = 927, 15
    body.ports.counters[:] = [1, 1, 1, 1]
    body.ports.stored = 0b1100
    columns = [1, 2, 21, 22, *range(9, 13), *range(17, 21), *range(51, 55)]
    body.set_previous_values(columns)
    body.recorder.previous.table.append(Row(Stamp(0), 1, (0,) * 12 + (1,) * 4))
    master.patch(frozen=True)
    assert body.frozen is not None
    body.frozen |= {96: 1868, 100: -333, 104: 3810, 69: 2306, 170: 5025, 82: 491, 108: -606, 158: 0, 159: -101}
    body.frozen |= {169: 4, 70: 17, -70: 166}
    master.face.slave.access = 0x0A
    return master


@pytest.mark.proves("A-070")
def test_an_a41_sends_the_five_captured_telegrams_byte_for_byte(captured: Mapping[str, dict[str, Any]]) -> None:
    master = a41_as_captured()
    master.nke()
    for number in range(1, 6):
        answer = master.face.answer(req_ud2(9, master.fcb), 0)
        master.fcb = not master.fcb
        assert answer is not None and answer.hex().upper() == captured[f"a41-readout-{number}"]["hex"]


def test_a_b23_sends_the_records_of_the_captured_one(captured: Mapping[str, dict[str, Any]]) -> None:
    frame = decode(bytes.fromhex(captured["b23-readout-1"]["hex"]))
    theirs = Telegram.decode(frame.ci, frame.data)  # type: ignore[union-attr]
    ours = Master(made("B23-212-100")).standard()[0]
    assert [record.header.encoded for record in ours] == [record.header.encoded for record in theirs]
    assert len(ours.encode()) == len(theirs.encode()) and ours.more_follow


def sizes(telegrams: list[Telegram]) -> list[int]:
    """L of the frames."""
    return [3 + len(telegram.encode()) for telegram in telegrams]


@pytest.mark.proves("A-071")
def test_a_three_phase_meter_sends_eight_telegrams() -> None:
    master = Master(made("A43"))
    assert sizes(master.standard()) == [0xF6, 0xFC, 0xD7, 0xD0, 0xA4, 0xF7, 0xCE]
    master.run(DAY)
    telegrams = master.standard()
    assert sizes(telegrams)[:7] == [0xF6, 0xFC, 0xD7, 0xD0, 0xA4, 0xF7, 0xCE] and len(telegrams) == 8
    assert [str(record.value) for record in telegrams[7]] == ["2026-01-02 00:00:00", "72000", "0", "0", "0"]
    assert all(record.storage == 1 for record in telegrams[7])


def names(pattern: str, *ends: str) -> list[str]:
    return [f"{pattern}_{end}" for end in ends]


def phases(pattern: str, *first: str) -> list[str]:
    return names(pattern, *first, "L1", "L2", "L3")


def tariffs(pattern: str) -> list[str]:
    return names(pattern, "TOTAL", "TAR1", "TAR2", "TAR3", "TAR4")


KINDS = ("ACTIVE", "REACTIVE", "APPARENT")
#: Telegrams 2, 3, 5, 6 and 7 of a three phase meter as 1.13 lists them.
PRINTED = {
    2: [
        "POWER_FAIL_COUNTER",
        *(name for kind in KINDS for name in phases(f"{kind}_POWER", "TOTAL")),
        *phases("VOLTAGE"), "VOLTAGE_L1_L2", "VOLTAGE_L2_L3", "VOLTAGE_L1_L3",
        *phases("CURRENT"), "CURRENT_NEUTRAL", "FREQUENCY",
    ],
    3: [
        "POWER_OUTAGE_TIME",
        *phases("POWER_FACTOR", "TOTAL"),
        *phases("PHASE_ANGLE_POWER", "TOTAL"), *phases("PHASE_ANGLE_VOLTAGE"), *phases("PHASE_ANGLE_CURRENT"),
        *phases("CURRENT_QUADRANT", "TOTAL"),
        *tariffs("REACTIVE_ENERGY_IMPORT"),
    ],
    5: [
        *(f"RSTREG_{name}" for name in ("ACT_ENERGY_IMP", "ACT_ENERGY_EXP", "REACT_ENERGY_IMP", "REACT_ENERGY_EXP")),
        *(f"RSTREG_{name}" for name in ("ACT_CNTR_IMP", "ACT_CNTR_EXP", "REACT_CNTR_IMP", "REACT_CNTR_EXP")),
        *names("NRG_ENERGY_VALUE", "CO2", "CURR"), *names("NRG_CONVERSION_FACTOR", "CO2", "CURR"),
        *names("APPARENT_ENERGY", "IMPORT_TOTAL", "EXPORT_TOTAL"),
    ],
    6: [name for way in ("IMPORT", "EXPORT") for kind in KINDS for name in phases(f"{kind}_ENERGY_{way}")],
    7: [name for kind in KINDS for name in phases(f"{kind}_ENERGY_NET", "TOTAL")],
}  # fmt: skip


@pytest.mark.proves("A-071")
@pytest.mark.parametrize("number", PRINTED)
def test_the_records_of_a_three_phase_meter_stand_in_the_printed_order(number: int) -> None:
    telegram = Master(made("A43")).standard()[number - 1]
    records = [bytes.fromhex(by_name(name).record.replace("/", "")) for name in PRINTED[number]]
    assert [record.header.encoded[:-1] for record in telegram] == records


@pytest.mark.proves("A-071")
def test_telegrams_1_and_4_of_a_three_phase_meter_are_parts_of_those_of_an_a41() -> None:
    one, three = (Master(made(label)).standard() for label in ("A41", "A43"))
    assert [record.key for record in three[0]] == [record.key for record in one[0]]
    export = [record.key for record in one[1]][-6:]
    assert [record.key for record in three[3]] == [*export, *(record.key for record in one[2])]


@pytest.mark.proves("A-072")
def test_record_status_is_sent_always_when_something_is_wrong_or_never() -> None:
    always, not_ok, never = (Master(made(set={"record-status": word})) for word in ("always", "not-ok", "never"))
    for master in (always, not_ok, never):
        master.meter.face("mbus")
    full, some, none = (master.standard() for master in (always, not_ok, never))
    for telegrams in zip(full, some, none, strict=True):
        for with_status, sometimes, without in zip(*telegrams, strict=True):
            assert with_status.key == sometimes.key == without.key
            assert with_status.data == sometimes.data == without.data
            assert without.status is None and sometimes.status == (with_status.status or None)
    assert full[0].records[0].raw.startswith(bytes.fromhex("0E 84 00"))
    assert none[0].records[0].raw.startswith(bytes.fromhex("0E 04"))
    assert any(record.status == 0x15 for telegram in some for record in telegram)


def keys(label: str, status: int | None = None) -> set[Any]:
    """The records that a variant sends; ``status``: those with this status alone."""
    found = [record for telegram in Master(made(label)).standard() for record in telegram]
    assert len({record.key for record in found}) == len(found)
    return {record.key for record in found if status in (None, record.status)}


@pytest.mark.proves("A-073")
def test_what_a_variant_lacks_is_left_out() -> None:
    silver, gold, ratios = keys("A43-312-100"), keys("A43-412-100"), keys("A43", 0x15)
    assert {key.chain for key in gold - silver} == {b"\x6d", bytes.fromhex("FF F9 0A")}
    assert {bytes((0xFF, code)) for code in range(0x20, 0x24)} <= {key.chain for key in ratios}
    assert not {key for key in keys("A44", 0x15) if key.chain[0] == 0xFF}
    master = Master(made("A43-312-100"))
    master.run(3 * DAY)
    assert len(master.standard()) == 7


@pytest.mark.proves("A-199")
@pytest.mark.parametrize("family", ["A43", "A44", "B23"])
def test_each_level_sends_its_own_and_the_lower_records(family: str) -> None:
    levels = range(6 if family[0] == "A" else 4)
    sent = [keys(f"{family}-{level}12-100") for level in levels]
    assert all(lower <= higher for lower, higher in pairwise(sent))
    for level in levels:
        meter = made(f"{family}-{level}12-100")
        shown = {id for id in QUANTITIES if field_of(id, meter.body.variant).form.declaration.key in sent[level]}
        ratios = RATIOS if level else frozenset()
        assert shown == (meter.body.ids & QUANTITIES.keys()) - set(range(59, 69)) | ratios


@pytest.mark.proves("A-198")
def test_iron_sends_one_telegram() -> None:
    (telegram,) = Master(made("A43-012-100", load="constant:1000")).standard()
    names = [record.quantity for record in telegram]
    assert names == [
        "active_energy_import", "error_flags", "warning_flags", "information_flags", "alarm_flags", "firmware_version",
        "type_designation",
    ]  # fmt: skip


@pytest.mark.proves("A-197")
def test_every_label_of_the_specification_is_a_variant_and_no_other() -> None:
    families = [*product("A", "4", "1234", "-", "012345"), *product("B", "2", "134", "-", "0123")]
    rest = ["".join(parts) for parts in product("125", "1234", "-", "0123", "012", "0")]
    labels = ["".join(family) + tail for family in families for tail in rest]
    assert len(labels) == 5184 and all(variant(label).label == label for label in labels)
    assert variant(None).label == "A44-552-100"
    wrong = (
        "A45-552-100 B22-212-100 B23-412-100 A44-652-100 A44-532-100 A44-553-400 A44-552-130 A44-552-101 A44552100 "
        "C44-552-100 A44-552-100- A44_552_100"
    )
    for label in (*wrong.split(), "A44 552-100", ""):
        with pytest.raises(UnknownName):
            variant(label)


@pytest.mark.proves("A-197")
@pytest.mark.parametrize(
    ("label", "designation"),
    [
        (None, "A44 552-100"),
        ("a41", "A41 513-100"),
        ("A42", "A42 552-100"),
        ("b24", "B24 352-100"),
        ("B21-111-320", "B21 111-320"),
    ],
)
def test_the_type_designation_carries_the_label(label: str | None, designation: str) -> None:
    records = [record for telegram in Master(made(label)).standard() for record in telegram]
    assert [record.value for record in records if record.quantity == "type_designation"] == [designation]


@pytest.mark.proves("A-143")
@pytest.mark.parametrize("label", ["A44", "A42", "B23"])
def test_records_show_what_the_body_holds(label: str) -> None:
    master = Master(made(label, load="curve:pv", set={"ct-ratio": "100:5"} if label == "A44" else {}))
    master.patch({"harmonics": FINE, "input-3": True})
    master.run(0.6 * DAY)
    sent = {record.key: record for telegram in master.standard() for record in telegram}
    compared = 0
    for id, field in QUANTITIES.items():
        record: Record | None = sent.get(field.form.declaration.key)
        if record is None or record.status:
            continue
        value, row = master.meter.body.value(id), ROWS[id]
        if value is Missing.ABSENT:
            assert id in COUNTERS  # of a port that is an output
        elif row.type in ("text", "date-time"):
            shown = master.meter.body.stamp.fields if row.type == "date-time" else value
            expected = Moment(*shown[:3], *shown[4:]) if isinstance(shown, tuple) else shown
            assert record.value == expected
        else:
            assert isinstance(record.value, Scaled) and isinstance(value, int)
            assert record.value.decimal.scaleb(-row.scale) == int(value)
        compared += 1
    assert compared > 60


@pytest.mark.proves("A-081")
def test_the_access_number_wraps() -> None:
    master = Master(made())
    master.face.slave.access = 253
    headers = [telegram.header for telegram in master.standard()]
    assert [header.access for header in headers if header] == [254, 255, 0, 1, 2, 3, 4]


@pytest.mark.proves("A-082")
@pytest.mark.parametrize(
    ("faults", "status"),
    [
        ({}, 0x00),
        ({"clock-lost": True}, 0x10),
        ({"status-bit": 42}, 0x08),
        ({"status-bit": 9}, 0x20),
        ({"phase-lost": 2}, 0x20),
        ({"reverse": True}, 0x20),
    ],
)
def test_the_status_byte_follows_the_status_word(faults: dict[str, object], status: int) -> None:
    master = Master(made())
    master.patch(None, None, **faults)
    telegram = master.standard()[0]
    assert telegram.header is not None and telegram.header.status == status


@pytest.mark.proves("A-082")
def test_an_active_alarm_is_in_the_status_byte_and_other_information_is_not() -> None:
    master = Master(made(load="constant:1000"))
    master.patch(None, None, **{"power-cut": 5})
    master.run(6)
    statuses = []
    for _ in range(2):
        telegram = master.standard()[0]
        assert telegram.header is not None
        statuses.append(
            (telegram.header.status, *(record.content for record in telegram if record.raw[2:3] == b"\xa8"))
        )
        master.meter.body.set_alarm(3, Setting(96, 1000, 500))
    assert statuses == [(0x00, 1 << 55), (0x20, 1 << 55 | 1 << 15)]


def test_a_clock_that_is_not_set_is_sent_as_an_error_with_what_it_shows() -> None:
    master = Master(made())
    master.patch(clock_lost=True)
    clock = next(record for record in master.standard()[0] if record.quantity == "date_time")
    assert clock.status == 0x18 and str(clock.content) == "2026-01-01 00:00:00"


def test_raw_type_sends_two_counters_in_a_fixed_structure() -> None:
    master = Master(made(set={"energy": "12.34", "energy-export": "0.5"}))
    master.patch(raw_type=True)
    master.nke()
    answer = master.next()
    assert isinstance(answer, FixedData) and answer.number == "12345678" and answer.medium_name == "electricity"
    assert [str(value) for value, _ in answer.counters] == ["12340", "500"]
    assert encode_answer(answer)[0] == 0x73


def test_more_previous_values_than_fit_go_into_further_telegrams() -> None:
    master = Master(made("A44"))
    columns = [*range(1, 24)]
    master.meter.body.set_previous_values(columns)
    master.run(DAY)
    telegrams = master.standard()
    assert len(telegrams) == 9 and max(sizes(telegrams)) <= 255
    shown = [record for telegram in telegrams[7:] for record in telegram]
    assert len(shown) == 1 + 23 and all(record.storage == 1 for record in shown)


@pytest.mark.proves("A-207")
def test_a_glitch_is_over_after_the_answers_that_show_it() -> None:
    master = Master(made(set={"energy": "5"}, load="none"))
    master.patch(counter_glitch=2)
    found = [str(telegram.records[0].value) for telegram in [*master.standard(), *master.standard()[:1]]]
    assert found[0] == "0" and found[-1] == "5000" and master.meter.state()["faults"] == {}
