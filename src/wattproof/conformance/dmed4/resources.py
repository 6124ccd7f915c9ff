"""What the resources of REST show: their keys and what stands under them (sections 7.1 to 7.8)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from wattproof.conformance.dmed4.common import INFERRED, MANUAL, Check, expect, row
from wattproof.conformance.dmed4.subject import Dmed
from wattproof.conformance.engine import Failed, Need, NotApplicable
from wattproof.meters.dmed4.enums import FATAL_ERRORS
from wattproof.meters.dmed4.resources import CHARGE_SETTINGS, CHARGE_STATUS, LOG_INFO, MEASURE, SYSTEM_STATUS, Resource
from wattproof.meters.dmed4.restpoints import set_flags, spelt

_HEX = re.compile(r"[0-9A-Fa-f]+")


def keys(resource: Resource, *, exact: bool = True) -> Check:
    """A check that GET gives the keys of the listing; other spellings that the manual has are a remark (DEC-39)."""

    async def check(meter: Dmed) -> str | None:
        document = await meter.rest.get(resource)
        listed = [field.key for field in resource.of("GET")]
        missing = [key for key in listed if spelt(document, key) is None]
        expect(not missing, f"{resource.path} has no {', '.join(missing)}")
        await meter.rest.numbers(resource)
        extra = [key for key in document if key not in listed]
        if exact and len(document) != len(listed):
            raise Failed(f"{resource.path} has {', '.join(extra)} besides")
        return f"spelt {', '.join(extra)} (DEC-39)" if extra else None

    return check


async def two_energies(meter: Dmed) -> None:
    document = await meter.rest.get(MEASURE)
    expect({"energy_neg", "energyNeg"} <= document.keys(), f"keys of measure: {', '.join(document)}")
    expect(document["energy_neg"] <= document["energyNeg"], "the last cycle exported more than there ever was")


async def sign_of_power(meter: Dmed) -> str:
    found = (await meter.rest.numbers(MEASURE))["power"]
    register = await meter.modbus.number("power")
    if register > -100:
        raise NotApplicable("no energy is exported now")
    expect(found < 0, f"power is {found} tenths of a kW, and the register says {register} W")
    return f"{found} tenths of a kW"


async def key_digits(meter: Dmed) -> None:
    found = str(await meter.rest.value(CHARGE_SETTINGS, "public_key"))
    expect(len(found) == 128 and _HEX.fullmatch(found) is not None, f"public_key is {found[:20]!r}, {len(found)} long")


async def format_number(meter: Dmed) -> str:
    found = await meter.rest.value(CHARGE_SETTINGS, "signature_format")
    expect(found in (0, 1), f"signature_format is {found}")
    return f"{found}"


async def _flags(meter: Dmed) -> tuple[Mapping[str, Any], list[list[str]]]:
    """``system_status`` and the flags that are set on both boards."""
    document = await meter.rest.get(SYSTEM_STATUS)
    names = [f"board_{number}_status_bits" for number in (1, 2)]
    return document, [set_flags(spelt(document, name), SYSTEM_STATUS.by_key[name]) for name in names]


async def nested_flags(meter: Dmed) -> str | None:
    document, _ = await _flags(meter)
    board = spelt(document, "board_2_status_bits")
    fatal = spelt(board, "fatal_err_bits") if isinstance(board, Mapping) else None
    expect(isinstance(fatal, Mapping), "fatal_err_bits is not inside board_2_status_bits")
    missing = [name for name in FATAL_ERRORS if name not in (fatal or {})]
    expect(not missing, f"fatal_err_bits has no {', '.join(missing)}")
    wrong = [name for name, value in (fatal or {}).items() if value not in (0, 1)]
    expect(not wrong, f"no flags: {', '.join(wrong)}")
    return None


async def operative(meter: Dmed) -> str:
    """Now, and in an open cycle where one may be begun."""
    if meter.writes:
        await meter.claim()
        await meter.active()
        await _operative(meter)
        await meter.idle()
    return await _operative(meter)


async def _operative(meter: Dmed) -> str:
    found = str(await meter.rest.value(SYSTEM_STATUS, "operative_status"))
    active = (await meter.rest.states()).active
    expect(found in ("Ready", "Operating", "Charging"), f"operative_status is {found!r}")
    expect(
        (found == "Charging") == active, f"operative_status is {found}, and a cycle is {'open' if active else 'not'}"
    )
    return found


async def summary(meter: Dmed) -> str:
    document, (first_board, second_board) = await _flags(meter)
    found = spelt(document, "system_status")
    testing = "hw_test_ongoing" in first_board + second_board
    right = 22 if testing else 10 * bool(first_board) + bool(second_board)
    expect(found == right, f"system_status is {found} with the flags {first_board + second_board}")
    for number, flags in enumerate((first_board, second_board), 1):
        status = spelt(document, f"board_{number}_status")
        expect(bool(status) == bool(flags), f"board_{number}_status is {status} with the flags {flags}")
    return f"{found}"


async def checksums(meter: Dmed) -> str:
    document = await meter.rest.get(SYSTEM_STATUS)
    found = {key: spelt(document, key) for key in ("meas_fw_cks", "pow_fw_cks")}
    for key, value in found.items():
        right = isinstance(value, str) and len(value) == 8 and _HEX.fullmatch(value) is not None
        expect(right, f"{key} is {value!r}")
    return " ".join(map(str, found.values()))


ROWS = (
    row("D-144", "measure has exactly the 11 keys", MANUAL, Need.READ, keys(MEASURE), "DEC-39"),
    row("D-146", "energy_neg and energyNeg are two quantities", MANUAL, Need.READ, two_energies),
    row("D-148", "Export gives negative power", INFERRED, Need.READ, sign_of_power),
    row("D-150", "charge_settings has its 7 keys", MANUAL, Need.READ, keys(CHARGE_SETTINGS), "DEC-39"),
    row("D-151", "public_key has 128 hex digits", MANUAL, Need.READ, key_digits),
    row("D-152", "signature_format is 0 or 1", MANUAL, Need.READ, format_number, "DEC-35"),
    row("D-158", "charge_status has its 4 keys", MANUAL, Need.READ, keys(CHARGE_STATUS), "DEC-39"),
    row("D-161", "logbook/info has its 8 keys", MANUAL, Need.READ, keys(LOG_INFO), "DEC-39"),
    row("D-163", "fatal_err_bits stands inside, e_1 to e_12", MANUAL, Need.READ, nested_flags, "DEC-39"),
    row("D-164", "operative_status goes by the rule", MANUAL, Need.READ, operative),
    row("D-165", "system_status goes by the flags", MANUAL, Need.READ, summary),
    row("D-166", "Checksums are texts of 8 hex digits", MANUAL, Need.READ, checksums),
)
