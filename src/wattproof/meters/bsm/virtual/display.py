"""The display as text, and its keys (bsm.md section 20, manual 4.1 to 4.6 and the figures of edition 3.0).

The display turns pages by itself; what it shows is a function of the meter's values, the meter time and the keys
pressed so far. The spelling of the texts ("positiv", "adress") is that of the figures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from wattproof.errors import InvalidValue
from wattproof.meters.bsm.optical.rows import address_text, energy, fixed, local_time
from wattproof.meters.bsm.optical.source import Number

SECOND = 1_000_000_000
PAGE_TIME = 8 * SECOND
LONGEST_ADDRESS = 247


class Language(StrEnum):
    """Option ``language``; key 2 changes it."""

    ENGLISH = "en"
    GERMAN = "de"

    @property
    def other(self) -> Language:
        return Language.GERMAN if self is Language.ENGLISH else Language.ENGLISH


class Key(StrEnum):
    """Control ``key``: a short press, or one of at least 4 s."""

    ONE = "1"
    TWO = "2"
    THREE = "3"
    TWO_LONG = "2-long"
    THREE_LONG = "3-long"


@dataclass(frozen=True, slots=True)
class DisplayValues:
    """What the meter hands to the display, of one moment."""

    rcr_wh: Number  # with hidden digits, Wh
    total_wh: Number  # with hidden digits, Wh
    power: Number  # W, signed
    epoch: int | None
    tzo: int | None
    address: int  # DA
    baudrate: int  # Rte
    version: str  # VrM
    revision: str  # VrC or the full revision; the first four digits are shown
    firmware_hash: str  # hexadecimal; the first eight digits are shown
    loaded: bool  # a current above the start threshold flows
    light_always: bool = True  # from CM 1.3
    service_mode: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """One page: number 1 to 6, the lines of text, the value and the power line (``None`` on the checksum page)."""

    number: int
    obis: str
    lines: tuple[str, ...]
    value: str
    power: str | None


@dataclass(frozen=True, slots=True)
class _Layout:
    """A page as a row: code and lines by language, and how its value is made. ``|`` parts left and right."""

    obis: Mapping[Language, str]
    lines: Mapping[Language, tuple[str, ...]]
    value: Callable[[DisplayValues, str], str]
    power: bool = True


def _both(text: str) -> Mapping[Language, str]:
    return {Language.ENGLISH: text, Language.GERMAN: text}


def _lines(english: tuple[str, ...], german: tuple[str, ...]) -> Mapping[Language, tuple[str, ...]]:
    return {Language.ENGLISH: english, Language.GERMAN: german}


def _clock(form: str) -> Callable[[DisplayValues, str], str]:
    def value(values: DisplayValues, _: str) -> str:
        local = local_time(values.epoch, values.tzo)
        return local.strftime(form) if local else "--:--:--"

    return value


def _checksums(values: DisplayValues, _: str) -> str:
    return values.version.partition(":")[2]


# ``{release}`` is the first part of VrM.
_CHECKSUM_LINES = ("Software Version V{release}", "Checksumme", "Messteil:Programm")
#: The six pages (20.2).
PAGES: tuple[_Layout, ...] = (
    _Layout(
        _both("1.8.0*198"),
        _lines(("Active energy | kWh", "Total positiv"), ("Wirkenergie in kWh", "Summe Bezug")),
        lambda values, _: energy(values.rcr_wh, values.service_mode),
    ),
    _Layout(
        {Language.ENGLISH: "1.8.1", Language.GERMAN: "1.8.0"},
        _lines(("Active energy | in kWh", "Tariff"), ("Wirkenergie in kWh", "Summe")),
        lambda values, _: energy(values.total_wh, values.service_mode),
    ),
    _Layout(_both("1.0.0"), _lines(("Time | hh:mm:ss",), ("Uhrzeit in hh:mm:ss",)), _clock("%H:%M:%S")),
    _Layout(_both("1.0.0"), _lines(("Date | TT:MM:JJ",), ("Datum in TT:MM:JJ",)), _clock("%d:%m:%y")),
    _Layout(_both("0.0.1"), _lines(("Device adress",), ("Zähleradresse",)), lambda _, address: address),
    _Layout(_both("0.2.0"), _lines(_CHECKSUM_LINES, _CHECKSUM_LINES), _checksums, power=False),
)
ADDRESS_PAGE, CHECKSUM_PAGE = 4, 5
POWER = {Language.ENGLISH: "Power:", Language.GERMAN: "Leistung:"}


def address_rounds(values: DisplayValues) -> tuple[str, ...]:
    """Texts of the address page, round after round (20.3); a meter without known hash has only the first two."""
    revision, digest = values.revision[:4].upper(), values.firmware_hash[:8].upper()
    texts = (address_text(values.address, values.baudrate), f"F0{revision}")
    return (*texts, f"F1{digest[:4]}", f"F2{digest[4:]}") if digest else texts


class Display:
    """Pages, keys and the light of one meter. All times are meter nanoseconds.

    Args:
        language: kept by the meter over power loss.
        set_language: called with the new language when key 2 saves it.
        set_address: called with the new Modbus address when key 3 saves it.
        start: time of power-up; the first page and the first round begin there.
    """

    def __init__(
        self,
        language: str,
        set_language: Callable[[str], None],
        set_address: Callable[[int], None],
        start: int = 0,
    ) -> None:
        self.language = Language(language)
        self._set_language = set_language
        self._set_address = set_address
        self._anchor = start
        self._turned = 0  # pages turned at the anchor
        self._edited_language: Language | None = None
        self._edited_address: int | None = None

    def restart(self, now: int) -> None:
        """Power-up: the first page of the first round; an edit that was not saved is lost."""
        self._anchor, self._turned = now, 0
        self._edited_language = self._edited_address = None

    @property
    def address_led(self) -> bool:
        """LED ADR: an address edit is running."""
        return self._edited_address is not None

    @property
    def editing(self) -> bool:
        """Whether an edit holds its page."""
        return self._edited_language is not None or self._edited_address is not None

    def round(self, now: int) -> int:
        """Whole display rounds since power-up; one lasts 48 s unless key 1 turns pages."""
        return self._pages(now) // len(PAGES)

    def next_round(self, now: int) -> int | None:
        """Time at which MA2 changes next; ``None`` while an edit holds the page."""
        if self.editing:
            return None
        return self._anchor + ((self.round(now) + 1) * len(PAGES) - self._turned) * PAGE_TIME

    def address_text(self, values: DisplayValues, now: int) -> str:
        """What the address page shows in this round; MA2 of model 64900 (20.3)."""
        texts = address_rounds(values)
        return texts[self.round(now) % len(texts)]

    def page(self, values: DisplayValues, now: int) -> Page:
        """The page shown at this time."""
        index = self._pages(now) % len(PAGES)
        layout, language = PAGES[index], self._edited_language or self.language
        address = self.address_text(values, now)
        if self._edited_address is not None:
            address = address_text(self._edited_address, values.baudrate)
        release = values.version.partition(":")[0]
        power = f"{POWER[language]} {fixed(values.power, 3, 3, 3)} kW" if layout.power else None
        return Page(
            number=index + 1,
            obis=f"O: {layout.obis[language]}",
            lines=tuple(line.format(release=release) for line in layout.lines[language]),
            value=layout.value(values, address),
            power=power,
        )

    def light(self, values: DisplayValues) -> bool:
        """The display light: on while charging, from CM 1.3 always (20.2)."""
        return values.loaded or values.light_always

    def state(self, values: DisplayValues, now: int) -> dict[str, object]:
        """The object ``display`` of 28.5. The checksum of the figures is not known and never shown (BD-35)."""
        page = self.page(values, now)
        return {
            "language": str(self._edited_language or self.language),
            "page": page.number,
            "obis": page.obis,
            "lines": list(page.lines),
            "value": page.value,
            "power": page.power,
            "checksum": None,
            "light": self.light(values),
        }

    def dark(self) -> dict[str, object]:
        """The object ``display`` while there is no supply: it shows nothing."""
        nothing = dict.fromkeys(("page", "obis", "lines", "value", "power", "checksum"))
        return {"language": str(self.language), **nothing, "lines": [], "light": False}

    def press(self, key: str, values: DisplayValues, now: int) -> None:
        """One key at this time (20.5). A key that means nothing on the present page does nothing.

        Raises:
            InvalidValue: there is no such key.
        """
        try:
            pressed = Key(key)
        except ValueError:
            raise InvalidValue(f"key {key!r} does not exist; the keys are {', '.join(Key)}") from None
        if self._edited_language is not None:
            self._edit_language(pressed, now)
        elif self._edited_address is not None:
            self._edit_address(pressed, values, now)
        elif pressed is Key.ONE:
            self._turn_to(self._pages(now) + 1, now)
        else:
            self._begin_edit(pressed, values, now)

    def _pages(self, now: int) -> int:
        return self._turned if self.editing else self._turned + (now - self._anchor) // PAGE_TIME

    def _turn_to(self, pages: int, now: int) -> None:
        self._turned, self._anchor = pages, now

    def _begin_edit(self, key: Key, values: DisplayValues, now: int) -> None:
        pages = self._pages(now)
        index = pages % len(PAGES)
        if key is Key.TWO_LONG and index == CHECKSUM_PAGE:
            self._turn_to(pages, now)
            self._edited_language = self.language
        elif key is Key.THREE_LONG and index == ADDRESS_PAGE and not values.loaded:
            self._turn_to(pages, now)
            self._edited_address = values.address

    def _edit_language(self, key: Key, now: int) -> None:
        edited = self._edited_language
        if edited is None:
            return
        if key is Key.ONE:
            self._edited_language = edited.other
        elif key is Key.TWO_LONG:
            self.language, self._edited_language = edited, None
            self._turn_to(self._turned, now)
            self._set_language(str(edited))

    def _edit_address(self, key: Key, values: DisplayValues, now: int) -> None:
        edited = self._edited_address
        if edited is None:
            return
        if key in (Key.ONE, Key.THREE):
            self._edited_address = edited % LONGEST_ADDRESS + 1
        elif key is Key.THREE_LONG:
            self._edited_address = None
            self._turn_to(self._turned, now)
            if not values.loaded:
                self._set_address(edited)
