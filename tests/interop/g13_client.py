"""A client of the G13 interface, written from the specification of its resources (g13-api.md) and from nothing else.

Only the standard library: ``http.client``, ``ssl``, ``json``. It shares no line with `wattproof.g13`, so what it and
the gateway agree upon is what the specification says.
"""

from __future__ import annotations

import base64
import http.client
import json
import socket
import ssl
import time
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

ALIASES = {
    "power": "powers",
    "tariff/seasonprofiles": "tariff/seasons",
    "energy/conversionfactor": "conversionfactor",
}
NO_CHOICE = frozenset({404, 400})


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        raise ValueError(f"a member twice: {names}")
    return dict(pairs)


class Number(float):
    """A JSON number with a point, which keeps how it was written."""

    text: str

    def __new__(cls, text: str) -> Number:
        made = super().__new__(cls, text)
        made.text = text
        return made


def parse(body: bytes) -> Any:
    """The document of a body; ``ValueError`` for what is no JSON, for NaN and for a member given twice."""

    def constant(name: str) -> Any:
        raise ValueError(f"{name} is no JSON")

    return json.loads(body.decode("utf-8"), object_pairs_hook=_pairs, parse_float=Number, parse_constant=constant)


def compact(body: bytes) -> bool:
    """Whether no blank stands outside of texts (evidence about bytes: the printed lengths)."""
    inside = escaped = False
    for byte in body:
        if inside:
            inside = escaped or byte != 0x22
            escaped = not escaped and byte == 0x5C
        elif byte == 0x22:
            inside = True
        elif byte in b" \t\r\n":
            return False
    return True


class Answer(NamedTuple):
    """``headers`` in the order in which they came, names as written."""

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def __repr__(self) -> str:
        return f"{self.status} {self.reason} {self.headers if self.status == 200 else ''} {self.body[:200]!r}"

    @property
    def document(self) -> Any:
        return parse(self.body)

    @property
    def des(self) -> str:
        """The text of an error answer in JSON."""
        document = self.document
        assert list(document) == ["status", "des"] and document["status"] == "error", self
        return str(document["des"])

    def header(self, name: str) -> str | None:
        found = [value for key, value in self.headers if key.lower() == name.lower()]
        assert len(found) <= 1, self.headers
        return found[0] if found else None

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.headers]

    @property
    def error_id(self) -> int:
        """The number in ``Link: /lasterror/<n>``, also in angle brackets (GD-36)."""
        return int((self.header("Link") or "/lasterror/0").strip("<>").rpartition("/")[2])


class Refused(Exception):
    """The gateway said no: status and text. ``BROKEN`` = 200 with a body that broke off."""

    BROKEN = 200

    def __init__(self, status: int, des: str, answer: Answer | None = None) -> None:
        super().__init__(f"{status} {des}")
        self.status = status
        self.des = des
        self.answer = answer


class G13:
    """One user at one gateway; keeps its connection as long as the gateway does."""

    def __init__(self, url: str, user: str, key: str, *, timeout: float = 60.0, cookie: str | None = None) -> None:
        parts = urlsplit(url)
        assert parts.scheme == "https" and parts.hostname is not None
        self.context = ssl._create_unverified_context()  # the certificate is issued by itself (1.1)
        self.host, self.port, self.timeout = parts.hostname, parts.port or 443, timeout
        self.user, self.key, self.cookie = user, key, cookie
        self._line: http.client.HTTPSConnection | None = None

    def as_(self, user: str, key: str) -> G13:
        """The same gateway, another user."""
        return G13(f"https://{self.host}:{self.port}", user, key, timeout=self.timeout)

    def close(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None

    def credentials(self) -> dict[str, str]:
        if self.cookie is not None:
            return {"Cookie": self.cookie, "Sec-Fetch-Site": "same-origin"}
        if not self.user:
            return {}
        return {"Authorization": "Basic " + base64.b64encode(f"{self.user}:{self.key}".encode()).decode()}

    def ask(
        self, method: str, path: str, body: Any = None, *, raw: bytes | None = None, kind: str = "application/json",
        headers: dict[str, str] | None = None,
    ) -> Answer:  # fmt: skip
        """One request and whatever comes back. ``body``: a document; ``raw``: its bytes instead, sent as ``kind``."""
        data = raw if raw is not None else None if body is None else json.dumps(body, separators=(",", ":")).encode()
        sent = self.credentials() | ({} if data is None else {"Content-Type": kind}) | (headers or {})
        for attempt in (1, 2):
            fresh = self._line is None
            line = self._line or http.client.HTTPSConnection(
                self.host, self.port, timeout=self.timeout, context=self.context
            )
            self._line = line
            try:
                line.request(method, path, data, sent)
                response = line.getresponse()
                break
            except (http.client.RemoteDisconnected, ConnectionError):
                self.close()
                if fresh or attempt == 2:  # an idle connection may have been closed meanwhile
                    raise
        try:
            read = response.read()
        except http.client.IncompleteRead as broken:
            read = broken.partial
            self.close()
        answer = Answer(response.status, response.reason, tuple(response.getheaders()), read)
        if response.will_close:
            self.close()
        return answer

    def upload(self, parts: list[tuple[str, str | None, str | None, bytes]]) -> Answer:
        """#25: a form of parts, each with name, file name, type and content."""
        lines = []
        for name, file, kind, content in parts:
            disposition = f'form-data; name="{name}"' + ("" if file is None else f'; filename="{file}"')
            head = f"--stranger\r\nContent-Disposition: {disposition}\r\n"
            lines.append((head + ("" if kind is None else f"Content-Type: {kind}\r\n") + "\r\n").encode())
            lines.append(content + b"\r\n")
        form = b"".join(lines) + b"--stranger--\r\n"
        return self.ask("POST", "/firmware", raw=form, kind="multipart/form-data; boundary=stranger")

    def open_stream(self, path: str) -> tuple[str, ssl.SSLSocket]:
        """Send a GET and read up to the end of its head; the rest is left in the socket."""
        plain = socket.create_connection((self.host, self.port), self.timeout)
        line = self.context.wrap_socket(plain, server_hostname=self.host)
        head = "".join(f"{name}: {value}\r\n" for name, value in self.credentials().items())
        line.sendall(f"GET {path} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\n{head}\r\n".encode())
        found = b""
        while not found.endswith(b"\r\n\r\n"):
            byte = line.recv(1)
            assert byte, found
            found += byte
        return found.decode(), line

    def do(self, method: str, path: str, body: Any = None) -> Any:
        """The document of a good answer, ``None`` for an empty one; raises `Refused` for everything else.

        A 200 that says ``error`` is one (GD-08); a body that breaks off is followed by the question why (1.3).
        """
        answer = self.ask(method, path, body)
        if answer.status != 200:
            raise Refused(answer.status, answer.des, answer)
        if not answer.body:
            return None
        try:
            document = answer.document
        except ValueError:
            reason = self.ask("GET", f"/lasterror/{answer.error_id}").document
            raise Refused(Refused.BROKEN, reason.get("des", "broken off"), answer) from None
        if isinstance(document, dict) and document.get("status") == "error":
            raise Refused(200, document["des"], answer)
        return document

    def get(self, path: str) -> Any:
        return self.do("GET", path)

    def meter(self, serial: str, what: str, method: str = "GET", body: Any = None) -> Any:
        """A resource of one meter; where a gateway does not know the path, its other spelling once (GD-04..06)."""
        start = f"/meters/{quote(serial, safe='')}/"
        try:
            return self.do(method, start + what, body)
        except Refused as refused:
            if refused.status not in NO_CHOICE or what not in ALIASES:
                raise
            return self.do(method, start + ALIASES[what], body)

    def scan(self, token: int, body: dict[str, Any], patience: float = 20.0) -> list[dict[str, Any]]:
        """What a scan finds (GD-01: 2 runs, 1 is over, 0 is over when the result carries the token)."""
        self.do("POST", f"/meters/scanned/{token}", body | {"token": token})
        end = time.monotonic() + patience
        while True:
            answer = self.get("/meters/scanned")
            found = [row for row in answer["scanresult"] if int(row["token"]) == token]
            if answer["scancomplete"] == 1 or (answer["scancomplete"] == 0 and found):
                return found
            assert time.monotonic() < end, answer
            time.sleep(0.1)


def dechunk(stream: bytes) -> tuple[bytes, bool]:
    """The content of a chunked body, and whether the last chunk is there."""
    content = b""
    while b"\r\n" in stream:
        length, _, stream = stream.partition(b"\r\n")
        size = int(length, 16)
        if size == 0:
            return content, True
        content, stream = content + stream[:size], stream[size + 2 :]
    return content, False


def meters_of(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The meters of ``GET /meters``, with their location."""
    for place in document["locations"]:
        for meter in place["meters"]:
            yield meter | {"location": place["location"]}


def demand_codes() -> set[int]:
    """Every code of 5.7: block 1 or 2, minimum or maximum, level 1 to 3."""
    return {block + kind + level for block in (0, 8) for kind in (0, 4) for level in (1, 2, 3)}
