"""The input message: the fixed fields that a client hands over before a cycle, in any of their forms, judged.

Source: specification, sections 8.5, 9.3 and 9.6; DEC-53, DEC-54. A message is kept as it was sent, without the white
space between its tokens.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from wattproof.meters.dmed4.enums import JSON_NOT_FULL_PACKET, JSON_SYNTAX, JSON_VALUE

HEAD = "OCMF|"
#: Keys that the meter fills; a value of the client is replaced (9.3).
FILLED = ("PG", "MV", "MM", "MS", "MF")
_TEXTS = frozenset(("FV", "GI", "GS", "GV", "IL", "IT", "ID", "TT", "CF", "CT", "CI", *FILLED, *"UVWXYZ"))
_LONGEST = {"TT": 250, "CF": 25}
_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"|\s+', re.DOTALL)


class Members(list[tuple[str, Any]]):
    """The members of a JSON object as they stand, doubles included."""


_DECODER = json.JSONDecoder(object_pairs_hook=Members)


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
    except UnicodeDecodeError:
        raise Unacceptable(JSON_SYNTAX, "no UTF-8 text") from None
    if wrapped and text.startswith("{"):
        pairs, end = _object(text, 0)
        if dict(pairs).keys() == {"OCMF_BUFF"} and not text[end:]:
            inner = dict(pairs)["OCMF_BUFF"]
            if not isinstance(inner, str):
                raise Unacceptable(JSON_VALUE, "OCMF_BUFF is no string")
            text = inner.strip()
    start = len(HEAD) if text.startswith(HEAD) else 0
    pairs, end = _object(text, start)
    _check_signature(text[end:])
    return _checked(pairs, text[start:end])


def _object(text: str, start: int) -> tuple[Members, int]:
    """Keys and values of the JSON object at ``start``, and where it ends."""
    try:
        value, end = _DECODER.raw_decode(text, start)
    except json.JSONDecodeError as error:
        unfinished = text[start:] and (error.pos >= len(text) or error.msg.startswith("Unterminated string"))
        bit = JSON_NOT_FULL_PACKET if unfinished else JSON_SYNTAX
        raise Unacceptable(bit, f"no JSON: {error.msg}") from None
    except RecursionError:
        raise Unacceptable(JSON_SYNTAX, "nested too deep") from None
    if not isinstance(value, Members):
        raise Unacceptable(JSON_SYNTAX, "no JSON object")
    return value, end


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
