"""Words in both languages: every code that can be raised has German, and nothing is lost in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import wattproof.signed
from wattproof.signed.colours import Colour
from wattproof.signed.records import Finding, KeySource, Severity
from wattproof.signed.wording import COLOURS, GERMAN, HINTS, SEVERITIES, SOURCES, hint, message

SOURCE = Path(wattproof.signed.__file__).parent


def test_every_finding_that_the_code_raises_has_german_words() -> None:
    raised = {
        code for path in SOURCE.rglob("*.py") for code in re.findall(r'"(F-[A-Z0-9-]+)[":]', path.read_text("utf-8"))
    }
    assert len(raised) > 50 and raised <= GERMAN.keys(), raised - GERMAN.keys()


def test_every_hint_and_word_is_there() -> None:
    code = "".join(path.read_text("utf-8") for path in SOURCE.rglob("*.py"))
    assert set(re.findall(r'"(would_verify_[a-z0-9_]+)"', code)) == HINTS.keys()
    assert COLOURS.keys() == set(Colour) and SEVERITIES.keys() == {severity.value for severity in Severity}
    assert SOURCES.keys() == {*KeySource, None}
    assert (
        hint("would_verify_as_sha256", "de").endswith("SHA-256 bestätigt") and hint("some_other", "de") == "some other"
    )


@pytest.mark.proves("T-113")
def test_values_follow_the_sentence_in_both_languages() -> None:
    sentence = "Page numbers are missing between the records, so a record may be missing."
    finding = Finding("S-PAGE-GAP", Severity.ERROR, f"{sentence} (T1, T3)")
    assert message(finding, "en") == finding.message
    assert message(finding, "de").startswith("Zwischen den Datensätzen") and message(finding, "de").endswith(
        " (T1, T3)"
    )
    odd = Finding("F-JSON-DUPKEY:/RD/0/RV", Severity.ERROR, "RV occurs twice")
    assert message(odd, "de") == "Ein Feld kommt doppelt vor. [RV occurs twice]"
    assert message(odd, "de", beside=True) == "Ein Feld kommt doppelt vor."
    assert message(Finding("F-OF-A-PLUGIN", Severity.INFO, "something"), "de") == "something"
