"""Commands of a master: what each does to the meter (abb-meters.md 1.15). Every frame is acknowledged, done or not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from wattproof.metering.dates import DAY_SECONDS, seconds_of
from wattproof.meters.abb.virtual.mbus.special import LOG_NUMBERS
from wattproof.meters.abb.virtual.recorder import CHANNELS
from wattproof.meters.abb.virtual.refusals import out_of_range
from wattproof.wire.mbus.moments import Moment
from wattproof.wire.mbus.requests import RATIOS, REGISTERS, Request

if TYPE_CHECKING:
    from wattproof.meters.abb.virtual.body import Body
    from wattproof.meters.abb.virtual.meter import AbbMeter

#: Ids of transformer ratios and resettable registers, by the names of the requests.
RATIO_IDS = dict(zip(RATIOS.values(), (141, 143, 142, 144), strict=True))
REGISTER_IDS = dict(zip(REGISTERS.values(), (171, 172, 173, 174), strict=True))

Command = Callable[["AbbMeter", Request], None]


def _number(request: Request) -> int:
    return cast(int, request.value)


def _seconds(moment: Moment) -> int:
    """Local time since 2000. Raises ``Refusal`` for a moment that does not exist."""
    try:
        return seconds_of(
            moment.year or 0, moment.month or 0, moment.day or 0, moment.hour or 0, moment.minute or 0,
            moment.second or 0,
        )  # fmt: skip
    except ValueError as error:
        raise out_of_range(str(error)) from None


def _set_moment(meter: AbbMeter, request: Request) -> None:
    meter.body.set_clock(_seconds(cast(Moment, request.value)))


def _set_date(meter: AbbMeter, request: Request) -> None:
    """The time of day stays."""
    meter.body.set_clock(_seconds(cast(Moment, request.value)) + meter.body.stamp.seconds % DAY_SECONDS)


def _set_address(meter: AbbMeter, request: Request) -> None:
    meter.address = _number(request)


def _set_status_mode(meter: AbbMeter, request: Request) -> None:
    meter.record_status = _number(request)


def _set_password(meter: AbbMeter, request: Request) -> None:
    meter.body.set_password(cast(bytes, request.value))


def _set_output(meter: AbbMeter, request: Request) -> None:
    meter.body.set_output(cast(int, request.subject), bool(request.value))


def _clear_profile(body: Body) -> None:
    for number in range(1, CHANNELS + 1):
        body.clear_channel(number)


def _clear_log(number: int, body: Body) -> None:
    body.clear_log(number)


_CLEAR: Mapping[str, Callable[[Body], None]] = MappingProxyType(
    {
        "demand": lambda body: body.clear_demand(),
        "previous_values": lambda body: body.clear_previous_values(),
        "load_profile": _clear_profile,
        **{f"{name}_log": partial(_clear_log, number) for name, number in LOG_NUMBERS.items()},
    }
)

COMMANDS: Mapping[str, Command] = MappingProxyType(
    {
        "set_tariff": lambda meter, request: meter.body.set_tariff(_number(request)),
        "set_address": _set_address,
        "reset_power_fail_counter": lambda meter, request: meter.body.reset_power_fails(),
        "set_ratio": lambda meter, request: meter.body.set_ratio(RATIO_IDS[str(request.subject)], _number(request)),
        "set_status_mode": _set_status_mode,
        "reset_input_state": lambda meter, request: meter.body.reset_stored(cast(int, request.subject)),
        "reset_input_counter": lambda meter, request: meter.body.reset_counter(cast(int, request.subject)),
        "set_output": _set_output,
        "reset_outage_time": lambda meter, request: meter.body.reset_outage(),
        "set_password": _set_password,
        "set_date_time": _set_moment,
        "set_date": _set_date,
        "clear": lambda meter, request: _CLEAR[str(request.subject)](meter.body),
        "reset_register": lambda meter, request: meter.body.reset_register(REGISTER_IDS[str(request.subject)]),
        "freeze_demand": lambda meter, request: meter.body.freeze_demand(),
        "set_write_access": lambda meter, request: meter.body.set_access(_number(request)),
        "set_tariff_source": lambda meter, request: meter.body.set_tariff_source(_number(request)),
        "set_co2_factor": lambda meter, request: meter.body.set_factor(84, _number(request)),
        "set_currency_factor": lambda meter, request: meter.body.set_factor(83, _number(request)),
    }
)
#: Commands that the write access level guards although their forms do not say so: the old password comes first.
GUARDED = frozenset({"set_password"})
