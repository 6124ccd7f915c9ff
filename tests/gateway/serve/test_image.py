"""Upload of a firmware image (8.4)."""

from __future__ import annotations

import os
import stat
import zlib
from pathlib import Path

import pytest

from wattproof.errors import StorageError
from wattproof.gateway.images import FOLDER
from wattproof.gateway.serve.image import Upload, boundary_of, discard_others
from wattproof.gateway.serve.problems import Problem

LIMIT = 4096


def form(
    data: bytes, *, name: str = "image", type: str | None = "application/octet-stream", file: str = "a.bin"
) -> bytes:
    kind = f"Content-Type: {type}\r\n" if type is not None else ""
    head = f'--b\r\nContent-Disposition: form-data; name="{name}"; filename="{file}"\r\n{kind}\r\n'
    return head.encode() + data + b"\r\n--b--\r\n"


def upload(folder: Path, body: bytes, *, any_type: bool = False, step: int = 100) -> dict[str, object]:
    taken = Upload(folder, b"b", LIMIT, any_type=any_type)
    try:
        for start in range(0, len(body), step):
            taken.feed(body[start : start + step])
        return taken.finish()
    finally:
        taken.abandon()


def refused(folder: Path, body: bytes) -> tuple[int, str]:
    with pytest.raises(Problem) as caught:
        upload(folder, body)
    assert not (folder / FOLDER).is_dir() or not list((folder / FOLDER).glob(".*"))
    return caught.value.status, caught.value.text


def meter_image(version: bytes = b"1.2.3", size: int = 200) -> bytes:
    data = version.ljust(16, b"\0") + b"x" * (size - 20)
    return data + zlib.crc32(data).to_bytes(4, "little")


@pytest.mark.proves("G-125", "G-335")
@pytest.mark.parametrize("size", [1, LIMIT])
@pytest.mark.parametrize("step", [1 << 20, 7])
def test_an_image_is_kept_under_its_digest(tmp_path: Path, size: int, step: int) -> None:
    data = os.urandom(size)
    kept = upload(tmp_path, form(data, file="../../etc/passwd\x07"), step=step)
    path = tmp_path / "image" / str(kept["sha256"])
    assert path.read_bytes() == data and stat.S_IMODE(path.stat().st_mode) == 0o600
    assert kept | {"sha256": ""} == {"name": "../../etc/passwd", "size": size, "sha256": "", "kind": "gateway"}
    assert list((tmp_path / "image").iterdir()) == [path]


@pytest.mark.proves("G-125", "G-335")
def test_limits_and_forms(tmp_path: Path) -> None:
    missing, large = (400, "missing image in form"), (413, "image too large")
    assert refused(tmp_path, form(b"")) == missing
    assert refused(tmp_path, form(b"x" * (LIMIT + 1))) == large
    assert refused(tmp_path, b"--b\r\n" + b"h: v\r\n" * 20000) in (missing, large)
    assert refused(tmp_path, form(b"x", name="picture")) == missing
    assert refused(tmp_path, form(b"x")[:-9] + b"\r\n" + form(b"y")) == missing
    assert refused(tmp_path, form(b"x")[:-10]) == missing
    assert refused(tmp_path, b"rubbish") == missing
    assert refused(tmp_path, form(b"x", type="image/jpeg")) == (400, "unsupported image type")
    for type in (None, "application/zip", "application/gzip", "application/x-tar"):
        assert upload(tmp_path, form(b"x", type=type))["size"] == 1
    assert upload(tmp_path, form(b"x", type="image/jpeg"), any_type=True)["size"] == 1


def test_an_image_of_a_meter_is_told_from_others(tmp_path: Path) -> None:
    good = meter_image()
    assert upload(tmp_path, form(good))["kind"] == "meter"
    for other in (good[:-1] + bytes([good[-1] ^ 1]), meter_image(b""), meter_image(b"\xff1"), good[:19], b"\0" * 20):
        assert upload(tmp_path, form(other))["kind"] == "gateway"


@pytest.mark.proves("G-335")
def test_a_broken_upload_leaves_the_old_image_and_nothing_else(tmp_path: Path) -> None:
    old = upload(tmp_path, form(b"old"))
    broken = Upload(tmp_path, b"b", LIMIT)
    broken.feed(form(b"new")[:-12])
    assert len(list((tmp_path / "image").iterdir())) == 2
    broken.abandon()
    assert [path.name for path in (tmp_path / "image").iterdir()] == [old["sha256"]]
    new = upload(tmp_path, form(b"new"))
    (tmp_path / "image" / ".left.part").touch()
    discard_others(tmp_path, [str(new["sha256"])])
    assert (tmp_path / "image" / ".left.part").exists()  # it may be one that goes on
    discard_others(tmp_path, [str(new["sha256"])], uploads=True)
    assert [path.name for path in (tmp_path / "image").iterdir()] == [new["sha256"]]
    discard_others(tmp_path / "none", ())


@pytest.mark.parametrize(
    ("code", "kind", "text"), [(28, Problem, "no space for image"), (5, StorageError, "cannot be")]
)
def test_a_full_disk_is_told_from_a_broken_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, kind: type[Exception], text: str
) -> None:
    def write(file: int, data: bytes) -> int:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "write", write)
    with pytest.raises(kind, match=text):
        upload(tmp_path, form(b"x" * 100))
    assert not list((tmp_path / "image").iterdir())


def test_only_forms_have_a_boundary() -> None:
    assert boundary_of(b"multipart/form-data; boundary=b") == b"b"
    assert boundary_of(b'Multipart/Form-Data; boundary="b c"') == b"b c"
    assert boundary_of(b"application/json") is None
    assert boundary_of(b"multipart/form-data") is None
