"""The exported model definitions, loaded by pysunspec2: lengths, points and values agree with our rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import sunspec2.device as peer
import sunspec2.mdef as definitions

from wattproof.cli import run
from wattproof.meters.bsm.points import MODELS as BSM
from wattproof.meters.sunspec.model import Model
from wattproof.meters.sunspec.models import MODELS as STANDARD
from wattproof.wire.modbus.types import Blob, Raw

ALL = {model.id: model for model in (*STANDARD, *BSM)}


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Both exports in one folder, and pysunspec2 looking nowhere else."""
    folder = tmp_path_factory.mktemp("definitions")
    assert run(["models", "sunspec", "--sunspec-json", str(folder)]) == 0
    assert run(["models", "bsm", "--sunspec-json", str(folder)]) == 0
    usual = peer.get_model_defs_path()
    peer.set_model_defs_path([str(folder)])
    yield folder
    peer.set_model_defs_path(usual)


def image(model: Model) -> bytes:
    """A payload with a different value in every register, ranges of the types kept."""
    data = bytearray()
    for number, point in enumerate(model.points):
        raw: Raw | None = number + 1
        if point.type.name == "string":
            raw = f"{point.name} {number}"[: 2 * point.registers]
        elif point.type.name == "blob":
            raw = bytes((number + at) % 200 for at in range(2 * point.registers))
        elif point.type.name == "sunssf":
            raw = number % 5 - 2
        elif point.type.name == "pad":
            raw = None
        elif point.type.name == "float32":
            raw = number / 4
        elif point.offset < 2:
            raw = point.constant  # type: ignore[assignment]
        data += point.type.encode(raw)
    return bytes(data)


@pytest.mark.parametrize("number", ALL)
def test_definitions_are_valid_and_their_values_agree(exported: Path, number: int) -> None:
    model = ALL[number]
    definition = json.loads((exported / f"model_{number}.json").read_text(encoding="utf-8"))
    assert definitions.validate_model_def(definition) == ""
    data = image(model)
    loaded = peer.Model(number, model_addr=40000, model_len=model.length, data=data)
    assert loaded.error_info == ""
    assert loaded.len == model.registers
    for point in model.points:
        raw = point.type.decode(data[2 * point.offset : 2 * (point.offset + point.registers)])
        if isinstance(point.type, Blob):
            values = b"".join(
                loaded.points[f"{point.name}{index}"].value.to_bytes(2, "big")
                for index in range(1, point.registers + 1)
            )
            assert values == raw, point.name
        else:
            assert loaded.points[point.name].offset == point.offset
            filling = point.type.name == "pad"  # a pad is a number to the peer, and no value to us
            assert loaded.points[point.name].value == (0x8000 if filling else raw), point.name


def test_the_standard_models_equal_those_of_the_peer(exported: Path) -> None:
    theirs = Path(peer.__file__).parent / "models" / "json"
    for model in STANDARD:
        standard = json.loads((theirs / f"model_{model.id}.json").read_text(encoding="utf-8"))["group"]["points"]
        ours = json.loads((exported / f"model_{model.id}.json").read_text(encoding="utf-8"))["group"]["points"]
        if model.id in {item.id for item in BSM}:
            continue
        shape = ("name", "type", "size", "sf")
        assert [[point.get(key) for key in shape] for point in ours] == [
            [point.get(key) for key in shape] for point in standard
        ], model.id


def test_layouts_of_the_bsm_keep_to_the_standard_models(exported: Path) -> None:
    theirs = Path(peer.__file__).parent / "models" / "json"
    for number in (1, 10, 17, 203):
        standard = json.loads((theirs / f"model_{number}.json").read_text(encoding="utf-8"))["group"]["points"]
        assert [(point["name"], point["size"]) for point in standard] == [
            (point.name, point.registers) for point in ALL[number].points
        ]
