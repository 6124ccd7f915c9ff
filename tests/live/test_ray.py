"""`--engine ray` on a real cluster of two workers: the same results as without it, also when a worker is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from tests.cli.test_verify import KEY, record
from wattproof.errors import InvalidValue
from wattproof.signed.scale import results
from wattproof.signed.scale.engines import Here, Ray
from wattproof.signed.scale.places import Folder

OPTIONS = {"public_key": KEY}
pytestmark = [pytest.mark.xdist_group("ray"), pytest.mark.enable_socket]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Ray]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))  # workers import what these tests import
        patch.delenv("RAY_ADDRESS", raising=False)
        engine = Ray(2)
        yield engine
        engine.close()


def where(number: int) -> tuple[int, int]:
    time.sleep(0.2)
    return number, os.getpid()


def killed_once(path: str) -> str:
    if not Path(path).exists():
        Path(path).write_text("seen")
        os.kill(os.getpid(), signal.SIGKILL)
    return path


def refused(number: int) -> int:
    raise InvalidValue(f"number {number}")


def test_two_workers_share_the_work_in_order(cluster: Ray) -> None:
    found = list(cluster.map(where, range(12)))
    assert [number for number, _ in found] == list(range(12))
    assert len({process for _, process in found}) == 2 and os.getpid() not in {process for _, process in found}


def test_a_killed_worker_is_replaced(cluster: Ray, tmp_path: Path) -> None:
    names = [str(tmp_path / str(number)) for number in range(3)]
    assert list(cluster.map(killed_once, names)) == names


def test_what_a_task_raises_is_raised_here(cluster: Ray) -> None:
    with pytest.raises(InvalidValue, match="number 7"):
        list(cluster.map(refused, [7]))


def _tables(folder: Path, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for path in sorted((folder / name).glob("*.parquet")):
        found += pyarrow.parquet.read_table(path, partitioning=None).to_pylist()
    return found


def test_a_cluster_finds_what_this_process_finds(cluster: Ray, tmp_path: Path) -> None:
    fleet = tmp_path / "fleet"
    fleet.mkdir()
    rows = [{"ocmf": record(PG=f"T{page}"), "transactionId": str(page % 50)} for page in range(1, 101)]
    rows[20]["ocmf"] = rows[20]["ocmf"].replace("112.340", "112.341")
    (fleet / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    texts = {name: [row[name] for row in rows] for name in ("ocmf", "transactionId")}
    pyarrow.parquet.write_table(pyarrow.table(texts), fleet / "b.parquet")
    names = sorted(map(str, fleet.iterdir()))
    found = {}
    for name, engine in (("here", Here()), ("ray", cluster)):
        folder = tmp_path / name
        found[name] = results.run(names, Folder(str(folder)), OPTIONS, engine, lambda part: None, 20_000)
    assert found["here"] == found["ray"] and found["ray"].joined > 0 and found["ray"].counts["records"] == 200
    for table in ("records", "sessions"):
        assert _tables(tmp_path / "here", table) == _tables(tmp_path / "ray", table)
    again = results.run(names, Folder(str(tmp_path / "ray")), OPTIONS, cluster, lambda part: None, 20_000)
    assert again.judged == 0 and again.summary == found["ray"].summary


def test_the_command_starts_a_cluster_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps({"ocmf": record(PG=f"T{page}")}) + "\n" for page in range(1, 3001)))
    command = [sys.executable, "-m", "wattproof", "verify", str(path), "--public-key", KEY]
    options = ["--engine", "ray", "--jobs", "2"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    environment.pop("RAY_ADDRESS", None)
    one, two = (
        subprocess.run([*command, *more], capture_output=True, text=True, env=environment, timeout=300)
        for more in (["--jobs", "1"], options)
    )
    assert one.stdout == two.stdout and one.returncode == two.returncode == 0
