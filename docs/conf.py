"""Sphinx: the manual. Register, fault and option tables are generated from the device data before every build."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent / "src"))

from wattproof.version import __version__  # noqa: E402

project = "Wattproof"
author = "The Wattproof authors"
copyright = "2026, the Wattproof authors"
version = release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.doctest", "sphinx.ext.intersphinx"]
intersphinx_mapping: dict[str, object] = {}
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = f"Wattproof {version}"
autodoc_typehints = "description"
autodoc_member_order = "bysource"
nitpicky = False


def setup(app: object) -> None:
    """Write the generated pages first."""
    import generate

    generate.write_all()
