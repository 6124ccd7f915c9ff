"""Sessions of the web interface: a cookie of 128 random bits, of which only a hash is kept, in memory (9.5)."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field

from wattproof.gateway.auth.addresses import counted
from wattproof.gateway.auth.facts import COOKIE

#: Milliseconds without a request, and from the login on.
IDLE, ABSOLUTE = 15 * 60_000, 12 * 3_600_000
#: Sessions of one user, and of all.
PER_USER, IN_ALL = 5, 64
ATTRIBUTES = "Secure; HttpOnly; SameSite=Strict; Path=/"


class SessionsFull(Exception):
    """There are as many sessions as there may be."""


@dataclass(slots=True, eq=False)
class Session:
    """``address`` as it is counted. ``generations``: of the password under which it is good; a user who changes his own
    keeps his session."""

    digest: bytes
    user: str
    address: str
    begun: int
    used: int
    generations: set[int] = field(default_factory=set)


def cookie(token: str) -> str:
    """The ``Set-Cookie`` header of a new session."""
    return f"{COOKIE}={token}; {ATTRIBUTES}"


#: The ``Set-Cookie`` header that removes the cookie.
NO_COOKIE = f"{COOKIE}=; Max-Age=0; {ATTRIBUTES}"


class Sessions:
    """The sessions of this process. Times in milliseconds."""

    def __init__(self) -> None:
        self._sessions: dict[bytes, Session] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def open(self, user: str, generation: int, address: str, now: int) -> str:
        """A new session; returns its token. The sixth of a user ends his oldest.

        Raises:
            SessionsFull: there are 64.
        """
        for session in list(self._sessions.values()):
            if _over(session, now):
                self.end(session)
        own = [session for session in self._sessions.values() if session.user == user]
        if len(own) >= PER_USER:
            self.end(min(own, key=lambda session: session.begun))
        if len(self._sessions) >= IN_ALL:
            raise SessionsFull
        token = secrets.token_hex(16)
        session = Session(_digest(token), user, counted(address), now, now, {generation})
        self._sessions[session.digest] = session
        return token

    def find(self, token: str, now: int) -> Session | None:
        """The session of a cookie, used at this moment."""
        session = self.get(_digest(token), now)
        if session is not None:
            session.used = now
        return session

    def get(self, digest: bytes, now: int) -> Session | None:
        """A session by the hash of its token, without using it."""
        session = self._sessions.get(digest)
        if session is not None and _over(session, now):
            self.end(session)
            return None
        return session

    def newest(self, user: str, address: str, now: int) -> Session | None:
        """The session that a user began last from an address."""
        here = (user, counted(address))
        own = [s for s in self._sessions.values() if (s.user, s.address) == here and not _over(s, now)]
        return max(own, key=lambda session: session.begun, default=None)

    def end(self, session: Session) -> None:
        """End one."""
        self._sessions.pop(session.digest, None)

    def end_all(self, user: str, *, address: str | None = None, but: bytes | None = None) -> None:
        """End the sessions of a user (from ``address`` only), but not the one with the digest ``but``."""
        here = None if address is None else counted(address)
        for session in list(self._sessions.values()):
            if session.user == user and session.digest != but and here in (None, session.address):
                self.end(session)


def _over(session: Session, now: int) -> bool:
    return now - session.used >= IDLE or now - session.begun >= ABSOLUTE


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
