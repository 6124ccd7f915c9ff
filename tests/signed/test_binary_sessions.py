"""Sessions of ALFEN, PCDF, EDL, Mennekes and ISA records: what each rule of their formats says."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from wattproof.signed import curves, examine, testkeys
from wattproof.signed.formats import (
    alfen,
    alfen_export,
    edl,
    edl_export,
    edl_sml,
    edl_xml,
    isa,
    isa_export,
    mennekes,
    pcdf_export,
    safe_xml,
    samples,
)
from wattproof.signed.formats.samples import Sample
from wattproof.signed.records import Moment, Verdict
from wattproof.signed.report import Report
from wattproof.signed.sessions import form

Codes = Callable[[Any], set[str]]
NOW = 1_800_000_000
BEGIN = Sample(Moment.BEGIN, 100_100, 1_740_819_600, 12)
MIDDLE = Sample(Moment.INTERMEDIATE, 105_000, 1_740_821_400, 13, second_index=101_800)
END = Sample(Moment.END, 112_440, 1_740_823_200, 13, second_index=103_600)
NAME = "a key of these tests"
P192, P256 = (testkeys.private_key(curve, NAME) for curve in ("secp192r1", "secp256r1"))


def judged(data: bytes, key: Any = None, **options: Any) -> Report:
    return examine(data, None if key is None else curves.spki(key).hex(), **{"now": NOW, **options})


# -- ALFEN --------------------------------------------------------------------------------------------------------


def alfen_file(*records: tuple[Sample, dict[str, Any]]) -> bytes:
    """Lines whose fields were changed before they were signed."""
    lines = []
    for sample, changes in records:
        data = replace(alfen_export.data_set(sample), **changes)
        signature = samples.sign_raw(P192, data.encode())
        letter = {Moment.BEGIN: "0", Moment.END: "1"}.get(sample.moment, "2")
        lines.append(alfen_export.line(data, letter, signature, curves.public_key(P192)))
    return "\n".join(lines).encode()


#: code, verdict of the session, changes of the begin, changes of the end
ALFEN: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    ("S-TIME-INFORMATIVE", "ok", {}, {}),
    ("S-SESSION-MISMATCH", "fail", {}, {"session_id": 78}),
    ("S-METER-MISMATCH", "fail", {}, {"meter_id": bytes(10)}),
    ("S-GATEWAY-MISMATCH", "fail", {}, {"adapter_id": bytes(10)}),
    ("S-IDENT-MISMATCH", "fail", {}, {"uid": b"1F2D3A4F5506C8"}),
    ("S-FIRMWARE-CHANGED", "warn", {}, {"firmware": b"v017"}),
    ("S-FIRMWARE-CHANGED", "warn", {}, {"checksum": b"\0\0"}),
    ("S-PAGE-ORDER", "fail", {}, {"page": 12}),
    ("S-PAGE-GAP", "warn", {}, {"page": 14}),
    ("S-VALUE-DECREASE", "fail", {}, {"value": 100_099}),
    ("S-VALUE-NEGATIVE", "fail", {"value": -5}, {}),
    ("S-VALUE-MISSING", "fail", {}, {"scaler": 31}),
    ("S-ZERO-ENERGY", "ok", {}, {"value": 100_100}),
    ("S-UNIT", "fail", {"unit": 27}, {"unit": 27}),
    ("S-UNIT-CHANGED", "warn", {}, {"scaler": 1, "value": 11_244}),
    ("S-OBIS-MISMATCH", "fail", {}, {"obis": bytes.fromhex("0100020800ff")}),
    ("S-NO-ENERGY", "fail", {"obis": bytes.fromhex("0100010700ff")}, {"obis": bytes.fromhex("0100010700ff")}),
    ("S-TIME-ORDER", "fail", {}, {"timestamp": BEGIN.time - 1}),
    ("S-TIME-ORDER", "fail", {}, {"second_index": 99_999}),
    ("S-TIME-UNSYNC", "warn", {}, {"meter_status": 1}),
    ("S-TIME-IMPLAUSIBLE", "warn", {"timestamp": 0}, {}),
    ("S-STATUS", "fail", {}, {"meter_status": 2}),
    ("S-STATUS", "fail", {"meter_status": 4}, {}),
    ("S-STATUS", "fail", {}, {"adapter_status": 1 << 12 | 1}),
    ("S-STATUS", "fail", {}, {"adapter_status": 1 << 12 | 1 << 14}),
    ("S-STATUS", "fail", {}, {"adapter_status": 1 << 12 | 1 << 15}),
    ("S-STATUS-MISMATCH", "fail", {}, {"adapter_status": 1 << 12 | 1 << 10}),
    ("S-STATUS-INFO", "ok", {}, {"meter_status": 1 << 8}),
    ("S-STATUS-INFO", "ok", {"meter_status": 1 << 11}, {}),
]


@pytest.mark.proves("T-058", "T-059", "T-060", "T-113")
@pytest.mark.parametrize(("code", "verdict", "begin", "end"), ALFEN)
def test_alfen(code: str, verdict: str, begin: dict[str, Any], end: dict[str, Any], codes: Codes) -> None:
    report = judged(alfen_file((BEGIN, begin), (END, end)), P192)
    assert [record.signature.verdict for record in report.records] == ["valid", "valid"]
    (session,) = report.sessions
    assert code in codes(session) and session.verdict == verdict
    assert session.id == "77"


def test_alfen_with_an_intermediate_reading() -> None:
    report = judged(alfen_file((BEGIN, {}), (MIDDLE, {}), (END, {"page": 14})), P192)
    (session,) = report.sessions
    (entry,) = report.as_dict()["sessions"]
    assert session.verdict == "ok" and entry["overall"] == "green"
    assert entry["begin"] == "2025-03-01T09:00:00Z" and entry["end"] == "2025-03-01T10:00:00Z"
    assert entry["energy"] == {"value": "12.340", "unit": "kWh"}


@pytest.mark.proves("T-121")
def test_alfen_letters_are_not_signed_and_cannot_turn_a_session_round(codes: Codes) -> None:
    begin, end = alfen_file((BEGIN, {}), (END, {})).split(b"\n")
    for first, second in ((begin, end), (end, begin)):
        swapped = first.replace(b"AP;1", b"AP;x").replace(b"AP;0", b"AP;1").replace(b"AP;x", b"AP;0")
        other = second.replace(b"AP;1", b"AP;x").replace(b"AP;0", b"AP;1").replace(b"AP;x", b"AP;0")
        report = judged(swapped + b"\n" + other, P192)
        (session,) = report.sessions
        assert session.verdict == "fail"
        assert all("F-ALFEN-TYPE" in codes(record) for record in report.records)


# -- EDL ----------------------------------------------------------------------------------------------------------


def edl_file(
    form: str, *records: tuple[Sample, dict[str, Any]], key: Any = P192, labels: bool = True, transaction: str = "5"
) -> bytes:
    """A S.A.F.E. container of EDL records whose blocks were changed before they were signed."""
    signed = []
    public = curves.public_key(key)
    for sample, changes in records:
        block = replace(edl_export.block(sample, identified=BEGIN.local), **changes)
        signature = samples.sign_raw(key, block.encode())
        write = edl_export.telegram if form == edl_sml.TOKEN else edl_export.signed_meter_value
        record = write(sample, block, signature, public)
        if form == edl_sml.TOKEN:
            record = record.hex().encode()
        context = {Moment.BEGIN: safe_xml.BEGIN, Moment.END: safe_xml.END}.get(sample.moment) if labels else None
        signed.append(safe_xml.Signed(record, context, samples.coordinates(public), form))
    return safe_xml.write(signed, transaction)


#: code, verdict, changes of the begin, changes of the end
EDL: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    ("S-METER-MISMATCH", "fail", {}, {"server_id": bytes(10)}),
    ("S-IDENT-MISMATCH", "fail", {}, {"contract_id": b"\x1f\x2d"}),
    ("S-IDENT-MARKER", "ok", {"contract_id": b"\x01ABC"}, {"contract_id": b"\x02ABC"}),
    ("S-IDENT-MISMATCH", "fail", {"contract_id": b"\x01ABC"}, {"contract_id": b"\x02ABD"}),
    ("S-IDENT-TIME", "warn", {}, {"contract_time": BEGIN.local - 1}),
    ("S-PAGE-ORDER", "fail", {}, {"pagination": 12}),
    ("S-PAGE-GAP", "warn", {}, {"pagination": 15}),
    ("S-EVENT-COUNTER", "fail", {}, {"log": b"\0\x09"}),
    ("S-VALUE-DECREASE", "fail", {}, {"value": 5}),
    ("S-UNIT", "fail", {"unit": 27}, {"unit": 27}),
    ("S-UNIT-CHANGED", "warn", {}, {"scaler": 0, "value": 112_440}),
    ("S-VALUE-MISSING", "fail", {}, {"scaler": 127}),
    ("S-TIME-ORDER", "fail", {}, {"second_index": 99_999}),
    ("S-TIME-ORDER", "fail", {}, {"timestamp": BEGIN.local - 1}),
    ("S-TIME-UNSYNC", "warn", {"status": 0}, {}),
    ("S-STATUS", "fail", {}, {"status": 0x09}),
    ("S-STATUS-MAGNET", "warn", {"status": 0x48}, {}),
    ("S-EXPORT-ONLY", "ok", {"status": 0x28}, {"status": 0x28}),
    ("S-TARIFF-CHANGED", "fail", {"contract_id": b"A#3031"}, {"contract_id": b"A#3032"}),
]


@pytest.mark.proves("T-063")
def test_another_register_at_the_end(codes: Codes) -> None:
    """Only the delivered block names its register; a telegram is asked for the one of the meter."""
    (session,) = judged(edl_file(edl_xml.TOKEN, (BEGIN, {}), (END, {"obis": bytes.fromhex("0100021100ff")}))).sessions
    assert session.verdict == "fail" and "S-OBIS-MISMATCH" in codes(session)


@pytest.mark.proves("T-061", "T-063", "T-113")
@pytest.mark.parametrize("form", [edl_sml.TOKEN, edl_xml.TOKEN])
@pytest.mark.parametrize("key", [P192, P256], ids=["secp192r1", "secp256r1"])
@pytest.mark.parametrize(("code", "verdict", "begin", "end"), EDL)
def test_edl(
    form: str, key: Any, code: str, verdict: str, begin: dict[str, Any], end: dict[str, Any], codes: Codes
) -> None:
    report = judged(edl_file(form, (BEGIN, begin), (END, end), key=key), key)
    assert [record.signature.verdict for record in report.records] == ["valid", "valid"]
    (session,) = report.sessions
    assert code in codes(session) and session.verdict == verdict
    assert session.id == "5"


@pytest.mark.proves("T-061", "T-096")
@pytest.mark.parametrize("form", [edl_sml.TOKEN, edl_xml.TOKEN])
def test_a_good_edl_session(form: str) -> None:
    report = judged(edl_file(form, (BEGIN, {}), (END, {})), P192)
    (entry,) = report.as_dict()["sessions"]
    assert entry["overall"] == "green" and entry["energy"] == {"value": "12.3400", "unit": "kWh"}
    zone = "+01:00" if form == edl_sml.TOKEN else ""
    assert entry["begin"] == f"2025-03-01T10:00:00{zone}" and entry["end"] == f"2025-03-01T11:00:00{zone}"
    record = report.records[0]
    assert record.meter_serial == edl_export.SERIAL and record.identification == "1F2D3A4F5506C7"
    assert record.readings[0].register == "1-0:1.17.0*255"


@pytest.mark.proves("T-061")
def test_the_compensated_value_is_billed() -> None:
    begin = {"historical": 4_000, "compensated": 3_000}
    end = {"historical": 4_500, "compensated": 3_400}
    report = judged(edl_file(edl_sml.TOKEN, (BEGIN, begin), (END, end), key=P256), P256)
    (session,) = report.sessions
    assert session.verdict == "ok"
    assert report.as_dict()["sessions"][0]["energy"] == {"value": "0.0400", "unit": "kWh"}
    assert [reading.register for reading in report.records[0].readings] == [
        "1-0:1.17.0*255",
        "1-0:1.17.0*100",
        "1-0:1.17.0*200",
    ]


def test_a_label_that_comes_after_reading_counts() -> None:
    """Rows of a table and the like label a record when it is read already."""
    units = [unit for data in (BEGIN, END) for unit in edl_sml.parse(edl_export.telegram(data, *_signed(data)))]
    for unit, label in zip(units, (safe_xml.BEGIN, safe_xml.END), strict=True):
        unit.record.context, unit.record.transaction = label, "1"
        unit.record.signature.verdict = Verdict.VALID
    (session,), loose = form([unit.record for unit in units])
    assert not loose and session.begin is not None and session.end is not None


def _signed(sample: Sample) -> tuple[edl.Block, bytes]:
    block = edl_export.block(sample, identified=BEGIN.local)
    return block, samples.sign_raw(P192, block.encode())


def test_edl_without_labels_is_ordered_by_page_and_has_no_begin(codes: Codes) -> None:
    report = judged(edl_file(edl_sml.TOKEN, (END, {}), (BEGIN, {}), labels=False), P192)
    (session,) = report.sessions
    assert session.verdict == "incomplete" and codes(session) == {"S-BEGIN-MISSING", "S-END-MISSING"}
    assert [record.page for record in session.records] == [12, 13]


def test_edl_without_transaction_is_collected_by_meter() -> None:
    data = edl_file(edl_sml.TOKEN, (BEGIN, {}), (END, {}))
    report = judged(data.replace(b' transactionId="5"', b""), P192)
    (session,) = report.sessions
    assert session.verdict == "ok" and session.id.startswith("sha256:")


@pytest.mark.proves("T-121")
@pytest.mark.parametrize("form", [edl_sml.TOKEN, edl_xml.TOKEN])
def test_exchanged_labels_fail(form: str) -> None:
    data = edl_file(form, (BEGIN, {}), (END, {}))
    data = data.replace(b"Transaction.Begin", b"X").replace(b"Transaction.End", b"Transaction.Begin")
    (session,) = judged(data.replace(b"X", b"Transaction.End"), P192).sessions
    assert session.verdict == "fail"


# -- Mennekes -----------------------------------------------------------------------------------------------------


def process(begin: dict[str, Any] | None = None, end: dict[str, Any] | None = None, **outer: str) -> bytes:
    """A charging process; ``begin`` and ``end`` replace fields of the blocks before they are signed."""
    parts = []
    for sample, name, changes in ((BEGIN, "MeasurementStart", begin or {}), (END, "MeasurementEnd", end or {})):
        block = replace(edl_export.block(sample, identified=BEGIN.local), **changes)
        signature = samples.sign_raw(P192, block.encode())
        fields = {
            "Timestamp": "2025-03-01T10:00:00+01:00" if sample is BEGIN else "2025-03-01T11:00:00+01:00",
            "TimestampCustomerIdent": "2025-03-01T10:00:00+01:00",
            "Signature": signature.hex(),
            "EventCounter": int.from_bytes(block.log, "big"),
            "MeterStatus": block.status | 0x10100,
            "Value": block.value,
            "Scaler": block.scaler,
            "Pagination": block.pagination,
            "SecondIndex": block.second_index,
        }
        parts.append(f"<{name}>" + "".join(f"<{k}>{v}</{k}>" for k, v in fields.items()) + f"</{name}>")
    stated = {
        "ServerId": edl_export.SERIAL,
        "PublicKey": samples.coordinates(curves.public_key(P192)).hex(),
        "CustomerIdent": "1F2D3A4F5506C7",
        **outer,
    }
    head = "".join(f"<{k}>{v}</{k}>" for k, v in stated.items())
    return f"<ChargingProcess>{head}{''.join(parts)}</ChargingProcess>".encode()


#: code, verdict, changes of the end
MENNEKES: list[tuple[str, str, dict[str, Any]]] = [
    ("S-EVENT-COUNTER", "fail", {"log": b"\0\x09"}),
    ("S-PAGE-ORDER", "fail", {"pagination": 11}),
    ("S-PAGE-GAP", "warn", {"pagination": 14}),
    ("S-VALUE-DECREASE", "fail", {"value": 7}),
    ("S-UNIT-CHANGED", "warn", {"scaler": 0, "value": 112_440}),
    ("S-STATUS", "fail", {"status": 0x09}),
    ("S-STATUS-MAGNET", "warn", {"status": 0x48}),
    ("S-TIME-UNSYNC", "warn", {"status": 0}),
    ("S-TIME-ORDER", "fail", {"second_index": 99_999}),
]


@pytest.mark.proves("T-065", "T-066", "T-113")
@pytest.mark.parametrize(("code", "verdict", "end"), MENNEKES)
def test_mennekes(code: str, verdict: str, end: dict[str, Any], codes: Codes) -> None:
    report = judged(process(end=end), P192)
    assert [record.signature.verdict for record in report.records] == ["valid", "valid"]
    (session,) = report.sessions
    assert code in codes(session) and session.verdict == verdict


@pytest.mark.proves("T-065", "T-095")
def test_every_charging_process_is_a_session(codes: Codes) -> None:
    one = process().decode()
    document = f"<m:Billing xmlns:m='{mennekes.NAMESPACE}'><a><b>{one}{one}{process({}, {'value': 7}).decode()}</b></a>"
    report = judged((document + "</m:Billing>").encode(), P192)
    assert [session.verdict for session in report.sessions] == ["warn", "warn", "fail"]  # one start, three times
    assert all("S-DUPLICATE" in codes(session) for session in report.sessions)
    assert {record.container for record in report.records} == {"MENNEKES-XML"}
    (entry, *_) = report.as_dict()["sessions"]
    digest = hashlib.sha256(report.records[0].signed).hexdigest()[:16]
    assert entry["id"] == f"sha256:{digest}" and entry["begin"] == "2025-03-01T10:00:00+01:00"


@pytest.mark.parametrize("escaped", [False, True])
def test_a_process_inside_the_safe_container(escaped: bool) -> None:
    text = process().decode()
    if escaped:
        text = text.replace("<", "&lt;")
    data = (
        '<values><value transactionId="9" context="Transaction.Begin"><signedData format="EDL_40_MENNEKES">'
        f"{text}</signedData></value></values>"
    )
    report = judged(data.encode(), P192)
    (session,) = report.sessions
    assert session.verdict == "ok" and session.id == "9" and not session.findings
    assert {record.container for record in report.records} == {"SAFE-XML"}


def test_a_start_alone_is_incomplete(codes: Codes) -> None:
    head, _, _ = process().partition(b"<MeasurementEnd>")
    (session,) = judged(head + b"</ChargingProcess>", P192).sessions
    assert session.verdict == "incomplete" and codes(session) == {"S-END-MISSING"}


# -- ISA ----------------------------------------------------------------------------------------------------------


def isa_set(kind: int, sample: Sample = END, **changes: Any) -> bytes:
    data = replace(isa_export.data_set(BEGIN, sample, kind), **changes)
    return isa_export.telegram(data, samples.sign_raw(P256, data.encode()))


@pytest.mark.proves("T-067", "T-096")
def test_isa_data_sets(codes: Codes) -> None:
    key = P256
    begin = judged(isa_set(isa.BEGIN, replace(BEGIN, page=11)), key)
    assert begin.sessions[0].verdict == "incomplete" and codes(begin.sessions[0]) == {"S-END-MISSING", "S-ZERO-ENERGY"}
    update = judged(isa_set(isa.UPDATE, MIDDLE), key)
    assert update.sessions[0].verdict == "incomplete" and codes(update.sessions[0]) == {"S-END-MISSING"}
    end = judged(isa_set(isa.END), key)
    assert end.sessions[0].verdict == "ok" and not end.sessions[0].findings
    (entry,) = end.as_dict()["sessions"]
    assert entry["begin"] == "2025-03-01T09:00:00Z" and entry["energy"] == {"value": "12.3400", "unit": "kWh"}


@pytest.mark.proves("T-067")
def test_isa_begin_and_update_belong_to_the_end(codes: Codes) -> None:
    sets = [
        (isa_set(isa.BEGIN, replace(BEGIN, page=11)), safe_xml.BEGIN),
        (isa_set(isa.UPDATE, replace(MIDDLE, page=12)), None),
        (isa_set(isa.END), safe_xml.END),
    ]
    key = samples.coordinates(curves.public_key(P256))
    data = safe_xml.write([safe_xml.Signed(d.hex().encode(), label, key, isa.TOKEN) for d, label in sets], 3)
    report = judged(data, P256)
    (session,) = report.sessions
    assert session.verdict == "ok" and codes(session) == {"S-BEGIN-REDUNDANT"}
    assert report.as_dict()["sessions"][0]["energy"] == {"value": "12.3400", "unit": "kWh"}


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("S-VALUE-DECREASE", {"actual": isa.Value(END.time, 0, 7, scaler=-1)}),
        ("S-TIME-ORDER", {"actual": isa.Value(BEGIN.time - 1, 0, 1_124_400, scaler=-1)}),
        ("S-UNIT", {"actual": isa.Value(END.time, 0, 1_124_400, unit=27, scaler=-1)}),
    ],
)
def test_isa_rules(code: str, change: dict[str, Any], codes: Codes) -> None:
    (session,) = judged(isa_set(isa.END, **change), P256).sessions
    assert session.verdict == "fail" and code in codes(session)


# -- PCDF ---------------------------------------------------------------------------------------------------------


def pcdf_line(**changes: str) -> bytes:
    """A line whose fields were changed before it was signed."""
    values = {**pcdf_export.fields([BEGIN, END], curves.public_key(P256), session="tx-1"), **changes}
    return pcdf_export.line(values, samples.sign_der(P256, pcdf_export.signed(values)))


#: code, verdict, changed fields
PCDF: list[tuple[str, str, dict[str, str]]] = [
    ("S-BILLING-INVALID", "fail", {"BV": "0"}),
    ("S-BILLING-INVALID", "fail", {"BV": "x"}),
    ("S-END-MISSING", "incomplete", {"SP": "0"}),
    ("S-END-MISSING", "fail", {"SP": "2"}),
    ("S-TIME-UNSYNC", "warn", {"TV": "0"}),
    ("S-TIME-ORDER", "fail", {"CT": "250301085959"}),
    ("S-DURATION", "warn", {"CD": "010002"}),
    ("S-TIME-FORMAT", "fail", {"ST": "250230090000"}),
    ("S-TIME-FORMAT", "fail", {"CT": "now"}),
    ("S-VALUE-MISSING", "fail", {"RV": "many*kWh"}),
    ("S-UNIT", "fail", {"RV": "0012.340*MWh"}),
    ("S-ZERO-ENERGY", "ok", {"RV": "0000.000*kWh"}),
    ("S-ENERGY-HIGH", "warn", {"RV": "0600.000*kWh"}),
    ("S-TIME-IMPLAUSIBLE", "warn", {"ST": "140301090000", "CD": "000000"}),
]


@pytest.mark.proves("T-068", "T-113")
@pytest.mark.parametrize(("code", "verdict", "changes"), PCDF)
def test_pcdf(code: str, verdict: str, changes: dict[str, str], codes: Codes) -> None:
    report = judged(pcdf_line(**changes), P256)
    (record,) = report.records
    assert record.signature.verdict == "valid"
    (session,) = report.sessions
    assert code in codes(session) and session.verdict == verdict


@pytest.mark.proves("T-068", "T-095")
def test_a_good_pcdf_session() -> None:
    report = judged(pcdf_line(), P256)
    (entry,) = report.as_dict()["sessions"]
    assert entry["overall"] == "green" and entry["id"] == "tx-1" and not entry["findings"]
    assert entry["energy"] == {"value": "12.340", "unit": "kWh"}
    assert entry["begin"] == "2025-03-01T09:00:00Z" and entry["end"] == "2025-03-01T10:00:00Z"


def test_one_second_of_rounding_is_no_other_duration() -> None:
    assert not judged(pcdf_line(CD="010001"), P256).sessions[0].findings


def test_pcdf_lines_are_sessions_of_their_own() -> None:
    report = judged(pcdf_line() + pcdf_line(SP="0") + pcdf_line(SP="0", SI="B*1*tx-2") + pcdf_line(), P256)
    assert [session.verdict for session in report.sessions] == ["warn", "incomplete", "incomplete"]
    assert len(report.records) == 4  # the last repeats the first


# -- published keys -----------------------------------------------------------------------------------------------

Writer = Callable[..., bytes]
#: format, writer, curve, identity
WRITERS: list[tuple[str, Writer, str, str]] = [
    ("ALFEN", alfen_export.write, "secp192r1", alfen_export.SERIAL),
    ("PCDF", pcdf_export.write, "secp256r1", pcdf_export.SERIAL),
    ("ISA_EDL_40_P", isa_export.write, "secp256r1", isa_export.SERIAL),
    *(
        (form, lambda *a, form=form, **k: edl_export.write(*a, format=form, **k), curve, edl_export.SERIAL)
        for form, curve in (
            ("EDL_40_P", "secp192r1"),
            ("EDL_40_P", "secp256r1"),
            ("EDL_40_SIG", "secp192r1"),
            ("EDL_40_SIG", "secp256r1"),
            ("EDL_40_MENNEKES", "secp192r1"),
        )
    ),
]
each_writer = pytest.mark.parametrize(("form", "write", "curve", "identity"), WRITERS)


@pytest.mark.proves("T-107")
@each_writer
def test_published_keys_are_recognised(form: str, write: Writer, curve: str, identity: str, codes: Codes) -> None:
    key = testkeys.private_key(curve, identity)
    data = write([BEGIN, END], key)
    assert data == write([BEGIN, END], key)
    report = judged(data, key)
    assert {record.format for record in report.records} == {form}
    assert all("F-TEST-KEY" in codes(record) for record in report.records)
    assert report.summary["yellow"] == 1
    assert judged(data, key, allow_test_keys=True).summary["green"] == 1
    own = judged(write([BEGIN, END], testkeys.private_key(curve, NAME)))
    assert not any("F-TEST-KEY" in codes(record) for record in own.records)
    assert own.summary["yellow"] == 1  # its key only stands beside it


@each_writer
def test_writers_of_wrong_records(form: str, write: Writer, curve: str, identity: str) -> None:
    key, other = testkeys.private_key(curve, identity), testkeys.private_key(curve, identity + " wrong")
    wrong = judged(write([BEGIN, END], other, public_key=curves.public_key(key)))
    assert {record.signature.verdict for record in wrong.records} == {"invalid"}
    without = judged(write([BEGIN, END], key, embed=False))
    assert {record.signature.verdict for record in without.records} == {"no-key"}
    field = "RV" if form == "PCDF" else "contract_id" if form != "ALFEN" else "value"
    if form == "EDL_40_MENNEKES":
        field = "value"
    changed = {"RV": "0099.999*kWh", "contract_id": b"A", "value": 7}[field]
    tampered = judged(write([BEGIN, END], key, changes={field: changed}))
    assert [record.signature.verdict for record in tampered.records][-1] == "invalid"
    with pytest.raises(ValueError, match="signed on"):
        write([BEGIN, END], testkeys.private_key("secp384r1", identity))


@pytest.mark.proves("T-077")
def test_another_key_beside_an_embedded_one(codes: Codes) -> None:
    data = alfen_file((BEGIN, {}), (END, {}))
    other = testkeys.private_key("secp192r1", "other")
    report = judged(data, other)
    assert {record.signature.reason for record in report.records} == {"V-KEY-CONFLICT"}
    assert all("would_verify_with_other_key" in record.signature.hints for record in report.records)


def test_alfen_commands_are_those_of_the_letters() -> None:
    assert alfen.COMMANDS.keys() == alfen.MOMENTS.keys()
