"""Valid files to begin with: the forge's records of every format, and these in every wrapper. Made, never copied."""

from __future__ import annotations

import base64
import contextlib
import gzip
import io
import json
import re
import tarfile
import zipfile
from functools import cache
from typing import Any

from wattproof.errors import WattproofError
from wattproof.signed import curves, examine, testkeys
from wattproof.signed.curves import SigningKey
from wattproof.signed.forging import MAKERS, forge, maker
from wattproof.signed.formats import chargepoint_export, chargy_export, edl_export, emh_export, samples
from wattproof.signed.records import Moment, Verdict

VARIANTS = ("valid", "no-key", "wrong-order", "missing-page", "tampered:signature")
#: Curves of a format that seeds are signed on; all others are a matter of the tests of curves.
_CURVES = 3
_START = 1_740_819_600
_SAMPLES = [samples.Sample(Moment.BEGIN, 100_100, _START, 1), samples.Sample(Moment.END, 112_440, _START + 3600, 2)]
_GDF = "G1"


@cache
def of_format(token: str) -> tuple[bytes, ...]:
    """Files of one format of the forge, the valid one first."""
    made = maker(token)
    found = [forge(token, variant).data for variant in VARIANTS if variant.partition(":")[0] not in made.lacks]
    found += [forge(token, curve=curve).data for curve in made.curves[1:_CURVES]]
    if token == "OCMF":
        found.append(b"".join((_complete(), _complete("T14", "112.440", "120.000"))))
        found.append(_complete("T15", user="T\u00fcr \u20ac|x"))
    return tuple(dict.fromkeys(found))


def _complete(page: str = "T13", begin: str = "100.100", end: str = "112.440", user: str = "1F2D3A4F") -> bytes:
    """A complete OCMF record with three readings."""
    serial = maker("OCMF").serial
    register = {"RI": "1-b:1.8.0", "RU": "kWh", "ST": "G"}
    readings = [
        {"TM": f"2025-03-01T1{hour}:00:00,000+0100 S", "TX": code, "RV": value, **register}
        for hour, code, value in ((1, "B", begin), (2, "C", begin), (3, "E", end))
    ]
    payload = {"FV": "1.0", "GI": "x", "GS": serial, "PG": page, "MS": serial, "IS": True, "IL": "VERIFIED"}
    text = json.dumps(
        {**payload, "IF": ["RFID_PLAIN"], "IT": "ISO14443", "ID": user, "RD": readings}, ensure_ascii=False
    )
    key = testkeys.private_key("secp256r1", serial)
    signature = samples.sign_der(key, text.encode()).hex()
    section = json.dumps({"SA": "ECDSA-secp256r1-SHA256", "SD": signature})
    return f"OCMF|{text}|{section}|{curves.spki(key).hex()}\n".encode()


@cache
def plain() -> tuple[bytes, ...]:
    """Single OCMF records without a key, as the quick reader takes them."""
    lines = [line for data in of_format("OCMF") for line in data.splitlines()]
    bare = (b"|".join(line.split(b"|")[:3]) for line in lines if line.isascii())
    return tuple(dict.fromkeys(re.sub(rb'("RV": )"([0-9.]+)"', rb"\1\2", record) for record in bare))


@cache
def chargy() -> tuple[bytes, ...]:
    """Charge transparency records of EMH and GDF meters."""
    meter = emh_export.SERIAL
    return (
        chargy_export.write(_SAMPLES, testkeys.private_key("secp192r1", meter), serial=meter),
        chargy_export.write(_SAMPLES, testkeys.private_key("secp256r1", _GDF), format="GDF", serial=_GDF),
    )


@cache
def chargepoint() -> tuple[bytes, ...]:
    """The files of a ChargePoint record: in an archive, and the record file alone."""
    serial = chargepoint_export.SERIAL
    found = []
    for curve in chargepoint_export.HASHES:
        files = chargepoint_export.write(_SAMPLES, testkeys.private_key(curve, serial), serial=serial)
        found += [
            chargepoint_export.archive(files),
            files[chargepoint_export.NAME],
        ]
    return tuple(dict.fromkeys(found))


@cache
def edl_xml() -> tuple[bytes, ...]:
    """Signed meter values alone, and as a list."""
    found = []
    for token in ("secp192r1", "secp256r1"):
        key = testkeys.private_key(token, edl_export.SERIAL)
        parts = []
        for sample in _SAMPLES:
            block = edl_export.block(sample)
            signature = samples.sign_raw(key, block.encode())
            parts.append(edl_export.signed_meter_value(sample, block, signature, curves.public_key(key)))
        found += [parts[0], b"<signedMeterValues>" + b"".join(parts) + b"</signedMeterValues>"]
    return tuple(found)


@cache
def all_formats() -> tuple[bytes, ...]:
    """Every file of every format."""
    return (*(data for token in MAKERS for data in of_format(token)), *chargy(), *edl_xml(), *chargepoint())


@cache
def signed() -> frozenset[bytes]:
    """The signed bytes of every valid record in these files: nothing else may be valid."""
    reports = [examine(data, now=1_800_000_000, experimental=True) for data in (*all_formats(), *wrapped_records())]
    return frozenset(
        record.signed for report in reports for record in report.records if record.signature.verdict is Verdict.VALID
    )


@cache
def private_keys() -> dict[bytes, SigningKey]:
    """The test keys that signed them, by SubjectPublicKeyInfo."""
    pairs = {(curve, maker(token).serial) for token in MAKERS for curve in maker(token).curves}
    pairs |= {("secp192r1", emh_export.SERIAL), ("secp256r1", _GDF)}
    pairs |= {(curve, chargepoint_export.SERIAL) for curve in chargepoint_export.HASHES}
    found = [testkeys.private_key(curve, identity) for curve, identity in sorted(pairs)]
    return {curves.spki(key): key for key in found}


# -- wrappers --------------------------------------------------------------------------------------------------------


def wrapped_records() -> tuple[bytes, ...]:
    """Records that the wrappers below hold."""
    ocmf = of_format("OCMF")
    return ocmf[0].splitlines()[0], ocmf[-1].splitlines()[0], of_format("ALFEN")[0], of_format("PCDF")[0]


def zipped(*members: tuple[str, bytes]) -> bytes:
    """A zip archive, the same bytes at any time."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data)
    return file.getvalue()


def tarred(*members: tuple[str, bytes]) -> bytes:
    """A tar archive."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return file.getvalue()


def _key() -> str:
    return next(iter(private_keys())).hex()


def lines() -> list[bytes]:
    """JSON lines."""
    one, two, *_ = (record.decode() for record in wrapped_records())
    rows: list[list[Any]] = [
        [one, two],
        [{"ocmf": one, "transactionId": "1", "publicKey": _key()}, {"ocmf": two, "transactionId": "1", "context": "x"}],
        [{"record": base64.b64encode(one.encode()).decode(), "encoding": "base64"}, 1],
        [{"signed-data": one}],
    ]
    return ["".join(json.dumps(row) + "\n" for row in each).encode() for each in rows]


def tables() -> list[bytes]:
    """CSV with and without header, with each delimiter."""
    one, two, *_ = (record.decode() for record in wrapped_records())
    quoted = '"' + one.replace('"', '""') + '"'
    return [
        f"id,signed data,transaction_id\r\n1,{quoted},7\r\n2,{quoted},7\r\n".encode(),
        f"17;{two}\r\n18;{one}\n".encode(),
        f"ocmf\tkey\n{one}\t{_key()}\n".encode(),
        f"record,encoding\n{one.encode().hex()},hex\n".encode(),
        f"{quoted}\n".encode(),
    ]


def archives() -> dict[str, list[bytes]]:
    """Archives by the name of their kind."""
    one, two, alfen, pcdf = wrapped_records()
    key = ("key.txt", _key().encode())
    files = (("a.ocmf", one), ("b/c.txt", alfen), ("d.pcdf", pcdf), key)
    return {
        "zip": [zipped(*files), zipped(("a.jsonl", lines()[1]), ("x.zip", zipped(("y", two)))), *chargepoint()[:1]],
        "tar": [tarred(*files), tarred(("a.csv", tables()[0]), ("x.gz", gzip.compress(two, mtime=0)))],
        "gzip": [gzip.compress(data, mtime=0) for data in (one, lines()[0], tarred(*files[:2]), zipped(*files))],
    }


def pdf() -> list[bytes]:
    """A PDF file with an attachment, and one with a code on its page."""
    import pypdf

    one, *_ = wrapped_records()
    found = []
    for picture in (None, _code(b"OCMF|{}|{}")):
        writer = pypdf.PdfWriter()
        if picture is None:
            writer.add_blank_page(100, 100)
            writer.add_attachment("a.ocmf", one)
        else:
            page = io.BytesIO()
            picture.save(page, "PDF")
            writer.append(io.BytesIO(page.getvalue()))
        writer.metadata = None
        file = io.BytesIO()
        writer.write(file)
        found.append(file.getvalue())
    return found


def _code(text: bytes) -> Any:
    import zxingcpp
    from PIL import Image

    view = memoryview(zxingcpp.write_barcode_to_image(zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode)))
    height, width = view.shape
    return Image.frombytes("L", (width, height), bytes(view))


def images() -> list[bytes]:
    """A code in each of the image formats."""
    found = []
    for format in ("PNG", "TIFF", "WEBP", "JPEG"):
        file = io.BytesIO()
        _code(b"OCMF|{}|{}").save(file, format)
        found.append(file.getvalue())
    return found


def parquet() -> list[bytes]:
    """Parquet files of one row group."""
    import pyarrow
    import pyarrow.parquet as files

    one, two, *_ = (record.decode() for record in wrapped_records())
    found = []
    for columns in ({"id": [1, 2], "signed_data": [one, two]}, {"b": [one.encode()], "transactionId": ["1"]}):
        file = io.BytesIO()
        files.write_table(pyarrow.table(columns), file, write_statistics=False, store_schema=False)
        found.append(file.getvalue())
    return found


def key_texts() -> list[bytes]:
    """Public keys as they are handed around."""
    found = []
    for spki, private in private_keys().items():
        point = curves.public_key(private).point
        pem = f"-----BEGIN PUBLIC KEY-----\n{base64.encodebytes(spki).decode()}-----END PUBLIC KEY-----\n"
        oca = f"oca:base16:asn1:{spki.hex()}"
        found += [spki, point, spki.hex().encode(), base64.b64encode(point), pem.encode(), point[1:].hex().encode()]
        found += [oca.encode(), base64.b64encode(oca.encode()), b"AC" + spki.hex().encode(), base64.b32encode(spki)]
    return found[::7]


def forged(token: str) -> list[bytes]:
    """Files of a format, none where the forge does not know it."""
    with contextlib.suppress(WattproofError):
        return list(of_format(token))
    return []
