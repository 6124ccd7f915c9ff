"""The first user: ``admin`` with a one-time password, which lies in a file that only its owner reads (9.1, 7)."""

from __future__ import annotations

import ipaddress
import os
import secrets
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

from wattproof.errors import StorageError
from wattproof.gateway.auth.passwords import Verifier
from wattproof.gateway.auth.writing import Commit
from wattproof.gateway.records import User
from wattproof.gateway.store.base import Reader
from wattproof.io.journal import sync_directory

ADMIN = "admin"
FILE = "initial-password"
#: Without letters and digits that look alike: 31 characters, 20 of them are 99 bits.
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
GROUPS, SIZE = 4, 5


def one_time_password() -> str:
    """Twenty random characters in groups of five, joined by hyphens."""
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(SIZE)) for _ in range(GROUPS))


def on_loopback(listen: Iterable[str]) -> bool:
    """Whether every listen address (a URL) is a loopback address."""
    return all(_is_loopback(urlsplit(url).hostname or "") for url in listen)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def first_password(compat: str, listen: Iterable[str]) -> str:
    """The password of the first start: ``admin`` where an original is imitated for this machine alone (7)."""
    return ADMIN if compat == "g13" and on_loopback(listen) else one_time_password()


async def first_start(reader: Reader, commit: Commit, verifier: Verifier, folder: Path, password: str) -> str | None:
    """Make the user ``admin`` where there is none. Returns ``password`` to be shown this once, else ``None``.

    The file is durable before the user is, so that after a power failure there is never a user whose password nobody
    has. A file whose password has been changed meanwhile is removed.

    Raises:
        StorageError: the file cannot be written.
    """
    user = await reader.user(ADMIN)
    if user is None:
        keep(folder, password)
        await commit(User(ADMIN, await verifier.hash(password), admin=True, due=True))
        return password
    if not user.due:
        forget(folder)
    return None


def keep(folder: Path, password: str, name: str = FILE) -> None:
    """Write the file: readable by its owner from the moment at which it exists. Raises ``StorageError``."""
    path = folder / name
    try:
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(password + "\n")
            file.flush()
            os.fsync(file.fileno())
        sync_directory(folder)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror or error}") from error


def forget(folder: Path) -> None:
    """Remove the file, if there is one. Raises ``StorageError``."""
    path = folder / FILE
    try:
        path.unlink()
        sync_directory(folder)
    except FileNotFoundError:
        return
    except OSError as error:
        raise StorageError(f"cannot remove {path}: {error.strerror or error}") from error
