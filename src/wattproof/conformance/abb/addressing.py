"""Who is meant on M-Bus: addresses with a meaning of their own, selection by secondary address (1.2, 1.6)."""

from __future__ import annotations

from dataclasses import replace

from wattproof.conformance.abb.common import CAPTURE, MANUAL, expect, row
from wattproof.conformance.abb.link import FILLER, two_telegrams
from wattproof.conformance.abb.mbus import ACK, MbusSide, layout, selection
from wattproof.conformance.abb.stream import Heard
from wattproof.conformance.abb.subject import Abb
from wattproof.conformance.engine import Failed, Need, Skipped
from wattproof.errors import ProtocolError
from wattproof.wire.mbus import ci_fields, frames
from wattproof.wire.mbus.addresses import ANY, ANY_MANUFACTURER, SecondaryAddress
from wattproof.wire.mbus.frames import BROADCAST, EVERY_ANSWERS, SELECTED, Long
from wattproof.wire.mbus.telegrams import Identification, Telegram, decode_answer

#: Manufacturer, version and medium of no meter here.
OTHER_MANUFACTURER, OTHER_VERSION, OTHER_MEDIUM = 0x0443, 0xFE, 0x0E


async def everyone(meter: Abb) -> None:
    side = meter.mbus
    await side.primary()
    await side.acknowledged(bytes.fromhex("1040FE3E16"), "10 40 FE 3E 16")
    for text in ("107BFE7916", "105BFE5916"):
        await _own(side, await side.ask(bytes.fromhex(text)), text)


async def _own(side: MbusSide, heard: Heard, what: str) -> None:
    """An answer to address 254 carries the meter's own; other meters of the line answer as well."""
    expect(heard, f"{what} is not answered")
    who = sender(heard)
    if who is None or who[1] != await side.identity():
        raise Skipped(f"{what} is answered by another meter, or by several at once: {heard}")
    expect(who[0] == await side.primary(), f"{what} is answered from address {who[0]}")


def sender(heard: Heard) -> tuple[int, SecondaryAddress] | None:
    """Primary and secondary address in a telegram; ``None`` if it is none."""
    try:
        frame = frames.decode(heard.data)
        found = decode_answer(frame) if isinstance(frame, Long) else None
    except ProtocolError:
        return None
    header = found.header if isinstance(found, Telegram) else None
    return (frame.address, header.address) if isinstance(header, Identification) and isinstance(frame, Long) else None


async def broadcast(meter: Abb) -> None:
    side = meter.mbus
    first, _ = await two_telegrams(side)
    await side.start()
    await side.telegram(True)
    await side.telegram(False)
    await side.silent(frames.snd_nke(BROADCAST), "SND_NKE to 255")
    found = layout(await side.telegram(False))
    expect(found == first, "SND_NKE to 255 is not executed: the readout does not begin anew")
    await side.silent(frames.req_ud2(BROADCAST, True), "REQ_UD2 to 255")
    await _own(side, await side.ask(frames.req_ud2(EVERY_ANSWERS, False)), "REQ_UD2 to 254")


async def not_selected(meter: Abb) -> None:
    side = meter.mbus
    await side.ask(frames.snd_nke(SELECTED))
    await side.start()
    await side.silent(frames.req_ud2(SELECTED, True), "REQ_UD2 to 253 without a selection")
    await side.silent(frames.snd_nke(SELECTED), "SND_NKE to 253 without a selection")
    await side.silent(frames.snd_ud(SELECTED, ci_fields.DATA_SEND, FILLER, True), "SND_UD to 253 without a selection")


# Selection -------------------------------------------------------------------------------------------------------


async def _select(side: MbusSide, mask: SecondaryAddress, what: str) -> None:
    """Select with a mask that fits the meter; it answers at 253, from 253 or its own address."""
    await side.acknowledged(selection(mask), f"the selection {what}")
    heard = await side.ask(frames.req_ud2(SELECTED, True))
    who = sender(heard)
    expect(who is not None, f"REQ_UD2 to 253 after the selection {what} is answered by {heard}")
    if who is not None and who[1] != await side.identity():
        raise Skipped(f"the selection {what} fits another meter of the line as well")


async def _reject(side: MbusSide, mask: SecondaryAddress, what: str) -> None:
    """Select with a mask that does not fit: silence, and the meter is no longer selected."""
    await _select(side, await side.identity(), "of the meter")
    heard = await side.ask(selection(mask))
    if heard.data == ACK and (who := sender(await side.ask(frames.req_ud2(SELECTED, True)))) is not None:
        if who[1] == await side.identity():
            raise Failed(f"the selection with {what} selects the meter")
        raise Skipped(f"the selection with {what} fits another meter of the line")
    expect(not heard, f"the selection with {what} is answered by {heard}")
    await side.silent(frames.req_ud2(SELECTED, True), f"REQ_UD2 to 253 after a selection with {what}")


async def selected(meter: Abb) -> str:
    side = meter.mbus
    await side.start()
    identity = await side.identity()
    data = bytes.fromhex(identity.number)[::-1] + identity.manufacturer.to_bytes(2, "little")
    body = bytes((0x53, SELECTED, 0x52)) + data + bytes((identity.version, identity.medium))
    request = b"\x68\x0b\x0b\x68" + body + bytes((sum(body) & 0xFF, 0x16))
    await side.acknowledged(request, f"the selection {request.hex(' ')}")
    who = sender(await side.ask(frames.req_ud2(SELECTED, True)))
    expect(who is not None and who[1] == identity, "the selected meter does not answer REQ_UD2 to 253")
    return str(identity)


def _wild(identity: SecondaryAddress) -> dict[str, SecondaryAddress]:
    number = identity.number
    digits = {f"F for digit {n + 1}": replace(identity, number=f"{number[:n]}F{number[n + 1 :]}") for n in range(8)}
    return digits | {
        "FFFFFFFF as number": replace(identity, number="F" * 8),
        "FFFF as manufacturer": replace(identity, manufacturer=ANY_MANUFACTURER),
        "FF as version": replace(identity, version=ANY),
        "FF as medium": replace(identity, medium=ANY),
    }


def _other_digit(digit: str, step: int) -> str:
    return str((int(digit, 16) + step) % 10)


def _unequal(identity: SecondaryAddress) -> dict[str, SecondaryAddress]:
    number = identity.number
    first, last = (_other_digit(number[n], 5) for n in (0, 7))
    return {
        "another first digit": replace(identity, number=first + number[1:]),
        "another last digit": replace(identity, number=number[:7] + last),
        "another manufacturer": replace(identity, manufacturer=OTHER_MANUFACTURER),
        "another version": replace(identity, version=OTHER_VERSION),
        "another medium": replace(identity, medium=OTHER_MEDIUM),
    }


async def wild_cards(meter: Abb) -> None:
    side = meter.mbus
    identity = await side.identity()
    for what, mask in _wild(identity).items():
        await side.start()
        await _select(side, mask, f"with {what}")
    for what, mask in _unequal(identity).items():
        await side.start()
        await _reject(side, mask, what)


async def deselected(meter: Abb) -> None:
    side = meter.mbus
    identity = await side.identity()
    await side.start()
    await _select(side, identity, "of the meter")
    await side.acknowledged(frames.snd_nke(SELECTED), "SND_NKE to 253")
    await side.silent(frames.req_ud2(SELECTED, True), "REQ_UD2 to 253 after SND_NKE to 253")
    other = _other_digit(identity.number[0], 3) + identity.number[1:]
    await _reject(side, replace(identity, number=other), "the number of another meter")


async def reversed_order(meter: Abb) -> None:
    side = meter.mbus
    identity = await side.identity()
    await side.start()
    await side.acknowledged(selection(identity, msb=True), "the selection with CI 56")
    who = sender(await side.ask(frames.req_ud2(SELECTED, True)))
    expect(who is not None and who[1] == identity, "the meter selected with CI 56 does not answer REQ_UD2 to 253")


async def maker(meter: Abb) -> str | None:
    identity = await meter.mbus.identity()
    expect(identity.letters == "ABB", f"the manufacturer is {identity.letters}, not ABB")
    expect(identity.medium == 2, f"the medium is {identity.medium}, not 2 (electricity)")
    return None if identity.version == 0x20 else f"version {identity.version:02X} instead of 20 (AD-05)"


ROWS = (
    row("A-004", "SND_NKE and REQ_UD2 to 254 are answered, byte for byte", MANUAL, Need.READ, everyone),
    row("A-011", "255 executes without an answer, 254 answers with the own address", MANUAL, Need.READ, broadcast),
    row("A-012", "253 is ignored by a meter that is not selected", MANUAL, Need.READ, not_selected),
    row("A-020", "A meter is selected by number, manufacturer, version and medium", MANUAL, Need.READ, selected),
    row("A-021", "Wild cards fit; an unequal field deselects", MANUAL, Need.READ, wild_cards),
    row("A-022", "SND_NKE to 253 and the selection of another meter deselect", MANUAL, Need.READ, deselected),
    row("A-023", "CI 56 selects with the most significant byte first", MANUAL, Need.READ, reversed_order),
    row("A-042", "The manufacturer is 0442, ABB", CAPTURE, Need.READ, maker, "AD-05"),
)  # fmt: skip
