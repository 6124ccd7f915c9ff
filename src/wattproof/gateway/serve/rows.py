"""The items of #69, #73 and #77 as they come from the other process, checked and written by the thousand.

The shapes of the interface (:mod:`wattproof.g13.shapes.recorded`) say the same of one item; answers that hold tens of
thousands must not keep the event loop from other work for so long.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Struct

from wattproof.g13.bodies import Streamed
from wattproof.g13.resources import Resource
from wattproof.gateway.engines.rows import ProfileItem
from wattproof.gateway.serve.problems import INTERNAL, Problem

#: A recorded value: decimal text, harmonics as several of them, ``None`` where there was none.
Recorded = str | list[str] | None


class Previous(Struct, forbid_unknown_fields=True):
    """69: status and value of every column, end of the period."""

    values: list[tuple[int, Recorded]]
    time: str


class Demand(Struct, forbid_unknown_fields=True):
    """77: status, value, time of the extreme and level of every column, end of the period."""

    values: list[tuple[int, Decimal, str, int]]
    time: str


ITEMS: Mapping[int, Any] = {69: list[Previous], 73: list[ProfileItem], 77: list[Demand]}
_encode = msgspec.json.Encoder(decimal_format="number").encode


class Rows:
    """The body of one answer in parts: ``head``, any number of :meth:`items`, ``end``."""

    def __init__(self, resource: Resource, head: Mapping[str, Any], *, compat: bool) -> None:
        frame = Streamed(resource, head, compat=compat)
        self.head, self.end = frame.head, frame.end
        self._items = ITEMS[resource.number]
        self._begun = False

    def items(self, items: Any) -> bytes:
        """Further items. Raises ``Problem`` 500: they are a mistake of ours."""
        made = bool(items) and isinstance(items[0], ProfileItem)
        try:
            text = _encode(items if made else msgspec.convert(items, self._items))[1:-1]
        except msgspec.ValidationError as error:
            raise Problem(500, INTERNAL, detail=str(error)) from error
        joint = b"," if self._begun and text else b""
        self._begun = self._begun or bool(text)
        return joint + text
