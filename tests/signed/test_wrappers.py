"""Archives, PDF files and images from strangers: their limits, the keys in them, what happens without the extra."""

from __future__ import annotations

import base64
import builtins
import gzip
import io
import json
import stat
import struct
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.signed.test_sources import code, lines, parquet, pdf, picture, tarred, zipped
from wattproof.errors import StorageError
from wattproof.signed import Progress, examine, examine_stream
from wattproof.signed.limits import Limits
from wattproof.signed.sources import archives

NOW = 1_800_000_000


def _reasons(data: bytes, **options: Any) -> list[str | None]:
    return [record.signature.reason for record in examine(data, now=NOW, **options).records]


def _links(*kinds: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for kind in kinds:
            info = tarfile.TarInfo(f"member-{kind!r}")
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    return file.getvalue()


def _zip_link() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        info = zipfile.ZipInfo("link")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
        archive.writestr("folder/", b"")
    return file.getvalue()


@pytest.mark.proves("T-100")
@pytest.mark.parametrize("pack", [zipped, tarred])
@pytest.mark.parametrize("name", ["/etc/a.ocmf", "../a.ocmf", "d/../../a.ocmf", "C:/a.ocmf", "\\a.ocmf", "..\\a"])
def test_members_elsewhere_are_refused_and_the_others_read(pack: Any, name: str, forge: Any) -> None:
    record = forge.session().encode()
    report = forge.examine(pack(("a.ocmf", record), (name, record), ("z.ocmf", record)))
    assert [record.signature.reason for record in report.records] == [None, "F-ARCHIVE", None]
    assert report.loose[0].source.startswith("data!/") and report.exit_status() == 1


@pytest.mark.proves("T-100")
def test_links_and_devices_are_refused() -> None:
    kinds = (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE)
    assert _reasons(_links(*kinds)) == ["F-ARCHIVE"] * 4
    assert _reasons(_zip_link()) == ["F-ARCHIVE"]


@pytest.mark.proves("T-100")
def test_what_is_much_larger_unpacked_is_refused_unread(monkeypatch: pytest.MonkeyPatch, forge: Any) -> None:
    bomb = bytes(3_000_000)
    record = forge.session().encode()
    assert _reasons(zipped(("bomb", bomb), ("a", record)), public_key=forge.key) == ["F-ARCHIVE", None]
    assert _reasons(tarred(("bomb", bomb), mode="w:gz")) == ["F-ARCHIVE"]
    monkeypatch.setattr(archives.Gunzip, "read", lambda *_: pytest.fail("unpacked"))
    assert _reasons(gzip.compress(bomb)) == ["F-ARCHIVE"]


@pytest.mark.proves("T-100")
def test_a_trailer_that_lies_does_not_help(forge: Any) -> None:
    data = bytearray(gzip.compress(bytes(3_000_000)))
    data[-4:] = struct.pack("<I", 1000)
    (record,) = examine(bytes(data)).records
    assert record.signature.reason == "F-ARCHIVE" and "200 times" in record.findings[-1].message


@pytest.mark.proves("T-100")
def test_a_zip_directory_that_lies_does_not_help() -> None:
    packed = bytearray(zipped(("bomb", bytes(2_000_000))))
    at = packed.rfind(b"PK\1\2")
    packed[at + 24 : at + 28] = struct.pack("<I", 1000)
    assert _reasons(bytes(packed)) == ["F-ARCHIVE"]


@pytest.mark.proves("T-100")
@pytest.mark.parametrize("pack", [lambda data: zipped(("m", data)), lambda data: tarred(("m", data)), gzip.compress])
def test_archives_in_archives_end_soon(pack: Callable[[bytes], bytes], forge: Any) -> None:
    data, verdicts = forge.session().encode(), []
    for _ in range(5):
        data = pack(data)
        verdicts.append(_reasons(data, public_key=forge.key))
    assert verdicts == [[None], [None], [None], ["F-ARCHIVE"], ["F-ARCHIVE"]]


def test_a_compressed_tar_counts_as_one_archive(forge: Any) -> None:
    data, verdicts = forge.session().encode(), []
    for _ in range(4):
        data = tarred(("m", data), mode="w:gz")
        verdicts.append(_reasons(data, public_key=forge.key))
    assert verdicts == [[None], [None], [None], ["F-ARCHIVE"]]


@pytest.mark.proves("T-100")
@pytest.mark.parametrize("pack", [zipped, tarred])
def test_sizes_of_archives(pack: Any, forge: Any) -> None:
    record = forge.session().encode()
    data = pack(*((f"{number}.ocmf", record) for number in range(6)))
    assert _reasons(data, public_key=forge.key, limits=Limits(members=6)) == [None] * 6
    assert _reasons(data, public_key=forge.key, limits=Limits(members=5))[-1] == "F-ARCHIVE"
    assert _reasons(data, public_key=forge.key, limits=Limits(unpacked=6000)) == [None] * 6
    assert _reasons(data, public_key=forge.key, limits=Limits(unpacked=3000))[-1] == "F-ARCHIVE"


def test_a_gzip_stream_is_longer_than_an_archive_may_be(forge: Any) -> None:
    data = gzip.compress(lines(*({"ocmf": forge.session(PG=f"T{page}")} for page in range(1, 31))))
    assert _reasons(data, public_key=forge.key, limits=Limits(unpacked=10_000)) == [None] * 30
    two = gzip.compress(lines(forge.session())) + gzip.compress(lines(forge.session())) + bytes(512)
    assert _reasons(two, public_key=forge.key) == [None, None]


@pytest.mark.proves("T-080")
@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "gzip", "parquet", "pdf", "png", "lines.gz"])
def test_truncated_and_flipped_wrappers_give_a_report(kind: str, forge: Any) -> None:
    record = forge.session().encode()
    data = {
        "zip": lambda: zipped(("a", record)),
        "tar": lambda: tarred(("a", record)),
        "tar.gz": lambda: tarred(("a", record), mode="w:gz"),
        "gzip": lambda: gzip.compress(record),
        "parquet": lambda: parquet({"ocmf": [record.decode()]}),
        "pdf": lambda: pdf(("a", record), images=[code(record)]),
        "png": lambda: picture(code(record)),
        "lines.gz": lambda: gzip.compress(lines(record.decode(), record.decode())),
    }[kind]()
    signed = record.split(b"|")[1]
    for cut in range(0, len(data), max(1, len(data) // 60)):
        for changed in (data[:cut], data[:cut] + bytes([data[cut] ^ 0x55]) + data[cut + 1 :]):
            report = forge.examine(changed)
            assert report.records and json.dumps(report.as_dict())
            assert all(each.signed == signed for each in report.records if each.signature.verdict == "valid")


def test_damaged_members_do_not_end_the_archive(forge: Any) -> None:
    record = forge.session().encode()
    packed = bytearray(zipped(("a", record), ("b", record)))
    packed[60] ^= 0xFF
    assert _reasons(bytes(packed), public_key=forge.key)[1] is None
    with_code = zipfile.ZipFile(file := io.BytesIO(), "w", zipfile.ZIP_LZMA)
    with with_code as archive:
        archive.writestr("a", record)
    assert _reasons(file.getvalue()) == ["F-ARCHIVE"]


# -- keys ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["hex", "der", "pem", "front"])
@pytest.mark.parametrize("pack", [zipped, tarred, pdf])
def test_a_key_beside_a_record(form: str, pack: Any, forge: Any) -> None:
    der = bytes.fromhex(forge.key)
    pem = b"-----BEGIN PUBLIC KEY-----\n" + base64.encodebytes(der) + b"-----END PUBLIC KEY-----\n"
    key = {"hex": forge.key.encode(), "der": der, "pem": pem, "front": b"AC" + forge.key.encode()}[form]
    data = pack(("a.ocmf", forge.session().encode()), ("key", key))
    report = examine(data, now=NOW)
    assert report.summary["yellow"] == 1 and report.summary["loose_records"] == 0
    assert report.records[0].signature.key_source == "container"
    alone = examine(pack(("key", key)), now=NOW).records[0]
    assert alone.signature.reason == "F-FORMAT" and "public key" in alone.findings[-1].message


def test_the_key_of_a_record_is_found_among_several(forge: Any, new_forge: Any) -> None:
    other = new_forge(identity="second")
    third = new_forge(identity="third")
    members = [
        ("1.pem", other.key.encode()),
        ("2.pem", forge.key.encode()),
        ("a.ocmf", forge.session().encode()),
        ("b.jsonl", lines(other.session(), other.session("1"))),
        ("c.xml", third.xml((third.session(), "1"))),
        ("d.ocmf", third.session().encode()),
        ("e.zip", zipped(("a", forge.session().encode()))),
    ]
    records = examine(zipped(*members), now=NOW).records
    found = [(record.source.removeprefix("data!/"), record.signature.verdict) for record in records]
    assert found == [
        ("a.ocmf", "valid"),
        ("b.jsonl#1", "valid"),
        ("b.jsonl#2", "valid"),
        ("c.xml", "valid"),
        ("d.ocmf", "key-error"),
        ("e.zip!/a", "valid"),
    ]


def test_codes_of_one_image_with_a_key_beside_the_record(forge: Any) -> None:
    record = examine(picture(code(forge.session()), code("AC" + forge.key)), now=NOW).records
    assert [each.signature.verdict for each in record] == ["valid"]


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (2, 1, 0)])
def test_a_record_in_several_codes_of_one_image(order: tuple[int, ...], forge: Any) -> None:
    text = forge.session()
    parts = [text[:250], text[250:500], text[500:]]
    image = picture(*(code(parts[at]) for at in order))
    (record,) = forge.examine(image).records
    assert record.signature.verdict == "valid" and record.text == text
    missing = forge.examine(picture(code(parts[0]), code(parts[2]))).records
    assert [each.signature.verdict for each in missing] == ["format-error", "format-error"]
    mixed = forge.examine(picture(code(text), code("https://example.org/a-receipt"))).records
    assert sorted(each.signature.verdict for each in mixed) == ["format-error", "valid"]


# -- PDF files and images -----------------------------------------------------------------------------------------


def _png_header(width: int, height: int) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.proves("T-100")
@pytest.mark.parametrize("size", [(7_500, 7_500), (10_000, 10_000), (60_000, 60_000)])
def test_images_beyond_the_limit_are_refused_by_their_header(size: tuple[int, int]) -> None:
    pytest.importorskip("PIL")
    (record,) = examine(_png_header(*size)).records
    assert (record.signature.reason, record.container) == ("F-SIZE", "QR") and "pixels" in record.findings[-1].message


def test_limits_of_pdf_files_and_images(forge: Any) -> None:
    record = forge.session().encode()
    three = pdf(("a", record), ("b", record), images=[code(record)] * 3)
    assert _reasons(three, public_key=forge.key).count(None) >= 3
    for limits in (Limits(pages=2), Limits(attachments=1), Limits(unpacked=100)):
        assert _reasons(three, limits=limits) == ["F-ARCHIVE"]
    assert "F-SIZE" in _reasons(three, public_key=forge.key, limits=Limits(pixels=1000))
    image = picture(code("one"), code("two"))
    assert _reasons(image, limits=Limits(codes=1)) == ["F-SIZE"]
    assert _reasons(picture(code("one")))[0] == "F-FORMAT"
    assert _reasons(pdf())[0] == "F-FORMAT"


def test_sources_of_what_a_pdf_file_holds(forge: Any) -> None:
    pages = [code(forge.session(PG=f"T{page}")) for page in (1, 2)]
    records = forge.examine(pdf(("x.jsonl", lines(forge.session())), images=pages)).records
    assert [(record.source, record.container) for record in records] == [
        ("data!/x.jsonl#1", "JSONL"),
        ("data!/page1/image1", "QR"),
        ("data!/page2/image1", "QR"),
    ]


@pytest.mark.proves("T-101")
@pytest.mark.parametrize(
    ("data", "container"),
    [
        (b"PAR1" + bytes(20) + b"PAR1", "PARQUET"),
        (b"%PDF-1.7\n", "PDF"),
        (b"\x89PNG\r\n\x1a\n", "QR"),
        (b"\xff\xd8\xff\xe0", "QR"),
        (b"RIFF\0\0\0\0WEBP", "QR"),
    ],
)
def test_without_the_extra(data: bytes, container: str, monkeypatch: pytest.MonkeyPatch, forge: Any) -> None:
    real = builtins.__import__

    def refuse(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.split(".")[0] in ("pyarrow", "pypdf", "zxingcpp", "PIL"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    for name in ("parquet", "pdf", "images"):
        monkeypatch.delitem(sys.modules, f"wattproof.signed.sources.{name}", raising=False)
        package = sys.modules["wattproof.signed.sources"]
        if hasattr(package, name):
            monkeypatch.delattr(package, name)
    monkeypatch.setattr(builtins, "__import__", refuse)
    report = examine(data)
    (record,) = report.records
    assert (record.signature.verdict, record.signature.reason) == ("unsupported", "V-EXTRA")
    assert record.container == container and report.exit_status() == 3
    (finding,) = record.findings
    assert finding.code == "F-EXTRA" and "wattproof[documents]" in finding.message
    inside = forge.examine(zipped(("a", data), ("b", forge.session().encode())))
    assert [record.signature.verdict for record in inside.records] == ["unsupported", "valid"]


# -- files and pipes ----------------------------------------------------------------------------------------------


class _Pipe(io.RawIOBase):
    """Bytes that come once, a few at a time."""

    def __init__(self, data: bytes, fail_at: int | None = None) -> None:
        super().__init__()
        self._data, self._at, self._fail_at = data, 0, fail_at

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if self._fail_at is not None and self._at >= self._fail_at:
            raise OSError(5, "Input/output error")
        piece = self._data[self._at : self._at + min(size if size >= 0 else 1000, 1000)]
        self._at += len(piece)
        return piece


@pytest.mark.parametrize("kind", ["bare", "lines", "gzip", "zip", "tar", "parquet", "pdf", "png", "xml"])
def test_everything_is_read_from_a_pipe_too(kind: str, forge: Any) -> None:
    record = forge.session().encode()
    data = {
        "bare": lambda: record,
        "lines": lambda: lines(record.decode(), record.decode()),
        "gzip": lambda: gzip.compress(record),
        "zip": lambda: zipped(("a", record)),
        "tar": lambda: tarred(("a", record)),
        "parquet": lambda: parquet({"ocmf": [record.decode()]}),
        "pdf": lambda: pdf(("a", record)),
        "png": lambda: picture(code(record)),
        "xml": lambda: forge.xml((record.decode(), "1")),
    }[kind]()
    parts = list(examine_stream(_Pipe(data), forge.key, now=NOW))
    assert parts[0].records[0].signature.verdict == "valid"
    assert [part.as_dict() for part in parts] == [part.as_dict() for part in examine_stream(data, forge.key, now=NOW)]


@pytest.mark.proves("T-094")
def test_reading_that_fails_half_way_is_no_verdict(forge: Any) -> None:
    data = lines(*([forge.session()] * 5000))
    parts = examine_stream(_Pipe(data, len(data) // 2), forge.key, now=NOW)
    found = 0
    with pytest.raises(StorageError, match="Input/output"):
        for _ in parts:
            found += 1
    assert 0 < found < 5000


def test_progress_tells_how_much_was_read(forge: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(lines(*([forge.session()] * 2000)))
    progress = Progress()
    seen = {progress.done for _ in examine_stream(path, forge.key, now=NOW, progress=progress)}
    assert progress.done == progress.total == path.stat().st_size and len(seen) > 2
    with pytest.raises(StorageError, match="missing"):
        list(examine_stream(tmp_path / "missing"))
