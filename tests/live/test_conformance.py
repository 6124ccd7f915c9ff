"""`wattproof conformance` as a command, against a virtual meter in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest


def start(*options: str, model: str = "bsm", listen: tuple[str, ...] = ("tcp",)) -> tuple[subprocess.Popen[str], str]:
    """A virtual meter and its addresses, separated by blanks."""
    command = [sys.executable, "-m", "wattproof", "simulate", model, "--json", "--seed", "1", *options]
    for scheme in listen:
        command += ["--listen", f"{scheme}://127.0.0.1:0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, " ".join(json.loads(process.stdout.readline())["listen"])


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    process, listening = start("--speed", "40", "--set", "answer-delay=0")
    yield f"bsm+{listening}?retries=0"
    process.terminate()
    process.communicate(timeout=10)


def conformance(*arguments: str) -> tuple[int, str, str]:
    command = [sys.executable, "-m", "wattproof", "conformance", *arguments]
    wide = {**os.environ, "COLUMNS": "300"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False, env=wide)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.slow
def test_our_meter_passes_everything_over_tcp(url: str) -> None:
    code, out, err = conformance(url, "--allow-writes", "--json")
    found = json.loads(out)
    assert [result for result in found["results"] if result["result"] == "fail"] == []
    assert (code, err) == (0, "")
    assert found["summary"]["pass"] >= 90
    assert found["meter"]["serial"].startswith("00")
    assert found["allowed"] == ["read", "switching", "write"]
    assert {result["evidence"] for result in found["results"]} == {"manual", "capture", "maker's tool", "inferred"}


def test_one_statement_can_be_chosen(url: str) -> None:
    code, out, _ = conformance(url, "--statement", "B-020", "--statement", "b-021")
    assert code == 0
    assert "B-020" in out
    assert out.rstrip().endswith("2 pass")
    assert "B-019" not in out


def test_a_faulty_meter_fails_with_exit_code_1() -> None:
    process, listening = start("--fault", "bad-signature", "--speed", "40")
    try:
        code, out, _ = conformance(f"bsm+{listening}", "--allow-writes", "--statement", "B-121")
    finally:
        process.terminate()
        process.communicate(timeout=10)
    assert (code, "FAIL" in out, "does not verify with PK" in out) == (1, True, True)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("bsm+tcp://127.0.0.1:1",), 4, "127.0.0.1:1"),
        (("sunspec+{url}",), 2, "no statements for the family 'sunspec'"),
        (("dmed4+http://127.0.0.1:1",), 4, "127.0.0.1:1"),
        (("bsm+{url}", "--allow-reboots"), 2, "--allow-reboots needs --allow-writes"),
        (("bsm+{url}", "--also", "bsm+{url}"), 2, "one Modbus address"),
        (("bsm+{url}", "--statement", "B-999"), 2, "B-999: no statement that can be seen from outside"),
    ],
)
def test_misuse_and_silence_have_their_exit_codes(url: str, arguments: tuple[str, ...], code: int, words: str) -> None:
    plain = url.removeprefix("bsm+")
    found, out, err = conformance(*(argument.format(url=plain) for argument in arguments))
    assert (found, out) == (code, "")
    assert words in err
    assert "Traceback" not in err


# The DMED4, over both of its interfaces ------------------------------------------------------------------------------

FAST = ("--speed", "20", "--set", "answer-delay=0", "--set", "sign-delay=0")


@pytest.fixture(scope="module")
def dmed4(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Addresses over Modbus and REST; the latter names the file with the password."""
    secret = tmp_path_factory.mktemp("dmed4") / "password"
    secret.write_text("2000\n", encoding="utf-8")
    process, listening = start(*FAST, model="dmed4", listen=("tcp", "http"))
    modbus, rest = listening.split()
    yield f"dmed4+{modbus}", f"dmed4+{rest}?password-file={secret}"
    process.terminate()
    process.communicate(timeout=10)


@pytest.mark.slow
@pytest.mark.proves("D-024", "D-025", "D-026", "D-027", "D-028", "D-029", "D-132")
def test_our_dmed4_passes_everything_over_both_interfaces(dmed4: tuple[str, str]) -> None:
    modbus, rest = dmed4
    code, out, err = conformance(modbus, "--also", rest, "--allow-writes", "--allow-reboots", "--json")
    found = json.loads(out)
    assert [result for result in found["results"] if result["result"] == "fail"] == []
    assert (code, err) == (0, "")
    assert found["summary"]["pass"] >= 190
    assert found["allowed"] == ["read", "reboot", "switching", "write"]
    passed = {result["statement"] for result in found["results"] if result["result"] == "pass"}
    assert {f"D-{number:03d}" for number in (*range(24, 30), 112, 128, 132, 183, 209, 241, 262)} <= passed


def test_either_interface_of_a_dmed4_will_do(dmed4: tuple[str, str]) -> None:
    for url, number, other in (*zip(dmed4, ("D-076", "D-144"), ("needs REST", "needs Modbus"), strict=True),):
        code, out, _ = conformance(url, "--json")
        found = json.loads(out)
        assert (code, found["summary"]["fail"], found["allowed"]) == (0, 0, ["read"])
        results = {result["statement"]: result for result in found["results"]}
        assert results[number]["result"] == "pass"
        assert any(result["detail"].startswith(other) for result in results.values())
        assert "makes the meter reboot: --allow-reboots" in results["D-112"]["detail"]


def test_two_addresses_of_one_kind_are_misuse(dmed4: tuple[str, str]) -> None:
    code, out, err = conformance(dmed4[0], "--also", dmed4[0])
    assert (code, out) == (2, "")
    assert "one address for Modbus and one for HTTP" in err


def test_a_trace_holds_both_interfaces(dmed4: tuple[str, str], tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    code, _, _ = conformance(dmed4[0], "--also", dmed4[1], "--statement", "D-147", "--trace", str(trace))
    written = trace.read_text(encoding="utf-8")
    assert (code, "tcp://" in written, "http://" in written) == (0, True, True)


def test_a_faulty_dmed4_fails_with_exit_code_1() -> None:
    process, listening = start("--fault", "wrong-key", *FAST, model="dmed4")
    try:
        code, out, _ = conformance(f"dmed4+{listening}", "--allow-writes", "--statement", "D-241")
    finally:
        process.terminate()
        process.communicate(timeout=10)
    assert (code, "FAIL" in out, "does not verify with the public key" in out) == (1, True, True)


# An ABB meter, over M-Bus, HDLC and the TCP wrapper -------------------------------------------------------------------

#: Statements that need no long waiting, by bus.
ABB = {
    "mbus": "A-001 A-013 A-020 A-033 A-035 A-043 A-062 A-071 A-197 A-199",
    "hdlc": "A-101 A-105 A-106 A-107 A-108 A-110 A-112 A-122 A-126 A-128 A-129 A-140 A-141 A-152 A-155 A-187",
    "dlms": "A-121 A-122 A-124 A-126 A-127 A-128 A-140 A-146 A-171 A-186 A-190 A-193",
}


@pytest.fixture(scope="module")
def abb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Addresses by bus, those of COSEM with the password of client 1."""
    secret = tmp_path_factory.mktemp("abb") / "password"
    secret.write_text("00000000\n", encoding="utf-8")
    process, listening = start("--load", "constant:3000", model="abb", listen=tuple(ABB))
    urls = dict(zip(ABB, listening.split(), strict=True))
    yield {bus: f"abb+{url}?timeout=0.3&password-file={secret}" for bus, url in urls.items()}
    process.terminate()
    process.communicate(timeout=10)


def _chosen(ids: str) -> list[str]:
    return [word for number in ids.split() for word in ("--statement", number)]


@pytest.mark.parametrize("bus", ABB)
def test_our_abb_meter_passes_over_each_bus(abb: dict[str, str], bus: str) -> None:
    code, out, err = conformance(abb[bus], "--allow-writes", "--json", *_chosen(ABB[bus]))
    found = json.loads(out)
    skipped = {"A-146"}  # nothing has been recorded yet
    told = {result["statement"]: result["result"] for result in found["results"]}
    assert {number: result for number, result in told.items() if result != "pass"}.keys() <= skipped, found["results"]
    assert (code, err) == (0, "")
    assert set(told) == set(ABB[bus].split())


def test_two_buses_of_an_abb_meter_are_compared(abb: dict[str, str]) -> None:
    code, out, _ = conformance(
        abb["mbus"], "--also", abb["hdlc"], "--json", *_chosen("A-181 A-190"), "--trace", os.devnull
    )
    told = {result["statement"]: (result["result"], result["detail"]) for result in json.loads(out)["results"]}
    assert (code, told["A-181"][0]) == (0, "pass")
    assert told["A-190"] == ("skip", "needs an address with dlms://")


def test_a_faulty_abb_meter_fails_with_exit_code_1() -> None:
    process, listening = start("--fault", "unselectable", model="abb", listen=("mbus",))
    try:
        code, out, _ = conformance(f"abb+{listening}?timeout=0.3", "--statement", "A-020")
    finally:
        process.terminate()
        process.communicate(timeout=10)
    assert (code, "FAIL" in out, "is answered by silence" in out) == (1, True, True)


def test_two_addresses_of_one_bus_of_an_abb_meter_are_misuse(abb: dict[str, str]) -> None:
    code, out, err = conformance(abb["mbus"], "--also", abb["mbus"])
    assert (code, out) == (2, "")
    assert "one address for each bus" in err
