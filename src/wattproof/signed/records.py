"""What every record format decodes to: the nouns that session rules, report and profiles share.

A parser turns bytes into :class:`Record` objects. It never judges a session; it states what is signed, by which
bytes, and what deviates from the format's description. Source: specification of the verifier, sections 0.1 to 0.7.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from msgspec import Struct, field

from wattproof.signed.obis_classes import RegisterClass


class Severity(StrEnum):
    ERROR = "error"
    INCOMPLETE = "incomplete"
    WARNING = "warning"
    INFO = "info"


class Verdict(StrEnum):
    """Did the holder of the given key sign exactly these bytes?"""

    VALID = "valid"
    INVALID = "invalid"
    NO_KEY = "no-key"
    KEY_ERROR = "key-error"
    UNSUPPORTED = "unsupported"
    FORMAT_ERROR = "format-error"


class KeySource(StrEnum):
    TRUSTED = "trusted"
    CONTAINER = "container"
    EMBEDDED = "embedded"


class Moment(StrEnum):
    """What a reading stands for inside its session, common to all formats."""

    BEGIN = "begin"
    INTERMEDIATE = "intermediate"
    END = "end"
    EXCEPTION = "exception"
    SUSPEND = "suspend"
    TARIFF = "tariff"
    FISCAL = "fiscal"


class Clock(StrEnum):
    """Quality of a time stamp (OCMF status letters; other formats map onto them)."""

    UNKNOWN = "U"
    INFORMATIVE = "I"
    SYNCHRONISED = "S"
    RELATIVE = "R"


class Finding(Struct, frozen=True, gc=False):
    """A deviation or a rule that fired. ``code`` is ``F-...`` or ``S-...``; ``where`` a path or offset."""

    code: str
    severity: Severity
    message: str
    where: str = ""


#: Findings of one record that are listed; hostile input can give rise to any number.
MOST_FINDINGS = 100
_GRAVEST_FIRST = list(Severity)


def limit(findings: list[Finding]) -> None:
    """Shortens a long list: the first hundred stay, one more counts the others and is as grave as they are."""
    others = findings[MOST_FINDINGS:]
    if others:
        gravest = min((finding.severity for finding in others), key=_GRAVEST_FIRST.index)
        findings[MOST_FINDINGS:] = [Finding("F-MORE", gravest, f"{len(others)} more findings are not listed")]


class Time(NamedTuple):
    """A time stamp as signed.

    ``seconds``: Unix seconds of the instant (UTC); for zone-less sources the local wall time read as UTC.
    ``offset``: minutes east of UTC, ``None`` when the source has no zone. ``milliseconds`` 0..999.
    """

    seconds: int
    offset: int | None
    milliseconds: int = 0
    utc: bool = False  # the source counts UTC seconds: shown with "Z"


class Reading(Struct, gc=False):
    """One reading of one register, after inheritance.

    ``value`` is exact in the unit of ``unit``; ``literal`` is the text as signed. ``unit`` is "kWh", "Wh" or what the
    record says. ``register`` is the OBIS text as signed. ``code`` is the format's own reason (OCMF TX, BSM Typ).
    """

    moment: Moment | None
    code: str | None
    register: str | None
    value: Decimal | None
    literal: str | None
    unit: str | None
    time: Time | None
    time_text: str | None = None
    clock: Clock | None = None
    status: str | None = None  # OCMF ST; other formats: "G" or a text that names the fatal bits
    error_flags: str | None = None  # OCMF EF
    event_counter: int | None = None  # OCMF EI, EDL log book, Mennekes EventCounter
    loss: Decimal | None = None  # OCMF CL
    value_error: bool = False  # a value was stated but cannot be used
    where: str = ""
    counts: RegisterClass | None = None  # what the register counts, where its text does not say it


class Signature(Struct, gc=False):
    """The signature verdict of one record."""

    verdict: Verdict
    reason: str | None = None
    hints: list[str] = []
    algorithm: str | None = None
    public_key: bytes | None = None  # SubjectPublicKeyInfo, DER
    key_source: KeySource | None = None
    test_key: bool = False
    value: bytes = b""  # the signature itself, as it was found


_UNREAD = Verdict.FORMAT_ERROR


class Record(Struct):
    """One signed unit and where it came from. Text fields are ``None`` when the record has no such field."""

    format: str
    container: str = "none"
    source: str = ""
    index: int = 0
    text: str = ""  # for display: the record as text
    signed: bytes = b""  # exactly the bytes the hash is made over
    signature: Signature = field(default_factory=lambda: Signature(_UNREAD, "F-FORMAT"))
    findings: list[Finding] = []
    readings: list[Reading] = []
    # identity, as signed
    gateway_serial: str | None = None  # OCMF GS
    gateway_model: str | None = None  # OCMF GI
    meter_serial: str | None = None  # OCMF MS, BSM MA1
    meter_model: str | None = None  # OCMF MM
    firmware: tuple[str | None, ...] = ()  # compared for S-FIRMWARE-CHANGED
    identification: str | None = None  # OCMF ID, BSM Meta1
    assigned: bool | None = None  # OCMF IS
    assignment_level: str | None = None  # OCMF IL (IS below 0.4)
    evse: str | None = None  # OCMF CI, BSM evse-id tag
    tariff: str | None = None  # OCMF TT
    page_letter: str | None = None  # "T", "F", or None where pages are plain counters
    page: int | None = None
    page_text: str | None = None
    ambiguous: list[str] = []  # paths of duplicated keys that are used in a check
    identity_texts: tuple[str, ...] = ()  # identities from which a test key may have been derived
    # the container's statements, unsigned
    context: str | None = None  # Transaction.Begin, Transaction.End, other text
    transaction: str | None = None  # transactionId of the container
    session: str | None = None  # session id inside record or container
    group: object = None  # equal for records without transaction that their document makes one session
    unsigned_mismatches: list[str] = []  # unsigned copies that contradict signed values
    evse_mismatch: bool = False  # signed evse-id contradicts the container
    extra: dict[str, object] = {}  # format-specific values that rules of that format use

    @property
    def begins(self) -> bool:
        """Holds a begin reading."""
        return any(r.moment is Moment.BEGIN for r in self.readings)

    @property
    def ends(self) -> bool:
        """Holds an end reading."""
        return any(r.moment is Moment.END for r in self.readings)
