"""The published test keys are exactly those of the specification, so that every verifier can recognise them."""

from __future__ import annotations

import hashlib

import pytest

from wattproof.errors import UnknownName
from wattproof.signed import curves, testkeys

IDENTITY = "001BZR9900000001"


@pytest.mark.proves("T-106")
def test_worked_example_of_the_specification() -> None:
    assert testkeys.ROOT.hex() == "0930f72598144f2b812cec97d0ad5d1840758821d13afc506a90703c011409de"
    assert testkeys.derive("secp256r1", IDENTITY) == int(
        "fd8e2c83e582af6d6ff4993f15fbf28282fd87982c87924b8cad50bedf5cd490", 16
    )
    key = testkeys.public_key("secp256r1", IDENTITY)
    assert f"{key.x:064x}" == "942066b74158d2f844d0cb3040fc723c66667efe855745d3d63717d526f865c8"
    assert f"{key.y:064x}" == "377782f4d7105aa50ead7fc4f293d7b60dd00c418b17a76dd9b34ec80ad1efda"


@pytest.mark.proves("T-106")
@pytest.mark.parametrize(
    ("curve", "x"),
    [
        ("secp192k1", "3a77bba59a911a2d6490d03296a03cc5ffd909a1c705a76c"),
        ("secp192r1", "88deffb736413120a0143847a2e7a99c782db92c4c65bdac"),
        ("secp224k1", "cc7d67584558c55eecec9bec0ce257d07296895b47ebc1b4a7f36b76"),
    ],
)
def test_the_same_identity_on_other_curves(curve: str, x: str) -> None:
    assert testkeys.public_key(curve, IDENTITY).x == int(x, 16)


def test_white_space_around_the_serial_does_not_matter() -> None:
    assert testkeys.derive("secp256r1", f" {IDENTITY}\r\n") == testkeys.derive("secp256r1", IDENTITY)
    assert testkeys.derive("secp256r1", IDENTITY + " wrong") != testkeys.derive("secp256r1", IDENTITY)


@pytest.mark.parametrize("curve", curves.CURVES)
def test_a_key_signs_and_its_public_half_verifies(curve: str) -> None:
    digest = hashlib.sha256(b"a record").digest()
    signature = curves.sign_digest(testkeys.private_key(curve, IDENTITY), digest)
    assert signature == curves.sign_digest(testkeys.private_key(curve, IDENTITY), digest)
    key = testkeys.public_key(curve, IDENTITY)
    size = signature[3]
    r, s = int.from_bytes(signature[4 : 4 + size], "big"), int.from_bytes(signature[6 + size :], "big")
    if signature[1] & 0x80:  # secp521r1: long form of the length
        size = signature[4]
        r, s = int.from_bytes(signature[5 : 5 + size], "big"), int.from_bytes(signature[7 + size :], "big")
    assert key.verify(digest, r, s)
    assert not key.verify(hashlib.sha256(b"another").digest(), r, s)


def test_an_unknown_curve_is_named() -> None:
    with pytest.raises(UnknownName, match="secp256r2"):
        testkeys.derive("secp256r2", IDENTITY)
