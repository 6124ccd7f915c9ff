"""What commands print: tables for people, JSON for programs. With ``--json`` stdout holds nothing but JSON."""

from __future__ import annotations

import io
import json
import os
import re
import sys
from collections.abc import Iterable, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from wattproof.errors import StorageError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console
    from rich.table import Table

#: Environment variable that stands in for a METER_URL that is not given.
METER_VARIABLE = "WATTPROOF_METER"
#: A host with its port, or a device: the places that people write without a scheme.
_PLACE = re.compile(r"(?P<host>[\w.-]+:\d+|\[[\da-fA-F:]+\]:\d+)|/dev/.+")
#: What a stranger's text may not do to a terminal: control characters and those that turn the writing direction.
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
#: Width of tables where stdout is no terminal: nothing is cut off in a file or a pipe.
PIPE_WIDTH = 1200


@cache
def console() -> Console:
    """The console on stdout."""
    return _console(stderr=False)


@cache
def errors() -> Console:
    """The console on stderr: progress, notes and logs."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    from rich.console import Console

    stream = sys.stderr if stderr else _stdout()
    width = None if stream.isatty() or "COLUMNS" in os.environ else PIPE_WIDTH
    return Console(stderr=stderr, width=width, highlight=False, soft_wrap=False)


def _stdout() -> TextIO:
    """Stdout, on which characters that its encoding lacks are written as escapes (stderr does so by itself)."""
    stream = sys.stdout
    if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
        stream.reconfigure(errors="backslashreplace")
    return stream


def print_json(value: object, *, indent: int | None = 2) -> None:
    """Write one JSON value and a line end to stdout at once. ``indent`` ``None``: on one line."""
    stream = _stdout()
    unicode = (stream.encoding or "").lower().replace("_", "-") in ("utf-8", "utf8")
    text = json.dumps(value, indent=indent, ensure_ascii=not unicode, default=str)
    stream.write(text + "\n")
    stream.flush()


def harmless(text: str) -> str:
    """Text for a terminal, which may hold words of a device or a file: controls but line ends are shown, not obeyed.

    >>> print(harmless("500 \\x1b[31mRed"))
    500 \\u001b[31mRed
    """
    return _CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def escape(text: str) -> str:
    """A name for a terminal: the same with line ends shown, too."""
    return harmless(text).replace("\n", "\\u000a")


def say(text: str) -> None:
    """Lines for people on stdout."""
    console().print(harmless(text), markup=False, soft_wrap=True)


def note(text: str) -> None:
    """One line for people on stderr."""
    errors().print(harmless(text), markup=False, style="dim", soft_wrap=True)


def warn(text: str) -> None:
    """One line on stderr that should not be missed."""
    errors().print(harmless(text), markup=False, style="yellow", soft_wrap=True)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], title: str | None = None, right: str = "") -> Table:
    """A table of plain texts. ``right``: names of columns that align right, blank-separated."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    made = Table(title=title, box=SIMPLE_HEAD, title_justify="left", pad_edge=False, header_style="bold")
    for name in columns:
        made.add_column(name, justify="right" if name in right.split() else "left", overflow="fold")
    for row in rows:
        made.add_row(*(Text(harmless(cell)) for cell in row))
    return made


def show(*tables: Any) -> None:
    """Print tables (or anything rich can draw)."""
    for item in tables:
        console().print(item)


def meter_url(given: str | None) -> str:
    """The METER_URL of the command line, or of the environment. Raises :class:`~wattproof.errors.UsageError`."""
    url = given or os.environ.get(METER_VARIABLE)
    if not url:
        raise UsageError(f"no meter: give its address, such as bsm+tcp://127.0.0.1:5020, or set {METER_VARIABLE}")
    return url


def split_url(arguments: Sequence[str]) -> tuple[str, list[str]]:
    """The METER_URL in front of other arguments, which may be missing if the environment names the meter.

    Raises :class:`~wattproof.errors.UsageError`.
    """
    if arguments and "://" in arguments[0]:
        return arguments[0], list(arguments[1:])
    if arguments and (place := _PLACE.fullmatch(arguments[0])):
        right = f"bsm+{'tcp' if place['host'] else 'rtu'}://{arguments[0]}"
        raise UsageError(f"{arguments[0]!r} is no address of a meter: write MODEL+SCHEME://..., such as {right}")
    return meter_url(None), list(arguments)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns the trouble of writing a file into a :class:`~wattproof.errors.StorageError` that names it."""
    try:
        yield
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror or error}") from error


def reader_left(error: BaseException) -> bool:
    """Whether whoever reads stdout has enough, as ``head`` has; rich says so with an exit of its own."""
    return isinstance(error, BrokenPipeError) or (
        isinstance(error, SystemExit) and isinstance(error.__context__, BrokenPipeError)
    )


def drop() -> None:
    """What is still to be written to stdout goes nowhere if it cannot be written, so that the end is quiet."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def perhaps_unread() -> Iterator[None]:
    """Writing to a reader who may leave early: the rest goes nowhere, and the command goes on to its exit code."""
    try:
        yield
        sys.stdout.flush()
    except (BrokenPipeError, SystemExit) as error:
        if not reader_left(error):
            raise
        drop()
