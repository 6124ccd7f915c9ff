"""``wattproof read`` with a map file: a virtual BSM asked as a meter that nobody knows."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from wattproof.cli import run
from wattproof.meters.opening import VirtualMeter

#: Registers of model 203 (bsm.md 5.4): line voltage, its scale factor, imported energy.
MAP = """
name = "bsm-203"
title = "A meter of some maker"
source = "SunSpec model 203"

[serial]
address = 40235
type = "str"
registers = 8

[[point]]
quantity = "voltage_l1"
address = 40098
type = "s16"
unit = "V"
scale_register = 40105
invalid = ["0x8000"]

[[point]]
quantity = "frequency"
address = 40106
type = "s16"
unit = "Hz"
scale = "0.1"
"""


@pytest.mark.proves("G-341", "G-362")
def test_a_meter_is_read_by_its_map_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "some.toml"
    path.write_text(MAP)
    with VirtualMeter("bsm", unit=7, serial="001BZR1521070006") as virtual:
        url = f"map+{virtual.urls[0]}?unit=7&map={path}"
        assert run(["read", url, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    values = {reading["quantity"]: Decimal(reading["value"]) for reading in found["readings"] if reading["unit"]}
    assert 200 < values["voltage_l1"] < 260 and values["frequency"] == Decimal("50.0")


def test_a_file_with_a_mistake_is_told_with_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "some.toml"
    path.write_text(MAP.replace('unit = "Hz"', 'unit = "V"'))
    assert run(["read", f"map+tcp://127.0.0.1:9?unit=7&map={path}"]) == 2
    assert f"{path}, line 23: [point] unit: 'V' is of another dimension" in capsys.readouterr().err
