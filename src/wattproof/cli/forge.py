"""`wattproof forge`: signed records for tests, right or wrong in a chosen way."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from wattproof.cli import output
from wattproof.errors import InvalidValue, UsageError

if TYPE_CHECKING:
    from wattproof.signed.curves import SigningKey


def command(
    format: str | None = None,
    /,
    *,
    variant: str = "valid",
    serial: str | None = None,
    curve: str | None = None,
    key: Path | None = None,
    output_file: Annotated[Path | None, Parameter(name="--output")] = None,
    json: bool = False,
) -> int:
    """Make signed records of a charging session for tests: valid, or wrong in a chosen way.

    Without FORMAT the formats are listed with their curves, fields and variants. Records are signed with the published
    test key of their serial, which every reader can compute, so that none passes as real; equal input gives equal
    files. The public key stands beside the records (in a bare OCMF record as a fourth section).

    Exit codes: 0 done; 2 misuse (no such format, variant or field; a key that does not fit); 5 the file cannot be
    written.

    Examples:

        wattproof forge
        wattproof forge OCMF --output session.ocmf
        wattproof forge SAFE-XML --variant tampered:RV --output tampered.xml
        wattproof forge chargeIT-JSON --variant wrong-key | wattproof verify -
        wattproof forge OCMF --curve brainpoolP256r1
        wattproof forge SAFE-XML --key private.pem --output mine.xml --json

    Parameters
    ----------
    format
        Such as OCMF, SAFE-XML, chargeIT-JSON (also: bsm), ALFEN, EDL_40_P or PCDF; `wattproof forge` lists all.
    variant
        valid, tampered:FIELD, wrong-key, wrong-order, missing-page, other-curve or no-key.
    serial
        The signer's serial number in the records; the test key belongs to it.
    curve
        Sign on this curve; its usual one by default.
    key
        Sign with this private key (PEM or DER, no password) instead of the published test key.
    output_file
        The file to write, replaced if it exists (default: standard output).
    json
        Print what was made as JSON; needs --output.
    """
    if format is None:
        _list(json)
        return 0
    if json and output_file is None:
        raise UsageError("--json needs a file for the records: give one with --output")
    from wattproof.signed.forging import forge

    forged = forge(format, variant, key=_signing_key(key) if key is not None else None, serial=serial, curve=curve)
    if output_file is None:
        sys.stdout.buffer.write(forged.data)
        return 0
    from wattproof.cli.keeping import write_durably

    write_durably(output_file, forged.data)
    if json:
        output.print_json(
            {
                "format": forged.format,
                "variant": forged.variant,
                "serial": forged.identity,
                "curve": forged.curve,
                "public_key": forged.public_key.hex(),
                "test_key": key is None,
                "output": str(output_file),
            }
        )
    else:
        output.say(f"wrote {output_file}")
    return 0


def _list(json: bool) -> None:
    from wattproof.signed.forging import MAKERS, SIGNATURE, VARIANTS, maker

    makers = [maker(name) for name in MAKERS]
    if json:
        formats = [
            {
                "format": made.token,
                "curves": list(made.curves),
                "fields": [*made.fields, SIGNATURE],
                "variants": [name for name in VARIANTS if name not in made.lacks],
            }
            for made in makers
        ]
        output.print_json({"formats": formats, "variants": VARIANTS})
        return
    cells = [(made.token, ", ".join(made.curves), " ".join((*made.fields, SIGNATURE))) for made in makers]
    output.show(output.table(("Format", "Curves", "Fields of tampered:FIELD"), cells))
    output.show(output.table(("Variant", "What is wrong"), list(VARIANTS.items())))


def _signing_key(path: Path) -> SigningKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_der_private_key, load_pem_private_key

    try:
        data = path.read_bytes()
    except OSError as error:
        raise InvalidValue(f"the key file {path} cannot be read: {error.strerror or error}") from error
    load = load_pem_private_key if b"-----BEGIN" in data else load_der_private_key
    try:
        key = load(data, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise InvalidValue(f"{path} holds no readable private key: give PEM or DER without a password") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise InvalidValue(f"{path} holds no key of an elliptic curve")
    return key
