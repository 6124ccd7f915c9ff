"""The key register in a gateway's store, whether the gateway runs or not.

While nobody uses the data directory, the store is opened and written here. While the gateway runs, it alone writes:
what changed is handed over on its local socket, and is durable when it answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wattproof.errors import StorageError, UsageError

if TYPE_CHECKING:
    from wattproof.gateway.config import Config
    from wattproof.gateway.records import Write
    from wattproof.signed.register import KeyRegister

#: Seconds that a running gateway may take to answer.
_PATIENCE = 30.0


def settings(data: Path) -> Config:
    """The configuration of a gateway's data directory. Raises ``UsageError`` if it is none."""
    try:
        from wattproof.cli.gateway import settings_of
        from wattproof.gateway.store.opening import FILE
    except ImportError as error:
        raise UsageError("a gateway's store needs the extra: pip install 'wattproof[gateway]'") from error
    if not (data / FILE).is_file() and not (data / "gateway.toml").is_file():
        raise UsageError(f"{data} is no data directory of a gateway: it holds neither {FILE} nor gateway.toml")
    return settings_of(None, data)


def load(data: Path) -> KeyRegister:
    """The register of the store, with the keys that the gateway saw itself. Raises ``StorageError``."""
    return asyncio.run(_load(settings(data)))


async def _load(config: Config) -> KeyRegister:
    from wattproof.gateway import keyregister
    from wattproof.gateway.store.opening import open_reader

    reader = await open_reader(config.store_url, config.data, password_file=config.store_password_file)
    try:
        return await keyregister.load(reader, pinned=True)
    finally:
        await reader.close()


@contextmanager
def changing(data: Path) -> Iterator[KeyRegister]:
    """The register to change; what changed is durable when the block ends, and nothing if it fails.

    The caller sees to it that no other command does the same. Raises ``StorageError``.
    """
    from wattproof.gateway import keyregister
    from wattproof.io.journal import DirectoryInUse, DirectoryLock
    from wattproof.signed.register import KeyRegister

    config = settings(data)
    with asyncio.Runner() as runner:
        try:
            lock: DirectoryLock | None = DirectoryLock(config.data)
        except DirectoryInUse:
            lock = None
        try:
            if lock is not None:
                runner.run(_made(config))
            register = runner.run(_load(config))
            before = KeyRegister(_copies(register))
            yield register
            writes = keyregister.changes(before, register)
            if writes:
                entries = [_entry(write.serial, write.key, write.history[-1]) for write in writes]
                runner.run(
                    _write(config, [*writes, *entries]) if lock is not None else _send(config, [*writes, *entries])
                )
        finally:
            if lock is not None:
                lock.close()


def _copies(register: KeyRegister) -> Iterator[Any]:
    from wattproof.signed.register import Row

    return (Row(row.serial, row.key, list(row.history)) for row in register)


def _entry(serial: str, key: bytes, event: tuple[str, str, str]) -> Write:
    """Who changes a key in the register is in the audit log, as everything else that people decide."""
    import getpass
    import hashlib
    import time

    from wattproof.gateway.records import Audit

    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = "?"
    detail = f"{event[1]} {hashlib.sha256(key).hexdigest()}: {event[2]}"
    return Audit(time.time_ns() // 10**6, user, "command line", "keys", serial, detail)


async def _made(config: Config) -> None:
    """The store, made and brought up to the present schema as the gateway does when it starts."""
    from wattproof.gateway.store.opening import open_store

    store = await open_store(config.store_url, config.data, password_file=config.store_password_file)
    await store.close()


async def _write(config: Config, writes: list[Write]) -> None:
    from wattproof.gateway.store.opening import open_store

    store = await open_store(config.store_url, config.data, password_file=config.store_password_file)
    try:
        await store.commit(*writes)
    finally:
        await store.close()


async def _send(config: Config, writes: list[Write]) -> None:
    """Let the running gateway write."""
    from wattproof.gateway.local import CommandFailed
    from wattproof.gateway.localclient import LocalClient
    from wattproof.gateway.localsocket import SOCKET_NAME
    from wattproof.io.clock import SystemClock

    client = LocalClient(config.data / SOCKET_NAME, SystemClock())
    await client.start()
    try:
        async with asyncio.timeout(_PATIENCE):
            await client.found()
            await client.call("commit", writes=writes, who={"user": "keys", "address": ""})
    except TimeoutError:
        raise StorageError(
            f"the directory {config.data} is in use, but no gateway answers there: nothing was changed for certain, "
            "see 'wattproof keys list'"
        ) from None
    except CommandFailed as error:
        raise StorageError(f"the running gateway could not store the keys: {error}") from error
    finally:
        await client.close()
