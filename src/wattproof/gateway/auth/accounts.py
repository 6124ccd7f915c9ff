"""Changes of users, passwords, access and API tokens (g13-api.md 3: 17 to 23; 9.1, GD-24, GD-42, GD-44, GD-45).

Every method checks what its caller may. What comes from a body has its type already; what it means is judged here.
Each change is one transaction with its event and its entry in the audit log, and is obeyed everywhere when it returns.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Sequence
from pathlib import Path

from msgspec import structs

from wattproof.errors import StorageError
from wattproof.g13.rights import ADMIN, LOGIN, SELF_OR_ADMIN
from wattproof.gateway.auth import firststart
from wattproof.gateway.auth.gate import Gate
from wattproof.gateway.auth.identity import Identity, Refusal, Via, forbidden
from wattproof.gateway.auth.keys import check_key, check_name, folded
from wattproof.gateway.auth.passwords import Verifier
from wattproof.gateway.auth.scopes import Scope
from wattproof.gateway.auth.tokens import PER_USER as TOKENS_PER_USER
from wattproof.gateway.auth.tokens import new_token
from wattproof.gateway.auth.writing import Commit
from wattproof.gateway.events import Id, event
from wattproof.gateway.records import Access, Audit, Binding, DropToken, DropUser, Token, User, Write
from wattproof.gateway.store.base import Reader

_log = logging.getLogger(__name__)

USER_UNKNOWN, METER_UNKNOWN, TOKEN_UNKNOWN = "user not found", "meter not found", "token not found"


class Accounts:
    """``folder``: the data directory, in which the file with the one-time password lies; ``None``: not on this host."""

    def __init__(
        self,
        reader: Reader,
        commit: Commit,
        gate: Gate,
        verifier: Verifier,
        *,
        compat: str = "none",
        folder: Path | None = None,
    ) -> None:
        self._reader, self._commit, self._gate, self._verifier = reader, commit, gate, verifier
        self._compat, self._folder = compat, folder

    async def users(self, who: Identity) -> list[User]:
        """All users by name (17). Raises ``Refusal`` 403."""
        who.require(ADMIN)
        return await self._reader.users()

    async def add(self, who: Identity, name: str, key: str) -> None:
        """A new user with ``View Only`` on every meter there is (19, GD-42).

        Raises:
            Refusal: 403; 400 ``invalid user name``, ``user exists``, or what is wrong with the key.
        """
        who.require(ADMIN)
        name = check_name(name)
        if await self._reader.user(name) is not None:
            raise Refusal(400, "user exists")
        check_key(key, name=name, compat=self._compat)
        hash = await self._verifier.hash(key)
        async with self._gate.writing:
            if await self._reader.user(name) is not None:
                raise Refusal(400, "user exists")
            # A generation that no earlier user of this name has had: nothing that was his is good for this one.
            user = User(name, hash, generation=secrets.randbits(52))
            access = [Binding(name, meter.serial, Access.VIEW) for meter in await self._reader.meters()]
            await self._write(who, Id.USER_CHANGED, f"user {name} added", user, *access)

    async def change(
        self, who: Identity, name: str, key: str | None, *, oldkey: str | None = None, admin: bool | None = None
    ) -> None:
        """A new password, the flag of the gateway admin, or both (18). One's own password needs the old one.

        Raises:
            Refusal: 403, also for a wrong ``oldkey``; 404; 400 with the texts of 9.1 and ``last gateway admin``.
        """
        name = folded(name)
        own = name == who.user
        if who.due and not own:
            raise forbidden()
        who.require(SELF_OR_ADMIN, name=name)
        if admin is not None:
            who.require(ADMIN)
        user = await self._reader.user(name)
        if user is None:
            raise Refusal(404, USER_UNKNOWN)
        if key is not None:
            await self._check(who, user, key, oldkey if own else None)
        hash = None if key is None else await self._verifier.hash(key)
        async with self._gate.writing:
            present = await self._reader.user(name)
            if present is None or present.generation != user.generation:
                raise forbidden()  # somebody was faster: what was proved is true no more
            if admin is False and present.admin:
                await self._refuse_last(name)
            await self._change(who, present, hash, present.admin if admin is None else admin)
        if key is not None and user.due:
            self._forget_file()

    async def remove(self, who: Identity, name: str) -> None:
        """Remove a user with all that is his (20, GD-45).

        Raises:
            Refusal: 403; 404; 400 ``admin cannot be deleted``, ``last gateway admin``.
        """
        who.require(ADMIN)
        name = folded(name)
        async with self._gate.writing:
            user = await self._known(name)
            if name == firststart.ADMIN:
                raise Refusal(400, "admin cannot be deleted")
            if user.admin:
                await self._refuse_last(name)
            await self._write(who, Id.USER_CHANGED, f"user {name} removed", DropUser(name))
        self._gate.sessions.end_all(name)

    async def bindings(self, who: Identity, name: str) -> list[tuple[str, Access]]:
        """Access of a user to every registered meter (21). Raises ``Refusal`` 403, 404."""
        name = folded(name)
        who.require(SELF_OR_ADMIN, name=name)
        await self._known(name)
        access = await self._reader.bindings(name)
        return [(meter.serial, access.get(meter.serial, Access.NONE)) for meter in await self._reader.meters()]

    async def bind(self, who: Identity, name: str, serial: str, access: str) -> None:
        """Give a user access to a meter, or take it away (22, 23).

        Raises:
            Refusal: 403; 400 ``invalid access``; 404.
        """
        who.require(ADMIN)
        name = folded(name)
        try:
            level = Access(access)
        except ValueError:
            raise Refusal(400, "invalid access") from None
        await self._known(name)
        meter = await self._reader.meter(serial)
        if meter is None or not meter.active:
            raise Refusal(404, METER_UNKNOWN)
        what = f"user {name}: {level.value} on {serial}"
        await self._write(who, Id.USER_CHANGED, what, Binding(name, serial, level))

    async def tokens(self, who: Identity) -> list[Token]:
        """API tokens: one's own, of everybody for a gateway admin. Raises ``Refusal`` 403."""
        who.require(LOGIN)
        return await self._reader.tokens(None if who.may(ADMIN) else who.user)

    async def issue(
        self, who: Identity, name: str, scopes: Sequence[str], *, expires: int | None = None
    ) -> tuple[Token, str]:
        """A new API token of the caller, and its text, which nobody sees again. ``expires``: UTC ms.

        Raises:
            Refusal: 403, a token makes no token; 400 with what is wrong.
        """
        if who.via is Via.BEARER:
            raise forbidden()
        token, text = new_token(who.user, name, scopes, self._gate.stamp(), expires)
        async with self._gate.writing:
            if len(await self._reader.tokens(who.user)) >= TOKENS_PER_USER:
                raise Refusal(409, "too many tokens")
            await self._write(who, Id.USER_CHANGED, f"token {token.id} of {who.user} made", token)
        return token, text

    async def revoke(self, who: Identity, id: str) -> None:
        """End an API token: one's own, any for a gateway admin. Raises ``Refusal`` 403, 404 ``token not found``."""
        if who.via is Via.BEARER and who.lacks(Scope.ADMIN):
            raise forbidden()
        for token in await self.tokens(who):
            if token.id == id:
                await self._write(who, Id.USER_CHANGED, f"token {id} of {token.user} revoked", DropToken(id))
                return
        raise Refusal(404, TOKEN_UNKNOWN)

    async def _known(self, name: str) -> User:
        user = await self._reader.user(name)
        if user is None:
            raise Refusal(404, USER_UNKNOWN)
        return user

    async def _check(self, who: Identity, user: User, key: str, oldkey: str | None) -> None:
        """Whether ``key`` may follow the present password. Whoever changes his own must know it."""
        if user.name == who.user:
            if oldkey is None:
                raise Refusal(400, "missing oldkey in JSON")
            await self._gate.prove(who, oldkey)
        check_key(key, name=user.name, old=oldkey, compat=self._compat)
        if oldkey is None and await self._verifier.verify(user.hash, key):
            raise Refusal(400, "new key equals old key")

    async def _change(self, who: Identity, user: User, hash: str | None, admin: bool) -> None:
        """Write a user: with another ``hash`` it is another password, and only the session that changed it goes on."""
        if hash is None:
            what = f"user {user.name}: gateway admin {'yes' if admin else 'no'}"
            await self._write(who, Id.USER_CHANGED, what, structs.replace(user, admin=admin))
            return
        generation = user.generation + 1
        own = self._gate.sessions.get(who.session, self._gate.now()) if who.session and user.name == who.user else None
        if own is not None:
            own.generations.add(generation)
        changed = structs.replace(user, hash=hash, generation=generation, admin=admin, due=False)
        more = [] if admin == user.admin else [event(Id.USER_CHANGED, self._gate.stamp(), f"user {user.name}")]
        await self._write(who, Id.PASSWORD_CHANGED, f"password of {user.name} changed", changed, *more)
        self._gate.sessions.end_all(user.name, but=own.digest if own else None)

    async def _refuse_last(self, name: str) -> None:
        if not [user for user in await self._reader.users() if user.admin and user.name != name]:
            raise Refusal(400, "last gateway admin")

    async def _write(self, who: Identity, id: Id, what: str, *writes: Write) -> None:
        now = self._gate.stamp()
        audit = Audit(now, who.user, who.address, id.name.lower(), detail=what)
        await self._commit(*writes, event(id, now, f"{what} by {who.user}"), audit)

    def _forget_file(self) -> None:
        if self._folder is None:
            return
        try:
            firststart.forget(self._folder)
        except StorageError as error:  # what is in it is no password any more
            _log.warning("%s", error)
