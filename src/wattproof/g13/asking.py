"""A question to a G13 gateway and what its answer means, without any connection (g13-api.md 1.2, 1.3, 6, 11.5)."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from wattproof.errors import InvalidValue, ProtocolError
from wattproof.g13 import jsontext
from wattproof.g13.bodies import UPLOAD
from wattproof.g13.failures import DENIED, GatewayRefused, MeterFailed
from wattproof.g13.resources import Resource
from wattproof.io.web import WebAnswer

OURS = "wattproof"
#: Its good answer has a member ``status`` that may say error.
LAST_ERROR = 91
#: Resources that read many meters or rows may keep a client waiting this long for the first byte, in seconds (11.1).
WAITS: Mapping[int, float] = {16: 45.0, 25: 60.0, **dict.fromkeys((51, 69, 73, 77), 75.0)}
METER_WAIT, WAIT = 45.0, 15.0
_LINK = re.compile(r"/lasterror/([0-9]{1,10})")
_SECRETS = re.compile(
    rb'(?i)((?:^|\n)authorization:\s*\w+\s+|(?:^|\n)(?:set-)?cookie:\s*|"(?:old)?key"\s*:\s*")((?:[^"\\\r\n]|\\.)*)'
)
_REMEDIES = {
    401: "name the user with ?user=NAME and a file with the password with ?password-file=PATH",
    403: "the user lacks the right; with a first, one-time password everything is refused until it is changed",
    429: "too many failed logins, or too many requests; wait before you try again",
}


def credentials(user: str, password: str) -> str:
    """The value of the header ``Authorization``. Raises :class:`~wattproof.errors.InvalidValue` for a user name with
    a colon."""
    if ":" in user:
        raise InvalidValue(f"{user!r} is no user name: it holds a colon")
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")


def veiled(data: bytes) -> bytes:
    """Bytes of requests and answers as a trace may show them: passwords and cookies as asterisks, the same length.

    >>> veiled(b'{"name":"a","key":"secret"}')
    b'{"name":"a","key":"******"}'
    """
    return _SECRETS.sub(lambda found: found[1] + b"*" * len(found[2]), data)


def wait_for(resource: Resource) -> float:
    """How long the first byte of an answer may take, in seconds (11.1)."""
    return WAITS.get(resource.number, METER_WAIT if resource.of_meter else WAIT)


def form(image: bytes, filename: str) -> tuple[str, bytes]:
    """Content type and body that upload an image (25). The boundary comes from the image, in which it cannot be."""
    boundary = f"wattproof{hashlib.sha256(image).hexdigest()}"
    shown = re.sub(r'[^ -~]|["\\]', "_", filename)
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="image"; filename="{shown}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    return f"multipart/form-data; boundary={boundary}", head.encode() + image + f"\r\n--{boundary}--\r\n".encode()


def encoded(resource: Resource, body: Any) -> bytes | None:
    """The body of a request as JSON, ``None`` for none."""
    if resource.number == UPLOAD:
        raise InvalidValue("an image is uploaded as a form")
    return None if body is None else jsontext.encode(body)


def error_id(answer: WebAnswer) -> int:
    """The id under which the gateway keeps why an answer broke off; 0: nothing (GD-36)."""
    found = _LINK.search(answer.headers.get("link", ""))
    return int(found[1]) if found else 0


def is_ours(answer: WebAnswer) -> bool:
    """Whether the gateway is one of this package (7)."""
    return answer.headers.get("server", "").lower().startswith(OURS)


def age(answer: WebAnswer) -> int:
    """Age of the oldest value in an answer, in seconds; 0 where the gateway does not say (11.2)."""
    return int(_seconds(answer.headers.get("age", "")) or 0)


def check(answer: WebAnswer, resource: Resource, *, meter: str | None, gateway: str) -> None:
    """Whether an answer is good.

    Raises:
        GatewayRefused: 4xx, or 200 with a body that says error (GD-08).
        MeterFailed: 5xx (GD-07).
        ProtocolError: another status.
    """
    text = error_text(answer.body) if resource.number != LAST_ERROR or not answer.ok else None
    if answer.ok and text is None:
        return
    said = text if text is not None else answer.reason or f"HTTP {answer.status}"
    if answer.status >= 500:
        raise MeterFailed(answer.status, said, resource=resource, meter=meter, gateway=gateway)
    if answer.ok or answer.status >= 400:
        raise GatewayRefused(
            answer.status,
            said,
            resource=resource,
            meter=meter,
            gateway=gateway,
            remedy="" if DENIED in said else _REMEDIES.get(answer.status, ""),
            retry_after=_seconds(answer.headers.get("retry-after", "")),
        )
    raise ProtocolError(f"{gateway} answers {resource} with status {answer.status}")


def error_text(body: bytes) -> str | None:
    """What an error body says; ``None`` if it is none. Type and length of the body are of no account (GD-17, GD-23)."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or found.get("status") != "error":
        return None
    return str(found.get("des", ""))


def _seconds(text: str) -> float | None:
    return float(text) if text.isdecimal() and text.isascii() and len(text) < 10 else None
