"""What the gateway stores, and what may be written (one transaction takes any number of writes, in their order).

Times are UTC milliseconds since 1970 unless a field says otherwise; a quantity is known by its id of g13-api.md
section 4. Every write is a tagged structure, so that it travels over the local socket as it is.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Any, NamedTuple

from msgspec import Struct

from wattproof.model.values import Quality


class Value(NamedTuple):
    """One value of one quantity: ``mantissa`` x 10 ** ``exponent`` in the base unit of the quantity (Wh, W, V ...), the
    time of its reading and how far it can be trusted. ``mantissa`` is ``None`` where there is no number."""

    mantissa: int | None
    exponent: int
    time: int
    quality: Quality = Quality.GOOD


class Access(StrEnum):
    """Right of a user on one meter, as the interface spells it (1.4)."""

    NONE = "No Access"
    VIEW = "View Only"
    CONFIGURE = "Configure"


class Group(IntEnum):
    """Which readings of a meter are polled and stored together."""

    LIVE = 0
    ENERGY = 1
    STATIC = 2


class Kind(StrEnum):
    """Series of rows that a meter or an engine closes one after the other."""

    PROFILE = "profile"
    PREVIOUS = "previous"
    DEMAND = "demand"


class Write(Struct, frozen=True, tag=True, omit_defaults=True):
    """The base of all writes."""


class Setting(Write, frozen=True):
    """A named document of the gateway (``ip``, ``eqbus``, ``gateway``, ``clock`` ...); ``None`` removes it."""

    name: str
    value: Any = None


class User(Write, frozen=True):
    """A user. ``hash``: PHC text. ``generation`` grows with every change of the password. ``due``: the password must be
    changed before anything else works (9.1)."""

    name: str
    hash: str
    generation: int = 1
    admin: bool = False
    due: bool = False


class DropUser(Write, frozen=True):
    """Remove a user with bindings, tokens and failures."""

    name: str


class Binding(Write, frozen=True):
    """The access of a user to a meter; ``Access.NONE`` is kept like the others."""

    user: str
    serial: str
    access: Access


class Failures(Write, frozen=True):
    """Failed logins of one counter (9.4): its key, times of the failures, how often it has locked, until when. Counters
    of a user have the keys ``user:NAME``, ``pair:NAME@...`` and ``known:NAME@...``; they go with the user."""

    key: str
    times: tuple[int, ...] = ()
    locks: int = 0
    until: int = 0


class DropFailures(Write, frozen=True):
    """A counter that a success or time has cleared."""

    key: str


class Token(Write, frozen=True):
    """An API token: only its SHA-256 is kept (hexadecimal)."""

    id: str
    user: str
    hash: str
    name: str
    scopes: tuple[str, ...] = ()
    created: int = 0
    expires: int | None = None


class DropToken(Write, frozen=True):
    """Remove a token."""

    id: str


class Meter(Write, frozen=True):
    """A registered meter. ``protocol`` and ``address`` as in 10.1; ``bus``: name of the bus; ``place``: what the bus
    needs to reach it (unit, channel, secondary address, URL options); ``provides``: ids of quantities that it or its
    engine has; ``traits``: what else it has that answers depend on (`wattproof.gateway.answers.Trait`); ``origin``:
    ``file`` or ``api``; ``engines``: ``auto`` or ``off``. ``status``: -1 offline, 0 registered, 1 online.
    ``registered``: host time. A meter once seen keeps its serial and its history for ever; ``active`` is false while it
    is deregistered."""

    serial: str
    family: str
    protocol: int
    address: int | str
    bus: str
    place: dict[str, Any] = {}
    alias: str = ""
    location: str = "Unknown"
    origin: str = "api"
    label: str = ""
    engines: str = "auto"
    provides: tuple[int, ...] = ()
    traits: tuple[str, ...] = ()
    status: int = 0
    registered: int = 0
    active: bool = True


class Layout(Write, frozen=True):
    """Which quantities with which exponents the numbers of a row of readings are. Layouts are few and never change."""

    id: int
    quantities: tuple[int, ...]
    exponents: tuple[int, ...]


class Readings(Write, frozen=True):
    """One poll of one group of a meter: mantissas in the order of the layout, ``None`` where there was none.
    ``qualities`` is ``None`` when all are good, else one letter each: g, e, i, m."""

    serial: str
    group: Group
    time: int
    layout: int
    values: tuple[int | None, ...]
    qualities: str | None = None


class Row(Write, frozen=True):
    """One closed row of a series: written once, never changed.

    ``time``: UTC ms of its end; ``local``: civil seconds since 2000 as shown (GD-57: order is that of ``time``).
    ``status`` as in 5.6. ``values``: a profile has one mantissa, previous values one a column; a demand row has
    quadruples (status, mantissa, local civil seconds of the extreme, level). ``statuses``: of the columns of previous
    values. ``estimated``: the gateway filled a gap."""

    serial: str
    kind: Kind
    channel: int
    time: int
    local: int
    status: int
    values: tuple[Any, ...]
    statuses: tuple[int, ...] = ()
    estimated: bool = False


class ClearRows(Write, frozen=True):
    """Forget the rows of a series (72, 76, 80, a changed configuration); ``channel`` ``None``: of all channels. Rows
    stay in the store for the operator (``cleared`` at that time) and are served no more."""

    serial: str
    kind: Kind
    channel: int | None
    time: int


class Series(Write, frozen=True):
    """What the columns of a series are: quantity ids and exponents (a demand: ids and demand codes), interval in
    seconds or ``daily``, ``weekly``, ``monthly``; it holds from ``time`` on."""

    serial: str
    kind: Kind
    channel: int
    time: int
    columns: tuple[Any, ...]
    interval: int | str
    capacity: int = 0


class Event(Write, frozen=True):
    """An event of the gateway (5.1). ``detail`` is shown by the modern interface only."""

    id: int
    category: int
    time: int
    detail: str = ""


class ClearEvents(Write, frozen=True):
    """Empty the gateway's event log (14)."""

    time: int


class MeterEvent(Write, frozen=True):
    """An entry of a meter's log kept by an engine (51). ``log``: ``system``, ``quality``, ``event``. ``number`` grows
    per meter; the same number replaces (an event that ends gets its duration)."""

    serial: str
    log: str
    number: int
    time: int
    local: int
    duration: int
    category: int
    logid: int


class EngineState(Write, frozen=True):
    """The state of an engine of a meter as plain data; ``None`` removes it."""

    serial: str
    name: str
    state: Any = None


class Correction(Write, frozen=True):
    """A counter that did not simply grow: verdict (glitch, reset, replacement, roll-over), raw value before and after.
    Raw readings stay as they were."""

    serial: str
    quantity: int
    time: int
    verdict: str
    before: int | None
    after: int
    booked: int = 0


class PublicKey(Write, frozen=True):
    """The public key of a meter as first seen (DER). A second, different key is a new row, never a replacement."""

    serial: str
    key: bytes
    seen: int


class RegisteredKey(Write, frozen=True):
    """A row of the key register: a key (DER) of a meter, of any where ``serial`` is empty, and all that happened to it,
    oldest first, as time (ISO 8601), state and source."""

    serial: str
    key: bytes
    history: list[tuple[str, str, str]]


class Session(Write, frozen=True):
    """A charging session through the gateway; the same id replaces. ``state``: ``running``, ``ended``, ``failed``.
    ``verdict``: what the verifier said about it as a whole."""

    id: str
    serial: str
    state: str
    begun: int
    user: str
    options: dict[str, Any] = {}
    ended: int | None = None
    verdict: dict[str, Any] | None = None


class SignedRecord(Write, frozen=True):
    """A signed record of a session as it came (never re-serialised), with what the verifier said on receipt."""

    session: str
    serial: str
    role: str
    time: int
    format: str
    data: bytes
    signature: str
    overall: str


class Audit(Write, frozen=True):
    """Who did what, when, from where. The store chains the entries by hash when it writes them."""

    time: int
    user: str
    address: str
    action: str
    subject: str = ""
    detail: str = ""


AnyWrite = (
    Setting
    | User
    | DropUser
    | Binding
    | Failures
    | DropFailures
    | Token
    | DropToken
    | Meter
    | Layout
    | Readings
    | Row
    | ClearRows
    | Series
    | Event
    | ClearEvents
    | MeterEvent
    | EngineState
    | Correction
    | PublicKey
    | RegisteredKey
    | Session
    | SignedRecord
    | Audit
)
