"""Heads that httptools can parse, and that are no request for this server all the same; listen addresses."""

from __future__ import annotations

import json

import pytest

from wattproof.errors import InvalidURL
from wattproof.gateway.serve.connection import compat_answer, default_answer, malformed
from wattproof.gateway.serve.edge import place

HOST = (b"host", b"x")


@pytest.mark.proves("G-010")
@pytest.mark.parametrize(
    ("version", "target", "upgrade", "headers", "wrong"),
    [
        ("1.1", b"/", False, [HOST], False),
        ("1.0", b"/", False, [], False),
        ("1.1", b"/", False, [HOST, (b"transfer-encoding", b" Chunked ")], False),
        ("1.1", b"/", False, [], True),
        ("1.1", b"/", False, [HOST, HOST], True),
        ("1.0", b"/", False, [HOST, HOST], True),
        ("2.0", b"/", False, [HOST], True),
        ("0.9", b"/", False, [HOST], True),
        ("1.1", b"http://x/", False, [HOST], True),
        ("1.1", b"x:443", False, [HOST], True),
        ("1.1", b"*", False, [HOST], True),
        ("1.1", b"", False, [HOST], True),
        ("1.1", b"/", True, [HOST], True),
        ("1.0", b"/", False, [HOST, (b"transfer-encoding", b"chunked")], True),
        ("1.1", b"/", False, [HOST, (b"transfer-encoding", b"gzip, chunked")], True),
        ("1.1", b"/", False, [HOST, (b"transfer-encoding", b"chunked"), (b"transfer-encoding", b"chunked")], True),
        ("1.1", b"/", False, [HOST, (b"transfer-encoding", b"\x0bchunked")], True),
    ],
)
def test_what_is_malformed(version, target, upgrade, headers, wrong):
    assert malformed(version, target, upgrade, headers) is wrong


@pytest.mark.parametrize("answer", [default_answer, compat_answer])
def test_answers_of_the_edge_have_the_form_of_all_others(answer):
    head, _, body = answer(431, "request header too large").partition(b"\r\n\r\n")
    status, *headers = head.split(b"\r\n")
    found = dict(header.split(b": ") for header in headers)
    assert int(found[b"Content-Length"]) == len(body)
    assert json.loads(body)["status"] == "error"
    assert status in (b"HTTP/1.1 431 Request Header Fields Too Large", b"HTTP/1.1 400 Bad Request")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://127.0.0.1:8443", ("127.0.0.1", 8443)),
        ("https://[::1]:0/", ("::1", 0)),
        ("https://gateway", ("gateway", 443)),
    ],
)
def test_listen_addresses(url, expected):
    assert place(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:80",
        "https://",
        "127.0.0.1:8443",
        "https://x:99999",
        "https://x/a",
        "https://a@x",
        "https://[::1",
    ],
)
def test_what_is_no_listen_address(url):
    with pytest.raises(InvalidURL, match="https://HOST:PORT"):
        place(url)
