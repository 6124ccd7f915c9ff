"""The OpenAPI document says what the rows say, and its own references and shapes are sound."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from wattproof.cli import run
from wattproof.meters.dmed4.openapi import document
from wattproof.meters.dmed4.parameters import PARAMETERS
from wattproof.meters.dmed4.resources import RESOURCES

DOCUMENT = document()


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def schema(path: str, method: str, *, sent: bool = False) -> dict[str, Any]:
    operation = DOCUMENT["paths"][path][method]
    where = operation["requestBody"] if sent else operation["responses"]["200"]
    found: dict[str, Any] = where["content"]["application/json"]["schema"]
    return found


def test_every_resource_and_method_is_there_and_no_other() -> None:
    found = {(path, method.upper()) for path, method, _ in operations()}
    assert found == {(f"/{row.path}", method) for row in RESOURCES for method in row.methods}
    names = [operation["operationId"] for _, _, operation in operations()]
    assert len(names) == len(set(names))
    assert DOCUMENT["openapi"] == "3.1.0"
    assert {server["url"] for server in DOCUMENT["servers"]} == {
        f"{scheme}://{{host}}/v1{channel}" for scheme in ("http", "https") for channel in ("", "/{channel}")
    }
    json.dumps(DOCUMENT)


def test_answers_list_their_keys() -> None:
    for row in RESOURCES:
        if "GET" in row.methods:
            answer = schema(f"/{row.path}", "get")
            assert list(answer["properties"]) == answer["required"] == [field.key for field in row.of("GET")]
    nested = schema("/system_status", "get")["properties"]["board_2_status_bits"]["properties"]["fatal_err_bits"]
    assert list(nested["properties"]) == [f"e_{number}" for number in range(1, 13)]
    assert "command" not in schema("/charge_settings", "get")["properties"]


def test_what_may_be_sent_has_its_limits() -> None:
    sent = schema("/charge_settings", "post", sent=True)["properties"]
    assert sent["command"]["enum"] == ["B", "C", "E", "r", "X"]
    limits = {key: sent["datetime_offset"][key] for key in ("type", "minimum", "maximum", "multipleOf")}
    assert limits == {"type": "integer", "minimum": -900, "maximum": 900, "multipleOf": 15}
    query = {one["name"]: one for one in DOCUMENT["paths"]["/logbook/OCMF"]["get"]["parameters"]}
    assert query["index_type"]["schema"]["enum"] == ["POS", "PROGR", "TRANS_ID"]
    assert DOCUMENT["paths"]["/login"]["put"]["parameters"][0]["required"] is True


def test_addresses_are_a_number_or_four_bytes() -> None:
    block = schema("/system_parameters", "post", sent=True)
    splitting = [row.id for row in PARAMETERS if row.splits]
    assert block["required"] == [row.id for row in PARAMETERS if not row.splits]
    assert len(block["allOf"]) == len(splitting)
    assert block["properties"]["P05_03_04"]["maximum"] == 255
    assert {name for rule in block["allOf"] for choice in rule["oneOf"] for name in choice["required"]} <= set(
        block["properties"]
    )


@pytest.mark.parametrize("folder", [None, "missing"])
def test_models_writes_it_to_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str], folder: str | None) -> None:
    file = tmp_path / (folder or "") / "dmed4.json"
    assert run(["models", "dmed4", "--openapi", str(file)]) == (5 if folder else 0)
    if not folder:
        assert json.loads(file.read_text(encoding="utf-8")) == json.loads(json.dumps(DOCUMENT))
        assert "wrote" in capsys.readouterr().out


def test_models_shows_resources_and_parameters(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "dmed4"]) == 0
    text = capsys.readouterr().out
    assert "REST charge_settings (GET PUT POST)" in text
    assert "REST system_parameters (GET POST, login for GET POST)" in text
    assert " board_2_status_bits.fatal_err_bits.e_12 " in text
    assert all(f" {row.id} " in text or f"{row.id} " in text for row in PARAMETERS)
    assert run(["models", "dmed4", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["path"] for row in found["resources"]] == [row.path for row in RESOURCES]
    assert [row["id"] for row in found["parameters"]] == [row.id for row in PARAMETERS]
    voltage = found["resources"][0]["fields"][0]
    assert (voltage["key"], voltage["unit"], voltage["point"], voltage["step"]) == ("voltage", "V/10", "voltage", 10)


def test_a_meter_without_rest_has_no_such_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "bsm", "--openapi", str(tmp_path / "x.json")]) == 2
    assert "has no openapi" in capsys.readouterr().err
