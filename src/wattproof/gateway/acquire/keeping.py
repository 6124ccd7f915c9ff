"""What meters sign in charging sessions is stored as it came, with the meter's key and the verifier's verdict."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from wattproof.drivers.charging import SignedRecord
from wattproof.errors import StorageError
from wattproof.gateway import keyregister, records
from wattproof.gateway.acquire.judging import Judge, is_ocmf
from wattproof.gateway.acquire.site import NO_SPACE
from wattproof.gateway.events import Id, event
from wattproof.gateway.local import CommandFailed, Failing
from wattproof.gateway.records import PublicKey, Session, Write
from wattproof.gateway.store.base import Store

log = logging.getLogger(__name__)

Commit = Callable[..., Awaitable[None]]


class Keeping:
    """Stores with ``commit`` and reads from ``store``; ``now`` is host time, UTC ms."""

    def __init__(self, store: Store, commit: Commit, now: Callable[[], int], judge: Judge) -> None:
        self._store = store
        self._durable = commit
        self._now = now
        self._judge = judge

    async def commit(self, *writes: Write) -> None:
        """Store these durably. Raises :class:`CommandFailed` (``storage``)."""
        try:
            await self._durable(*writes)
        except StorageError as error:
            raise CommandFailed(Failing.STORAGE, NO_SPACE, detail=str(error)) from error

    async def keep(self, session: Session, stored: set[str], record: Any) -> None:
        """Store what the meter has signed beside what is ``stored``, with the verdict on each, and add it there."""
        pieces = (("begin", record.begin), *(("evidence", piece) for piece in record.evidence), ("end", record.end))
        new = [(role, taken) for role, taken in pieces if taken is not None and taken.words not in stored]
        writes = [write for role, taken in new for write in await self._signed(session, role, taken)]
        if writes:
            await self.commit(*writes)
            stored |= {taken.words for _, taken in new}

    async def _signed(self, session: Session, role: str, taken: SignedRecord) -> list[Write]:
        serial, now = session.serial, self._now()
        seen = await self._store.keys(serial)
        writes: list[Write] = []
        if taken.key and taken.key not in [known.key for known in seen]:
            writes.append(PublicKey(serial, taken.key, now))
            if seen:
                log.warning(
                    "meter %s signs with another public key than the one first seen, which stays the one that its "
                    "records are held against unless the key register trusts this one: %s",
                    serial,
                    taken.key.hex(),
                )
                writes.append(event(Id.METER_KEY_CHANGED, now, f"{serial}, session {session.id}"))
        register = await keyregister.load(self._store)
        known = keyregister.known(register, seen, serial, taken.key)
        signature, overall = await asyncio.to_thread(self._judge.record, taken, known, serial)
        kept = records.SignedRecord(
            session=session.id,
            serial=serial,
            role=role,
            time=now,
            format="OCMF" if is_ocmf(taken) else "registers",
            data=taken.words.encode(),
            signature=signature,
            overall=overall,
        )
        return [*writes, kept]

    async def judged(self, session: Session, record: Any) -> tuple[list[Write], dict[str, Any] | None]:
        """The whole session as a file, to be stored, and what the verifier says about it, with the key of the register,
        else that first seen.

        ``None`` where there is no begin and end.
        """
        seen = await self._store.keys(session.serial)
        register = await keyregister.load(self._store)
        stated = next((piece.key for piece in (record.end, record.begin) if piece is not None and piece.key), b"")
        known = keyregister.known(register, seen, session.serial, stated if seen else b"")
        family = str(session.options["family"])
        whole = await asyncio.to_thread(self._judge.session, family, record, known, register)
        if whole is None:
            return [], None
        name, document, verdict = whole
        signed = records.SignedRecord(
            session=session.id,
            serial=session.serial,
            role="session",
            time=self._now(),
            format=name,
            data=document,
            signature="",
            overall=verdict["sessions"][0]["overall"] if verdict["sessions"] else "red",
        )
        return [signed], verdict
