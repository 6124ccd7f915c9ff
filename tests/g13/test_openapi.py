"""The OpenAPI document says what rows and shapes say, and its schemas agree with what the shapes take."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

from tests.g13.examples import EXAMPLES, Example
from tests.g13.test_requests import ACCEPTED, IP, REFUSED
from wattproof.g13.bodies import REQUESTS, RESPONSES, STRICT
from wattproof.g13.openapi import document
from wattproof.g13.resources import BY_NUMBER, RESOURCES
from wattproof.g13.routing import Match, Router, forms
from wattproof.g13.shapes.shape import How, Unfit
from wattproof.g13.shapes.times import Moment

DOCUMENT = document()
ROUTER = Router(RESOURCES)
YEARS = (0, 1, 4, 100, 400, 1900, 1999, 2000, 2023, 2024, 2099, 2100, 9996, 9999)
VALUES = (1, "2026-01-01T00:00:00", "active", "co2", "M")


#: Further forms are not in the document: numbers as text, characters of several code points.
CANONICAL = [
    row for row in ACCEPTED if isinstance(row[1], dict) and row[1] == (row[2] or row[1]) and row[0] not in (18, 45)
]


#: What no schema can say: how members compare.
COMPARED = {
    (5, "invalid gateway"),
    (18, "new key equals old key"),
    (18, "key equals name"),
    (36, "invalid start"),
    (48, "invalid ratio"),
    (75, "too many items"),
    (86, "invalid weekprofiles"),
    (90, "profile id in use"),
}


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


def test_what_is_refused_the_schemas_refuse_as_well() -> None:
    bodies = [(number, body, text) for number, body, text in REFUSED if isinstance(body, dict)]
    let = [
        (number, text)
        for number, body, text in bodies
        if jsonschema_rs.is_valid(REQUESTS[number].shape.schema(request=True), json.loads(json.dumps(body)))
    ]
    assert set(let) == COMPARED, set(let) ^ COMPARED


@pytest.mark.parametrize("shape", [Moment(), Moment(clock=True)])
def test_the_schema_of_a_moment_takes_the_same_days(shape: Moment) -> None:
    pattern = re.compile(shape.schema(request=True)["pattern"])
    days = [f"{year:04}-{month:02}-{day:02}" for year in YEARS for month in range(14) for day in range(33)]
    for text in [*(f"{day}T23:59:59" for day in days), "2026-01-01T24:00:00", "2026-01-01T23:60:00", "2026-01-01"]:
        try:
            shape.take(text, How())
        except Unfit:
            assert pattern.search(text) is None, text
        else:
            assert pattern.search(text) is not None, text


def test_members_that_are_not_known_are_refused_where_the_schema_is_closed() -> None:
    for path, method, operation in operations():
        schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
        match = ROUTER.find(method.upper(), re.sub(r"{\w+}", "1", path))
        assert isinstance(match, Match)
        if schema is not None:
            assert ("additionalProperties" in json.dumps(schema)) == (match.resource.number in STRICT), operation


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
