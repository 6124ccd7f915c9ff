"""Texts of devices and files on a terminal."""

from __future__ import annotations

import pytest

from wattproof.cli import output, run
from wattproof.cli.output import harmless
from wattproof.errors import HttpRefused

#: Title of the window, colour, clear the screen in one byte, right-to-left, line end.
EVIL = "500 \x1b]0;title\x07\x1b[31mred\x9b2J\u202eend\r\n"
SHOWN = "500 \\u001b]0;title\\u0007\\u001b[31mred\\u009b2J\\u202eend\\u000d\n"


def test_controls_are_shown_and_not_obeyed() -> None:
    assert harmless(EVIL) == SHOWN
    assert harmless("Zähler, 25,0 °C\nzweite Zeile") == "Zähler, 25,0 °C\nzweite Zeile"


def test_a_refusal_in_the_words_of_a_device(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(*_: object) -> None:
        raise HttpRefused(500, f"http://meter/v1/measure refused GET with {EVIL}")

    monkeypatch.setattr("wattproof.cli._call", refused)
    assert run(["read", "dmed4+http://meter"]) == 1
    assert capsys.readouterr().err == f"error: http://meter/v1/measure refused GET with {SHOWN}\n"


def test_lines_and_cells(capsys: pytest.CaptureFixture[str]) -> None:
    output.console.cache_clear()
    output.errors.cache_clear()
    output.say(EVIL)
    output.note(EVIL)
    output.warn(EVIL)
    output.show(output.table(("Type",), [(EVIL.rstrip(),)]))
    printed = capsys.readouterr()
    assert all(letter.isprintable() or letter == "\n" for letter in printed.out + printed.err)
    assert (printed.out.count("\\u001b[31mred"), printed.err.count("\\u001b[31mred")) == (2, 2)
