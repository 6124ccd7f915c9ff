"""What the modern interface takes and gives. Requests are checked against these, answers and the OpenAPI document are
made from them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

Text = Annotated[str, Meta(max_length=200)]
Time = Annotated[str, Meta(examples=["2026-11-30T12:00:00.000Z"], description="UTC, ISO 8601, milliseconds")]
Limit = Annotated[int, Meta(ge=1, le=10_000)]
Cursor = Annotated[
    str, Meta(description="`next` of the page before", extra_json_schema={"pattern": "^[0-9]{1,16}$"}, max_length=200)
]
Asked = Annotated[
    str, Meta(max_length=200, description="ISO 8601 with a time zone", extra_json_schema={"format": "date-time"})
]
#: A text that is shown to people: without control characters.
PLAIN = r"^[^\x00-\x1f\x7f-\x9f]*$"
Quality = Literal["good", "estimated", "invalid", "missing"]


class Out(Struct, kw_only=True, forbid_unknown_fields=True):
    """The base of answers: every member is always there."""


class In(Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The base of request bodies and queries."""


# Errors and success ---------------------------------------------------------------------------------------------------


class Problem(Out, kw_only=True):
    """What went wrong; the same form as in the old face."""

    status: Literal["error"] = "error"
    des: str


class Done(Out):
    """It is done, and durable."""

    status: Literal["success"] = "success"


class Health(Out):
    """Alive. Says nothing else, because nobody has to log in for it."""

    status: Literal["ok"] = "ok"


# Users ------------------------------------------------------------------------------------------------------------


class Login(In):
    """User and password."""

    user: Text
    password: Annotated[str, Meta(max_length=400)]


class Account(Out):
    """Who has logged in. ``due``: the password must be changed before anything else."""

    user: str
    admin: bool
    due: bool


class Me(Account):
    """The same with the access to each meter."""

    access: dict[str, Literal["No Access", "View Only", "Configure"]]


class NewKey(In):
    """A new password; ``oldkey`` may be left out by a gateway admin who changes another one's."""

    key: Annotated[str, Meta(max_length=400)]
    oldkey: Annotated[str, Meta(max_length=400)] | None = None


ScopeName = Literal["read", "configure", "sessions", "admin", "metrics"]


class NewToken(In):
    """A token to be made. ``days``: until it expires; left out: never."""

    name: Annotated[str, Meta(min_length=1, max_length=50, pattern=PLAIN)]
    scopes: Annotated[list[ScopeName], Meta(min_length=1, max_length=5)]
    days: Annotated[int, Meta(ge=1, le=3650)] | None = None


class TokenInfo(Out):
    """A token without its secret."""

    id: str
    user: str
    name: str
    scopes: list[ScopeName]
    created: Time
    expires: Time | None


class MadeToken(TokenInfo):
    """A token just made; ``token`` is shown this once."""

    token: str


class Tokens(Out):
    """The tokens of the user; of all users for a gateway admin."""

    tokens: list[TokenInfo]


# Gateway ----------------------------------------------------------------------------------------------------------


class Led(Out):
    """One light."""

    colour: Literal["green", "red", "off"]
    mode: Literal["steady", "flash", "flash2", "off"]


class Leds(Out):
    """The lights of the front (8.7)."""

    a: Led
    b: Led
    c: Led
    intensity: Literal["full", "dimmed"] = "full"


class ClockState(Out):
    """The gateway's time: host time and an offset."""

    offset_ms: int
    status: Literal["set", "not set"]


class BusState(Out):
    """A bus in a line."""

    name: str
    state: str
    meters: int
    online: int
    queue: int


class AwaitedMeter(Out):
    """A meter of the configuration file that is not registered, because it has not said yet who it is, or because
    another one has said the same. ``why``: what came in the place of an answer, or which other one."""

    bus: str
    family: str
    address: int | str
    why: str


class Storage(Out):
    """Whether what meters say is stored. ``failure``: why not, such as a full disk; ``waiting``: polls that are not on
    disk yet; ``lost``: readings given up since the start of the process that reads meters."""

    failure: str | None
    waiting: int
    lost: int


class Status(Out):
    """How the gateway is (8.7). ``allow_network``: it would move to the address that #5 sets (8.1).
    ``awaited``: meters of the configuration file that are not registered, told to gateway admins. ``storage``: ``None``
    while nobody reads meters."""

    leds: Leds
    listen: list[str]
    allow_network: bool
    clock: ClockState
    buses: list[BusState]
    awaited: list[AwaitedMeter]
    storage: Storage | None
    uptime_s: int


class Licence(Out):
    """A distribution that is installed with the gateway; ``text``: where its licence is."""

    name: str
    version: str
    licence: str
    text: str | None


class Ram(Out):
    """Memory, bytes: of the host, and resident in both processes; ``None`` where it cannot be told."""

    total: int | None
    available: int | None
    acquire: int | None
    serve: int | None


class About(Out):
    """Licences and memory (8.7)."""

    licences: list[Licence]
    ram: Ram


class GatewayEvent(Out):
    """An event of the gateway."""

    index: int
    id: int
    name: str
    category: int
    time: Time
    detail: str


class GatewayEvents(Out):
    """Newest first; ``next`` is the cursor of older ones."""

    items: list[GatewayEvent]
    next: str | None


class AuditEntry(Out):
    """Who did what, when, from where; ``hash`` chains it to the one before."""

    number: int
    hash: str
    time: Time
    user: str
    address: str
    action: str
    subject: str
    detail: str


class AuditLog(Out):
    """In the order asked for; ``next`` is the cursor of the page after. ``broken``: the number of the first entry here
    that does not follow from the one before it; null: the chain holds from before the oldest entry here to the newest.
    """

    items: list[AuditEntry]
    next: str | None
    broken: int | None


class Buses(Out):
    """Statistics of buses and their meters as ``acquire`` counts them."""

    buses: list[dict[str, Any]]
    meters: list[dict[str, Any]]


class Scan(Out):
    """The scan that runs or ran last."""

    complete: Literal[0, 1, 2]
    progress: int
    results: list[dict[str, Any]]


# Meters -----------------------------------------------------------------------------------------------------------


class MeterInfo(Out):
    """A meter that the user may see. ``quantities``: what it measures, and what the
    gateway computes from that, by name; ``computed``: those of them that are computed, so that they are among its
    newest values and have no stored readings; ``resources``: numbers of the resources
    of the old face that it answers; ``signs``: whether signed charging sessions may begin with it."""

    serial: str
    alias: str
    location: str
    family: str
    label: str
    protocol: int
    address: int | str
    bus: str
    status: Literal[-1, 0, 1]
    origin: Literal["file", "api"]
    quantities: list[str]
    computed: list[str]
    resources: list[int]
    signs: bool


class Meters(Out):
    """All of them."""

    meters: list[MeterInfo]


class Value(Out):
    """One value. ``value`` is a decimal text, null where there is no number; ``quality`` says why."""

    value: str | None
    unit: str
    obis: str | None
    quality: Quality
    time: Time


class Latest(Out):
    """The newest values of a meter; those that the gateway computes are missing while the process that reads meters is
    away."""

    serial: str
    values: dict[str, Value]


class Moment(Out):
    """Values that were read together."""

    time: Time
    values: dict[str, Value]


class History(Out):
    """Oldest first; ``next`` is the cursor of later ones."""

    items: list[Moment]
    next: str | None


class ProfileItem(Out):
    """A row of a load profile: the end of its interval, status bits as in 5.6. ``time``: where the meter keeps the
    profile, the moment at which its clock showed ``local``."""

    time: Time
    local: str
    status: int
    value: str | None
    estimated: bool


class Profile(Out):
    """Rows of a channel, of the gateway where it computes the profile, else of the meter, which is read then.
    ``interval`` in seconds; ``quantity`` null: the channel records nothing, or the meter does not say what."""

    channel: int
    quantity: str | None
    unit: str | None
    interval: int | None
    items: list[ProfileItem]
    next: str | None


class Correction(Out):
    """A counter that did not simply grow: the last reading before that was believed, the first one that did not fit it,
    and how much was booked for the two. Numbers are multiples of 10 to the power of ``exponent`` of the unit."""

    time: Time
    quantity: str
    unit: str
    exponent: int
    verdict: str
    before: int | None
    after: int
    booked: int


class Corrections(Out):
    """Oldest first."""

    items: list[Correction]


class Key(Out):
    """A public key as the meter gave it: DER in hexadecimal, when it was first seen."""

    key: str
    seen: Time


class Keys(Out):
    """The first one is the one that records are held against."""

    keys: list[Key]


# Charging sessions --------------------------------------------------------------------------------------------------


class NewSession(In):
    """A charging session to begin. ``identification``: who charges; ``evse``: where. With ``energy_wh`` or
    ``duration_s`` it ends by itself. ``switching``: whether a meter that can closes and opens the contactor."""

    identification: Annotated[str, Meta(max_length=140)] | None = None
    evse: Annotated[str, Meta(max_length=100)] | None = None
    energy_wh: Annotated[int, Meta(ge=1, le=10_000_000)] | None = None
    duration_s: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    switching: bool = True


class SessionRecord(Out):
    """What the meter signed, as it came; ``signature`` and ``overall`` are the verifier's words."""

    role: Literal["begin", "end", "evidence", "session"]
    format: str
    time: Time
    data: str
    signature: str
    overall: str


class Session(Out):
    """A charging session and whether it is true. ``true``: null while that cannot be said. ``state``: ``ending`` once
    its end is asked for, until the meter has signed it. ``failure``: what went wrong; in an open session, what keeps it
    from going on or ending. ``records``: null in lists."""

    id: str
    serial: str
    state: Literal["beginning", "running", "ending", "ended", "failed"]
    begun: Time
    ended: Time | None
    user: str
    options: dict[str, Any]
    energy_wh: str | None
    failure: str | None
    public_key: str | None
    records: list[SessionRecord] | None
    verdict: dict[str, Any] | None
    true: bool | None


class Sessions(Out):
    """Newest first, without their records."""

    sessions: list[Session]


# Queries ----------------------------------------------------------------------------------------------------------


class Range(In):
    """A range of time, both ends included, and a page of it."""

    from_: Asked | None = field(default=None, name="from")
    to: Asked | None = None
    limit: Limit = 1000
    cursor: Cursor | None = None


class ReadingsQuery(Range):
    """The same of some quantities, comma-separated; left out: all that are stored. One that the gateway computes for
    this meter (``computed``) is refused."""

    quantity: Annotated[str, Meta(max_length=20_000)] | None = None


class Page(In):
    """A page."""

    limit: Limit = 100
    cursor: Cursor | None = None


class AuditQuery(Page):
    """A page, from the oldest entry on or from the newest."""

    order: Literal["oldest", "newest"] = "oldest"


class SessionsQuery(In):
    """How many of the newest."""

    limit: Annotated[int, Meta(ge=1, le=1000)] = 100


class LiveQuery(In):
    """Which meters; left out: all that the user may see."""

    serial: list[Text] = []
