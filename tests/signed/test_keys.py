"""One key in every form it is handed around in, and texts that are none."""

from __future__ import annotations

import base64
import datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from wattproof.signed import keys, testkeys
from wattproof.signed.curves import CURVES, Curve, PublicKey

P256 = CURVES["secp256r1"]
KEY = testkeys.public_key("secp256r1", "1ABC0001")
SPKI = KEY.spki
HEX = SPKI.hex()
BASE64 = base64.b64encode(SPKI).decode()
BASE32 = base64.b32encode(SPKI).decode()


def pem(data: bytes) -> str:
    text = base64.encodebytes(data).decode()
    return f"-----BEGIN PUBLIC KEY-----\n{text}-----END PUBLIC KEY-----\n"


def compressed_spki(key: PublicKey) -> bytes:
    numbers = ec.EllipticCurvePublicNumbers(key.x, key.y, ec.SECP256R1()).public_key()
    point = numbers.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    return bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200") + point


XY = KEY.point[1:]
FORMS: dict[str, str | bytes] = {
    "hex lower": HEX,
    "hex upper": HEX.upper(),
    "hex grouped": " ".join(HEX[at : at + 4] for at in range(0, len(HEX), 4)),
    "hex over lines": "\n".join(HEX[at : at + 32] for at in range(0, len(HEX), 32)),
    "base64": BASE64,
    "base64 without padding": BASE64.rstrip("="),
    "base64url": base64.urlsafe_b64encode(SPKI).decode(),
    "base32": BASE32,
    "base32 lower": BASE32.lower().rstrip("="),
    "PEM": pem(SPKI),
    "PEM on one line": pem(SPKI).replace("\n", ""),
    "binary": SPKI,
    "compressed in SPKI": compressed_spki(KEY).hex(),
    "04 point": KEY.point.hex(),
    "compressed point": compressed_spki(KEY)[-33:].hex(),
    "X and Y": XY.hex(),
    "X and Y in base64": base64.b64encode(XY).decode(),
    "OCA base16": f"oca:base16:asn1:{HEX}",
    "OCA base16 with 0x and colons": "oca:base16:asn1:0x" + ":".join(HEX[at : at + 2] for at in range(0, len(HEX), 2)),
    "OCA base64": f"oca:base64:asn1:{BASE64}",
    "OCA base16 in base64": base64.b64encode(f"oca:base16:asn1:{HEX}".encode()).decode(),
    "OCA base64 in base64": base64.b64encode(f"oca:base64:asn1:{BASE64}".encode()).decode(),
    "plain hex in base64": base64.b64encode(HEX.encode()).decode(),
    "front code": "AC" + HEX,
}


@pytest.mark.proves("T-016", "T-017", "T-018", "B-124")
@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_every_form_gives_the_same_point(text: str | bytes) -> None:
    found = keys.decode(text, None, P256)
    assert found.key == KEY, found.message
    assert found.findings == ()


@pytest.mark.proves("B-124")
def test_the_front_code_of_the_example_meter(vectors: Path) -> None:
    der = (vectors / "bsm/public_key.der").read_bytes()
    code = "AC" + der.hex()
    assert len(code) == 184
    key = keys.decode(code).key
    assert key is not None
    assert key.spki == der


@pytest.mark.proves("T-016")
@pytest.mark.parametrize("curve", CURVES.values(), ids=str)
def test_bare_and_compressed_points_of_every_curve(curve: Curve) -> None:
    key = testkeys.public_key(curve.name, "1ABC0001")
    size = curve.field_bytes
    for prefix, y in ((2 + key.y % 2, key.y), (3 - key.y % 2, curve.p - key.y)):
        found = keys.decode((bytes((prefix,)) + key.x.to_bytes(size, "big")).hex(), None, curve)
        assert found.key == PublicKey(curve, key.x, y)
        assert found.bare
    assert keys.decode(key.point.hex(), None, curve).key == key
    assert keys.decode(key.point[1:].hex(), None, curve).key == key
    assert keys.decode(key.spki.hex(), None, None).key == key
    assert keys.decode(key.point.hex(), None, None).key is None


def test_the_encoding_that_fits_wins_over_the_declared_one() -> None:
    assert keys.decode(HEX, "hex", P256).findings == ()
    found = keys.decode(HEX, "base64", P256)
    assert found.key == KEY
    assert [finding.code for finding in found.findings] == ["F-KEY-ENC"]
    assert keys.decode(HEX, "plain", P256).findings == ()


def certificate() -> bytes:
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "meter")])
    day = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(private.public_key())
    builder = builder.serial_number(1).not_valid_before(day).not_valid_after(day + datetime.timedelta(days=1))
    return builder.sign(private, hashes.SHA256()).public_bytes(Encoding.DER)


def test_a_certificate_gives_its_key() -> None:
    data = certificate()
    expected = (
        x509.load_der_x509_certificate(data).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    )
    found = keys.decode(pem(data).replace("PUBLIC KEY", "CERTIFICATE"))
    assert found.key is not None
    assert found.key.spki == expected
    assert [finding.code for finding in found.findings] == ["F-KEY-CERT"]


OFF = SPKI[:-1] + bytes((SPKI[-1] ^ 1,))
EXPLICIT = bytes.fromhex("3081f53081ae06072a8648ce3d02013081a2020101302c06072a8648ce3d0101")


@pytest.mark.proves("T-019", "T-020")
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (OFF.hex(), "V-KEY-POINT"),
        (KEY.point[:-1].hex() + "00", "V-KEY-POINT"),
        (SPKI[:26].hex() + "00", "V-KEY-ENCODING"),
        ("3019301306072a8648ce3d020106082a8648ce3d03010703020000", "V-KEY-POINT"),  # infinity
        ("301a301306072a8648ce3d020106082a8648ce3d030107030300" + "0405", "V-KEY-POINT"),
        ("04" + "11" * 48, "V-CURVE-MISMATCH"),  # a point of 49 bytes, as of a 192-bit curve
        (HEX + "00", "V-KEY-ENCODING"),
        (HEX[:-2], "V-KEY-ENCODING"),
        ("${jndi:ldap://example.invalid/a}", "V-KEY-ENCODING"),
        ("", "V-KEY-ENCODING"),
        ("oca:base64:asn1:%%%", "V-KEY-ENCODING"),
        ("A" * 100_000, "V-KEY-ENCODING"),
        ("schlüssel", "V-KEY-ENCODING"),
    ],
)
def test_texts_that_are_no_usable_key(text: str, reason: str) -> None:
    found = keys.decode(text, None, P256)
    assert found.key is None
    assert found.reason == reason
    assert found.message


def test_keys_that_are_not_of_our_curves_are_named() -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    found = keys.decode(other.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), None, P256)
    assert found.reason == "V-KEY-ENCODING"
    assert "elliptic" in found.message
    p224 = ec.generate_private_key(ec.SECP224R1()).public_key()
    found = keys.decode(p224.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), None, None)
    assert found.reason == "V-KEY-ENCODING"
    assert "curve" in found.message


@pytest.mark.proves("T-085")
@pytest.mark.parametrize("name", ["Ed25519", "Ed448"])
def test_edwards_keys_raw_and_wrapped(name: str) -> None:
    spki = testkeys.edwards_spki(name, "1ABC0001")
    size = 32 if name == "Ed25519" else 57
    wrapped = keys.decode(spki.hex(), None, name).key
    bare = keys.decode(spki[-size:].hex(), None, name).key
    assert isinstance(wrapped, keys.EdwardsKey)
    assert wrapped == bare
    assert wrapped.spki == spki


def test_a_document_that_is_a_key_is_recognised() -> None:
    for text in (HEX, BASE64, pem(SPKI), "AC" + HEX, KEY.point.hex(), XY.hex()):
        assert keys.looks_like_key(text.encode())
    for text in ("OCMF|{}|{}", "", "hello", "00" * 64, "{}", "1B1B1B1B01010101"):
        assert not keys.looks_like_key(text.encode())


@pytest.mark.proves("T-118")
@pytest.mark.parametrize(
    "text", ["A" * 100, BASE64[:-2] + "\xa0=", BASE64[:10] + "!" + BASE64[10:], HEX + "0", "0x" + HEX]
)
def test_slack_in_encodings_is_refused(text: str) -> None:
    assert keys.decode(text, None, P256).key is None


@pytest.mark.proves("T-118")
def test_slack_that_is_accepted_gives_the_same_key() -> None:
    for text in (
        BASE64.rstrip("="),
        BASE64 + "==",
        BASE32.rstrip("="),
        f" {HEX}\r\n",
        BASE64[:40] + "\n" + BASE64[40:],
    ):
        assert keys.decode(text, None, P256).key in (KEY, None)


@settings(max_examples=150)
@given(st.one_of(st.text(max_size=300), st.binary(max_size=300)), st.sampled_from([None, "hex", "base64", "base32"]))
def test_no_text_does_more_than_be_refused(text: str | bytes, declared: str | None) -> None:
    for curve in (None, P256, "Ed25519"):
        found = keys.decode(text, declared, curve)
        assert found.key is not None or found.reason


@settings(max_examples=100)
@given(st.integers(0, len(SPKI) - 1), st.integers(1, 255))
def test_a_changed_byte_never_gives_the_same_key(position: int, change: int) -> None:
    changed = bytearray(SPKI)
    changed[position] ^= change
    found = keys.decode(bytes(changed), None, P256)
    assert found.key != KEY
