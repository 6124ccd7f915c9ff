"""The web pages of a whole gateway with virtual meters, in a real browser: headless Chromium, driven by Playwright."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect

from tests.live.pages import House, Tab, launched, log_in, opened, running

pytestmark = pytest.mark.asyncio(loop_scope="module")
expect.set_options(timeout=15_000)

UNITY = {"ctnum": 1, "ctdenum": 1, "vtnum": 1, "vtdenum": 1}
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


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await launched(playwright)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with running(tmp_path_factory.mktemp("gateway"), browser) as house:
        yield house


@pytest_asyncio.fixture(loop_scope="module")
async def tab(browser: Browser, house: House) -> AsyncIterator[Tab]:
    async with opened(house, browser) as tab:
        yield tab


async def test_login_says_little_locks_and_forces_a_new_password(browser: Browser, house: House) -> None:
    """G-401: one message whatever was wrong, the seconds of a lock; with the one-time password nothing else."""
    assert house.offered == ["Change password", "Logout"]
    async with opened(house, browser, storage_state=None) as tab:
        alert = tab.page.get_by_role("alert")
        await log_in(tab.page, house.user, "wrong")
        await expect(alert).to_have_text("User name or password is wrong.")
        for number in range(5):
            await expect(tab.page.get_by_label("Password", exact=True)).to_have_value("")
            await log_in(tab.page, "ghost", f"wrong {number}")
        await expect(tab.page.get_by_label("Password", exact=True)).to_have_value("")
        if await tab.page.get_by_role("button", name="Login").is_enabled():
            await expect(alert).to_have_text("User name or password is wrong.")
            await log_in(tab.page, "ghost", "wrong again")
        await expect(alert).to_have_text(re.compile(r"Try again in (60|5\d) s"))
        await expect(tab.page.get_by_role("button", name="Login")).to_be_disabled()


async def test_frame_menus_and_addresses(tab: Tab) -> None:
    """G-402, G-408, G-413, G-421: lists, menus by key, the same place after a reload, the way back."""
    page, house = tab.page, tab.house
    menu = page.get_by_role("navigation", name="Menu")
    await expect(menu.get_by_role("link")).to_have_text(["Home", "Segment", "Location", "Meter", "Events", "About"])
    await page.keyboard.press("/")
    await expect(page.get_by_role("searchbox").first).to_be_focused()
    await page.keyboard.type("chil")
    await expect(page.locator("aside .meters a")).to_have_count(1)
    await expect(page.locator("aside .meters a")).to_contain_text("Offline")
    await page.keyboard.press("Escape")
    await page.locator("aside .meters a").first.focus()
    await page.keyboard.press("ArrowDown")
    await expect(page.locator("aside .meters a").nth(1)).to_be_focused()
    for letter, title in (("e", "Events"), ("a", "About"), ("s", "Segment"), ("l", "All locations")):
        await page.keyboard.press("g")
        await page.keyboard.press(letter)
        await expect(page.get_by_role("heading", level=1)).to_have_text(title)
    await page.locator("aside").get_by_role("link", name="Charging park").click()
    await page.locator("aside .meters a").first.click()
    await tab.meter("profile/configuration")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Main board")
    await page.reload()
    await expect(page.get_by_text("Storage items of all channels")).to_be_visible()
    await expect(page.locator("aside [aria-current=true]").first).to_contain_text("Building A")
    await page.go_back()
    await expect(page).to_have_url(re.compile(house.serials["signing"]))
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_edit_save_send(tab: Tab) -> None:
    """G-403, G-404, G-408: marks and counts, leaving asks, Save keeps, Send confirms and reads back."""
    page = tab.page
    await tab.call("POST", f"/meters/{tab.house.serials['full']}/transformersettings", UNITY)
    await tab.meter("general")
    field = page.get_by_label("CT numerator")
    await expect(field).to_have_value("1")
    await expect(page.get_by_role("button", name="Send", exact=True)).to_be_disabled()
    await field.fill("0")
    await expect(page.get_by_text("A whole number 1 to 999999")).to_be_visible()
    await expect(page.get_by_role("button", name="Send (1)")).to_be_disabled()
    await field.fill("100")
    await expect(page.get_by_text("CT ratio: 100")).to_be_visible()
    await page.get_by_role("link", name="Alarms").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(field).to_have_value("100")
    await page.get_by_role("button", name="Save").click()
    await page.get_by_role("link", name="Alarms").click()
    await expect(page.get_by_text("General settings 1")).to_be_visible()
    await expect(page.get_by_role("button", name="Send (1)")).to_be_enabled()
    await page.get_by_role("link", name="General settings").click()
    await expect(field).to_have_value("100")
    await field.press("Enter")
    await expect(page.locator("[data-kind=sent]")).to_contain_text("Transformer ratio: sent")
    assert (await tab.told("info"))["ratio"]["ctnum"] == 100
    # A failure leaves the change where it was.
    await page.route("**/energy/conversionfactor", fail)
    await page.get_by_label("CO₂ (kg/kWh)").fill("0.5")
    await page.get_by_role("button", name="Send (1)").click()
    await expect(page.locator("[data-kind=failed]")).to_contain_text(
        "received invalid response from COSEM. at currency"
    )
    await expect(page.get_by_role("button", name="Send (1)")).to_be_enabled()
    await page.get_by_role("button", name="Undo").click()


async def fail(route: object) -> None:
    """A meter that does not answer to a write."""
    if route.request.method == "GET":  # type: ignore[attr-defined]
        await route.continue_()  # type: ignore[attr-defined]
    else:
        text = '{"status":"error","des":"received invalid response from COSEM. at currency"}'
        await route.fulfill(status=500, content_type="application/json", body=text)  # type: ignore[attr-defined]


async def test_two_users_and_what_destroys(tab: Tab) -> None:
    """G-405, G-406, G-451: both values are shown; the name is in the question; Cancel is the default."""
    page, path = tab.page, f"/meters/{tab.house.serials['full']}/previousvalues/configuration"
    await tab.call("POST", path, {"interval": "daily", "pvconfig": [1, 2]})
    await tab.meter("previous/configuration")
    await page.get_by_label("Period").select_option("monthly")
    await tab.call("POST", path, {"interval": "weekly", "weekday": 3, "pvconfig": [1, 2]})
    await page.get_by_role("button", name="Send (").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("All stored previous values of Main board")
    await expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    await dialog.get_by_role("button", name="Send").click()
    await expect(dialog.get_by_role("heading")).to_have_text("Changed by somebody else")
    await expect(dialog.get_by_role("row", name="Period")).to_have_text(re.compile("daily.*weekly.*monthly"))
    await dialog.get_by_role("button", name="Send mine").click()
    await expect(page.locator("[data-kind=sent]")).to_be_visible()
    assert (await tab.call("GET", path))["interval"] == "monthly"
    await page.get_by_role("link", name="Stored values").click()
    await page.get_by_role("button", name="Clear").click()
    await page.keyboard.press("Enter")
    await expect(dialog).to_have_count(0)
    await expect(page.get_by_role("button", name="Clear")).to_be_focused()


async def test_live_values_and_a_session_that_ends(tab: Tab) -> None:
    """G-407, G-412, G-445: values renew; a break shows; a new login finds the unsent changes."""
    page = tab.page
    await tab.meter("live")
    figure = page.locator("[data-quantity=active_power_total]")
    await tab.call("POST", f"/meters/{tab.house.serials['full']}/transformersettings", UNITY)
    for watts in (1100, 2200):
        tab.house.load(watts)
        await expect(figure).to_have_text(re.compile(rf"^{watts}(\.0+)? W$"))
    await expect(page.locator("[data-live=true]")).to_be_visible()
    await expect(page.get_by_role("row", name="Apparent power")).to_contain_text("VA")
    await expect(page.get_by_role("heading", name="Status flags")).to_be_visible()
    # The stream stays: values do not make it begin again.
    assert len([url for url in tab.requests if "/live" in url]) <= 3
    await page.route("**/api/v1/live*", lambda route: route.abort())
    await page.get_by_role("link", name="General settings").click()
    await page.get_by_label("VT numerator").fill("7")
    await page.get_by_role("button", name="Save").click()
    await page.get_by_role("link", name="Live values").click()
    await expect(page.get_by_text(re.compile("not live"))).to_be_visible()
    await page.unroute("**/api/v1/live*")
    await expect(page.locator("[data-live=true]")).to_be_visible()
    cookies = await tab.context.cookies()
    await tab.context.clear_cookies()
    await page.get_by_role("link", name="General settings").click()
    dialog = page.get_by_role("dialog", name="Log in again")
    await expect(dialog).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_visible()
    await log_in(page, tab.house.user, tab.house.password)
    await expect(dialog).to_have_count(0)
    await expect(page.get_by_label("VT numerator")).to_have_value("7")
    await page.get_by_role("button", name="Undo").is_disabled()
    await tab.context.add_cookies(cookies)


async def test_who_may_only_look_and_what_a_meter_lacks(tab: Tab, browser: Browser) -> None:
    """G-402, G-410, G-411, G-459: without the right no Send and no Segment; pages that a meter lacks are absent."""
    house = tab.house
    if "viewer" not in [user["name"] for user in (await tab.call("GET", "/users"))["users"]]:
        await tab.call("PUT", "/users", {"name": "viewer", "key": "only looking"})
    async with opened(house, browser, storage_state=None) as other:
        await log_in(other.page, "viewer", "only looking")
        menu = other.page.get_by_role("navigation", name="Menu")
        await expect(menu.get_by_role("link")).to_have_text(["Home", "Location", "Meter", "Events", "About"])
        await other.meter("general")
        await expect(other.page.get_by_text("CT denominator")).to_be_visible()
        await expect(other.page.get_by_role("button", name="Send")).to_have_count(0)
        await expect(other.page.get_by_role("textbox", name="CT")).to_have_count(0)
        await other.meter("live", "signing")
        pages = other.page.get_by_role("navigation", name="Pages of the meter")
        await expect(pages.get_by_role("link", name="Pulse output")).to_have_count(0)
        await expect(pages.get_by_role("link", name="Charging sessions")).to_be_visible()
        await other.meter("live", "dc")
        await expect(other.page.get_by_role("row", name="Active power")).to_be_visible()
        await expect(other.page.get_by_role("row", name="Reactive power")).to_have_count(0)


async def choose(page: Page, label: str, value: str) -> None:
    await page.get_by_label(label, exact=True).select_option(value)


async def edit_demand(page: Page) -> None:
    await choose(page, "Interval", "900")
    assert await page.get_by_label("Sub-interval").locator("option").all_inner_texts() == [
        "1 min",
        "3 min",
        "5 min",
        "15 min",
    ]
    await choose(page, "Sub-interval", "300")
    await page.get_by_role("button", name="Add").click()
    await choose(page, "Kind", "min")
    await page.get_by_role("button", name="OK").click()


async def edit_profile(page: Page) -> None:
    await page.get_by_role("button", name="Channel 3").click()
    await choose(page, "Interval", "3600")
    await choose(page, "Value", "1")
    await page.get_by_label("Storage items", exact=True).fill("39999")
    await expect(page.get_by_role("button", name="Send (1)")).to_be_disabled()
    await page.get_by_label("Storage items", exact=True).fill("100")
    await page.get_by_role("button", name="OK").click()


async def edit_alarm(page: Page) -> None:
    await page.get_by_role("button", name="Alarm 2", exact=True).click()
    await choose(page, "Value", "69")
    await page.get_by_label("On threshold").fill("253.5")
    await page.get_by_label("On delay").fill("10")
    await page.get_by_label("Off threshold").fill("250")
    await page.get_by_label("Log").check()
    await page.get_by_role("button", name="OK").click()
    await expect(page.get_by_role("button", name="Alarm 2", exact=True)).to_be_focused()


async def edit_day(page: Page) -> None:
    await page.get_by_role("button", name="Add switch point").click()
    await page.get_by_label("Start time").last.fill("23:00")
    await page.get_by_label("Action").last.select_option("3")


async def edit_week(page: Page) -> None:
    await page.get_by_role("button", name="Add").click()
    await page.get_by_label("Name").fill("Week9")
    await page.get_by_label("Sun", exact=True).select_option("9")
    await expect(page.get_by_text("Day profile 9 does not exist")).to_be_visible()
    await expect(page.get_by_role("button", name="Save")).to_be_disabled()
    await page.get_by_label("Sun", exact=True).select_option("2")
    await page.get_by_role("button", name="OK").click()


async def edit_season(page: Page) -> None:
    await page.get_by_role("button", name="Add").click()
    await choose(page, "From month", "6")
    await page.get_by_role("button", name="OK").click()


async def edit_special(page: Page) -> None:
    await page.get_by_role("button", name="Add").click()
    await choose(page, "Day", "24")
    await choose(page, "Month", "12")
    await page.get_by_role("button", name="OK").click()


async def edit_pulse(page: Page) -> None:
    await page.get_by_role("button", name="Pulse output 2").click()
    await choose(page, "Port", "4")
    await page.get_by_label("Pulse length").fill("991")
    await expect(page.get_by_text("A whole number 10 to 990")).to_be_visible()
    await page.get_by_label("Pulse length").fill("120")
    await page.get_by_role("button", name="OK").click()


async def edit_line(page: Page) -> None:
    await page.get_by_role("button", name="Line 4").click()
    await choose(page, "Function", "5")
    await page.get_by_role("button", name="OK").click()


async def edit_factors(page: Page) -> None:
    await page.get_by_label("CO₂ (kg/kWh)").fill("9.999")
    await expect(page.get_by_text("Must be below 9.999")).to_be_visible()
    await page.get_by_label("CO₂ (kg/kWh)").fill("0.412")
    await choose(page, "Active tariff", "2")
    await page.get_by_role("checkbox", name="Summer time").set_checked(True)
    for label, value in {"month": "3", "weekday": "7", "which in the month": "254", "hour": "2"}.items():
        await page.get_by_label(f"Begins: {label}").select_option(value)
        await page.get_by_label(f"Ends: {label}").select_option("10" if label == "month" else value)


#: What the meter has before.
BEFORE = (
    ("loadprofiles/configuration", {"lpconfig": [[900, 1, 20000], [900, 69, 4960]]}),
    ("tariff/dayprofiles", {"actions": [[1, "00:00"], [2, "06:00"]], "profile": 1}),
    ("tariff/dayprofiles", {"actions": [[1, "00:00"]], "profile": 2}),
    ("tariff/weekprofiles", {"weekprofiles": [{"dayid": [1, 1, 1, 1, 1, 2, 2], "profile": "Week1"}]}),
)
#: Pages of the meter: what is changed, whether a question precedes, where it is read and what must be in there.
EDITS: list[tuple[str, Callable[[Page], Awaitable[None]], bool, str, str]] = [
    ("general", edit_factors, False, "energy/conversionfactor", "'0.412'"),
    ("profile/configuration", edit_profile, True, "loadprofiles/configuration", "[3600, 1, 100]"),
    ("demand/configuration", edit_demand, True, "demand/configuration", "'interval': [900, 300]"),
    ("tariff/day", edit_day, False, "tariff/dayprofiles", "[3, '23:00']"),
    ("tariff/week", edit_week, False, "tariff/weekprofiles", "'Week9'"),
    ("tariff/season", edit_season, False, "tariff/seasonprofiles", "'month': 6"),
    ("tariff/special", edit_special, False, "tariff/specialdayprofiles", "'day': 24"),
    ("io", edit_line, False, "io/configuration", "'always_on'"),
    ("pulse", edit_pulse, False, "io/pulse", "'length': 120"),
    ("alarms", edit_alarm, False, "alarms/configuration", "253.5"),
]


async def test_every_page_that_sends(tab: Tab) -> None:
    """One change on each page reaches the meter and is read back."""
    for path, body in BEFORE:
        await tab.call("POST", f"/meters/{tab.house.serials['full']}/{path}", body)
    for place, edit, asks, path, wanted in EDITS:
        await tab.meter(place)
        await edit(tab.page)
        await tab.send(sure=asks)
        answer = await tab.told(path)
        assert wanted in str(answer), f"{place}: {answer}"
    page = tab.page
    await tab.meter("general")
    await page.get_by_role("checkbox", name="Active energy export", exact=True).check()
    await tab.send(sure=True)
    counted = await tab.told("energy/resetcounter")
    await expect(page.get_by_role("row", name=re.compile("^Active energy export"))).to_contain_text(
        counted["resetcounter"]["activeexport"][0]
    )


async def test_stored_rows_and_logs(tab: Tab) -> None:
    """G-451 to G-453, G-458: rows with their status, a plot, a file."""
    page = tab.page
    await tab.call(
        "POST", f"/meters/{tab.house.serials['full']}/loadprofiles/configuration", {"lpconfig": [[900, 1, 1000]]}
    )
    tab.house.pass_hours(8)
    await tab.meter("profile")
    await expect(page.get_by_role("img", name="over time")).to_be_visible()
    await expect(page.get_by_role("columnheader", name="(Wh)")).to_be_visible()
    async with page.expect_download() as download:
        await page.get_by_role("button", name="CSV").click()
    lines = (await (await download.value).path()).read_text("utf-8-sig").splitlines()
    assert lines[0].startswith("Time,") and lines[0].endswith(",Status") and len(lines) > 20
    await tab.meter("demand")
    await expect(page.get_by_role("columnheader", name="Time")).to_be_visible()
    await tab.meter("logs")
    await expect(page.get_by_role("heading", name="Net quality log")).to_be_visible()


async def test_charging_sessions(tab: Tab) -> None:
    """Beyond the manual: begin and end a session; the verdict says why."""
    page = tab.page
    await tab.meter("sessions", "signing")
    await page.get_by_text("New session").click()
    await page.get_by_label("Identification").fill("contract-id: 1")
    await page.get_by_role("button", name="Begin").click()
    await expect(page.locator("[data-running]")).to_contain_text("contract-id: 1")
    await page.get_by_role("button", name="End session").click()
    await page.get_by_role("dialog").get_by_role("button", name="End session").click()
    await expect(page.locator("[data-running]")).to_have_count(0)
    await page.get_by_role("row", name="contract-id: 1").get_by_role("link").click()
    await expect(page.get_by_role("heading", name="The verdict and its reasons")).to_be_visible()
    await expect(page.get_by_text(re.compile(r"Signature \(begin\): valid"))).to_be_visible()
    await expect(page.get_by_text(re.compile(r"Signature \(end\): valid"))).to_be_visible()
    await expect(page.get_by_text("The session: begin and end belong together")).to_be_visible()
    await expect(page.get_by_text("This is a technical check.")).to_be_visible()


async def test_segment(tab: Tab) -> None:
    """G-425 to G-434: settings with their limits, scan and registration, users, firmware by name of its refusal."""
    page = tab.page
    await tab.show("segment/settings")
    alias = page.locator("[data-resource=gateway-name]").get_by_label("Alias")
    await alias.fill("Twenty-one characters")
    await expect(alias).to_have_value("Twenty-one character")
    await alias.fill("Yard")
    dhcp = page.get_by_role("checkbox", name="DHCP")
    await expect(page.get_by_text("The values are stored only.")).to_be_visible()
    await dhcp.uncheck()
    await expect(page.get_by_role("checkbox", name="DNS")).to_have_count(0)
    await page.get_by_label("Primary DNS").fill("1.2.3.256")
    await expect(page.get_by_text("Four numbers 0 to 255 with dots")).to_be_visible()
    await page.get_by_label("Primary DNS").fill("0.0.0.0")
    await dhcp.check()
    await page.locator("[data-resource=gateway-clock]").get_by_role("button", name="Take from this computer").click()
    await tab.send()
    assert (await tab.call("GET", "/gateway"))["alias"] == "Yard"
    await tab.show("segment/gateway-firmware")
    await page.get_by_label("Choose file").set_input_files({"name": "x.bin", "mimeType": "", "buffer": b"image"})
    await page.get_by_role("button", name="Transfer image").click()
    await expect(page.get_by_text("The image is in the gateway.")).to_be_visible()
    await page.get_by_role("button", name="Update firmware").click()
    await page.get_by_role("dialog").get_by_role("button", name="Update firmware").click()
    await expect(page.locator("[data-kind=failed]")).to_contain_text("firmware installation is not configured")


async def test_scan_registration_and_users(tab: Tab) -> None:
    """G-431 to G-434: nothing before Send; a found meter is added, renamed, deleted; a user is made and removed."""
    page, found = tab.page, tab.house.serials["found"]
    await tab.show("segment/scan")
    await page.get_by_label("EQ bus").check()
    await page.get_by_label("Start", exact=True).fill("21")
    await page.get_by_label("End", exact=True).fill("21")
    await page.get_by_role("button", name="Scan", exact=True).click()
    await expect(page.get_by_role("row", name=found)).to_be_visible()
    await page.get_by_role("row", name=found).get_by_label("Location").fill("Attic")
    await page.get_by_role("row", name=found).get_by_role("button").click()
    await tab.send()
    await expect(page.locator("aside")).to_contain_text("Attic")
    await tab.show("segment/registration")
    card = page.locator(f"[data-serial='{found}']")
    await card.get_by_label("Alias").fill("Roof")
    await card.get_by_role("button", name="Save").click()
    await tab.send()
    await expect(page.locator("aside")).to_contain_text("Roof")
    await card.get_by_role("button", name="Delete").click()
    await tab.send(sure=True)
    await expect(page.locator("aside")).not_to_contain_text("Attic")
    await tab.show("segment/users")
    await expect(page.get_by_role("checkbox", name="Gateway Admin")).to_be_disabled()
    await page.get_by_label("New user name").fill("Anna")
    await expect(page.get_by_role("button", name="Add user")).to_be_disabled()
    await page.get_by_label("New user name").fill("anna")
    await page.get_by_role("button", name="Add user").click()
    await page.get_by_label("New password").first.fill("walls and doors")
    await page.get_by_label("Confirm password").first.fill("walls and door")
    await expect(page.get_by_text("The two new passwords differ.")).to_be_visible()
    await page.get_by_label("Confirm password").first.fill("walls and doors")
    await page.get_by_label("Access: Charging park").select_option("Configure")
    await page.get_by_role("checkbox", name="Gateway Admin").check()
    await tab.send()
    access = (await tab.call("GET", "/users/anna/bindings"))["bindings"]
    assert {row["access"] for row in access if row["serial"] == tab.house.serials["signing"]} == {"Configure"}
    await expect(page.get_by_label("New password").first).to_have_value("")
    await page.get_by_role("button", name="Delete user").click()
    await tab.send(sure=True)
    assert "anna" not in str(await tab.call("GET", "/users"))


async def test_home_location_events_and_about(tab: Tab) -> None:
    """G-420, G-440, G-460, G-465."""
    page = tab.page
    await expect(page.get_by_role("row", name="Charging park")).to_contain_text("W")
    await expect(page.get_by_role("row", name="Charging park")).to_contain_text("2 of 2 meters")
    assert 1 <= await page.locator(".events li").count() <= 10
    await expect(page.locator(".events li").first).to_have_text(re.compile(r"^20\d\d-\d\d-\d\d "))
    await tab.show("location/Building%20A")
    await page.locator("main").get_by_role("searchbox").fill("main")
    await expect(page.locator("main tbody tr")).to_have_count(1)
    await expect(page.locator("main tbody tr")).to_contain_text("kWh")
    await page.get_by_role("button", name="Active power").click()
    await expect(page.locator("[aria-sort=descending]")).to_contain_text("Active power")
    await tab.show("events")
    await expect(page.locator("tbody tr").last).to_contain_text("Gateway started")
    await page.get_by_role("searchbox", name="Search events").fill("started")
    await expect(page.locator("tbody tr")).to_have_count(1)
    await page.get_by_role("button", name="Reset").click()
    await expect(page.get_by_role("dialog").get_by_role("button", name="Cancel")).to_be_focused()
    await page.keyboard.press("Escape")
    await tab.show("about")
    await expect(page.get_by_role("row", name="JSON API version")).to_contain_text("1.0")
    await page.get_by_role("row", name="Parts of these pages").get_by_role("button").click()
    await expect(page.get_by_role("dialog")).to_contain_text("uplot")


PLACES = (
    "home", "location", "events", "about", "segment/settings", "segment/registration", "segment/scan", "segment/users",
    "meter/FULL/live", "meter/FULL/general", "meter/FULL/profile", "meter/FULL/demand/configuration",
    "meter/FULL/tariff/special", "meter/FULL/io", "meter/FULL/alarms", "meter/SIGNING/sessions",
)  # fmt: skip


@pytest.mark.parametrize(("scheme", "language"), [("light", "de-DE"), ("dark", "en-GB")])
async def test_narrow_pages_fit_and_can_be_read(browser: Browser, house: House, scheme: str, language: str) -> None:
    """G-409: nothing is wider than 320 px, in both languages; contrast is 4.5 at least in both schemes."""
    options = {"viewport": {"width": 320, "height": 640}, "color_scheme": scheme, "locale": language}
    async with opened(house, browser, **options) as tab:
        await expect(tab.page.locator("html")).to_have_attribute("lang", language[:2])
        for place in PLACES:
            await tab.show(place.replace("FULL", house.serials["full"]).replace("SIGNING", house.serials["signing"]))
            await expect(tab.page.locator("main h1")).to_be_visible()
            await expect(tab.page.get_by_text(re.compile("Loading …|Lädt …"))).to_have_count(0)
            assert await tab.page.evaluate("document.documentElement.scrollWidth") <= 320, place
            assert await tab.page.evaluate(CONTRAST) == [], place
