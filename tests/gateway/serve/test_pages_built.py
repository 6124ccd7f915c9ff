"""The committed pages are those of the sources, and obey the policy under which they are served."""

from __future__ import annotations

import base64
import hashlib
import json
import re

from frontend import findings, manifest, selfcontained


def test_the_committed_pages_were_built_from_the_present_sources() -> None:
    """Whoever changes a source runs `make pages`; this needs no node to notice."""
    assert json.loads(manifest.MANIFEST.read_text(encoding="utf-8")) == manifest.described(), "run `make pages`"


def test_nothing_is_inline_and_nothing_comes_from_elsewhere() -> None:
    """`default-src 'self'` stops inline code, inline style and foreign addresses; so there are none."""
    page = (manifest.PAGES / "index.html").read_text(encoding="utf-8")
    assert re.findall(r"<script[^>]*>\s*[^<\s]", page) == []
    assert re.findall(r"<style|\sstyle=|\son\w+=", page) == []
    assert {address.split("/")[1] for address in re.findall(r'(?:src|href)="([^"]+)"', page)} == {"ui"}
    style = (manifest.PAGES / "style.css").read_text(encoding="utf-8")
    assert re.findall(r"url\(|@import", style) == []


def test_no_map_of_the_sources_is_shipped_and_names_are_stable() -> None:
    names = {path.name for path in manifest.PAGES.iterdir()}
    assert names == {"app.js", "icon.svg", "index.html", "licences.md", "manifest.json", "style.css", "verify.html"}
    assert "sourceMappingURL" not in (manifest.PAGES / "app.js").read_text(encoding="utf-8")


def test_sentences_and_tables_are_those_of_the_verifier() -> None:
    assert findings.PATH.read_text(encoding="utf-8") == findings.text(), "run `make pages`"
    assert findings.DATA.read_text(encoding="utf-8") == findings.data(), "run `make pages`"


def test_the_verification_page_is_one_file_under_a_policy_of_hashes() -> None:
    page = (manifest.PAGES / "verify.html").read_text(encoding="utf-8")
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    for name, tag in (("script", '<script type="module">'), ("style", "<style>")):
        inside = page.partition(tag)[2].partition(f"</{name}>")[0]
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert rules[f"{name}-src"] == f"'sha256-{digest}'"
    assert rules["default-src"] == rules["connect-src"] == rules["form-action"] == rules["base-uri"] == "'none'"
    assert page.count("<script") == page.count("<style") == 1
    addresses = re.findall(r'\s(?:src|href)="([^"]+)"', page.partition("<script")[0])
    assert [address.split(",")[0] for address in addresses] == ["data:image/svg+xml;base64"]
    calls = r"\bfetch\(|XMLHttpRequest|WebSocket|sendBeacon|importScripts|sourceMappingURL|\bimport\("
    assert re.findall(calls, page) == []


def test_the_licences_of_both_builds_are_listed_once() -> None:
    listed = (manifest.PAGES / "licences.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (\S+)", listed, re.MULTILINE)
    assert {"@noble/curves", "@noble/hashes", "svelte", "uplot"} <= set(headings)
    assert len(headings) == len(set(headings))
    assert selfcontained.merged("# L\n\n## a - 1\n\nx\n", "# L\n\n## a - 1\n\nx\n\n## b - 2\n\ny\n") == (
        "# L\n\n## a - 1\n\nx\n\n## b - 2\n\ny\n"
    )
    assert "@noble/curves" in (manifest.PAGES / "verify.html").read_text(encoding="utf-8"), "it is passed on alone"


def test_script_and_style_cannot_end_early() -> None:
    page = selfcontained.page('a="</script><!--"', "b{}", "<x>", "<svg/>")
    assert '<script type="module">a="<\\/script><\\!--"</script>' in page and "<pre>&lt;x&gt;</pre>" in page


def test_the_lock_file_names_no_server() -> None:
    lock = json.loads((manifest.FRONTEND / "package-lock.json").read_text(encoding="utf-8"))
    assert [name for name, package in lock["packages"].items() if "resolved" in package] == []
