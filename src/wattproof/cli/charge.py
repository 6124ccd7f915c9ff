"""`wattproof charge`: a signed charging session from begin to end, written to files.

The begin record is on disk (fsync) before the command goes on. Until the session is whole it lies in
``OUTPUT.partial.json``, with everything that was signed so far; that file stays where something failed. Once the
session has begun nothing but an interrupt of its very end keeps the command from ending it: its contactor is closed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from wattproof.cli import INTERRUPTED, output
from wattproof.cli.arguments import Number
from wattproof.cli.interrupts import Interrupts
from wattproof.cli.keeping import Keeping, attempt, free, refuse_taken, write_durably
from wattproof.cli.meter import TraceFile, able, meter_dict, opened, positive
from wattproof.errors import SessionFailed, StorageError, UsageError, WattproofError
from wattproof.io.url import parse_url

if TYPE_CHECKING:
    from wattproof.drivers.charging import ChargingSession, Format, Progress, SessionRecord, Station

    AnyRecord = SessionRecord[Any]

#: The format that holds everything there is, whole or not: every family has it.
EVERYTHING = "json"


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

    Sets the meter's time, writes who charges and where, takes the begin record and stores it, watches energy flow,
    takes the end record and writes both as one session. Without --energy and --duration it runs until interrupted
    (Ctrl-C), which ends the session properly. Without progress for 60 meter seconds it ends the session and exits
    with 1. Seconds are the meter's own: a virtual meter with --speed 60 counts 60 of them in one.

    Examples:

        wattproof charge bsm+tcp://127.0.0.1:5020 --energy 5000 --output session.xml
        wattproof charge bsm+tcp://127.0.0.1:5020 --identification rfid:12345678 --evse "DE*BDO*E8025334492*2"
        wattproof charge bsm+tcp://127.0.0.1:5020 --duration 60 --no-switching --format chargy
        wattproof charge bsm+tcp://127.0.0.1:5020 --existing stons,stoffs --format safe-xml --output session.xml
        wattproof charge dmed4+http://192.168.1.1 --identification 1F2D3A4F5506C7 --evse "DE*ABC*E000123"

    Parameters
    ----------
    arguments
        METER_URL; may come from the environment: WATTPROOF_METER.
    identification
        Who charges; signed as Meta1 (contract-id) of a BSM, as ID of a DMED4.
    evse
        Where; signed as Meta2 (evse-id) of a BSM, as CI of a DMED4.
    energy
        End after so many Wh.
    duration
        End after so many meter seconds.
    switching
        Let the meter close and open the contactor (turn-on, turn-off); --no-switching takes start and end records. A
        DMED4 has no contactor: the station switches.
    output_file
        File for the session; default: serial number and begin counter, in the present folder.
    format
        What the file holds: transparency XML, OCMF texts, a Chargy document (BSM), or everything as JSON.
    existing
        Take no session: write what the meter has signed. BSM: START,END such as stons,stoffs. DMED4: last, or T12.
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
    from wattproof.drivers.charging import Station

    url, rest = output.split_url(arguments)
    if rest:
        raise UsageError(f"{rest[0]!r} is too much: charge takes a METER_URL and options")
    if energy is not None and duration is not None:
        raise UsageError("--energy and --duration: give one of them")
    positive(energy, "--energy", "Wh")
    positive(duration, "--duration", "seconds")
    run = _Run(url, format, Station(station_serial, station_compliance), output_file, json, verbose)
    if output_file is not None:
        refuse_taken(output_file)
    named = parse_url(url).family
    if named is not None:
        run.choose_format(named)
    if existing is not None:
        _refuse_idle(
            {
                "--identification": identification is not None,
                "--evse": evse is not None,
                "--energy": energy is not None,
                "--duration": duration is not None,
                "--no-switching": not switching,
            }
        )
    with Interrupts("ending the session ...") as interrupts, opened(url, trace) as meter:
        able(meter, "session", url, "take signed sessions")
        run.choose_format(meter.family)
        if existing is not None:
            return run.write_existing(meter, existing)
        session = meter.session(
            identification=identification,
            evse=evse,
            switching=switching,
            needs_ocmf=run.format.needs_ocmf,
            store=run.store,
        )
        return run.charge(meter, session, energy, duration, interrupts)


def _refuse_idle(given: dict[str, bool]) -> None:
    """Raises :class:`~wattproof.errors.UsageError` for options that only a session to be taken has a use for."""
    idle = [name for name, is_given in given.items() if is_given]
    if idle:
        raise UsageError(f"--existing takes no session, so {', '.join(idle)} would do nothing: leave it out")


class _Run:
    """One run of the command: where its files are, and what it says."""

    def __init__(self, url: str, format: str, station: Station, path: Path | None, json: bool, verbose: bool) -> None:
        self.url = url
        self._format_name = format
        self.format: Format
        self.everything: Format
        self.station = station
        self.path = path
        self.json = json
        self.verbose = verbose
        self.keeping: Keeping | None = None
        self.identity: dict[str, Any] = {}

    def choose_format(self, family: str) -> None:
        """Look the format up among those of a family. Raises :class:`~wattproof.errors.UsageError`."""
        from wattproof.meters import registry

        formats: dict[str, Format] = registry.family(family).load("formats")
        if self._format_name not in formats:
            known = ", ".join(formats)
            raise UsageError(f"--format {self._format_name}: a session of {family} is written as {known}")
        self.format, self.everything = formats[self._format_name], formats[EVERYTHING]

    def charge(
        self,
        meter: Any,
        session: ChargingSession,
        energy: Decimal | None,
        duration: float | None,
        interrupts: Interrupts,
    ) -> int:
        """The whole session; returns the exit code. A failure is raised after everything is stored."""
        from wattproof.drivers.modbus import run_blocking as step

        self.identity = meter_dict(meter, self.url)
        keeping = self.keeping = Keeping(self.path or Path(f"{self._stem}-session{self.format.suffix}"))
        interrupts.deferred = True
        keeping.reserve()
        try:
            if interrupts.asked:
                raise KeyboardInterrupt
            step(session.begin())
        except BaseException as error:
            self._failed(keeping, session.record, error)
            raise
        troubles: list[BaseException] = []
        try:
            self._watch(session, energy, duration, interrupts)
        except KeyboardInterrupt:
            pass  # in a hurry; there is still a contactor to open
        except BaseException as error:  # whatever it is, energy flows
            troubles.append(error)
            session.record.failure = _words(error)
        try:
            step(session.end())
        except BaseException as error:
            troubles.append(error)
            session.record.failure = session.record.failure or _words(error)
        self._finish(keeping, session.record, troubles, interrupts.asked)
        if troubles:
            raise _one(troubles)
        return INTERRUPTED if interrupts.asked else 0

    def _watch(
        self, session: ChargingSession, energy: Decimal | None, duration: float | None, interrupts: Interrupts
    ) -> None:
        from wattproof.drivers.modbus import run_blocking as step

        begin = session.record.begin
        if begin is not None:
            self._say(f"begun: {begin.name}")
        with self._live() as report:
            step(session.run(energy=energy, duration=duration, stopped=lambda: interrupts.asked, report=report))

    def store(self, record: AnyRecord) -> None:
        """Put everything signed so far on disk; called by the session after each step."""
        if self.keeping is not None:
            self.keeping.store(self.everything.write(record, self.station))

    def _finish(self, keeping: Keeping, record: AnyRecord, troubles: list[BaseException], interrupted: bool) -> None:
        """Write the session as one file, and drop the partial one if there is nothing more in it."""
        files: list[Path] = []
        if record.whole:
            path = self.path or self._default_path(record)
            try:
                keeping.write(path, self.format.write(record, self.station))
                files.append(path)
            except WattproofError as error:
                troubles.append(error)
        if files and not troubles and not record.failure:
            keeping.drop()
        else:
            trouble = attempt(lambda: self.store(record))
            troubles += [] if trouble is None else [trouble]
            files += [keeping.partial] if keeping.stored else []
        keeping.release()
        self._report(record, files, interrupted)
        self._say_what_is_missing(keeping, record, files)

    def _say_what_is_missing(self, keeping: Keeping, record: AnyRecord, files: list[Path]) -> None:
        """After trouble: what no file holds, and how to get it."""
        fetch = f"wattproof charge '{self.url}' --existing {record.existing} --output FILE"
        if record.whole and files == [keeping.partial]:
            output.warn(f"the session is whole, but only {keeping.partial} holds it; the meter has it too: {fetch}")
        if not record.whole:
            output.warn(
                f"there is no end record. When the meter answers, fetch it with: {fetch}; "
                f"if it has not signed one: {record.remedy(self.url)}"
            )
        if keeping.stored or files:
            return
        if keeping.partial.exists():
            output.warn(f"{keeping.partial} holds an earlier state of the session")
        output.warn(f"no file holds these signed records; keep them from here, or fetch them with: {fetch}")
        for taken in record.records:
            output.warn(f"{taken.name}: {taken.words}")
            output.warn(f"public key: {taken.key.hex()}")

    def _failed(self, keeping: Keeping, record: AnyRecord, error: BaseException) -> None:
        """A session that has not begun: keep what there is, or leave nothing behind."""
        record.failure = record.failure or _words(error)
        if record.evidence or record.begin is not None:
            attempt(lambda: self.store(record))
        else:
            attempt(keeping.drop)
        keeping.release()
        self._report(record, [keeping.partial] if keeping.stored else [], False)

    def write_existing(self, meter: Any, existing: str) -> int:
        """What the meter has signed, as a file. 1 if that is not one session that holds."""
        self.identity = meter_dict(meter, self.url)
        record, holds = meter.existing_session(existing)
        path = self.path or self._default_path(record)
        write_durably(path, self.format.write(record, self.station))
        self._report(record, [path], False)
        return 0 if holds else 1

    def _default_path(self, record: AnyRecord) -> Path:
        counter = record.begin.counter if record.begin else 0
        return free(Path(f"{self._stem}-T{counter}{self.format.suffix}"), self.format.suffix)

    @property
    def _stem(self) -> str:
        """What file names begin with: the serial number, or the family where the meter does not say it."""
        return str(self.identity["serial"] or self.identity["model"])

    def _report(self, record: AnyRecord, files: list[Path], interrupted: bool) -> None:
        self._report_session(record, files, interrupted)
        if not self.format.keyed and record.end is not None and record.whole:
            key = record.end.key.hex()
            output.note(f"OCMF texts hold no key; check with: wattproof verify FILE --public-key {key}")

    def _report_session(self, record: AnyRecord, files: list[Path], interrupted: bool) -> None:
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
                f"session: {format_wh(record.energy)}, {' to '.join(f'T{taken.counter}' for taken in record.records)}"
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


def _words(error: BaseException) -> str:
    """What went wrong, also for errors that have no text."""
    return "interrupted" if isinstance(error, KeyboardInterrupt) else str(error) or type(error).__name__


def _one(troubles: list[BaseException]) -> BaseException:
    """All that went wrong as one error; an interrupt and what is nobody's fault but ours stay what they are."""
    texts = list(dict.fromkeys(_words(trouble) for trouble in troubles))
    for trouble in troubles:
        if not isinstance(trouble, WattproofError):
            for text in texts:
                if text != _words(trouble):
                    output.warn(text)
            return trouble
    if len(texts) == 1:
        return troubles[0]
    only_disk = all(isinstance(trouble, StorageError) for trouble in troubles)
    return (StorageError if only_disk else SessionFailed)("; and ".join(texts))


def line(progress: Progress) -> str:
    """A look at the session as one line."""
    power = "?" if progress.power is None else f"{progress.power / 1000:.2f}"
    minutes, seconds = divmod(progress.seconds, 60)
    return f"{format_wh(progress.energy)}  {power} kW  {minutes}:{seconds:02d}  {progress.state}"


def format_wh(energy: Decimal) -> str:
    """Wh as kWh with the two decimals that the meter shows."""
    return f"{energy / 1000:.2f} kWh"
