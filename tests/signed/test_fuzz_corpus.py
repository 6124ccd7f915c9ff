"""What fuzzing keeps, and the forge's files of every format, are asked all questions again, on every Python."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fuzz.guided import oracles, resign, seeds
from tests.fuzz.guided.signed_content import READERS
from tests.fuzz.guided.targets import CORPUS, slug, targets
from wattproof.signed import examine, recognise, verification
from wattproof.signed.forging import GREY, MAKERS, forge
from wattproof.signed.formats import edl, ocmf_plain, ocmf_readings, rows
from wattproof.signed.limits import DEFAULT
from wattproof.signed.records import Finding, Reading, Severity, Verdict
from wattproof.signed.units import NO_CARRIER, Unit


@pytest.mark.proves("T-080", "T-081", "T-082", "T-125")
@pytest.mark.parametrize("name", targets())
def test_kept_inputs(name: str) -> None:
    target = targets()[name]
    for data in target.inputs():
        target.run(data)


def test_the_corpus_is_small_and_has_no_stranger() -> None:
    folders = {path.name: list(path.iterdir()) for path in CORPUS.iterdir()}
    assert set(folders) <= set(targets())
    assert all(len(files) <= 24 for files in folders.values())
    assert sum(path.stat().st_size for files in folders.values() for path in files) < 700_000


def test_every_format_is_a_target_and_its_display_is_read_again() -> None:
    assert {slug(token) for token in MAKERS} <= set(targets())
    for row in rows():
        if row.token in MAKERS:
            assert slug(row.token) in targets()
    assert set(READERS) >= {"OCMF", "ALFEN", "PCDF", "EDL_40_P", "EDL_40_SIG", "EDL_40_MENNEKES", "EMH", "GDF"}


def test_the_quick_reader_takes_what_its_target_begins_with() -> None:
    assert all(ocmf_plain.read(data, NO_CARRIER, DEFAULT) is not None for data in seeds.plain())


#: What is packed around records that have a target of their own, or of which there is no right session.
PACKED = {*GREY, "Chargy-CTR", "ChargePoint-files", *"JSONL CSV PARQUET ZIP TAR GZIP PDF QR".split()} - {"EDL-XML"}


@pytest.mark.parametrize("token", [token for token in MAKERS if token not in PACKED])
def test_a_changed_record_of_every_format_is_signed_anew(token: str) -> None:
    """Else changed content never gets past the signature, and only parsers are fuzzed."""
    found = resign.resigned(forge(token, "tampered:signature").data, seeds.private_keys())
    assert found is not None
    data, signed = found
    report = examine(data, now=oracles.NOW)
    assert {record.signature.verdict for record in report.records} == {Verdict.VALID}
    assert signed == {record.signed for record in report.records}


def test_what_nobody_signed_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "_judge", lambda *_: None)  # nothing is ever wrong
    with pytest.raises(AssertionError, match="nobody signed"):
        targets()["ocmf"].run(forge("OCMF").data.replace(b'"TX":"E"', b'"TX":"L"'))


@pytest.mark.parametrize("token", ["ALFEN", "EDL_40_P", "EDL_40_SIG", "EDL_40_MENNEKES", "ISA_EDL_40_P", "EMH"])
def test_a_value_that_was_not_signed_is_noticed(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    right = edl.scaled
    monkeypatch.setattr(edl, "scaled", lambda number, *others: right(number + 1, *others))
    with pytest.raises(AssertionError, match="was not signed"):
        targets()[slug(token)].run(forge(token).data)


def test_a_text_that_was_not_signed_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    right = ocmf_readings.read

    def wrong(*arguments: Any, **options: Any) -> list[Reading]:
        found: list[Reading] = right(*arguments, **options)
        for reading in found:
            reading.status = "F"
        return found

    monkeypatch.setattr(ocmf_readings, "read", wrong)
    with pytest.raises(AssertionError, match="was not signed"):
        targets()["ocmf"].run(seeds.of_format("OCMF")[0])


def test_a_report_that_changes_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    count = iter(range(1000))
    right = recognise.read

    def wrong(*arguments: Any, **options: Any) -> list[Unit]:
        units = right(*arguments, **options)
        units[0].record.findings.append(Finding("F-FORMAT", Severity.INFO, f"object at {next(count)}"))
        return units

    monkeypatch.setattr(recognise, "read", wrong)
    with pytest.raises(AssertionError, match="the second report differs"):
        targets()["pcdf"].run(forge("PCDF").data)
