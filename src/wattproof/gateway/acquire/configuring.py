"""Times and bit rates of the buses by the interface: resources 6, 7 and 8 (g13-api.md 8.1).

What is stored counts for every bus of its kind, beside what its address says and over it. A bus that is changed ends
its present transaction and goes on with the same meters.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from wattproof.drivers.cosem.timing import NETWORK_OCTET
from wattproof.drivers.mbus.timing import BAUDRATE
from wattproof.errors import InvalidURL, SettingsRefused, Unreachable
from wattproof.gateway.acquire.buses import Visitor
from wattproof.gateway.acquire.fleet import BusLanes, Fleet
from wattproof.gateway.acquire.newcomers import Newcomer
from wattproof.gateway.acquire.site import Site
from wattproof.gateway.acquire.stations import Station
from wattproof.gateway.config import BusConfig
from wattproof.gateway.local import CommandFailed, Failing
from wattproof.gateway.records import Audit, Setting
from wattproof.io.url import MeterURL, parse_url

_log = logging.getLogger(__name__)

EQBUS, MBUS_WIRED, MBUS_IR = "eqbus", "mbus-wired", "mbus-ir"
KINDS = (EQBUS, MBUS_WIRED, MBUS_IR)
#: Options of an address by the members of a body.
OPTIONS: Mapping[str, str] = {
    "baudrate": "baudrate",
    "interoctettimeout": "inter-octet",
    "ack": "ack",
    "delay_after_telegram": "delay-after-telegram",
    "delay_before_requd2": "delay-before-requd2",
    "get_request": "get-request",
    "meter_contact": "meter-contact",
    "response_timeout": "response-timeout",
    "response_timeout_base": "response-timeout-base",
}


def kind_of(url: MeterURL) -> str | None:
    """Which of the three settings is that of a bus, ``None`` for buses of other kinds."""
    if url.framing == "mbus":
        return MBUS_IR if url.switch("ir") else MBUS_WIRED
    return EQBUS if url.framing == "hdlc" else None


def timed(config: BusConfig, settings: Mapping[str, Mapping[str, Any]]) -> BusConfig:
    """The configuration of a bus with what is stored for its kind. A bit rate means nothing to a network, where the
    pause between two bytes is never taken to be shorter than a network makes it."""
    url = parse_url(config.url)
    stored = dict(settings.get(kind_of(url) or "", {}))
    if "interoctettimeout" in stored and not url.is_device:
        stored["interoctettimeout"] = max(stored["interoctettimeout"], round(1000 * NETWORK_OCTET))
    options = {
        OPTIONS[name]: value
        for name, value in stored.items()
        if name in OPTIONS and (name != "baudrate" or url.is_device)
    }
    return replace(config, url=str(url.with_options(**options))) if options else config


class Configuring:
    """Carries out the command ``configure_bus``."""

    def __init__(self, fleet: Fleet, site: Site) -> None:
        self._fleet = fleet
        self._site = site

    async def load(self) -> None:
        """What is stored, before any bus is opened."""
        for kind in KINDS:
            self._fleet.times[kind] = await self._site.store.setting(kind, {})

    async def configure_bus(self, kind: str, body: Mapping[str, Any], who: Mapping[str, str]) -> None:
        """Store the settings of one kind, and use them at once.

        Raises:
            CommandFailed: ``invalid``: a port refuses the bit rate; nothing is stored or changed then. ``storage``.
        """
        if kind not in KINDS:
            raise CommandFailed(Failing.INVALID, "Invalid Request", detail=f"no buses of kind {kind}")
        async with self._fleet.changing:
            before = self._fleet.times.get(kind, {})
            lanes = [(lane, _visitors(lane)) for lane in self._fleet.buses.values() if kind_of(lane.url) == kind]
            wanted = {name: body[name] for name in body if name in OPTIONS}
            if "baudrate" in before:  # the rate of M-Bus is set by a scan, not by 7 and 8
                wanted.setdefault("baudrate", before["baudrate"])
            self._fleet.times[kind] = wanted
            former = [runner.line for lane, _ in lanes for runner in lane.runners]
            try:
                for lane, visitors in lanes:
                    await self._renew(lane, visitors)
                now = self._site.now
                audit = Audit(now, who.get("user", ""), who.get("address", ""), "configure bus", kind)
                await self._site.commit(Setting(kind, wanted), audit)
            except BaseException:
                self._fleet.times[kind] = before
                for lane, visitors in lanes:
                    await self._renew(lane, visitors, check=False)
                raise
            finally:
                for line in former:  # a source that has let go of its meter may have opened it once more
                    await line.close()

    async def use_rate(self, kind: str, rate: int, who: Mapping[str, str]) -> None:
        """Let buses of a kind of M-Bus speak at a rate from now on, because a scan asks for it.

        Raises:
            CommandFailed: ``invalid``: meters are polled at another rate, or a port refuses this one.
        """
        serial = [lane for lane in self._fleet.buses.values() if kind_of(lane.url) == kind and lane.url.is_device]
        other = [lane for lane in serial if lane.url.whole("baudrate", BAUDRATE) != rate]
        for lane in other:
            if _visitors(lane):
                raise CommandFailed(
                    Failing.INVALID,
                    "Invalid Request",
                    detail=f"meters of {lane.config.name} are polled at {lane.url.whole('baudrate', BAUDRATE)} bit/s",
                )
        if other:
            await self.configure_bus(kind, {**self._fleet.times.get(kind, {}), "baudrate": rate}, who)

    async def _renew(self, lane: BusLanes, visitors: Sequence[Visitor], *, check: bool = True) -> None:
        """New lines for a bus, and its meters on them."""
        for runner in lane.runners:
            await runner.stop()
        lane.runners = self._fleet.open_runners(lane.config)
        lane.url = lane.runners[0].line.url
        if check:
            await self._check(lane)
        for runner in lane.runners:
            runner.start()
        for visitor in visitors:
            if isinstance(visitor, Station):
                record = self._fleet.station(visitor.serial).record
                await self._fleet.dismiss(visitor.serial)
                await self._fleet.admit(record)
            elif isinstance(visitor, Newcomer):
                visitor.runner = lane.free()
                visitor.runner.add(visitor)

    async def _check(self, lane: BusLanes) -> None:
        """Whether the ports take the new settings. A port that is not there says nothing about them."""
        for runner in lane.runners:
            try:
                await runner.line.open()
            except (SettingsRefused, InvalidURL) as error:
                raise CommandFailed(
                    Failing.INVALID, "baudrate not supported by this port", detail=str(error)
                ) from error
            except Unreachable as error:
                _log.warning("bus %s is not there; its new settings are used when it is: %s", lane.config.name, error)


def _visitors(lane: BusLanes) -> list[Visitor]:
    """Everybody who is visited on a bus."""
    return [visitor for runner in lane.runners for visitor in runner.visitors]
