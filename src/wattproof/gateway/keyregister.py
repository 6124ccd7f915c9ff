"""The key register in the store: what people decided about keys, and which key a meter's records are held against.

A meter's key as the gateway first saw it is pinned beside it (``public_keys``); the register says what is known of it
elsewhere. It is the same register that ``wattproof keys`` keeps in a file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from wattproof.errors import StorageError
from wattproof.gateway.records import PublicKey, RegisteredKey
from wattproof.gateway.store.base import Reader
from wattproof.signed.register import ANY, Event, KeyRegister, Row, State

#: Source of keys that nobody put into the register.
SEEN_HERE = "a record that this gateway took"


async def load(reader: Reader, *, pinned: bool = False) -> KeyRegister:
    """The register of a store; with ``pinned`` the keys that the gateway saw too, as seen. Raises ``StorageError``."""
    register = KeyRegister(rows_of(await reader.registered_keys()))
    if pinned:
        for meter in await reader.meters(active=False):
            for seen in await reader.keys(meter.serial):
                time = datetime.fromtimestamp(seen.seen / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
                register.add(seen.key, seen.serial, SEEN_HERE, time)
    return register


def rows_of(stored: Iterable[RegisteredKey]) -> Iterator[Row]:
    """Rows of the register, first seen first. Raises ``StorageError`` for one that says nothing."""
    for one in sorted(stored, key=lambda one: one.history[:1]):
        try:
            history = [Event(time, State(state), source) for time, state, source in one.history]
        except ValueError as error:
            raise StorageError(f"the key register of the store is damaged at meter {one.serial!r}: {error}") from error
        if not history:
            raise StorageError(f"the key register of the store is damaged at meter {one.serial!r}: no history")
        yield Row(one.serial, one.key, history)


def changes(before: KeyRegister, after: KeyRegister) -> list[RegisteredKey]:
    """What to write so that the store holds ``after`` instead of ``before``; rows never vanish."""
    known = {(row.serial, row.key): len(row.history) for row in before}
    return [
        RegisteredKey(row.serial, row.key, [(event.time, event.state.value, event.source) for event in row.history])
        for row in after
        if known.get((row.serial, row.key)) != len(row.history)
    ]


@dataclass(frozen=True, slots=True)
class Known:
    """The key that a meter's records are held against, and whether it was revoked and so proves nothing."""

    key: bytes
    revoked: bool = False


def known(register: KeyRegister, seen: Sequence[PublicKey], serial: str, stated: bytes) -> Known:
    """A trusted key of the meter, else the one first seen, else the one that the record itself ``stated``.

    Of several trusted ones that which the record states, else the latest. A trusted key replaces the first seen one: a
    meter that got a new key signs with another than the pinned one, and somebody has looked at it.
    """
    own = _trusted(register, serial)
    if stated in own or stated in _trusted(register, ANY):
        return Known(stated)
    if own:
        return Known(own[-1])
    first = seen[0].key if seen else stated
    return Known(first, any(row.state is State.REVOKED for row in register.of_key(first)))


def _trusted(register: KeyRegister, serial: str) -> list[bytes]:
    return [row.key for row in register.of_meter(serial) if row.state is State.TRUSTED]
