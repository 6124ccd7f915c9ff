"""Parameters through the Modbus menu: choose, write, read back, save, wait for the reboot, verify.

Source: communication manual, parameter menu; specification, section 5; DEC-28; statement D-120.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from wattproof.drivers.mapped import Value
from wattproof.errors import InvalidValue, LinkError, ProtocolError, ResponseTimeout, WattproofError
from wattproof.meters.dmed4.parameters import IP_ADDRESS, PARAMETERS, Parameter, parameter
from wattproof.model.readings import Reading
from wattproof.model.values import Quality

if TYPE_CHECKING:
    from wattproof.meters.dmed4.driver import DmedDriver

#: The word that stands for all parameters, and the instance under which they are read.
EVERY, INSTANCE = "parameters", "parameter"
SAVE = 5
#: Seconds that the unanswered save is listened for, that a reboot may take, and between two looks meanwhile.
SAVE_PATIENCE, REBOOT_LIMIT, REBOOT_PAUSE = 1.0, 60.0, 0.5
#: Parameters that decide how the meter is reached over Modbus, beside the node.
NODE = "P04_01"
LINE = frozenset({"P04_02", "P04_03", "P04_04", "P04_05", IP_ADDRESS, "P05_05", "P05_10"})


def rows(names: Iterable[str]) -> list[Parameter]:
    """The parameters that the names mean, each once. Raises :class:`~wattproof.errors.UnknownName`."""
    found: dict[str, Parameter] = {}
    for name in names:
        chosen = PARAMETERS if name.casefold() == EVERY else (parameter(name),)
        found.update((row.id, row) for row in chosen)
    return list(found.values())


def assigned(values: Mapping[str, Value]) -> dict[str, int]:
    """Numbers by parameter id. Raises :class:`~wattproof.errors.InvalidValue` and ``UnknownName``."""
    found: dict[str, int] = {}
    for name, value in values.items():
        row = parameter(name)
        if row.id in found:
            raise InvalidValue(f"{row.id} is set twice: give one value")
        found[row.id] = row.read(str(value))
    return found


def reading(row: Parameter, raw: int, time: datetime) -> Reading:
    """A parameter's value as a reading: an address dotted, an enumeration by its name, else the number."""
    value: Decimal | str = Decimal(raw)
    if row.id == IP_ADDRESS:
        value = str(ipaddress.IPv4Address(raw & 0xFFFFFFFF))
    elif row.symbols is not None:
        value = row.symbols.get(raw, str(raw))
    return Reading(f"{INSTANCE}.{row.id}", row.id, value, "", None, Quality.GOOD, time, raw)


async def read(driver: DmedDriver, row: Parameter) -> int:
    """The value of one parameter. The choice in the menu is one for all masters of the meter."""
    await _choose(driver, row)
    (bound,) = await driver.find(["parameter_value"])
    return int.from_bytes(await driver.registers(bound.address, row.words), "big")


async def write(driver: DmedDriver, values: Mapping[str, int]) -> None:
    """Set parameters, read them back, save, wait until the meter is there again, and compare.

    The save has no answer; a missing one is success. Raises :class:`~wattproof.errors.ModbusRefused` if the meter is
    operating or charging, :class:`~wattproof.errors.ProtocolError` if a value is another one afterwards, and
    :class:`~wattproof.errors.ResponseTimeout` if the meter does not come back.
    """
    chosen = rows(values)
    (bound,) = await driver.find(["parameter_value"])
    for row in chosen:
        await _choose(driver, row)
        await driver.write_registers(bound.address, values[row.id].to_bytes(2 * row.words, "big"))
        _compare(row, values[row.id], await read(driver, row), "before saving: nothing was saved")
    (save,) = await driver.find(["save"])
    with suppress(LinkError):  # that is how it says yes
        await driver.write_one(save.address, SAVE, timeout=SAVE_PATIENCE)
    if NODE in values:
        driver.at_unit(values[NODE])
    await _return(driver, values)
    for row in chosen:
        _compare(row, values[row.id], await read(driver, row), "after the reboot")


async def _choose(driver: DmedDriver, row: Parameter) -> None:
    menu, submenu, number = await driver.find(["menu", "submenu", "parameter_menu.parameter"])
    for bound, value in ((menu, row.menu), (submenu, 0), (number, row.number)):
        await driver.write_one(bound.address, value)


def _compare(row: Parameter, wanted: int, found: int, moment: str) -> None:
    if found != wanted:
        raise ProtocolError(f"parameter {row.id} reads {found} {moment}, and {wanted} was written")


async def _return(driver: DmedDriver, values: Mapping[str, int]) -> None:
    """Wait until the meter answers again."""
    deadline = driver.clock.now() + round(REBOOT_LIMIT * 1e9)
    while True:
        await driver.clock.sleep(REBOOT_PAUSE)
        try:
            await driver.identity(timeout=SAVE_PATIENCE)
            return
        except (LinkError, ProtocolError) as error:
            if driver.clock.now() >= deadline:
                raise _gone(values, error) from error


def _gone(values: Mapping[str, int], error: WattproofError) -> ResponseTimeout:
    changed = sorted(LINE & values.keys())
    where = f"it is now reached by the new {', '.join(changed)}: read them there" if changed else "look at the meter"
    return ResponseTimeout(
        f"the parameters were saved, but the meter does not answer {REBOOT_LIMIT:g} s later ({error}); {where}"
    )
