"""The HTML report in a real browser: its policy stops nothing, readable light and dark, one page."""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from tests.live.pages import ARGUMENTS, CONTRAST, WATCH
from wattproof.signed import examine
from wattproof.signed.forging import forge
from wattproof.signed.paper.html import write_html

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no Chromium")
    async with async_playwright() as playwright:
        made = await playwright.chromium.launch(executable_path=found, args=list(ARGUMENTS))
        yield made
        await made.close()


@pytest.mark.parametrize("format", ["OCMF", "SAFE-XML", "chargeIT-JSON"])
@pytest.mark.parametrize("variant", ["valid", "wrong-key", "wrong-order", "no-key"])
async def test_a_session_is_one_readable_page(browser: Browser, tmp_path: Path, format: str, variant: str) -> None:
    path = tmp_path / "report.html"
    path.write_bytes(write_html(examine(forge(format, variant).data, now=1_800_000_000, source="session.xml"), "de"))
    for scheme in ("light", "dark"):
        context = await browser.new_context(color_scheme=scheme, viewport={"width": 360, "height": 800})  # type: ignore[arg-type]
        page = await context.new_page()
        await page.add_init_script(WATCH)
        await page.goto(path.as_uri())
        assert await page.evaluate("window.stopped") == []
        assert await page.evaluate(CONTRAST) == []
        assert await page.evaluate("document.documentElement.scrollWidth") <= 360
        assert await page.evaluate("getComputedStyle(document.querySelector('header')).display") == "flex"
        await context.close()
    page = await browser.new_page()
    await page.goto(path.as_uri())
    printed = await page.pdf(prefer_css_page_size=True)
    await page.close()
    assert re.findall(rb"/Count (\d+)", printed) == [b"1"]
