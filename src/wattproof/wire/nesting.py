"""How deep a JSON text goes, told before it is parsed.

What a parser bears differs from one version of Python to the next; a limit of one's own does not.
"""

from __future__ import annotations

import re

#: Deeper than anything that a meter is told.
DEEPEST = 64
_MARK = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[{]|[\]}]', re.DOTALL)


def too_deep(text: str, deepest: int = DEEPEST) -> bool:
    """Whether arrays and objects stand inside each other more than ``deepest`` levels; the text may be no JSON at all.

    >>> too_deep("[" * 64), too_deep("[" * 65), too_deep('["' + "[" * 65 + '"]')
    (False, True, False)
    """
    depth = 0
    for mark in _MARK.finditer(text):
        letter = text[mark.start()]
        if letter in "[{":
            depth += 1
            if depth > deepest:
                return True
        elif letter != '"':
            depth = max(0, depth - 1)
    return False
