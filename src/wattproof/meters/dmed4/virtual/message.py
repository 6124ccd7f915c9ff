"""The input message: the fixed fields that a client hands over before a cycle, in any of their forms, judged.

Source: specification, sections 8.5, 9.3 and 9.6; DEC-53, DEC-54. A message is kept as it was sent, without the white
space between its tokens.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from wattproof.meters.dmed4.enums import JSON_NOT_FULL_PACKET, JSON_SYNTAX, JSON_VALUE
from wattproof.wire.nesting import too_deep

HEAD = "OCMF|"
#: Keys that the meter fills; a value of the client is replaced (9.3).
FILLED = ("PG", "MV", "MM", "MS", "MF")
_TEXTS = frozenset(("FV", "GI", "GS", "GV", "IL", "IT", "ID", "TT", "CF", "CT", "CI", *FILLED, *"UVWXYZ"))
_LONGEST = {"TT": 250, "CF": 25}
_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"|\s+', re.DOTALL)


class Members(list[tuple[str, Any]]):
    """The members of a JSON object as they stand, doubles included."""


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is no JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=Members, parse_constant=_no_constant)
#: How a text ends that breaks off inside a word, a number or the escape of a character.
_BROKEN_OFF = re.compile(
    r"(?:t|tr|tru|f|fa|fal|fals|n|nu|nul"
    r"|-|-?[0-9]+(?:\.|(?:\.[0-9]+)?[eE][+-]?)"
    r"|\\(?:u[0-9A-Fa-f]{0,4})?)\Z"
)


class Fixed(NamedTuple):
    """Accepted fields: keys and the JSON text of their values, in the order of the client; RD is left out."""

    fields: tuple[tuple[str, str], ...]

    @property
    def id(self) -> str:
        """The field ID, "" without one."""
        return next((json.loads(value) for key, value in self.fields if key == "ID"), "")


class Unacceptable(Exception):
    """A message that is not taken. ``bit`` is the error that it sets in dword 1."""

    def __init__(self, bit: int, reason: str) -> None:
        super().__init__(reason)
        self.bit = bit


def judge(data: bytes, *, wrapped: bool = False) -> Fixed:
    """The fields in a message: the payload object, or the text ``OCMF|payload|signature`` or a part of it.

    ``wrapped``: it may stand in an object as ``OCMF_BUFF`` (REST). Raises ``Unacceptable``.
    """
    if b"\0" in data:
        raise Unacceptable(JSON_NOT_FULL_PACKET, "a zero byte inside the message")
    try:
        text = data.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        bit = JSON_NOT_FULL_PACKET if error.reason == "unexpected end of data" else JSON_SYNTAX
        raise Unacceptable(bit, "no UTF-8 text") from None
    if wrapped and text.startswith("{"):
        pairs, end = _object(text, 0)
        if [key for key, _ in pairs] == ["OCMF_BUFF"] and not text[end:]:
            inner = pairs[0][1]
            if not isinstance(inner, str):
                raise Unacceptable(JSON_VALUE, "OCMF_BUFF is no string")
            text = inner.strip()
    start = len(HEAD) if text.startswith(HEAD) else 0
    pairs, end = _object(text, start)
    _check_signature(text[end:])
    return _checked(pairs, text[start:end])


def _object(text: str, start: int) -> tuple[Members, int]:
    """Keys and values of the JSON object at ``start``, and where it ends."""
    if too_deep(text[start:]):
        raise Unacceptable(JSON_SYNTAX, "nested too deep")
    try:
        value, end = _DECODER.raw_decode(text, start)
    except json.JSONDecodeError as error:
        bit = JSON_NOT_FULL_PACKET if _ends_early(text, error) else JSON_SYNTAX
        raise Unacceptable(bit, f"no JSON: {error.msg}") from None
    except ValueError as error:  # a constant, or a number with thousands of digits
        raise Unacceptable(JSON_SYNTAX, f"no JSON: {error}") from None
    if not isinstance(value, Members):
        raise Unacceptable(JSON_SYNTAX, "no JSON object")
    return value, end


def _ends_early(text: str, error: json.JSONDecodeError) -> bool:
    """Whether more text could have mended it: it is at its end that it is no JSON."""
    if not text:
        return False
    if HEAD.startswith(text) or error.pos >= len(text) or error.msg.startswith("Unterminated string"):
        return True
    broken = _BROKEN_OFF.search(text)
    return broken is not None and error.pos >= broken.start()


def _check_signature(rest: str) -> None:
    """Behind the payload stands nothing, or a pipe and an object whose content does not matter."""
    if not rest:
        return
    if rest[0] != "|":
        raise Unacceptable(JSON_SYNTAX, "something stands behind the payload")
    _, end = _object(rest, 1)
    if rest[end:].strip():
        raise Unacceptable(JSON_SYNTAX, "something stands behind the signature section")


def _checked(pairs: Members, text: str) -> Fixed:
    if "|" in text:
        raise Unacceptable(JSON_VALUE, "a pipe inside the payload")
    keys = [key for key, _ in pairs]
    if any("\ud800" <= letter <= "\udfff" for key in keys for letter in key):
        raise Unacceptable(JSON_VALUE, "a key holds half of a character")
    if len(set(keys)) != len(keys):
        raise Unacceptable(JSON_VALUE, "a key stands twice")
    for key, value in pairs:
        wrong = _objection(key, value)
        if wrong:
            raise Unacceptable(JSON_VALUE, f"{key} {wrong}")
    return Fixed(tuple((key, value) for key, value in _split(compact(text)) if key != "RD"))


def _objection(key: str, value: Any) -> str | None:
    """What is wrong with a field (9.3)."""
    if "|" in key:
        return "has a pipe in its name"
    if key == "IS":
        return None if isinstance(value, bool) else "is no boolean"
    if key == "IF":
        right = isinstance(value, list) and len(value) <= 4 and all(isinstance(item, str) for item in value)
        return None if right and not isinstance(value, Members) else "is no array of at most four strings"
    if key == "LC":
        return None if isinstance(value, Members) else "is no object"
    if key == "RD":
        return None if value == [] and not isinstance(value, Members) else "is no empty array"
    if key in _TEXTS:
        if not isinstance(value, str):
            return "is no string"
        if len(value) > _LONGEST.get(key, len(value)):
            return f"has more than {_LONGEST[key]} characters"
    return None


def compact(text: str) -> str:
    """JSON text without the white space between its tokens."""
    return _TOKENS.sub(lambda found: found.group() if found.group()[0] == '"' else "", text)


def _split(text: str) -> list[tuple[str, str]]:
    """Keys and value texts of a compact JSON object."""
    found: list[tuple[str, str]] = []
    at = 1
    while text[at] != "}":
        key, at = _DECODER.raw_decode(text, at + (text[at] == ","))
        _, end = _DECODER.raw_decode(text, at + 1)
        found.append((key, text[at + 1 : end]))
        at = end
    return found
