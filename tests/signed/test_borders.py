"""OCMF sessions exactly at the borders of the specification, and one beyond."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Codes = Callable[[Any], set[str]]

B, E = "2024-03-01T10:00:00,000+0100 S", "2024-03-01T11:00:00,000+0100 S"
TOTAL, EXPORT, SESSION = "1-0:1.8.0", "1-0:2.8.0", "01-00:B2.08.00*FF"


def _value(forge: Any, raw: Any, literal: str) -> tuple[str, str | None, set[str]]:
    """Verdict of a session that ends with this literal, its energy, and the findings of the record."""
    record = forge.ocmf([forge.reading("B", "0.0"), forge.reading("E", None, RV=raw(literal))])
    report = forge.examine(record, energy_limit=10**80, power_limit=10**80)
    assert report.records[0].signature.verdict == "valid"
    (session,) = report.as_dict()["sessions"]
    codes = {finding.code for finding in report.records[0].findings}
    return session["verdict"], (session["energy"] or {}).get("value"), codes


@pytest.mark.proves("T-029", "T-030", "T-115")
@pytest.mark.parametrize(
    ("literal", "energy"),
    [
        ("1" * 40, "1" * 40),
        ("1" * 41, None),
        ("0." + "1" * 40, "0.1"),
        ("0." + "1" * 41, None),
        ("1" + "0" * 39, "1" + "0" * 39),
        ("1" + "0" * 40, None),  # trailing zeros are significant
        ("1." + "0" * 39, "1.0"),
        ("1." + "0" * 40, None),
        ("0." + "0" * 60 + "1", "0.0"),  # leading ones are not
        ("1e30", "1" + "0" * 30),
        ("1E+30", "1" + "0" * 30),
        ("1e0000000000000030", "1" + "0" * 30),
        ("1e31", None),
        ("1e-30", "0.0"),
        ("1e-31", None),
        ("0e31", None),
        ("9" * 40 + "e30", "9" * 40 + "0" * 30),
    ],
)
def test_number_literals(literal: str, energy: str | None, forge: Any, raw: Any) -> None:
    verdict, found, codes = _value(forge, raw, literal)
    assert found == energy
    assert ("F-RV-RANGE" in codes) is (energy is None) and (verdict == "fail") is (energy is None)


@pytest.mark.proves("T-029", "T-115")
@pytest.mark.parametrize(
    ("literal", "energy"),
    [
        ('"10.50"', "10.5"),
        ('"       9.038"', "9.0"),
        ('"00000010.500"', "10.5"),
        ('"1e1"', "10"),
        *((f'"{text}"', None) for text in ("10,5", "0x10", "NaN", "Infinity", "", "+10.5", "1_0", "\uff11\uff10")),
        ("null", None),
        ("true", None),
        ("[]", None),
    ],
)
def test_values_that_are_no_numbers(literal: str, energy: str | None, forge: Any, raw: Any) -> None:
    verdict, found, codes = _value(forge, raw, literal)
    assert found == energy and (verdict == "fail") is (energy is None)
    assert ("F-RV" in codes) is (energy is None) and ("F-RV-STRING" in codes) is literal.startswith('"')


@pytest.mark.proves("T-029")
@pytest.mark.parametrize("literal", ["010.5", "+1", ".5", "5.", "0x10", "NaN", "-Infinity", "1e", "--1", "1 0"])
def test_numbers_that_are_not_json(literal: str, forge: Any, raw: Any) -> None:
    record = forge.ocmf([forge.reading("B", "0.0"), forge.reading("E", None, RV=raw(literal))])
    (found,) = forge.examine(record).records
    assert (found.signature.verdict, found.signature.reason) == ("format-error", "F-JSON")


@pytest.mark.proves("T-033")
@pytest.mark.parametrize(("levels", "verdict"), [(32, "valid"), (33, "format-error")])
def test_nesting(levels: int, verdict: str, forge: Any) -> None:
    for begin, end in (("[", "]"), ('{"a":', "}")):
        around = levels - 1  # the payload itself is one
        inner = "1" if begin != "[" else ""
        payload = forge.session().split("|")[1][:-1] + f',"Z":{begin * around}{inner}{end * around}}}'
        (found,) = forge.examine(forge.sign(payload)).records
        assert found.signature.verdict == verdict


@pytest.mark.proves("T-046")
@pytest.mark.parametrize(
    ("begin", "end", "verdict"),
    [
        ("2024-10-27T02:50:00,000+0200 S", "2024-10-27T02:10:00,000+0100 S", "ok"),  # the hour that is there twice
        ("2024-10-27T02:10:00,000+0100 S", "2024-10-27T02:50:00,000+0200 S", "fail"),
        ("2024-03-31T01:59:59,000+0100 S", "2024-03-31T03:00:00,000+0200 S", "ok"),  # the hour that is missing
        ("2024-02-29T23:59:59,999+0100 S", "2024-03-01T00:00:00,000+0100 S", "ok"),
        ("2023-12-31T23:59:60,000+0000 S", "2024-01-01T00:00:00,000+0000 S", "ok"),  # 59 and one more second
        ("2023-12-31T23:59:60,001+0000 S", "2024-01-01T00:00:00,000+0000 S", "fail"),
        (B, B, "ok"),
        (B, B.replace(",000", ",001"), "ok"),
        (B.replace(",000", ",001"), B, "fail"),
        ("2024-03-01T10:00:00,000-1200 S", "2024-03-01T12:00:00,000+1400 S", "fail"),
        ("2024-03-01T10:00:00,000+1400 S", "2024-02-29T08:00:00,000-1200 S", "ok"),
    ],
)
def test_order_of_instants(begin: str, end: str, verdict: str, forge: Any, codes: Codes) -> None:
    record = forge.ocmf([forge.reading("B", "1.0", begin), forge.reading("E", "1.5", end)])
    (session,) = forge.examine(record).sessions
    assert session.verdict == verdict and ("S-TIME-ORDER" in codes(session)) is (verdict == "fail")


@pytest.mark.parametrize(
    "time",
    [
        "2023-02-29T11:00:00,000+0100 S",
        "2024-13-01T11:00:00,000+0100 S",
        "2024-03-01T24:00:00,000+0100 S",
        "2024-03-01T11:60:00,000+0100 S",
        "2024-03-01T11:00:61,000+0100 S",
        "2024-03-01T11:00:00,000+0060 S",
        "2024-03-01T11:00:00,000+9900 S",
        "2024-03-01T11:00:00,000+0100 X",
        "0000-03-01T11:00:00,000+0100 S",
        "\uff12024-03-01T11:00:00,000+0100 S",
        "2024-03-01 11:00:00 S",
        "",
    ],
)
def test_times_that_there_are_not(time: str, forge: Any, codes: Codes) -> None:
    record = forge.ocmf([forge.reading("B", "1.0", B), forge.reading("E", "2.0", RD=1) | {"TM": time}])
    report = forge.examine(record)
    assert codes(report.sessions[0]) == {"S-TIME-FORMAT"} and report.sessions[0].verdict == "fail"
    assert report.as_dict()["sessions"][0]["end"] is None


@pytest.mark.proves("T-049", "T-050", "T-038")
@pytest.mark.parametrize(
    ("code", "flags", "expected", "verdict"),
    [
        ("C", "E", {"S-ERRORFLAG"}, "fail"),
        ("C", "t", {"S-ERRORFLAG-TIME"}, "warn"),
        ("C", "tE", {"S-ERRORFLAG", "S-ERRORFLAG-TIME"}, "fail"),
        ("C", "", set(), "ok"),
        ("X", "t", {"S-EXCEPTION", "S-ERRORFLAG-TIME"}, "warn"),
        ("X", "E", {"S-EXCEPTION", "S-ERRORFLAG"}, "fail"),
        ("X", "Et", {"S-EXCEPTION", "S-ERRORFLAG", "S-ERRORFLAG-TIME"}, "fail"),
        ("X", "", {"S-EXCEPTION"}, "fail"),
    ],
)
def test_flags_of_an_intermediate_reading(
    code: str, flags: str, expected: set[str], verdict: str, forge: Any, codes: Codes
) -> None:
    between = forge.reading(code, "1.5", "2024-03-01T10:30:00,000+0100 S", EF=flags)
    record = forge.ocmf([forge.reading("B", "1.0", B), between, forge.reading("E", "2.0", E)])
    (session,) = forge.examine(record).sessions
    assert codes(session) == expected and session.verdict == verdict
    stays = forge.ocmf([forge.reading("B", "1.0", B), between, forge.reading("E", "2.0", E, EF=None)])
    assert forge.examine(stays).sessions[0].verdict == verdict, "what is inherited says no more"


@pytest.mark.proves("T-039")
@pytest.mark.parametrize(
    ("second", "expected", "verdict", "energy"),
    [
        ([("B", "5.0"), ("E", "6.0")], set(), "ok", "1.0"),
        ([("B", "5.0"), ("E", "4.9")], {"S-VALUE-DECREASE"}, "fail", "1.0"),
        ([("B", "5.0")], {"S-END-MISSING"}, "incomplete", "1.0"),
        ([("E", "5.0")], {"S-BEGIN-MISSING"}, "incomplete", "1.0"),
        ([("B", "5.0"), ("B", "5.1"), ("E", "6.0")], {"S-BEGIN-MULTIPLE"}, "fail", "1.0"),
        ([("B", "5.0"), ("E", "6.0"), ("E", "6.0")], {"S-END-MULTIPLE"}, "fail", "1.0"),
    ],
)
def test_interleaved_registers(
    second: list[tuple[str, str]], expected: set[str], verdict: str, energy: str, forge: Any, codes: Codes
) -> None:
    """Begin of both, then end of both: each register is judged for itself."""
    readings = [("B", "1.0", TOTAL), *((code, value, EXPORT) for code, value in second), ("E", "2.0", TOTAL)]
    readings.sort(key=lambda each: each[0])
    record = forge.ocmf(
        [forge.reading(code, value, B if code == "B" else E, RI=name) for code, value, name in readings]
    )
    report = forge.examine(record)
    assert codes(report.sessions[0]) == expected and report.sessions[0].verdict == verdict
    assert report.as_dict()["sessions"][0]["energy"]["value"] == energy


@pytest.mark.proves("T-052")
@pytest.mark.parametrize(
    ("moments", "missing"),
    [
        ("B", {"S-END-MISSING"}),
        ("BC", {"S-END-MISSING"}),
        ("E", {"S-BEGIN-MISSING"}),
        ("CE", {"S-BEGIN-MISSING"}),
        ("C", {"S-BEGIN-MISSING", "S-END-MISSING"}),
    ],
)
def test_a_part_of_a_session_is_incomplete_and_grey(moments: str, missing: set[str], forge: Any, codes: Codes) -> None:
    times = {"B": B, "C": "2024-03-01T10:30:00,000+0100 S", "E": E}
    record = forge.ocmf([forge.reading(code, "1.0", times[code]) for code in moments])
    report = forge.examine(record)
    (session,) = report.sessions
    assert session.verdict == "incomplete" and codes(session) == missing
    assert report.session_colour(session) == "grey" and report.exit_status() == 3
    assert report.as_dict()["sessions"][0]["energy"] is None


@pytest.mark.proves("T-055")
@pytest.mark.parametrize("label", ["Transaction.Begin", "Transaction.End"])
def test_the_label_of_one_complete_record_is_ignored(label: str, forge: Any, codes: Codes) -> None:
    record = forge.session()
    (session,) = forge.examine(forge.xml((record, "1", label))).sessions
    assert session.verdict == "ok" and codes(session) == {"S-CONTEXT-IGNORED"}
    other = forge.ocmf([forge.reading("B", "1.0"), forge.reading("E", "2.0")], PG="T8")
    for session in forge.examine(forge.xml((record, "1", label), (other, "1", label))).sessions:
        assert session.verdict == "ok" and codes(session) == {"S-CONTEXT-IGNORED"}, "each alone in its session"


@pytest.mark.proves("T-056")
def test_fiscal_readings(forge: Any, codes: Codes) -> None:
    def fiscal(page: str, *values: str) -> str:
        times = (f"2024-03-01T1{hour}:00:00,000+0100 S" for hour in range(5))
        return forge.ocmf(
            [forge.reading(None, value, time) for value, time in zip(values, times, strict=False)],
            PG=page,
            IS=None,
            IL=None,
            IF=None,
            IT=None,
            ID=None,
        )

    report = forge.examine(fiscal("F1", "1.0", "2.0"))
    (session,) = report.sessions
    assert session.verdict == "not-applicable" and codes(session) == {"S-FISCAL"}
    assert report.session_colour(session) == "grey" and report.exit_status() == 3
    assert report.as_dict()["sessions"][0]["energy"] is None
    (session,) = forge.examine(fiscal("F1", "2.0", "1.0")).sessions
    assert session.verdict == "fail" and codes(session) == {"S-FISCAL", "S-VALUE-DECREASE"}
    (session,) = forge.examine(forge.xml((fiscal("F1", "1.0"), "1"), (forge.session(PG="T2"), "1"))).sessions
    assert session.verdict == "fail" and "S-PAGE-CONTEXT" in codes(session)


@pytest.mark.proves("T-043")
@pytest.mark.parametrize(
    ("first", "second", "expected", "verdict"),
    [
        ("T1", "T2", set(), "ok"),
        ("T1", "T3", {"S-PAGE-GAP"}, "fail"),
        ("T1", "T1", {"S-PAGE-ORDER"}, "fail"),
        ("T4294967295", "T0", {"S-PAGE-ORDER"}, "fail"),
        ("T4294967295", "T4294967296", set(), "ok"),
        (f"T{10**20 - 2}", f"T{10**20 - 1}", set(), "ok"),  # 20 digits
        ("T1", f"T{10**20}", {"S-PAGE-FORMAT"}, "warn"),
        ("T1", "T02", {"S-PAGE-FORMAT"}, "warn"),
        ("T1", "F2", {"S-PAGE-CONTEXT"}, "fail"),
    ],
)
def test_pages(first: str, second: str, expected: set[str], verdict: str, forge: Any, codes: Codes) -> None:
    pair = [forge.ocmf([forge.reading("B", "1.0")], PG=first), forge.ocmf([forge.reading("E", "2.0")], PG=second)]
    labels = ("Transaction.Begin", "Transaction.End")
    document = forge.xml(*((record, "1", label) for record, label in zip(pair, labels, strict=True)))
    (session,) = forge.examine(document).sessions
    assert session.verdict == verdict and codes(session) == expected
