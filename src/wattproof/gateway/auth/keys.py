"""What a new password ("key") must be (g13-api.md 9.1), and what a user name must be (GD-24)."""

from __future__ import annotations

import re
import unicodedata

from wattproof.gateway.auth.identity import Refusal
from wattproof.gateway.auth.passwords import LONGEST

#: Characters after NFC, by the setting ``compat``.
LENGTHS = {"none": (8, 64), "g13": (1, 16)}
NAME = re.compile(r"[a-z0-9]{1,20}")


def folded(name: str) -> str:
    """A user name as it is kept: ASCII capitals become small (GD-24); others stay and fit no name."""
    return name.lower() if name.isascii() else name


def check_name(name: str) -> str:
    """The folded name. Raises ``Refusal`` 400 where it cannot be one."""
    name = folded(name)
    if not NAME.fullmatch(name):
        raise Refusal(400, "invalid user name")
    return name


def check_key(key: str, *, name: str, old: str | None = None, compat: str = "none") -> None:
    """Whether ``key`` may become the password of ``name``; ``old`` is the present one where it is known.

    Raises:
        Refusal: 400 with the text of 9.1.
    """
    key = unicodedata.normalize("NFC", key) if len(key) <= LONGEST else key
    low, high = LENGTHS[compat]
    if not low <= len(key) <= high:
        raise Refusal(400, "invalid key length")
    # Control characters; halves of surrogate pairs are no characters at all.
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in key):
        raise Refusal(400, "invalid key")
    if old is not None and key == unicodedata.normalize("NFC", old):
        raise Refusal(400, "new key equals old key")
    if folded(key) == name:
        raise Refusal(400, "key equals name")
