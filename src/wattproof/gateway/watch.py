"""Starts the two processes of the gateway, starts them again when they end, and ends them with itself.

A child says that it is ready by one line of JSON on its standard output. It ends by itself when its standard input is
closed, so none is left behind when the watcher is killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import stat
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import msgspec

from wattproof.errors import WattproofError
from wattproof.io.supervision import notify, watchdog_interval

log = logging.getLogger(__name__)

#: Seconds before a child that ended is started again: at once, and ever later when it keeps ending at its start.
PAUSES = (0.0, 0.5, 1.0, 2.0, 5.0)
#: Seconds that a child was ready for: then it did not end because of its start.
SETTLED = 1.0
#: Seconds that a child has to end by itself.
PATIENCE = 10.0


class ChildFailed(WattproofError):
    """A process of the gateway could not be started; its own message is above this one."""

    def __init__(self, name: str, code: int) -> None:
        super().__init__(f"the process {name} ended with exit code {code} before it was ready")
        self.exit_code = code if code > 0 else 1


class Child:
    """One process, and the next one in its place."""

    def __init__(self, name: str, command: Sequence[str], niceness: int = 0) -> None:
        self.name = name
        self.command = command
        self.niceness = niceness
        self.ready: asyncio.Future[Mapping[str, Any]] = asyncio.get_running_loop().create_future()
        self.starts = 0
        self._process: Process | None = None
        self._ready_at: float | None = None

    async def run(self, stopping: asyncio.Event) -> None:
        """Keep it running until ``stopping``. Raises :class:`ChildFailed` if it was never ready."""
        failures = 0
        while not stopping.is_set():
            code = await self._once()
            if stopping.is_set():
                return
            if not self.ready.done():
                raise ChildFailed(self.name, code)
            worked = self._ready_at is not None and time.monotonic() - self._ready_at > SETTLED
            failures = 0 if worked else failures + 1
            pause = PAUSES[min(failures, len(PAUSES)) - 1] if failures else 0.0
            log.warning("%s ended with exit code %d; it is started again in %g s", self.name, code, pause)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), pause or 0.001)

    async def _once(self) -> int:
        self.starts += 1
        process = await asyncio.create_subprocess_exec(*self.command, stdin=PIPE, stdout=PIPE)
        self._process, self._ready_at = process, None
        if self.niceness and hasattr(os, "setpriority"):
            with contextlib.suppress(OSError):  # it has ended, or may not be told
                own = os.getpriority(os.PRIO_PROCESS, 0)
                os.setpriority(os.PRIO_PROCESS, process.pid, own + self.niceness)
        while process.stdout is not None and (line := await process.stdout.readline()):
            with contextlib.suppress(msgspec.MsgspecError):
                said = msgspec.json.decode(line)
                if isinstance(said, dict) and said.get("ready"):
                    self._ready_at = time.monotonic()
                    if not self.ready.done():
                        self.ready.set_result(said)
        return await process.wait()

    @property
    def pid(self) -> int | None:
        """The process now running."""
        return None if self._process is None else self._process.pid

    async def end(self) -> None:
        """Ask it to end, and insist after a while."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), PATIENCE)
        except TimeoutError:
            log.error("%s does not end; it is killed", self.name)
            process.kill()
            await process.wait()


async def watch(
    commands: Mapping[str, Sequence[str]],
    ready: Callable[[Mapping[str, Mapping[str, Any]]], Awaitable[Mapping[str, Sequence[str]] | None]],
    niceness: Mapping[str, int] = MappingProxyType({}),
) -> None:
    """Run all children until SIGINT or SIGTERM; ``ready`` gets what each said first, and may return other commands for
    later starts (with the port that was taken, for example). ``niceness``: who leaves the processor to the others when
    all want it, beyond the watcher's own, as of nice(2).

    The order of ``commands`` is the order of starting: the next one starts when the one before is ready. They end in
    the opposite order.

    Raises:
        ChildFailed: one ended before it was ready.
    """
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    children: list[Child] = []
    runs: list[asyncio.Task[None]] = []
    try:
        for name, command in commands.items():
            child = Child(name, command, niceness.get(name, 0))
            children.append(child)
            runs.append(asyncio.create_task(child.run(stopping), name=name))
            await _first(child.ready, runs, stopping)
        if not stopping.is_set():
            notify("READY=1")
            later = await ready({child.name: child.ready.result() for child in children}) or {}
            for child in children:
                child.command = later.get(child.name, child.command)
        await _until(stopping, runs)
    finally:
        stopping.set()
        notify("STOPPING=1")
        for child in reversed(children):
            await child.end()
        await asyncio.gather(*runs, return_exceptions=True)
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


async def _first(ready: asyncio.Future[Any], runs: Sequence[asyncio.Task[None]], stopping: asyncio.Event) -> None:
    """Wait until a child is ready, one has failed, or all shall end."""
    stopped = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait([ready, stopped, *runs], return_when=asyncio.FIRST_COMPLETED)
        for run in runs:
            if run.done():
                run.result()
    finally:
        stopped.cancel()


async def _until(stopping: asyncio.Event, runs: Sequence[asyncio.Task[None]]) -> None:
    """Wait for the end, with signs of life for the service manager."""
    interval = watchdog_interval()
    while not stopping.is_set():
        if interval is not None:
            notify("WATCHDOG=1")
        stopped = asyncio.create_task(stopping.wait())
        try:
            await asyncio.wait([stopped, *runs], timeout=interval, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopped.cancel()
        for run in runs:
            if run.done():
                run.result()


async def parent_gone() -> None:
    """Wait until the watcher has closed our standard input. Never returns where that is no pipe of a watcher."""
    loop = asyncio.get_running_loop()
    kind = os.fstat(sys.stdin.fileno()).st_mode
    if not (stat.S_ISFIFO(kind) or stat.S_ISSOCK(kind)):  # asyncio's pipe is a pair of sockets before Python 3.12
        await loop.create_future()  # a terminal, or /dev/null under a service manager
    reader = asyncio.StreamReader()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    try:
        while await reader.read(4096):
            pass
    finally:
        transport.close()
