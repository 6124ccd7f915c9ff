"""Files by name or address: on this machine, or in what pyarrow can reach (``s3://``, ``gs://``, ``hdfs://``, ...).

What is written is complete and on disk before it has its name: after a power cut a file is there whole or not at all.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import unquote, urlsplit

import pyarrow
from pyarrow import fs

from wattproof.errors import StorageError, UsageError

#: Beginnings of names in a folder that are no data: markers and files that are being written.
_HIDDEN = (".", "_")


def is_address(name: str) -> bool:
    """Whether a name is an address of object storage, and not a path."""
    scheme, mark, _ = name.partition("://")
    return bool(mark) and scheme.isalnum()


def local(name: str) -> Path | None:
    """The path of a name on this machine, ``None`` for object storage."""
    if not is_address(name):
        return Path(name)
    parsed = urlsplit(name)
    return Path(unquote(parsed.path)) if parsed.scheme == "file" and parsed.netloc in ("", "localhost") else None


def open_file(name: str) -> BinaryIO:
    """A file to read at any place. Raises ``OSError``, ``ValueError`` for a name that can be none."""
    if not is_address(name):
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


def expanded(names: list[str]) -> list[str]:
    """The names with the files of a folder, sorted, in the place of the folder."""
    found: list[str] = []
    for name in names:
        if is_address(name):
            found += _inside(name)
        elif Path(name).is_dir():
            inside = sorted(path for path in Path(name).rglob("*") if path.is_file())
            found += [str(path) for path in inside if not _is_hidden(path.relative_to(name).parts)]
        else:
            found.append(name)
    return found


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
    if "@" in urlsplit(address).netloc:  # addresses are shown, and are in the results
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
            draft = path.with_name(f".{path.name}.{os.getpid()}")
            try:
                with draft.open("wb") as file:
                    yield file
                    file.flush()
                    os.fsync(file.fileno())
                draft.replace(path)
            finally:
                draft.unlink(missing_ok=True)
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
            try:
                os.link(Path(base, source), path)
            except FileExistsError:
                return
            except OSError:  # a file system without links
                shutil.copyfile(Path(base, source), path)

    def names(self, below: str) -> list[str]:
        """The names of the files in a folder below this one."""
        with self._said(below):
            files, base = self.files()
            found = files.get_file_info(fs.FileSelector(f"{base}/{below}", allow_not_found=True))
            return [info.base_name for info in found if info.type == fs.FileType.File]

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


def _sync(folder: Path) -> None:
    if os.name != "nt":
        file = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(file)
        finally:
            os.close(file)
