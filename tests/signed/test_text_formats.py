"""ALFEN lines, PCDF lines, EDL_40_SIG and Mennekes files: how they are recognised, read and refused."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattproof.signed import curves, examine, recognise, testkeys
from wattproof.signed.formats import alfen_export, edl_export, pcdf_export, samples
from wattproof.signed.formats.samples import Sample
from wattproof.signed.limits import Limits
from wattproof.signed.records import Moment
from wattproof.signed.units import Carrier

Codes = Callable[[Any], set[str]]
NOW = 1_800_000_000
P192, P256 = (testkeys.private_key(curve, "a key of these tests") for curve in ("secp192r1", "secp256r1"))
BEGIN = Sample(Moment.BEGIN, 100_100, 1_740_819_600, 12)
END = Sample(Moment.END, 112_440, 1_740_823_200, 13, second_index=103_600)


def records(data: bytes | str, key: Any = None, **options: Any) -> list[Any]:
    return examine(data, None if key is None else curves.spki(key).hex(), now=NOW, **options).records


def only(data: bytes | str, key: Any = None, **options: Any) -> Any:
    (record,) = records(data, key, **options)
    return record


# -- ALFEN --------------------------------------------------------------------------------------------------------

LINE = alfen_export.write([BEGIN], P192).decode().strip()
LINES = alfen_export.write([BEGIN, END], P192).decode()


@pytest.mark.proves("T-058")
@pytest.mark.parametrize(
    "text",
    [
        LINE,
        LINE.rstrip(";"),
        f'"{LINE}"',
        f"\ufeff{LINE}\r\n",
        LINE.replace("=", ""),
        LINE.replace("AP;0;3;", "AP;0;3; ").replace(";", "; "),
        LINE[:90] + "\r\n  " + LINE[90:],
        LINE[:7] + LINE[7:].lower(),
        LINE.encode().hex(),
        base64.b64encode(LINE.encode()).decode(),
    ],
)
def test_alfen_forms(text: str) -> None:
    record = only(text, P192)
    assert record.format == "ALFEN" and record.signature.verdict == "valid"
    assert record.signature.algorithm == "ECDSA-secp192r1-SHA256"
    assert record.gateway_serial == alfen_export.SERIAL and record.identification == "1F2D3A4F5506C7"
    (reading,) = record.readings
    assert (reading.register, reading.literal, reading.unit) == ("1-0:1.8.0*255", "100100", "Wh")


@pytest.mark.parametrize("text", [LINES, LINES.replace("\n", "\r\n\r\n"), LINES.replace("\n", " "), f'"{LINES}"'])
def test_alfen_lines(text: str) -> None:
    assert [record.signature.verdict for record in records(text, P192)] == ["valid", "valid"]


@pytest.mark.proves("T-058")
def test_alfen_key_of_the_line() -> None:
    record = only(LINE)
    assert (record.signature.verdict, record.signature.key_source) == ("valid", "embedded")
    head, kind, version, _, *rest = LINE.split(";")
    assert only(";".join((head, kind, version, "", *rest))).signature.verdict == "no-key"
    assert only(";".join((head, kind, version, "AAAA", *rest))).signature.verdict == "key-error"


def field(position: int, text: str) -> str:
    parts = LINE.split(";")
    parts[position] = text
    return ";".join(parts)


@pytest.mark.proves("T-058")
@pytest.mark.parametrize(
    ("text", "verdict", "reason"),
    [
        ("AP;0;3;KEY;DATA;SIGNATURE;", "format-error", "F-FORMAT"),
        ("AP;0;3", "format-error", "F-FORMAT"),
        ("AP;", "format-error", "F-FORMAT"),
        (LINE + "AP;0;3", "format-error", "F-FORMAT"),
        (LINE + "XX;0;3;A;B;C", "format-error", "F-FORMAT"),
        (field(4, base64.b32encode(bytes(81)).decode()), "format-error", "F-FORMAT"),
        (field(4, base64.b32encode(bytes(83)).decode()), "format-error", "F-FORMAT"),
        (field(4, base64.b32encode(bytes(82)).decode()), "invalid", "V-MISMATCH"),
        (field(4, "1890"), "format-error", "F-FORMAT"),
        (field(5, ""), "format-error", "F-SD"),
        (field(5, "1"), "format-error", "F-SD"),
        (field(5, base64.b32encode(bytes(48)).decode()), "invalid", "V-SIG-RANGE"),
        (field(5, base64.b32encode(b"\1" * 47).decode()), "invalid", "V-SIG-ENCODING"),
        (field(5, base64.b32encode(b"\1" * 48).decode()), "invalid", "V-MISMATCH"),
    ],
)
def test_alfen_refused(text: str, verdict: str, reason: str) -> None:
    record = records(text)[-1]
    assert record.format == "ALFEN"
    assert (record.signature.verdict, record.signature.reason) == (verdict, reason)


@pytest.mark.proves("T-118")
@pytest.mark.parametrize("position", [3, 4, 5])
def test_slack_of_base32_decodes_to_the_same_bytes(position: int) -> None:
    parts = LINE.split(";")
    text = parts[position].rstrip("=")
    before = only(LINE, P192)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    for letter in letters:
        parts[position] = text[:-1] + letter
        record = only(";".join(parts), P192)
        if record.signature.verdict == "valid":
            assert record.signed == before.signed and record.readings == before.readings


def test_alfen_deviations(codes: Codes) -> None:
    assert codes(only(LINE)) == set()
    assert codes(only(field(2, "4"))) == {"F-ALFEN-BLOB"}
    assert codes(only(field(1, "1"))) == {"F-ALFEN-TYPE"}
    other = only(field(1, "9"))
    assert codes(other) == {"F-ALFEN-TYPE"} and other.readings[0].moment is None


def test_alfen_limits() -> None:
    assert only("AP;" + "A" * 200, limits=Limits(record=100)).signature.reason == "F-SIZE"
    many = records(LINES * 3, limits=Limits(units=4))
    assert len(many) == 5 and many[-1].signature.reason == "F-SIZE"


def test_alfen_in_the_charging_station_container() -> None:
    document = {
        "placeInfo": {},
        "@id": "af032557",
        "signedMeterValues": [{"format": "ALFEN", "payload": line} for line in LINES.splitlines()],
    }
    report = examine(json.dumps(document), now=NOW)
    (session,) = report.sessions
    assert session.verdict == "ok" and {record.container for record in report.records} == {"chargeIT-JSON"}


def test_alfen_text_that_is_no_text() -> None:
    data = replace(alfen_export.data_set(BEGIN), uid=b"\x01\xff", firmware=b"\0\1\2\3")
    line = alfen_export.line(data, "0", samples.sign_raw(P192, data.encode()), curves.public_key(P192))
    record = only(line)
    assert record.identification is not None and record.identification.startswith("0x01FF")
    assert record.firmware[0] == "0x00010203"


# -- PCDF ---------------------------------------------------------------------------------------------------------

PCDF = pcdf_export.write([BEGIN, END], P256).decode().strip()


@pytest.mark.proves("T-068")
@pytest.mark.parametrize(
    "text",
    [
        PCDF,
        f"\x02{PCDF}\x03",
        f"\\u0002{PCDF}\\u0003",
        f'"{PCDF}"\n',
        f'"\\u0002{PCDF}\\u0003"',
        PCDF[:100] + "\r\n" + PCDF[100:300] + "\n" + PCDF[300:],
        PCDF.encode().hex(),
    ],
)
def test_pcdf_forms(text: str) -> None:
    record = only(text, P256)
    assert record.format == "PCDF" and record.signature.verdict == "valid"
    assert record.signed == PCDF.encode().partition(b"(SG:")[0]
    assert record.meter_serial == pcdf_export.SERIAL
    assert [reading.literal for reading in record.readings] == ["0.000", "0012.340"]


@pytest.mark.proves("T-068")
@pytest.mark.parametrize(
    ("text", "verdict", "reason"),
    [
        ("128.8.0(ST:200102030405)", "format-error", "F-PCDF"),
        ("128.8.0(", "format-error", "F-PCDF"),
        (PCDF + "x", "format-error", "F-PCDF"),
        (PCDF + "(XX:1)", "format-error", "F-PCDF"),
        (PCDF.replace("(TV", "(TV("), "format-error", "F-PCDF"),
        (PCDF.partition("(SG:")[0] + "(SG:)", "format-error", "F-SD"),
        (PCDF.partition("(SG:")[0] + "(SG:zz)", "format-error", "F-SD"),
        (PCDF.partition("(SG:")[0] + "(SG:00)", "invalid", "V-SIG-ENCODING"),
        (PCDF.replace("BV:1", "BV:0"), "invalid", "V-MISMATCH"),
        (PCDF.replace("(CT:", " (CT:"), "format-error", "F-PCDF"),
        (PCDF.replace("RV:0", "RV: "), "invalid", "V-MISMATCH"),
    ],
)
def test_pcdf_refused(text: str, verdict: str, reason: str) -> None:
    record = records(text)[-1]
    assert record.format == "PCDF"
    assert (record.signature.verdict, record.signature.reason) == (verdict, reason)


def pcdf(values: dict[str, str], more: str = "") -> bytes:
    signed = pcdf_export.signed(values) + more.encode()
    return signed + f"(SG:{samples.sign_der(P256, signed).hex()})".encode()


def test_pcdf_deviations(codes: Codes) -> None:
    values = pcdf_export.fields([BEGIN, END], curves.public_key(P256))
    assert codes(only(pcdf(values))) == set()
    for name, text in {"CS": "12", "HW": "short", "DT": "1", "SI": "a*9*b", "CSC": "x", "CD": "1", "TV": "2"}.items():
        record = only(pcdf({**values, name: text}))
        assert record.signature.verdict == "valid" and codes(record) == {"F-PCDF"}
    turned = dict(reversed(values.items()))
    assert codes(only(pcdf(turned))) == {"F-PCDF-FIELDS"}
    assert codes(only(pcdf(values, "(XX:1)"))) == {"F-PCDF-FIELDS"}


@pytest.mark.proves("T-114")
def test_a_repeated_pcdf_field_is_ambiguous(codes: Codes) -> None:
    values = pcdf_export.fields([BEGIN, END], curves.public_key(P256))
    report = examine(pcdf(values, "(RV:0001.000*kWh)"), now=NOW)
    (session,) = report.sessions
    assert report.records[0].signature.verdict == "valid" and session.verdict == "fail"
    assert "S-AMBIGUOUS" in codes(session)


def test_pcdf_bytes_that_are_no_text(codes: Codes) -> None:
    signed = PCDF.encode().partition(b"(SG:")[0].replace(b"(SI:1F", b"(SI:\xff\xff")
    record = only(signed + f"(SG:{samples.sign_der(P256, signed).hex()})".encode(), P256)
    assert record.signature.verdict == "valid" and "F-UTF8" in codes(record)


# -- EDL_40_SIG ---------------------------------------------------------------------------------------------------

BLOCK = edl_export.block(BEGIN)
VALUE = edl_export.signed_meter_value(BEGIN, BLOCK, samples.sign_raw(P192, BLOCK.encode()), curves.public_key(P192))
SIGNED = BLOCK.encode()
RAW = samples.sign_raw(P192, SIGNED) + BLOCK.log
POINT = samples.coordinates(curves.public_key(P192))


def value(
    block: str = SIGNED.hex(),
    signature: str = RAW.hex(),
    method: str = "ECDSA192SHA256",
    encoding: str = "hex",
    **more: str,
) -> str:
    stated = f' encoding="{encoding}"' if encoding else ""
    return (
        f"<signedMeterValue><publicKey{stated}>{more.get('key', POINT.hex())}</publicKey>"
        f"<meterValueSignature{stated}>{signature}</meterValueSignature><signatureMethod>{method}</signatureMethod>"
        f"<encodingMethod>{more.get('coding', 'EDL')}</encodingMethod>"
        f"<encodedMeterValue{stated}>{block}</encodedMeterValue></signedMeterValue>"
    )


@pytest.mark.proves("T-063")
@pytest.mark.parametrize(
    "text",
    [
        value(),
        value(encoding=""),
        value(SIGNED.hex(" ").upper(), RAW.hex(" ")),
        VALUE.decode(),
        value(signature=RAW[:-2].hex()),
        value(method=""),
        "<?xml version='1.0'?>" + value(),
        "<x:signedMeterValues xmlns:x='y'>" + value() + "</x:signedMeterValues>",
        "<values><value><signedData>" + value() + "</signedData></value></values>",
        "<values><value><signedData>" + value().replace("<", "&lt;") + "</signedData></value></values>",
    ],
)
def test_edl_sig_forms(text: str) -> None:
    record = only(text)
    assert record.format == "EDL_40_SIG" and record.signature.verdict == "valid"
    assert record.signed == SIGNED and record.container == ("SAFE-XML" if "<values>" in text else "EDL-XML")


@pytest.mark.proves("T-063")
def test_a_list_of_values_stands_in_its_own_container() -> None:
    data = f"<signedMeterValues>{value()}{value(SIGNED[:-1].hex())}{value()}</signedMeterValues>"
    assert [record.signature.verdict for record in records(data)] == ["valid", "format-error", "valid"]
    assert only("<signedMeterValues/>").signature.reason == "F-EMPTY"
    many = records(f"<signedMeterValues>{value() * 5}</signedMeterValues>", limits=Limits(units=3))
    assert len(many) == 4 and many[-1].signature.reason == "F-SIZE"


@pytest.mark.proves("T-063")
@pytest.mark.parametrize(
    ("text", "verdict", "reason"),
    [
        (value(SIGNED[:-1].hex()), "format-error", "F-FORMAT"),
        (value(SIGNED.hex() + "00"), "format-error", "F-FORMAT"),
        (value(""), "format-error", "F-FORMAT"),
        (value("nothing"), "format-error", "F-FORMAT"),
        (value(encoding="base64"), "format-error", "F-FORMAT"),
        (value(signature=""), "format-error", "F-SD"),
        (value(signature="xx"), "format-error", "F-SD"),
        (value(signature="0102"), "invalid", "V-SIG-ENCODING"),
        (value(signature=RAW[:47].hex()), "invalid", "V-SIG-ENCODING"),
        (value(signature=RAW.hex() + "00"), "invalid", "V-SIG-ENCODING"),
        (value(method="ECDSA256SHA256"), "key-error", "V-CURVE-MISMATCH"),
        (value(method="RSA"), "unsupported", "V-ALG"),
        (value(key=samples.coordinates(curves.public_key(P256)).hex()), "key-error", "V-CURVE-MISMATCH"),
        (value(key="00" * 48), "key-error", "V-KEY-POINT"),
        (value(key=""), "no-key", "V-NO-KEY"),
        ("<signedMeterValue/>", "format-error", "F-FORMAT"),
        ("<signedMeterValue>", "format-error", "F-XML"),
    ],
)
def test_edl_sig_refused(text: str, verdict: str, reason: str) -> None:
    record = only(text)
    assert record.format == "EDL_40_SIG"
    assert (record.signature.verdict, record.signature.reason) == (verdict, reason)


@pytest.mark.proves("T-118")
def test_slack_of_base64_is_refused_or_decodes_to_the_same_bytes() -> None:
    block, signature = (base64.b64encode(data).decode() for data in (SIGNED, RAW))
    key = base64.b64encode(POINT).decode()
    before = only(value(block, signature, encoding="base64", key=key))
    assert before.signature.verdict == "valid"
    for letter in "ABCDEFGHabcdefgh0189+/-_=":
        for changed in (block.rstrip("=")[:-1] + letter, block + letter, block[:8] + letter + block[8:]):
            for record in records(value(changed, signature, encoding="base64", key=key)):
                if record.signature.verdict == "valid":
                    assert record.signed == SIGNED


def test_edl_sig_deviations(codes: Codes) -> None:
    assert codes(only(value())) == set()
    assert codes(only(value(signature=RAW[:-1].hex() + "09"))) == {"F-EDL-LOG"}
    assert codes(only(value(coding="OCMF"))) == {"F-FORMAT-LABEL"}


@pytest.mark.proves("T-064", "T-081")
def test_every_bit_of_the_block_is_signed() -> None:
    number = int.from_bytes(SIGNED, "big")
    documents = [value((number ^ 1 << bit).to_bytes(320, "big").hex()) for bit in range(320 * 8)]
    found = records(f"<signedMeterValues>{''.join(documents)}</signedMeterValues>")
    assert len(found) == 2560 and {record.signature.verdict for record in found} == {"invalid"}


def test_a_label_that_contradicts_is_a_finding(codes: Codes) -> None:
    text = "<values><value><signedData format='{}'>{}</signedData></value></values>"
    for label, content, expected in (
        ("EDL", value().replace("<", "&lt;"), set()),
        ("EDL_40_SIG", value(), set()),
        ("EDL_40_P", value(), {"F-FORMAT-LABEL"}),
        ("alfen", LINE, set()),
        ("OCMF", LINE, {"F-FORMAT-LABEL"}),
        ("PCDF", PCDF, set()),
        ("EDL", PCDF, {"F-FORMAT-LABEL"}),
    ):
        record = only(text.format(label, content))
        assert record.signature.verdict == "valid" and codes(record) == expected, label


# -- Mennekes -----------------------------------------------------------------------------------------------------

MENNEKES = edl_export.write([BEGIN, END], P192, format="EDL_40_MENNEKES").decode()


@pytest.mark.proves("T-065")
@pytest.mark.parametrize(
    "text",
    [
        MENNEKES,
        MENNEKES.replace("Z</", ".0000000Z</").replace("+01:00<", ".1234567+01:00\n <"),
        MENNEKES.replace(' xmlns="', ' xmlns:x="'),
        MENNEKES.replace("<ChargingProcess>", "<MeteringPoint>x</MeteringPoint><ChargingProcess>"),
    ],
)
def test_mennekes_forms(text: str) -> None:
    found = records(text, P192)
    assert [record.signature.verdict for record in found] == ["valid", "valid"]
    assert {record.format for record in found} == {"EDL_40_MENNEKES"}
    assert [record.context for record in found] == [None, None]


@pytest.mark.proves("T-065")
@pytest.mark.parametrize("name", ["Value", "Scaler", "Pagination", "SecondIndex", "MeterStatus"])
def test_every_signed_element_counts(name: str) -> None:
    head, _, tail = MENNEKES.rpartition(f"<{name}>")
    number, _, rest = tail.partition("<")
    changed = f"{head}<{name}>{int(number) + 1}<{rest}"
    assert [record.signature.verdict for record in records(changed, P192)] == ["valid", "invalid"]
    for wrong in ("", "x", "1.5", "9" * 30):
        found = records(f"{head}<{name}>{wrong}<{rest}", P192)
        assert [record.signature.verdict for record in found] == ["valid", "format-error"]


@pytest.mark.proves("T-065")
@pytest.mark.parametrize(
    ("old", "new", "verdict"),
    [
        ("T11:00:00+01:00", "T11:00:01+01:00", "invalid"),
        ("T11:00:00+01:00", "T25:00:00+01:00", "format-error"),
        ("2025-03-01T11", "2025-02-30T11", "format-error"),
        ("2025-03-01T11", "1925-03-01T11", "format-error"),
        ("T11:00:00+01:00", "T11:00:00+99:00", "format-error"),
        ("T11:00:00+01:00", "", "format-error"),
        ("<ServerId>09", "<ServerId>08", "invalid"),
        ("<ServerId>09", "<ServerId>", "format-error"),
        ("<ServerId>09", "<ServerId>xx", "format-error"),
        ("<CustomerIdent>1F", "<CustomerIdent>1E", "invalid"),
        ("<CustomerIdent>1F", "<CustomerIdent>" + "1F" * 130, "format-error"),
        ("<CustomerIdent>1F", "<CustomerIdent>1", "format-error"),
    ],
)
def test_mennekes_changes(old: str, new: str, verdict: str) -> None:
    assert old in MENNEKES
    assert records(MENNEKES.replace(old, new), P192)[-1].signature.verdict == verdict


def test_a_changed_event_counter_beside_signed_log_bytes(codes: Codes) -> None:
    found = records(MENNEKES.replace("<EventCounter>8", "<EventCounter>9"), P192)
    assert [record.signature.verdict for record in found] == ["valid", "valid"]
    assert all(codes(record) == {"F-EDL-LOG"} for record in found)
    assert {record.readings[0].event_counter for record in found} == {8}


@pytest.mark.proves("T-097")
@pytest.mark.parametrize("wrapper", ["none", "ZIP", "JSONL", "SAFE-XML"])
def test_the_innermost_container_is_named(wrapper: str) -> None:
    for text, own in ((MENNEKES, "MENNEKES-XML"), (value(), "EDL-XML")):
        for unit in recognise.read(text.encode(), Carrier(wrapper)):
            assert unit.record.container == ("SAFE-XML" if wrapper == "SAFE-XML" else own)


@pytest.mark.proves("T-121")
def test_exchanged_start_and_end_fail() -> None:
    swapped = MENNEKES.replace("MeasurementStart", "X").replace("MeasurementEnd", "MeasurementStart")
    report = examine(swapped.replace("X>", "MeasurementEnd>"), now=NOW)
    assert {record.signature.verdict for record in report.records} == {"valid"}
    (session,) = report.sessions
    assert session.verdict == "fail"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<Billing/>", "F-EMPTY"),
        ("<?xml version='1.0'?><!-- c --><Billing/>", "F-EMPTY"),
        ("<ChargingProcess/>", "F-EMPTY"),
        ("<ChargingProcess><MeasurementStart/></ChargingProcess>", "F-FORMAT"),
        ("<Billing>", "F-XML"),
        ("<!DOCTYPE x []><Billing/>", "F-XML-DTD"),
        (MENNEKES.replace("<Signature>", "<Signature>x"), "F-SD"),
        (MENNEKES.replace("<Signature>", "<Signature/><x>").replace("</Signature>", "</x>"), "F-SD"),
    ],
)
def test_mennekes_refused(text: str, reason: str) -> None:
    for record in records(text):
        assert (record.signature.verdict, record.signature.reason) == ("format-error", reason)
        assert (record.format, record.container) == ("EDL_40_MENNEKES", "MENNEKES-XML")


@pytest.mark.proves("T-123")
def test_of_repeated_elements_the_hashed_one_is_shown() -> None:
    changed = MENNEKES.replace("<Scaler>", "<Value>99999999</Value><Scaler>")
    found = records(changed, P192)
    assert [record.signature.verdict for record in found] == ["valid", "valid"]
    assert found[1].readings[0].value == END.energy


def test_many_measurements_in_one_process() -> None:
    process = "<ChargingProcess>" + "<MeasurementStart/>" * 20_000 + "</ChargingProcess>"
    assert len(records(process, limits=Limits(units=1000))) == 1001


# -- anything at all ----------------------------------------------------------------------------------------------


@pytest.mark.proves("T-080")
@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([LINES, PCDF, MENNEKES, VALUE.decode()]),
    st.integers(0, 4000),
    st.integers(0, 40),
    st.text(max_size=20),
)
def test_any_text_is_refused_or_read(text: str, at: int, size: int, inserted: str) -> None:
    at %= len(text)
    report = examine((text[:at] + inserted + text[at + size :]).encode("utf-8", "replace"), now=NOW)
    for record in report.records:
        assert not any("internal error" in finding.message for finding in record.findings)
    json.dumps(report.as_dict())
