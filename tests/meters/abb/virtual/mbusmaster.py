"""A master beside one virtual meter: frames to its M-Bus face, answers as telegrams, time moved by hand."""

from __future__ import annotations

from typing import Any, cast

from wattproof.meters.abb.virtual.creation import create
from wattproof.meters.abb.virtual.mbus.face import MbusFace
from wattproof.meters.abb.virtual.meter import AbbMeter
from wattproof.virtual.base import SimulationOptions
from wattproof.wire.mbus.frames import Ack, Frame, Long, Short, decode, req_ud2, snd_nke, snd_ud
from wattproof.wire.mbus.requests import Request
from wattproof.wire.mbus.telegrams import Answer, Telegram, decode_answer

SECOND = 10**9
HOUR, DAY = 3600, 86_400
NEW_YEAR = "2026-01-01T00:00:00"


def made(
    variant: str | None = None, *, time: str = NEW_YEAR, set: dict[str, str] | None = None, **options: Any
) -> AbbMeter:
    """A meter that starts at ``time`` by its own clock."""
    given = {"seed": 1, "load": "constant:3000", "serial": "12345678", "wall": 0, **options}
    meter = create(SimulationOptions("abb", variant, settings={"time": time, **(set or {})}, **given))
    return cast(AbbMeter, meter)


class Master:
    """``now``: real and meter time, ns."""

    def __init__(self, meter: AbbMeter, address: int = 254) -> None:
        self.meter, self.address, self.now, self.fcb = meter, address, 0, True
        self.events: list[tuple[str, Any]] = []
        meter.journal = lambda event, details: self.events.append((event, details))

    @property
    def face(self) -> MbusFace:
        return cast(MbusFace, self.meter.face("mbus"))

    def run(self, seconds: float) -> None:
        self.now += int(seconds * SECOND)
        self.meter.advance(self.now)

    def ask(self, frame: Short | Long) -> Frame | None:
        """One frame, and the whole answer as a frame."""
        self.meter.advance(self.now)
        self.face.advance(self.now)
        answer = self.face.answer(frame, self.now)
        return None if answer is None else decode(answer)

    def nke(self) -> None:
        assert self.ask(snd_nke(self.address)) == Ack()
        self.fcb = True

    def next(self) -> Answer:
        """The next telegram."""
        frame = self.ask(req_ud2(self.address, self.fcb))
        self.fcb = not self.fcb
        assert isinstance(frame, Long)
        return decode_answer(frame)

    def readout(self, limit: int = 4000) -> list[Telegram]:
        """Telegrams until the last one."""
        found: list[Telegram] = []
        while not found or found[-1].more_follow:
            answer = self.next()
            assert isinstance(answer, Telegram) and len(found) < limit
            found.append(answer)
        return found

    def standard(self) -> list[Telegram]:
        self.nke()
        return self.readout()

    def tell(self, *requests: Request, ci: int = 0x51) -> None:
        """Requests in one frame; acknowledged whatever they are."""
        self.send(b"".join(request.encode() for request in requests), ci)

    def send(self, data: bytes, ci: int = 0x51) -> None:
        assert self.ask(snd_ud(self.address, ci, data, self.fcb)) == Ack()
        self.fcb = not self.fcb

    def special(self, request: Request) -> list[Telegram]:
        self.nke()
        self.tell(request)
        return self.readout()

    def patch(self, controls: dict[str, object] | None = None, when: str | None = None, **faults: object) -> None:
        named = {name.replace("_", "-"): value for name, value in faults.items()}
        self.meter.patch(self.now, controls or {}, named, when)
