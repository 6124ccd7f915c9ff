"""The smallest store that the tests of this folder need: dictionaries, and what was committed in its order."""

from __future__ import annotations

from collections.abc import Sequence

from wattproof.gateway.records import (
    Access,
    Binding,
    DropFailures,
    DropToken,
    DropUser,
    Event,
    Failures,
    Meter,
    Token,
    User,
    Write,
)


class Shelf:
    """``Reader`` as far as ``auth`` reads, and ``commit``. ``told`` is called with the users of each commit before it
    returns, as the local socket does with its notice."""

    def __init__(self) -> None:
        self.written: list[Write] = []
        self.reads = 0
        self.told: list[object] = []
        self.failing: Exception | None = None
        self._users: dict[str, User] = {}
        self._bindings: dict[str, dict[str, Access]] = {}
        self._tokens: dict[str, Token] = {}
        self._failures: dict[str, Failures] = {}
        self._meters: dict[str, Meter] = {}

    async def users(self) -> list[User]:
        self.reads += 1
        return [self._users[name] for name in sorted(self._users)]

    async def user(self, name: str) -> User | None:
        self.reads += 1
        return self._users.get(name)

    async def bindings(self, user: str) -> dict[str, Access]:
        self.reads += 1
        return dict(self._bindings.get(user, {}))

    async def tokens(self, user: str | None = None) -> list[Token]:
        self.reads += 1
        return [token for token in self._tokens.values() if user in (None, token.user)]

    async def failures(self, keys: Sequence[str]) -> dict[str, Failures]:
        self.reads += 1
        return {key: self._failures[key] for key in keys if key in self._failures}

    async def meters(self, *, active: bool = True) -> list[Meter]:
        return [meter for meter in self._meters.values() if meter.active or not active]

    async def meter(self, serial: str) -> Meter | None:
        return self._meters.get(serial)

    async def commit(self, *writes: Write) -> None:
        if self.failing is not None:
            raise self.failing
        for write in writes:
            self._apply(write)
        self.written += writes

    @property
    def events(self) -> list[int]:
        """Ids of the events so far."""
        return [write.id for write in self.written if isinstance(write, Event)]

    def _apply(self, write: Write) -> None:
        match write:
            case User():
                self._users[write.name] = write
            case DropUser():
                self._users.pop(write.name, None)
                self._bindings.pop(write.name, None)
                self._tokens = {id: token for id, token in self._tokens.items() if token.user != write.name}
            case Binding():
                self._bindings.setdefault(write.user, {})[write.serial] = write.access
            case Failures():
                self._failures[write.key] = write
            case DropFailures():
                self._failures.pop(write.key, None)
            case Token():
                self._tokens[write.id] = write
            case DropToken():
                self._tokens.pop(write.id, None)
            case Meter():
                self._meters[write.serial] = write
