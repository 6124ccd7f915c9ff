"""What both interfaces of the meter have in common for the checks: refusals, statuses, energies, and how rows are made.

Modbus refuses with an exception, REST with a status; :class:`Why` is the reason behind both (3.5, 6.4).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from wattproof.conformance.engine import Evidence, Failed, Need, Statement
from wattproof.errors import HttpRefused, ModbusRefused
from wattproof.meters.dmed4.enums import MeasurementStatus, Signature

if TYPE_CHECKING:
    from wattproof.conformance.dmed4.subject import Dmed

Check = Callable[["Dmed"], Awaitable[str | None]]


class Why(Enum):
    """Why the meter refuses: exception code and what it is about."""

    FUNCTION = 0x01
    ADDRESS = 0x02
    VALUE = 0x03
    STATE = 0x04
    BUSY = 0x06


#: Any of these refuses a write as well (DEC-10).
LIKE = frozenset((Why.ADDRESS.value, Why.VALUE.value, Why.STATE.value))
#: The status of whatever REST refuses (DEC-31).
REFUSED = 400


async def refused(action: Awaitable[object], why: Why, what: str, *, strict: bool = False) -> str | None:
    """Check that an action is refused; another form of refusal that the specification tolerates is a remark.

    ``strict``: a read, for which DEC-10 tolerates nothing.
    """
    try:
        await action
    except ModbusRefused as error:
        if error.code == why.value:
            return None
        said = f"{what}: exception 0x{error.code:02x} instead of 0x{why.value:02x}"
        if strict or why.value not in LIKE or error.code not in LIKE:
            raise Failed(said) from None
        return f"{said} (DEC-10)"
    except HttpRefused as error:
        if error.status == REFUSED:
            return None
        return f"{what}: {error.status} instead of {REFUSED} (DEC-31)"
    raise Failed(f"{what} is accepted")


def first(*remarks: str | None) -> str | None:
    """The first remark there is."""
    return next(filter(None, remarks), None)


def expect(holds: bool, otherwise: str) -> None:
    """Raise ``Failed`` unless it holds."""
    if not holds:
        raise Failed(otherwise)


@dataclass(frozen=True, slots=True)
class States:
    """Both statuses and both error dwords, raw."""

    measurement: int
    signature: int
    error_1: int
    error_2: int

    @property
    def active(self) -> bool:
        """Whether a cycle is open."""
        return self.measurement >= MeasurementStatus.ACTIVE

    @property
    def errors(self) -> bool:
        return bool(self.error_1 or self.error_2)

    def has(self, bits: Signature) -> bool:
        """Whether the signature status has all these bits."""
        return self.signature & bits == bits

    @property
    def words(self) -> str:
        """For messages."""
        return (
            f"status {self.measurement}, signature 0x{self.signature:04x}, errors {self.error_1:08x} {self.error_2:08x}"
        )


@dataclass(frozen=True, slots=True)
class Energies:
    """Totals and those of the last cycle, in Wh."""

    imported: int
    exported: int
    cycle: int
    cycle_exported: int


def row(number: str, text: str, evidence: Evidence, need: Need, check: Check, tolerance: str = "") -> Statement[Dmed]:
    """A statement; one that changes anything is tried only while no cycle of somebody else is open."""
    if need is Need.READ:
        return Statement(number, text, evidence, need, check, tolerance)

    async def guarded(meter: Dmed) -> str | None:
        await meter.claim()
        return await check(meter)

    return Statement(number, text, evidence, need, guarded, tolerance)


MANUAL, INFERRED = Evidence.MANUAL, Evidence.INFERRED
