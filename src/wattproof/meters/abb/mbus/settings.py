"""What can be written and reset at an ABB meter over M-Bus: two tables (abb-meters.md 1.15, 2.13).

Points that no telegram can set are not here: alarm, load profile, demand and port configuration, the tariff calendar,
rules of summer time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any

from wattproof.errors import InvalidValue
from wattproof.meters.abb.points import PORT_NUMBERS, Point, find
from wattproof.meters.abb.rights import WRITINGS
from wattproof.wire.mbus.moments import Moment
from wattproof.wire.mbus.requests import Request

#: Bytes of a password.
PASSWORD = 8
RATIO_LIMIT = 999_999
FACTOR_LIMIT = Decimal("4294967.295")


@dataclass(frozen=True, slots=True)
class Setting:
    """How a point is written. ``take``: the value from what was given, or ``InvalidValue``. ``requests``: what is sent.

    ``reads_back``: whether a record of the readout shows it.
    """

    point: Point
    take: Callable[[str, object], Any]
    requests: Callable[[Any], list[Request]]
    reads_back: bool = True

    @property
    def protected(self) -> bool:
        """Whether the meter obeys only while its write access level is open."""
        return any(request.form.protected for request in self.requests(self.take(self.point.name, self.sample)))

    @property
    def sample(self) -> object:
        """A value that may be written."""
        return "2000-01-01T00:00:00" if self.point.name == "CLOCK" else 1


def _decimal(name: str, value: object) -> Decimal:
    try:
        number = Decimal(str(value).strip()) if not isinstance(value, bool) else Decimal(int(value))
    except InvalidOperation:
        raise InvalidValue(f"{name} is a number, not {value!r}") from None
    if not number.is_finite():
        raise InvalidValue(f"{name} is a finite number, not {value!r}")
    return number


def whole(low: int, high: int) -> Callable[[str, object], int]:
    """Takes whole numbers of a range."""

    def take(name: str, value: object) -> int:
        number = _decimal(name, value)
        if number != number.to_integral_value() or not low <= number <= high:
            raise InvalidValue(f"{name} is a whole number from {low} to {high}, not {value}")
        return int(number)

    return take


def factor(name: str, value: object) -> Decimal:
    """Takes numbers with three decimal places."""
    number = _decimal(name, value)
    if not 0 <= number <= FACTOR_LIMIT or number != number.quantize(Decimal("0.001")):
        raise InvalidValue(f"{name} is a number from 0 to {FACTOR_LIMIT} with three decimal places, not {value}")
    return number


def moment(name: str, value: object) -> datetime:
    """Takes dates and times of the years that the meter's clock has; below a second they are cut, zones ignored."""
    try:
        time = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).strip())
    except ValueError:
        raise InvalidValue(f"{name} is a date and time such as 2024-12-31T23:59:59, not {value!r}") from None
    if not 2000 <= time.year <= 2099:
        raise InvalidValue(f"{name} lies between the years 2000 and 2099, not {time.year}")
    return time.replace(microsecond=0, tzinfo=None)


def password(text: str | bytes) -> bytes:
    """Eight bytes: as they are, as 16 hexadecimal digits, or as up to eight characters filled with zero bytes.

    Raises ``InvalidValue``, which does not repeat it.
    """
    if isinstance(text, bytes):
        data = text
    elif len(text) == 2 * PASSWORD:
        try:
            data = bytes.fromhex(text)
        except ValueError:
            data = b""
    else:
        data = text.encode("latin-1", "replace").ljust(PASSWORD, b"\0")
    if len(data) != PASSWORD:
        raise InvalidValue("a password of an ABB meter has 8 bytes: up to 8 characters, or 16 hexadecimal digits")
    return data


def _thousandths(value: Decimal) -> int:
    return int(value.scaleb(3))


def _one(name: str, subject: str | int | None = None) -> Callable[[Any], list[Request]]:
    return lambda value: [Request(name, value, subject)]


def _output(port: int) -> Callable[[Any], list[Request]]:
    return _one("set_output", port)


def _outputs(mask: int) -> list[Request]:
    return [Request("set_output", mask >> port - 1 & 1, port) for port in PORT_NUMBERS]


def _settings() -> dict[str, Setting]:
    def row(id: int, take: Callable[[str, object], Any], requests: Any, *, reads_back: bool = True) -> Setting:
        return Setting(find(str(id))[0], take, requests, reads_back)

    ratio = whole(1, RATIO_LIMIT)
    rows = (
        row(189, whole(1, 4), _one("set_tariff")),
        row(190, whole(0, 2), _one("set_tariff_source"), reads_back=False),
        row(83, factor, lambda value: [Request("set_currency_factor", _thousandths(value))]),
        row(84, factor, lambda value: [Request("set_co2_factor", _thousandths(value))]),
        row(141, ratio, _one("set_ratio", "ct_primary")),
        row(142, ratio, _one("set_ratio", "ct_secondary")),
        row(143, ratio, _one("set_ratio", "vt_primary")),
        row(144, ratio, _one("set_ratio", "vt_secondary")),
        row(146, moment, lambda value: [Request("set_date_time", Moment.of(value))]),
        row(154, whole(0, 15), _outputs),
        *(
            Setting(find(f"ports.OUTPUT_STATE_{port}")[0], whole(0, 1), _output(port))
            for port in PORT_NUMBERS
        ),
    )  # fmt: skip
    return {setting.point.full_name: setting for setting in rows}


#: By the full name of the point.
SETTINGS: Mapping[str, Setting] = MappingProxyType(_settings())


@dataclass(frozen=True, slots=True)
class Reset:
    """Something that can be reset. ``watch``: the point whose value tells that it was, "" for what is recorded."""

    name: str
    request: Request
    watch: str = ""


def _resets() -> dict[str, Reset]:
    registers = {
        "RSTREG_ACT_ENERGY_IMP": ("active_energy_import", "RSTREG_ACT_CNTR_IMP"),
        "RSTREG_ACT_ENERGY_EXP": ("active_energy_export", "RSTREG_ACT_CNTR_EXP"),
        "RSTREG_REACT_ENERGY_IMP": ("reactive_energy_import", "RSTREG_REACT_CNTR_IMP"),
        "RSTREG_REACT_ENERGY_EXP": ("reactive_energy_export", "RSTREG_REACT_CNTR_EXP"),
    }
    recorded = {
        "PREVIOUS_VALUES": "previous_values", "DEMAND": "demand", "LOAD_PROFILE_CH_1": "load_profile",
        "SYSTEM_LOG": "system_log", "EVENT_LOG": "event_log", "NET_QUALITY_LOG": "net_quality_log",
    }  # fmt: skip
    rows = (
        *(Reset(name, Request("reset_register", None, kind), watch) for name, (kind, watch) in registers.items()),
        *(
            Reset(f"IO_INPUT_CUMULATION_{port}", Request("reset_input_counter", None, port),
                  f"IO_INPUT_CUMULATION_{port}")
            for port in PORT_NUMBERS
        ),
        *(
            Reset(f"IO_STORED_INPUT_STATE_{port}", Request("reset_input_state", None, port),
                  f"IO_STORED_INPUT_STATE_{port}")
            for port in PORT_NUMBERS
        ),
        Reset("POWER_FAIL_COUNTER", Request("reset_power_fail_counter"), "POWER_FAIL_COUNTER"),
        Reset("POWER_OUTAGE_TIME", Request("reset_outage_time"), "POWER_OUTAGE_TIME"),
        *(Reset(name, Request("clear", None, subject)) for name, subject in recorded.items()),
    )  # fmt: skip
    return {reset.name: reset for reset in rows}


#: By name: those of the rights list, ids 201 to 220.
RESETS: Mapping[str, Reset] = MappingProxyType(_resets())


def is_protected(id: int) -> bool | None:
    """Whether the command of an id of the rights list above 200 is protected; ``None`` if M-Bus has none."""
    writing = WRITINGS.get(id)
    if writing is None or not writing.record:
        return None
    if writing.name in RESETS:
        return RESETS[writing.name].request.form.protected
    setting = next((one for one in SETTINGS.values() if one.point.name == writing.name), None)
    return None if setting is None else setting.protected
