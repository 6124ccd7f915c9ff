"""What callers give an examination: keys, key registers, moments and limits, in any of the forms that are taken."""

from __future__ import annotations

import datetime
import os
import time
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

from wattproof.errors import InvalidValue, StorageError
from wattproof.signed import keys
from wattproof.signed.limits import DEFAULT, Limits
from wattproof.signed.records import KeySource
from wattproof.signed.units import KeyText

if TYPE_CHECKING:
    from wattproof.signed.register import KeyRegister

Data: TypeAlias = "bytes | bytearray | memoryview | str | os.PathLike[str]"
KeyLike: TypeAlias = "bytes | str | os.PathLike[str]"


@lru_cache(maxsize=16)
def thousand(value: Decimal | int) -> Decimal:
    """Kilowatts as watts. Raises ``InvalidValue`` for what is no number that can be compared."""
    limit = Decimal(value)
    if limit.is_nan():
        raise InvalidValue("a limit of energy or power is a number")
    return limit * 1000


def moment(now: float | datetime.datetime | None) -> float:
    """Unix seconds. Raises ``InvalidValue`` for a time without zone: that of this machine never counts."""
    if now is None:
        return time.time()
    if not isinstance(now, datetime.datetime):
        return now
    if now.tzinfo is None:
        raise InvalidValue("now is a time with its zone, such as datetime.now(UTC)")
    return now.timestamp()


def loaded(register: KeyRegister | str | os.PathLike[str] | None) -> KeyRegister | None:
    """The register, read if it is a file. An empty one knows nothing and costs nothing."""
    if isinstance(register, (str, os.PathLike)):
        from wattproof.signed.register import KeyRegister

        register = KeyRegister.load(Path(register))
    return register or None


def trusted(key: KeyLike | None) -> KeyText | None:
    """The key that the user trusts. Raises ``StorageError`` for a file that cannot be read, and ``TypeError``."""
    if key is None:
        return None
    if isinstance(key, os.PathLike):
        return _key_text(_read(key))
    return _key_text(key if isinstance(key, str) else octets(key))


def octets(data: bytes | bytearray | memoryview) -> bytes:
    """Bytes of bytes; a number, of which Python would make as many zeros, is refused. Raises ``TypeError``."""
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(data)
    raise TypeError(f"bytes, text or a path, not {type(data).__name__}")


@lru_cache(maxsize=1024)
def _key_text(key: bytes | str) -> KeyText:
    if isinstance(key, bytes):
        text = key.removeprefix(b"\xef\xbb\xbf")
        if text.isascii():  # the text of a file; DER and points hold higher bytes
            key = text.decode("ascii").strip()
    return keys.key_text(key, KeySource.TRUSTED)


def _read(path: os.PathLike[str]) -> bytes:
    try:
        return read_file(path)
    except OSError as error:
        raise StorageError(f"cannot read {os.fspath(path)}: {error.strerror or error}") from error


def read_file(path: os.PathLike[str] | BinaryIO, limits: Limits = DEFAULT) -> bytes:
    """A file's content, but no more than shows that it is larger than a document may be. Raises ``OSError``."""
    if isinstance(path, os.PathLike):
        with Path(path).open("rb") as file:
            return file.read(limits.document + 1)
    return path.read(limits.document + 1)
