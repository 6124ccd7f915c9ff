"""The verification page in a real browser: headless Chromium, driven by Playwright, the page opened from the disk.

It is a second verifier, so it is held against the first one: on every vector of its formats, on changed records and on
records signed here. Where they differ the specification says whose fault it is.
"""

from __future__ import annotations

import asyncio
import base64
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect

from tests.live.pages import CONTRAST, WATCH, launched
from tests.live.verdict_cases import (
    curve_cases,
    encoded,
    prediction_cases,
    resigned,
    session_containers,
    session_texts,
    snapshots,
)
from tests.live.verdicts import Case, changed, disagreement, vector_cases
from tests.signed.conftest import NOW, Forge
from wattproof.gateway.serve.static import FOLDER, Pages
from wattproof.io.http import HttpServer, Request
from wattproof.signed import examine
from wattproof.signed.profiles import chargy, safe
from wattproof.signed.texts import KEY_ORIGIN, NOTICE, TEXTS, VERDICTS
from wattproof.wire.http1 import Response

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGE = (FOLDER / "verify.html").as_uri()
SEED, MUTATIONS, RESIGNED = 20261, 600, 400
EXAMINE = """async ([cases, options]) => {
  const found = [];
  for (const [text, publicKey] of cases) {
    const data = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
    found.push(await window.wattproof.examine(data, { publicKey, ...options }));
  }
  return found;
}"""
WITHOUT_WEBCRYPTO = "Object.defineProperty(crypto, 'subtle', { value: undefined })"
VERIFIES = """async (cases) => {
  const bytes = (text) => Uint8Array.from(text.match(/../g) || [], (one) => parseInt(one, 16));
  const found = [];
  for (const [curve, key, hash, message, signature] of cases)
    found.push(await window.wattproof.verifies(curve, key, hash, bytes(message), bytes(signature)));
  return found;
}"""
DROP = """([name, text]) => {
  const files = new DataTransfer();
  files.items.add(new File([text], name));
  const event = new DragEvent('drop', { dataTransfer: files, bubbles: true, cancelable: true });
  document.querySelector('main').dispatchEvent(event);
}"""


@dataclass
class Tab:
    """The page, with all that it asked for and complained about."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    async def examine(self, cases: Sequence[Case], **options: Any) -> list[dict[str, Any]]:
        given = [[base64.b64encode(data).decode(), key] for data, key in cases]
        found: list[dict[str, Any]] = await self.page.evaluate(EXAMINE, [given, {"now": NOW, **options}])
        return found

    async def agrees(self, cases: Sequence[Case]) -> list[dict[str, Any]]:
        reports = await self.examine(cases)
        for number, (case, report) in enumerate(zip(cases, reports, strict=True)):
            differ = disagreement(case, report)
            assert differ is None, f"case {number}: {case!r}\npython {differ[0]}\npage   {differ[1]}"
        return reports

    async def paste(self, text: str, key: str = "") -> None:
        await self.page.get_by_label("Or paste a record").fill(text)
        await self.page.get_by_label("Public key of the meter").fill(key)
        await self.page.get_by_role("button", name="Check").click()
        await expect(self.page.get_by_role("heading", name="Result")).to_be_focused()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await launched(playwright)
        yield browser
        await browser.close()


@asynccontextmanager
async def opened(browser: Browser, url: str = PAGE, script: str = "", **options: Any) -> AsyncIterator[Tab]:
    """The page in a fresh profile. It may ask for nothing but itself, break no policy and complain about nothing."""
    context = await browser.new_context(**{"locale": "en-GB", **options})
    context.set_default_timeout(15_000)
    await context.add_init_script(WATCH + script)
    tab = Tab(await context.new_page())
    tab.page.on("request", lambda request: tab.requests.append(request.url))
    tab.page.on("console", lambda message: tab.complaints.append(message.text))
    tab.page.on("pageerror", lambda error: tab.complaints.append(str(error)))
    await tab.page.goto(url)
    await expect(tab.page.get_by_role("heading", level=1)).to_be_visible()
    try:
        yield tab
        stopped = await tab.page.evaluate("window.stopped")
        away = [one for one in tab.requests if one != url and not one.startswith("data:")]
        assert (stopped, away, tab.complaints) == ([], [], [])
    finally:
        await context.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tab(browser: Browser) -> AsyncIterator[Tab]:
    async with opened(browser) as tab:
        yield tab


# --- agreement ------------------------------------------------------------------------------------------------------


async def test_agrees_on_every_vector(tab: Tab, vectors: Path) -> None:
    cases = dict(vector_cases(vectors))
    reports = dict(zip(cases, await tab.examine(list(cases.values())), strict=True))
    differing = {name: disagreement(cases[name], report) for name, report in reports.items()}
    assert {name: both for name, both in differing.items() if both is not None} == {}
    read = [name for name, report in reports.items() if "F-EXTRA" not in json.dumps(report)]
    assert len(read) >= 100


async def test_agrees_on_changed_vectors(tab: Tab, vectors: Path) -> None:
    source = random.Random(SEED)
    print(f"seed {SEED}")
    cases = [case for name, case in vector_cases(vectors) if name.endswith((".ocmf", ".xml", ".json"))]
    mutations = []
    for _ in range(MUTATIONS):
        data, key = source.choice(cases)
        mutations.append((changed(data, source), source.choice((key, None))))
    await tab.agrees(mutations)


async def test_agrees_on_records_changed_before_they_are_signed(tab: Tab) -> None:
    """What other programs would say depends on fields that are rightly signed and still not as they expect."""
    forge, source = Forge(), random.Random(SEED)
    print(f"seed {SEED}")
    reports = await tab.agrees(list(resigned(forge, source, RESIGNED)))
    verdicts = Counter(one["verdict"] for each in reports for s in each["sessions"] for one in s["profiles"].values())
    assert min(verdicts[name] for name in ("valid", "invalid", "refused")) >= 50


@pytest.mark.proves("T-110", "T-111")
async def test_agrees_on_every_row_of_the_predictions(tab: Tab, vectors: Path) -> None:
    forge = Forge()
    cases = dict(prediction_cases(forge, vectors))
    await tab.agrees(list(cases.values()))
    found = await tab.examine(list(cases.values()))
    units = [unit for each in found for unit in (*each["sessions"], *each["records"])]
    reasons = {reason for unit in units for p in unit.get("profiles", {}).values() for reason in p["reasons"]}
    rows = {row.code for profile in (safe, chargy) for table in profile.TABLES.values() for row in table}
    elsewhere = {"P-S-CONTAINER", "P-C-OCPP"}  # of containers that the page does not read
    assert rows | {"P-C-GROUP"} == reasons | elsewhere


async def test_agrees_when_test_keys_are_allowed(tab: Tab) -> None:
    published = Forge(identity="METER0001")
    cases = [(published.session().encode(), key) for key in (published.key, None)]
    for allowed in (False, True):
        found = await tab.examine(cases, allowTestKeys=allowed)
        for case, report in zip(cases, found, strict=True):
            assert disagreement(case, report, allow_test_keys=allowed) is None
        assert found[0]["sessions"][0]["overall"] == ("green" if allowed else "yellow")
        severity = next(f["severity"] for f in found[0]["records"][0]["findings"] if f["code"] == "F-TEST-KEY")
        assert severity == ("info" if allowed else "warning")


async def test_agrees_on_signed_sessions(tab: Tab) -> None:
    forge = Forge()
    texts = [(text.encode(), key) for text in session_texts(forge) for key in (forge.key, None)]
    await tab.agrees([*texts, *((data, None) for data in session_containers(forge))])
    session = (await tab.examine(texts[:1]))[0]["sessions"][0]
    assert session["overall"] == "green" and session["energy"] == {"value": "12.240", "unit": "kWh"}


async def test_agrees_on_encodings_and_snapshots(tab: Tab, vectors: Path) -> None:
    forge = Forge()
    cases = [(data, key) for data in encoded(forge) for key in (forge.key, None)]
    await tab.agrees([*cases, *((data, None) for data in snapshots(vectors))])
    reports = json.dumps(await tab.examine(cases))
    assert all(code in reports for code in ("F-XML-ENCODING", "F-UTF8", "F-BOM", "F-XML"))


@pytest.mark.parametrize("script", ["", WITHOUT_WEBCRYPTO], ids=["WebCrypto", "library"])
async def test_agrees_on_every_curve_with_and_without_webcrypto(browser: Browser, script: str) -> None:
    _, kinds, cases = zip(*curve_cases(), strict=True)
    async with opened(browser, script=script) as tab:
        assert await tab.page.evaluate("crypto.subtle === undefined") is (script != "")
        await tab.agrees(cases)
        for kind, report in zip(kinds, await tab.examine(cases), strict=True):
            assert report["records"][0]["signature"] == ("invalid" if kind == "invalid" else "valid")
            assert ("F-TEST-KEY" in json.dumps(report)) is (kind == "test key")


def _wycheproof(vectors: Path) -> Iterator[tuple[list[str], bool]]:
    """Every case of the files with DER signatures: curve, key, hash, message, signature, and the right answer."""
    for path in sorted((vectors / "wycheproof").glob("*_test.json")):
        if "p1363" in path.name:
            continue
        for group in json.loads(path.read_text())["testGroups"]:
            key, name = group["publicKey"], group["sha"].replace("-", "").lower()
            for test in group["tests"]:
                # a missing sign byte is accepted on purpose, real meters write so
                right = test["result"] == "valid" or test["flags"] == ["MissingZero"]
                yield [key["curve"], key["uncompressed"], name, test["msg"], test["sig"]], right


@pytest.mark.slow
async def test_agrees_with_wycheproof(tab: Tab, vectors: Path) -> None:
    cases, right = zip(*_wycheproof(vectors), strict=True)
    assert list(right) == await tab.page.evaluate(VERIFIES, cases)


# --- the page -------------------------------------------------------------------------------------------------------


async def test_a_chosen_file_is_judged_and_explained(browser: Browser, vectors: Path) -> None:
    folder = vectors / "transparency"
    async with opened(browser) as tab:
        page = tab.page
        files = [
            folder / name
            for name in ("sessions/pair-pg-gap.xml", "other/bsm_chargeit_ok.json", "other/ptb_container.json")
        ]
        await page.get_by_label("Files").set_input_files(files)
        await expect(page.get_by_role("heading", name="Result")).to_be_focused()
        gap, bsm, ptb = await page.locator("article").all()
        await expect(gap.locator("[data-colour=red]")).to_contain_text(TEXTS["S-PAGE-GAP"].en)
        await expect(gap).to_contain_text(VERDICTS["fail"].en)
        await expect(bsm).to_contain_text(VERDICTS["ok"].en)
        await expect(bsm).to_contain_text("This proves only that record and key belong together")
        await expect(ptb).to_contain_text("a PTB container, which this page does not read: use `wattproof verify`")
        await expect(page.locator("header + .stack .note")).to_have_text(NOTICE.en)
        await page.get_by_label("Language").select_option("de")
        await expect(gap).to_contain_text(TEXTS["S-PAGE-GAP"].de)
        await expect(page.locator("section > .note")).to_have_text(NOTICE.de)
        await expect(ptb).to_contain_text("Dieses Format liest diese Seite nicht: `wattproof verify` liest es.")
        assert await page.evaluate("document.documentElement.lang") == "de"
        key = (await asyncio.to_thread(examine, files[0])).as_dict()["records"][0]["public_key"]
        await page.get_by_label("Öffentlicher Schlüssel").fill(key)
        await page.get_by_role("button", name="Prüfen").click()
        await expect(gap).to_contain_text(KEY_ORIGIN["trusted"].de)


async def test_a_pasted_record_with_the_key_that_is_known_is_green(browser: Browser) -> None:
    forge = Forge()
    record = forge.session(ID="1F2D")
    async with opened(browser) as tab:
        await tab.paste(record)
        await expect(tab.page.locator("[data-signature=no-key]")).to_contain_text("enter the one printed on the meter")
        await tab.paste(record, forge.key)
        session = tab.page.locator("[data-colour=green]")
        for text in (
            "12.240 kWh",
            "2024-03-01T10:00:00+01:00",
            "METER0001",
            "1F2D",
            "112.340 kWh",
            "The key was given by you.",
        ):
            await expect(session).to_contain_text(text)
        await session.locator("summary").click()
        payload = record.split("|")[1]
        for text in (payload, payload.encode().hex(), forge.key, "ECDSA-secp256r1-SHA256"):
            await expect(session.locator("dl.court")).to_contain_text(text)


@pytest.mark.proves("T-111")
async def test_a_green_session_says_who_would_not_accept_it(browser: Browser) -> None:
    forge = Forge()
    async with opened(browser) as tab:
        await tab.paste(forge.session(FV="1.4"), forge.key)
        session = tab.page.locator("[data-colour=green]")
        refused = "S.A.F.E. transparency software 1.4.1 would not accept this: refused, P-S-FV"
        await expect(session.locator("ul").first).to_contain_text(refused)
        await expect(session.locator("[data-profile='safe-1.4.1'][data-prediction=refused]")).to_contain_text("P-S-FV")
        await expect(session.locator("[data-profile='chargy-0.12'][data-prediction=valid]")).to_have_count(1)
        await tab.page.get_by_label("Language").select_option("de")
        await expect(session.locator("[data-profile='safe-1.4.1']")).to_contain_text("abgelehnt")
        await expect(session.locator("ul").first).to_contain_text("Ein anderes Programm würde dies nicht anerkennen.")
        await tab.page.get_by_label("Sprache").select_option("en")
        await tab.paste(forge.session("2", "1"), forge.key)
        red = tab.page.locator("[data-colour=red]").first
        await expect(red.locator("[data-prediction=invalid]").first).to_contain_text("P-S-VALUE")
        await expect(red).not_to_contain_text("F-PROFILE")


@pytest.mark.proves("T-107")
async def test_test_keys_count_only_where_the_box_is_ticked(browser: Browser) -> None:
    published = Forge(identity="METER0001")
    async with opened(browser) as tab:
        await tab.paste(published.session(), published.key)
        await expect(tab.page.locator("[data-verdict=ok][data-colour=yellow]")).to_be_visible()
        await tab.page.get_by_label("Allow published test keys").check()
        await expect(tab.page.locator("[data-verdict=ok][data-colour=yellow]")).to_be_visible()
        await tab.page.get_by_role("button", name="Check").click()
        green = tab.page.locator("[data-verdict=ok][data-colour=green]")
        await expect(green).to_contain_text("F-TEST-KEY")
        await expect(tab.page.get_by_role("status")).to_have_text("pasted text: In order")


@pytest.mark.proves("T-079")
async def test_a_dropped_record_cannot_put_anything_into_the_page(browser: Browser) -> None:
    forge = Forge()
    hostile = "<img src=x onerror=alert(1)><script>alert(2)</script>\u202egood"
    record = forge.session(ID=hostile, TT=hostile, MS=hostile, extra=hostile)
    async with opened(browser) as tab:
        await tab.page.evaluate(DROP, [f"{hostile}.ocmf", record])
        await expect(tab.page.locator("[data-signature]")).to_contain_text("<img src=x onerror=alert(1)>")
        await expect(tab.page.locator("[data-signature]")).to_contain_text("\\u202egood")
        assert await tab.page.locator("main img, main script").count() == 0


async def test_everything_works_with_the_keyboard(browser: Browser) -> None:
    forge = Forge()
    async with opened(browser) as tab:
        keyboard = tab.page.keyboard
        asked = "document.activeElement.closest('label')?.innerText ?? document.activeElement.innerText"
        reached = []
        for _ in range(6):
            await keyboard.press("Tab")
            reached.append((await tab.page.evaluate(asked)).split("\n")[0])
            if reached[-1].startswith("Or paste"):
                await keyboard.insert_text(forge.session())
            elif reached[-1].startswith("Public key"):
                await keyboard.insert_text(forge.key)
        names = (
            "Language",
            "Files",
            "Or paste a record",
            "Public key of the meter (optional)",
            "Allow published test keys",
            "Check",
        )
        assert tuple(reached) == names
        await keyboard.press("Enter")
        await expect(tab.page.locator("[data-colour=green]")).to_be_visible()
        await expect(tab.page.get_by_role("status")).to_have_text("pasted text: In order")
        for _ in range(2):
            await keyboard.press("Tab")
        await keyboard.press("Enter")
        await expect(tab.page.locator("dl.court")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_contrast_and_a_narrow_screen(browser: Browser, vectors: Path, scheme: Any) -> None:
    folder = vectors / "transparency"
    files = [
        folder / name
        for name in (
            "sessions/pair-swapped.xml",
            "sessions/ok-single.xml",
            "sessions/time-UU.xml",
            "records/ocmf-0151.ocmf",
        )
    ]
    async with opened(browser, color_scheme=scheme, viewport={"width": 320, "height": 700}) as tab:
        await tab.page.get_by_label("Files").set_input_files(files)
        await expect(tab.page.locator("article")).to_have_count(4)
        for summary in await tab.page.locator("summary").all():
            await summary.click()
        assert await tab.page.evaluate(CONTRAST) == []
        assert await tab.page.evaluate("document.documentElement.scrollWidth") <= 320


async def test_the_gateway_serves_the_same_page_under_its_policy(browser: Browser) -> None:
    served = Pages().find("/verify")
    assert served is not None
    headers = tuple((name.decode(), value.decode()) for name, value in served.headers)

    async def answer(request: Request) -> Response:
        found = (200, headers, served.body) if request.path == "/verify" else (404, (), b"")
        return Response(found[0], (*found[1], ("Connection", "close")), found[2]).framed()

    server = await HttpServer.open(answer, lambda status, _: Response(status, ()), "127.0.0.1", 0)
    try:
        forge = Forge()
        async with opened(browser, f"http://127.0.0.1:{server.port}/verify") as tab:
            await tab.paste(forge.session(), forge.key)
            await expect(tab.page.locator("[data-colour=green]")).to_be_visible()
    finally:
        await server.close()
