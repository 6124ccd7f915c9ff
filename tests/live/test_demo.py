"""The demonstration as a newcomer starts it."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

DEMO = [sys.executable, "-m", "wattproof", "demo", "--no-gateway"]


def test_the_demonstration_ends_well_and_catches_the_forged_digit(tmp_path: Path) -> None:
    done = subprocess.run(
        [*DEMO, "--once", "--speed", "5000"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("green (test keys allowed): 20.0") == 3
    assert "red: the signature does not fit the bytes" in done.stdout
    assert done.stderr == ""
    (heading,) = re.findall(r"^Try next.*$", done.stdout, re.MULTILINE)
    tried = [shlex.split(line) for line in done.stdout.partition(heading)[2].splitlines() if line.strip()]
    assert [line[line.index("bsm") - 1] for line in tried if "bsm" in line] == ["simulate", "models", "simulate"]
    assert any("bsm+tcp://127.0.0.1:5020" in line for line in tried)


def test_the_command_is_named_as_it_can_be_called(tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("wattproof")
    environment = {**os.environ, "PATH": "/nowhere"}
    command = [program, "demo", "--no-gateway", "--once", "--speed", "5000"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert f"{os.path.relpath(program, tmp_path)} read bsm+tcp://127.0.0.1:5020 --watch 1" in done.stdout


def test_with_json_stdout_is_one_object_with_the_verdicts(tmp_path: Path) -> None:
    command = [*DEMO, "--once", "--json", "--speed", "5000", "--output", "here"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
    said = json.loads(done.stdout)
    assert said["ready"] is True
    assert said["meters"][0]["model"] == "bsm"
    assert [session["overall"] for session in said["sessions"]] == ["green"] * 3
    assert said["forged"]["caught"] is True
    assert all((tmp_path / file).is_file() for file in said["files"])


def test_the_meter_stays_until_it_is_interrupted(tmp_path: Path) -> None:
    with subprocess.Popen(
        [*DEMO, "--json", "--speed", "5000"], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    ) as demo:
        assert demo.stdout is not None
        url = json.loads(demo.stdout.readline())["meters"][0]["url"]
        read = [sys.executable, "-m", "wattproof", "read", url, "bs_meter.RCnt", "--json"]
        done = subprocess.run(read, capture_output=True, text=True, timeout=30, check=True)
        assert json.loads(done.stdout)["readings"][0]["value"] == "2"
        os.kill(demo.pid, signal.SIGINT)
        assert demo.wait(20) == 0


@pytest.mark.parametrize("words", [["--speed", "0"], ["--speed", "quick"], ["--frobnicate"]])
def test_a_wrong_argument_is_misuse(words: list[str], tmp_path: Path) -> None:
    done = subprocess.run([*DEMO, *words], cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr


def test_a_gateway_over_six_meters_stays_to_be_tried(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "wattproof", "demo", "--json", "--speed", "5000"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        said = json.loads(demo.stdout.readline())
        there = said["gateway"]
        served = [meter for meter in said["meters"] if meter.get("g13")]
        assert sorted(meter["model"] for meter in served) == ["abb", "abb", "abb", "abb", "bsm", "dmed4"]
        taken = [session for session in said["sessions"] if session.get("gateway")]
        assert [session["true"] for session in taken] == [True, True]
        curl = ["curl", "-sk", "-u", f"{there['user']}:{there['password']}"]

        def get(path: str) -> Any:
            done = subprocess.run([*curl, there["url"] + path], capture_output=True, check=True, timeout=30)
            return json.loads(done.stdout)

        for meter in served:
            assert get(f"/meters/{meter['serial']}/status")["status"] == 1
            profile = get(f"/meters/{meter['serial']}/loadprofiles/1")
            assert len(profile["items"]) >= 600, (meter, len(profile["items"]))
        os.kill(demo.pid, signal.SIGINT)
        assert demo.wait(30) == 0
