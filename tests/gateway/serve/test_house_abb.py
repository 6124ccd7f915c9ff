"""End to end in memory: an ABB meter on the EQ bus answers every resource that is about one meter, in both modes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.gateway.serve.house import House
from tests.gateway.serve.requests import sample
from tests.meters.abb.cosem.rig import Rig as CosemRig
from wattproof.g13.resources import BY_NUMBER
from wattproof.gateway.acquire.lines import CosemLine
from wattproof.gateway.auth.passwords import Verifier
from wattproof.gateway.config import BusConfig, Config, MeterConfig
from wattproof.io.url import parse_url

URL = "hdlc://10.0.0.9:4001"
ACTION = {"actions": [[1, "06:00"], [2, "22:00"]]}
WEEKS = {"weekprofiles": [{"dayid": [1, 1, 1, 1, 1, 2, 2], "profile": "Week1"}]}
SEASONS = {"seasonprofiles": [{"day": 1, "month": 5, "profile": "Summer", "weekprofile": "Week1"}]}
DEMAND = {"dmc": [[1, 1], [1, 5]], "interval": [900, 60], "period": "weekly", "weekday": 2}
ALARM = {
    "id": 1, "quantity": 75, "onthreshold": 310, "offthreshold": 0, "ondelay": 240, "offdelay": 0, "log": True,
    "output": 1,
}  # fmt: skip
PULSE = {"id": 1, "port": 2, "length": 100, "frequency": 10000, "energytype": 1}
#: Writes in an order in which each is possible: resource, body, the resource that shows it, and what that shows then.
WRITES: list[tuple[int, Any, int, Any]] = [
    (45, {"conversionfactor": {"co2": "1.123", "currency": 100.789}}, 44,
     {"conversionfactor": {"co2": ["1.123", "kg/kWh"], "currency": ["100.789", "curr/kWh"]}}),
    (48, {"ctnum": 5, "ctdenum": 1, "vtnum": 1, "vtdenum": 1}, 43,
     {"ratio": {"ctdenum": 1, "ctnum": 5, "vtdenum": 1, "vtnum": 1}}),
    (53, {"alarmconfig": [ALARM]}, 52, {"alarmconfig": [ALARM, *({"id": number} for number in range(2, 26))]}),
    (57, {"resettableenergy": {"activeimport": True}}, 58,
     {"resetcounter": {"activeimport": ["1", None], "activeexport": ["0", None], "reactiveimport": ["0", None],
                       "reactiveexport": ["0", None]}}),
    (67, {"ioconfig": ["pulse_out", 5, "alarm_out", 0]}, 64,
     {"ioconfig": ["pulse_out", "always_on", "alarm_out", "input"]}),
    (66, {"iostatus": [{"port": 4, "reset": ["storedstate", "counter"]}]}, 63, {}),
    (68, {"pulse": [PULSE]}, 65, {}),
    (71, {"interval": "weekly", "weekday": 1, "pvconfig": [1, 2]}, 70,
     {"interval": "weekly", "weekday": 1, "pvconfig": [1, 2]}),
    (72, None, 69, {"items": []}),
    (75, {"lpconfig": [[60, 1, 15000], [120, 69, 7000]]}, 74,
     {"lpconfig": [[60, 1, 15000], [120, 69, 7000], *[[0, 0, 0]] * 6]}),
    (76, None, 73, {"items": []}),
    (79, DEMAND, 78, DEMAND),
    (80, None, 77, {"items": []}),
    (82, {"tariff": 2}, 81, {"tariff": 2, "source": 1}),
    (84, ACTION | {"profile": 1}, 83, {"dayprofiles": [ACTION | {"profile": 1}]}),
    (84, ACTION | {"profile": 2}, 83, {"dayprofiles": [ACTION | {"profile": 1}, ACTION | {"profile": 2}]}),
    (86, WEEKS, 85, WEEKS),
    (88, SEASONS, 87, SEASONS),
    (90, {"specialdayprofiles": [{"date": {"day": 254, "month": 11, "week": 255, "year": 65535}, "dayprofileid": 1,
                                  "profile": 1}]}, 89,
     {"specialdayprofiles": [{"date": {"day": 254, "month": 11, "week": 255, "year": 65535}, "dayprofile": 1,
                              "profile": 1}]}),
    (42, {"datetime": "2026-07-01T12:00:00"}, 41, {"dayofweek": 3, "status": "set"}),
]  # fmt: skip
READINGS = [number for number in (30, *range(41, 91)) if BY_NUMBER[number].method == "GET"]
#: Values of a meter that takes 1 kW, as the modes show them.
POWER = {"none": ("var", "VA"), "g13": ("W", "W")}


def opened(folder: Path, line: CosemRig, verifier: Verifier, **config: Any) -> House:
    """A gateway with the meter of ``line`` on its EQ bus."""
    secret = folder / "password"
    secret.write_text("00000000\n")
    meter = MeterConfig("eq", "abb", address=line.bench.meter.hdlc_address, password_file=secret, location="Level1")
    buses = (BusConfig("eq", URL),)
    settings = Config(data=folder, buses=buses, meters=(meter,), timezone="Europe/Berlin", **config)
    url = parse_url(URL)
    lines = {url.place: lambda bus: CosemLine(bus.name, url, line.bus)}
    return House(folder, settings, {}, line.clock, verifier, lines)


@pytest.mark.proves(*(f"G-{100 + number}" for number in (16, 30, *range(41, 91))), "G-372", "G-004")
@pytest.mark.parametrize("compat", ["none", "g13"])
async def test_an_abb_meter_on_the_eq_bus(tmp_path: Path, verifier: Verifier, compat: str) -> None:
    line = CosemRig("A44-552-100", load="constant:1000")
    async with opened(tmp_path, line, verifier, compat=compat) as house:
        await house.pass_(30)
        listed = (await house.ask("GET", "/meters", user="admin")).json["locations"][0]["meters"][0]
        assert (listed["protocol"], listed["address"], listed["status"]) == (3, line.bench.meter.hdlc_address, 1)
        serial = listed["serial"]

        async def ask(number: int, body: Any = None) -> Any:
            asked = sample(BY_NUMBER[number], serial=serial)
            answer = await house.ask(asked.method, asked.path, body, user="admin")
            assert (number, answer.status, answer.body[:100]) == (number, 200, answer.body[:100])
            return answer.json

        read = {number: await ask(number) for number in READINGS}
        assert read[59]["active"]["total"] == ["1000.00", "W"]
        assert (read[59]["reactive"]["l1"][1], read[59]["apparent"]["l1"][1]) == POWER[compat]
        assert read[60]["l1"]["voltage"] == ["230.0", "V"] and read[60]["l1-l2"]["voltage"][1] == "V"
        assert read[61]["l1"]["harmonics"][0] == 100.0 and len(read[62]["neutral"]["harmonics"]) == 16
        assert read[43]["manufacturing"]["label"] == read[49]["label"] == "A44 552-100"
        assert len(read[30]["associationobjects"]) == 241
        assert "id" in read[65]["pulse"][0] or compat == "g13"
        for number, body, shown, expected in WRITES:
            assert await ask(number, body) == {"status": "success"}
            after = await ask(shown)
            assert (number, {name: after[name] for name in expected}) == (number, expected)
        execute = {"devices": [serial], "obis": "1.0.32.7.0.255", "classid": 3, "attributes": {"value": 2, "unit": 3}}
        executed = await house.ask("POST", "/gateway/execute", execute, user="admin")
        assert executed.json == {"devices": [{"serial": serial, "values": [{"value": "230.0", "unit": "V"}]}]}
        execute["obis"] = [1, 0, 199, 7, 0, 255]
        executed = await house.ask("POST", "/gateway/execute", execute, user="admin")
        assert executed.json == {"devices": [{"serial": serial, "values": [], "error": "OBJECT_UNDEFINED"}]}


async def test_both_faces_give_the_profile_that_the_meter_keeps(tmp_path: Path, verifier: Verifier) -> None:
    line = CosemRig("A44-552-100", load="constant:1000")
    async with opened(tmp_path, line, verifier) as house:
        await house.pass_(3 * 3600)
        serial = (await house.ask("GET", "/meters", user="admin")).json["locations"][0]["meters"][0]["serial"]
        old = (await house.ask("GET", f"/meters/{serial}/loadprofiles/1", user="admin")).json
        items: list[Any] = []
        cursor = ""
        while True:
            path = f"/api/v1/meters/{serial}/profiles/1?limit=5{cursor}"
            page = (await house.ask("GET", path, user="admin")).json
            assert len(page["items"]) <= 5
            items += page["items"]
            if page["next"] is None:
                break
            cursor = f"&cursor={page['next']}"
        assert len(items) == len(old["items"]) > 10
        assert [(one["local"], one["status"], one["value"]) for one in items] == [
            (one["timestamp"], one["status"], one["value"]) for one in old["items"]]  # fmt: skip
        assert (page["quantity"], page["unit"], page["interval"]) == ("active_energy_import_total", "Wh", 900)
        first, last = items[3]["time"], items[6]["time"]
        path = f"/api/v1/meters/{serial}/profiles/1?from={first}&to={last}"
        assert (await house.ask("GET", path, user="admin")).json["items"] == items[3:7]
