"""`wattproof verify`: check signed meter values and say why."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, Literal

from cyclopts import Parameter

from wattproof.cli import output
from wattproof.errors import StorageError, UsageError

if TYPE_CHECKING:
    from rich.text import Text

    from wattproof.cli.verify_stream import Bar, Json, Lines
    from wattproof.signed.examination import Examination
    from wattproof.signed.records import Record
    from wattproof.signed.report import Report
    from wattproof.signed.sessions import Session
    from wattproof.signed.totals import Totals

_SHOWN = 400  # characters of one text of a record

_MARKS = {"green": "✔", "yellow": "!", "red": "✘", "grey": "?"}
_STYLES = {"green": "bold green", "yellow": "bold yellow", "red": "bold red", "grey": "bold bright_black"}
_SEVERITY_STYLES = {"error": "red", "incomplete": "bright_black", "warning": "yellow", "info": "dim"}


def command(
    *files: Annotated[str, Parameter(allow_leading_hyphen=True)],
    public_key: str | None = None,
    strict: Annotated[bool, Parameter(negative=())] = False,
    profile: Literal["safe-1.4.1", "chargy-0.12"] | None = None,
    allow_test_keys: Annotated[bool, Parameter(negative=())] = False,
    digest: str | None = None,
    signature: str | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Check signed meter values: is the signature right, is the session complete, and if not, why.

    Reads OCMF texts, S.A.F.E. transparency XML, Chargy and chargeIT JSON, PTB containers, OCPI and OCPP messages, and
    ChargePoint records with the signature in a file beside them; also written in hexadecimal, Base64 or Base32; alone
    or inside zip, tar, gzip, JSON lines, CSV, and with the extra `documents` inside Parquet, PDF files and images of QR
    codes. Streams may have any length. A record is green only with a key that you give: a key inside the file proves
    only that key and record belong together.

    Exit codes: 0 green or yellow; 1 red (with --strict also yellow); 2 misuse or a file that cannot be read;
    3 grey: nothing red, but something cannot be judged.

    Examples:

        wattproof verify session.xml
        wattproof verify session.xml --public-key @meter.pem
        wattproof verify begin.ocmf end.ocmf --public-key 3059301306072A86... --strict
        wattproof verify - < session.json
        wattproof verify session.xml --profile safe-1.4.1 --json
        wattproof verify --digest 4b2d... --signature 3045... --public-key @meter.der

    Parameters
    ----------
    files
        Files to check; - reads standard input.
    public_key
        The meter's public key: hexadecimal, Base64, Base32 or PEM text, or @FILE for a file that holds it.
    strict
        A yellow result (unknown key, warnings) is a failure.
    profile
        Also predict what this program in wide use would say; its refusal counts as red.
    allow_test_keys
        Accept records signed with the published test keys of virtual meters.
    digest
        Verify a bare digest instead of files (hexadecimal, or @FILE); needs --signature and --public-key.
    signature
        The signature of --digest: DER or r and s side by side (hexadecimal, or @FILE).
    json
        Print the report as JSON.
    """
    key = _argument(public_key, "--public-key") if public_key is not None else None
    if digest is not None or signature is not None:
        return _bare(files, digest, signature, key, json)
    for name in files:
        if name.startswith("-") and name != "-":
            raise UsageError(f"unknown option {escape(name)}: see 'wattproof verify --help' (a file: ./{escape(name)})")
    if not files:
        raise UsageError("nothing to verify: name a file, or - for standard input")
    from wattproof.cli.verify_stream import Json, Lines, printable, take, watching
    from wattproof.signed.examination import Examination

    examination = Examination(key, allow_test_keys=allow_test_keys, profile=profile)
    stdout = sys.stdout  # a bar puts another one in its place
    with watching() as bar:
        parts = _parts(examination, files, bar)
        if take(parts, examination.keep):
            with closing(Json(examination, stdout) if json else Lines(_lines, stdout)) as writer:
                totals = _long(examination, parts, writer)
                bar.close()
                writer.finish(totals.summary)
            if not json:
                _say_totals(totals.summary)
            return totals.exit_status(strict=strict)
    report = examination.report()
    if json:
        output.print_json(printable(report.as_dict()))
    else:
        show(report)
    return report.exit_status(strict=strict)


def _parts(examination: Examination, names: Sequence[str], bar: Bar) -> Iterator[Report]:
    """What the named files hold; one that cannot be read is said at once and counted, the others go on."""
    from wattproof.signed import companions

    for name in companions.leading(names):
        bar.name = name
        try:
            with _opened(name) as file:
                yield from _parts_of(examination, file, name, bar)
        except (OSError, ValueError, StorageError) as error:
            reason = error.strerror or str(error) if isinstance(error, OSError) else str(error)
            sys.stderr.write(f"error: cannot read {escape(name)}: {reason}\n")
            examination.unreadable(name, reason)


@contextmanager
def _opened(name: str) -> Iterator[BinaryIO]:
    if name == "-":
        yield sys.stdin.buffer
    else:
        with Path(name).open("rb") as file:
            yield file


def _parts_of(examination: Examination, file: BinaryIO, name: str, bar: Bar) -> Iterator[Report]:
    from wattproof.signed import companions
    from wattproof.signed.sources.source import Progress, from_file

    bar.progress = Progress()
    beside = None if name == "-" else companions.of(Path(name))
    for part in examination.parts(from_file(file, bar.progress), name, beside):
        bar.tell(len(part.records))
        yield part


def _long(examination: Examination, parts: Iterator[Report], writer: Json | Lines) -> Totals:
    """A long input: what is found is written part by part."""
    from wattproof.signed.totals import Totals

    totals = Totals()
    beginning = examination.report()
    for part in chain([beginning], parts):
        totals.add(part)
        writer.add(part)
    totals.unreadable = len(beginning.unreadable)
    if not examination.allow_test_keys:
        totals.settle(examination.is_test_key)
    return totals


def _argument(text: str, option: str) -> bytes | str:
    """An argument, or with a leading @ the content of a file. Raises ``UsageError`` naming option and file."""
    if not text.startswith("@"):
        return text
    try:
        return Path(text[1:]).read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"{option}: cannot read {escape(text[1:])}: {reason}") from error


def _bare(
    files: tuple[str, ...], digest: str | None, signature: str | None, key: bytes | str | None, json: bool
) -> int:
    """A digest, a signature, a key: nothing else is known, so the answer is yes or no."""
    if files or digest is None or signature is None or key is None:
        raise UsageError("--digest, --signature and --public-key belong together, without files")
    from wattproof.signed.examination import verify_digest

    verdict = verify_digest(_octets(digest, "--digest"), _octets(signature, "--signature"), key)
    valid = verdict.verdict == "valid"
    if json:
        output.print_json(
            {
                "version": 1,
                "signature": verdict.verdict.value,
                "reason": verdict.reason,
                "hints": verdict.hints,
                "algorithm": verdict.algorithm,
                "public_key": verdict.public_key.hex() if verdict.public_key else None,
            }
        )
    else:
        output.say("signature valid" if valid else f"{_headline(verdict.verdict.value)}: {_reason(verdict.reason)}")
    return 0 if valid else 1


def _octets(text: str, option: str) -> bytes:
    data = _argument(text, option)
    if isinstance(data, bytes):
        try:
            written = data.decode("ascii").strip()
            return bytes.fromhex(written) if written else data
        except ValueError:
            return data  # a binary file
    try:
        return bytes.fromhex(data)
    except ValueError:
        raise UsageError(f"{option}: give hexadecimal digits, or @FILE") from None


# -- what people see ----------------------------------------------------------------------------------------------


def escape(text: str) -> str:
    """Text of a record, made harmless for a terminal: control characters are shown, not obeyed."""
    shown = output.harmless(text[:_SHOWN]).replace("\n", "\\u000a")
    return shown + ("..." if len(text) > _SHOWN else "")


def show(report: Report) -> None:
    """Print a report for people: a block for each session and loose record, totals, and the notice."""
    console = output.console()
    for line in _lines(report):
        console.print(line, soft_wrap=True)
    _say_totals(report.summary)


def _say_totals(counts: Mapping[str, int]) -> None:
    from wattproof.signed.texts import NOTICE

    parts = [f"{counts[colour]} {colour}" for colour in ("green", "yellow", "red", "grey") if counts[colour]]
    sessions, loose = counts["sessions"], counts["loose_records"]
    total = f"{sessions} session{'s' * (sessions != 1)}"
    if loose:
        total += f", {loose} record{'s' * (loose != 1)} outside a session"
    if counts["unreadable"]:
        total += f", {counts['unreadable']} unreadable"
    output.say(f"{total}: {', '.join(parts) or 'nothing to judge'}")
    output.say(NOTICE.en)


def _lines(report: Report) -> Iterator[Text]:
    for session in report.sessions:
        yield from _session_lines(report, session)
    for record in report.loose:
        yield from _loose_lines(report, record)


def _line(text: str, style: str = "") -> Text:
    from rich.text import Text

    return Text(escape(text), style=style)


def _session_lines(report: Report, session: Session) -> Iterator[Text]:
    from wattproof.signed.report import energy, time_text
    from wattproof.signed.texts import NOT_BACKED, VERDICTS

    colour = report.session_colour(session).value
    records = session.records
    yield _line(f"{_MARKS[colour]} {colour.upper()}  {records[0].source}  session {session.id}", _STYLES[colour])
    backed = all(record.signature.verdict == "valid" for record in records)
    verdict = session.verdict.value
    yield _line(f"  {VERDICTS[verdict].en}" + ("" if backed else f" ({NOT_BACKED.en})"))
    for name, reading in (("begin", session.begin), ("end", session.end)):
        if reading is not None:
            value = f"{reading.literal or '-'} {reading.unit or ''}".strip()
            when = time_text(reading.time) or reading.time_text or "-"
            yield _line(f"  {name:<7} {when}  {value}  {reading.register or ''}".rstrip())
    used = energy(session)
    if used is not None:
        yield _line(f"  {'energy':<7} {used['value']} {used['unit']}", "bold")
    for name, texts in (
        ("user", [record.identification for record in records]),
        ("point", [record.evse for record in records]),
        ("tariff", [record.tariff for record in records]),
    ):
        if stated := " / ".join(dict.fromkeys(text for text in texts if text)):
            yield _line(f"  {name:<7} {stated}")
    for record in records:
        yield from _record_lines(report, record)
    yield from _key_lines(records)
    for finding in report.findings(session):
        yield _line(
            f"  {finding.severity.value:<10} {finding.code}: {finding.message}",
            _SEVERITY_STYLES[finding.severity.value],
        )
    yield from _prediction_lines(report, session)
    yield _line("")


def _record_lines(report: Report, record: Record) -> Iterator[Text]:
    signature = record.signature
    colour = report.record_colour(record).value
    meter = record.meter_serial or record.gateway_serial or "unknown"
    page = f" page {record.page_text or record.page}" if record.page_text or record.page is not None else ""
    kind = record.format if record.container == "none" else f"{record.format} in {record.container}"
    yield _line(
        f"  {_MARKS[colour]} record {record.index}: {kind}, meter {meter}{page}: {_headline(signature.verdict.value)}"
        + (f" ({signature.algorithm})" if signature.algorithm else ""),
        _STYLES[colour].removeprefix("bold "),
    )
    if signature.reason:
        yield _line(f"      {signature.reason}: {_reason(signature.reason)}")
    for hint in signature.hints:
        yield _line(f"      hint: {hint.replace('_', ' ')}")
    for finding in record.findings:
        where = f" at {finding.where}" if finding.where else ""
        yield _line(
            f"      {finding.severity.value:<8} {finding.code}: {finding.message}{where}",
            _SEVERITY_STYLES[finding.severity.value],
        )


def _key_lines(records: list[Record]) -> Iterator[Text]:
    """Where the keys came from and what that proves, each said once."""
    from wattproof.signed.texts import KEY_ORIGIN, TEST_KEY

    with_key = [record.signature for record in records if record.signature.public_key is not None]
    for origin in dict.fromkeys(signature.key_source for signature in with_key):
        known = origin == "trusted"
        yield _line(f"  key     {KEY_ORIGIN[origin.value if origin else None].en}", "" if known else "yellow")
    if any(signature.test_key for signature in with_key):
        yield _line(f"  key     {TEST_KEY.en}", "yellow")


def _loose_lines(report: Report, record: Record) -> Iterator[Text]:
    colour = report.record_colour(record).value
    yield _line(f"{_MARKS[colour]} {colour.upper()}  {record.source}  no session", _STYLES[colour])
    yield from _record_lines(report, record)
    yield from _key_lines([record])
    yield from _prediction_lines(report, record)
    yield _line("")


def _prediction_lines(report: Report, unit: Session | Record) -> Iterator[Text]:
    from wattproof.signed.profiles import PROFILES

    if report.profile is not None:
        prediction = report.predictions(unit)[report.profile]
        yield _line(f"  {PROFILES[report.profile].program} would say: {prediction}")


def _headline(verdict: str) -> str:
    from wattproof.signed.texts import HEADLINES

    return HEADLINES[verdict].en


def _reason(code: str | None) -> str:
    from wattproof.signed.texts import REASONS

    return REASONS[code].en if code in REASONS else "the record cannot be read, see the findings"
