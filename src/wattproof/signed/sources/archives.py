"""gzip, zip and tar: unpacked piece by piece in memory, never to disk, never further than the limits allow.

Members with absolute paths, with steps upwards, links and devices are refused by themselves; too many members or
bytes end the archive. Source: verifier specification, 0.4 and 0.5, rows a to c.
"""

from __future__ import annotations

import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from wattproof.signed.limits import Limits
from wattproof.signed.sources.source import Budget, Reader, Refused, Source, Unreadable, said

_CHUNK = 64 * 1024
#: Bytes of a zip directory; ten thousand entries with names of usual length need a tenth.
_DIRECTORY = 16 * 1024 * 1024
#: Bytes of a header that tar reads as a whole (long names, attributes).
_TAR_HEADER = 64 * 1024


class Gunzip:
    """Reads what a gzip file holds. ``packed`` is its size where it is known: the ratio is that of the whole file.

    Raises :class:`Refused` when the ratio is too large or the file damaged.
    """

    def __init__(self, reader: Reader, packed: int | None, limits: Limits) -> None:
        self._reader = reader
        self._packed = packed
        self._ratio = limits.ratio
        self._inflate = zlib.decompressobj(31)
        self._rest = b""
        self._begun = False
        self._ended = False
        self._taken = self._given = 0

    def read(self, size: int, /) -> bytes:
        """Up to ``size`` bytes; none at the end."""
        while not self._ended:
            if not self._rest:
                self._rest = self._reader.read(_CHUNK)
                self._taken += len(self._rest)
                if not self._rest:
                    if self._begun:
                        raise Refused("F-ARCHIVE", "the gzip file ends too early")
                    self._ended = True
                    break
            if not self._begun and not self._next_member():
                continue
            try:
                data = self._inflate.decompress(self._rest, size)
            except zlib.error as error:
                raise Refused("F-ARCHIVE", f"the gzip file is damaged: {said(error)}") from None
            if self._inflate.eof:
                self._rest, self._begun = self._inflate.unused_data, False
            else:
                self._rest = self._inflate.unconsumed_tail
            self._given += len(data)
            packed = self._packed if self._packed is not None else self._taken - len(self._rest)
            if self._given > self._ratio * packed:
                raise Refused("F-ARCHIVE", f"more than {self._ratio} times as large unpacked as packed")
            if data:
                return data
        return b""

    def _next_member(self) -> bool:
        """Begins a further member; what follows the last one (padding) is not read."""
        if self._given or self._taken > len(self._rest):
            self._rest = self._rest.lstrip(b"\0")
            if not self._rest:
                return False
            if self._rest[:1] != b"\x1f":
                self._rest, self._ended = b"", True
                return False
            self._inflate = zlib.decompressobj(31)
        self._begun = True
        return True


def gunzip(source: Source, limits: Limits) -> Source:
    """What a gzip file holds. Raises :class:`Refused` if its own trailer says that it is too large."""
    if source.size is not None and source.size >= 18:
        file = source.file(source.size)
        file.seek(source.size - 4)
        stated = int.from_bytes(file.read(4), "little")
        if stated > limits.ratio * source.size:
            raise Refused("F-ARCHIVE", f"more than {limits.ratio} times as large unpacked as packed")
    return Source(lambda: Gunzip(source.reader(), source.size, limits))


# -- members --------------------------------------------------------------------------------------------------------

#: Name of a member, and what it holds; or why it is refused.
Member = tuple[str, Source | Refused]


def _refusal(name: str) -> Refused | None:
    """Why a name is not that of a member inside the archive."""
    plain = name.replace("\\", "/")
    if plain.startswith("/") or plain[1:2] == ":":
        return Refused("F-ARCHIVE", "a member with an absolute path is not read")
    if ".." in plain.split("/"):
        return Refused("F-ARCHIVE", "a member outside the archive's folder is not read")
    return None


class _Counted:
    """A member that is being read: it may be no longer than it says, and costs from the budget of its archive."""

    def __init__(self, reader: Reader, budget: Budget) -> None:
        self._reader = reader
        self._budget = budget

    def read(self, size: int, /) -> bytes:
        try:
            data = self._reader.read(size)
        except (Refused, Unreadable):
            raise
        except Exception as error:  # whatever a decompressor makes of damaged input
            raise Refused("F-ARCHIVE", f"the member is damaged: {said(error)}") from None
        self._budget.take(len(data))
        return data


def zip_members(source: Source, limits: Limits, budget: Budget) -> Iterator[Member]:
    """Every member of a zip archive that is no folder. Raises :class:`Refused` for the archive as a whole."""
    file = source.file(limits.unpacked)
    _check_directory(file, limits)
    try:
        archive = zipfile.ZipFile(file)
    except Unreadable:
        raise
    except Exception as error:
        raise Refused("F-ARCHIVE", f"the zip archive is damaged: {said(error)}") from None
    with archive:
        infos = archive.infolist()
        if len(infos) > limits.members:
            raise Refused("F-ARCHIVE", f"more than {limits.members} members in one archive")
        if sum(info.file_size for info in infos) > limits.unpacked:
            raise Refused("F-ARCHIVE", f"more than {limits.unpacked} bytes in one archive")
        for info in infos:
            if not info.filename.endswith("/"):  # is_dir() of the library needs a name
                yield info.filename, _zip_refusal(info, limits) or _zip_source(archive, info, budget)


def _zip_source(archive: zipfile.ZipFile, info: zipfile.ZipInfo, budget: Budget) -> Source:
    def opener() -> Reader:
        try:
            return _Counted(archive.open(info), budget)
        except Unreadable:
            raise
        except Exception as error:
            raise Refused("F-ARCHIVE", f"the member is damaged: {said(error)}") from None

    return Source(opener, info.file_size)


def _zip_refusal(info: zipfile.ZipInfo, limits: Limits) -> Refused | None:
    if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
        return Refused("F-ARCHIVE", "a link or device in an archive is not read")
    if info.flag_bits & 1:
        return Refused("F-ARCHIVE", "the member is encrypted")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return Refused("F-ARCHIVE", "the member is compressed in another way than zip's own")
    if info.file_size > limits.ratio * max(info.compress_size, 1):
        return Refused("F-ARCHIVE", f"more than {limits.ratio} times as large unpacked as packed")
    return _refusal(info.orig_filename)


def _check_directory(file: BinaryIO, limits: Limits) -> None:
    """How large the zip directory says it is, before it is read as a whole."""
    end = file.seek(0, 2)
    file.seek(max(0, end - 65_557))
    tail = file.read(65_557)
    at = tail.rfind(b"PK\5\6")
    if at < 0 or len(tail) < at + 22:
        raise Refused("F-ARCHIVE", "the zip archive is damaged: it has no directory")
    count, size = struct.unpack_from("<HI", tail, at + 10)
    if count > limits.members or size > _DIRECTORY:  # 65535 and 4 GiB stand for even more
        raise Refused("F-ARCHIVE", f"more than {limits.members} members in one archive")


class _Header(tarfile.TarInfo):
    """A tar header whose further parts may not be large."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        if not self.isreg() and not self.isdir() and self.size > _TAR_HEADER and self.type in _EXTENDED:
            raise Refused("F-ARCHIVE", f"a tar header of {self.size} bytes")
        found: tarfile.TarInfo = super()._proc_member(archive)  # type: ignore[misc]
        return found


_EXTENDED = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)


def tar_members(source: Source, limits: Limits, budget: Budget) -> Iterator[Member]:
    """Every member of a tar archive that is no folder; each must be read before the next is asked for.

    Raises :class:`Refused` for the archive as a whole.
    """
    try:
        with tarfile.open(fileobj=source.reader(), mode="r|", tarinfo=_Header) as archive:  # type: ignore[call-overload]
            total = 0
            for count, info in enumerate(archive, 1):
                total += info.size if info.isreg() else 0
                if count > limits.members:
                    raise Refused("F-ARCHIVE", f"more than {limits.members} members in one archive")
                if total > limits.unpacked:
                    raise Refused("F-ARCHIVE", f"more than {limits.unpacked} bytes in one archive")
                if not info.isdir():
                    yield info.name, _tar_refusal(info) or _tar_source(archive, info, budget)
    except (Refused, Unreadable):
        raise
    except Exception as error:
        raise Refused("F-ARCHIVE", f"the tar archive is damaged: {said(error)}") from None


def _tar_refusal(info: tarfile.TarInfo) -> Refused | None:
    if not info.isreg() or info.issparse():
        return Refused("F-ARCHIVE", "a link or device in an archive is not read")
    return _refusal(info.name)


def _tar_source(archive: tarfile.TarFile, info: tarfile.TarInfo, budget: Budget) -> Source:
    def opener() -> Reader:
        member = archive.extractfile(info)
        if member is None:
            raise Refused("F-ARCHIVE", "the member cannot be read")
        return _Counted(member, budget)

    return Source(opener, info.size)
