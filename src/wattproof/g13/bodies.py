"""Requests in, answers out: the bodies of the 91 resources by their shapes (g13-api.md 3, 6, 7, 13.2).

>>> from wattproof.g13.resources import BY_NUMBER
>>> validate(BY_NUMBER[6], b'{"baudrate":"9600","interoctettimeout":40}')
{'baudrate': 9600, 'interoctettimeout': 40}
>>> encode(BY_NUMBER[11], {"status": "set", "datetime": "2012-05-09T16:30:52"})
b'{"datetime":"2012-05-09T16:30:52","status":"set"}'
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from wattproof.errors import InvalidValue, ProtocolError
from wattproof.g13 import jsontext
from wattproof.g13.arguments import argument
from wattproof.g13.resources import Resource
from wattproof.g13.shapes import gateway, measured, meters, recorded
from wattproof.g13.shapes.shape import Body, How, Shape, Unfit

#: What each resource takes, and what it answers, by number. Resources without a body are not there: 2 and 3 answer
#: nothing; 25 takes a form.
REQUESTS: Mapping[int, Body] = MappingProxyType(
    {**gateway.REQUESTS, **meters.REQUESTS, **measured.REQUESTS, **recorded.REQUESTS}
)
RESPONSES: Mapping[int, Shape] = MappingProxyType(
    {**gateway.RESPONSES, **meters.RESPONSES, **measured.RESPONSES, **recorded.RESPONSES}
)
#: The resource that takes a form of one file instead of JSON.
UPLOAD = 25
#: Writes that refuse members which they do not know (GD-50).
STRICT = range(52, 91)
UNREADABLE = "JSON parse error"
INVALID_REQUEST = "Invalid Request"
SUCCESS = {"status": "success"}
#: 6.3: what the original says whatever is wrong; all other resources say ``Invalid Request``.
PRINTED: Mapping[int, str] = MappingProxyType(
    {
        5: "missing ip in JSON",
        **dict.fromkeys((6, 7, 8), "missing baudrate in JSON"),
        **dict.fromkeys((10, 12, 39, 40), "missing datetime tag in JSON"),
        **dict.fromkeys((18, 19, 25, 27, 53), "missing name and key tag in JSON"),
        **dict.fromkeys((32, 33, 34, 36, 37), UNREADABLE),
    }
)
#: How deep an answer of another gateway may nest.
ANSWER_DEPTH = 16


class BadRequest(InvalidValue):
    """A request that cannot be carried out as it is: status 400. ``text`` is what the answer says."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


def bad_request(resource: Resource, text: str, *, compat: bool = False) -> BadRequest:
    """The refusal of a request, in compat mode with the text that the original prints for the resource (6.3)."""
    return BadRequest(PRINTED.get(resource.number, INVALID_REQUEST) if compat else text)


def validate(resource: Resource, body: bytes, *, compat: bool = False) -> dict[str, Any]:
    """The body of a request in its normal form: whole numbers as ``int``, decimals as text, names of things with a
    number as that number, members under their first name. Empty for resources that take none.

    Raises:
        BadRequest: with the text of GD-22, 13.2 or, in compat mode, 6.3.
    """
    declared = REQUESTS.get(resource.number)
    if declared is None:
        return {}
    how = How(compat=compat, strict=resource.number in STRICT and not compat)
    try:
        found = _parsed(body, declared)
        taken: dict[str, Any] = declared.shape.take(found, how)
        if declared.check is not None:
            declared.check(taken, how)
    except Unfit as problem:
        raise bad_request(resource, problem.text or UNREADABLE, compat=compat) from None
    return taken


def _parsed(body: bytes, declared: Body) -> Any:
    if not declared.needed and not body.strip():
        return {}
    try:
        return jsontext.parse(body)
    except InvalidValue:
        raise Unfit(UNREADABLE) from None


def check_arguments(resource: Resource, given: Mapping[str, str], *, compat: bool = False) -> dict[str, Any]:
    """The arguments of a path, numbers as ``int``. Raises :class:`BadRequest`."""
    try:
        return {name: argument(resource, name).take(text, compat) for name, text in given.items()}
    except Unfit as problem:
        raise bad_request(resource, problem.text, compat=compat) from None


def encode(resource: Resource, document: Any, *, compat: bool = False) -> bytes:
    """The body of a good answer, compact and in the order of section 3. ``document`` is in the default form, members
    in any order; what compat mode shows differently is changed here.

    Raises:
        InvalidValue: the document does not have the shape of the resource.
    """
    shape = RESPONSES.get(resource.number)
    if shape is None:
        return b""
    try:
        return jsontext.encode(shape.give(document, compat))
    except InvalidValue as error:
        raise InvalidValue(f"the answer to {resource} is wrong: {error}") from error


class Streamed:
    """The body of a recorded resource (69, 73, 77) in parts: head, any number of lists of items, end."""

    def __init__(self, resource: Resource, head: Mapping[str, Any], *, compat: bool = False) -> None:
        self._item = recorded.ITEMS[resource.number]
        self._compat = compat
        self._begun = False
        whole = encode(resource, {**head, "items": []}, compat=compat)
        self._head, self._end = whole[: -len(b"]}")], b"]}"

    @property
    def head(self) -> bytes:
        """Everything up to the first item."""
        return self._head

    @property
    def end(self) -> bytes:
        """What makes the body whole; left out where the answer fails (11.5)."""
        return self._end

    def items(self, items: Iterable[Any]) -> bytes:
        """Further items. Raises :class:`~wattproof.errors.InvalidValue`."""
        parts = b",".join(jsontext.encode(self._item.give(item, self._compat)) for item in items)
        joint = b"," if self._begun and parts else b""
        self._begun = self._begun or bool(parts)
        return joint + parts


def accept(resource: Resource, body: bytes) -> Any:
    """The answer of a gateway in the default form, from any of the forms that section 6 accepts.

    Raises:
        ProtocolError: it is no JSON, or not the answer to this resource.
    """
    shape = RESPONSES.get(resource.number)
    if shape is None:
        return None
    try:
        return shape.take(jsontext.parse(body, depth=ANSWER_DEPTH), How(request=False))
    except InvalidValue as error:
        raise ProtocolError(f"the answer to {resource} is {error}") from None
    except Unfit as problem:
        raise ProtocolError(f"the answer to {resource} cannot be read: {problem.text or 'it is no object'}") from None
