"""Who a virtual meter is when it is made: as given, as kept by an earlier run, or as drawn."""

from __future__ import annotations

import random

from wattproof.errors import InvalidValue
from wattproof.virtual.base import SimulationOptions
from wattproof.virtual.signing import read_key

#: Units of a Modbus line (Modbus over Serial Line 1.02, 2.2).
UNITS = range(1, 248)
FASTEST = 100_000


def check(options: SimulationOptions) -> None:
    """Raises ``InvalidValue`` for a unit or a speed that no meter can have."""
    if options.unit is not None and options.unit not in UNITS:
        raise InvalidValue(f"unit {options.unit} is out of range: write 1 to 247")
    check_speed(options)


def check_speed(options: SimulationOptions) -> None:
    """Raises ``InvalidValue`` for a speed that no meter can have."""
    if not 0 < options.speed <= FASTEST:
        raise InvalidValue(f"speed {options.speed} is out of range: write a number above 0, at most {FASTEST}")


def seed_of(options: SimulationOptions) -> int:
    """The seed, or one that is drawn."""
    return options.seed if options.seed is not None else random.SystemRandom().getrandbits(32)


def kept_serial(given: str | None, kept: str | None) -> str | None:
    """The serial of a state directory; another one cannot be given with it. Raises ``InvalidValue``."""
    if kept is not None and given is not None and given != kept:
        raise InvalidValue(f"the state directory belongs to meter {kept}, not to {given}: use another directory")
    return given if kept is None else kept


def signing_key(options: SimulationOptions, who: str, serial: str, *, fresh: bool, kept: int | None) -> int | None:
    """The private scalar of the signing key: as given, else as kept; ``None`` for the published test key.

    ``who`` signs, for messages; ``fresh``: there is no state directory yet. Raises ``InvalidValue``.
    """
    scalar = None if options.key is None else read_key(options.key, who)
    if fresh:
        return scalar
    if scalar is not None and scalar != kept:
        raise InvalidValue(f"the state directory keeps another key of meter {serial}: leave the key option out")
    return kept
