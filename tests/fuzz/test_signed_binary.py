"""No bytes hang or crash the readers of ALFEN, PCDF, SML and EDL records, and none are valid that nobody signed."""

from __future__ import annotations

import base64
import json

from hypothesis import given, settings
from hypothesis import strategies as st

from wattproof.signed import examine
from wattproof.signed.formats import alfen, edl, edl_sml, edl_xml, isa, mennekes, pcdf, sml, sml_export
from wattproof.signed.records import Verdict
from wattproof.signed.units import Unit
from wattproof.signed.verification import verify

NOW = 1_800_000_000
KEYS = ["", "11" * 48, "11" * 64, "04" + "22" * 64]

CODES = st.sampled_from(
    [
        edl.OBIS,
        edl.COMPENSATED,
        edl_sml.PLAIN_VALUE,
        edl_sml.SECOND_INDEX,
        edl_sml.PAGINATION,
        edl_sml.CONTRACT,
        edl_sml.VERSION,
        edl_sml.PRICE,
        isa.START_VALUE,
        isa.EVENT_STAMP,
        isa.PAGINATION,
    ]
)
LEAVES = st.one_of(
    st.just(sml_export.ABSENT),
    st.binary(max_size=70).map(sml_export.octets),
    st.booleans().map(sml_export.boolean),
    st.integers(-(1 << 63), (1 << 63) - 1).map(lambda n: sml_export.integer(n, 8)),
    st.integers(0, (1 << 32) - 1).map(lambda n: sml_export.unsigned(n, 4)),
    st.integers(0, 255).map(sml_export.unsigned),
    st.tuples(st.integers(0, (1 << 31) - 1), st.integers(-800, 800)).map(
        lambda pair: sml_export.local_time(pair[0] + 10**5, pair[1])
    ),
    st.integers(0, 1 << 31).map(sml_export.utc_time),
    st.integers(0, 1 << 31).map(lambda n: sml_export.choice(1, sml_export.index_time(n))),
)
ELEMENTS = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=7).map(lambda parts: sml_export.sequence(*parts)), max_leaves=12
)
ROWS = st.one_of(
    st.tuples(CODES, LEAVES, LEAVES, LEAVES, LEAVES, LEAVES, LEAVES).map(
        lambda row: sml_export.sequence(sml_export.octets(row[0]), *row[1:])
    ),
    ELEMENTS,
)
NAMES = st.sampled_from([*isa.LIST_NAMES, bytes.fromhex("8180817303ff"), b""])


def judge(units: list[Unit]) -> None:
    assert units
    for unit in units:
        record = verify(unit)
        assert record.signature.verdict is not Verdict.VALID and record.signature.reason


def whole(data: bytes, key: str) -> None:
    report = examine(data, key or None, now=NOW)
    for record in report.records:
        assert record.signature.verdict is not Verdict.VALID
        assert not any("internal error" in finding.message for finding in record.findings)
    json.dumps(report.as_dict())
    for unit in (*report.sessions, *report.loose):
        assert report.predictions(unit)


@settings(max_examples=400, deadline=None)
@given(
    st.lists(ROWS, max_size=10), st.sampled_from([9, 10, 10, 10]), NAMES, st.binary(max_size=70), st.sampled_from(KEYS)
)
def test_telegrams(rows: list[bytes], server: int, name: bytes, signature: bytes, key: str) -> None:
    data = sml_export.list_telegram(bytes(server), name, rows, signature)
    judge([*edl_sml.parse(data)])
    whole(data, key)


@settings(max_examples=300, deadline=None)
@given(st.lists(ELEMENTS, max_size=4), st.integers(0, 1000), st.integers(0, 255))
def test_messages(elements: list[bytes], position: int, byte: int) -> None:
    content = b"".join(sml_export.message(1, sml.LIST_RESPONSE, element) for element in elements)
    judge([*edl_sml.parse(sml_export.telegram(content))])
    if content:
        changed = bytearray(content)
        changed[position % len(changed)] = byte
        judge([*edl_sml.parse(sml_export.telegram(bytes(changed)))])


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=100), st.booleans())
def test_bytes(data: bytes, framed: bool) -> None:
    for parse in (alfen.parse, pcdf.parse, edl_sml.parse):
        judge([*parse(data)])
    judge([*edl_sml.parse(sml.START + data + (sml.ESCAPE + b"\x1a\0\0\0" if framed else b""))])


@settings(max_examples=300, deadline=None)
@given(st.binary(min_size=82, max_size=82), st.binary(max_size=60), st.text("0123456789;AP \n", max_size=12))
def test_alfen_data_sets(data: bytes, signature: bytes, noise: str) -> None:
    parts = ["AP", "0", "3", "", base64.b32encode(data).decode(), base64.b32encode(signature).decode()]
    for text in (";".join(parts), ";".join(parts) + "\n" + noise, noise.join(parts)):
        whole(b"AP;" + text.encode() if not text.startswith("AP;") else text.encode(), KEYS[1])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["X", *pcdf.ORDER]), st.text(max_size=14)), max_size=16), st.text(max_size=8))
def test_pcdf_fields(fields: list[tuple[str, str]], signature: str) -> None:
    text = "128.8.0" + "".join(f"({name}:{value})" for name, value in fields) + f"(SG:{signature})"
    whole(text.encode("utf-8", "replace"), KEYS[3])
    numbers = "".join(f"({name}:{value.encode().hex()})" for name, value in fields)
    whole(f"128.8.0{numbers}(SG:3006020101020101)".encode(), KEYS[3])


BLOCK_NAMES = "publicKey meterValueSignature signatureMethod encodingMethod encodedMeterValue".split()
PROCESS_NAMES = (
    "ServerId PublicKey CustomerIdent TimestampCustomerIdent Timestamp Signature EventCounter MeterStatus Value Scaler "
    "Pagination SecondIndex".split()
)
TEXTS = st.one_of(
    st.sampled_from(["", "ECDSA192SHA256", "EDL", "00" * 320, "11" * 48, "2025-03-01T10:00:00+01:00", "-1", "5"]),
    st.integers(-(1 << 70), 1 << 70).map(str),
    st.binary(max_size=50).map(bytes.hex),
    st.text("abcXYZ 0189:+-T.&amp;", max_size=20).map(lambda text: text.replace("&", "")),
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(BLOCK_NAMES), st.sampled_from(["", "hex", "base64", "?"]), TEXTS), max_size=8)
)
def test_signed_meter_values(parts: list[tuple[str, str, str]]) -> None:
    inner = "".join(f'<{name} encoding="{encoding}">{text}</{name}>' for name, encoding, text in parts)
    data = f"<signedMeterValues><signedMeterValue>{inner}</signedMeterValue></signedMeterValues>".encode()
    judge([*edl_xml.read(data)])
    whole(data, KEYS[1])


FIELDS = st.dictionaries(st.sampled_from(PROCESS_NAMES), TEXTS, max_size=3)
GOOD = {
    "ServerId": "09015453540000000001",
    "Timestamp": "2025-03-01T10:00:00+01:00",
    "Signature": "11" * 48,
    **dict.fromkeys(("EventCounter", "MeterStatus", "Value", "Scaler", "Pagination", "SecondIndex"), "8"),
}


@settings(max_examples=300, deadline=None)
@given(FIELDS, FIELDS, FIELDS)
def test_charging_processes(outer: dict[str, str], start: dict[str, str], end: dict[str, str]) -> None:
    def written(fields: dict[str, str]) -> str:
        return "".join(f"<{name}>{text}</{name}>" for name, text in {**GOOD, **fields}.items())

    data = (
        f"<ChargingProcess>{written(outer)}<MeasurementStart>{written(start)}</MeasurementStart>"
        f"<MeasurementEnd>{written(end)}</MeasurementEnd></ChargingProcess>"
    ).encode()
    judge([*mennekes.read(data)])
    whole(data, KEYS[1])


@settings(max_examples=300, deadline=None)
@given(st.binary(min_size=320, max_size=320), st.sampled_from([48, 50, 64, 66]))
def test_blocks(block: bytes, size: int) -> None:
    text = (
        f'<meterValueSignature encoding="hex">{"11" * size}</meterValueSignature>'
        f'<encodedMeterValue encoding="hex">{block.hex()}</encodedMeterValue>'
    )
    whole(f"<signedMeterValue>{text}</signedMeterValue>".encode(), KEYS[1])
    assert edl.decode(block).encode() == block
