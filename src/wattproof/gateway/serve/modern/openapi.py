"""The modern interface as an OpenAPI 3.1 document, made from its rows and shapes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import msgspec

from wattproof.gateway.quantities import IDS
from wattproof.gateway.serve.modern import shapes
from wattproof.gateway.serve.modern.face import JSON, Called, Face, Reply
from wattproof.gateway.serve.modern.rows import END_POINTS, EndPoint
from wattproof.version import __version__

_TEXT = {"type": "string", "minLength": 1}
REFERENCE = "#/components/schemas/{name}"
#: Statuses of every end point that needs a login, with their words.
WORDS = {
    400: "The request is wrong; `des` says how.",
    401: "No or wrong credentials.",
    403: "No right to do this.",
    404: "No such thing.",
    405: "No such method here.",
    409: "Not in this state, or not with this meter; `des` says why.",
    413: "Too long.",
    414: "The path is too long.",
    415: "The body is no JSON.",
    429: "Too many failed logins, or too many requests.",
    500: "The meter or the disk failed.",
    503: "Busy, or a process of the gateway is away.",
}
ALWAYS = (401, 403, 404, 405, 413, 414, 415, 429, 500, 503)
#: Arguments of paths that are not any text.
ARGUMENTS: Mapping[str, Mapping[str, Any]] = {"channel": {"type": "integer", "minimum": 1, "maximum": 8}}
#: A query that is a list with commas: what its items are.
LISTS: Mapping[str, Sequence[str]] = {"quantity": sorted(IDS)}


async def openapi(face: Face, called: Called) -> Reply:
    """The document."""
    return Reply(200, encoded(), JSON)


async def g13_openapi(face: Face, called: Called) -> Reply:
    """The document of the 91 resources."""
    from wattproof.g13 import openapi as old

    return Reply(200, msgspec.json.encode(old.document(compat=face.serving.compat)), JSON)


@cache
def encoded() -> bytes:
    """The document as JSON."""
    return msgspec.json.encode(document())


def document() -> dict[str, Any]:
    """The document. Answers are closed and all their members required."""
    bodies = [shapes.Problem]
    bodies += [row.body for row in END_POINTS if row.body is not None]
    bodies += [row.answer for row in END_POINTS if not isinstance(row.answer, str)]
    _, components = msgspec.json.schema_components(bodies, ref_template=REFERENCE)
    for schema in components.values():
        if schema.get("type") == "object" and "properties" in schema:
            _close(schema)
    paths: dict[str, Any] = {}
    for row in END_POINTS:
        paths.setdefault(row.path, {})[row.method.lower()] = _operation(row)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Wattproof gateway",
            "version": __version__,
            "description": "What the resources of the G13 cannot say: quality, ranges of time, live values, sessions.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "basic": {"type": "http", "scheme": "basic"},
                "token": {"type": "http", "scheme": "bearer"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": "wattproof"},
            },
        },
        "security": [{"basic": []}, {"token": []}, {"cookie": []}],
    }


def _close(schema: dict[str, Any]) -> None:
    """What answers always have is required, also where a shape gives it a default."""
    name = schema.get("title", "")
    kind = getattr(shapes, name, None)
    if isinstance(kind, type) and issubclass(kind, shapes.Out):
        schema["required"] = list(schema["properties"])


def _operation(row: EndPoint) -> dict[str, Any]:
    success = "201" if row.created else "200"
    answers: dict[str, Any] = {success: {"description": "Done.", "content": _content(row.answer)}}
    for status in sorted({*ALWAYS, *row.errors, *((400,) if row.body or row.query or row.of_meter else ())}):
        answers[str(status)] = _refusal(status)
    operation: dict[str, Any] = {
        "operationId": row.name,
        "summary": row.summary,
        "parameters": [*_path_parameters(row), *_query_parameters(row)],
        "responses": answers,
    }
    if row.right is None:
        operation["security"] = []
    if row.body is not None:
        operation["requestBody"] = {"required": True, "content": _content(row.body)}
    return operation


def _refusal(status: int) -> dict[str, Any]:
    content = {"text/html": {"schema": {"type": "string"}}} if status == 401 else _content(shapes.Problem)
    return {"description": WORDS[status], "content": content}


def _content(shape: Any) -> dict[str, Any]:
    if isinstance(shape, str):
        kind = shape.partition(";")[0]
        return {kind: {"schema": {"type": "object"} if kind == JSON else {"type": "string"}}}
    return {JSON: {"schema": {"$ref": REFERENCE.format(name=shape.__name__)}}}


def _path_parameters(row: EndPoint) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": ARGUMENTS.get(name, _TEXT)}
        for name in re.findall(r"\{(\w+)\}", row.path)
    ]


def _query_parameters(row: EndPoint) -> list[dict[str, Any]]:
    if row.query is None:
        return []
    (_,), components = msgspec.json.schema_components([row.query], ref_template=REFERENCE)
    schema = components[row.query.__name__]
    return [
        {"name": name, "in": "query", "required": name in schema.get("required", []), **_query_schema(name, found)}
        for name, found in schema["properties"].items()
    ]


def _query_schema(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    if name in LISTS:
        items = {"type": "string", "enum": list(LISTS[name])}
        return {"schema": {"type": "array", "items": items, "minItems": 1}, "style": "form", "explode": False}
    return {"schema": _plain(schema)}


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """A query has no null: leaving it out is its null."""
    kinds = [kind for kind in schema.get("anyOf", []) if kind.get("type") != "null"]
    return {**kinds[0]} if kinds else {name: value for name, value in schema.items() if name != "default"}
