"""The closed tables of virtual ABB meters, and faults of the link as M-Bus shows them (abb-meters.md 3.13)."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest

from tests.meters.abb.virtual.mbusmaster import DAY, Master, made
from tests.meters.abb.virtual.test_mbus_link import MILLISECOND, Bus, numbered
from wattproof.cli import models
from wattproof.errors import InvalidValue, UnknownName
from wattproof.meters.abb.virtual.options import OPTIONS
from wattproof.meters.abb.virtual.tables import CONTROLS, FAULTS
from wattproof.virtual.control import plain
from wattproof.virtual.faults import Flag
from wattproof.virtual.framefaults import LINK_FAULTS
from wattproof.wire.mbus.frames import Ack, decode, snd_nke

#: The names of 3.13, in its order of tables: link, M-Bus, COSEM, meter; controls.
NAMES = {
    "silent", "drop", "drop-answer", "late", "slow", "bad-checksum", "bad-hcs", "garble", "truncate", "leading-bytes",
    "echo", "wrong-address", "collision", "disconnect",
    "fcb-stuck", "fcb-ignored", "access-stuck", "endless", "application-error", "status-15", "status-18", "raw-type",
    "unselectable",
    "dm", "frmr", "rnr", "wrong-ns", "lost-segment", "aare-reject", "access-result", "exception", "bad-block",
    "wrong-invoke", "wrong-length",
    "refuse-writes", "activate-fails", "image-fails", "power-cut", "clock-back", "clock-forward", "clock-lost",
    "clock-drift", "overflow", "counter-glitch", "counter-jump", "frozen", "noise", "phase-lost", "reverse",
    "status-bit", "log-full",
}  # fmt: skip
CONTROL_NAMES = {
    "load", "power", "clock", "step", "input-1", "input-2", "input-3", "input-4", "frequency", "harmonics",
    "front-key", "default",
}  # fmt: skip
#: A value for every fault that takes one, and one that it refuses.
VALUES: dict[str, tuple[object, object]] = {
    "silent": (3, 0), "drop": (50, 101), "drop-answer": ("12.5", -1), "late": (600, 601), "slow": (60, 61),
    "bad-checksum": (100, "all"), "bad-hcs": (1, 200), "garble": (100, 101), "truncate": (0, 101),
    "leading-bytes": (1, 101), "collision": ("number", "none"), "disconnect": (10, 101), "application-error": (0, 10),
    "status-15": (146, 116), "status-18": (1, 242), "dm": ("all", 0), "frmr": (1, 0), "rnr": (1, -1),
    "wrong-ns": (2, "x"), "lost-segment": (1, 0), "aare-reject": (11, 3), "access-result": ("0-0:1.0.0.255/3", "1/2"),
    "exception": ("2/3", "256/0"), "bad-block": (1, 0), "image-fails": ("activate", "start"),
    "power-cut": (31_536_000, 31_536_001), "clock-back": (1, 0), "clock-forward": (3600, -1),
    "clock-drift": (-100_000, 100_001), "counter-glitch": (5, 0), "counter-jump": (10**9, 10**9 + 1),
    "noise": (100, 101), "phase-lost": (3, 4), "status-bit": (50, 51),
}  # fmt: skip


@pytest.mark.proves("A-200")
def test_the_names_are_those_of_the_specification(capsys: pytest.CaptureFixture[str]) -> None:
    assert models.command("abb", faults=True, json=True) == 0
    printed = json.loads(capsys.readouterr().out)
    assert {row["name"] for row in printed["faults"]} == NAMES
    assert {row["name"] for row in printed["controls"]} == CONTROL_NAMES
    assert set(VALUES) == {row.name for row in FAULTS.rows if not isinstance(row.kind, Flag)}


@pytest.mark.proves("A-200")
@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_fault_takes_its_default_and_its_range(name: str) -> None:
    meter = made()
    good, bad = VALUES.get(name, (True, 1))
    for value in (True, good, False):
        meter.patch(0, {}, {name: value})
    assert meter.state()["faults"] == {}
    with pytest.raises(InvalidValue, match=f"fault {name}"):
        meter.patch(0, {}, {name: bad})


def test_every_fault_can_be_there_from_the_first_moment_on() -> None:
    master = Master(made(faults=[*NAMES]))
    master.run(3600)
    assert master.meter.state()["status_word"] and set(master.meter.state()["faults"]) < NAMES  # type: ignore[call-overload]


@pytest.mark.proves("A-200")
def test_other_names_and_states_are_refused() -> None:
    meter = made()
    for controls, faults, when in (
        ({}, {"quiet": True}, None),
        ({"doe": True}, {}, None),
        ({}, {"echo": True}, "telegram:0"),
        ({}, {"echo": True}, "turn-on:signing"),
    ):
        with pytest.raises(UnknownName):
            meter.patch(0, controls, faults, when)
    for when in ("power-up", "request", "telegram:17", "selection", "association", "block:3", "segment", "interval-end",
                 "period-end", "image:verified"):  # fmt: skip
        meter.patch(0, {}, {"echo": True}, when)
    assert meter.state()["faults"] == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [("step", 31_536_001), ("frequency", 101), ("clock", "2026-01-01T00:00:00+01:00"), ("front-key", "ajar"),
     ("harmonics", "u1:17=1"), ("harmonics", "u1:3=1001"), ("input-1", "maybe"), ("default", False), ("load", "car")],
)  # fmt: skip
def test_controls_refuse_what_is_out_of_range(name: str, value: object) -> None:
    with pytest.raises(InvalidValue):
        made().patch(0, {name: value}, {})


@pytest.mark.proves("A-209")
def test_the_state_has_the_stated_keys() -> None:
    master = Master(made(unit=9))
    master.run(DAY)
    master.patch({"input-3": True, "frequency": 49})
    state: Any = plain(master.meter.state())
    assert set(state) - {"listen"} == {
        "model", "variant", "serial", "address", "hdlc_address", "speed", "clock", "status_word", "access_level",
        "tariff", "controls", "faults", "load", "energy", "profiles", "logs", "inputs", "outputs",
    }  # fmt: skip
    assert (state["model"], state["variant"], state["address"], state["hdlc_address"]) == ("abb", "A44-552-100", 9, 17)
    assert state["profiles"] == {"1": 96} and state["energy"]["active_energy_import_total"] == 72_000
    assert state["inputs"] == {"3": True, "4": False} and state["controls"]["frequency"] == 49


def test_factory_settings_send_record_status_always_and_keep_the_address() -> None:
    master = Master(made(set={"record-status": "never", "access": "closed"}, unit=7))
    master.patch({"default": True})
    assert (master.meter.record_status, master.meter.address) == (2, 7)
    assert master.meter.state()["access_level"] == "open"


def test_what_a_variant_cannot_do_is_told() -> None:
    master = Master(made("B23-112-100"))
    master.patch({"clock": "2027-01-01T00:00:00"}, None, clock_back=True)
    assert all(event in {"fault-set", "control", "fault-refused", "control-ignored"} for event, _ in master.events)


# the link, as M-Bus shows it


def faulty(name: str, value: object, *, connection: bool = False) -> Bus:
    bus = Bus(numbered(5, "1", set={"answer-delay": "0"}), connection=connection)
    bus.runtimes[0].patch({}, {name: value})
    return bus


ASK = snd_nke(5).encode()
E5 = b"\xe5"


@pytest.mark.parametrize("name", ["silent", "drop", "drop-answer"])
def test_what_is_lost(name: str) -> None:
    bus = faulty(name, 2 if name == "silent" else 100)
    assert [bus.raw(ASK) for _ in range(3)] == [b"", b"", E5 if name == "silent" else b""]


def test_what_comes_late_or_slowly() -> None:
    bus = faulty("late", 2)
    asked = bus.timers.now()
    assert bus.raw(ASK, 1) == b"" and bus.raw(ASK, 3) == E5 and bus.sent[0][0] - asked == 3000 * MILLISECOND
    bus = faulty("slow", "0.5")
    bus.raw(bytes.fromhex("107B058016"), 200)
    moments = [at for at, _ in bus.sent]
    assert len(moments) == 252 and {b - a for a, b in pairwise(moments)} == {500 * MILLISECOND}


def test_what_is_damaged() -> None:
    whole = faulty("echo", False).raw(bytes.fromhex("107B058016"))
    assert faulty("echo", True).raw(ASK) == ASK + E5
    garbled = faulty("garble", 100).raw(bytes.fromhex("107B058016"))
    assert sum((a ^ b).bit_count() for a, b in zip(garbled, whole, strict=True)) == 1
    assert whole.startswith(faulty("truncate", 100).raw(bytes.fromhex("107B058016")))
    led = faulty("leading-bytes", 100).raw(ASK)
    assert led.endswith(E5) and 2 <= len(led) <= 9
    assert faulty("bad-hcs", 100).raw(ASK) == E5
    assert decode(faulty("bad-checksum", 100).raw(ASK)) == Ack()


def test_a_connection_that_is_closed_instead() -> None:
    bus = faulty("disconnect", 100, connection=True)
    assert bus.raw(ASK) == b"" and bus.closed == 1
    assert faulty("disconnect", 100).raw(ASK) == E5


def test_a_fault_of_the_other_face_does_not_act() -> None:
    bus = Bus(numbered(5, "1"))
    bus.runtimes[0].patch({}, {"silent": True}, face="cosem")
    assert bus.raw(ASK) == E5
    bus.runtimes[0].patch({}, {"silent": True}, face="mbus")
    assert bus.raw(ASK) == b""
    assert set(LINK_FAULTS) <= NAMES and len(CONTROLS.rows) == len(CONTROL_NAMES)


def test_a_setting_stands_in_the_closed_table() -> None:
    names = [row.name for row in OPTIONS.rows]
    assert len(names) == len(set(names)) and all(row.description and row.source for row in OPTIONS.rows)
