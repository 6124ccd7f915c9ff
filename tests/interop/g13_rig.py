"""Five virtual meters behind one gateway, for the tests that know it by its specification only."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tests.interop.g13_client import G13, Answer, meters_of
from tests.live.running_gateway import Gateway, gateway
from wattproof import VirtualMeter

KEY = "s3cret of admin"
OTHERS = {"viewer": "key of viewer", "nobody": "key of nobody", "boss": "key of boss", "fitter": "key of fitter"}

#: The example of 10.5, over the registers of a virtual BSM (model 203).
MAP = """
name = "acme-3p"
title = "ACME three phase"
source = "registers of a virtual BSM, model 203"
function = 3
word_order = "big"

[serial]
address = 40052
type = "str"
registers = 16

[[point]]
quantity = "voltage_l1"
address = 40098
type = "s16"
unit = "V"
scale_register = 40105
invalid = ["0x8000"]

[[point]]
quantity = "ACTIVE_POWER_TOTAL"
address = 40108
type = "s16"
unit = "W"
scale_register = 40112

[[point]]
quantity = "active_energy_import_total"
address = 40136
type = "u32"
unit = "Wh"
scale_register = 40144
"""


@dataclass
class Rig:
    """``serials`` and ``virtual``: by kind of meter: eq, mbus, bsm, dmed, map. ``first``: before the first password."""

    mode: str
    gateway: Gateway
    admin: G13
    virtual: dict[str, VirtualMeter]
    serials: dict[str, str]
    first: dict[str, Answer]
    keys: dict[str, str] = field(default_factory=dict)
    users: dict[str, G13] = field(default_factory=dict)

    @property
    def g13(self) -> bool:
        return self.mode == "g13"

    def user(self, name: str) -> G13:
        if name not in self.users:
            self.users[name] = self.admin.as_(name, self.keys[name])
        return self.users[name]


def _toml(table: str, **keys: Any) -> str:
    return f"[[{table}]]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in keys.items())


def _config(folder: Path, mode: str, virtual: dict[str, VirtualMeter]) -> str:
    (folder / "acme.toml").write_text(MAP)
    (folder / "password").write_text("00000000")
    (folder / "password").chmod(0o600)
    buses = [_toml("bus", name=name, url=meter.urls[0]) for name, meter in virtual.items()]
    meters = [
        _toml("meter", bus="eq", family="abb", address=17, password_file=str(folder / "password"), location="Hall"),
        _toml("meter", bus="mbus", family="abb", address=1, location="Hall"),
        _toml("meter", bus="bsm", family="bsm", unit=42),
        _toml("meter", bus="dmed", family="dmed4", unit=1),
        _toml("meter", bus="map", family="map", unit=42, map=str(folder / "acme.toml"), alias="Chiller"),
    ]
    return f'compat = "{mode}"\nmax_image_mib = 1\n' + "".join(buses + meters)


@contextmanager
def _meters() -> Iterator[dict[str, VirtualMeter]]:
    """The ABB meters have recorded for ten days already."""
    began = (datetime.now().astimezone() - timedelta(days=10)).strftime("%Y-%m-%dT%H:%M:%S")
    with ExitStack() as stack:
        made = {}
        for kind, model, listen, options in (
            ("eq", "abb:A44-552-100", "hdlc://127.0.0.1:0", {"serial": "217819", "time": began}),
            ("mbus", "abb:A44-553-100", "mbus://127.0.0.1:0", {"serial": "217820", "time": began}),
            ("bsm", "bsm", "tcp://127.0.0.1:0", {"serial": "001BZR1521070006", "wiring": "direct", "energy": 12.34}),
            ("dmed", "dmed4", "tcp://127.0.0.1:0", {"serial": "19120968"}),
            ("map", "bsm", "tcp://127.0.0.1:0", {"serial": "001BZR1521070007", "wiring": "direct", "energy": 5}),
        ):
            load = {} if kind == "dmed" else {"load": "constant:3300"}
            made[kind] = stack.enter_context(VirtualMeter(model, listen=listen, answer_delay=0, **load, **options))
            if kind in ("eq", "mbus"):
                made[kind].controls["step"] = 10 * 86400
        yield made


@contextmanager
def rig(folder: Path, mode: str) -> Iterator[Rig]:
    """A gateway in this mode with its five meters online and the first password changed."""
    with _meters() as virtual, gateway(folder, _config(folder, mode, virtual)) as process:
        admin = G13(process.url, "admin", process.password)
        first = {
            name: admin.ask(*question)
            for name, question in {
                "meters": ("GET", "/meters"),
                "about": ("GET", "/about"),
                "unknown": ("GET", "/nowhere"),
                "other": ("POST", "/users/admin", {"name": "bob", "key": KEY}),
                "wrong": ("POST", "/users/admin", {"name": "admin", "oldkey": "x" * 9, "key": KEY}),
                "password": ("POST", "/users/admin", {"name": "admin", "oldkey": process.password, "key": KEY}),
            }.items()
        }
        assert first["password"].status == 200, first["password"]
        admin.key = process.password = KEY
        process.until("/meters", lambda it: [meter["status"] for meter in meters_of(it)] == [1] * 5, 60)
        made = Rig(mode, process, admin, virtual, _serials(admin), first)
        _people(made)
        yield made
        admin.close()
        for user in made.users.values():
            user.close()
    assert not os.path.exists(process.data / "acquire.sock") or process.process.returncode == 0  # noqa: PTH110


def _serials(admin: G13) -> dict[str, str]:
    by_protocol = {meter["protocol"]: meter["serial"] for meter in meters_of(admin.get("/meters"))}
    modbus = [meter for meter in meters_of(admin.get("/meters")) if meter["protocol"] == 5]
    named = {"map": next(meter["serial"] for meter in modbus if meter["alias"] == "Chiller"),
             "bsm": "001BZR1521070006",
             "dmed": next(meter["serial"] for meter in modbus if meter["serial"].startswith("D-"))}  # fmt: skip
    return {"eq": by_protocol[3], "mbus": by_protocol[1]} | named


def _people(made: Rig) -> None:
    """viewer: View Only on all; nobody: nothing; boss: gateway admin without a binding; fitter: Configure on all."""
    for name, key in OTHERS.items():
        made.keys[name] = key
        made.admin.do("PUT", "/users", {"name": name, "key": key})
        for serial in () if name == "viewer" else made.serials.values():
            access = "Configure" if name == "fitter" else "No Access"
            made.admin.do("PUT", f"/users/{name}/bindings", {"name": name, "serial": serial, "access": access})
    made.admin.do("POST", "/users/boss", {"name": "boss", "key": OTHERS["boss"] + "!", "gatewayadmin": True})
    made.keys["boss"] += "!"
