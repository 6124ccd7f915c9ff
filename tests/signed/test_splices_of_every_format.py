"""Records of two sessions in one file, and records and labels in another order, in every format that the forge makes.

A format that is added to the forge is tested by that alone. Source: verifier specification, 4.2, M7 and M8.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from decimal import Decimal

import pytest

from wattproof.signed import curves, examine, testkeys
from wattproof.signed.forging import GREY, MAKERS, maker
from wattproof.signed.forging.maker import Maker, Sealed, Story
from wattproof.signed.records import Verdict
from wattproof.signed.report import Report
from wattproof.signed.sessions import SessionVerdict

NOW = 1_800_000_000
#: Formats whose session is two records.
PAIRS = [
    token
    for token in MAKERS
    if token not in GREY and len(maker(token).drafts(Story(maker(token).serial, maker(token).curves[0]))) == 2
]


class Later(Story):
    """The next session at the same meter, on later pages."""

    __slots__ = ()

    @property
    def pages(self) -> tuple[int, int]:
        return (14, 15)


def story(made: Maker, kind: str) -> Story:
    """The usual session, or one that differs from it in one respect."""
    serial, curve = made.serial, made.curves[0]
    public = curves.public_key(testkeys.private_key(curve, serial))
    if kind == "later":
        later, readings = (1_740_826_800, 1_740_830_400), (112_440, 130_000)
        return Later(serial, curve, public_key=public, times=later, readings=readings)
    if kind == "another user":
        return Story(serial, curve, public_key=public, user="AABBCCDDEEFF00")
    if kind == "another meter":
        other = serial[:-1] + ("2" if serial[-1] != "2" else "3")
        return Story(other, curve, public_key=curves.public_key(testkeys.private_key(curve, other)))
    return Story(serial, curve, public_key=public)


def sealed(made: Maker, told: Story) -> list[Sealed]:
    """The signed records of a session."""
    key = testkeys.private_key(told.curve, told.serial)
    public = curves.public_key(key)
    signatures = [
        (draft, curves.sign_digest(key, hashlib.sha256(made.signed(draft, told)).digest()))
        for draft in made.drafts(told)
    ]
    return [Sealed(draft, signature, public.curve, public) for draft, signature in signatures]


def judged(made: Maker, records: Sequence[Sealed], told: Story) -> Report:
    report = examine(made.file(records, told), now=NOW)
    assert not any("internal error" in finding.message for record in report.records for finding in record.findings)
    return report


def energies(report: Report) -> set[str]:
    """What the ok sessions state that their signatures back."""
    return {
        entry["energy"]["value"]
        for session, entry in zip(report.sessions, report.as_dict()["sessions"], strict=True)
        if session.verdict is SessionVerdict.OK
        and all(record.signature.verdict is Verdict.VALID for record in session.records)
    }


@pytest.mark.parametrize("token", PAIRS)
def test_the_sessions_are_good_before_they_are_mixed(token: str) -> None:
    made = maker(token)
    for kind, energy in (("usual", "12.34"), ("later", "17.56"), ("another user", "12.34"), ("another meter", "12.34")):
        told = story(made, kind)
        report = judged(made, sealed(made, told), told)
        assert {record.signature.verdict for record in report.records} == {Verdict.VALID}, kind
        assert [Decimal(found) for found in energies(report)] == [Decimal(energy)], kind


@pytest.mark.proves("T-120")
@pytest.mark.parametrize("kind", ["later", "another user", "another meter"])
@pytest.mark.parametrize("token", PAIRS)
def test_a_splice_of_two_sessions_is_never_ok(token: str, kind: str) -> None:
    made = maker(token)
    usual, other = story(made, "usual"), story(made, kind)
    begin, end = sealed(made, usual)
    other_begin, other_end = sealed(made, other)
    for records in ((begin, other_end), (other_begin, end)):
        for told in (usual, other):
            report = judged(made, records, told)
            assert not energies(report), (kind, [session.findings for session in report.sessions])


@pytest.mark.proves("T-121")
@pytest.mark.parametrize("token", PAIRS)
def test_order_and_labels_never_give_other_values(token: str) -> None:
    made = maker(token)
    told = story(made, "usual")
    begin, end = sealed(made, told)
    right = energies(judged(made, (begin, end), told))
    assert right
    for records in ((end, begin), (begin, begin), (end, end)):
        found = energies(judged(made, records, told))
        assert found <= right, (records == (end, begin), found)
        if records[0] is records[1]:
            assert not found


@pytest.mark.proves("T-119")
@pytest.mark.parametrize("token", [token for token in MAKERS if token not in GREY])
def test_no_signature_fits_another_record(token: str) -> None:
    made = maker(token)
    told = story(made, "usual")
    later = story(made, "later")
    records, others = sealed(made, told), sealed(made, later)
    signatures = [record.signature for record in (*others, *records[::-1])]
    for at, record in enumerate(records):
        for signature in signatures:
            if signature != record.signature:
                changed = [*records[:at], Sealed(record.draft, signature, record.curve, record.public_key)]
                report = judged(made, [*changed, *records[at + 1 :]], told)
                verdicts = [found.signature.verdict for found in report.records]
                assert verdicts.count(Verdict.VALID) == len(records) - 1 and Verdict.INVALID in verdicts
