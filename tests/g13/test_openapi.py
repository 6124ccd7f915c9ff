"""The OpenAPI document says what rows and shapes say, and its schemas agree with what the shapes take."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

from tests.g13.examples import EXAMPLES, Example
from tests.g13.test_requests import ACCEPTED, IP, REFUSED
from wattproof.g13.bodies import REQUESTS, RESPONSES
from wattproof.g13.openapi import document
from wattproof.g13.resources import BY_NUMBER, RESOURCES
from wattproof.g13.routing import Match, Router, forms

DOCUMENT = document()
ROUTER = Router(RESOURCES)
VALUES = (1, "2026-01-01T00:00:00", "active", "co2", "M")


#: Further forms are not in the document: numbers as text, characters of several code points.
CANONICAL = [
    row for row in ACCEPTED if isinstance(row[1], dict) and row[1] == (row[2] or row[1]) and row[0] not in (18, 45)
]


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def test_every_form_of_every_resource_is_there_once() -> None:
    names = [operation["operationId"] for _, _, operation in operations()]
    assert len(names) == len(set(names))
    paths = [path for path, _, _ in operations()]
    skeletons = {"/".join("{}" if part.startswith("{") else part for part in path.split("/")) for path in paths}
    assert len(skeletons) == len(DOCUMENT["paths"])  # templates that differ in names alone are not allowed
    found: dict[int, int] = {}
    for path, method, operation in operations():
        parameters = {one["name"]: one["schema"] for one in operation.get("parameters", ())}
        filled = path
        for name, schema in parameters.items():
            assert f"{{{name}}}" in path
            fitting = next(value for value in VALUES if jsonschema_rs.is_valid(schema, value))
            filled = filled.replace(f"{{{name}}}", str(fitting))
        assert filled.count("{") == 0
        match = ROUTER.find(method.upper(), filled)
        assert isinstance(match, Match)
        assert f"Resource {match.resource.number}," in operation["description"]
        found[match.resource.number] = found.get(match.resource.number, 0) + 1
    assert sorted(found) == list(range(1, 92))
    assert found[73] == 4  # eight forms of four shapes
    assert found[1] == len(list(forms(BY_NUMBER[1].path)))
    json.dumps(DOCUMENT)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: f"{example.number}-{example.kind}")
def test_printed_bodies_fit_the_schemas(example: Example) -> None:
    body = json.loads(example.text)
    if example.number == 30:
        body["associationobjects"] = [1] * 241
    shape = REQUESTS[example.number].shape if example.kind == "request" else RESPONSES[example.number]
    jsonschema_rs.validate(shape.schema(request=example.kind == "request"), body)


def test_schemas_are_closed_and_name_what_is_needed() -> None:
    schema = REQUESTS[5].shape.schema(request=True)
    assert schema["required"] == list(IP)
    assert schema["additionalProperties"] is False
    assert RESPONSES[9].schema(request=False)["required"] == ["serial", "alias", "location"]
    for resource in RESOURCES:
        for shape, request in (
            (RESPONSES.get(resource.number), False),
            (getattr(REQUESTS.get(resource.number), "shape", None), True),
        ):
            if shape is not None:
                jsonschema_rs.validator_for(shape.schema(request=request))


@pytest.mark.parametrize(("number", "body", "normal"), CANONICAL)
def test_canonical_requests_fit_the_schemas(number: int, body: Any, normal: Any) -> None:
    jsonschema_rs.validate(REQUESTS[number].shape.schema(request=True), body)


def test_most_of_what_is_refused_the_schemas_refuse_as_well() -> None:
    bodies = [(number, body, text) for number, body, text in REFUSED if isinstance(body, dict)]
    let = [
        (number, text)
        for number, body, text in bodies
        if jsonschema_rs.is_valid(REQUESTS[number].shape.schema(request=True), json.loads(json.dumps(body)))
    ]
    # What several members say together, and what repeats, no schema says.
    assert len(let) < len(bodies) // 4, let


def test_failures_have_their_bodies() -> None:
    responses = DOCUMENT["paths"]["/login"]["post"]["responses"]
    assert set(responses["401"]["content"]) == set(responses["403"]["content"]) == {"text/html"}
    assert "content" not in responses["200"]
    responses = DOCUMENT["paths"]["/users"]["put"]["responses"]
    assert set(responses) == {"200", "400", "401", "403", "404", "413", "415", "429", "500", "503"}
    assert responses["403"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Error"}
    assert "413" not in DOCUMENT["paths"]["/about"]["get"]["responses"]
    assert set(DOCUMENT["paths"]["/firmware"]["post"]["requestBody"]["content"]) == {"multipart/form-data"}
    compat = document(compat=True)["paths"]
    assert set(compat["/users"]["put"]["responses"]) == {"200", "400", "401", "403", "500"}
    demand = compat["/meters/{serial}/demand"]["delete"]["responses"]
    assert "502" in demand
    assert {"$ref": "#/components/schemas/Error"} in demand["200"]["content"]["application/json"]["schema"]["anyOf"]
    assert DOCUMENT["paths"]["/meters/scanned"]["delete"]["requestBody"]["required"] is False
