"""Users, bindings and tokens as they are now: the store, remembered while changes are heard of (g13-api.md 9.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from wattproof.gateway.records import Access, Token, User
from wattproof.gateway.store.base import Reader

#: Names remembered at the same time, those of nobody among them: they must not cost more than a user's.
REMEMBERED = 1024


class Directory:
    """``current`` says whether every change is told to this process before it is acknowledged to anybody. While it is
    not, nothing is remembered and each question goes to the store."""

    def __init__(self, reader: Reader, current: Callable[[], bool]) -> None:
        self._reader, self._current = reader, current
        self._users: dict[str, tuple[User, Mapping[str, Access]] | None] = {}
        self._tokens: dict[str, Token] | None = None
        #: Grows with every change of which this process knows.
        self.version = 0

    async def user(self, name: str) -> User | None:
        """A user, if there is one."""
        found = await self.user_and_access(name)
        return None if found is None else found[0]

    async def user_and_access(self, name: str) -> tuple[User, Mapping[str, Access]] | None:
        """A user and his access to meters."""
        if name in self._users and self._current():
            return self._users[name]
        version, current = self.version, self._current()
        user = await self._reader.user(name)
        found = None if user is None else (user, await self._reader.bindings(name))
        # What has been read before a change was told is good for this request, and for no later one.
        if current and self._current() and version == self.version:
            if len(self._users) >= REMEMBERED:
                self._users.clear()
            self._users[name] = found
        return found

    async def token(self, hash: str) -> Token | None:
        """An API token by its SHA-256."""
        tokens = self._tokens
        if tokens is None or not self._current():
            version, current = self.version, self._current()
            tokens = {token.hash: token for token in await self._reader.tokens()}
            if current and self._current() and version == self.version:
                self._tokens = tokens
        return tokens.get(hash)

    def forget(self, users: Iterable[str] | None = None) -> None:
        """Something about these users has changed; ``None``: about anybody."""
        self.version += 1
        self._tokens = None
        if users is None:
            self._users.clear()
        else:
            for user in users:
                self._users.pop(user, None)
