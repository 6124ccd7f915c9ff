"""Transformer ratios of a meter that does not know its transformers (g13-api.md 48, 10.3, column Map)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wattproof.gateway.engines.books import Books, Part
from wattproof.gateway.engines.failing import invalid, unsupported, whole
from wattproof.gateway.engines.scales import ENERGIES, scaled
from wattproof.gateway.records import Value

#: What a term can be; no ratio is below 1.
MOST = 999_999
TERMS = ("ctnum", "ctdenum", "vtnum", "vtdenum")
VOLTAGES = frozenset({69, 72, 75, 78, 79, 80})
CURRENTS = frozenset({70, 73, 76, 81})
#: Powers, and energies of all kinds: both ratios.
BOTH = frozenset(range(93, 105)) | ENERGIES | frozenset({*range(9, 21), *range(29, 33), *range(41, 45), *range(85, 93)})
#: What each transformer multiplies.
WINDINGS = (("ct", CURRENTS | BOTH), ("vt", VOLTAGES | BOTH))
#: Digits that a multiplied value has beyond those that were read.
DIGITS = 3


class Transformer(Part):
    """``terms`` of current and voltage ratio, numerators and denominators."""

    name = "transformer"

    def __init__(self, books: Books) -> None:
        super().__init__()
        self._books = books
        self.terms: dict[str, int] = dict.fromkeys(TERMS, 1)

    @property
    def plain(self) -> bool:
        """Whether nothing is multiplied."""
        return self.terms["ctnum"] == self.terms["ctdenum"] and self.terms["vtnum"] == self.terms["vtdenum"]

    def apply(self, values: Mapping[int, Value]) -> dict[int, Value]:
        """Values on the primary side."""
        if self.plain:
            return dict(values)
        return {id: _multiplied(value, *self.ratio(id)) for id, value in values.items()}

    def ratio(self, id: int) -> tuple[int, int]:
        """What a quantity is multiplied by: numerator and denominator."""
        numerator = denominator = 1
        for kind, quantities in WINDINGS:
            if id in quantities:
                numerator *= self.terms[f"{kind}num"]
                denominator *= self.terms[f"{kind}denum"]
        return numerator, denominator

    def document(self) -> dict[str, Any]:
        """The member ``ratio`` of 43; empty where there is none."""
        return {"ratio": dict(sorted(self.terms.items()))} if self._books.facts.transformer else {}

    def put(self, body: Mapping[str, Any]) -> bool:
        """Carry out 48; whether anything is another than before. Raises ``CommandFailed``."""
        if not self._books.facts.transformer:
            raise unsupported("transformer ratio")
        wanted = {name: whole(body.get(name), "invalid ratio") for name in TERMS}
        if not all(1 <= term <= MOST for term in wanted.values()):
            raise invalid("invalid ratio", f"terms are 1 to {MOST}")
        if wanted["ctnum"] < wanted["ctdenum"] or wanted["vtnum"] < wanted["vtdenum"]:
            raise invalid("invalid ratio", "a ratio is at least 1")
        changed = wanted != self.terms
        self.terms, self.changed = wanted, True
        return changed

    def save(self) -> Any:
        return [self.terms[name] for name in TERMS]

    def restore(self, data: Any) -> None:
        self.terms = dict(zip(TERMS, data, strict=True))


def _multiplied(value: Value, numerator: int, denominator: int) -> Value:
    if value.mantissa is None or numerator == denominator:
        return value
    if denominator == 1 or value.mantissa * numerator % denominator == 0:
        return value._replace(mantissa=value.mantissa * numerator // denominator)
    exponent = value.exponent - DIGITS
    product = scaled(value._replace(mantissa=value.mantissa * numerator), exponent) or 0
    return value._replace(mantissa=product // denominator, exponent=exponent)
