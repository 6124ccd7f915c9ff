"""What the commands that work on a gateway's store share: times as people write them, and a bar for long work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any

from cyclopts import Parameter

from wattproof.cli import output


class Time(int):
    """UTC milliseconds; the help shows the name."""


def _time(kind: Any, tokens: Any) -> Time:
    text = tokens[0].value
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no time: write 2026-11-30, or 2026-11-30T12:00:00+01:00") from None
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return Time(round(aware.timestamp() * 1000))


#: A time as UTC ms: a date, or a date and time; UTC unless it says otherwise.
When = Annotated[Time | None, Parameter(converter=_time, n_tokens=1)]


@contextmanager
def progress(quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar where somebody watches: told words, what is done, and of how much."""
    from rich.progress import Progress

    hidden = quiet or not output.errors().is_terminal
    with Progress(console=output.errors(), transient=True, disable=hidden) as bar:
        task = bar.add_task("", total=None)

        def advance(words: str, done: int, total: int) -> None:
            bar.update(task, description=words, completed=done, total=total)

        yield advance
