"""The curve table, and that every library path gives the same answers."""

from __future__ import annotations

import builtins
import hashlib
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from wattproof.errors import InvalidValue
from wattproof.signed import curves, integers, testkeys
from wattproof.signed.curves import CURVES, PublicKey
from wattproof.signed.encoding import Form, Refused, decode, without_trailing

DIGEST = hashlib.sha256(b"payload").digest()


@pytest.mark.parametrize("curve", CURVES.values(), ids=str)
def test_the_base_point_lies_on_the_curve_and_has_the_order(curve: curves.Curve) -> None:
    assert curve.holds(curve.gx, curve.gy)
    assert not curve.holds(curve.gx, curve.gy ^ 1)
    base = (curve.gx, curve.gy)
    assert integers.affine(curve, integers.combine(curve, curve.order, base, 0, base)) is None


@pytest.mark.proves("T-005")
@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("PRIME256V1", "secp256r1"),
        ("p-256", "secp256r1"),
        ("NISTP192", "secp192r1"),
        ("prime192v1", "secp192r1"),
        ("prime384v1", "secp384r1"),
        ("P-521", "secp521r1"),
        ("brainpool256r1", "brainpoolP256r1"),
        ("BRAINPOOLP256R1", "brainpoolP256r1"),
        ("brainpool384R1", "brainpoolP384r1"),
    ],
)
def test_names_and_aliases(alias: str, name: str) -> None:
    assert curves.by_name(alias) is CURVES[name]


def test_unknown_names() -> None:
    assert curves.by_name("secp256r2") is None
    assert curves.by_oid(b"\x2a") is None


@pytest.mark.parametrize("name", [n for n in CURVES if n not in ("secp192k1", "secp224k1")])
def test_subject_public_key_info_is_what_cryptography_writes(name: str) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    private = testkeys.private_key(name, "A")
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    expected = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert curves.spki(private) == expected


@pytest.mark.proves("T-004")
@pytest.mark.parametrize("name", CURVES)
@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
def test_library_and_integers_agree_on_every_hash_length(name: str, algorithm: str) -> None:
    digest = hashlib.new(algorithm, b"payload").digest()
    curve, scalar = CURVES[name], testkeys.derive(name, "A")
    der = curves.sign_digest(testkeys.private_key(name, "A"), digest)
    r, s = integers.sign(curve, scalar, digest)
    assert der == curves.encode_signature(r, s)
    key = testkeys.public_key(name, "A")
    for high in (s, curve.order - s):
        assert curves.verify_digest(key, digest, r, high)
        assert integers.verify(curve, (key.x, key.y), digest, r, high)
    assert not curves.verify_digest(key, digest, s, r)


@pytest.mark.proves("T-105")
def test_with_and_without_coincurve(monkeypatch: pytest.MonkeyPatch) -> None:
    public = testkeys.public_key("secp256k1", "A")
    r, s = integers.sign(public.curve, testkeys.derive("secp256k1", "A"), DIGEST)
    genuine = builtins.__import__

    def without(name: str, *arguments: Any, **options: Any) -> Any:
        if name == "coincurve":
            raise ImportError(name)
        return genuine(name, *arguments, **options)

    answers = []
    for absent in (False, True):
        if absent:
            monkeypatch.setattr(builtins, "__import__", without)
        key = PublicKey(public.curve, public.x, public.y)
        answers.append(
            [
                key.verify(DIGEST, r, s),
                key.verify(DIGEST, r, key.curve.order - s),
                key.verify(DIGEST[::-1], r, s),
                key.verify(DIGEST, s, r),
                key.verify(DIGEST, 0, s),
                key.verify(hashlib.sha512(b"payload").digest(), r, s),
            ]
        )
    assert answers == [[True, True, False, False, False, False]] * 2


def test_points_off_the_curve_are_refused() -> None:
    with pytest.raises(InvalidValue, match="secp256r1"):
        PublicKey(CURVES["secp256r1"], 1, 1)


@pytest.mark.proves("T-013")
@pytest.mark.parametrize("name", CURVES)
def test_numbers_outside_the_range_are_refused_in_every_form(name: str) -> None:
    curve = CURVES[name]
    for r, s in [(0, 1), (1, 0), (curve.order, 1), (1, curve.order)]:
        for data in (
            curves.encode_signature(r, s),
            r.to_bytes(curve.order_bytes, "big") + s.to_bytes(curve.order_bytes, "big"),
        ):
            with pytest.raises(Refused) as refused:
                decode(curve, data)
            assert refused.value.reason == "V-SIG-RANGE"


@pytest.mark.proves("T-009", "T-010", "T-012")
@pytest.mark.parametrize("name", CURVES)
@settings(max_examples=15)
@given(data=st.data())
def test_forms_of_one_signature(name: str, data: st.DataObject) -> None:
    curve = CURVES[name]
    r = data.draw(st.integers(1, curve.order - 1))
    s = data.draw(st.integers(1, curve.order - 1))
    der = curves.encode_signature(r, s)
    assert decode(curve, der) == (r, s, Form.DER, der)
    size = curve.order_bytes
    raw = r.to_bytes(size, "big") + s.to_bytes(size, "big")
    assert decode(curve, raw) == (r, s, Form.RAW, der)
    padded = b"".join(b"\x02" + bytes((size,)) + number.to_bytes(size, "big") for number in (r, s))
    frame = b"\x30" + (bytes((len(padded),)) if len(padded) < 128 else bytes((0x81, len(padded)))) + padded
    assert decode(curve, frame)[:2] == (r, s)
    assert decode(curve, frame).der == der
    with pytest.raises(Refused):
        decode(curve, der + b"\0")
    assert without_trailing(curve, der + b"\0") == (r, s, Form.DER, der)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "30",
        "3006020101020101ff",  # trailing
        "308006020101020101",  # indefinite
        "30810602010102 0101",  # long form where the short one fits
        "3009020101020101020101",  # three elements
        "3006030101020101",  # another tag
        "3006020101030101",
        "3105020101020101",
        "30060201010200",
        "30050200020101",  # empty INTEGER
        "300702028001020101ff",
        "30070281010102" + "0101",
    ],
)
def test_other_structures_are_refused(text: str) -> None:
    with pytest.raises(Refused) as refused:
        decode(CURVES["secp256r1"], bytes.fromhex(text))
    assert refused.value.reason == "V-SIG-ENCODING"


@settings(max_examples=200)
@given(st.binary(max_size=80))
def test_no_bytes_do_more_than_be_refused(data: bytes) -> None:
    for curve in (CURVES["secp192r1"], CURVES["secp256r1"]):
        try:
            found = decode(curve, data)
        except Refused:
            continue
        assert 0 < found.r < curve.order
        assert 0 < found.s < curve.order
