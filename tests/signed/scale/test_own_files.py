"""A folder of results: what others put there stays, and what was damaged, or is no longer true, is not taken."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_verify import KEY, record
from tests.signed.scale.test_joining import agrees
from tests.signed.scale.test_results import Run, fleet, half, lines, run  # noqa: F401 (fixtures)
from wattproof.errors import StorageError, UsageError
from wattproof.signed.scale import layout, parts, places, results
from wattproof.signed.scale.engines import Here, Processes
from wattproof.signed.scale.places import Folder


def test_files_of_others_are_left_alone(run: Run, fleet: Path) -> None:  # noqa: F811
    others = ["records/.gitignore", "records/mine.jsonl", "sessions/part-00000.csv", "parts/notes.json", ".x.draft"]
    others += ["parts/.DS_Store", "records/._part", "notes.txt", "records/part-00000-x.parquet.txt"]
    for name in others:
        (run.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (run.folder / name).write_text(name)
    for names in ([fleet / "a.jsonl"], [fleet / "d.ocmf"]):
        agrees(run, run(*names))
        assert [(run.folder / name).read_text() for name in others] == others


@pytest.mark.parametrize("name", ["summary.json", "records/2024.parquet", "sessions/part-00000-tid-1.snappy.parquet"])
def test_tables_of_others_are_no_results(name: str, run: Run, fleet: Path) -> None:  # noqa: F811
    path = run.folder / name
    path.parent.mkdir(parents=True)
    path.write_text('{"summary": {}}')
    with pytest.raises(UsageError, match=f"{path.name} is not from here"):
        run(fleet / "a.jsonl")
    assert path.read_text() == '{"summary": {}}' and not (run.folder / "parts").exists()


def test_results_are_no_input(fleet: Path) -> None:  # noqa: F811
    run = Run(fleet / "results")  # noqa: F811
    folder = Folder(str(run.folder))
    for names in ([str(fleet)], [fleet.as_uri()], [f"{fleet}/../{fleet.name}"]):
        before = places.expanded(names, folder)
        found = results.run(before, folder, {"public_key": KEY}, Here(), run.told.append)
        assert places.expanded(names, folder) == before and len(before) == 4 and found.counts["records"] == 45
    (run.folder / "records" / "mine.jsonl").write_text("")
    assert str(run.folder / "records" / "mine.jsonl") in places.expanded([str(fleet)], folder)
    table = str(next((run.folder / "records").glob("*.parquet")))
    assert places.expanded([table], folder) == [table]  # who names it means it
    assert places.expanded([run.folder.as_uri()], Folder(run.folder.as_uri()))[0].endswith("mine.jsonl")


def test_what_was_not_finished_is_removed(run: Run, fleet: Path) -> None:  # noqa: F811
    run(fleet / "d.ocmf")
    table = next((run.folder / "records").iterdir()).name
    drafts = [layout.draft("summary.json", "0" * 16), f"records/{layout.draft(table, '1' * 16)}"]
    for name in drafts:
        (run.folder / name).write_text("x")
    run(fleet / "d.ocmf")
    assert not any((run.folder / name).exists() for name in drafts)


def damaged(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def miscounted(path: Path) -> None:
    path.write_text(path.read_text().replace('"records": ', '"records": 1'))


@pytest.mark.parametrize(
    ("pattern", "harm"),
    [
        ("parts/*.records.parquet", damaged),
        ("parts/*.sessions.parquet", damaged),
        ("parts/*.records.parquet", Path.unlink),
        ("parts/*.sessions.parquet", lambda path: path.write_bytes(b"")),
        ("parts/*.json", miscounted),
        ("records/*.parquet", damaged),
        ("sessions/*.parquet", Path.unlink),
    ],
)
def test_what_is_damaged_is_judged_again(pattern: str, harm: Any, run: Run, fleet: Path) -> None:  # noqa: F811
    rows = [{"ocmf": half("B"), "transactionId": "A"}, {"ocmf": record()}, {"ocmf": half("E"), "transactionId": "A"}]
    (fleet / "apart.jsonl").write_text(lines(*rows))
    names = [fleet / name for name in ("a.jsonl", "d.ocmf", "apart.jsonl")]
    first = run(*names)
    before = run.table("records"), run.table("sessions")
    for path in list(run.folder.glob(pattern)):
        harm(path)
    again = run(*names)
    assert again.summary == first.summary and again.counts == first.counts
    assert (run.table("records"), run.table("sessions")) == before
    agrees(run, again)


def test_a_time_that_has_come_is_no_longer_in_the_future(run: Run, fleet: Path) -> None:  # noqa: F811
    early, late = 1_700_000_000.0, 1_800_000_000.0  # the records are from 2024-03-01
    assert run(fleet / "d.ocmf", now=early).summary["green"] == 0
    assert run(fleet / "d.ocmf", now=late).summary["green"] == 1
    known = run(fleet / "d.ocmf", now=late + 1)
    assert known.judged == 0 and known.summary["green"] == 1
    assert run(fleet / "d.ocmf", now=early).summary["green"] == 0  # a clock that was wrong


def test_what_can_be_read_only_now_is_judged_again(
    run: Run,  # noqa: F811
    fleet: Path,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(parts, "find_spec", lambda name: None)
    run(fleet / "d.ocmf")
    monkeypatch.undo()
    assert run(fleet / "d.ocmf").judged == 1


def test_the_ending_of_what_is_packed_has_a_say(run: Run, tmp_path: Path) -> None:  # noqa: F811
    import gzip

    data = gzip.compress(json.dumps({"ocmf": record()}).encode(), mtime=0)
    for name in ("a.gz", "a.jsonl.gz", "a.txt.gz"):
        (tmp_path / name).write_bytes(data)
    for name in ("a.jsonl.gz", "a.gz", "a.txt.gz"):
        run(tmp_path / name)
        alone = run.table("records")
        other = Run(tmp_path / f"results-{name}")
        other(tmp_path / name)
        assert [{**row, "part": ""} for row in alone] == [{**row, "part": ""} for row in other.table("records")]


def test_a_file_that_changes_while_it_is_read_is_said(
    run: Run,  # noqa: F811
    fleet: Path,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    groups = parts.groups

    def changing(*given: Any) -> Any:
        with (fleet / "d.ocmf").open("a") as file:
            file.write(record(PG="T8"))
        return groups(*given)

    monkeypatch.setattr(parts, "groups", changing)
    found = run(fleet / "d.ocmf")
    assert found.unreadable == [(str(fleet / "d.ocmf"), "it was changed while it was read")]
    assert not list((run.folder / "parts").glob("*.json"))
    monkeypatch.undo()
    assert run(fleet / "d.ocmf").counts["records"] == 2


def test_the_same_content_at_once_is_named_right(run: Run, tmp_path: Path) -> None:  # noqa: F811
    rows = lines(*({"ocmf": record(PG=f"T{page}")} for page in range(1, 30)))
    names = [tmp_path / f"{number}.jsonl" for number in range(8)]
    for name in names:
        name.write_text(rows)
    engine = Processes(2)
    try:
        for _ in range(2):
            shutil.rmtree(run.folder, ignore_errors=True)
            found = results.run(
                [str(name) for name in names], Folder(str(run.folder)), {"public_key": KEY}, engine, run.told.append
            )
            sources = [row["source"] for row in run.table("records")]
            assert sources == [f"{name}#{number}" for name in names for number in range(1, 30)]
            agrees(run, found)
    finally:
        engine.close()


def test_files_that_fail_more_than_once_count_once_each(run: Run, tmp_path: Path) -> None:  # noqa: F811
    missing = tmp_path / "missing.jsonl"
    found = run(missing, missing, tmp_path / "x" / "y")
    assert [name for name, _ in found.unreadable] == [str(missing), str(missing), str(tmp_path / "x" / "y")]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_refused_and_not_waited_for(run: Run, tmp_path: Path) -> None:  # noqa: F811
    os.mkfifo(tmp_path / "pipe")
    found = run(tmp_path / "pipe")
    assert "cannot be read again" in found.unreadable[0][1]


def test_no_file_gets_its_name_when_it_cannot_be_written(
    run: Run,  # noqa: F811
    fleet: Path,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from wattproof.signed.scale import tables

    def full(self: Any) -> None:
        raise OSError(28, "No space left on device")

    run.folder.mkdir()
    monkeypatch.setattr(tables.Table, "_flush", full)
    with pytest.raises(StorageError, match="No space left"):
        run(fleet / "d.ocmf")
    monkeypatch.undo()
    assert [path.name for path in run.folder.rglob("*") if path.is_file()] == [".lock"]
    assert run(fleet / "d.ocmf").summary["green"] == 1


def test_a_name_that_is_no_text_is_replaced_whole(run: Run, fleet: Path) -> None:  # noqa: F811
    try:
        odd = Path(os.fsdecode(os.fsencode(fleet) + b"/odd\xff.jsonl"))
        odd.write_text(lines({"ocmf": record()}))
    except OSError:
        pytest.skip("no such names here")
    run(odd)
    assert run.table("records")[0]["source"] == f"{fleet}/odd?.jsonl#1"
    run(odd.rename(fleet / "even.jsonl"))
    assert run.table("records")[0]["source"] == f"{fleet}/even.jsonl#1"
