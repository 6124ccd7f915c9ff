"""Reports on paper: what must stand on every page, that nothing in them is active, that they print on one page."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from wattproof.errors import UsageError
from wattproof.signed import Examination, examine, testkeys
from wattproof.signed.forging import GREY, MAKERS, forge
from wattproof.signed.paper import sheet
from wattproof.signed.paper.html import write_html
from wattproof.signed.paper.pdf import write_pdf
from wattproof.signed.report import Report
from wattproof.signed.texts import KEY_ORIGIN, NOTICE, TEST_KEY, TEXTS, VERDICTS
from wattproof.signed.wording import COLOURS, LANGUAGES, Language

NOW = 1_800_000_000
PRIVATE = testkeys.private_key("secp256r1", "the key of a meter")
EVIL = "<script>alert(1)</script><img src=x onerror=y>'\"&amp;\x1b[31m\u202e\u0000{{7*7}}"
#: Formats with times, offsets and curve as these tests expect them.
FORMATS = ["OCMF", "SAFE-XML", "chargeIT-JSON"]
needs_reportlab = pytest.mark.skipif(
    importlib.util.find_spec("reportlab") is None, reason="reportlab (extra documents) is not installed"
)


class Parsed(HTMLParser):
    """Elements with their attributes, and all text outside the style sheet."""

    def __init__(self, page: bytes) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "path", "polyline", "circle"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.words))


def report(format: str = "SAFE-XML", variant: str = "valid", trusted: bool = False, **options: Any) -> Report:
    forged = forge(format, variant, **options)
    return examine(forged.data, forged.public_key if trusted else None, now=NOW, source="a.xml")


def evil_report(forge_of_tests: Any) -> Report:
    """Every text that a stranger chooses is an attack: the file's name, the ids, the user, the tariff."""
    stated = {"ID": EVIL, "CI": EVIL, "TT": EVIL, "MS": EVIL, "GS": EVIL, "PG": EVIL, EVIL: EVIL}
    readings = [forge_of_tests.reading("B", "1.0", RI=EVIL, ST=EVIL), forge_of_tests.reading("E", "2.0", RU=EVIL)]
    record = forge_of_tests.ocmf(readings, **stated)
    clean = re.sub(r"[\x00-\x08\x0b-\x1f]", "", record)
    examination = Examination(now=NOW)
    examination.add(record.encode(), source=EVIL)
    examination.add(forge_of_tests.xml((clean, EVIL.replace("\x00", "").replace("\x1b", ""), None)), source=EVIL)
    examination.add(EVIL.encode(), source=EVIL)
    examination.unreadable(EVIL, EVIL)
    return examination.report()


@pytest.mark.proves("T-112")
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("format", FORMATS)
def test_a_page_says_all_of_it_in_both_languages(format: str, language: Language) -> None:
    found = report(format)
    page = Parsed(write_html(found, language))
    for text in (NOTICE, TEST_KEY, VERDICTS["ok"], COLOURS[found.colours[0]]):
        assert text.en in page.text and text.de in page.text
    first, second = (NOTICE.en, NOTICE.de) if language == "en" else (NOTICE.de, NOTICE.en)
    assert page.text.index(first) < page.text.index(second)
    assert page.elements[0] == ("html", {"lang": language})
    session = found.sessions[0]
    assert session.begin is not None and session.end is not None
    for value in (session.begin.literal, session.end.literal, "kWh", "2025-03-01 10:00:00+01:00", "1:00:00"):
        assert value is not None and value in page.text


@pytest.mark.proves("T-112")
@pytest.mark.parametrize("format", [name for name in MAKERS if name not in GREY])
def test_every_format_has_a_page(format: str) -> None:
    found = report(format)
    page = Parsed(write_html(found))
    assert NOTICE.en in page.text and NOTICE.de in page.text and "12.34" in page.text
    assert all(record.signed.hex() in page.text for record in found.records)
    assert [tag for tag, _ in page.elements].count("svg") == 1


@pytest.mark.proves("T-112")
def test_every_kind_of_report_has_the_notice() -> None:
    empty = Examination().report()
    loose = examine(b"nothing that is known", now=NOW)
    for found in (empty, loose, report(), report(variant="wrong-key")):
        page = Parsed(write_html(found))
        assert NOTICE.en in page.text and NOTICE.de in page.text
        assert found.as_dict()["notice"] == NOTICE.en


@pytest.mark.parametrize("format", FORMATS)
def test_the_court_gets_bytes_hash_signature_key_and_its_source(format: str) -> None:
    found = report(format)
    page = Parsed(write_html(found))
    for record in found.records:
        signed, key = record.signed, record.signature.public_key
        assert key is not None and len(record.signature.value) > 60
        for digits in (signed.hex(), hashlib.sha256(signed).hexdigest(), record.signature.value.hex(), key.hex()):
            assert digits in page.text
    assert "ECDSA-secp256r1-SHA256" in page.text


@pytest.mark.proves("T-078")
@pytest.mark.parametrize(("format", "source"), [("OCMF", "embedded"), ("SAFE-XML", "container")])
def test_a_key_that_came_along_is_never_called_known(format: str, source: str) -> None:
    page = Parsed(write_html(report(format, key=PRIVATE)))
    origin, trusted = KEY_ORIGIN[source], KEY_ORIGIN["trusted"]
    assert origin.en in page.text and origin.de in page.text
    assert trusted.en not in page.text and "known to you" not in page.text
    page = Parsed(write_html(report(format, key=PRIVATE, trusted=True)))
    assert trusted.en in page.text and origin.en not in page.text


@pytest.mark.parametrize(
    ("variant", "code"),
    [("missing-page", "S-PAGE-GAP"), ("wrong-order", "S-CONTEXT"), ("tampered:ID", "S-IDENT-MISMATCH")],
)
def test_findings_are_there_in_both_languages(variant: str, code: str) -> None:
    page = Parsed(write_html(report(variant=variant)))
    assert code in page.text and TEXTS[code].en.rstrip(".") in page.text and TEXTS[code].de.rstrip(".") in page.text
    assert COLOURS[report(variant=variant).colours[0]].en in page.text


@pytest.mark.proves("T-079")
@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_of_a_record_becomes_markup(language: Language, forge: Any) -> None:
    found = evil_report(forge)
    assert len(found.records) >= 3
    data = write_html(found, language)
    page = Parsed(data)
    allowed = set(
        "html head meta title style body article header b div h1 h2 h3 p span dl dt dd code table thead tbody tr th td "
        "ul li svg g path polyline circle text footer".split()
    )
    assert {tag for tag, _ in page.elements} <= allowed and page.open == []
    for tag, attributes in page.elements:
        for name, value in attributes.items():
            assert not name.startswith("on") and name not in ("style", "src", "href") and "script" not in (value or "")
            assert tag in ("meta", "svg") or "<" not in (value or "")
    assert "<script>alert(1)</script>" in page.text, "shown as text"
    assert not set(data.decode()) & set("\x00\x1b\u202e") and "\\u001b" in page.text


def test_the_policy_allows_its_own_style_sheet_and_nothing_else() -> None:
    page = write_html(report()).decode()
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert policy is not None and style is not None and page.count("<style>") == 1
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    stated = policy[1].replace("&#x27;", "'")
    assert stated == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert page.index("Content-Security-Policy") < page.index("<style>")
    assert "url(" not in page and "@import" not in page and "http:" not in page and "https:" not in page


@pytest.mark.proves("T-082")
def test_the_same_report_gives_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    first = write_html(report())
    monkeypatch.setenv("LANG", "de_DE.UTF-8")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert write_html(report()) == first


def test_several_sessions_have_an_overview_and_a_page_each() -> None:
    examination = Examination(now=NOW)
    for number, variant in enumerate(("valid", "missing-page", "no-key")):
        examination.add(forge("SAFE-XML", variant).data, source=f"{number}.xml")
    examination.unreadable("gone.xml", "no such file")
    page = Parsed(write_html(examination.report()))
    assert sum(tag == "article" for tag, _ in page.elements) == 4
    assert all(name in page.text for name in ("0.xml", "1.xml", "2.xml", "gone.xml", "no such file", "overview"))
    assert "1 yellow" in page.text and "1 red" in page.text and "1 grey" in page.text


def test_a_report_with_very_many_sessions_stays_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet, "MOST_SHEETS", 2)
    examination = Examination(now=NOW)
    for number in range(5):
        examination.add(forge("OCMF", serial=f"S{number}").data, source=f"{number}.ocmf")
    page = Parsed(write_html(examination.report()))
    assert sum(tag == "article" for tag, _ in page.elements) == 3
    assert "3 more sessions or records have no page here" in page.text and "5 yellow" in page.text


def test_long_records_are_cut_with_a_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet, "MOST_BYTES", 100)
    found = report()
    page = Parsed(write_html(found))
    left = len(found.records[0].signed) - 100
    assert f"{left} more bytes are not printed" in page.text
    assert hashlib.sha256(found.records[0].signed).hexdigest() in page.text, "the hash is that of all"


@pytest.mark.parametrize(
    "values",
    [
        ("1.0", "1.0"),
        ("5.0", "1.0"),
        ("1e30", "9e30"),
        ("0.000000000000000000000000000001", "1e30"),
        ("-5", "5"),
    ],
)
def test_any_readings_can_be_drawn(values: tuple[str, str], forge: Any) -> None:
    found = forge.examine(forge.session(*values))
    page = Parsed(write_html(found))
    ((_, line),) = [element for element in page.elements if element[0] == "polyline"]
    points = [tuple(map(float, point.split(","))) for point in (line["points"] or "").split()]
    assert len(points) == 2 and all(0 <= x <= 640 and 0 <= y <= 170 for x, y in points)


def test_no_value_at_an_axis_loses_its_exponent(forge: Any) -> None:
    """A value that was cut after 40 characters is another value."""
    long = f"-1.{'2' * 39}e-30"
    drawn = sheet.document(forge.examine(forge.session(long, f"{'9' * 40}e30"))).sheets[0].plot
    assert drawn is not None
    assert (drawn.lowest, drawn.highest) == (f"{long} kWh", f"{'9' * 40}e30 kWh")
    zeros = sheet.document(forge.examine(forge.session("1.0", f'"{"0" * 90}5"'))).sheets[0].plot
    assert zeros is not None and zeros.highest == f"{'0' * 45}... kWh"


def test_intermediate_readings_are_drawn_in_their_place(forge: Any) -> None:
    between = forge.reading("C", "111.0", "2024-03-01T10:15:00,000+0100 S")
    found = forge.examine(forge.ocmf([forge.reading("B", "100.0"), between, forge.reading("E", "112.0")]))
    drawn = sheet.document(found).sheets[0].plot
    assert drawn is not None and drawn.by_time
    assert drawn.points[1] == pytest.approx((0.25, 11 / 12))
    assert (drawn.lowest, drawn.highest, drawn.first) == ("100.0 kWh", "112.0 kWh", "2024-03-01 10:00:00")


@pytest.mark.proves("T-080", "T-112")
def test_no_vector_breaks_a_report(vectors: Path) -> None:
    names = sorted(path for path in (vectors / "transparency").rglob("*") if path.is_file() and path.suffix != ".md")
    examination = Examination(now=NOW)
    for path in names:
        examination.add(path.read_bytes(), source=path.name)
    found = examination.report()
    for language in LANGUAGES:
        page = Parsed(write_html(found, language))
        assert page.open == [] and NOTICE.de in page.text
    assert len(found.colours) > 100


def test_without_reportlab_a_pdf_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "reportlab", None)
    with pytest.raises(UsageError, match=r"wattproof\[documents\]"):
        write_pdf(report())


# -- PDF ----------------------------------------------------------------------------------------------------------


def pages(data: bytes) -> int:
    found = re.search(rb"/Count (\d+)", data)
    assert data.startswith(b"%PDF-") and data.rstrip().endswith(b"%%EOF") and found is not None
    return int(found[1])


def drawn_text(data: bytes) -> str:
    """The texts of an uncompressed PDF of reportlab, in the order in which they are drawn."""
    parts = re.findall(rb"\(((?:[^()\\]|\\.)*)\) Tj", data, re.DOTALL)
    plain = (re.sub(rb"\\([0-7]{3})", lambda m: bytes([int(m[1], 8)]), part) for part in parts)
    return " ".join(re.sub(rb"\\([()\\])", rb"\1", part).decode("cp1252", "replace") for part in plain)


@needs_reportlab
@pytest.mark.proves("T-112")
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("format", FORMATS)
def test_a_pdf_says_the_same_on_one_page(format: str, language: Language) -> None:
    found = report(format)
    data = write_pdf(found, language)
    assert pages(data) == 1 and data == write_pdf(found, language)
    text = drawn_text(write_pdf(found, language, compress=False))
    for word in (
        NOTICE.en,
        NOTICE.de,
        "12.34",
        "ECDSA-secp256r1-SHA256",
        hashlib.sha256(found.records[0].signed).hexdigest(),
    ):
        assert word in text
    digits = re.sub(r"\s", "", text)
    assert all(record.signed.hex() in digits for record in found.records)


@needs_reportlab
@pytest.mark.proves("T-079")
def test_a_pdf_takes_no_text_for_markup(forge: Any) -> None:
    data = write_pdf(evil_report(forge), compress=False)
    assert "<script>alert(1)</script>" in drawn_text(data).replace(" ", "")
    assert not re.search(rb"/(?:JavaScript|JS|OpenAction|Launch|URI|EmbeddedFile)\b", data)


@needs_reportlab
def test_a_pdf_of_several_sessions_has_a_page_each() -> None:
    examination = Examination(now=NOW)
    for variant in ("valid", "missing-page", "no-key"):
        examination.add(forge("SAFE-XML", variant).data, source=variant)
    assert pages(write_pdf(examination.report())) == 4


@needs_reportlab
@pytest.mark.proves("T-080")
def test_no_vector_breaks_a_pdf(vectors: Path) -> None:
    examination = Examination(now=NOW)
    for path in sorted((vectors / "transparency").rglob("*")):
        if path.is_file() and path.suffix != ".md":
            examination.add(path.read_bytes()[: 1 << 16], source=path.name)
    assert pages(write_pdf(examination.report())) > 100
