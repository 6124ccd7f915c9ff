"""A virtual DMED4 or remote display made from its options: as new, or as an earlier run left it."""

from __future__ import annotations

import random
import re

from wattproof.errors import InvalidValue
from wattproof.meters.dmed4.models import DEFAULT, Model, by_variant
from wattproof.meters.dmed4.virtual import control
from wattproof.meters.dmed4.virtual.meter import DmedMeter
from wattproof.meters.dmed4.virtual.options import FACTORY, NOW, Options, read_options
from wattproof.meters.dmed4.virtual.state import decode
from wattproof.virtual.base import SECOND, Meter, SimulationOptions
from wattproof.virtual.dc import WATT_HOUR, parse_load
from wattproof.virtual.identity import check, kept_serial, seed_of, signing_key
from wattproof.virtual.signing import Signer


def create(options: SimulationOptions) -> Meter:
    """A virtual DMED4 or remote display. Deterministic for a given seed.

    Raises ``UnknownName`` and ``InvalidValue`` for what is not in the closed tables of sections 14 and 15, and for a
    state directory of another meter; ``StorageError`` for one that holds no state of a DMED4.
    """
    kind = DEFAULT if options.variant is None else by_variant(options.variant)
    check(options)
    if kind.is_display:
        from wattproof.meters.dmed4.virtual.remote import create_display

        return create_display(options, kind)
    return make(options, kind)


def make(options: SimulationOptions, kind: Model) -> DmedMeter:
    """A virtual meter of one model. Raises as :func:`create`."""
    chosen = chosen_options(options)
    durable = None if options.state is None else decode(options.state)
    given = None if options.serial is None else read_serial(options.serial)
    if durable is not None and durable.variant != kind.variant:
        raise InvalidValue(
            f"the state directory belongs to a {durable.variant}, not to a {kind.variant}: use another directory"
        )
    seed = seed_of(options)
    serial = kept_serial(given, None if durable is None else durable.serial) or drawn_serial(seed)
    kept = None if durable is None else durable.key
    scalar = signing_key(options, "a DMED4", serial, fresh=durable is None, kept=kept)
    faults = control.SWITCHBOARD.parse(options.faults)
    load = parse_load(options.load if options.load is not None else "curve:dc", options.read_text)
    meter = DmedMeter(options, chosen, kind, serial, Signer(serial, scalar), seed, load)
    counters = meter.electrics.counters
    counters.imported, counters.exported = chosen.energy * WATT_HOUR, chosen.energy_export * WATT_HOUR
    _set_clock(meter, chosen, options.wall, fresh=durable is None)
    meter.begin(durable, options, faults)
    return meter


def chosen_options(options: SimulationOptions) -> Options:
    """The options of section 14.3; ``--unit`` is the first value of P04_01."""
    settings = dict(options.settings)
    if options.unit is not None:
        settings.setdefault("P04_01", str(options.unit))
    return read_options(settings, options.listen)


def read_serial(text: str) -> str:
    """MS from ``--serial``: 8 decimal digits. Raises ``InvalidValue``."""
    if not re.fullmatch(r"[0-9]{1,8}", text):
        raise InvalidValue(f"serial {text!r} is no DMED4 serial: write 8 digits, such as 12345678")
    return text.zfill(8)


def drawn_serial(seed: int, spare: int = 0) -> str:
    """A serial that follows from the seed; ``spare`` serials exist behind it."""
    return f"{random.Random(seed).randrange(10**8 - spare):08d}"


def _set_clock(meter: DmedMeter, chosen: Options, wall: int | None, *, fresh: bool) -> None:
    """The clock of a new meter: from the factory, as now, or at a given time (DEC-74)."""
    if not fresh or chosen.time == FACTORY:
        return
    if chosen.time == NOW:
        if wall is None:
            raise InvalidValue(f"option time={NOW} needs the present time: give an instant instead")
        meter.clock.base = wall * SECOND
    elif isinstance(chosen.time, tuple):
        seconds, offset = chosen.time
        meter.clock.base = seconds * SECOND
        meter.clock.offset = offset if offset % 15 == 0 else 0
