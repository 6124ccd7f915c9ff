"""Every rule that concerns OCMF is raised by a record made for it; sessions that it does not concern stay clean."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattproof.signed.rules import RULES, apply
from wattproof.signed.rules.findings import Thresholds
from wattproof.signed.rules.flawless import is_flawless

Codes = Callable[[Any], set[str]]

B = "2024-03-01T10:00:00,000+0100 S"
M = "2024-03-01T10:30:00,000+0100 S"
E = "2024-03-01T11:00:00,000+0100 S"
BSM = "BAUER Electronic BSM-WS36A-H01-1311-0000"


def _pair(forge: Any, begin: dict[str, Any] | None = None, end: dict[str, Any] | None = None, **common: Any) -> bytes:
    """A begin and an end record of one transaction; the dictionaries replace fields of one of them."""
    first = forge.ocmf([forge.reading("B", "100.1")], **{**common, "PG": "T7", **(begin or {})})
    last = forge.ocmf([forge.reading("E", "112.3")], **{**common, "PG": "T8", **(end or {})})
    return forge.xml((first, "1", "Transaction.Begin"), (last, "1", "Transaction.End"))


def _one(forge: Any, *readings: dict[str, Any], **fields: Any) -> str:
    return forge.ocmf(readings, **fields)


#: code -> a document that raises it, and the verdict it must lead to
CASES: dict[str, tuple[Callable[[Any], bytes | str], str]] = {
    "S-BEGIN-MISSING": (lambda f: _one(f, f.reading("E", "1")), "incomplete"),
    "S-END-MISSING": (lambda f: _one(f, f.reading("B", "1")), "incomplete"),
    "S-BEGIN-MULTIPLE": (lambda f: _one(f, f.reading("B", "1"), f.reading("B", "2"), f.reading("E", "3")), "fail"),
    "S-END-MULTIPLE": (lambda f: _one(f, f.reading("B", "1"), f.reading("E", "2"), f.reading("R", "3")), "fail"),
    "S-BEGIN-NOT-FIRST": (lambda f: _one(f, f.reading("C", "1", B), f.reading("B", "1"), f.reading("E", "2")), "fail"),
    "S-END-NOT-LAST": (lambda f: _one(f, f.reading("B", "1"), f.reading("E", "2", M), f.reading("C", "2", E)), "fail"),
    "S-BEGIN-REDUNDANT": (
        lambda f: f.xml(
            (_one(f, f.reading("B", "1"), PG="T7"), "1", "Transaction.Begin"),
            (_one(f, f.reading("B", "1"), f.reading("E", "2"), PG="T8"), "1", "Transaction.End"),
        ),
        "ok",
    ),
    "S-CONTEXT": (
        lambda f: f.xml(
            (_one(f, f.reading("B", "1"), PG="T7"), "1", "Transaction.End"),
            (_one(f, f.reading("E", "2"), PG="T8"), "1", "Transaction.Begin"),
        ),
        "fail",
    ),
    "S-CONTEXT-IGNORED": (lambda f: f.xml((f.session(), "1", "Transaction.Begin")), "ok"),
    "S-NO-ENERGY": (
        lambda f: _one(f, f.reading("B", "1", RI="1-b:1.9.0"), f.reading("E", "2", RI="1-b:1.9.0")),
        "fail",
    ),
    "S-EXCEPTION": (
        lambda f: _one(f, f.reading("B", "1"), f.reading("X", "1", M, EF="E"), f.reading("E", "2")),
        "fail",
    ),
    "S-DUPLICATE": (lambda f: f.xml((f.session(), "1"), (f.session(), "1")), "warn"),
    "S-REPEATED": (lambda f: f.session(PG="T7") + "\n" + f.session(PG="T8"), "ok"),
    "S-FISCAL": (lambda f: f.session(PG="F3"), "not-applicable"),
    "S-PAGE-FORMAT": (lambda f: f.session(PG="TRANSACTION-1"), "warn"),
    "S-PAGE-CONTEXT": (lambda f: _pair(f, {"PG": "F7"}), "fail"),
    "S-PAGE-ORDER": (lambda f: _pair(f, {"PG": "T8"}), "fail"),
    "S-PAGE-GAP": (lambda f: _pair(f, {"PG": "T6"}), "fail"),
    "S-PAGE-SKIPPED": (lambda f: _pair(f, {"PG": "T2"}, GI=BSM), "ok"),
    "S-METER-MISMATCH": (lambda f: _pair(f, {"MS": "METER0002"}), "fail"),
    "S-GATEWAY-MISMATCH": (lambda f: _pair(f, {"GS": "GW0002"}), "fail"),
    "S-EVSE-MISMATCH": (lambda f: _pair(f, {"CI": "DE*TST*E0002"}), "fail"),
    "S-IDENT-MISMATCH": (lambda f: _pair(f, {"ID": "1F2D3A4F5506C8"}), "fail"),
    "S-FIRMWARE-CHANGED": (lambda f: _pair(f, {"MF": "2.2"}), "warn"),
    "S-TARIFF-CHANGED": (lambda f: _pair(f, {"TT": "cheap"}, {"TT": "dear"}), "warn"),
    "S-AMBIGUOUS": (lambda f: f.sign(_twice(f)), "fail"),
    "S-VALUE-MISSING": (lambda f: _one(f, f.reading("B", "1"), f.reading("E", "1e99")), "fail"),
    "S-VALUE-NEGATIVE": (lambda f: f.session("-2", "1"), "fail"),
    "S-VALUE-DECREASE": (lambda f: f.session("2.000", "1.999"), "fail"),
    "S-UNIT": (lambda f: _one(f, f.reading("B", "1", RU="sec"), f.reading("E", "2", RU="sec")), "fail"),
    "S-UNIT-CHANGED": (lambda f: _one(f, f.reading("B", "1"), f.reading("E", "2000", RU="Wh")), "warn"),
    "S-OBIS-CHANGED": (lambda f: _one(f, f.reading("B", "1"), f.reading("E", "2", RI="1-0:1.8.0*255")), "warn"),
    "S-OBIS-MISMATCH": (lambda f: _one(f, f.reading("B", "1"), f.reading("E", "2", RI="01-00:B2.08.00*FF")), "fail"),
    "S-EXPORT-ONLY": (
        lambda f: _one(f, f.reading("B", "1", RI="1-0:2.8.0"), f.reading("E", "2", RI="1-0:2.8.0")),
        "ok",
    ),
    "S-REGISTER-NOT-RESET": (
        lambda f: _one(f, f.reading("B", "1", RI="1-0:1.8.0*198"), f.reading("E", "2", RI="1-0:1.8.0*198")),
        "ok",
    ),
    "S-REGISTER-DISAGREE": (
        lambda f: _one(
            f,
            f.reading("B", "0.0", RI="01-00:B2.08.00*FF"),
            f.reading("B", "100.00", RI="01-00:B0.08.00*FF"),
            f.reading("E", "5.0", RI="01-00:B2.08.00*FF"),
            f.reading("E", "105.11", RI="01-00:B0.08.00*FF"),
        ),
        "warn",
    ),
    "S-LOSS": (lambda f: _one(f, f.reading("B", "1", CL=1), f.reading("E", "2", CL=2)), "warn"),
    "S-ZERO-ENERGY": (lambda f: f.session("1.0", "1.00"), "ok"),
    "S-ENERGY-HIGH": (lambda f: f.session("0", "501"), "warn"),
    "S-POWER-HIGH": (
        lambda f: _one(f, f.reading("B", "0"), f.reading("E", "20", "2024-03-01T10:01:01,000+0100 S")),
        "warn",
    ),
    "S-TIME-FORMAT": (lambda f: _one(f, f.reading("B", "1", "yesterday"), f.reading("E", "2")), "fail"),
    "S-TIME-ORDER": (lambda f: _one(f, f.reading("B", "1", E), f.reading("E", "2", B)), "fail"),
    "S-TIME-UNSYNC": (lambda f: _clocks(f, "U", "S"), "warn"),
    "S-TIME-INFORMATIVE": (lambda f: _clocks(f, "S", "I"), "ok"),
    "S-TIME-RELATIVE": (lambda f: _clocks(f, "U", "R"), "ok"),
    "S-TIME-RELATIVE-LOST": (lambda f: _clocks(f, "R", "S"), "fail"),
    "S-TIME-IMPLAUSIBLE": (
        lambda f: _one(f, f.reading("B", "1", "2014-12-31T23:59:59,000+0000 S"), f.reading("E", "2")),
        "warn",
    ),
    "S-STATUS": (lambda f: _one(f, f.reading("B", "1"), f.reading("E", "2", ST="M")), "fail"),
    "S-STATUS-MISSING": (lambda f: _one(f, f.reading("B", "1", ST=None), f.reading("E", "2")), "fail"),
    "S-ERRORFLAG": (lambda f: _one(f, f.reading("B", "1"), f.reading("E", "2", EF="E")), "fail"),
    "S-ERRORFLAG-TIME": (lambda f: _one(f, f.reading("B", "1"), f.reading("E", "2", EF="t")), "warn"),
    "S-EVENT-COUNTER": (
        lambda f: _one(f, f.reading("B", "1", EI=5), f.reading("E", "2", EI=6), FV="0.4"),
        "fail",
    ),
    "S-IDENT-LEVEL": (lambda f: f.session(IL="OUTDATED"), "fail"),
    "S-IDENT-NONE": (lambda f: f.session(IS=False, IL="NONE"), "ok"),
    "S-END-ABNORMAL": (lambda f: _one(f, f.reading("B", "1"), f.reading("P", "2")), "ok"),
    "S-TARIFF-SWITCH": (lambda f: _one(f, f.reading("B", "1"), f.reading("T", "1", M), f.reading("E", "2")), "ok"),
}

#: Raised only by BSM snapshots or by the container: see test_bsm_sessions and test_keys_of_a_session. The second row is
#: raised by the binary formats and PCDF: see test_binary_sessions.
ELSEWHERE = {
    *("S-KEY-MISMATCH", "S-UNSIGNED-MISMATCH", "S-TIME-SET"),
    *("S-SESSION-MISMATCH", "S-IDENT-TIME", "S-IDENT-MARKER", "S-DURATION", "S-STATUS-MISMATCH", "S-STATUS-MAGNET"),
    *("S-STATUS-INFO", "S-BILLING-INVALID"),
}


def _twice(forge: Any) -> str:
    text = forge.session().split("|")[1]
    return text.replace('"PG":"T7"', '"PG":"T6","PG":"T7"')


def _clocks(forge: Any, begin: str, end: str) -> str:
    return _one(forge, forge.reading("B", "1", B[:-1] + begin), forge.reading("E", "2", E[:-1] + end))


@pytest.mark.proves("T-113", "T-044", "T-045", "T-048", "T-049", "T-051", "T-053", "T-086")
@pytest.mark.parametrize("code", CASES)
def test_rule(code: str, forge: Any, codes: Codes) -> None:
    make, verdict = CASES[code]
    report = forge.examine(make(forge))
    assert report.records and all(record.signature.verdict == "valid" for record in report.records)
    for session in report.sessions:
        assert code in codes(session)
        assert session.verdict == verdict, [f"{f.code} {f.severity}" for f in session.findings]


@pytest.mark.proves("T-113")
def test_every_rule_is_tried() -> None:
    assert {rule.code for rule in RULES} == CASES.keys() | ELSEWHERE


def test_a_flawless_session_has_no_findings(forge: Any) -> None:
    report = forge.examine(forge.session())
    (session,) = report.sessions
    assert session.findings == []
    assert report.as_dict()["sessions"][0]["overall"] == "green"


@pytest.mark.proves("T-047")
@pytest.mark.parametrize(("begin", "end"), list(product("UISR", repeat=2)))
def test_clock_matrix(begin: str, end: str, forge: Any, codes: Codes) -> None:
    (session,) = forge.examine(_clocks(forge, begin, end)).sessions
    if end == "R":
        expected = {"S-TIME-RELATIVE"}
    elif begin == "R":
        expected = {"S-TIME-RELATIVE-LOST"}
    elif "U" in (begin, end):
        expected = {"S-TIME-UNSYNC"}
    else:
        expected = {"S-TIME-INFORMATIVE"} if "I" in (begin, end) else set()
    assert codes(session) == expected


@pytest.mark.proves("T-050")
@pytest.mark.parametrize(("flags", "severity"), [("t", "warning"), ("Et", "error"), ("E", "error"), ("", "error")])
def test_exception_severity(flags: str, severity: str, forge: Any) -> None:
    readings = forge.reading("B", "1"), forge.reading("X", "1", M, EF=flags), forge.reading("E", "2")
    (session,) = forge.examine(_one(forge, *readings)).sessions
    assert {f.severity for f in session.findings if f.code == "S-EXCEPTION"} == {severity}


@pytest.mark.proves("T-038")
def test_an_empty_error_flag_ends_an_earlier_one(forge: Any, codes: Codes) -> None:
    begin, end = forge.reading("B", "1", EF="t"), forge.reading("E", "2", EF="")
    (session,) = forge.examine(_one(forge, begin, end)).sessions
    flagged = [finding for finding in session.findings if finding.code == "S-ERRORFLAG-TIME"]
    assert len(flagged) == 1 and flagged[0].message.count("1-b:1.8.0") == 1
    end.pop("EF")
    (session,) = forge.examine(_one(forge, begin, end)).sessions
    assert next(f for f in session.findings if f.code == "S-ERRORFLAG-TIME").message.count("1-b:1.8.0") == 2


@pytest.mark.proves("T-045")
def test_a_dip_between_intermediates_is_seen(forge: Any, codes: Codes) -> None:
    values = [("B", "1.0", B), ("C", "2.0", M), ("C", "1.9", M), ("E", "3.0", E)]
    (session,) = forge.examine(_one(forge, *(forge.reading(*value) for value in values))).sessions
    assert codes(session) == {"S-VALUE-DECREASE"}


@pytest.mark.proves("T-046")
def test_times_are_compared_as_instants(forge: Any, codes: Codes) -> None:
    begin = forge.reading("B", "1", "2024-03-01T11:30:00,000+0200 S")
    later = forge.reading("E", "2", "2024-03-01T10:30:01,000+0100 S")
    assert not codes(forge.examine(_one(forge, begin, later)).sessions[0])
    earlier = forge.reading("E", "2", "2024-03-01T10:29:59,999+0100 S")
    assert codes(forge.examine(_one(forge, begin, earlier)).sessions[0]) == {"S-TIME-ORDER"}


@pytest.mark.proves("T-048")
def test_a_bad_status_of_an_informative_register_only_warns(forge: Any) -> None:
    readings = [
        forge.reading("B", "1"),
        forge.reading("C", "5", M, RI="1-b:1.9.0", ST="M"),
        forge.reading("E", "2", ST="G"),
    ]
    (session,) = forge.examine(_one(forge, *readings)).sessions
    assert [(f.code, f.severity) for f in session.findings] == [("S-STATUS", "warning")]
    readings[1]["RI"] = "1-b:1.8.0"
    readings[1]["RV"] = readings[0]["RV"]
    assert forge.examine(_one(forge, *readings)).sessions[0].verdict == "fail"


@pytest.mark.proves("T-051")
@pytest.mark.parametrize("level", ["MISMATCH", "INVALID", "OUTDATED", "UNKNOWN"])
def test_failed_assignment_is_said_as_such(level: str, forge: Any) -> None:
    (session,) = forge.examine(forge.session(IL=level)).sessions
    (finding,) = session.findings
    assert finding.code == "S-IDENT-LEVEL" and "assignment of the user" in finding.message
    (old,) = forge.examine(forge.session(FV="0.1", IS=level, IL=None)).sessions
    assert "S-IDENT-LEVEL" in {finding.code for finding in old.findings}


@pytest.mark.proves("T-088")
@pytest.mark.parametrize("signer", [{"GI": BSM}, {"MM": "BSM-WS36A-H01-1311-0000"}])
def test_a_bsm_may_leave_pages_out_but_never_go_back(signer: dict[str, str], forge: Any, codes: Codes) -> None:
    (session,) = forge.examine(_pair(forge, {"PG": "T3"}, **signer)).sessions
    assert session.verdict == "ok" and codes(session) == {"S-PAGE-SKIPPED"}
    (same,) = forge.examine(_pair(forge, {"PG": "T8"}, **signer)).sessions
    assert same.verdict == "fail" and codes(same) == {"S-PAGE-ORDER"}
    (other,) = forge.examine(_pair(forge, {"PG": "T3"})).sessions
    assert other.verdict == "fail" and codes(other) == {"S-PAGE-GAP"}


@pytest.mark.proves("T-043")
@pytest.mark.parametrize(("begin", "code"), [("T6", "S-PAGE-GAP"), ("T8", "S-PAGE-ORDER"), ("T9", "S-PAGE-ORDER")])
def test_pages_of_ocmf_are_an_unbroken_row(begin: str, code: str, forge: Any, codes: Codes) -> None:
    (session,) = forge.examine(_pair(forge, {"PG": begin})).sessions
    assert session.verdict == "fail" and code in codes(session)


def test_identifications_compare_without_case_and_empty_ones_contradict_nothing(forge: Any) -> None:
    for begin, end in (("1f2d3a4f5506c7", "1F2D3A4F5506C7"), ("", "1F2D3A4F5506C7"), (None, "1F2D3A4F5506C7")):
        (session,) = forge.examine(_pair(forge, {"ID": begin}, {"ID": end})).sessions
        assert session.verdict == "ok"


@pytest.mark.proves("T-113")
def test_keys_of_a_session(forge: Any, new_forge: Any, codes: Codes) -> None:
    other = new_forge(identity="another key")
    begin = forge.ocmf([forge.reading("B", "1")], PG="T7")
    end = other.ocmf([forge.reading("E", "2")], PG="T8")
    one, two = (f.xml((text, "1")).decode() for f, text in ((forge, begin), (other, end)))
    document = one.replace("</values>", "") + two[two.index("<value ") :]
    from wattproof.signed import examine

    (session,) = examine(document, now=1_800_000_000).sessions
    assert "S-KEY-MISMATCH" in codes(session) and session.verdict == "fail"


def test_an_event_without_register_is_no_meter_reading(forge: Any, codes: Codes) -> None:
    event = {"TM": M, "TX": "S", "ST": "G"}
    (session,) = forge.examine(_one(forge, forge.reading("B", "1"), event, forge.reading("E", "2"))).sessions
    assert not codes(session) and session.verdict == "ok"
    (stated,) = forge.examine(
        _one(forge, forge.reading("B", "1"), {**event, "RI": "1-b:1.8.0"}, forge.reading("E", "2"))
    ).sessions
    assert codes(stated) == {"S-VALUE-MISSING"}


def test_no_readings_is_incomplete(forge: Any, codes: Codes) -> None:
    (session,) = forge.examine(_one(forge)).sessions
    assert session.verdict == "incomplete" and codes(session) == {"S-BEGIN-MISSING", "S-END-MISSING"}


def test_only_growth_and_time_are_checked_on_fiscal_records(forge: Any, codes: Codes) -> None:
    begin, end = forge.reading("B", "1", ST="M"), forge.reading("E", "2", EF="E")
    (session,) = forge.examine(_one(forge, begin, end, PG="F1", IL="MISMATCH")).sessions
    assert session.verdict == "not-applicable" and codes(session) == {"S-FISCAL"}
    (bad,) = forge.examine(_one(forge, forge.reading("B", "2", E), forge.reading("E", "1", B), PG="F1")).sessions
    assert {"S-VALUE-DECREASE", "S-TIME-ORDER"} <= codes(bad)


def test_thresholds_can_be_set(forge: Any, codes: Codes) -> None:
    document = forge.session("0", "30")
    assert not codes(forge.examine(document).sessions[0])
    assert codes(forge.examine(document, energy_limit=20).sessions[0]) == {"S-ENERGY-HIGH"}
    assert codes(forge.examine(document, power_limit=29).sessions[0]) == {"S-POWER-HIGH"}
    assert codes(forge.examine(document, now=1_600_000_000).sessions[0]) == {"S-TIME-IMPLAUSIBLE"}


#: What a complete record may state, good and bad, for holding the shortcut against the checks.
CHOICES: dict[str, tuple[Any, ...]] = {
    "PG": ("T7", "F7", "7", None),
    "IS": (True, False),
    "IL": ("VERIFIED", "MISMATCH", None),
    "MS": ("METER0001", None),
}
READING_CHOICES: dict[str, tuple[Any, ...]] = {
    "TM": (B, E, B[:-1] + "U", E[:-1] + "R", "2014-01-01T00:00:00,000+0000 S", "2040-01-01T00:00:00,000+0000 S", "bad"),
    "TX": ("B", "E", "C", "A", "X", "S"),
    "RV": ("0", "1", "2", "-1", "1e3", "1e99", "600", None),
    "RI": ("1-b:1.8.0", "1-0:1.8.0*198", "1-0:2.8.0", "1-b:1.9.0", None),
    "RU": ("kWh", "Wh", "sec", None),
    "EF": ("", "E", "t", None),
    "ST": ("G", "M", None),
    "CL": (None, 0, 1),
}


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_the_shortcut_agrees_with_the_checks(forge: Any, raw: Any, data: st.DataObject) -> None:
    """A good record with a few things changed: what the shortcut lets pass, no check objects to."""
    readings = [forge.reading("B", "0"), forge.reading("E", "2")]
    fields: dict[str, Any] = {}
    for _ in range(data.draw(st.integers(0, 3))):
        if data.draw(st.booleans()):
            name = data.draw(st.sampled_from(sorted(CHOICES)))
            fields[name] = data.draw(st.sampled_from(CHOICES[name]))
        else:
            name = data.draw(st.sampled_from(sorted(READING_CHOICES)))
            value = data.draw(st.sampled_from(READING_CHOICES[name]))
            reading = readings[data.draw(st.integers(0, 1))]
            reading.pop(name, None)
            if value is not None:
                reading[name] = raw(value) if name == "RV" else value
    for session in forge.examine(forge.ocmf(readings, **fields)).sessions:
        thresholds = Thresholds(1_800_000_000)
        shortcut = is_flawless(session, thresholds)
        apply(session, thresholds)
        assert not (shortcut and session.findings)


def test_the_shortcut_takes_the_common_case(forge: Any) -> None:
    (session,) = forge.examine(forge.session()).sessions
    assert is_flawless(session, Thresholds(1_800_000_000))
