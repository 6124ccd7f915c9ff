"""The key register: which key belongs to which meter, since when, from where, and whether you trust it.

A row is a meter's serial number and a key. ``seen``: first seen there, pinned, not trusted. ``trusted``: a record that
it signed for this meter counts as known to you. ``revoked``: never again, whatever the meter; a revoked key stays so. A
row without serial number holds for any meter. Rows never vanish and are never replaced: a second key of a meter is a
second row, and everything that happened to a row stays in its history.

Pure: the file is read here and written by ``wattproof keys``; a gateway keeps a register in its store.
Source: verifier specification, 0.1 (key source).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from wattproof.errors import InvalidValue, StorageError, UnknownName
from wattproof.signed import keys
from wattproof.signed.keys import Key

VERSION = 1
#: What a register may hold, in characters of one text and in bytes of the file.
MOST_TEXT, MOST_BYTES = 1000, 1 << 28
#: Serial number of rows that hold for any meter.
ANY = ""
_SHORTEST_FINGERPRINT = 8
_HEX = re.compile(r"[0-9a-fA-F]+", re.ASCII)


class State(StrEnum):
    SEEN = "seen"
    TRUSTED = "trusted"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Event:
    """What made a row what it is: ISO time, the state since then, and where that came from."""

    time: str
    state: State
    source: str


@dataclass(slots=True)
class Row:
    """One key of one meter; ``key`` is SubjectPublicKeyInfo, DER."""

    serial: str
    key: bytes
    history: list[Event] = field(default_factory=list)

    @property
    def state(self) -> State:
        return self.history[-1].state

    @property
    def first(self) -> Event:
        """How the key was first seen."""
        return self.history[0]

    @property
    def last(self) -> Event:
        return self.history[-1]

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the key, hexadecimal."""
        return hashlib.sha256(self.key).hexdigest()


class KeyRegister:
    """All rows. Changes are made in memory; :meth:`dump` is what the file holds."""

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self._rows: dict[tuple[str, bytes], Row] = {}
        self._serials: dict[str, list[Row]] = {}
        self._keys: dict[bytes, list[Row]] = {}
        for row in rows:
            self._put(row)

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows.values())

    def __len__(self) -> int:
        return len(self._rows)

    def _put(self, row: Row) -> None:
        self._rows[row.serial, row.key] = row
        self._serials.setdefault(row.serial, []).append(row)
        self._keys.setdefault(row.key, []).append(row)

    # -- asking ---------------------------------------------------------------------------------------------------

    def of_meter(self, serial: str) -> list[Row]:
        """The keys of one meter, first seen first; with :data:`ANY` those of no meter in particular."""
        return self._serials.get(serial, [])

    def of_key(self, key: bytes) -> list[Row]:
        """The rows of one key."""
        return self._keys.get(key, [])

    def find(self, which: str) -> list[Row]:
        """Rows of a serial number, of a key in any form, or of a fingerprint's first digits (eight or more).

        Raises ``UnknownName`` if there are none.
        """
        text = which.strip()
        found = list(self.of_meter(text)) if text else []
        if not found:
            digits = text.replace(":", "").replace(" ", "").lower()
            if len(digits) >= _SHORTEST_FINGERPRINT and _HEX.fullmatch(digits):
                found = [row for row in self if row.fingerprint.startswith(digits)]
        if not found and (key := keys.decode(text).key) is not None:
            found = list(self.of_key(key.spki))
        if not found:
            raise UnknownName(f"the register knows neither meter nor key {which[:80]!r}: see 'wattproof keys list'")
        return found

    # -- changing -------------------------------------------------------------------------------------------------

    def add(self, key: bytes, serial: str, source: str, time: str) -> tuple[Row, bool]:
        """The row of a key and a meter, and whether it is new: what was seen first stays.

        A key that is revoked elsewhere is revoked for this meter too. Raises ``InvalidValue`` for a text of more than
        1,000 characters.
        """
        serial, source = _text(serial.strip(), "a serial number"), _text(source, "a source")
        known = self._rows.get((serial, key))
        if known is not None:
            return known, False
        row = Row(serial, key, [Event(time, State.SEEN, source)])
        revoked = next((other.last for other in self.of_key(key) if other.state is State.REVOKED), None)
        if revoked is not None:
            row.history.append(Event(time, State.REVOKED, revoked.source))
        self._put(row)
        return row, True

    def trust(self, row: Row, source: str, time: str) -> bool:
        """Trust a key of a meter from now on; whether that is new. Raises ``InvalidValue`` for a revoked key."""
        if row.state is State.REVOKED:
            raise InvalidValue(
                f"key {row.fingerprint[:16]} was revoked on {row.last.time} ({row.last.source}), and stays so"
            )
        return _change(row, State.TRUSTED, source, time)

    def revoke(self, key: bytes, reason: str, time: str) -> list[Row]:
        """Revoke a key for all meters; the rows that changed."""
        return [row for row in self.of_key(key) if _change(row, State.REVOKED, reason, time)]

    # -- the file -------------------------------------------------------------------------------------------------

    def dump(self) -> bytes:
        """The register as the text of its file."""
        rows = [
            {
                "serial": row.serial,
                "key": row.key.hex(),
                "history": [
                    {"time": event.time, "state": event.state.value, "source": event.source} for event in row.history
                ],
            }
            for row in self
        ]
        text = json.dumps({"version": VERSION, "keys": rows}, indent=1, ensure_ascii=True)
        return (text + "\n").encode("ascii")

    @classmethod
    def load(cls, path: os.PathLike[str]) -> KeyRegister:
        """The register in a file; an empty one if there is no file.

        Raises ``StorageError`` if the file cannot be read, is damaged, or others than its owner may write to it.
        """
        name = os.fspath(path)
        try:
            with Path(path).open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                data = file.read(MOST_BYTES + 1)
        except FileNotFoundError:
            return cls()
        except IsADirectoryError as error:
            raise StorageError(
                f"the key register {name} is a directory: that of a gateway's store is for the commands only"
            ) from error
        except OSError as error:
            raise StorageError(f"the key register {name} cannot be read: {error.strerror or error}") from error
        if os.name == "posix" and mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise StorageError(f"others may write to the key register {name}, so it proves nothing: chmod 600 {name}")
        try:
            if len(data) > MOST_BYTES:
                raise ValueError(f"more than {MOST_BYTES} bytes")
            return cls(_rows(json.loads(data)))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise StorageError(
                f"the key register {name} is damaged ({error}): restore it, or move it away and begin anew"
            ) from error


def read_key(text: str | bytes) -> Key:
    """The key in a text of any form, such as the code on a meter's front. Raises ``InvalidValue``.

    A bare point, which names no curve, is refused: nobody could say which key it is.
    """
    found = keys.decode(text)
    if found.key is None:
        raise InvalidValue(f"this is no public key that names its curve ({found.reason}): {found.message}")
    return found.key


def _change(row: Row, state: State, source: str, time: str) -> bool:
    if row.state is state:
        return False
    row.history.append(Event(time, state, _text(source, "a source")))
    return True


def _text(text: str, what: str) -> str:
    if len(text) > MOST_TEXT:
        raise InvalidValue(f"{what} of the key register has {MOST_TEXT} characters at most")
    return text.encode("utf-8", "replace").decode("utf-8")


def _rows(document: Any) -> Iterator[Row]:
    if document["version"] != VERSION:
        raise ValueError(f"version {document['version']!r}, not {VERSION}")
    seen: set[tuple[str, bytes]] = set()
    for item in document["keys"]:
        key = keys.decode(bytes.fromhex(item["key"])).key
        serial = item["serial"]
        if key is None or type(serial) is not str or (serial, key.spki) in seen:
            raise ValueError(f"row {len(seen) + 1} is no row of a key")
        seen.add((serial, key.spki))
        history = [Event(str(event["time"]), State(event["state"]), str(event["source"])) for event in item["history"]]
        if not history:
            raise ValueError(f"row {len(seen)} has no history")
        yield Row(serial, key.spki, history)
