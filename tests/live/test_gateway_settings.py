"""What the gateway has acknowledged is there after ``kill -9`` of everything at once."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.live.running_gateway import KEY, gateway

IP = {
    "dhcp": False, "dns": False, "ip": "192.168.1.12", "gateway": "192.168.1.1", "subnet": "255.255.255.0",
    "pdns": "0.0.0.0", "sdns": "9.9.9.9",
}  # fmt: skip
EQBUS = {"baudrate": 19200, "interoctettimeout": 60}
MBUS = {
    "ack": 300, "delay_after_telegram": 60, "delay_before_requd2": 50, "get_request": 0, "meter_contact": 10,
    "response_timeout": 400, "response_timeout_base": 120,
}  # fmt: skip


@pytest.mark.proves("G-339")
def test_settings_are_durable_when_they_are_acknowledged(tmp_path: Path) -> None:
    with gateway(tmp_path) as first:
        first.change_password()
        serial = first.get("/gateway")["serial"]
        for method, path, body in (
            ("POST", "/configuration/ip", IP),
            ("POST", "/configuration/eqbus", EQBUS),
            ("POST", "/configuration/mbus/wired", MBUS),
            ("POST", "/configuration/mbus/ir", MBUS | {"ack": 500}),
            ("PUT", "/permittedmeters", {"meters": ["A", "B", "C"]}),
            ("DELETE", "/permittedmeters", {"meters": "B"}),
            ("POST", "/gateway/datetime", {"datetime": "2031-01-01T00:00:00"}),
            ("POST", "/gateway", {"alias": "Hall 7", "location": "Park", "serial": serial}),
        ):
            assert first.ask(method, path, body).status == 200
        children = list(first.processes().values())
        first.process.kill()
        for child in children:
            os.kill(child, signal.SIGKILL)
        first.process.wait()
    with gateway(tmp_path, password=KEY) as second:
        shown = second.get("/configuration")
        assert {name: shown["ip"][name] for name in IP} == IP
        assert (shown["eqbus"], shown["mbus-wired"], shown["mbus-ir"]) == (EQBUS, MBUS, MBUS | {"ack": 500})
        assert second.get("/permittedmeters") == {"meters": ["A", "C"]}
        assert second.get("/gateway/datetime")["datetime"].startswith("2031-01-01T00:0")
        assert second.get("/gateway") == {"serial": serial, "alias": "Hall 7", "location": "Park"}
        assert {4, 11, 13, 14} <= {event["id"] for event in second.get("/gateway/events")["events"]}
