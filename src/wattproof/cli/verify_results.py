"""`wattproof verify --results`: many files, whose results are Parquet files in a folder."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from wattproof.cli import output
from wattproof.cli.output import escape
from wattproof.errors import UsageError

if TYPE_CHECKING:
    from wattproof.cli.verify_reading import Engines
    from wattproof.cli.verify_stream import Bar
    from wattproof.signed.scale.parts import Part
    from wattproof.signed.wording import Language


def require(names: Sequence[str]) -> None:
    """Raises ``UsageError`` if results cannot be written here."""
    if find_spec("pyarrow") is None or find_spec("duckdb") is None:
        raise UsageError("--results needs the extra: pip install 'wattproof[analytics]'")
    if "-" in names:
        raise UsageError("--results needs files that can be read again: write standard input to a file first")


def judge(
    names: Sequence[str],
    folder: str,
    options: dict[str, Any],
    engines: Engines,
    bar: Bar,
    *,
    language: Language | None,
    strict: bool,
) -> int:
    """Judge the files into the folder, show the summary, in JSON without a language, and give the exit status."""
    from wattproof.cli.verdicts import show_total
    from wattproof.signed import companions
    from wattproof.signed.scale import places, results

    if not folder:
        raise UsageError("--results needs the name of a folder")
    target = places.Folder(folder)
    files = companions.leading(places.expanded(list(names), target))
    bar.total = sum(map(places.size, files))

    def told(part: Part) -> None:
        bar.name, bar.done = part.piece.name, bar.done + part.piece.size
        bar.tell(part.counts.get("records", 0))

    found = results.run(files, target, options, engines(), told)
    bar.close()
    for name, reason in found.unreadable:
        sys.stderr.write(f"error: cannot read {escape(name)}: {reason}\n")
    if language is None:
        output.print_json({**found.as_dict(), "results": folder})
    else:
        show_total(found.summary, language)
        parts = found.judged + found.known
        output.note(
            f"{found.counts['records']:,} records in {parts:,} parts, {found.known:,} of them known from before; "
            f"{found.joined:,} session{'' if found.joined == 1 else 's'} joined from several places"
        )
        if found.left:
            output.warn(f"{found.left} transactions have too many or too long rows: they are not joined")
        output.note(f"results: records and sessions in {folder}")
    return found.exit_status(strict=strict)
