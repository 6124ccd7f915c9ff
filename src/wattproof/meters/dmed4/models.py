"""The models of the series and the two numbers that each of them goes by.

Source: communication manual, function 17 and `v1/system_status`; specification, section 1; DEC-01 to DEC-03.
"""

from __future__ import annotations

from dataclasses import dataclass

from wattproof.errors import UnknownName


@dataclass(frozen=True, slots=True)
class Model:
    """One model.

    ``code``: byte 1 of the answer to function 17. ``number``: ``model_code`` of REST, ``None`` for displays.
    ``amperes``: nominal current, 0 for displays. ``reverse``: whether it may export (R), else negative power is a
    wiring error (D). The manual gives no REST numbers for DMED403: 8 to 15 are our own (DEC-02).
    """

    name: str
    code: int
    number: int | None = None
    amperes: int = 0
    reverse: bool = True

    @property
    def variant(self) -> str:
        """The name as the command line writes it: without ``DMED``."""
        return self.name.removeprefix("DMED").removeprefix("4") if self.is_display else self.name.removeprefix("DMED")

    @property
    def is_display(self) -> bool:
        """Whether it is a remote display rather than a meter."""
        return self.number is None


MODELS = (
    # 1.1 to 1.3; the letters R and D share one code of function 17.
    Model("DMED404R1500", 0x4A, 0, 1500),
    Model("DMED404R0600", 0x48, 1, 600),
    Model("DMED404R0400", 0x47, 2, 400),
    Model("DMED404R0150", 0x46, 3, 150),
    Model("DMED404D1500", 0x4A, 4, 1500, reverse=False),
    Model("DMED404D0600", 0x48, 5, 600, reverse=False),
    Model("DMED404D0400", 0x47, 6, 400, reverse=False),
    Model("DMED404D0150", 0x46, 7, 150, reverse=False),
    Model("DMED403R1500", 0x45, 8, 1500),
    Model("DMED403R0600", 0x43, 9, 600),
    Model("DMED403R0400", 0x42, 10, 400),
    Model("DMED403R0150", 0x41, 11, 150),
    Model("DMED403D1500", 0x45, 12, 1500, reverse=False),
    Model("DMED403D0600", 0x43, 13, 600, reverse=False),
    Model("DMED403D0400", 0x42, 14, 400, reverse=False),
    Model("DMED403D0150", 0x41, 15, 150, reverse=False),
    Model("DMED4DC1", 0x0C),
    Model("DMED4DC2", 0x0D),
)
DEFAULT = MODELS[0]
#: Channels of the display DMED4DC1.
CHANNELS = (1, 2, 3, 4)

_BY_VARIANT = {model.variant: model for model in MODELS}
_BY_NUMBER = {model.number: model for model in MODELS if model.number is not None}
UNKNOWN = "unknown model"


def by_variant(variant: str) -> Model:
    """The model that the command line calls ``variant``, upper or lower case. Raises ``UnknownName``."""
    found = _BY_VARIANT.get(variant.upper())
    if found is None:
        raise UnknownName(f"dmed4 has no variant {variant!r}; known: {', '.join(_BY_VARIANT)}")
    return found


def by_number(number: int) -> Model | None:
    """The model of a REST ``model_code``; ``None`` for one that is not known (DEC-02)."""
    return _BY_NUMBER.get(number)


def by_code(code: int) -> tuple[Model, ...]:
    """The models that share a code of function 17; none for a code that is not assigned."""
    return tuple(model for model in MODELS if model.code == code)


#: Names on the command line, the default first.
VARIANTS = tuple(_BY_VARIANT)
