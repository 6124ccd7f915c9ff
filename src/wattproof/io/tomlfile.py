"""Files in TOML that people write: every mistake is told with file, key and line, and nothing is ignored in silence.

A table of :class:`Key` says what a section may hold. :func:`read` gives the whole file, :meth:`Section.take` one
section as a dictionary with defaults filled in.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wattproof.errors import UsageError

REQUIRED = object()
#: No file that a person writes is larger.
LIMIT = 1024 * 1024

_HEADER = re.compile(r"^\s*(\[\[?)\s*([A-Za-z0-9_.\"' -]+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(r"^\s*([A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*')\s*(\.|=)")
_WORDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false", list: "a list", dict: "a table"}


class InvalidFile(UsageError):
    """A file that cannot be used: the message names file, line and key."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key. ``types``: what TOML may give. ``check`` takes the value and returns what is kept, or raises
    ``ValueError`` with what it should be instead."""

    name: str
    types: tuple[type, ...]
    default: Any = REQUIRED
    check: Callable[[Any], Any] | None = None
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class TomlFile:
    """A file and where its sections and keys stand."""

    path: Path
    lines: Mapping[tuple[str, str | None], int]

    def line(self, place: str, key: str | None) -> int | None:
        """The line of a key of a section, or of the section itself."""
        inner = f"{place}.{key}" if place else key or ""
        tries = ((place, key), (inner, None), (f"{inner}[0]", None), (place, None))
        return next((self.lines[found] for found in tries if found in self.lines), None)


@dataclass(frozen=True, slots=True)
class Section:
    """A table of the file: its place such as ``meter[1]``, and what it holds."""

    file: TomlFile
    place: str
    data: Mapping[str, Any]

    def take(self, keys: Sequence[Key], *, sections: Sequence[str] = ()) -> dict[str, Any]:
        """Values by key, defaults filled in; ``sections`` are tables inside, left to the caller.

        Raises:
            InvalidFile: an unknown key, a missing one, a wrong type, a value outside its limits.
        """
        known = {key.name: key for key in keys}
        for name in self.data:
            if name not in known and name not in sections:
                near = difflib.get_close_matches(name, [*known, *sections], 1)
                raise self.wrong(name, "unknown key" + (f"; did you mean {near[0]}?" if near else ""))
        return {key.name: self._value(key) for key in keys}

    def _value(self, key: Key) -> Any:
        if key.name not in self.data:
            if key.default is REQUIRED:
                raise self.wrong(key.name, "missing; it is required", missing=True)
            return key.default
        value = self.data[key.name]
        fitting = isinstance(value, key.types) and (bool in key.types or not isinstance(value, bool))
        if not fitting:
            wanted = " or ".join(dict.fromkeys(_WORDS.get(type_, type_.__name__) for type_ in key.types))
            raise self.wrong(key.name, f"{value!r} is not {wanted}")
        try:
            return value if key.check is None else key.check(value)
        except ValueError as error:
            raise self.wrong(key.name, f"{value!r}: {error}") from None

    def sections(self, name: str, *, many: bool = False) -> list[Section]:
        """The tables ``[name]`` (none or one) or ``[[name]]`` inside this one."""
        found = self.data.get(name, [] if many else None)
        place = f"{self.place}.{name}" if self.place else name
        if found is None:
            return []
        tables = found if many else [found]
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            raise self.wrong(name, f"write it as {'[[' if many else '['}{place}{']]' if many else ']'}")
        return [Section(self.file, f"{place}[{n}]" if many else place, table) for n, table in enumerate(tables)]

    def wrong(self, key: str, what: str, *, missing: bool = False) -> InvalidFile:
        """The error for a key of this section, with the line it stands on (of the section where it is missing)."""
        line = self.file.line(self.place, None if missing else key)
        title = f"[{re.sub(r'.[0-9]+.$', '', self.place)}] " if self.place else ""
        where = f"{self.file.path}, line {line}" if line else str(self.file.path)
        return InvalidFile(f"{where}: {title}{key}: {what}")


def read(path: Path | str) -> Section:
    """Read a file: its outermost section.

    Raises:
        InvalidFile: not there, too large, not UTF-8, not TOML (duplicate keys included).
    """
    path = Path(path)
    try:
        if path.stat().st_size > LIMIT:
            raise InvalidFile(f"{path}: more than {LIMIT} bytes")
        text = path.read_text("utf-8")
    except OSError as error:
        raise InvalidFile(f"{path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise InvalidFile(f"{path}: this is not UTF-8 text") from None
    return parse(text, path)


def parse(text: str, path: Path | str = "text") -> Section:
    """The same for text at hand; ``path`` is what errors call it."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidFile(f"{path}: this is not TOML: {error}") from None
    return Section(TomlFile(Path(path), dict(_lines(text))), "", data)


def _lines(text: str) -> Iterator[tuple[tuple[str, str | None], int]]:
    """Where every section and key begins. Text in three quotes is passed over."""
    place, inside = "", ""
    counts: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if inside:
            inside = "" if inside in line else inside
            continue
        header, key = _HEADER.match(line), _KEY.match(line)
        if header:
            place = header[2].replace('"', "").replace(" ", "")
            if header[1] == "[[":
                counts[place] = counts.get(place, -1) + 1
                place = f"{place}[{counts[place]}]"
            yield (place, None), number
        elif key:
            yield (place, key[1].strip("\"'")), number
        for quotes in ('"""', "'''"):
            if line.count(quotes) % 2:
                inside = quotes
