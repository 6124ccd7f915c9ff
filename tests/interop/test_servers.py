"""Our client against servers that are not ours: pymodbus and libmodbus."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from wattproof.drivers.modbus import connect_blocking, run_blocking
from wattproof.errors import ModbusRefused
from wattproof.io.url import parse_url
from wattproof.wire.modbus.pdu import parse_read_response, read_request

ROOT = Path(__file__).resolve().parents[2]


def read_and_be_refused(url: str) -> None:
    link = connect_blocking(parse_url(url))
    try:
        for start, count in ((40000, 1), (40100, 125), (44200, 20)):
            answer = run_blocking(link.exchange(42, read_request(3, start, count)))
            data = parse_read_response(answer, count)
            assert data[-2:] == (start + count - 1).to_bytes(2, "big")
        with pytest.raises(ModbusRefused) as refusal:
            run_blocking(link.exchange(42, read_request(3, 100, 2)))
        assert refusal.value.code == 2
    finally:
        run_blocking(link.close())


def test_our_client_reads_from_pymodbus(pymodbus_server: Callable[[Sequence[int]], int]) -> None:
    read_and_be_refused(f"tcp://127.0.0.1:{pymodbus_server(range(40000, 44300))}?timeout=5")


def test_our_client_reads_from_libmodbus(compiler: str, tmp_path: Path) -> None:
    source = (ROOT / "bench" / "c" / "libmodbus_server.c").read_text()
    (tmp_path / "server.c").write_text(source.replace("(uint16_t)i;", "(uint16_t)(40000 + i);"))
    built = subprocess.run(
        [compiler, "-o", "server", "server.c", "-lmodbus"], cwd=tmp_path, capture_output=True, check=False
    )
    if built.returncode != 0:
        pytest.skip("libmodbus is not installed (Debian package libmodbus-dev)")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with subprocess.Popen([tmp_path / "server", "tcp", str(port)], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            assert server.stdout.readline() == "ready\n"
            read_and_be_refused(f"tcp://127.0.0.1:{port}?timeout=5")
        finally:
            server.terminate()
