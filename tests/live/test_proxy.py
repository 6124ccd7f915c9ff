"""``wattproof proxy`` as a process: real sockets, pseudo-terminals and signals in front of a virtual meter."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from wattproof.drivers.modbus import connect_blocking, run_blocking
from wattproof.errors import FrameError, LinkError, ModbusRefused, UnitSilent
from wattproof.io.trace import read_trace
from wattproof.io.url import parse_url
from wattproof.meters.bsm.points import MAP
from wattproof.wire.modbus.pdu import read_request, write_multiple_request

READ, SUNS = read_request(3, 40000, 2), b"\x03\x04SunS"
META2 = MAP.find("bs_meter.Meta2")[0].address
WRITE = write_multiple_request(META2, b"evse-id: DE*ABC*E1*1".ljust(100, b"\0"))
DEAD = 9
FREE = "tcp://127.0.0.1:0"


class Process:
    """A running ``wattproof`` command with ``--json``."""

    def __init__(self, *arguments: str, wait: bool = True) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "wattproof", *arguments, "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.ready: dict[str, Any] = {}
        if wait:
            assert self.process.stdout is not None
            line = self.process.stdout.readline()
            assert line, self.process.communicate()[1]
            self.ready = json.loads(line)

    @property
    def url(self) -> str:
        return str(self.ready["listen"][0])

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str, str]:
        """Exit code, the rest of stdout, stderr."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        out, errors = self.process.communicate(timeout=20)
        return self.process.returncode, out, errors

    def control(self, method: str = "GET", path: str = "/", body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.ready['token']}"}
        request = urllib.request.Request(self.ready["control"] + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)


Start = Callable[..., Process]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts commands; all are ended with the test."""
    running: list[Process] = []

    def begin(*arguments: str, wait: bool = True) -> Process:
        running.append(Process(*arguments, wait=wait))
        return running[-1]

    yield begin
    for one in running:
        one.end(signal.SIGKILL)


@pytest.fixture
def meter(start: Start, tmp_path: Path) -> str:
    """A virtual BSM, unit 42, on a pseudo-terminal; its address."""
    return start("simulate", "bsm", "--listen", f"pty://{tmp_path}/meter", "--set", "answer-delay=0").url


@contextlib.contextmanager
def master(url: str, timeout: float = 3.0) -> Iterator[Callable[..., bytes]]:
    """Asks over one connection: ``ask(pdu, unit=42)``."""
    link = connect_blocking(parse_url(url).with_options(timeout=timeout, retries=0))
    try:
        yield lambda pdu, unit=42: run_blocking(link.exchange(unit, pdu))
    finally:
        run_blocking(link.close())


def test_two_masters_at_once_and_a_dead_unit_in_between(start: Start, meter: str) -> None:
    reads = {number: [read_request(3, 40000 + number, count) for count in range(1, 41)] for number in (0, 2)}
    with master(meter) as ask:  # the line itself: what each of them should see
        right = {number: [ask(pdu) for pdu in pdus] for number, pdus in reads.items()}
    proxy = start("proxy", FREE, "--to", f"{meter}?timeout=0.5")
    silences: list[int] = []
    answers: dict[int, list[bytes]] = {}
    stop = threading.Event()

    def poll_dead() -> None:
        with master(proxy.url) as ask:
            while not stop.is_set():
                try:
                    ask(READ, DEAD)
                except UnitSilent as error:
                    silences.append(error.code)
                stop.wait(0.05)

    def poll(number: int) -> None:
        with master(proxy.url) as ask:
            for pdu in reads[number]:
                answers.setdefault(number, []).append(ask(pdu))

    threads = [threading.Thread(target=poll, args=(number,)) for number in (0, 2)]
    dead = threading.Thread(target=poll_dead)
    dead.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    stop.set()
    dead.join(10)
    assert answers == right
    assert set(silences) == {0x0B}


@pytest.mark.parametrize("listen", ["tcp", "tls", "rtu", "ascii", "pty-rtu", "pty-ascii", "device"])
def test_masters_come_in_at_every_listener(start: Start, meter: str, tmp_path: Path, listen: str) -> None:
    address = f"{listen}://127.0.0.1:0"
    if listen.startswith("pty"):
        address = f"pty://{tmp_path}/line?protocol={listen[4:]}"
    if listen == "device":
        ends = [tmp_path / "proxy-end", tmp_path / "master-end"]
        pair = subprocess.Popen(["socat", *(f"pty,raw,echo=0,link={end}" for end in ends)])
        try:
            for end in ends:
                wait_for(end.exists)
            proxy = start("proxy", f"rtu://{ends[0]}?parity=N", "--to", meter)
            assert proxy.url == f"rtu://{ends[0]}?parity=N"
            with master(f"rtu://{ends[1]}?parity=N") as ask:
                assert ask(READ) == SUNS
        finally:
            pair.terminate()
            pair.wait(10)
        return
    proxy = start("proxy", address, "--to", meter)
    for _ in range(2):
        with master(proxy.url) as ask:
            assert ask(READ) == SUNS
            assert ask(WRITE) == WRITE[:5]


def test_several_listeners_lead_to_one_line(start: Start, meter: str, tmp_path: Path) -> None:
    pty = f"pty://{tmp_path}/line?protocol=rtu"
    proxy = start("proxy", FREE, pty, "--to", meter, "--listen", "rtu://127.0.0.1:0", "--control", "http://127.0.0.1:0")
    assert len(proxy.ready["listen"]) == 3
    for url in proxy.ready["listen"]:
        with master(url) as ask:
            assert ask(READ) == SUNS
    state = proxy.control()
    assert state["units"]["42"]["line"]["answers"] == 3
    assert state["clients"] == {pty: state["clients"][pty]}
    assert state["departed"]["127.0.0.1"]["answers"] == 2


@pytest.mark.parametrize(
    ("options", "writes_42"),
    [(("--read-only",), False), (("--read-only", "7,42"), False), (("--read-only", "7"), True), ((), True)],
)
def test_read_only(start: Start, meter: str, options: tuple[str, ...], writes_42: bool) -> None:
    proxy = start("proxy", *options, "--to", meter, "--listen", FREE)
    with master(proxy.url) as ask:
        assert ask(READ) == SUNS
        if writes_42:
            assert ask(WRITE) == WRITE[:5]
        else:
            with pytest.raises(ModbusRefused) as refusal:
                ask(WRITE)
            assert refusal.value.code == 1
    code, out, _ = proxy.end()
    assert code == 0
    assert json.loads(out)["units"]["42"]["refused"] == (not writes_42)


def test_units_that_may_be_asked_and_rates(start: Start, meter: str) -> None:
    proxy = start("proxy", FREE, "--to", meter, "--unit", "1-8,42", "--rate", "2")
    with master(proxy.url) as ask:
        with pytest.raises(UnitSilent) as refusal:
            ask(READ, 41)
        assert refusal.value.code == 0x0A
        assert [ask(READ), ask(READ)] == [SUNS, SUNS]
        with pytest.raises(ModbusRefused) as refusal:
            ask(READ)
        assert refusal.value.code == 6
    with master(proxy.url) as ask:
        assert ask(READ) == SUNS


def test_faults_come_and_go_over_the_control_interface(start: Start, meter: str) -> None:
    proxy = start("proxy", "rtu://127.0.0.1:0", "--to", meter, "--control", "http://127.0.0.1:0", "--fault", "echo")
    with master(proxy.url, 0.5) as ask:
        assert ask(READ) == SUNS  # our client overhears the echo
        assert proxy.control("PATCH", "/", {"faults": {"echo": False, "garble": 100}})["faults"] == {"garble": 100}
        with pytest.raises((LinkError, FrameError)):
            ask(READ)
        proxy.control("PATCH", "/", {"faults": {"garble": False}})
        assert ask(READ) == SUNS
    kinds = [entry["kind"] for entry in proxy.control("GET", "/journal?after=0")["entries"]]
    assert kinds.count("fault-hit") == 2
    last = proxy.control("GET", "/journal?after=0")["last"]
    assert proxy.control("GET", f"/journal?after={last}&wait=0.2")["entries"] == []


def test_equal_seeds_give_equal_faults(start: Start, meter: str) -> None:
    seen = []
    for _ in range(2):
        proxy = start("proxy", FREE, "--to", meter, "--fault", "exception=6", "--fault", "drop=50", "--seed", "7")
        lost = []
        with master(proxy.url, 0.2) as ask:
            for _ in range(12):
                try:
                    ask(READ)
                except ModbusRefused:
                    lost.append(False)
                except LinkError:
                    lost.append(True)
        seen.append(lost)
        proxy.end()
    assert seen[0] == seen[1]
    assert 0 < sum(seen[0]) < 12


def test_a_client_that_is_killed_disturbs_nobody(start: Start, meter: str) -> None:
    proxy = start("proxy", FREE, "--to", meter, "--control", "http://127.0.0.1:0")
    place = parse_url(proxy.url)
    request = struct.pack(">HHHB", 1, 0, 6, 42)
    with master(proxy.url) as ask:
        for number in range(20):
            with socket.create_connection((place.host, place.port)) as rude:
                rude.sendall(request + read_request(3, 40000, 100 + number) + request[: number % 8])
                rude.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            assert ask(READ) == SUNS
        with socket.create_connection((place.host, place.port)) as rude:
            rude.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert rude.recv(10) == b""
        assert ask(READ) == SUNS
    wait_for(lambda: not proxy.control()["clients"])


def test_connections_are_bounded_and_the_longest_idle_goes(start: Start, meter: str) -> None:
    proxy = start("proxy", FREE, "--to", meter, "--control", "http://127.0.0.1:0")
    place = parse_url(proxy.url)
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(socket.create_connection((place.host, place.port))) for _ in range(80)]
        wait_for(lambda: len(proxy.control()["clients"]) == 64)
        opened[-1].sendall(struct.pack(">HHHB", 1, 0, 6, 42) + READ)
        assert opened[-1].recv(100)[7:] == SUNS


def test_a_meter_that_is_killed_is_silent_and_found_again(start: Start, tmp_path: Path) -> None:
    options = ("simulate", "bsm", "--listen", f"pty://{tmp_path}/meter", "--set", "answer-delay=0")
    first = start(*options)
    proxy = start("proxy", FREE, "--to", f"pty://{tmp_path}/meter?timeout=0.2")
    with master(proxy.url) as ask:
        assert ask(READ) == SUNS
        first.end(signal.SIGKILL)
        for _ in range(2):
            with pytest.raises(UnitSilent):
                ask(READ)
        (tmp_path / "meter").unlink(missing_ok=True)
        with pytest.raises(UnitSilent) as refusal:
            time.sleep(1.1)  # an absent line is tried again after a second
            ask(READ)
        assert refusal.value.code == 0x0A
        start(*options)
        time.sleep(1.1)
        assert ask(READ) == SUNS


def test_a_line_that_is_not_there_yet(start: Start, tmp_path: Path) -> None:
    to = f"pty://{tmp_path}/meter"
    code, _, errors = start("proxy", FREE, "--to", to, wait=False).end(0)
    assert code == 4
    assert str(tmp_path) in errors
    proxy = start("proxy", FREE, "--to", to, "--keep-trying", "--control", "http://127.0.0.1:0")
    with master(proxy.url) as ask:
        with pytest.raises(UnitSilent) as refusal:
            ask(READ)
        assert refusal.value.code == 0x0A
        assert "meter" in proxy.control()["absent"]
        start("simulate", "bsm", "--listen", to, "--set", "answer-delay=0")
        time.sleep(1.1)
        assert ask(READ) == SUNS
        assert proxy.control()["absent"] is None


MISUSES = {
    ("--to", "tcp://127.0.0.1:1"): "no address for masters",
    (FREE,): "no line",
    (FREE, "--to", "bsm+tcp://127.0.0.1:1"): "whole line",
    (FREE, "--to", "http://127.0.0.1:1"): "does not carry Modbus",
    ("iec://127.0.0.1:0", "--to", "{}"): "a proxy listens at",
    ("tcp://127.0.0.1:0?unit=3", "--to", "{}"): "no unit",
    (FREE, "--to", "{}", "--fault", "droop"): "droop",
    (FREE, "--to", "{}", "--fault", "drop=101"): "0..100",
    (FREE, "--to", "{}", "--unit", "1-300"): "--unit",
    (FREE, "--to", "{}", "--read-only", "x"): "--read-only",
    (FREE, "--to", "{}", "--rate", "0"): "--rate",
    (FREE, "--to", "{}", "--control", "http://0.0.0.0:0"): "this machine",
    (FREE, "--to", "{}", "--no-such-option"): "no-such-option",
}


@pytest.mark.parametrize("arguments", MISUSES, ids=" ".join)
def test_misuse_is_exit_code_2_with_the_reason(start: Start, arguments: tuple[str, ...]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as there:
        to = f"tcp://127.0.0.1:{there.getsockname()[1]}"
        code, out, errors = start("proxy", *(part.format(to) for part in arguments), wait=False).end(0)
    assert (code, out) == (2, "")
    assert MISUSES[arguments] in errors


def test_a_port_in_use_is_exit_code_2(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as there:
        url = f"tcp://127.0.0.1:{there.getsockname()[1]}"
        code, out, errors = start("proxy", FREE, url, "--to", url, wait=False).end(0)
    assert (code, out) == (2, "")
    assert url in errors


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_ends_it_with_a_summary(start: Start, meter: str, tmp_path: Path, number: int, code: int) -> None:
    proxy = start("proxy", FREE, "--to", meter, "--trace", str(tmp_path / "trace"))
    with master(proxy.url) as ask:
        ask(READ)
        ended, out, errors = proxy.end(number)
    assert (ended, errors) == (code, "")
    summary = json.loads(out)
    assert summary["ready"] is False
    assert summary["total"]["answers"] == 1
    chunks = [chunk for chunk in read_trace(tmp_path / "trace") if chunk.data]
    assert [chunk.direction for chunk in chunks] == [">", "<"]
    assert chunks[1].data[1:-2] == SUNS


def test_in_words(meter: str) -> None:
    command = [sys.executable, "-m", "wattproof", "proxy", FREE, "--to", meter, "--control", "http://127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"Proxy to {meter}.\n"
        url = process.stdout.readline().split()[-1]
        with master(url) as ask:
            ask(READ)
        process.terminate()
        said = process.stdout.read()  # what readline has buffered too
    assert "Authorization: Bearer" in said
    assert re.search(r"^ *42 +1 +1 ", said, re.MULTILINE)


def wait_for(condition: Callable[[], object], seconds: float = 10.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)
