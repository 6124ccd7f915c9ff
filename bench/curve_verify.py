"""The bare signature check on curves that few libraries have: CPU microseconds a check, ours and every library found.

Each contestant keeps its key object, gets the same digests and signatures (canonical DER or the two integers, whatever
it takes) and must call every one valid and a changed one not. Ours is what verification calls, ``PublicKey.verify``.
``libcrypto`` is the system's through :mod:`ctypes`; ``ecdsa`` and ``fastecdsa`` take part where they are installed.
A library that judges cases of Wycheproof wrongly, or crashes on them, is shown with their number, and is no peer.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench.measure import HERE, Figure, Target, interleaved, report
from wattproof.signed import curves, libcrypto, testkeys
from wattproof.signed.curves import PublicKey
from wattproof.signed.encoding import Form, Refused, decode, decode_der
from wattproof.signed.keys import point

CURVES = ("secp256k1", "secp192k1", "secp192r1", "secp224k1")
CHECKS = 100

#: Whether DER, r and s are a signature of a digest.
Check = Callable[[bytes, int, int, bytes], bool]
Case = tuple[bytes, int, int, bytes]


def cases(curve: str) -> tuple[PublicKey, list[Case]]:
    """A key, and signatures of it with s in its lower half, which coincurve asks for."""
    private = testkeys.private_key(curve, "001BENCH00000000")
    key = curves.public_key(private)
    found = []
    for number in range(CHECKS):
        digest = hashlib.sha256(str(number).encode()).digest()
        r, s = decode_der(key.curve, curves.sign_digest(private, digest))
        s = min(s, key.curve.order - s)
        found.append((curves.encode_signature(r, s), r, s, digest))
    return key, found


def ours(key: PublicKey) -> Check:
    return lambda der, r, s, digest: key.verify(digest, r, s, der)


def by_cryptography(key: PublicKey) -> Check | None:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

    try:
        handle = serialization.load_der_public_key(key.spki)
    except (UnsupportedAlgorithm, ValueError):
        return None
    assert isinstance(handle, ec.EllipticCurvePublicKey)
    algorithm, verify = ec.ECDSA(Prehashed(hashes.SHA256())), handle.verify

    def check(der: bytes, _r: int, _s: int, digest: bytes) -> bool:
        try:
            verify(der, digest, algorithm)
        except InvalidSignature:
            return False
        return True

    return check


def by_coincurve(key: PublicKey) -> Check | None:
    if key.curve.name != "secp256k1":
        return None
    try:
        import coincurve
    except ImportError:
        return None
    verify = coincurve.PublicKey(key.point).verify
    return lambda der, _r, _s, digest: bool(verify(der, digest, None))


def by_libcrypto(key: PublicKey) -> Check | None:
    library = libcrypto._library()
    if library is None:
        return None
    try:
        handle = libcrypto.Key(library, key.spki)
    except ValueError:
        return None
    return lambda der, _r, _s, digest: handle.verify(der, digest)


def by_ecdsa(key: PublicKey) -> Check | None:
    try:
        import ecdsa  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        return None
    known = {"secp256k1": "SECP256k1", "secp192r1": "NIST192p"}
    if key.curve.name not in known:
        return None
    handle = ecdsa.VerifyingKey.from_string(key.point, getattr(ecdsa, known[key.curve.name]))

    def check(der: bytes, _r: int, _s: int, digest: bytes) -> bool:
        try:
            return bool(handle.verify_digest(der, digest, sigdecode=ecdsa.util.sigdecode_der, allow_truncate=True))
        except ecdsa.BadSignatureError:
            return False

    return check


def by_fastecdsa(key: PublicKey) -> Check | None:
    try:
        from fastecdsa import curve, ecdsa, point  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        return None
    known = {"secp256k1": "secp256k1", "secp192r1": "P192", "secp192k1": "secp192k1", "secp224k1": "secp224k1"}
    parameters = getattr(curve, known[key.curve.name], None)
    if parameters is None:
        return None
    public = point.Point(key.x, key.y, parameters)
    return lambda _der, r, s, digest: bool(ecdsa.verify((r, s), digest, public, parameters, prehashed=True))


PEERS: dict[str, Callable[[PublicKey], Check | None]] = {
    "coincurve": by_coincurve,
    "cryptography": by_cryptography,
    "libcrypto": by_libcrypto,
    "ecdsa": by_ecdsa,
    "fastecdsa": by_fastecdsa,
}


def judges(check: Check, found: list[Case]) -> bool:
    """Whether a contestant calls the signatures valid, and one of another digest not."""
    der, r, s, _ = found[0]
    return all(check(*case) for case in found) and not check(der, r, s, found[1][3])


def wrong(curve: str, make: Callable[[PublicKey], Check | None]) -> int:
    """How many cases of Wycheproof in canonical DER a library judges wrongly, if the vectors are there."""
    folder = Path(os.environ.get("WATTPROOF_VECTORS", HERE.parent.parent / "shared" / "vectors")) / "wycheproof"
    count = 0
    for path in sorted(folder.glob(f"ecdsa_{curve}_sha256_test.json")):
        for group in json.loads(path.read_text())["testGroups"]:
            key = point(curves.CURVES[curve], bytes.fromhex(group["publicKey"]["uncompressed"]))
            check = make(key) if key is not None else None
            if key is not None and check is not None:
                count += sum(_is_wrong(key, check, test) for test in group["tests"])
    return count


def _is_wrong(key: PublicKey, check: Check, test: dict[str, str]) -> bool:
    try:
        found = decode(key.curve, bytes.fromhex(test["sig"]), raw=False)
    except Refused:
        return False
    s = min(found.s, key.curve.order - found.s)
    digest = hashlib.sha256(bytes.fromhex(test["msg"])).digest()
    try:
        answer: bool | None = check(curves.encode_signature(found.r, s), found.r, s, digest)
    except Exception:  # a crash is no answer
        answer = None
    return found.form is Form.DER and answer != (test["result"] == "valid")


def cpu_per_check(check: Check, found: list[Case]) -> float:
    """CPU microseconds of this process for one check."""
    before = time.process_time()
    for der, r, s, digest in found:
        check(der, r, s, digest)
    return (time.process_time() - before) / len(found) * 1e6


def main() -> bool:
    figures: dict[str, Figure] = {}
    targets = []
    for curve in CURVES:
        key, found = cases(curve)
        checks = {"wattproof": ours(key)}
        refused = set()
        for name, make in PEERS.items():
            check = make(key)
            if check is None:
                continue
            count = wrong(curve, make)
            name = f"{name} ({count} wrong)" if count else name
            checks[name] = check
            if count or not judges(check, found):
                refused.add(name)
        if wrong(curve, ours) or not judges(checks["wattproof"], found):
            raise SystemExit(f"{curve}: we judge wrongly")
        runs = {f"{curve}, {name}": partial(cpu_per_check, check, found) for name, check in checks.items()}
        taken = interleaved("curve_verify", "us CPU/check", runs)
        figures |= taken
        peers = {name: taken[f"{curve}, {name}"].median for name in checks if name not in {"wattproof", *refused}}
        if peers:
            best = min(peers, key=peers.__getitem__)
            ratio = peers[best] / taken[f"{curve}, wattproof"].median
            targets.append(Target(f"{curve}: checks per second, ours / {best}", ratio, 0.9, True))
    return report("The bare check on Koblitz and 192-bit curves", figures, targets)
