"""Files on disk that belong to the same record: the signature and the keys beside a ChargePoint record.

Which names those are, says :mod:`wattproof.signed.formats.chargepoint_files`; here they are looked for and read.
Source: specification of the verifier, 2.13.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from wattproof.signed.formats import chargepoint_files
from wattproof.signed.formats.chargepoint_files import NOTHING, Beside
from wattproof.signed.limits import DEFAULT, Limits

#: Endings of names of files that may belong to another one.
_SUFFIXES = (".sign", ".pem", ".txt")


def beside(path: os.PathLike[str], data: bytes, limits: Limits = DEFAULT) -> Beside:
    """What the files beside ``path``, whose content is ``data``, say about it; nothing if they cannot be read."""
    if not chargepoint_files.may_be_record(data):
        return NOTHING
    folder = Path(path).parent

    def content(name: str, most: int) -> bytes | None:
        try:
            if not (folder / name).is_file():
                return None
            with (folder / name).open("rb") as file:
                return file.read(most)
        except OSError:
            return None

    try:
        names = [found.name for found in folder.iterdir()]
    except OSError:
        names = []
    return chargepoint_files.beside(Path(path).name, data, names, content, limits)


def of(path: os.PathLike[str], limits: Limits = DEFAULT) -> Beside:
    """What the files beside ``path`` say about it; nothing if it is no such record, or not a regular file."""
    try:
        if not Path(path).is_file():  # a pipe can be read only once
            return NOTHING
        with Path(path).open("rb") as file:
            if not chargepoint_files.may_be_record(file.read(64 * 1024)):
                return NOTHING
            file.seek(0)
            data = file.read(limits.record + 1)
    except (OSError, ValueError):
        return NOTHING
    return beside(path, data, limits)


def leading(names: Sequence[str], limits: Limits = DEFAULT) -> list[str]:
    """Named files, in their order, without those that are read together with another one of them."""
    if not any(name.lower().endswith(_SUFFIXES) for name in names):
        return list(names)
    belonging: set[Path] = set()
    for name in names:
        path = Path(name)
        belonging.update(path.parent / other for other in of(path, limits).names)
    return [name for name in names if name == "-" or Path(name) not in belonging]
