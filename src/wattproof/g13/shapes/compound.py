"""Shapes made of shapes: objects with ordered members, arrays, fixed rows, alternatives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from wattproof.g13.shapes.shape import ABSENT, How, Shape, Unfit, missing, tuple_schema, wrong


@dataclass(frozen=True)
class Member:
    """A member of an object.

    ``needed``: a request without it is refused; ``default``: what it then is otherwise. ``shown``: an answer without
    it is a mistake; members of what a meter may lack are not (1.2). ``aliases``: other names taken, never shown.
    ``invalid``, ``missing``: the texts, where they are not ``invalid NAME`` and ``missing NAME in JSON``. ``ours``: an
    extension, absent in compat mode (GD-54). ``compat``: what compat mode shows instead of a value.
    """

    name: str
    shape: Shape
    needed: bool = True
    shown: bool = True
    default: Any = ABSENT
    aliases: tuple[str, ...] = ()
    invalid: str = ""
    missing: str = ""
    ours: bool = False
    compat: Callable[[Any], Any] | None = None

    def find(self, members: Mapping[str, Any]) -> Any:
        """Its value under any of its names, or ``ABSENT``."""
        for name in (self.name, *self.aliases):
            if name in members:
                return members[name]
        return ABSENT

    def take(self, value: Any, how: How) -> Any:
        try:
            return self.shape.take(value, how)
        except Unfit as problem:
            if problem.final or (problem.text and not self.invalid):
                raise
            raise Unfit(self.invalid or f"invalid {self.name}") from None

    def give(self, value: Any, compat: bool) -> Any:
        if compat and self.ours:
            return ABSENT
        if compat and self.compat is not None:
            value = self.compat(value)
        return value if value is ABSENT else self.shape.give(value, compat)


def optional(name: str, shape: Shape, **more: Any) -> Member:
    """A member that a request may leave out and an answer may lack."""
    return Member(name, shape, needed=False, shown=False, **more)


def ours(name: str, shape: Shape) -> Member:
    """A member that the original does not have (GD-54)."""
    return Member(name, shape, needed=False, shown=False, ours=True)


@dataclass(frozen=True)
class Object(Shape):
    """An object; answers have its members in this order. ``flat``: in answers of other gateways an array may stand for
    it, this makes the object of it (GD-34). ``rules``: what the check of a request says of several members together,
    as keywords of JSON schema."""

    members: tuple[Member, ...]
    flat: Callable[[list[Any]], Mapping[str, Any]] | None = None
    rules: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def known(self) -> frozenset[str]:
        """All names of all members."""
        return frozenset(name for member in self.members for name in (member.name, *member.aliases))

    def take(self, value: Any, how: How) -> dict[str, Any]:
        if self.flat is not None and not how.request and isinstance(value, list):
            value = self.flat(value)
        if not isinstance(value, dict):
            raise Unfit
        if how.strict and not self.known >= value.keys():
            raise Unfit("Invalid Request", final=True)
        found = {member.name: member.find(value) for member in self.members}
        if how.request:
            for member in self.members:
                if member.needed and found[member.name] is ABSENT:
                    raise missing(member.name, member.missing)
        taken = {
            member.name: (member.default if found[member.name] is ABSENT else member.take(found[member.name], how))
            for member in self.members
            if how.request or found[member.name] is not ABSENT
        }
        return {name: item for name, item in taken.items() if item is not ABSENT}

    def give(self, value: Any, compat: bool) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise wrong(value, "an object")
        unknown = [name for name in value if all(name != member.name for member in self.members)]
        absent = [member.name for member in self.members if member.shown and member.name not in value]
        if unknown or absent:
            raise wrong(value, f"the object that is wanted: {', '.join(unknown + absent)}")
        given = {m.name: m.give(value[m.name], compat) for m in self.members if m.name in value}
        return {name: item for name, item in given.items() if item is not ABSENT}

    def schema(self, *, request: bool) -> dict[str, Any]:
        needed = [member.name for member in self.members if (member.needed if request else member.shown)]
        found: dict[str, Any] = {
            "type": "object",
            "properties": {member.name: member.shape.schema(request=request) for member in self.members},
            "additionalProperties": False,
        }
        return found | ({"required": needed} if needed else {}) | (dict(self.rules) if request else {})


def record(*members: Member, rules: Mapping[str, Any] | None = None) -> Object:
    """An object with these members."""
    return Object(members, rules=rules or {})


def needs(*names: str, without: Sequence[str] = (), **values: Any) -> dict[str, Any]:
    """A rule: these members are there, and with ``values`` have these values; those of ``without`` are not there."""
    known = {name: {"const": value} for name, value in values.items()} | dict.fromkeys(without, False)
    return ({"required": list(names)} if names else {}) | ({"properties": known} if known else {})


def either(*rules: Mapping[str, Any]) -> dict[str, Any]:
    """A rule: one of these holds, or several."""
    return {"anyOf": [dict(rule) for rule in rules]}


@dataclass(frozen=True)
class Named(Shape):
    """An item that has a name in the texts: ``invalid NAME``."""

    name: str
    shape: Shape

    def take(self, value: Any, how: How) -> Any:
        return Member(self.name, self.shape).take(value, how)

    def give(self, value: Any, compat: bool) -> Any:
        return self.shape.give(value, compat)

    def schema(self, *, request: bool) -> dict[str, Any]:
        return self.shape.schema(request=request)


@dataclass(frozen=True)
class Array(Shape):
    """An array of ``least`` to ``most`` items. ``excess``: text for more of them; ``unique``: none twice, or none with
    the same value of what it names, else the text ``twice``. ``single``: a bare item stands for an array of it
    (GD-31). ``sort``: the order in which it is kept."""

    item: Shape
    least: int = 0
    most: int | None = None
    excess: str = ""
    unique: Callable[[Any], Any] | None = None
    twice: str = ""
    single: bool = False
    sort: Callable[[Any], Any] | None = None

    def take(self, value: Any, how: How) -> list[Any]:
        if self.single and not isinstance(value, list):
            value = [value]
        if not isinstance(value, list):
            raise Unfit
        if how.request and (len(value) < self.least or (self.most is not None and len(value) > self.most)):
            raise Unfit(self.excess if len(value) > self.least else "")
        taken = [self.item.take(item, how) for item in value]
        if how.request and self.unique is not None and len(set(map(self.unique, taken))) < len(taken):
            raise Unfit(self.twice)
        return sorted(taken, key=self.sort) if self.sort is not None else taken

    def give(self, value: Any, compat: bool) -> list[Any]:
        if not isinstance(value, list | tuple):
            raise wrong(value, "an array")
        given = [self.item.give(item, compat) for item in value]
        return [item for item in given if item is not ABSENT]

    def schema(self, *, request: bool) -> dict[str, Any]:
        found: dict[str, Any] = {"type": "array", "items": self.item.schema(request=request)}
        if request and self.least:
            found["minItems"] = self.least
        if request and self.most is not None:
            found["maxItems"] = self.most
        if request and self.unique is not None:
            found["uniqueItems"] = True
        return {"anyOf": [found, found["items"]]} if request and self.single else found


@dataclass(frozen=True)
class Perhaps(Shape):
    """A number, or an array of numbers, that a meter has but may report as bad: ``null`` then, or an item of it is; in
    compat mode it is left out as a whole, since no item may move up (GD-53)."""

    shape: Shape
    many: bool = False

    def take(self, value: Any, how: How) -> Any:
        if self.many:
            if not isinstance(value, list):
                raise Unfit
            return [None if item is None else self.shape.take(item, how) for item in value]
        return None if value is None else self.shape.take(value, how)

    def give(self, value: Any, compat: bool) -> Any:
        if not self.many:
            return self._missing(compat) if value is None else self.shape.give(value, compat)
        if not isinstance(value, list | tuple):
            raise wrong(value, "an array")
        if compat and None in value:
            return ABSENT
        return [None if item is None else self.shape.give(item, compat) for item in value]

    @staticmethod
    def _missing(compat: bool) -> Any:
        return ABSENT if compat else None

    def schema(self, *, request: bool) -> dict[str, Any]:
        found = {"anyOf": [self.shape.schema(request=request), {"type": "null"}]}
        return {"type": "array", "items": found} if self.many else found


def same(item: Any) -> Any:
    """The key of an array whose items are what must not repeat."""
    return item


@dataclass(frozen=True)
class Row(Shape):
    """An array of fixed places, ``[900,1,35040]``."""

    places: tuple[Shape, ...]

    def take(self, value: Any, how: How) -> list[Any]:
        if not isinstance(value, list) or len(value) != len(self.places):
            raise Unfit
        return [shape.take(item, how) for item, shape in zip(value, self.places, strict=True)]

    def give(self, value: Any, compat: bool) -> list[Any]:
        if not isinstance(value, list | tuple) or len(value) != len(self.places):
            raise wrong(value, f"an array of {len(self.places)}")
        return [shape.give(item, compat) for item, shape in zip(value, self.places, strict=True)]

    def schema(self, *, request: bool) -> dict[str, Any]:
        return tuple_schema([shape.schema(request=request) for shape in self.places], request=request)


def row(*places: Shape) -> Row:
    """An array with these places."""
    return Row(places)


@dataclass(frozen=True)
class Either(Shape):
    """One of several shapes, the first that fits. ``normal``: brings what another than the first took into its form."""

    shapes: tuple[Shape, ...]
    normal: Callable[[Any], Any] = same

    def take(self, value: Any, how: How) -> Any:
        for shape in self.shapes:
            try:
                return self.normal(shape.take(value, how))
            except Unfit:
                continue
        raise Unfit

    def give(self, value: Any, compat: bool) -> Any:
        for shape in self.shapes:
            try:
                return shape.give(value, compat)
            except ValueError:
                continue
        raise wrong(value, "any of the forms that it may have")

    def schema(self, *, request: bool) -> dict[str, Any]:
        return {"anyOf": [shape.schema(request=request) for shape in self.shapes]}


@dataclass(frozen=True)
class Null(Shape):
    """No value: ``null``."""

    def take(self, value: Any, how: How) -> None:
        if value is not None:
            raise Unfit

    def give(self, value: Any, compat: bool) -> None:
        if value is not None:
            raise wrong(value, "null")

    def schema(self, *, request: bool) -> dict[str, Any]:
        return {"type": "null"}


@dataclass(frozen=True)
class Table(Shape):
    """An object whose members are not known beforehand: names that are decimal numbers, and texts (28).
    ``wrapper``: in answers of other gateways it may stand inside this member (GD-27)."""

    wrapper: str = ""

    def take(self, value: Any, how: How) -> dict[str, str]:
        if isinstance(value, dict) and self.wrapper and set(value) == {self.wrapper}:
            value = value[self.wrapper]
        if not isinstance(value, dict) or not all(
            name.isdecimal() and isinstance(item, str) for name, item in value.items()
        ):
            raise Unfit
        return dict(value)

    def give(self, value: Any, compat: bool) -> dict[str, str]:
        if not isinstance(value, Mapping) or not all(
            str(name).isdecimal() and isinstance(item, str) for name, item in value.items()
        ):
            raise wrong(value, "an object of texts")
        return {str(name): value[name] for name in sorted(value, key=int)}

    def schema(self, *, request: bool) -> dict[str, Any]:
        return {
            "type": "object",
            "propertyNames": {"pattern": "^[0-9]+$"},
            "additionalProperties": {"type": "string"},
        }
