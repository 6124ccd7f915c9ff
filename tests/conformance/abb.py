"""A virtual ABB meter behind all of its buses in virtual time, and what may happen to requests and answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import count
from typing import Any

from wattproof.conformance.abb import STATEMENTS, Abb
from wattproof.conformance.engine import Need, Result, run
from wattproof.drivers.cosem.bus import Bus as CosemBus
from wattproof.drivers.cosem.line import Line as CosemLine
from wattproof.drivers.cosem.place import HDLC, TCP, Place
from wattproof.drivers.cosem.timing import WRAPPED
from wattproof.drivers.cosem.timing import Timing as CosemTiming
from wattproof.drivers.mbus.address import Address
from wattproof.drivers.mbus.bus import Bus as MbusBus
from wattproof.drivers.mbus.line import Line as MbusLine
from wattproof.drivers.mbus.timing import LineTiming, times_for
from wattproof.drivers.modbus import run_blocking
from wattproof.errors import FrameError
from wattproof.io.link import ended
from wattproof.io.url import MeterURL, parse_url
from wattproof.metering.demand import Entry
from wattproof.metering.intervals import Period
from wattproof.meters.abb.cosem.driver import AbbCosemDriver
from wattproof.meters.abb.mbus.driver import AbbMbusDriver
from wattproof.meters.abb.rows import GOLD
from wattproof.meters.abb.virtual.creation import create
from wattproof.meters.abb.virtual.meter import AbbMeter
from wattproof.model.clock import VirtualClock
from wattproof.virtual.base import SimulationOptions
from wattproof.wire.cosem import wrapper

ALL, READING = frozenset(Need), frozenset({Need.READ})
#: Long enough for a period to end, and for a load profile to have rows.
DAYS = 200_000.0
MBUS = "mbus"
PASSWORD = b"00000000"
#: What becomes of an answer: request, answer (``None``: silence), what is sent instead.
Turn = Callable[[bytes, bytes | None], bytes | None]
#: Answers a request in the meter's place, which then never hears of it; ``b""``: nobody answers; ``None``: the meter
#: hears it.
Swallow = Callable[[bytes], bytes | None]


class Works:
    """One meter in virtual time: time passes only while somebody waits."""

    def __init__(self, meter: AbbMeter) -> None:
        self.meter = meter
        self.clock = VirtualClock()
        self.turns: dict[str, Turn] = {}
        self.swallow: Swallow = lambda request: None
        #: Answers bytes that are no frame.
        self.careless: Swallow = lambda data: None
        #: Whether a broken stream of wrapped messages stays open, and whether several streams are.
        self.tolerant = self.sociable = False
        self.streams: list[Wire] = []
        self.peers = count(1)

    def now(self) -> int:
        """Real nanoseconds, with everything done that is due."""
        now = self.clock.now()
        self.meter.advance(int(now * self.meter.speed))
        return now

    def dial(self, protocol: str) -> Callable[[], Any]:
        async def dial() -> Wire:
            wire = Wire(self, protocol)
            if protocol == TCP and not self.sociable and any(not other.closed for other in self.streams):
                wire.abort()
            elif protocol == TCP:
                self.streams = [wire]
            return wire

        return dial

    def ask(self, protocol: str, frame: Any, request: bytes) -> tuple[bytes | None, int]:
        """What a face answers, and after how long."""
        now = self.now()
        face = self.meter.face(protocol)
        if self.meter.silent:
            return None, 0
        link = self.meter.link
        struck = link.strike(face.kind, connection=True)
        if link.loses(struck.hits):
            return None, 0
        swallowed = self.swallow(request)
        answer = face.answer(frame, now) if swallowed is None else swallowed or None
        turn = self.turns.get(protocol)
        turned = answer if turn is None else turn(request, answer)
        if turned is None:
            return None, 0
        if turned != answer:
            return turned, face.delay
        delivery = link.deliver(struck.hits, face, frame, turned)
        return delivery.data or None, face.delay + delivery.delay


class Wire:
    """One connection to the meter: a byte link that lets time pass while it waits."""

    def __init__(self, works: Works, protocol: str) -> None:
        self.works = works
        self.protocol = protocol
        self.name = f"{protocol}://test"
        self.clock = works.clock
        self.heard = 0
        self.closed = False
        self._arriving: list[tuple[int, bytes]] = []
        self._framer: Any = None
        if protocol in (MBUS, HDLC):
            self._framer = works.meter.framer(protocol, network=True)
        self._messages = wrapper.Receiver()
        self._peer = f"peer {next(works.peers)}"

    async def send(self, data: bytes) -> None:
        if self.closed:
            raise ended(self.name)
        frames = self._frames(data)
        answers = [self.works.ask(self.protocol, frame, data) for frame in frames]
        if not frames:
            answers.append((self.works.careless(data), 0))
        for answer, delay in answers:
            if answer is not None:
                self._arriving.append((self.clock.now() + delay, answer))
        if self._messages.broken is not None and not self.works.tolerant:
            self.closed = True

    def _frames(self, data: bytes) -> Sequence[Any]:
        now = self.works.now()
        if self._framer is not None:
            return list(self._framer.receive(data, now))
        face: Any = self.works.meter.face(self.protocol)
        if self.protocol == TCP:
            return [face.wrap(message, self._peer) for message in self._messages.receive(data, now)]
        try:
            return [face.wrap(wrapper.decode(data), self._peer)]
        except FrameError:
            return []

    async def receive(self, timeout: float) -> bytes:
        until = self.clock.now() + round(timeout * 1e9)
        if self._arriving and self._arriving[0][0] <= until:
            moment, data = self._arriving.pop(0)
            self._advance(moment)
            self.heard = self.clock.now()
            return data
        if self.closed:
            raise ended(self.name)
        self._advance(until)
        self._messages.tick(self.clock.now())
        return b""

    def _advance(self, moment: int) -> None:
        self.clock.advance(max(0, moment - self.clock.now()) / 1e9)

    def discard(self) -> bytes:
        now = self.clock.now()
        came = [data for moment, data in self._arriving if moment <= now]
        self._arriving = [item for item in self._arriving if item[0] > now]
        return b"".join(came)

    def wake(self) -> None: ...

    async def rest(self, seconds: float) -> None:
        self.clock.advance(seconds)

    async def close(self) -> None:
        self.abort()

    def abort(self) -> None:
        if self.protocol == TCP and not self.closed and self in self.works.streams:
            face: Any = self.works.meter.face(self.protocol)
            face.left(self._peer)
        self.closed = True


class Bench:
    """A meter, its buses and the subject that checks see."""

    def __init__(
        self,
        variant: str = "A44",
        *buses: str,
        turn: Turn | None = None,
        faults: Sequence[str] = (),
        load: str = "constant:36000",
        password: bytes | None = PASSWORD,
        age: float = 0.0,
        prepare: Callable[[Bench], None] | None = None,
        **settings: str,
    ) -> None:
        chosen = {name.replace("_", "-"): text for name, text in settings.items()}
        self.meter: AbbMeter = create(  # type: ignore[assignment]
            SimulationOptions(
                model="abb", variant=variant, seed=1, speed=Fraction(1), faults=list(faults), load=load,
                settings={"time": "2026-03-02T10:00:00", **chosen},
            )
        )  # fmt: skip
        self.works = Works(self.meter)
        self.clock = self.works.clock
        self.clock.advance(30.0)
        self.works.now()
        if age:
            self._live(age)
        wanted = buses or (MBUS, HDLC)
        if turn is not None:
            self.works.turns = dict.fromkeys(wanted, turn)
        network = LineTiming(times_for(network=True), network=True)
        opened: list[tuple[Any, MeterURL]] = []
        for bus in wanted:
            dial, url = self.works.dial(bus), parse_url(f"abb+{bus}://127.0.0.1:1")
            if bus == MBUS:
                line = MbusLine(dial, name=bus, clock=self.clock, timing=network, echo=False)
                driver: Any = AbbMbusDriver(MbusBus(line), Address(1), secret=password and password.decode())
            else:
                station = CosemBus(CosemLine(dial, name=bus, clock=self.clock, timing=timing(bus))).station(
                    Place(bus, 17, None, password)
                )
                driver = AbbCosemDriver(station)
            opened.append((driver, url))
        self.subject = Abb.of(opened, writes=True)
        self.subject.power_cycle = self.power_cycle
        self.subject.password = password
        if prepare is not None:
            prepare(self)

    def _live(self, seconds: float) -> None:
        """Demand is configured and a phase is lost now and then while time goes by; at last the clock is put ahead."""
        body = self.meter.body
        if body.variant.level >= GOLD:
            entries = [Entry(96, 5), Entry(96, 6), Entry(96, 1), Entry(21, 13)]
            body.set_demand(entries, 900, 60, Period())
        for _ in range(3):
            self.meter.patch(self.works.now(), {}, {"phase-lost": 1})
            self.clock.advance(seconds / 6)
            self.meter.patch(self.works.now(), {}, {"phase-lost": False})
            self.clock.advance(seconds / 6)
        if body.variant.level >= GOLD:
            self.meter.patch(self.works.now(), {}, {"clock-forward": 600})
            self.clock.advance(1800)
        self.works.now()

    async def power_cycle(self) -> None:
        self.meter.patch(self.works.now(), {}, {"power-cut": 10})
        await self.clock.sleep(60)
        self.works.now()

    def run(self, *ids: str, allowed: frozenset[Need] = ALL) -> list[Result]:
        """The results of some statements, or of all of them."""
        chosen = [statement for statement in STATEMENTS if not ids or statement.id in ids]
        return run_blocking(run(chosen, self.subject, allowed=allowed))


def timing(bus: str) -> CosemTiming:
    return CosemTiming(answer=1.1 if bus == HDLC else WRAPPED, octet=0.3, network=True)
