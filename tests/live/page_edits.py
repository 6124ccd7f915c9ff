"""What a user does on each page of a meter from which something can be sent, and what a gateway tells afterwards."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from playwright.async_api import Page, expect

#: What the meter has before: path and body of a POST.
BEFORE = (
    ("loadprofiles/configuration", {"lpconfig": [[900, 1, 20000], [900, 69, 4960]]}),
    ("io/configuration", {"ioconfig": [1, 0, 0, 3]}),
    ("tariff/dayprofiles", {"actions": [[1, "00:00"], [2, "06:00"]], "profile": 1}),
    ("tariff/dayprofiles", {"actions": [[1, "00:00"]], "profile": 2}),
    ("tariff/weekprofiles", {"weekprofiles": [{"dayid": [1, 1, 1, 1, 1, 2, 2], "profile": "Week1"}]}),
)
RULE = {"month": "3", "weekday": "7", "which in the month": "254", "hour": "2"}


async def choose(page: Page, label: str, value: str) -> None:
    await page.get_by_label(label, exact=True).select_option(value)


async def close_messages(page: Page) -> None:
    await page.locator(".message button").evaluate_all("buttons => buttons.forEach((one) => one.click())")


async def general(page: Page) -> None:
    """Factors with their bound, tariff, inputs only with their source, a rule for summer time."""
    await page.get_by_label("CO₂ (kg/kWh)").fill("9.999")
    await expect(page.get_by_text("Must be below 9.999")).to_be_visible()
    await page.get_by_label("CO₂ (kg/kWh)").fill("0.412")
    await choose(page, "Tariff source", "2")
    await expect(page.get_by_label("Active tariff")).to_have_count(0)
    await expect(page.get_by_label("Input 4 on, 3 off")).to_have_value("3")
    await choose(page, "Tariff source", "1")
    await choose(page, "Active tariff", "2")
    await page.get_by_role("checkbox", name="Summer time").set_checked(True)
    for label, value in RULE.items():
        await page.get_by_label(f"Begins: {label}").select_option(value)
        await page.get_by_label(f"Ends: {label}").select_option("10" if label == "month" else value)


async def profile(page: Page) -> None:
    """A channel whose items would be too many for all."""
    await page.get_by_role("button", name="Channel 3").click()
    await choose(page, "Interval", "3600")
    await choose(page, "Value", "1")
    await page.get_by_label("Storage items", exact=True).fill("39999")
    await expect(page.get_by_text("Storage items of all channels: 64959 of 40000")).to_be_visible()
    await expect(page.get_by_role("button", name="Send (1)")).to_be_disabled()
    await page.get_by_label("Storage items", exact=True).fill("100")
    await page.get_by_role("button", name="OK").click()


async def demand(page: Page) -> None:
    """Only sub-intervals that divide are offered."""
    await choose(page, "Interval", "900")
    offered = await page.get_by_label("Sub-interval").locator("option").all_inner_texts()
    assert offered == ["1 min", "3 min", "5 min", "15 min"]
    await choose(page, "Sub-interval", "300")
    await page.get_by_role("button", name="Add").click()
    await choose(page, "Kind", "min")
    await page.get_by_role("button", name="OK").click()


async def week(page: Page) -> None:
    """A week, after a day that was saved: both go. A week of an unknown day cannot even be saved."""
    await page.get_by_role("link", name="Day", exact=True).click()
    await page.get_by_role("button", name="Add switch point").click()
    await page.get_by_label("Start time").last.fill("23:00")
    await page.get_by_label("Action").last.select_option("3")
    await expect(page.get_by_text("3 of 30")).to_be_visible()
    await page.get_by_role("button", name="Save").click()
    await page.get_by_role("link", name="Week", exact=True).click()
    await page.get_by_role("button", name="Add").click()
    await page.get_by_label("Name").fill("Week9")
    await page.get_by_label("Sun", exact=True).select_option("9")
    await expect(page.get_by_text("Day profile 9 does not exist")).to_be_visible()
    await expect(page.get_by_role("button", name="Save")).to_be_disabled()
    await page.get_by_label("Sun", exact=True).select_option("2")
    await expect(page.get_by_text("2 of 4")).to_be_visible()
    await page.get_by_role("button", name="OK").click()


async def season(page: Page) -> None:
    """A season of a week that is there."""
    await page.get_by_role("button", name="Add").click()
    await choose(page, "From month", "6")
    await page.get_by_role("button", name="OK").click()


async def special(page: Page) -> None:
    """A day of every year."""
    await page.get_by_role("button", name="Add").click()
    await choose(page, "Day", "24")
    await choose(page, "Month", "12")
    await page.get_by_role("button", name="OK").click()


async def lines(page: Page) -> None:
    """An output is switched, after a question; then a line gets another function."""
    states = page.locator("section", has=page.get_by_role("heading", name="States"))
    line = states.get_by_role("row", name=re.compile("^1 "))
    await expect(line).to_contain_text("off")
    await line.get_by_role("button", name="Switch on").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("Main board")
    await dialog.get_by_role("button", name="Yes, do it").click()
    await expect(line.get_by_role("button", name="Switch off")).to_be_visible()
    await close_messages(page)
    await page.get_by_role("button", name="Line 4").click()
    await choose(page, "Function", "5")
    await page.get_by_role("button", name="OK").click()


async def pulses(page: Page) -> None:
    """A length out of range, then one in it."""
    await page.get_by_role("button", name="Pulse output 2").click()
    await choose(page, "Port", "3")
    await page.get_by_label("Pulse length").fill("991")
    await expect(page.get_by_text("A whole number 10 to 990")).to_be_visible()
    await page.get_by_label("Pulse length").fill("120")
    await page.get_by_role("button", name="OK").click()


async def alarms(page: Page) -> None:
    """An alarm with all that it has; the focus returns to its row."""
    await page.get_by_role("button", name="Alarm 2", exact=True).click()
    await choose(page, "Value", "69")
    await page.get_by_label("On threshold").fill("253.5")
    await page.get_by_label("On delay").fill("10")
    await page.get_by_label("Off threshold").fill("250")
    await page.get_by_label("Off delay").fill("5")
    await page.get_by_label("Log").check()
    await choose(page, "Output", "1")
    await page.get_by_role("button", name="OK").click()
    await expect(page.get_by_role("button", name="Alarm 2", exact=True)).to_be_focused()


#: Places of a meter: what is done, whether a question precedes, where it is read, and what must be in there.
EDITS: tuple[tuple[str, Callable[[Page], Awaitable[None]], bool, str, str], ...] = (
    ("general", general, False, "energy/conversionfactor", "'0.412'"),
    ("profile/configuration", profile, True, "loadprofiles/configuration", "[3600, 1, 100]"),
    ("demand/configuration", demand, True, "demand/configuration", "'interval': [900, 300]"),
    ("tariff/week", week, False, "tariff/weekprofiles", "'Week9'"),
    ("tariff/season", season, False, "tariff/seasonprofiles", "'month': 6"),
    ("tariff/special", special, False, "tariff/specialdayprofiles", "'day': 24"),
    ("io", lines, False, "io/configuration", "'always_on'"),
    ("pulse", pulses, False, "io/pulse", "'length': 120"),
    ("alarms", alarms, False, "alarms/configuration", "253.5"),
)
