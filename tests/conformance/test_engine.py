"""The engine without a meter: outcomes, choice, report."""

from __future__ import annotations

import pytest

from wattproof.conformance import report, suite
from wattproof.conformance.engine import (
    Evidence,
    Failed,
    Need,
    NotApplicable,
    Outcome,
    Result,
    Skipped,
    Statement,
    choose,
    run,
)
from wattproof.drivers.modbus import run_blocking
from wattproof.errors import ModbusRefused, ResponseTimeout, UnknownName


def statement(number: str, error: Exception | None = None, need: Need = Need.READ) -> Statement[list[str]]:
    async def check(seen: list[str]) -> str:
        seen.append(number)
        if error is not None:
            raise error
        return "remark"

    return Statement(number, f"text of {number}", Evidence.MANUAL, need, check)


STATEMENTS = (
    statement("X-001"),
    statement("X-002", Failed("it is 5")),
    statement("X-003", Skipped("no load")),
    statement("X-004", NotApplicable("another firmware")),
    statement("X-005", ResponseTimeout("no answer")),
    statement("X-006", ModbusRefused(4, "refused")),
    statement("X-007", need=Need.WRITE),
    statement("X-008", need=Need.SWITCHING),
    statement("X-009", need=Need.RESTART),
)


def test_every_ending_of_a_check_has_its_outcome() -> None:
    seen: list[str] = []
    shown: list[Result] = []
    results = run_blocking(run(STATEMENTS, seen, on_result=shown.append))
    assert [str(result.outcome) for result in results] == [
        "pass",
        "fail",
        "skip",
        "not-applicable",
        "fail",
        "fail",
        "skip",
        "skip",
        "skip",
    ]
    assert [result.detail for result in results[:4]] == ["remark", "it is 5", "no load", "another firmware"]
    assert "--allow-writes" in results[6].detail
    assert "power failure" in results[8].detail
    assert seen == [f"X-00{number}" for number in range(1, 7)]
    assert shown == results


def test_a_mistake_in_a_check_is_no_verdict() -> None:
    with pytest.raises(ZeroDivisionError):
        run_blocking(run([statement("X-001", ZeroDivisionError())], []))


def test_statements_are_chosen_by_id_and_unknown_ones_refused() -> None:
    assert [found.id for found in choose(STATEMENTS, ["x-003", " X-001 "])] == ["X-001", "X-003"]
    assert len(choose(STATEMENTS, [])) == len(STATEMENTS)
    with pytest.raises(UnknownName, match="X-999: no statement that can be seen from outside"):
        choose(STATEMENTS, ["X-999"])


def test_a_family_without_statements_says_so() -> None:
    statements, subject = suite("bsm")
    assert (len(statements) > 100, subject.__name__) == (True, "Bsm")
    with pytest.raises(UnknownName, match=r"no statements for the family 'sunspec' yet; there are some for bsm"):
        suite("sunspec")


def test_the_report_counts_and_lists() -> None:
    results = run_blocking(run(STATEMENTS, []))
    made = report.as_dict({"model": "bsm"}, ["read"], results)
    assert made["summary"] == {"pass": 1, "fail": 3, "skip": 4, "not-applicable": 1}
    assert made["results"][1] == {
        "statement": "X-002",
        "text": "text of X-002",
        "evidence": "manual",
        "needs": "read",
        "result": "fail",
        "detail": "it is 5",
    }
    assert not report.passed(results)
    assert report.passed(results[:1])
    assert report.row(results[1])[4] == "FAIL"
    assert report.closing(results) == "1 pass, 3 fail, 4 skip, 1 not-applicable"
    assert set(report.SHOWN) == set(Outcome)
