"""The forge: every format and variant gets the verdict that it was made for, and test keys are always told."""

from __future__ import annotations

import pytest

from wattproof.errors import InvalidValue, UnknownName
from wattproof.signed import curves, testkeys
from wattproof.signed.curves import SigningKey
from wattproof.signed.examination import Examination, examine
from wattproof.signed.forging import MAKERS, SIGNATURE, VARIANTS, Forged, forge, maker
from wattproof.signed.report import Report

NOW = 1_800_000_000
OWN = testkeys.private_key("secp256r1", "a key that belongs to no serial")
#: Formats whose whole session is one record.
ALONE = ("PCDF", "ISA_EDL_40_P", "ChargePoint")
#: Where pages between are only told (BSM) or warned of (the EDL family), as their counters count other uses too.
PAGE = dict.fromkeys(MAKERS, ("S-PAGE-GAP", "warn")) | {
    "chargeIT-JSON": ("S-PAGE-SKIPPED", "ok"),
    **dict.fromkeys(("OCMF", "SAFE-XML", "PTB", "OCPI", "OCPP-1.6", "OCPP-2.0.1"), ("S-PAGE-GAP", "fail")),
}
#: The format's field that says how much energy was used.
VALUE = dict.fromkeys(MAKERS, "value") | {
    **dict.fromkeys(("OCMF", "SAFE-XML", "PTB", "OCPI", "OCPP-1.6", "OCPP-2.0.1", "PCDF"), "RV"),
    "chargeIT-JSON": "RCR",
    "ISA_EDL_40_P": "actual.value",
    "ChargePoint": "end",
}


def own_key(format: str) -> SigningKey:
    return testkeys.private_key(maker(format).curves[0], "a key that belongs to no serial")


def serials(format: str) -> tuple[str, str]:
    """Two serial numbers that the format can hold."""
    usual = maker(format).serial
    return usual[:-2] + "07", usual[:-2] + "08"


def having(variant: str) -> list[str]:
    return [name for name in MAKERS if variant not in maker(name).lacks]


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
        assert verdicts(report) == {"valid"} and len(report.records) == (1 if format in ALONE else 2)
        assert colours(report) == {"yellow"}
        assert all("F-TEST-KEY" in {finding.code for finding in record.findings} for record in report.records)
        assert [session.verdict.value for session in report.sessions] == ["ok"]
    assert colours(judge(forged, True, allow_test_keys=True)) == {"green"}
    assert colours(judge(forged, False, allow_test_keys=True)) == {"yellow"}, "the key is still not known"


@pytest.mark.proves("T-107")
@pytest.mark.parametrize("format", MAKERS)
def test_records_of_another_key_are_not_told_as_test_data(format: str) -> None:
    own = own_key(format)
    forged = forge(format, key=own)
    assert forged.public_key == curves.spki(own)
    report = judge(forged, True)
    assert colours(report) == {"green"}
    assert not any("F-TEST-KEY" in {finding.code for finding in record.findings} for record in report.records)
    assert colours(judge(forged)) == {"yellow"}


@pytest.mark.proves("T-106", "T-107")
@pytest.mark.parametrize("format", MAKERS)
def test_the_key_is_that_of_the_serial(format: str) -> None:
    serial, _ = serials(format)
    forged = forge(format, serial=serial)
    assert forged.public_key == testkeys.public_key(forged.curve, serial).spki
    assert {record.identity_texts[0] for record in judge(forged).records} == {serial}


@pytest.mark.proves("T-108")
@pytest.mark.parametrize("format", MAKERS)
def test_a_test_key_marks_every_record_of_the_run(format: str) -> None:
    """The second file states another serial, from which the key does not follow; the first gives it away."""
    one, two = serials(format)
    own = forge(format, serial=one)
    other = forge(format, serial=two, key=testkeys.private_key(own.curve, one))
    assert not any(record.signature.test_key for record in judge(other).records)
    for order in ((own, other), (other, own)):
        examination = Examination(now=NOW)
        for forged in order:
            examination.add(forged.data)
        records = examination.report().records
        assert len(records) == (2 if format in ALONE else 4) and all(record.signature.test_key for record in records)
        assert all("F-TEST-KEY" in {finding.code for finding in record.findings} for record in records)


@pytest.mark.parametrize("trusted", [False, True])
@pytest.mark.parametrize("format", MAKERS)
def test_every_field_that_is_tampered_with_breaks_the_last_signature(format: str, trusted: bool) -> None:
    for field in (*maker(format).fields, SIGNATURE):
        report = judge(forge(format, f"tampered:{field}"), trusted)
        assert [record.signature.verdict.value for record in report.records] == (
            ["invalid"] if format in ALONE else ["valid", "invalid"]
        ), field
        assert report.records[-1].signature.reason == "V-MISMATCH" and "red" in colours(report)


@pytest.mark.parametrize("format", MAKERS)
def test_the_value_that_is_shown_is_the_tampered_one(format: str) -> None:
    before, after = (judge(forge(format, variant)) for variant in ("valid", f"tampered:{VALUE[format]}"))
    assert before.sessions[0].billing is not None and after.sessions[0].billing is not None
    assert before.sessions[0].billing.energy_text() != after.sessions[0].billing.energy_text()


@pytest.mark.parametrize("format", MAKERS)
def test_wrong_key(format: str) -> None:
    forged = forge(format, "wrong-key")
    assert forged.public_key == testkeys.public_key(forged.curve, forged.identity).spki
    for trusted in (False, True):
        report = judge(forged, trusted)
        assert verdicts(report) == {"invalid"} and colours(report) == {"red"}
    assert verdicts(judge(forge(format, "wrong-key", key=own_key(format)))) == {"invalid"}


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
    assert "S-TIME-ORDER" in found
    assert {"OCMF": "S-BEGIN-NOT-FIRST", "SAFE-XML": "S-CONTEXT", "EMH": "S-PAGE-ORDER"}.get(
        format, "S-TIME-ORDER"
    ) in found


@pytest.mark.proves("T-043", "T-088")
@pytest.mark.parametrize("format", having("missing-page"))
def test_missing_page(format: str) -> None:
    """An error in OCMF; other meters count other uses too."""
    report = judge(forge(format, "missing-page"))
    code, verdict = PAGE[format]
    found = {finding.code for finding in report.sessions[0].findings} - {"S-TIME-INFORMATIVE"}
    assert found == {code} and verdicts(report) == {"valid"}
    assert report.sessions[0].verdict.value == verdict


@pytest.mark.parametrize("format", ALONE)
def test_a_format_without_pages_between_says_so(format: str) -> None:
    with pytest.raises(UnknownName, match="no variant missing-page"):
        forge(format, "missing-page")


@pytest.mark.parametrize("format", MAKERS)
def test_no_key(format: str) -> None:
    forged = forge(format, "no-key")
    assert verdicts(judge(forged)) == {"no-key"} and colours(judge(forged)) == {"grey"}
    assert verdicts(judge(forged, True)) == {"valid"}


@pytest.mark.parametrize(
    ("format", "variant"),
    [(name, kind) for kind in VARIANTS if kind != "tampered" for name in having(kind)],
)
def test_equal_input_gives_equal_files(format: str, variant: str) -> None:
    assert forge(format, variant) == forge(format.lower(), variant)


@pytest.mark.parametrize("format", MAKERS)
def test_variants_differ(format: str) -> None:
    made = [forge(format, name).data for name in VARIANTS if name not in ("tampered", *maker(format).lacks)]
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
    for format in ("ALFEN", "EDL_40_P", "EDL_40_SIG", "mennekes", "isa", "EMH"):
        with pytest.raises(InvalidValue, match="hexadecimal"):
            forge(format, serial="TEST0001")
