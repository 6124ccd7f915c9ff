"""Sessions whose records lie apart: none is lost, none is made up, and what the tables say is what was counted."""

from __future__ import annotations

import base64
import gzip
from collections import Counter
from pathlib import Path

import pytest

from tests.cli.test_verify import record
from tests.signed.scale.test_results import Run, half, lines, run  # noqa: F401 (a fixture)
from wattproof.signed import curves, testkeys
from wattproof.signed.limits import Limits
from wattproof.signed.scale import joining
from wattproof.signed.scale.results import Results
from wattproof.signed.sources import pieces


def agrees(run: Run, found: Results) -> None:  # noqa: F811
    """The counts of a run are those of the rows of its tables, and its sessions name its records."""
    records, sessions = run.table("records"), run.table("sessions")
    counts = Counter(row["overall"] for row in sessions)
    counts.update(row["overall"] for row in records if row["session"] is None)
    summary = found.summary
    assert summary["sessions"] == len(sessions) and found.counts["records"] == len(records)
    assert summary["loose_records"] == sum(row["session"] is None for row in records)
    assert {name: summary[name] for name in ("green", "yellow", "red", "grey")} == {
        name: counts[name] for name in ("green", "yellow", "red", "grey")
    }
    sources = Counter(row["source"] for row in records if row["session"] is not None)
    assert sources == Counter(source for row in sessions for source in row["records"])


def xml(transaction: str, text: str) -> str:
    data = f'<signedData format="OCMF" encoding="plain">{text}</signedData>'
    return f'<values><value transactionId="{transaction}">{data}</value></values>'


def test_no_row_is_lost_whose_record_states_another_transaction(run: Run, tmp_path: Path) -> None:  # noqa: F811
    forged = record().replace("112.340", "112.341")
    rows = [
        {"ocmf": xml("X", half("B")), "transactionId": "T"},
        {"ocmf": xml("Y", forged), "transactionId": "T"},
    ]
    (tmp_path / "a.jsonl").write_text(lines(*rows))
    (tmp_path / "b.jsonl").write_text(lines({"ocmf": xml("X", half("E")), "transactionId": "X"}))
    (tmp_path / "c.jsonl").write_text(lines({"ocmf": half("E"), "transactionId": "T"}))
    found = run(tmp_path / "a.jsonl", tmp_path / "b.jsonl")
    assert found.joined == 0 and found.counts["records"] == 3 and found.summary["red"] == 1
    agrees(run, found)
    found = run(tmp_path / "a.jsonl", tmp_path / "c.jsonl")  # these rows belong together
    assert found.joined > 0 and found.counts["records"] == 3 and found.summary["red"] >= 1
    agrees(run, found)


def test_no_row_is_lost_that_holds_more_than_a_record(run: Run, tmp_path: Path) -> None:  # noqa: F811
    packed = base64.b64encode(gzip.compress(lines({"ocmf": record().replace("112.340", "112.341")}, {}).encode()))
    rows = [{"ocmf": packed.decode(), "encoding": "base64", "transactionId": "T"}]
    rows.append({"ocmf": half("B"), "transactionId": "T"})
    (tmp_path / "a.jsonl").write_text(lines(*rows))
    (tmp_path / "b.jsonl").write_text(lines({"ocmf": half("E"), "transactionId": "T"}))
    alone = run(tmp_path / "a.jsonl")
    agrees(run, alone)
    found = run(tmp_path / "a.jsonl", tmp_path / "b.jsonl")
    assert found.counts["records"] == alone.counts["records"] + 1 and found.summary["red"]
    agrees(run, found)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_parts_of_a_session_in_any_order_of_files(
    order: tuple[int, ...],
    run: Run,  # noqa: F811
    tmp_path: Path,
) -> None:
    begin, end = tmp_path / "begin.jsonl", tmp_path / "end.jsonl.gz"
    begin.write_text(lines({"ocmf": half("B"), "transactionId": "A", "context": "Transaction.Begin"}))
    with gzip.open(end, "wt") as file:
        file.write(lines({"ocmf": half("E"), "transactionId": "A", "context": "Transaction.End"}))
    others = tmp_path / "others.jsonl"
    others.write_text(lines({"ocmf": record(PG="T9")}, {"ocmf": record(PG="T9")}))
    names = (begin, end, others)
    found = run(*(names[at] for at in order))
    assert found.joined == 1 and found.summary["green"] == 3
    agrees(run, found)
    session = next(row for row in run.table("sessions") if row["id"] == "A")
    assert session["records"] == [f"{begin}#1", f"{end}#1"] and session["energy_kwh"] == "12.240"


def test_rows_under_another_name_are_joined_under_that(run: Run, tmp_path: Path) -> None:  # noqa: F811
    (tmp_path / "a.jsonl").write_text(lines({"ocmf": half("B"), "transactionId": "A"}))
    (tmp_path / "b.jsonl").write_text(lines({"ocmf": half("E"), "transactionId": "A"}))
    run(tmp_path / "a.jsonl", tmp_path / "b.jsonl")
    moved = [(tmp_path / name).rename(tmp_path / f"moved-{name}") for name in ("a.jsonl", "b.jsonl")]
    found = run(*moved)
    assert found.judged == 0 and found.joined == 1
    assert run.table("sessions")[0]["records"] == [f"{name}#1" for name in moved]
    agrees(run, found)


def test_a_file_twice_counts_its_transactions_once_and_says_so(run: Run, tmp_path: Path) -> None:  # noqa: F811
    rows = [{"ocmf": record(PG=f"T{page}"), "transactionId": str(page)} for page in range(1, 4)]
    one, copy = tmp_path / "a.jsonl", tmp_path / "copy.jsonl"
    one.write_text(lines(*rows))
    copy.write_text(lines(*rows))
    found = run(one, copy)
    assert found.summary["sessions"] == 3 and found.counts["records"] == 6 and found.summary["yellow"] == 3
    for number, row in enumerate(sorted(run.table("sessions"), key=lambda row: str(row["id"])), 1):
        assert [each["code"] for each in row["findings"]] == ["S-DUPLICATE"]
        assert row["records"] == [f"{one}#{number}", f"{copy}#{number}"]
    agrees(run, found)


def test_rows_that_were_too_many_to_be_judged_do_not_become_right(
    run: Run,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A group that was stopped (F-SIZE) is red; joined with another it must not be judged as if it were whole."""
    small = Limits(document=2000)
    monkeypatch.setattr(joining, "DEFAULT", small)
    units = pieces.units
    monkeypatch.setattr(pieces, "units", lambda *given, **named: units(*given, **{**named, "limits": small}))
    rows = [{"ocmf": record(PG=f"T{page}"), "transactionId": "A"} for page in range(1, 9)]
    (tmp_path / "a.jsonl").write_text(lines(*rows))
    (tmp_path / "b.jsonl").write_text(lines({"ocmf": record(PG="T10"), "transactionId": "A"}))
    found = run(tmp_path / "a.jsonl", tmp_path / "b.jsonl")
    assert found.left == 1 and found.joined == 0 and found.summary["red"] >= 1
    assert "F-SIZE" in [finding["code"] for row in run.table("records") for finding in row["findings"]]
    agrees(run, found)


@pytest.mark.proves("T-108")
def test_a_test_key_marks_what_it_signed_before_it_in_the_same_part(run: Run, tmp_path: Path) -> None:  # noqa: F811
    private = testkeys.private_key("secp256r1", "METER0001")
    key = curves.spki(private).hex()
    rows = [{"ocmf": record(meter="OTHER", private=private)}, {"ocmf": record(private=private)}]
    (tmp_path / "a.jsonl").write_text(lines(*rows))
    found = run(tmp_path / "a.jsonl", public_key=key)
    assert found.summary["yellow"] == 2 and found.summary["green"] == 0
    for row in run.table("records"):
        assert [finding["code"] for finding in row["findings"]] == ["F-TEST-KEY"]
    agrees(run, found)


def test_long_rows_are_not_kept_to_be_joined(run: Run, tmp_path: Path) -> None:  # noqa: F811
    (tmp_path / "a.jsonl").write_text(lines({"ocmf": half("B"), "transactionId": "A"}))
    (tmp_path / "b.jsonl").write_text(lines({"ocmf": record(TT="x" * 70_000), "transactionId": "A"}))
    found = run(tmp_path / "a.jsonl", tmp_path / "b.jsonl")
    assert found.left == 1 and found.joined == 0 and found.counts["records"] == 2
    assert [row["row"] is None for row in run.table("records")] == [False, True]
    agrees(run, found)
