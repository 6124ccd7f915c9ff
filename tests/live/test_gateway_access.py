"""Users, locks and sessions of the whole gateway, from the outside: two processes, TLS, a store on disk."""

from __future__ import annotations

import base64
import http.client
import json
import os
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.live.running_gateway import KEY, PATIENCE, Gateway, gateway, simulated

METER = '[[bus]]\nname = "hall"\nurl = "{url}"\n[[meter]]\nbus = "hall"\nfamily = "bsm"\n'
ELSEWHERE, ATTACKER = "127.0.0.7", "127.0.0.9"
SECRET = "operator-secret"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("access")
    with (
        simulated("bsm", "--listen", "tcp://127.0.0.1:0", "--seed", "7") as meter,
        gateway(folder, METER.format(url=meter["listen"][0])) as made,
    ):
        made.change_password()
        made.until("/meters", lambda found: found["locations"])
        yield made


@pytest.fixture
def serial(running: Gateway) -> str:
    return str(running.get("/meters")["locations"][0]["meters"][0]["serial"])


def connect(running: Gateway, source: str = "127.0.0.1") -> http.client.HTTPSConnection:
    place = urlsplit(running.url)
    context = ssl.create_default_context(cafile=running.data / "certificate.pem")
    return http.client.HTTPSConnection(
        place.hostname or "", place.port, context=context, source_address=(source, 0), timeout=20
    )


def ask(
    running: Gateway,
    method: str,
    path: str,
    body: Any = None,
    *,
    pair: str | None = None,
    source: str = "127.0.0.1",
    headers: Mapping[str, str] | None = None,
) -> tuple[int, http.client.HTTPMessage, bytes]:
    """One request on a connection of its own from an address."""
    sent = dict(headers or {})
    if pair is not None:
        sent["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    if body is not None:
        sent["Content-Type"] = "application/json"
    connection = connect(running, source)
    try:
        connection.request(method, path, None if body is None else json.dumps(body), sent)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def ids(running: Gateway) -> list[int]:
    return [event["id"] for event in running.get("/gateway/events")["events"]]


@pytest.mark.proves("G-320", "G-321", "G-322", "G-324")
def test_users_and_what_they_see(running: Gateway, serial: str) -> None:
    before = len(ids(running))
    assert running.ask("PUT", "/users", {"name": "viewer", "key": SECRET}).status == 200
    assert running.get("/users/viewer/bindings")["bindings"] == [{"serial": serial, "access": "View Only"}]
    as_viewer = {"user": "viewer", "password": SECRET}
    assert len(running.get("/meters", **as_viewer)["locations"]) == 1
    assert running.ask("GET", f"/meters/{serial}/status", **as_viewer).status == 200
    hidden = {"name": "viewer", "serial": serial, "access": "No Access"}
    assert running.ask("PUT", "/users/viewer/bindings", hidden).status == 200
    assert running.get("/meters", **as_viewer)["locations"] == []
    for path in (f"/meters/{serial}/status", "/meters/UNKNOWN/status"):
        answer = running.ask("GET", path, **as_viewer)
        assert (answer.status, answer.json["des"]) == (403, "Forbidden: Access Denied")
    refused = running.ask("DELETE", "/users/admin")
    assert (refused.status, refused.json["des"]) == (400, "admin cannot be deleted")
    assert running.ask("DELETE", "/users/viewer").status == 200
    assert running.ask("GET", "/about", **as_viewer).status == 401
    # The failed login is told as well: nobody of that name is there any more.
    assert ids(running)[: len(ids(running)) - before] == [1, 3, 3, 3]


@pytest.mark.proves("G-310", "G-319")
def test_a_session_by_cookie(running: Gateway) -> None:
    assert running.ask("PUT", "/users", {"name": "browser", "key": SECRET}).status == 200
    status, headers, body = ask(running, "POST", "/login", pair=f"browser:{SECRET}")
    assert (status, body) == (200, b"")
    cookie, *attributes = headers["Set-Cookie"].split("; ")
    assert attributes == ["Secure", "HttpOnly", "SameSite=Strict", "Path=/"]
    assert len(bytes.fromhex(cookie.removeprefix("wattproof="))) == 16
    sent = {"Cookie": cookie}
    assert ask(running, "GET", "/about", headers=sent)[0] == 200
    change = {"name": "browser", "oldkey": SECRET, "key": "another-secret"}
    for foreign in ({}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert ask(running, "POST", "/users/browser", change, headers={**sent, **foreign})[0] == 403
    own = {**sent, "Origin": running.url}
    other = ask(running, "POST", "/login", pair=f"browser:{SECRET}")[1]["Set-Cookie"].partition(";")[0]
    assert ask(running, "POST", "/users/browser", change, headers=own)[0] == 200
    assert ask(running, "GET", "/about", headers=sent)[0] == 200, "this one changed it"
    assert ask(running, "GET", "/about", headers={"Cookie": other})[0] == 401
    assert ask(running, "GET", "/about", pair=f"browser:{SECRET}")[0] == 401
    assert ask(running, "POST", "/logout", headers=own)[0] == 200
    assert ask(running, "GET", "/about", headers=sent)[0] == 401
    status, headers, _ = ask(running, "POST", "/login", pair="browser:another-secret")
    sent = {"Cookie": headers["Set-Cookie"].partition(";")[0]}
    assert running.ask("DELETE", "/users/browser").status == 200
    assert ask(running, "GET", "/about", headers=sent)[0] == 401


def test_pages_and_their_data_are_guarded_in_the_browser(running: Gateway) -> None:
    status, headers, _ = ask(running, "GET", "/")
    policy = headers["Content-Security-Policy"]
    assert (status, "default-src 'self'" in policy, "frame-ancestors 'none'" in policy) == (200, True, True)
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Strict-Transport-Security"].startswith("max-age=")
    status, headers, _ = ask(running, "GET", "/api/v1/me", pair=f"admin:{KEY}")
    assert (status, headers["Cache-Control"], headers["X-Content-Type-Options"]) == (200, "no-store", "nosniff")
    for found in (headers, ask(running, "GET", "/about", pair=f"admin:{KEY}")[1]):
        assert not [name for name in found if name.lower().startswith("access-control")]


@pytest.mark.proves("G-311")
def test_a_live_stream_ends_with_the_right_to_it(running: Gateway, serial: str) -> None:
    assert running.ask("PUT", "/users", {"name": "watcher", "key": SECRET}).status == 200
    connection = connect(running)
    pair = base64.b64encode(f"watcher:{SECRET}".encode()).decode()
    connection.request("GET", f"/api/v1/live?serial={serial}", headers={"Authorization": f"Basic {pair}"})
    answer = connection.getresponse()
    assert answer.status == 200
    ended = threading.Event()

    def listen() -> None:
        while answer.read1(65536):
            pass
        ended.set()

    listening = threading.Thread(target=listen)
    listening.start()
    try:
        assert not ended.wait(0.5)
        taken = {"name": "watcher", "serial": serial, "access": "No Access"}
        assert running.ask("PUT", "/users/watcher/bindings", taken).status == 200
        assert ended.wait(5)
    finally:
        connection.close()
        listening.join(10)


@pytest.mark.proves("G-313", "G-316", "G-317", "G-312")
def test_guessers_are_locked_out_over_kill_9_and_leave_no_secret_behind(running: Gateway) -> None:
    for user in ("admin", "nobody"):
        found = [ask(running, "GET", "/about", pair=f"{user}:guess-{n}", source=ATTACKER)[0] for n in range(6)]
        assert found == [401] * 5 + [429], user
    status, headers, body = ask(running, "GET", "/about", pair=f"admin:{KEY}", source=ATTACKER)
    assert (status, json.loads(body)["des"]) == (429, "too many failed logins")
    assert 0 < int(headers["Retry-After"]) <= 60
    assert ask(running, "GET", "/about", pair=f"admin:{KEY}", source=ELSEWHERE)[0] == 200
    for name in ("serve", "acquire"):
        running.kill(name)
        running.until("/about", lambda found: True)
    end = time.monotonic() + PATIENCE
    while running.ask("PUT", "/users", {"name": "lastone", "key": SECRET}).status != 200:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert ask(running, "GET", "/about", pair=f"admin:{KEY}", source=ATTACKER)[0] == 429
    files = [path for path in running.data.rglob("*") if path.is_file()] + [running.data.parent / "gateway.log"]
    content = b"".join(path.read_bytes() for path in files)
    assert b"$argon2id$" in content
    for secret in (KEY, SECRET, "guess-", base64.b64encode(f"admin:{KEY}".encode()).decode()):
        assert secret.encode() not in content, secret


@pytest.mark.proves("G-011")
def test_arbitrary_credentials_are_401(running: Gateway) -> None:
    for number, text in enumerate(("Basic", "Basic " + "A" * 9000, "Bearer " + "A" * 9000, "\xff\xfe", "Basic Og==")):
        source = f"127.0.1.{number + 1}"
        status, _, body = ask(running, "GET", "/about", headers={"Authorization": text}, source=source)
        assert (status, len(body)) == (401, 162), text
    long = os.urandom(3000).hex()
    assert ask(running, "GET", "/about", pair=f"admin:{long}", source="127.0.1.9")[0] == 401
    assert ask(running, "GET", "/about", pair=f"{long}:x", source="127.0.1.9")[0] == 401
