"""The gate: who makes a request, and whether he is let in (g13-api.md GD-40, 9).

::

    gate = Gate(reader, commit, verifier, clock, current=client.current)
    client.listen(...)                      # notices: gate.changed(notice.value), before they are confirmed
    identity = await gate.admit(facts)      # raises Refusal

The order is that of GD-40: locked or limited (429), credentials (401), change of the password due (403); and 403 for
what a page of another host makes a browser send. What comes after, path, method and right, is the server's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from msgspec import structs

from wattproof.errors import WattproofError
from wattproof.gateway.auth.addresses import counted
from wattproof.gateway.auth.attempts import Attempts
from wattproof.gateway.auth.buckets import Buckets
from wattproof.gateway.auth.directory import Directory
from wattproof.gateway.auth.facts import Facts
from wattproof.gateway.auth.identity import (
    LOCKED,
    TOO_MANY,
    UNAUTHORIZED,
    Identity,
    Refusal,
    Via,
    forbidden,
)
from wattproof.gateway.auth.judging import Judge
from wattproof.gateway.auth.keys import folded
from wattproof.gateway.auth.lockout import Keys
from wattproof.gateway.auth.passwords import Verifier
from wattproof.gateway.auth.sessions import Sessions, SessionsFull, cookie
from wattproof.gateway.auth.tokens import digest, scopes_of
from wattproof.gateway.auth.writing import Commit
from wattproof.gateway.events import Id, event
from wattproof.gateway.records import Access, User
from wattproof.gateway.store.base import Reader
from wattproof.model.clock import Clock

_log = logging.getLogger(__name__)

#: Requests without valid credentials from one address: a second, and at once (9.4).
ANONYMOUS = (10, 30)
#: What a user may do whose password must be changed (9.1); ``{user}`` is his own name.
WHILE_DUE = frozenset(
    {
        ("GET", "/about"),
        ("POST", "/login"),
        ("POST", "/logout"),
        ("POST", "/users/{user}"),
        ("POST", "/api/v1/login"),
        ("POST", "/api/v1/logout"),
        ("POST", "/api/v1/users/{user}/password"),
    }
)
#: What a notice ``changed`` calls writes that concern users, and counters of failed logins.
USERS = frozenset({"users", "bindings", "tokens"})
COUNTERS = frozenset({"users", "failures"})
#: Here 403 is a page (GD-39).
PAGES = frozenset({"/login", "/logout"})


class Gate:
    """One for each process that serves. ``rate_limit``: requests per user and second, 0 for no limit.

    ``current``: whether every change is told to this process before it is acknowledged; while it is not, nothing is
    remembered. Locks and sessions go by the host's time at the start, carried on by the monotonic clock: setting the
    host's clock neither opens nor prolongs one. What is written down has the host's time of its moment.
    """

    def __init__(
        self,
        reader: Reader,
        commit: Commit,
        verifier: Verifier,
        clock: Clock,
        *,
        current: Callable[[], bool] = lambda: False,
        rate_limit: int = 0,
    ) -> None:
        self.sessions = Sessions()
        self.directory = Directory(reader, current)
        self.attempts = Attempts(reader, commit, current, self.stamp)
        self.judge = Judge(self.directory, self.attempts, verifier, self.now, self._locked_out, self._rehash)
        #: Held while a user is read, changed and written.
        self.writing = asyncio.Lock()
        self._reader, self._commit, self._verifier, self._clock = reader, commit, verifier, clock
        self._start = clock.time() - clock.now()
        self._anonymous = Buckets(*ANONYMOUS)
        self._users = Buckets(rate_limit, rate_limit) if rate_limit else None
        self._said_full = -(10**9)

    def now(self) -> int:
        """Milliseconds by which locks and sessions go."""
        return (self._start + self._clock.now()) // 1_000_000

    def stamp(self) -> int:
        """UTC milliseconds of the host."""
        return self._clock.time() // 1_000_000

    def changed(self, change: Mapping[str, Any] | None = None) -> None:
        """A notice ``changed`` (``kinds`` of writes, ``users``); ``None``: anything may have changed.

        From its return on every request obeys the change.
        """
        kinds, users = (None, None) if change is None else (change.get("kinds"), change.get("users"))
        if kinds is None or not USERS.isdisjoint(kinds):
            self.directory.forget(users or None)
        if kinds is None or not COUNTERS.isdisjoint(kinds):
            self.attempts.forget()

    @property
    def version(self) -> int:
        """Grows with every change on which an admission depends, beside time."""
        return self.directory.version + self.attempts.version + self.judge.verified.version

    def good_until(self, facts: Facts, identity: Identity) -> int:
        """Until when (ms of :meth:`now`) the same credentials from the same address are admitted as the same identity
        for a request that changes nothing, as long as :attr:`version` stays and changes are heard of; 0: ask again."""
        if facts.basic is None or identity.due or self._users is not None:
            return 0
        name, password = facts.basic
        return self.judge.verified.until(self.judge.verified.key(folded(name), password))

    async def close(self) -> None:
        """End what is being verified."""
        await self.judge.close()

    async def admit(self, facts: Facts) -> Identity:
        """Who makes this request.

        Raises:
            Refusal: 429, 401, 403 or 503.
        """
        identity = await self._identify(facts)
        if self._users is not None and not self._users.take(identity.user, self.now()):
            raise Refusal(429, TOO_MANY, retry_after=1)
        html = _plain(facts.path) in PAGES
        if identity.due and not _while_due(facts, identity.user):
            raise forbidden(html=html)
        if facts.changes and (facts.foreign or (identity.via is Via.COOKIE and not facts.same_origin)):
            raise forbidden(html=html)
        return identity

    async def sign_in(self, facts: Facts, name: str, password: str) -> tuple[Identity, str]:
        """A login whose name and password are in the body: who it is, and the ``Set-Cookie`` header.

        Raises:
            Refusal: as :meth:`admit`.
        """
        if facts.foreign:
            raise forbidden()
        identity = await self._by_password(facts, name, password)
        return identity, await self._open(identity, html=False)

    async def login(self, identity: Identity) -> str | None:
        """Begin a session (2): the ``Set-Cookie`` header; ``None`` where there is a session already.

        Raises:
            Refusal: 403, too many sessions; or it is an API token.
        """
        if identity.via is Via.COOKIE:
            return None
        return await self._open(identity, html=True)

    def logout(self, facts: Facts, identity: Identity) -> bool:
        """End the session of the cookie, without a cookie the newest of this user and address, and forget that his
        credentials were right (3). Whether there was a session."""
        now = self.now()
        self.judge.verified.drop(identity.user)
        if facts.cookie is not None:
            session = self.sessions.find(facts.cookie, now)
            session = session if session is not None and session.user == identity.user else None
        else:
            session = self.sessions.newest(identity.user, identity.address, now)
        if session is not None:
            self.sessions.end(session)
        return session is not None

    async def recheck(self, identity: Identity) -> Identity:
        """The same identity with the rights of this moment, for an answer that goes on.

        Raises:
            Refusal: 401, it is over: session, token, password, user, or a lock.
        """
        now = self.now()
        found = await self.directory.user_and_access(identity.user)
        if found is None or await self.attempts_left(identity.user, identity.address):
            raise Refusal(401, UNAUTHORIZED, html=True)
        user, access = found
        if identity.via is Via.BASIC and user.generation != identity.generation:
            raise Refusal(401, UNAUTHORIZED, html=True)
        if identity.session is not None:
            session = self.sessions.get(identity.session, now)
            if session is None or user.generation not in session.generations:
                raise Refusal(401, UNAUTHORIZED, html=True)
        if identity.token is not None:
            token = await self.directory.token(identity.token)
            if token is None or (token.expires is not None and token.expires <= self.stamp()):
                raise Refusal(401, UNAUTHORIZED, html=True)
        return replace(identity, admin=user.admin, access=access, due=user.due)

    async def prove(self, identity: Identity, password: str) -> None:
        """Whether ``password`` is that of the user (``oldkey``); a wrong one counts like a wrong login.

        Raises:
            Refusal: 403 if it is not, 429 if he is locked, 503.
        """
        await self._refuse_locked(identity.user, identity.address)
        if not await self.judge.is_right(identity.user, password, identity.address):
            raise forbidden()

    async def attempts_left(self, user: str | None, address: str) -> int:
        """Seconds for which nobody is judged who comes with this name from this address, 0 if he is."""
        return await self.judge.wait(Keys(user, address))

    async def _identify(self, facts: Facts) -> Identity:
        if (basic := facts.basic) is not None:
            return await self._by_password(facts, *basic)
        if facts.bearer is not None:
            return await self._by_token(facts, facts.bearer)
        if facts.authorization is None and facts.cookie is not None:
            return await self._by_cookie(facts, facts.cookie)
        await self._refuse_locked(None, facts.address)
        raise self._unknown(facts.address)

    async def _by_password(self, facts: Facts, name: str, password: str) -> Identity:
        name = folded(name)
        await self._refuse_locked(name, facts.address)
        if not await self.judge.was_right(name, password):
            paid: list[str] = []

            def pay() -> None:
                self._take(facts.address)
                paid.append(counted(facts.address))

            if not await self.judge.is_right(name, password, facts.address, pay):
                raise Refusal(401, UNAUTHORIZED, html=True)
            for address in paid:
                self._anonymous.give_back(address, self.now())
        found = await self.directory.user_and_access(name)
        if found is None:
            raise self._unknown(facts.address)
        user, access = found
        return _identity(user, access, Via.BASIC, facts.address)

    async def _by_token(self, facts: Facts, text: str) -> Identity:
        await self._refuse_locked(None, facts.address)
        token = await self.directory.token(digest(text))
        found = None if token is None else await self.directory.user_and_access(token.user)
        if token is None or found is None or (token.expires is not None and token.expires <= self.stamp()):
            self._take(facts.address)
            await self.judge.count_token(text, facts.address)
            raise Refusal(401, UNAUTHORIZED, html=True)
        identity = _identity(*found, Via.BEARER, facts.address)
        return replace(identity, scopes=scopes_of(token), token=token.hash)

    async def _by_cookie(self, facts: Facts, text: str) -> Identity:
        session = self.sessions.find(text, self.now())
        await self._refuse_locked(session.user if session else None, facts.address)
        found = await self.directory.user_and_access(session.user) if session else None
        if session is None or found is None or found[0].generation not in session.generations:
            if session is not None:
                self.sessions.end(session)
            raise self._unknown(facts.address)
        return replace(_identity(*found, Via.COOKIE, facts.address), session=session.digest)

    async def _open(self, identity: Identity, *, html: bool) -> str:
        if identity.via is Via.BEARER:
            raise forbidden(html=html)
        now = self.now()
        try:
            return cookie(self.sessions.open(identity.user, identity.generation, identity.address, now))
        except SessionsFull:
            if now - self._said_full >= 60_000:
                self._said_full = now
                await self._commit(event(Id.CONNECTION_LIMIT, self.stamp(), "64 sessions are open"))
            raise forbidden(html=html) from None

    async def _refuse_locked(self, user: str | None, address: str) -> None:
        wait = await self.attempts_left(user, address)
        if wait:
            raise Refusal(429, LOCKED, retry_after=wait)

    def _unknown(self, address: str) -> Refusal:
        """Nobody: 401, and from one address not too often."""
        try:
            self._take(address)
        except Refusal as refusal:
            return refusal
        return Refusal(401, UNAUTHORIZED, html=True)

    def _take(self, address: str) -> None:
        now, name = self.now(), counted(address)
        if not self._anonymous.take(name, now):
            raise Refusal(429, TOO_MANY, retry_after=self._anonymous.wait(name, now))

    async def _rehash(self, user: User, password: str) -> None:
        """Store a password in the stronger way of this release (9.2)."""
        async with self.writing:
            present = await self._reader.user(user.name)
            if present is None or present.hash != user.hash:
                return
            try:
                await self._commit(structs.replace(present, hash=await self._verifier.hash(password)))
            except WattproofError as error:
                _log.info("the password of %s stays as it was stored until the next login: %s", user.name, error)

    def _locked_out(self, user: str, address: str | None) -> None:
        self.sessions.end_all(user, address=address)


def _identity(user: User, access: Mapping[str, Access], via: Via, address: str) -> Identity:
    return Identity(user.name, user.admin, access, via, address, user.generation, user.due)


def _plain(path: str) -> str:
    return path.removesuffix("/")


def _while_due(facts: Facts, user: str) -> bool:
    path = _plain(facts.path)
    return any(facts.method == method and path == allowed.format(user=user) for method, allowed in WHILE_DUE)
