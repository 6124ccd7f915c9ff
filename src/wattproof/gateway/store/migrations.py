"""Numbered schema files: which there are, and what to do with a store of a certain version.

``schema/ENGINE/NNN.sql`` takes a store from version NNN - 1 to NNN. A file that was ever released never changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from wattproof.errors import StorageError

SCHEMAS = Path(__file__).with_name("schema")


class Script(NamedTuple):
    """One schema file."""

    version: int
    text: str


def scripts(engine: str, schemas: Path = SCHEMAS) -> list[Script]:
    """The schema files of an engine in their order."""
    found = sorted((schemas / engine).glob("[0-9][0-9][0-9].sql"))
    return [Script(int(path.stem), path.read_text(encoding="utf-8")) for path in found]


def due(present: int, known: Sequence[Script], where: str) -> list[Script]:
    """What has to be applied to a store of version ``present`` (0: an empty one).

    Raises:
        StorageError: the store was written by a later release.
    """
    newest = known[-1].version
    if present > newest:
        raise StorageError(
            f"the store {where} has schema {present}, and this release knows no later one than {newest}: "
            "use the release that wrote it, or restore a backup of before the upgrade"
        )
    return [script for script in known if script.version > present]


def check_readable(present: int, known: Sequence[Script], where: str) -> None:
    """Raises ``StorageError`` unless a reader of this release may read a store of that version."""
    if present == 0:
        raise StorageError(f"there is no store at {where} yet: the gateway makes it when it starts (gateway acquire)")
    if due(present, known, where):
        raise StorageError(
            f"the store {where} has the old schema {present}: the gateway brings it up to {known[-1].version} "
            "when it starts (gateway acquire)"
        )
