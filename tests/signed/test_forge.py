"""The forge: every format and variant gets the verdict that it was made for, and test keys are always told."""

from __future__ import annotations

import re
import sys
from functools import cache

import pytest

from wattproof.errors import InvalidValue, UnknownName, UsageError
from wattproof.signed import Examination, curves, examine, testkeys
from wattproof.signed.curves import SigningKey
from wattproof.signed.forging import MAKERS, SIGNATURE, VARIANTS, Forged, chargy, forge, maker
from wattproof.signed.forging.ocmf import OcmfMaker
from wattproof.signed.formats import FormatRow, Row, own_rows
from wattproof.signed.report import Report

NOW = 1_800_000_000
OWN = testkeys.private_key("secp256r1", "a key that belongs to no serial")
#: Formats whose whole session is one record.
ALONE = ("PCDF", "ISA_EDL_40_P", "ChargePoint", "ChargePoint-files")
#: Judged by tests of their own: what nobody can open, and values of which nothing says which is the begin.
SEALED, UNLABELLED = "OCMF-SEALED", "EDL-XML"
USUAL = [name for name in MAKERS if name not in (SEALED, UNLABELLED)]
OCMF = [name for name in USUAL if isinstance(maker(name), OcmfMaker)]
#: Fields that the container states once for all records.
SHARED = dict.fromkeys(("Chargy-CTR", "GDF"), chargy.SHARED)
#: Where pages between are only told (BSM) or warned of (the EDL family), as their counters count other uses too.
PAGE = dict.fromkeys(USUAL, ("S-PAGE-GAP", "warn")) | {
    "chargeIT-JSON": ("S-PAGE-SKIPPED", "ok"),
    **dict.fromkeys(OCMF, ("S-PAGE-GAP", "fail")),
}
#: The format's field that says how much energy was used.
VALUE = dict.fromkeys(USUAL, "value") | {
    **dict.fromkeys((*OCMF, "PCDF"), "RV"),
    "chargeIT-JSON": "RCR",
    "ISA_EDL_40_P": "actual.value",
    "ChargePoint": "end",
    "ChargePoint-files": "end",
}


def own_key(format: str) -> SigningKey:
    return testkeys.private_key(maker(format).curves[0], "a key that belongs to no serial")


def serials(format: str) -> tuple[str, str]:
    """Two serial numbers that the format can hold."""
    usual = maker(format).serial
    return usual[:-2] + "07", usual[:-2] + "08"


def having(variant: str) -> list[str]:
    return [name for name in USUAL if variant not in maker(name).lacks]


def judge(forged: Forged, trusted: bool = False, **options: object) -> Report:
    """GDF is read only if asked for."""
    key = forged.public_key if trusted else None
    return examine(forged.data, key, now=NOW, experimental=forged.format == "GDF", **options)


def verdicts(report: Report) -> set[str]:
    return {record.signature.verdict.value for record in report.records}


def colours(report: Report) -> set[str]:
    return {colour.value for colour in report.colours}


@pytest.mark.proves("T-107")
@pytest.mark.parametrize(("format", "curve"), [(name, curve) for name in USUAL for curve in maker(name).curves])
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
@pytest.mark.parametrize("format", USUAL)
def test_records_of_another_key_are_not_told_as_test_data(format: str) -> None:
    own = own_key(format)
    forged = forge(format, key=own)
    assert forged.public_key == curves.spki(own)
    report = judge(forged, True)
    assert colours(report) == {"green"}
    assert not any("F-TEST-KEY" in {finding.code for finding in record.findings} for record in report.records)
    assert colours(judge(forged)) == {"yellow"}


@pytest.mark.proves("T-106", "T-107")
@pytest.mark.parametrize("format", USUAL)
def test_the_key_is_that_of_the_serial(format: str) -> None:
    serial, _ = serials(format)
    forged = forge(format, serial=serial)
    assert forged.public_key == testkeys.public_key(forged.curve, serial).spki
    assert {record.identity_texts[0] for record in judge(forged).records} == {serial}


@pytest.mark.proves("T-108")
@pytest.mark.parametrize("format", USUAL)
def test_a_test_key_marks_every_record_of_the_run(format: str) -> None:
    """The second file states another serial, from which the key does not follow; the first gives it away."""
    one, two = serials(format)
    own = forge(format, serial=one)
    other = forge(format, serial=two, key=testkeys.private_key(own.curve, one))
    assert not any(record.signature.test_key for record in judge(other).records)
    for order in ((own, other), (other, own)):
        examination = Examination(now=NOW, experimental=True)
        for forged in order:
            examination.add(forged.data)
        records = examination.report().records
        assert len(records) == (2 if format in ALONE else 4) and all(record.signature.test_key for record in records)
        assert all("F-TEST-KEY" in {finding.code for finding in record.findings} for record in records)


@pytest.mark.parametrize("trusted", [False, True])
@pytest.mark.parametrize("format", USUAL)
def test_every_field_that_is_tampered_with_breaks_the_last_signature(format: str, trusted: bool) -> None:
    for field in (*maker(format).fields, SIGNATURE):
        report = judge(forge(format, f"tampered:{field}"), trusted)
        first = ["invalid" if field in SHARED.get(format, ()) else "valid"]
        assert [record.signature.verdict.value for record in report.records] == (
            ["invalid"] if format in ALONE else [*first, "invalid"]
        ), field
        assert report.records[-1].signature.reason == "V-MISMATCH" and "red" in colours(report)


@pytest.mark.parametrize("format", USUAL)
def test_the_value_that_is_shown_is_the_tampered_one(format: str) -> None:
    before, after = (judge(forge(format, variant)) for variant in ("valid", f"tampered:{VALUE[format]}"))
    assert before.sessions[0].billing is not None and after.sessions[0].billing is not None
    assert before.sessions[0].billing.energy_text() != after.sessions[0].billing.energy_text()


@pytest.mark.parametrize("format", USUAL)
def test_wrong_key(format: str) -> None:
    forged = forge(format, "wrong-key")
    assert forged.public_key == testkeys.public_key(forged.curve, forged.identity).spki
    for trusted in (False, True):
        report = judge(forged, trusted)
        assert verdicts(report) == {"invalid"} and colours(report) == {"red"}
    assert verdicts(judge(forge(format, "wrong-key", key=own_key(format)))) == {"invalid"}


@pytest.mark.parametrize("format", USUAL)
def test_other_curve(format: str) -> None:
    report = judge(forge(format, "other-curve"))
    assert verdicts(report) == {"key-error"} and colours(report) == {"red"}
    assert {record.signature.reason for record in report.records} == {"V-CURVE-MISMATCH"}


@pytest.mark.proves("T-054")
@pytest.mark.parametrize("format", USUAL)
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


@pytest.mark.parametrize("format", USUAL)
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


@pytest.mark.parametrize("format", USUAL)
def test_variants_differ(format: str) -> None:
    made = [forge(format, name).data for name in VARIANTS if name not in ("tampered", *maker(format).lacks)]
    assert len(set(made)) == len(made)


@pytest.mark.parametrize(
    ("format", "variant", "options", "said"),
    [
        ("RTF", "valid", {}, "OCMF"),
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
    with pytest.raises(InvalidValue, match="1 to 10 bytes"):
        forge("GDF", serial="GDF00000001")
    with pytest.raises(InvalidValue, match="QR code"):
        forge("QR", curve="secp521r1", serial="\U0001f600" * 100)
    for format in ("ALFEN", "EDL_40_P", "EDL_40_SIG", "mennekes", "isa", "EMH"):
        with pytest.raises(InvalidValue, match="hexadecimal"):
            forge(format, serial="TEST0001")


# -- nothing is forgotten -----------------------------------------------------------------------------------------

#: The tokens of section 0.7, but for those of what is not recognised or comes from another package.
FORMATS = "OCMF OCMF-SEALED ALFEN EDL_40_P EDL_40_SIG EDL_40_MENNEKES ISA_EDL_40_P PCDF BSM EMH GDF ChargePoint".split()
CONTAINERS = (
    "none SAFE-XML EDL-XML MENNEKES-XML chargeIT-JSON Chargy-CTR PTB OCPI OCPP-1.6 OCPP-2.0.1 CHARGEPOINT JSONL CSV "
    "PARQUET ZIP TAR GZIP PDF QR".split()
)


@cache
def made() -> tuple[set[str], set[str]]:
    """Formats and containers of all that the forge makes."""
    records = [record for name in MAKERS for record in examine(forge(name).data, now=NOW, experimental=True).records]
    return {one.format for one in records}, {one.container for one in records}


@pytest.mark.proves("T-107")
@pytest.mark.parametrize("row", own_rows(), ids=lambda row: row.token)
def test_every_row_of_the_registry_can_be_forged(row: Row) -> None:
    formats, containers = made()
    tokens = formats if isinstance(row, FormatRow) else {re.sub(r"^OCPP-.*", "OCPP", name) for name in containers}
    assert row.token in tokens, f"{row.token} is read, but the forge does not make it: add a row to MAKERS"


@pytest.mark.proves("T-097", "T-107")
def test_every_token_of_the_specification_can_be_forged() -> None:
    assert made() == (set(FORMATS), set(CONTAINERS))


@pytest.mark.parametrize("encoding", ["base64", "base32", "hex", "plain"])
def test_the_container_states_its_encoding(encoding: str) -> None:
    forged = forge("SAFE-XML" if encoding == "plain" else f"SAFE-XML-{encoding}")
    assert forged.data.count(b'encoding="%s"' % encoding.encode()) == 4
    assert (b"OCMF|" in forged.data) is (encoding == "plain")


# -- the two of their own -----------------------------------------------------------------------------------------


@pytest.mark.proves("T-084")
@pytest.mark.parametrize("variant", [*(name for name in VARIANTS if name != "tampered"), "tampered:RV"])
def test_a_sealed_record_is_named_and_never_judged(variant: str) -> None:
    report = judge(forge(SEALED, variant), trusted=True)
    assert [(record.format, record.signature.reason) for record in report.records] == [(SEALED, "V-SEALED")] * 2
    assert verdicts(report) == {"unsupported"} and colours(report) == {"grey"} and not report.sessions


@pytest.mark.proves("T-107")
def test_a_list_of_values_without_labels_is_incomplete() -> None:
    for variant in ("valid", "missing-page"):
        for curve in maker(UNLABELLED).curves:
            report = judge(forge(UNLABELLED, variant, curve=curve), trusted=True, allow_test_keys=True)
            assert verdicts(report) == {"valid"} and colours(report) == {"grey"}
            assert report.sessions[0].verdict.value == "incomplete"
    for variant, expected in (
        *((f"tampered:{field}", {"valid", "invalid"}) for field in (*maker(UNLABELLED).fields, SIGNATURE)),
        ("wrong-key", {"invalid"}),
        ("other-curve", {"key-error"}),
        ("no-key", {"no-key"}),
    ):
        assert verdicts(judge(forge(UNLABELLED, variant))) == expected, variant
    with pytest.raises(UnknownName, match="no variant wrong-order"):
        forge(UNLABELLED, "wrong-order")


@pytest.mark.parametrize(("format", "module"), [("PARQUET", "pyarrow"), ("PDF", "pypdf"), ("QR", "zxingcpp")])
def test_a_format_that_needs_the_extra_says_so(format: str, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UsageError, match=r"wattproof\[documents\]"):
        forge(format)
