"""What every command to a meter needs: whether the meter has what it is about, and the entry in its system log."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from wattproof.meters.abb.virtual import watch
from wattproof.meters.abb.virtual.refusals import out_of_range, undefined
from wattproof.meters.abb.virtual.timeline import Timeline

T = TypeVar("T")


def checked(make: Callable[..., T], *arguments: Any, **options: Any) -> T:
    """What is made of the arguments; an engine's ``ValueError`` becomes a refusal."""
    try:
        return make(*arguments, **options)
    except ValueError as error:
        raise out_of_range(str(error)) from None


class Commanded(Timeline):
    """``ids`` are the quantities that the meter has."""

    __slots__ = ("ids",)

    ids: frozenset[int]

    def _need(self, level: int, what: str) -> None:
        if self.variant.level < level:
            raise undefined(f"an {self.variant.label} has no {what}")

    def _changed(self) -> None:
        self.watch.note(self.clock.stamp(self.at), watch.SETTINGS_CHANGED)

    def _reset(self) -> None:
        self.watch.note(self.clock.stamp(self.at), watch.REGISTERS_RESET)

    def _recordable(self, id: int, among: Iterable[int]) -> None:
        if id not in among or id not in self.ids:
            raise out_of_range(f"quantity {id} is not possible there")
