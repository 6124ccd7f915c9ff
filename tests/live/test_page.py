"""The web page of the DMED4 in a real browser: headless Chromium, driven by Playwright.

Where the values have to be known, a stand-in serves the page; everything else is asked of the virtual meter.
"""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, ViewportSize, async_playwright, expect

from wattproof.errors import InvalidValue
from wattproof.io.http import HttpServer, Request
from wattproof.meters.dmed4.resources import MEASURE
from wattproof.meters.dmed4.virtual import page
from wattproof.meters.opening import VirtualMeter
from wattproof.wire.http1 import Response, json_response

pytestmark = pytest.mark.asyncio(loop_scope="module")

ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
CLOSE = (("Connection", "close"),)
#: Keeps what the policy stops; Playwright runs it before the page and past its policy.
WATCH = """
window.stopped = [];
document.addEventListener("securitypolicyviolation", (event) => window.stopped.push(event.violatedDirective));
"""


@dataclass
class Standin:
    """What serves the page. ``more`` is added to every value."""

    answers: bool = True
    asked: int = 0
    more: int = 0
    forms: list[tuple[int, str]] = field(default_factory=list)
    error_1: int = 0
    url: str = ""

    async def __call__(self, request: Request) -> Response:
        if request.path == "/v1/measure" and self.answers:
            self.asked += 1
            return json_response(200, self.measure, CLOSE)
        if request.path == "/" and request.method == "GET":
            return html(page.meter_page(self.view))
        if request.path == "/" and request.method == "POST":
            try:
                self.forms.append(page.parse_form(request.body, request.headers.get("content-type", "")))
            except InvalidValue:
                return Response(400, CLOSE)
            return html(page.changed_page("10.0.0.5"))
        return Response(404, CLOSE).framed()

    @property
    def measure(self) -> dict[str, int]:
        return {row.key: 1000 * number + self.more for number, row in enumerate(MEASURE.fields)}

    @property
    def view(self) -> page.View:
        return page.View(
            model="DMED404R1500",
            serial_number=80123456,
            meas_fw_rev="1.02",
            meas_fw_cks="0A1B2C3D",
            pow_fw_rev="2.10",
            pow_fw_cks="4E5F6071",
            operative_status="Ready",
            measure=self.measure,
            measurement_status=1,
            signature_status=0x28,
            error_1=self.error_1,
            error_2=0,
            datetime=1796022925,
            datetime_offset=60,
            records=7,
            ip="192.168.1.1",
        )


def html(body: bytes) -> Response:
    return Response(200, CLOSE + page.HEADERS, body, chunks=(256,) * (len(body) // 256)).framed()


@dataclass
class Tab:
    """One page of the browser, with all that it asked for and complained about."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def listen(self) -> None:
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def cell(self, label: str) -> str:
        return f"tr:has(th:text-is('{label}')) td"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed (Debian package chromium)")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def meter() -> AsyncIterator[Standin]:
    meter = Standin()
    server = await HttpServer.open(meter, lambda status, _: Response(status, CLOSE), "127.0.0.1", 0)
    meter.url = f"http://127.0.0.1:{server.port}"
    yield meter
    await server.close()


@pytest_asyncio.fixture(loop_scope="module")
async def tab(browser: Browser, meter: Standin) -> AsyncIterator[Tab]:
    """The page in a fresh browser profile. Nothing may leave for another origin, nor may the policy stop anything."""
    context = await browser.new_context()
    await context.add_init_script(WATCH)
    tab = Tab(await context.new_page())
    tab.listen()
    await tab.page.goto(meter.url)
    yield tab
    assert await tab.page.evaluate("window.stopped") == []
    assert {url for url in tab.requests if not url.startswith(f"{meter.url}/")} == set()
    await context.close()


async def test_values_are_renewed_and_plotted(tab: Tab, meter: Standin) -> None:
    await expect(tab.page).to_have_title("DMED404R1500 80123456")
    for meter.more in (7, 20, 3456):
        volts, kilowatts = meter.more / 10, (2000 + meter.more) / 10
        await expect(tab.page.locator(tab.cell("Voltage"))).to_have_text(f"{volts} V")
        await expect(tab.page.locator(tab.cell("Power, negative = export"))).to_have_text(f"{kilowatts} kW")
        await expect(tab.page.locator(tab.cell("Total exported energy"))).to_have_text(f"{10000 + meter.more} Wh")
    await expect(tab.page.locator("#power path")).to_have_attribute("d", re.compile(r"^M[\d. ]+(L[\d. ]+){2,}$"))
    await expect(tab.page.locator("#power circle")).to_be_visible()
    await expect(tab.page.locator("#power")).to_contain_text("minutes ago")
    await expect(tab.page.get_by_role("status")).to_have_text("Renewed once a second.")
    assert tab.complaints == []


async def test_without_an_answer_the_page_says_so_and_goes_on(tab: Tab, meter: Standin) -> None:
    status = tab.page.get_by_role("status")
    await expect(status).to_have_text("Renewed once a second.")
    meter.answers = False
    await expect(status).to_contain_text("No answer")
    meter.more = 5
    await expect(tab.page.locator(tab.cell("Voltage"))).to_have_text("0.0 V")
    meter.answers = True
    await expect(tab.page.locator(tab.cell("Voltage"))).to_have_text("0.5 V")
    await expect(status).to_have_text("Renewed once a second.")
    assert [text for text in tab.complaints if "404" not in text] == []


async def test_a_paused_page_asks_nothing(tab: Tab, meter: Standin) -> None:
    voltage = tab.page.locator(tab.cell("Voltage"))
    await tab.page.clock.install(time="2026-12-01T00:00:00Z")
    await tab.page.clock.pause_at("2026-12-01T01:00:00Z")
    await tab.page.goto(meter.url)
    await expect(tab.page.get_by_role("status")).to_have_text("Renewed once a second.")
    meter.more = 1
    await tab.page.clock.run_for(1_000)
    await expect(voltage).to_have_text("0.1 V")
    await tab.page.get_by_role("button", name="Pause").press("Enter")
    meter.more, asked = 2, meter.asked
    await tab.page.clock.run_for(10_000)
    await expect(tab.page.get_by_role("status")).to_have_text("Paused.")
    assert meter.asked == asked
    await tab.page.get_by_role("button", name="Continue").press("Enter")
    await expect(voltage).to_have_text("0.2 V")
    assert meter.asked == asked + 1
    assert tab.complaints == []


async def test_the_form_reaches_the_meter(tab: Tab, meter: Standin) -> None:
    address, password = tab.page.get_by_label("New IP address"), tab.page.get_by_label("Advanced password")
    await expect(address).to_have_value("192.168.1.1")
    await address.fill("10.0.0.256")
    await password.fill("20 0ä")
    await password.press("Enter")
    await expect(tab.page.locator("input:invalid")).to_have_count(1)
    await address.fill("10.0.0.5")
    await password.press("Enter")
    await expect(tab.page.get_by_role("heading", level=1)).to_have_text("Address changed")
    await expect(tab.page.get_by_role("main")).to_contain_text("10.0.0.5")
    assert meter.forms == [(0x0A000005, "20 0ä")]
    assert await tab.page.context.cookies() == []
    assert tab.complaints == []


async def test_everything_can_be_read_without_script(browser: Browser, meter: Standin) -> None:
    context = await browser.new_context(java_script_enabled=False)
    tab = Tab(await context.new_page())
    tab.listen()
    await tab.page.goto(meter.url)
    await expect(tab.page.locator(tab.cell("Current"))).to_have_text("100.0 A")
    await expect(tab.page.locator(tab.cell("Signature"))).to_contain_text("TIMESTAMP SYNCHRONIZED")
    await expect(tab.page.locator("#power")).to_be_hidden()
    await expect(tab.page.locator("#pause")).to_be_hidden()
    await tab.page.get_by_role("link", name="Reload page").click()
    await expect(tab.page.get_by_role("button", name="Save and restart")).to_be_enabled()
    assert tab.requests == [f"{meter.url}/"] * 2
    assert tab.complaints == []
    await context.close()


async def test_the_policy_stops_what_is_not_the_pages_own(browser: Browser, meter: Standin) -> None:
    """The other tests see no violation; here is that they would."""
    context = await browser.new_context()
    await context.add_init_script(WATCH)
    tab = Tab(await context.new_page())
    tab.listen()
    await tab.page.goto(meter.url)
    await tab.page.evaluate(
        """() => {
          for (const [name, fields] of [["script", { textContent: "window.stopped = []" }], ["img", { src: "/" }]])
            document.body.append(Object.assign(document.createElement(name), fields));
          document.body.setAttribute("style", "color: red");
          return fetch("http://192.0.2.1/").catch(() => {});
        }"""
    )
    await tab.page.wait_for_function("window.stopped.length === 4")
    stopped = await tab.page.evaluate("window.stopped")
    assert sorted(stopped) == ["connect-src", "img-src", "script-src-elem", "style-src-attr"]
    await context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 800, 1440])
async def test_nothing_sticks_out(browser: Browser, meter: Standin, width: int, scheme: str) -> None:
    meter.error_1 = 0x1FE0F
    context = await browser.new_context(
        viewport=ViewportSize(width=width, height=800), color_scheme="dark" if scheme == "dark" else "light"
    )
    tab = Tab(await context.new_page())
    await tab.page.goto(meter.url)
    await expect(tab.page.locator("#power path")).to_have_attribute("d", re.compile("M"))
    assert await tab.page.evaluate("document.documentElement.scrollWidth") == width
    overflowing = "[...document.querySelectorAll('section')].filter((part) => part.scrollWidth > part.clientWidth)"
    assert await tab.page.evaluate(f"{overflowing}.map((part) => part.id)") == []
    lightness = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).reduce((sum, part) => sum + +part, 0)"
    assert (await tab.page.evaluate(lightness) < 200) == (scheme == "dark")
    await context.close()


# -- the page of the virtual meter itself ------------------------------------------------------------------------------


@pytest_asyncio.fixture(loop_scope="module")
async def virtual() -> AsyncIterator[VirtualMeter]:
    options = {"serial": "80123456", "load": "constant:100000", "load_follows": "always", "reboot_delay": "0.3"}
    async with VirtualMeter("dmed4", listen="http://127.0.0.1:0", **options) as virtual:
        yield virtual


@asynccontextmanager
async def opened(browser: Browser, url: str) -> AsyncIterator[Tab]:
    """A tab in which nothing leaves for another origin, and the policy stops nothing."""
    context = await browser.new_context()
    await context.add_init_script(WATCH)
    tab = Tab(await context.new_page())
    tab.listen()
    await tab.page.goto(url)
    yield tab
    assert await tab.page.evaluate("window.stopped") == []
    assert {other for other in tab.requests if not other.startswith(f"{url}/")} == set()
    assert await context.cookies() == []
    await context.close()


@pytest.mark.proves("D-330", "D-121")
async def test_the_meter_shows_its_present_values_and_renews_them(browser: Browser, virtual: VirtualMeter) -> None:
    async with opened(browser, virtual.urls[0]) as tab:
        await expect(tab.page).to_have_title("DMED404R1500 80123456")
        await expect(tab.page.locator(tab.cell("Current"))).to_have_text("250.0 A")
        await expect(tab.page.locator(tab.cell("Measurement"))).to_have_text("IDLE")
        await expect(tab.page.locator(tab.cell("IP address"))).to_have_text("192.168.1.1")
        virtual.controls["load"] = "constant:40000"
        await expect(tab.page.locator(tab.cell("Power, negative = export"))).to_have_text("40.0 kW")
        await expect(tab.page.get_by_role("status")).to_have_text("Renewed once a second.")
        virtual.faults["board2-temp-i1-err"] = True
        await expect(tab.page.locator(tab.cell("I1 temperature")).first).to_have_text("no value")
        assert tab.complaints == []


async def change(tab: Tab, ip: str, password: str) -> int:
    """Fill in the form and send it; the status of the answer."""
    await tab.page.get_by_label("New IP address").fill(ip)
    await tab.page.get_by_label("Advanced password").fill(password)
    async with tab.page.expect_response(lambda answer: answer.request.method == "POST") as answered:
        await tab.page.get_by_role("button", name="Save and restart").click()
    return (await answered.value).status


@pytest.mark.proves("D-331", "D-332")
async def test_the_form_of_the_meter_changes_its_address_and_restarts_it(
    browser: Browser, virtual: VirtualMeter
) -> None:
    before = virtual.state["parameters"]
    async with opened(browser, virtual.urls[0]) as tab:
        assert await change(tab, "10.0.0.5", "2000") == 200
        await expect(tab.page.get_by_role("heading", level=1)).to_have_text("Address changed")
        await expect(tab.page.get_by_role("main")).to_contain_text("10.0.0.5")
        async with asyncio.timeout(10):
            while virtual.state["parameters"]["P05_03"] != 0x0A000005 or "closed" in virtual.state["listen"].values():
                await asyncio.sleep(0.05)
        await tab.page.goto(virtual.urls[0])
        await expect(tab.page.locator(tab.cell("IP address"))).to_have_text("10.0.0.5")
    assert virtual.state["parameters"] == before | {"P05_03": 0x0A000005}


@pytest.mark.proves("D-331")
async def test_three_wrong_passwords_in_the_form_lock_the_meter(browser: Browser, virtual: VirtualMeter) -> None:
    context = await browser.new_context()
    statuses = []
    for password in ("1", "2", "3", "2000"):
        tab = Tab(await context.new_page())  # an answer without body leaves the last one on a page of the browser's own
        await tab.page.goto(virtual.urls[0])
        statuses.append(await change(tab, "10.0.0.5", password))
    assert statuses == [403] * 4
    assert virtual.state["parameters"]["P05_03"] == 0xC0A80101
    await context.close()


@pytest.mark.proves("D-331")
async def test_the_form_is_shut_unless_the_meter_is_ready(browser: Browser, virtual: VirtualMeter) -> None:
    virtual.controls["operative"] = "operating"
    async with opened(browser, virtual.urls[0]) as tab:
        await expect(tab.page.get_by_label("New IP address")).to_be_disabled()
        await expect(tab.page.get_by_role("button", name="Save and restart")).to_be_disabled()
        await expect(tab.page.locator("#hint")).to_contain_text("only while the operative status is Ready")
        await expect(tab.page.locator(".badge")).to_have_text("Operative status: Operating")


@pytest.mark.proves("D-330", "D-332")
async def test_a_display_leads_to_the_pages_of_its_meters(browser: Browser) -> None:
    async with (
        VirtualMeter("dmed4:DC1", listen="http://127.0.0.1:0", serial="100", channels="1,3") as display,
        opened(browser, display.urls[0]) as tab,
    ):
        await expect(tab.page.locator(tab.cell("Channel 2"))).to_have_text("no meter")
        await tab.page.get_by_role("link", name="serial number 102").click()
        await expect(tab.page).to_have_title("DMED404R1500 102")
        await expect(tab.page.get_by_role("status")).to_have_text("Renewed once a second.")
        assert f"{display.urls[0]}/v1/3/measure" in tab.requests
        await tab.page.get_by_role("link", name="All channels").click()
        await expect(tab.page.locator(tab.cell("Channel 1"))).to_contain_text("serial number 100")
        assert tab.complaints == []


@pytest.mark.proves("D-332", "D-122")
async def test_with_tls_the_browser_finds_no_page(browser: Browser) -> None:
    async with VirtualMeter("dmed4", listen="https://127.0.0.1:0") as virtual:
        context = await browser.new_context(ignore_https_errors=True)
        url = virtual.urls[0].partition("?")[0]
        answer = await context.request.get(f"{url}/")
        assert answer.status == 404 and await answer.body() == b""
        assert (await (await context.request.get(f"{url}/v1/measure")).json())["voltage"] == 4000
        await context.close()
