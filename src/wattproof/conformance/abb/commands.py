"""What a master may tell a meter on M-Bus: commands, passwords, and what is refused (abb-meters.md 1.15, 3.11).

Everything is put back: what cannot be (resets, clearing) is not tried.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from wattproof.conformance.abb.common import INFERRED, MANUAL, expect, row, several
from wattproof.conformance.abb.link import FILLER
from wattproof.conformance.abb.mbus import MbusSide, refused
from wattproof.conformance.abb.subject import Abb
from wattproof.conformance.engine import Need, NotApplicable, Skipped
from wattproof.wire.mbus import frames
from wattproof.wire.mbus.frames import PRIMARY
from wattproof.wire.mbus.moments import Moment
from wattproof.wire.mbus.requests import Request

#: Factors: the quantity, and the request that sets it.
FACTORS = {84: "set_co2_factor", 83: "set_currency_factor"}
TARIFF = 189
#: By how much the clock is put forward, and how far it may be off afterwards.
AHEAD, NEAR = timedelta(seconds=90), timedelta(seconds=20)
CLOSED, BY_PASSWORD, OPEN = 1, 2, 3
WRONG = b"\x01\x02\x03\x04\x05\x06\x07\x08"


# Refusals --------------------------------------------------------------------------------------------------------


async def unparsable(meter: Abb) -> None:
    side = meter.mbus
    await _error(side, "04A9FF810012", (4,), "a record that is cut")
    await _error(side, "3F00", (0, 3), "a reserved DIF")
    await side.start()
    await side.send(FILLER, 0x5C)
    await _answered(side, (1,), "CI 5C, which there is not")


async def extensions(meter: Abb) -> None:
    side = meter.mbus
    eleven = "80" * 10 + "00"
    await _error(side, f"84{eleven}2911223344", (5,), "a record with eleven DIFE")
    await _error(side, f"04A9{eleven}11223344", (6,), "a record with eleven VIFE")


async def _error(side: MbusSide, data: str, codes: tuple[int, ...], what: str) -> None:
    await side.start()
    await side.send(bytes.fromhex(data))
    await _answered(side, codes, what)


async def _answered(side: MbusSide, codes: tuple[int, ...], what: str) -> None:
    """The next REQ_UD2 gets an application error; after SND_NKE the meter is as before."""
    answer = await side.answer()
    wanted = " or ".join(f"{code:02X}" for code in codes)
    expect(refused(answer) in codes, f"after {what} REQ_UD2 gets {type(answer).__name__}, not CI 70 with {wanted}")
    await side.start()
    await side.telegram()


# Commands --------------------------------------------------------------------------------------------------------


async def effects(meter: Abb) -> str | None:
    """Each command that can be undone does what it says, and is undone."""
    remarks, tried = [], 0
    for attempt in (_factors, _tariff, _clock, _address):
        try:
            remark = await attempt(meter.mbus)
        except NotApplicable as missing:
            remarks.append(str(missing))
            continue
        tried += 1
        if remark:
            remarks.append(remark)
    if not tried:
        raise NotApplicable("the meter has nothing that can be set and put back")
    return several(remarks)


async def _factors(side: MbusSide) -> None:
    for id, name in FACTORS.items():
        before = (await side.present(id)).mantissa
        other = before + 1 if before < 1_000_000 else before - 1
        try:
            await side.command(Request(name, other))
            found = (await side.present(id)).mantissa
        finally:
            await side.command(Request(name, before))
        expect(found == other, f"{name} {other} is acknowledged, and {found} is read")
        expect((await side.present(id)).mantissa == before, f"{name} {before} is acknowledged and has no effect")


async def _tariff(side: MbusSide) -> str | None:
    before = (await side.present(TARIFF)).mantissa
    other = before % 4 + 1
    try:
        await side.command(Request("set_tariff", other))
        found = (await side.present(TARIFF)).mantissa
    finally:
        await side.command(Request("set_tariff", before))
    if found == before:
        return "the tariff does not follow the command: another source sets it"
    expect(found == other, f"tariff {other} is set, and {found} is read")
    return None


async def _clock(side: MbusSide) -> str | None:
    before, begun = await side.time(), side.clock.now()
    try:
        await side.command(Request("set_date_time", Moment.of(before + AHEAD)))
        found = await side.time()
    finally:
        await side.command(Request("set_date_time", Moment.of(_now(side, before, begun))))
    if found - before < AHEAD / 2:
        return "the clock does not follow the command: is the write access level closed?"
    expect(abs(found - before - AHEAD) < NEAR, f"the clock is set {AHEAD} ahead, and is {found - before} ahead")
    return None


def _now(side: MbusSide, then: datetime, read: int) -> datetime:
    """What the clock would show if nobody had set it: it showed ``then`` at the instant ``read``.

    Both times are cut to seconds: half a second each is made good."""
    return then + timedelta(seconds=(side.clock.now() - read) / 1e9 + 1.0)


async def _address(side: MbusSide) -> None:
    before = await side.primary()
    other = await _free(side, before)
    request = frames.snd_ud(before, 0x51, Request("set_address", other).encode(), True)
    await side.start()
    try:
        await side.acknowledged(request, f"the command that sets address {other}, at the old address,")
        await side.acknowledged(frames.snd_nke(other), f"SND_NKE to the new address {other}")
        await side.silent(frames.snd_nke(before), f"SND_NKE to the old address {before}")
    finally:
        await side.ask(frames.snd_ud(other, 0x51, Request("set_address", before).encode(), True))
    await side.acknowledged(frames.snd_nke(before), f"SND_NKE to the address {before} that was set again")


async def _free(side: MbusSide, address: int) -> int:
    """A primary address at which nobody answers."""
    for step in range(1, len(PRIMARY)):
        other = (address + step) % len(PRIMARY)
        if other and not await side.ask(frames.snd_nke(other)):
            return other
    raise Skipped("every primary address is taken")


# Write access ----------------------------------------------------------------------------------------------------


async def password(meter: Abb) -> None:
    """Open by password: refused without, with a wrong one, and in the next session; accepted with the right one."""
    side = meter.mbus
    secret = meter.password
    if secret is None:
        raise Skipped("needs the password of the meter: ?password-file= or WATTPROOF_PASSWORD")
    await _is_open(side)
    right, wrong = Request("send_password", secret), Request("send_password", WRONG)
    await side.command(Request("set_write_access", BY_PASSWORD))
    try:
        expect(not await _obeys(side), "at level 2 a protected command is obeyed without a password")
        expect(not await _obeys(side, wrong), "at level 2 a wrong password opens the meter")
        expect(await _obeys(side, right), "at level 2 the right password does not open the meter")
        expect(not await _obeys(side), "a password still opens the meter after SND_NKE")
        await side.command(wrong, Request("set_password", WRONG))
        expect(await _obeys(side, right), "a new password is taken without the old one")
    finally:
        await side.command(right, Request("set_write_access", OPEN))
    expect(await _obeys(side), "the level that the right password sets is not taken")


async def _is_open(side: MbusSide) -> None:
    if not await _obeys(side):
        raise NotApplicable("the write access level is not open")


async def _obeys(side: MbusSide, *before: Request) -> bool:
    """Whether a protected command takes effect: the clock is put forward, and back."""
    time, begun = await side.time(), side.clock.now()
    await side.command(*before, Request("set_date_time", Moment.of(time + AHEAD)))
    done = await side.time() - time > AHEAD / 2
    if done:
        await side.command(*before, Request("set_date_time", Moment.of(_now(side, time, begun))))
    return done


ROWS = (
    row("A-040", "More than ten DIFE or VIFE get CI 70 with 05 or 06", MANUAL, Need.READ, extensions),
    row("A-074", "Commands have their effect, at the old address and the new", MANUAL, Need.WRITE, effects),
    row("A-075", "A password opens until SND_NKE, a wrong one does not, a new one needs the old", MANUAL, Need.WRITE,
        password),
    row("A-080", "What cannot be read gets CI 70", INFERRED, Need.READ, unparsable),
)  # fmt: skip
