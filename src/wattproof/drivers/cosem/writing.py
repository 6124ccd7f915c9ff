"""Data of the type that an attribute has, from what a person or a program gives."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from wattproof.errors import InvalidValue
from wattproof.model.values import Scaled
from wattproof.wire.cosem.data import Data, Tag, name
from wattproof.wire.cosem.shapes import INTEGERS

_WORDS = {"true": True, "on": True, "yes": True, "1": True, "false": False, "off": False, "no": False, "0": False}


def like(present: Data, value: object, scaler: int = 0) -> Data:
    """``value`` as data of the type of ``present``; numbers are divided by 10^scaler.

    Raises ``InvalidValue`` where it does not fit that type.
    """
    tag = present.tag
    if tag is Tag.BOOLEAN:
        return Data(tag, flag(value))
    if tag in INTEGERS:
        return _fitting(Data(tag, whole(value, scaler)))
    if tag in (Tag.FLOAT32, Tag.FLOAT64):
        return Data(tag, float(_decimal(value)))
    if tag in (Tag.VISIBLE_STRING, Tag.UTF8_STRING):
        return _fitting(Data(tag, str(value)))
    if tag is Tag.OCTET_STRING:
        return Data(tag, octets(value, is_text(present.value)))
    raise InvalidValue(f"{name(tag)} cannot be written by its name: it has a shape of its own")


def is_text(value: object) -> bool:
    """Whether bytes are to be shown and taken as text."""
    return isinstance(value, bytes) and bool(value) and all(0x20 <= octet < 0x7F for octet in value)


def flag(value: object) -> bool:
    """A boolean, or a word for one. Raises ``InvalidValue``."""
    found = _WORDS.get(str(value).casefold())
    if found is None:
        raise InvalidValue(f"{value!r} is neither on nor off")
    return found


def whole(value: object, scaler: int = 0) -> int:
    """The whole number that stands for ``value`` in steps of 10^scaler. Raises ``InvalidValue`` where there is none."""
    return Scaled.of(_decimal(value)).at(scaler).mantissa


def octets(value: object, text: bool) -> bytes:
    """Bytes as they are; a text as its letters, or as hexadecimal digits where the attribute holds no text."""
    if isinstance(value, bytes):
        return value
    try:
        return str(value).encode("ascii") if text else bytes.fromhex(str(value))
    except ValueError:
        wanted = "ASCII text" if text else "hexadecimal digits"
        raise InvalidValue(f"{value!r} is no {wanted}") from None


def _decimal(value: object) -> Decimal:
    if isinstance(value, bool):
        raise InvalidValue(f"{value!r} is no number")
    text = str(value)
    try:
        return Decimal(int(text, 16)) if text.lower().startswith("0x") else Decimal(text)
    except (InvalidOperation, ValueError):
        raise InvalidValue(f"{value!r} is no number") from None


def _fitting(data: Data) -> Data:
    data.encode()
    return data
