"""What every virtual meter is: sans-I/O, deterministic, with time as an argument.

Time inside a meter is an integer number of *meter nanoseconds*. Whoever runs the meter (``virtual.runtime``) turns
real time into meter time with the meter's ``speed``; the meter itself never asks a clock, opens nothing and draws
random numbers only from a generator seeded by ``SimulationOptions.seed``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wattproof.io.settings import SerialSettings
    from wattproof.io.url import MeterURL
    from wattproof.virtual.line import LineFaults
    from wattproof.virtual.optical import Head
    from wattproof.virtual.web import Site

#: Meter nanoseconds in a meter second.
SECOND = 1_000_000_000
#: An instant that never comes.
NEVER = 1 << 80


@dataclass(frozen=True, slots=True)
class SimulationOptions:
    """What a virtual meter is made from: the options of ``wattproof simulate``, read but not yet judged.

    ``settings`` are the texts of ``--set KEY=VALUE``, ``faults`` those of ``--fault NAME[=VALUE][@STATE]``, ``key`` a
    private key (PEM or DER), ``state`` the last checkpoint of an earlier run (then the meter powers up after a power
    failure) and ``log`` the entries of its logs, oldest first. ``start`` is the meter time of the first instant,
    ``wall`` the UTC Unix second belonging to it, needed only by settings such as ``time=now``. ``read_text`` opens the
    file of ``csv:FILE``. ``listen`` are the addresses where it will be heard. ``index``: its place among the meters
    that share one line, 0 the first.
    """

    model: str
    variant: str | None = None
    serial: str | None = None
    unit: int | None = None
    seed: int | None = None
    speed: Fraction = Fraction(1)
    load: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    faults: Sequence[str] = ()
    key: bytes | None = None
    state: bytes | None = None
    log: Sequence[bytes] = ()
    start: int = 0
    wall: int | None = None
    read_text: Callable[[str], str] | None = None
    listen: Sequence[MeterURL] = ()
    index: int = 0


@dataclass(frozen=True, slots=True)
class Admission:
    """How many connections a network interface serves at once, and whether a further one takes the place of the one
    that was idle longest or is closed at once."""

    limit: int = 256
    evicts: bool = True


@dataclass(frozen=True, slots=True)
class Onward:
    """How a meter in front of a line answers for the units behind it.

    ``timeout``: real nanoseconds until a silent unit counts as missing. ``speaks``: whether it then says so (exception
    0x0B) or stays silent too. ``lost``: units that never answer.
    """

    timeout: int = 1_000_000_000
    speaks: bool = True
    lost: frozenset[int] = frozenset()


ADMISSION = Admission()
NOWHERE: frozenset[str] = frozenset()


def ignore(event: str, details: Mapping[str, object]) -> None:
    """The journal of a meter that nobody listens to."""


def sleep_on() -> None:
    """The ``wake`` of a meter that nobody runs."""


class Meter(ABC):
    """One virtual meter. All methods take meter time in nanoseconds, never decreasing."""

    __slots__ = ("__weakref__", "journal", "line", "model", "public_key", "serial", "speed", "variant", "wake")

    model: str
    variant: str
    serial: str
    #: SubjectPublicKeyInfo of the signing key, DER.
    public_key: bytes
    speed: Fraction
    #: The faults of the bus in force (applied by the runtime between meter and wire).
    line: LineFaults
    #: Sink of events: a fault set, ended or hit, a named state entered.
    journal: Callable[[str, Mapping[str, object]], None]
    #: Called when ``next_event`` changed outside ``execute``, ``advance`` and ``patch``.
    wake: Callable[[], None]

    @property
    @abstractmethod
    def unit(self) -> int:
        """The address the meter answers to now."""

    def unit_on(self, framing: str) -> int:
        """The same where ``framing`` (``rtu``, ``mbus``, ``hdlc``) is spoken, if each has an address of its own."""
        return self.unit

    @property
    @abstractmethod
    def baudrate(self) -> int:
        """The present rate of the serial line in bit/s."""

    @property
    def own_line(self) -> tuple[str, SerialSettings] | None:
        """What it speaks on its serial line now (``rtu`` or ``ascii``), and how the line is set.

        ``None``: all but the rate is as the address of the listener says, and so is the rate until another is written.
        """
        return None

    @property
    @abstractmethod
    def answer_delay(self) -> int:
        """From the end of a request to the start of its answer, meter nanoseconds."""

    @property
    @abstractmethod
    def blocked(self) -> bool:
        """Requests must wait: the runtime queues them and tries again after the event that clears this."""

    @property
    @abstractmethod
    def silent(self) -> bool:
        """No supply, or starting: requests are lost."""

    @property
    def starting(self) -> bool:
        """Supplied, and not yet answering."""
        return False

    @abstractmethod
    def advance(self, now: int) -> None:
        """Do everything that is due until ``now``, in its order."""

    @abstractmethod
    def next_event(self) -> int | None:
        """Meter time of the next event inside the meter, ``None`` if none is foreseen."""

    @abstractmethod
    def execute(self, pdu: bytes, now: int) -> bytes | None:
        """One request for this meter: the answer, or ``None`` for silence. Advances to ``now`` by itself."""

    def execute_late(self, pdu: bytes, now: int) -> bytes | None:
        """As ``execute``, for a request that came while the meter was ``blocked`` and had to wait."""
        return self.execute(pdu, now)

    def broadcast(self, pdu: bytes, now: int) -> None:  # noqa: B027 - most families do not hear them
        """A request for everybody on a line (unit 0). It is never answered."""

    def before_request(self, now: int) -> None:  # noqa: B027 - most families have no such state
        """A request is about to be executed: what was armed for the named state ``request`` comes into force."""

    # where it is heard

    def speaks(self, kind: str) -> bool:
        """Whether it listens on addresses of this kind: modbus, iec, web, mbus, hdlc, dlms."""
        return kind in ("modbus", "iec", "web")

    @property
    def faces(self) -> Sequence[str]:
        """The faces to which a fault of the link can be restricted; most families have but one."""
        return ()

    def takes(self, unit: int, network: bool) -> bool:
        """Whether requests for ``unit`` are its own; ``network``: they come over its network interface, not a line."""
        return unit == self.unit

    @property
    def fast_units(self) -> Sequence[int]:
        """The units that its network interface answers reads for, whatever else is going on."""
        return (self.unit,)

    def is_network(self, url: MeterURL) -> bool:
        """Whether a listener there is a network interface of its own rather than a converter in front of its line."""
        return url.framing == "tcp"

    @abstractmethod
    def foreign(self, unit: int, network: bool) -> int | Onward | None:
        """What happens to a request for another unit: the exception that answers it, a way to the line behind, or
        ``None`` for silence."""

    @property
    def bus(self) -> str | None:
        """Address of the line behind it, for a meter that passes requests on; ``None`` if nothing is there."""
        return None

    @property
    def admission(self) -> Admission:
        """The connections that its Modbus network interface serves at once."""
        return ADMISSION

    @property
    def closed(self) -> frozenset[str]:
        """Schemes of listeners (``tcp``, ``http``, ...) that refuse connections at this moment."""
        return NOWHERE

    def optical(self) -> Head | None:
        """A new optical head in front of this meter, ``None`` if it has none."""
        return None

    def site(self) -> Site | None:
        """What it serves over HTTP, ``None`` if nothing."""
        return None

    @property
    def channels(self) -> Mapping[int, Meter]:
        """The meters that are reached through this one, by channel; most have none."""
        return {}

    @abstractmethod
    def state(self) -> dict[str, object]:
        """The object of the control interface's ``GET /``."""

    @abstractmethod
    def patch(
        self, now: int, controls: Mapping[str, object], faults: Mapping[str, object], when: str | None = None
    ) -> None:
        """Change controls and faults now, or at the named state; everything or nothing.

        Raises ``UnknownName`` and ``InvalidValue`` for what is not in the closed tables of the family.
        """

    @abstractmethod
    def checkpoint(self) -> bytes | None:
        """The durable state if it changed since the last call, else ``None``.

        Whoever keeps it must store it *before* anything leaves the meter that shows the change.
        """

    def unsaved(self) -> Sequence[bytes]:
        """Log entries that came since the last call. They are stored before the checkpoint that counts them."""
        return ()

    def log(self) -> Sequence[bytes]:
        """All log entries that still count, oldest first: what a log file is rewritten with."""
        return ()
