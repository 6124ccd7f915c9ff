"""Being an ABB meter: the body, the faces that it shows on its buses, controls, and what it keeps."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

from wattproof.metering.clock import Clock
from wattproof.metering.energy import UNIT
from wattproof.meters.abb.variants import Variant
from wattproof.meters.abb.virtual import switching
from wattproof.meters.abb.virtual.body import Body
from wattproof.meters.abb.virtual.control import read_controls
from wattproof.meters.abb.virtual.electrics import ENERGIES
from wattproof.meters.abb.virtual.faces import BUSES, make_face, make_framer
from wattproof.meters.abb.virtual.keeping import Durable, damaged
from wattproof.meters.abb.virtual.options import Options
from wattproof.meters.abb.virtual.sources import Load
from wattproof.meters.abb.virtual.supply import MILLI
from wattproof.meters.abb.virtual.tables import FAULTS
from wattproof.meters.abb.virtual.timeline import INTERVAL_END
from wattproof.virtual.base import SimulationOptions, ignore, sleep_on
from wattproof.virtual.faults import Armed, Faults
from wattproof.virtual.framed import Face, Framer
from wattproof.virtual.framefaults import LinkFaults
from wattproof.virtual.line import LineFaults
from wattproof.virtual.switchboard import Switchboard
from wattproof.virtual.switched import SwitchedMeter

if TYPE_CHECKING:
    from wattproof.meters.abb.virtual.mbus.face import MbusFace

#: Bit rate of an M-Bus that nobody has set (1.1).
RATE = 2400
ALWAYS = 2
FACES = ("mbus", "cosem")
#: Named states that begin so often that the journal tells of them only while somebody waits for one.
FREQUENT = (INTERVAL_END, "telegram:", "block:", "segment")


class AbbMeter(SwitchedMeter):
    """One virtual meter. Made by ``creation.create``.

    A face reads and commands ``body`` and says ``touched()`` after a command. ``address`` is the primary address on
    M-Bus, ``hdlc_address`` the lower one on the EQ bus; ``record_status``: M-Bus sends a record status never (0), when
    something is wrong (1), always (2); ``rate``: of its M-Bus line, bit/s.
    """

    __slots__ = (
        "_faces",
        "_kept",
        "_only_hdlc",
        "_started_at",
        "_touches",
        "_wall",
        "address",
        "body",
        "hdlc_address",
        "link",
        "options",
        "rate",
        "read_text",
        "record_status",
        "seed",
    )

    body: Body
    address: int
    record_status: int

    def __init__(
        self,
        options: SimulationOptions,
        chosen: Options,
        variant: Variant,
        serial: str,
        seed: int,
        load: Load,
        clock: Clock,
    ) -> None:
        self.model, self.variant, self.serial, self.public_key = options.model, variant.label, serial, b""
        self.speed, self.options, self.seed, self.read_text = options.speed, chosen, seed, options.read_text
        self.journal, self.wake = ignore, sleep_on
        chance = random.Random(seed)
        self.line = LineFaults(chance)
        self.faults = Faults(FAULTS, self._tell)
        self.link = LinkFaults(self.faults, chance)
        self.body = Body(variant, serial, load, clock, self.faults, seed=seed, start=options.start)
        self.body.entered = self.entered
        self._armed: list[Armed] = []
        self._offset = self._touches = 0
        self._watch = False
        self._kept: object = None
        self._started_at, self._wall = options.start, options.wall
        self._faces: dict[str, Face] = {}
        self._only_hdlc = bool(options.listen) and all(url.framing == "hdlc" for url in options.listen)
        self.address, self.hdlc_address = 1, chosen.hdlc_address
        self.record_status, self.rate = chosen.record_status, RATE

    def _tell(self, event: str, details: Mapping[str, object]) -> None:
        self.journal(event, details)

    # where it is heard

    @property
    def unit(self) -> int:
        """The primary address; the lower HDLC address where only HDLC listens."""
        return self.hdlc_address if self._only_hdlc else self.address

    def unit_on(self, framing: str) -> int:
        """The lower HDLC address on HDLC, elsewhere the primary address."""
        return self.hdlc_address if framing == "hdlc" else self.address

    @property
    def baudrate(self) -> int:
        return self.rate

    @property
    def answer_delay(self) -> int:
        return 0

    @property
    def blocked(self) -> bool:
        return False

    @property
    def supplied(self) -> bool:
        """Whether it has supply."""
        return self.body.supplied

    @property
    def silent(self) -> bool:
        return not self.body.supplied

    @property
    def faces(self) -> Sequence[str]:
        return FACES

    def speaks(self, kind: str) -> bool:
        return kind in BUSES

    def face(self, protocol: str) -> Face:
        """Its face on a bus, always the same one."""
        found = self._faces.get(protocol)
        if found is None:
            found = self._faces[protocol] = make_face(self, protocol)
        return found

    def framer(self, protocol: str, *, network: bool) -> Framer:
        """A new receiver for a stream."""
        return make_framer(protocol, network=network)

    def settle(self, now: int) -> None:
        mbus = self._faces.get("mbus")
        if mbus is not None:
            cast("MbusFace", mbus).advance(now)

    def execute(self, pdu: bytes, now: int) -> bytes | None:
        """It does not speak Modbus."""
        return None

    def foreign(self, unit: int, network: bool) -> None:
        return None

    # time

    def advance(self, now: int) -> None:
        self.body.advance(now + self._offset)

    def next_event(self) -> int | None:
        event = self.body.next_event()
        return None if event is None else event - self._offset

    def follow(self) -> None:
        """The body has drawn all consequences by itself."""

    # controls and faults

    @property
    def switchboard(self) -> Switchboard:
        return switching.SWITCHBOARD

    def read_controls(self, controls: Mapping[str, object]) -> dict[str, object]:
        return read_controls(self.switchboard.read_controls(controls), self.read_text)

    def bring(self, controls: Mapping[str, object], faults: Mapping[str, object]) -> None:
        super().bring(controls, faults)
        self.touched()

    def entered(self, state: str) -> None:
        if self._armed or not state.startswith(FREQUENT):
            super().entered(state)

    def factory(self) -> None:
        """Factory settings; registers and addresses stay."""
        self.body.factory()
        self.record_status = ALWAYS

    def state(self) -> dict[str, object]:
        return switching.state(self)

    # what stays

    def touched(self) -> None:
        """A command has been executed: the next checkpoint is made whatever else has changed."""
        self._touches += 1

    def checkpoint(self) -> bytes | None:
        body = self.body
        recorder, watch = body.recorder, body.watch
        present = (
            self._touches,
            [total // UNIT for total in body.registers.sums[:ENERGIES]],
            [channel and channel.due for channel in recorder.channels],
            recorder.previous.due,
            recorder.demand.due,
            watch.bits,
            watch.alarm_word,
            body.power_fails,
            body.off_at,
            body.registers.tariffs.active,
            body.image.status,
            [len(log) for log in watch.logs],
        )
        if present == self._kept:
            return None
        self._kept = present
        wall = None if self._wall is None else self._wall + float((self._now() - self._started_at) / self.speed) / 1e9
        return Durable(
            serial=self.serial,
            variant=self.variant,
            wall=wall,
            address=self.address,
            hdlc_address=self.hdlc_address,
            record_status=self.record_status,
            rate=self.rate,
            body=body.save(),
        ).encode()

    def _now(self) -> int:
        """Meter time as it is outside, ns."""
        return self.body.at * MILLI - self._offset

    def begin(self, durable: Durable | None, wall: int | None, faults: list[tuple[str, object, str | None]]) -> None:
        """The first moment of this run: a power-up with what was kept, or a new meter that is ready at once."""
        if durable is not None:
            self._restore(durable, wall)
        self._armed += switching.SWITCHBOARD.begin(self, faults)
        self.look_out()
        self.advance(self._started_at)

    def _restore(self, durable: Durable, wall: int | None) -> None:
        """The meter was without supply since it was kept; its clock has run on."""
        body = self.body
        try:
            body.restore(durable.body)
            body.power(False)
        except (KeyError, ValueError, TypeError, IndexError, AttributeError):
            raise damaged() from None
        self.address, self.hdlc_address = durable.address, durable.hdlc_address
        self.record_status, self.rate = durable.record_status, durable.rate
        passed = 0.0 if durable.wall is None or wall is None else max(0.0, wall - durable.wall)
        start = body.at * MILLI + int(passed * self.speed) * 10**9
        self._offset = start - self._started_at
        body.advance(start)
        body.power(True)
