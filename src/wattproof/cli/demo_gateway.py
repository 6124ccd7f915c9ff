"""The gateway of the demonstration: six virtual meters, a week of history, two signed sessions over its interface."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from wattproof.errors import WattproofError
from wattproof.gateway.acquire.history import live_through
from wattproof.gateway.acquire.lines import open_line
from wattproof.gateway.acquire.places import address_of, configured_place, meter_url, protocol_of
from wattproof.gateway.acquire.sources import open_source
from wattproof.gateway.config import BusConfig, Config, MeterConfig, load
from wattproof.gateway.records import Meter
from wattproof.gateway.store.opening import open_store
from wattproof.gateway.watch import watch
from wattproof.io.clock import SystemClock
from wattproof.io.url import parse_url
from wattproof.io.web import WebLink, web_link
from wattproof.meters.simulation import Plan, Simulation

DAYS, QUARTER = 7, 900
#: Seconds that a session of the demonstration lasts, and that anything may take.
CHARGE, PATIENCE = 4.0, 60.0
FOLDER = "gateway"
#: Meters, their buses, and where they are said to be.
METERS = (
    ("bsm", "park", Plan("bsm", ("tcp://127.0.0.1:0",), seed=11, settings={"answer-delay": "0"}), "Car park"),
    ("dmed4", "fast", Plan("dmed4", ("tcp://127.0.0.1:0",), seed=12, settings={"answer-delay": "0"}), "Fast charger"),
    ("abb", "mbus", Plan("abb:A44-553-100", ("mbus://127.0.0.1:0",), unit=5, seed=13, count=2), "Ground floor"),
    ("abb", "eqbus", Plan("abb:A44-552-100", ("hdlc://127.0.0.1:0",), unit=17, seed=14, count=2), "First floor"),
)
#: Family, its load by the hour of the day in W, and what lets it flow.
LOADS: Mapping[str, tuple[Callable[[int], int], Mapping[str, object]]] = {
    "bsm": (lambda hour: 11040 if hour in (7, 8, 18, 19, 20) else 0, {"do": True}),
    "dmed4": (lambda hour: 60000 if hour in (10, 13, 17) else 0, {}),
}


@dataclass
class Shown:
    """The gateway as it is left to the visitor."""

    url: str
    password: str
    data: Path
    meters: list[dict[str, Any]]
    sessions: list[dict[str, Any]] = field(default_factory=list)
    user: str = "admin"

    def as_dict(self) -> dict[str, Any]:
        """Its part of the ready object."""
        return {"url": self.url, "user": self.user, "password": self.password}


@asynccontextmanager
async def gateway(folder: Path, say: Callable[[str], None]) -> AsyncIterator[Shown]:
    """Run the gateway with its meters for the time of the block. ``folder`` is emptied first."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    simulations = [await Simulation.start(plan) for _, _, plan, _ in METERS]
    try:
        file = _configured(folder, simulations)
        say(f"   a week of history, {DAYS * 96} quarters of an hour")
        await _past(file, folder, simulations)
        async with _processes(file, folder) as (url, first):
            client = _Client(url, first)
            password = await client.change_password()
            shown = Shown(url, password, folder, await client.meters(_urls(simulations)))
            for family in ("dmed4", "bsm"):
                shown.sessions.append(await client.charge(family))
            yield shown
    finally:
        for simulation in simulations:
            await simulation.close()


#: Name of the file with the password that ABB meters leave the factory with.
_FACTORY_PASSWORD = "abb-factory-password"  # noqa: S105 (the name of a file)


def _configured(folder: Path, simulations: list[Simulation]) -> Path:
    """The configuration file that a visitor may read and change."""
    lines = ["# The gateway of the demonstration.", "[gateway]", 'listen = "https://127.0.0.1:8443"']
    lines += ["allow_test_keys = true # virtual meters sign with published keys", ""]
    for (family, bus, _, location), simulation in zip(METERS, simulations, strict=True):
        lines += ["[[bus]]", f'name = "{bus}"', f'url = "{simulation.listen[0]}"', ""]
        for one in simulation.meters:
            number = "address" if family == "abb" else "unit"
            unit = one.meter.unit_on(one.urls[0].framing)
            lines += ["[[meter]]", f'bus = "{bus}"', f'family = "{family}"', f"{number} = {unit}"]
            lines += [f'location = "{location}"']
            if one.urls[0].framing == "hdlc":  # its clock is set only by who knows its password
                lines += [f'password_file = "{_FACTORY_PASSWORD}"']
            lines += [""]
    secret = folder / _FACTORY_PASSWORD
    secret.touch(0o600)
    secret.write_text("00000000\n", "ascii")
    file = folder / "gateway.toml"
    file.write_text("\n".join(lines), "utf-8")
    return file


def _urls(simulations: list[Simulation]) -> dict[str, str]:
    """Addresses of the virtual meters, by bus and the number of the meter on it."""
    found = {}
    for (family, bus, _, _), simulation in zip(METERS, simulations, strict=True):
        for one in simulation.meters:
            url = one.urls[0]
            number = one.meter.unit_on(url.framing)
            name = "address" if family == "abb" else "unit"
            found[f"{bus} {number}"] = meter_url(family, url, {name: number})
    return found


# A week ------------------------------------------------------------------------------------------------------------


async def _past(file: Path, folder: Path, simulations: list[Simulation]) -> None:
    """Let all meters live through a week; the gateway keeps what those lack that keep nothing themselves."""
    config = load(file)
    zone = ZoneInfo(config.timezone)
    end = int(time.time()) // QUARTER * QUARTER
    begin = end - DAYS * 86400
    for (family, _, _, _), simulation in zip(METERS, simulations, strict=True):
        if family == "abb":
            past = datetime.now(zone).replace(tzinfo=None, microsecond=0) - timedelta(days=DAYS)
            for one in simulation.meters:
                one.runtime.patch({"clock": past.isoformat()}, {})
                one.runtime.patch({"step": DAYS * 86400}, {})
                await asyncio.sleep(0)
    store = await open_store(config.store_url, folder)
    try:
        for meter in config.meters:
            if meter.family in LOADS:
                await _live(store, config, meter, range(begin, end + 1, QUARTER), zone, simulations)
    finally:
        await store.close()


async def _live(
    store: Any, config: Config, meter: MeterConfig, moments: range, zone: ZoneInfo, simulations: list[Simulation]
) -> None:
    bus: BusConfig = config.bus(meter.bus)
    url = parse_url(bus.url)
    place = configured_place(meter, url)
    record = Meter(
        "", meter.family, protocol_of(url), address_of(bus.name, url, place), bus.name, place,
        location=meter.location, origin="file",
    )  # fmt: skip
    line = open_line(bus, SystemClock())
    runtime = simulations[[family for family, *_ in METERS].index(meter.family)].meters[0].runtime
    watts, flowing = LOADS[meter.family]
    runtime.patch(flowing, {})

    async def arrive(moment: int) -> None:
        if moment // 1000 > moments[0]:
            hour = datetime.fromtimestamp(moment / 1000 - QUARTER, zone).hour
            runtime.patch({"load": f"constant:{watts(hour)}"}, {})
            runtime.patch({"step": QUARTER}, {})

    try:
        await live_through(
            store, record, open_source(record, line.link(place)), zone, [moment * 1000 for moment in moments], arrive
        )
    finally:
        await line.close()
    after: dict[str, object] = {"load": "constant:11040" if meter.family == "bsm" else "constant:60000"}
    if meter.family == "bsm":
        after["do"] = False
    runtime.patch(after | {"clock": datetime.now(zone).isoformat(timespec="seconds")}, {})


# The two processes ----------------------------------------------------------------------------------------------------


@asynccontextmanager
async def _processes(file: Path, folder: Path) -> AsyncIterator[tuple[str, str]]:
    """The gateway as everybody starts it: its address and one-time password."""
    program = [sys.executable, "-m", "wattproof", "gateway"]
    options = ["--config", str(file.absolute()), "--data", str(folder.absolute()), "--json"]
    listen = ["--listen", "https://127.0.0.1:8443" if _is_free(8443) else "https://127.0.0.1:0"]
    commands = {name: [*program, name, *options, *listen] for name in ("acquire", "serve")}
    answers: list[tuple[str, str]] = []
    answered = asyncio.Event()

    async def ready(said: Mapping[str, Mapping[str, Any]]) -> None:
        answers.append((said["serve"]["listen"][0], said["acquire"]["password"]))
        answered.set()

    watching = asyncio.create_task(watch(commands, ready))
    watching.add_done_callback(lambda _: answered.set())
    try:
        await answered.wait()
        if not answers:
            watching.result()
        yield answers[0]
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


def _is_free(port: int) -> bool:
    import socket

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


class _Client:
    """What the demonstration asks the gateway, over HTTPS as anybody."""

    def __init__(self, url: str, password: str) -> None:
        self._link: WebLink = web_link(parse_url(f"g13+{url}?verify=no"))
        self._password = password

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """A document. Raises ``WattproofError`` for all that is no success."""
        import base64

        pair = base64.b64encode(f"admin:{self._password}".encode()).decode()
        data = None if body is None else json.dumps(body).encode()
        answer = await self._link.exchange(
            method, path, data, headers={"Authorization": f"Basic {pair}"}, timeout=PATIENCE
        )
        if answer.status not in (200, 201):
            raise WattproofError(f"the gateway answers {method} {path} with {answer.status}: {answer.body[:200]!r}")
        return json.loads(answer.body)

    async def change_password(self) -> str:
        """The one-time password becomes one that stays."""
        key = secrets.token_urlsafe(12)
        await self.ask("POST", "/users/admin", {"name": "admin", "oldkey": self._password, "key": key})
        self._password = key
        return key

    async def meters(self, urls: Mapping[str, str]) -> list[dict[str, Any]]:
        """All of them, once each has said who it is. ``urls``: where they are, by bus and address."""
        wanted = sum(plan.count for _, _, plan, _ in METERS)
        end = time.monotonic() + PATIENCE
        while True:
            found = (await self.ask("GET", "/api/v1/meters"))["meters"]
            if len([one for one in found if one["status"] == 1]) == wanted or time.monotonic() > end:
                break
            await asyncio.sleep(0.2)
        return [
            {
                "model": one["family"],
                "serial": one["serial"],
                "url": urls[f"{one['bus']} {str(one['address']).rpartition('/')[2]}"],
                "g13": True,
            }
            for one in found
        ]

    async def charge(self, family: str) -> dict[str, Any]:
        """A signed session on the meter of a family, as the gateway keeps and judges it."""
        meters = (await self.ask("GET", "/api/v1/meters"))["meters"]
        serial = next(one["serial"] for one in meters if one["family"] == family)
        begun = await self.ask(
            "POST", f"/api/v1/meters/{serial}/sessions", {"identification": "rfid:12345678", "evse": "DE*WAT*E1"}
        )
        await asyncio.sleep(CHARGE)
        found: dict[str, Any] = await self.ask("POST", f"/api/v1/sessions/{begun['id']}/end")
        return found


def commands(shown: Shown, program: str) -> list[str]:
    """Ten things worth trying, curl's and ours."""
    serials = {one["model"]: one["serial"] for one in shown.meters}
    bsm, dmed, abb = serials.get("bsm", ""), serials.get("dmed4", ""), serials.get("abb", "")
    curl = f"curl -k -u {shown.user}:{shown.password}"
    secret = shown.data / "password"
    descriptor = os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(shown.password + "\n")
    return [
        f"{curl} {shown.url}/meters",
        f"{curl} {shown.url}/meters/{abb}/instrument",
        f"{curl} {shown.url}/meters/{bsm}/energy/active",
        f"{curl} {shown.url}/meters/{bsm}/loadprofiles/1",
        f"{curl} {shown.url}/api/v1/meters/{dmed}/latest",
        f"{curl} {shown.url}/api/v1/sessions/{shown.sessions[0]['id'] if shown.sessions else ''}",
        f"{curl} -N '{shown.url}/api/v1/live?serial={bsm}'",
        f"{curl} {shown.url}/metrics",
        f"{program} read 'g13+{shown.url}?serial={abb}&verify=no&password-file={secret}'",
        f"{program} export readings --data {shown.data} --meter {bsm} --format csv --output readings.csv",
    ]
