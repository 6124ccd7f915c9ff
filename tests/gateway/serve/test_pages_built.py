"""The committed pages are those of the sources, and obey the policy under which they are served."""

from __future__ import annotations

import json
import re

from frontend import findings, manifest


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
    assert names == {"app.js", "icon.svg", "index.html", "licences.md", "manifest.json", "style.css"}
    assert "sourceMappingURL" not in (manifest.PAGES / "app.js").read_text(encoding="utf-8")


def test_german_findings_are_those_of_the_verifier() -> None:
    assert findings.PATH.read_text(encoding="utf-8") == findings.text(), "run `make pages`"


def test_the_lock_file_names_no_server() -> None:
    lock = json.loads((manifest.FRONTEND / "package-lock.json").read_text(encoding="utf-8"))
    assert [name for name, package in lock["packages"].items() if "resolved" in package] == []
