"""Whether a name and a password belong together: remembered, counted, and judged once for all who wait (9.2 to 9.4)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from wattproof.gateway.auth.attempts import Attempts
from wattproof.gateway.auth.directory import Directory
from wattproof.gateway.auth.identity import LOCKED, Refusal
from wattproof.gateway.auth.lockout import Keys, remaining
from wattproof.gateway.auth.passwords import Verifier
from wattproof.gateway.auth.verified import Verified
from wattproof.gateway.records import User


def _free() -> None:
    """Nothing is to be paid."""


class Judge:
    """``locked_out`` is called with a user and an address, or ``None`` for any, when they have become locked;
    ``rehash`` with a user whose password is stored in a weaker way than today's, and that password."""

    def __init__(
        self,
        directory: Directory,
        attempts: Attempts,
        verifier: Verifier,
        now: Callable[[], int],
        locked_out: Callable[[str, str | None], None],
        rehash: Callable[[User, str], Awaitable[None]],
    ) -> None:
        self.verified = Verified()
        self._directory, self._attempts, self._verifier = directory, attempts, verifier
        self._now, self._locked_out, self._rehash = now, locked_out, rehash
        self._judging: dict[tuple[bytes, int, str], asyncio.Task[bool]] = {}

    async def wait(self, keys: Keys) -> int:
        """Seconds until an attempt is judged, rounded up; 0: now."""
        now = self._now()
        return -(-remaining(keys, await self._attempts.counters(keys, now), now) // 1000)

    async def was_right(self, name: str, password: str) -> bool:
        """Whether the pair was found right a moment ago and still is. Costs nothing."""
        user = await self._directory.user(name)
        key = self.verified.key(name, password)
        return user is not None and self.verified.is_right(key, user.generation, self._now())

    async def is_right(self, name: str, password: str, address: str, pay: Callable[[], None] = _free) -> bool:
        """Whether the pair is right; a wrong one is counted. ``pay`` is called unless the pair was right a moment ago,
        or is being judged already; what it raises is raised.

        Raises:
            Refusal: 429, the pair was locked meanwhile; 503, too many wait.
        """
        if await self.was_right(name, password):
            return True
        user = await self._directory.user(name)
        key = self.verified.key(name, password)
        if self.verified.is_wrong(key, _generation(user), self._now()):
            pay()
            return False
        flight = (key, _generation(user), Keys(name, address).at)
        if flight not in self._judging:
            pay()
            self._judging[flight] = asyncio.create_task(self._judge(user, name, password, Keys(name, address)))
            self._judging[flight].add_done_callback(lambda task: self._judged(flight, task))
        # Who asks the same meanwhile waits for the same answer, also when the first one has gone.
        return await asyncio.shield(self._judging[flight])

    async def count_token(self, text: str, address: str) -> None:
        """A wrong API token: a guess at nobody in particular."""
        now = self._now()
        if self.verified.wrong(self.verified.key("", text), "", 0, now):
            await self._attempts.fail(Keys(None, address), now, "an API token")

    async def close(self) -> None:
        """End what is being judged."""
        tasks = list(self._judging.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _judged(self, flight: tuple[bytes, int, str], task: asyncio.Task[bool]) -> None:
        del self._judging[flight]
        if not task.cancelled():
            task.exception()  # whoever waited has it; if nobody waits any more, nobody misses it

    async def _judge(self, user: User | None, name: str, password: str, keys: Keys) -> bool:
        right = await self._verifier.verify(user.hash if user else None, password)
        # Of guesses made at the same time no more are answered than of guesses made one after the other.
        if wait := await self.wait(keys):
            raise Refusal(429, LOCKED, retry_after=wait)
        present = await self._directory.user(name)
        if _generation(present) != _generation(user):
            return False  # changed meanwhile: it was judged by a password that is no more
        now, key = self._now(), self.verified.key(name, password)
        if right and user is not None:
            self.verified.right(key, name, user.generation, now)
            await self._attempts.succeed(keys, now)
            if self._verifier.hashing.weaker(user.hash):
                await self._rehash(user, password)
            return True
        if self.verified.wrong(key, name, _generation(user), now):
            await self._fail(keys, name, now, "an unknown user" if user is None else name)
        return False

    async def _fail(self, keys: Keys, name: str, now: int, who: str) -> None:
        outcome = await self._attempts.fail(keys, now, who)
        if outcome.user:
            self.verified.drop(name)
            self._locked_out(name, None)
        elif outcome.pair:
            self.verified.drop(name)
            self._locked_out(name, keys.address)


def _generation(user: User | None) -> int:
    return 0 if user is None else user.generation
