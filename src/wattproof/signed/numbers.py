"""Numbers of signed records: exact, with their literal, and never large enough to hurt.

The limits are checked on the literal before any arithmetic, so an exponent of a billion costs nothing.
Source: specification of the verifier, 0.4 and 1.12.
"""

from __future__ import annotations

import re
from decimal import Decimal

from wattproof.signed.limits import DEFAULT, Limits

#: Literals up to this length without exponent are inside every limit.
_SHORT = 24
_LITERAL = re.compile(r" *(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?", re.ASCII)


class NumberRefused(ValueError):
    """A literal that is no usable number; ``code`` is ``F-RV`` or ``F-RV-RANGE``."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def exact(literal: str, limits: Limits = DEFAULT) -> Decimal:
    """The exact value of a decimal literal: integer, fraction or exponent form, leading blanks and zeros allowed.

    Raises :class:`NumberRefused` for anything else (``F-RV``), and for more digits or a larger exponent than the
    limits allow (``F-RV-RANGE``).
    """
    match = _LITERAL.fullmatch(literal)
    if match is None:
        raise NumberRefused("F-RV", f"{_shown(literal)} is no decimal number")
    sign, whole, fraction, exponent = match.groups()
    if exponent is None and len(literal) <= _SHORT:
        return Decimal(literal.lstrip(" "))
    fraction = fraction or ""
    whole = whole.lstrip("0")
    digits = len(whole) + len(fraction) if whole else len(fraction.lstrip("0"))
    if digits > limits.digits or len(fraction) > limits.digits + limits.exponent:
        raise NumberRefused("F-RV-RANGE", f"{_shown(literal)} has more than {limits.digits} significant digits")
    power = (exponent or "0").lstrip("+-").lstrip("0")
    if len(power) > len(str(limits.exponent)) or int(power or "0") > limits.exponent:
        raise NumberRefused("F-RV-RANGE", f"{_shown(literal)} has an exponent beyond {limits.exponent}")
    text = f"{sign}{whole or '0'}" + (f".{fraction}" if fraction else "") + (f"E{exponent}" if exponent else "")
    return Decimal(text)


def _shown(literal: str) -> str:
    return repr(literal if len(literal) <= 48 else literal[:45] + "...")
