"""Being a BSM: the virtual meter."""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from wattproof.errors import InvalidValue
from wattproof.meters.bsm.enums import DEFAULT_UNIT, SnapshotType
from wattproof.meters.bsm.points import BASE, COMMON_BLOCK, REGISTERS, SIGNING_METER_BLOCK
from wattproof.meters.bsm.virtual import control, writing
from wattproof.meters.bsm.virtual.body import SERVICE_TIME, Body
from wattproof.meters.bsm.virtual.face import DIGIT
from wattproof.meters.bsm.virtual.machine import POWER_UP
from wattproof.meters.bsm.virtual.options import INVALID, NOW, Options, read_options
from wattproof.meters.bsm.virtual.registers import GLITCHING
from wattproof.meters.bsm.virtual.state import Durable, decode
from wattproof.virtual.base import NEVER, SimulationOptions
from wattproof.virtual.identity import check, kept_serial, seed_of, signing_key
from wattproof.virtual.loads import parse_load
from wattproof.virtual.physics import WATT_HOUR
from wattproof.virtual.signing import Signer
from wattproof.virtual.switchboard import Switchboard

if TYPE_CHECKING:
    from wattproof.meters.bsm.optical.head import OpticalHead

_PREFIX = [bytes((writing.READ, 2 * count)) for count in range(writing.MOST_READ + 1)]


class BsmMeter(Body):
    """One virtual BSM-WS36A: requests, controls, the optical head, and what it keeps. Made by :func:`create`."""

    __slots__ = ()

    # requests

    def execute(self, pdu: bytes, now: int) -> bytes | None:
        if now >= self._fresh:
            self.advance(now)
        if len(pdu) == 5 and pdu[0] == 3 and not self._watch:
            start = (pdu[1] << 8 | pdu[2]) - BASE
            count = pdu[3] << 8 | pdu[4]
            if 0 < count <= 125 and 0 <= start <= REGISTERS - count:
                return _PREFIX[count] + self._image[start * 2 : (start + count) * 2]
        return self._execute(pdu, now)

    def execute_late(self, pdu: bytes, now: int) -> bytes | None:
        return self._execute(pdu, now, late=True)

    def _execute(self, pdu: bytes, now: int, *, late: bool = False) -> bytes | None:
        """The rules of 2.3 to 2.6, whatever is special about this request."""
        self.advance(now)
        self.before_request(now)
        if self.silent or not pdu:
            return None
        try:
            if pdu[0] == writing.READ:
                return self._read(pdu)
            if pdu[0] == writing.WRITE:
                answer = self._write(pdu, now, late=late)
                return None if self.silent else answer
            raise writing.Rejected(writing.ILLEGAL_FUNCTION)
        except writing.Rejected as rejected:
            return bytes((pdu[0] | 0x80, rejected.code))

    def _read(self, pdu: bytes) -> bytes:
        if len(pdu) != 5:
            raise writing.Rejected(writing.ILLEGAL_VALUE)
        address, count = int.from_bytes(pdu[1:3], "big"), int.from_bytes(pdu[3:5], "big")
        if not 1 <= count <= writing.MOST_READ:
            raise writing.Rejected(writing.ILLEGAL_VALUE)
        if address < BASE or address + count > writing.END:
            raise writing.Rejected(writing.ILLEGAL_ADDRESS)
        data = self._image[(address - BASE) * 2 : (address - BASE + count) * 2]
        if "counter-glitch" in self.faults:
            self._glitch(data, address, count)
        return _PREFIX[count] + data

    def _glitch(self, data: bytearray, address: int, count: int) -> None:
        """Fault counter-glitch: the counters in this answer read 0."""
        hit = [
            register - address
            for counter in GLITCHING
            for register in (counter, counter + 1)
            if address <= register < address + count
        ]
        for offset in hit:
            data[2 * offset : 2 * offset + 2] = b"\0\0"
        if hit:
            self.faults.hit("counter-glitch")
            self.look_out()

    def _write(self, pdu: bytes, now: int, *, late: bool) -> bytes:
        """``late``: it came during a creation; a trigger in it met that one and starts no second (section 11)."""
        request = writing.parse(pdu)
        values = {change.name: change.value for change in request.changes}
        timely = "Epoch" in values or "TZO" in values
        if timely and not self.clock.accepts(values.get("Epoch"), values.get("TZO")):
            raise writing.Rejected(writing.ILLEGAL_VALUE)
        kinds = [change.kind for change in request.changes if change.kind is not None]
        if not self.options.profile.start_and_end and {SnapshotType.START, SnapshotType.END} & set(kinds):
            raise writing.Rejected(writing.ILLEGAL_VALUE)
        if self.maker.job is not None and (kinds or "DO" in values):
            raise writing.Rejected(writing.BUSY)
        if "DA" in values or "Rte" in values:
            self.counters.unit = values.get("DA") or self.counters.unit
            self.counters.baudrate = values.get("Rte") or self.counters.baudrate
            self.present()
        if timely:
            self.clock.write(self._now, values.get("Epoch"), values.get("TZO"))
        for change in request.changes:
            if change.value is None:
                self.registers.set_text(SIGNING_METER_BLOCK, change.name, change.data)
        if "DO" in values:
            self.demand(bool((values["DO"] or 0) & 1))
        for kind in kinds:
            if late:
                self.journal("trigger-ignored", {"instance": kind.word, "reason": "it came during a creation"})
            else:
                self.maker.begin(kind, self._now)
        if values:
            self.follow()
            self.advance(now)
        return pdu[:5]

    def foreign(self, unit: int, network: bool) -> int | None:
        return 0x0B if network else None

    # controls and faults

    @property
    def switchboard(self) -> Switchboard:
        return control.SWITCHBOARD

    def read_controls(self, controls: Mapping[str, object]) -> dict[str, object]:
        return control.read_controls(self, controls)

    def bring(self, controls: Mapping[str, object], faults: Mapping[str, object]) -> None:
        super().bring(controls, faults)
        if faults:
            self.present()

    def released(self) -> None:
        self.settle()

    def state(self) -> dict[str, object]:
        return control.state(self)

    def power_later(self, delay: int) -> None:
        """The supply comes back after ``delay`` ns."""
        self._power_at = self._now + delay

    # the optical head

    def optical(self) -> OpticalHead:
        """A new head in front of this meter, in the mode of its options (section 21)."""
        from wattproof.meters.bsm.optical.head import OpticalHead

        return OpticalHead(self, self.options.optical, self.options.optical_password, self.options.d0_list)

    def set_address(self, address: int, baudrate: int) -> None:
        """DA and Rte, effective on Modbus at once."""
        self.counters.unit, self.counters.baudrate = address, baudrate
        self._changed_optically()

    def set_epoch(self, epoch: int) -> None:
        """As one write of Epoch alone (section 8)."""
        self.clock.write(self._now, epoch, None)
        self._changed_optically()

    def reset_rcr(self) -> None:
        """RCR and its hidden digits become 0."""
        self.electrics.energy.resettable = 0
        self._changed_optically()

    def set_service_mode(self, on: bool) -> None:
        """Service mode for 60 meter seconds from now, or its end (21.3, BD-33)."""
        self._service_until = self._now + SERVICE_TIME if on else NEVER
        self._changed_optically()

    def _changed_optically(self) -> None:
        self.present()
        self.follow()
        self._refresh(self._now)
        self.wake()

    # what stays

    def checkpoint(self) -> bytes | None:
        counters, clock, energy = self.counters, self.clock, self.electrics.energy
        durable = Durable(
            serial=self.serial,
            key=None if self.signer.test else self.signer.scalar,
            total=energy.total,
            resettable=energy.resettable,
            os=clock.os(self._now),
            power_downs=counters.power_downs,
            response=counters.response,
            reserved=counters.reserved,
            settings=clock.settings,
            setting_os=clock.setting_os,
            unit=counters.unit,
            baudrate=counters.baudrate,
            language=counters.language,
        )
        kept = replace(durable, total=energy.total // DIGIT, resettable=energy.resettable // DIGIT)
        if kept == self._kept:
            return None
        self._kept = kept
        return durable.encode()

    def begin(
        self, time: tuple[int, int] | None, faults: list[tuple[str, object, str | None]], *, starting: bool
    ) -> None:
        """The first moment of this run: identity into the registers, options into force.

        ``starting``: the supply has just come, and the start-up takes its time.
        """
        if starting:
            self._silent_until = self._now + self.options.start_delay
        registers, serial = self.registers, self.serial
        texts = {"SNM": serial[-8:], "SNC": module_serial(serial), "MA1": serial}
        for name, text in texts.items():
            registers.set_text(SIGNING_METER_BLOCK, name, text)
        registers.set_text(COMMON_BLOCK, "SN", serial[-8:])
        registers.set_blob(SIGNING_METER_BLOCK, "PK", self.public_key)
        if time is not None:
            self.clock.write(self._now, *time)
        self.di = self._level()
        self._armed += control.SWITCHBOARD.begin(self, faults)
        if not starting:
            self.entered(POWER_UP)
        self.look_out()
        self.present()
        self.follow()
        self._refresh(self._now)

    def restore(self, durable: Durable) -> None:
        """Power-up after the power failure that ended an earlier run (section 18)."""
        counters, clock, energy = self.counters, self.clock, self.electrics.energy
        energy.total, energy.resettable = durable.total, durable.resettable
        clock.seconds, clock.settings, clock.setting_os = durable.os, durable.settings, durable.setting_os
        counters.power_downs, counters.response = durable.power_downs, durable.response
        counters.reserved, counters.unit, counters.baudrate = durable.reserved, durable.unit, durable.baudrate
        counters.language = durable.language
        self.count_start()


def module_serial(serial: str) -> str:
    """SNC: 16 hexadecimal digits that belong to the meter's serial."""
    return "000b5700" + hashlib.sha256(serial.encode("ascii")).hexdigest()[:8]


_SERIAL = re.compile(r"00[0-9A-Z]{6}[0-9]{8}")


def read_serial(text: str) -> str:
    """MA1 from ``--serial``: 16 characters, or the 14 that are printed on the front (B-037).

    Raises ``InvalidValue``.
    """
    serial = text if len(text) == 16 else "00" + text
    if not _SERIAL.fullmatch(serial):
        raise InvalidValue(
            f"serial {text!r} is no BSM serial: write 00, six letters or digits and eight digits,"
            " such as 001BZR9900000001"
        )
    return serial


def create(options: SimulationOptions) -> BsmMeter:
    """A virtual BSM. Deterministic for a given seed.

    A new one is ready at once; one with kept state, or with the option ``start-delay`` given, powers up now and answers
    when that time has passed (section 18).

    Raises ``UnknownName`` and ``InvalidValue`` for what is not in the closed tables of sections 27 and 28, and for a
    state directory of another meter; ``StorageError`` for one that holds no state of a BSM.
    """
    chosen = read_options(options.settings, options.variant)
    durable = None if options.state is None else decode(options.state)
    given = None if options.serial is None else read_serial(options.serial)
    seed = seed_of(options)
    serial = kept_serial(given, None if durable is None else durable.serial)
    serial = serial or f"001BZR99{random.Random(seed).randrange(10**8):08d}"
    kept = None if durable is None else durable.key
    scalar = signing_key(options, "a BSM", serial, fresh=durable is None, kept=kept)
    check(options)
    faults = control.SWITCHBOARD.parse(options.faults)
    load = parse_load(options.load if options.load is not None else "curve:car", options.read_text)
    meter = BsmMeter(options, chosen, serial, Signer(serial, scalar), seed, load)
    meter.counters.unit = options.unit or DEFAULT_UNIT
    meter.electrics.energy.total = int(Fraction(chosen.energy) * 1000 * WATT_HOUR)
    if durable is not None:
        meter.restore(durable)
    starting = (durable is not None or "start-delay" in options.settings) and chosen.start_delay > 0
    meter.begin(_time(chosen, options.wall), faults, starting=starting)
    return meter


def _time(chosen: Options, wall: int | None) -> tuple[int, int] | None:
    """Epoch and TZO to write at the start."""
    if chosen.time == INVALID:
        return None
    if isinstance(chosen.time, tuple):
        return chosen.time
    if wall is None:
        raise InvalidValue(f"option time={NOW} needs the present time: give an instant instead")
    return wall, 0
