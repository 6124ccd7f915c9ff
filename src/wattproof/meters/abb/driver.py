"""What every driver of an ABB meter offers on any bus, and how a meter's no is told (abb-meters.md 2.15)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable

from wattproof.drivers.base import MeterDriver
from wattproof.errors import LinkError, ProtocolError, Refused, WattproofError
from wattproof.meters.abb.records import (
    ClockReading,
    Demand,
    LoadProfile,
    Log,
    LogEntry,
    Port,
    PreviousValues,
    Rights,
    Spectrum,
)
from wattproof.meters.abb.statusword import StatusFlags

MANUFACTURER = "ABB"


class Cause(StrEnum):
    """Texts of the gateway's JSON interface for what went wrong at a meter, on both buses."""

    INVALID_RESPONSE = "received invalid response from COSEM."
    READ_WRITE_DENIED = "received READ_WRITE_DENIED response from COSEM"
    OBJECT_UNDEFINED = "received OBJECT_UNDEFINED response from COSEM"
    TYPE_UNMATCHED = "received TYPE_UNMATCHED response from COSEM"
    SCOPE_OF_ACCESS_VIOLATED = "received SCOPE_OF_ACCESS_VIOLATED response from COSEM"
    OTHER_REASON = "received OTHER_REASON response from COSEM"


class MeterRefused(Refused):
    """The meter said no, or silently left a value as it was. ``done``: points written before, in their order."""

    def __init__(self, cause: Cause, message: str, done: Sequence[str] = ()) -> None:
        super().__init__(f"{cause}: {message}")
        self.cause = cause
        self.done = tuple(done)
        self.http_status = 403 if cause is Cause.READ_WRITE_DENIED else 409


def cause_of(error: WattproofError) -> Cause:
    """The text of 2.15 for an error of a driver."""
    if isinstance(error, MeterRefused):
        return error.cause
    return Cause.INVALID_RESPONSE if isinstance(error, LinkError | ProtocolError) else Cause.OTHER_REASON


@runtime_checkable
class AbbDriver(MeterDriver, Protocol):
    """An ABB meter. What a bus cannot carry raises ``UnknownName`` or ``ReadOnly`` before anything is sent."""

    async def write(self, values: Mapping[str, object]) -> None:
        """Write points one after the other, each read back.

        Raises:
            UnknownName, ReadOnly, InvalidValue: before anything is sent.
            MeterRefused: a value did not change; it names those that did.
            LinkError: the meter fell silent; the error names the point at which it did.
        """
        ...

    async def status(self) -> StatusFlags:
        """Errors, warnings, information and alarms that are active."""
        ...

    async def read_clock(self) -> ClockReading:
        """Date and time of the meter, which has no zone."""
        ...

    async def set_clock(self, time: datetime) -> None:
        """Set date and time; a zone is ignored. Raises ``MeterRefused``."""
        ...

    async def ports(self) -> list[Port]:
        """Inputs and outputs by their numbers."""
        ...

    async def harmonics(self, kind: str) -> list[Spectrum]:
        """``voltage`` or ``current``: one spectrum for each place that the meter measures."""
        ...

    async def load_profile(
        self,
        channel: int | str,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        count: int | None = None,
    ) -> LoadProfile:
        """Rows of a channel (1 to 8) or of a quantity (its name): from ``start`` to ``end``, both inclusive, oldest
        first; at most the first ``count`` of them, without ``start`` the newest ``count``."""
        ...

    async def demand(
        self, *, start: datetime | None = None, end: datetime | None = None, count: int | None = None
    ) -> Demand:
        """Demand of periods that end between ``start`` and ``end``, the running one included; ``count`` as above."""
        ...

    async def previous_values(
        self, *, start: datetime | None = None, end: datetime | None = None, count: int | None = None
    ) -> PreviousValues:
        """Registers at the ends of periods between ``start`` and ``end``; ``count`` as above."""
        ...

    async def log(self, log: Log, *, until: datetime | None = None, count: int = 100) -> list[LogEntry]:
        """At most ``count`` entries up to ``until``, newest first."""
        ...

    async def reset(self, name: str) -> None:
        """Reset a register, counter, stored input or record by its name; names are ``resettable``."""
        ...

    @property
    def resettable(self) -> Sequence[str]:
        """Names that ``reset`` takes on this bus."""
        ...

    async def rights(self) -> Rights:
        """What may be read, executed and written at this meter."""
        ...
