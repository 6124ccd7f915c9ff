"""Which resource a request means: a dictionary router over the segments of the path (g13-api.md 2, GD-35, GD-56).

A segment that is written in a path wins over an argument, whatever the method: ``/meters/scanned`` is never the meter
"scanned". Where two arguments may stand in one place, one that looks like a number is a channel or a count, all else a
date-time; whether it is a good one is asked later.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar
from urllib.parse import quote, unquote

from wattproof.errors import InvalidValue
from wattproof.g13.resources import METHODS, Resource

#: Arguments that are numbers; a place may have one of these beside one of the others.
NUMBERS = frozenset({"channel", "count"})
_NUMBER = re.compile(r"[+-]?[0-9]+", re.ASCII)


class Routed(Protocol):
    """What has a method and a path: a resource, or an end point of another interface with paths of this form."""

    @property
    def method(self) -> str: ...

    @property
    def path(self) -> str: ...

    @property
    def aliases(self) -> tuple[str, ...]: ...


R = TypeVar("R", bound=Routed)


@dataclass(frozen=True, slots=True)
class Match(Generic[R]):
    """A request that has a resource. ``arguments``: the decoded segments by name, as texts."""

    resource: R
    arguments: dict[str, str]


@dataclass(frozen=True, slots=True)
class Missed:
    """A request that has none. ``allow``: the methods that the path takes; empty where there is no such path."""

    allow: tuple[str, ...] = ()


@dataclass(slots=True)
class _Node(Generic[R]):
    literal: dict[str, _Node[R]] = field(default_factory=dict)
    number: tuple[str, _Node[R]] | None = None
    text: tuple[str, _Node[R]] | None = None
    methods: dict[str, R] = field(default_factory=dict)

    def argument(self, segment: str) -> tuple[str, _Node[R]] | None:
        """The argument that a segment without a literal is here."""
        if self.number is not None and (self.text is None or _NUMBER.fullmatch(segment)):
            return self.number
        return self.text

    def other(self, name: str) -> tuple[str, _Node[R]] | None:
        """The argument that may stand in the place of ``name``."""
        return next((kind for kind in (self.number, self.text) if kind is not None and kind[0] != name), None)


def forms(template: str) -> Iterator[str]:
    """The paths that a template stands for, without options and alternatives.

    >>> list(forms("/demand[/{from}[/{count|to}]]"))
    ['/demand', '/demand/{from}', '/demand/{from}/{count}', '/demand/{from}/{to}']
    """
    start = template.find("[")
    if start >= 0:
        end = _closing(template, start)
        head, inside, tail = template[:start], template[start + 1 : end], template[end + 1 :]
        yield from forms(head + tail)
        yield from forms(head + inside + tail)
    elif "|" in template:
        found = re.search(r"\{(\w+)\|(\w+)\}", template)
        if found is None:
            raise InvalidValue(f"{template!r} is no template of a path")
        for name in found.groups():
            yield from forms(template.replace(found.group(), f"{{{name}}}"))
    else:
        yield template


def _closing(template: str, start: int) -> int:
    depth = 0
    for place in range(start, len(template)):
        depth += {"[": 1, "]": -1}.get(template[place], 0)
        if not depth:
            return place
    raise InvalidValue(f"{template!r} is no template of a path")


class Router(Generic[R]):
    """Finds resources. Paths are given as they stand in the request, percent-encoded and without query."""

    def __init__(self, resources: Iterable[R]) -> None:
        self._root: _Node[R] = _Node()
        for resource in resources:
            for template in (resource.path, *resource.aliases):
                for path in forms(template):
                    self._add(resource, path)

    def _add(self, resource: R, path: str) -> None:
        node = self._root
        for segment in path.strip("/").split("/"):
            if not segment.startswith("{"):
                node = node.literal.setdefault(segment, _Node())
                continue
            name = segment.strip("{}")
            kind = "number" if name in NUMBERS else "text"
            known: tuple[str, _Node[R]] = getattr(node, kind) or (name, _Node())
            if known[0] != name:
                raise InvalidValue(f"{resource}: in {path}, {name} stands where another path has {known[0]}")
            setattr(node, kind, known)
            node = known[1]
        if resource.method in node.methods:
            raise InvalidValue(f"{resource}: {path} is the path of {node.methods[resource.method]} as well")
        node.methods[resource.method] = resource

    def find(self, method: str, path: str) -> Match[R] | Missed:
        """The resource of a request, or why there is none.

        >>> from wattproof.g13.resources import RESOURCES
        >>> router = Router(RESOURCES)
        >>> router.find("GET", "/meters/ABB_1/demand/2026-01-01T00:00:00/5").arguments
        {'serial': 'ABB_1', 'from': '2026-01-01T00:00:00', 'count': '5'}
        >>> router.find("POST", "/meters/scanned")
        Missed(allow=('GET', 'DELETE'))
        """
        segments = _segments(path)
        if segments is None:
            return Missed()
        node = parent = self._root
        found: dict[str, str] = {}
        last = ""
        for segment in segments:
            parent, last = node, ""
            child = node.literal.get(segment)
            if child is None:
                argument = node.argument(segment)
                if argument is None:
                    return Missed()
                last, child = argument
                found[last] = segment
            node = child
        methods = {known: (resource, last) for known, resource in node.methods.items()}
        if last and (other := parent.other(last)) is not None:
            # What looks like the other argument is a bad one of the method that takes this one alone.
            methods = {known: (resource, other[0]) for known, resource in other[1].methods.items()} | methods
        if method not in methods:
            return Missed(tuple(known for known in METHODS if known in methods))
        resource, name = methods[method]
        if name != last:
            found[name] = found.pop(last)
        return Match(resource, found)


def _segments(path: str) -> list[str] | None:
    """The decoded segments of a path; one slash at its end is no segment. ``None``: no path of ours (GD-56)."""
    if not path.startswith("/"):
        return None
    parts = path[1:].removesuffix("/").split("/")
    if not all(parts):
        return None
    try:
        return [unquote(part, errors="strict") for part in parts]
    except UnicodeDecodeError:
        return None


def target(resource: Resource, arguments: Mapping[str, str | int] | None = None, *, alias: int | None = None) -> str:
    """The path of a resource with these arguments, percent-encoded; ``alias`` takes one of its other paths.

    >>> from wattproof.g13.resources import BY_NUMBER
    >>> target(BY_NUMBER[73], {"serial": "ABB 1", "from": "2026-01-01T00:00:00", "count": 5})
    '/meters/ABB%201/loadprofiles/2026-01-01T00:00:00/5'

    Raises :class:`~wattproof.errors.InvalidValue` if the resource has no path with just these arguments.
    """
    given = arguments or {}
    template = resource.path if alias is None else resource.aliases[alias]
    for path in forms(template):
        names = {part.strip("{}") for part in path.split("/") if part.startswith("{")}
        if names == set(given):
            return "/".join(
                quote(str(given[part.strip("{}")]), safe=":") if part.startswith("{") else part
                for part in path.split("/")
            )
    raise InvalidValue(f"{resource} takes no arguments {', '.join(given) or '(none)'}")
