"""The vector folder's own list of verdicts, for every format."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from wattproof.signed import examine
from wattproof.signed.records import Severity
from wattproof.signed.report import Report

FOLDER = (
    Path(os.environ.get("WATTPROOF_VECTORS", Path(__file__).resolve().parents[3] / "shared" / "vectors"))
    / "transparency"
)
NOW = 1_800_000_000
#: Tokens of the report.
FORMATS = frozenset(
    "OCMF OCMF-SEALED ALFEN EDL_40_P EDL_40_SIG EDL_40_MENNEKES ISA_EDL_40_P PCDF BSM EMH GDF ChargePoint "
    "unknown".split()
)
CONTAINERS = frozenset(
    "none SAFE-XML EDL-XML MENNEKES-XML chargeIT-JSON Chargy-CTR PTB OCPI OCPP-1.6 OCPP-2.0.1 CHARGEPOINT JSONL CSV "
    "PARQUET ZIP TAR GZIP PDF QR".split()
)


@cache
def _cases() -> list[dict[str, Any]]:
    path = FOLDER / "manifest.json"
    return json.loads(path.read_text("utf-8"))["cases"] if path.is_file() else []


def _named() -> list[Any]:
    return [pytest.param(case, id=case["file"]) for case in _cases()]


@pytest.fixture(autouse=True)
def _folder(vectors: Path) -> None:
    """Skip without vectors."""


def _report(case: dict[str, Any], **options: Any) -> Report:
    key = case["key"]
    stated = key if key and len(key) > 60 and "embedded" not in key and "in file" not in key else None
    return examine(FOLDER / case["file"], stated, now=NOW, **options)


def _listed(expected: Any) -> list[Any]:
    return expected if isinstance(expected, list) else [] if expected is None else [expected]


def _wanted(case: dict[str, Any]) -> list[dict[str, str]]:
    """The minimum of session codes: ``[{code, severity?}]``."""
    found = []
    for item in case["session_codes"]:
        found += [{"code": code} for code in item["codes"]] if "codes" in item else [item]
    return found


@pytest.mark.proves("T-001", "T-002", "T-003", "T-004", "T-006", "T-007", "T-008", "T-009", "T-010", "T-011", "T-012")
@pytest.mark.proves("T-014", "T-015", "T-020", "T-021", "T-022", "T-023", "T-024", "T-025", "T-026", "T-030", "T-031")
@pytest.mark.proves("T-032", "T-033", "T-034", "T-036", "T-037", "T-039", "T-040", "T-043", "T-044", "T-045", "T-046")
@pytest.mark.proves("T-048", "T-049", "T-050", "T-051", "T-052", "T-053", "T-054", "T-055", "T-056", "T-057", "T-069")
@pytest.mark.proves(
    "T-070",
    "T-071",
    "T-072",
    "T-073",
    "T-083",
    "T-058",
    "T-059",
    "T-060",
    "T-061",
    "T-062",
    "T-063",
    "T-065",
    "T-068",
    "T-074",
    "T-077",
    "T-086",
    "B-145",
)
@pytest.mark.parametrize("case", _named())
def test_verdicts(case: dict[str, Any]) -> None:
    report = _report(case)
    assert [record.signature.verdict for record in report.records] == _listed(case["signature"])
    assert [session.verdict for session in report.sessions] == _listed(case["session"])
    wanted = _wanted(case)
    for session in report.sessions:
        found = {finding.code: finding.severity for finding in session.findings}
        for item in wanted:
            assert item["code"] in found
            assert item.get("severity", found[item["code"]]) == found[item["code"]]
        more = [c for c, s in found.items() if s is not Severity.INFO and c not in {item["code"] for item in wanted}]
        assert not more, "further codes of more than info level"
    codes = {finding.code for record in report.records for finding in record.findings}
    assert set(case["findings"]) <= codes


@pytest.mark.proves("T-097")
@pytest.mark.parametrize("case", _named())
def test_tokens(case: dict[str, Any]) -> None:
    container, _, format = case["format"].rpartition("/")
    for record in _report(case).records:
        assert record.format in FORMATS and record.container in CONTAINERS
        if container:
            assert record.container == container
        if case["session"] and format in FORMATS:
            assert record.format == format


@pytest.mark.proves("T-092")
def test_every_unit_is_counted_once() -> None:
    for case in _cases():
        summary = _report(case).summary
        coloured = sum(summary[colour] for colour in ("green", "yellow", "red", "grey"))
        assert coloured == summary["sessions"] + summary["loose_records"] > 0, case["file"]
