"""`wattproof verify`: check signed meter values and say why."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from wattproof.cli import output
from wattproof.cli.output import escape
from wattproof.errors import StorageError, UsageError

if TYPE_CHECKING:
    from wattproof.cli.keysources import Seen
    from wattproof.cli.verify_stream import Gathering, Json, Lines
    from wattproof.signed.examination import Examination
    from wattproof.signed.paper.sheet import Document, Pages
    from wattproof.signed.report import Report
    from wattproof.signed.scale.judging import Collector
    from wattproof.signed.totals import Totals
    from wattproof.signed.wording import Language

#: Endings of --report to the name of the writer.
_REPORTS = {".html": "html", ".htm": "html", ".pdf": "pdf"}


def command(
    *files: Annotated[str, Parameter(allow_leading_hyphen=True)],
    public_key: str | None = None,
    strict: Annotated[bool, Parameter(negative=())] = False,
    profile: Literal["safe-1.4.1", "chargy-0.12"] | None = None,
    allow_test_keys: Annotated[bool, Parameter(negative=())] = False,
    report_file: Annotated[Path | None, Parameter(name="--report")] = None,
    language: Literal["en", "de", "auto"] = "en",
    register: Annotated[str | None, Parameter(name="--keys")] = None,
    pin: Annotated[bool, Parameter(negative=())] = False,
    results: str | None = None,
    jobs: int | None = None,
    engine: Literal["local", "ray"] = "local",
    digest: str | None = None,
    signature: str | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Check signed meter values: is the signature right, is the session complete, and if not, why.

    Reads OCMF texts, S.A.F.E. transparency XML, Chargy and chargeIT JSON, PTB containers, OCPI and OCPP messages, and
    ChargePoint records with the signature in a file beside them; also written in hexadecimal, Base64 or Base32; alone
    or inside zip, tar, gzip, JSON lines, CSV, and with the extra `documents` inside Parquet, PDF files and images of QR
    codes. Streams may have any length. A record is green only with a key that you give or trust in your key register
    (`wattproof keys`): a key inside the file proves only that key and record belong together.

    Exit codes: 0 green or yellow; 1 red (with --strict also yellow); 2 misuse or a file that cannot be read;
    3 grey: nothing red, but something cannot be judged; 5 the report cannot be written, the key register not read, or
    whoever reads what is printed of a long input left before its end.

    Examples:

        wattproof verify session.xml
        wattproof verify session.xml --public-key @meter.pem
        wattproof verify begin.ocmf end.ocmf --public-key 3059301306072A86... --strict
        wattproof verify - < session.json
        wattproof verify session.xml --profile safe-1.4.1 --json
        wattproof verify session.xml --report report.html --language de
        wattproof verify *.xml --report report.pdf
        wattproof verify exports/ --results results --engine ray
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
    report_file
        Also write a report of one page a session: FILE.html, or FILE.pdf (needs the extra `documents`).
    language
        Words for people: en, de, or auto for that of the locale. Reports carry both, this one first.
    register
        The key register, or none (default: WATTPROOF_KEYS, or ~/.local/share/wattproof/keys.json).
    pin
        Keep keys that came with valid records of unknown meters in the register, as seen, not as trusted.
    results
        A folder (or s3:// and the like) for the results as Parquet, one row a record and one a session; FILES may be
        folders. Goes on where it stopped, judges nothing twice, joins sessions whose records lie in different files.
    jobs
        Records judged at the same time when there are many: by default one on each processor.
    engine
        What judges many records: processes on this machine, or a Ray cluster (RAY_ADDRESS, else a local one).
    digest
        Verify a bare digest instead of files (hexadecimal, or @FILE); needs --signature and --public-key.
    signature
        The signature of --digest: DER or r and s side by side (hexadecimal, or @FILE).
    json
        Print the report as JSON.
    """
    key = _argument(public_key, "--public-key") if public_key is not None else None
    if digest is not None or signature is not None:
        return _bare(files, digest, signature, key, json, _language(language))
    for name in files:
        if name.startswith("-") and name != "-":
            raise UsageError(f"unknown option {escape(name)}: see 'wattproof verify --help' (a file: ./{escape(name)})")
    if not files:
        raise UsageError("nothing to verify: name a file, or - for standard input")
    spoken = _language(language)
    if report_file is not None:
        _report_kind(report_file)
    from wattproof.cli import keyfile
    from wattproof.cli.verify_reading import Engines, Reading
    from wattproof.cli.verify_stream import take, totals, watching
    from wattproof.signed.examination import Examination
    from wattproof.signed.scale.judging import Judge

    known = keyfile.register_path(register)
    if pin and known is None:
        raise UsageError("--pin needs a key register: name one with --keys")
    there = known is not None and known.exists()
    if register is not None and known is not None and not there and not pin:
        raise UsageError(f"--keys {escape(register)}: there is no such key register")
    options: dict[str, Any] = {
        "public_key": key,
        "allow_test_keys": allow_test_keys,
        "profile": profile,
        "now": time.time(),
    }
    options["register"] = keyfile.load(known) if there and known is not None else None
    if results is not None:
        if report_file is not None or pin:
            raise UsageError("--results does not go together with --report or --pin")
        from wattproof.cli import verify_results

        verify_results.require(files)
        with watching() as bar, Engines(engine, jobs) as engines:
            return verify_results.judge(
                files, results, options, engines, bar, language=None if json else spoken, strict=strict
            )
    examination = Examination(**options)
    pages, seen = _pages(report_file is not None), _seen(pin)
    with watching() as bar, Engines(engine, jobs) as engines, closing(_writer(examination, json, spoken)) as writer:
        gatherings: list[Gathering] = [writer] if seen is None else [seen, writer]
        judge = partial(Judge, options, partial(_collectors, [each.collector() for each in gatherings]))
        here = engines.alone or pages is not None  # pages need the records, not what comes back of them
        reading = Reading(examination, files, bar, None if here else engines, judge)
        parts = reading.parts()
        found: Report | Totals
        if take(parts, examination.keep):
            try:
                found = totals(examination, parts, gatherings, [pages] if pages is not None else [])
            except (BrokenPipeError, SystemExit) as error:
                if not output.reader_left(error):
                    raise
                output.drop()
                return StorageError.exit_code  # whoever read has enough of a long input, and nobody knows the rest
            bar.close()
            with output.perhaps_unread():
                writer.finish(found.summary)
        else:
            bar.close()
            found = examination.report()
            with output.perhaps_unread():
                _show(found, None if json else spoken)
            for each in (pages, seen):
                if each is not None:
                    each.add(found)
    if pages is not None and report_file is not None:
        for part in pages.parts:
            examination.settle(part)
        _write_report(pages.document(found.summary, examination.report().unreadable), report_file, spoken)
        if not json:
            output.note(f"wrote {report_file}")
    if seen is not None and known is not None:
        seen.keep(known)
    return found.exit_status(strict=strict)


def _collectors(makers: Sequence[Callable[[], Collector]]) -> list[Collector]:
    return [make() for make in makers]


def _writer(examination: Examination, json: bool, language: Language) -> Json | Lines:
    """What writes a long input."""
    from wattproof.cli.verify_stream import Json, Lines

    return Json(examination, sys.stdout) if json else Lines(examination, language, sys.stdout)


def _show(report: Report, language: Language | None) -> None:
    """An input that is shown as one report: for people in a language, or as JSON."""
    if language is None:
        from wattproof.cli.verify_stream import printable

        output.print_json(printable(report.as_dict()))
    else:
        from wattproof.cli.verdicts import show

        show(report, language)


def _pages(wanted: bool) -> Pages | None:
    if not wanted:
        return None
    from wattproof.signed.paper.sheet import Pages

    return Pages()


def _seen(wanted: bool) -> Seen | None:
    if not wanted:
        return None
    from wattproof.cli.keysources import Seen

    return Seen()


def _language(wanted: Literal["en", "de", "auto"]) -> Language:
    """The language that was asked for; a locale counts only where somebody says so."""
    if wanted != "auto":
        return wanted
    import os

    names = (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    return "de" if (next(filter(None, names), "")).lower().startswith("de") else "en"


def _report_kind(path: Path) -> str:
    """Which report the ending asks for, before anything is verified. Raises ``UsageError``."""
    kind = _REPORTS.get(path.suffix.lower())
    if kind is None:
        raise UsageError(f"--report {path}: the name ends with .html or .pdf")
    if kind == "pdf":
        from wattproof.signed.paper.pdf import require

        require()
    return kind


def _write_report(report: Document, path: Path, language: Language) -> None:
    from wattproof.cli.keeping import write_durably

    if _report_kind(path) == "pdf":
        from wattproof.signed.paper.pdf import write_pdf

        data = write_pdf(report, language)
    else:
        from wattproof.signed.paper.html import write_html

        data = write_html(report, language)
    write_durably(path, data)


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
    files: tuple[str, ...],
    digest: str | None,
    signature: str | None,
    key: bytes | str | None,
    json: bool,
    language: Language,
) -> int:
    """A digest, a signature, a key: nothing else is known, so the answer is yes or no."""
    if files or digest is None or signature is None or key is None:
        raise UsageError("--digest, --signature and --public-key belong together, without files")
    from wattproof.signed.calls import verify_digest

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
        from wattproof.cli.verdicts import headline, reason

        words = headline(verdict.verdict.value, language)
        output.say(words if valid else f"{words}: {reason(verdict.reason, language)}")
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
