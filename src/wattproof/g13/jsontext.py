"""JSON as the G13 interface speaks it: compact and exact when written, strict and bounded when read (GD-49, 9.4).

Numbers are read as ``int`` or :class:`~decimal.Decimal` and written from these, so that no digit is lost.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from json.encoder import encode_basestring
from typing import Any, NoReturn

from wattproof.errors import InvalidValue

#: How many objects and arrays may lie inside each other in a request; answers of gateways may nest deeper.
DEPTH = 8
#: A whole number with more digits than this is kept as a decimal: nothing here is that large.
DIGITS = 30
_TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)
_DEEPER = {b"[": 1, b"{": 1, b"]": -1, b"}": -1}


def parse(data: bytes, *, depth: int = DEPTH) -> Any:
    """What a body says.

    Raises :class:`~wattproof.errors.InvalidValue` where it is no JSON in UTF-8, names a member twice, has a number that
    is none (NaN, Infinity), text that is no Unicode, or nests deeper than ``depth``.
    """
    _check_depth(data, depth)
    try:
        found = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_members,
            parse_int=_whole,
            parse_float=Decimal,
            parse_constant=_no_number,
        )
        _check_texts(found)
    except (ValueError, ArithmeticError) as error:
        raise InvalidValue(f"no JSON: {error}") from None
    return found


def _check_depth(data: bytes, limit: int) -> None:
    depth = 0
    for token in _TOKENS.finditer(data):
        depth += _DEEPER.get(token.group(), 0)
        if depth > limit:
            raise InvalidValue(f"no JSON that is taken: more than {limit} objects and arrays inside each other")


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member is named twice")
    return found


def _whole(text: str) -> int | Decimal:
    return int(text) if len(text) <= DIGITS else Decimal(text)


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def _check_texts(found: Any) -> None:
    """A lone surrogate can be escaped in JSON, but not be stored or sent on."""
    if isinstance(found, str):
        found.encode("utf-8")
    elif isinstance(found, dict):
        for name, value in found.items():
            _check_texts(name)
            _check_texts(value)
    elif isinstance(found, list):
        for value in found:
            _check_texts(value)


def encode(value: Any) -> bytes:
    """Compact JSON in UTF-8, members in the order of the mapping.

    >>> encode({"value": Decimal("100.0"), "unit": None, "name": "Zähler"})
    b'{"value":100.0,"unit":null,"name":"Z\\xc3\\xa4hler"}'

    Raises :class:`~wattproof.errors.InvalidValue` for what is no JSON.
    """
    parts: list[str] = []
    _write(value, parts)
    try:
        return "".join(parts).encode("utf-8")
    except UnicodeEncodeError:
        raise InvalidValue("a text holds half a character (a lone surrogate)") from None


def _write(value: Any, parts: list[str]) -> None:
    if isinstance(value, str):
        parts.append(encode_basestring(value))
    elif value is None or isinstance(value, bool):
        parts.append("null" if value is None else "true" if value else "false")
    elif isinstance(value, int):
        parts.append(str(int(value)))
    elif isinstance(value, Decimal) and value.is_finite():
        parts.append(format(value, "f"))
    elif isinstance(value, Mapping) and all(isinstance(name, str) for name in value):
        _write_all(parts, "{}", ((f"{encode_basestring(name)}:", item) for name, item in value.items()))
    elif isinstance(value, list | tuple):
        _write_all(parts, "[]", (("", item) for item in value))
    else:
        raise InvalidValue(f"{value!r} cannot be written as JSON")


def _write_all(parts: list[str], brackets: str, items: Any) -> None:
    parts.append(brackets[0])
    for number, (head, item) in enumerate(items):
        parts.append(f",{head}" if number else head)
        _write(item, parts)
    parts.append(brackets[1])
