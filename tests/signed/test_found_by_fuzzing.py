"""Defects that fuzzing found, each with the smallest input that shows it."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest

from wattproof.signed import examine, forging
from wattproof.signed.records import Verdict
from wattproof.signed.report import Report

NOW = 1_800_000_000


def judged(data: bytes) -> Report:
    report = examine(data, now=NOW)
    for record in report.records:
        assert not any("internal error" in finding.message for finding in record.findings)
    return report


@pytest.mark.proves("T-099")
@pytest.mark.parametrize("format", ["ALFEN", "PCDF"])
@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_a_record_with_its_line_end_is_a_text_of_json_lines(format: str, end: str) -> None:
    """The text begins like a record in quotes; the line end that it holds as an escape is none of its content."""
    text = forging.forge(format).data.decode().rstrip() + end
    line = json.dumps(text) + "\n"
    alone = [(record.signature.verdict, record.signed) for record in judged(text.encode()).records]
    found = [(record.signature.verdict, record.signed) for record in judged((line + line).encode()).records]
    assert {verdict for verdict, _ in alone} == {Verdict.VALID}
    assert found == alone * 2


@pytest.mark.proves("T-080")
@pytest.mark.parametrize(
    "broken", ["128.8.0(ST:250301090000)x(SG:3006020101020101)", "128.8.0(ST:25", "rubbish", "128.8.0"]
)
def test_reading_goes_on_behind_a_broken_pcdf_record(broken: str) -> None:
    whole = forging.forge("PCDF").data.decode()
    report = judged((whole + broken + whole).encode())
    verdicts = [record.signature.verdict for record in report.records]
    assert verdicts == [Verdict.VALID, Verdict.FORMAT_ERROR, Verdict.VALID]
    assert report.records[1].text.startswith(broken)


@pytest.mark.proves("T-080")
def test_a_member_of_an_archive_may_have_no_name() -> None:
    record = forging.forge("OCMF").data
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("N", record)
    data = file.getvalue().replace(b"\0N" + record[:4], b"\0\0" + record[:4])
    data = data.replace(b"\0NPK\5\6", b"\0\0PK\5\6")
    report = judged(data)
    assert [record.source for record in report.records] == ["data!/", "data!/"]


@pytest.mark.proves("T-082")
def test_what_a_library_says_has_no_address_in_memory() -> None:
    pypdf = pytest.importorskip("pypdf")
    writer = pypdf.PdfWriter()
    writer.add_blank_page(100, 100)
    writer.add_attachment("a.ocmf", b"OCMF|{}|{}")
    file = io.BytesIO()
    writer.write(file)
    data = file.getvalue().replace(b"/EF <<", b"/XX <<")
    assert data != file.getvalue()
    first, second = (judged(data).as_dict()["records"] for _ in range(2))
    assert first == second and first[0]["signature"] == "format-error"


@pytest.mark.proves("T-110")
@pytest.mark.parametrize("value", [[], ["1.0"], {}, {"a": 1}])
def test_a_prediction_knows_fields_of_any_type(forge: Any, value: Any) -> None:
    """A list in the place of a text once left the prediction open."""
    for payload in (forge.payload([forge.reading("B", "1")], FV=value), forge.payload([forge.reading(value, "1")])):
        report = examine(forge.sign(json.dumps(payload)), forge.key, now=NOW)
        for unit in (*report.sessions, *report.loose):
            assert report.predictions(unit)["chargy-0.12"].verdict == "refused"


@pytest.mark.proves("T-031", "T-125")
@pytest.mark.parametrize("place", ['"SA"', "}|{", "|30"])
def test_a_byte_beside_the_payload_does_not_change_what_is_shown(forge: Any, place: str) -> None:
    """One byte that is no UTF-8 behind the payload, and a signed text was shown as if it were Windows-1252."""
    user, tariff = "T\u00fcr", "0,39 \u20ac/kWh"
    record = f"{forge.session(ID=user, TT=tariff)}|{forge.key}".encode()
    at = record.rindex(place.encode()) + 2
    for changed in (record[:at] + b"\xd2" + record[at + 1 :], record[:at] + b"\xff" + record[at:]):
        (found,) = judged(changed).records
        shown = (found.identification, found.tariff)
        assert found.signature.verdict is not Verdict.VALID or shown == (user, tariff)
    changed = record.replace(b'{"SA":', b'{"x":"\xff","SA":')
    (found,) = judged(changed).records
    assert found.signature.verdict is Verdict.VALID
    assert (found.identification, found.tariff) == (user, tariff)
    assert any(finding.code == "F-UTF8" for finding in found.findings)
