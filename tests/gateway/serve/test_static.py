"""The web pages: open to everybody, nothing but what was built, nothing from elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gateway.serve.rig import Rig
from wattproof.gateway.serve.static import Pages


@pytest.mark.parametrize("path", ["/", "/ui", "/ui/"])
async def test_the_page_needs_no_credentials(rig: Rig, path: str) -> None:
    answer = await rig.ask("GET", path, user=None)
    assert answer.status == 200 and b"<title>Wattproof</title>" in answer.body
    policy = answer.header("content-security-policy") or ""
    assert "default-src 'self'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
    assert answer.header("content-length") == str(len(answer.body)) and answer.header("link") is None
    tag = answer.header("etag") or ""
    again = await rig.ask("GET", path, user=None, headers={"if-none-match": tag})
    assert (again.status, again.body, again.header("etag")) == (304, b"", tag)


async def test_what_the_page_names_is_there(rig: Rig) -> None:
    for path, kind in (("/ui/app.js", "text/javascript"), ("/ui/style.css", "text/css"), ("/ui/icon.svg", "image/")):
        answer = await rig.ask("GET", path, user=None)
        assert answer.status == 200 and (answer.header("content-type") or "").startswith(kind)


@pytest.mark.parametrize("path", ["/verify", "/ui/verify.html"])
async def test_the_verification_page_has_its_own_policy(rig: Rig, path: str) -> None:
    answer = await rig.ask("GET", path, user=None)
    assert answer.status == 200 and answer.header("content-type") == "text/html; charset=utf-8"
    policy = answer.header("content-security-policy") or ""
    assert "default-src 'none'" in policy and "connect-src 'none'" in policy and "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy and "'self'" not in policy
    assert answer.header("x-content-type-options") == "nosniff"


async def test_nothing_else_is(rig: Rig, tmp_path: Path) -> None:
    for number, path in enumerate(
        ("/ui/none.js", "/ui/../app.py", "/ui/%2e%2e/app.py", "/ui/manifest.json", "/app.js")
    ):
        rig.clock.advance(1)
        assert (number, (await rig.ask("GET", path, user=None)).status) == (number, 401)
        assert (await rig.ask("GET", path)).status == 404
    assert (await rig.ask("POST", "/ui/", user=None)).status == 401
    assert Pages(tmp_path / "none").find("/") is None
