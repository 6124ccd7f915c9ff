"""Nothing acknowledged is lost: kill -9, power cuts that lose what was not synced, full and failing disks.

``WATTPROOF_KILLS=1000`` takes a thousand random points instead of some (issue 5).
"""

from __future__ import annotations

import asyncio
import errno
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.gateway.postgres import cluster, programs
from tests.gateway.store import load
from tests.gateway.store.recorded import Disk, entries
from wattproof.gateway.store.opening import open_store

KILLS = int(os.environ.get("WATTPROOF_KILLS", "30"))
COMMITS = 60


@pytest.fixture(scope="session")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recording, failing disk as a library to preload."""
    compiler = shutil.which("cc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("no C compiler, or not Linux: the disk that fails is preloaded")
    made = tmp_path_factory.mktemp("disk") / "disk.so"
    source = Path(__file__).with_name("disk.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", made, source, "-ldl", "-lpthread"], check=True)
    return made


@pytest.fixture
def run(disk: Path, tmp_path: Path) -> Callable[..., Path]:
    """``run(count, fault)``: carries a load out on the disk; the record of it."""

    def run(count: int, fault: str = "-") -> Path:
        folder, record = tmp_path / "data", tmp_path / "record"
        folder.mkdir()
        command = [sys.executable, "-m", "tests.gateway.store.load", "once", str(folder), str(count), fault]
        environment = {**os.environ, "LD_PRELOAD": str(disk), "WP_FOLDER": str(folder), "WP_LOG": str(record)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("failures ")
        assert (done.stdout.strip() == "failures 0") == (fault == "-")
        return record

    return run


def acknowledged(marks: list[int]) -> dict[int, int]:
    """The last commit of each worker."""
    return {mark % load.WORKERS: mark // load.WORKERS for mark in marks}


async def test_a_power_cut_at_any_point_loses_nothing_acknowledged(run: Callable[..., Path], tmp_path: Path) -> None:
    record = list(entries(run(COMMITS)))
    draw = random.Random(1)
    cuts = sorted(draw.sample(range(len(record)), min(KILLS * 2, len(record))))
    state = Disk()
    for number, entry in enumerate(record):
        state.do(entry)
        if cuts and number == cuts[0]:
            cuts.pop(0)
            left = tmp_path / f"left{number}"
            left.mkdir()
            state.cut(draw, left)
            await load.survived("sqlite", left, acknowledged(state.marks))
            load.whole(left)
            shutil.rmtree(left)
    assert acknowledged(state.marks) == dict.fromkeys(range(load.WORKERS), COMMITS)


@pytest.mark.parametrize(
    ("kind", "error"),
    [("W", errno.ENOSPC), ("W", errno.EIO), ("S", errno.EIO)],
    ids=["no space", "write error", "sync error"],
)
@pytest.mark.parametrize("times", [1, 7])
async def test_a_full_or_failing_disk_loses_nothing_acknowledged(
    run: Callable[..., Path], tmp_path: Path, kind: str, error: int, times: int
) -> None:
    after = random.Random(times * error).randrange(20, 60 if kind == "W" else 30)
    record = list(entries(run(COMMITS, f"{kind}:{after}:{times}:{error}")))
    marks = acknowledged([entry.offset for entry in record if entry.kind == "M"])
    assert min(marks.values()) > COMMITS - 10, "the store goes on when the disk does"
    await load.survived("sqlite", tmp_path / "data", marks)
    load.whole(tmp_path / "data")


class Victims:
    """Processes with a load that are killed."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.gateway.store.load"]
        self._server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._server.stdin
        assert self._server.stdout
        self._orders, self._told = self._server.stdin, self._server.stdout

    def kill(self, url: str, folder: Path, commits: int, after: float) -> dict[int, int]:
        """Let one live until so many commits are acknowledged, and so many seconds longer. What was acknowledged."""
        self._orders.write(f"{url} {folder}\n".encode())
        self._orders.flush()
        _, pid = self._told.readline().split()
        told = [self._told.readline() for _ in range(commits)]
        time.sleep(after)
        os.kill(int(pid), signal.SIGKILL)
        told += iter(self._told.readline, b"end\n")
        return {int(worker): int(number) for worker, number in (line.split() for line in told)}

    def close(self) -> None:
        self._orders.close()
        self._server.wait(timeout=30)
        self._told.close()


@pytest.fixture
def victims() -> Iterator[Victims]:
    """Somebody to kill."""
    made = Victims()
    yield made
    made.close()


@pytest.mark.proves("G-357")
async def test_kill_at_random_points_loses_nothing_acknowledged(url: str, tmp_path: Path, victims: Victims) -> None:
    draw = random.Random(2)
    reached: dict[int, int] = {}
    for number in range(KILLS):
        told = victims.kill(url, tmp_path, draw.choice((0, 1, 10, 30)), draw.random() * 0.03)
        reached = await load.survived(url, tmp_path, {**reached, **told})
        if number % 10 == 9 and url == "sqlite":
            load.whole(tmp_path)
    assert min(reached.values()) > KILLS


async def test_a_server_that_crashes_loses_nothing_acknowledged(tmp_path: Path) -> None:
    """PostgreSQL syncs here. Commits wait until it is back, and none takes place twice."""
    if programs() is None:
        pytest.skip("no PostgreSQL: install the package postgresql, or put initdb into PATH")
    with cluster() as server:
        url = server.database()
        store = await open_store(url, tmp_path)
        told: dict[int, int] = {}
        loading = asyncio.create_task(load.load(store, told.__setitem__, 300))
        for limit in (5, 60):
            while min(told.values(), default=0) < limit:
                await asyncio.sleep(0.002)
            server.stop(signal.SIGQUIT)
            await asyncio.to_thread(server.start)
        assert await loading == 0
        await store.close()
        assert await load.survived(url, tmp_path, told) == dict.fromkeys(range(load.WORKERS), 300)
