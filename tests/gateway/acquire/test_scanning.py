"""Searching for meters, and where a search may go."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from tests.gateway.acquire.conftest import Open
from tests.gateway.acquire.rig import virtual
from tests.gateway.acquire.test_equipping import CABINET, Cabinet
from tests.gateway.acquire.test_registration import scan
from tests.gateway.acquire.world import HALL, WHO, World
from tests.meters.abb.cosem.rig import Rig as CosemRig
from wattproof.gateway.acquire.lines import CosemLine
from wattproof.gateway.acquire.networks import allowed
from wattproof.gateway.config import SCAN_NETWORKS, BusConfig, Config, MeterConfig
from wattproof.gateway.local import CommandFailed, Failing
from wattproof.gateway.records import Group
from wattproof.io.url import parse_url

MODBUS = ("tcp", "tls", "rtu", "ascii")


async def addresses(name: str) -> list[str]:
    """What names mean here."""
    return {
        "inside.example": ["192.168.7.1"],
        "outside.example": ["203.0.113.9"],
        "both.example": ["192.168.7.1", "203.0.113.9"],
        "nowhere.example": [],
    }.get(name, [name])


@pytest.mark.proves("G-355")
@pytest.mark.parametrize(
    "url",
    [
        "rtu:///dev/ttyUSB0?baudrate=19200",
        "pty:///tmp/line",
        "tcp://169.254.1.1:502",
        "tcp://[fe80::1]:502",
        "tcp://203.0.113.9:502",
        "tcp://[::ffff:203.0.113.9]:502",
        "tcp://0.0.0.0:502",
        "tcp://224.0.0.1:502",
        "tcp://user:secret@192.168.1.1:502",
        "http://192.168.1.1",
        "mbus://192.168.1.1:5021",
        "bsm+tcp://192.168.1.1:502",
        "tls://192.168.1.1:802?key=/etc/passwd",
        "tcp://outside.example:502",
        "tcp://both.example:502",
        "tcp://nowhere.example:502",
        "nonsense",
    ],
)
async def test_addresses_that_are_not_scanned(url: str) -> None:
    with pytest.raises(CommandFailed) as refused:
        await allowed(url, MODBUS, SCAN_NETWORKS, addresses)
    assert (refused.value.kind, refused.value.text) == (Failing.INVALID, "url not allowed")
    assert "secret" not in refused.value.detail


async def test_addresses_that_are_scanned_keep_what_their_name_meant() -> None:
    for url, host in (
        ("tcp://192.168.1.20:502", "192.168.1.20"),
        ("rtu://10.1.2.3:4001", "10.1.2.3"),
        ("tcp://127.0.0.1:5020", "127.0.0.1"),
        ("tcp://[fd00::7]:502", "fd00::7"),
        ("tcp://inside.example:502", "192.168.7.1"),
    ):
        assert (await allowed(url, MODBUS, SCAN_NETWORKS, addresses)).host == host


@pytest.mark.proves("G-354")
async def test_a_scan_ends_with_32_found_and_registered_meters_stay_polled(world: Open) -> None:
    meters = {unit: virtual(unit) for unit in range(1, 41)}
    polled = meters[1]
    async with world((MeterConfig("hall", "bsm", unit=1),), meters) as here:
        await here.pass_(10)
        begun = here.site.now
        found = await scan(here, {"modbus": {"bus": ["hall"], "start": 1, "end": 247}})
        assert len(found["scanresult"]) == 32 and found["progress"] == 100
        assert [int(row["address"].rpartition("/")[2]) for row in found["scanresult"]] == list(range(1, 33))
        assert len({row["serial"] for row in found["scanresult"]}) == 32
        rows = here.store.readings(polled.serial, [69], begun - 3000, here.site.now, group=Group.LIVE)
        times = [time async for time, _ in rows]
        assert max(after - before for before, after in pairwise([*times, here.site.now])) <= 2000


async def test_silent_addresses_are_asked_once_and_progress_grows(world: Open) -> None:
    async with world((), {200: virtual(200)}) as here:
        await here.run(here.commands.scan({"modbus": {"bus": ["hall"]}}, 9, WHO))
        with pytest.raises(CommandFailed) as refused:
            await here.commands.scan({"modbus": {"bus": ["hall"]}}, 9, WHO)
        assert (refused.value.kind, refused.value.text) == (Failing.CONFLICT, "scan in progress")
        seen = []
        while (state := await here.commands.scanned())["scancomplete"] == 2:
            seen.append(state["progress"])
            await here.pass_(2)
        assert seen == sorted(seen) and seen[-1] > 80
        assert here.clock.now() < 60e9
        (row,) = state["scanresult"]
        assert len(here.wires[HALL].times(7)) == 1
        assert await here.commands.forget_scanned(["nobody", row["serial"]]) == [
            {"serial": "nobody", "status": 1},
            {"serial": row["serial"], "status": 0},
        ]
        assert (await here.commands.scanned())["scanresult"] == []


async def test_a_refused_scan_leaves_no_trace(world: Open) -> None:
    async with world() as here:
        with pytest.raises(CommandFailed, match="url not allowed"):
            await here.commands.scan({"modbus": {"urls": ["tcp://203.0.113.9:502"]}}, 9, WHO)
        with pytest.raises(CommandFailed, match="Invalid Request"):
            await here.commands.scan({"eqbus": {"start": 17, "end": 20}}, 9, WHO)
        assert await here.commands.scanned() == {"scanresult": [], "scancomplete": 0, "progress": 0}


PROBE = """
[[probe]]
address = 0
type = "u16"
equals = 0x4341
"""


@pytest.mark.proves("G-354")
async def test_a_meter_of_a_map_file_is_recognised_by_its_rules(world: Open, tmp_path: Path) -> None:
    """After the families, so that none of them is taken for it; what is registered is read by that map, also later."""
    (tmp_path / "alpha.toml").write_text(CABINET.replace("cabinet", "alpha"))  # no rules: recognises nothing
    (tmp_path / "beta.toml").write_text(CABINET.replace("cabinet", "beta") + PROBE.replace("4341", "1234"))
    (tmp_path / "gamma.toml").write_text(CABINET + PROBE)
    (tmp_path / "other.toml").write_text("[gateway]\n")
    body = {"modbus": {"urls": [HALL], "range": [1, 2, 3]}}
    meters = {1: virtual(1), 2: Cabinet(), 3: Cabinet()}
    meters[3].store.holding.write(0, b"XXXX")
    async with world((), meters, buses=()) as here:
        await here.users()
        found = await scan(here, body)
        assert [(row["family"], row["address"]) for row in found["scanresult"]] == [
            ("bsm", "10.0.0.1:502/1"), ("map", "10.0.0.1:502/2")]  # fmt: skip
        assert found["scanresult"][1]["serial"] == "CAB7"
        await here.run(here.commands.register("CAB7", "Cabinet", "Hall", WHO))
        await here.pass_(20)
        assert here.fleet.station("CAB7").record.status == 1
    async with world((), meters, buses=()) as here:
        await here.pass_(20)
        assert here.fleet.station("CAB7").latest[69].mantissa == 2301


@pytest.mark.parametrize("transport", ["dlms", "dlms+udp"])
async def test_the_one_meter_behind_a_wrapper_is_found_and_polled(tmp_path: Path, transport: str) -> None:
    url = parse_url(f"{transport}://10.0.0.9:4059")
    line = CosemRig("A44-552-100", transport, load="constant:1000")
    secret = tmp_path / "password"
    secret.write_text("00000000\n")
    lines = {url.place: lambda bus: CosemLine(bus.name, url, line.bus)}
    config = Config(data=tmp_path, buses=(BusConfig("plant", str(url)),))
    async with World(tmp_path, config, {}, line.clock, lines) as here:
        (row,) = (await scan(here, {"eqbus": {}}))["scanresult"]
        assert (row["family"], row["protocol"], row["address"]) == ("abb", "3", "1")
    config = replace(config, meters=(MeterConfig("plant", "abb", password_file=secret),))
    async with World(tmp_path, config, {}, line.clock, lines) as here:
        await here.pass_(20)
        station = here.fleet.station(row["serial"])
        assert (station.record.place["transport"], station.record.status) == (transport, 1)
        assert (await scan(here, {"eqbus": {}}))["scanresult"] == [], "the gateway itself holds the meter"
        await here.pass_(20)
        assert station.latest[96].time > here.site.now - 7000 and station.statistics.failures == 0
