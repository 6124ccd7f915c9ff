"""What REST sets, and what it refuses: settings, display, input messages, the login (sections 6.2, 6.6, 7)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from wattproof.conformance.dmed4.answers import BAD_REQUEST
from wattproof.conformance.dmed4.common import INFERRED, MANUAL, Check, Why, expect, first, refused, row
from wattproof.conformance.dmed4.rest import granted
from wattproof.conformance.dmed4.subject import FIELDS, Dmed
from wattproof.conformance.dmed4.webform import wanted
from wattproof.conformance.engine import Need, NotApplicable
from wattproof.errors import HttpRefused
from wattproof.meters.dmed4.enums import Signature
from wattproof.meters.dmed4.resources import CHARGE_SETTINGS, FORCE_DISPLAY, OCMF, SYSTEM_STATUS
from wattproof.meters.dmed4.text import Form, input_body


async def _tariff(meter: Dmed) -> int:
    return int(await meter.rest.value(CHARGE_SETTINGS, "tariff"))


def on_tariff(act: Callable[[Dmed, int], Any]) -> Check:
    """A check that changes the tariff and leaves it as it was."""

    async def check(meter: Dmed) -> str | None:
        before = await _tariff(meter)
        try:
            remark: str | None = await act(meter, before)
            return remark
        finally:
            await meter.rest.put(CHARGE_SETTINGS, tariff=before)

    return check


async def _is_tariff(meter: Dmed, value: int, what: str) -> None:
    found = await _tariff(meter)
    expect(found == value, f"{what}: tariff is {found}, not {value}")


async def by_query(meter: Dmed, before: int) -> None:
    await meter.rest.put(CHARGE_SETTINGS, tariff=before ^ 1)
    await _is_tariff(meter, before ^ 1, "PUT with a query")


async def post_as_put(meter: Dmed, before: int) -> str | None:
    answer = await meter.rest.ask("POST", CHARGE_SETTINGS.path, {"tariff": before ^ 1})
    if not answer.ok:
        await _is_tariff(meter, before, "a refused POST")
        return f"{answer.words} (DEC-30)"
    await _is_tariff(meter, before ^ 1, "POST with a query and without a body")
    return None


async def encoded(meter: Dmed, before: int) -> None:
    digits = "".join(f"%{ord(digit):02X}" for digit in str(before ^ 1))
    path = f"/v1/{'' if meter.rest.driver.channel is None else f'{meter.rest.driver.channel}/'}{CHARGE_SETTINGS.path}"
    granted(await meter.rest.raw("PUT", f"{path}?%74ariff=%20{digits}%20"))
    await _is_tariff(meter, before ^ 1, "a query in percent digits with blanks")


async def unknown_keys(meter: Dmed, before: int) -> str | None:
    await meter.rest.put(CHARGE_SETTINGS, tariff=before ^ 1, nonsense=1)
    await _is_tariff(meter, before ^ 1, "a query with an unknown key besides")
    return wanted(await meter.rest.ask("PUT", CHARGE_SETTINGS.path, {"nonsense": 1}), BAD_REQUEST)


async def all_or_nothing(meter: Dmed, before: int) -> str | None:
    answer = await meter.rest.ask("PUT", CHARGE_SETTINGS.path, {"tariff": before ^ 1, "datetime_offset": 20})
    remark = wanted(answer, BAD_REQUEST)
    await _is_tariff(meter, before, "a request with one bad setting")
    return remark


async def repeated(meter: Dmed, before: int) -> str | None:
    answers = [
        await meter.rest.put(CHARGE_SETTINGS, tariff=before),
        await meter.rest.post(CHARGE_SETTINGS, {"tariff": before}),
    ]
    wrong = [answer for answer in answers if answer.body and answer.json() != {"tariff": before}]
    return f"{wrong[0].request} gives {wrong[0].body[:40]!r} (DEC-38)" if wrong else None


async def bad_offsets(meter: Dmed) -> str | None:
    rest = meter.rest
    return first(
        *[
            wanted(await rest.ask("PUT", CHARGE_SETTINGS.path, {"datetime_offset": value}), BAD_REQUEST)
            for value in (20, 915, -915)
        ]
    )


async def clock(meter: Dmed) -> None:
    rest, moment = meter.rest, 1_695_970_042
    try:
        await rest.put(CHARGE_SETTINGS, datetime=moment)
        found = await rest.value(CHARGE_SETTINGS, "datetime")
    finally:
        await rest.put(CHARGE_SETTINGS, datetime=meter.clock.time() // 10**9)
    expect(moment <= found <= moment + 60, f"datetime {moment} reads back as {found}")


async def cable(meter: Dmed) -> None:
    rest = meter.rest
    if await rest.value(SYSTEM_STATUS, "cable_res_locked") or await rest.locked():
        raise NotApplicable("the cable resistance is locked; see D-141")
    before = await rest.value(CHARGE_SETTINGS, "res_cable")
    try:
        for value, act in ((before ^ 1, rest.put), (before ^ 3, None)):
            if act is not None:
                await act(CHARGE_SETTINGS, res_cable=value)
            else:
                await rest.post(CHARGE_SETTINGS, {"res_cable": value})
            found = await rest.value(CHARGE_SETTINGS, "res_cable")
            expect(found == value, f"res_cable {value} reads back as {found}")
    finally:
        await rest.put(CHARGE_SETTINGS, res_cable=before)


async def locked_cable(meter: Dmed) -> str | None:
    rest = meter.rest
    if not await rest.value(SYSTEM_STATUS, "cable_res_locked"):
        raise NotApplicable("cable_res_locked is 0")
    before = await rest.value(CHARGE_SETTINGS, "res_cable")
    return await refused(rest.put(CHARGE_SETTINGS, res_cable=before), Why.STATE, "res_cable")


async def bad_letters(meter: Dmed) -> str | None:
    rest = meter.rest
    return first(
        *[
            wanted(await rest.ask("PUT", CHARGE_SETTINGS.path, {"command": text}), BAD_REQUEST)
            for text in ("b", "Z", "")
        ]
    )


async def display(meter: Dmed) -> None:
    rest = meter.rest
    for value in (0, 1):
        await rest.put(FORCE_DISPLAY, display_on_off=value)
        await rest.post(FORCE_DISPLAY, {"display_on_off": value})
    for value in range(13, 0, -1):
        await rest.put(FORCE_DISPLAY, set_page=value)
        await rest.post(FORCE_DISPLAY, {"set_page": value})


async def bad_pages(meter: Dmed) -> str | None:
    rest = meter.rest
    return first(
        *[wanted(await rest.ask("PUT", FORCE_DISPLAY.path, {"set_page": value}), BAD_REQUEST) for value in (0, 14)]
    )


async def other_operative(meter: Dmed) -> str | None:
    """Behind a login; ``operating`` itself is never sent, for it cannot be undone."""
    rest = meter.rest
    await rest.login()
    return wanted(await rest.ask("PUT", SYSTEM_STATUS.path, {"operative_status": "ready"}), BAD_REQUEST)


async def logged_in(meter: Dmed) -> None:
    rest = meter.rest
    await rest.login()
    expect(await rest.is_logged_in(), "the password is accepted, and logged is still 0")


async def input_forms(meter: Dmed) -> str | None:
    """F1 to F4 (DEC-54): one of F1 and F3 must do."""
    rest = meter.rest
    fields = json.loads(FIELDS)
    record = input_body(fields, Form.RECORD)
    forms = {
        "F1": record,
        "F2": json.dumps({"OCMF_BUFF": f"OCMF|{FIELDS}"}).encode(),
        "F3": FIELDS.encode(),
        "F4": f"OCMF|{FIELDS}".encode(),
    }
    meter.left.message = True
    taken = []
    for name, body in forms.items():
        await meter.untroubled()
        try:
            await rest.post(OCMF, body)
        except HttpRefused:
            continue
        expect((await rest.states()).has(Signature.JSON_OK), f"form {name} is accepted, and bit 1 is not set")
        taken.append(name)
    expect(bool({"F1", "F3"} & set(taken)), "neither F1 nor F3 is accepted")
    return None if len(taken) == 4 else f"only {', '.join(taken)} (DEC-54)"


ROWS = (
    row("D-123", "PUT takes its arguments from the query", MANUAL, Need.WRITE, on_tariff(by_query)),
    row("D-124", "POST with a query alone works as PUT", INFERRED, Need.WRITE, on_tariff(post_as_put), "DEC-30"),
    row("D-125", "Percent digits and blanks in a query are read", INFERRED, Need.WRITE, on_tariff(encoded)),
    row("D-126", "Unknown keys are ignored if one is known", INFERRED, Need.WRITE, on_tariff(unknown_keys), "DEC-31"),
    row("D-142", "One refused setting refuses the request", INFERRED, Need.WRITE, on_tariff(all_or_nothing), "DEC-31"),
    row("D-156", "The answer repeats the applied keys", INFERRED, Need.WRITE, on_tariff(repeated), "DEC-38"),
    row("D-153", "datetime_offset 20 and 915 are refused", MANUAL, Need.WRITE, bad_offsets, "DEC-31"),
    row("D-154", "datetime reads back", MANUAL, Need.WRITE, clock),
    row("D-155", "res_cable can be set by PUT and POST", MANUAL, Need.WRITE, cable, "DEC-33"),
    row("D-141", "res_cable is refused when it is locked", MANUAL, Need.WRITE, locked_cable, "DEC-31"),
    row("D-157", "A letter that is no command is refused", INFERRED, Need.WRITE, bad_letters, "DEC-31"),
    row("D-197", "Display and pages 1 to 13 by PUT and POST", MANUAL, Need.WRITE, display),
    row("D-198", "set_page 0 and 14 are refused", MANUAL, Need.WRITE, bad_pages, "DEC-31"),
    row("D-250", "A message in F1 to F4 is accepted", INFERRED, Need.WRITE, input_forms, "DEC-54"),
    row("D-173", "The right password sets logged", MANUAL, Need.WRITE, logged_in),
    row("D-171", "operative_status takes no other value", MANUAL, Need.WRITE, other_operative, "DEC-31"),
)
