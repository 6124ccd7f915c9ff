"""What a store offers, on SQLite and PostgreSQL alike. Reading is open to any process; there is one writer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Protocol

from wattproof.gateway.records import (
    Access,
    Audit,
    Correction,
    Event,
    Failures,
    Group,
    Kind,
    Meter,
    MeterEvent,
    PublicKey,
    RegisteredKey,
    Row,
    Series,
    Session,
    SignedRecord,
    Token,
    User,
    Value,
    Write,
)


class Reader(Protocol):
    """Read access. Nothing here waits for the writer."""

    async def settings(self) -> dict[str, Any]:
        """All settings by name."""
        ...

    async def setting(self, name: str, default: Any = None) -> Any:
        """One setting."""
        ...

    async def users(self) -> list[User]:
        """All users by name."""
        ...

    async def user(self, name: str) -> User | None:
        """One user."""
        ...

    async def bindings(self, user: str) -> dict[str, Access]:
        """Access of a user by serial."""
        ...

    async def tokens(self, user: str | None = None) -> list[Token]:
        """API tokens."""
        ...

    async def failures(self, keys: Sequence[str]) -> dict[str, Failures]:
        """Counters of failed logins."""
        ...

    def idle_failures(self, before: int) -> AsyncIterator[list[str]]:
        """Keys of counters whose last failure and lock were over before a time (UTC ms), some hundred at a time."""
        ...

    async def meters(self, *, active: bool = True) -> list[Meter]:
        """Registered meters by location and serial; with ``active=False`` all that ever were."""
        ...

    async def meter(self, serial: str) -> Meter | None:
        """One meter, registered or not."""
        ...

    async def latest(self, serial: str, ids: Sequence[int] | None = None) -> dict[int, Value]:
        """The newest value of each quantity, missing and invalid ones included."""
        ...

    def readings(
        self,
        serial: str,
        ids: Sequence[int],
        first: int,
        last: int,
        *,
        group: Group | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[tuple[int, dict[int, Value]]]:
        """Stored readings from ``first`` to ``last`` (UTC ms, both inclusive), oldest first, streamed."""
        ...

    def reading_batches(
        self,
        serial: str,
        ids: Sequence[int],
        first: int,
        last: int,
        *,
        group: Group | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[list[tuple[int, dict[int, Value]]]]:
        """The same, some thousands at a time, for who writes them on."""
        ...

    def rows(
        self,
        serial: str,
        kind: Kind,
        channel: int,
        *,
        first: int | None = None,
        last: int | None = None,
        count: int | None = None,
        local: bool = False,
    ) -> AsyncIterator[Row]:
        """Rows that are not cleared, oldest first, streamed.

        ``first``, ``last`` (both inclusive) are UTC ms, with ``local`` civil seconds. ``count``: at most so many, from
        ``first`` on, or the newest where ``first`` is absent.
        """
        ...

    def row_batches(
        self,
        serial: str,
        kind: Kind,
        channel: int,
        *,
        first: int | None = None,
        last: int | None = None,
        count: int | None = None,
        local: bool = False,
    ) -> AsyncIterator[list[Row]]:
        """The same, some thousands at a time, for who writes them on."""
        ...

    async def series(self, serial: str, *, former: bool = False) -> list[Series]:
        """The present series of a meter; with ``former`` all that it ever had, oldest first."""
        ...

    async def quantities(self) -> list[int]:
        """Ids of all quantities of which there may be readings."""
        ...

    async def events(self, *, limit: int | None = None) -> list[tuple[int, Event]]:
        """Events of the gateway since the log was emptied, newest first, each with its index (1 is the oldest)."""
        ...

    async def meter_events(self, serial: str, log: str, *, until: int | None, count: int) -> list[MeterEvent]:
        """Newest first; ``until`` is civil local seconds."""
        ...

    async def engine_states(self, serial: str) -> dict[str, Any]:
        """States of the engines of a meter by name."""
        ...

    async def corrections(self, serial: str) -> list[Correction]:
        """Oldest first."""
        ...

    async def keys(self, serial: str) -> list[PublicKey]:
        """Public keys of a meter, first seen first."""
        ...

    async def registered_keys(self) -> list[RegisteredKey]:
        """All rows of the key register."""
        ...

    async def session(self, id: str) -> Session | None:
        """One charging session."""
        ...

    async def sessions(self, serial: str | None = None, *, limit: int = 100) -> list[Session]:
        """Newest first."""
        ...

    async def signed_records(self, session: str) -> list[SignedRecord]:
        """Records of a session in the order of receipt."""
        ...

    def signed_batches(
        self, *, serial: str | None = None, first: int | None = None, last: int | None = None
    ) -> AsyncIterator[list[SignedRecord]]:
        """Records of all sessions in the order of receipt, of one meter, between two times (both inclusive)."""
        ...

    def audit(self, *, after: int = 0, limit: int | None = None) -> AsyncIterator[tuple[int, str, Audit]]:
        """Number, hash and entry, oldest first."""
        ...

    async def last_audit(self) -> int:
        """Number of the newest entry of the audit log, 0 while there is none."""
        ...

    async def close(self) -> None:
        """End the connection. Safe to call twice."""
        ...


class Store(Reader, Protocol):
    """The writer."""

    async def commit(self, *writes: Write) -> None:
        """One transaction, durable when this returns; waiting calls share an fsync, in the order of their calls.

        Raises:
            StorageError: disk full or failing. Nothing of this call is stored, the store can be used further.
        """
        ...

    async def layout(self, columns: Mapping[int, int]) -> int:
        """The id of the layout with these quantities and exponents, made durable if it is new."""
        ...

    def thinning(self, before: int, interval: int) -> AsyncIterator[Write]:
        """Small writes that leave of each meter's readings before a time (UTC ms) one an ``interval`` (ms). Commit
        each before the next is asked for."""
        ...
