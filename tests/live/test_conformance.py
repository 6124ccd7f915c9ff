"""`wattproof conformance` as a command, against a virtual meter in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest


def start(*options: str) -> tuple[subprocess.Popen[str], str]:
    command = [sys.executable, "-m", "wattproof", "simulate", "bsm", "--json", "--seed", "1"]
    command += ["--listen", "tcp://127.0.0.1:0", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, json.loads(process.stdout.readline())["listen"][0]


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
        (("bsm+{url}", "--statement", "B-999"), 2, "B-999: no statement that can be seen from outside"),
    ],
)
def test_misuse_and_silence_have_their_exit_codes(url: str, arguments: tuple[str, ...], code: int, words: str) -> None:
    plain = url.removeprefix("bsm+")
    found, out, err = conformance(*(argument.format(url=plain) for argument in arguments))
    assert (found, out) == (code, "")
    assert words in err
    assert "Traceback" not in err
