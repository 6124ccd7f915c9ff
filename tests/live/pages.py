"""A house for the tests of the web pages: what serves them, and a browser that is logged in.

The pages are served by the examples of ``frontend/dev`` or by a gateway; the tests know neither, only its address, its
user, and the serials of two meters: one that has every resource, and one that signs charging sessions.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, Page, Playwright, expect

ROOT = Path(__file__).resolve().parents[2]
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
KEY = "correct horse 8"


@dataclass
class House:
    """What is tested. ``password``: of the first start; ``full``, ``signing``, ``lost``: serials of a meter with all
    resources, of one that signs sessions, of one that does not answer. ``offered``: what the page showed until the
    one-time password was changed."""

    url: str
    password: str
    full: str
    signing: str
    lost: str
    user: str = "admin"
    offered: list[str] = field(default_factory=list)
    state: Any = None

    def context_options(self) -> dict[str, Any]:
        return {"ignore_https_errors": True, "locale": "en-GB", "base_url": self.url}


@asynccontextmanager
async def examples() -> AsyncIterator[House]:
    """The server of examples, in a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "frontend.dev.server", "--port", str(port), "--due", cwd=ROOT,
        stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        await _listening(port)
        yield House(
            f"http://127.0.0.1:{port}",
            "wattproof-dev",
            full="A44552100001",
            signing="001BZR1521070006",
            lost="M-hall-1",
        )
    finally:
        process.terminate()
        await process.wait()


async def _listening(port: int) -> None:
    for _ in range(200):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            await writer.wait_closed()
            return
    raise AssertionError("nothing listens")


async def launched(playwright: Playwright) -> Browser:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed (Debian package chromium)")
    return await playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)


async def first_start(house: House, browser: Browser) -> None:
    """Log in with the one-time password, set another one through the page, keep the cookie."""
    context = await browser.new_context(**house.context_options())
    page = await context.new_page()
    await page.goto("/ui/")
    await log_in(page, house.user, house.password)
    await expect(page.get_by_label("New password")).to_be_visible()
    house.offered = (
        await page.get_by_role("button").all_inner_texts() + await page.get_by_role("link").all_inner_texts()
    )
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

    async def meter(self, page: str, serial: str | None = None) -> None:
        await self.show(f"meter/{serial or self.house.full}/{page}")

    async def send(self, sure: bool = False) -> None:
        """Press Send and wait for the green message."""
        await self.page.get_by_role("button", name="Send (").click()
        if sure:
            await self.page.get_by_role("dialog").get_by_role("button", name="Send").click()
        await expect(self.page.locator("[data-kind=sent]").last).to_be_visible()
        await expect(self.page.locator("[data-kind=waiting]")).to_have_count(0)
        await expect(self.page.get_by_role("button", name="Send", exact=True)).to_be_disabled()
        await self.page.locator(".message button").evaluate_all("buttons => buttons.forEach((one) => one.click())")

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """What another user or program sends meanwhile."""
        headers = {"Origin": self.house.url, "Content-Type": "application/json"}
        answer = await self.context.request.fetch(path, method=method, data=body, headers=headers)
        assert answer.ok, await answer.text()
        return await answer.json()


@asynccontextmanager
async def opened(house: House, browser: Browser, **options: Any) -> AsyncIterator[Tab]:
    """The pages, logged in. Nothing may leave for another origin, nothing may break the policy, nobody may complain."""
    context = await browser.new_context(**{**house.context_options(), "storage_state": house.state, **options})
    context.set_default_timeout(10_000)
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
