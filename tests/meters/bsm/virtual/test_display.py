"""Display pages, the address rounds, keys and light."""

from __future__ import annotations

from dataclasses import replace

import pytest

from wattproof.errors import InvalidValue
from wattproof.meters.bsm.virtual.display import PAGE_TIME, SECOND, Display, DisplayValues, address_rounds

VALUES = DisplayValues(
    rcr_wh=0,
    total_wh=1_230_009,
    power=123_456,
    epoch=1_587_465_045,  # 2020-04-21 10:30:45 UTC
    tzo=120,
    address=42,
    baudrate=19200,
    version="1.8:23DB:9D6A",
    revision="6d1dd3c",
    firmware_hash="fc99b508" + "00" * 28,
    loaded=False,
)


class Kept:
    """What a display asks its meter to keep."""

    def __init__(self, language: str = "en") -> None:
        self.languages: list[str] = []
        self.addresses: list[int] = []
        self.display = Display(language, self.languages.append, self.addresses.append)

    def at(self, page: int) -> int:
        """Turn to a page by key 1 and return the time."""
        for _ in range(page - 1):
            self.display.press("1", VALUES, 0)
        return 0


@pytest.mark.proves("B-154", "B-200")
@pytest.mark.parametrize(
    ("language", "pages"),
    [
        (
            "en",
            [
                ("O: 1.8.0*198", ("Active energy | kWh", "Total positiv"), "000000.00", "Power: 123.456 kW"),
                ("O: 1.8.1", ("Active energy | in kWh", "Tariff"), "001230.00", "Power: 123.456 kW"),
                ("O: 1.0.0", ("Time | hh:mm:ss",), "12:30:45", "Power: 123.456 kW"),
                ("O: 1.0.0", ("Date | TT:MM:JJ",), "21:04:20", "Power: 123.456 kW"),
                ("O: 0.0.1", ("Device adress",), "040042", "Power: 123.456 kW"),
                ("O: 0.2.0", ("Software Version V1.8", "Checksumme", "Messteil:Programm"), "23DB:9D6A", None),
            ],
        ),
        (
            "de",
            [
                ("O: 1.8.0*198", ("Wirkenergie in kWh", "Summe Bezug"), "000000.00", "Leistung: 123.456 kW"),
                ("O: 1.8.0", ("Wirkenergie in kWh", "Summe"), "001230.00", "Leistung: 123.456 kW"),
                ("O: 1.0.0", ("Uhrzeit in hh:mm:ss",), "12:30:45", "Leistung: 123.456 kW"),
                ("O: 1.0.0", ("Datum in TT:MM:JJ",), "21:04:20", "Leistung: 123.456 kW"),
                ("O: 0.0.1", ("Zähleradresse",), "040042", "Leistung: 123.456 kW"),
                ("O: 0.2.0", ("Software Version V1.8", "Checksumme", "Messteil:Programm"), "23DB:9D6A", None),
            ],
        ),
    ],
)
def test_six_pages_of_eight_seconds_roll_in_both_languages(
    language: str, pages: list[tuple[str, tuple[str, ...], str, str | None]]
) -> None:
    display = Kept(language).display
    for number, (obis, lines, value, power) in enumerate(pages):
        for now in (number * PAGE_TIME, (number + 1) * PAGE_TIME - 1):
            page = display.page(VALUES, now)
            assert (page.number, page.obis, page.lines, page.value, page.power) == (
                number + 1,
                obis,
                lines,
                value,
                power,
            )
    assert display.page(VALUES, 6 * PAGE_TIME).number == 1


@pytest.mark.proves("B-155", "B-156")
def test_the_address_page_goes_through_four_rounds_of_48_seconds() -> None:
    display = Kept().display
    rounds = [display.address_text(VALUES, number * 48 * SECOND + 47 * SECOND) for number in range(5)]
    assert rounds == ["040042", "F06D1D", "F1FC99", "F2B508", "040042"]
    assert display.next_round(0) == 48 * SECOND
    assert display.page(VALUES, 48 * SECOND + 4 * PAGE_TIME).value == "F06D1D"


def test_a_meter_without_known_hash_shows_no_hash() -> None:
    assert address_rounds(replace(VALUES, firmware_hash="", revision="c938f31")) == ("040042", "F0C938")


def test_an_invalid_time_is_shown_as_dashes() -> None:
    invalid = replace(VALUES, epoch=None, tzo=None)
    display = Kept().display
    assert [display.page(invalid, page * PAGE_TIME).value for page in (2, 3)] == ["--:--:--"] * 2


def test_key_1_turns_the_page_and_gives_it_its_full_eight_seconds() -> None:
    display = Kept().display
    display.press("1", VALUES, 7 * SECOND)
    assert display.page(VALUES, 7 * SECOND).number == 2
    assert display.page(VALUES, 15 * SECOND - 1).number == 2
    assert display.page(VALUES, 15 * SECOND).number == 3


@pytest.mark.proves("B-200")
def test_key_2_changes_the_language_on_the_checksum_page_only() -> None:
    kept = Kept()
    kept.display.press("2-long", VALUES, 0)
    assert not kept.display.editing
    now = kept.at(6)
    kept.display.press("2-long", VALUES, now)
    kept.display.press("1", VALUES, now)
    assert kept.display.page(VALUES, now + 100 * SECOND).number == 6  # the edit holds the page
    assert (kept.display.language, kept.languages) == ("en", [])
    kept.display.press("2-long", VALUES, now)
    assert (kept.display.language, kept.languages) == ("de", ["de"])
    assert kept.display.page(VALUES, now + PAGE_TIME).obis == "O: 1.8.0*198"


@pytest.mark.proves("B-157")
def test_key_3_edits_the_address_without_load() -> None:
    kept = Kept()
    now = kept.at(5)
    kept.display.press("3-long", VALUES, now)
    assert kept.display.address_led
    kept.display.press("3", VALUES, now)
    kept.display.press("3", VALUES, now)
    assert kept.display.page(VALUES, now).value == "040044"
    assert kept.addresses == []
    kept.display.press("3-long", VALUES, now)
    assert (kept.addresses, kept.display.address_led) == ([44], False)


@pytest.mark.proves("B-157")
@pytest.mark.parametrize("loaded_at", ["begin", "end"])
def test_under_load_key_3_changes_nothing(loaded_at: str) -> None:
    kept, loaded = Kept(), replace(VALUES, loaded=True)
    now = kept.at(5)
    kept.display.press("3-long", loaded if loaded_at == "begin" else VALUES, now)
    kept.display.press("3", VALUES, now)
    kept.display.press("3-long", loaded, now)
    assert (kept.addresses, kept.display.address_led) == ([], False)


def test_the_address_after_247_is_1() -> None:
    kept, last = Kept(), replace(VALUES, address=247)
    now = kept.at(5)
    for key in ("3-long", "3", "3-long"):
        kept.display.press(key, last, now)
    assert kept.addresses == [1]


def test_power_up_forgets_an_unsaved_edit_and_begins_with_page_1() -> None:
    kept = Kept()
    now = kept.at(5)
    kept.display.press("3-long", VALUES, now)
    kept.display.restart(5 * SECOND)
    assert not kept.display.address_led
    assert kept.display.page(VALUES, 5 * SECOND + PAGE_TIME).number == 2


@pytest.mark.parametrize(
    ("loaded", "always", "light"), [(False, False, False), (True, False, True), (False, True, True)]
)
def test_the_light_is_on_while_charging_or_always(loaded: bool, always: bool, light: bool) -> None:
    assert Kept().display.light(replace(VALUES, loaded=loaded, light_always=always)) is light


@pytest.mark.proves("B-200")
def test_the_state_has_the_named_keys_and_no_checksum() -> None:
    state = Kept("de").display.state(VALUES, 0)
    assert list(state) == ["language", "page", "obis", "lines", "value", "power", "checksum", "light"]
    assert state["checksum"] is None
    assert (state["language"], state["page"]) == ("de", 1)


def test_an_unknown_key_is_refused() -> None:
    with pytest.raises(InvalidValue, match=r"key '4' does not exist.*3-long"):
        Kept().display.press("4", VALUES, 0)


def test_service_mode_shows_four_decimals() -> None:
    page = Kept().display.page(replace(VALUES, service_mode=True, total_wh=1_230_009), PAGE_TIME)
    assert page.value == "1230.0090"
