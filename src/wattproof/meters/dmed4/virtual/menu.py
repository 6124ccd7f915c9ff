"""The parameter menu: what is chosen, what is staged, and what a save makes of it (section 5, DEC-28)."""

from __future__ import annotations

from collections.abc import Mapping

from wattproof.meters.dmed4 import parameters
from wattproof.meters.dmed4.parameters import BY_ID, PASSWORD, Parameter
from wattproof.meters.dmed4.points import VALUE_WORDS


class Menu:
    """The choice of 5000h to 5002h, and values that were written and not yet saved."""

    __slots__ = ("menu", "parameter", "staged", "submenu")

    def __init__(self) -> None:
        self.menu = self.submenu = self.parameter = 0
        self.staged: dict[str, int] = {}

    @property
    def chosen(self) -> Parameter | None:
        """The parameter that the registers name, ``None`` if there is none."""
        return parameters.at(self.menu, self.submenu, self.parameter)

    def choose(self, name: str, number: int) -> None:
        """A write to one of the three registers; the menu resets the other two."""
        if name == "menu":
            self.menu, self.submenu, self.parameter = number, 0, 0
        elif name == "submenu":
            self.submenu = number
        else:
            self.parameter = number

    def forget(self) -> None:
        """A start: nothing is chosen, nothing staged."""
        self.menu = self.submenu = self.parameter = 0
        self.staged.clear()

    def words(self, active: Mapping[str, int]) -> bytes:
        """The registers of the chosen value; zeros behind it."""
        chosen = self.chosen
        if chosen is None:
            return b""
        value = self.staged.get(chosen.id, active[chosen.id])
        return value.to_bytes(2 * chosen.words, "big")

    def changed(self, first: int, data: bytes, active: Mapping[str, int]) -> int | None:
        """The chosen parameter's value after a write from its register ``first`` on; ``None`` if that is no value."""
        chosen = self.chosen
        if chosen is None:
            return None
        words = bytearray(self.words(active).ljust(2 * VALUE_WORDS, b"\0"))
        words[2 * first : 2 * first + len(data)] = data
        if any(words[2 * chosen.words :]):
            return None
        value = int.from_bytes(words[: 2 * chosen.words], "big")
        return value if value in chosen.allowed else None


def changes(before: Mapping[str, int], after: Mapping[str, int]) -> str:
    """The ids of the parameters that differ, for the event of a save; values stay out of it."""
    return ";".join(name for name in BY_ID if before[name] != after[name])


def password(active: Mapping[str, int]) -> str:
    """The advanced password as it is typed."""
    return str(active[PASSWORD])
