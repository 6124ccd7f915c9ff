"""Image transfer to ABB meters through the gateway, with virtual meters in memory and the real store (8.5)."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.acquire.eqline import PASSWORD_TEXT, EqLine, image
from tests.gateway.acquire.world import HALL, WHO, World
from wattproof.gateway.config import BusConfig, Config, MeterConfig
from wattproof.gateway.images import FOLDER
from wattproof.gateway.local import CommandFailed, Failing
from wattproof.gateway.records import Meter, Setting
from wattproof.model.clock import VirtualClock

EQ, EQ_TWO = "hdlc://10.0.0.3:4059", "hdlc://10.0.0.4:4059"
ONE, TWO, THIRD, OTHER = (f"{address:08}" for address in (17, 18, 19, 20))
OTHER_REASON = "received OTHER_REASON response from COSEM"
STATES = ("waiting", "initiating", "transferring", "verifying", "activating", "restarting", "done")


class House:
    """EQ buses with meters, and gateways on them one after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = VirtualClock()
        self.eq, self.eq_two = EqLine(self.clock, 17, 18, 19), EqLine(self.clock, 20)
        (folder / "password").write_text(PASSWORD_TEXT)

    @asynccontextmanager
    async def gateway(self, data: str = "data") -> AsyncIterator[World]:
        """One that runs on this data directory."""
        folder, key = self.folder / data, self.folder / "password"
        folder.mkdir(exist_ok=True)
        meters = [MeterConfig("eq", "abb", address=address, password_file=key) for address in (17, 18, 19)]
        meters.append(MeterConfig("two", "abb", address=20, password_file=key))
        buses = (BusConfig("eq", EQ), BusConfig("two", EQ_TWO), BusConfig("hall", HALL))
        config = Config(data=folder, buses=buses, meters=tuple(meters), timezone="Europe/Berlin")
        lines = {EQ: self.eq.line, EQ_TWO: self.eq_two.line}
        async with World(folder, config, {}, self.clock, lines) as made:
            for _ in range(30):
                if len(made.fleet.stations) == len(meters):
                    break
                await made.pass_(0.5)
            yield made

    def kill(self, after: str) -> None:
        """What kill -9 would leave on the disk at this moment, under another name."""
        shutil.copytree(self.folder / "data", self.folder / after)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


async def upload(world: World, data: bytes, kind: str = "meter") -> None:
    digest = hashlib.sha256(data).hexdigest()
    folder = world.site.config.data / FOLDER
    folder.mkdir(exist_ok=True)
    (folder / digest).write_bytes(data)
    described = {"name": "a.bin", "size": len(data), "sha256": digest, "kind": kind, "time": 1, "user": "gina"}
    await world.run(world.site.commit(Setting("image", described)))


async def status(world: World) -> dict[str, Any]:
    found: dict[str, Any] = await world.acquire.table()["firmware_status"]()
    return found


async def update(world: World, *meters: str) -> None:
    await world.run(world.acquire.table()["update_firmware"](meters=list(meters), who=WHO))


async def refused(world: World, *meters: str) -> tuple[Failing, str]:
    with pytest.raises(CommandFailed) as raised:
        await update(world, *meters)
    return raised.value.kind, raised.value.text


async def until(world: World, pleases: Callable[[dict[str, Any]], Any], step: float = 0.1) -> list[dict[str, Any]]:
    """All statuses until one pleases."""
    seen = [await status(world)]
    while not pleases(seen[-1]):
        await world.pass_(step)
        seen.append(await status(world))
        assert len(seen) < 5000, seen[-1]
    return seen


def over(found: dict[str, Any]) -> bool:
    return bool(found["firmwareupdatecomplete"] == 2)


def device(found: dict[str, Any], serial: str) -> dict[str, Any]:
    return {one["serial"]: one for one in found["devices"]}[serial]


@pytest.mark.proves("G-124", "G-337")
async def test_meters_of_two_buses_get_a_new_firmware_while_another_is_polled(house: House) -> None:
    async with house.gateway() as world:
        assert await status(world) == {"devices": [], "firmwareupdatecomplete": 0}
        await upload(world, image())
        losses = [1, 2, 3, 4, 5]

        def loses(address: int, data: bytes) -> bool:
            """Block 3 with all its repetitions, and the frames that would open the link again."""
            return address == 17 and len(house.eq.blocks[17]) >= 4 and bool(losses) and bool(losses.pop())

        house.eq.loses = loses
        polls = world.fleet.station(THIRD).statistics.polls
        began = world.clock.now() / 1e9
        await update(world, ONE, TWO, OTHER)
        assert "image" in (await world.commands.state())["busy"]
        seen = await until(world, over)
        for serial in (ONE, TWO, OTHER):
            steps = [device(found, serial) for found in seen]
            progress = [step["progress"] for step in steps]
            assert progress == sorted(progress) and progress[-1] == 100, serial
            blocks = [step["blocks"][0] for step in steps]
            assert blocks == sorted(blocks) and steps[-1]["blocks"] == [12, 12], serial
            assert {step["status"] for step in steps} == {"pending", "success"}
            states = list(dict.fromkeys(step["state"] for step in steps))
            assert states == [state for state in STATES if state in states]
            assert {"transferring", "verifying", "activating", "done"} <= {*states}
        assert {found["firmwareupdatecomplete"] for found in seen} == {1, 2}
        assert [house.eq.firmware(address) for address in (17, 18, 19)] == ["A9.01.0", "A9.01.0", "A1.00.0"]
        assert house.eq_two.firmware(20) == "A9.01.0"
        # One after the other on a bus, buses at the same time.
        waiting = [found for found in seen if device(found, TWO)["state"] == "waiting"]
        assert any(device(found, OTHER)["state"] == "transferring" for found in waiting)
        together = [{device(found, ONE)["state"], device(found, TWO)["state"]} for found in seen]
        assert all(states & {"waiting", "done"} for states in together)
        assert not losses and len(house.eq.blocks[17]) > 12 == len(house.eq.blocks[18]), "the lost block came again"
        heard = [second for second, address in house.eq.heard if address == 19 and second > began]
        assert world.fleet.station(THIRD).statistics.polls - polls >= 2
        assert max(after - before for before, after in pairwise(heard)) < 6
        assert "image" not in (await world.commands.state())["busy"]
        info = await world.run(world.commands.get(ONE, 43, max_age=86400, wait=10))
        assert info["document"]["manufacturing"]["firmwareversion"] == "A9.01.0", "what was known before is forgotten"
        done = [entry.detail async for _, _, entry in world.site.store.audit() if entry.action == "meter firmware"]
        assert done[0] == f"A9.01.0: {ONE}, {TWO}, {OTHER}" and done[1:] == ["runs A9.01.0"] * 3
        shown = await status(world)
    async with house.gateway() as later:
        assert await status(later) == shown, "the last result stays"
        assert not house.eq.loses(17, b"")


@pytest.mark.proves("G-337")
async def test_an_image_that_fails_at_one_meter_does_not_keep_the_next_one_from_it(house: House) -> None:
    async with house.gateway() as world:
        await upload(world, image(blocks=2))
        house.eq.meters[17].fault("image-fails", "verify")
        house.eq.meters[18].fault("image-fails", "activate")
        await update(world, ONE, TWO, THIRD)
        found = (await until(world, over, step=1))[-1]
        assert [(one["status"], one["state"], one.get("error", "")) for one in found["devices"]] == [
            ("failed", "failed", f"{OTHER_REASON}: verification of the image failed: status verification_failed"),
            ("failed", "failed", f"{OTHER_REASON}: activation of the image failed: status activation_failed"),
            ("success", "done", ""),
        ]  # fmt: skip
        assert [house.eq.firmware(address) for address in (17, 18, 19)] == ["A1.00.0", "A1.00.0", "A9.01.0"]
        house.eq.meters[17].fault("image-fails", False)
        await update(world, ONE)
        assert [one["status"] for one in (await until(world, over, step=1))[-1]["devices"]] == ["success"]


@pytest.mark.proves("G-127")
async def test_all_or_nothing_is_begun(house: House) -> None:
    async with house.gateway() as world:
        many = [
            Meter(f"E{number}", "abb", 3, 30 + number, "two", place={"address": str(30 + number)})
            for number in range(11)
        ]
        many.append(Meter("WIRED", "bsm", 5, "hall:502/1", "hall", place={"unit": 1}))
        for meter in many:
            await world.run(world.fleet.admit(meter))
        eleven = [meter.serial for meter in many[:11]]
        assert await refused(world, ONE, "NONE") == (Failing.UNKNOWN, "meter not found")
        assert await refused(world, *eleven) == (Failing.INVALID, "too many meters")
        assert await refused(world, ONE, ONE) == (Failing.INVALID, "duplicate serial")
        assert await refused(world, ONE, "WIRED") == (Failing.UNSUPPORTED, "firmware update not supported: WIRED")
        assert await refused(world, ONE) == (Failing.INVALID, "no meter image")
        await upload(world, b"something else", "gateway")
        assert await refused(world, ONE) == (Failing.INVALID, "no meter image")
        await upload(world, image())
        assert (await status(world))["firmwareupdatecomplete"] == 0
        await world.run(world.fleet.dismiss("E10"))
        await update(world, *eleven[:10])
        assert await refused(world, ONE) == (Failing.CONFLICT, "firmware update in progress")
        await world.run(world.fleet.dismiss("E0"))
        found = (await until(world, lambda found: device(found, "E1")["status"] == "failed", step=10))[-1]
        assert [one["status"] for one in found["devices"]] == ["failed"] * 2 + ["pending"] * 8
        assert "not registered" in found["devices"][0]["error"] and "no answer" in found["devices"][1]["error"]
        assert house.eq.blocks[17] == [], "nothing reached the meter that was named in refused requests"


@pytest.mark.proves("G-338")
async def test_a_transfer_goes_on_after_a_kill_where_the_meter_stands(house: House) -> None:
    async with house.gateway() as world:
        await upload(world, image(blocks=20))
        await update(world, ONE, TWO)
        await until(world, lambda found: device(found, ONE)["blocks"][0] >= 8)
        house.kill("killed")
    house.eq.meters[18].fault("image-fails", "verify")
    sent = len(house.eq.blocks[17])
    assert 8 <= sent < 12
    async with house.gateway("killed") as world:
        assert (await status(world))["firmwareupdatecomplete"] == 1
        assert (await refused(world, THIRD))[1] == "firmware update in progress"
        found = (await until(world, over))[-1]
        assert [(one["status"], one["blocks"]) for one in found["devices"]] == [
            ("success", [20, 20]),
            ("failed", [20, 20]),
        ]
    assert house.eq.blocks[17] == list(range(20)), "no block came twice"
    assert (house.eq.firmware(17), house.eq.firmware(18)) == ("A9.01.0", "A1.00.0")


@pytest.mark.proves("G-338")
@pytest.mark.parametrize("fails", [False, True])
async def test_a_meter_that_was_caught_in_its_activation_is_judged_by_its_version(house: House, fails: bool) -> None:
    async with house.gateway() as world:
        await upload(world, image(blocks=2))
        if fails:
            house.eq.meters[17].fault("image-fails", "activate")
        await update(world, ONE)
        await until(world, lambda found: device(found, ONE)["state"] == "activating")
        await world.pass_(0.5)
        house.kill("killed")
    async with house.gateway("killed") as world:
        assert device(await status(world), ONE)["state"] == "activating"
        found = device((await until(world, over))[-1], ONE)
        assert (found["status"], found["blocks"]) == ("failed" if fails else "success", [2, 2])
    assert len(house.eq.blocks[17]) == 2
    assert house.eq.firmware(17) == ("A1.00.0" if fails else "A9.01.0")


async def test_a_silence_passes_and_a_long_one_fails(house: House) -> None:
    async with house.gateway() as world:
        await upload(world, image(blocks=6))
        await update(world, ONE)
        await until(world, lambda found: device(found, ONE)["blocks"][0] >= 3)
        house.eq.loses = lambda address, data: address == 17
        await world.pass_(25)
        house.eq.loses = lambda address, data: False
        assert device((await until(world, over, step=1))[-1], ONE)["status"] == "success"
        await update(world, ONE)
        await until(world, lambda found: device(found, ONE)["state"] == "transferring")
        house.eq.loses = lambda address, data: address == 17
        found = device((await until(world, over, step=5))[-1], ONE)
        assert found["status"] == "failed" and "17 on" in found["error"]


async def test_other_settings_of_the_bus_do_not_break_off_what_is_sent(house: House) -> None:
    async with house.gateway() as world:
        await upload(world, image(blocks=6))
        await update(world, ONE)
        await until(world, lambda found: device(found, ONE)["blocks"][0] >= 3)
        times = {"baudrate": 9600, "interoctettimeout": 100}
        await world.run(world.acquire.table()["configure_bus"](kind="eqbus", body=times, who=WHO))
        assert device((await until(world, over, step=1))[-1], ONE)["status"] == "success"
        assert house.eq.blocks[17] == list(range(6))


async def test_an_image_that_is_gone_after_a_kill_is_told(house: House) -> None:
    async with house.gateway() as world:
        await upload(world, image())
        await update(world, ONE)
        house.kill("killed")
    for file in (house.folder / "killed" / FOLDER).iterdir():
        file.unlink()
    async with house.gateway("killed") as world:
        found = await status(world)
        assert (found["firmwareupdatecomplete"], found["devices"][0]["status"]) == (2, "failed")
        assert found["devices"][0]["error"] == "the image is not in the gateway any more"
