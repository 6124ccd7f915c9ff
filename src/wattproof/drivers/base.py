"""What every driver offers, whatever it speaks: the nouns of `wattproof.open_meter`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from wattproof.model.devices import DeviceInfo
from wattproof.model.readings import Reading


@runtime_checkable
class MeterDriver(Protocol):
    """A meter that can be asked. Every method raises the errors of its link, see `wattproof.errors`."""

    async def info(self) -> DeviceInfo:
        """Who the meter is: its own texts, and its public key if it signs."""
        ...

    async def read(self, names: Sequence[str]) -> list[Reading]:
        """The points of ``names`` (``INSTANCE.POINT``, an instance, a bare name where it is unique), in their order.

        What a request brings belongs to one moment; a value that the meter does not have is `Quality.MISSING`.

        Raises:
            UnknownName: no such point; nothing was sent.
        """
        ...

    async def write(self, values: Mapping[str, object]) -> None:
        """Write points; neighbours go out in one request, in ascending order.

        Raises:
            UnknownName: no such point.
            ReadOnly: a point that cannot be written.
            InvalidValue: a value outside the point's range. Nothing was sent in these three cases.
            ModbusRefused: the meter says no.
        """
        ...


@runtime_checkable
class SigningDriver(MeterDriver, Protocol):
    """A meter that signs what it has measured."""

    async def snapshot(self, kind: str) -> object:
        """Let the meter sign its present state, wait for it, and fetch it; ``kind`` as the command line names it.

        Raises:
            SnapshotFailed: the meter ended without a signature.
            ResponseTimeout: it did not end within the driver's overall limit.
        """
        ...
