"""The web page of the DMED4 as text: what it shows, what it lets through, what its form takes."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from wattproof.errors import InvalidValue
from wattproof.meters.dmed4.enums import ERROR_1_NAMES, ERROR_2_NAMES, SIGNATURE_NAMES, STATUS_NAMES
from wattproof.meters.dmed4.resources import MEASURE
from wattproof.meters.dmed4.virtual import page

VIEW = page.View(
    model="DMED404R1500",
    serial_number=80123456,
    meas_fw_rev="1.02",
    meas_fw_cks="0A1B2C3D",
    pow_fw_rev="2.10",
    pow_fw_cks="4E5F6071",
    operative_status="Ready",
    measure={
        "voltage": 4005,
        "current": 1250,
        "power": 501,
        "energy": 1234,
        "energy_neg": 17,
        "temperature_i1": 315,
        "temperature_i1_fahrenheit": 887,
        "temperature_i2": -5,
        "temperature_i2_fahrenheit": 311,
        "energyPos": 123456789,
        "energyNeg": 42,
    },
    measurement_status=1,
    signature_status=0x28,
    error_1=0,
    error_2=0,
    datetime=1796022925,
    datetime_offset=60,
    records=7,
    ip="192.168.1.1",
)
FORM = "application/x-www-form-urlencoded"
#: Elements that HTML closes by itself.
VOID = {"meta", "input"}


class Reader(HTMLParser):
    """What a browser would make of it: elements, the text of the tables by row, and of style and script."""

    def __init__(self, document: bytes) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self.rows: list[tuple[str, str]] = []
        self.feed(document.decode("utf-8"))
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs)
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        if tag == "tr":
            self.rows.append((self.texts["th"][-1], self.texts["td"][-1]))

    def handle_data(self, data: str) -> None:
        for tag in self.open:
            self.texts[tag][-1] += data

    @property
    def table(self) -> dict[str, str]:
        return dict(self.rows)

    @property
    def text(self) -> str:
        return self.texts["body"][0]


def read(view: page.View) -> Reader:
    return Reader(page.meter_page(view))


PAGES = {
    "meter": page.meter_page(VIEW),
    "meter of a channel": page.meter_page(replace(VIEW, channel=2)),
    "charging": page.meter_page(replace(VIEW, operative_status="Charging")),
    "channels": page.channels_page("DMED4DC1", 80123455, [(1, None), (2, replace(VIEW, channel=2))]),
    "changed": page.changed_page("10.0.0.5"),
}
every_page = pytest.mark.parametrize("document", PAGES.values(), ids=PAGES)

# -- what it shows ---------------------------------------------------------------------------------------------------


def test_every_measured_value_stands_in_a_table_in_its_natural_unit() -> None:
    rows = read(VIEW).rows[: len(MEASURE.fields)]
    assert rows == [
        ("Voltage", "400.5 V"),
        ("Current", "125.0 A"),
        ("Power, negative = export", "50.1 kW"),
        ("Last charge cycle energy", "1234 Wh"),
        ("Last cycle exported energy", "17 Wh"),
        ("I1 temperature", "31.5 °C"),
        ("I1 temperature", "88.7 °F"),
        ("I2 temperature", "-0.5 °C"),
        ("I2 temperature", "31.1 °F"),
        ("Total imported energy", "123456789 Wh"),
        ("Total exported energy", "42 Wh"),
    ]


def test_identity_status_and_clock_stand_there_in_words() -> None:
    table = read(VIEW).table
    expected = {
        "Model": "DMED404R1500",
        "Serial number": "80123456",
        "Measurement firmware": "1.02",
        "Measurement firmware checksum": "0A1B2C3D",
        "Communication firmware": "2.10",
        "Communication firmware checksum": "4E5F6071",
        "Measurement": "IDLE",
        "Signature": "SIGNATURE OKTIMESTAMP SYNCHRONIZED",
        "Errors": "none",
        "Date": "2026-11-30",
        "Time": "08:15:25",
        "Time offset": "UTC+01:00",
        "Stored OCMF records": "7",
        "IP address": "192.168.1.1",
    }
    assert {label: table[label] for label in expected} == expected
    assert "Operative status: Ready" in read(VIEW).text


@pytest.mark.parametrize(("minutes", "text"), [(0, "UTC+00:00"), (-210, "UTC-03:30"), (900, "UTC+15:00")])
def test_the_offset_is_written_as_hours_and_minutes(minutes: int, text: str) -> None:
    assert read(replace(VIEW, datetime_offset=minutes)).table["Time offset"] == text


@pytest.mark.parametrize("status", STATUS_NAMES)
def test_measurement_status_is_a_word(status: int) -> None:
    assert read(replace(VIEW, measurement_status=status)).table["Measurement"] == STATUS_NAMES[status]


def test_bits_are_named_one_by_one() -> None:
    for bit, name in SIGNATURE_NAMES.items():
        assert read(replace(VIEW, signature_status=1 << bit)).table["Signature"] == name
    for bit, name in ERROR_1_NAMES.items():
        assert read(replace(VIEW, error_1=1 << bit)).table["Errors"] == name
    for bit, name in ERROR_2_NAMES.items():
        assert read(replace(VIEW, error_2=1 << bit)).table["Errors"] == name
    both = read(replace(VIEW, error_1=1 << 31 | 1, error_2=2)).texts["li"]
    assert both[-3:] == ["ERROR_JSON_SYNTAX", "bit 31", "ERROR_DMED_COMM"]


def test_a_broken_sensor_and_a_missing_key_have_no_value_but_other_numbers_do() -> None:
    broken = dict.fromkeys(VIEW.measure, page.NO_TEMPERATURE)
    values = [text for _, text in read(replace(VIEW, measure=broken)).rows[:11]]
    assert values.count("no value") == 4
    assert values[:4] == ["-3276.8 V", "-3276.8 A", "-3276.8 kW", "-32768 Wh"]
    assert [text for _, text in read(replace(VIEW, measure={})).rows[:11]] == ["no value"] * 11


def test_a_meter_behind_a_display_asks_and_answers_under_its_channel() -> None:
    direct, behind = Reader(PAGES["meter"]), Reader(PAGES["meter of a channel"])
    assert attribute(direct, "data-source") == ["/v1/measure"]
    assert attribute(behind, "data-source") == ["/v1/2/measure"]
    assert attribute(direct, "action") == ["/"]
    assert attribute(behind, "action") == ["/2"]


def test_the_display_lists_its_channels() -> None:
    display = Reader(PAGES["channels"])
    assert display.rows == [
        ("Channel 1", "no meter"),
        ("Channel 2", "DMED404R1500, serial number 80123456, Ready"),
    ]
    assert attribute(display, "href") == ["/2"]
    assert "script" not in display.texts


def test_the_form_is_open_only_in_ready() -> None:
    assert attribute(Reader(PAGES["meter"]), "disabled") == []
    assert attribute(Reader(PAGES["charging"]), "disabled") == [None]
    fields = [given["name"] for tag, given in Reader(PAGES["meter"]).elements if tag == "input"]
    assert fields == ["ip", "password"]
    assert set(attribute(Reader(PAGES["meter"]), "autocomplete")) == {"off"}


def test_the_answer_to_the_form_names_the_address_and_the_restart() -> None:
    assert "10.0.0.5" in Reader(PAGES["changed"]).text
    assert "restarts" in Reader(PAGES["changed"]).text


# -- what it lets through --------------------------------------------------------------------------------------------


def attribute(reader: Reader, name: str) -> list[str | None]:
    return [given[name] for _, given in reader.elements if name in given]


HOSTILE = """</td><script>alert("1")</script>'&<img src=x onerror=alert(1)>"""


def test_text_from_outside_stays_text() -> None:
    texts = ("model", "meas_fw_rev", "meas_fw_cks", "pow_fw_rev", "pow_fw_cks", "operative_status", "ip")
    view = replace(VIEW, channel=1, **dict.fromkeys(texts, HOSTILE))
    plain, hostile = Reader(PAGES["meter of a channel"]), read(view)
    assert [tag for tag, _ in hostile.elements] == [tag for tag, _ in plain.elements]
    assert hostile.text.count(HOSTILE) == 8
    display = Reader(page.channels_page(HOSTILE, HOSTILE, [(1, None), (2, view)]))
    assert [tag for tag, _ in display.elements] == [tag for tag, _ in Reader(PAGES["channels"]).elements]
    assert HOSTILE in Reader(page.changed_page(HOSTILE)).text


@every_page
def test_nothing_refers_to_elsewhere(document: bytes) -> None:
    reader = Reader(document)
    assert b"://" not in document
    assert b"url(" not in document
    assert b"@import" not in document
    for tag, given in reader.elements:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base")
        assert not {"src", "srcset", "style", "background", "poster", "data", "ping", "formaction"} & set(given)
        assert not [name for name in given if name.startswith("on")]
        for name in ("href", "action"):
            assert re.fullmatch(r"/[1-4]?", given.get(name) or "/")


@every_page
def test_the_policy_lets_through_exactly_what_is_inside(document: bytes) -> None:
    given = dict(part.split(" ", 1) for part in dict(page.HEADERS)["Content-Security-Policy"].split("; "))
    reader = Reader(document)
    for element, directive in (("style", "style-src"), ("script", "script-src")):
        for text in reader.texts.get(element, []):
            digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
            assert given[directive] == f"'sha256-{digest}'"
    assert {name: value for name, value in given.items() if name not in ("script-src", "style-src")} == {
        "default-src": "'none'",
        "connect-src": "'self'",
        "img-src": "'none'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }


def test_style_and_script_do_not_end_before_their_end() -> None:
    assert "\r" not in page.STYLE + page.SCRIPT
    assert "</" not in page.STYLE + page.SCRIPT
    assert "<!--" not in page.STYLE + page.SCRIPT


# -- how it reads ----------------------------------------------------------------------------------------------------


def luminance(colour: str) -> float:
    """Relative luminance of ``#rrggbb`` (WCAG 2.2)."""
    channels = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_and_edges_have_the_contrast_of_wcag_aa(scheme: int) -> None:
    schemes = re.findall(r":root \{(.*?)\}", page.STYLE, re.DOTALL)
    assert len(schemes) == 2
    colour = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", schemes[scheme]))
    for text in ("text", "quiet", "accent", "alarm"):
        assert contrast(colour[text], colour["card"]) >= 4.5
        assert contrast(colour[text], colour["ground"]) >= 4.5
    assert contrast(colour["on-accent"], colour["accent"]) >= 4.5
    for surface in ("card", "ground"):
        assert contrast(colour["edge"], colour[surface]) >= 3


@every_page
def test_every_part_and_every_field_has_a_name(document: bytes) -> None:
    reader = Reader(document)
    names = [name for name in attribute(reader, "id") if name]
    assert len(set(names)) == len(names)
    for reference in ("for", "aria-labelledby", "aria-describedby"):
        for targets in attribute(reader, reference):
            assert set((targets or "").split()) <= set(names)
    fields = [given["id"] for tag, given in reader.elements if tag == "input"]
    assert [given["for"] for tag, given in reader.elements if tag == "label"] == fields
    assert ("html", {"lang": "en"}) in reader.elements
    assert len(reader.texts["h1"]) == 1


# -- the form --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"ip=192.168.1.1&password=2000", (3232235777, "2000")),
        (b"password=2000&ip=10.0.0.5", (0x0A000005, "2000")),
        (b"ip=0.0.0.0&password=0", (0, "0")),
        (b"ip=255.255.255.255&password=%26+%3D%C3%A4%2B", (0xFFFFFFFF, "& =ä+")),
        (b"ip=1%2E2.3.4&password=a=b", (0x01020304, "a=b")),
    ],
)
def test_the_form_is_read(body: bytes, expected: tuple[int, str]) -> None:
    assert page.parse_form(body, FORM) == expected


@pytest.mark.parametrize("kind", [FORM, FORM.upper(), f"{FORM};charset=UTF-8", f"{FORM} ; charset=utf-8"])
def test_the_type_of_the_form_may_name_utf_8(kind: str) -> None:
    assert page.parse_form(b"ip=1.2.3.4&password=2000", kind) == (0x01020304, "2000")


@pytest.mark.parametrize(
    "kind", ["", "application/json", "multipart/form-data; boundary=x", "text/plain", f"{FORM}; charset=utf-16"]
)
def test_another_type_is_refused(kind: str) -> None:
    with pytest.raises(InvalidValue, match="send"):
        page.parse_form(b"ip=1.2.3.4&password=2000", kind)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"ip=1.2.3.4",
        b"password=2000",
        b"ip=1.2.3.4&password=",
        b"ip=&password=2000",
        b"ip=1.2.3.4&password=2000&",
        b"&ip=1.2.3.4&password=2000",
        b"ip=1.2.3.4;password=2000",
        b"ip=1.2.3.4&password",
        b"ip=1.2.3.4&password=2000&more=1",
        b"ip=1.2.3.4&ip=1.2.3.4&password=2000",
        b"ip=1.2.3.4&password=2000&password=2000",
        b"IP=1.2.3.4&password=2000",
        b"ip=1.2.3.4&password=%",
        b"ip=1.2.3.4&password=%2",
        b"ip=1.2.3.4&password=%zz",
        b"ip=1.2.3.4&password=%C3",
        b"ip=1.2.3.4&password=\xc3\xa4",
        b"ip=1.2.3.4&password=a b",
        b"ip=1.2.3.4&password=2000\r\n",
        b"ip=1.2.3.4&password=" + b"2" * page.FORM_BYTES,
        *(
            b"ip=%b&password=2000" % address
            for address in (
                b"1.2.3",
                b"1.2.3.4.5",
                b"1.2.3.256",
                b"1.2.3.04",
                b"01.2.3.4",
                b"1.2.3.0x4",
                b"1.2.3.-4",
                b"1.2.3.+4",
                b"1.2.3.4%0A",
                b"+1.2.3.4",
                b"1.2.3.4/24",
                b"1..3.4",
                b"16909060",
                b"%D9%A1.2.3.4",
                b"::1",
                b"localhost",
            )
        ),
    ],
)
def test_anything_else_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidValue) as refused:
        page.parse_form(body, FORM)
    assert "2000" not in str(refused.value)
