"""Which meter on the bus: by primary address, or selected by secondary address (abb-meters.md 1.2, 1.6)."""

from __future__ import annotations

from dataclasses import dataclass

from wattproof.errors import InvalidURL, InvalidValue
from wattproof.io.url import MeterURL
from wattproof.wire.mbus.addresses import SecondaryAddress
from wattproof.wire.mbus.frames import EVERY_ANSWERS, PRIMARY, SELECTED

#: Lengths of a secondary address: number alone, number with manufacturer, version and medium.
SECONDARY = (8, 16)


@dataclass(frozen=True, slots=True)
class Address:
    """``primary`` is what requests carry: 0 to 250, 254 (whoever is there), or 253 with a ``secondary`` address."""

    primary: int
    secondary: SecondaryAddress | None = None

    @classmethod
    def parse(cls, text: str) -> Address:
        """``5``; eight digits, ``F`` for any; or sixteen as other tools write them.

        Raises ``InvalidValue``.
        """
        if len(text) in SECONDARY:
            return cls.of(SecondaryAddress.parse(text))
        if text.isdecimal() and (int(text) in PRIMARY or int(text) == EVERY_ANSWERS):
            return cls(int(text))
        raise InvalidValue(
            f"{text!r} is no M-Bus address: write 0 to 250, 254 for the only meter on the line, or a secondary address "
            "of 8 or 16 digits"
        )

    @classmethod
    def of(cls, secondary: SecondaryAddress) -> Address:
        """The meter with this secondary address."""
        return cls(SELECTED, secondary)

    def fits(self, sender: int) -> bool:
        """Whether an answer with this address field is one to a request to this meter.

        A selected meter answers with 253 or its own address.
        """
        return sender == self.primary or self.primary in (SELECTED, EVERY_ANSWERS)

    def __str__(self) -> str:
        if self.secondary is None:
            return str(self.primary)
        text = str(self.secondary)
        return text[:8] if text.endswith("FFFFFFFF") else text


def address_of(url: MeterURL, default: int = 1) -> Address:
    """``?address=`` of a meter's URL. Raises ``InvalidURL``."""
    try:
        return Address.parse(url.options.get("address", str(default)))
    except InvalidValue as error:
        raise InvalidURL(f"{url}: {error}; an example: mbus:///dev/ttyUSB1?address=5") from error
