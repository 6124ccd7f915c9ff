"""In what the verification page and the Python verifier must agree, and changed records to hold them together."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.signed.conftest import NOW
from wattproof.signed import examine

#: What the page reads; everything else it names.
FORMATS = frozenset({"OCMF", "OCMF-SEALED", "BSM", "unknown"})
CONTAINERS = frozenset({"none", "SAFE-XML", "chargeIT-JSON"})

Case = tuple[bytes, str | None]


def vector_cases(vectors: Path) -> Iterator[tuple[str, Case]]:
    """Name, content and trusted key of every vector file."""
    folder = vectors / "transparency"
    for case in json.loads((folder / "manifest.json").read_text())["cases"]:
        path, key = folder / case["file"], case["key"]
        if path.is_file():
            yield (
                case["file"],
                (path.read_bytes(), key if key and " in " not in key and "embedded" not in key else None),
            )


def stated(report: dict[str, Any]) -> list[Any]:
    """The part of a report in which both must be equal."""
    records = [
        [
            *(record[name] for name in ("format", "container", "signature", "reason", "overall", "hints", "algorithm")),
            *(record[name] for name in ("public_key", "key_source", "signed")),
            sorted({finding["code"] for finding in record["findings"]}),
        ]
        for record in report["records"]
    ]
    sessions = [
        [
            *(session[name] for name in ("id", "records", "verdict", "overall", "begin", "end", "energy", "profiles")),
            sorted((f["code"], f["severity"]) for f in session["findings"]),
            [f["message"] for f in session["findings"] if f["code"] == "F-PROFILE"],
        ]
        for session in report["sessions"]
    ]
    loose = [record.get("profiles") for record in report["records"]]
    found: list[Any] = json.loads(json.dumps([records, sessions, loose, report["summary"]]))
    return found


def python_report(case: Case, **options: Any) -> dict[str, Any]:
    """What the Python verifier says, with the signed bytes of each record and predictions for loose ones."""
    report = examine(*case, now=NOW, **options)
    found = report.as_dict()
    for record, shown in zip(report.records, found["records"], strict=True):
        shown["signed"] = record.signed.hex()
        if any(record is one for one in report.loose):
            predictions = report.predictions(record).items()
            shown["profiles"] = {
                name: {"verdict": one.verdict, "reasons": [code for code, _ in one.reasons]}
                for name, one in predictions
            }
    return found


def disagreement(case: Case, page: dict[str, Any], **options: Any) -> tuple[Any, Any] | None:
    """Both reports where they differ. A format that the page only names must not be one it reads."""
    ours = python_report(case, **options)
    if any(finding["code"] == "F-EXTRA" for record in page["records"] for finding in record["findings"]):
        known = all(r["format"] in FORMATS and r["container"] in CONTAINERS for r in ours["records"])
        return (stated(ours), "the page does not read it") if known else None
    one, two = stated(ours), stated(page)
    return None if one == two else (one, two)


PIECES = (
    "|", "{", "}", '"', ",", ":", "\\", " ", "\n", '"RV":9,', '"PG":"T8",', "\ufeff", "0", "e9", "\u0308", "OCMF|", "<",
    "&", ">", "&#38;", "\\u00e4", "\\ud800", "null", "-", "[", "]", "\0", "\x0c", '"TX":"B"', '"IS":true,', '"ST":"M",',
)  # fmt: skip
VALUES = (
    '""', "null", "true", "0", "-0", "1.50", "-1", "1e5", "1e-40", '"T0"', '"T12"', '"F3"', '"B"', '"E"', '"X"', '"T"',
    '"S"', '"L"', '"P"', '"A"', '"R"', '"C"', '"t"', '"Et"', '"kWh"', '"Wh"', '"1-b:1.8.0"', '"1-0:1.8.0*198"',
    '"01-00:B2.08.00*FF"', '"1-b:2.8.0"', '"1-b:1.9.0"',
    '"2023-01-01T10:00:00,000+0100 S"', '"2023-01-01T10:00:00.000Z R"',
    '"2031-01-01T10:00:60,000+0100 U"', '"2023-02-30T10:00:00,000+0100 S"', '"0.4"', '"0.1"', "0.2", '"2.0"', '"NONE"',
    '"MISMATCH"', '["RFID_PLAIN"]', '["RFID_PLAIN","RFID_PSK"]', '{"LN":"x","LI":1,"LR":5,"LU":"mOhm"}', "[]", "{}",
    '"BSM-WS36A x"', '"ECDSA-secp256k1-SHA256"', '"EdDSA-Ed25519"', '"ECDSA-secp256r1-SHA512"',
    '"ML-DSA-44"', '"base64"',
    ">Transaction.Begin<", ">x<", '"Transaction.Begin"', '"Transaction.End"', '"plain"', '"ISO-8859-1"', '"us-ascii"',
    '"windows-1252"', '"UTF-16"', "4294967295", "4294967296", "-32768", '"UTF-8"', '"2022-07-08T08:00:28Z"',
)  # fmt: skip
_VALUE = re.compile(r'"[^"\\\n]{0,60}"|(?<=[:,\[ ])-?[0-9.]+|true|false|null|>[^<]{1,40}<')


def changed(data: bytes, source: random.Random) -> bytes:
    """``data`` with up to three changes: bytes or pieces put in, cut out, doubled, or values exchanged for others."""
    times = source.choice((1, 1, 2, 3))
    if source.random() < 0.6:
        text = data.decode("latin-1")
        for _ in range(times):
            found = list(_VALUE.finditer(text))
            if found:
                place = source.choice(found)
                new = source.choice(found)[0] if source.random() < 0.5 else source.choice(VALUES)
                text = text[: place.start()] + new + text[place.end() :]
        return text.encode("latin-1")
    out = bytearray(data)
    for _ in range(times):
        at, kind = source.randrange(len(out) or 1), source.randrange(6)
        piece = source.choice(PIECES).encode()
        end = min(len(out), at + source.randrange(1, 60))
        if kind == 0:
            out[at:at] = piece
        elif kind == 1:
            del out[at : at + source.randrange(1, 8)]
        elif kind == 2:
            out[at : at + 1] = piece
        elif kind == 3:
            out[at:end] = out[at:end] * 2
        elif kind == 4 and at < len(out):
            out[at] ^= 1 << source.randrange(8)
        elif source.random() < 0.3:
            del out[at:]
        else:
            out[at : at + 1] = bytes([source.randrange(256)])
    return bytes(out)
