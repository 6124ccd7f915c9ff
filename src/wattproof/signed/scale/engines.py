"""Where pieces are judged: in this process, in processes on this machine, or on a Ray cluster.

An engine maps a function over items and gives the results in the order of the items, as they come, with only a few
under way: memory does not grow with the number of items.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from importlib.util import find_spec
from typing import Any, Protocol, TypeVar

from wattproof.errors import InvalidValue, StorageError, UnknownName, UsageError

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

#: Items under way for each worker: one in work, others ready when it is done.
_AHEAD = 3
#: Processes that Windows can wait for; elsewhere nobody has more processors.
_MOST = 61 if os.name == "nt" else 4096


class Engine(Protocol):
    """Something that works for others. ``jobs``: how much it does at the same time."""

    jobs: int

    def map(self, function: Callable[[_Item], _Result], items: Iterable[_Item]) -> Iterator[_Result]:
        """The results in the order of the items; what ``function`` raises is raised here."""

    def close(self) -> None:
        """Ends the workers; what they have not begun is dropped."""


class Here:
    """This process, one item after the other."""

    jobs = 1

    def map(self, function: Callable[[_Item], _Result], items: Iterable[_Item]) -> Iterator[_Result]:
        yield from map(function, items)

    def close(self) -> None:
        """There is nothing to end."""


class Processes:
    """Processes on this machine, started with the first items."""

    def __init__(self, jobs: int) -> None:
        self.jobs = min(jobs, _MOST)
        self._pool: ProcessPoolExecutor | None = None

    def map(self, function: Callable[[_Item], _Result], items: Iterable[_Item]) -> Iterator[_Result]:
        if self._pool is None:
            # A forked process would inherit locks of threads that do not exist in it: a new one is clean.
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self.jobs, context, initializer=_begin)
        pool = self._pool
        under_way: deque[Future[_Result]] = deque()
        try:
            for item in items:
                under_way.append(pool.submit(function, item))
                if len(under_way) >= self.jobs * _AHEAD:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        except BrokenProcessPool as error:
            raise StorageError(
                "a process that judged records was killed (no memory left?): run it again with --jobs 1"
            ) from error
        finally:
            for future in under_way:
                future.cancel()

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)


def _begin() -> None:
    """Ctrl-C is for the process that started this one, and when that ends, even by force, so does this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


class Ray:
    """A Ray cluster: that of ``RAY_ADDRESS``, else one on this machine that ends with this process.

    Files must have the same name on all its machines, or lie in object storage; this package must be installed there.
    """

    def __init__(self, jobs: int | None = None) -> None:
        import ray

        self._ray: Any = ray
        self._own = not ray.is_initialized()
        if self._own:
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to the makers of Ray
            options: dict[str, Any] = {"log_to_driver": False, "configure_logging": False, "include_dashboard": False}
            if "RAY_ADDRESS" in os.environ:
                options = {"log_to_driver": False, "configure_logging": False}
            elif jobs is not None:
                options["num_cpus"] = jobs
            try:
                ray.init(**options)
            except (ConnectionError, OSError, RuntimeError, ValueError) as error:
                raise UsageError(f"cannot reach or start a Ray cluster: {error}") from error
        self.jobs = jobs or max(1, int(self._ray.cluster_resources().get("CPU", 1)))

    def map(self, function: Callable[[_Item], _Result], items: Iterable[_Item]) -> Iterator[_Result]:
        ray = self._ray
        shared = ray.put(function)
        task = ray.remote(max_retries=3)(_call)
        under_way: deque[Any] = deque()
        try:
            for item in items:
                under_way.append(task.remote(shared, item))
                if len(under_way) >= self.jobs * _AHEAD:
                    yield self._result(under_way.popleft())
            while under_way:
                yield self._result(under_way.popleft())
        finally:
            for reference in under_way:
                ray.cancel(reference)

    def _result(self, reference: Any) -> Any:
        exceptions = self._ray.exceptions
        try:
            return self._ray.get(reference)
        except exceptions.RayTaskError as error:
            cause = getattr(error, "cause", None)
            raise (cause if isinstance(cause, Exception) else StorageError(f"a Ray task failed: {error}")) from error
        except exceptions.RayError as error:
            raise StorageError(f"the Ray cluster failed: {error}") from error

    def close(self) -> None:
        if self._own:
            self._ray.shutdown()


def _call(function: Callable[[_Item], _Result], item: _Item) -> _Result:
    return function(item)


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def require(name: str, jobs: int | None) -> None:
    """Raises ``InvalidValue`` for fewer than one job and ``UsageError`` if there is no such engine here."""
    if jobs is not None and jobs < 1:
        raise InvalidValue(f"--jobs {jobs}: at least 1")
    if name == "ray" and find_spec("ray") is None:
        raise UsageError("--engine ray needs the extra: pip install 'wattproof[ray]'")
    if name not in ("local", "ray"):
        raise UnknownName(f"no engine {name!r}: take local or ray")


def engine(name: str = "local", jobs: int | None = None) -> Engine:
    """An engine by its name, ``local`` or ``ray``; ``jobs`` is how much it does at the same time.

    Raises what :func:`require` raises, and ``UsageError`` if the Ray cluster cannot be reached.
    """
    require(name, jobs)
    if name == "ray":
        return Ray(jobs)
    number = jobs or processors()
    return Processes(number) if number > 1 else Here()
