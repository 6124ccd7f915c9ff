"""What the REST resources of a virtual DMED4 answer and do: one function a resource and method (section 7).

Every function takes the meter and the arguments, and returns the object of the answer or raises :class:`Failure`. The
keys, their order and their limits come from the rows of ``resources``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from wattproof.meters.dmed4 import resources
from wattproof.meters.dmed4.enums import Command
from wattproof.meters.dmed4.parameters import BY_ID, PARAMETERS, contradiction
from wattproof.meters.dmed4.resources import Field, Resource, Shape, tenth
from wattproof.meters.dmed4.virtual import menu
from wattproof.meters.dmed4.virtual.access import Verdict
from wattproof.meters.dmed4.virtual.charge import Refused
from wattproof.meters.dmed4.virtual.face import MEAS_CHECKSUM, MEAS_REVISION, POW_CHECKSUM, POW_REVISION
from wattproof.meters.dmed4.virtual.health import mask
from wattproof.meters.dmed4.virtual.logbook import BadSearch
from wattproof.virtual.base import SECOND
from wattproof.wire.nesting import too_deep

if TYPE_CHECKING:
    from wattproof.meters.dmed4.virtual.meter import DmedMeter

BAD_REQUEST, FORBIDDEN, NOT_FOUND, NOT_IMPLEMENTED = 400, 403, 404, 501
#: Real time that an answer has before the restart that follows it, as a part of a second.
_GRACE = SECOND // 20

Arguments = Mapping[str, Any]


class Failure(Exception):
    """The request is answered by this status, without a body."""

    def __init__(self, status: int) -> None:
        super().__init__(str(status))
        self.status = status


# GET


def measure(meter: DmedMeter, arguments: Arguments) -> dict[str, Any]:
    """The registers of 4.3 in the steps of REST (7.1); a glitch of the counters hits these answers too."""
    shown = meter.registers.measure()
    energy = [shown[1], shown[10], shown[0], shown[9]]
    if meter.faults.hit("counter-glitch"):
        energy = [0, 0, 0, 0]
    return {
        "voltage": tenth(shown[2], 10),
        "current": tenth(shown[3], 1000),
        "power": tenth(shown[4], 100),
        "energy": energy[0],
        "energy_neg": energy[1],
        "temperature_i1": shown[5],
        "temperature_i1_fahrenheit": shown[6],
        "temperature_i2": shown[7],
        "temperature_i2_fahrenheit": shown[8],
        "energyPos": energy[2],
        "energyNeg": energy[3],
    }


def charge_settings(meter: DmedMeter, arguments: Arguments) -> dict[str, Any]:
    parameters = meter.shown_parameters()
    return {
        "sync_timeout": parameters["P06_02"],
        "signature_format": parameters["P06_01"],
        "public_key": meter.registers.area("public_key").hex().upper(),
        "res_cable": meter.cable,
        "datetime_offset": meter.clock.offset,
        "datetime": meter.clock.seconds(meter.now),
        "tariff": meter.tariff,
    }


def charge_status(meter: DmedMeter, arguments: Arguments) -> dict[str, Any]:
    registers = meter.registers
    return {row.key: registers.number(row.point) for row in resources.CHARGE_STATUS.fields}


def statuses(meter: DmedMeter) -> dict[str, int]:
    """Both statuses and both error dwords."""
    health = meter.health
    return {
        "measurement_status": int(meter.charge.status),
        "signature_status": meter.charge.signature_status(meter.now),
        "error_1": health.first,
        "error_2": health.second,
    }


def ocmf(meter: DmedMeter, arguments: Arguments) -> dict[str, Any]:
    record = meter.charge.output
    return {"OCMF_BUFF": "" if record is None else record.text}


def log_info(meter: DmedMeter, arguments: Arguments) -> dict[str, Any]:
    log = meter.logbook
    return {
        "ocmf_max_number": log.records.maxlen,
        "ocmf_total_number": len(log.records),
        "ocmf_last_internal_progressive": log.last,
        "ocmf_first_internal_progressive": log.first,
        "events_max_number": log.events.maxlen,
        "events_total_number": len(log.events),
        "log_search_status": int(log.found),
        "log_search_position": log.position,
    }


def log_record(meter: DmedMeter, arguments: Arguments) -> dict[str, Any]:
    return {"OCMF_LOG": _found(meter.logbook.find_record, arguments)}


def log_event(meter: DmedMeter, arguments: Arguments) -> dict[str, Any]:
    return {"EVENT_LOG": _found(meter.logbook.find_event, arguments)}


def _found(search: Callable[[Mapping[str, str]], str | None], arguments: Arguments) -> str:
    try:
        text = search(arguments)
    except BadSearch:
        raise Failure(BAD_REQUEST) from None
    if text is None:
        raise Failure(NOT_FOUND)
    return text


def system_status(meter: DmedMeter, arguments: Arguments) -> dict[str, Any]:
    health = meter.health
    first, second = health.board_1(), health.board_2()
    meter.access.expire(meter.now)
    return {
        "meas_fw_rev": MEAS_REVISION,
        "meas_fw_cks": f"{MEAS_CHECKSUM:08X}",
        "pow_fw_rev": POW_REVISION,
        "pow_fw_cks": f"{POW_CHECKSUM:08X}",
        "serial_number": int(meter.serial),
        "model_code": meter.kind.number,
        "operative_status": meter.operative.value,
        "cable_res_locked": int(meter.cable_locked),
        "system_status": health.system_status(),
        "board_1_status": mask(first),
        "board_1_status_bits": first,
        "board_2_status": mask(second),
        "board_2_status_bits": {**second, "fatal_err_bits": health.fatal()},
        "logged": int(meter.access.logged),
    }


def system_parameters(meter: DmedMeter, arguments: Arguments) -> dict[str, Any]:
    return dict(meter.shown_parameters())


# PUT, POST


def set_charge(meter: DmedMeter, arguments: Arguments) -> dict[str, Any]:
    """Settings and a command, all or nothing, settings first (6.6, DEC-34)."""
    charge = meter.charge
    locked = meter.charging
    if charge.job is not None and arguments.keys() & {"datetime", "datetime_offset", "command"}:
        raise Failure(BAD_REQUEST)
    if locked and arguments.keys() - {"command"}:
        raise Failure(BAD_REQUEST)
    if "res_cable" in arguments and (meter.cable_locked or meter.commissioned):
        raise Failure(BAD_REQUEST)
    command = Command(arguments["command"]) if "command" in arguments else None
    try:
        if command is not None:
            charge.permit(command)
        for key, value in arguments.items():
            if key in _SETTINGS:
                _SETTINGS[key](meter, value)
        if command is not None:
            charge.take(command)
    except Refused as refused:
        meter.health.refuse_sequence(refused.bit)
        raise Failure(BAD_REQUEST) from None
    return dict(arguments)


def _set_tariff(meter: DmedMeter, value: int) -> None:
    meter.tariff = value


_SETTINGS: Mapping[str, Callable[[DmedMeter, int], None]] = {
    "datetime": lambda meter, value: meter.set_time(value),
    "datetime_offset": lambda meter, value: meter.set_offset(value),
    "res_cable": lambda meter, value: meter.set_cable(value),
    "tariff": _set_tariff,
}


def set_message(meter: DmedMeter, body: bytes) -> dict[str, Any]:
    """The fixed fields of the next cycle (7.4)."""
    try:
        meter.charge.message(body, wrapped=True)
    except Refused as refused:
        meter.health.refuse_sequence(refused.bit)
        raise Failure(BAD_REQUEST) from None
    return {}


def commission(meter: DmedMeter, arguments: Arguments) -> dict[str, Any]:
    """``operative_status``: one value, one way (7.9)."""
    if meter.charging:
        raise Failure(BAD_REQUEST)
    meter.commission()
    return {"operative_status": meter.operative.value}


def log_in(meter: DmedMeter, arguments: Arguments) -> dict[str, Any]:
    """One password for the whole device (7.10)."""
    given = arguments.get("password", "")
    if not given:
        raise Failure(BAD_REQUEST)
    unlock(meter, given)
    meter.access.log_in(meter.now)
    meter.note(7)
    return {"logged": 1}


def unlock(meter: DmedMeter, given: str) -> None:
    """Judge the advanced password. Raises ``Failure``: 403 for a wrong one, and for any during a lock-out."""
    verdict = meter.access.attempt(given, menu.password(meter.active), meter.now)
    if verdict is Verdict.LOCKED_NOW:
        meter.note(8)
    if verdict is not Verdict.RIGHT:
        raise Failure(FORBIDDEN)


def set_parameters(meter: DmedMeter, arguments: Arguments) -> dict[str, Any]:
    """The complete block of parameters, then a restart (7.11)."""
    if meter.parameters_locked:
        raise Failure(BAD_REQUEST)
    values = {row.id: _parameter(row.id, arguments) for row in PARAMETERS}
    if contradiction(values):
        raise Failure(BAD_REQUEST)
    restart(meter, values)
    return {}


def restart(meter: DmedMeter, values: Mapping[str, int]) -> None:
    """Save parameters; the answer leaves before the meter restarts."""
    meter.save(values, after=meter.options.answer_delay + int(_GRACE * meter.speed) + 1)


def _parameter(id: str, arguments: Arguments) -> int:
    """A parameter of the block: one number, or four bytes for those of menu 5. Raises ``Failure``."""
    row = BY_ID[id]
    keys = [f"{id}_{number:02d}" for number in range(1, 5)] if row.splits else []
    present = [arguments[key] for key in keys if key in arguments]
    if id in arguments and not present:
        value = arguments[id]
    elif id not in arguments and len(present) == 4 and all(is_whole(part) and 0 <= part <= 255 for part in present):
        value = int.from_bytes(bytes(present), "big")
    else:
        raise Failure(BAD_REQUEST)
    if not is_whole(value) or value not in row.allowed:
        raise Failure(BAD_REQUEST)
    return int(value)


def set_display(meter: DmedMeter, arguments: Arguments) -> dict[str, Any]:
    """Display on or off, and its page (7.13)."""
    meter.display_on = bool(arguments.get("display_on_off", meter.display_on))
    meter.display_page = int(arguments.get("set_page", meter.display_page))
    return dict(arguments)


# Arguments.


def is_whole(value: object) -> bool:
    """Whether a JSON value is a whole number; true and false are none."""
    return isinstance(value, int) and not isinstance(value, bool)


def read_arguments(resource: Resource, method: str, given: Arguments) -> dict[str, Any]:
    """The known arguments with values within their limits. Raises ``Failure`` if there is none, or one is not.

    Unknown ones are ignored when one is known (6.2).
    """
    known = {key: row for key in given if (row := resource.by_key.get(key)) is not None and method in row.methods}
    if not known:
        raise Failure(BAD_REQUEST)
    return {key: _value(row, given[key], as_text=method == "PUT") for key, row in known.items()}


def _value(row: Field, value: Any, *, as_text: bool) -> Any:
    """A value of a row. ``as_text``: out of a query, where numbers are texts too."""
    if row.shape is Shape.STRING:
        if not isinstance(value, str):
            raise Failure(BAD_REQUEST)
        return value if row.allowed is None else _word(row, value)
    if as_text:
        digits = value.removeprefix("-")
        if not (digits.isascii() and digits.isdigit()) or len(digits) > 12:
            raise Failure(BAD_REQUEST)
        value = int(value)
    if not is_whole(value) or (row.allowed is not None and value not in row.allowed):
        raise Failure(BAD_REQUEST)
    return value


def _word(row: Field, value: str) -> str:
    """One of the words of a row; letters of commands keep their case, other words do not matter by it (7.9)."""
    allowed = row.allowed or ()
    found = value if row.key == "command" else value.casefold()
    if found not in allowed:
        raise Failure(BAD_REQUEST)
    return found


def read_json(body: bytes) -> dict[str, Any]:
    """The object in a body, each key once. Raises ``Failure``."""
    try:
        text = body.decode("utf-8")
        content = None if too_deep(text) else json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    except ValueError:
        raise Failure(BAD_REQUEST) from None
    if not isinstance(content, dict):
        raise Failure(BAD_REQUEST)
    return content


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValueError("a key stands twice")
    return dict(pairs)


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is no JSON")


Action = Callable[["DmedMeter", Arguments], dict[str, Any]]
GET: Mapping[str, Action] = {
    "measure": measure,
    "charge_settings": charge_settings,
    "charge_status": charge_status,
    "ocmf": ocmf,
    "logbook/info": log_info,
    "logbook/OCMF": log_record,
    "logbook/events": log_event,
    "system_status": system_status,
    "system_parameters": system_parameters,
}
SET: Mapping[str, Action] = {
    "charge_settings": set_charge,
    "system_status": commission,
    "login": log_in,
    "system_parameters": set_parameters,
    "force_display": set_display,
}
