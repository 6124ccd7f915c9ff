"""The web pages at ``/``, ``/ui/`` and ``/verify``: files that need no credentials and hold no data (g13-api.md 12)."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from wattproof.gateway.serve.framing import Header, Send

FOLDER = Path(__file__).parent / "pages"
INDEX, VERIFY = "index.html", "verify.html"
TYPES = {
    ".html": b"text/html; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".css": b"text/css; charset=utf-8",
    ".svg": b"image/svg+xml",
    ".md": b"text/plain; charset=utf-8",
    ".woff2": b"font/woff2",
    ".png": b"image/png",
}
POLICY = b"default-src 'self'; base-uri 'none'; form-action 'self'; object-src 'none'"
#: The policy of a page that brings its own, stricter one: it names the page's script and style by their hashes.
_OWN_POLICY = re.compile(rb'<meta http-equiv="Content-Security-Policy" content="([^"]+)">')
SAFETY: tuple[Header, ...] = (
    (b"X-Content-Type-Options", b"nosniff"),
    # Heeded with a certificate that the browser trusts, for this host alone.
    (b"Strict-Transport-Security", b"max-age=31536000"),
    (b"Referrer-Policy", b"no-referrer"),
    (b"Cross-Origin-Opener-Policy", b"same-origin"),
    (b"Cache-Control", b"no-cache"),
)


@dataclass(frozen=True, slots=True)
class Page:
    """A file in memory."""

    body: bytes
    headers: tuple[Header, ...]
    tag: bytes


class Pages:
    """The built pages. Only what lies in the folder at the start is ever served, so no path can lead out of it."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._pages: dict[str, Page] = {}
        for path in sorted(folder.rglob("*")):
            if path.suffix in TYPES and path.is_file():
                self._pages["/ui/" + path.relative_to(folder).as_posix()] = _page(path)
        index = self._pages.get(f"/ui/{INDEX}")
        if index is not None:
            self._pages |= {"/": index, "/ui": index, "/ui/": index}
        verify = self._pages.get(f"/ui/{VERIFY}")
        if verify is not None:
            self._pages["/verify"] = verify

    def find(self, path: str) -> Page | None:
        """The page of a path."""
        return self._pages.get(path)

    @staticmethod
    async def send(send: Send, page: Page, known: bytes | None) -> None:
        """Send a page; only its head if the client knows this very one (``If-None-Match``)."""
        fresh = known == page.tag
        length = () if fresh else ((b"Content-Length", b"%d" % len(page.body)),)
        await send(
            {"type": "http.response.start", "status": 304 if fresh else 200, "headers": [*length, *page.headers]}
        )
        await send({"type": "http.response.body", "body": b"" if fresh else page.body})


def _page(path: Path) -> Page:
    body = path.read_bytes()
    tag = b'"' + hashlib.sha256(body).hexdigest()[:32].encode() + b'"'
    own = _OWN_POLICY.search(body, 0, 4096) if path.name == VERIFY else None
    policy = (own[1] if own else POLICY) + b"; frame-ancestors 'none'"
    headers = ((b"Content-Type", TYPES[path.suffix]), (b"Content-Security-Policy", policy), *SAFETY)
    return Page(body, (*headers, (b"ETag", tag)), tag)
