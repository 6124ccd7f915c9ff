"""JSON of untrusted origin: where an object ends, how deep it is, which keys it repeats, and numbers as written.

The C scanner of the standard library does the work. Around it: nesting is counted before any recursive parser runs,
numbers stay text (:class:`Number`), raw control characters in strings are accepted but noticed, repeated keys are
found, half surrogate pairs become U+FFFD, ``NaN`` and ``Infinity`` are refused.
Source: specification of the verifier, 0.4, 1.1 and 1.13.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from wattproof.signed.limits import DEFAULT, Limits
from wattproof.signed.records import Finding, Severity

#: Strings and brackets; an unterminated string reaches to the end, so that a scan is always linear.
_STRUCTURE = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)
_SPACE = re.compile(r"[ \t\r\n]*")
_WHITE = frozenset(" \t\r\n")
#: Repeated keys of one value that are named, and characters of each part of their paths.
MOST_REPEATED, _LONGEST_PART = 100, 64


class Number(str):
    """A JSON number as it was written."""

    __slots__ = ()


class Repeated(dict[str, Any]):
    """An object in which a key occurs more than once; the last value counts. ``keys_repeated`` in order."""

    keys_repeated: tuple[str, ...] = ()


class JsonProblem(ValueError):
    """JSON that cannot be read: ``code`` is ``F-JSON``, ``F-JSON-DEPTH`` or ``F-SIZE``, ``offset`` in characters."""

    def __init__(self, code: str, message: str, offset: int = 0) -> None:
        super().__init__(message)
        self.code = code
        self.offset = offset


@dataclass(slots=True)
class Scanned:
    """A JSON value, the offset after it, and what was unusual. ``repeated``: some key in it occurs more than once."""

    value: Any
    end: int
    controls: bool = False
    repeated: bool = False


Path = tuple[str, ...]
_Scan = Callable[[str, int], tuple[Any, int]]


#: A new object whenever any thread meets a repeated key: who sees another one than before looks for his own.
_last_repeat = object()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    global _last_repeat
    _last_repeat = object()
    seen: set[str] = set()
    repeated: dict[str, None] = {}
    for key, _ in pairs:
        if key in seen:
            repeated[key] = None
        seen.add(key)
    special = Repeated(found)
    special.keys_repeated = tuple(repeated)
    return special


def _refuse(token: str) -> Any:
    raise JsonProblem("F-JSON", f"{token} is not JSON")


def _scanner(*, strict: bool) -> _Scan:
    """The C scanner; like that of ``json.loads``, all threads share it."""
    decoder = json.JSONDecoder(
        strict=strict, object_pairs_hook=_object, parse_float=Number, parse_int=Number, parse_constant=_refuse
    )
    scan: _Scan = getattr(decoder, "scan_once")  # noqa: B009 (not in typeshed)
    return scan


_strict, _lenient = _scanner(strict=True), _scanner(strict=False)


def check_depth(text: str, start: int = 0, limits: Limits = DEFAULT) -> None:
    """Raises :class:`JsonProblem` (``F-JSON-DEPTH``) if the value at ``start`` nests too deeply; linear."""
    depth = 0
    for match in _STRUCTURE.finditer(text, start):
        character = match[0][0]
        if character in "[{":
            depth += 1
            if depth > limits.json_depth:
                message = f"JSON nested deeper than {limits.json_depth} levels"
                raise JsonProblem("F-JSON-DEPTH", message, match.start())
        elif character in "]}":
            depth -= 1
            if depth <= 0:
                return


def is_shallow(text: str, limits: Limits = DEFAULT) -> bool:
    """Whether ``text`` has so few brackets that nothing in it can nest too deeply."""
    return text.count("{") + text.count("[") <= limits.json_depth


def scan(text: str, start: int = 0, limits: Limits = DEFAULT, *, shallow: bool | None = None) -> Scanned:
    """The JSON value that starts at ``start`` (no white space before it).

    ``shallow`` is the answer of :func:`is_shallow` for the text, where the caller has asked already.
    Raises :class:`JsonProblem`.
    """
    if not (is_shallow(text, limits) if shallow is None else shallow):
        check_depth(text, start, limits)
    before = _last_repeat
    controls = False
    try:
        try:
            value, end = _strict(text, start)
        except json.JSONDecodeError:
            value, end = _lenient(text, start)
            controls = True
    except json.JSONDecodeError as error:
        raise JsonProblem("F-JSON", f"no JSON: {error.msg}", error.pos) from None
    except StopIteration as stop:
        raise JsonProblem("F-JSON", "no JSON value", stop.value if isinstance(stop.value, int) else start) from None
    except RecursionError:  # only with a configured depth beyond the interpreter's
        raise JsonProblem("F-JSON-DEPTH", "JSON nested too deeply", start) from None
    scanned = Scanned(value, end, controls)
    if _last_repeat is not before:
        scanned.repeated = next(repeated_keys(value), None) is not None
    if text.find("\\u", start, end) >= 0:
        scanned.value = _whole_characters(value)
    return scanned


def repeated_keys(value: Any, trail: Path = ()) -> Iterator[Path]:
    """The path, such as ``("RD", "0", "RV")``, of every key that occurs more than once in a scanned value.

    One at a time: hostile input can hold more of them than one wants to keep.
    """
    if isinstance(value, Repeated):
        for key in value.keys_repeated:
            yield (*trail, key)
    items: Iterable[tuple[object, Any]] = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for place, item in items:
        if isinstance(item, (dict, list)):
            yield from repeated_keys(item, (*trail, str(place)))


def path_text(path: Path) -> str:
    """A path as text, such as ``RD/0/RV``; very long keys are cut."""
    return "/".join(whole(part if len(part) <= _LONGEST_PART else f"{part[:_LONGEST_PART]}...") for part in path)


def whole(text: str) -> str:
    """``text`` with half surrogate pairs as U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _whole_characters(value: Any) -> Any:
    if isinstance(value, str):
        return value if isinstance(value, Number) else whole(value)
    if isinstance(value, list):
        return [_whole_characters(item) for item in value]
    if isinstance(value, dict):
        items = {whole(key): _whole_characters(item) for key, item in value.items()}
        value.clear()
        value.update(items)
    return value


def skip_space(text: str, start: int) -> int:
    """Offset of the first character at or after ``start`` that is no JSON white space."""
    if text[start : start + 1] not in _WHITE:
        return start
    match = _SPACE.match(text, start)
    return match.end() if match else start


def load(data: bytes | str, limits: Limits = DEFAULT) -> tuple[Any, list[Finding]]:
    """A whole JSON document and the findings about its text. Raises :class:`JsonProblem`.

    Bytes are UTF-8; otherwise they are read as Windows-1252 with ``F-UTF8``. Keys that occur more than once are left
    to the reader of the container, who knows which record each belongs to (:func:`repeated_findings`).
    """
    findings: list[Finding] = []
    if isinstance(data, bytes):
        if len(data) > limits.document:
            raise JsonProblem("F-SIZE", f"{len(data)} bytes are more than the {limits.document} of one document")
        try:
            text = data.decode()
        except UnicodeDecodeError as error:
            text = windows_1252(data)
            findings.append(
                Finding("F-UTF8", Severity.ERROR, "not valid UTF-8, shown as Windows-1252", f"@{error.start}")
            )
    else:
        text = data
    if text.startswith("\ufeff"):
        text = text[1:]
        findings.append(Finding("F-BOM", Severity.INFO, "a byte order mark stands before the text", "@0"))
    scanned = scan(text, skip_space(text, 0), limits)
    end = skip_space(text, scanned.end)
    if end != len(text):
        raise JsonProblem("F-JSON", "text after the JSON value", end)
    if scanned.controls:
        findings.append(_control("/"))
    return scanned.value, findings


def _control(where: str) -> Finding:
    return Finding("F-JSON-CTRL", Severity.WARNING, "a raw control character stands in a string", where)


def form_findings(scanned: Scanned, where: str = "/") -> list[Finding]:
    """``F-JSON-CTRL`` and ``F-JSON-DUPKEY`` of a scanned value; ``where`` stands before each path."""
    findings = [_control(where)] if scanned.controls else []
    if scanned.repeated:
        findings += repeated_findings(repeated_keys(scanned.value), where)
    return findings


def repeated_findings(paths: Iterator[Path], where: str = "/") -> list[Finding]:
    """``F-JSON-DUPKEY`` for the first hundred paths, and one finding that counts the others."""
    first = next(paths, None)
    if first is None:
        return []
    findings = [
        Finding(
            f"F-JSON-DUPKEY:{path}",
            Severity.ERROR,
            "the key occurs more than once, the last value is shown",
            where + path,
        )
        for path in map(path_text, chain((first,), islice(paths, MOST_REPEATED - 1)))
    ]
    further = sum(1 for _ in paths)
    if further:
        message = f"{further} more keys occur more than once, the last value of each is shown"
        findings.append(Finding("F-JSON-DUPKEY", Severity.ERROR, message, where))
    return findings


def windows_1252(data: bytes) -> str:
    """Bytes that are no UTF-8 as text, one character a byte; bytes without a meaning become U+FFFD."""
    return data.decode("cp1252", "replace")
