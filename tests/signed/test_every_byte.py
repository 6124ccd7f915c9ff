"""A bit changed in every byte of a valid vector: never a false "valid", and where it stays valid, the manual says so.

``docs/reference/outside-bytes.md`` lists the places outside the signed content; nothing else may survive a change. The
smallest vector of every format and container is changed in every byte (a few bytes apart, where it is large), so that
each run takes seconds; ``WATTPROOF_EVERY_BYTE=1`` changes all vectors in all bytes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from random import Random

import pytest

from tests.fuzz.guided import seeds
from tests.signed import places
from tests.signed.test_structure_mutations import cases, content, judged
from wattproof.signed.records import Verdict
from wattproof.signed.report import Report

SEED = 20250
LISTED = Path(__file__).resolve().parents[2] / "docs" / "reference" / "outside-bytes.md"
#: Changed bytes of one vector.
MOST = 600
EVERYTHING = os.environ.get("WATTPROOF_EVERY_BYTE") == "1"

Kind = tuple[str, str]


def listed() -> dict[Kind, list[str]]:
    """The patterns of places that the manual lists, by format and container."""
    found: dict[Kind, list[str]] = {}
    for line in LISTED.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 4 and cells[0].startswith("`"):
            for format in re.findall(r"`([^`]+)`", cells[0]):
                for container in re.findall(r"`([^`]+)`", cells[1]):
                    found.setdefault((format, container), []).extend(re.findall(r"`([^`]+)`", cells[2]))
    return found


def matches(place: str, pattern: str) -> bool:
    """``*`` stands for anything; brackets of lists are no character classes."""
    return fnmatchcase(place.replace("[]", "()"), pattern.replace("[]", "()"))


def kind(report: Report) -> Kind:
    return report.records[0].format, report.records[0].container


def all_files(folder: Path) -> Iterator[tuple[str, bytes, str | None]]:
    """The vectors, then the forge's files, some of whose formats have no vector."""
    yield from cases(folder)
    for number, data in enumerate(seeds.all_formats()):
        yield f"forged {number}", data, None


def vectors_of(folder: Path) -> Iterator[tuple[str, bytes, str | None, Report]]:
    """Files of which every record is valid: the smallest of each format and container, or all."""
    found: dict[Kind, tuple[str, bytes, str | None, Report]] = {}
    for name, data, key in all_files(folder):
        if len(data) > 100_000:
            continue
        report = judged(data, key)
        if any(record.signature.verdict is not Verdict.VALID for record in report.records):
            continue
        if EVERYTHING:
            yield name, data, key, report
        elif kind(report) not in found or len(data) < len(found[kind(report)][1]):
            found[kind(report)] = name, data, key, report
    yield from found.values()


@pytest.mark.proves("T-081", "T-122", "T-123")
def test_a_changed_bit_is_noticed_or_outside(vectors: Path) -> None:
    allowed, seen, unlisted = listed(), set(), set()
    for name, data, key, before in vectors_of(vectors / "transparency"):
        source, known, spans = Random(f"{SEED} {name}"), content(before), places.spans(data)
        signed = [record.signed for record in before.records]
        step = 1 if EVERYTHING else -(-len(data) // MOST)
        for at in range(source.randrange(step), len(data), step):
            changed = bytearray(data)
            changed[at] ^= 1 << source.randrange(8)
            after = judged(bytes(changed), key)
            now = [record for record in after.records if record.signature.verdict is Verdict.VALID]
            assert content(Report(now)) <= known, f"byte {at} of {name}: valid, but it shows another value"
            if [record.signed for record in now] == signed:
                place = places.place(spans, at)
                seen.add(kind(before))
                if not any(matches(place, pattern) for pattern in allowed.get(kind(before), [])):
                    unlisted.add((kind(before), place))
    assert not unlisted, "\n".join(sorted(f"{where}: {place}" for where, place in unlisted))
    assert len(seen) >= 14
