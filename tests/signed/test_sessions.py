"""Which records make one session, in which order, and what counts once."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattproof.signed.report import Report

Codes = Callable[[Any], set[str]]

B, M, E = (f"2024-03-01T{time},000+0100 S" for time in ("10:00:00", "10:30:00", "11:00:00"))
REGISTERS = ("01-00:B0.08.00*FF", "01-00:B1.08.00*FF", "01-00:C0.08.00*FF")
VALUES = {"B": ("100.0", "99.0", "1.0"), "C": ("105.0", "104.0", "1.0"), "E": ("110.0", "109.0", "1.0")}


def _tuples(forge: Any, code: str, time: str, values: tuple[str, ...] | None = None) -> list[dict[str, Any]]:
    """Three registers at one moment, as a DMED4 writes them."""
    return [
        forge.reading(code, value, time, RI=register)
        for register, value in zip(REGISTERS, values or VALUES[code], strict=True)
    ]


def _dmed4(forge: Any) -> dict[str, str]:
    """The records after the commands B, C and E of one transaction: always six tuples."""
    begin = _tuples(forge, "B", B)
    return {
        "B": forge.ocmf(begin + begin, PG="T10"),
        "C": forge.ocmf(begin + _tuples(forge, "C", M), PG="T11"),
        "E": forge.ocmf(begin + _tuples(forge, "E", E), PG="T12"),
    }


def _ids(report: Report) -> list[list[int]]:
    return [entry["records"] for entry in report.as_dict()["sessions"]]


@pytest.mark.proves("T-087")
def test_six_tuples_with_begins_only_are_one_begin(forge: Any, codes: Codes) -> None:
    (session,) = forge.examine(_dmed4(forge)["B"]).sessions
    assert session.verdict == "incomplete" and codes(session) == {"S-END-MISSING"}


@pytest.mark.proves("T-087")
@pytest.mark.parametrize("change", [{"RV": "100.1"}, {"TM": "2024-03-01T10:00:01,000+0100 S"}])
def test_a_changed_repetition_is_a_second_begin(change: dict[str, str], forge: Any, raw: Any, codes: Codes) -> None:
    begin, again = _tuples(forge, "B", B), _tuples(forge, "B", B)
    again[0].update({key: raw(value) if key == "RV" else value for key, value in change.items()})
    (session,) = forge.examine(forge.ocmf(begin + again)).sessions
    assert session.verdict == "fail" and "S-BEGIN-MULTIPLE" in codes(session)


@pytest.mark.proves("T-087")
def test_a_changed_register_is_a_new_one(forge: Any, codes: Codes) -> None:
    begin, again = _tuples(forge, "B", B), _tuples(forge, "B", B)
    again[0]["RI"] = "01-00:B2.08.00*FF"
    (session,) = forge.examine(forge.ocmf(begin + again)).sessions
    assert "S-BEGIN-MULTIPLE" not in codes(session) and len(session.registers) == 4


@pytest.mark.proves("T-087")
def test_a_repeated_begin_beside_an_end_is_an_error(forge: Any, codes: Codes) -> None:
    begin = _tuples(forge, "B", B)
    (session,) = forge.examine(forge.ocmf(begin + begin + _tuples(forge, "E", E))).sessions
    assert session.verdict == "fail" and "S-BEGIN-MULTIPLE" in codes(session)


@pytest.mark.proves("T-089")
@pytest.mark.parametrize("transaction", ["7", None])
@pytest.mark.parametrize("order", list(permutations("BCE")))
def test_records_after_begin_and_during_charging_are_redundant(
    order: tuple[str, ...], transaction: str | None, forge: Any, codes: Codes
) -> None:
    records = _dmed4(forge)
    labels = {"B": "Transaction.Begin", "C": None, "E": "Transaction.End"}
    values = [(records[name], transaction, labels[name]) for name in order]
    report = forge.examine(forge.xml(*values))
    (session,) = report.sessions
    assert session.verdict == "ok" and codes(session) == {"S-BEGIN-REDUNDANT", "S-ZERO-ENERGY"}
    assert report.as_dict()["sessions"][0]["energy"] == {"value": "10.0", "unit": "kWh"}
    assert [record.page_text for record in session.records] == ["T10", "T11", "T12"]
    moments = [reading.code for reading in session.registers[next(iter(session.registers))].readings]
    assert moments == ["B", "C", "E"]


@pytest.mark.proves("T-089")
@pytest.mark.parametrize("transaction", ["7", None])
def test_without_the_end_record_the_session_is_incomplete(transaction: str | None, forge: Any, codes: Codes) -> None:
    records = _dmed4(forge)
    document = forge.xml((records["B"], transaction), (records["C"], transaction))
    (session,) = forge.examine(document).sessions
    assert session.verdict == "incomplete" and codes(session) == {"S-END-MISSING", "S-BEGIN-REDUNDANT"}


@pytest.mark.proves("T-089")
def test_a_begin_of_another_value_is_no_redundant_one(forge: Any, codes: Codes) -> None:
    records = _dmed4(forge)
    begin = _tuples(forge, "B", B, ("100.1", "99.0", "1.0"))
    records["B"] = forge.ocmf(begin + begin, PG="T10")
    (session,) = forge.examine(forge.xml(*((records[name], "7") for name in "BCE"))).sessions
    assert session.verdict == "fail" and "S-BEGIN-MULTIPLE" in codes(session)


@pytest.mark.proves("T-089")
def test_two_begin_only_records_are_never_redundant(forge: Any, codes: Codes) -> None:
    begin = _tuples(forge, "B", B)
    first, second = forge.ocmf(begin, PG="T10"), forge.ocmf(begin, PG="T11")
    (session,) = forge.examine(forge.xml((first, "1"), (second, "1"))).sessions
    assert session.verdict == "fail" and "S-BEGIN-MULTIPLE" in codes(session)


def test_pages_between_a_redundant_and_a_complete_record_are_skipped(forge: Any, codes: Codes) -> None:
    records = _dmed4(forge)
    (session,) = forge.examine(forge.xml((records["B"], "1"), (records["E"], "1"))).sessions
    assert session.verdict == "ok" and "S-PAGE-SKIPPED" in codes(session)
    later = forge.ocmf(_tuples(forge, "B", B), PG="T13")
    (wrong,) = forge.examine(forge.xml((later, "1"), (records["E"], "1"))).sessions
    assert wrong.verdict == "fail" and "S-PAGE-ORDER" in codes(wrong)


@pytest.mark.proves("T-090")
def test_a_record_made_again_stays_a_session_of_its_own(forge: Any, codes: Codes) -> None:
    readings = _tuples(forge, "B", B) + _tuples(forge, "E", E)
    one, two = forge.ocmf(readings, PG="T12"), forge.ocmf(readings, PG="T13")
    for document in (f"{one}\n{two}", forge.xml((one, "1"), (two, "1"))):
        report = forge.examine(document)
        assert len(report.sessions) == 2
        for session in report.sessions:
            assert "S-REPEATED" in codes(session) and session.verdict == "ok"
            assert report.session_colour(session) == "green"


@pytest.mark.proves("T-048", "T-049", "T-087", "T-089")
@pytest.mark.parametrize(
    ("state", "code", "verdict"),
    [
        ({"ST": "M"}, "S-STATUS", "fail"),
        ({"EF": "E"}, "S-ERRORFLAG", "fail"),
        ({"EF": "t"}, "S-ERRORFLAG-TIME", "warn"),
    ],
)
def test_a_begin_that_is_not_counted_again_still_says_how_the_meter_was(
    state: dict[str, str], code: str, verdict: str, forge: Any, codes: Codes
) -> None:
    doubtful = forge.reading("B", "1.0", B, **state)
    complete = forge.ocmf([forge.reading("B", "1.0", B), forge.reading("E", "2.0", E)], PG="T2")
    report = forge.examine(forge.xml((forge.ocmf([doubtful], PG="T1"), "1"), (complete, "1")))
    (session,) = report.sessions
    assert codes(session) == {"S-BEGIN-REDUNDANT", code} and session.verdict == verdict
    (alone,) = forge.examine(forge.ocmf([forge.reading("B", "1.0", B), doubtful])).sessions
    assert codes(alone) == {"S-END-MISSING", code}


@pytest.mark.proves("T-120")
def test_the_same_bytes_under_two_transactions_are_two_sessions(forge: Any, codes: Codes) -> None:
    record = forge.session()
    report = forge.examine(forge.xml((record, "1"), (record, "2")))
    assert [session.id for session in report.sessions] == ["1", "2"]
    assert all(codes(session) == {"S-REPEATED"} and session.verdict == "ok" for session in report.sessions)


@pytest.mark.proves("T-120")
def test_a_begin_under_two_transactions_is_told_in_both(forge: Any, codes: Codes) -> None:
    begin = forge.ocmf([forge.reading("B", "1.0", B)], PG="T1")
    ends = [forge.ocmf([forge.reading("E", value, E)], PG="T2") for value in ("2.0", "3.0")]
    pairs = [((begin, str(number)), (end, str(number))) for number, end in enumerate(ends)]
    report = forge.examine(forge.xml(*pairs[0], *pairs[1]))
    assert [session.verdict for session in report.sessions] == ["warn", "warn"]
    assert all(codes(session) == {"S-DUPLICATE"} for session in report.sessions)
    same = forge.examine(forge.xml((begin, "1"), (ends[0], "1"), (begin, "2"), (ends[0], "2")))
    assert all(codes(session) == {"S-REPEATED"} and session.verdict == "ok" for session in same.sessions)


def test_an_exact_repetition_counts_once(forge: Any, codes: Codes) -> None:
    record = forge.session()
    report = forge.examine(f"{record}\n{record}")
    (session,) = report.sessions
    assert codes(session) == {"S-DUPLICATE"} and _ids(report) == [[0, 1]]
    assert report.as_dict()["sessions"][0]["energy"]["value"] == "12.240"


def test_complete_records_of_one_transaction_are_sessions_of_their_own(forge: Any) -> None:
    first = forge.session("1", "2", PG="T7")
    second = forge.session("2", "3", PG="T9")
    report = forge.examine(forge.xml((first, "1"), (second, "1")))
    assert [session.verdict for session in report.sessions] == ["ok", "ok"] and _ids(report) == [[0], [1]]


def test_a_lone_end_beside_complete_records_keeps_all_together(forge: Any, codes: Codes) -> None:
    end = forge.ocmf([forge.reading("E", "4")], PG="T8")
    report = forge.examine(forge.xml((forge.session("1", "2"), "1"), (end, "1")))
    (session,) = report.sessions
    assert session.verdict == "fail" and "S-END-MULTIPLE" in codes(session)


def test_bare_records_are_collected_by_meter_until_an_end(forge: Any) -> None:
    meters = ("METER0001", "METER0002")
    parts = [forge.ocmf([forge.reading("B", "1")], MS=meter, PG="T1") for meter in meters]
    parts += [forge.ocmf([forge.reading("E", "2")], MS=meter, PG="T2") for meter in meters]
    parts.append(forge.ocmf([forge.reading("B", "2")], PG="T3"))
    report = forge.examine("\n".join(parts))
    assert _ids(report) == [[0, 2], [1, 3], [4]]
    assert [session.verdict for session in report.sessions] == ["ok", "ok", "incomplete"]


def test_unlabelled_records_are_ordered_by_page_and_labelled_ones_by_label(forge: Any) -> None:
    begin = forge.ocmf([forge.reading("B", "1")], PG="T7")
    middle = forge.ocmf([forge.reading("C", "2", M)], PG="T8")
    end = forge.ocmf([forge.reading("E", "3")], PG="T9")
    report = forge.examine(forge.xml((end, "1"), (begin, "1"), (middle, "1")))
    assert _ids(report) == [[1, 2, 0]] and report.sessions[0].verdict == "ok"
    labelled = forge.xml((end, "1", "Transaction.End"), (middle, "1", "other"), (begin, "1", "Transaction.Begin"))
    report = forge.examine(labelled)
    assert _ids(report) == [[2, 1, 0]] and report.sessions[0].verdict == "ok"


def test_fiscal_records_do_not_disturb_bare_sessions(forge: Any) -> None:
    fiscal = {"TM": M, "RV": 5, "RI": "1-b:1.8.0", "RU": "kWh", "ST": "G"}
    parts = [
        forge.ocmf([forge.reading("B", "1")], PG="T7"),
        forge.ocmf([fiscal], PG="F1"),
        forge.ocmf([forge.reading("E", "2")], PG="T8"),
    ]
    report = forge.examine("\n".join(parts))
    assert [session.verdict for session in report.sessions] == ["ok", "not-applicable"]


@pytest.mark.proves("T-042")
def test_the_register_behind_the_cable_is_billed(forge: Any) -> None:
    readings = []
    for code, time in (("B", B), ("E", E)):
        for register in ("1-b:1.8.0", "01-00:B2.08.00*FF", "01-00:B1.08.00*FF", "98"):
            value = {"B": "0.0", "E": {"1-b:1.8.0": "3.0", "01-00:B2.08.00*FF": "3.0"}.get(register, "2.9")}[code]
            name = "01-00:98.08.00.FF" if register == "98" else register
            readings.append(forge.reading(code, value, time, RI=name))
    (session,) = forge.examine(forge.ocmf(readings)).sessions
    assert str(session.billing.kind) == "import device session"
    kept = [reading for reading in readings if "98" not in reading["RI"]]
    (session,) = forge.examine(forge.ocmf(kept)).sessions
    assert str(session.billing.kind) == "import device total"


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_every_record_lands_in_exactly_one_place(forge: Any, data: st.DataObject) -> None:
    """Whatever is thrown together: no record is lost, none counted twice, and no exception leaves."""
    code = st.sampled_from("BCEXTS")
    values = []
    for position in range(data.draw(st.integers(1, 6))):
        readings = [
            forge.reading(data.draw(code), str(data.draw(st.integers(0, 3))), data.draw(st.sampled_from((B, M, E))))
            for _ in range(data.draw(st.integers(0, 3)))
        ]
        page = data.draw(st.sampled_from(("T1", "T2", "T3", "F1", "page")))
        record = forge.ocmf(readings, PG=page, MS=data.draw(st.sampled_from(("METER0001", "METER0002"))))
        label = data.draw(st.sampled_from((None, "Transaction.Begin", "Transaction.End")))
        values.append((record, data.draw(st.sampled_from(("1", "2", None))), label))
        assert position < 6
    report = forge.examine(forge.xml(*values))
    placed = sorted(position for positions in _ids(report) for position in positions)
    assert placed == list(range(len(values))) and not report.loose
