"""OCMF verification, P-256, one core: parse to full verdict with session rules, against the bare signature check.

The records are made here: a small fleet of test keys, one begin-and-end record each time, asked for one by one and as
rows of a JSON-lines stream with the key of each beside it. ``bare`` is
``cryptography``'s verify with the key objects kept; ``pyocmf`` reads the same records and keys and checks
them for calibration law, which is its full verdict.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from hashlib import sha256

import pyocmf
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from bench.measure import Target, interleaved, report
from wattproof import examine
from wattproof.signed import curves, examine_stream, testkeys

METERS = 20
RECORDS = 1000
HEAD = '"FV":"1.0","GI":"bench","GS":"{serial}","GV":"1","PG":"T{page}","MV":"bench","MM":"bench","MS":"{serial}"'
BODY = '"IS":true,"IT":"UNDEFINED","ID":"contract {page}","RD":[{first},{last}]'
READING = (
    '{{"TM":"2026-01-0{day}T10:{minute:02d}:00,000+0100 S","TX":"{kind}","RV":{value},"RI":"01-00:B2.08.00*FF",'
    '"RU":"kWh","RT":"AC","EF":"","ST":"G"}}'
)


def fleet() -> tuple[list[str], list[ec.EllipticCurvePublicKey], list[bytes], list[bytes]]:
    """Records as text, and for the bare check the key, signature and signed bytes of each."""
    texts, keys, signatures, payloads = [], [], [], []
    private = [testkeys.private_key("secp256r1", f"001BENCH{meter:08d}") for meter in range(METERS)]
    for page in range(RECORDS):
        key = private[page % METERS]
        head = HEAD.format(serial=f"001BENCH{page % METERS:08d}", page=page + 1)
        first = READING.format(day=1, minute=page % 60, kind="B", value="0.000")
        last = READING.format(day=2, minute=page % 60, kind="E", value=f"{page % 50}.125")
        payload = ("{" + head + "," + BODY.format(page=page, first=first, last=last) + "}").encode()
        signature = key.sign(payload, ec.ECDSA(hashes.SHA256()))
        texts.append(f'OCMF|{payload.decode()}|{{"SA":"ECDSA-secp256r1-SHA256","SD":"{signature.hex()}"}}')
        keys.append(key.public_key())
        signatures.append(signature)
        payloads.append(payload)
    assert len({sha256(payload).digest() for payload in payloads}) == RECORDS
    return texts, keys, signatures, payloads


def cpu_per_record(run: Callable[[], None]) -> float:
    """CPU microseconds of this process per record."""
    before = time.process_time()
    run()
    return (time.process_time() - before) / RECORDS * 1e6


def main() -> bool:
    texts, keys, signatures, payloads = fleet()
    spki = [curves.spki(testkeys.private_key("secp256r1", f"001BENCH{meter:08d}")).hex() for meter in range(METERS)]
    algorithm = ec.ECDSA(hashes.SHA256())

    def bare() -> None:
        for key, signature, payload in zip(keys, signatures, payloads, strict=True):
            key.verify(signature, payload, algorithm)

    def ours() -> None:
        for number, text in enumerate(texts):
            report = examine(text, spki[number % METERS], allow_test_keys=True)
            if report.summary["green"] != 1:
                raise SystemExit(f"record {number}: {report.as_dict()}")

    rows = [json.dumps({"record": text, "publicKey": spki[at % METERS]}) for at, text in enumerate(texts)]
    lines = "\n".join(rows).encode()

    def streamed() -> None:
        valid = sum(part.records[0].signature.verdict == "valid" for part in examine_stream(lines))
        if valid != RECORDS:
            raise SystemExit(f"{valid} of {RECORDS} records are valid")

    def theirs() -> None:
        for number, text in enumerate(texts):
            if not pyocmf.OCMF.from_string(text).verify(spki[number % METERS])[0]:
                raise SystemExit(f"pyocmf refuses record {number}")

    runs = {
        "bare signature check": lambda: cpu_per_record(bare),
        "wattproof, record by record": lambda: cpu_per_record(ours),
        "wattproof, JSON lines": lambda: cpu_per_record(streamed),
        "pyocmf": lambda: cpu_per_record(theirs),
    }
    figures = interleaved("ocmf_verify", "us CPU/record", runs)
    mine = figures["wattproof, JSON lines"].median
    targets = [
        Target("records per second, ours / bare check", figures["bare signature check"].median / mine, 0.6, True),
        Target("records per second, ours / pyocmf", figures["pyocmf"].median / mine, 3, True),
    ]
    return report("OCMF verification, P-256", figures, targets)
