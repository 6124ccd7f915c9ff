"""What the commands with a METER_URL make of their arguments, before anything is sent."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from wattproof.cli import output, run
from wattproof.cli.charge import format_wh, write_durably
from wattproof.cli.read import reading_dict, shown, span
from wattproof.cli.scan import merged, numbers, units_text
from wattproof.cli.write import assigned
from wattproof.drivers.scan import Found
from wattproof.errors import InvalidValue, StorageError, UsageError
from wattproof.io.url import parse_url
from wattproof.model.devices import DeviceInfo
from wattproof.model.readings import Reading
from wattproof.model.values import Quality

COMMANDS = ["read", "write", "snapshot", "charge", "logbook"]


@pytest.fixture(autouse=True)
def no_meter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(output.METER_VARIABLE, raising=False)


@pytest.mark.parametrize("command", COMMANDS)
def test_without_a_meter_it_says_how_to_name_one(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = {"write": ["bs_meter.DO=0"], "snapshot": ["current"]}.get(command, [])
    assert run([command, *arguments]) == 2
    assert "WATTPROOF_METER" in capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("bsm+tpc://127.0.0.1:5020", "did you mean"),
        ("bms+tcp://127.0.0.1:5020", "did you mean 'bsm'"),
        ("bsm:cm99+tcp://127.0.0.1:5020", "cm13"),
        ("bsm+tcp://127.0.0.1:5020?unti=42", "unit"),
        ("bsm+tcp://127.0.0.1:5020?chunk=126", "1 to 125"),
        ("bsm+http://127.0.0.1", "http does not lead to"),
    ],
)
def test_a_wrong_address_is_exit_code_2(command: str, url: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = {"write": ["bs_meter.DO=0"], "snapshot": ["current"]}.get(command, [])
    assert run([command, url, *arguments]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert "Traceback" not in error


def test_a_family_without_modbus_names_its_schemes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["read", "abb+tcp://127.0.0.1:5020"]) == 2
    assert "tcp does not lead to model abb; these do: mbus://, hdlc://" in capsys.readouterr().err


@pytest.mark.parametrize("command", [*COMMANDS, "models", "scan"])
def test_help_shows_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([command, "--help"]) == 0
    text = capsys.readouterr().out
    assert f"wattproof {command}" in text
    assert "Examples" in text


@pytest.mark.parametrize("command", ["scan", "read", "write", "logbook", "conformance"])
def test_examples_can_be_pasted_into_a_shell(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([command, "--help"]) == 0
    examples = [line.strip() for line in capsys.readouterr().out.splitlines() if f"wattproof {command}" in line]
    bare = [re.sub(r"'[^']*'", "", line) for line in examples]
    assert any("'" in line for line in examples)
    assert not [line for line in bare if re.search(r"[?&]", line)]


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("write", ["bsm+tcp://127.0.0.1:1"]),
        ("write", ["bsm+tcp://127.0.0.1:1", "bs_meter.DO"]),
        ("write", ["bsm+tcp://127.0.0.1:1", "sm.DO=0", "sm.DO=1"]),
        ("snapshot", ["bsm+tcp://127.0.0.1:1"]),
        ("snapshot", ["bsm+tcp://127.0.0.1:1", "current", "end"]),
        ("snapshot", ["bsm+tcp://127.0.0.1:1", "current", "--existing", "--no-wait"]),
        ("charge", ["bsm+tcp://127.0.0.1:1", "current"]),
        ("charge", ["bsm+tcp://127.0.0.1:1", "--energy", "1", "--duration", "1"]),
        ("charge", ["bsm+tcp://127.0.0.1:1", "--energy", "-1"]),
        ("charge", ["bsm+tcp://127.0.0.1:1", "--format", "pdf"]),
        ("scan", []),
        ("scan", ["tcp://127.0.0.1:1", "--units", "0-999"]),
        ("scan", ["127.0.0.1"]),
        ("scan", ["hdlc://127.0.0.1:1", "--secondary"]),
    ],
)
def test_misuse_is_said_before_connecting(
    command: str, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([command, *arguments]) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_the_environment_names_the_meter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(output.METER_VARIABLE, "bsm+tcp://one:1")
    assert output.split_url(["ac_meter.W"]) == ("bsm+tcp://one:1", ["ac_meter.W"])
    assert output.split_url(["bsm+tcp://two:2", "W"]) == ("bsm+tcp://two:2", ["W"])


@pytest.mark.parametrize(
    ("place", "right"),
    [
        ("127.0.0.1:6020", "bsm+tcp://127.0.0.1:6020"),
        ("meter.example:502", "bsm+tcp://meter.example:502"),
        ("[::1]:502", "bsm+tcp://[::1]:502"),
        ("/dev/ttyUSB0", "bsm+rtu:///dev/ttyUSB0"),
    ],
)
def test_a_place_without_a_scheme_is_named_with_the_right_address(
    place: str, right: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for environment in ("", "bsm+tcp://one:1"):
        monkeypatch.setenv(output.METER_VARIABLE, environment)
        with pytest.raises(UsageError) as caught:
            output.split_url([place, "W"])
        assert f"{place!r} is no address" in str(caught.value)
        assert str(caught.value).endswith(right)
        parse_url(right)


@pytest.mark.parametrize(
    ("wire", "people"),
    [
        ("ä€".encode().decode("latin-1"), "ä€"),
        ("\xe4 alone", "\xe4 alone"),
        ("plain", "plain"),
        (None, None),
        (b"\1\2", "0102"),
    ],
)
def test_texts_are_shown_as_utf_8_where_they_are_that(wire: str | bytes | None, people: str | None) -> None:
    raw = wire.hex() if isinstance(wire, bytes) else wire
    reading = Reading("bs_meter.Meta1", "metadata", wire, "", None, Quality.GOOD, None, raw)
    found = reading_dict(reading)
    assert (found["value"], found["raw"]) == (people, raw)
    assert shown(reading) == (people or "")


def test_assignments() -> None:
    assert assigned(["a=1", "b=x=y", "c="]) == {"a": "1", "b": "x=y", "c": ""}
    with pytest.raises(UsageError, match="nothing to write"):
        assigned([])


def test_spans_of_registers() -> None:
    assert span("40252:4") == span("0x9d3c:0x4") == (40252, 4)
    for text in ("40252", "a:b", "-1:2", "65535:2", "1:0"):
        with pytest.raises(InvalidValue, match="OFFSET:LENGTH"):
            span(text)


def test_lists_of_numbers() -> None:
    assert numbers("1-3,42,2", "--units", 0, 255) == [1, 2, 3, 42]
    for text in ("", "3-1", "256", "a", "1,,2"):
        with pytest.raises(InvalidValue):
            numbers(text, "--units", 0, 255)


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "session.xml"
    write_durably(path, b"old")
    write_durably(path, b"new")
    assert path.read_bytes() == b"new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["session.xml"]

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StorageError, match="No space left on device"):
        write_durably(path, b"newer")
    assert path.read_bytes() == b"new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["session.xml"]
    monkeypatch.undo()
    with pytest.raises(StorageError, match="No such file"):
        write_durably(tmp_path / "missing" / "session.xml", b"")


def test_json_is_json_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_json({"text": "Zähler", "path": Path("a")}, indent=None)
    text = capsys.readouterr().out
    assert text == '{"text": "Zähler", "path": "a"}\n'
    assert json.loads(text)["text"] == "Zähler"


def test_energy_for_people() -> None:
    from decimal import Decimal

    assert format_wh(Decimal("1.2E+4")) == "12.00 kWh"


def test_a_meter_that_answers_at_many_units_is_one_meter() -> None:
    def found(unit: int | None, key: bytes | None, line: str = "tcp://10.0.0.1:502") -> Found:
        info = DeviceInfo("dmed4", None, "", "", "", "", key)
        return Found(parse_url(line), unit, "dmed4", info, "registers")

    rows = [found(1, b"a"), found(2, b"a"), found(3, b"b"), found(4, b"a"), found(5, None), found(6, None)]
    rows += [found(1, b"a", "tcp://10.0.0.2:502"), Found(parse_url("http://10.0.0.3"), None, None, None, "HTTP")]
    assert [units for _, units in merged(rows)] == [[1, 2, 4], [3], [5], [6], [1], []]
    assert units_text([1, 2, 4]) == "1-2, 4"
    assert units_text([]) == ""
