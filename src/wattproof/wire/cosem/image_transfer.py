"""Firmware images in blocks: parameters and values of class 18 (IEC 62056-62, image transfer; abb-meters.md 2.12)."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from wattproof.wire.cosem.data import Data, double_long_unsigned, octet_string, structure
from wattproof.wire.cosem.shapes import fields, number, octets


class ImageStatus(IntEnum):
    """Attribute 6: how far a transfer is."""

    NOT_INITIATED = 0
    INITIATED = 1
    VERIFYING = 2
    VERIFIED = 3
    VERIFICATION_FAILED = 4
    ACTIVATING = 5
    ACTIVATED = 6
    ACTIVATION_FAILED = 7


class ImageInitiation(NamedTuple):
    """Parameter of method 1: which image comes, and how many bytes it has."""

    identifier: bytes
    size: int

    @property
    def data(self) -> Data:
        return structure(octet_string(self.identifier), double_long_unsigned(self.size))

    @classmethod
    def read(cls, data: Data) -> ImageInitiation:
        """Raises ``FrameError`` where the structure is another."""
        identifier, size = fields(data, 2)
        return cls(octets(identifier), number(size))


class ImageBlock(NamedTuple):
    """Parameter of method 2: a block by its number from 0; all but the last have the same length."""

    number: int
    octets: bytes

    @property
    def data(self) -> Data:
        return structure(double_long_unsigned(self.number), octet_string(self.octets))

    @classmethod
    def read(cls, data: Data) -> ImageBlock:
        """Raises ``FrameError`` where the structure is another."""
        block, content = fields(data, 2)
        return cls(number(block), octets(content))


class ImageInfo(NamedTuple):
    """One element of attribute 7: an image that can be activated."""

    size: int
    identification: bytes
    signature: bytes

    @property
    def data(self) -> Data:
        return structure(
            double_long_unsigned(self.size), octet_string(self.identification), octet_string(self.signature)
        )

    @classmethod
    def read(cls, data: Data) -> ImageInfo:
        """Raises ``FrameError`` where the structure is another."""
        size, identification, signature = fields(data, 3)
        return cls(number(size), octets(identification), octets(signature))
