"""Arbitrary bytes as path, header, credentials and body: a refusal within limits, never a failure (G-011)."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from tests.gateway.serve.requests import prepare, sample
from tests.gateway.serve.rig import Rig
from wattproof.g13.resources import RESOURCES

SEED = 20261130
#: Values that readers of JSON stumble over.
ODD = [
    None, True, False, 0, -1, 2**31, 2**63, 10**40, 1e308, "", "\x00", "\ud800", "a" * 5000, [], {}, [[]], {"": None},
    "2026-13-01T00:00:00", "٣", "1e5", "NaN", "𝟘", " 5",
]  # fmt: skip


def rubbish(source: random.Random, length: int) -> bytes:
    kinds = (range(256), b'abc/{}[]:,"0123456789 \\%+-eE.\r\n', b"\x00\xff\xfe\xc3\xa9\xed\xa0\x80")
    alphabet = source.choice(kinds)
    return bytes(source.choice(alphabet) for _ in range(source.randrange(length)))


def bent(source: random.Random, value: Any) -> Any:
    """A body with something odd somewhere in it."""
    if isinstance(value, dict) and value and source.random() < 0.8:
        name = source.choice(list(value))
        changed = dict(value)
        action = source.random()
        if action < 0.2:
            del changed[name]
        else:
            changed[name if action < 0.9 else name.upper()] = bent(source, value[name])
        return changed
    if isinstance(value, list) and value and source.random() < 0.8:
        place = source.randrange(len(value))
        return [*value[:place], bent(source, value[place]), *value[place + 1 :]]
    return source.choice(ODD)


def scope(method: str, path: bytes, headers: list[tuple[bytes, bytes]]) -> dict[str, Any]:
    return {
        "type": "http", "method": method, "path": path.decode("latin-1"), "raw_path": path, "query_string": b"",
        "headers": headers, "client": ("192.0.2.9", 40000), "server": ("127.0.0.1", 8443), "scheme": "https",
    }  # fmt: skip


@pytest.fixture(params=["none", "g13"])
async def served(request: Any, tmp_path: Any, store: Any, verifier: Any) -> Any:
    made = Rig(tmp_path, store, verifier, compat=request.param)
    await made.furnish()
    await prepare(made)
    yield made
    await made.close()


@pytest.mark.proves("G-011")
async def test_bent_bodies_are_refused_or_served_but_never_fail(served: Rig) -> None:
    source = random.Random(SEED)
    resources = [resource for resource in RESOURCES if sample(resource).body is not None and resource.number != 25]
    for _ in range(700):
        resource = source.choice(resources)
        asked = sample(resource)
        body = json.dumps(bent(source, asked.body)).encode()
        answer = await served.ask(asked.method, asked.path, body, user=source.choice(["carl", "gina"]))
        assert answer.status in (200, 400, 403, 404), (resource.number, body, answer)
        assert answer.status == 200 or answer.text
    assert {user.name for user in await served.store.users()} >= {"admin", "gina", "carl"}


@pytest.mark.proves("G-011")
async def test_rubbish_is_refused_but_never_fails(served: Rig) -> None:
    source = random.Random(SEED)
    for _ in range(700):
        served.clock.advance(0.2)
        credentials = b"Basic Y2FybDpjYXJsLXNlY3JldA==" if source.random() < 0.7 else rubbish(source, 60)
        headers = [(b"authorization", credentials)]
        names = (b"content-type", b"content-length", b"cookie", b"origin", b"sec-fetch-site", b"host", b"x")
        headers += [(name, rubbish(source, 40)) for name in names if source.random() < 0.2]
        start = source.choice([b"/", b"/meters/", b"/meters/ABB_8/", b"/users/", b"/lasterror/", b"/meters/M/demand/"])
        path = start + rubbish(source, 40).replace(b"?", b"")
        method = source.choice(["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD"])
        answer = await served.exchange(scope(method, path, headers), [rubbish(source, 100)])
        assert 200 <= answer.status < 500, (method, path, headers, answer)
        assert answer.complete and not answer.cut
