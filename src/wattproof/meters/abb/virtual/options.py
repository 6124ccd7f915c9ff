"""What ``--set`` can change about a virtual ABB meter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import cast

from wattproof.errors import InvalidValue
from wattproof.meters.abb.variants import Variant
from wattproof.meters.abb.virtual.commands import MOST_RATIO
from wattproof.meters.abb.virtual.faults import METER_CONTROLS
from wattproof.virtual.faults import Choice, Number, Row, Switch, Table, Text, Whole

#: ``time`` without a moment.
NOW = "now"
#: Lower HDLC addresses that a meter can have (2.1).
HDLC_ADDRESSES = range(16, 126)
_TARIFF_SOURCES = ("clock", "communication", "inputs")


#: Write access levels by word (1.15).
ACCESS = {"closed": 1, "password": 2, "open": 3}
_CLOCK = next(row for row in METER_CONTROLS if row.name == "clock").kind


def _password(text: str) -> object:
    if not text.isascii() or not text.isprintable():
        raise ValueError
    return text.encode("ascii")


def _moment(text: str) -> object:
    return text if text == NOW else _CLOCK.read(text)


def _ratio(text: str) -> object:
    primary, _, secondary = text.partition(":")
    terms = int(primary), int(secondary)
    if not 1 <= terms[1] <= terms[0] <= MOST_RATIO:
        raise ValueError
    return terms


_RATIO = Text(f"primary:secondary, 1 to {MOST_RATIO}", r"[0-9]{1,6}:[0-9]{1,6}", _ratio)
_ENERGY = Number(0, Decimal("9999999999.99"), "kWh")

OPTIONS: Table = Table(
    "option",
    (
        Row("time", Text("now, invalid, local date and time", ".+", _moment), NOW, "clock of a new meter", "2.11"),
        Row("summer-time", Switch(("yes", "no")), "no", "whether the clock of a new meter knows summer time", "2.11"),
        Row("access", Choice(tuple(ACCESS)), "open", "write access level of a new meter", "1.15"),
        Row("password", Text("8 characters", ".{8}", _password), "00000000", "password of a new meter", "1.15"),
        Row("tariff-source", Choice(_TARIFF_SOURCES), "communication", "who switches tariffs of a new meter", "3.8"),
        Row("ct-ratio", _RATIO, "1:1", "current transformers of a new meter that has them", "3.2"),
        Row("vt-ratio", _RATIO, "1:1", "voltage transformers of a new meter that has them", "3.2"),
        Row("energy", _ENERGY, Decimal(0), "active import of a new meter", "3.3"),
        Row("energy-export", _ENERGY, Decimal(0), "active export of a new meter", "3.3"),
        Row("record-status", Choice(("never", "not-ok", "always")), "always", "M-Bus record status", "1.11, AD-08"),
        Row("hdlc-address", Whole(HDLC_ADDRESSES.start, HDLC_ADDRESSES.stop - 1), 17, "lower HDLC address", "2.1"),
        Row(
            "firmware", Text("1 to 16 characters", "[ -~]{1,16}"), "A1.00.0", "firmware version of a new meter", "1.13"
        ),
        Row(
            "answer-delay",
            Number(0, 10, "s real"),
            None,
            "end of request to start of answer; without it 35 to 80 ms on M-Bus, drawn anew for each answer",
            "1.1",
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Options:
    """The options as read: energies in Wh, the delay in real nanoseconds (``None``: as the bus has it)."""

    time: str | int
    summer_time: bool
    access: int
    password: bytes
    tariff_source: int
    ct_ratio: tuple[int, int]
    vt_ratio: tuple[int, int]
    energy: int
    energy_export: int
    record_status: int
    hdlc_address: int
    firmware: str
    answer_delay: int | None


def read_options(settings: Mapping[str, str], variant: Variant) -> Options:
    """The options from their texts.

    Raises ``UnknownName`` and ``InvalidValue``, also for transformers that a variant does not have.
    """
    values = {
        row.name: None if row.default is None else OPTIONS.read(row.name, row.default) for row in OPTIONS.rows
    } | {name: OPTIONS.read(name, text) for name, text in settings.items()}
    for name, has in (("ct-ratio", variant.has_ct), ("vt-ratio", variant.has_vt)):
        if values[name] != (1, 1) and not has:
            raise InvalidValue(f"option {name}: an {variant.label} has no such transformers")
    fields = {name.replace("-", "_"): value for name, value in values.items()}
    fields["access"] = ACCESS[cast(str, values["access"])]
    fields["tariff_source"] = _TARIFF_SOURCES.index(cast(str, values["tariff-source"]))
    fields["record_status"] = ("never", "not-ok", "always").index(cast(str, values["record-status"]))
    for name in ("energy", "energy-export"):
        fields[name.replace("-", "_")] = int(cast(Decimal, values[name]) * 1000)
    delay = values["answer-delay"]
    fields["answer_delay"] = None if delay is None else int(cast(Decimal, delay) * 10**9)
    return Options(**fields)  # type: ignore[arg-type]
