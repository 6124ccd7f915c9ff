"""How the body of a meter says no, and what stands in place of a value: in words that each face translates.

The access results are those of IEC 62056-53 (data-access-result); the record statuses those of EN 13757-3 (1.9).
"""

from __future__ import annotations

from enum import Enum


class Reason(Enum):
    """Why a request is refused; the value is the access result."""

    HARDWARE = 1
    TEMPORARY = 2
    DENIED = 3
    UNDEFINED = 4
    TYPE = 12
    RANGE = 13


class Refusal(Exception):
    """The meter does not do what it was asked; nothing has changed."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason

    @property
    def access_result(self) -> int:
        return self.reason.value


def undefined(message: str) -> Refusal:
    """There is no such thing in this meter."""
    return Refusal(Reason.UNDEFINED, message)


def denied(message: str) -> Refusal:
    """It exists, but not now or not for everybody."""
    return Refusal(Reason.DENIED, message)


def out_of_range(message: str) -> Refusal:
    """A value that is not possible."""
    return Refusal(Reason.RANGE, message)


class Missing(Enum):
    """What is shown in place of a value: record status on M-Bus, access result on COSEM."""

    ABSENT = (0x15, 4)
    PENDING = (0x15, 2)
    OVERFLOW = (0x16, 2)
    ERROR = (0x18, 2)

    @property
    def record_status(self) -> int:
        return self.value[0]

    @property
    def access_result(self) -> int:
        return self.value[1]
