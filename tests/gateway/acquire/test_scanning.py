"""Searching for meters, and where a search may go."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.gateway.acquire.conftest import Open
from tests.gateway.acquire.rig import virtual
from tests.gateway.acquire.test_registration import scan
from tests.gateway.acquire.world import HALL, WHO
from wattproof.gateway.acquire.networks import allowed
from wattproof.gateway.config import SCAN_NETWORKS, MeterConfig
from wattproof.gateway.local import CommandFailed, Failing
from wattproof.gateway.records import Group

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
