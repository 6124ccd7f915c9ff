"""How the parts of ``auth`` change the store."""

from __future__ import annotations

from typing import Protocol

from wattproof.gateway.records import Write


class Commit(Protocol):
    """Writes, in one transaction. Returns when they are durable and every process that serves knows of them.

    In ``serve`` it is the command ``commit`` of the local socket, in ``acquire`` the store itself.
    """

    async def __call__(self, *writes: Write) -> None:
        """Raises ``StorageError`` or ``CommandFailed``; nothing is stored then."""
        ...
