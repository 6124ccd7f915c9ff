"""Every valid vector and every format of the forge, changed in its structure: what is valid shows what was signed.

The changes are those of the fuzz targets: keys doubled, also with escapes, other forms of numbers, separators moved,
slack in Base64, Base32 and hexadecimal, members and records swapped and taken from elsewhere. Source: verifier
specification, 4.2.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.fuzz.guided import mutate, seeds
from tests.fuzz.guided.signed_content import check
from tests.fuzz.guided.targets import targets
from wattproof.signed import examine
from wattproof.signed.forging import MAKERS
from wattproof.signed.records import Record, Verdict
from wattproof.signed.report import Report

NOW = 1_800_000_000
#: Changes of each vector, and of each file of the forge.
EACH = 45
#: No key text is shorter; the manifest says in words where other keys are.
_SHORTEST_KEY = 40


def judged(data: bytes, key: str | None = None) -> Report:
    report = examine(data, key, now=NOW, experimental=True)
    assert not any("internal error" in finding.message for record in report.records for finding in record.findings)
    json.dumps(report.as_dict())
    return report


def shown(record: Record) -> tuple[Any, ...]:
    """What is displayed of the signed content; zones and places in the session are not signed in every format."""
    readings = [
        (
            r.register,
            r.value,
            r.literal,
            r.unit,
            r.time and r.time.seconds + 60 * (r.time.offset or 0),
            r.time_text if record.format == "OCMF" else None,
            r.moment if record.format in ("OCMF", "BSM", "PCDF", "ISA_EDL_40_P", "ChargePoint") else None,
            r.status,
            r.error_flags,
            r.clock,
        )
        for r in record.readings
    ]
    return (
        record.format,
        record.meter_serial,
        record.gateway_serial,
        record.firmware,
        record.identification,
        record.evse,
        record.tariff,
        record.page_text,
        readings,
    )


Known = set[tuple[bytes, str]]


def content(*reports: Report) -> Known:
    """Signed bytes of the records, and what these show; equal blocks may stand in several formats.

    A record that is not valid counts, too: a change may put the right key beside it.
    """
    records = (record for report in reports for record in report.records)
    return {(record.signed, repr(shown(record))) for record in records if record.signed}


@cache
def everything() -> Known:
    """The same of every record of the forge: a change may put a key beside a record that had none."""
    files = (*seeds.all_formats(), *seeds.wrapped_records())
    return content(*(judged(data) for data in files))


def obeys(known: Known, report: Report) -> int:
    """The display rule. Returns how many records are valid."""
    count = 0
    for record in report.records:
        if record.signature.verdict is Verdict.VALID:
            assert (record.signed, repr(shown(record))) in known
            check(record)
            count += 1
    return count


def cases(folder: Path) -> Iterator[tuple[str, bytes, str | None]]:
    """Name, content and trusted key of every vector that is small enough."""
    stated = {case["file"]: case["key"] for case in json.loads((folder / "manifest.json").read_text())["cases"]}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix not in (".md",) and path.name != "manifest.json":
            name = path.relative_to(folder).as_posix()
            key = stated.get(name)
            yield name, path.read_bytes(), key if key and len(key) > _SHORTEST_KEY else None


@pytest.mark.proves("T-114", "T-115", "T-116", "T-117", "T-118", "T-122", "T-123")
def test_no_changed_vector_shows_another_value(vectors: Path) -> None:
    formats: dict[tuple[str, str], int] = {}
    for name, data, key in cases(vectors / "transparency"):
        report = judged(data, key)
        known, first = content(report), report.records[0]
        if all(record.signature.verdict is not Verdict.VALID for record in report.records):
            continue
        for number in range(EACH):
            source = Random(f"{name} {number}")
            changed = mutate.changed(data, source)
            if number % 3 == 0:
                changed = mutate.changed(changed, source)
            kind = (first.format, first.container)
            formats[kind] = formats.get(kind, 0) + obeys(known, judged(changed, key))
    assert {"OCMF", "ALFEN", "PCDF", "EDL_40_P", "EDL_40_SIG", "EDL_40_MENNEKES", "ISA_EDL_40_P", "BSM", "EMH"} <= {
        format for format, _ in formats
    }
    assert all(formats.values()), f"no change outside the signed content: {formats}"


@pytest.mark.proves("T-114", "T-115", "T-116", "T-117", "T-118", "T-122", "T-123")
@pytest.mark.parametrize("name", [name for name in targets() if not name.startswith("parser-")])
def test_no_changed_file_of_the_forge_shows_another_value(name: str) -> None:
    target = targets()[name]
    known = everything()
    for number, data in enumerate(target.seeds()[:12]):
        for change in range(EACH // 3):
            obeys(known, judged(mutate.changed(data, Random(f"{name} {number} {change}"))))


@pytest.mark.proves("T-119", "T-122")
@pytest.mark.parametrize("token", MAKERS)
def test_what_is_taken_from_another_file_of_the_format_keeps_its_own_values(token: str) -> None:
    """Pieces of two files exchanged: a key, a signature, a value, a record of the one inside the other."""
    files = seeds.of_format(token)
    known = content(*(judged(data) for data in files))
    for number in range(EACH):
        source = Random(f"{token} {number}")
        one, two = source.choice(files), source.choice(files)
        pieces, others = mutate.pieces(one), mutate.pieces(two)
        if not pieces or not others:
            continue
        start, end = source.choice(pieces)
        first, last = source.choice(others)
        obeys(known, judged(one[:start] + two[first:last] + one[end:]))
