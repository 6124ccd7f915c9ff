"""The charge cycle: which command is taken when, what the statuses say, what is locked meanwhile (sections 6.6, 8)."""

from __future__ import annotations

from contextlib import suppress

from wattproof.conformance.dmed4.common import INFERRED, MANUAL, Check, Why, expect, first, refused, row
from wattproof.conformance.dmed4.registers import WRAP
from wattproof.conformance.dmed4.subject import FIELDS, SECOND, Dmed, Step
from wattproof.conformance.engine import Failed, Need, NotApplicable, Skipped
from wattproof.errors import HttpRefused
from wattproof.meters.dmed4.enums import (
    JSON_INPUT_ERRORS,
    JSON_NOT_FULL_PACKET,
    JSON_SEQUENCE,
    JSON_SYNTAX,
    JSON_VALUE,
    Command,
    MeasurementStatus,
    Signature,
)
from wattproof.meters.dmed4.parameters import BY_ID
from wattproof.meters.dmed4.resources import CHARGE_SETTINGS

IDLE, ACTIVE = MeasurementStatus.IDLE, MeasurementStatus.ACTIVE
#: Status word without what came before: roll-over.
KEPT = ~int(Signature.ROLL_OVER)
TIMED, JSON = int(Signature.SYNCHRONIZED), int(Signature.JSON_OK)
#: Seconds that a signature takes at least if a command is to come in between.
HURRY = 0.1
#: Wh by which energies may differ that are read one after the other.
DIGIT = 2
SIGNING, DONE = int(Signature.IN_PROGRESS), int(Signature.OK)


async def refused_command(meter: Dmed, letter: str, *, sequence: bool = True) -> str | None:
    """Check that a command is refused, leaves the status as it is and, if it came out of turn, sets the bits for it."""
    await meter.untroubled()
    before, logged = await meter.side.states(), await meter.side.logged()
    remark = await refused(meter.side.command(letter), Why.STATE if sequence else Why.VALUE, f"command {letter}")
    after = await meter.side.states()
    expect(after.measurement == before.measurement, f"the refused {letter} led to {after.words}")
    expect(await meter.side.logged() == logged, f"the refused {letter} made a record")
    if sequence:
        expect(
            after.error_1 == JSON_SEQUENCE and after.has(Signature.ERROR), f"after the refused {letter}: {after.words}"
        )
    else:
        expect(not after.errors, f"after the letter {letter}, which there is not: {after.words}")
    return remark


# IDLE ----------------------------------------------------------------------------------------------------------------


async def no_message(meter: Dmed) -> str | None:
    await meter.idle()
    if (await meter.side.states()).has(Signature.JSON_OK):
        await meter.untroubled()
        await meter.side.drop_message()
    return await refused_command(meter, Command.BEGIN)


async def idle_commands(meter: Dmed) -> str | None:
    await meter.idle()
    return first(*[await refused_command(meter, letter) for letter in (Command.INTERMEDIATE, Command.END)])


async def by_state(meter: Dmed) -> str | None:
    await meter.idle()
    return await refused_command(meter, Command.END)


async def small_letters(meter: Dmed) -> str | None:
    await meter.idle()
    return first(*[await refused_command(meter, letter, sequence=False) for letter in "bceRx"])


async def reset(meter: Dmed) -> None:
    await meter.idle()
    await refused_command(meter, Command.INTERMEDIATE)
    logged = await meter.side.logged()
    await meter.side.command(Command.RESET)
    states = await meter.side.states()
    expect(not states.errors and not states.has(Signature.ERROR), f"after X: {states.words}")
    expect(await meter.side.logged() == logged, "X made a record")


async def nothing_to_repeat(meter: Dmed) -> str | None:
    if await meter.side.logged():
        raise NotApplicable("the meter has run cycles already")
    await meter.idle()
    return await refused_command(meter, Command.RECOVER)


# Input messages ------------------------------------------------------------------------------------------------------


async def _message(meter: Dmed, content: bytes) -> int:
    """Error dword 1 after an input message; REST says besides whether it is refused."""
    await meter.idle()
    await meter.untroubled()
    meter.left.message = True
    with suppress(HttpRefused):
        await meter.side.message(content)
    states = await meter.side.states()
    expect(states.has(Signature.JSON_OK) != states.errors, f"after an input message: {states.words}")
    return states.error_1


def judged(wanted: int, *contents: bytes) -> Check:
    """A check that input messages set this bit of dword 1."""

    async def check(meter: Dmed) -> None:
        for content in contents:
            found = await _message(meter, content)
            expect(found == wanted, f"error dword 1 is {found:08x} after the input {content[:40]!r}")

    return check


async def forgiven(meter: Dmed) -> None:
    await _message(meter, b'{"IS":1}')
    await meter.side.fields(FIELDS)
    states = await meter.side.states()
    expect(not states.error_1 & JSON_INPUT_ERRORS, f"a good message leaves the error of the bad one: {states.words}")
    expect(states.has(Signature.JSON_OK), f"a good message is not taken: {states.words}")


_FULL = FIELDS[:-1].encode()
_LONG = _FULL + b',"TT2":"' + b"x" * 500 + b'"}'
_READINGS = _FULL + b',"RD":[{"RV":1}]}'

# A cycle -------------------------------------------------------------------------------------------------------------


async def begins(meter: Dmed) -> str:
    step = await meter.step(Command.BEGIN)
    expect(step.before.measurement == IDLE and step.before.has(Signature.JSON_OK), f"before B: {step.before.words}")
    expect(step.accepted.measurement == ACTIVE == step.after.measurement, f"after B: {step.after.words}")
    _latched(step, "B")
    return f"signed after {step.took:.1f} s"


async def from_zero(meter: Dmed) -> None:
    step = await meter.step(Command.BEGIN)
    moved = step.energies[1].imported - step.energies[0].imported
    for name in ("cycle", "cycle_exported"):
        found = getattr(step.energies[1], name)
        expect(found <= moved + 2, f"{name} energy is {found} Wh after B, while the total grew by {moved}")


async def second_begin(meter: Dmed) -> str | None:
    await meter.step(Command.BEGIN)
    await meter.active()
    return await refused_command(meter, Command.BEGIN)


def _kept(step: Step, name: str) -> None:
    """The command left a signed record that is stored."""
    expect(step.after.has(Signature.OK), f"after {name}: {step.after.words}")
    expect(step.record is not None, f"no record after {name}")
    expect(step.stored, f"{name} took the number of stored records from {step.logged[0]} to {step.logged[1]}")


def _latched(step: Step, name: str) -> None:
    """Total and cycle energy of the record lie between those that were read before and after the command."""
    record = step.record
    if record is None:
        raise Failed(f"no record after {name}")
    for word, found, key in (("total", record.end_energy, "imported"), ("cycle", record.cycle_energy, "cycle")):
        before, after = (getattr(energies, key) for energies in step.energies)
        low = 0 if name == "B" and key == "cycle" else before
        shown = found % WRAP if key == "imported" else found  # a record goes on where registers wrap (8.7)
        reached, passed = shown >= low - DIGIT, shown <= after + DIGIT
        between = reached and passed if low <= after else reached or passed  # rolled over in between
        expect(
            between,
            f"{word} energy after {name} is {found:f} Wh, the meter showed {before} before and {after} after",
        )


async def intermediate(meter: Dmed) -> None:
    step = await meter.step(Command.INTERMEDIATE)
    _kept(step, "C")
    _latched(step, "C")
    expect(step.after.measurement == ACTIVE, f"after C: {step.after.words}")


async def busy(meter: Dmed) -> str | None:
    """A command while a record is being signed: C into C."""
    if (await meter.step(Command.INTERMEDIATE)).took < HURRY:
        raise NotApplicable("signed too fast to come between")
    await meter.active()
    await meter.untroubled()
    side = meter.side
    await side.command(Command.INTERMEDIATE)
    try:
        remark = await refused(side.command(Command.INTERMEDIATE), Why.BUSY, "C while a record is being signed")
        states = await side.states()
    finally:
        await meter.signed()
    if not states.has(Signature.IN_PROGRESS):
        return remark
    expect(not states.errors, f"a busy meter sets an error: {states.words}")
    return remark


async def ends(meter: Dmed) -> None:
    step = await meter.step(Command.END)
    _kept(step, "E")
    _latched(step, "E")
    expect(step.accepted.measurement == IDLE == step.after.measurement, f"after E: {step.after.words}")
    expect(not step.after.has(Signature.JSON_OK), f"after E the message is still good: {step.after.words}")


async def own_message(meter: Dmed) -> str | None:
    await meter.step(Command.END)
    await meter.idle()
    if (await meter.side.states()).has(Signature.JSON_OK):
        raise Skipped("a message for the next cycle is there already")
    return await refused_command(meter, Command.BEGIN)


async def words(meter: Dmed) -> str | None:
    """0x0020, 0x0022, 0x0026, 0x002A, 0x0026, 0x0028 over a cycle (8.4)."""
    begin, end = await meter.step(Command.BEGIN), await meter.step(Command.END)
    timed, message = meter.left.prepared[-2:]
    # a message of the cycle before, or a signature, may still show in the first of them
    expect(timed.signature & KEPT & ~(JSON | DONE) == TIMED, f"after the time was set: {timed.words}")
    expect(message.signature & KEPT & ~DONE == TIMED | JSON, f"after the message: {message.words}")
    for name, step, last in (("B", begin, TIMED | JSON | DONE), ("E", end, TIMED | DONE)):
        found = [state.signature & KEPT for state in (step.accepted, *step.seen)]
        expect(found[-1] == last, f"after {name} was signed: 0x{found[-1]:04x} instead of 0x{last:04x}")
        wrong = [word for word in found[:-1] if word not in (TIMED | JSON | SIGNING, last)]
        expect(not wrong, f"while {name} was signed: {', '.join(f'0x{word:04x}' for word in wrong)}")
    return None if begin.signing and end.signing else "signed too fast to see 0x0026"


async def nothing_out_yet(meter: Dmed) -> None:
    step = await meter.step(Command.INTERMEDIATE)
    if not step.signing:
        raise NotApplicable("signed too fast to be seen")
    expect(not step.unsigned, f"while it is being signed the meter shows {step.unsigned[:40]!r}")


async def ends_by_r(meter: Dmed) -> None:
    step = await meter.step(Command.RECOVER)
    _kept(step, "r")
    _latched(step, "r")
    expect(step.after.measurement == IDLE, f"after r: {step.after.words}")


async def repeats(meter: Dmed) -> None:
    await meter.step(Command.END)
    step = await meter.step("again")
    _kept(step, "r in IDLE")
    expect(step.after.measurement == IDLE, f"after r in IDLE: {step.after.words}")
    latest = next(taken for taken in reversed(meter.pages[: meter.pages.index(step)]) if taken.letter in "Er")
    one, other = (taken.record for taken in (latest, step))
    same = one is not None and other is not None and one.payload["RD"] == other.payload["RD"]
    expect(same, "the readings of the record made again differ from those of the cycle")


# Locked --------------------------------------------------------------------------------------------------------------


async def clock_locked(meter: Dmed) -> str | None:
    await meter.active()
    side = meter.side
    before = await side.settings()  # what is there already, so that no meter is misled
    return first(
        *[await refused(side.set({name: value}), Why.STATE, f"{name} while charging") for name, value in before.items()]
    )


async def settings_locked(meter: Dmed) -> str | None:
    rest = meter.rest
    await meter.active()
    before = await rest.numbers(CHARGE_SETTINGS)
    remarks = [
        await refused(rest.put(CHARGE_SETTINGS, **{name: before[name]}), Why.STATE, f"{name} while charging")
        for name in ("tariff", "res_cable")
    ]
    return first(*remarks)


async def parameters_locked(meter: Dmed) -> str | None:
    registers = meter.modbus
    await meter.active()
    parameter = BY_ID["P02_01"]
    value = await registers.parameter(parameter)
    return await refused(registers.stage(parameter, value), Why.STATE, f"{parameter.id} while charging")


async def settings_first(meter: Dmed) -> None:
    """Time and B in one request: behind B the time would be refused (DEC-34)."""
    rest = meter.rest
    await meter.idle()
    await meter.prepare()
    seconds = meter.clock.time() // SECOND
    meter.own_cycle()
    await rest.put(CHARGE_SETTINGS, datetime=seconds, command="B")
    await meter.signed()
    states = await rest.states()
    expect(states.measurement == ACTIVE, f"after datetime and B in one request: {states.words}")
    found = await rest.numbers(CHARGE_SETTINGS)
    expect(abs(found["datetime"] - seconds) <= 3600, f"the clock was to be {seconds} and is {found['datetime']}")


ROWS = (
    row("D-062", "A refusal by state gives 0x04", INFERRED, Need.WRITE, by_state, "DEC-10"),
    row("D-201", "Commands are case-sensitive", INFERRED, Need.WRITE, small_letters, "DEC-10"),
    row("D-206", "B without a message is refused, with its bits", INFERRED, Need.WRITE, no_message, "DEC-10"),
    row("D-210", "C and E in IDLE are refused", INFERRED, Need.WRITE, idle_commands, "DEC-10"),
    row("D-214", "r without a cycle is refused", INFERRED, Need.WRITE, nothing_to_repeat, "DEC-49"),
    row("D-219", "X clears the dwords and makes no record", MANUAL, Need.WRITE, reset),
    row("D-227", "A zero byte inside: ERROR_JSON_NOT_FULL_PACKET", INFERRED, Need.WRITE,
        judged(JSON_NOT_FULL_PACKET, _FULL[:40] + b"\0" + _FULL[40:] + b"}")),
    row("D-228", "Invalid JSON: ERROR_JSON_SYNTAX", INFERRED, Need.WRITE,
        judged(JSON_SYNTAX, b'{"FV":x}', b"[1]", b"ABC|{}")),
    row("D-229", "A wrong type: ERROR_JSON_VALUE", INFERRED, Need.WRITE,
        judged(JSON_VALUE, b'{"IS":1}', b'{"IF":"RFID_PLAIN"}', b'{"ID":5}')),
    row("D-230", "The next good message clears the input errors", INFERRED, Need.WRITE, forgiven),
    row("D-251", "A message with readings is refused", INFERRED, Need.WRITE, judged(JSON_VALUE, _READINGS)),
    row("D-266", "Too long a message: ERROR_JSON_VALUE", INFERRED, Need.WRITE, judged(JSON_VALUE, _LONG)),
    row("D-205", "B with a message goes to ACTIVE", MANUAL, Need.SWITCHING, begins),
    row("D-207", "B sets the cycle energies to 0", INFERRED, Need.SWITCHING, from_zero),
    row("D-208", "B in ACTIVE is refused", INFERRED, Need.SWITCHING, second_begin, "DEC-10"),
    row("D-138", "Clock and offset are locked while charging", MANUAL, Need.SWITCHING, clock_locked, "DEC-10"),
    row("D-139", "tariff and res_cable are locked while charging", MANUAL, Need.SWITCHING, settings_locked, "DEC-31"),
    row("D-118", "Parameters are locked while charging (0x04)", MANUAL, Need.SWITCHING, parameters_locked, "DEC-10"),
    row("D-209", "C makes a record and stays ACTIVE", MANUAL, Need.SWITCHING, intermediate),
    row("D-264", "While signing there is no record", INFERRED, Need.SWITCHING, nothing_out_yet),
    row("D-061", "A command during a signature gives 0x06", INFERRED, Need.SWITCHING, busy),
    row("D-211", "E goes to IDLE and makes a record", MANUAL, Need.SWITCHING, ends),
    row("D-221", "The status words over a cycle", INFERRED, Need.SWITCHING, words),
    row("D-225", "Each cycle needs its own message", INFERRED, Need.SWITCHING, own_message, "DEC-10"),
    row("D-213", "r in IDLE makes the last record again", INFERRED, Need.SWITCHING, repeats, "DEC-49"),
    row("D-212", "r in ACTIVE ends the cycle", INFERRED, Need.SWITCHING, ends_by_r, "DEC-49"),
    row("D-143", "Settings of a request come before its command", INFERRED, Need.SWITCHING, settings_first, "DEC-34"),
)  # fmt: skip
