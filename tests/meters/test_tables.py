"""The tables made from the rows: CSV, markdown, SunSpec definitions."""

from __future__ import annotations

import csv
import io
import json

from wattproof.meters import tables
from wattproof.meters.bsm.points import MAP, MODELS
from wattproof.meters.sunspec.models import MODELS as STANDARD

POINTS = sum(len(block.points) for block in MAP.blocks)


def test_csv_has_one_line_a_point() -> None:
    rows = list(csv.DictReader(io.StringIO(tables.as_csv(MAP))))
    assert len(rows) == POINTS
    found = {f"{row['instance']}.{row['point']}": row for row in rows}
    rcr = found["bs_meter.RCR"]
    assert (rcr["address"], rcr["registers"], rcr["type"], rcr["scale"], rcr["unit"], rcr["obis"]) == (
        "40251", "2", "acc32", "RCR_SF", "Wh", "1-0:1.8.0*198"
    )  # fmt: skip
    assert found["common.DA"]["allowed"] == "1..247"
    assert found["ac_meter.PhV"]["constant"] == "unavailable"
    assert found["signed_end_snapshot.St"]["access"] == "rw"


def test_markdown_tables_are_whole() -> None:
    text = tables.markdown_registers(MAP)
    assert text.count("\n## ") == len(MAP.blocks)
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) == 2 + len(MAP.blocks) + 2 * len(MAP.blocks) + POINTS
    assert "| 40251 | 40252 | 2 | RCR | acc32 | RCR_SF | Wh | r | 1-0:1.8.0*198 |" in text
    assert "`St`: 0 valid, 1 invalid, 2 updating" in text
    assert tables.markdown_table(("A",), [("a|b",)]).splitlines()[-1] == "| a\\|b |"


def test_definitions_are_complete_and_without_gaps() -> None:
    for model in (*MODELS, *STANDARD):
        definition = tables.sunspec_definition(model)
        points = definition["group"]["points"]
        assert definition["id"] == model.id
        assert sum(point["size"] for point in points) == model.registers
        assert [point["name"] for point in points[:2]] == ["ID", "L"]
        names = [point["name"] for point in points]
        assert len(set(names)) == len(names)
        assert all(point.get("sf") in (None, *names) for point in points)


def test_files_are_named_after_their_models() -> None:
    files = tables.sunspec_files(MODELS)
    assert sorted(files) == [f"model_{number}.json" for number in (1, 10, 17, 203, 64900, 64901, 64902, 64903)]
    assert json.loads(files["model_64903.json"])["group"]["points"][-1]["size"] == 496


def test_every_point_can_be_shown_as_json() -> None:
    shown = json.loads(json.dumps([tables.block_dict(block) for block in MAP.blocks]))
    assert sum(len(block["points"]) for block in shown) == POINTS
    status = next(point for block in shown for point in block["points"] if point["point"] == "signed_end_snapshot.St")
    assert status["symbols"]["5"] == "failed_feedback"
    assert status["allowed"] == "2"
