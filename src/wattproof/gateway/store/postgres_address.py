"""Where a PostgreSQL database is, how it is spoken to, and what its errors mean."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import asyncpg

from wattproof.errors import InvalidValue, StorageError, WattproofError

#: What is an error of the connection and not of the statement.
BROKEN = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,
    OSError,
)


class Address(NamedTuple):
    """Where the database is."""

    url: str
    password_file: Path | None = None

    @property
    def shown(self) -> str:
        """For messages."""
        return re.sub(r"(//[^/@:]*):[^/@]*@", r"\1:...@", self.url)

    async def connect(self) -> asyncpg.Connection:
        """A connection. Raises ``StorageError``."""
        try:
            return await asyncpg.connect(self.url, password=self._password(), server_settings=SETTINGS)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError, ValueError) as error:
            raise failure(error, self.shown) from error

    async def pool(self) -> asyncpg.Pool:
        """Connections for readers. Raises ``StorageError``."""
        try:
            return await asyncpg.create_pool(
                self.url, password=self._password(), server_settings=SETTINGS, min_size=1, max_size=4
            )
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError, ValueError) as error:
            raise failure(error, self.shown) from error

    def _password(self) -> str | None:
        if self.password_file is None:
            return None
        try:
            return self.password_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise StorageError(f"cannot read the password file {self.password_file}: {error.strerror}") from error


#: Acknowledged means durable, whatever the server's default is.
SETTINGS = {"application_name": "wattproof", "synchronous_commit": "on", "timezone": "UTC"}


@lru_cache(maxsize=512)
def numbered(sql: str) -> str:
    """A statement with PostgreSQL's marks for parameters: ``$1`` for the first ``?``."""
    first, *rest = sql.split("?")
    return first + "".join(f"${number}{part}" for number, part in enumerate(rest, 1))


def failure(error: BaseException, where: str) -> WattproofError:
    """What a caller is told of an error of the driver or the server."""
    if isinstance(error, WattproofError):
        return error
    if isinstance(error, asyncpg.DiskFullError):
        return StorageError(f"no space for the store {where}: make room on the server's disk; nothing was stored")
    if isinstance(error, CALLERS):
        return InvalidValue(f"cannot be stored: {error}")
    if isinstance(error, asyncpg.InvalidAuthorizationSpecificationError):
        return StorageError(f"the store {where} refuses the password or user: {error}")
    return StorageError(f"the store {where} failed: {error or type(error).__name__}")


#: Not the server's errors but those of a value.
CALLERS = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.exceptions.DataError,
    OverflowError,
    UnicodeError,
)
