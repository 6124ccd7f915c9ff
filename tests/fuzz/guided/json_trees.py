"""JSON as a tree that may repeat its keys and keeps numbers as they were written, and changes of such trees."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

#: Changes a text.
Within = Callable[[str, Random], str]


class Literal(str):
    """A number as it is written."""

    __slots__ = ()


Pairs = list[list[Any]]


class Object:
    """A JSON object that may repeat its keys."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        self.pairs: Pairs = [list(pair) for pair in pairs]


def load(text: str) -> Any:
    """A JSON value of :class:`Object`, lists, texts and :class:`Literal`. Raises ``ValueError``, ``RecursionError``."""
    return json.loads(text, object_pairs_hook=Object, parse_int=Literal, parse_float=Literal, strict=False)


def dump(value: Any) -> str:
    """The text of such a value."""
    if isinstance(value, Literal):
        return str(value)
    if isinstance(value, Object):
        return "{" + ",".join(f"{_key(key)}:{dump(item)}" for key, item in value.pairs) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(dump, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _key(name: str) -> str:
    """A key as JSON; one that begins with NUL is written with an escape for its first character."""
    if name[:1] == "\0" and len(name) > 1:
        return f'"\\u{ord(name[1]):04x}' + json.dumps(name[2:])[1:]
    return json.dumps(name)


def _places(value: Any) -> list[tuple[Any, int]]:
    """Every holder and position inside a value; of an object the position of a pair."""
    found: list[tuple[Any, int]] = []
    items = value.pairs if isinstance(value, Object) else value if isinstance(value, list) else ()
    for at, item in enumerate(items):
        found.append((value, at))
        found += _places(item[1] if isinstance(value, Object) else item)
    return found


def _get(place: tuple[Any, int]) -> Any:
    holder, at = place
    return holder.pairs[at][1] if isinstance(holder, Object) else holder[at]


def _set(place: tuple[Any, int], value: Any) -> None:
    holder, at = place
    if isinstance(holder, Object):
        holder.pairs[at][1] = value
    else:
        holder[at] = value


def number(text: str, source: Random) -> Any:
    """Another form of a number, or another number."""
    forms = [
        text + "0",
        text + "e0",
        "0" + text,
        "-" + text,
        " " + text,
        text.replace(".", ","),
        text + "e30",
        text + "e-31",
        "1" * 41,
        "0." + "0" * 70 + "1",
        "-0",
        "NaN",
        "1e999999999",
        str(source.choice((0, 1, 255, 2**31, 2**32 - 1, 2**63, 2**64))),
        text[:-1] + str(source.randrange(10)),
    ]
    form = source.choice(forms)
    return source.choice((Literal(form), form))


TEXTS = ("", " ", "\0", "\x1b[2J", "\ud800", "\u202e", "T0", "F1", "kWh", "Wh", "B", "E", "X", "t", "1-0:1.8.0*198")
TEXTS += ("|", "OCMF|{}|{}", "Transaction.Begin", "Transaction.End", "a" * 300, "<b>&amp;", "=1+1", "ü", "u\u0308")
_SIMPLE = (None, True, False, [], Literal("0"), Literal("1.5"))


def change(value: Any, source: Random, within: Within) -> Any:
    """One change of a JSON value, in place where that is possible; ``within`` changes a text."""
    places = _places(value)
    if not places:
        return source.choice((Object([]), [], Literal("1")))
    place = holder, at = source.choice(places)
    items = holder.pairs if isinstance(holder, Object) else holder
    kind = source.randrange(9)
    if kind == 0:  # repeated, with the same or another value
        items.insert(source.choice((at, at + 1, len(items))), _copy(items[at]))
        if isinstance(holder, Object) and source.random() < 0.5:
            items[at][1] = source.choice((_get(source.choice(places)), *_SIMPLE))
            items[at][0] = source.choice(("", "\0")) + items[at][0]
    elif kind == 1:
        del items[at]
    elif kind == 2:  # changed places
        other = source.choice(places)
        one, two = _get(place), _get(other)
        if not _inside(one, two) and not _inside(two, one):
            _set(place, two)
            _set(other, one)
    elif kind == 3:  # what stands elsewhere
        _set(place, _copy(_get(source.choice(places))))
    elif kind == 4:
        _set(place, source.choice((*_SIMPLE, source.choice(TEXTS))))
    elif kind == 5 and isinstance(holder, Object):  # another key
        keys = [p[0].pairs[p[1]][0] for p in places if isinstance(p[0], Object)]
        items[at][0] = source.choice((source.choice(keys), items[at][0].swapcase(), items[at][0] + " "))
    elif kind == 6:
        items.reverse()
    else:
        found = _get(place)
        if isinstance(found, Literal) or (isinstance(found, str) and found[:1].isdigit()):
            _set(place, number(found, source))
        elif isinstance(found, str):
            _set(place, within(found, source))
        else:
            _set(place, source.choice(_SIMPLE))
    return value


def _inside(inner: Any, outer: Any) -> bool:
    return inner is outer or any(_get(place) is inner for place in _places(outer))


def _copy(value: Any) -> Any:
    if isinstance(value, Object):
        return Object([(key, _copy(item)) for key, item in value.pairs])
    if isinstance(value, list):
        return [_copy(item) for item in value]
    return value
