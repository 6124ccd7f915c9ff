"""`wattproof verify --results` on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_verify import KEY, record, verify  # noqa: F401 (a fixture)


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    folder = tmp_path / "fleet"
    folder.mkdir()
    rows = [json.dumps({"ocmf": record(PG=f"T{page}")}) for page in range(1, 6)]
    (folder / "a.jsonl").write_text("\n".join(rows))
    (folder / "b.ocmf").write_text(record().replace("112.340", "112.341"))
    return folder


def test_results_of_a_folder(fleet: Path, verify: Any, tmp_path: Path) -> None:  # noqa: F811
    folder = tmp_path / "results"
    found = verify(fleet, "--public-key", KEY, "--results", folder, "--jobs", "2")
    assert found.code == 1 and "6 sessions: 5 green, 1 red" in found.out
    assert "6 records in 2 parts, 0 of them known" in found.err and f"records and sessions in {folder}" in found.err
    again = verify(fleet, "--public-key", KEY, "--results", folder, "--json")
    stated = json.loads(again.out)
    assert again.code == 1 and stated["summary"]["red"] == 1 and stated["parts"] == {"judged": 0, "known": 2}
    assert stated["results"] == str(folder)


def test_what_does_not_go_together_is_said(fleet: Path, verify: Any, tmp_path: Path) -> None:  # noqa: F811
    for options, words in (
        (["--report", "x.html"], "--report"),
        (["--pin", "--keys", tmp_path / "k.json"], "--pin"),
    ):
        found = verify(fleet, "--results", tmp_path / "r", *options)
        assert found.code == 2 and words in found.err
    found = verify("-", "--results", tmp_path / "r")
    assert found.code == 2 and "standard input" in found.err
    (tmp_path / "file").write_text("")
    found = verify(fleet, "--results", tmp_path / "file")
    assert found.code == 5 and "file" in found.err
    found = verify(fleet, "--results", "nonsense://x/y")
    assert found.code == 2 and "nonsense" in found.err
    for address in ("s3://key:secret@bucket/x", "abfs://store/x?client_secret=secret", "s3://b/x?Access_Key=secret"):
        for names in ([address, "--results", tmp_path / "r"], [fleet, "--results", address]):
            found = verify(*names)
            assert found.code == 2 and "must not hold keys" in found.err and "secret" not in found.err
    found = verify(fleet, "--results", "")
    assert found.code == 2 and "name of a folder" in found.err
    (tmp_path / "others").mkdir()
    (tmp_path / "others" / "summary.json").write_text("{}")
    found = verify(fleet, "--results", tmp_path / "others")
    assert found.code == 2 and "not from here" in found.err
    found = verify(tmp_path / "missing", "--results", tmp_path / "r")
    assert found.code == 2 and "No such file" in found.err


def test_without_the_extra_it_is_said(
    fleet: Path,
    verify: Any,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("wattproof.cli.verify_results.find_spec", lambda name: None)
    found = verify(fleet, "--results", tmp_path / "r")
    assert found.code == 2 and "wattproof[analytics]" in found.err


def test_results_inside_the_folder_that_is_verified_are_no_input(
    fleet: Path,
    verify: Any,  # noqa: F811
) -> None:
    for known in (0, 2):
        found = verify(fleet, "--public-key", KEY, "--results", fleet / "results", "--jobs", "1", "--json")
        stated = json.loads(found.out)
        assert stated["records"] == 6 and stated["parts"]["known"] == known


def test_a_file_twice_is_found_as_without_results(fleet: Path, verify: Any, tmp_path: Path) -> None:  # noqa: F811
    names = [fleet / "a.jsonl", fleet / "b.ocmf", tmp_path / "missing", fleet / "a.jsonl", fleet]
    found = verify(*names, "--public-key", KEY, "--results", tmp_path / "r", "--jobs", "1", "--json")
    inside = [*names[:-1], fleet / "a.jsonl", fleet / "b.ocmf"]
    other = verify(*inside, "--public-key", KEY, "--jobs", "1", "--json")
    assert json.loads(found.out)["summary"] == json.loads(other.out)["summary"]
    assert found.code == other.code == 2 and found.err == other.err
