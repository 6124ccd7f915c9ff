"""Records that were written without this package: every format is valid, and its values are those that went in."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.signed import independent as made
from wattproof.signed import examine
from wattproof.signed.report import Report

NOW = 1_800_000_000
P192, P256 = made.Signer("secp192r1"), made.Signer("secp256r1")
#: 08:00 and 09:00 UTC on the first of May 2024, 1000 kWh and 1.05 kWh more.
BEGIN = {"time": 1_714_550_400, "value": 10_000_000, "page": 1, "index": 1000}
END = {"time": 1_714_554_000, "value": 10_010_500, "page": 2, "index": 4600}


def _safe(key: made.Signer, *values: tuple[bytes, str]) -> str:
    texts = [
        f'<value transactionId="1" context="Transaction.{label}"><signedData encoding="hex">{data.hex()}</signedData>'
        f'<publicKey encoding="hex">{key.xy.hex()}</publicKey></value>'
        for data, label in values
    ]
    return f"<values>{''.join(texts)}</values>"


def _alfen(begin: dict[str, int], end: dict[str, int]) -> str:
    return "\n".join(made.alfen(P192, kind, **reading) for kind, reading in (("0", begin), ("1", end)))


def _edl(key: made.Signer) -> Callable[..., str]:
    return lambda begin, end: _safe(key, (made.edl(key, **begin), "Begin"), (made.edl(key, **end), "End"))


def _edl_sig(key: made.Signer) -> Callable[..., str]:
    def write(begin: dict[str, int], end: dict[str, int]) -> str:
        values = [made.edl_sig(key, made.block(**{**each, "time": each["time"] + 7200})) for each in (begin, end)]
        return (
            "<values>"
            + "".join(
                f'<value transactionId="1" context="Transaction.{label}"><signedData>{value.replace("<", "&lt;")}'
                "</signedData></value>"
                for value, label in zip(values, ("Begin", "End"), strict=True)
            )
            + "</values>"
        )

    return write


def _mennekes(begin: dict[str, int], end: dict[str, int]) -> str:
    return made.mennekes(P192, *((each["time"], each["value"], each["page"], each["index"]) for each in (begin, end)))


def _isa(begin: dict[str, int], end: dict[str, int]) -> str:
    start, actual = ((each["time"], each["value"]) for each in (begin, end))
    return _safe(P256, (made.isa(P256, "02", start=start, actual=actual), "whole"))


def _emh(begin: dict[str, int], end: dict[str, int]) -> str:
    return made.chargeit(*(made.emh(P192, **each) for each in (begin, end)))


#: Format, writer, its records, and the zone that it tells of.
FORMATS: list[tuple[str, Callable[..., str], int, str]] = [
    ("ALFEN", _alfen, 2, "Z"),
    ("EDL_40_P", _edl(P192), 2, "+02:00"),
    ("EDL_40_P", _edl(P256), 2, "+02:00"),
    ("EDL_40_SIG", _edl_sig(P192), 2, ""),
    ("EDL_40_SIG", _edl_sig(P256), 2, ""),
    ("EDL_40_MENNEKES", _mennekes, 2, "+02:00"),
    ("ISA_EDL_40_P", _isa, 1, "Z"),
    ("EMH", _emh, 2, "+02:00"),
]
NAMES = ["ALFEN", "EDL192", "EDL256", "EDLSIG192", "EDLSIG256", "Mennekes", "ISA", "EMH"]


def _judged(data: str | bytes, **options: Any) -> Report:
    return examine(data.encode() if isinstance(data, str) else data, now=NOW, **options)


def _codes(report: Report) -> set[str]:
    codes = {finding.code for session in report.sessions for finding in report.findings(session)}
    return codes - {"S-TIME-INFORMATIVE", "F-PROFILE"}


@pytest.mark.proves("T-058", "T-061", "T-063", "T-065", "T-067", "T-070", "T-096")
@pytest.mark.parametrize(("format", "write", "count", "zone"), FORMATS, ids=NAMES)
def test_what_went_in_comes_out(format: str, write: Callable[..., str], count: int, zone: str) -> None:
    report = _judged(write(BEGIN, END))
    assert [(record.format, record.signature.verdict) for record in report.records] == [(format, "valid")] * count
    (session,) = report.as_dict()["sessions"]
    hours = (8, 9) if zone == "Z" else (10, 11)
    assert (session["begin"], session["end"]) == tuple(f"2024-05-01T{hour:02d}:00:00{zone}" for hour in hours)
    assert session["energy"] == {"value": "1.0500", "unit": "kWh"} and session["verdict"] == "ok"


@pytest.mark.proves("T-045", "T-046", "T-053", "T-058", "T-061", "T-063", "T-065", "T-067", "T-070")
@pytest.mark.parametrize(("format", "write", "count", "zone"), FORMATS, ids=NAMES)
@pytest.mark.parametrize(
    ("change", "code", "verdict"),
    [
        ({"value": 9_999_999}, "S-VALUE-DECREASE", "fail"),
        ({"value": 10_000_000}, "S-ZERO-ENERGY", "ok"),
        ({"value": 15_000_000}, None, "ok"),  # 500 kWh
        ({"value": 15_000_001}, "S-ENERGY-HIGH", "warn"),
        ({"time": BEGIN["time"] - 1}, "S-TIME-ORDER", "fail"),
        ({"time": BEGIN["time"]}, None, "ok"),
        ({"page": 1}, "S-PAGE-ORDER", "fail"),
        ({"page": 0}, "S-PAGE-ORDER", "fail"),  # a counter that went round is not told from one set back
        ({"page": 3}, "S-PAGE-GAP", "warn"),
        ({"index": 999}, "S-TIME-ORDER", "fail"),
        ({"time": 1_420_000_000}, "S-TIME-IMPLAUSIBLE", "fail"),  # 2014, and before the begin
    ],
)
def test_the_borders_of_the_rules(
    format: str,
    write: Callable[..., str],
    count: int,
    zone: str,
    change: dict[str, int],
    code: str | None,
    verdict: str,
) -> None:
    if format == "ISA_EDL_40_P" and not change.keys() & {"value", "time"}:
        code, verdict = None, "ok"  # one data set has one page
    report = _judged(write(BEGIN, {**END, **change}))
    assert {record.signature.verdict for record in report.records} == {"valid"} and len(report.records) == count
    (session,) = report.sessions
    assert session.verdict == verdict
    assert code in _codes(report) if code else not _codes(report)


@pytest.mark.proves("T-068", "T-096")
def test_pcdf() -> None:
    (session,) = _judged(made.pcdf(P256)).as_dict()["sessions"]
    assert (session["verdict"], session["overall"]) == ("ok", "yellow")
    assert (session["begin"], session["end"]) == ("2024-05-01T08:00:00Z", "2024-05-01T09:00:00Z")
    assert session["energy"]["value"] == "10.500" and session["id"] == "TX1"
    for field, value, code, verdict in (
        ("BV", "0", "S-BILLING-INVALID", "fail"),
        ("SP", "0", "S-END-MISSING", "incomplete"),
        ("SP", "2", "S-END-MISSING", "fail"),
        ("TV", "0", "S-TIME-UNSYNC", "warn"),
        ("CD", "010001", None, "ok"),
        ("CD", "010002", "S-DURATION", "warn"),
        ("CT", "240501075959", "S-TIME-ORDER", "fail"),
        ("CT", "240230080000", "S-TIME-FORMAT", "fail"),
        ("RV", "-010.500*kWh", "S-VALUE-NEGATIVE", "fail"),
    ):
        report = _judged(made.pcdf(P256, **{field: value}))
        assert report.records[0].signature.verdict == "valid" and report.sessions[0].verdict == verdict
        assert code in _codes(report) if code else not _codes(report)


@pytest.mark.proves("T-069", "T-088", "T-102")
@pytest.mark.parametrize("encoding", ["UTF-8", "ISO-8859-1"])
def test_bsm(encoding: str) -> None:
    def session(**change: Any) -> Report:
        begin = {"Typ": 3, "RCR": 0, "TotWhImp": 100_000, "RCnt": 10, "OS": 1000, "Epoch": 1_714_550_400}
        end = {"Typ": 4, "RCR": 10_500, "TotWhImp": 110_500, "RCnt": 11, "OS": 4600, "Epoch": 1_714_554_000}
        values = [made.bsm(P256, encoding=encoding, Meta3="Überfluß", **each) for each in (begin, {**end, **change})]
        return _judged(made.chargeit(*values))

    (told,) = session().as_dict()["sessions"]
    assert (told["verdict"], told["energy"]["value"]) == ("ok", "10.500") and not _codes(session())
    assert (told["begin"], told["end"]) == ("2024-05-01T10:00:00+02:00", "2024-05-01T11:00:00+02:00")
    for change, code, verdict in (
        ({"RCnt": 12}, "S-PAGE-SKIPPED", "ok"),
        ({"RCnt": 10}, "S-PAGE-ORDER", "fail"),
        ({"TotWhImp": 110_510}, None, "ok"),
        ({"TotWhImp": 110_511}, "S-REGISTER-DISAGREE", "warn"),
        ({"OS": 1000}, "S-TIME-ORDER", "fail"),
        ({"Epoch": 1_714_550_400}, "S-TIME-ORDER", "fail"),
        ({"EpochSetCnt": 2}, "S-TIME-SET", "warn"),
        ({"Evt": 1 << 9}, "S-STATUS", "fail"),
        ({"Typ": 0}, "S-END-MISSING", "incomplete"),
        ({"MA1": "other"}, "S-METER-MISMATCH", "fail"),
    ):
        report = session(**change)
        assert {record.signature.verdict for record in report.records} == {"valid"}
        assert report.sessions[0].verdict == verdict
        assert code in _codes(report) if code else not _codes(report)


@pytest.mark.proves("T-003", "T-004", "T-016", "T-071")
@pytest.mark.parametrize("curve", made.CURVES)
def test_keys_and_signatures_of_every_form(curve: str, forge: Any) -> None:
    key = made.Signer(curve)
    text = json.dumps(forge.payload([forge.reading("B", "1.0"), forge.reading("E", "2.0")]), default=str)
    name = f"ECDSA-{curve}-SHA256"
    for signature, code in ((key.der(text.encode()), None), (key.raw(text.encode()), "F-SIG-RAW")):
        for given in (key.spki.hex(), f"04{key.xy.hex()}", key.xy.hex(), key.compressed.hex()):
            report = _judged(f"OCMF|{text}|" + json.dumps({"SA": name, "SD": signature.hex()}), public_key=given)
            (record,) = report.records
            assert record.signature.verdict == "valid" and record.signature.public_key == key.spki
            assert ("F-SIG-RAW" in {finding.code for finding in record.findings}) is (code is not None)
