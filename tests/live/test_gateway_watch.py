"""The watcher of the gateway, with small real processes in place of the two of the gateway."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from wattproof.gateway.watch import Child, ChildFailed, watch
from wattproof.io.supervision import notify, watchdog_interval

#: Says that it is ready, writes its process id, and ends when its standard input is closed.
GOOD = (
    "import sys,os,json; open(sys.argv[1],'a').write(f'{os.getpid()}\\n');"
    "print(json.dumps({'ready':True,'name':sys.argv[1]}),flush=True); sys.stdin.read()"
)


#: Waits as the processes of the gateway do.
WAITING = "import asyncio; from wattproof.gateway.watch import parent_gone; asyncio.run(parent_gone())"


def command(code: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", code, *arguments]


async def settled(path: Path, lines: int) -> list[int]:
    for _ in range(200):
        if path.exists() and len(path.read_text().split()) >= lines:
            return [int(word) for word in path.read_text().split()]
        await asyncio.sleep(0.02)
    raise AssertionError(f"{path.name} never had {lines} lines")


async def test_children_start_again_and_end_with_the_watcher(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    told: list[Mapping[str, Mapping[str, Any]]] = []

    async def ready(said: Mapping[str, Mapping[str, Any]]) -> None:
        told.append(said)

    watching = asyncio.create_task(
        watch({"a": command(GOOD, str(first)), "b": command(GOOD, str(second))}, ready, {"b": 3}),
    )
    (process,) = await settled(first, 1)
    (other,) = await settled(second, 1)
    niceness = os.getpriority(os.PRIO_PROCESS, 0)
    assert os.getpriority(os.PRIO_PROCESS, process) == niceness
    assert os.getpriority(os.PRIO_PROCESS, other) == min(niceness + 3, 19)
    os.kill(process, signal.SIGKILL)
    again = (await settled(first, 2))[1]
    assert len(second.read_text().split()) == 1, "the other one was left alone"
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(watching, 10)
    assert [said["a"]["name"] for said in told] == [str(first)]
    with pytest.raises(ProcessLookupError):
        os.kill(again, 0)


async def test_a_child_that_cannot_start_ends_the_watcher_with_its_exit_code(tmp_path: Path) -> None:
    async def never(said: object) -> None:
        raise AssertionError("it was not ready")

    with pytest.raises(ChildFailed) as raised:
        await watch({"a": command(GOOD, str(tmp_path / "a")), "b": command("raise SystemExit(2)")}, never)
    assert raised.value.exit_code == 2
    assert "b" in str(raised.value)


async def test_a_child_ends_when_its_watcher_is_gone(tmp_path: Path) -> None:
    child = Child("a", command(GOOD, str(tmp_path / "a")))
    run = asyncio.create_task(child.run(asyncio.Event()))
    await asyncio.wait_for(asyncio.shield(child.ready), 10)
    process = child._process
    assert process is not None and process.stdin is not None
    process.stdin.close()
    assert await asyncio.wait_for(process.wait(), 10) == 0
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)
    await child.end()


@pytest.mark.parametrize("make", [socket.socketpair, os.pipe])
def test_a_process_of_the_gateway_ends_with_either_kind_of_pipe(make: Callable[[], tuple[Any, Any]]) -> None:
    there, here = make()
    with subprocess.Popen(command(WAITING), stdin=there) as process:
        try:
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.3)
            for end in (there, here):
                os.close(end) if isinstance(end, int) else end.close()
            assert process.wait(10) == 0
        finally:
            process.kill()


def test_the_service_manager_hears_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not notify("READY=1")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        assert notify("READY=1")
        assert manager.recv(100) == b"READY=1"
    monkeypatch.setenv("WATCHDOG_USEC", "3000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    assert watchdog_interval() == 1.5
    monkeypatch.setenv("WATCHDOG_PID", "1")
    assert watchdog_interval() is None
