"""What must hold for every input, valid or not: the questions that each fuzzed input is asked.

- Nothing raises, nothing is an internal error, nothing takes long.
- The report can be written: JSON, text for a terminal, HTML.
- A record is ``valid`` only if its signed bytes are known to be signed, and shows only what these bytes say.
- An ok session of valid records states the difference of two of their values.
- The same input gives the same report, alone or as a line of a stream; the quick reader of OCMF reads what the careful
  one reads.
"""

from __future__ import annotations

import json
import re
import time
import zlib
from collections.abc import Container
from decimal import Decimal
from typing import Any

from tests.fuzz.guided import signed_content
from wattproof.cli import verdicts
from wattproof.cli.output import harmless
from wattproof.signed import examine, recognise
from wattproof.signed.colours import SessionVerdict
from wattproof.signed.formats import ocmf, ocmf_plain
from wattproof.signed.limits import DEFAULT
from wattproof.signed.paper.html import write_html
from wattproof.signed.profiles import PROFILES, Surroundings
from wattproof.signed.records import KeySource, Record, Verdict
from wattproof.signed.report import Report
from wattproof.signed.sessions import Session
from wattproof.signed.units import NO_CARRIER, Carrier, KeyText

#: A moment after every time in these records.
NOW = 1_800_000_000
#: The costly questions are asked for one in so many inputs: for all in tests, for some while fuzzing.
share = 1
#: Seconds of processor time for one input of at most 64 KiB; instrumented code is several times slower.
SLOW = 10.0

_CARRIERS = (
    NO_CARRIER,
    Carrier("SAFE-XML", "a.xml", (KeyText("3059", KeySource.CONTAINER, "hex"),), transaction="7", context="begin"),
)


def _chosen(data: bytes, question: int) -> bool:
    return (zlib.crc32(data) + question) % share == 0


def judged(data: bytes) -> Report:
    """Examined once, with all that a report can be asked for."""
    started = time.process_time()
    report = examine(data, now=NOW, experimental=True)
    assert report.records, "no record says anything"
    for record in report.records:
        for finding in record.findings:
            assert "internal error" not in finding.message, finding
    json.dumps(report.as_dict(), allow_nan=False)
    _predicted(report)
    if _chosen(data, 0):
        for line in verdicts.lines(report):
            assert harmless(line.plain) == line.plain and "\n" not in line.plain, "a terminal would obey this"
        write_html(report).decode()
    assert report.exit_status() in (0, 1, 3)
    taken = time.process_time() - started
    assert taken < SLOW, f"{taken:.1f} s for {len(data)} bytes"
    return report


def _predicted(report: Report) -> None:
    """What other programs would say is predicted without help: an exception in a table is caught there."""
    surroundings = Surroundings(report.records, report.trusted)
    for profile in PROFILES.values():
        for session in report.sessions:
            profile.predict(session.records, session, surroundings)
        for record in report.loose:
            profile.predict([record], None, surroundings)


def shown(record: Record) -> tuple[Any, ...]:
    """What is displayed of a record, as far as every container must display the same."""
    readings = [
        (r.register, r.value, r.literal, r.unit, r.time_text if record.format == "OCMF" else None, r.status)
        for r in record.readings
    ]
    return (record.format, record.meter_serial, record.gateway_serial, record.identification, record.page, readings)


def _verdicts(report: Report) -> list[tuple[Any, ...]]:
    return [(r.format, r.signature.verdict, r.signature.reason, r.signed, shown(r)) for r in report.records]


def honest(report: Report, signed: Container[bytes]) -> None:
    """Valid is only what was signed, and shown only what the signed bytes say."""
    for record in report.records:
        if record.signature.verdict is Verdict.VALID:
            assert record.signed in signed, f"{record.format} is valid over bytes that nobody signed"
            signed_content.check(record)
    for session in report.sessions:
        _adds_up(session)


def _adds_up(session: Session) -> None:
    if session.verdict is not SessionVerdict.OK or session.billing is None:
        return
    if any(record.signature.verdict is not Verdict.VALID for record in session.records):
        return
    text = session.billing.energy_text()
    if text is None:
        return
    units = {"kWh": Decimal(1), "Wh": Decimal(1).scaleb(-3)}
    values = [
        reading.value * units[reading.unit]
        for record in session.records
        for reading in record.readings
        if reading.value is not None and reading.unit in units
    ]
    assert any(Decimal(text) == two - one for one in values for two in values), f"{text} kWh come from nowhere"


def document(data: bytes, signed: Container[bytes]) -> Report:
    """All questions to one document."""
    report = judged(data)
    honest(report, signed)
    if _chosen(data, 1):
        again = examine(data, now=NOW, experimental=True)
        assert report.as_dict() == again.as_dict(), "the second report differs"
        assert _verdicts(report) == _verdicts(again), "the second report differs"
    if _chosen(data, 2):
        _as_a_line(data, report)
    quick(data)
    return report


def _as_a_line(data: bytes, report: Report) -> None:
    """A record as a text of a stream of lines has the verdict that it has alone."""
    body = recognise.stripped(data)
    if recognise.wrapper(data[: 64 * 1024]) is not None or not recognise.names_record(body) or len(data) > 500_000:
        return
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return
    line = json.dumps(text).encode()
    # In quotes these are recognised as records in quotes, which have no escapes but line ends around them.
    inner = json.dumps(text.strip()).encode()
    if body.startswith((b"128", b'"128')) and b"\\" in inner:
        return
    if body.startswith((b"AP", b'"AP')) and b"\\" in re.sub(rb"\\[rn]", b"", inner):
        return
    rows = examine(line + b"\n" + line + b"\n", now=NOW, experimental=True)
    alone = _verdicts(report)
    found = _verdicts(rows)
    assert found == alone + alone, "as a line of a stream it has another verdict"


def quick(data: bytes) -> None:
    """The quick reader gives what the careful one gives, or nothing."""
    if not data.startswith(b"OCMF|"):
        return
    for carrier in _CARRIERS:
        fast = ocmf_plain.read(data, carrier, DEFAULT)
        if fast is not None:
            careful = ocmf.parse_any(data, carrier)
            assert [fast] == careful, "quick and careful reading differ"
