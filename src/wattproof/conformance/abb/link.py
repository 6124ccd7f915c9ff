"""The link layer of M-Bus: frames, frame count bit, delays, access number (abb-meters.md 1.1 to 1.3, 3.11)."""

from __future__ import annotations

from wattproof.conformance.abb.common import CAPTURE, INFERRED, MANUAL, expect, row
from wattproof.conformance.abb.mbus import LIMIT, MbusSide, layout, selection
from wattproof.conformance.abb.subject import Abb
from wattproof.conformance.engine import Failed, Need, NotApplicable
from wattproof.wire.mbus import ci_fields, frames
from wattproof.wire.mbus.frames import FCV, REQ_UD2, SELECTED, Short
from wattproof.wire.mbus.requests import Request
from wattproof.wire.mbus.telegrams import Telegram, decode_answer
from wattproof.wire.mbus.timing import ANSWER_DELAY

#: Data without meaning: the filler between records.
FILLER = b"\x2f"
#: Seconds by which timers of a device, or a network, may make a delay look different.
GRAIN, NETWORK = 0.004, 0.120
#: Seconds for which a meter tries a new bit rate, and a little more.
RATE_WATCH = 30.5
#: C field of RSP_UD: ACD and DFC do not matter.
RSP_UD = frozenset((0x08, 0x18, 0x28, 0x38))


async def kinds(meter: Abb) -> None:
    side = meter.mbus
    address = await side.primary()
    nke = frames.snd_nke(address).encode()
    await side.acknowledged(nke, "a short frame")
    await side.acknowledged(frames.snd_ud(address, ci_fields.APPLICATION_RESET, fcb=True), "a control frame")
    await side.acknowledged(frames.snd_ud(address, ci_fields.DATA_SEND, FILLER), "a long frame")
    await side.acknowledged(b"\xe5\x00\xff\x16\x55" + nke, "SND_NKE behind bytes that begin no frame")


def _damaged(address: int) -> dict[str, bytes]:
    """Frames that are none, by what is wrong with them."""
    short = frames.req_ud2(address, True).encode()
    long = frames.snd_ud(address, ci_fields.DATA_SEND, FILLER * 3, True).encode()
    return {
        "a wrong check sum": short[:3] + bytes((short[3] ^ 1,)) + short[4:],
        "a wrong stop byte": short[:4] + b"\x17",
        "a wrong check sum of a long frame": long[:-2] + bytes((long[-2] ^ 0x40, long[-1])),
        "a wrong stop byte of a long frame": long[:-1] + b"\x00",
        "two different lengths": long[:2] + bytes((long[2] + 1,)) + long[3:],
        "another second start byte": long[:3] + b"\x69" + long[4:],
        "a missing byte": long[:8] + long[9:],
        "a byte too many": long[:8] + FILLER + long[8:],
    }


async def damaged(meter: Abb) -> None:
    side = meter.mbus
    address = await side.primary()
    for wrong, data in _damaged(address).items():
        await side.start()
        await side.silent(data, f"a frame with {wrong}")
    await side.acknowledged(frames.snd_nke(address), "SND_NKE after damaged frames")


async def answers(meter: Abb) -> str:
    side = meter.mbus
    address = await side.primary()
    await side.start()
    bit, count = True, 0
    while True:
        heard = await side.ask(frames.req_ud2(address, bit))
        data = heard.data
        expect(data[:1] == b"\x68" and len(data) > 6, f"REQ_UD2 is answered by {heard}")
        expect(data[1] == data[2] and data[3] == 0x68 and len(data) == data[1] + 6, f"L = {data[1]}, {len(data)} bytes")
        expect(data[-2] == sum(data[4:-2]) & 0xFF and data[-1] == 0x16, f"the telegram ends with {data[-2:].hex(' ')}")
        expect(data[4] in RSP_UD, f"the C field of the answer is {data[4]:02X}")
        bit, count = not bit, count + 1
        frame = frames.decode(data)
        found = decode_answer(frame) if isinstance(frame, frames.Long) else None
        if not isinstance(found, Telegram) or not found.more_follow or count == LIMIT:
            return f"{count} telegrams"


# The frame count bit ---------------------------------------------------------------------------------------------


async def same_again(meter: Abb) -> str:
    """Telegram, access number and, where there is a clock, values of the same request."""
    side = meter.mbus
    await side.start()
    first = await side.telegram(True)
    before = _clock(first)
    if before is not None:
        await side.clock.sleep(1.5)
    second = await side.telegram(True)
    expect(layout(first) == layout(second), "an unchanged FCB is answered by another telegram")
    grown = (_access(second) - _access(first)) % 256
    expect(grown == 1, f"the access number grows by {grown} from one answer to the next")
    if before is None:
        return "no clock: whether values are read anew cannot be seen"
    expect(_clock(second) != before, "the telegram comes again with old values: its time stands still")
    return "with another time"


def _access(telegram: Telegram) -> int:
    if telegram.header is None:
        raise Failed("a telegram without a header")
    return telegram.header.access


def _clock(telegram: Telegram) -> object:
    found = [record.value for record in telegram if record.quantity == "date_time" and not record.storage]
    return found[0] if found else None


async def goes_on(meter: Abb) -> str:
    side = meter.mbus
    await side.start()
    seen = [layout(telegram) for telegram in await side.rest()]
    expect(len(set(seen)) == len(seen), "a toggled FCB is answered by a telegram that has been there before")
    again = layout(await side.telegram())
    expect(again == seen[0], "behind the last telegram the readout does not start again")
    return f"{len(seen)} telegrams"


async def shared(meter: Abb) -> None:
    side = meter.mbus
    first, second = await two_telegrams(side)
    await side.start()
    await side.telegram(True)
    await side.acknowledged(selection(await side.identity()), "the selection")
    found = layout(await side.telegram(True, SELECTED))
    expect(found == first, "the same FCB to 253 does not get the telegram that it got at the primary address")
    found = layout(await side.telegram(False, SELECTED))
    expect(found == second, "the toggled FCB to 253 does not get the next telegram")


async def two_telegrams(side: MbusSide) -> tuple[object, object]:
    """The first two telegrams of the standard readout."""
    found = await side.standard()
    if len(found) < 2:
        raise NotApplicable("the meter has one telegram only")
    return layout(found[0]), layout(found[1])


async def not_counted(meter: Abb) -> None:
    side = meter.mbus
    first, second = await two_telegrams(side)
    await side.start()
    await side.telegram(True)
    for fcb in (True, False):
        request = Short(REQ_UD2.control(fcb) & ~FCV, await side.primary())
        heard = await side.ask(request)
        frame = frames.decode(heard.data) if heard else None
        found = decode_answer(frame) if isinstance(frame, frames.Long) else None
        told = layout(found) if isinstance(found, Telegram) else None
        expect(told == first, f"REQ_UD2 with FCV = 0 does not get the present telegram, but {heard}")
    expect(layout(await side.telegram(False)) == second, "REQ_UD2 with FCV = 0 counts as one with FCV = 1")


async def executed_once(meter: Abb) -> None:
    """A special readout begins anew when it is asked for, and not when the request is repeated."""
    side = meter.mbus
    request = await long_readout(side)
    await side.start()
    await side.send(request.encode(), fcb=True)
    await side.telegram(True)
    second = await side.telegram(False)
    await side.send(request.encode(), fcb=True)
    found = await side.telegram(False)
    expect(_same(found, second), "SND_UD with the same FCB, a repetition, is executed again")


async def long_readout(side: MbusSide) -> Request:
    """A special readout of two telegrams or more. ``NotApplicable`` if the meter has none."""
    for name in ("voltage_harmonics", "current_harmonics"):
        found = await side.special(Request(name), limit=2)
        if len(found) == 2 and found[0].records and found[0].records[0].quantity.endswith("harmonic"):
            return Request(name)
    raise NotApplicable("no special readout of several telegrams: the meter measures no harmonics, or one phase only")


def _same(one: Telegram, other: Telegram) -> bool:
    return layout(one) == layout(other)


async def delays(meter: Abb) -> str:
    side = meter.mbus
    address = await side.primary()
    await side.start()
    requests = [frames.snd_nke(address), *(frames.req_ud2(address, n % 2 == 0) for n in range(4))] * 2
    found = []
    for request in requests:
        heard = await side.ask(request)
        expect(heard, f"{request} is not answered")
        found.append(heard.delay)
    least, most = (limit / 1000 for limit in ANSWER_DELAY)
    slack = NETWORK if side.timing.network else GRAIN
    told = f"{1000 * min(found):.0f} to {1000 * max(found):.0f} ms"
    expect(min(found) >= least - GRAIN, f"answers come {told} after the request, earlier than {1000 * least:.0f} ms")
    expect(max(found) <= most + slack, f"answers come {told} after the request, later than {1000 * most:.0f} ms")
    return f"{told}{', the network included' if side.timing.network else ''}"


async def rate(meter: Abb) -> str:
    """Another rate is acknowledged at the present one; nobody speaks at the new one, so the meter comes back."""
    side = meter.mbus
    address = await side.primary()
    other = 4800 if side.timing.baudrate != 4800 else 2400
    ci = ci_fields.baud_rate_ci(other)
    await side.start()
    await side.acknowledged(frames.snd_ud(address, ci, fcb=True), f"CI {ci:02X}")
    await side.clock.sleep(RATE_WATCH)
    await side.acknowledged(frames.snd_nke(address), f"SND_NKE at the old rate {RATE_WATCH:g} s after CI {ci:02X}")
    return f"{other} bit/s was not spoken"


async def access_number(meter: Abb) -> None:
    """257 answers of the shortest telegram that can be asked for."""
    side = meter.mbus
    bit = await _shortest(side)
    last = _access(await side.telegram(bit))
    for _ in range(257):
        now = _access(await side.telegram(bit))
        expect(now == (last + 1) % 256, f"the access number {last} is followed by {now}")
        last = now


async def _shortest(side: MbusSide) -> bool:
    """Leave the meter before the shortest telegram of its readout; the frame count bit that repeats it."""
    sizes = [len(telegram.encode()) for telegram in await side.standard()]
    await side.start()
    bit = False
    for _ in range(1 + sizes.index(min(sizes))):
        bit = not bit
        await side.telegram(bit)
    return bit


ROWS = (
    row("A-001", "Short, control and long frames are taken, other first bytes skipped", MANUAL, Need.READ, kinds),
    row("A-002", "Damaged frames stay unanswered", MANUAL, Need.READ, damaged),
    row("A-003", "Telegrams are long frames of L + 6 bytes whose check sum fits", CAPTURE, Need.READ, answers),
    row(
        "A-006", "An unchanged FCB gets the same telegram, values read anew, the next access number", MANUAL, Need.READ,
        same_again,
    ),
    row("A-007", "A toggled FCB gets the next telegram, behind the last the first", MANUAL, Need.READ, goes_on,
        "that it starts again is inferred"),
    row("A-008", "The primary address and 253 share one FCB", MANUAL, Need.READ, shared),
    row("A-009", "Without FCV the present telegram is sent", MANUAL, Need.READ, not_counted),
    row("A-010", "A repeated SND_UD is acknowledged and not executed again", INFERRED, Need.READ, executed_once),
    row("A-013", "Answers begin 35 to 80 ms after the request", MANUAL, Need.READ, delays),
    row("A-016", "A new bit rate is acknowledged at the old one, and given up after 30 s", MANUAL, Need.WRITE, rate),
    row("A-081", "The access number grows by one, and from 255 to 0", CAPTURE, Need.READ, access_number),
)  # fmt: skip
