"""Parameters over REST: all of them in one block, written whole, followed by a reboot and compared afterwards.

Source: communication manual, `v1/system_parameters`; specification, section 7.11; DEC-45, DEC-46; statement D-187.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from wattproof.errors import Disconnected, HttpRefused, LinkError, ProtocolError, ResponseTimeout, WattproofError
from wattproof.meters.dmed4 import restpoints
from wattproof.meters.dmed4.parameters import IP_ADDRESS, PARAMETERS, PASSWORD, Parameter
from wattproof.meters.dmed4.resources import SYSTEM_PARAMETERS

if TYPE_CHECKING:
    from wattproof.meters.dmed4.rest import RestDriver

#: Seconds that a reboot may take, and between two looks meanwhile.
REBOOT_LIMIT, REBOOT_PAUSE = 60.0, 0.5
#: Parameters that decide how the meter is reached over REST.
WAYS = frozenset({IP_ADDRESS, "P05_11"})
#: The largest number that no address can be.
_WORD = 65535
#: Where two chunks of a body meet, and the password in a body, wherever its chunks meet.
_SEAM = rb"(?:\r\n[0-9A-F]+\r\n)?"
_KEY = _SEAM.join(re.escape(bytes((letter,))) for letter in f'"{PASSWORD}"'.encode())
_PASSWORD = re.compile(_KEY + rb"(?:%b|\s)*:(?:%b|[\s\"0-9])+" % (_SEAM[:-1], _SEAM[:-1]), re.IGNORECASE)


def veiled(data: bytes) -> bytes:
    """The bytes of a request or an answer with asterisks for the advanced password, for traces.

    >>> veiled(b'{"P03_01":1,"P03_02":4321,"P04_01":1}')
    b'{"P03_01":1,"P03_02":****,"P04_01":1}'
    """
    return _PASSWORD.sub(lambda match: _starred(match[0]), data)


def _starred(found: bytes) -> bytes:
    key, colon, value = found.partition(b":")
    return key + colon + re.sub(rb"[0-9]", b"*", value)


async def read(driver: RestDriver) -> dict[str, int]:
    """All parameters by their ids, addresses with the first octet highest. Logs in first."""
    await driver.login()
    document = await driver.get(SYSTEM_PARAMETERS)
    found: dict[str, int] = {}
    for row in PARAMETERS:
        value = restpoints.spelt(document, row.id)
        if value is None:
            raise ProtocolError(f"the meter does not show parameter {row.id}")
        found[row.id] = restpoints.number(value, row.id)
    if _reversed(found[IP_ADDRESS], driver.host):
        return {name: _swapped(name, value) for name, value in found.items()}
    return found


async def write(driver: RestDriver, values: Mapping[str, int]) -> None:
    """Set parameters: the whole block with these changed, then wait for the reboot, and compare.

    A connection that ends or stays silent after the block was sent has probably applied it. Nothing is sent without a
    password, even if somebody is logged in: the reboot ends that. Raises :class:`~wattproof.errors.UsageError` then,
    :class:`~wattproof.errors.HttpRefused` if the meter is operating or charging or the password is wrong,
    :class:`~wattproof.errors.ProtocolError` if a value is another one afterwards, and
    :class:`~wattproof.errors.ResponseTimeout` if the meter does not come back.
    """
    driver.password()
    before = await read(driver)
    wanted = {**before, **values}
    sent = wanted
    raw = restpoints.spelt(await driver.get(SYSTEM_PARAMETERS), IP_ADDRESS)
    if raw is not None and restpoints.number(raw, IP_ADDRESS) != before[IP_ADDRESS]:
        sent = {name: _swapped(name, value) for name, value in wanted.items()}
    body = json.dumps(block(sent), separators=(",", ":")).encode()
    doubt: WattproofError | None = None
    try:
        await driver.post(SYSTEM_PARAMETERS, body)
    except (Disconnected, ResponseTimeout) as error:
        doubt = error
    if PASSWORD in values:
        driver.use_password(str(values[PASSWORD]))
    await _verified(driver, values, doubt)


def block(values: Mapping[str, int]) -> dict[str, int]:
    """The body of the POST: every parameter, addresses as four bytes (``P05_03_01`` to ``_04``)."""
    fields: dict[str, int] = {}
    for row in PARAMETERS:
        value = values[row.id]
        if row.id == IP_ADDRESS or (row.splits and value > _WORD):
            octets = value.to_bytes(4, "big")
            fields.update((f"{row.id}_{number:02d}", octet) for number, octet in enumerate(octets, 1))
        else:
            fields[row.id] = value
    return fields


async def _verified(driver: RestDriver, values: Mapping[str, int], doubt: WattproofError | None) -> None:
    """Wait until the meter answers with the new values, or with others for good."""
    deadline = driver.clock.now() + round(REBOOT_LIMIT * 1e9)
    while True:
        await driver.clock.sleep(REBOOT_PAUSE)
        try:
            found = await read(driver)
        except LinkError as error:
            if driver.clock.now() >= deadline:
                raise _gone(values, error) from error
            continue
        except HttpRefused as error:
            text = f"the parameters were sent and the meter has rebooted, but they cannot be compared: {error}"
            raise HttpRefused(error.status, text) from error
        wrong = [name for name, value in values.items() if found[name] != value]
        if not wrong:
            return
        if driver.clock.now() >= deadline:
            names = ", ".join(f"{name} is {found[name]}, not {values[name]}" for name in wrong)
            why = f" ({doubt})" if doubt is not None else ""
            raise ProtocolError(f"the parameters were sent, but {names}{why}")


def _gone(values: Mapping[str, int], error: WattproofError) -> ResponseTimeout:
    ways = sorted(WAYS & values.keys())
    where = f"it is now reached by the new {', '.join(ways)}: read them there" if ways else "look at the meter"
    return ResponseTimeout(
        f"the parameters were sent, but the meter does not answer {REBOOT_LIMIT:g} s later ({error}); {where}"
    )


def _reversed(address: int, host: str) -> bool:
    """Whether only the other order of bytes gives the address that the meter is reached by (DEC-46)."""
    try:
        reached = int(ipaddress.IPv4Address(host))
    except ValueError:
        return False
    return address != reached and _swap(address) == reached


def _swapped(name: str, value: int) -> int:
    row = next(row for row in PARAMETERS if row.id == name)
    return _swap(value) if _is_address(row, value) else value


def _is_address(row: Parameter, value: int) -> bool:
    return row.id == IP_ADDRESS or (row.splits and row.words > 1 and value > _WORD)


def _swap(value: int) -> int:
    return int.from_bytes((value & 0xFFFFFFFF).to_bytes(4, "big"), "little")
