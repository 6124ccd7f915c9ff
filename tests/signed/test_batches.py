"""What is made faster for many records gives what it gives for one: signatures decoded and checked in batches."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from wattproof.signed import curves, examine_stream, verification
from wattproof.signed.curves import CURVES, encode_signature
from wattproof.signed.encoding import Decoded, Refused, decode, decode_any, usual

NOW = 1_800_000_000


def _decoded(read: Any, *arguments: Any, **options: Any) -> Decoded | str:
    try:
        found: Decoded = read(*arguments, **options)
    except Refused as refused:
        return refused.reason
    return found


@pytest.mark.proves("T-011", "T-012", "T-013")
@pytest.mark.parametrize("curve", CURVES.values(), ids=str)
def test_a_usual_signature_is_decoded_like_any_other(curve: Any) -> None:
    draw = random.Random(7)
    fast = 0
    for _ in range(3000):
        short = draw.getrandbits(draw.randrange(1, curve.order_bits + 9))
        known = [0, 1, 127, 128, curve.order - 1, curve.order]
        numbers = [draw.choice([draw.randrange(curve.order), *known, short]) for _ in range(2)]
        data = bytearray(encode_signature(*numbers))
        for _ in range(draw.choice([0, 0, 1, 2])):
            at = draw.randrange(len(data))
            piece = draw.choice([b"", b"\x00", b"\x02", b"\x30", b"\x80", b"\x81", draw.randbytes(1)])
            data[at : at + draw.choice([0, 1, 1, 2])] = piece
            if len(data) > 1 and draw.random() < 0.7:
                data[1] = (len(data) - 2) & 0xFF
            if not data:
                data = bytearray(b"\x30")
        raw, der = draw.random() < 0.5, draw.random() < 0.9
        careful = _decoded(decode_any, curve, bytes(data), der=der, raw=raw)
        assert _decoded(decode, curve, bytes(data), der=der, raw=raw) == careful
        found = usual(curve, bytes(data))
        fast += found is not None
        assert found is None or found == _decoded(decode_any, curve, bytes(data))
    assert fast > 300 or curve.order_bits > 480, "nearly all signatures are usual"


def _rows(forge: Any, new_forge: Any) -> list[dict[str, Any]]:
    """Records of every verdict, with and without keys beside them."""
    other, small = new_forge(identity="another key"), new_forge("secp192r1")
    good = forge.session()
    payload = good.split("|")[1]
    raw = forge.ocmf([forge.reading("B", "1.0")], {"SD": "00" * 64})
    records = [
        good,
        good.replace("112.340", "112.341"),
        good.replace("|{", "| {", 1),
        good[:-4] + '0"}',
        good[:-2] + '00"}',
        good.replace("secp256r1", "secp384r1"),
        good.replace("secp256r1-SHA256", "secp256r1-SHA512"),
        good.replace('"FV":"1.2"', '"FV":"0.2"').replace('"SA":"ECDSA-secp256r1-SHA256",', ""),
        raw,
        small.session(),
        other.session(),
        forge.sign(payload.replace("GW0001", "GW00\u00e41")),
        "OCMF|{}|{}",
        "no record",
    ]
    keys = [None, forge.key, other.key, small.key, "04" + "00" * 64, "zz", ""]
    return [{"record": record, **({} if key is None else {"publicKey": key})} for record in records for key in keys]


@pytest.mark.proves("T-082", "T-077", "T-015")
@pytest.mark.parametrize("trusted", [False, True])
def test_what_is_checked_ahead_is_judged_like_everything_else(
    trusted: bool, forge: Any, new_forge: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = "\n".join(json.dumps(row) for row in _rows(forge, new_forge)).encode()
    key = forge.key if trusted else None

    def judged() -> list[dict[str, Any]]:
        return [part.as_dict() for part in examine_stream(lines, key, now=NOW)]

    ahead: list[Any] = []
    plain = verification._plain

    def counted(*arguments: Any) -> Any:
        ahead.append(plain(*arguments))
        return ahead[-1]

    monkeypatch.setattr(verification, "_plain", counted)
    batched = judged()
    assert sum(found is not None for found in ahead) > 10
    monkeypatch.setattr(verification, "_MOST_AHEAD", 5)
    assert judged() == batched
    monkeypatch.setattr(verification, "_plain", lambda *_: None)
    assert judged() == batched
    verdicts = {record["signature"] for part in batched for record in part["records"]}
    assert verdicts >= {"valid", "invalid", "key-error", "format-error"}


def test_a_library_that_fails_is_met_where_the_record_is_judged(forge: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> bool:
        raise MemoryError

    lines = "\n".join([json.dumps({"record": forge.session()})] * 2).encode()
    monkeypatch.setattr(curves.PublicKey, "check", property(lambda _: fail))
    found = [record for part in examine_stream(lines, forge.key, now=NOW) for record in part.records]
    assert [record.signature.reason for record in found] == ["F-FORMAT", "F-FORMAT"]
    assert all("MemoryError" in record.findings[-1].message for record in found)
