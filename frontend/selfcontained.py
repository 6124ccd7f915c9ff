"""The verification page as one file: ``python frontend/selfcontained.py``, after the build.

Script and style stand in the page itself under a policy that names them by their hashes and allows nothing else, above
all no connection. The licences of what is in the script stand in the page and are added to those of the other pages.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from pathlib import Path

FRONTEND = Path(__file__).resolve().parent
BUILT = FRONTEND / "node_modules" / ".verify"
PAGES = FRONTEND.parent / "src" / "wattproof" / "gateway" / "serve" / "pages"
ICON = FRONTEND / "public" / "icon.svg"

_POLICY = (
    "default-src 'none'; script-src '{script}'; style-src '{style}'; img-src data:; connect-src 'none'; "
    "base-uri 'none'; form-action 'none'"
)
_HEADING = re.compile(r"^## (.+)$", re.MULTILINE)


def _source(text: str) -> str:
    """The name of an inline script or style in a policy (CSP Level 3, 2.3.1)."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def page(script: str, style: str, licences: str, icon: str) -> str:
    """The whole file."""
    # Inside texts and regular expressions, the only places where these can stand, the backslash changes nothing.
    script = re.sub(r"<(?=/script|!--)", r"<\\", script.strip(), flags=re.IGNORECASE)
    if "</style" in style.lower():
        raise ValueError("the built style cannot stand inside a page")
    policy = _POLICY.format(script=_source(script), style=_source(style))
    picture = "data:image/svg+xml;base64," + base64.b64encode(icon.encode()).decode()
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<meta name="referrer" content="no-referrer">\n'
        f'<title>Check signed meter values</title>\n<link rel="icon" href="{picture}">\n'
        f"<style>{style}</style>\n</head>\n<body>\n"
        "<noscript>This page needs JavaScript, which runs in this browser only. "
        "On a command line, use wattproof verify.</noscript>\n"
        f'<script type="module">{script}</script>\n'
        f"<footer><details><summary>Licences</summary><pre>{html.escape(licences, quote=False)}</pre></details>"
        "</footer>\n"
        "</body>\n</html>\n"
    )


def merged(listed: str, added: str) -> str:
    """The licences of both builds, each package once."""
    known = set(_HEADING.findall(listed))
    parts = _HEADING.split(added)
    for heading, text in zip(parts[1::2], parts[2::2], strict=True):
        if heading not in known:
            listed = f"{listed.rstrip()}\n\n## {heading}{text.rstrip()}\n"
    return listed


def main() -> None:
    licences = (BUILT / "licences.md").read_text(encoding="utf-8")
    parts = [(BUILT / name).read_text(encoding="utf-8") for name in ("verify.js", "verify.css")]
    whole = page(*parts, licences, ICON.read_text(encoding="utf-8"))
    (PAGES / "verify.html").write_text(whole, encoding="utf-8")
    listed = PAGES / "licences.md"
    listed.write_text(merged(listed.read_text(encoding="utf-8"), licences), encoding="utf-8")


if __name__ == "__main__":
    main()
