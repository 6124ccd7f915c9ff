"""What the journal shows of requests and answers: everything but the advanced password (7.10, 7.12, 16.1).

Names and places that carry none are listed; whatever stands elsewhere is hidden, so that a password in the wrong place
is hidden too.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from urllib.parse import unquote

from wattproof.io.http import Request
from wattproof.meters.dmed4.parameters import BY_ID, PASSWORD
from wattproof.meters.dmed4.resources import LOGIN, RESOURCES
from wattproof.meters.dmed4.virtual import rest
from wattproof.wire.http1 import Response

HIDDEN = "***"
_HARMLESS = {"ip"} | {field.key for row in RESOURCES for field in (*row.fields, *row.query)} - {PASSWORD, "password"}
_PASSWORD = re.compile(rb'("%b":)[0-9]+' % PASSWORD.encode())
#: Last parts of paths whose bodies hold no password, and the addresses of pages, whose form does.
_OPEN_BODIES = ("ocmf", "charge_settings", "system_status", "force_display")
_PAGE = re.compile(r"/[1-4]?")


def shown_request(request: Request) -> Request:
    """The request without passwords."""
    path, mark, query = request.target.partition("?")
    return replace(request, target=path + mark + _arguments(query), body=_body(request))


def shown_answer(request: Request, response: Response) -> bytes:
    """The body of the answer without passwords."""
    return _PASSWORD.sub(rb'\1"%b"' % HIDDEN.encode(), response.body)


def _arguments(text: str) -> str:
    return "&".join(map(_argument, text.split("&")))


def _argument(text: str) -> str:
    name, mark, _ = text.partition("=")
    if unquote(name).strip() in _HARMLESS:
        return text
    known = name + mark if name == LOGIN.fields[0].key else ""
    return known + HIDDEN if text else text


def _body(request: Request) -> bytes:
    last = request.path.removesuffix("/").rpartition("/")[2]
    if not request.body or last in _OPEN_BODIES:
        return request.body
    if _PAGE.fullmatch(request.path):
        return _arguments(request.body.decode("latin-1")).encode("latin-1")
    if last == "system_parameters":
        return _parameters(request.body)
    return HIDDEN.encode()


def _parameters(body: bytes) -> bytes:
    try:
        given = rest.read_json(body)
    except rest.Failure:
        return HIDDEN.encode()
    shown = {key: HIDDEN if key == PASSWORD or key[:6] not in BY_ID else value for key, value in given.items()}
    return json.dumps(shown).encode()
