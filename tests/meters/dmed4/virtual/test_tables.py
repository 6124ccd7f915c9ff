"""The closed tables of the virtual DMED4 against those of the specification: faults, controls, options (14.3, 15)."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wattproof.cli import run
from wattproof.errors import UsageError

SPECIFICATION = (
    Path(os.environ.get("WATTPROOF_SPECS", Path(__file__).resolve().parents[5] / "shared" / "specs")) / "dmed4.md"
)


def section(number: str) -> str:
    """The text of one section, or of one subsection."""
    if not SPECIFICATION.is_file():
        pytest.skip(f"no specification at {SPECIFICATION}: set WATTPROOF_SPECS")
    text = SPECIFICATION.read_text(encoding="utf-8")
    found = re.search(rf"^### {re.escape(number)} .*?(?=^##)", text, re.MULTILINE | re.DOTALL)
    assert found, f"the specification has no section {number}"
    return found.group()


def names(number: str) -> list[str]:
    """What stands in backticks in the first column of the tables of a section."""
    cells = re.findall(r"^\| (.*?) \|", section(number), re.MULTILINE)
    return [name for cell in cells for name in re.findall(r"`([a-z0-9-]+)`", cell)]


def documented(capsys: pytest.CaptureFixture[str], option: str) -> Any:
    assert run(["models", "dmed4", option, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.proves("D-312")
def test_faults_and_controls_are_those_of_the_specification(capsys: pytest.CaptureFixture[str]) -> None:
    shown = documented(capsys, "--faults")
    expected = [name for number in ("15.2", "15.3", "15.4", "15.5", "15.6") for name in names(number)]
    assert sorted(row["name"] for row in shown["faults"]) == sorted(expected)
    assert len(set(expected)) == len(expected) > 90
    assert sorted(row["name"] for row in shown["controls"]) == sorted(names("15.7"))
    for row in (*shown["faults"], *shown["controls"]):
        assert row["description"] and row["values"] and re.fullmatch(r"1[45]\.[2-7]", row["source"])


@pytest.mark.proves("D-312")
@pytest.mark.parametrize(
    "fault", ["error-json", "ERROR-JSON-SYNTAX", "board1-osc-err", "e-0", "e-13", "e_1", "wrong-unit", ""]
)
def test_every_other_fault_is_refused(bench: Callable[..., Any], fault: str) -> None:
    one = bench()
    with pytest.raises(UsageError, match="no fault"):
        one.fault(fault)
    with pytest.raises(UsageError, match="no fault"):
        bench(faults=(fault,))
    with pytest.raises(UsageError, match="no control"):
        one.control(colour="red")


#: Option, values that are taken, and values that are not (14.3).
OPTIONS: list[tuple[str, str, str]] = [
    ("answer-delay", "0 0.01 10", "-1 10.1 x"),
    *(
        (name, "0 0.5 600", "-0.1 600.1 1s nan inf")
        for name in ("sign-delay", "start-delay", "init-delay", "reboot-delay")
    ),
    ("login-timeout", "0 86400", "-1 86401"),
    *((name, "1 100000", "0 100001 1.5 all") for name in ("ocmf-log-size", "event-log-size")),
    ("unassigned", "error zeros", "Error 0"),
    ("block-4000-offset", "0 1", "2 -1 yes"),
    ("third-connection", "close evict", "open"),
    ("inner-quotes", "escaped plain", "no"),
    ("post-parameters", "answer silent", "drop"),
    ("gateway-bus", "tcp://127.0.0.1:1502 rtu:///dev/ttyUSB0", "127.0.0.1 http://127.0.0.1"),
    ("gateway-timeout", "0.05 1 10", "0.04 10.1"),
    ("gateway-failure", "exception silence", "none"),
    ("channels", "1 1,3 4,2 1,2,3,4", "0 5 1,1 1,"),
    ("channel-alias", "none 1 4", "0 5"),
    *((name, "1-0:1.8.0 01-00:B0.08.00*FF", 'a|b a"b') for name in ("ri-import", "ri-export", "ri-cycle")),
    *((name, "0 99999999.999", "-1 100000000") for name in ("energy", "energy-export")),
    ("time", "factory now 2026-01-02T03:04:05Z 2026-01-02T03:04:05+02:00", "2026-01-02 tomorrow 1969-12-31T00:00:00Z"),
    *((name, "yes no", "1 true") for name in ("commissioned", "cable-locked")),
    ("load-follows", "session always", "never"),
    ("P05_03", "10.0.0.5 3232235777 0", "10.0.0 4294967296 x"),
    ("P04_02", "0 7", "8 -1 9600"),
]


@pytest.mark.proves("D-307")
@pytest.mark.parametrize(("name", "right", "wrong"), OPTIONS, ids=[name for name, _, _ in OPTIONS])
def test_options_have_limits(bench: Callable[..., Any], name: str, right: str, wrong: str) -> None:
    for text in right.split():
        bench(**{name: text})
    for text in wrong.split():
        with pytest.raises(UsageError, match=name) as refused:
            bench(**{name: text})
        assert refused.value.exit_code == 2


@pytest.mark.proves("D-307")
@pytest.mark.parametrize("name", ["colour", "Answer-Delay", "P07_01", "p05_03", "P05-03", "url", ""])
def test_other_options_are_refused(bench: Callable[..., Any], name: str) -> None:
    with pytest.raises(UsageError, match="no option") as refused:
        bench(**{name: "1"})
    assert refused.value.exit_code == 2


@pytest.mark.proves("D-307")
def test_options_and_defaults_are_those_of_the_specification(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "dmed4", "--json"]) == 0
    shown = {row["name"]: row["default"] for row in json.loads(capsys.readouterr().out)["options"]}
    parameters = dict(re.findall(r"^\| (P\d\d_\d\d) \|.*\| (\S+) \|$", section("7.12"), re.MULTILINE))
    assert len(parameters) == 27
    assert sorted(shown) == sorted([*names("14.3"), *parameters])
    assert sorted({name for name, _, _ in OPTIONS if name[0] != "P"}) == sorted(names("14.3"))
    parameters["P05_03"] = str(0xC0A80101)
    assert {name: shown[name] for name in parameters} == parameters
    defaults = re.findall(r"^\| (`.*?`) \|.*\| ([^|]+) \| [^|]+ \|$", section("14.3"), re.MULTILINE)
    for cell, values in defaults:
        found = re.findall(r"`([a-z0-9-]+)`", cell)
        each = re.split(r", (?=\S)", values) if len(found) > 1 else [values]
        if len(each) == len(found) and cell != "`channels`, `channel-alias`":
            for name, value in zip(found, each, strict=True):
                assert (shown[name] or "none") == value, name
