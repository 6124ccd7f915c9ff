"""What is signed, and the OCMF text: sections 13 to 15."""

from __future__ import annotations

import json
import re
import struct

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from wattproof.errors import InvalidValue
from wattproof.meters.bsm.enums import SnapshotType
from wattproof.meters.bsm.profiles import CM13, F1D3D06, FW17, PROFILES
from wattproof.meters.bsm.virtual import ocmf
from wattproof.meters.bsm.virtual.registers import AREA, IN_AREA
from wattproof.signed.formats import bsm
from wattproof.virtual.signing import Signer

CURRENT, ON, OFF, START, END = SnapshotType
IDENTITY = ocmf.Identity(b"BAUER Electronic", b"BSM-WS36A-H01-1311-0000", b"1.9:32CA:AFF4", b"f1d3d06")


def area_with(**fields):
    """A snapshot area with some fields set, numbers or bytes."""
    area = bytearray(AREA)
    for name, value in fields.items():
        where = IN_AREA[name]
        size = where.stop - where.start
        area[where] = (
            value.ljust(size, b"\0") if isinstance(value, bytes) else value.to_bytes(size, "big", signed=value < 0)
        )
    return bytes(area)


@pytest.fixture(scope="module")
def captured(vectors):
    return json.loads((vectors / "bsm" / "snapshots_2022.json").read_text())


@pytest.mark.proves("B-129", "B-125", "B-126", "B-136")
@pytest.mark.parametrize("number", [4276, 4277, 4278])
def test_the_texts_of_the_real_meter_are_rendered_byte_for_byte(vectors, captured, number):
    areas = [bytes.fromhex(row["registers_hex"]) for row in captured["snapshots"]]
    (area,) = (area for area in areas if area[IN_AREA["RCnt"]] == number.to_bytes(4, "big"))
    real = (vectors / "bsm" / f"ocmf_T{number}.txt").read_bytes()
    payload = ocmf.payload(area, IDENTITY, F1D3D06)
    assert real.split(b"|")[1] == payload
    signature = bytes.fromhex(real.split(b'"SD":"')[1][:-2].decode())
    assert ocmf.document(payload, signature) == real


@pytest.mark.proves("B-110", "B-111", "B-114", "B-122")
@pytest.mark.parametrize("kind", SnapshotType)
def test_every_field_is_signed(bench, kind):
    meter = bench()
    meter.set_time()
    meter.set("bs_meter.Meta1", "id")
    meter.snapshot(kind)
    area = meter.area(kind)
    signature = bsm.signature(area)
    assert meter.verifies(kind) and meter.signed(signature, bsm.hash_input(area))
    assert struct.unpack(">HH", area[IN_AREA["NSig"].start : IN_AREA["Sig"].start]) == (48, len(signature))
    assert area[IN_AREA["Sig"]] == signature.ljust(96, b"\0")
    for field in bsm.CURRENT:
        changed = bytearray(area)
        where = IN_AREA[field.name]
        changed[where.start if field.kind is bsm.Kind.TEXT else where.stop - 1] ^= 1
        assert not meter.signed(signature, bsm.hash_input(bytes(changed))), field.name


@pytest.mark.proves("B-121", "B-122")
def test_signature_lengths_vary_and_fit():
    signer = Signer("001BZR9900000001", None)
    lengths = {len(signer.sign(number.to_bytes(32, "big"))) for number in range(400)}
    assert lengths <= set(range(68, 73)) and len(lengths) >= 3


@pytest.mark.proves("B-123")
def test_the_public_key_of_the_published_example():
    signer = Signer("001BZR9900000001", None)
    assert signer.public_key.hex() == (
        "3059301306072a8648ce3d020106082a8648ce3d03010703420004"
        "942066b74158d2f844d0cb3040fc723c66667efe855745d3d63717d526f865c8"
        "377782f4d7105aa50ead7fc4f293d7b60dd00c418b17a76dd9b34ec80ad1efda"
    )
    assert len(signer.public_key) == 91


def test_a_given_key_signs(bench):
    key = ec.derive_private_key(12345, ec.SECP256R1())
    for encoding, form in (
        (Encoding.PEM, PrivateFormat.PKCS8), (Encoding.PEM, PrivateFormat.TraditionalOpenSSL),
        (Encoding.DER, PrivateFormat.PKCS8),
    ):  # fmt: skip
        meter = bench(key=key.private_bytes(encoding, form, NoEncryption()))
        assert meter.snapshot(CURRENT) == 0 and meter.verifies(CURRENT) and meter.text_verifies(CURRENT)
        assert meter.meter.public_key[27:59].hex() == f"{key.public_key().public_numbers().x:064x}"
    other = ec.generate_private_key(ec.SECP384R1())
    for bad in (b"", b"junk", other.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())):
        with pytest.raises(InvalidValue, match="key file"):
            bench(key=bad)


@pytest.mark.proves("B-127", "B-130", "B-131", "B-135", "B-126")
@pytest.mark.parametrize("kind", SnapshotType)
def test_the_text_of_each_kind(bench, kind):
    meter = bench()
    meter.set_time()
    meter.snapshot(CURRENT)
    meter.snapshot(kind)
    text = meter.text(kind)
    assert text.count(b"|") == 2 and meter.text_verifies(kind)
    head, payload, tail = text.split(b"|")
    fields = json.loads(payload)
    assert head == b"OCMF" and list(json.loads(tail)) == ["SA", "SD"]
    assert list(fields) == "FV GI GS GV PG MV MM MS IS IT ID RD".split()
    assert list(fields["RD"][0]) == "TM TX RV RI RU XV XI XU XT RT EF ST".split()
    assert fields["PG"] == f"T{meter.field(kind, 'RCnt')}" == "T2"
    assert (fields["RD"][0]["TX"], fields["RD"][0]["XT"]) == ("CBEBE"[kind], kind)
    assert fields["ID"] == "" and fields["IS"] is True
    assert not re.search(rb"\s", re.sub(rb'"(\\.|[^"\\])*"', b'""', payload))
    assert fields["GV"] == "1.9:32CA:AFF4, 01d484f" and fields["GS"] == fields["MS"] == meter.meter.serial


@pytest.mark.proves("B-133", "B-134", "B-159")
@pytest.mark.parametrize("variant", ["fw17", "cm11", "cm12", "cm13"])
def test_what_each_firmware_states(bench, variant):
    profile = PROFILES[variant]
    meter = bench(variant=variant)
    meter.set_time()
    meter.set("bs_meter.Meta2", "two")
    assert meter.snapshot(CURRENT) == 0
    fields = json.loads(meter.text(CURRENT).split(b"|")[1])
    assert ("XT" in fields["RD"][0]) is (variant != "fw17")
    assert fields.get("X2") == ("two" if variant == "cm13" else None) and "X3" not in fields
    assert (meter.raw("bs_meter.VrM"), meter.raw("bs_meter.VrC")) == (profile.measuring, profile.communication)
    assert meter.raw("cm_firmware_hash.B").rstrip(b"\0") == profile.firmware_hash
    assert meter.raw("common.Vr") == profile.measuring


@pytest.mark.proves("B-136", "B-137")
@pytest.mark.parametrize(
    ("epoch", "tzo", "text"),
    [
        (1657267228, 120, "2022-07-08T10:00:28,000+0200 S"),
        (1657267228, -210, "2022-07-08T04:30:28,000-0330 S"),
        (1657267228, 0, "2022-07-08T08:00:28,000+0000 S"),
        (0, 0, "1970-01-01T00:00:00,000+0000 S"),
        (0xFFFFFFFE, 60, "2106-02-07T07:28:14,000+0100 S"),
        (0xFFFFFFFF, 60, "1970-01-01T00:00:00,000+0000 U"),
        (1657267228, -0x8000, "1970-01-01T00:00:00,000+0000 U"),
    ],
)
def test_times(epoch, tzo, text):
    assert ocmf.moment(epoch, tzo, True) == text


def test_a_snapshot_without_time(bench):
    meter = bench()
    assert meter.snapshot(CURRENT) == 0 and meter.verifies(CURRENT)
    reading = json.loads(meter.text(CURRENT).split(b"|")[1])["RD"][0]
    assert (reading["TM"], reading["EF"], reading["ST"]) == ("1970-01-01T00:00:00,000+0000 U", "t", "G")
    assert (meter.field(CURRENT, "Epoch"), meter.field(CURRENT, "TZO")) == (None, None)


@pytest.mark.proves("B-138", "B-152")
@pytest.mark.parametrize(
    ("fault", "bit"), [("meter-fatal", 16), ("firmware-hash", 18), ("dev-module", 19)]
)  # fmt: skip
def test_events_show_in_flags_and_status(bench, fault, bit):
    meter = bench()
    meter.set_time()
    meter.meter.patch(meter.now, {}, {fault: True})
    assert meter.raw("ac_meter.Evt") == 1 << bit
    assert meter.snapshot(CURRENT) == 0 and meter.field(CURRENT, "Evt") == 1 << bit
    reading = json.loads(meter.text(CURRENT).split(b"|")[1])["RD"][0]
    assert (reading["EF"], reading["ST"]) == ("Et", "E") and meter.text_verifies(CURRENT)
    meter.meter.patch(meter.now, {}, {fault: False})
    assert meter.raw("ac_meter.Evt") == 0
    assert meter.snapshot(CURRENT) == 0
    reading = json.loads(meter.text(CURRENT).split(b"|")[1])["RD"][0]
    assert (reading["EF"], reading["ST"]) == ("", "G")


@pytest.mark.proves("B-139", "B-140")
@given(text=st.binary(max_size=140).map(lambda data: data.rstrip(b"\0")))
@settings(max_examples=200, deadline=None)
def test_any_metadata_survive_rendering(text):
    area = area_with(Typ=0, Wh_SF=1, Epoch=1657267228, TZO=120, Meta1=text, Meta2=b'"|\\', Meta3=b"\x1f/\x7f")
    payload = ocmf.payload(area, IDENTITY, CM13)
    assert b"|" not in payload
    fields = json.loads(payload.decode("latin-1"))
    assert fields["ID"].encode("latin-1") == text
    assert (fields["X2"], fields["X3"]) == ('"|\\', "\x1f/\x7f")
    assert b'"X2":"\\"\\u007c\\\\"' in payload and b'"X3":"\\u001f/\x7f"' in payload


@pytest.mark.proves("B-141")
def test_a_text_that_does_not_fit(bench):
    meter = bench()
    meter.set_time()
    for name, size in (("Meta1", 140), ("Meta2", 100), ("Meta3", 100)):
        meter.set(f"bs_meter.{name}", "x" * size)
    assert meter.snapshot(CURRENT) == 0 and meter.ocmf_status(CURRENT) == 0
    assert len(meter.text(CURRENT)) <= 992
    for name, size in (("Meta1", 140), ("Meta2", 100), ("Meta3", 100)):
        meter.set(f"bs_meter.{name}", "|" * size)
    assert meter.snapshot(CURRENT) == 0 and meter.verifies(CURRENT)
    assert meter.ocmf_status(CURRENT) == 3 and meter.text(CURRENT) == b""


@given(raw=st.integers(0, 0xFFFFFFFF))
def test_energies_in_text(raw):
    assert ocmf.number(raw, 1, True) == f"{raw // 100}.{raw % 100:02d}"
    assert ocmf.number(raw, 0, False) == str(raw)
    assert not FW17.kilo


@pytest.mark.proves("B-128")
def test_a_text_that_was_parsed_and_written_again_does_not_verify(bench):
    meter = bench()
    meter.charge()
    _, payload, rest = meter.text(ON).split(b"|")
    signature = bytes.fromhex(json.loads(rest)["SD"])
    assert b'"RV":0.00,' in payload and meter.signed(signature, payload)
    again = json.dumps(json.loads(payload), separators=(",", ":")).encode()
    assert b'"RV":0.0,' in again and json.loads(again) == json.loads(payload)
    assert not meter.signed(signature, again)
