"""Firmware images: transfer in blocks, verification, activation (abb-meters.md 2.12; IEC 62056-62, class 18)."""

from __future__ import annotations

import zlib
from enum import IntEnum
from typing import Any

from wattproof.metering.dates import SECOND
from wattproof.metering.dst import FAR
from wattproof.meters.abb.virtual.refusals import Reason, Refusal, denied, out_of_range

BLOCK_SIZE = 448
#: Bytes of the version in front and of the check sum behind.
VERSION, CRC = 16, 4
LARGEST, LONGEST_NAME = 1 << 20, 64
#: How long verification and activation take, ms of meter time.
VERIFYING, ACTIVATING = SECOND, 3 * SECOND


class Status(IntEnum):
    """Attribute 6."""

    NOT_INITIATED = 0
    INITIATED = 1
    VERIFYING = 2
    VERIFIED = 3
    VERIFICATION_FAILED = 4
    ACTIVATING = 5
    ACTIVATED = 6
    ACTIVATION_FAILED = 7

    @property
    def state(self) -> str:
        """The named state in which it begins."""
        return f"image:{self.name.lower().replace('_', '-')}"


class ImageTransfer:
    """``due`` is when the running step ends, ms of meter time."""

    __slots__ = ("_blocks", "_data", "due", "identifier", "status")

    def __init__(self) -> None:
        self.status = Status.NOT_INITIATED
        self.identifier = b""
        self.due = FAR
        self._data = bytearray()
        self._blocks = bytearray()

    @property
    def size(self) -> int:
        return len(self._data)

    @property
    def blocks(self) -> bytes:
        """One byte a block, 1 = transferred."""
        return bytes(self._blocks)

    @property
    def first_missing(self) -> int:
        """Number of the first block that is missing; the number of blocks if none is."""
        found = self._blocks.find(0)
        return len(self._blocks) if found < 0 else found

    @property
    def signature(self) -> bytes:
        """The check sum as sent."""
        return bytes(self._data[-CRC:])

    @property
    def to_activate(self) -> bool:
        """Whether there is an image that could be activated."""
        return self.status in (Status.VERIFIED, Status.ACTIVATING)

    @property
    def version(self) -> str | None:
        """The firmware version of the image, ``None`` if it has none that can be shown."""
        text = bytes(self._data[:VERSION]).rstrip(b"\0")
        return text.decode("ascii") if text.isascii() and text.decode("ascii").isprintable() and text else None

    @property
    def whole(self) -> bool:
        """Whether all blocks are there, the check sum is right and it has a version."""
        good = len(self._data) >= VERSION + CRC and self.first_missing == len(self._blocks)
        check = zlib.crc32(self._data[:-CRC]).to_bytes(CRC, "little")
        return good and check == self._data[-CRC:] and self.version is not None

    # methods

    def initiate(self, identifier: bytes, size: int) -> None:
        """Begin a transfer; another one is forgotten."""
        self._idle()
        if not 0 < size <= LARGEST or len(identifier) > LONGEST_NAME:
            raise out_of_range(f"an image of {size} bytes named {identifier!r} is not possible")
        self.identifier, self.status = identifier, Status.INITIATED
        self._data = bytearray(size)
        self._blocks = bytearray(-(-size // BLOCK_SIZE))

    def take(self, number: int, data: bytes) -> None:
        """One block."""
        self._idle()
        if self.status is Status.NOT_INITIATED:
            raise denied("no image transfer was initiated")
        begin = number * BLOCK_SIZE
        if not 0 <= number < len(self._blocks) or len(data) != min(BLOCK_SIZE, self.size - begin):
            raise out_of_range(f"block {number} of {len(data)} bytes does not belong to an image of {self.size} bytes")
        self.status = Status.INITIATED
        self._data[begin : begin + len(data)] = data
        self._blocks[number] = 1

    def verify(self, now: int) -> None:
        """Begin the verification."""
        self._idle()
        if self.status is Status.NOT_INITIATED:
            raise denied("no image transfer was initiated")
        self.status, self.due = Status.VERIFYING, now + VERIFYING

    def activate(self, now: int) -> None:
        """Begin the activation."""
        self._idle()
        if self.status is not Status.VERIFIED:
            raise denied("no image was verified")
        self.status, self.due = Status.ACTIVATING, now + ACTIVATING

    def _idle(self) -> None:
        if self.due != FAR:
            raise Refusal(Reason.TEMPORARY, f"the image is {self.status.name.lower()}")

    def finish(self, fails: object) -> Status:
        """The running step ends; ``fails`` names the step that fails (``verify``, ``activate``)."""
        self.due = FAR
        if self.status is Status.VERIFYING:
            good = self.whole and fails != "verify"
            self.status = Status.VERIFIED if good else Status.VERIFICATION_FAILED
        else:
            self.status = Status.ACTIVATION_FAILED if fails == "activate" else Status.ACTIVATED
        return self.status

    def interrupt(self) -> None:
        """The supply fails: a running step has failed."""
        if self.due != FAR:
            self.due = FAR
            verifying = self.status is Status.VERIFYING
            self.status = Status.VERIFICATION_FAILED if verifying else Status.ACTIVATION_FAILED

    # what stays

    def save(self) -> list[Any]:
        """Plain data of everything."""
        return [int(self.status), self.identifier.hex(), self.due, self._data.hex(), self._blocks.hex()]

    def restore(self, data: list[Any]) -> None:
        """As :meth:`save` left it."""
        status, identifier, self.due, content, blocks = data
        self.status, self.identifier = Status(status), bytes.fromhex(identifier)
        self._data, self._blocks = bytearray.fromhex(content), bytearray.fromhex(blocks)
