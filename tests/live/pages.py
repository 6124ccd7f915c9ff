"""A house for the tests of the web pages: a whole gateway with virtual meters, and a browser that is logged in."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, Page, Playwright, expect

from tests.live.page_edits import close_messages
from tests.live.running_gateway import Gateway, gateway
from wattproof.meters.simulation import Plan, Simulation

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
#: Keeps what the policy stops; Playwright runs it before the page and past its policy.
WATCH = """
window.stopped = [];
document.addEventListener("securitypolicyviolation", (event) => window.stopped.push(event.violatedDirective));
"""
#: Of every element that shows text: the contrast with what is behind it (WCAG 2.2, 1.4.3), where it is below 4.5.
CONTRAST = """() => {
  const channel = (v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4 };
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const numbers = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const behind = (node) => {
    for (; node; node = node.parentElement) {
      const colour = numbers(getComputedStyle(node).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const node of document.querySelectorAll('body *')) {
    const text = [...node.childNodes].filter((one) => one.nodeType === 3).map((one) => one.data.trim()).join('');
    const shown = text && node.checkVisibility() && !node.closest('svg, option');
    if (!shown || node.matches(':disabled, :disabled *')) continue;
    const [one, two] = [light(numbers(getComputedStyle(node).color)), light(behind(node))].sort((a, b) => b - a);
    const ratio = (one + 0.05) / (two + 0.05);
    if (ratio < 4.5) found.push(`${text} ${ratio.toFixed(2)}`);
  }
  return found;
}"""
#: The innermost elements that reach beyond the window, for the message of a test.
WIDE = """() => [...document.querySelectorAll('body *')]
  .filter((node) => node.getBoundingClientRect().right > innerWidth + 1 && !node.closest('.scroll'))
  .slice(-5).map((node) => `${node.tagName} ${node.className} ${node.textContent.trim().slice(0, 80)}`)"""
KEY = "correct horse 8"
FAST = {"answer-delay": "0"}
#: Meters, their buses; ``full`` has every resource, ``signing`` signs sessions, ``lost`` will not answer, ``found`` is
#: there for a scan.
PLANS = {
    "full": Plan("abb:A44-552-100", ("hdlc://127.0.0.1:0",), unit=17, seed=14),
    "found": Plan("abb:A44-552-100", ("hdlc://127.0.0.1:0",), unit=21, seed=15),
    "signing": Plan("bsm", ("tcp://127.0.0.1:0",), seed=11, settings=FAST, load="constant:11040"),
    "dc": Plan("dmed4", ("tcp://127.0.0.1:0",), seed=12, settings=FAST),
    "lost": Plan("bsm", ("tcp://127.0.0.1:0",), seed=16, settings=FAST),
}
METERS = (
    ("full", 'family = "abb"\naddress = 17\nalias = "Main board"\nlocation = "Building A"'),
    ("signing", 'family = "bsm"\nalias = "Bay 1"\nlocation = "Charging park"'),
    ("dc", 'family = "dmed4"\nalias = "Fast charger"\nlocation = "Charging park"'),
    ("lost", 'family = "bsm"\nalias = "Chiller"\nlocation = "Building A"'),
)


@dataclass
class House:
    """What is tested. ``password``: the present one; ``serials`` by the names of :data:`PLANS`; ``offered``: what the
    page showed until the one-time password was changed; ``state``: the cookie of the first login."""

    gateway: Gateway
    meters: dict[str, Simulation]
    serials: dict[str, str]
    password: str
    user: str = "admin"
    offered: list[str] = field(default_factory=list)
    state: Any = None

    @property
    def url(self) -> str:
        return self.gateway.url

    def load(self, watts: int) -> None:
        """What flows through the meter that has everything."""
        self.meters["full"].meters[0].runtime.patch({"load": f"constant:{watts}"}, {})

    def jump(self, name: str, watt_hours: int) -> None:
        """Let the counter of a meter jump."""
        self.meters[name].meters[0].runtime.patch({}, {"counter-jump": watt_hours})

    def pass_hours(self, hours: int) -> None:
        """Let this meter live through the last hours once more."""
        runtime = self.meters["full"].meters[0].runtime
        past = datetime.now().replace(microsecond=0) - timedelta(hours=hours)  # noqa: DTZ005 - the meter's local time
        for controls in ({"load": "constant:1500"}, {"clock": past.isoformat()}, {"step": hours * 3600}):
            runtime.patch(controls, {})

    def flicker(self, times: int) -> None:
        """Switch a load on and off, a minute each; it stays on."""
        runtime = self.meters["full"].meters[0].runtime
        past = datetime.now().replace(microsecond=0) - timedelta(minutes=2 * times)  # noqa: DTZ005 - the meter's time
        runtime.patch({"clock": past.isoformat()}, {})
        for watts in (0, 1500) * times:
            runtime.patch({"load": f"constant:{watts}"}, {})
            runtime.patch({"step": 60}, {})


@asynccontextmanager
async def running(folder: Path, browser: Browser) -> AsyncIterator[House]:
    """A gateway with its meters; one of them has gone."""
    async with AsyncExitStack() as stack:
        meters = {}
        for name, plan in PLANS.items():
            meters[name] = await Simulation.start(plan)
            stack.push_async_callback(meters[name].close)
        made = gateway(folder, _configuration(folder, meters))
        here = await asyncio.to_thread(made.__enter__)
        stack.push_async_callback(asyncio.to_thread, made.__exit__, None, None, None)
        house = House(here, meters, {}, here.password)
        await _first_start(house, browser)
        here.password = house.password
        listed = await asyncio.to_thread(here.until, "/api/v1/meters", lambda found: _online(found) == len(METERS))
        by_alias = {meter["alias"]: meter["serial"] for meter in listed["meters"]}
        names = {"full": "Main board", "signing": "Bay 1", "dc": "Fast charger", "lost": "Chiller"}
        house.serials = {name: by_alias[alias] for name, alias in names.items()}
        house.serials["found"] = str(meters["found"].meters[0].meter.serial)
        await meters["lost"].close()
        await asyncio.to_thread(here.until, "/api/v1/meters", lambda found: _online(found) == len(METERS) - 1)
        yield house


@asynccontextmanager
async def moving(folder: Path, browser: Browser) -> AsyncIterator[House]:
    """A gateway without meters that may move to another address of its host."""
    made = gateway(folder, "allow_network = true\n")
    here = await asyncio.to_thread(made.__enter__)
    try:
        house = House(here, {}, {}, here.password)
        await _first_start(house, browser)
        yield house
    finally:
        await asyncio.to_thread(made.__exit__, None, None, None)


def _online(found: Any) -> int:
    return sum(meter["status"] == 1 for meter in found["meters"])


def _configuration(folder: Path, meters: dict[str, Simulation]) -> str:
    secret = folder / "password"
    secret.write_text("00000000\n")
    lines = []
    for name, simulation in meters.items():
        lines += ["[[bus]]", f'name = "{name}"', f'url = "{simulation.listen[0]}"', "poll_live_s = 1"]
    for name, rest in METERS:
        lines += ["[[meter]]", f'bus = "{name}"', rest]
        if name == "full":
            lines += [f'password_file = "{secret}"']
    return "\n".join(lines) + "\n"


async def launched(playwright: Playwright) -> Browser:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed (Debian package chromium)")
    return await playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)


async def _first_start(house: House, browser: Browser) -> None:
    """Log in with the one-time password, set another one through the page, keep the cookie."""
    context = await browser.new_context(**_options(house))
    page = await context.new_page()
    await page.goto("/ui/")
    await log_in(page, house.user, house.password)
    await expect(page.get_by_label("New password")).to_be_visible()
    house.offered = await page.locator("button, a").all_inner_texts()
    await page.get_by_label("Current password").fill(house.password)
    await page.get_by_label("New password").fill(KEY)
    await page.get_by_label("Confirm password").fill(KEY)
    await page.get_by_role("button", name="Change password").click()
    await expect(page.get_by_role("navigation", name="Menu")).to_be_visible()
    house.password = KEY
    house.state = await context.storage_state()
    await context.close()


async def log_in(page: Page, user: str, password: str) -> None:
    await page.get_by_label("User name").fill(user)
    await page.get_by_label("Password", exact=True).fill(password)
    await page.keyboard.press("Enter")


def _options(house: House) -> dict[str, Any]:
    return {"ignore_https_errors": True, "locale": "en-GB", "base_url": house.url}


@dataclass
class Tab:
    """One page of the browser, with all that it asked for and complained about."""

    house: House
    context: BrowserContext
    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def listen(self) -> None:
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    async def show(self, place: str) -> None:
        """Go to a place by its address."""
        await self.page.evaluate("place => { location.hash = place }", f"#/{place}")

    async def meter(self, page: str, name: str = "full") -> None:
        await self.show(f"meter/{self.house.serials[name]}/{page}")

    async def send(self, sure: bool = False) -> None:
        """Press Send and wait for the green message."""
        await self.page.get_by_role("button", name="Send (").click()
        if sure:
            await self.page.get_by_role("dialog").get_by_role("button", name="Send").click()
        await expect(self.page.locator("[data-kind=sent], [data-kind=failed]").last).to_be_visible()
        await expect(self.page.locator("[data-kind=waiting]")).to_have_count(0)
        failed = await self.page.locator("[data-kind=failed]").all_inner_texts()
        assert not failed, failed
        await expect(self.page.get_by_role("button", name="Send", exact=True)).to_be_disabled()
        await close_messages(self.page)

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """What another program sends meanwhile."""
        answer = await asyncio.to_thread(self.house.gateway.ask, method, path, body)
        assert answer.status in {200, 201}, answer
        return answer.json

    def path(self, rest: str) -> str:
        """Path of a resource of the meter that has everything."""
        return f"/meters/{self.house.serials['full']}/{rest}"

    async def told(self, path: str) -> Any:
        """A document of that meter."""
        return await self.call("GET", self.path(path))


@asynccontextmanager
async def opened(house: House, browser: Browser, **options: Any) -> AsyncIterator[Tab]:
    """The pages, logged in. Nothing may leave for another origin, nothing may break the policy, nobody may complain."""
    context = await browser.new_context(**{**_options(house), "storage_state": house.state, **options})
    context.set_default_timeout(15_000)
    await context.add_init_script(WATCH)
    tab = Tab(house, context, await context.new_page())
    tab.listen()
    await tab.page.goto("/ui/")
    try:
        yield tab
        stopped = await tab.page.evaluate("window.stopped")
        away = {url for url in tab.requests if not url.startswith((f"{house.url}/", "blob:"))}
        complaints = [text for text in tab.complaints if not text.startswith(("error: Failed to load", "info:"))]
        assert (stopped, away, complaints) == ([], set(), []), (stopped, away, complaints)
    finally:
        await context.close()
