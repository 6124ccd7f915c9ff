"""What ``--set`` can change about a virtual BSM: the closed table of section 27.2."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import cast

from wattproof.errors import InvalidValue
from wattproof.meters.bsm.profiles import DEFAULT, PROFILES, SELECTABLE, Profile
from wattproof.virtual.faults import Choice, Number, Row, Switch, Table, Text, Whole, instant
from wattproof.virtual.switchboard import nanoseconds

_YES_NO = Switch(("yes", "no"))
#: ``time`` without an instant.
INVALID, NOW = "invalid", "now"


def _moment(text: str) -> object:
    return text if text in (INVALID, NOW) else instant(text)


def _password(text: str) -> str:
    if not text.isascii() or not text.isprintable() or "(" in text or ")" in text:
        raise ValueError
    return text


OPTIONS = Table(
    "option",
    (
        Row("profile", Choice(SELECTABLE), DEFAULT, "firmware variant, the same as the variant", "23"),
        Row("blocking", _YES_NO, "yes", "no answers while a snapshot is created", "2.7, BD-15"),
        Row("answer-delay", Number(0, 10, "s"), Decimal("0.02"), "end of request to start of answer", "2.7"),
        Row(
            "wiring",
            Choice(("contactor", "direct")),
            "contactor",
            "direct: the load hangs on the meter without contactor, nothing is wired to DI",
            "BD-54",
        ),
        Row(
            "contactor-delay", Number(0, 60, "s"), Decimal("0.03"), "mechanics of the contactor, both directions", "12"
        ),
        Row("collect-delay", Number(0, 600, "s"), Decimal("2.5"), "data collection, current, start and end", "2.7"),
        Row(
            "collect-delay-switching",
            Number(0, 600, "s"),
            Decimal("5.0"),
            "trigger to data of turn-on and turn-off, switching included",
            "2.7",
        ),
        Row("sign-delay", Number(0, 600, "s"), Decimal("0.3"), "both signatures together", "2.7, BD-51"),
        Row(
            "start-delay",
            Number(0, 600, "s"),
            Decimal("2.0"),
            "supply on to first answer; at the start of the process with kept state, or when given",
            "18",
        ),
        Row("start-resets-rcr", _YES_NO, "yes", "whether a start snapshot sets RCR to zero", "BD-18"),
        Row("cone-seconds", Number(0, 3600, "s"), Decimal(2), "least half width of the drift cone, speed 1", "BD-10"),
        Row("cone-percent", Number(0, 100, "%"), Decimal(1), "drift cone in percent of the elapsed time", "BD-10"),
        Row("time-expiry", Whole(0, 31_536_000, "s"), 172_800, "expiry of the time, 0 = never", "BD-10"),
        Row("start-threshold", Number(0, 1, "A"), Decimal("0.02"), "current below which nothing is counted", "BD-31"),
        Row("energy", Number(0, Decimal("999999.99"), "kWh"), Decimal(0), "TotWhImp of a new meter", "10"),
        Row("time", Text("invalid, now, ISO 8601 with offset", ".+", _moment), INVALID, "time at the start", "8"),
        Row("language", Choice(("en", "de")), "en", "language of the display", "20.2"),
        Row("optical", Choice(("c", "a", "d0")), "c", "mode of the optical head", "21.1"),
        Row("optical-password", Text("8 characters", ".{8}", _password), "00000000", "operator password", "21.3"),
        Row("d0-list", Choice(("short", "full")), "short", "content of the D0 packet", "21.4"),
    ),
)


@dataclass(frozen=True, slots=True)
class Options:
    """The options as read; durations in meter nanoseconds, currents in microamperes. Shared between equal meters."""

    profile: Profile
    blocking: bool
    answer_delay: int
    direct: bool
    contactor_delay: int
    collect_delay: int
    collect_delay_switching: int
    sign_delay: int
    start_delay: int
    start_resets_rcr: bool
    cone_seconds: Decimal
    cone_percent: Decimal
    time_expiry: int
    start_threshold: int
    energy: Decimal
    time: str | tuple[int, int]
    language: str
    optical: str
    optical_password: str
    d0_list: str


def read_options(settings: Mapping[str, str], variant: str | None) -> Options:
    """The options from their texts and the variant.

    Raises ``UnknownName`` and ``InvalidValue``; so does a variant that differs from ``profile``.
    """
    values = {row.name: OPTIONS.read(row.name, row.default) for row in OPTIONS.rows}
    values.update({name: OPTIONS.read(name, text) for name, text in settings.items()})
    if variant is not None:
        OPTIONS.read("profile", variant)
        if settings.get("profile", variant) != variant:
            raise InvalidValue(
                f"variant {variant} and option profile={settings['profile']} differ: give one, or both alike"
            )
        values["profile"] = variant
    delays = (
        "answer-delay",
        "contactor-delay",
        "collect-delay",
        "collect-delay-switching",
        "sign-delay",
        "start-delay",
    )
    fields = {name.replace("-", "_"): nanoseconds(values[name]) if name in delays else values[name] for name in values}
    fields["profile"] = PROFILES[cast(str, values["profile"])]
    fields["direct"] = fields.pop("wiring") == "direct"
    fields["start_threshold"] = int(cast(Decimal, values["start-threshold"]) * 1_000_000)
    return Options(**fields)  # type: ignore[arg-type]
