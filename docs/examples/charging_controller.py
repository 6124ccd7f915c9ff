"""A small charging controller, as a station's firmware might hold it: the device under test of the example."""

from __future__ import annotations

from dataclasses import dataclass, field

from wattproof import open_meter_sync
from wattproof.errors import SnapshotFailed


@dataclass
class ChargingController:
    """Takes one session from the meter at ``meter_url``. A contactor that does not open must raise the alarm."""

    meter_url: str
    records: list[str] = field(default_factory=list)
    alarm: str | None = None

    def start(self, user: str) -> bool:
        """Set time and user, let the meter sign the begin and close the contactor."""
        return self._sign("turn-on", user)

    def stop(self) -> bool:
        """Let the meter open the contactor and sign the end."""
        return self._sign("turn-off")

    def _sign(self, kind: str, user: str | None = None) -> bool:
        with open_meter_sync(self.meter_url) as meter:
            if user is not None:
                meter.set_time()
                meter.set_metadata(f"contract-id: rfid:{user}")
            try:
                snapshot = meter.snapshot(kind)
            except SnapshotFailed as failure:
                self.alarm = f"{kind}: {failure}"
                return False
        self.records.append(snapshot.ocmf.decode())
        return True
