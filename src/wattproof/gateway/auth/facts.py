"""What the gate needs to know of a request: a few headers, and whom it is from."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wattproof.gateway.auth.addresses import Network, client_address

COOKIE = "wattproof"
#: Methods that change nothing (1.2).
READING = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Facts:
    """``path`` is decoded, ``address`` that of the client (9.4); headers are ``None`` where there are none."""

    method: str
    path: str
    address: str
    authorization: str | None = None
    cookie: str | None = None
    origin: str | None = None
    fetch_site: str | None = None
    host: str | None = None

    @classmethod
    def of(cls, scope: Mapping[str, Any], trusted: Sequence[Network] = ()) -> Facts:
        """Of an ASGI ``http`` scope. Credentials that come twice are read as one header, and so are none."""
        headers: dict[bytes, str] = {}
        for name, value in scope["headers"]:
            text, joint = value.decode("latin-1"), "; " if name == b"cookie" else ", "
            headers[name] = f"{headers[name]}{joint}{text}" if name in headers else text
        peer = scope["client"][0] if scope.get("client") else ""
        return cls(
            method=scope["method"],
            path=scope["path"],
            address=client_address(peer, headers.get(b"x-forwarded-for", ""), trusted),
            authorization=headers.get(b"authorization"),
            cookie=session_cookie(headers.get(b"cookie", "")),
            origin=headers.get(b"origin"),
            fetch_site=headers.get(b"sec-fetch-site"),
            host=headers.get(b"host"),
        )

    @property
    def changes(self) -> bool:
        """Whether the method is one that changes something."""
        return self.method not in READING

    @property
    def basic(self) -> tuple[str, str] | None:
        """User and password of Basic credentials (RFC 7617, UTF-8), ``None`` where there are none that can be read."""
        scheme, _, text = (self.authorization or "").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            user, colon, password = base64.b64decode(text.strip(), validate=True).decode("utf-8").partition(":")
        except (binascii.Error, ValueError):
            return None
        return (user, password) if colon else None

    @property
    def bearer(self) -> str | None:
        """An API token."""
        scheme, _, text = (self.authorization or "").partition(" ")
        return text.strip() if scheme.lower() == "bearer" else None

    @property
    def same_origin(self) -> bool:
        """Whether a page of this host has sent it (9.5)."""
        if self.fetch_site is not None:
            return self.fetch_site == "same-origin"
        return (
            self.origin is not None and self.host is not None and _place(self.origin) == _place(f"https://{self.host}")
        )

    @property
    def foreign(self) -> bool:
        """Whether a browser says that a page of another host has sent it. It may have added credentials by itself."""
        return self.fetch_site is not None and self.fetch_site not in {"same-origin", "none"}


def session_cookie(header: str) -> str | None:
    """The value of our cookie in a ``Cookie`` header."""
    for part in header.split(";"):
        name, _, value = part.strip().partition("=")
        if name == COOKIE:
            return value
    return None


def _place(origin: str) -> str:
    origin = origin.lower()
    return origin.removesuffix(":443") if origin.startswith("https://") else origin
