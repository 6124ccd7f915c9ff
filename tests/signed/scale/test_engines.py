"""Engines: results in order, few items under way, errors and killed workers told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from wattproof.errors import InvalidValue, StorageError, UnknownName
from wattproof.signed.scale.engines import Here, Processes, engine


def slow(number: int) -> tuple[int, int]:
    time.sleep(0.05 if number % 3 == 0 else 0)
    return number, os.getpid()


def failing(number: int) -> int:
    if number == 4:
        raise InvalidValue("number 4")
    return number


def killed(number: int) -> int:
    if number == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


@pytest.fixture(scope="module")
def pool() -> Iterator[Processes]:
    found = Processes(2)
    yield found
    found.close()


def test_results_come_in_order_from_other_processes(pool: Processes) -> None:
    taken = []

    def items() -> Iterator[int]:
        for number in range(20):
            taken.append(number)
            yield number

    found = pool.map(slow, items())
    assert next(found)[0] == 0 and len(taken) <= 6  # the others wait until there is room
    rest = list(found)
    assert [number for number, _ in rest] == list(range(1, 20))
    assert len({process for _, process in rest}) == 2 and os.getpid() not in {process for _, process in rest}


def test_what_a_worker_raises_is_raised_here(pool: Processes) -> None:
    found = pool.map(failing, range(10))
    assert [next(found) for _ in range(4)] == [0, 1, 2, 3]
    with pytest.raises(InvalidValue, match="number 4"):
        next(found)
    assert list(pool.map(failing, range(3))) == [0, 1, 2]


def test_a_killed_worker_is_told() -> None:
    pool = Processes(2)
    try:
        with pytest.raises(StorageError, match="--jobs 1"):
            list(pool.map(killed, range(10)))
    finally:
        pool.close()


def test_engines_by_name() -> None:
    assert isinstance(engine("local", 1), Here) and list(engine("local", 1).map(failing, range(3))) == [0, 1, 2]
    assert isinstance(engine("local", 3), Processes)
    with pytest.raises(InvalidValue, match="at least 1"):
        engine("local", 0)
    with pytest.raises(UnknownName, match="local or ray"):
        engine("spark")


_PARENT = """
import sys, time
from wattproof.signed.scale.engines import Processes
if __name__ == "__main__":
    pool = Processes(2)
    found = pool.map(type, range(10))
    next(found)
    print(*pool._pool._processes, flush=True)
    time.sleep(60)
"""


def test_workers_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(_PARENT)
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        workers = [int(word) for word in parent.stdout.readline().split()]
        assert workers and all(Path(f"/proc/{worker}").exists() for worker in workers)
        parent.kill()
    deadline = time.monotonic() + 20
    while any(_runs(worker) for worker in workers):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
