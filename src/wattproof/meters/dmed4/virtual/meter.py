"""Being a DMED4: the virtual meter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from wattproof.io.settings import SerialSettings
from wattproof.io.url import MeterURL
from wattproof.meters.dmed4.models import Model
from wattproof.meters.dmed4.parameters import BAUD_RATES, FORMATS
from wattproof.meters.dmed4.points import MOST
from wattproof.meters.dmed4.virtual import control, writing
from wattproof.meters.dmed4.virtual.body import Body
from wattproof.meters.dmed4.virtual.charge import Refused, Why
from wattproof.meters.dmed4.virtual.electrics import LIMIT
from wattproof.meters.dmed4.virtual.registers import GLITCHING
from wattproof.meters.dmed4.virtual.state import COUNTERS, Durable, open_cycle
from wattproof.meters.dmed4.virtual.writing import (
    BUSY,
    ILLEGAL_ADDRESS,
    ILLEGAL_FUNCTION,
    ILLEGAL_VALUE,
    NOT_VALID,
    READS,
    Change,
    Rejected,
    command_of,
)
from wattproof.virtual.base import SECOND, Admission, Onward, SimulationOptions
from wattproof.virtual.dc import WATT_HOUR
from wattproof.virtual.switchboard import Switchboard

if TYPE_CHECKING:
    from wattproof.meters.dmed4.virtual.site import DmedSite

_PREFIX = {function: [bytes((function, 2 * count)) for count in range(MOST + 1)] for function in READS}
#: Function 17 behind the model: firmware, hardware, parameter revision, 02, Ethernet firmware revision, 00, 00 (3.4).
_REVISIONS = bytes((0x05, 0x01, 0x03, 0x02, 0x07, 0x00, 0x00))
_ALL_UNITS = range(256)
#: Connections of the Modbus socket (2.8).
CONNECTIONS = 2
_NETWORK = frozenset(("tcp", "tls", "http", "https"))
_CLOSED_WEB = (frozenset(("https",)), frozenset(("http",)))


class DmedMeter(Body):
    """One virtual DMED4: requests, controls, and what it keeps. Made by :func:`create`."""

    __slots__ = ("_started_at", "_wall")

    # where it is heard

    @property
    def unit(self) -> int:
        return self.active["P04_01"]

    @property
    def baudrate(self) -> int:
        return BAUD_RATES[self.active["P04_02"]]

    @property
    def own_line(self) -> tuple[str, SerialSettings]:
        """P04_02 to P04_05 say everything about its RS485 line."""
        active = self.active
        character = FORMATS[active["P04_03"]]
        settings = SerialSettings(self.baudrate, character[1], int(character[0]), active["P04_04"])
        return ("ascii" if active["P04_05"] else "rtu"), settings

    @property
    def answer_delay(self) -> int:
        return self.options.answer_delay

    @property
    def blocked(self) -> bool:
        return False

    @property
    def fast_units(self) -> Sequence[int]:
        return (0, self.unit, 255) if self.gateway else _ALL_UNITS

    def is_network(self, url: MeterURL) -> bool:
        return url.scheme in ("tcp", "tls")

    def takes(self, unit: int, network: bool) -> bool:
        if network:
            return not self.gateway or unit in (0, self.unit, 255)
        return not self.gateway and unit in (0, self.unit)

    def foreign(self, unit: int, network: bool) -> int | Onward | None:
        if not (network and self.gateway):
            return None
        if unit > 247:
            return 0x0A
        lost = self.faults.get("slave-silent")
        return Onward(
            self.options.gateway_timeout,
            self.options.gateway_failure == "exception",
            frozenset((lost,)) if isinstance(lost, int) else frozenset(),
        )

    @property
    def bus(self) -> str | None:
        return self.options.gateway_bus

    @property
    def admission(self) -> Admission:
        return Admission(CONNECTIONS, self.options.third_connection == "evict")

    @property
    def closed(self) -> frozenset[str]:
        return _NETWORK if self.silent else _CLOSED_WEB[self.active["P05_11"]]

    def site(self) -> DmedSite:
        from wattproof.meters.dmed4.virtual.site import DmedSite

        return DmedSite(self)

    # requests

    def execute(self, pdu: bytes, now: int) -> bytes | None:
        if now >= self._fresh:
            self.advance(now)
        if len(pdu) == 5 and pdu[0] in READS and not self._watch:
            address, count = pdu[1] << 8 | pdu[2], pdu[3] << 8 | pdu[4]
            if 0 < count <= MOST:
                run = self.layout.run(address, count)
                if run is not None and run.readable and (not run.writable or self._readable(run.address)):
                    begin = run.offset + 2 * (address - run.address)
                    return _PREFIX[pdu[0]][count] + self._image[begin : begin + 2 * count]
        return self._execute(pdu, now)

    def _readable(self, address: int) -> bool:
        """Whether a run that can be written has something to read: a parameter value only if there is that one."""
        return address != self.layout.address["parameter_value"] or self.menu.chosen is not None

    def broadcast(self, pdu: bytes, now: int) -> None:
        """Node 0 on a line: function 6 is executed, nothing else (2.7)."""
        if pdu[:1] == bytes((writing.WRITE_ONE,)):
            self._execute(pdu, now)

    def _execute(self, pdu: bytes, now: int) -> bytes | None:
        self.advance(now)
        if self.silent or not pdu:
            return None
        try:
            if pdu[0] in READS:
                return self._read(pdu)
            if pdu[0] in (writing.WRITE_ONE, writing.WRITE_MANY):
                return self._write(pdu)
            if pdu[0] == writing.REPORT_ID:
                return report_id(pdu, self.kind)
            raise Rejected(ILLEGAL_FUNCTION)
        except Rejected as rejected:
            if rejected.bit:
                self.health.refuse_sequence(rejected.bit)
                self.follow()
            return bytes((pdu[0] | 0x80, rejected.code))

    def _read(self, pdu: bytes) -> bytes:
        if len(pdu) != 5:
            raise Rejected(ILLEGAL_VALUE)
        address, count = int.from_bytes(pdu[1:3], "big"), int.from_bytes(pdu[3:5], "big")
        if not 1 <= count <= MOST:
            raise Rejected(ILLEGAL_VALUE)
        run = self.layout.run(address, count)
        if run is None and (self.options.unassigned == "error" or address + count > 0x10000):
            raise Rejected(ILLEGAL_ADDRESS)
        data = bytearray(2 * count)
        for register in range(address, address + count):
            one = self.layout.run(register, 1)
            if one is None:
                continue
            if not one.readable or not self._readable(one.address):
                raise Rejected(NOT_VALID)
            begin, to = one.offset + 2 * (register - one.address), 2 * (register - address)
            data[to : to + 2] = self._image[begin : begin + 2]
        if "counter-glitch" in self.faults and self._glitches(address, count, data):
            self.faults.hit("counter-glitch")
            self.look_out()
        return _PREFIX[pdu[0]][count] + data

    def _glitches(self, address: int, count: int, data: bytearray) -> bool:
        """Fault counter-glitch: totals and cycle energies in this answer read 0; whether there are any."""
        hit = False
        for register in range(address, address + count):
            bound = self.layout.by_address.get(register)
            if bound is not None and bound.point.name in GLITCHING:
                data[2 * (register - address) : 2 * (register - address) + 2] = b"\0\0"
                hit = True
        return hit

    def _write(self, pdu: bytes) -> bytes | None:
        address, data = writing.parse(pdu)
        changes = writing.touched(self, address, data)
        writing.check(self, changes)
        saved = False
        for change in changes:
            if change.name == "save":
                saved = True
            else:
                _APPLY[change.name](self, change)
        if saved:
            self.save(dict(self.menu.staged))
        self.follow()
        return None if saved or self.silent else pdu[:5]

    # what writes do

    def moment(self, change: Change) -> int | None:
        """The Unix time that a write of 4080h, or of its second half, means; ``None`` for one that is not possible."""
        if change.whole:
            return change.value or None
        high = self.registers.number("datetime") >> 16 if self._time_high is None else self._time_high
        return high << 16 | change.value or None

    def set_time(self, seconds: int) -> None:
        """A time write: the clock runs from there on."""
        before = self.clock.seconds(self.now)
        self.clock.write(self.now, seconds)
        self.note(2, f"{before};{seconds}")

    def set_offset(self, minutes: int) -> None:
        """UTC + DST offset in minutes."""
        self.note(3, f"{self.clock.offset};{minutes}")
        self.clock.offset = minutes

    def set_cable(self, value: int) -> None:
        """Cable resistance compensation."""
        self.note(5, f"{self.cable};{value}")
        self.cable = value

    def commission(self) -> None:
        """Operating from now on; the interfaces know no way back (DEC-43)."""
        if not self.commissioned:
            self.commissioned = True
            self.note(6)

    @property
    def staged_contradiction(self) -> bool:
        """Whether what is staged does not go together with the rest (7.12)."""
        from wattproof.meters.dmed4.parameters import contradiction

        return contradiction({**self.active, **self.menu.staged}) is not None

    def _apply_time(self, change: Change) -> None:
        if change.is_first_half:
            self._time_high = change.value
            return
        seconds = self.moment(change)
        self._time_high = None
        if seconds is not None:
            self.set_time(seconds)

    def _apply_command(self, change: Change) -> None:
        try:
            self.charge.take(command_of(change), change.value)
        except Refused as refused:
            raise Rejected(BUSY if refused.why is Why.BUSY else NOT_VALID, refused.bit) from None

    def _apply_length(self, change: Change) -> None:
        self.registers.set_area("input_length", change.data)
        if not change.value:
            self.charge.drop_message()
            return
        try:
            self.charge.message(self.registers.area("input_json")[: change.value])
        except Refused as refused:  # acknowledged all the same; the status says it (15.2)
            self.health.refuse_sequence(refused.bit)

    def _apply_message(self, change: Change) -> None:
        self.registers.write("input_json", change.first, change.data)

    def _apply_choice(self, change: Change) -> None:
        self.menu.choose(change.name, change.value)

    def _apply_value(self, change: Change) -> None:
        chosen, value = self.menu.chosen, self.menu.changed(change.first, change.data, self.active)
        if chosen is not None and value is not None:
            self.menu.staged[chosen.id] = value

    def _apply_display(self, change: Change) -> None:
        if change.name == "display_page":
            self.display_page = change.value
        else:
            self.display_on = bool(change.value)

    # controls and faults

    @property
    def switchboard(self) -> Switchboard:
        return control.SWITCHBOARD

    def read_controls(self, controls: Mapping[str, object]) -> dict[str, object]:
        return control.read_controls(self, controls)

    def released(self) -> None:
        self.health.impose()

    def state(self) -> dict[str, object]:
        return control.state(self)

    def power_later(self, delay: int) -> None:
        """The supply comes back after ``delay`` ns."""
        self._power_at = self.now + delay

    # what stays

    def checkpoint(self) -> bytes | None:
        counters, clock, charge = self.electrics.counters, self.clock, self.charge
        shown = tuple(getattr(counters, name) // WATT_HOUR for name in COUNTERS[:4])
        rest = (
            counters.powered // (60 * SECOND), clock.base, clock.at, clock.offset, charge.progressive, self.flash,
            self.commissioned, self.cable_locked, self.cable, self.tariff,
            None if charge.cycle is None else (charge.cycle.begin, charge.cycle.page, charge.cycle.interrupted),
            None if charge.last is None else charge.last.end,
        )  # fmt: skip
        if (shown, rest) == self._kept:
            return None
        self._kept = (shown, rest)
        wall = None if self._wall is None else self._wall + float((self.now - self._started_at) / self.speed) / 1e9
        return Durable(
            serial=self.serial,
            variant=self.variant,
            key=None if self.signer.test else self.signer.scalar,
            counters={name: getattr(counters, name) for name in COUNTERS},
            utc=clock.utc(self.now),
            wall=wall,
            offset=clock.offset,
            progressive=charge.progressive,
            parameters=self.flash,
            commissioned=self.commissioned,
            cable_locked=self.cable_locked,
            cable=self.cable,
            tariff=self.tariff,
            cycle=None if charge.cycle is None else charge.cycle.as_dict(),
            last=None if charge.last is None else charge.last.as_dict(),
        ).encode()

    def forget_checkpoint(self) -> None:
        """The next checkpoint is made whether or not anything has changed."""
        self._kept = None

    def unsaved(self) -> Sequence[bytes]:
        return self.logbook.take_unsaved() if self.logbook.unsaved else ()

    def log(self) -> Sequence[bytes]:
        return self.logbook.entries()

    def begin(
        self, durable: Durable | None, options: SimulationOptions, faults: list[tuple[str, object, str | None]]
    ) -> None:
        """The first moment of this run: a power-up with what was kept, or a new meter that is ready at once."""
        self._started_at, self._wall = options.start, options.wall
        if durable is not None:
            self._restore(durable, options)
        self.clock.timeout = self.active["P06_02"]
        self.health.operating = self.commissioned
        counters = self.electrics.counters
        self._wraps = counters.imported // WATT_HOUR // LIMIT, counters.exported // WATT_HOUR // LIMIT
        self._armed += control.SWITCHBOARD.begin(self, faults)
        self.health.impose()
        self.charge.interrupt()
        starting = durable is not None or "start-delay" in options.settings
        if starting and self.options.start_delay:
            self._begin_start(self.options.start_delay, "power")
        else:
            self._begin_start(0, "power")
            self._started()
            if durable is None and "init-delay" not in options.settings:
                self._init_until = self.now
        self.follow()
        self.sample(options.start)
        self.advance(options.start)

    def _restore(self, durable: Durable, options: SimulationOptions) -> None:
        counters, clock = self.electrics.counters, self.clock
        for name in COUNTERS:
            setattr(counters, name, durable.counters[name])
        passed = 0.0 if durable.wall is None or options.wall is None else max(0.0, options.wall - durable.wall)
        clock.base = durable.utc + int(passed * self.speed * SECOND)
        clock.offset = durable.offset
        self.active = self.flash = dict(durable.parameters)
        self.commissioned, self.cable_locked = durable.commissioned, durable.cable_locked
        self.cable, self.tariff = durable.cable, durable.tariff
        self.logbook.restore(options.log)
        charge = self.charge
        charge.cycle, charge.last = open_cycle(durable.cycle), open_cycle(durable.last)
        charge.progressive = max(durable.progressive, self.logbook.last)
        if charge.cycle is not None:
            self.electrics.delivered = counters.cycle + counters.cycle_export


_APPLY = {
    "datetime": DmedMeter._apply_time,
    "datetime_offset": lambda meter, change: meter.set_offset(int.from_bytes(change.data, "big", signed=True)),
    "command": DmedMeter._apply_command,
    "input_length": DmedMeter._apply_length,
    "input_json": DmedMeter._apply_message,
    "menu": DmedMeter._apply_choice,
    "submenu": DmedMeter._apply_choice,
    "parameter": DmedMeter._apply_choice,
    "parameter_value": DmedMeter._apply_value,
    "display_on_off": DmedMeter._apply_display,
    "display_page": DmedMeter._apply_display,
}


def report_id(pdu: bytes, kind: Model) -> bytes:
    """The answer to function 17 (3.4). Raises ``Rejected``."""
    if len(pdu) != 1:
        raise Rejected(ILLEGAL_VALUE)
    content = bytes((kind.code,)) + _REVISIONS
    return bytes((writing.REPORT_ID, len(content))) + content
