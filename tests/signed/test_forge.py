"""The forge: every format and variant gets the verdict that it was made for, and test keys are always told."""

from __future__ import annotations

import pytest

from wattproof.errors import InvalidValue, UnknownName
from wattproof.signed import curves, testkeys
from wattproof.signed.examination import Examination, examine
from wattproof.signed.forging import MAKERS, SIGNATURE, VARIANTS, Forged, forge, maker
from wattproof.signed.report import Report

NOW = 1_800_000_000
OWN = testkeys.private_key("secp256r1", "a key that belongs to no serial")


def judge(forged: Forged, trusted: bool = False, **options: object) -> Report:
    return examine(forged.data, forged.public_key if trusted else None, now=NOW, **options)


def verdicts(report: Report) -> set[str]:
    return {record.signature.verdict.value for record in report.records}


def colours(report: Report) -> set[str]:
    return {colour.value for colour in report.colours}


@pytest.mark.proves("T-107")
@pytest.mark.parametrize(("format", "curve"), [(name, curve) for name in MAKERS for curve in maker(name).curves])
def test_valid_records_are_yellow_until_test_keys_are_allowed(format: str, curve: str) -> None:
    forged = forge(format, curve=curve)
    for trusted in (False, True):
        report = judge(forged, trusted)
        assert verdicts(report) == {"valid"} and len(report.records) == 2 and colours(report) == {"yellow"}
        assert all("F-TEST-KEY" in {finding.code for finding in record.findings} for record in report.records)
        assert [session.verdict.value for session in report.sessions] == ["ok"]
    assert colours(judge(forged, True, allow_test_keys=True)) == {"green"}
    assert colours(judge(forged, False, allow_test_keys=True)) == {"yellow"}, "the key is still not known"


@pytest.mark.proves("T-107")
@pytest.mark.parametrize("format", MAKERS)
def test_records_of_another_key_are_not_told_as_test_data(format: str) -> None:
    forged = forge(format, key=OWN)
    assert forged.public_key == curves.spki(OWN)
    report = judge(forged, True)
    assert colours(report) == {"green"}
    assert not any("F-TEST-KEY" in {finding.code for finding in record.findings} for record in report.records)
    assert colours(judge(forged)) == {"yellow"}


@pytest.mark.proves("T-106", "T-107")
@pytest.mark.parametrize("format", MAKERS)
def test_the_key_is_that_of_the_serial(format: str) -> None:
    forged = forge(format, serial="SERIAL 0815")
    assert forged.public_key == testkeys.public_key(forged.curve, "SERIAL 0815").spki
    assert {record.identity_texts[0] for record in judge(forged).records} == {"SERIAL 0815"}


@pytest.mark.proves("T-108")
@pytest.mark.parametrize("format", MAKERS)
def test_a_test_key_marks_every_record_of_the_run(format: str) -> None:
    """The second file states another serial, from which the key does not follow; the first gives it away."""
    own = forge(format, serial="TEST0001")
    other = forge(format, serial="TEST0002", key=testkeys.private_key(own.curve, "TEST0001"))
    assert not any(record.signature.test_key for record in judge(other).records)
    for order in ((own, other), (other, own)):
        examination = Examination(now=NOW)
        for forged in order:
            examination.add(forged.data)
        records = examination.report().records
        assert len(records) == 4 and all(record.signature.test_key for record in records)
        assert all("F-TEST-KEY" in {finding.code for finding in record.findings} for record in records)


@pytest.mark.parametrize("trusted", [False, True])
@pytest.mark.parametrize("format", MAKERS)
def test_every_field_that_is_tampered_with_breaks_the_last_signature(format: str, trusted: bool) -> None:
    for field in (*maker(format).fields, SIGNATURE):
        report = judge(forge(format, f"tampered:{field}"), trusted)
        assert [record.signature.verdict.value for record in report.records] == ["valid", "invalid"], field
        assert report.records[-1].signature.reason == "V-MISMATCH" and "red" in colours(report)


@pytest.mark.parametrize("format", MAKERS)
def test_the_value_that_is_shown_is_the_tampered_one(format: str) -> None:
    field = "RV" if format != "chargeIT-JSON" else "RCR"
    before, after = (judge(forge(format, variant)) for variant in ("valid", f"tampered:{field}"))
    assert before.sessions[0].billing is not None and after.sessions[0].billing is not None
    assert before.sessions[0].billing.energy_text() != after.sessions[0].billing.energy_text()


@pytest.mark.parametrize("format", MAKERS)
def test_wrong_key(format: str) -> None:
    forged = forge(format, "wrong-key")
    assert forged.public_key == testkeys.public_key(forged.curve, forged.identity).spki
    for trusted in (False, True):
        report = judge(forged, trusted)
        assert verdicts(report) == {"invalid"} and colours(report) == {"red"}
    assert verdicts(judge(forge(format, "wrong-key", key=OWN))) == {"invalid"}


@pytest.mark.parametrize("format", MAKERS)
def test_other_curve(format: str) -> None:
    report = judge(forge(format, "other-curve"))
    assert verdicts(report) == {"key-error"} and colours(report) == {"red"}
    assert {record.signature.reason for record in report.records} == {"V-CURVE-MISMATCH"}


@pytest.mark.proves("T-054")
@pytest.mark.parametrize("format", MAKERS)
def test_wrong_order(format: str) -> None:
    report = judge(forge(format, "wrong-order"))
    assert verdicts(report) == {"valid"} and colours(report) == {"red"}
    found = {finding.code for finding in report.sessions[0].findings}
    assert {"OCMF": "S-BEGIN-NOT-FIRST", "SAFE-XML": "S-CONTEXT", "chargeIT-JSON": "S-PAGE-ORDER"}[format] in found


@pytest.mark.proves("T-043", "T-088")
@pytest.mark.parametrize("format", MAKERS)
def test_missing_page(format: str) -> None:
    """An error in OCMF; a BSM also counts snapshots that no session needs."""
    report = judge(forge(format, "missing-page"))
    found = {finding.code for finding in report.sessions[0].findings}
    bsm = format == "chargeIT-JSON"
    assert found == {"S-PAGE-SKIPPED" if bsm else "S-PAGE-GAP"} and verdicts(report) == {"valid"}
    assert report.sessions[0].verdict.value == ("ok" if bsm else "fail")


@pytest.mark.parametrize("format", MAKERS)
def test_no_key(format: str) -> None:
    forged = forge(format, "no-key")
    assert verdicts(judge(forged)) == {"no-key"} and colours(judge(forged)) == {"grey"}
    assert verdicts(judge(forged, True)) == {"valid"}


@pytest.mark.parametrize("variant", [name for name in VARIANTS if name != "tampered"])
@pytest.mark.parametrize("format", MAKERS)
def test_equal_input_gives_equal_files(format: str, variant: str) -> None:
    assert forge(format, variant) == forge(format.lower(), variant)


@pytest.mark.parametrize("format", MAKERS)
def test_variants_differ(format: str) -> None:
    made = [forge(format, name).data for name in VARIANTS if name != "tampered"]
    assert len(set(made)) == len(made)


@pytest.mark.parametrize(
    ("format", "variant", "options", "said"),
    [
        ("PDF", "valid", {}, "OCMF"),
        ("OCMF", "broken", {}, "wrong-key"),
        ("OCMF", "tampered", {}, "tampered:FIELD"),
        ("OCMF", "tampered:XX", {}, "RV"),
        ("OCMF", "valid:RV", {}, "tampered:FIELD"),
        ("OCMF", "valid", {"curve": "secp224k1"}, "secp256r1"),
        ("chargeIT-JSON", "valid", {"curve": "secp384r1"}, "secp256r1"),
    ],
)
def test_what_there_is_not_is_named(format: str, variant: str, options: dict[str, str], said: str) -> None:
    with pytest.raises(UnknownName, match=said):
        forge(format, variant, **options)  # type: ignore[arg-type]


def test_keys_and_serials_that_do_not_fit() -> None:
    with pytest.raises(InvalidValue, match="secp384r1"):
        forge("bsm", key=testkeys.private_key("secp384r1", "x"))
    with pytest.raises(InvalidValue, match="leave the curve away"):
        forge("OCMF", key=OWN, curve="secp384r1")
    for format, serial in (("bsm", "01234567890123456"), ("bsm", "ä"), ("OCMF", "a\nb"), ("OCMF", "x" * 101)):
        with pytest.raises(InvalidValue, match="characters"):
            forge(format, serial=serial)
