"""The 91 resources as an OpenAPI 3.1 document, made from their rows and shapes (g13-api.md 2, 3, 13.2).

Two templates of OpenAPI may not differ in names alone, so where a place of a path
takes one of two arguments its name is that of both: ``/demand/{from}/{count_or_to}``. Aliases are named in words.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from wattproof.g13.arguments import argument
from wattproof.g13.bodies import REQUESTS, RESPONSES, STRICT, UPLOAD
from wattproof.g13.resources import RESOURCES, Resource
from wattproof.g13.routing import forms
from wattproof.version import __version__

VERSION = "3.1.0"
JSON, HTML, FORM = "application/json", "text/html", "multipart/form-data"
_SESSIONS = (2, 3)
_ERROR = {"$ref": "#/components/schemas/Error"}
#: Failures by status: what it means, and the type of the body (1.3, GD-35, GD-40).
_FAILURES = {
    400: "The request cannot be carried out as it is",
    401: "No or wrong credentials",
    403: "No right, or the meter refuses",
    404: "No such meter, user or id",
    413: "The body is too large",
    414: "The path is too long",
    415: "The body is no JSON",
    429: "Too many failed logins or requests",
    500: "The meter does not answer",
    502: "The meter does not answer",
    503: "Too much is waiting",
}
#: Statuses of the original alone (GD-07, GD-35), and resources whose refusal by the meter stands under a 200 (GD-08).
_ORIGINAL = frozenset({400, 401, 403, 500})
_BAD_GATEWAY, _DENIED_UNDER_200 = range(69, 81), frozenset({72, 76, 80})


def document(*, compat: bool = False) -> dict[str, Any]:
    """The whole document as plain objects, ready for JSON. In compat mode there are other statuses; bodies of answers
    are described with the members that are ours, and absent there."""
    paths: dict[str, Any] = {}
    for path, places, resource in _operations():
        paths.setdefault(path, {})[resource.method.lower()] = _operation(resource, places, compat)
    return {
        "openapi": VERSION,
        "info": {
            "title": "G13 JSON interface",
            "summary": "The 91 resources of the ABB G13 gateway as Wattproof serves them",
            "description": (
                "Times are local, without zone. A value is an array of its decimal text and its unit; a value that the "
                "meter reports as bad is null, one that it lacks is absent."
            ),
            "version": __version__,
        },
        "servers": [{"url": "https://{host}", "variables": {"host": {"default": "127.0.0.1:8443"}}}],
        "security": [{"basic": []}, {"session": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "basic": {"type": "http", "scheme": "basic"},
                "session": {"type": "apiKey", "in": "cookie", "name": "wattproof"},
            },
            "schemas": {
                "Error": {
                    "type": "object",
                    "properties": {"status": {"const": "error"}, "des": {"type": "string"}},
                    "required": ["status", "des"],
                    "additionalProperties": False,
                }
            },
        },
    }


class _Place(NamedTuple):
    """A place of a path: its name in the document, and the arguments that a resource takes there."""

    title: str
    names: tuple[str, ...]


def _operations() -> Iterator[tuple[str, tuple[_Place, ...], Resource]]:
    """Every path with each resource that it has. Paths that differ in names alone are one."""
    shared: dict[tuple[str, ...], list[dict[str, None]]] = {}
    own: dict[tuple[tuple[str, ...], Resource], list[dict[str, None]]] = {}
    for resource in RESOURCES:
        for form in forms(resource.path):
            segments = form.strip("/").split("/")
            skeleton = tuple("{}" if part.startswith("{") else part for part in segments)
            names = [part.strip("{}") for part in segments if part.startswith("{")]
            for known in (
                shared.setdefault(skeleton, [{} for _ in names]),
                own.setdefault((skeleton, resource), [{} for _ in names]),
            ):
                for place, name in zip(known, names, strict=True):
                    place[name] = None
    for (skeleton, resource), taken in own.items():
        titles = ["_or_".join(names) for names in shared[skeleton]]
        left = iter(titles)
        path = "".join(f"/{{{next(left)}}}" if part == "{}" else f"/{part}" for part in skeleton)
        yield path, tuple(_Place(title, tuple(names)) for title, names in zip(titles, taken, strict=True)), resource


def _operation(resource: Resource, places: tuple[_Place, ...], compat: bool) -> dict[str, Any]:
    tail = "".join(f"_by_{place.title}" for place in places if place.title != "serial") if "[" in resource.path else ""
    aliases = f" Aliases: {', '.join(resource.aliases)}." if resource.aliases else ""
    operation: dict[str, Any] = {
        "operationId": resource.operation + tail,
        "summary": resource.summary,
        "description": f"Resource {resource.number}, right: {resource.right.name}.{aliases}",
        "tags": ["meter" if resource.of_meter else "gateway"],
    }
    if places:
        operation["parameters"] = [_parameter(resource, place) for place in places]
    if body := _request(resource, compat):
        operation["requestBody"] = body
    operation["responses"] = _responses(resource, compat)
    return operation


def _parameter(resource: Resource, place: _Place) -> dict[str, Any]:
    schemas = [argument(resource, name).shape.schema(request=True) for name in place.names]
    return {
        "name": place.title,
        "in": "path",
        "required": True,
        "schema": schemas[0] if len(schemas) == 1 else {"anyOf": schemas},
    }


def _request(resource: Resource, compat: bool) -> dict[str, Any] | None:
    if resource.number == UPLOAD:
        image = {"type": "string", "contentMediaType": "application/octet-stream", "minLength": 1}
        form = {"type": "object", "properties": {"image": image}, "required": ["image"], "additionalProperties": False}
        return {"required": True, "content": {FORM: {"schema": form}}}
    declared = REQUESTS.get(resource.number)
    if declared is None:
        return None
    schema = declared.shape.schema(request=True)
    schema = schema if resource.number in STRICT and not compat else _opened(schema)
    return {"required": declared.needed, "content": {JSON: {"schema": schema}}}


def _opened(schema: Any) -> Any:
    """The schema of a body in which members that are not known are ignored (GD-50)."""
    if isinstance(schema, list):
        return [_opened(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    closed = schema.get("additionalProperties") is False
    return {name: _opened(part) for name, part in schema.items() if not (closed and name == "additionalProperties")}


def _responses(resource: Resource, compat: bool) -> dict[str, Any]:
    good: dict[str, Any] = {"description": "OK"}
    if resource.number in RESPONSES:
        schema = RESPONSES[resource.number].schema(request=False)
        if compat and resource.number in _DENIED_UNDER_200:
            schema = {"anyOf": [schema, _ERROR]}
        good["content"] = {JSON: {"schema": schema}}
    return {"200": good} | {str(status): _failure(resource, status) for status in _failing(resource, compat)}


def _failing(resource: Resource, compat: bool) -> Iterator[int]:
    """The statuses of failures that a resource has."""
    for status in _FAILURES:
        if status == 414:
            there = not compat and "{" in resource.path
        elif status == 502:
            there = compat and resource.number in _BAD_GATEWAY
        elif status in (413, 415):
            there = not compat and (resource.number in REQUESTS or resource.number == UPLOAD)
        else:
            there = not compat or status in _ORIGINAL
        if there:
            yield status


def _failure(resource: Resource, status: int) -> dict[str, Any]:
    html = status == 401 or (status == 403 and resource.number in _SESSIONS)
    content = {HTML: {"schema": {"type": "string"}}} if html else {JSON: {"schema": _ERROR}}
    return {"description": _FAILURES[status], "content": content}
