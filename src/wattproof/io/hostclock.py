"""Whether the host's clock is synchronised with others."""

from __future__ import annotations

import ctypes
import sys

#: ``adjtimex`` returns this while the clock is not synchronised (adjtimex(2): TIME_ERROR).
_UNSYNCHRONISED = 5
#: No ``struct timex`` is longer; with ``modes`` 0 nothing is set.
_TIMEX = 512


def synchronised() -> bool:
    """What the kernel says; ``False`` where it does not tell."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX))
    except (OSError, AttributeError):
        return False
    return bool(0 <= state < _UNSYNCHRONISED)
