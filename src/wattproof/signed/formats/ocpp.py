"""Signed meter values in messages of OCPP 1.5, 1.6, 2.0.1 and 2.1, read: whole calls, their payloads, lists of them.

In 1.x a sampled value of the format ``SignedData`` holds the object that 2.x states as ``signedMeterValue``, as JSON
text, or the record itself. A key is sent once a transaction; an empty one means the key sent before. What stands
around the values is unsigned. Source: specification of the verifier, 2.17. Writing: :mod:`.ocpp_export`.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

from msgspec.structs import replace

from wattproof.signed import jsonscan
from wattproof.signed.formats import enclosing
from wattproof.signed.formats.enclosing import Repetitions
from wattproof.signed.jsonscan import JsonProblem, Path
from wattproof.signed.keys import decode_base64, decode_hex
from wattproof.signed.limits import DEFAULT, Limits
from wattproof.signed.numbers import NumberRefused, exact
from wattproof.signed.obis_classes import IMPORT, TOTAL, classify
from wattproof.signed.records import Finding, Moment, Record, Severity
from wattproof.signed.registers import EXACT, WATT_HOUR_EXPONENTS, watt_hours
from wattproof.signed.units import NO_CARRIER, Carrier, Item, KeyText, Unit, stopped

OCPP_16, OCPP_201 = "OCPP-1.6", "OCPP-2.0.1"
#: Names of the record in the object; the second is seen in the field.
_DATA = ("signedMeterData", "signedMeterValue")
_BESIDE = ("signingMethod", "encodingMethod", "publicKey")
_SHARED = Finding(
    "F-KEY-SHARED", Severity.INFO, "the key stands beside another value of the same transaction", "publicKey"
)


class _Found(NamedTuple):
    """A signed value, where it stands, the message that holds it, and the sampled value that it belongs to."""

    container: str
    content: Any
    place: Path
    message: dict[str, Any]
    sampled: dict[str, Any]


def detect(document: Any) -> bool:
    """Whether a parsed JSON document holds a signed value of an OCPP message, or is such a value itself."""
    return next(_found(document), None) is not None


def _found(node: Any, place: Path = (), message: dict[str, Any] | None = None) -> Iterator[_Found]:
    if isinstance(node, list):
        for position, item in enumerate(node):
            yield from _found(item, (*place, str(position)), message)
    elif isinstance(node, dict):
        if message is None or "transactionId" in node or "transactionInfo" in node:
            message = node
        name = node.get("format")
        if isinstance(node.get("signedMeterValue"), dict):
            yield _Found(OCPP_201, node["signedMeterValue"], place, message, node)
        elif type(name) is str and name.strip().lower() == "signeddata" and "value" in node:
            yield _Found(OCPP_16, node["value"], place, message, node)
        elif _is_object(node):
            yield _Found(OCPP_201, node, place, message, {})
        else:
            for key, item in node.items():
                if isinstance(item, (dict, list)):
                    yield from _found(item, (*place, key), message)


def _is_object(node: dict[str, Any]) -> bool:
    """The object with the record in it, by its own."""
    if type(node.get("signedMeterData")) is str:
        return True
    return type(node.get("signedMeterValue")) is str and any(name in node for name in _BESIDE)


def read(document: Any, carrier: Carrier = NO_CARRIER, limits: Limits = DEFAULT) -> list[Item]:
    """Every signed value, in file order; at least one item, and never an exception for bad content."""
    values = list(islice(_found(document), limits.units + 1))
    if len(values) > limits.units:
        inside = replace(carrier, container=values[0].container)
        return [stopped("unknown", "F-SIZE", f"more than {limits.units} signed values", carrier=inside)]
    repeated = Repetitions(document, (value.place for value in values))
    read_values = [_Value(value, carrier, repeated, limits) for value in values]
    _share_keys(read_values)
    return [value.item() for value in read_values]


class _Value:
    """One signed value with what its message says about it."""

    def __init__(self, found: _Found, carrier: Carrier, repeated: Repetitions, limits: Limits) -> None:
        self.found = found
        self.content: str | None = None
        self.keys: tuple[KeyText, ...] = ()
        self.problem: tuple[str, str] | None = None
        self.ambiguous = repeated.ambiguous(found.place)
        self.findings: tuple[Finding, ...] = (*carrier.findings, *repeated.findings(found.place))
        self.transaction = _transaction(found.message)
        container = carrier.container if carrier.container == OCPP_16 else found.container
        self.carrier = replace(
            carrier,
            container=container,
            label=None,
            encoding=None,
            context=enclosing.text(found.sampled.get("context")) or carrier.context,
            transaction=self.transaction or carrier.transaction,
        )
        self._read(limits)

    def _read(self, limits: Limits) -> None:
        content = self.found.content
        written = _object_text(content) if type(content) is str else None
        if written is not None:
            content = self._parsed(written, limits)
        if isinstance(content, dict):
            self.keys = enclosing.key(content.get("publicKey"))
            label = enclosing.text(content.get("encodingMethod"))
            self.carrier = replace(self.carrier, label=label)
            content = next((found for name in _DATA if (found := enclosing.text(content.get(name)))), None)
        self.content = enclosing.text(content)

    def _parsed(self, content: str | bytes, limits: Limits) -> Any:
        try:
            value, findings = jsonscan.load(content, limits)
        except JsonProblem as problem:
            self.problem = problem.code, str(problem)
            return None
        paths = [(*self.found.place, "value", *path) for path in jsonscan.repeated_keys(value)]
        self.findings = (*self.findings, *findings, *jsonscan.repeated_findings(iter(paths)))
        self.ambiguous = [*self.ambiguous, *map(enclosing.where, paths[: jsonscan.MOST_REPEATED])]
        return value

    def item(self) -> Item:
        """The value as a unit, or as text whose content decides."""
        inside = replace(self.carrier, findings=self.findings, keys=(*self.carrier.keys, *self.keys))
        if self.content is None:
            code, message = self.problem or ("F-EMPTY", "the signed value holds no record")
            return stopped("unknown", code, message, carrier=inside, where=enclosing.where(self.found.place))
        then = partial(_beside, ambiguous=self.ambiguous, message=self.found.message)
        return replace(enclosing.enclosed(self.content, inside), then=then)


def _object_text(content: str) -> str | bytes | None:
    """The JSON text of the object, also in Base64 or hexadecimal; ``None`` for a record."""
    stripped = content.strip()
    if stripped.startswith("{"):
        return stripped
    for decode in (decode_hex, decode_base64):
        try:
            data = decode("".join(stripped.split())).strip()
        except ValueError:
            continue
        if data.startswith(b"{"):
            return data
    return None


def _transaction(message: dict[str, Any]) -> str | None:
    info = message.get("transactionInfo")
    return enclosing.identifier(info.get("transactionId") if isinstance(info, dict) else message.get("transactionId"))


def _share_keys(values: list[_Value]) -> None:
    """A value without a key has the last one sent in its transaction, else the first that follows there."""
    last: dict[str | int, tuple[KeyText, ...]] = {}
    without: dict[str | int, list[_Value]] = {}
    for value in values:
        scope = value.transaction or id(value.found.message)
        if value.keys:
            last[scope] = value.keys
            for earlier in without.pop(scope, ()):
                _lend(earlier, value.keys)
        elif scope in last:
            _lend(value, last[scope])
        else:
            without.setdefault(scope, []).append(value)


def _lend(value: _Value, keys: tuple[KeyText, ...]) -> None:
    value.keys, value.findings = keys, (*value.findings, _SHARED)


# -- what stands beside -------------------------------------------------------------------------------------------


def _beside(units: list[Unit], ambiguous: list[str], message: dict[str, Any]) -> None:
    """What the message says of the records: its counters are compared."""
    enclosing.mark(units, ambiguous)
    enclosing.unlabelled(units)
    for unit in units:
        for name, moment in (("meterStart", Moment.BEGIN), ("meterStop", Moment.END)):
            if _contradicts(message.get(name), unit.record, moment):
                text = f"the unsigned {name} of the message contradicts the signed total register"
                unit.record.findings.append(Finding("F-UNSIGNED-DIFFERS", Severity.WARNING, text, f"/{name}"))


def _contradicts(stated: Any, record: Record, moment: Moment) -> bool:
    """Whether a counter in watt hours differs by a whole one, or by a step of the signed register if that is more."""
    if not enclosing.is_number(stated):
        return False
    try:
        counter = exact(stated)
    except NumberRefused:
        return False
    for reading in record.readings:
        kind = classify(reading.register)
        energy = watt_hours(reading) if reading.moment is moment else None
        if energy is None or (kind.direction, kind.scope) != (IMPORT, TOTAL) or reading.value is None:
            continue
        exponent = int(reading.value.as_tuple().exponent) + WATT_HOUR_EXPONENTS[reading.unit or ""]
        return abs(EXACT.subtract(counter, energy)) >= max(Decimal(1), Decimal(1).scaleb(exponent))
    return False
