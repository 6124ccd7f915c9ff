"""ALFEN lines, written. The reader is :mod:`.alfen`; source: specification of the verifier, 2.2."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from wattproof.errors import InvalidValue
from wattproof.signed.curves import PublicKey, SigningKey
from wattproof.signed.formats import samples as common
from wattproof.signed.formats.alfen import COMMANDS, MOMENTS, OBIS, DataSet
from wattproof.signed.formats.edl import WATT_HOUR
from wattproof.signed.formats.samples import Sample

CURVES = ("secp192r1",)
SERIAL = "0A5445535400000000A1"
_LETTERS = {moment: letter for letter, moment in MOMENTS.items()}


def data_set(sample: Sample, *, serial: str = SERIAL, user: str = "1F2D3A4F5506C7", session: int = 77) -> DataSet:
    """The signed fields of a reading. ``serial`` is the adapter id. Raises ``InvalidValue``."""
    return DataSet(
        common.server_id(serial),
        b"v016",
        bytes.fromhex("c136"),
        bytes.fromhex("0901455359") + common.server_id(serial)[5:],
        0,
        1 << COMMANDS[_LETTERS[sample.moment]],
        sample.second_index,
        sample.time,
        OBIS,
        WATT_HOUR,
        0,
        sample.counter(0),
        user.encode("ascii"),
        session,
        sample.page,
    )


def line(data: DataSet, letter: str, signature: bytes, public_key: PublicKey | None) -> str:
    """One line of a data set, its signature (r and s side by side), and its key, which may be left out."""
    point = b""
    if public_key is not None:
        size = public_key.curve.field_bytes
        point = bytes((2 + public_key.y % 2,)) + public_key.x.to_bytes(size, "big")
    texts = (base64.b32encode(part).decode("ascii") for part in (point, data.encode(), signature))
    return ";".join(("AP", letter, "3", *texts)) + ";"


def write(
    samples: Sequence[Sample],
    key: SigningKey,
    *,
    serial: str = SERIAL,
    user: str = "1F2D3A4F5506C7",
    session: int = 77,
    public_key: PublicKey | None = None,
    embed: bool = True,
    changes: Mapping[str, Any] | None = None,
) -> bytes:
    """One line a reading. ``public_key`` stands beside the signature instead of the signer's, none without ``embed``.

    ``changes`` replace fields of the last data set after it was signed. Raises ``InvalidValue``.
    """
    public = common.on_curve(key, *CURVES)
    lines = []
    for position, sample in enumerate(samples):
        data = data_set(sample, serial=serial, user=user, session=session)
        try:
            signature = common.sign_raw(key, data.encode())
            data = common.changed(data, changes if position == len(samples) - 1 else None)
            lines.append(line(data, _LETTERS[sample.moment], signature, (public_key or public) if embed else None))
        except ValueError as error:
            raise InvalidValue(str(error)) from None
    return ("\n".join(lines) + "\n").encode("ascii")
