"""Bodies of answers: checked against the shape of the resource and put into the form of the mode."""

from __future__ import annotations

from typing import Any

from wattproof.errors import InvalidValue
from wattproof.g13 import bodies
from wattproof.g13.resources import Resource
from wattproof.gateway.serve.call import Call
from wattproof.gateway.serve.framing import Answer, Header
from wattproof.gateway.serve.problems import INTERNAL, Problem


def reply(call: Call, document: Any, *, extra: tuple[Header, ...] = ()) -> Answer:
    """A document in the default form of section 3 as the answer of the resource."""
    return Answer(body_of(call.resource, document, compat=call.serving.compat), extra=extra)


def body_of(resource: Resource, document: Any, *, compat: bool) -> bytes:
    """The same as bytes. Raises ``Problem`` 500: the document is a mistake of ours."""
    try:
        return bodies.encode(resource, document, compat=compat)
    except InvalidValue as error:
        raise Problem(500, INTERNAL, detail=str(error)) from error
