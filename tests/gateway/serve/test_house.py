"""End to end in memory: a BSM on a Modbus line, the process that reads it, and the one that answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.acquire.rig import Wire, virtual
from tests.gateway.serve.house import House
from wattproof.gateway.auth.passwords import Verifier
from wattproof.gateway.config import BusConfig, Config, MeterConfig
from wattproof.gateway.serve.problems import COSEM
from wattproof.model.clock import VirtualClock

HALL = "tcp://10.0.0.1:502"
PARK = MeterConfig("hall", "bsm", unit=42, location="Park", alias="Wall box")


@pytest.fixture
def opened(tmp_path: Path, verifier: Verifier) -> Any:
    @asynccontextmanager
    async def house(*meters: MeterConfig, units: tuple[int, ...] = (42,), **config: Any) -> AsyncIterator[House]:
        clock = VirtualClock()
        settings = Config(
            data=tmp_path, buses=(BusConfig("hall", HALL),), meters=meters, timezone="Europe/Berlin", **config
        )
        wire = Wire(clock, {unit: virtual(unit) for unit in units})
        async with House(tmp_path, settings, {HALL: wire}, clock, verifier) as made:
            made.wire = wire  # type: ignore[attr-defined]
            await made.pass_(5)
            yield made

    return house


async def serial_of(house: House) -> str:
    listed = (await house.ask("GET", "/meters", user="admin")).json
    return str(listed["locations"][0]["meters"][0]["serial"])


@pytest.mark.proves("G-131", "G-149", "G-154", "G-159", "G-160", "G-351")
async def test_what_a_bsm_shows(opened: Any) -> None:
    async with opened(PARK) as house:
        serial = await serial_of(house)
        assert (await house.ask("GET", "/meters", user="admin")).json["locations"] == [
            {"location": "Park", "serial": "", "meters": [
                {"alias": "Wall box", "serial": serial, "protocol": 5, "address": "10.0.0.1:502/42", "status": 1}]}
        ]  # fmt: skip

        async def get(path: str) -> Any:
            answer = await house.ask("GET", f"/meters/{serial}/{path}", user="admin")
            assert (path, answer.status) == (path, 200)
            return answer.json

        instrument = await get("instrument")
        assert instrument["l1"]["voltage"] == ["230.0", "V"] and set(instrument) == {"l1", "l2", "l3", "frequency"}
        power = await get("power")
        assert power["active"]["total"] == ["0", "W"] and power["reactive"]["l1"][1] == "var"
        assert set(power) == {"active", "reactive", "apparent"}
        energy = await get("energy/active")
        assert set(energy["importenergy"]) >= {"total"} and energy["importenergy"]["total"][1] == "kWh"
        assert (await get("status"))["status"] == 1
        assert (await get("io/configuration"))["ioconfig"] == ["input", "communiation_out"]
        assert (await get("datetime"))["status"] in ("set", "not set")
        refused = await house.ask("GET", f"/meters/{serial}/energy/reactive", user="admin")
        assert (refused.status, refused.text) == (400, "not supported by this meter: reactive energy")
        assert (await house.ask("GET", f"/meters/{serial}/power", user="gina")).status == 403


@pytest.mark.proves("G-013", "G-371")
async def test_many_requests_cost_one_transaction_per_maximum_age(opened: Any) -> None:
    async with opened(PARK) as house:
        serial = await serial_of(house)
        path = f"/meters/{serial}/instrument"
        await house.ask("GET", path, user="admin")
        before = len(house.wire.asked)
        answers = await asyncio.gather(*(house.ask("GET", path, user="admin") for _ in range(1000)))
        assert {answer.status for answer in answers} == {200}
        assert len(house.wire.asked) - before <= 4  # polling goes on meanwhile


@pytest.mark.proves("G-375", "G-377")
async def test_a_meter_that_goes_and_comes_back(opened: Any) -> None:
    async with opened(PARK) as house:
        serial = await serial_of(house)
        house.wire.dead.add(42)
        await house.pass_(30)
        answer = await house.ask("GET", f"/meters/{serial}/power", user="admin")
        assert (answer.status, answer.text) == (500, COSEM)
        assert (await house.ask("GET", f"/meters/{serial}/status", user="admin")).json["status"] == -1
        house.wire.dead.clear()
        await house.pass_(120)
        assert (await house.ask("GET", f"/meters/{serial}/power", user="admin")).status == 200
        events = (await house.ask("GET", "/gateway/events", user="admin")).json["events"]
        ids = [event["id"] for event in events]
        assert ids.count(9) == 1 and ids.index(5) < ids.index(9)


@pytest.mark.proves("G-133", "G-135", "G-136", "G-320", "G-134")
async def test_a_meter_is_scanned_registered_renamed_and_removed(opened: Any) -> None:
    async with opened() as house:
        body = {"modbus": {"bus": "hall", "range": [42]}}
        assert (await house.ask("POST", "/meters/scanned/7", body, user="gina")).status == 200
        busy = await house.ask("POST", "/meters/scanned/8", body, user="gina")
        assert (busy.status, busy.text) == (400, "scan in progress")
        assert (await house.ask("GET", "/meters/scanned", user="gina")).json["scancomplete"] == 2
        await house.pass_(10)
        found = (await house.ask("GET", "/meters/scanned", user="gina")).json
        assert found["scancomplete"] == 1
        (one,) = found["scanresult"]
        assert (one["protocol"], one["address"], one["family"]) == ("5", "10.0.0.1:502/42", "bsm")
        named = {"serial": one["serial"], "alias": "Wall box", "location": "Park"}
        unknown = await house.ask("PUT", "/meters", named | {"serial": "X"}, user="gina")
        assert (unknown.status, unknown.text) == (400, "meter not scanned")
        assert (await house.ask("PUT", "/meters", named, user="gina")).status == 200
        await house.pass_(5)
        for user, access in (("gina", "Configure"), ("admin", "Configure"), ("vera", "No Access")):
            bindings = (await house.ask("GET", f"/users/{user}/bindings", user="admin")).json["bindings"]
            assert bindings == [{"serial": one["serial"], "access": access}]
        meter = f"/meters/{one['serial']}"
        assert (await house.ask("GET", f"{meter}/power", user="gina")).status == 200
        assert (await house.ask("POST", meter, {"alias": "Car", "location": "Yard"}, user="gina")).status == 200
        listed = (await house.ask("GET", "/meters", user="gina")).json["locations"]
        assert (listed[0]["location"], listed[0]["meters"][0]["alias"]) == ("Yard", "Car")
        assert (await house.ask("DELETE", meter, user="gina")).status == 200
        assert (await house.ask("GET", "/meters", user="gina")).json["locations"] == []
        assert (await house.ask("GET", f"{meter}/power", user="gina")).status == 404


@pytest.mark.proves("G-112", "G-333")
async def test_the_gateways_time_is_set(opened: Any) -> None:
    async with opened(PARK) as house:
        assert (
            await house.ask("POST", "/gateway/datetime", {"datetime": "2026-07-01T12:00:00"}, user="gina")
        ).status == 200
        assert (await house.ask("GET", "/gateway/datetime", user="nina")).json == {
            "datetime": "2026-07-01T12:00:00", "status": "set",
        }  # fmt: skip
        events = (await house.ask("GET", "/gateway/events", user="nina")).json["events"]
        assert (events[0]["id"], events[0]["timestamp"]) == (4, "2026-07-01T12:00:00")
        entries = [entry async for _, _, entry in house.store.audit()]
        assert entries[-1].user == "gina" and entries[-1].address == "192.0.2.9"


@pytest.mark.proves("G-173", "G-174", "G-175", "G-176", "G-356", "G-144", "G-145", "G-152", "G-153", "G-181", "G-182")
async def test_what_the_gateway_adds_to_a_bsm(opened: Any) -> None:
    async with opened(PARK) as house:
        serial = await serial_of(house)

        async def ask(method: str, path: str, body: Any = None) -> Any:
            answer = await house.ask(method, f"/meters/{serial}/{path}", body, user="admin")
            assert (path, answer.status, answer.body[:100]) == (path, 200, answer.body[:100])
            return answer.json

        assert (await ask("GET", "loadprofiles/configuration"))["lpconfig"][:3] == [
            [900, 1, 35040], [900, 96, 4960], [0, 0, 0],
        ]  # fmt: skip
        success = {"status": "success"}
        assert await ask("POST", "loadprofiles/configuration", {"lpconfig": [[60, 1, 1000], [60, 69, 500]]}) == success
        factors = {"conversionfactor": {"co2": 0.366, "currency": "0.3"}}
        assert await ask("POST", "energy/conversionfactor", factors) == success
        alarm = {
            "id": 25, "quantity": 69, "onthreshold": 100, "offthreshold": 90, "ondelay": 0, "offdelay": 0, "log": True,
        }  # fmt: skip
        assert await ask("POST", "alarms/configuration", {"alarmconfig": [alarm]}) == success
        assert await ask("POST", "tariff", {"tariff": 2}) == success
        await house.pass_(190)
        profile = await ask("GET", "loadprofiles/2")
        assert (profile["mapping"], profile["interval"]) == (["voltage_l1", "V"], 60)
        assert {item["value"] for item in profile["items"]} == {"230.0"}
        assert [item["status"] for item in profile["items"]] == [0x09, 0x01, 0x01]  # the first one was a short one
        (last,) = (await ask("GET", f"loadprofiles/2/{profile['items'][-1]['timestamp']}/5"))["items"]
        assert last == profile["items"][-1]
        assert (await ask("GET", "energy/conversionfactor"))["conversionfactor"] == {
            "co2": ["0.366", "kg/kWh"], "currency": ["0.300", "curr/kWh"],
        }  # fmt: skip
        assert (await ask("GET", "tariff"))["tariff"] == 2
        assert (await ask("GET", "statusflags"))["informationflags"] == ["Alarm25 Active"]
        energy = (await ask("GET", "energy/active"))["importenergy"]
        assert set(energy) == {"t1", "t2", "t3", "t4", "total"}
        refused = await house.ask(
            "POST", f"/meters/{serial}/alarms/configuration", {"alarmconfig": [alarm | {"output": 1}]}, user="admin"
        )
        assert (refused.status, refused.text) == (400, "not supported by this meter: outputs")
        assert await ask("DELETE", "loadprofiles/2") == success
        assert (await ask("GET", "loadprofiles/2"))["items"] == []
        assert len((await ask("GET", "loadprofiles/1"))["items"]) == 3
