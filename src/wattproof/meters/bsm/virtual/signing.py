"""What a BSM signs: the digests of a snapshot and of its OCMF text (sections 13 and 14)."""

from __future__ import annotations

import hashlib

from wattproof.signed.formats import bsm


def snapshot_digest(area: bytes) -> bytes:
    """SHA-256 over the signed bytes of 254 registers (13.3)."""
    return bsm.digest(area)


def text_digest(payload: bytes) -> bytes:
    """SHA-256 over an OCMF payload."""
    return hashlib.sha256(payload).digest()
