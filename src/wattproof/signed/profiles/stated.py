"""What the common OCMF record states, read fast: texts where texts belong, readings that inherit nothing.

:func:`read` gives nothing for any record that is not that plain; the tables of the profiles then look at the record
themselves. Strings and numbers are checked by the JSON reader, null where a text belongs is refused. Keys of the
manufacturer are passed over; that no key stands twice is known from the record's findings.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec import Struct

from wattproof.signed.records import Record

#: Characters of a record at most; longer ones are not common.
_LONGEST = 16 * 1024

_Scalar = str | int | float | bool | None


class Reading(Struct):
    """A reading that states everything itself. Its value is that of the record's reading at the same place."""

    TM: str
    TX: str
    RV: msgspec.Raw
    RI: str
    RU: str
    ST: str
    RT: str = "AC"
    EF: str = ""
    CL: _Scalar = None
    EI: _Scalar = None


class Payload(Struct):
    """The keys of 1.2 with the types that they ought to have."""

    FV: str
    PG: str
    RD: list[Reading]
    IS: bool
    GI: str = ""
    GS: str = ""
    GV: str = ""
    MV: str = ""
    MM: str = ""
    MS: str = ""
    MF: str = ""
    IL: str = ""
    IF: list[msgspec.Raw] | None = None
    IT: str = ""
    ID: str = ""
    TT: str = ""
    CF: str = ""
    CT: str = ""
    CI: str = ""
    LC: dict[str, msgspec.Raw] | None = None


class Section(Struct):
    """How the record says that it is signed."""

    SD: str
    SA: str = "ECDSA-secp256r1-SHA256"
    SE: str = "hex"


_payload: Callable[[str], Payload] = msgspec.json.Decoder(Payload).decode
_section: Callable[[str], Section] = msgspec.json.Decoder(Section).decode


def read(record: Record) -> tuple[Payload, Section] | None:
    """Payload and signature section of an OCMF record without pipes in its texts; ``None`` if it is not common."""
    text = record.text
    if len(text) > _LONGEST:
        return None
    parts = text.split("|")
    if len(parts) != 3 or parts[0] != "OCMF":
        return None
    try:
        payload, section = _payload(parts[1]), _section(parts[2])
    except (ValueError, RecursionError):  # also what msgspec raises
        return None
    readings = record.readings
    if not payload.RD or len(payload.RD) != len(readings):
        return None
    for reading in readings:
        if reading.value is None:
            return None
    return payload, section
