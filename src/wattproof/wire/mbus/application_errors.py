"""What a meter reports instead of data (CI 70), and the error of a telegram that cannot be read (EN 13757-3, 10)."""

from __future__ import annotations

from enum import IntEnum

from wattproof.errors import ProtocolError


class ApplicationErrorCode(IntEnum):
    """The byte behind CI 70; codes 0A to FF are reserved."""

    UNSPECIFIED = 0
    UNIMPLEMENTED_CI = 1
    BUFFER_TOO_LONG = 2
    TOO_MANY_RECORDS = 3
    PREMATURE_END = 4
    TOO_MANY_DIFE = 5
    TOO_MANY_VIFE = 6
    RESERVED = 7
    BUSY = 8
    TOO_MANY_READOUTS = 9


TEXTS: dict[int, str] = {
    ApplicationErrorCode.UNSPECIFIED: "unspecified error",
    ApplicationErrorCode.UNIMPLEMENTED_CI: "unimplemented CI field",
    ApplicationErrorCode.BUFFER_TOO_LONG: "buffer too long, truncated",
    ApplicationErrorCode.TOO_MANY_RECORDS: "too many records",
    ApplicationErrorCode.PREMATURE_END: "premature end of record",
    ApplicationErrorCode.TOO_MANY_DIFE: "more than 10 DIFE",
    ApplicationErrorCode.TOO_MANY_VIFE: "more than 10 VIFE",
    ApplicationErrorCode.RESERVED: "reserved",
    ApplicationErrorCode.BUSY: "application busy",
    ApplicationErrorCode.TOO_MANY_READOUTS: "too many readouts",
}


def text_of(code: int | None) -> str:
    """The meaning of a code; ``None`` stands for a telegram without one, which is unspecified too."""
    code = ApplicationErrorCode.UNSPECIFIED if code is None else code
    return TEXTS.get(code, f"reserved code {code}")


class RecordError(ProtocolError):
    """Records that cannot be read. ``code``: what a meter answers to such a telegram; ``offset``: of the record."""

    def __init__(self, code: ApplicationErrorCode, offset: int, message: str) -> None:
        super().__init__(f"record at byte {offset}: {message}")
        self.code = code
        self.offset = offset
