"""`wattproof verify`: check signed meter values and say why."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, Literal, TextIO

from cyclopts import Parameter

from wattproof.cli import output
from wattproof.errors import StorageError, UsageError

if TYPE_CHECKING:
    from wattproof.cli.keysources import Seen
    from wattproof.cli.verify_stream import Bar, Listener
    from wattproof.signed.examination import Examination
    from wattproof.signed.paper.sheet import Document, Pages
    from wattproof.signed.report import Report
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
    3 grey: nothing red, but something cannot be judged; 5 the report cannot be written, or the key register not read.

    Examples:

        wattproof verify session.xml
        wattproof verify session.xml --public-key @meter.pem
        wattproof verify begin.ocmf end.ocmf --public-key 3059301306072A86... --strict
        wattproof verify - < session.json
        wattproof verify session.xml --profile safe-1.4.1 --json
        wattproof verify session.xml --report report.html --language de
        wattproof verify *.xml --report report.pdf
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
    from wattproof.cli.keyfile import register_path
    from wattproof.cli.verify_stream import take, watching
    from wattproof.signed.examination import Examination

    known = register_path(register)
    if pin and known is None:
        raise UsageError("--pin needs a key register: name one with --keys")
    there = known is not None and known.exists()
    if register is not None and known is not None and not there and not pin:
        raise UsageError(f"--keys {escape(register)}: there is no such key register")
    examination = Examination(key, allow_test_keys=allow_test_keys, profile=profile, register=known if there else None)
    pages, seen = _pages(report_file is not None), _seen(pin)
    beside = [each for each in (pages, seen) if each is not None]
    stdout = sys.stdout  # a bar puts another one in its place
    with watching() as bar:
        parts = _parts(examination, files, bar)
        found: Report | Totals
        if take(parts, examination.keep):
            found = _long(examination, parts, beside, bar, stdout, None if json else spoken)
        else:
            bar.close()
            found = _short(examination.report(), beside, None if json else spoken)
    if pages is not None and report_file is not None:
        for part in pages.parts:
            examination.settle(part)
        _write_report(pages.document(found.summary, examination.report().unreadable), report_file, spoken)
        if not json:
            output.note(f"wrote {report_file}")
    if seen is not None and known is not None:
        seen.keep(known)
    return found.exit_status(strict=strict)


def _short(report: Report, beside: Sequence[Listener], language: Language | None) -> Report:
    """An input that is shown as one report: for people in a language, or as JSON."""
    if language is None:
        from wattproof.cli.verify_stream import printable

        output.print_json(printable(report.as_dict()))
    else:
        from wattproof.cli.verdicts import show

        show(report, language)
    for each in beside:
        each.add(report)
    return report


def _long(
    examination: Examination,
    parts: Iterator[Report],
    beside: Sequence[Listener],
    bar: Bar,
    stdout: TextIO,
    language: Language | None,
) -> Totals:
    """A long input: what is found is written part by part."""
    from wattproof.cli.verify_stream import Json, Lines, totals

    with closing(Json(examination, stdout) if language is None else Lines(language, stdout)) as writer:
        found = totals(examination, parts, [*beside, writer])
        bar.close()
        writer.finish(found.summary)
    return found


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


def escape(text: str) -> str:
    """A name of the command line, made harmless for a terminal."""
    return output.harmless(text).replace("\n", "\\u000a")
