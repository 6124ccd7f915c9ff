"""What a proxy counts, for each unit and each client."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields


@dataclass(slots=True)
class Counts:
    """Requests, and what became of them. ``exceptions``: answers by exception code, also those of the proxy itself.

    ``refused``: writes to what may only be read; ``foreign``: units that may not be asked; ``limited``: beyond a rate;
    ``busy``: too many waiting; ``silent``: no usable answer from the unit; ``lost``: nothing was answered (a broadcast,
    a fault, a client that left or asked anew).
    """

    requests: int = 0
    answers: int = 0
    refused: int = 0
    foreign: int = 0
    limited: int = 0
    busy: int = 0
    silent: int = 0
    lost: int = 0
    exceptions: Counter[int] = field(default_factory=Counter)

    def add(self, other: Counts) -> None:
        """Count what another has counted too."""
        for name in NUMBERS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.exceptions.update(other.exceptions)

    def as_dict(self) -> dict[str, object]:
        """For JSON; exception codes are keys in decimal."""
        result: dict[str, object] = {name: getattr(self, name) for name in NUMBERS}
        result["exceptions"] = {str(code): self.exceptions[code] for code in sorted(self.exceptions)}
        return result


NUMBERS = tuple(one.name for one in fields(Counts) if one.name != "exceptions")


class Departed:
    """The counts of clients that have left, by host; beyond ``limit`` hosts they are counted together."""

    OTHERS = "others"

    def __init__(self, limit: int = 256) -> None:
        self._limit = limit
        self._by_host: dict[str, Counts] = {}

    def add(self, host: str, counts: Counts) -> None:
        """A client has left."""
        name = host if host in self._by_host or len(self._by_host) < self._limit else self.OTHERS
        self._by_host.setdefault(name, Counts()).add(counts)

    def items(self) -> Mapping[str, Counts]:
        """Counts by host."""
        return self._by_host
