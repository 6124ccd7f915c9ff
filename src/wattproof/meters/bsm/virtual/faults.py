"""Faults and controls of the virtual BSM: the closed tables of sections 28.3 to 28.5."""

from __future__ import annotations

from decimal import Decimal

from wattproof.meters.bsm.virtual.registers import IN_AREA
from wattproof.signed.formats import bsm
from wattproof.virtual.faults import Choice, Count, Flag, Number, Row, Switch, Table, Text, Whole, instant, join
from wattproof.virtual.switchboard import bus_rows

_METER = "28.3"
_SECONDS = "s meter"


def _flag(name: str, description: str) -> Row:
    return Row(name, Flag(), True, description, _METER)


def _count(name: str, description: str) -> Row:
    return Row(name, Count(), "all", description, _METER)


METER_FAULTS = (
    _flag("contactor-stuck-closed", "The contactor stays closed, an open one after the next demand. Energy flows on."),
    _flag("contactor-stuck-open", "The contactor opens and stays open: DI 1, no current."),
    Row("contactor-slow", Number(0, 60, _SECONDS), Decimal(1), "Mechanical delay in both directions.", _METER),
    _flag("feedback-lost", "DI reads 0 always, the contactor works."),
    _flag("feedback-inverted", "DI is 0 while the contactor is open, 1 while it is closed."),
    _flag("doe-low", "DOE is low whatever the control doe says."),
    _count("collecting-fails", "Data collection of the next N creations fails: St 3, RCR not reset."),
    _count("signing-fails", "The snapshot signature of the next N creations fails: St 3."),
    _count("ocmf-fails", "The snapshot is valid, its OCMF instance has St 3 and no text."),
    Row("slow-collecting", Number(0, 3600, _SECONDS), Decimal(20), "Data collection takes this long.", _METER),
    Row("slow-signing", Number(0, 3600, _SECONDS), Decimal(20), "Both signatures together take this long.", _METER),
    _count("stale-snapshot", "The next N creations end with St 0 but leave the instance as it was before."),
    Row("pagination-gap", Whole(1, 1000), 1, "RCnt += N; the next snapshot continues from there.", _METER, once=True),
    _count("bad-signature", "The next N creations carry signatures made over other data."),
    _flag("wrong-key", "Signatures are made with another key; PK stays."),
    Row(
        "tamper",
        Choice(tuple(field.name for field in bsm.CURRENT if field.name in IN_AREA)),
        "RCR",
        "After signing, the low bit of this field is inverted in the registers, and in OCMF where it shows.",
        _METER,
    ),
    _flag("firmware-hash", "Evt bit 18; first byte of 64902 B inverted; OCMF EF Et, ST E."),
    _flag("cm-init-failed", "Evt bit 17; every creation refused with St 3."),
    _flag("dev-module", "Evt bit 19; VrC and GV end with -dirty; OCMF EF Et, ST E."),
    Row(
        "meter-fatal",
        Text("8 hexadecimal digits, not all 0", "(?!0{8})[0-9A-Fa-f]{8}", str.upper),
        "00100000",
        "ErrM = value, Evt bit 16; values, counters and creation go on; OCMF EF Et, ST E.",
        _METER,
    ),
    Row("clock-lost", Flag(), True, "The time becomes invalid at once; OS runs.", _METER, once=True),
    Row("clock-drift", Whole(-100_000, 100_000, "ppm"), 20_000, "Epoch gains PPM us per second of OS.", _METER),
    Row("counter-glitch", Count(), 1, "The next N answers give 0 for TotWhImp of 203 and RCR of 64900.", _METER),
    Row("counter-jump", Whole(1, 10_000_000, "Wh"), 1_000_000, "TotWhImp and RCR += value.", _METER, once=True),
    Row("roll-over", Flag(), True, "TotWhImp := 999 999.90 kWh.", _METER, once=True),
    _flag("frozen", "Model 203 keeps its present values; the meter goes on counting inside."),
    Row("phase-lost", Whole(1, 3), 1, "Voltage, current, power of the phase are 0.", _METER),
    _flag("phase-order", "Counter-clockwise field; values unaffected."),
    _flag("reverse", "All currents reversed: W negative, no energy counted."),
    Row("noise", Number(0, 100, "%"), Decimal(1), "Voltage and current of each phase vary every second.", _METER),
    Row("power-cut", Number(0, 31_536_000, _SECONDS), Decimal(10), "Supply off for this long.", _METER, once=True),
)

BUS_FAULTS = bus_rows("28.4")
FAULTS: Table = join("fault", METER_FAULTS, BUS_FAULTS)

#: Faults that cannot be in force together.
EXCLUDING = (("contactor-stuck-closed", "contactor-stuck-open"),)


def _moment(text: str) -> object:
    return None if text == "invalid" else instant(text)


def _level(text: str) -> object:
    return {"auto": None, "true": True, "false": False}[text]


class _Level:
    """``auto`` (no value of its own), true or false."""

    limits = "auto, true, false"

    def read(self, value: object) -> object:
        if isinstance(value, bool):
            return value
        if not isinstance(value, str):
            raise ValueError
        try:
            return _level(value)
        except KeyError:
            raise ValueError from None


_SWITCH = Switch()
CONTROLS: Table = Table(
    "control",
    (
        Row("di", _Level(), "auto", "level at DI; auto = the feedback of the wiring", "28.5"),
        Row("doe", _SWITCH, True, "level at DOE", "28.5, 12.1"),
        Row("do", _SWITCH, None, "switching demand, as if register DO had been written", "28.5"),
        Row("plug", _SWITCH, True, "car present; true begins its curve at 0 kWh", "28.5"),
        Row("load", Text("none, constant:W, curve[:NAME], csv:FILE"), "curve:car", "new load from now on", "27.3"),
        Row("power", _SWITCH, True, "supply; false then true is a power failure of that length", "28.5"),
        Row("clock", Text("ISO 8601 with offset, invalid", ".+", _moment), None, "as one write of Epoch and TZO", "8"),
        Row("step", Number(0, 31_536_000, _SECONDS), None, "advance by this time at once", "28.5"),
        Row("key", Choice(("1", "2", "3", "2-long", "3-long")), None, "press a key", "20.5"),
    ),
)
