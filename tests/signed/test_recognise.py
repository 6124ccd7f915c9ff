"""What a document is: by its content, in the order of the specification, never by guessing."""

from __future__ import annotations

import base64
import html
import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattproof.signed import examine, formats, recognise
from wattproof.signed.formats import FormatRow
from wattproof.signed.limits import Limits
from wattproof.signed.records import Finding, Severity
from wattproof.signed.units import Carrier, stopped


def _only(data: bytes | str, **options: Any) -> Any:
    (record,) = examine(data, **options).records
    return record


def _codes(record: Any) -> set[str]:
    return {finding.code for finding in record.findings}


@pytest.mark.parametrize(
    "encode",
    [
        lambda data: data,
        lambda data: b"\xef\xbb\xbf" + data + b"\r\n",
        lambda data: b" \n\t" + data,
        lambda data: data.hex().encode(),
        lambda data: data.hex().upper().encode() + b"\n",
        lambda data: base64.encodebytes(data),
        lambda data: base64.b64encode(data).rstrip(b"="),
        lambda data: base64.urlsafe_b64encode(data),
        lambda data: base64.b32encode(data),
    ],
)
def test_one_record_in_every_text_form(encode: Any, forge: Any) -> None:
    plain = forge.examine(forge.session()).records[0]
    record = forge.examine(encode(forge.session().encode())).records[0]
    assert record.signature.verdict == "valid" and record.signed == plain.signed and record.format == "OCMF"


def test_containers_in_text_forms(forge: Any) -> None:
    xml = forge.xml((forge.session(), "1"))
    for data in (xml, xml.hex().encode(), base64.b64encode(xml)):
        report = examine(data)
        assert report.records[0].container == "SAFE-XML" and report.sessions[0].id == "1"


@pytest.mark.parametrize(
    ("data", "format", "container", "code"),
    [
        ('{"format":"ptb","ocmfBegin":"","ocmfEnd":""}', "OCMF", "PTB", "F-EMPTY"),
        ('{"encoding_method":"OCMF","signed_values":[]}', "unknown", "OCPI", "F-EMPTY"),
        (
            '[2,"1","MeterValues",{"meterValue":[{"sampledValue":[{"format":"SignedData","value":""}]}]}]',
            "unknown",
            "OCPP-1.6",
            "F-EMPTY",
        ),
        (
            '{"meterValue":[{"sampledValue":[{"signedMeterValue":{"signedMeterData":""}}]}]}',
            "unknown",
            "OCPP-2.0.1",
            "F-EMPTY",
        ),
        ('{"outlet":1,"session_id":2,"station_mac":"0"}', "ChargePoint", "CHARGEPOINT", "F-SD"),
    ],
)
def test_containers_of_json_are_told_apart(data: str, format: str, container: str, code: str) -> None:
    for record in examine(data).records:
        assert (record.format, record.container, record.signature.reason) == (format, container, code)


@pytest.mark.proves("T-076")
@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "F-EMPTY"),
        (b" \r\n", "F-EMPTY"),
        (b"\xef\xbb\xbf", "F-EMPTY"),
        (b"hello", "F-FORMAT"),
        ("OCMF|{}|{}".encode("utf-16"), "F-FORMAT"),
        (b"<values><value>", "F-XML"),
        (b"<current><value/></current>", "F-XML"),
        (b"{}", "F-FORMAT"),
        (b"[1,", "F-JSON"),
        (b"[" * 40 + b"]" * 40, "F-JSON-DEPTH"),
        (b"OCMA|{}|{}", "F-JSON"),
    ],
)
def test_what_cannot_be_read_is_a_red_loose_record(data: bytes, code: str) -> None:
    report = examine(data)
    assert not report.sessions and len(report.loose) == 1 and report.exit_status() == 1
    record = report.loose[0]
    assert record.signature.verdict == "format-error" and record.signature.reason == code
    assert code in _codes(record)


def test_a_key_alone_is_no_record(forge: Any) -> None:
    for text in (forge.key, "AC" + forge.key, base64.b64encode(bytes.fromhex(forge.key)).decode()):
        record = _only(text)
        assert record.signature.reason == "F-FORMAT" and "public key" in record.findings[0].message


def test_a_pdf_header_inside_a_record_is_text(forge: Any) -> None:
    report = forge.examine(forge.session(TT="%PDF-1.7", ID="ustar"))
    assert report.sessions[0].verdict == "ok"


@pytest.mark.parametrize(("label", "expected"), [("OCMF", set()), ("ocmf", set()), ("ALFEN", {"F-FORMAT-LABEL"})])
def test_content_beats_the_label(label: str, expected: set[str], forge: Any) -> None:
    (record,) = forge.examine(forge.xml((forge.session(), "1"), label=label)).records
    assert record.format == "OCMF" and record.signature.verdict == "valid"
    assert _codes(record) - {"F-KEY-SHARED"} == expected


def test_sizes_are_limited(forge: Any) -> None:
    record = _only(b"x" * 1000, limits=Limits(document=999))
    assert record.signature.reason == "F-SIZE"
    many = "\n".join([forge.session()] * 5)
    report = examine(many, limits=Limits(units=3))
    assert report.records[-1].signature.reason == "F-SIZE" and len(report.records) <= 4


@pytest.mark.proves("T-080")
def test_a_crash_in_a_parser_is_a_format_error(monkeypatch: pytest.MonkeyPatch, forge: Any) -> None:
    def broken(*_: object) -> Any:
        raise RuntimeError("defect")

    monkeypatch.setattr(recognise, "_rows", lambda: (recognise.Row("broken", lambda _: True, broken),))
    record = _only(b"anything")
    assert record.signature.verdict == "format-error" and "RuntimeError" in record.findings[0].message


@pytest.mark.proves("T-080")
def test_truncated_vectors_never_raise(vectors: Path) -> None:
    for path in sorted((vectors / "transparency").rglob("*")):
        if not path.is_file() or path.stat().st_size > 20_000 or path.suffix == ".md":
            continue
        data = path.read_bytes()
        for cut in range(0, len(data), max(1, len(data) // 100)):
            json.dumps(examine(data[:cut]).as_dict())


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_give_a_report(data: bytes) -> None:
    report = examine(data).as_dict()
    assert report["records"] and json.loads(json.dumps(report)) == report


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_mutated_records_give_a_report_and_are_never_valid_when_signed_bytes_changed(
    forge: Any, data: st.DataObject
) -> None:
    original = forge.session().encode()
    position = data.draw(st.integers(0, len(original) - 1))
    changed = original[:position] + data.draw(st.binary(min_size=1, max_size=3)) + original[position + 1 :]
    signed = original.split(b"|")[1]
    for record in forge.examine(changed).records:
        assert record.signature.verdict != "valid" or record.signed == signed


class _Point:
    """An entry point of another package."""

    name = "strange"

    @staticmethod
    def load() -> FormatRow:
        def parse(data: bytes, carrier: Carrier, _: Limits) -> list[Any]:
            unit = stopped("STRANGE", "F-STRANGE", "read by another package", carrier=carrier)
            unit.record.findings.append(Finding("F-MORE", Severity.INFO, data.decode()))
            return [unit]

        return FormatRow("STRANGE", lambda data: data.startswith(b"STRANGE"), parse)


def test_formats_of_other_packages_take_part(monkeypatch: pytest.MonkeyPatch) -> None:
    assert metadata.entry_points(group=formats.GROUP) is not None
    monkeypatch.setattr(metadata, "entry_points", lambda group: [_Point])
    formats.rows.cache_clear()
    recognise._rows.cache_clear()
    try:
        record = _only("STRANGE record")
        assert record.format == "STRANGE" and {"F-STRANGE", "F-MORE"} == _codes(record)
    finally:
        monkeypatch.undo()
        formats.rows.cache_clear()
        recognise._rows.cache_clear()


def test_writing_one_format_imports_no_parser_of_another() -> None:
    code = "import sys; from wattproof.signed.formats import bsm; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(result.stdout.split())
    assert "wattproof.signed.formats.bsm" in loaded
    parsers = {f"wattproof.signed.formats.{name}" for name in ("ocmf", "chargeit", "safe_xml")}
    assert loaded.isdisjoint(parsers | {"wattproof.signed.jsonscan"})


@pytest.mark.proves("T-118", "T-074")
@pytest.mark.parametrize("stated", ["hex", "base64", "base64url", "base32"])
def test_a_wrong_encoding_label_that_happens_to_fit_decides_nothing(stated: str, forge: Any) -> None:
    for text in (forge.session().encode().hex(), base64.b64encode(forge.session().encode()).decode()):
        data = forge.xml((text, "1")).replace(b'encoding="plain"', f'encoding="{stated}"'.encode(), 1)
        assert _only(data, public_key=forge.key).signature.verdict == "valid"


def test_containers_in_containers_end_soon(forge: Any) -> None:
    data = forge.session()
    verdicts = []
    for _ in range(6):
        data = f"<values><value><signedData>{html.escape(data)}</signedData></value></values>"
        verdicts.append(_only(data, public_key=forge.key).signature.reason)
    assert verdicts == [None, None, None, None, "F-XML-DEPTH", "F-XML-DEPTH"]
