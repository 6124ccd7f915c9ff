"""`wattproof models`: tables, JSON, files, and what it refuses."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from wattproof.cli import run
from wattproof.meters.abb.quantities import ROWS
from wattproof.meters.bsm.points import MAP

FAULTS = """
contactor-stuck-closed contactor-stuck-open contactor-slow feedback-lost feedback-inverted doe-low collecting-fails
signing-fails ocmf-fails slow-collecting slow-signing stale-snapshot pagination-gap bad-signature wrong-key tamper
firmware-hash cm-init-failed dev-module meter-fatal clock-lost clock-drift counter-glitch counter-jump roll-over frozen
phase-lost phase-order reverse noise power-cut
drop drop-answer late garble truncate wrong-unit wrong-transaction exception disconnect line-noise foreign-traffic echo
collision
""".split()
CONTROLS = "di doe do plug load power clock step key".split()
OPTIONS = """
profile blocking answer-delay wiring contactor-delay collect-delay collect-delay-switching sign-delay start-delay
start-resets-rcr cone-seconds cone-percent time-expiry start-threshold energy time language optical optical-password
d0-list
""".split()


def output(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(["models", *arguments]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def document(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    return json.loads(output(capsys, *arguments, "--json"))


def test_without_a_model_the_families_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert "bsm+tcp://127.0.0.1:5020?unit=42" in output(capsys)
    rows = {row["model"]: row for row in document(capsys)}
    assert rows["bsm"]["variants"] == ["fw17", "cm11", "cm12", "cm13"]
    assert (rows["bsm"]["simulated"], rows["sunspec"]["simulated"]) == (True, False)


def test_a_model_shows_every_instance_and_point(capsys: pytest.CaptureFixture[str]) -> None:
    text = output(capsys, "bsm")
    for block in MAP.blocks:
        assert f"({block.name})" in text
        for point in block.points:
            assert f" {block.address + point.offset} " in text
            assert f" {point.name} " in text
    assert "1-0:1.8.0*198" in text
    assert all(f" {name} " in text for name in OPTIONS)


def test_json_has_every_point(capsys: pytest.CaptureFixture[str]) -> None:
    found = document(capsys, "bsm:cm12")
    assert (found["model"], found["variant"]) == ("bsm", "cm12")
    assert len(found["instances"]) == 18
    assert sum(len(block["points"]) for block in found["instances"]) == sum(len(block.points) for block in MAP.blocks)
    assert [row["name"] for row in found["options"]] == OPTIONS


def test_the_base_family_shows_its_models(capsys: pytest.CaptureFixture[str]) -> None:
    assert "AC Meter (three-phase, wye, float) (model 213)" in output(capsys, "sunspec")


@pytest.mark.proves("B-190")
def test_faults_and_controls_are_exactly_those_of_the_specification(capsys: pytest.CaptureFixture[str]) -> None:
    found = document(capsys, "bsm", "--faults")
    assert [row["name"] for row in found["faults"]] == FAULTS
    assert [row["name"] for row in found["controls"]] == CONTROLS
    text = output(capsys, "bsm", "--faults")
    words = [line.split()[0] for line in text.splitlines() if line.startswith(" ") and line.split()]
    names = [word for word in words if word != "Name" and not word.startswith("\u2500")]
    assert names == [*FAULTS, *CONTROLS]
    assert {row["name"]: row["default"] for row in found["faults"]}["meter-fatal"] == "00100000"
    assert all(row["description"] and row["values"] for row in found["faults"] + found["controls"])


def test_csv_and_definitions_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    layout, folder = tmp_path / "registers.csv", tmp_path / "new" / "definitions"
    text = output(capsys, "bsm", "--csv", str(layout), "--sunspec-json", str(folder))
    assert text.count("wrote ") == 9
    with layout.open(newline="") as file:
        assert len(list(csv.DictReader(file))) == sum(len(block.points) for block in MAP.blocks)
    assert json.loads((folder / "model_64901.json").read_text())["id"] == 64901


def test_what_cannot_be_written_is_exit_code_5(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "bsm", "--csv", str(tmp_path / "no" / "where.csv")]) == 5
    assert "cannot write" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["nope"], ["bsm:cm99"], ["--faults"], ["bsm", "--nonsense"], ["bsm", "more"]])
def test_misuse_is_exit_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ")
    assert "Traceback" not in captured.err


def test_quantities_are_shown_with_how_well_they_are_known(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    text = output(capsys, "abb")
    assert all(f".{row.name} " in text for row in ROWS.values())
    assert "OBIS and COSEM columns are inferred" in text
    rows = {row["id"]: row for row in document(capsys, "abb")["quantities"]}
    assert rows.keys() == ROWS.keys()
    assert rows[1]["known"] == {"record": "verified", "logical_name": "inferred"}
    assert (rows[70]["obis"], rows[70]["unit"], rows[70]["scale"], rows[70]["phase"]) == ("1-0:31.7.0", "A", -2, "L1")
    assert output(capsys, "abb", "--csv", str(tmp_path / "abb.csv")) == f"wrote {tmp_path / 'abb.csv'}\n"
    written = list(csv.DictReader((tmp_path / "abb.csv").read_text(encoding="utf-8").splitlines()))
    assert [int(row["id"]) for row in written] == [row["id"] for row in document(capsys, "abb")["quantities"]]


def test_a_variant_may_be_any_label(capsys: pytest.CaptureFixture[str]) -> None:
    assert document(capsys, "abb")["variant"] == "A44-552-100"
    assert document(capsys, "abb:b24-212-310")["variant"] == "B24-212-310"
    assert run(["models", "abb:A47"]) == 2
    assert "A44-552-100" in capsys.readouterr().err
