"""The REST interface of the DMED4 as an OpenAPI 3.1 document, made from its rows.

Source: specification, sections 6 and 7. The manual has no such document; this one says what the rows say.
"""

from __future__ import annotations

from typing import Any

from wattproof.meters.dmed4.models import CHANNELS
from wattproof.meters.dmed4.parameters import BY_ID
from wattproof.meters.dmed4.resources import PREFIX, RESOURCES, SYSTEM_PARAMETERS, Field, Resource, Shape
from wattproof.version import __version__

VERSION = "3.1.0"
_TYPES = {Shape.NUMBER: "integer", Shape.STRING: "string", Shape.OBJECT: "object"}
#: Failures have no body (6.4).
_FAILURES = {
    "400": "Bad request: malformed, out of range, or refused in the present state",
    "403": "Forbidden: a login is needed, the password is wrong, or a lockout runs",
    "404": "Not Found: no such channel or record",
    "501": "Not Implemented: the resource does not know this method",
}


def document() -> dict[str, Any]:
    """The whole document as plain objects, ready for JSON."""
    return {
        "openapi": VERSION,
        "info": {
            "title": "LOVATO DMED4",
            "summary": "REST interface of the DC energy meter, and of its remote display",
            "description": (
                "Every response closes its connection. A login belongs to the device, not to the connection. Failures "
                "have no body."
            ),
            "version": __version__,
        },
        "servers": [_server(scheme, channel) for scheme in ("http", "https") for channel in (False, True)],
        "paths": {f"/{resource.path}": _path(resource) for resource in RESOURCES},
    }


def _server(scheme: str, channel: bool) -> dict[str, Any]:
    variables: dict[str, Any] = {"host": {"default": "192.168.1.1"}}
    if channel:
        variables["channel"] = {"default": str(CHANNELS[0]), "enum": [str(number) for number in CHANNELS]}
    place = "a meter behind a remote display DMED4DC1" if channel else "a meter"
    return {
        "url": f"{scheme}://{{host}}/{PREFIX}" + ("/{channel}" if channel else ""),
        "description": f"{place}, TLS {'on' if scheme == 'https' else 'off'}",
        "variables": variables,
    }


def _path(resource: Resource) -> dict[str, Any]:
    return {method.lower(): _operation(resource, method) for method in resource.methods}


def _operation(resource: Resource, method: str) -> dict[str, Any]:
    words = "".join(part.capitalize() for part in resource.path.replace("/", "_").split("_"))
    login = " Needs a login." if method in resource.login else ""
    operation: dict[str, Any] = {
        "operationId": f"{method.lower()}{words}",
        "summary": resource.description,
        "description": f"Specification, section {resource.source}.{login}",
        "responses": {
            "200": {"description": "OK", "content": {"application/json": {"schema": _answer(resource, method)}}},
            **{code: {"description": words} for code, words in _FAILURES.items()},
        },
    }
    query = resource.query if method == "GET" else resource.of("PUT") if method == "PUT" else ()
    if query:
        operation["parameters"] = [_parameter(field, required=resource.path == "login") for field in query]
    if method == "POST":
        schema = _body(resource)
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return operation


def _answer(resource: Resource, method: str) -> dict[str, Any]:
    """What 200 brings: a GET its listing, a PUT or POST the keys that were applied."""
    fields = resource.of("GET") if method == "GET" or resource.path == "login" else resource.of(method)
    if method == "POST" and resource is SYSTEM_PARAMETERS:
        fields = ()
    found = _object(fields)
    if method == "GET" and fields:
        found["required"] = [field.key for field in fields]
    return found


def _parameter(field: Field, *, required: bool) -> dict[str, Any]:
    return {
        "name": field.key,
        "in": "query",
        "required": required,
        "description": field.description,
        "schema": _schema(field, given=True),
    }


def _body(resource: Resource) -> dict[str, Any]:
    if resource is not SYSTEM_PARAMETERS:
        return _object(resource.of("POST"), given=True)
    schema = _object(resource.of("POST"), given=True)
    splitting = [parameter.id for parameter in BY_ID.values() if parameter.splits]
    for name in splitting:
        schema["properties"] |= {f"{name}_{number:02d}": _byte(name, number) for number in range(1, 5)}
    schema["required"] = [field.key for field in resource.of("POST") if field.key not in splitting]
    schema["allOf"] = [
        {"oneOf": [{"required": [name]}, {"required": [f"{name}_{number:02d}" for number in range(1, 5)]}]}
        for name in splitting
    ]
    return schema


def _byte(name: str, number: int) -> dict[str, Any]:
    return {"type": "integer", "minimum": 0, "maximum": 255, "description": f"byte {number} of {name}, highest first"}


def _object(fields: tuple[Field, ...], *, given: bool = False) -> dict[str, Any]:
    return {"type": "object", "properties": {field.key: _schema(field, given=given) for field in fields}}


def _schema(field: Field, *, given: bool = False) -> dict[str, Any]:
    """The schema of a key; ``given``: as a client sends it, which may be less than what it gets."""
    if field.shape is Shape.OBJECT:
        return {**_object(field.fields), "description": field.description}
    schema: dict[str, Any] = {"type": _TYPES[field.shape]}
    unit = f", {field.unit}" if field.unit else ""
    names = ", ".join(f"{value} {name}" for value, name in (field.symbols or {}).items())
    schema["description"] = f"{field.description}{unit}" + (f": {names}" if names else "")
    if isinstance(field.allowed, range):
        schema |= {"minimum": field.allowed.start, "maximum": field.allowed[-1]}
        if field.allowed.step != 1:
            schema["multipleOf"] = field.allowed.step
    elif field.allowed is not None and given:
        schema["enum"] = list(field.allowed)
    if field.symbols and field.allowed is None:
        schema["enum"] = list(field.symbols)
    return schema
