"""Fuzzing by coverage: ``python -m tests.fuzz.guided [TARGET...] [--seconds S | --runs N] [--minimise]``.

Needs atheris, which has wheels for Linux on x86-64. Each target runs in a process of its own, one after the other, and
starts from its seeds and its kept inputs. New inputs that reach new code go to ``tests/fuzz/work/TARGET`` (not in the
repository); an input that finds a defect is written there, too, and named. ``--minimise`` makes the few smallest
inputs that reach all of it to the kept ones.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib
import io
import os
import pkgutil
import shlex
import shutil
import sys
import tempfile
import traceback
from pathlib import Path
from random import Random
from typing import Any

import atheris

import wattproof.signed


def _everything() -> None:
    """Imports every module of the readers: most are imported only when somebody asks for them, too late to be watched.

    Modules that need an engine or an extra that is not installed are left out.
    """
    for module in pkgutil.walk_packages(wattproof.signed.__path__, "wattproof.signed."):
        with contextlib.suppress(ImportError):
            importlib.import_module(module.name)


with (
    contextlib.redirect_stderr(io.StringIO()),  # a line for every module
    atheris.instrument_imports(include=["wattproof.signed"], enable_loader_override=False),
):
    _everything()
    from tests.fuzz.guided import mutate, oracles
    from tests.fuzz.guided.targets import Target, targets

WORK = Path(__file__).resolve().parent.parent / "work"
#: Kept inputs of a target: their number and their bytes together.
MOST_FILES, MOST_BYTES = 24, 14 * 1024
#: Seconds after which one input counts as a hang, and megabytes that a run may take.
_HANGS, _MEMORY = 30, 2048
oracles.share = 4
#: How libFuzzer's own calls of this command begin.
_MERGE = "--merge"


def main() -> int:
    """The command line. Returns the number of targets with a defect, at most 1."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="all, if none is named; --list names them")
    parser.add_argument("--seconds", type=int, default=5, help="for each target (5)")
    parser.add_argument("--runs", type=int, help="for each target, in place of seconds, weighted by how long one takes")
    parser.add_argument("--seed", type=int, default=0, help="of the random numbers; 0: another one each time")
    parser.add_argument("--work", type=Path, default=WORK, help="folder of new inputs and of those with a defect")
    parser.add_argument("--minimise", action="store_true", help="keep the smallest inputs that reach everything")
    parser.add_argument("--most", type=int, default=100_000, help="new inputs that --minimise looks at (all)")
    parser.add_argument("--list", action="store_true", help="name the targets")
    arguments = parser.parse_args()
    known = targets()
    if arguments.list:
        print("\n".join(known))
        return 0
    unknown = [name for name in arguments.targets if name not in known]
    if unknown:
        parser.error(f"no target {', '.join(unknown)}: --list names them")
    failed = []
    for name in arguments.targets or known:
        target = known[name]
        if arguments.minimise:
            minimise(target, arguments.work / name, arguments.most)
            continue
        print(f"== {name}", file=sys.stderr, flush=True)
        limit = [f"-max_total_time={arguments.seconds}"]
        if arguments.runs is not None:
            # seeds and kept inputs are run before anything is changed
            limit = [f"-runs={len(target.inputs()) + max(1, round(arguments.runs * target.weight))}"]
        work = arguments.work / name
        before = defects(work)
        if fuzz(target, work, [*limit, f"-seed={arguments.seed}"]) != 0 or defects(work) != before:
            failed.append(name)
    if failed:
        print(f"defects found by: {', '.join(failed)}", file=sys.stderr)
    return min(1, len(failed))


def defects(work: Path) -> set[str]:
    """Names of inputs that found a defect: those of :class:`Run`, crashes, hangs."""
    return {path.name for path in work.glob("defect-*")}


def fuzz(target: Target, work: Path, options: list[str]) -> int:
    """Runs a target in a child, whose status is returned."""
    work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        seeds = _written(target, Path(folder))
        usual = [
            f"-max_len={target.length}",
            f"-timeout={_HANGS}",
            f"-rss_limit_mb={_MEMORY}",
            f"-artifact_prefix={work}/defect-",
            "-print_final_stats=1",
        ]
        return _in_child(target, work, [*usual, *options, str(work), str(seeds)])


def minimise(target: Target, work: Path, most: int) -> None:
    """Keeps few inputs of those that reach, with the seeds, all that was reached: the smallest and the largest."""
    with tempfile.TemporaryDirectory() as folder:
        seeds, found = _written(target, Path(folder) / "all"), Path(folder) / "merged"
        new = sorted(path for path in work.iterdir() if path.name not in defects(work)) if work.is_dir() else []
        for path in new[:most]:
            shutil.copy(path, seeds / path.name)
        found.mkdir()
        _in_child(
            target, work, ["-merge=1", f"-max_len={target.length}", f"-rss_limit_mb={_MEMORY}", str(found), str(seeds)]
        )
        made = {bytes(data) for data in target.seeds()}
        best = sorted((path for path in found.iterdir() if path.read_bytes() not in made), key=_size)
        shutil.rmtree(target.corpus, ignore_errors=True)
        target.corpus.mkdir(parents=True)
        total = 0
        while best and len(list(target.corpus.iterdir())) < MOST_FILES:
            path = best.pop(-1 if len(best) % 2 else 0)
            if total + _size(path) <= MOST_BYTES:
                total += _size(path)
                shutil.copy(path, target.corpus / path.name[:16])


def _size(path: Path) -> int:
    return path.stat().st_size


def _written(target: Target, folder: Path) -> Path:
    """Seeds and kept inputs as files."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(target.inputs()):
        (folder / f"input-{number:04d}").write_bytes(data)
    return folder


def _in_child(target: Target, work: Path, options: list[str]) -> int:
    """libFuzzer ends its process: every target has its own, with what is imported already."""
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        _run(target, work, options)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def _run(target: Target, work: Path, options: list[str]) -> None:
    """Gives this process to libFuzzer, which does not come back. To merge, it starts itself by what it takes for its
    name: a command that comes here again."""
    changes: dict[str, Any] = {"custom_mutator": _mutator(target)} if target.structured else {}
    name = f"{shlex.quote(sys.executable)} -m {__spec__.parent} {_MERGE} {target.name} {shlex.quote(str(work))}"
    atheris.Setup([name, *options], Run(target, work), **changes)
    atheris.Fuzz()
    os._exit(70)


class Run:
    """A target whose defects are written down, each once, and do not end the run."""

    def __init__(self, target: Target, work: Path) -> None:
        self._target = target
        self._work = work
        self._known: set[tuple[str, int | None]] = set()

    def __call__(self, data: bytes) -> None:
        try:
            self._target.run(data)
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            mark = (place.filename, place.lineno)
            if mark not in self._known:
                self._known.add(mark)
                path = self._work / f"defect-{hashlib.sha256(data).hexdigest()[:16]}"
                path.write_bytes(data)
                print(
                    f"DEFECT {path}: {type(error).__name__}: {error} ({place.filename}:{place.lineno})", file=sys.stderr
                )


def _mutator(target: Target) -> Any:
    """Changes that know structure, among those of libFuzzer."""

    def change(data: bytes, most: int, seed: int) -> bytes:
        source = Random(seed)
        if source.random() < 0.3:
            return bytes(atheris.Mutate(data, most))
        for _ in range(source.choice((1, 1, 1, 2, 3))):
            data = mutate.changed(data, source)
        return data[:most]

    return change


if __name__ == "__main__":
    if sys.argv[1:2] == [_MERGE]:
        _run(targets()[sys.argv[2]], Path(sys.argv[3]), sys.argv[4:])
    sys.exit(main())
