"""`wattproof verify --report`, `--language`: files, refusals, and that German says the same."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from wattproof.cli import output, run
from wattproof.signed.forging import MAKERS, VARIANTS, forge, maker
from wattproof.signed.texts import HEADLINES, NOTICE, TEXTS, VERDICTS


@pytest.fixture
def verify(capsys: pytest.CaptureFixture[str]) -> Any:
    def call(*arguments: object) -> SimpleNamespace:
        output.console.cache_clear()
        output.errors.cache_clear()
        code = run(["verify", *map(str, arguments)])
        out, err = capsys.readouterr()
        return SimpleNamespace(code=code, out=out, err=err)

    return call


@pytest.fixture
def session(tmp_path: Path) -> Path:
    path = tmp_path / "session.xml"
    path.write_bytes(forge("SAFE-XML", "missing-page").data)
    return path


@pytest.mark.proves("T-112")
def test_a_report_is_written_beside_the_verdict(verify: Any, session: Path, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    result = verify(session, "--report", path)
    assert result.code == 1 and "RED" in result.out and str(path) in result.err
    page = path.read_text("utf-8")
    assert page.startswith("<!DOCTYPE html>") and '<html lang="en">' in page and NOTICE.de in page
    german = verify(session, "--report", path, "--language", "de", "--json")
    assert '<html lang="de">' in path.read_text("utf-8")
    assert json.loads(german.out)["notice"] == NOTICE.en and not german.err, "JSON is English, and stays alone"


def test_what_cannot_be_written_is_said_before_or_after(verify: Any, session: Path, tmp_path: Path) -> None:
    wrong = verify(session, "--report", tmp_path / "report.txt")
    assert wrong.code == 2 and ".html" in wrong.err and not wrong.out
    assert verify(session, "--report", tmp_path / "nowhere" / "report.html").code == 5


def test_a_pdf_without_its_extra_is_misuse(
    verify: Any, session: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "reportlab", None)
    result = verify(session, "--report", tmp_path / "report.pdf")
    assert result.code == 2 and "wattproof[documents]" in result.err and not result.out


def test_a_pdf_is_written(verify: Any, session: Path, tmp_path: Path) -> None:
    pytest.importorskip("reportlab")
    path = tmp_path / "report.PDF"
    assert verify(session, "--report", path).code == 1
    assert path.read_bytes().startswith(b"%PDF-")


@pytest.mark.proves("T-112")
def test_german_says_the_same(verify: Any, session: Path) -> None:
    english, german = verify(session).out, verify(session, "--language", "de").out
    for text in (VERDICTS["fail"], TEXTS["S-PAGE-GAP"], HEADLINES["valid"], NOTICE):
        assert text.en.rstrip(".") in english and text.de.rstrip(".") in german
        assert text.en.rstrip(".") not in german
    assert "✘ ROT" in german and "Ladevorgang 1" in german and "1 rot" in german
    assert english.count("\n") == german.count("\n")


@pytest.mark.parametrize(
    ("format", "variant"),
    [(name, kind) for name in MAKERS for kind in VARIANTS if kind not in ("tampered", *maker(name).lacks)],
)
def test_no_variant_is_without_german_words(verify: Any, tmp_path: Path, format: str, variant: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(forge(format, variant).data)
    english, german = (
        verify(path, "--profile", "safe-1.4.1"),
        verify(path, "--profile", "safe-1.4.1", "--language", "de"),
    )
    assert english.code == german.code
    for word in (" session ", " meter ", "warning", "signature", "would say", "grey"):
        plain = "\n".join(line for line in german.out.splitlines() if "[" not in line and "P-S" not in line)
        assert word not in plain, word


@pytest.mark.proves("T-082")
def test_the_locale_counts_only_on_request(verify: Any, session: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    english = verify(session).out
    monkeypatch.setenv("LC_ALL", "de_AT.UTF-8")
    assert verify(session).out == english
    assert NOTICE.de in verify(session, "--language", "auto").out
    monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")
    assert verify(session, "--language", "auto").out == english
    assert verify(session, "--language", "fr").code == 2


def test_start_up_of_each_command_is_light(tmp_path: Path) -> None:
    """Nothing of the reports, the forge or the gateway is imported before it is needed."""
    path = tmp_path / "session.xml"
    path.write_bytes(forge("SAFE-XML").data)
    program = (
        "import sys; from wattproof.cli import run; run(sys.argv[1:]);"
        "print(*sorted(m for m in sys.modules if m.startswith(('wattproof.', 'msgspec', 'reportlab', 'asyncio'))))"
    )
    heavy = {
        "verify": ("wattproof.signed.paper", "wattproof.signed.forging", "wattproof.gateway", "reportlab", "asyncio"),
        "forge": ("wattproof.signed.paper", "wattproof.gateway", "wattproof.virtual", "reportlab", "asyncio"),
        "keys": ("wattproof.signed.paper", "wattproof.gateway", "wattproof.cli.gateway", "reportlab", "asyncio"),
    }
    for arguments in (["verify", str(path)], ["forge", "OCMF"], ["keys", "list"]):
        done = subprocess.run(
            [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True, timeout=60
        )
        loaded = done.stdout.splitlines()[-1].split()
        assert "wattproof.cli" in loaded
        assert not [name for name in loaded if name.startswith(heavy[arguments[0]])], arguments
