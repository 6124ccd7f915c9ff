"""``wattproof simulate`` as a process: its ready object, its listeners, its end, its state on disk."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from wattproof.meters.bsm.points import MAP
from wattproof.wire.modbus.framing import Request, rtu
from wattproof.wire.modbus.framing import ascii as ascii_framing

FREE = ("--listen", "tcp://127.0.0.1:0")


def address(path: str) -> int:
    return MAP.find(path)[0].address


TOTAL, RCNT, MA1 = address("ac_meter.TotWhImp"), address("bs_meter.RCnt"), address("bs_meter.MA1")
CURRENT = address("signed_current_snapshot.St")


class Process:
    """A running ``wattproof simulate``."""

    def __init__(self, *options: str, wait: bool = True) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "wattproof", "simulate", *options, "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.ready: dict[str, Any] = {}
        if wait:
            line = self._stdout.readline()
            assert line, self.process.communicate()[1]
            self.ready = json.loads(line)

    @property
    def _stdout(self) -> Any:
        return self.process.stdout

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        self.process.send_signal(number)
        return self.result()

    def result(self) -> tuple[int, str]:
        _, errors = self.process.communicate(timeout=20)
        return self.process.returncode, errors


@contextlib.contextmanager
def simulate(*options: str) -> Iterator[Process]:
    process = Process(*options)
    try:
        yield process
    finally:
        if process.process.poll() is None:
            process.end(signal.SIGKILL)


def refused(*options: str) -> tuple[int, str]:
    process = Process(*options, wait=False)
    try:
        code, errors = process.result()
    except subprocess.TimeoutExpired:
        process.end(signal.SIGKILL)
        raise
    assert errors.startswith("error: ")
    assert "Traceback" not in errors
    return code, errors


def place(url: str) -> tuple[str, int]:
    host, _, port = url.partition("://")[2].partition("?")[0].rpartition(":")
    return host, int(port)


def read(url: str, register: int, count: int, unit: int = 42) -> bytes:
    """Registers over Modbus TCP; an exception answer comes back as its two bytes."""
    with socket.create_connection(place(url), timeout=10) as peer:
        return ask(peer, struct.pack(">BHH", 3, register, count), unit)[2:]


def ask(peer: socket.socket, pdu: bytes, unit: int = 42) -> bytes:
    peer.sendall(struct.pack(">HHHB", 7, 0, len(pdu) + 1, unit) + pdu)
    head = take(peer, 7)
    assert head[:4] == b"\0\7\0\0"
    return take(peer, int.from_bytes(head[4:6], "big") - 1)


def take(peer: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = peer.recv(count - len(data))
        assert more, f"closed after {data!r}"
        data += more
    return data


def integer(url: str, register: int) -> int:
    return int.from_bytes(read(url, register, 2), "big")


def http(ready: dict[str, Any], method: str, path: str, body: object = None, token: str | None = None) -> Any:
    request = urllib.request.Request(
        ready["control"] + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {token or ready['token']}"},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.loads(answer.read())


def test_the_ready_object_and_a_clean_end() -> None:
    with simulate("bsm", *FREE, "--seed", "3", "--control", "http://127.0.0.1:0") as meter:
        ready = meter.ready
        assert list(ready) == [
            "ready",
            "model",
            "variant",
            "serial",
            "listen",
            "control",
            "token",
            "public_key",
            "meters",
        ]
        assert ready["ready"] is True
        assert (ready["model"], ready["variant"]) == ("bsm", "cm13")
        assert len(ready["listen"]) == 1
        assert ready["listen"][0].startswith("tcp://127.0.0.1:")
        assert bytes.fromhex(ready["public_key"])[:2] == b"\x30\x59"
        assert ready["meters"] == [
            {
                "serial": ready["serial"],
                "unit": 42,
                "listen": ready["listen"],
                "public_key": ready["public_key"],
            }
        ]
        assert read(ready["listen"][0], 40000, 2) == b"SunS"
        assert read(ready["listen"][0], MA1, 8).decode() == ready["serial"]
        code, errors = meter.end()
    assert (code, errors) == (0, "")
    with simulate("bsm", *FREE, "--seed", "3") as again:
        assert again.ready["serial"] == ready["serial"]
        assert again.ready["public_key"] == ready["public_key"]
        assert again.ready["control"] is None
        assert again.end(signal.SIGINT) == (130, "")


def test_people_are_told_what_to_try() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "wattproof", "simulate", "bsm", *FREE], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    lines = [process.stdout.readline()]
    while lines[-1] and not lines[-1].startswith("Ctrl-C"):
        lines.append(process.stdout.readline())
    process.terminate()
    process.stdout.close()
    assert process.wait(10) == 0
    text = "".join(lines)
    assert "Virtual bsm:cm13, serial 001BZR" in text
    assert "wattproof read 'bsm+tcp://127.0.0.1:" in text


def test_a_taken_port_is_an_error_unless_it_is_the_default() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, errors = refused("bsm", "--listen", f"tcp://127.0.0.1:{port}")
        assert code == 2
        assert f"tcp://127.0.0.1:{port}" in errors
        assert "port 0" in errors
        code, errors = refused("bsm", *FREE, "--control", f"http://127.0.0.1:{port}")
        assert code == 2
        assert f"http://127.0.0.1:{port}" in errors
    with simulate("bsm") as first, simulate("bsm") as second:
        assert first.ready["listen"] != second.ready["listen"]
        assert read(second.ready["listen"][0], 40000, 2) == b"SunS"


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("bms",), "bms"),
        (("bsm:cm99",), "cm99"),
        (("bsm:",), "no variant"),
        (("bsm", "--serial", ""), "serial"),
        (("bsm", "--serial", "001BZR9999999998", "--count", "3"), "001BZR9999999998"),
        (("bsm", "--set", "colour=red"), "colour"),
        (("bsm", "--set", "colour"), "KEY=VALUE"),
        (("bsm", "--set", "answer-delay=11"), "answer-delay"),
        (("bsm", "--set", "answer-delay=1", "--set", "answer-delay=2"), "twice"),
        (("bsm", "--fault", "colour"), "colour"),
        (("bsm", "--fault", "garble=101"), "garble"),
        (("bsm", "--fault", "garble@nowhere:never"), "nowhere"),
        (("bsm", "--speed", "0"), "speed"),
        (("bsm", "--speed", "fast"), "speed"),
        (("bsm", "--speed", "100001"), "speed"),
        (("bsm", "--count", "0"), "count"),
        (("bsm", "--unit", "248"), "unit"),
        (("bsm", "--load", "csv:/no/such/file"), "/no/such/file"),
        (("bsm", "--key", "/no/such/file"), "/no/such/file"),
        (("bsm", "--listen", "http://127.0.0.1:0"), "http://127.0.0.1:0"),
        (("bsm", "--listen", "rtu://127.0.0.1"), "port"),
        (("bsm", "--listen", "tcp://192.0.2.1:0"), "192.0.2.1"),
        (("bsm", "--listen", "bsm+tcp://127.0.0.1:0"), "no model"),
        (("bsm", "--control", "http://0.0.0.0:0"), "0.0.0.0"),
        (("bsm", "--listen", "rtu://127.0.0.1:0", "--count", "10", "--unit", "240"), "240"),
    ],
)
def test_misuse_is_named_with_exit_code_2(options: tuple[str, ...], named: str) -> None:
    code, errors = refused(*options)
    assert code == 2
    assert named in errors


def test_state_survives_kill_and_is_locked_while_in_use(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    options = ("bsm", *FREE, "--state", str(folder), "--speed", "200", "--set", "answer-delay=0", "--set", "energy=5")
    with simulate(*options) as meter:
        url, serial, key = meter.ready["listen"][0], meter.ready["serial"], meter.ready["public_key"]
        code, errors = refused("bsm", *FREE, "--state", str(folder))
        assert code == 5
        assert f"in use by process {meter.process.pid}" in errors
        with socket.create_connection(place(url), timeout=20) as peer:
            for _ in range(3):
                ask(peer, struct.pack(">BHHBH", 16, CURRENT, 1, 2, 2))
                assert ask(peer, struct.pack(">BHH", 3, CURRENT, 1)) == b"\x03\x02\0\0"
        count = integer(url, RCNT)
        assert count == 3
        meter.end(signal.SIGKILL)
    with simulate(*options) as meter:
        url = meter.ready["listen"][0]
        assert (meter.ready["serial"], meter.ready["public_key"]) == (serial, key)
        assert integer(url, RCNT) == count
        assert read(url, CURRENT, 1) == b"\0\1"
        assert int.from_bytes(read(url, TOTAL, 2), "big") == 500
        assert meter.end() == (0, "")


def test_a_meter_that_powers_up_is_ready_when_it_answers_and_can_be_interrupted(tmp_path: Path) -> None:
    options = ("bsm", *FREE, "--set", "answer-delay=0", "--set", "start-delay=1")
    begun = time.monotonic()
    with simulate(*options) as meter:
        assert time.monotonic() - begun > 1
        assert read(meter.ready["listen"][0], 40000, 2) == b"SunS"
    link = tmp_path / "meter"
    waiting = Process("bsm", "--listen", f"pty://{link}", "--set", "start-delay=600", wait=False)
    while not link.exists():
        assert waiting.process.poll() is None
        time.sleep(0.01)
    assert waiting.end() == (0, "")
    assert not link.is_symlink()


def test_a_damaged_state_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state.journal").write_bytes(b"rubbish")
    code, errors = refused("bsm", *FREE, "--state", str(tmp_path))
    assert code == 5
    assert "state.journal" in errors
    assert "damaged" in errors


def test_many_meters_have_ports_serials_and_folders_of_their_own(tmp_path: Path) -> None:
    options = ("bsm", *FREE, "--count", "5", "--state", str(tmp_path), "--control", "http://127.0.0.1:0")
    with simulate(*options) as meters:
        found = meters.ready["meters"]
        assert [one["unit"] for one in found] == [42] * 5
        first = int(found[0]["serial"][-8:])
        assert [int(one["serial"][-8:]) for one in found] == list(range(first, first + 5))
        assert len({one["listen"][0] for one in found}) == len({one["public_key"] for one in found}) == 5
        for one in found:
            assert read(one["listen"][0], MA1, 8).decode() == one["serial"]
        assert [one["serial"] for one in http(meters.ready, "GET", "/")["meters"]] == [one["serial"] for one in found]
        assert http(meters.ready, "GET", f"/meters/{found[3]['serial']}")["serial"] == found[3]["serial"]
        meters.end(signal.SIGKILL)
    assert sorted(entry.name for entry in tmp_path.iterdir() if entry.is_dir()) == [one["serial"] for one in found]
    with simulate(*options) as again:
        assert [one["serial"] for one in again.ready["meters"]] == [one["serial"] for one in found]
        assert [one["public_key"] for one in again.ready["meters"]] == [one["public_key"] for one in found]


@pytest.mark.parametrize("scheme", ["rtu", "ascii"])
def test_several_meters_on_one_line_have_consecutive_units(scheme: str) -> None:
    framer: Any = {"rtu": rtu, "ascii": ascii_framing}[scheme].ClientFramer()
    with simulate("bsm", "--listen", f"{scheme}://127.0.0.1:0", "--count", "3", "--unit", "7") as meters:
        assert [one["unit"] for one in meters.ready["meters"]] == [7, 8, 9]
        (url,) = meters.ready["listen"]
        with socket.create_connection(place(url), timeout=10) as peer:
            for one in reversed(meters.ready["meters"]):
                pdu = struct.pack(">BHH", 3, MA1, 8)
                framer.expecting(Request(one["unit"], pdu))
                peer.sendall(framer.encode(one["unit"], pdu))
                answers: list[Any] = []
                while not answers:
                    answers = framer.receive(peer.recv(300))
                assert answers[0].pdu[2:].decode() == one["serial"]


def test_consecutive_ports() -> None:
    port = 0
    while not port:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            with contextlib.suppress(OSError, OverflowError):
                second.bind(("127.0.0.1", first.getsockname()[1] + 1))
                port = first.getsockname()[1]
    with simulate("bsm", "--listen", f"tcp://127.0.0.1:{port}", "--count", "2") as meters:
        assert meters.ready["listen"] == [f"tcp://127.0.0.1:{port}", f"tcp://127.0.0.1:{port + 1}"]
    code, errors = refused("bsm", "--listen", "tcp://127.0.0.1:65535", "--count", "2")
    assert code == 2
    assert "65535" in errors


@pytest.mark.proves("B-195")
def test_control_while_it_runs() -> None:
    with simulate("bsm", *FREE, "--control", "http://127.0.0.1:0", "--set", "answer-delay=0") as meter:
        ready, url = meter.ready, meter.ready["listen"][0]
        with pytest.raises(urllib.error.HTTPError) as info:
            http(ready, "GET", "/", token="wrong")
        assert info.value.code == 401
        info.value.close()
        state = http(ready, "GET", "/")
        keys = "model variant serial unit speed time controls faults signals load energy snapshots display leds"
        assert list(state) == keys.split()
        changed = http(ready, "PATCH", "/", {"controls": {"doe": False}, "faults": {"exception": 6}})
        assert changed["signals"]["doe"] in (False, 0)
        assert changed["faults"] == {"exception": 6}
        assert read(url, 40000, 2) == b""  # an exception answer has two bytes
        http(ready, "PATCH", "/", {"faults": {"exception": False}})
        last = http(ready, "GET", "/journal")["last"]
        assert read(url, 40000, 2) == b"SunS"
        entries = http(ready, "GET", f"/journal?after={last}&wait=10")["entries"]
        assert [entry["kind"] for entry in entries] == ["request", "answer"]
        assert entries[0]["bytes"] == "0007000000062a039c400002"
        assert entries[1]["bytes"] == "0007000000072a030453756e53"
        for name, change in (("colour", {"faults": {"colour": True}}), ("doe", {"controls": {"doe": "green"}})):
            with pytest.raises(urllib.error.HTTPError) as info:
                http(ready, "PATCH", "/", change)
            assert info.value.code == 400
            assert name in json.loads(info.value.read())["error"]
            info.value.close()


def test_a_full_disk_ends_the_meter_with_exit_code_5(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    with simulate("bsm", *FREE, "--state", str(folder), "--speed", "1000") as meter:
        folder.chmod(0o500)
        if os.access(folder, os.W_OK):  # nothing is forbidden to root: take the file's place instead
            (folder / "state.journal").unlink()
            (folder / "state.journal").mkdir()
        else:
            (folder / "state.journal").chmod(0o400)
        with socket.create_connection(place(meter.ready["listen"][0]), timeout=20) as peer:
            pdu = struct.pack(">BHHBH", 16, CURRENT, 1, 2, 2)
            peer.sendall(struct.pack(">HHHB", 1, 0, len(pdu) + 1, 42) + pdu)
            deadline = time.monotonic() + 5
            while meter.process.poll() is None and time.monotonic() < deadline:
                with contextlib.suppress(OSError):
                    ask_again = struct.pack(">HHHBBHH", 2, 0, 6, 42, 3, RCNT, 2)
                    peer.sendall(ask_again)
                    peer.settimeout(0.2)
                    peer.recv(300)
        code, errors = meter.result()
        folder.chmod(0o700)
    assert code == 5
    assert "state.journal" in errors
    assert "Traceback" not in errors
