"""`wattproof logbook`: the signed records and events that a meter has stored, as files.

A record is a file of its own, ``T12.ocmf``, and is fetched once: the command goes on where it was interrupted, and
fetches what is new when it is called again. Events have no numbers, so ``events.jsonl`` is written anew.
"""

from __future__ import annotations

import json as jsonlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from wattproof.cli import output
from wattproof.cli.keeping import write_durably
from wattproof.cli.meter import TraceFile, able, meter_dict, opened
from wattproof.errors import StorageError, UsageError

if TYPE_CHECKING:
    from rich.progress import Progress

EVENTS, KEY = "events.jsonl", "public-key.txt"


@dataclass(slots=True)
class Entry:
    """One record: its number, its file, whether it came now, and what verification says if it was asked for."""

    counter: int
    file: Path
    fetched: bool
    signature: str | None = None


def command(
    *arguments: Annotated[str, Parameter(allow_leading_hyphen=False)],
    output_folder: Annotated[Path | None, Parameter(name="--output")] = None,
    events: Annotated[bool, Parameter(negative="--no-events")] = True,
    verify: bool = False,
    json: bool = False,
    trace: TraceFile = None,
) -> int:
    """Fetch the signed records and the events that a meter has stored.

    Each record becomes a file with its OCMF text, T12.ocmf; the events become events.jsonl, one JSON object a line, and
    the meter's public key public-key.txt. Records that are in the folder already are not fetched again, so an
    interrupted command goes on where it was. METER_URL may come from the environment: WATTPROOF_METER.

    Examples:

        wattproof logbook dmed4+http://192.168.1.1
        wattproof logbook 'dmed4+http://192.168.1.1?channel=2' --output records --verify
        wattproof logbook dmed4+http://192.168.1.1 --no-events --json

    Parameters
    ----------
    arguments
        METER_URL.
    output_folder
        Folder for the files; default: serial number and "logbook", in the present folder.
    events
        Fetch the events too.
    verify
        Check every record in the folder with the meter's public key; exit code 1 if one does not hold.
    json
        Print a summary as JSON.
    trace
        Write every byte sent and received to this file; - is stderr.
    """
    url, rest = output.split_url(arguments)
    if rest:
        raise UsageError(f"{rest[0]!r} is too much: logbook takes a METER_URL and options")
    with opened(url, trace) as meter:
        able(meter, "logged", url, "give its log book", "REST (http)")
        identity = meter_dict(meter, url)
        folder = output_folder or Path(f"{identity['serial'] or identity['model']}-logbook")
        with output.writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        key: bytes = meter.public_key()
        write_durably(folder / KEY, key.hex().encode() + b"\n")
        with _bar(json) as advance:
            entries = _records(meter, folder, advance)
            stored = _events(meter, folder, advance) if events else None
    if verify:
        for entry in entries:
            entry.signature = _judged(entry, key)
    bad = [entry for entry in entries if entry.signature not in (None, "valid")]
    _report(identity, folder, entries, stored, json)
    return 1 if bad else 0


def _records(meter: Any, folder: Path, advance: Callable[[str, int, int], None]) -> list[Entry]:
    info = meter.log_info()
    entries = []
    first = max(1, info.first)
    for counter in range(first, info.last + 1):
        advance(f"record T{counter}", counter - first, info.last - first + 1)
        file = folder / f"T{counter}.ocmf"
        fetched = not file.exists()
        if fetched:
            record = meter.logged(counter)
            if record is None:
                continue  # the ring has moved on
            write_durably(file, record.text + b"\n")
        entries.append(Entry(counter, file, fetched))
    return entries


def _events(meter: Any, folder: Path, advance: Callable[[str, int, int], None]) -> int:
    total = meter.log_info().events_total
    found = []
    for back in range(total - 1, -1, -1):
        advance("events", total - 1 - back, total)
        event = meter.event(back)
        if event is not None:
            found.append(event)
    text = "".join(jsonlib.dumps(event, ensure_ascii=False) + "\n" for event in found)
    write_durably(folder / EVENTS, text.encode("utf-8"))
    return len(found)


def _judged(entry: Entry, key: bytes) -> str:
    """What the verifier says about the signature of a record, or that its file holds another one."""
    from wattproof.signed import examine

    try:
        data = entry.file.read_bytes()
    except OSError as error:
        raise StorageError(f"cannot read {entry.file}: {error.strerror or error}") from error
    records = examine(data, public_key=key.hex(), source=str(entry.file)).records
    if len(records) != 1:
        return "format-error"
    return records[0].signature.verdict.value


@contextmanager
def _bar(quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar where somebody watches."""
    from rich.progress import Progress

    hidden = quiet or not output.errors().is_terminal
    with Progress(console=output.errors(), transient=True, disable=hidden) as bar:
        task = bar.add_task("log book", total=None)
        yield lambda words, done, total: _advance(bar, task, words, done, total)


def _advance(bar: Progress, task: Any, words: str, done: int, total: int) -> None:
    bar.update(task, description=words, completed=done, total=total)


def _report(identity: dict[str, Any], folder: Path, entries: list[Entry], events: int | None, json: bool) -> None:
    if json:
        rows = [
            {"counter": one.counter, "file": str(one.file), "fetched": one.fetched, "signature": one.signature}
            for one in entries
        ]
        output.print_json({"meter": identity, "folder": str(folder), "records": rows, "events": events})
        return
    new = sum(entry.fetched for entry in entries)
    told = "" if events is None else f", {events} events"
    output.say(f"{folder}: {len(entries)} records, {new} of them new{told}")
    for entry in entries:
        if entry.signature not in (None, "valid"):
            output.warn(f"{entry.file}: {entry.signature}")
    if entries and all(entry.signature == "valid" for entry in entries):
        output.say(f"all {len(entries)} signatures hold with the key that the meter shows")
