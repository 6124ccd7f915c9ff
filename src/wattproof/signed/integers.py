"""ECDSA in plain integers, for curves and machines where no library has them.

Verification uses public data only, so timing does not matter; private scalars pass through here only for published
test keys. Points are Jacobian triples ``(X, Y, Z)`` with ``x = X/Z^2``, ``y = Y/Z^3``; ``Z = 0`` is infinity.
Sources: SEC 1 (4.1), RFC 6979 for the nonce.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator

from wattproof.signed.parameters import Curve

Point = tuple[int, int, int]
INFINITY: Point = (1, 1, 0)


def double(curve: Curve, point: Point) -> Point:
    """``2 * point``."""
    x, y, z = point
    p = curve.p
    if not z or not y:
        return INFINITY
    yy = y * y % p
    s = 4 * x * yy % p
    m = (3 * x * x + curve.a * pow(z, 4, p)) % p if curve.a else 3 * x * x % p
    nx = (m * m - 2 * s) % p
    return nx, (m * (s - nx) - 8 * yy * yy) % p, 2 * y * z % p


def add(curve: Curve, one: Point, two: Point) -> Point:
    """``one + two``."""
    x1, y1, z1 = one
    x2, y2, z2 = two
    if not z1:
        return two
    if not z2:
        return one
    p = curve.p
    z1z1, z2z2 = z1 * z1 % p, z2 * z2 % p
    u1, u2 = x1 * z2z2 % p, x2 * z1z1 % p
    s1, s2 = y1 * z2 * z2z2 % p, y2 * z1 * z1z1 % p
    if u1 == u2:
        return double(curve, one) if s1 == s2 else INFINITY
    h, r = u2 - u1, s2 - s1
    hh = h * h % p
    hhh, v = h * hh % p, u1 * hh % p
    nx = (r * r - hhh - 2 * v) % p
    return nx, (r * (v - nx) - s1 * hhh) % p, h * z1 * z2 % p


def affine(curve: Curve, point: Point) -> tuple[int, int] | None:
    """``(x, y)``, or ``None`` for infinity."""
    x, y, z = point
    if not z:
        return None
    inverse = pow(z, -1, curve.p)
    square = inverse * inverse % curve.p
    return x * square % curve.p, y * square * inverse % curve.p


def combine(curve: Curve, u: int, one: tuple[int, int], v: int, two: tuple[int, int]) -> Point:
    """``u * one + v * two`` with one chain of doublings for both scalars."""
    first, second = (*one, 1), (*two, 1)
    steps: tuple[Point, ...] = (INFINITY, first, second, add(curve, first, second))
    result = INFINITY
    for bit in range(max(u.bit_length(), v.bit_length()) - 1, -1, -1):
        result = double(curve, result)
        step = (u >> bit & 1) | (v >> bit & 1) << 1
        if step:
            result = add(curve, result, steps[step])
    return result


def public_point(curve: Curve, scalar: int) -> tuple[int, int]:
    """The affine point ``scalar * G``, ``0 < scalar < order``."""
    base = (curve.gx, curve.gy)
    point = affine(curve, combine(curve, scalar, base, 0, base))
    if point is None:
        raise ValueError("the scalar is a multiple of the order")
    return point


def digest_number(curve: Curve, digest: bytes) -> int:
    """The leftmost ``order_bits`` of the digest as a number (SEC 1, 4.1.3 step 5)."""
    surplus = len(digest) * 8 - curve.order_bits
    number = int.from_bytes(digest, "big")
    return number >> surplus if surplus > 0 else number


def verify(curve: Curve, point: tuple[int, int], digest: bytes, r: int, s: int) -> bool:
    """Whether ``(r, s)`` is a signature of ``digest`` for the public ``point``; the point must be on the curve."""
    order = curve.order
    if not (0 < r < order and 0 < s < order):
        return False
    inverse = pow(s, -1, order)
    u, v = digest_number(curve, digest) * inverse % order, r * inverse % order
    found = affine(curve, combine(curve, u, (curve.gx, curve.gy), v, point))
    return found is not None and found[0] % order == r


def sign(curve: Curve, scalar: int, digest: bytes) -> tuple[int, int]:
    """Deterministic ``(r, s)`` of RFC 6979, with the SHA-2 hash whose length the digest has."""
    order = curve.order
    hash_name = f"sha{len(digest) * 8}"
    number = digest_number(curve, digest)
    for nonce in _nonces(curve, scalar, number, hash_name):
        x, _ = public_point(curve, nonce)
        r = x % order
        s = pow(nonce, -1, order) * (number + r * scalar) % order
        if r and s:
            return r, s
    raise AssertionError("the generator of nonces never ends")


def _nonces(curve: Curve, scalar: int, number: int, hash_name: str) -> Iterator[int]:
    """The candidates of RFC 6979, 3.2, in order."""
    size = curve.order_bytes
    seed = scalar.to_bytes(size, "big") + (number % curve.order).to_bytes(size, "big")
    length = hashlib.new(hash_name).digest_size
    key, value = b"\0" * length, b"\1" * length
    for step in (b"\0", b"\1"):
        key = hmac.digest(key, value + step + seed, hash_name)
        value = hmac.digest(key, value, hash_name)
    while True:
        stream = b""
        while len(stream) * 8 < curve.order_bits:
            value = hmac.digest(key, value, hash_name)
            stream += value
        surplus = len(stream) * 8 - curve.order_bits
        candidate = int.from_bytes(stream, "big") >> surplus
        if 0 < candidate < curve.order:
            yield candidate
        key = hmac.digest(key, value + b"\0", hash_name)
        value = hmac.digest(key, value, hash_name)
