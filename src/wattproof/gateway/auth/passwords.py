"""Passwords as they are stored and compared: Argon2id in PHC texts, never in the event loop (g13-api.md 9.2)."""

from __future__ import annotations

import asyncio
import base64
import os
import re
import threading
import unicodedata
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from wattproof.gateway.auth.identity import BUSY, Refusal

T = TypeVar("T")

#: Verifications that run at the same time, and that wait (9.2); the next is refused.
RUNNING, WAITING = 2, 16
#: Characters of the longest password that is looked at: 64 (9.1), each decomposed as far as it goes, are fewer.
LONGEST = 1024
_SALT, _DIGEST = 16, 32
_PHC = re.compile(r"\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$")


def normal(password: str) -> bytes:
    """What is hashed: NFC in UTF-8, so that the way a keyboard composes an accent makes no other password."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")


@dataclass(frozen=True, slots=True)
class Hashing:
    """Argon2id (RFC 9106) with ``memory`` KiB, ``passes`` and ``lanes``; the defaults are those of 9.2."""

    memory: int = 19 * 1024
    passes: int = 2
    lanes: int = 1

    def hash(self, password: str) -> str:
        """The PHC text of a password, with a new salt."""
        kdf = Argon2id(
            salt=os.urandom(_SALT), length=_DIGEST, iterations=self.passes, lanes=self.lanes, memory_cost=self.memory
        )
        return kdf.derive_phc_encoded(normal(password))

    def verify(self, stored: str, password: str) -> bool:
        """Whether ``stored`` is a PHC text of this password; one that cannot be read is of none."""
        try:
            Argon2id.verify_phc_encoded(normal(password), stored)
        except (InvalidKey, ValueError):
            return False
        return True

    def weaker(self, stored: str) -> bool:
        """Whether ``stored`` was made with less than these parameters, so that it should be made anew."""
        found = _PHC.match(stored)
        return found is None or any(
            int(had) < wanted
            for had, wanted in zip(found.groups(), (self.memory, self.passes, self.lanes), strict=True)
        )

    def of_nobody(self) -> str:
        """A PHC text that costs what a true one costs and fits no password that anybody knows."""
        salt, digest = (base64.b64encode(os.urandom(size)).rstrip(b"=").decode() for size in (_SALT, _DIGEST))
        return f"$argon2id$v=19$m={self.memory},t={self.passes},p={self.lanes}${salt}${digest}"


class Verifier:
    """Hashes and verifies in threads: two at a time, 16 wait, the next is refused with 503.

    ``count``: verifications so far, those of unknown users included. Close it, or its threads stay.
    """

    def __init__(self, hashing: Hashing | None = None, *, running: int = RUNNING, waiting: int = WAITING) -> None:
        self.hashing = hashing or Hashing()
        self.count = 0
        self._nobody = self.hashing.of_nobody()
        self._room = running + waiting
        self._busy = 0
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(running, thread_name_prefix="argon2")

    async def verify(self, stored: str | None, password: str) -> bool:
        """Compare with a stored PHC text; ``None``, a user who does not exist, costs the same and is never right.

        Raises:
            Refusal: 503, too many wait already.
        """
        if len(password) > LONGEST:  # nobody's; normalising it would cost more than hashing it
            stored, password = None, ""
        future = self._submit(self.hashing.verify, stored or self._nobody, password)
        self.count += 1
        # A request that is cancelled here gives its place free: at once if it waits, when it is done if it runs.
        right = await asyncio.wrap_future(future)
        return right and stored is not None

    async def hash(self, password: str) -> str:
        """The PHC text of a new password. Raises ``Refusal`` 503 as :meth:`verify`."""
        return await asyncio.wrap_future(self._submit(self.hashing.hash, password))

    @property
    def busy(self) -> int:
        """How many run or wait."""
        return self._busy

    def close(self) -> None:
        """Drop what waits, end the threads."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _submit(self, work: Callable[..., T], *arguments: str) -> Future[T]:
        with self._lock:
            if self._busy >= self._room:
                raise Refusal(503, BUSY, retry_after=1)
            self._busy += 1
        future = self._pool.submit(work, *arguments)
        future.add_done_callback(self._done)
        return future

    def _done(self, _: object) -> None:
        with self._lock:
            self._busy -= 1
