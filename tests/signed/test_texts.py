"""Every code that can be raised has both sentences."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from wattproof.signed.finding_texts import FINDINGS
from wattproof.signed.records import Verdict
from wattproof.signed.rules import RULES
from wattproof.signed.texts import HEADLINES, NOTICE, REASONS, TEXTS, VERDICTS

SPECIFICATION = (
    Path(os.environ.get("WATTPROOF_SPECS", Path(__file__).resolve().parents[3] / "shared" / "specs"))
    / "transparency.md"
)


@pytest.mark.proves("T-113")
def test_every_rule_has_an_english_and_a_german_sentence() -> None:
    for rule in RULES:
        english, german = TEXTS[rule.code]
        assert english.endswith(".") and german.endswith(".") and english != german


@pytest.mark.proves("T-113")
def test_sentences_are_those_of_the_specification() -> None:
    if not SPECIFICATION.is_file():
        pytest.skip(f"no specification at {SPECIFICATION}: set WATTPROOF_SPECS")
    rows = re.findall(r"^\| (S-[A-Z-]+) \| ([^|]*\.) \| ([^|]*\.) \|$", SPECIFICATION.read_text("utf-8"), re.MULTILINE)
    assert {code: (en, de) for code, en, de in rows} == {code: tuple(text) for code, text in TEXTS.items()}


@pytest.mark.proves("T-112")
def test_the_notice_says_what_this_is_not() -> None:
    assert "not the conformity-assessed transparency software" in NOTICE.en
    assert "nicht die konformitätsbewertete Transparenzsoftware" in NOTICE.de


def test_every_verdict_has_words() -> None:
    assert HEADLINES.keys() == {verdict.value for verdict in Verdict}
    assert VERDICTS.keys() == {"ok", "warn", "fail", "incomplete", "not-applicable"}
    assert all(code.startswith("V-") for code in REASONS)


def test_every_finding_of_the_specification_has_both_sentences() -> None:
    for text in FINDINGS.values():
        assert text.en.endswith(".") and text.de.endswith(".") and text.en != text.de
    if not SPECIFICATION.is_file():
        pytest.skip(f"no specification at {SPECIFICATION}: set WATTPROOF_SPECS")
    chapter = SPECIFICATION.read_text("utf-8").partition("### 3.4")[2].partition("### 3.5")[0]
    assert set(re.findall(r"`(F-[A-Z0-9-]+)", chapter)) <= FINDINGS.keys()
