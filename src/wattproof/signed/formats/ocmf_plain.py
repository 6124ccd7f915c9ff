"""The common OCMF record, read fast: one record of ASCII without escapes, every key known, nothing to remark.

:func:`read` gives the unit that :func:`wattproof.signed.formats.ocmf.parse` gives, or ``None`` for whatever is not that
plain; the tests compare the two on everything they have. Who repeats records of a fleet gets most of them from here.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from wattproof.signed import algorithms
from wattproof.signed.formats import ocmf_fields, ocmf_readings, ocmf_times
from wattproof.signed.limits import Limits
from wattproof.signed.records import Reading, Record, Signature, Verdict
from wattproof.signed.units import NO_CARRIER, Algorithm, Carrier, Unit

TOKEN = "OCMF"  # noqa: S105 (the name of the format)

#: Bytes of a plain record at most, and of any text in it that is kept for the next one.
LONGEST = 4096
#: Versions whose rules are those of the newest one for everything that a plain record has.
_SINCE = (0, 5)
_LONGEST_NUMBER = 24
#: Payload, readings, one of them.
_DEPTH = 3
#: White space behind a quote may stand before a colon, and then keys cannot be counted.
_LOOSE = (b'" ', b'"\t', b'"\n', b'"\r')
#: What a key at least costs that stands there once more: ``,"RV":1`` in the payload, ``,"SD":""`` in the signature.
_KEY, _TEXT_KEY = 7, 8
#: Bytes of a signature section around SD, and around SA if it has that.
_AROUND_SD, _AROUND_SA = len('{"SD":""}'), len('"SA":"",')
_WHERE = tuple(
    f"/RD/{position}" for position in range(LONGEST // len('{"TM":"","TX":"","RV":1,"RI":"","RU":"","ST":""}'))
)


def _one_of(texts: Iterable[str]) -> Any:
    """The type of a text of a closed list."""
    literal: Any = Literal
    return literal[tuple(texts)]


def _maybe(kind: Any) -> Any:
    return kind | None


#: A reading that states everything itself; texts only, and a value of which the literal stays.
_Reading: Any = msgspec.defstruct(
    "_Reading",
    [
        ("TM", str),
        ("TX", _one_of(ocmf_readings.MOMENTS)),
        ("RV", msgspec.Raw),
        ("RI", str),
        ("RU", _one_of(sorted(ocmf_readings.UNITS))),
        ("ST", _one_of(sorted(ocmf_readings.STATUSES))),
        ("RT", _maybe(_one_of(("AC", "DC"))), None),
        ("EF", _maybe(_one_of(("", "E", "t", "Et", "tE"))), None),
    ],
    forbid_unknown_fields=True,
    omit_defaults=True,
    gc=False,
)
_TEXT = _maybe(str)
#: The keys of 1.2 without LC, with the types that they ought to have and what closed lists allow.
_Payload: Any = msgspec.defstruct(
    "_Payload",
    [
        ("FV", _one_of(text for text, version in ocmf_fields.VERSIONS.items() if version >= _SINCE)),
        ("PG", str),
        ("RD", list[_Reading]),
        ("IS", bool),
        *((key, _TEXT, None) for key in ("GI", "GS", "GV", "MV", "MM", "MS", "MF", "ID", "CI")),
        *((key, _maybe(Annotated[str, Meta(max_length=most)]), None) for key, most in ocmf_fields.LONGEST.items()),
        ("IL", _maybe(_one_of(("", *sorted(ocmf_fields.ASSIGNMENT_LEVELS)))), None),
        ("IF", _maybe(list[str]), None),
        ("IT", _maybe(_one_of(("", *ocmf_fields.IDENTIFICATION_TYPES))), None),
        ("CT", _maybe(_one_of(ocmf_fields.POINT_TYPES)), None),
    ],
    forbid_unknown_fields=True,
    omit_defaults=True,
    gc=False,
)


class _Section(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The signature section as nearly all have it."""

    SD: str
    SA: str | None = None


_UNREAD = Verdict.FORMAT_ERROR
_payload: Callable[[bytes], Any] = msgspec.json.Decoder(_Payload).decode
_section: Callable[[bytes], _Section] = msgspec.json.Decoder(_Section).decode
_written: Callable[[Any], bytes] = msgspec.json.Encoder().encode


def read(data: bytes, carrier: Carrier, limits: Limits) -> Unit | None:
    """The unit of a document that is one plain record, else ``None``. Never raises."""
    size = len(data)
    if size > LONGEST or size > limits.record or size > limits.document or limits.json_depth < _DEPTH:
        return None
    if carrier.findings or b"\\" in data or not data.isascii():
        return None
    sections = data.split(b"|")
    if len(sections) != 3 or sections[0] != b"OCMF":
        return None
    _, signed, behind = sections
    if signed[:1] != b"{" or signed[-1:] != b"}" or behind[:1] != b"{" or behind[-1:] != b"}":
        return None
    try:
        payload, section = _payload(signed), _section(behind)
        signature = binascii.unhexlify(section.SD)
    except (msgspec.MsgspecError, ValueError):
        return None
    algorithm = _algorithm(section, len(behind))
    # A key that stands there twice makes a text longer than what was understood of it, written as short as can be.
    if (
        algorithm is None
        or not signature
        or (len(signed) - len(_written(payload)) >= _KEY and _repeats(payload, signed))
    ):
        return None
    record = _record(payload, limits, carrier, data.decode("ascii"), signed)
    return None if record is None else Unit(record, signature, algorithm, carrier.keys)


def _repeats(payload: Any, signed: bytes) -> bool:
    """Whether a key of a text with white space may stand there twice: one more colon behind a quote than are keys.

    Null where a text belongs counts as no key.
    """
    if any(loose in signed for loose in _LOOSE):
        return True
    stated = [payload, *payload.RD]
    keys = sum(getattr(each, name) is not None for each in stated for name in each.__struct_fields__)
    return keys != signed.count(b'":')


def _algorithm(section: _Section, size: int) -> Algorithm | None:
    name, least = section.SA, _AROUND_SD + len(section.SD)
    if name is None:
        return algorithms.DEFAULT if size - least < _TEXT_KEY else None
    return None if size - least - _AROUND_SA - len(name) >= _TEXT_KEY else _named(name)


@lru_cache(maxsize=256)
def _named(name: str) -> Algorithm | None:
    algorithm, notes = algorithms.named(name)
    return None if notes else algorithm


@lru_cache(maxsize=256)
def _are_flags(flags: tuple[str, ...]) -> bool:
    return ocmf_fields.flag_note(flags) is None


def _record(payload: Any, limits: Limits, carrier: Carrier, text: str, signed: bytes) -> Record | None:
    """What the payload says; ``None`` if anything in it deserves a finding."""
    kind, flags, page = payload.IT, payload.IF, payload.PG
    gateway, serial, identification = payload.GS, payload.MS, payload.ID
    if (
        not (gateway or serial)
        or ocmf_fields.PAGE.fullmatch(page) is None
        or not (flags is None or _are_flags(tuple(flags)))
    ):
        return None
    if identification and kind and ocmf_fields.identification_note(identification, kind) is not None:
        return None
    readings = _readings(payload.RD, limits)
    if readings is None:
        return None
    if serial and gateway and serial != gateway:
        identities: tuple[str, ...] = (gateway, serial)
    else:
        identities = (serial or gateway or "",)
    firmware = (payload.GV, payload.MF, payload.CF)
    extra = carrier.extra() if carrier is not NO_CARRIER else {}
    return Record(  # by position, which is faster: the fields in their order
        TOKEN, carrier.container, carrier.source, 0, text, signed, Signature(_UNREAD, "F-FORMAT"), [], readings,
        gateway, payload.GI, serial, payload.MM, firmware, identification, payload.IS, payload.IL, payload.CI,
        payload.TT, page[0], int(page[1:]), page, [], identities, carrier.context, carrier.transaction,
        carrier.session, None, [], False, extra,
    )  # fmt: skip


@lru_cache(maxsize=1024)
def _is_register(text: str) -> bool:
    return not ocmf_readings.bad_register(text)


def _readings(entries: list[Any], limits: Limits) -> list[Reading] | None:
    """The readings; ``None`` if one deviates, or if one inherits from another."""
    if not 0 < len(entries) <= min(limits.readings, len(_WHERE)):
        return None
    readings: list[Reading] = []
    first = entries[0]
    no_current, no_flags = first.RT is None, first.EF is None
    for where, entry in zip(_WHERE, entries, strict=False):
        reason, register, flags, time = entry.TX, entry.RI, entry.EF, entry.TM
        if (entry.RT is None) is not no_current or (flags is None) is not no_flags or not _is_register(register):
            return None
        literal = str(entry.RV, "ascii")
        # JSON that ends with a digit is a number.
        if len(literal) > _LONGEST_NUMBER or not literal[-1].isdecimal() or "e" in literal or "E" in literal:
            return None
        stamp = ocmf_times.parse(time)
        if not stamp.exact:
            return None
        moment, value = ocmf_readings.MOMENTS[reason], Decimal(literal)
        readings.append(
            Reading(
                moment, reason, register, value, literal, entry.RU, stamp.time, time, stamp.clock, entry.ST, flags,
                None, None, False, where,
            )
        )  # fmt: skip
    return readings
