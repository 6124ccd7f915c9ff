"""Independent peers at the other end: a virtual BSM in a process of its own, as anybody would start it."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from pymodbus.datastore import ModbusDeviceContext, ModbusSequentialDataBlock, ModbusServerContext
from pymodbus.server import ModbusTcpServer

for part in ("client", "limits", "meters", "rig", "shapes", "texts"):
    pytest.register_assert_rewrite(f"tests.interop.g13_{part}")  # they hold the assertions of test_g13_from_spec

Simulate = Callable[..., dict[str, Any]]


@pytest.fixture
def simulate() -> Iterator[Simulate]:
    """Start ``wattproof simulate MODEL`` with further options; gives its ready object. Ends with the test."""
    running: list[subprocess.Popen[str]] = []

    def start(*options: str, listen: str = "tcp://127.0.0.1:0", model: str = "bsm") -> dict[str, Any]:
        command = [sys.executable, "-m", "wattproof", "simulate", model, "--json", "--seed", "1", "--listen", listen]
        process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True)
        running.append(process)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, f"simulate ended with {process.wait()}"
        return json.loads(line)

    yield start
    for process in running:
        process.terminate()
        process.communicate(timeout=10)


@pytest.fixture(scope="session")
def mbpoll() -> str:
    """The command line client of libmodbus."""
    found = shutil.which("mbpoll")
    if found is None:
        pytest.skip("mbpoll is not installed (Debian package mbpoll)")
    return found


@pytest.fixture(scope="session")
def compiler() -> str:
    """A C compiler with libmodbus' headers, for the server of ``bench/c``."""
    found = shutil.which("cc")
    if found is None:
        pytest.skip("no C compiler")
    return found


@pytest.fixture
def pymodbus_server() -> Iterator[Callable[..., int]]:
    """``pymodbus_server(registers, address, unit)``: pymodbus serves them, in a thread; its port.

    They are holding and input registers at once.
    """
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    servers: list[ModbusTcpServer] = []

    def start(registers: Sequence[int], address: int = 40000, unit: int = 42) -> int:
        async def serve() -> None:
            block = ModbusSequentialDataBlock(address + 1, list(registers))
            context = ModbusServerContext(devices={unit: ModbusDeviceContext(hr=block, ir=block)}, single=False)
            server = ModbusTcpServer(context, address=("127.0.0.1", 0))
            await server.listen()
            servers.append(server)

        asyncio.run_coroutine_threadsafe(serve(), loop).result(10)
        return int(servers[-1].transport.sockets[0].getsockname()[1])

    async def stop() -> None:
        for server in servers:
            listener = server.transport
            await server.shutdown()
            listener.close()
            await listener.wait_closed()

    yield start
    asyncio.run_coroutine_threadsafe(stop(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()
