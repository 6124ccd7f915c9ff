"""SML telegrams: transport, checksums, coding, limits; and the signed values that are read from them."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattproof.signed import curves, examine, testkeys
from wattproof.signed.formats import edl, edl_export, edl_sml, isa, isa_export, samples, sml, sml_export
from wattproof.signed.formats.samples import Sample
from wattproof.signed.formats.sml import SmlProblem
from wattproof.signed.limits import Limits
from wattproof.signed.records import Moment

Codes = Callable[[Any], set[str]]
NOW = 1_800_000_000
KEY = testkeys.private_key("secp192r1", "a key of these tests")
WIDE = testkeys.private_key("secp256r1", "a key of these tests")
SAMPLE = Sample(Moment.BEGIN, 100_100, 1_740_819_600, 12)


def telegram(key: Any = KEY, **changes: Any) -> bytes:
    block = replace(edl_export.block(SAMPLE), **changes)
    return edl_export.telegram(SAMPLE, block, samples.sign_raw(key, block.encode()))


def entries(data: bytes) -> sml.ListResponse:
    content, end = sml.telegram(data, 0)
    assert end == len(data)
    (found,) = sml.list_responses(content)
    return found


def only(data: bytes, key: Any = KEY, **options: Any) -> Any:
    (record,) = examine(data, curves.spki(key).hex(), now=NOW, **options).records
    return record


def list_response(*rows: bytes, signature: bytes = bytes(50), server: bytes = bytes(10)) -> bytes:
    return sml_export.list_telegram(server, edl_export.LIST_NAME, rows, signature)


@pytest.mark.parametrize(
    "element",
    [b"", b"a", bytes(14), bytes(15), bytes(253), bytes(300), bytes(5000)],
)
def test_octets_of_every_length(element: bytes) -> None:
    reader = sml._Reader(sml_export.octets(element), Limits())
    assert reader.element() == (element or None) and reader.at == len(reader.data)


def test_checksum() -> None:
    assert sml.crc(b"123456789") == 0x906E  # the check value of CRC-16/X-25


@pytest.mark.parametrize("content", [b"", b"\x1b" * 4, b"a" + b"\x1b" * 9 + b"b", b"\x1b\x1b\x1b\x1b\x01\x01\x01\x01"])
def test_escape_sequences_are_doubled(content: bytes) -> None:
    data = sml_export.telegram(content)
    assert sml.telegram(data, 0) == (content, len(data))


@pytest.mark.proves("T-061")
@pytest.mark.parametrize("key", [KEY, WIDE])
@pytest.mark.parametrize(
    "form",
    [
        lambda data: data,
        lambda data: b"\r\n" + data + b"\n",
        lambda data: data.hex().encode(),
        lambda data: data.hex(" ").upper().encode(),
        lambda data: base64.b64encode(data),
        lambda data: base64.b32encode(data),
    ],
)
def test_every_form_of_a_telegram(form: Callable[[bytes], bytes], key: Any) -> None:
    record = only(form(telegram(key)), key)
    assert record.signature.verdict == "valid" and record.format == "EDL_40_P" and record.container == "none"
    assert record.readings[0].value == 100_100


def test_a_checksum_that_looks_like_white_space() -> None:
    found = next(data for data in map(_numbered, range(5000)) if data[-1:] in (b"\n", b" "))
    assert only(found).signature.verdict == "valid" and only(found.hex()).signature.verdict == "valid"
    assert only(b"\n" + found + b"\n").signature.verdict == "valid"


def _numbered(number: int) -> bytes:
    return telegram(pagination=number)


def test_several_telegrams_follow_each_other() -> None:
    data = telegram() + b"\r\n" + telegram(pagination=13)
    records = examine(data, curves.spki(KEY).hex(), now=NOW).records
    assert [record.page for record in records] == [12, 13]
    broken = bytearray(telegram())
    broken[40] ^= 1
    records = examine(bytes(broken) + data, now=NOW).records
    assert [record.signature.reason for record in records] == ["F-SML-CRC", "V-NO-KEY", "V-NO-KEY"]


@pytest.mark.proves("T-062")
def test_every_changed_byte_is_noticed(codes: Codes) -> None:
    data = telegram()
    for position in range(8, len(data)):
        changed = bytearray(data)
        changed[position] ^= 0x10
        for record in examine(bytes(changed), curves.spki(KEY).hex(), now=NOW).records:
            assert record.signature.verdict == "format-error"
            assert codes(record) & {"F-SML", "F-SML-CRC", "F-FORMAT"}, position


@pytest.mark.proves("T-062")
def test_the_checksum_of_a_message_counts_too(codes: Codes) -> None:
    content, _ = sml.telegram(telegram(), 0)
    serial = bytes.fromhex(edl_export.SERIAL)
    record = only(sml_export.telegram(content.replace(serial, serial[:-1] + b"\x07")))
    assert record.signature.reason == "F-SML-CRC" and codes(record) == {"F-SML-CRC"}


NESTED = b"\x71" * 40 + b"\x01"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (sml.START, "F-SML"),
        (sml.START + bytes(100), "F-SML"),
        (sml.START + sml.ESCAPE + b"\x02", "F-SML"),
        (sml.START + sml.ESCAPE + b"\x1a\x00\x00\x00", "F-SML-CRC"),
        (sml_export.telegram(b""), "F-SML"),
        (sml_export.telegram(b"\x76"), "F-SML"),
        (sml_export.telegram(b"\x00" * 8), "F-SML"),
        (sml_export.telegram(b"\xff" * 64), "F-SML"),
        (sml_export.telegram(sml_export.message(1, 0x0101, b"\x01")), "F-SML"),
        (sml_export.telegram(sml_export.message(1, 0x0701, b"\x01")), "F-SML"),
        (sml_export.telegram(sml_export.message(1, 0x0701, NESTED)), "F-SML"),
        (sml_export.telegram(sml_export.message(1, 0x0701, sml_export.sequence(*[b"\x01"] * 300))), "F-SML"),
        (sml_export.telegram(sml_export.message(1, 0x0701, sml_export.octets(bytes(70_000)))), "F-SML"),
        (sml_export.telegram(sml_export.message(1, 0x0701, b"\x8f\x8f\x8f\x8f\x8f\x0f")), "F-SML"),
        (sml_export.telegram(sml_export.message(1, 0x0101, b"\x01") * 300), "F-SML"),
        (sml.START + bytes(1 << 20) + bytes(9), "F-SIZE"),
        (list_response(), "F-SML"),
        (list_response(sml_export.octets(b"no list")), "F-SML"),
        (list_response(sml_export.entry(b"short", b"\x01")), "F-SML"),
        (list_response(sml_export.entry(edl.OBIS, b"\x01"), signature=b""), "F-SD"),
    ],
)
def test_what_is_no_telegram(data: bytes, reason: str) -> None:
    record = only(data)
    assert (record.signature.verdict, record.signature.reason) == ("format-error", reason)
    assert record.format == "EDL_40_P"


def rows(**changes: bytes | None) -> list[bytes]:
    """The rows of a telegram that could be signed; ``None`` leaves one out."""
    time = sml_export.local_time(SAMPLE.local, 60)
    found: dict[str, bytes | None] = {
        "main": sml_export.entry(
            edl.OBIS, sml_export.integer(5, 8), status=sml_export.unsigned(8, 4), time=time, unit=30, scaler=-1
        ),
        "index": sml_export.entry(edl_sml.SECOND_INDEX, sml_export.choice(1, sml_export.index_time(9))),
        "page": sml_export.entry(edl_sml.PAGINATION, sml_export.unsigned(1, 4)),
        "contract": sml_export.entry(edl_sml.CONTRACT, sml_export.octets(b"A"), time=time),
        **changes,
    }
    return [row for row in found.values() if row is not None]


@pytest.mark.parametrize("name", ["main", "index", "page", "contract"])
def test_every_field_of_the_block_must_be_there(name: str) -> None:
    assert only(list_response(*rows())).signature.verdict == "invalid"
    record = only(list_response(*rows(**{name: None})))
    assert (record.signature.verdict, record.signature.reason) == ("format-error", "F-SML")


@pytest.mark.parametrize(
    "change",
    [
        {"main": sml_export.entry(edl.OBIS, sml_export.integer(5, 8))},
        {"index": sml_export.entry(edl_sml.SECOND_INDEX, sml_export.unsigned(5))},
        {"page": sml_export.entry(edl_sml.PAGINATION, sml_export.unsigned(1 << 32, 5))},
        {"page": sml_export.entry(edl_sml.PAGINATION, sml_export.integer(-1, 4))},
        {"contract": sml_export.entry(edl_sml.CONTRACT, sml_export.octets(bytes(129) + b"A"))},
        {"price": sml_export.entry(edl_sml.PRICE, sml_export.unsigned(1 << 16, 4))},
        {"resistance": sml_export.entry(edl_sml.RESISTANCE, sml_export.integer(-1, 4))},
    ],
)
def test_numbers_that_do_not_fit_the_block_are_refused(change: dict[str, bytes]) -> None:
    record = only(list_response(*rows(**change)))
    assert (record.signature.verdict, record.signature.reason) == ("format-error", "F-SML")


def test_another_length_of_the_server_id_is_refused() -> None:
    assert only(list_response(*rows(), server=bytes(9))).signature.reason == "F-SML"


@pytest.mark.parametrize("length", [2, 46, 47, 49, 66, 90])
def test_signatures_of_other_lengths_are_invalid(length: int) -> None:
    record = only(list_response(*rows(), signature=b"\x01" * length), KEY if length < 60 else WIDE)
    assert record.signature.verdict == "invalid"


def test_the_plain_register_without_index_is_not_made_up() -> None:
    plain = sml_export.entry(
        edl_sml.PLAIN_VALUE,
        sml_export.integer(5, 8),
        status=sml_export.unsigned(8, 4),
        time=sml_export.utc_time(SAMPLE.time),
        unit=30,
        scaler=-1,
    )
    record = only(list_response(plain))
    assert (record.signature.verdict, record.signature.reason) == ("unsupported", "V-ALG")
    record = only(list_response(*rows(main=plain)))
    assert record.signature.verdict == "invalid" and record.readings[0].register == "1-0:1.8.0*255"
    assert record.readings[0].time.offset is None


@pytest.mark.proves("T-061")
def test_the_wide_status_is_mapped() -> None:
    for bit, narrow in edl_sml.WIDE_STATUS:
        assert edl_sml._mapped(1 << bit) == 1 << narrow
    assert edl_sml._mapped(0xFF) == 0
    record = only(telegram(WIDE, status=0x88), WIDE)
    assert record.signature.verdict == "valid" and record.extra["status"] == 0x88


@pytest.mark.proves("T-061")
@pytest.mark.parametrize(
    "name",
    ["historical", "compensated", "resistance", "stop_watch", "price"],
)
def test_the_fields_of_compensating_meters_are_signed(name: str) -> None:
    value: Any = b"\x01\x02" if name == "price" else 258
    assert only(telegram(WIDE, **{name: value}), WIDE).signature.verdict == "valid"
    block = edl_export.block(SAMPLE)
    signature = samples.sign_raw(WIDE, block.encode())
    data = edl_export.telegram(SAMPLE, replace(block, **{name: value}), signature)
    assert only(data, WIDE).signature.verdict == "invalid"


@pytest.mark.parametrize("key", [KEY, WIDE])
def test_a_key_of_the_other_curve(key: Any) -> None:
    other = WIDE if key is KEY else KEY
    bare = samples.coordinates(curves.public_key(other)).hex()
    (record,) = examine(telegram(key), bare, now=NOW).records
    assert (record.signature.verdict, record.signature.reason) == ("key-error", "V-CURVE-MISMATCH")


# -- what is shown is what was hashed -----------------------------------------------------------------------------


def resent(data: bytes, change: Callable[[list[Any]], list[Any]]) -> bytes:
    """The telegram with other rows in its list, its checksums made anew."""
    content, _ = sml.telegram(data, 0)
    found = entries(data)
    reader = sml._Reader(content, Limits())
    starts = []
    for code in found.entries:
        reader.at = content.index(b"\x77\x07" + code)
        start = reader.at
        reader.element()
        starts.append((start, reader.at))
    parts = [content[start:end] for start, end in sorted(starts)]
    return sml_export.list_telegram(found.server_id, found.list_name, change(parts), found.signature)


@pytest.mark.proves("T-123")
def test_reordered_rows_show_the_same() -> None:
    before = only(telegram())
    after = only(resent(telegram(), lambda rows: rows[::-1]))
    assert after.signature.verdict == "valid" and after.signed == before.signed
    assert after.readings == before.readings


@pytest.mark.proves("T-123")
@pytest.mark.parametrize("first", [False, True])
def test_a_repeated_row_shows_the_one_that_was_hashed(first: bool, codes: Codes) -> None:
    data = telegram()
    other = sml_export.entry(
        edl.OBIS,
        sml_export.integer(9_999_999, 8),
        status=sml_export.unsigned(8, 4),
        time=sml_export.local_time(SAMPLE.local, 60),
        unit=30,
        scaler=-1,
    )
    record = only(resent(data, lambda rows: [other, *rows] if first else [*rows, other]))
    assert record.signature.verdict == ("invalid" if first else "valid") and "F-SML" in codes(record)
    assert record.readings[0].value == (999_999.9 if first else 100_100) or first


@pytest.mark.proves("T-123")
def test_longer_length_bytes_change_nothing() -> None:
    before = only(telegram())
    plain = sml_export.octets(edl.OBIS)
    data = telegram()
    content, _ = sml.telegram(data, 0)
    assert plain in content
    after = only(resent(data, lambda rows: [row.replace(b"\x77", b"\xf0\x07", 1) for row in rows]))
    assert after.signature.verdict == "valid" and after.readings == before.readings


@pytest.mark.proves("T-123")
def test_two_lists_in_one_telegram_are_two_values() -> None:
    one, two = (sml.telegram(telegram(pagination=page), 0)[0] for page in (12, 13))
    records = examine(sml_export.telegram(one + two), curves.spki(KEY).hex(), now=NOW).records
    assert [(record.signature.verdict, record.page) for record in records] == [("valid", 12), ("valid", 13)]


def changes_of(block: edl.Block) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for name in edl._ORDER:
        value = getattr(block, name)
        if name == "reserved" or name == "obis":
            continue
        if isinstance(value, bytes):
            other: Any = bytes((value[0] ^ 1,)) + value[1:] if value else b"B"
        else:
            other = value + 1
        found.append({name: other})
    return found


@pytest.mark.proves("T-123")
@pytest.mark.parametrize("key", [KEY, WIDE])
def test_every_changed_field_is_invalid(key: Any) -> None:
    block = edl_export.block(SAMPLE)
    signature = samples.sign_raw(key, block.encode())
    for change in changes_of(block):
        if key is WIDE and "status" in change:
            change = {"status": block.status ^ 0x40}
        data = edl_export.telegram(SAMPLE, replace(block, **change), signature)
        assert only(data, key).signature.verdict == "invalid", change


@pytest.mark.proves("T-123")
def test_every_changed_field_of_an_isa_data_set_is_invalid() -> None:
    end = replace(SAMPLE, moment=Moment.END, energy=112_440, time=SAMPLE.time + 3600, page=13)
    data = isa_export.data_set(SAMPLE, end)
    signature = samples.sign_raw(WIDE, data.encode())
    assert only(isa_export.telegram(data, signature), WIDE).signature.verdict == "valid"
    changes: list[dict[str, Any]] = [
        {"server_id": bytes(10)},
        {"log": b"\0\1"},
        {"inner": b"\1" * 66},
        {"contract_id": b"A"},
        {"event_stamp": bytes(20)},
        {"list_name": bytes.fromhex("8180816201ff")},
        {"pagination": 14},
    ]
    for part in ("actual", "start"):
        value = getattr(data, part)
        names = ("timestamp", "status", "value", "unit", "scaler")
        changes += [{part: replace(value, **{name: getattr(value, name) + 1})} for name in names]
    for change in changes:
        record = only(isa_export.telegram(replace(data, **change), signature), WIDE)
        assert record.format == isa.TOKEN and record.signature.verdict == "invalid", change


@pytest.mark.parametrize("code", [isa.ACTUAL_VALUE, isa.CONTRACT, isa.EVENT_STAMP, isa.PAGINATION])
def test_an_isa_data_set_needs_all_its_fields(code: bytes) -> None:
    end = replace(SAMPLE, moment=Moment.END, energy=112_440, time=SAMPLE.time + 3600, page=13)
    data = isa_export.data_set(SAMPLE, end)
    telegram = isa_export.telegram(data, samples.sign_raw(WIDE, data.encode()))
    record = only(resent(telegram, lambda rows: [row for row in rows if code not in row]), WIDE)
    assert record.format == isa.TOKEN and record.signature.reason == "F-SML"


def test_an_isa_time_must_be_utc() -> None:
    end = replace(SAMPLE, moment=Moment.END, energy=112_440, time=SAMPLE.time + 3600, page=13)
    data = isa_export.data_set(SAMPLE, end)
    telegram = isa_export.telegram(data, samples.sign_raw(WIDE, data.encode()))
    old, new = sml_export.utc_time(end.time), sml_export.local_time(end.time, 0)
    record = only(resent(telegram, lambda rows: [row.replace(old, new) for row in rows]), WIDE)
    assert record.signature.reason == "F-SML"


# -- anything at all ----------------------------------------------------------------------------------------------


@pytest.mark.proves("T-080")
@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_are_refused_or_read(content: bytes, framed: bool) -> None:
    data = sml_export.telegram(sml_export.message(1, 0x0701, content) if framed else content)
    for record in examine(data, now=NOW).records:
        assert not any("internal error" in finding.message for finding in record.findings)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=64))
def test_the_reader_raises_nothing_else(content: bytes) -> None:
    with contextlib.suppress(SmlProblem):
        sml.messages(content)
