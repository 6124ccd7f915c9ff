"""A virtual ABB meter made from its options: as new, or as an earlier run left it."""

from __future__ import annotations

import random
import re
from time import localtime

from wattproof.errors import InvalidValue
from wattproof.metering.clock import Clock
from wattproof.metering.dates import seconds_of
from wattproof.metering.energy import WATT_HOUR
from wattproof.meters.abb.variants import variant
from wattproof.meters.abb.virtual.body import Access
from wattproof.meters.abb.virtual.electrics import ACTIVE, EXPORT
from wattproof.meters.abb.virtual.faults import INVALID
from wattproof.meters.abb.virtual.keeping import decode
from wattproof.meters.abb.virtual.meter import AbbMeter
from wattproof.meters.abb.virtual.options import HDLC_ADDRESSES, NOW, Options, read_options
from wattproof.meters.abb.virtual.refusals import Refusal
from wattproof.meters.abb.virtual.sources import DEFAULT, parse_load
from wattproof.meters.abb.virtual.supply import MILLI
from wattproof.meters.abb.virtual.switching import SWITCHBOARD
from wattproof.meters.abb.virtual.tariffing import Source
from wattproof.virtual.base import Meter, SimulationOptions
from wattproof.virtual.identity import check_speed, kept_serial, seed_of

#: Primary addresses of M-Bus.
ADDRESSES = range(251)


def create(options: SimulationOptions) -> Meter:
    """A virtual ABB meter. Deterministic for a given seed.

    Raises ``UnknownName`` and ``InvalidValue`` for what is not in the closed tables, and for a state directory of
    another meter; ``StorageError`` for one that holds no state of an ABB meter.
    """
    kind = variant(options.variant)
    check_speed(options)
    if options.key is not None:
        raise InvalidValue("an ABB meter signs nothing: leave the key out")
    chosen = read_options(options.settings, kind)
    durable = None if options.state is None else decode(options.state)
    given = None if options.serial is None else read_serial(options.serial)
    if durable is not None and durable.variant != kind.label:
        raise InvalidValue(
            f"the state directory belongs to an {durable.variant}, not to an {kind.label}: use another directory"
        )
    seed = seed_of(options)
    serial = kept_serial(given, None if durable is None else durable.serial) or drawn_serial(seed)
    faults = SWITCHBOARD.parse(options.faults)
    load = parse_load(options.load if options.load is not None else DEFAULT, options.read_text)
    clock = _clock(chosen, options) if durable is None else Clock()
    meter = AbbMeter(options, chosen, kind, serial, seed, load, clock)
    if any(url.framing == "hdlc" for url in options.listen):
        meter.hdlc_address += options.index
    if durable is None:
        _as_new(meter, chosen)
    _address(meter, options)
    meter.begin(durable, options.wall, faults)
    for url in options.listen:
        if url.framing == "mbus" and "baudrate" in url.options:
            meter.rate = url.whole("baudrate", meter.rate)
    return meter


def read_serial(text: str) -> str:
    """A serial number from ``--serial``: its last eight digits identify it on M-Bus. Raises ``InvalidValue``."""
    if not re.fullmatch(r"[0-9]{1,16}", text):
        raise InvalidValue(f"serial {text!r} is no serial of an ABB meter: write 1 to 16 digits, such as 00217819")
    return text.zfill(8)


def drawn_serial(seed: int) -> str:
    """A serial that follows from the seed."""
    return f"{random.Random(seed).randrange(10**8):08d}"


def _address(meter: AbbMeter, options: SimulationOptions) -> None:
    """``--unit``: the primary address, or the lower HDLC address where only HDLC listens."""
    if options.unit is not None:
        if options.listen and all(url.framing == "hdlc" for url in options.listen):
            meter.hdlc_address = options.unit
        elif options.unit in ADDRESSES:
            meter.address = options.unit
        else:
            raise InvalidValue(f"unit {options.unit} is no primary address: write 0 to {ADDRESSES.stop - 1}")
    if meter.hdlc_address not in HDLC_ADDRESSES:
        first, last = HDLC_ADDRESSES.start, HDLC_ADDRESSES.stop - 1
        raise InvalidValue(f"HDLC address {meter.hdlc_address} is out of range: write {first} to {last}")


def _as_new(meter: AbbMeter, chosen: Options) -> None:
    """Settings and registers of a new meter. None of it is an event of its logs."""
    body = meter.body
    body.access, body.password, body.firmware = Access(chosen.access), chosen.password, chosen.firmware
    sums = body.registers.sums
    for number, energy in ((ACTIVE, chosen.energy), (ACTIVE + EXPORT, chosen.energy_export)):
        sums[number] = energy * WATT_HOUR
    body.rewire(current=chosen.ct_ratio, voltage=chosen.vt_ratio)
    if chosen.tariff_source != Source.COMMUNICATION:
        try:
            body.set_tariff_source(chosen.tariff_source)
        except Refusal as refusal:
            raise InvalidValue(f"option tariff-source: {refusal}") from None
    for log in body.watch.logs:
        log.clear()


def _clock(chosen: Options, options: SimulationOptions) -> Clock:
    """As now on this machine, at a given local time, or not set and counting from 2000 on."""
    at, chosen_time = options.start // MILLI, chosen.time
    clock = Clock(at, valid=chosen_time != INVALID)
    clock.summer.set(clock.summer.begin, clock.summer.end, chosen.summer_time)
    if chosen_time == NOW:
        if options.wall is None:
            raise InvalidValue(f"option time={NOW} needs the present time: give a local date and time instead")
        chosen_time = seconds_of(*localtime(options.wall)[:6])
    if isinstance(chosen_time, int):
        clock.set_local(at, chosen_time)
    return clock
