"""What is read of a request."""

from __future__ import annotations

import base64

import pytest

from wattproof.gateway.auth.addresses import networks
from wattproof.gateway.auth.facts import Facts


def facts(**headers: str) -> Facts:
    scope = {
        "method": "POST",
        "path": "/login",
        "client": ("10.0.0.1", 4711),
        "headers": [(name.replace("_", "-").lower().encode(), value.encode()) for name, value in headers.items()],
    }
    return Facts.of(scope, networks(["10.0.0.1"]))


def basic(text: bytes) -> str:
    return "Basic " + base64.b64encode(text).decode()


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (basic(b"admin:secret"), ("admin", "secret")),
        (basic(b"admin:se:cr:et"), ("admin", "se:cr:et")),
        (basic("admin:schlüssel €".encode()), ("admin", "schlüssel €")),
        (basic(b"admin:"), ("admin", "")),
        (basic(b":x"), ("", "x")),
        ("bAsIc  " + base64.b64encode(b"a:b").decode(), ("a", "b")),
        (basic(b"admin"), None),
        (basic(b"\xff\xfe:x"), None),
        ("Basic !!!!", None),
        ("Basic YTpiY", None),
        ("Basic", None),
        ("Bearer YTpi", None),
        ("", None),
        ("YTpi", None),
    ],
)
def test_basic_credentials(header: str, expected: tuple[str, str] | None):
    assert facts(Authorization=header).basic == expected


def test_tokens_and_cookies():
    assert facts(Authorization="bearer  abc ").bearer == "abc"
    assert facts(Authorization=basic(b"a:b")).bearer is None
    assert facts(Cookie="a=1; wattproof=xyz; b=2").cookie == "xyz"
    assert facts(Cookie="xwattproof=1").cookie is None
    assert facts().cookie is None


def test_headers_that_come_twice():
    scope = {"method": "GET", "path": "/", "client": None}
    twice = [(b"authorization", b"Basic YTpi"), (b"authorization", b"Basic Yzpk"), (b"host", b"x"), (b"host", b"y")]
    found = Facts.of({**scope, "headers": [*twice, (b"origin", b"https://x")]})
    assert (found.basic, found.same_origin) == (None, False), "nobody can say which of them counts"
    cookies = [(b"cookie", b"a=b"), (b"cookie", b"wattproof=xyz")]
    assert Facts.of({**scope, "headers": cookies}).cookie == "xyz", "a proxy may have split them"


def test_the_client_behind_a_proxy():
    assert facts(X_Forwarded_For="192.0.2.7").address == "192.0.2.7"
    assert facts().address == "10.0.0.1"
    assert Facts.of({"method": "GET", "path": "/", "client": None, "headers": []}).address == ""


@pytest.mark.proves("G-319")
@pytest.mark.parametrize(
    ("headers", "same", "foreign"),
    [
        ({"Sec_Fetch_Site": "same-origin"}, True, False),
        ({"Sec_Fetch_Site": "same-site"}, False, True),
        ({"Sec_Fetch_Site": "cross-site"}, False, True),
        ({"Sec_Fetch_Site": "none"}, False, False),
        ({"Sec_Fetch_Site": "cross-site", "Origin": "https://gateway:8443"}, False, True),
        ({"Origin": "https://gateway:8443"}, True, False),
        ({"Origin": "https://GATEWAY:8443"}, True, False),
        ({"Origin": "http://gateway:8443"}, False, False),
        ({"Origin": "https://gateway"}, False, False),
        ({"Origin": "https://gateway:8443.evil.example"}, False, False),
        ({"Origin": "null"}, False, False),
        ({}, False, False),
    ],
)
def test_which_page_has_sent_it(headers: dict[str, str], same: bool, foreign: bool):
    found = facts(Host="gateway:8443", **headers)
    assert (found.same_origin, found.foreign) == (same, foreign)


def test_the_default_port_may_be_left_out():
    assert facts(Host="gateway", Origin="https://gateway:443").same_origin
    assert facts(Host="gateway:443", Origin="https://gateway").same_origin
    assert not facts(Origin="https://gateway").same_origin
