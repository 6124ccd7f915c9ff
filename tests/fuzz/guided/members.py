"""Archives packed anew around changed members; ``changed`` changes what a member holds."""

from __future__ import annotations

import binascii
import gzip
import io
import tarfile
import warnings
import zipfile
from collections.abc import Callable
from random import Random

Change = Callable[[bytes, Random], bytes]


def zip_change(data: bytes, source: Random, changed: Change) -> bytes:
    """A zip archive packed anew with one member changed, doubled, taken out or under another name."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [(info.filename, archive.read(info)) for info in archive.infolist()[:8]]
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError) as error:
        raise ValueError("no archive") from error
    members = _members_changed(members, source, changed)
    file = io.BytesIO()
    with (
        warnings.catch_warnings(),
        zipfile.ZipFile(file, "w", source.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive,
    ):
        warnings.simplefilter("ignore")  # a name may stand twice
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name or "x"), content)
    return file.getvalue()


def tar_change(data: bytes, source: Random, changed: Change) -> bytes:
    """The same for a tar archive."""
    members = []
    try:
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            for info in archive:
                content = archive.extractfile(info) if info.isreg() else None
                members.append((info.name, content.read() if content is not None else b""))
    except (tarfile.TarError, OSError, EOFError) as error:
        raise ValueError("no archive") from error
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, content in _members_changed(members, source, changed):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            info.type = source.choice((tarfile.REGTYPE,) * 6 + (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE))
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


_NAMES = ("a.jsonl", "a.csv", "/a", "../a", "secrrct", "secrrct.sign", "a_1.pem", "c:\\a", "x" * 300, "\u00fc")


def _members_changed(members: list[tuple[str, bytes]], source: Random, changed: Change) -> list[tuple[str, bytes]]:
    if not members:
        return [("a", b"")]
    at = source.randrange(len(members))
    name, content = members[at]
    kind = source.randrange(5)
    if kind == 0:
        members.insert(at, members[source.randrange(len(members))])
    elif kind == 1:
        del members[at]
    elif kind == 2:
        members[at] = (source.choice((*_NAMES, name + ".gz")), content)
    else:
        members[at] = (name, changed(content, source))
    return members


def gzip_change(data: bytes, source: Random, changed: Change) -> bytes:
    """A gzip file packed anew around changed content, perhaps in two members."""
    try:
        content = gzip.decompress(data)
    except (OSError, EOFError, binascii.Error) as error:
        raise ValueError("no gzip") from error
    except Exception as error:  # zlib.error
        raise ValueError("no gzip") from error
    content = changed(content[: 64 * 1024], source)
    if source.random() < 0.2:
        at = source.randrange(len(content) + 1)
        return gzip.compress(content[:at], mtime=0) + gzip.compress(content[at:], mtime=0)
    return gzip.compress(content, mtime=0)
