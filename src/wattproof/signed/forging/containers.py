"""Containers and wrappers around OCMF records: rows of streams, archives, attachments, codes in an image.

Archives, PDF files and images hold one file of all records, because a session never spans their members, and the key in
a file (a code) of its own. Equal input gives equal bytes. Source: verifier specification, 0.5, 0.7 and 2.1.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from wattproof.errors import InvalidValue, UsageError
from wattproof.signed.formats import chargepoint_export, safe_xml
from wattproof.signed.formats.safe_xml import Signed

T = TypeVar("T")

#: Columns of a stream, in the spelling of 0.5.
_COLUMNS = ("transactionId", "context", "signedData", "publicKey")
_RECORDS, _KEY = "session.ocmf", "key.txt"


def safe(encoding: str) -> Callable[[list[Signed]], bytes]:
    """The S.A.F.E. container with record and key in an encoding."""

    def write(records: list[Signed]) -> bytes:
        return safe_xml.write([replace(signed, encoding=encoding) for signed in records], encoding="utf-8")

    return write


# -- streams ------------------------------------------------------------------------------------------------------


def _row(signed: Signed) -> list[str]:
    return ["1", signed.context or "", signed.record.decode(), signed.public_key.hex()]


def jsonl(records: Sequence[Signed]) -> bytes:
    """One object a line."""
    rows = ({name: cell for name, cell in zip(_COLUMNS, _row(signed), strict=True) if cell} for signed in records)
    return "".join(json.dumps(row) + "\n" for row in rows).encode("ascii")


def table(records: Sequence[Signed]) -> bytes:
    """CSV with a header."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_COLUMNS)
    writer.writerows(map(_row, records))
    return text.getvalue().encode()


def parquet(records: Sequence[Signed]) -> bytes:
    """A Parquet file with text columns. Raises ``UsageError`` without the extra."""
    return _with_extra(_parquet, records)


def _parquet(records: Sequence[Signed]) -> bytes:
    import pyarrow
    import pyarrow.parquet

    columns = zip(*map(_row, records), strict=True)
    made = pyarrow.table({name: list(cells) for name, cells in zip(_COLUMNS, columns, strict=True)})
    file = io.BytesIO()
    pyarrow.parquet.write_table(made, file)
    return file.getvalue()


# -- wrappers -----------------------------------------------------------------------------------------------------


def _members(records: Sequence[Signed]) -> dict[str, bytes]:
    members = {_RECORDS: _lines(records)}
    if records[0].public_key:
        members[_KEY] = records[0].public_key.hex().encode("ascii")
    return members


def _lines(records: Sequence[Signed]) -> bytes:
    return b"".join(signed.record + b"\n" for signed in records)


def zipped(records: Sequence[Signed]) -> bytes:
    """A zip archive."""
    return chargepoint_export.archive(_members(records))


def tarred(records: Sequence[Signed]) -> bytes:
    """A tar archive."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, data in _members(records).items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return file.getvalue()


def gzipped(records: Sequence[Signed]) -> bytes:
    """One compressed file, which has no place for a key but a fourth section of each record."""
    keyed = [replace(one, record=one.record + b"|" + one.public_key.hex().encode("ascii")) for one in records]
    return gzip.compress(_lines(keyed if records[0].public_key else records), mtime=0)


def pdf(records: Sequence[Signed]) -> bytes:
    """A PDF file with attachments. Raises ``UsageError`` without the extra."""
    return _with_extra(_pdf, records)


def _pdf(records: Sequence[Signed]) -> bytes:
    import pypdf

    writer = pypdf.PdfWriter()
    writer.add_blank_page(595, 842)
    for name, data in _members(records).items():
        writer.add_attachment(name, data)
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()


def picture(records: Sequence[Signed]) -> bytes:
    """A PNG image of QR codes. Raises ``UsageError`` without the extra."""
    return _with_extra(_picture, records)


def _picture(records: Sequence[Signed]) -> bytes:
    import zxingcpp
    from PIL import Image

    pixels: list[Any] = []
    for data in _members(records).values():
        try:
            code = zxingcpp.create_barcode(data.decode(), zxingcpp.BarcodeFormat.QRCode)
        except ValueError as error:
            raise InvalidValue(f"the records do not fit one QR code: take a shorter serial ({error})") from None
        image: Any = zxingcpp.write_barcode_to_image(code, scale=3)
        drawn = memoryview(image)
        height, width = drawn.shape or (0, 0)
        pixels.append(Image.frombytes("L", (width, height), bytes(drawn)))
    whole = Image.new("L", (max(one.width for one in pixels), sum(one.height + 20 for one in pixels)), 255)
    top = 0
    for one in pixels:
        whole.paste(one, (0, top))
        top += one.height + 20
    file = io.BytesIO()
    whole.save(file, "PNG")
    return file.getvalue()


def _with_extra(write: Callable[[Sequence[Signed]], T], records: Sequence[Signed]) -> T:
    try:
        return write(records)
    except ImportError as error:
        raise UsageError(
            f"this format is written with the extra: pip install 'wattproof[documents]' ({error})"
        ) from error
