"""`wattproof charge`: a signed charging session from begin to end, written to files.

The begin record is on disk (fsync) before the command goes on. Until the session is whole it lies in
``OUTPUT.partial.json``, with everything that was signed so far; that file stays where something failed.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from wattproof.cli import INTERRUPTED, output
from wattproof.cli.arguments import Number
from wattproof.cli.meter import TraceFile, able, meter_dict, opened, positive
from wattproof.errors import UsageError, WattproofError

if TYPE_CHECKING:
    from wattproof.meters.bsm.export import Format, Station
    from wattproof.meters.bsm.progress import Progress
    from wattproof.meters.bsm.session import Session, SessionRecord

PARTIAL = ".partial.json"


def command(
    *arguments: Annotated[str, Parameter(allow_leading_hyphen=False)],
    identification: str | None = None,
    evse: str | None = None,
    energy: Number | None = None,
    duration: float | None = None,
    switching: Annotated[bool, Parameter(negative="--no-switching")] = True,
    output_file: Annotated[Path | None, Parameter(name="--output")] = None,
    format: Literal["safe-xml", "ocmf", "chargy", "json"] = "safe-xml",
    existing: str | None = None,
    station_serial: str | None = None,
    station_compliance: str | None = None,
    json: bool = False,
    trace: TraceFile = None,
    verbose: bool = False,
) -> int:
    """Take a signed charging session.

    Sets the meter's time, writes the metadata, takes the begin record and stores it, watches energy flow, takes the
    end record and writes both as one session. Without --energy and --duration it runs until interrupted (Ctrl-C), which
    ends the session properly. Without progress for 60 meter seconds it ends the session and exits with 1. Seconds are
    the meter's own: a virtual meter with --speed 60 counts 60 of them in one.

    Examples:

        wattproof charge bsm+tcp://127.0.0.1:5020 --energy 5000 --output session.xml
        wattproof charge bsm+tcp://127.0.0.1:5020 --identification rfid:12345678 --evse "DE*BDO*E8025334492*2"
        wattproof charge bsm+tcp://127.0.0.1:5020 --duration 60 --no-switching --format chargy
        wattproof charge bsm+tcp://127.0.0.1:5020 --existing stons,stoffs --format safe-xml --output session.xml

    Parameters
    ----------
    arguments
        METER_URL; may come from the environment: WATTPROOF_METER.
    identification
        Who charges; signed as Meta1 (contract-id).
    evse
        Where; signed as Meta2 (evse-id).
    energy
        End after so many Wh.
    duration
        End after so many meter seconds.
    switching
        Let the meter close and open the contactor (turn-on, turn-off); --no-switching takes start and end records.
    output_file
        File for the session; default: serial number and begin counter, in the present folder.
    format
        What the file holds: transparency XML, OCMF texts, a Chargy document, or everything as JSON.
    existing
        Take no session: write the snapshots that are there. START,END such as stons,stoffs or start,end.
    station_serial
        Serial number of the charging station, for chargy.
    station_compliance
        Compliance text of the charging station, for chargy.
    json
        Print a summary as JSON.
    trace
        Write every byte sent and received to this file; - is stderr.
    verbose
        Say every step.
    """
    from wattproof.meters.bsm.export import FORMATS, Station

    url, rest = output.split_url(arguments)
    if rest:
        raise UsageError(f"{rest[0]!r} is too much: charge takes a METER_URL and options")
    if energy is not None and duration is not None:
        raise UsageError("--energy and --duration: give one of them")
    positive(energy, "--energy", "Wh")
    positive(duration, "--duration", "seconds")
    run = _Run(url, FORMATS[format], Station(station_serial, station_compliance), output_file, json, verbose)
    with opened(url, trace) as meter:
        able(meter, "session", url, "take signed sessions")
        if existing is not None:
            return run.write_existing(meter, existing)
        session = meter.session(
            identification=identification,
            evse=evse,
            switching=switching,
            needs_ocmf=run.format.needs_ocmf,
            store=run.store,
        )
        return run.charge(meter, session, energy, duration)


class _Run:
    """One run of the command: where its files are, and what it says."""

    def __init__(
        self, url: str, format: Format, station: Station, path: Path | None, json: bool, verbose: bool
    ) -> None:
        self.url = url
        self.format = format
        self.station = station
        self.path = path
        self.json = json
        self.verbose = verbose
        self.partial: Path | None = None
        self.identity: dict[str, Any] = {}

    def charge(self, meter: Any, session: Session, energy: Decimal | None, duration: float | None) -> int:
        """The whole session; returns the exit code. A failure is raised after everything is stored."""
        from wattproof.drivers.modbus import run_blocking as step

        self.identity = meter_dict(meter, self.url)
        self.reserve()
        trouble: WattproofError | None = None
        with _interruptible() as stopped:
            try:
                begin = step(session.begin())
            except WattproofError as error:
                self._failed(session.record, error)
                raise
            self._say(f"begun: {begin.kind.word} T{begin.counter}, {begin.energy('TotWhImp') or 0:f} Wh on the meter")
            try:
                with self._live() as report:
                    step(session.run(energy=energy, duration=duration, stopped=stopped, report=report))
            except WattproofError as error:
                trouble = error
                session.record.failure = str(error)
            try:
                step(session.end())
            except WattproofError as error:
                trouble = trouble or error
            interrupted = stopped()
        self._finish(session.record, trouble, interrupted)
        if trouble is not None:
            raise trouble
        return INTERRUPTED if interrupted else 0

    def reserve(self) -> None:
        """Make sure that something can be written before anything is switched."""
        target = self.path or Path(f"{self.identity['serial']}-session{self.format.suffix}")
        self.partial = _free(target.with_name(target.name + PARTIAL))
        write_durably(self.partial, b"{}\n")

    def store(self, record: SessionRecord) -> None:
        """Put everything signed so far on disk; called by the session after each step."""
        from wattproof.meters.bsm.export import json_document

        if self.partial is not None:
            write_durably(self.partial, json_document(record))

    def _finish(self, record: SessionRecord, trouble: WattproofError | None, interrupted: bool) -> None:
        """Write the session as one file, and drop the partial one if there is nothing more in it."""
        files: list[Path] = []
        if record.whole:
            path = self.path or self._default_path(record)
            try:
                write_durably(path, self.format.write(record, self.station))
            except WattproofError as error:
                output.warn(f"the session is whole, but only {self.partial} holds it: {error}")
                raise
            files.append(path)
        if trouble is None and not record.failure and self.partial is not None:
            self.partial.unlink(missing_ok=True)
        elif self.partial is not None:
            self.store(record)
            files.append(self.partial)
        self._report(record, files, interrupted)

    def _failed(self, record: SessionRecord, error: WattproofError) -> None:
        """A session that has not begun: keep what there is, or leave nothing behind."""
        files = []
        if self.partial is not None:
            if record.evidence:
                files.append(self.partial)
            else:
                self.partial.unlink(missing_ok=True)
        record.failure = record.failure or str(error)
        self._report(record, files, False)

    def write_existing(self, meter: Any, existing: str) -> int:
        """The snapshots that are on the meter, as a file."""
        from wattproof.meters.bsm.session import SessionRecord

        kinds = existing.split(",")
        if len(kinds) != 2:
            raise UsageError(f"--existing {existing}: give two kinds, START,END, such as stons,stoffs")
        begin, end = (meter.existing(kind.strip()) for kind in kinds)
        if begin.kind.transaction != "B" or end.kind.transaction != "E":
            raise UsageError(f"--existing {existing}: first turn-on or start, then turn-off or end")
        self.identity = meter_dict(meter, self.url)
        record = SessionRecord(begin.kind.switches, begin, end)
        record.notes += [*begin.complaints, *end.complaints]
        path = self.path or self._default_path(record)
        write_durably(path, self.format.write(record, self.station))
        self._report(record, [path], False)
        return 0 if begin.valid and end.valid and False not in (begin.ocmf_valid, end.ocmf_valid) else 1

    def _default_path(self, record: SessionRecord) -> Path:
        counter = record.begin.counter if record.begin else 0
        return Path(f"{self.identity['serial']}-T{counter}{self.format.suffix}")

    def _report(self, record: SessionRecord, files: list[Path], interrupted: bool) -> None:
        if self.json:
            summary = {
                "meter": self.identity,
                "files": [str(path) for path in files],
                "format": self.format.name,
                "interrupted": interrupted,
                "session": record.as_dict(),
            }
            output.print_json(summary)
            return
        if record.whole and record.energy is not None:
            output.say(
                f"session: {format_wh(record.energy)}, {' to '.join(f'T{taken.counter}' for taken in record.snapshots)}"
            )
        for path in files:
            output.say(f"wrote {path}")
        for text in record.notes:
            output.warn(text)

    def _say(self, text: str) -> None:
        if self.verbose:
            output.note(text)

    @contextmanager
    def _live(self) -> Iterator[Any]:
        """A line that follows the session, where somebody watches."""
        if self.json or not output.errors().is_terminal:
            yield lambda progress: None
            return
        with output.errors().status("charging") as status:
            yield lambda progress: status.update(line(progress))


def _free(path: Path) -> Path:
    """The path, or one with a number where an earlier session that failed still lies."""
    number, found = 1, path
    while found.exists():
        number += 1
        found = path.with_name(f"{path.name.removesuffix(PARTIAL)}-{number}{PARTIAL}")
    return found


def line(progress: Progress) -> str:
    """A look at the session as one line."""
    power = "?" if progress.power is None else f"{progress.power / 1000:.2f}"
    state = "closed" if progress.closed else "open"
    minutes, seconds = divmod(progress.seconds, 60)
    return f"{format_wh(progress.energy)}  {power} kW  {minutes}:{seconds:02d}  contactor {state}"


def format_wh(energy: Decimal) -> str:
    """Wh as kWh with the two decimals that the meter shows."""
    return f"{energy / 1000:.2f} kWh"


@contextmanager
def _interruptible() -> Iterator[Any]:
    """A function that says whether an interrupt or a termination was asked for; a second one takes effect at once."""
    asked = False

    def ask(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        asked = True
        signal.signal(number, previous[number])
        output.note("ending the session ...")

    numbers = (signal.SIGINT, signal.SIGTERM)
    previous: dict[int, Any] = {number: signal.getsignal(number) for number in numbers}
    for number in numbers:
        signal.signal(number, ask)
    try:
        yield lambda: asked
    finally:
        for number in numbers:
            signal.signal(number, previous[number])


def write_durably(path: Path, data: bytes) -> None:
    """Write a file whole or not at all, and have it on disk afterwards, its name included.

    Raises :class:`~wattproof.errors.StorageError`.
    """
    scratch = path.with_name(path.name + ".writing")
    with output.writing(path):
        try:
            with scratch.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            scratch.replace(path)
        except OSError:
            scratch.unlink(missing_ok=True)
            raise
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
