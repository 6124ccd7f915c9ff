"""What the examples have become since the server of examples was started."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from typing import Any

from frontend.dev import examples
from wattproof.gateway.quantities import NUMBERS

#: What the meters measure (base value by the beginning of the name), and which quantities the lesser ones have.
BASES = {
    "VOLTAGE": 231.0,
    "CURRENT": 16.2,
    "ACTIVE_POWER": 3650.0,
    "REACTIVE_POWER": 410.0,
    "APPARENT_POWER": 3700.0,
    "POWER_FACTOR": 0.98,
    "FREQUENCY": 50.01,
    "ACTIVE_ENERGY": 1758397.36,
    "REACTIVE_ENERGY": 70310.0,
    "APPARENT_ENERGY": 1799000.0,
    "PHASE_ANGLE": 11.2,
    "CURRENT_QUADRANT": 1,
    "THD": 3.4,
    "NRG_ENERGY_VALUE": 668.19,
    "TARIFF_ACTIVE": 1,
}
STEADY = (
    "CURRENT_QUADRANT",
    "ACTIVE_ENERGY",
    "REACTIVE_ENERGY",
    "APPARENT_ENERGY",
    "NRG_ENERGY_VALUE",
    "TARIFF_ACTIVE",
)
MEASURED = [row for row in NUMBERS.values() if row.name.startswith(tuple(BASES)) and row.id < 190]
FEWER = ("VOLTAGE_L", "CURRENT_L", "ACTIVE_POWER", "POWER_FACTOR", "FREQUENCY", "ACTIVE_ENERGY_IMPORT_TOTAL")


class Site:
    """Users, meters, documents: all of it made up."""

    def __init__(self, *, due: bool) -> None:
        self.users: dict[str, dict[str, Any]] = {"admin": {"key": "wattproof-dev", "admin": True, "due": due}}
        self.tokens: dict[str, str] = {}
        self.failures: Counter[str] = Counter()
        self.meters = [dict(meter) for meter in examples.METERS]
        self.documents = {meter["serial"]: examples.documents(meter) for meter in self.meters}
        self.access: dict[str, dict[str, str]] = {"admin": {meter["serial"]: "Configure" for meter in self.meters}}
        self.gateway = {"serial": "WTP0000000000001", "alias": "Gateway", "location": "Plant North"}
        self.offset = dt.timedelta()
        self.configuration = examples.configuration()
        self.events = examples.gateway_events()
        self.scan: dict[str, Any] = {"scanresult": [], "scancomplete": 0, "progress": 0}
        self.permitted: list[str] = []
        self.updating: list[str] = []
        self.sessions = [dict(examples.SESSION)]

    @property
    def now(self) -> dt.datetime:
        """Local time of the gateway."""
        return (dt.datetime.now(dt.UTC).astimezone() + self.offset).replace(tzinfo=None, microsecond=0)

    def meter(self, serial: str) -> dict[str, Any] | None:
        """A meter by its serial."""
        return next((meter for meter in self.meters if meter["serial"] == serial), None)

    def register(self, body: dict[str, Any], user: str) -> None:
        """A meter that a scan has found."""
        row = {**examples.METERS[0], **body, "status": 0, "address": 21}
        self.meters.append(row)
        self.documents[body["serial"]] = examples.documents(row)
        self.access[user][body["serial"]] = "Configure"
        self.scan["scanresult"] = [one for one in self.scan["scanresult"] if one["serial"] != body["serial"]]

    def values(self, serial: str) -> dict[str, Any]:
        """Values as they might be now, by the names of their quantities."""
        meter = self.meter(serial)
        rows = MEASURED if meter and meter["family"] == "abb" else [r for r in MEASURED if r.name.startswith(FEWER)]
        now = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        found = {}
        for row in rows:
            base = max((name for name in BASES if row.name.startswith(name)), key=len)
            value = BASES[base] * (1 if base in STEADY else random.uniform(0.98, 1.02))
            found[row.name.lower()] = {
                "value": f"{value:.0f}" if base in STEADY[:1] + STEADY[-1:] else f"{value:.2f}",
                "unit": row.unit.symbol,
                "obis": f"{row.obis}*255" if row.obis else None,
                "quality": "good",
                "time": now,
            }
        return found
