"""Records signed here, for what the vectors do not hold: sessions of every kind, encodings, curves."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ed448, ed25519

from tests.live.verdicts import Case, changed
from tests.signed import test_profiles
from tests.signed.conftest import BEGIN, END, Forge, Raw
from wattproof.signed import testkeys
from wattproof.signed.parameters import CURVES

PAIR = (("B", "1", "T7"), ("E", "2", "T8"))


def _records(forge: Forge) -> list[str]:
    """Records of one session: registers, repeats, reasons, values."""
    reading = forge.reading
    begin, end = reading("B", "100.100"), reading("E", "112.340")
    both = [
        reading(code, value, RI=obis)
        for code, value in (("B", "1"), ("E", "3"))
        for obis in ("1-b:1.8.0", "1-b:2.8.0")
    ]  # fmt: skip
    lists: list[list[dict[str, Any]]] = [
        [begin, end],
        [begin],
        [end],
        [],
        both,
        [begin, begin],
        [begin, begin, end],
        [begin, reading("C", "105.000", BEGIN), end],
        [begin, reading("C", "99.000", BEGIN), end],
        [begin, reading("X", "101", END), end],
        [begin, reading("T", "101", END), reading("A", "101.1", END)],
        [begin, {"TM": END, "TX": "E"}, {"RV": Raw("5"), "RI": "1-b:1.9.0", "RU": "kWh"}],
        [reading("B", "0", RI="01-00:B3.08.00*FF"), reading("E", "600.5", RI="01-00:B3.08.00*FF")],
        [reading("B", "5.5", RI="1-0:1.8.0*198"), begin, reading("E", "6.5", RI="1-0:1.8.0*198"), end],
        [reading("B", "1e2"), reading("E", "1.2E+2", RU="Wh")],
        [reading("B", "100.1", CL=Raw("0.1")), reading("E", "101", CL=Raw("0"))],
        [reading("B", "-0.5"), reading("E", "-0.00")],
        [reading("B", "1"), reading("E", "900000")],
        [reading(None, "1"), reading(None, "2")],
    ]
    return [forge.ocmf(one) for one in lists]


def _end(forge: Forge) -> str:
    return forge.ocmf([forge.reading("E", "113")], PG="T8", GV="2", TT="night")


def session_texts(forge: Forge) -> list[str]:
    """Files of OCMF: single records, pairs, all of them in one."""
    records = _records(forge)
    complete, begin, repeated = records[0], records[1], records[5]
    gateway = {"GI": "BAUER Electronic BSM-WS36A"}
    skipped = [
        forge.ocmf([forge.reading(code, value)], PG=page, **gateway)
        for code, value, page in (("B", "1", "T3"), ("E", "2", "T9"))
    ]
    fiscal = [forge.ocmf([forge.reading(None, value)], PG=page) for value, page in (("2", "F3"), ("1", "F4"))]
    pairs = [(begin, _end(forge)), (begin, complete), (complete, complete), (repeated, complete), skipped, fiscal]
    fields: list[dict[str, Any]] = [
        {"IL": "INVALID"},
        {"IS": False},
        {"PG": "T01"},
        {"ID": "\u202e\U0001f600"},
        {"FV": "0.3", "IS": "OUTDATED"},
    ]
    return [*records, *map("\n".join, pairs), *(forge.session(**one) for one in fields), "\n".join(records)]


def session_containers(forge: Forge) -> list[bytes]:
    """S.A.F.E. files: right and wrong labels, several transactions, no transaction, a wrong format."""
    records, end = _records(forge), _end(forge)
    complete, begin = records[:2]
    return [
        forge.xml((begin, "1", "Transaction.Begin"), (end, "1", "Transaction.End")),
        forge.xml((end, "1", "Transaction.Begin"), (begin, "1", "Transaction.End")),
        forge.xml((begin, "1", "Transaction.Begin"), (complete, "1", "Transaction.End")),
        forge.xml((complete, "1", "Transaction.Begin")),
        forge.xml(*((record, str(number % 3)) for number, record in enumerate(records))),
        forge.xml(*((record, None) for record in records), key=None),
        forge.xml((complete, "1"), label="ALFEN"),
    ]


def prediction_cases(forge: Forge, vectors: Path) -> Iterator[tuple[str, Case]]:
    """A document for every row of the predictions, and keys and signatures that the programs take differently."""
    for number, (code, _, make) in enumerate((*test_profiles.SAFE_ROWS, *test_profiles.CHARGY_ROWS)):
        document = make(forge)
        yield f"{code} {number}", (document.encode() if isinstance(document, str) else document, forge.key)
    small, session = Forge("secp192r1"), forge.session()
    der = bytes.fromhex(forge.key)
    begin, end = (
        forge.ocmf(readings, PG=page)
        for page, readings in (
            ("T7", [forge.reading("B", "1"), forge.reading("C", "3", END)]),
            ("T8", [forge.reading("E", "2")]),
        )
    )
    yield "lists of a pair", (forge.xml((begin, "1", "Transaction.Begin"), (end, "1", "Transaction.End")), None)
    yield "no key", (session.encode(), None)
    yield "fourth section", (f"{session}|{forge.key}".encode(), None)
    yield "small curve", (small.session().encode(), small.key)
    for name, key in (
        ("point", forge.key[-130:]),
        ("coordinates", forge.key[-128:]),
        ("base64", base64.b64encode(der).decode()),
        ("base32", base64.b32encode(der).decode()),
        ("wrapped", f"oca:base16:asn1:{forge.key}"),
        ("other curve", Forge("secp384r1").key),
        ("other key", Forge(identity="another key").key),
        ("none", "no key at all"),
    ):
        yield f"{name} beside", (forge.xml((session, "1"), key=key), None)
        yield f"{name} given", (session.encode(), key)
    ed25519_record, ed25519_key = next(case for name, _, case in curve_cases() if name == "Ed25519")
    yield "EdDSA", (ed25519_record, ed25519_key)
    for change in (lambda data: b"\x30\x81" + data[1:], lambda data: data + b"\0", lambda data: data[:-1]):
        yield f"frame {change(b'0123')!r}", (test_profiles._signature(forge, change).encode(), forge.key)
    snapshot = (vectors / "transparency/other/bsm_chargeit_ok.json").read_text("utf-8")
    for name, text in (
        ("whole", snapshot),
        ("broken", snapshot.replace("001BZR", "001BZS")),
        ("copy", snapshot.replace('"measurementId"', '"measurementId": 1, "x"', 1)),
    ):
        yield f"BSM {name}", (text.encode(), None)


def resigned(forge: Forge, source: random.Random, number: int) -> Iterator[Case]:
    """Records whose payload was changed before it was signed, alone and in pairs."""
    reading = forge.reading
    payloads = [
        forge.session().split("|")[1],
        forge.ocmf([reading("B", "1", BEGIN), reading("C", "1.5"), reading("E", "2", END)]).split("|")[1],
        forge.ocmf([reading("B", "1", EI=1), reading("E", "2", EI=1)], FV="0.4").split("|")[1],
    ]
    pair = [forge.ocmf([reading(code, value)], PG=page).split("|")[1] for code, value, page in PAIR]
    for _ in range(number):
        if source.random() < 0.6:
            yield forge.sign(changed_text(source.choice(payloads), source)).encode("utf-8", "surrogatepass"), forge.key
            continue
        begin, end = (forge.sign(changed_text(text, source) if source.random() < 0.6 else text) for text in pair)
        labels = ("Transaction.Begin", "Transaction.End")
        yield forge.xml(*((text, "1", label) for text, label in zip((begin, end), labels, strict=True))), None


def changed_text(text: str, source: random.Random) -> str:
    """Text of a payload with changes that leave it text without control characters, which no container could hold."""
    found = changed(text.encode(), source).decode("utf-8", "replace")
    return "".join(one for one in found if one >= " ")


def encoded(forge: Forge) -> Iterator[bytes]:
    """One record in many writings: as text of text, in XML files of other encodings, as bytes that are no UTF-8."""
    record = forge.session().encode()
    writings = {
        "hex": record.hex(),
        "base64": base64.b64encode(record).decode(),
        "base32": base64.b32encode(record).decode(),
    }
    yield b"\xef\xbb\xbf" + record
    for name, text in writings.items():
        yield text.lower().encode() if name != "base64" else text.encode()
        for stated in (name, "plain", "BASE64"):
            yield forge.xml((text, "1")).replace(b'encoding="plain">', f'encoding="{stated}">'.encode(), 1)
    for encoding, letter in (("ISO-8859-1", "\xfc"), ("windows-1252", "\u20ac"), ("iso-8859-15", "\u20ac")):
        payload = forge.session(ID=f"a{letter}b").split("|")[1].encode(encoding)
        signed = forge.sign(payload).encode("utf-8", "surrogateescape")
        text = f"OCMF|{payload.decode(encoding)}|{signed.rpartition(b'|')[2].decode()}"
        body = f"<values><value><signedData>{text}</signedData><publicKey>{forge.key}</publicKey></value></values>"
        for declared in (encoding, "UTF-8", "us-ascii", "koi8-r", "utf-16", "no-such"):
            yield f'<?xml version="1.0" encoding="{declared}"?>'.encode() + body.encode(encoding)
        yield from (signed, signed + b"\n" + record, record + b"\n" + signed)
    beside = forge.session(ID="a\u20acb").encode()
    yield from (beside.replace(b'{"SA"', b'{"x":"\xd2","SA"'), beside.replace(b'"SA"', b'"S\xc1"'), beside + b"|\xff")


def snapshots(vectors: Path) -> Iterator[bytes]:
    """The BSM vector with texts in other encodings, in the order of older firmware, with other unsigned copies."""
    text = (vectors / "transparency" / "other" / "bsm_chargeit_ok.json").read_text("utf-8")
    for change in ("latin", "unknown", "legacy", "copies", "double"):
        document = json.loads(text)
        for snapshot in document["signedMeterValues"]:
            _change(snapshot, change)
        yield json.dumps(document, ensure_ascii=False).encode()
    for key in ("measurementId", "x", "time"):
        yield text.replace('"measurementId"', f'"{key}": 1, "measurementId"').encode()


def _change(snapshot: dict[str, Any], change: str) -> None:
    values = snapshot["additionalValues"]
    second = next(value for value in values if value["measurand"]["name"] == "Meta2")["measuredValue"]
    if change == "latin":
        second |= {"value": "T\xfcr", "valueEncoding": "iso-8859-1"}
    elif change == "unknown":
        second |= {"value": "T\xfcr \u20ac", "valueEncoding": "iso-8859-1"}
    elif change == "legacy":
        values[:] = [value for value in values if value["measurand"]["name"] != "RCR"]
        for name in ("DIChgOS", "DIChgEpoch", "DIChgTZO", "DOChgOS", "DOChgEpoch", "DOChgTZO"):
            values.append({"measurand": {"name": name}, "measuredValue": {"scale": 0}})
    elif change == "copies":
        snapshot |= {"time": "2020-01-01T00:00:00+00:00", "measurementId": 1, "@id": "x"}
        snapshot["contract"] = {"id": "y", "type": "rfid"}
    else:
        values.append(values[0])


def curve_cases() -> Iterator[tuple[str, str, Case]]:
    """Curve, what it is, record and trusted key: right, with a published test key, changed."""
    for curve in CURVES:
        forge, published = Forge(curve), Forge(curve, "METER0001")
        yield curve, "valid", (forge.session().encode(), forge.key)
        yield curve, "test key", (published.session().encode(), published.key)
        yield curve, "invalid", (forge.session().replace("112.340", "112.341").encode(), forge.key)
    payload = Forge().session().split("|")[1]
    for name in ("Ed25519", "Ed448"):
        maker = ed25519.Ed25519PrivateKey if name == "Ed25519" else ed448.Ed448PrivateKey
        signature = maker.from_private_bytes(testkeys.seed(name, "METER0001")).sign(payload.encode()).hex()
        key = testkeys.edwards_spki(name, "METER0001").hex()
        for kind, text in (("test key", payload), ("invalid", payload.replace("112.340", "112.341"))):
            yield name, kind, (f'OCMF|{text}|{{"SA":"EdDSA-{name}","SD":"{signature}"}}'.encode(), key)
