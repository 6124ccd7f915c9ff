"""What the incumbents would say to ALFEN, PCDF and EDL records: every row of the tables "other formats"."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from wattproof.signed import curves, examine, testkeys
from wattproof.signed.formats import (
    alfen_export,
    edl_export,
    isa_export,
    pcdf_export,
    safe_xml,
    samples,
    sml_export,
)
from wattproof.signed.formats import edl as edl_format
from wattproof.signed.formats.samples import Sample
from wattproof.signed.profiles.prediction import Prediction
from wattproof.signed.records import Moment
from wattproof.signed.report import Report

NOW = 1_800_000_000
SAFE, CHARGY = "safe-1.4.1", "chargy-0.12"
P192, P256 = (testkeys.private_key(curve, "a key of these tests") for curve in ("secp192r1", "secp256r1"))
BEGIN = Sample(Moment.BEGIN, 100_100, 1_740_819_600, 12)
END = Sample(Moment.END, 112_440, 1_740_823_200, 13, second_index=103_600)


def alfen(begin: dict[str, Any] | None = None, end: dict[str, Any] | None = None) -> list[bytes]:
    found = []
    for sample, letter, changes in ((BEGIN, "0", begin), (END, "1", end)):
        data = replace(alfen_export.data_set(sample), **(changes or {}))
        signature = samples.sign_raw(P192, data.encode())
        found.append(alfen_export.line(data, letter, signature, curves.public_key(P192)).encode())
    return found


def pair(records: list[bytes], format: str, key: bytes, labels: bool = True) -> bytes:
    stated = (safe_xml.BEGIN, safe_xml.END) if labels else (None, None)
    return safe_xml.write(
        [safe_xml.Signed(record, label, key, format) for record, label in zip(records, stated, strict=True)], 1
    )


POINT = bytes((2 + curves.public_key(P192).y % 2,)) + curves.public_key(P192).x.to_bytes(24, "big")


def alfen_pair(begin: dict[str, Any] | None = None, end: dict[str, Any] | None = None, key: bytes = POINT) -> bytes:
    return pair(alfen(begin, end), "ALFEN", key)


def edl(form: str, end: dict[str, Any] | None = None, key: Any = P192, begin: dict[str, Any] | None = None) -> bytes:
    found = []
    public = curves.public_key(key)
    for sample, changes in ((BEGIN, begin), (END, end)):
        block = replace(edl_export.block(sample, identified=BEGIN.local), **(changes or {}))
        signature = samples.sign_raw(key, block.encode())
        if form == "EDL_40_P":
            found.append(edl_export.telegram(sample, block, signature).hex().encode())
        else:
            found.append(edl_export.signed_meter_value(sample, block, signature, public))
    return pair(found, form, samples.coordinates(public))


def mennekes(**changes: str) -> bytes:
    text = edl_export.write([BEGIN, END], P192, format="EDL_40_MENNEKES").decode()
    for old, new in changes.items():
        text = text.replace(old, new)
    return text.encode()


def billing(end: Sample) -> bytes:
    return edl_export.write([BEGIN, end], P192, format="EDL_40_MENNEKES")


def pcdf(**changes: str) -> bytes:
    values = {**pcdf_export.fields([BEGIN, END], curves.public_key(P256)), **changes}
    return pcdf_export.line(values, samples.sign_der(P256, pcdf_export.signed(values)))


def broken(data: bytes) -> bytes:
    """A telegram in hexadecimal with one other digit near its end."""
    at = data.rindex(b"1b1b1b1b1a") - 30
    return data[:at] + (b"0" if data[at : at + 1] != b"0" else b"1") + data[at + 1 :]


ISA = isa_export.write([BEGIN, END], P256)
SIG = edl("EDL_40_SIG").replace(b' transactionId="1"', b"")
LIST = b"<signedMeterValues>" + b"".join(
    part.partition(b">")[2].partition(b"</signedData>")[0].replace(b"&lt;", b"<").replace(b"&gt;", b">")
    for part in edl("EDL_40_SIG").split(b"<signedData ")[1:]
)
LIST += b"</signedMeterValues>"


def incomplete_telegram() -> bytes:
    """A telegram without page and index."""
    rows = [sml_export.entry(edl_format.OBIS, sml_export.integer(5, 8))]
    return sml_export.list_telegram(bytes(10), edl_export.LIST_NAME, rows, bytes(50))


Make = Callable[[], bytes]
#: code or nothing, prediction, document
SAFE_ROWS: list[tuple[str, str, Make]] = [
    ("", "valid", alfen_pair),
    ("", "valid", lambda: b"\n".join(alfen())),
    ("P-S-PAIR", "refused", lambda: pair(alfen(), "ALFEN", POINT, labels=False)),
    ("P-S-HASH", "invalid", lambda: alfen_pair(key=samples.coordinates(curves.public_key(P192))[:-1])),
    ("P-S-EMBED", "invalid", lambda: alfen_pair(key=curves.spki(P192))),
    ("P-S-ALFEN", "invalid", lambda: alfen_pair(end={"meter_status": 2})),
    ("P-S-ALFEN", "invalid", lambda: alfen_pair(begin={"adapter_status": 1 << 15})),
    ("", "valid", lambda: alfen_pair(end={"meter_status": 1, "adapter_status": 1 << 10})),
    ("P-S-ALFEN", "invalid", lambda: alfen_pair(end={"session_id": 78})),
    ("P-S-ALFEN", "invalid", lambda: alfen_pair(end={"page": 12})),
    ("P-S-ALFEN", "invalid", lambda: alfen_pair(end={"value": 7})),
    ("", "valid", lambda: edl("EDL_40_P")),
    ("P-S-EDL", "invalid", lambda: broken(edl("EDL_40_P"))),
    ("P-S-EDL", "invalid", incomplete_telegram),
    ("P-S-EDL", "invalid", lambda: edl("EDL_40_P", {"unit": 27})),
    ("P-S-EDL", "invalid", lambda: edl("EDL_40_P", {"log": b"\0\1"})),
    ("P-S-EDL", "invalid", lambda: edl("EDL_40_P", {"contract_id": b"A"})),
    ("P-S-EDL", "invalid", lambda: edl("EDL_40_P", {"pagination": 12})),
    ("P-S-EDL", "invalid", lambda: edl("EDL_40_P", {"value": 7})),
    ("", "valid", lambda: edl("EDL_40_P", key=P256)),
    ("", "valid", lambda: edl("EDL_40_SIG")),
    ("P-S-SIG256", "invalid", lambda: edl("EDL_40_SIG", key=P256)),
    ("P-S-SIG256", "invalid", lambda: edl("EDL_40_SIG", {"compensated": 5}, begin={"compensated": 5})),
    ("P-S-SIG256", "invalid", lambda: edl("EDL_40_SIG", {"pagination": 12})),
    ("P-S-CONTAINER", "refused", lambda: LIST),
    ("", "valid", mennekes),
    ("P-S-CONTAINER", "refused", lambda: b"<ChargingProcess>" + mennekes().partition(b"<ChargingProcess>")[2]),
    ("P-S-MEN", "invalid", lambda: billing(replace(END, page=12))),
    ("P-S-MEN", "invalid", lambda: billing(replace(END, energy=7))),
    ("P-S-HASH", "invalid", lambda: mennekes(**{"<Value>1": "<Value>2"})),
    ("", "valid", lambda: ISA),
    ("P-S-ISA", "invalid", lambda: broken(ISA)),
    ("", "valid", pcdf),
    ("P-S-PCDF", "refused", lambda: pcdf(BV="0")),
    ("P-S-PCDF", "refused", lambda: pcdf(SP="0")),
    ("P-S-PCDF", "refused", lambda: pcdf(CS="1")),
    ("P-S-HASH", "invalid", lambda: pcdf().replace(b"BV:1", b"BV:0")),
]
CHARGY_ROWS: list[tuple[str, str, Make]] = [
    ("", "valid", alfen_pair),
    ("P-C-ALFEN", "invalid", lambda: alfen()[0]),
    ("P-C-ALFEN", "invalid", lambda: alfen_pair(end={"session_id": 78})),
    ("P-C-ALFEN", "invalid", lambda: alfen_pair(end={"checksum": b"\0\0"})),
    ("P-C-ALFEN", "invalid", lambda: alfen_pair(end={"scaler": 1, "value": 11_244})),
    ("", "valid", lambda: alfen_pair(end={"meter_status": 2, "page": 12})),
    ("P-C-HASH", "invalid", lambda: alfen_pair(key=samples.coordinates(curves.public_key(P192))[:-1])),
    ("", "valid", lambda: edl("EDL_40_P", {"log": b"\0\1", "pagination": 12})),
    ("P-C-EDL", "invalid", lambda: edl("EDL_40_P", {"unit": 27})),
    ("P-C-LABEL", "refused", lambda: edl("EDL_40_SIG")),
    ("P-C-EDLSIG", "refused", lambda: SIG.replace(b'format="EDL_40_SIG"', b'format="EDL_40_P"')),
    ("", "valid", lambda: LIST),
    ("", "valid", mennekes),
    ("P-C-MEN", "invalid", lambda: billing(replace(END, page=12))),
    ("P-C-MEN", "invalid", lambda: billing(replace(END, energy=7))),
    ("", "valid", lambda: ISA),
    ("", "valid", pcdf),
    ("P-C-PCDF", "refused", lambda: pcdf(BV="0")),
    ("P-C-PCDF", "refused", lambda: pcdf(SP="2")),
    ("P-C-PCDF", "refused", lambda: pcdf(CT="250301085959", CD="000000")),
    ("P-C-PCDF", "refused", lambda: pcdf(HW="short")),
    ("P-C-HASH", "invalid", lambda: pcdf().replace(b"BV:1", b"BV:0")),
]


def predicted(report: Report, name: str) -> Prediction:
    return report.predictions(report.sessions[0] if report.sessions else report.loose[0])[name]


@pytest.mark.proves("T-110")
@pytest.mark.parametrize(("code", "verdict", "make"), SAFE_ROWS)
def test_safe_rows(code: str, verdict: str, make: Make) -> None:
    prediction = predicted(examine(make(), now=NOW), SAFE)
    assert (prediction.verdict, [reason for reason, _ in prediction.reasons]) == (verdict, [code] if code else [])


@pytest.mark.proves("T-110")
@pytest.mark.parametrize(("code", "verdict", "make"), CHARGY_ROWS)
def test_chargy_rows(code: str, verdict: str, make: Make) -> None:
    prediction = predicted(examine(make(), now=NOW), CHARGY)
    assert (prediction.verdict, [reason for reason, _ in prediction.reasons]) == (verdict, [code] if code else [])


@pytest.mark.proves("T-110")
def test_several_transactions_in_one_file() -> None:
    data = alfen_pair().replace(b'transactionId="1" context="Transaction.End"', b'transactionId="2"')
    assert predicted(examine(data, now=NOW), CHARGY).verdict == "refused"


@pytest.mark.proves("T-111")
def test_a_good_session_that_an_incumbent_refuses_says_so() -> None:
    (entry,) = examine(edl("EDL_40_SIG", key=P256), now=NOW).as_dict()["sessions"]
    (finding, _) = [found for found in entry["findings"] if found["code"] == "F-PROFILE"]
    assert entry["verdict"] == "ok" and "P-S-SIG256" in finding["message"]


@pytest.mark.proves("T-110")
def test_what_nobody_can_read_is_unknown(vectors: Path) -> None:
    for data in (b"AP;0;3", b"128.8.0(ST:1)", b"<Billing/>"):
        report = examine(data, now=NOW)
        assert predicted(report, SAFE).verdict in ("unknown", "refused")
        assert predicted(report, CHARGY).verdict in ("unknown", "refused")
