"""What a BSM-WS36A signs: the manual's example, real captures, and every field's effect on the hash."""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattproof.errors import InvalidValue
from wattproof.signed import testkeys
from wattproof.signed.curves import CURVES, PublicKey, sign_digest
from wattproof.signed.encoding import decode_der
from wattproof.signed.formats import bsm
from wattproof.signed.formats.bsm import CURRENT, LEGACY, Value

DIGESTS = {
    4276: "f27a14a5bd5a7fa40095564dc5e8107e77a132a7984696f0c2b329f4c9c951b2",
    4277: "e2272b9f8c9add74e44ca7abfa63343aa2316d96c43266bf49222d5a93bc149d",
    4278: "1d9f2fa091c5131c8b630c72308203c596d27a96a481b34743cd481fcb6c20d9",
}


@pytest.fixture
def captures(vectors: Path) -> list[bytes]:
    document = json.loads((vectors / "bsm/snapshots_2022.json").read_text())
    return [bytes.fromhex(snapshot["registers_hex"]) for snapshot in document["snapshots"]]


@pytest.fixture
def key(vectors: Path) -> PublicKey:
    der = (vectors / "bsm/public_key.der").read_bytes()
    return PublicKey(CURVES["secp256r1"], int.from_bytes(der[27:59], "big"), int.from_bytes(der[59:], "big"))


@pytest.fixture
def manual(vectors: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((vectors / "bsm/manual_appendix_d_vector.json").read_text())
    return document


def holds(key: PublicKey, data: bytes, signature: bytes) -> bool:
    r, s = decode_der(key.curve, signature)
    return key.verify(hashlib.sha256(data).digest(), r, s)


def manual_values(manual: dict[str, Any]) -> dict[str, Value | bytes]:
    values: dict[str, Value | bytes] = {}
    for entry in manual["pieces"]:
        data = bytes.fromhex(entry["data_hex"])
        if entry["encoding"] == "String":
            values[entry["id"]] = data[4:]
        else:
            signed = entry["encoding"] == "SI32"
            values[entry["id"]] = Value(*struct.unpack(">ib" if signed else ">Ib", data[:5]))
    return values


@pytest.mark.proves("B-110", "B-111")
def test_the_captures_hash_and_verify(captures: list[bytes], key: PublicKey) -> None:
    seen = {}
    for registers in captures:
        values = bsm.from_registers(registers)
        seen[values["RCnt"].raw] = bsm.digest(registers).hex()  # type: ignore[union-attr]
        assert holds(key, bsm.hash_input(registers), bsm.signature(registers))
    assert seen == DIGESTS


@pytest.mark.proves("B-112")
def test_the_manual_vector_in_legacy_order(manual: dict[str, Any], key: PublicKey) -> None:
    found = bsm.hash_pieces(manual_values(manual), LEGACY)
    assert [(name, data.hex()) for name, data in found] == [(p["id"], p["data_hex"]) for p in manual["pieces"]]
    data = b"".join(piece for _, piece in found)
    assert len(data) == 187
    assert hashlib.sha256(data).hexdigest() == "cab351d004e66292963ca855717cc7ba55cc84b11a655d0d1db4c705d05796e7"
    assert holds(key, data, bytes.fromhex(manual["signature_der"]))


@pytest.mark.proves("B-113")
def test_the_orders_do_not_verify_each_others_records(
    manual: dict[str, Any], captures: list[bytes], key: PublicKey
) -> None:
    assert not holds(key, bsm.hash_input(manual_values(manual), CURRENT), bytes.fromhex(manual["signature_der"]))
    for registers in captures:
        assert not holds(key, bsm.hash_input(registers, LEGACY), bsm.signature(registers))


@pytest.mark.proves("B-114", "B-120")
@pytest.mark.parametrize("field", CURRENT, ids=lambda field: field.name)
def test_every_field_and_its_scale_count(field: bsm.Field, captures: list[bytes], key: PublicKey) -> None:
    registers = captures[0]
    offsets = [field.offset] if field.scale is None else [field.offset, field.scale]
    for offset in offsets:
        changed = bytearray(registers)
        changed[offset * 2 + 1] ^= 1
        assert not holds(key, bsm.hash_input(bytes(changed)), bsm.signature(registers))


@pytest.mark.proves("B-115")
def test_status_and_what_follows_the_signature_do_not_count(captures: list[bytes], key: PublicKey) -> None:
    for registers in captures:
        used = struct.unpack_from(">H", registers, 205 * 2)[0]
        changed = bytearray(registers)
        changed[3 * 2 : 4 * 2] = b"\x00\x05"  # St
        changed[204 * 2 : 205 * 2] = b"\x00\x00"  # NSig
        changed[206 * 2 + used :] = b"\xaa" * (len(changed) - 206 * 2 - used)
        assert bsm.hash_input(bytes(changed)) == bsm.hash_input(registers)
        assert bsm.signature(bytes(changed)) == bsm.signature(registers)
        assert holds(key, bsm.hash_input(bytes(changed)), bsm.signature(bytes(changed)))


@pytest.mark.proves("B-116", "B-117", "B-118")
@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("TZO", Value(-300), "fffffed40006"),
        ("Epoch", None, "ffffffff0007"),
        ("TZO", None, "ffff80000006"),
        ("Typ", None, "0000ffff00ff"),
        ("RCR", None, "00000000001e"),
        ("Evt", None, "8000000000ff"),
        ("Meta1", b"", "00000000"),
        ("Meta1", None, "00000000"),
        ("Meta1", b"ab", "000000026162"),
        ("W", Value(-1, 1), "ffffffff011b"),
    ],
)
def test_pieces(name: str, value: Value | bytes | None, expected: str) -> None:
    assert bsm.piece(bsm.FIELDS[name], value).hex() == expected


@pytest.mark.proves("B-117")
def test_unavailable_registers_hash_alike() -> None:
    registers = bytearray(508)
    registers[23 * 2 : 26 * 2] = bytes.fromhex("ffffffff8000")
    found = dict(bsm.hash_pieces(bytes(registers)))
    assert found["Epoch"].hex() == "ffffffff0007"
    assert found["TZO"].hex() == "ffff80000006"


@pytest.mark.proves("B-118", "B-119")
@pytest.mark.parametrize("text", ["Tür", "a\0b", "Straße 5"])
@pytest.mark.parametrize("encoding", ["latin-1", "utf-8"])
def test_text_is_hashed_as_stored(text: str, encoding: str) -> None:
    stored = text.encode(encoding)
    registers = bytearray(508)
    registers[64 : 64 + len(stored)] = stored
    assert dict(bsm.hash_pieces(bytes(registers)))["Meta1"] == len(stored).to_bytes(4, "big") + stored


@pytest.mark.proves("B-120")
def test_the_scale_of_an_unavailable_factor_is_one_byte() -> None:
    registers = bytearray(508)
    registers[8 * 2 : 9 * 2] = b"\x80\x00"
    registers[10 * 2 : 11 * 2] = b"\xff\xff"
    found = dict(bsm.hash_pieces(bytes(registers)))
    assert found["RCR"].hex() == "00000000001e"
    assert found["W"].hex() == "00000000ff1b"


@pytest.mark.proves("B-121", "B-122")
def test_signatures_of_every_length_fit_and_verify(captures: list[bytes]) -> None:
    curve = CURVES["secp256r1"]
    private, public = testkeys.private_key("secp256r1", "1BZR0"), testkeys.public_key("secp256r1", "1BZR0")
    lengths: set[int] = set()
    high = low = False
    for count in range(400):
        registers = bytearray(captures[0])
        registers[19 * 2 : 21 * 2] = count.to_bytes(4, "big")
        der = sign_digest(private, bsm.digest(bytes(registers)))
        registers[204 * 2 : 206 * 2] = struct.pack(">HH", 48, len(der))
        registers[206 * 2 :] = der.ljust(96, b"\0")
        assert bsm.signature(bytes(registers)) == der
        r, s = decode_der(curve, der)
        assert public.verify(bsm.digest(bytes(registers)), r, s)
        assert public.verify(bsm.digest(bytes(registers)), r, curve.order - s)
        lengths.add(len(der))
        high, low = high or s > curve.order // 2, low or s < curve.order // 2
    assert lengths >= {70, 71, 72}
    assert max(lengths) == 72
    assert high
    assert low


@pytest.mark.proves("B-123")
def test_the_public_key_has_the_fixed_prefix(key: PublicKey, vectors: Path) -> None:
    assert key.spki == (vectors / "bsm/public_key.der").read_bytes()
    assert key.spki.startswith(bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004"))
    assert len(key.spki) == 91


def test_wrong_shapes_are_refused(captures: list[bytes]) -> None:
    with pytest.raises(InvalidValue, match="254 registers"):
        bsm.hash_input(captures[0][:-2])
    with pytest.raises(InvalidValue, match="RCR"):
        bsm.piece(bsm.FIELDS["RCR"], Value(-1))
    with pytest.raises(InvalidValue, match="Meta1"):
        bsm.piece(bsm.FIELDS["Meta1"], Value(1))
    long = bytearray(captures[0])
    long[205 * 2 : 206 * 2] = struct.pack(">H", 97)
    with pytest.raises(InvalidValue, match="BSig"):
        bsm.signature(bytes(long))


@settings(max_examples=50)
@given(st.binary(min_size=508, max_size=508))
def test_registers_as_numbers_and_bytes_are_the_same(data: bytes) -> None:
    assert bsm.hash_input(struct.unpack(">254H", data)) == bsm.hash_input(data)
    assert bsm.hash_input(bsm.from_registers(data)) == bsm.hash_input(data)
