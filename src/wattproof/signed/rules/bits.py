"""Status bits of the binary formats that say more than "the reading is unusable". Specification, 2.2 and 2.3."""

from __future__ import annotations

from wattproof.signed.rules.findings import Say, Thresholds
from wattproof.signed.sessions import Session

#: Bit mask of the EDL status byte, code, words.
_EDL = ((0x40, "S-STATUS-MAGNET", "magnetic field"), (0x20, "S-EXPORT-ONLY", "energy direction -A"))
#: Which status word of an ALFEN record, its bit, code, words.
_ALFEN = (
    ("meter_status", 8, "S-STATUS-INFO", "phase L1 failed"),
    ("meter_status", 9, "S-STATUS-INFO", "phase L2 failed"),
    ("meter_status", 10, "S-STATUS-INFO", "phase L3 failed"),
    ("meter_status", 11, "S-STATUS-INFO", "phase sequence"),
    ("adapter_status", 10, "S-STATUS-MISMATCH", "adapter status bit 10"),
)


def edl(session: Session, say: Say, _: Thresholds) -> None:
    """The status byte of the EDL block."""
    for entry in session.entries:
        status = entry.record.extra.get("status")
        if isinstance(status, int):
            for mask, code, words in _EDL:
                if status & mask:
                    say(code, words)


def alfen(session: Session, say: Say, _: Thresholds) -> None:
    """Meter and adapter status of ALFEN records."""
    for entry in session.entries:
        for name, bit, code, words in _ALFEN:
            status = entry.record.extra.get(name)
            if isinstance(status, int) and status >> bit & 1:
                say(code, words)
