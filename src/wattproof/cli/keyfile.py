"""The key register: where it lies, and how it is changed by one command at a time.

A file, or a gateway's data directory, whose store holds it (:mod:`.keystore`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from wattproof.cli import output

if TYPE_CHECKING:
    from wattproof.signed.register import KeyRegister

#: Environment variable that names the file.
VARIABLE = "WATTPROOF_KEYS"
#: Word that takes the place of a file: no register.
NONE = "none"


def register_path(given: str | None = None) -> Path | None:
    """The file or directory that was given, else that of the environment, else the usual file; ``None`` for none."""
    text = given or os.environ.get(VARIABLE)
    if text == NONE:
        return None
    return Path(text) if text else Path.home() / ".local" / "share" / "wattproof" / "keys.json"


def now() -> str:
    """This moment for the history of a row."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def load(path: Path) -> KeyRegister:
    """The register, to be read. Raises ``StorageError``."""
    if path.is_dir():
        from wattproof.cli import keystore

        return keystore.load(path)
    from wattproof.signed.register import KeyRegister

    return KeyRegister.load(path)


@contextmanager
def changing(path: Path) -> Iterator[KeyRegister]:
    """The register to change; what changed is on disk when the block ends, and nothing if it fails.

    Another command waits meanwhile, so that neither loses what the other did. Raises ``StorageError``.
    """
    from wattproof.cli.keeping import write_durably
    from wattproof.signed.register import KeyRegister

    stored = path.is_dir()
    if stored:
        from wattproof.cli import keystore

        keystore.settings(path)  # no lock is left in a directory of something else
    with output.writing(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(
            path / "keys.lock" if stored else path.with_name(path.name + ".lock"), os.O_CREAT | os.O_RDWR, 0o600
        )
    try:
        with output.writing(path):
            _lock(lock)
        if stored:
            with keystore.changing(path) as register:
                yield register
            return
        register = KeyRegister.load(path)
        before = register.dump()
        yield register
        after = register.dump()
        if after != before or not path.exists():
            write_durably(path, after, private=True)
    finally:
        os.close(lock)


def _lock(file: int) -> None:
    try:
        import fcntl
    except ImportError:  # Windows: the file is still written whole
        return
    fcntl.flock(file, fcntl.LOCK_EX)
