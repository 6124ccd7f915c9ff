"""Real records of the binary formats and PCDF, changed byte by byte: nothing valid shows another value."""

from __future__ import annotations

import base64
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from wattproof.signed import examine
from wattproof.signed.records import Record, Verdict
from wattproof.signed.report import Report

SEED = 20236
NOW = 1_800_000_000
NAMES = (
    "containers/safe_hummel.xml",
    "containers/safe_NewEHZSML.xml",
    "containers/safe_NewEHZXML.xml",
    "containers/safe_edl-40-01.xml",
    "containers/safe_isa-edl-40p-ok.xml",
    "containers/safe_test_mennekes_charging_processes.xml",
    "containers/safe_valid.pcdf",
    "other/alfen_synthetic_ok.txt",
    "other/alfen_safe_session.xml",
)


def judged(data: bytes) -> Report:
    report = examine(data, now=NOW)
    for record in report.records:
        assert not any("internal error" in finding.message for finding in record.findings)
    return report


def shown(record: Record) -> tuple[Any, ...]:
    """What is displayed of the signed content.

    Of times of the EDL family only the local clock is signed, not the zone beside it; of an ALFEN line and of a
    labelled EDL value the place in the session is not.
    """
    local = record.format in ("EDL_40_P", "EDL_40_MENNEKES")
    return (
        record.gateway_serial,
        record.meter_serial,
        record.firmware,
        record.identification,
        record.tariff,
        record.page_text,
        [
            (
                reading.register,
                reading.value,
                reading.literal,
                reading.unit,
                reading.time and (reading.time.seconds + 60 * (reading.time.offset or 0) if local else reading.time),
                reading.clock,
                reading.status,
                reading.event_counter,
            )
            for reading in record.readings
        ],
    )


def obeys(known: dict[bytes, Any], report: Report) -> None:
    for record in report.records:
        if record.signature.verdict is Verdict.VALID:
            assert record.signed in known
            assert shown(record) == known[record.signed]


def mutants(data: bytes, source: random.Random, step: int) -> Iterator[bytes]:
    for position in range(source.randrange(step), len(data), step):
        changed = bytearray(data)
        changed[position] ^= 1 << source.randrange(8)
        yield bytes(changed)
        yield data[:position] + bytes((source.choice(b"0123456789ABCDEFabcdef=; ()<>"),)) + data[position + 1 :]
        yield data[:position] + data[position + 1 :]


@pytest.mark.proves("T-080", "T-081", "T-123")
@pytest.mark.parametrize("name", NAMES)
def test_no_changed_byte_shows_another_value(name: str, vectors: Path) -> None:
    data = (vectors / "transparency" / name).read_bytes()
    before = judged(data)
    known = {record.signed: shown(record) for record in before.records}
    assert any(record.signature.verdict is Verdict.VALID for record in before.records)
    source = random.Random(SEED)
    for mutant in mutants(data, source, max(1, len(data) // 250)):
        obeys(known, judged(mutant))


@pytest.mark.proves("T-080")
@pytest.mark.parametrize("name", NAMES)
def test_no_truncation_shows_another_value(name: str, vectors: Path) -> None:
    data = (vectors / "transparency" / name).read_bytes()
    known = {record.signed: shown(record) for record in judged(data).records}
    for end in range(0, len(data), max(1, len(data) // 200)):
        obeys(known, judged(data[:end]))


@pytest.mark.proves("T-068", "T-081")
def test_every_byte_of_a_pcdf_line(vectors: Path) -> None:
    data = (vectors / "transparency" / "containers" / "safe_valid.pcdf").read_bytes()
    start = data.index(b"128")
    for position in range(start, data.index(b"(SG:")):
        changed = bytearray(data)
        changed[position] ^= 2
        assert all(record.signature.verdict is not Verdict.VALID for record in judged(bytes(changed)).records)


@pytest.mark.proves("T-058", "T-081")
def test_every_byte_of_an_alfen_data_set(vectors: Path) -> None:
    parts = (vectors / "transparency" / "other" / "alfen_start.txt").read_text().split(";")
    signed = base64.b32decode(parts[4])
    assert len(signed) == 82
    for position in range(82):
        for mask in (0x01, 0x80):
            changed = bytearray(signed)
            changed[position] ^= mask
            line = ";".join([*parts[:4], base64.b32encode(changed).decode(), *parts[5:]])
            (record,) = judged(line.encode()).records
            assert record.signature.verdict is Verdict.INVALID


@pytest.mark.proves("T-119")
def test_no_signature_fits_another_record(vectors: Path) -> None:
    lines = (vectors / "transparency" / "other" / "alfen_synthetic_ok.txt").read_text().splitlines()
    for one in lines:
        for two in lines:
            if one != two:
                parts = one.split(";")
                parts[5] = two.split(";")[5]
                (record,) = judged(";".join(parts).encode()).records
                assert record.signature.verdict is Verdict.INVALID
