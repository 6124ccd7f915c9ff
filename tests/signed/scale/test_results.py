"""Results of many files as Parquet: whole, by content, joined over files, and taken up where a run was ended."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from tests.cli.test_verify import KEY, PRIVATE, record
from wattproof.errors import StorageError
from wattproof.signed import Examination, curves, testkeys
from wattproof.signed.scale import results
from wattproof.signed.scale.engines import Here
from wattproof.signed.scale.parts import Part
from wattproof.signed.scale.places import Folder
from wattproof.signed.scale.results import Results
from wattproof.signed.scale.tables import packed, unpacked
from wattproof.signed.sources import rows

OPTIONS: dict[str, Any] = {"public_key": KEY}


def half(moment: str, meter: str = "METER0001", private: Any = PRIVATE) -> str:
    """A signed record that only begins ("B") or ends ("E") a session."""
    page, hour, value = ("T1", 10, "100.100") if moment == "B" else ("T2", 11, "112.340")
    what = f'"RV":{value},"RI":"1-b:1.8.0","RU":"kWh","ST":"G"'
    reading = f'{{"TM":"2024-03-01T{hour}:00:00,000+0100 S","TX":"{moment}",{what}}}'
    text = f'{{"FV":"1.2","GS":"GW0001","PG":"{page}","MS":"{meter}","IS":true,"ID":"1F2D","RD":[{reading}]}}'
    signature = curves.sign_digest(private, hashlib.sha256(text.encode()).digest()).hex()
    return f'OCMF|{text}|{{"SA":"ECDSA-secp256r1-SHA256","SD":"{signature}"}}'


def lines(*found: dict[str, Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in found)


class Run:
    """Runs over files into one folder, and what they left there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.told: list[Part] = []

    def __call__(self, *names: Path, **options: Any) -> Results:
        self.told = []
        found = {**OPTIONS, **options}
        return results.run(list(map(str, names)), Folder(str(self.folder)), found, Here(), self.told.append, 3000)

    def table(self, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for path in sorted((self.folder / name).glob("*.parquet")):
            found += pyarrow.parquet.read_table(path, partitioning=None).to_pylist()
        return found


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path / "results")


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    folder = tmp_path / "fleet"
    folder.mkdir()
    found = [{"ocmf": record(PG=f"T{page}")} for page in range(1, 21)]
    found[6] = {"ocmf": record().replace("112.340", "112.341")}
    (folder / "a.jsonl").write_text(lines(*found) + "rubbish\n")
    with gzip.open(folder / "b.jsonl.gz", "wt") as file:
        file.write(lines(*found[:3]))
    texts = {"ocmf": [row["ocmf"] for row in found], "public_key": [KEY] * 20}
    pyarrow.parquet.write_table(pyarrow.table(texts), folder / "c.parquet", compression="none")
    (folder / "d.ocmf").write_text(record())
    return folder


@pytest.mark.proves("T-098", "T-099")
def test_tables_say_what_the_report_says(run: Run, fleet: Path) -> None:
    names = sorted(fleet.iterdir())
    found = run(*names)
    examination = Examination(KEY)
    for name in names:
        examination.add_file(name)
    report = examination.report()
    assert found.summary == report.summary and found.exit_status() == report.exit_status() == 1
    records, sessions = run.table("records"), run.table("sessions")
    stated = report.as_dict()
    assert len({row["part"] for row in records}) > 6
    for row, entry in zip(records, stated["records"], strict=True):
        same = ("source", "index", "format", "container", "signature", "overall", "reason", "hints", "algorithm")
        assert {name: row[name] for name in same} == {name: entry[name] for name in same}
        assert [finding["code"] for finding in row["findings"]] == [each["code"] for each in entry["findings"]]
        assert (row["public_key"], row["key_source"]) == (entry["public_key"], entry["key_source"])
    assert {row["meter"] for row in records} == {"METER0001", None}
    for row, entry in zip(sessions, stated["sessions"], strict=True):
        assert [row[name] for name in ("id", "verdict", "overall", "begin", "end")] == [
            entry[name] for name in ("id", "verdict", "overall", "begin", "end")
        ]
        assert row["records"] == [stated["records"][at]["source"] for at in entry["records"]]
        assert row["energy_kwh"] == entry["energy"]["value"]
        assert {p["name"]: p["verdict"] for p in row["profiles"]} == {
            name: each["verdict"] for name, each in entry["profiles"].items()
        }
    summary = json.loads((run.folder / "summary.json").read_text())
    assert summary["summary"] == report.summary and summary["records"] == len(records)


def test_nothing_is_judged_twice(run: Run, fleet: Path) -> None:
    names = sorted(fleet.iterdir())
    first = run(*names)
    before = run.table("records")
    again = run(*names)
    assert again.judged == 0 and again.known == first.judged and again.summary == first.summary
    assert run.table("records") == before
    with (fleet / "a.jsonl").open("a") as file:
        file.write(lines({"ocmf": record(PG="T99")}))
    grown = run(*names)
    assert grown.judged == 1 and grown.counts["records"] == first.counts["records"] + 1


def test_a_file_under_another_name_is_known(run: Run, fleet: Path, tmp_path: Path) -> None:
    first = run(fleet / "a.jsonl", fleet / "d.ocmf")
    renamed = (fleet / "a.jsonl").rename(tmp_path / "renamed.jsonl")
    again = run(renamed, renamed, fleet / "d.ocmf")
    assert again.judged == 0 and again.counts["records"] == 2 * first.counts["records"] - 1
    sources = [row["source"] for row in run.table("records")]
    assert sources[:21] == sources[21:42] == [f"{renamed}#{number}" for number in range(1, 22)]
    assert run.table("sessions")[0]["records"] == [f"{renamed}#1"]
    assert again.summary["red"] == 4 and len(list((run.folder / "records").iterdir())) == len(run.told)


@pytest.mark.parametrize("options", [{"public_key": None}, {"allow_test_keys": True}, {"profile": "safe-1.4.1"}])
def test_other_options_are_another_question(options: dict[str, Any], run: Run, fleet: Path) -> None:
    run(fleet / "a.jsonl")
    other = run(fleet / "a.jsonl", **options)
    assert other.known == 0 and other.judged > 3
    if "public_key" in options:
        assert {row["signature"] for row in run.table("records")} == {"no-key", "format-error"}
    if "profile" in options:
        assert other.predicted == {"valid", "invalid", "unknown"}


def test_sessions_over_several_files_are_joined(run: Run, tmp_path: Path) -> None:
    one, two, three = tmp_path / "one.jsonl", tmp_path / "two.parquet", tmp_path / "three.csv"
    many = [{"ocmf": record(PG=f"T{page}"), "transactionId": f"whole {page}"} for page in range(1, 15)]
    one.write_text(lines({"ocmf": half("B"), "transactionId": "A", "key": KEY}, *many))
    table = pyarrow.table({"transaction_id": ["x", "A"], "ocmf": [record(PG="T7"), half("E")]})
    pyarrow.parquet.write_table(table, two)
    rubbish = "\n".join(f"B,{number}" for number in range(3))
    three.write_text(f"transaction id;ocmf\nB;'{rubbish}'\n".replace("'", '"'))
    found = run(one, two, three, public_key=None)
    assert found.joined == 1
    sessions = {row["transaction"]: row for row in run.table("sessions")}
    assert sessions["A"]["records"] == [f"{one}#1", f"{two}#2"] and sessions["A"]["energy_kwh"] == "12.240"
    records = run.table("records")
    assert [row["source"] for row in records].count(f"{one}#1") == 1 and len(records) == 1 + 14 + 2 + 1
    joined = {row["source"]: row for row in records if row["transaction"] == "A"}
    assert joined[f"{two}#2"]["signature"] == "valid"  # with the key beside the other row
    assert "F-KEY-SHARED" in [finding["code"] for finding in joined[f"{two}#2"]["findings"]]
    assert joined[f"{one}#1"]["container"] == "JSONL" and joined[f"{two}#2"]["container"] == "PARQUET"
    assert found.summary["sessions"] == len(run.table("sessions")) == 16
    alone = run(one, public_key=None)
    assert alone.joined == 0 and alone.judged == 0
    assert {row["transaction"]: row for row in run.table("sessions")}["A"]["verdict"] == "incomplete"
    again = run(one, two, three, public_key=None)
    assert again.judged == 0 and again.joined == 1 and again.summary == found.summary


def test_transactions_of_two_meters_with_one_id_stay_apart(run: Run, tmp_path: Path) -> None:
    other = testkeys.private_key("secp256r1", "METER0002")
    key = curves.spki(other).hex()
    both = [{"key": KEY}, {"key": key}]
    begins = [{**both[0], "ocmf": half("B")}, {**both[1], "ocmf": half("B", "METER0002", other)}]
    ends = [{**both[0], "ocmf": half("E")}, {**both[1], "ocmf": half("E", "METER0002", other)}]
    (tmp_path / "one.jsonl").write_text(lines(*({**row, "transactionId": "17"} for row in begins[:1])))
    (tmp_path / "two.jsonl").write_text(lines(*({**row, "transactionId": "17"} for row in begins[1:])))
    (tmp_path / "three.jsonl").write_text(lines(*({**row, "transactionId": "17"} for row in ends[:1])))
    (tmp_path / "four.jsonl").write_text(lines(*({**row, "transactionId": "17"} for row in ends[1:])))
    names = [tmp_path / f"{name}.jsonl" for name in ("one", "two", "three", "four")]
    found = run(*names, public_key=None)
    assert found.joined == 2 and found.summary["sessions"] == 2
    assert {row["energy_kwh"] for row in run.table("sessions")} == {"12.240"}
    # a begin and an end that are nothing by themselves are one session, which says that the meter changed
    swapped = run(names[0], names[3], public_key=None)
    assert swapped.joined == 1 and swapped.summary["sessions"] == 1 and swapped.summary["red"] == 1


def test_a_transaction_with_too_many_rows_is_left_as_it_is(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from wattproof.signed.limits import Limits
    from wattproof.signed.scale import joining

    monkeypatch.setattr(joining, "DEFAULT", Limits(units=3))
    for name in ("one", "two"):
        (tmp_path / f"{name}.jsonl").write_text(lines(*[{"ocmf": record(), "transactionId": "A"}] * 2))
    found = run(tmp_path / "one.jsonl", tmp_path / "two.jsonl")
    assert found.left == 1 and found.joined == 0 and found.counts["records"] == 4


@pytest.mark.proves("T-108")
@pytest.mark.parametrize("allowed", [False, True])
def test_a_test_key_of_another_part_marks_what_it_signed(allowed: bool, run: Run, tmp_path: Path) -> None:
    private = testkeys.private_key("secp256r1", "METER0001")
    key = curves.spki(private).hex()
    others = [{"ocmf": record(meter="OTHER", private=private, PG=f"T{page}")} for page in range(1, 9)]
    (tmp_path / "a.jsonl").write_text(lines(*others))
    (tmp_path / "b.jsonl").write_text(lines({"ocmf": record(private=private)}))
    found = run(tmp_path / "a.jsonl", tmp_path / "b.jsonl", public_key=key, allow_test_keys=allowed)
    colour = "green" if allowed else "yellow"
    assert found.summary[colour] == 9
    for row in run.table("records"):
        assert [finding["code"] for finding in row["findings"]] == ["F-TEST-KEY"] and row["overall"] == colour
    assert {row["overall"] for row in run.table("sessions")} == {colour}


def test_files_that_cannot_be_read_are_named(run: Run, fleet: Path, tmp_path: Path) -> None:
    found = run(tmp_path / "missing.jsonl", fleet / "d.ocmf")
    assert found.unreadable == [(str(tmp_path / "missing.jsonl"), "No such file or directory")]
    assert found.summary["unreadable"] == 1 and found.exit_status() == 2 and len(run.table("records")) == 1


def test_a_run_goes_on_where_it_stopped(run: Run, fleet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stop(Exception):
        pass

    written: list[str] = []
    write = Folder.write

    def failing(self: Folder, name: str, data: bytes) -> None:
        if len(written) == 3:
            raise Stop
        written.append(name)
        write(self, name, data)

    with monkeypatch.context() as patch:
        patch.setattr(Folder, "write", failing)
        with pytest.raises(Stop):
            run(*sorted(fleet.iterdir()))
    assert not (run.folder / "summary.json").exists()
    found = run(*sorted(fleet.iterdir()))
    assert found.known == 3 and found.judged > 3 and (run.folder / "summary.json").exists()


def test_a_damaged_marker_or_a_part_without_one_is_judged_again(run: Run, fleet: Path) -> None:
    run(fleet / "a.jsonl")
    markers = sorted((run.folder / "parts").glob("*.json"))
    markers[0].write_text("{")
    markers[1].unlink()
    found = run(fleet / "a.jsonl")
    assert found.judged == 2 and found.known == len(markers) - 2


def test_two_runs_do_not_share_a_folder(run: Run, fleet: Path) -> None:
    with results._alone(Folder(str(run.folder))), pytest.raises(StorageError, match="another run"):
        run(fleet / "a.jsonl")


def test_a_full_disk_is_said(run: Run, fleet: Path) -> None:
    run.folder.mkdir()
    with (
        pytest.raises(StorageError, match="No space left"),
        Folder(str(run.folder)).new("x"),
        Path("/dev/full").open("wb", buffering=0) as full,
    ):
        full.write(b"x")
    assert not list(run.folder.iterdir())


def test_folders_and_addresses(run: Run, fleet: Path) -> None:
    from wattproof.signed.scale import places

    (fleet / "_SUCCESS").write_text("")
    (fleet / ".hidden").mkdir()
    (fleet / ".hidden" / "x.jsonl").write_text("")
    below = sorted(str(path) for path in fleet.iterdir() if path.name[0] not in "._")
    assert places.expanded([str(fleet)]) == below
    address = fleet.as_uri()
    assert places.expanded([address]) == [f"{address}/{Path(name).name}" for name in below]
    folder = Folder((run.folder).as_uri())
    found = results.run(places.expanded([address]), folder, OPTIONS, Here(), run.told.append, 3000)
    assert found.summary == Run(run.folder.with_name("other"))(*map(Path, below)).summary
    assert run.table("records")[0]["source"] == f"{address}/a.jsonl#1"


def test_rows_are_kept_as_they_were_read() -> None:
    row = rows.row(
        b"\xff\x00record", ["key", b"\x04\x00"], "tr\udcffans", "Transaction.End", None, ambiguous=("a", "b")
    )
    assert unpacked(packed("a\udcff#1", "CSV", row)) == ("a\udcff#1", "CSV", row)
    broken = rows.broken("F-SIZE", "long", "\ud800")
    assert unpacked(packed("a#1", "JSONL", broken))[2].code == "F-SIZE"
