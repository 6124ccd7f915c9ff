"""What a server says where it gives no value (IEC 62056-53, Data-Access- and Action-Result; abb-meters.md 2.5)."""

from __future__ import annotations

from enum import IntEnum


class Result(IntEnum):
    """Result codes of GET, SET and ACTION. A code beyond the table is a member without a name of its own."""

    SUCCESS = 0
    HARDWARE_FAULT = 1
    TEMPORARY_FAILURE = 2
    READ_WRITE_DENIED = 3
    OBJECT_UNDEFINED = 4
    OBJECT_CLASS_INCONSISTENT = 9
    OBJECT_UNAVAILABLE = 11
    TYPE_UNMATCHED = 12
    SCOPE_OF_ACCESS_VIOLATED = 13
    DATA_BLOCK_UNAVAILABLE = 14
    LONG_GET_ABORTED = 15
    NO_LONG_GET_IN_PROGRESS = 16
    LONG_SET_ABORTED = 17
    NO_LONG_SET_IN_PROGRESS = 18
    DATA_BLOCK_NUMBER_INVALID = 19
    OTHER_REASON = 250

    @classmethod
    def _missing_(cls, value: object) -> Result | None:
        if not isinstance(value, int) or not 0 <= value <= 255:
            return None
        member = int.__new__(cls, value)
        member._name_, member._value_ = f"RESULT_{value}", value
        return member

    @property
    def text(self) -> str:
        """As the standard writes it, with its number: ``read-write-denied (3)``."""
        return f"{self.name.lower().replace('_', '-')} ({self.value})"


#: All 256 codes, so that decoding looks up instead of searching.
RESULTS = tuple(Result(code) for code in range(256))
