"""The system's libcrypto, for the two Koblitz curves that ``cryptography`` does not offer.

Nothing is taken for granted: some distributions build the library without these curves. A curve is used only after
one signature that verifies and one that does not were both judged rightly in this process; otherwise
:func:`verifier` answers ``None`` and plain integers do the work.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import hashlib
import os
from collections.abc import Callable
from functools import cache
from typing import Any

# Wycheproof testvectors_v1, ecdsa_<curve>_sha256_test.json: SubjectPublicKeyInfo of the first test group; signature of
# tcId 1 (message empty, valid); tcId 350 / 351 ("Signature generated without truncating the hash", invalid).
_PROBES = {
    "secp192k1": (
        "3046301006072a8648ce3d020106052b8104001f0332000404a4e7bedc7d8137aade86c1a4d223ad704e63dad4717c493efc196def1cad"
        "9823c91f6b8be2611164b93cca4bb2c559",
        "303402185ca564801c724e9027e6d39f006ec3f63bd8d3829fdd785002186eaec4b21473db322e9924f12d2a260467c0ed58882e7134",
        "3036021900c53070be8227256e660d9ca572062d2dde4be55befefe58d021900c30fc40af6fa6f84f3219e72a52ec295b7f94417e67c6e"
        "6d",
    ),
    "secp224k1": (
        "304e301006072a8648ce3d020106052b81040020033a00042ef983fa542b64472e2bc405d9eedd861acc9a7f814fad8275ce6b9a3459ba"
        "4ab52164883bd29eb6ac7e6d22ac7d302c053dc39684928ef9",
        "303d021c464bb0fb437b06922073e124528486e500b1394a05e86b0bf58aa70b021d00f2819cdd8f311adae3930586d1fb883ae071cc8d"
        "60435904ffb9d872",
        "303e021d00838f95addf1212676e8fbca5cf34d525856116a2e7162658fd384446021d00a4d53d1f7cdbe6d71393aed1c41c6d5aa314b5"
        "53e86f8169b5a11543",
    ),
}
_PROBE_DIGEST = hashlib.sha256(b"").digest()

#: Set to ``1`` to do without the system's library, for comparison and for tests.
SWITCH = "WATTPROOF_NO_LIBCRYPTO"


class Key:
    """A public key inside libcrypto; freed with the object."""

    __slots__ = ("_library", "_pointer")

    def __init__(self, library: Any, spki: bytes) -> None:
        start = ctypes.cast(ctypes.c_char_p(spki), ctypes.c_void_p)
        self._library = library
        self._pointer = library.d2i_PUBKEY(None, ctypes.byref(start), len(spki))
        if not self._pointer:
            library.ERR_clear_error()
            raise ValueError("libcrypto does not read this public key")

    def verify(self, signature: bytes, digest: bytes) -> bool:
        """Whether the canonical DER ``signature`` is one of ``digest``."""
        library = self._library
        context = library.EVP_PKEY_CTX_new(self._pointer, None)
        if not context:
            raise MemoryError("libcrypto gave no verification context")
        try:
            if library.EVP_PKEY_verify_init(context) != 1:
                raise ValueError("libcrypto does not verify with this key")
            answer = int(library.EVP_PKEY_verify(context, signature, len(signature), digest, len(digest)))
        finally:
            library.EVP_PKEY_CTX_free(context)
        if answer != 1:
            library.ERR_clear_error()
        return answer == 1

    def __del__(self) -> None:
        if getattr(self, "_pointer", None):
            self._library.EVP_PKEY_free(self._pointer)


def verifier(curve: str) -> Callable[[bytes], Key] | None:
    """A function from SubjectPublicKeyInfo to :class:`Key`, or ``None`` if the curve cannot be relied on here."""
    return None if os.environ.get(SWITCH) == "1" else _probed(curve)


@cache
def _probed(curve: str) -> Callable[[bytes], Key] | None:
    library = _library()
    probe = _PROBES.get(curve)
    if library is None or probe is None:
        return None
    spki, good, bad = (bytes.fromhex(text) for text in probe)
    try:
        key = Key(library, spki)
        right = key.verify(good, _PROBE_DIGEST) and not key.verify(bad, _PROBE_DIGEST)
    except (ValueError, MemoryError):
        return None
    return (lambda der: Key(library, der)) if right else None


@cache
def _library() -> Any:
    """The loaded library with its argument types, or ``None``."""
    name = ctypes.util.find_library("crypto")
    if name is None:
        return None
    pointer, size, text, number = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_int
    try:
        library = ctypes.CDLL(name)
        for function, result, arguments in (
            ("d2i_PUBKEY", pointer, [pointer, pointer, ctypes.c_long]),
            ("EVP_PKEY_free", None, [pointer]),
            ("EVP_PKEY_CTX_new", pointer, [pointer, pointer]),
            ("EVP_PKEY_CTX_free", None, [pointer]),
            ("EVP_PKEY_verify_init", number, [pointer]),
            ("EVP_PKEY_verify", number, [pointer, text, size, text, size]),
            ("ERR_clear_error", None, []),
        ):
            call = getattr(library, function)
            call.restype, call.argtypes = result, arguments
    except (OSError, AttributeError):
        return None
    return library
