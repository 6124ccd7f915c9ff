"""Every format that is read, inside every file that holds records: the same verdict on the same bytes."""

from __future__ import annotations

import base64
import csv
import gzip
import io
import json
import tarfile
import zipfile
from collections.abc import Callable

import pytest

from wattproof.signed import examine
from wattproof.signed.forging import MAKERS, forge
from wattproof.signed.report import Report

NOW = 1_800_000_000
#: Sessions that are one document each; ChargePoint is one of several files, rows and wrappers hold documents.
FORMATS = [name for name in MAKERS if name not in "ChargePoint JSONL CSV PARQUET ZIP TAR GZIP PDF QR".split()]


def _zip(data: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("folder/a file", data)
    return file.getvalue()


def _tar(data: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as packed:
        member = tarfile.TarInfo("a file")
        member.size = len(data)
        packed.addfile(member, io.BytesIO(data))
    return file.getvalue()


def _csv(data: bytes) -> bytes:
    file = io.StringIO()
    csv.writer(file).writerows([["number", "record"], ["1", base64.b64encode(data).decode()]])
    return file.getvalue().encode()


def _lines(data: bytes) -> bytes:
    line = json.dumps({"record": base64.b64encode(data).decode()}) + "\n"
    return 2 * line.encode()


def _found(report: Report) -> list[tuple[object, ...]]:
    return [
        (record.format, record.signature.verdict, record.signature.reason, record.signed, report.record_colour(record))
        for record in report.records
    ]


PACKED = {"zip": _zip, "tar.gz": _tar, "gzip": lambda data: gzip.compress(data, mtime=0), "CSV": _csv}


@pytest.mark.proves("T-099")
@pytest.mark.parametrize("variant", ["valid", "tampered:signature", "no-key"])
@pytest.mark.parametrize("pack", PACKED.values(), ids=PACKED)
@pytest.mark.parametrize("format", FORMATS)
def test_a_wrapper_changes_no_verdict(format: str, pack: Callable[[bytes], bytes], variant: str) -> None:
    data = forge(format, variant).data
    alone, inside = examine(data, now=NOW), examine(pack(data), now=NOW)
    assert _found(inside) == _found(alone) and alone.records
    assert [found.verdict for found in inside.sessions] == [found.verdict for found in alone.sessions]


@pytest.mark.parametrize("format", FORMATS)
def test_a_line_holds_any_format_as_text(format: str) -> None:
    data = forge(format).data
    alone, inside = examine(data, now=NOW), examine(_lines(data), now=NOW)
    assert _found(inside) == 2 * _found(alone) and len(inside.sessions) == 2 * len(alone.sessions)
