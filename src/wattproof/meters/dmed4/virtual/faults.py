"""Faults and controls of the virtual DMED4: the closed tables of section 15."""

from __future__ import annotations

from decimal import Decimal

from wattproof.meters.dmed4.enums import BOARD_1_FLAGS, BOARD_2_FLAGS, FATAL_ERRORS, FATAL_MEANINGS
from wattproof.meters.dmed4.virtual.health import ERROR_FAULTS, SILENT, fault_name
from wattproof.virtual.faults import Choice, Count, Flag, Number, Row, Switch, Table, Text, Whole, instant, join
from wattproof.virtual.switchboard import bus_rows

_METER, _REAL = "s meter", "s real"
_AD = "Voltage, current, power 0; sample_time and energies stand; EF and ST E."
_SENSOR = "Both registers of the sensor 8000h, REST -32768; ST E."


def _flag(name: str, description: str, source: str = "15.4", *, once: bool = False) -> Row:
    return Row(name, Flag(), True, description, source, once=once)


def _count(name: str, description: str, source: str = "15.4") -> Row:
    return Row(name, Count(), "all", description, source)


_ERRORS = {
    "error-json-syntax": "Every input message is refused.",
    "error-json-not-full-packet": "Every input message is refused.",
    "error-json-sequence": "Every B, C, E, r is refused.",
    "error-json-value": "Every input message is refused.",
    "error-elliptic-curve-init": "At start or in IDLE status 0, commands refused; in a cycle signing fails.",
    "error-pubkey-init": "As error-elliptic-curve-init, and the public key reads 0.",
    "error-privkey-init": "As error-elliptic-curve-init.",
    "error-generation-key-pair": "As error-elliptic-curve-init, and the public key reads 0.",
    "error-eeprom-read": "Every signing fails; parameters read their defaults.",
}
_BOARD_2 = {
    "adconv_init_err": _AD,
    "adconv_err": _AD,
    "display_init_err": "Display dark; ST E.",
    "temp_i1_init_err": _SENSOR,
    "temp_i1_err": _SENSOR,
    "temp_i2_init_err": _SENSOR,
    "temp_i2_err": _SENSOR,
    "signature_err": "Every signing fails with ERROR_ECDSA_SIGN.",
    "fw_crc_err": "Also e_9; all commands refused.",
    "k_crc_err": "Also e_2; EF and ST E.",
    "wiring_err": "EF and ST E.",
    "osc_err": "Also e_7; EF and ST E.",
    "fatal_err": "Also e_6; B refused.",
}
_BOARD_1 = {"hw_test_ongoing": "system_status 22.", "meas_not_comm_err": "As meas-board-silent."}

ERRORS = tuple(_flag(name, _ERRORS.get(name, "Every signing fails."), "15.2") for name in ERROR_FAULTS)
BOARDS = (
    *(_flag(f"board1-{fault_name(name)}", _BOARD_1.get(name, "The flag only."), "15.3") for name in BOARD_1_FLAGS),
    *(_flag(f"board2-{fault_name(name)}", _BOARD_2.get(name, "ST E in records."), "15.3") for name in BOARD_2_FLAGS),
    *(
        _flag(fault_name(name), f"Fatal error: {FATAL_MEANINGS[name]}. B refused; EF and ST E.", "15.3")
        for name in FATAL_ERRORS
    ),
)
BEHAVIOUR = (
    _flag(SILENT, "Measurements keep their last value, energies count inside; signing fails after 2 s."),
    _count("signature-error", "The next N signings fail."),
    _flag("signature-stuck", "Signing never ends: bit 2 stays, commands get 0x06 or 400."),
    Row("slow-signing", Number(0, 3600, _METER), Decimal(20), "Signing takes this long.", "15.4"),
    _count("bad-signature", "The next N records carry a signature over other data."),
    _flag("wrong-key", "Records are signed with another key than the one shown."),
    _count("stale-record", "Signing ends well, but record, signature and log stay as before."),
    _flag("wiring", "Current reversed: power negative, exports count; D models: wiring_err, in Operating e_3."),
    _flag("never-synchronised", "Time writes set the clock, bit 5 stays 0, records carry U."),
    Row("clock-drift", Whole(-100_000, 100_000, "ppm"), 20_000, "The clock gains or loses.", "15.4"),
    _flag("logbook-full", "The event log is filled to its size.", once=True),
    _flag("ocmf-log-full", "The OCMF log is filled with copies of old cycles.", once=True),
    Row("login-locked", Number(1, 86_400, _METER), Decimal(900), "A lock-out begins.", "15.4", once=True),
    _flag("roll-over", "Import total := 99 999 990.500 kWh.", once=True),
    Row("counter-glitch", Count(), 1, "The next N answers with totals or cycle energies give 0 for them.", "15.4"),
    Row("counter-jump", Whole(1, 100_000_000, "Wh"), 1_000_000, "Import total += value.", "15.4", once=True),
    _flag("frozen", "Measurements and totals keep their value; counting goes on inside."),
    Row("noise", Number(0, 100, "%"), Decimal(1), "Each refresh varies voltage and current.", "15.4"),
    Row("power-cut", Number(0, 31_536_000, _METER), Decimal(10), "Supply off for this long.", "15.4", once=True),
    _flag("reboot", "Restart as after a save.", once=True),
    Row("channel-lost", Whole(1, 4), 1, "DC1: this channel answers 404.", "15.4"),
    Row("slave-silent", Whole(1, 247), 1, "Gateway: this slave never answers.", "15.4"),
)
WEB = (
    Row("http-slow", Number(0, 600, _REAL), Decimal(2), "Before the status line and each chunk.", "15.5"),
    _count("http-half", "The next N responses break off inside a chunk, half-way.", "15.5"),
    _count("http-reset", "The connection is reset instead of the next N responses.", "15.5"),
    Row("http-status", Whole(100, 599), 500, "Every request gets this code, nothing is executed.", "15.5"),
    _flag("http-no-close", "The connection stays open 30 s after the last chunk.", "15.5"),
)
#: Bus faults by the names of this family.
BUS_NAMES = {"wrong-unit": "wrong-node"}
BUS = {other: name for name, other in BUS_NAMES.items()}
FAULTS: Table = join("fault", ERRORS, BOARDS, BEHAVIOUR, WEB, bus_rows("15.6", BUS_NAMES))


def _moment(text: str) -> object:
    return instant(text)[0]


_SWITCH = Switch()
_DEGREES = Number(Decimal(-60), Decimal(200), "°C")
CONTROLS: Table = Table(
    "control",
    (
        Row("plug", _SWITCH, True, "car present; true begins its curve at 0 kWh", "15.7"),
        Row("load", Text("none, constant:W, curve[:NAME], csv:FILE"), "curve:dc", "new load from now on", "14.4"),
        Row("power", _SWITCH, True, "supply; false then true is a power failure of that length", "15.7"),
        Row("clock", Text("ISO 8601 with offset", ".+", _moment), None, "as a time write, in every status", "15.7"),
        Row("temperature-i1", _DEGREES, Decimal("25.0"), "sensor I1", "15.7"),
        Row("temperature-i2", _DEGREES, Decimal("25.0"), "sensor I2", "15.7"),
        Row("operative", Choice(("ready", "operating")), "ready", "commissioned or not (DEC-43)", "15.7"),
        Row("cable-locked", _SWITCH, False, "cable_res_locked", "15.7"),
        Row("step", Number(0, 31_536_000, _METER), None, "advance by this time at once", "15.7"),
    ),
)
