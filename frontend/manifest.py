"""Are the built pages those of the present sources? ``python frontend/manifest.py [--write]``.

The pages are built with node and committed, so that nobody needs node to run or to test the gateway. The build leaves
``manifest.json`` beside them: one hash over the sources with the lock file, and one for each built file.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

FRONTEND = Path(__file__).resolve().parent
PAGES = FRONTEND.parent / "src" / "wattproof" / "gateway" / "serve" / "pages"
MANIFEST = PAGES / "manifest.json"
#: What a build depends on, below ``frontend/``.
SOURCES = (
    "index.html",
    "verify.html",
    "package.json",
    "package-lock.json",
    "svelte.config.js",
    "tsconfig.json",
    "vite.config.ts",
    "vite.verify.config.ts",
    "selfcontained.py",
)
FOLDERS = ("src", "public")


def sources() -> Iterator[Path]:
    """Every file that goes into the pages, in a fixed order."""
    yield from (FRONTEND / name for name in SOURCES)
    for folder in FOLDERS:
        yield from sorted(path for path in (FRONTEND / folder).rglob("*") if path.is_file())


def described() -> dict[str, object]:
    """The manifest that would be true now."""
    whole = hashlib.sha256()
    for path in sources():
        data = path.read_bytes()
        whole.update(f"{path.relative_to(FRONTEND).as_posix()} {len(data)}\n".encode() + data)
    built = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(PAGES.iterdir()) if path != MANIFEST
    }
    return {"sources": whole.hexdigest(), "files": built}


def main(arguments: list[str]) -> int:
    if "--write" in arguments:
        MANIFEST.write_text(json.dumps(described(), indent=1) + "\n", encoding="utf-8")
        return 0
    if not MANIFEST.is_file() or json.loads(MANIFEST.read_text(encoding="utf-8")) != described():
        print("the built pages are not those of frontend/: run `make pages` and commit the result", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
