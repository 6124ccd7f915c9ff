"""The reset button (g13-api.md 8.7): forget users, meters and settings, keep measured history, make a new password.

One transaction is the moment of the reset. What lies in files is done after it and, if that was interrupted, at the
next start: so after ``kill -9`` either everything or nothing is reset.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from msgspec.structs import replace

from wattproof.errors import StorageError, UsageError
from wattproof.gateway.auth import firststart
from wattproof.gateway.auth.passwords import Verifier
from wattproof.gateway.config import Config
from wattproof.gateway.events import Id, event
from wattproof.gateway.records import Audit, ClearEvents, DropToken, DropUser, Setting, User, Write
from wattproof.gateway.store.base import Store
from wattproof.gateway.store.opening import open_store
from wattproof.io.journal import DirectoryInUse, DirectoryLock, sync_directory
from wattproof.model.clock import Clock

#: The setting that says that files are still to be dealt with, and the file that becomes the one-time password.
PENDING, STAGED = "reset", "initial-password.reset"
#: Settings that are no settings of the user: who the gateway is, and which error numbers were given out.
KEPT = frozenset({"identity", "errors"})
#: Files of the data directory that belong to what is forgotten.
FORGOTTEN = ("certificate.pem", "key.pem", "image")


async def factory_reset(config: Config, clock: Clock) -> dict[str, Any]:
    """Reset a gateway that is not running; what ``--factory-reset --json`` prints.

    Raises:
        UsageError: it is running, or there is none.
        StorageError: the disk. Nothing is reset, or at the next start everything is.
    """
    if not config.data.is_dir():
        raise UsageError(f"there is no gateway in {config.data}: name its data directory with --data")
    try:
        lock = DirectoryLock(config.data)
    except DirectoryInUse as error:
        raise UsageError(str(error)) from error
    with lock:
        store = await open_store(config.store_url, config.data, password_file=config.store_password_file)
        verifier = Verifier()
        try:
            password = firststart.first_password(config.compat, config.listen)
            firststart.keep(config.data, password, STAGED)
            await store.commit(*await _writes(store, await verifier.hash(password), clock.time() // 10**6))
            await finish(store, config.data)
        finally:
            await store.close()
            verifier.close()
    file = config.data / firststart.FILE
    return {"reset": True, "user": firststart.ADMIN, "password": password, "password_file": str(file)}


async def _writes(store: Store, hash: str, now: int) -> list[Write]:
    """Everything that the reset changes in the store."""
    writes: list[Write] = [DropToken(token.id) for token in await store.tokens()]
    writes += [DropUser(user.name) for user in await store.users()]
    writes += [replace(meter, active=False) for meter in await store.meters()]
    writes += [Setting(name) for name in await store.settings() if name not in KEPT]
    old = await store.user(firststart.ADMIN)
    generation = 1 if old is None else old.generation + 1
    return [
        *writes,
        User(firststart.ADMIN, hash, generation, admin=True, due=True),
        ClearEvents(now),
        event(Id.EVENTS_RESET, now, "factory reset"),
        Audit(now, "", "", "factory reset"),
        Setting(PENDING, True),
    ]


async def finish(store: Store, folder: Path) -> None:
    """Deal with the files of a reset, if there was one: called at every start. Raises ``StorageError``."""
    staged = folder / STAGED
    try:
        if not await store.setting(PENDING, False):
            staged.unlink(missing_ok=True)  # the reset did not come to its transaction
            return
        if staged.exists():
            staged.rename(folder / firststart.FILE)
        for name in FORGOTTEN:
            path = folder / name
            for file in path.glob("*") if path.is_dir() else [path]:
                file.unlink(missing_ok=True)
        sync_directory(folder)
    except OSError as error:
        raise StorageError(f"cannot finish the reset in {folder}: {error.strerror or error}") from error
    await store.commit(Setting(PENDING))
