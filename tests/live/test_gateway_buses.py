"""Bit rates and times of the buses by the interface, used at once and kept (resources 4, 6, 7)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.live.running_gateway import gateway, simulated

BUS = '[[bus]]\nname = "{name}"\nurl = "{url}"\n[[meter]]\nbus = "{name}"\nfamily = "abb"\naddress = {address}\n'
TIMES = {
    "ack": 300, "delay_after_telegram": 60, "delay_before_requd2": 50, "get_request": 0, "meter_contact": 10,
    "response_timeout": 400, "response_timeout_base": 120,
}  # fmt: skip


@pytest.mark.proves("G-106", "G-107", "G-339")
def test_settings_of_buses_are_used_at_once_and_kept(tmp_path: Path) -> None:
    eq, wired = tmp_path / "eq", f"pty://{tmp_path / 'eq'}?protocol=hdlc"
    with (
        simulated("abb:A44-552-100", "--listen", wired, "--unit", "17") as first,
        simulated("abb:A44-553-100", "--listen", "mbus://127.0.0.1:0", "--unit", "5") as second,
    ):
        config = BUS.format(name="eq", url=f"hdlc://{eq}", address=17)
        config += BUS.format(name="mbus", url=second["listen"][0], address=5)
        with gateway(tmp_path, config) as running:
            running.change_password()

            def online(serial: str, since: str = "") -> None:
                running.until(f"/meters/{serial}/power", lambda found: "active" in found)

            for meter in (first, second):
                online(meter["serial"])
            good = running.ask("POST", "/configuration/eqbus", {"baudrate": 9600, "interoctettimeout": 100})
            assert (good.status, good.json) == (200, {"status": "success"})
            bad = running.ask("POST", "/configuration/eqbus", {"baudrate": 125000, "interoctettimeout": 100})
            assert (bad.status, bad.json["des"]) == (400, "baudrate not supported by this port")
            assert running.ask("POST", "/configuration/mbus/wired", TIMES).status == 200
            running.kill("acquire")
            shown = running.until("/configuration", lambda found: True)
            assert shown["eqbus"] == {"baudrate": 9600, "interoctettimeout": 100}
            assert shown["mbus-wired"] == TIMES
            for meter in (first, second):
                online(meter["serial"])
                running.until(f"/meters/{meter['serial']}/status", lambda found: found["status"] == 1)
