"""The readings of an OCMF payload, each completed by what it inherits from the one before.

Source: OCMF 1.4, section RD, and the specification of the verifier, 1.3, 1.4, 1.6 and 1.12.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Any

from wattproof.signed import obis_classes
from wattproof.signed.formats import ocmf_times
from wattproof.signed.formats.ocmf_fields import Version, vendor
from wattproof.signed.formats.ocmf_times import Stamp
from wattproof.signed.jsonscan import Number
from wattproof.signed.limits import Limits
from wattproof.signed.numbers import NumberRefused, exact
from wattproof.signed.records import Finding, Moment, Reading, Severity

#: Reason of a reading (TX) and what it stands for.
MOMENTS = {
    "B": Moment.BEGIN,
    "C": Moment.INTERMEDIATE,
    "X": Moment.EXCEPTION,
    "E": Moment.END,
    "L": Moment.END,
    "R": Moment.END,
    "A": Moment.END,
    "P": Moment.END,
    "S": Moment.SUSPEND,
    "T": Moment.TARIFF,
}
STATUSES = frozenset("NGTDRMXIOSEF")
UNITS = frozenset(("kWh", "Wh", "mOhm", "uOhm"))
ENERGY_UNITS = frozenset(("kWh", "Wh"))
_KNOWN = frozenset(("TM", "TX", "RV", "RI", "RU", "RT", "CL", "EF", "ST"))

#: JSON numbers up to this length without exponent are inside every limit.
_SHORT = 24
_NO_STAMP = Stamp(None, None, True)
#: Stands for a key that a reading has not.
MISSING = object()


def bad_register(value: Any) -> bool:
    """Whether a text is no OBIS code, or one that OCMF reserves."""
    if type(value) is not str or len(value) > 64 or obis_classes.tokens(value) is None:
        return True
    return obis_classes.classify(value).reserved


#: Texts of closed lists: key, code, severity, message, whether the value deviates.
_LISTS: tuple[tuple[str, str, Severity, str, Callable[[Any], bool]], ...] = (
    ("TX", "F-TX", Severity.WARNING, "not a reason of OCMF", lambda v: type(v) is not str or v not in MOMENTS),
    ("RI", "F-RI", Severity.WARNING, "no OBIS code, or one that OCMF reserves", bad_register),
    ("RT", "F-RT", Severity.WARNING, "not AC or DC", lambda v: v not in ("AC", "DC")),
    (
        "EF",
        "F-EF",
        Severity.WARNING,
        "flags other than E and t",
        lambda v: type(v) is not str or not set(v) <= {"E", "t"},
    ),
    ("ST", "F-ST", Severity.WARNING, "not a meter status of OCMF", lambda v: type(v) is not str or v not in STATUSES),
    ("RU", "F-RU", Severity.INFO, "not a unit of OCMF, not billable", lambda v: type(v) is not str or v not in UNITS),
)


def deviations(version: Version, keys: tuple[str, ...], *values: Any) -> tuple[tuple[str, str, Severity, str], ...]:
    """Key, code, severity and message: keys that OCMF does not define, then the rows of ``_LISTS`` that deviate.

    ``values`` are in the order of ``_LISTS``; ``MISSING`` never deviates.
    """
    unknown = [
        (key[:64], "F-KEY-UNKNOWN", Severity.INFO, "OCMF does not define this key")
        for key in keys
        if key not in _KNOWN and not vendor(key) and not (key == "EI" and version < (0, 5))
    ]
    deviating = [
        (key, code, severity, message)
        for value, (key, code, severity, message, bad) in zip(values, _LISTS, strict=True)
        if value is not MISSING and bad(value)
    ]
    return (*unknown, *deviating)


_kept_deviations = lru_cache(maxsize=4096, typed=True)(deviations)


def read(
    entries: list[Any],
    version: Version,
    fiscal: bool,
    findings: list[Finding],
    limits: Limits,
    *,
    keep: bool = True,
) -> list[Reading]:
    """The readings in order. ``fiscal``: the page letter is F, readings have no reason; ``keep`` as for the fields."""
    readings: list[Reading] = []
    before: dict[str, Any] = {}
    for position, entry in enumerate(entries):
        where = f"/RD/{position}"
        if not isinstance(entry, dict):
            findings.append(Finding("F-READING", Severity.ERROR, "no object", where))
            continue
        _check_keys(entry, version, where, findings, keep)
        # What a reading states overrides, what it inherited goes on. Keys that are not inherited (RV, CL, EI, those of
        # the manufacturer) are only ever looked up in the entry itself.
        state = entry if entry.keys() >= before.keys() else {**before, **entry}
        readings.append(_reading(entry, state, version, fiscal, where, findings, limits))
        before = state
        if position == 0:
            _check_first(entry, where, findings)
    return readings


def _check_first(entry: dict[str, Any], where: str, findings: list[Finding]) -> None:
    if "TM" in entry and "ST" in entry and ("RU" in entry or "RV" not in entry):
        return
    missing = [key for key in ("TM", "ST") if key not in entry]
    if "RV" in entry and "RU" not in entry:
        missing.append("RU")
    if missing:
        message = f"the first reading lacks {', '.join(missing)} and has none to inherit from"
        findings.append(Finding("F-READING", Severity.ERROR, message, where))


def _check_keys(entry: dict[str, Any], version: Version, where: str, findings: list[Finding], keep: bool) -> None:
    """Only what a reading states itself is checked, not what it inherits."""
    get = entry.get
    stated = (
        version,
        tuple(entry),
        get("TX", MISSING),
        get("RI", MISSING),
        get("RT", MISSING),
        get("EF", MISSING),
        get("ST", MISSING),
        get("RU", MISSING),
    )
    try:
        deviating = (_kept_deviations if keep else deviations)(*stated)
    except TypeError:  # an object or a list where a text belongs
        deviating = deviations(*stated)
    for key, code, severity, message in deviating:
        findings.append(Finding(code, severity, message, f"{where}/{key}"))


def _reading(
    entry: dict[str, Any],
    state: dict[str, Any],
    version: Version,
    fiscal: bool,
    where: str,
    findings: list[Finding],
    limits: Limits,
) -> Reading:
    if "RV" in entry and ("RI" in state) != ("RU" in state):
        findings.append(Finding("F-RI-RU", Severity.WARNING, "RI and RU come together", where))
    get = state.get
    stamp = _NO_STAMP
    time_text = get("TM")
    if "TM" in state:
        stamp = ocmf_times.parse(time_text) if type(time_text) is str else ocmf_times.UNREADABLE
        if not stamp.exact and "TM" in entry:
            message = "the time cannot be read" if stamp.time is None else "the time deviates from its format"
            findings.append(Finding("F-TM", Severity.WARNING, message, f"{where}/TM"))
    reason = _text(get("TX"))
    moment = MOMENTS.get(reason) if reason is not None else (Moment.FISCAL if fiscal else None)
    value, literal, value_error = _value(entry, where, findings, limits)
    return Reading(
        moment,
        reason,
        _text(get("RI")),
        value,
        literal,
        _text(get("RU")),
        stamp.time,
        _text(time_text),
        stamp.clock,
        _text(get("ST")),
        _text(get("EF")),
        _event_counter(entry) if version < (0, 5) else None,
        _loss(entry, where, findings, limits) if "CL" in entry else None,
        value_error,
        where,
    )


def _text(value: Any) -> str | None:
    if value.__class__ is str or value is None:
        return value
    return str(value) if isinstance(value, Number) else None


def _value(
    entry: dict[str, Any], where: str, findings: list[Finding], limits: Limits
) -> tuple[Decimal | None, str | None, bool]:
    """Value, literal, and whether a value was stated that cannot be used."""
    stated = entry.get("RV", MISSING)
    if stated is MISSING:
        return None, None, False
    if stated.__class__ is Number and len(stated) <= _SHORT and "e" not in stated and "E" not in stated:
        literal = str(stated)
        return Decimal(literal), literal, False
    if not isinstance(stated, str):
        findings.append(Finding("F-RV", Severity.ERROR, "the value is no number", f"{where}/RV"))
        return None, None, True
    if not isinstance(stated, Number):
        findings.append(
            Finding("F-RV-STRING", Severity.WARNING, "the value is a text instead of a number", f"{where}/RV")
        )
    literal = str(stated)
    try:
        return exact(literal, limits), literal, False
    except NumberRefused as refused:
        findings.append(Finding(refused.code, Severity.ERROR, str(refused), f"{where}/RV"))
        return None, literal, True


def _loss(entry: dict[str, Any], where: str, findings: list[Finding], limits: Limits) -> Decimal | None:
    stated = entry["CL"]
    try:
        value = exact(stated, limits) if isinstance(stated, str) else None
    except NumberRefused:
        value = None
    if value is None or not isinstance(stated, Number) or value < 0:
        findings.append(
            Finding("F-CL", Severity.WARNING, "the accumulated loss is no plain number from 0", f"{where}/CL")
        )
    return value


def _event_counter(entry: dict[str, Any]) -> int | None:
    stated = entry.get("EI")
    if isinstance(stated, Number) and stated.isdecimal() and len(stated) <= 20:
        return int(stated)
    return None
