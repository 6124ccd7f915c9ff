"""What a session with a DMED4 leaves: its signed records, and what a comparison of them says.

Source: specification, sections 8.8 and 9.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from wattproof.drivers import charging
from wattproof.meters.dmed4.text import Record


@dataclass(frozen=True)
class Taken:
    """A record of a session: what it is there, and the key (DER, empty if unknown) that checks it."""

    role: str
    record: Record
    key: bytes
    problems: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """ "end T7" """
        return f"{self.role} T{self.counter}"

    @property
    def counter(self) -> int | None:
        return self.record.counter

    @property
    def words(self) -> str:
        return self.record.words

    @property
    def valid(self) -> bool | None:
        """Whether the signature is right; ``None`` while no key is known."""
        return self.record.valid(self.key) if self.key else None

    def as_dict(self) -> dict[str, Any]:
        """For JSON: the text as it is, and what it says."""
        record = self.record
        return {
            "role": self.role,
            "counter": record.counter,
            "transaction": record.transaction,
            "time": None if record.time is None else record.time.isoformat(),
            "identification": record.field("ID"),
            "evse": record.field("CI"),
            "serial": record.field("MS"),
            "energy": {"import": format(record.end_energy, "f"), "cycle": format(record.cycle_energy, "f")},
            "signature": {None: None, True: "valid", False: "invalid"}[self.valid],
            "problems": list(self.problems),
            "public_key": self.key.hex() or None,
            "ocmf": record.words,
        }


@dataclass
class SessionRecord(charging.SessionRecord[Taken]):
    """What a session left behind. The end record alone holds both readings (9.2)."""

    @property
    def energy(self) -> Decimal | None:
        """Wh between the two readings of the end record, across a roll-over if need be."""
        return None if self.end is None else self.end.record.energy

    @property
    def existing(self) -> str:
        return "last"

    def remedy(self, url: str) -> str:
        return f"wattproof write '{url}' command=E"


def contradictions(begin: Taken | None, end: Taken) -> list[str]:
    """What a verifier objects to where begin and end are compared."""
    if begin is None:
        return ["there is no begin record"]
    one, other = begin.record, end.record
    rules = (
        (one.field("MS") == other.field("MS"), "begin and end name different meters"),
        (one.begin_energy == other.begin_energy, "the end record does not repeat the reading of the begin"),
        (other.energy == other.cycle_energy, "the energy of the cycle is not the difference of the totals"),
        ("t" not in other.error_flags, "the meter lost its supply during the session"),
    )
    return [text for holds, text in rules if not holds]
