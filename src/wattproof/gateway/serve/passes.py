"""Requests that were answered a moment ago and are made again: who polls a meter pays for his checks once.

A pass is what a whole admission came to: these credentials from this address may read this path, and its body lies
there. It is good as long as the verification of the password (g13-api.md 9.3), and only while nothing has changed on
which it depends. The credentials are not kept, only their keyed hash (RFC 7693) under a secret of this process.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from wattproof.gateway.auth.facts import Facts
from wattproof.gateway.auth.gate import Gate
from wattproof.gateway.auth.identity import Identity
from wattproof.gateway.serve.cache import Bodies, Kept
from wattproof.gateway.serve.tables import Tables

LIMIT = 1024
#: Paths of one user; all are forgotten when there are more.
PATHS = 256

Headers = Sequence[tuple[bytes, bytes]]


@dataclass(slots=True)
class _Pass:
    version: int
    until: int
    paths: dict[bytes, tuple[Hashable, ...]] = field(default_factory=dict)


class Passes:
    """Behind a proxy the address of a client is not that of the connection: there, nobody gets a pass."""

    def __init__(self, gate: Gate, tables: Tables, bodies: Bodies, *, proxied: bool = False) -> None:
        self._gate = gate
        self._tables = tables
        self._bodies = bodies
        self._proxied = proxied
        self._secret = secrets.token_bytes(32)
        self._known: OrderedDict[bytes, _Pass] = OrderedDict()

    @property
    def _version(self) -> int:
        return self._gate.version + self._tables.version

    def find(self, scope: Mapping[str, Any]) -> Kept | None:
        """The body that this request gets, ``None`` where everything has to be looked at."""
        if not self._known or scope["method"] != "GET":
            return None
        key = self._key(scope)
        found = self._known.get(key) if key is not None else None
        if found is None or found.version != self._version or self._gate.now() >= found.until:
            return None
        path = found.paths.get(scope["raw_path"])
        return None if path is None else self._bodies.get(path)

    def keep(
        self, scope: Mapping[str, Any], facts: Facts, identity: Identity, path: tuple[Hashable, ...], version: int
    ) -> None:
        """This request was answered with the body under ``path``; ``version``: as it was before it was looked at."""
        key = None if self._proxied else self._key(scope)
        if key is None or version != self._version:
            return
        until = self._gate.good_until(facts, identity)
        if not until:
            return
        known = self._known.get(key)
        if known is None or known.version != version or known.until != until or len(known.paths) >= PATHS:
            known = self._known[key] = _Pass(version, until)
            if len(self._known) > LIMIT:
                self._known.popitem(last=False)
        known.paths[scope["raw_path"]] = path

    def begin(self) -> int:
        """The version under which a request is looked at."""
        return self._version

    def _key(self, scope: Mapping[str, Any]) -> bytes | None:
        for name, value in scope["headers"]:
            if name == b"authorization":
                client = scope["client"]
                asker = client[0].encode() if client else b""
                return hashlib.blake2b(b"%b %b" % (asker, value), key=self._secret, digest_size=32).digest()
        return None
