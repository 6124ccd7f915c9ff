"""Files by name or address: on this machine, or in what pyarrow can reach (``s3://``, ``gs://``, ``hdfs://``, ...).

What is written is complete and on disk before it has its name: after a power cut a file is there whole or not at all.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import parse_qsl, unquote, urlsplit

import pyarrow
from pyarrow import fs

from wattproof.errors import StorageError, UsageError
from wattproof.signed.scale import layout

#: Beginnings of names in a folder that are no data: markers and files that are being written.
_HIDDEN = (".", "_")
_CHUNK = 1024 * 1024
#: What is in the names of options of an address that open a store.
_SECRET = ("secret", "key", "token", "password", "signature")


def is_address(name: str) -> bool:
    """Whether a name is an address of object storage, and not a path."""
    scheme, mark, _ = name.partition("://")
    return bool(mark) and scheme.isalnum() and len(scheme) > 1  # C://x is a path on Windows


def local(name: str) -> Path | None:
    """The path of a name on this machine, ``None`` for object storage."""
    if not is_address(name):
        return Path(name)
    parsed = urlsplit(name)
    return Path(unquote(parsed.path)) if parsed.scheme == "file" and parsed.netloc in ("", "localhost") else None


def open_file(name: str) -> BinaryIO:
    """A file to read at any place. Raises ``OSError``, ``ValueError`` for a name that can be none."""
    if not is_address(name):
        if stat.S_ISFIFO(Path(name).stat().st_mode):
            raise OSError("a pipe cannot be read again: write it to a file first")
        return Path(name).open("rb")
    files, path = _resolved(name)
    return cast(BinaryIO, files.open_input_file(path))


def size(name: str) -> int:
    """Bytes of a file, 0 if that is not known."""
    try:
        if not is_address(name):
            return Path(name).stat().st_size
        files, path = _resolved(name)
        return int(files.get_file_info(path).size or 0)
    except (OSError, ValueError, UsageError):
        return 0


def expanded(names: list[str], results: Folder | None = None) -> list[str]:
    """The names with the files of a folder, sorted, in the place of the folder; without those that are ``results``.

    Raises ``StorageError`` for a folder that cannot be listed.
    """
    found: list[str] = []
    for name in names:
        if is_address(name):
            inside = _inside(name)
        elif Path(name).is_dir():
            inside = [str(path) for path in _files(Path(name)) if not _is_hidden(path.relative_to(name).parts)]
        else:
            found.append(name)
            continue
        found += [each for each in inside if each == name or results is None or not results.holds(each)]
    return found


def _files(folder: Path) -> list[Path]:
    def failed(error: OSError) -> None:
        raise StorageError(f"cannot list {error.filename}: {error.strerror or error}") from error

    found = [Path(below, name) for below, _, names in os.walk(folder, onerror=failed) for name in names]
    return sorted(path for path in found if path.is_file())


def _inside(address: str) -> list[str]:
    files, path = _resolved(address)
    try:
        if files.get_file_info(path).type != fs.FileType.Directory:
            return [address]
        selector = fs.FileSelector(path, recursive=True)
        inside = sorted(info.path for info in files.get_file_info(selector) if info.type == fs.FileType.File)
    except OSError as error:
        raise StorageError(f"cannot list {address}: {error}") from error
    base, mark, options = address.partition("?")  # an address may state its server: ?endpoint_override=...
    below = [found[len(path.rstrip("/")) + 1 :] for found in inside]
    shown = [name for name in below if not _is_hidden(tuple(name.split("/")))]
    return [f"{base.rstrip('/')}/{name}{mark}{options}" for name in shown]


def _is_hidden(parts: tuple[str, ...]) -> bool:
    return any(part.startswith(_HIDDEN) for part in parts)


def _resolved(address: str) -> tuple[Any, str]:
    parsed = urlsplit(address)
    options = [name.lower() for name, _ in parse_qsl(parsed.query, keep_blank_values=True)]
    secret = any(word in name for word in _SECRET for name in options)
    if "@" in parsed.netloc or secret:  # addresses are shown, and are in the results
        raise UsageError("an address must not hold keys: give them in the environment or in the files of the store")
    try:
        files, path = fs.FileSystem.from_uri(address)
    except (pyarrow.ArrowInvalid, OSError, ValueError) as error:
        raise UsageError(f"{address}: {error}") from error
    return files, path


class Folder:
    """A folder of results, by path or address. It can be sent to other processes."""

    def __init__(self, name: str) -> None:
        self.name = name.rstrip("/") or "/"
        self._local = local(self.name)

    def __reduce__(self) -> tuple[type[Folder], tuple[str]]:
        return Folder, (self.name,)

    def files(self) -> tuple[Any, str]:
        """The file system and the path in it. Raises ``UsageError`` for an address that nothing can reach."""
        if self._local is not None:
            return fs.LocalFileSystem(), str(self._local.absolute())
        return _resolved(self.name)

    def full(self, name: str) -> str:
        """The path of a file in the file system of :meth:`files`."""
        return f"{self.files()[1]}/{name}"

    def holds(self, name: str) -> bool:
        """Whether the file with this name or address is one that a run wrote here."""
        path = local(name)
        if self._local is not None and path is not None:
            try:
                rest = Path(os.path.realpath(path)).relative_to(os.path.realpath(self._local)).as_posix()
            except ValueError:
                return False
        else:
            base, rest = self.name.partition("?")[0].rstrip("/"), name.partition("?")[0]
            if not rest.startswith(f"{base}/"):
                return False
            rest = rest[len(base) + 1 :]
        below, _, last = rest.rpartition("/")
        return layout.is_own(below, last)

    def read(self, name: str) -> bytes | None:
        """The content of a small file, ``None`` if there is none."""
        with self._said(name):
            files, base = self.files()
            try:
                with files.open_input_stream(f"{base}/{name}", compression=None) as file:
                    return bytes(file.read())
            except FileNotFoundError:
                return None

    def write(self, name: str, data: bytes) -> None:
        """Write a small file."""
        with self.new(name) as sink:
            sink.write(data)

    @contextmanager
    def new(self, name: str) -> Iterator[Any]:
        """A sink for a file that gets its name when the block ends without an error. Raises ``StorageError``."""
        with self._said(name):
            files, base = self.files()
            if self._local is None:  # an object is there when it was written whole
                if files.type_name not in ("s3", "gcs", "abfs"):
                    files.create_dir(f"{base}/{name}".rpartition("/")[0], recursive=True)
                with files.open_output_stream(f"{base}/{name}", compression=None) as sink:
                    yield sink
                return
            path = Path(base, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            with _draft(path) as draft:
                with draft.open("wb") as file:
                    yield file
                    file.flush()
                    os.fsync(file.fileno())
                draft.replace(path)
            _sync(path.parent)

    def copy(self, source: str, target: str) -> None:
        """The same file under one more name. Raises ``StorageError``."""
        with self._said(target):
            files, base = self.files()
            if self._local is None:
                files.copy_file(f"{base}/{source}", f"{base}/{target}")
                return
            path = Path(base, target)
            path.parent.mkdir(parents=True, exist_ok=True)
            with _draft(path) as draft:
                try:
                    os.link(Path(base, source), draft)
                except OSError:  # a file system without links
                    shutil.copyfile(Path(base, source), draft)
                draft.replace(path)

    def names(self, below: str) -> list[str]:
        """The names of the files in a folder below this one."""
        with self._said(below):
            files, base = self.files()
            found = files.get_file_info(fs.FileSelector(f"{base}/{below}", allow_not_found=True))
            return [info.base_name for info in found if info.type == fs.FileType.File]

    def digest(self, name: str) -> str | None:
        """SHA-256 of a file, ``None`` if there is none."""
        with self._said(name):
            files, base = self.files()
            found = hashlib.sha256()
            try:
                with files.open_input_stream(f"{base}/{name}", compression=None) as file:
                    while data := file.read(_CHUNK):
                        found.update(data)
            except FileNotFoundError:
                return None
            return found.hexdigest()

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        with self._said(name):
            files, base = self.files()
            try:
                files.delete_file(f"{base}/{name}")
            except FileNotFoundError:
                return

    def sync(self, below: str) -> None:
        """What was copied or removed in a folder below this one is so on disk, too."""
        if self._local is not None and (self._local / below).is_dir():
            _sync(self._local / below)

    @contextmanager
    def _said(self, name: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StorageError(f"{self.name}/{name}: {error.strerror or error}") from error


@contextmanager
def _draft(path: Path) -> Iterator[Path]:
    """A name beside a path for what is not whole yet; a file of this name is gone at the end."""
    draft = path.with_name(layout.draft(path.name, secrets.token_hex(8)))
    try:
        yield draft
    finally:
        draft.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    if os.name != "nt":
        file = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(file)
        finally:
            os.close(file)
