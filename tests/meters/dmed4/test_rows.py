"""The rows of the DMED4 against the numbers of its manual."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from wattproof.errors import InvalidValue, UnknownName
from wattproof.meters import registry
from wattproof.meters.dmed4 import models, parameters, resources
from wattproof.meters.dmed4.points import CHARGE_CYCLE, MAP, MOST, SHIFTED

ROOT = Path(__file__).resolve().parents[3]

#: Register numbers as the manual prints them, and how many words each has.
PRINTED = {
    "energy_import_total": (0x0002, 4), "energy_cycle": (0x0006, 4), "voltage": (0x000A, 2), "current": (0x000C, 2),
    "power": (0x000E, 4), "temp_i1_c": (0x0012, 1), "temp_i1_f": (0x0013, 1), "temp_i2_c": (0x0014, 1),
    "temp_i2_f": (0x0015, 1), "energy_export_total": (0x0016, 4), "energy_cycle_export": (0x001A, 4),
    "energy_exchanged_total": (0x001E, 4), "hours_total": (0x0030, 4), "hours_work": (0x0034, 4),
    "voltage_fast": (0x0200, 2), "current_fast": (0x0202, 2), "power_fast": (0x0204, 4), "sample_time": (0x0208, 2),
    "sample_offset": (0x020A, 1), "events_max": (0x020D, 1), "events_count": (0x020E, 1), "ocmf_max": (0x0220, 1),
    "ocmf_count": (0x0221, 1), "save": (0x2F03, 1), "error_1": (0x4000, 2), "error_2": (0x4002, 2),
    "fw_checksum": (0x4004, 2), "datetime": (0x4080, 2), "measurement_status": (0x4200, 1),
    "signature_status": (0x4201, 1), "output_length": (0x4202, 1), "binary_length": (0x4203, 1),
    "signature_length": (0x4204, 1), "command": (0x4280, 1), "input_length": (0x4281, 1),
    "signature_format": (0x4282, 1), "sync_timeout": (0x4283, 1), "datetime_offset": (0x4284, 1),
    "output_json": (0x4400, 512), "public_key": (0x4600, 32), "signature_raw": (0x4620, 32),
    "signature_der": (0x4640, 128), "binary_output": (0x46C0, 512), "input_json": (0x4A00, 512),
    "display_on_off": (0x4F10, 1), "display_page": (0x4F11, 1), "menu": (0x5000, 1), "submenu": (0x5001, 1),
    "parameter": (0x5002, 1), "parameter_value": (0x5004, 28),
}  # fmt: skip


def test_every_register_of_the_manual_is_a_row_one_below_its_printed_number() -> None:
    rows = {bound.point.name: (bound.address + 1, bound.registers) for block in MAP.blocks for bound in block}
    assert rows == PRINTED


def test_the_other_reading_of_the_manual_moves_the_charge_cycle_alone() -> None:
    moved = {block.name for block in CHARGE_CYCLE}
    for before, after in zip(MAP.blocks, SHIFTED.blocks, strict=True):
        assert (before.name, after.address - before.address) == (after.name, int(before.name in moved))


def test_function_17_and_rest_number_the_models_as_the_manual_does() -> None:
    assert [models.by_number(number).name for number in range(8)] == [  # type: ignore[union-attr]
        f"DMED404{letter}{size}" for letter in "RD" for size in ("1500", "0600", "0400", "0150")
    ]
    assert {model.name for model in models.by_code(0x4A)} == {"DMED404R1500", "DMED404D1500"}
    assert {model.name for model in models.by_code(0x45)} == {"DMED403R1500", "DMED403D1500"}
    assert models.by_code(0x44) == models.by_code(0x49) == ()
    assert [model.name for code in (0x0C, 0x0D) for model in models.by_code(code)] == ["DMED4DC1", "DMED4DC2"]


@pytest.mark.proves("D-297")
def test_variants_are_found_in_upper_and_lower_case() -> None:
    assert tuple(registry.family("dmed4").variants) == models.VARIANTS
    for variant in models.VARIANTS:
        assert registry.find(f"dmed4:{variant.lower()}")[1] == variant
        assert models.by_variant(variant.lower()).variant == variant
    assert registry.find("dmed4")[1] == "404R1500"
    with pytest.raises(UnknownName, match="404R1500"):
        registry.find("dmed4:404R9999")
    with pytest.raises(UnknownName, match="DC2"):
        models.by_variant("DC3")


@pytest.mark.proves("D-188", "D-189", "D-190", "D-191", "D-192", "D-193", "D-194")
def test_parameters_carry_the_enumerations_of_the_manual() -> None:
    assert len(parameters.PARAMETERS) == 27
    symbols = {row.id: dict(row.symbols or {}) for row in parameters.PARAMETERS}
    assert list(symbols["P04_02"].values()) == ["1200", "2400", "4800", "9600", "19200", "38400", "57600", "115200"]
    assert list(symbols["P04_03"].values()) == ["8N", "8O", "8E", "7O", "7E"]
    assert symbols["P04_05"] == {0: "RTU", 1: "ASCII"}
    assert symbols["P05_05"] == {0: "Slave", 1: "Gateway"}
    assert symbols["P05_10"] == {0: "RTU", 1: "TCP"}
    assert symbols["P06_01"] == {0: "HEX", 1: "BASE64"}
    assert symbols["P02_05"] == {0: "°C", 1: "°F"}
    for row in parameters.PARAMETERS:
        assert row.default in row.allowed
        assert parameters.at(row.menu, 0, row.number) is row
        assert row.allowed[-1] < 1 << 16 * row.words


@pytest.mark.proves("D-013", "D-195")
def test_parameter_values_are_read_from_texts() -> None:
    address = parameters.parameter("p05.03")
    assert address.default == address.read("192.168.1.1") == 3232235777
    assert parameters.parameter("P04_03").read("8e") == 2
    assert parameters.parameter("P05_11").read("on") == 1
    for id, text in (("P02_01", "2"), ("P05_03", "1.2.3"), ("P04_01", "0"), ("P04_01", "248"), ("P06_02", "-1")):
        with pytest.raises(InvalidValue, match=id):
            parameters.parameter(id).read(text)
    with pytest.raises(UnknownName, match="P09_09"):
        parameters.parameter("P09_09")


def test_a_value_of_rest_is_its_register_in_coarser_steps() -> None:
    points = {point.name for block in MAP.blocks for point in block.points}
    for resource in resources.RESOURCES:
        assert {row.point for row in resource.fields if row.point} <= points
    assert [row.key for row in resources.MEASURE.fields] == [
        "voltage", "current", "power", "energy", "energy_neg", "temperature_i1", "temperature_i1_fahrenheit",
        "temperature_i2", "temperature_i2_fahrenheit", "energyPos", "energyNeg",
    ]  # fmt: skip
    assert resources.target(resources.FORCE_DISPLAY, 2) == "/v1/2/force_display"


def test_names_of_rows_stand_in_the_manual_of_the_maker() -> None:
    manual = ROOT.parent / "shared" / "manuals" / "dmed4-communication-manual.txt"
    if not manual.is_file():
        pytest.skip(f"no manual at {manual}")
    text = re.sub(r"\s+", "", manual.read_text(encoding="utf-8"))
    keys = [row.key for resource in resources.RESOURCES if resource.path != "login" for row in resource.fields]
    missing = [key for key in keys if key not in text]
    assert missing == []


def test_one_request_never_asks_for_more_than_the_meter_gives() -> None:
    assert MOST == 120
