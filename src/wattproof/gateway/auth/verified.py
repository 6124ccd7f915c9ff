"""Credentials that were verified a moment ago, so that Argon2id is not paid with every request (g13-api.md 9.3).

An entry says nothing about rights, and it holds no password: its key is an HMAC under a secret that never leaves this
process. It is good for the generation of the password that it was verified against, and for no other.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import OrderedDict
from dataclasses import dataclass

from wattproof.gateway.auth.lockout import CLEARED

#: Milliseconds after the verification, not after the last use.
LIFETIME = 60_000
LIMIT = 1024


@dataclass(slots=True)
class _Entry:
    user: str
    generation: int
    verified: int


class Verified:
    """Right and wrong pairs of name and password, 1,024 in all; of the wrong ones first the oldest goes."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._secret = secrets.token_bytes(32)
        self._right: OrderedDict[bytes, _Entry] = OrderedDict()
        self._wrong: OrderedDict[bytes, _Entry] = OrderedDict()
        #: Grows whenever something right is forgotten before its time.
        self.version = 0

    def __len__(self) -> int:
        return len(self._right) + len(self._wrong)

    def __repr__(self) -> str:
        return f"<Verified {len(self._right)} right, {len(self._wrong)} wrong>"

    def key(self, name: str, password: str) -> bytes:
        """What stands for a pair."""
        named = name.encode("utf-8", "surrogatepass")
        data = len(named).to_bytes(4, "big") + named + password.encode("utf-8", "surrogatepass")
        return hmac.digest(self._secret, data, hashlib.sha256)

    def is_right(self, key: bytes, generation: int, now: int) -> bool:
        """Whether the pair was right less than 60 s ago, and the password is still that one."""
        entry = self._right.get(key)
        if entry is None:
            return False
        if entry.generation != generation or now - entry.verified >= LIFETIME:
            del self._right[key]
            return False
        return True

    def until(self, key: bytes) -> int:
        """Until when a pair is remembered as right (ms); 0 if it is not."""
        entry = self._right.get(key)
        return 0 if entry is None else entry.verified + LIFETIME

    def is_wrong(self, key: bytes, generation: int, now: int) -> bool:
        """Whether the pair was wrong less than 60 s ago, and the password is still another one."""
        entry = self._wrong.get(key)
        return entry is not None and entry.generation == generation and now - entry.verified < LIFETIME

    def right(self, key: bytes, user: str, generation: int, now: int) -> None:
        """Remember a right pair."""
        self._wrong.pop(key, None)
        self._remember(self._right, key, _Entry(user, generation, now))

    def wrong(self, key: bytes, user: str, generation: int, now: int) -> bool:
        """Remember a wrong pair. Returns whether it is a new guess, and so to be counted.

        The same pair again tells nobody anything: a forgotten poller with an old password must not lock its user.
        """
        last = self._wrong.get(key)
        self._remember(self._wrong, key, _Entry(user, generation, now))
        return last is None or last.generation != generation or now - last.verified >= CLEARED

    def drop(self, user: str) -> None:
        """Forget the right pairs of a user."""
        self.version += 1
        for key in [key for key, entry in self._right.items() if entry.user == user]:
            del self._right[key]

    def _remember(self, pairs: OrderedDict[bytes, _Entry], key: bytes, entry: _Entry) -> None:
        pairs.pop(key, None)
        pairs[key] = entry
        while len(self) > self._limit:
            (self._wrong or self._right).popitem(last=False)
