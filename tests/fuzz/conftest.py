"""Fuzzing by coverage needs atheris, which has wheels for CPython before 3.15 on Linux and x86-64.

Elsewhere its test is not collected. There it must be installed: that it is not would be a failure, not a skip.
"""

from __future__ import annotations

import platform
import sys

HAS_ATHERIS = sys.platform == "linux" and platform.machine() == "x86_64" and sys.version_info < (3, 15)
collect_ignore = [] if HAS_ATHERIS else ["test_guided.py"]
