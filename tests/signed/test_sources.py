"""Where records come from: archives, streams of rows, PDF files, images. Every wrapper gives the same record."""

from __future__ import annotations

import base64
import builtins
import csv
import gzip
import io
import json
import random
import stat
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from wattproof.errors import StorageError
from wattproof.signed import limits, recognise
from wattproof.signed.examination import Progress, examine, examine_stream
from wattproof.signed.limits import Limits
from wattproof.signed.sources import unwrap

NOW = 1_800_000_000


def zipped(*members: tuple[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return file.getvalue()


def tarred(*members: tuple[str, bytes], mode: str = "w") -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return file.getvalue()


def table(*rows: Iterable[str], delimiter: str = ",", header: tuple[str, ...] | None = None) -> bytes:
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter)
    writer.writerows([header, *rows] if header else rows)
    return file.getvalue().encode()


def parquet(columns: dict[str, Any], **options: Any) -> bytes:
    pyarrow = pytest.importorskip("pyarrow")
    import pyarrow.parquet as files

    file = io.BytesIO()
    files.write_table(pyarrow.table(columns), file, **options)
    return file.getvalue()


def code(text: str | bytes, kind: str = "QRCode") -> Any:
    """An image of a code."""
    zxing = pytest.importorskip("zxingcpp")
    image = pytest.importorskip("PIL.Image")
    made = zxing.write_barcode_to_image(zxing.create_barcode(text, getattr(zxing.BarcodeFormat, kind)), scale=3)
    height, width = memoryview(made).shape
    return image.frombytes("L", (width, height), bytes(memoryview(made)))


def picture(*images: Any, format: str = "PNG") -> bytes:
    """Images side by side."""
    from PIL import Image

    whole = Image.new("L", (sum(each.width + 20 for each in images), max(each.height for each in images)), 255)
    at = 0
    for each in images:
        whole.paste(each, (at, 0))
        at += each.width + 20
    file = io.BytesIO()
    whole.save(file, format)
    return file.getvalue()


def pdf(*attachments: tuple[str, bytes], images: Iterable[Any] = ()) -> bytes:
    pypdf = pytest.importorskip("pypdf")
    writer = pypdf.PdfWriter()
    for image in images:
        page = io.BytesIO()
        image.save(page, "PDF")
        writer.append(io.BytesIO(page.getvalue()))
    if not writer.pages:
        writer.add_blank_page(100, 100)
    for name, data in attachments:
        writer.add_attachment(name, data)
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()


def lines(*values: Any) -> bytes:
    return "".join(json.dumps(value) + "\n" for value in values).encode()


WRAPPERS: dict[str, tuple[Callable[[str], bytes], str, str]] = {
    "bare": (lambda r: r.encode(), "none", "data"),
    "gzip": (lambda r: gzip.compress(r.encode()), "GZIP", "data"),
    "zip": (lambda r: zipped(("a.ocmf", r.encode())), "ZIP", "data!/a.ocmf"),
    "tar": (lambda r: tarred(("a.ocmf", r.encode())), "TAR", "data!/a.ocmf"),
    "tar.gz": (lambda r: tarred(("d/a.ocmf", r.encode()), mode="w:gz"), "TAR", "data!/d/a.ocmf"),
    "lines of texts": (lambda r: lines(r, r), "JSONL", "data#1"),
    "lines of objects": (lambda r: lines({"x": 1, "OCMF": r}, {"ocmf": r}), "JSONL", "data#1"),
    "one line, an object": (lambda r: lines({"signed-data": r}), "JSONL", "data#1"),
    "one line, a text": (lambda r: lines(r), "JSONL", "data#1"),
    "line in Base64": (lambda r: lines({"Record": base64.b64encode(r.encode()).decode()}, 1), "JSONL", "data#1"),
    "CSV with header": (lambda r: table(["1", r], header=("id", "Signed Data")), "CSV", "data#1"),
    "CSV without header": (lambda r: table(["17", r]), "CSV", "data#1"),
    "CSV with ;": (lambda r: table([r, "x"], delimiter=";", header=("ocmf", "y")), "CSV", "data#1"),
    "CSV with ; and no quotes": (lambda r: f"n;ocmf\r\n1;{r}\r\n".encode(), "CSV", "data#1"),
    "CSV with ; , no quotes, no header": (lambda r: f"17;{r}\r\n".encode(), "CSV", "data#1"),
    "CSV with tab": (lambda r: f"ocmf\tx\n{r}\t1\n".encode(), "CSV", "data#1"),
    "CSV of one column": (lambda r: f"payload\n{r}".encode(), "CSV", "data#1"),
    "CSV of one quoted column": (lambda r: table([r]), "CSV", "data#1"),
    "CSV in hex": (lambda r: f"record,encoding\n{r.encode().hex()},hex\n".encode(), "CSV", "data#1"),
    "CSV in Base64, no header": (lambda r: b"1," + base64.b64encode(r.encode()) + b"\n2,x", "CSV", "data#1"),
    "Parquet": (lambda r: parquet({"a": [1], "signed_data": [r]}), "PARQUET", "data#1"),
    "Parquet, another name": (lambda r: parquet({"a": ["x"], "b": [r.encode()]}), "PARQUET", "data#1"),
    "Parquet in zip": (lambda r: zipped(("a", parquet({"ocmf": [r]}))), "PARQUET", "data!/a#1"),
    "lines in zip in gzip": (
        lambda r: gzip.compress(zipped(("a.jsonl", lines(r, r)))),
        "JSONL",
        "data!/a.jsonl#1",
    ),
    "PDF attachment": (lambda r: pdf(("a.ocmf", r.encode())), "PDF", "data!/a.ocmf"),
    "PDF image": (lambda r: pdf(images=[code(r)]), "QR", "data!/page1/image1"),
    "QR code": (lambda r: picture(code(r)), "QR", "data"),
    "QR code in JPEG": (lambda r: picture(code(r), format="JPEG"), "QR", "data"),
    "QR code in TIFF": (lambda r: picture(code(r), format="TIFF"), "QR", "data"),
    "QR code in WebP": (lambda r: picture(code(r), format="WEBP"), "QR", "data"),
    "Data Matrix": (lambda r: picture(code(r, "DataMatrix")), "QR", "data"),
    "zip in Base64": (lambda r: base64.b64encode(zipped(("a", r.encode()))), "ZIP", "data!/a"),
}


@pytest.mark.proves("T-099", "T-095")
@pytest.mark.parametrize("name", WRAPPERS)
def test_every_wrapper_gives_the_same_record(name: str, forge: Any) -> None:
    wrap, container, source = WRAPPERS[name]
    text = forge.session(ID="äöü" if "Data Matrix" not in name else "aou")
    plain = forge.examine(text)
    report = forge.examine(wrap(text))
    record = report.records[0]
    assert (record.signature.verdict, record.signed) == ("valid", plain.records[0].signed)
    assert (record.container, record.source, record.index) == (container, source, 0)
    assert report.sessions[0].id == plain.sessions[0].id and report.sessions[0].verdict == "ok"
    broken = forge.examine(wrap(text.replace("112.340", "112.341"))).records[0]
    assert (broken.signature.verdict, broken.signature.reason) == ("invalid", "V-MISMATCH")


@pytest.mark.proves("T-095")
def test_a_transaction_column_names_the_session(forge: Any) -> None:
    record = forge.session()
    for data in (
        lines({"ocmf": record, "transaction_id": " 17 "}),
        lines({"ocmf": record, "TransactionId": 17}, {}),
        table([record, "17"], header=("ocmf", "session-id")),
        parquet({"ocmf": [record], "transaction": ["no"], "Transaction ID": [17]}),
        parquet({"ocmf": [record], "transactionid": ["17"]}),
        forge.xml((record, "17")),
    ):
        assert forge.examine(data).sessions[0].id == "17"


def test_documents_in_rows_and_members_are_containers(forge: Any) -> None:
    xml = forge.xml((forge.session(), "1"))
    for data, source in (
        (zipped(("d/a.xml", xml)), "data!/d/a.xml"),
        (table([xml.decode()], header=("record",)), "data#1"),
        (lines({"payload": xml.decode()}, 1), "data#1"),
        (pdf(("a.xml", xml)), "data!/a.xml"),
        (gzip.compress(xml), "data"),
    ):
        record = examine(data, now=NOW).records[0]
        assert (record.signature.verdict, record.container, record.source) == ("valid", "SAFE-XML", source)
        assert record.signature.key_source == "container"
