"""The common OCMF record, read fast: one record of ASCII without escapes, every key known, nothing to remark.

:func:`read` gives the unit that :func:`wattproof.signed.formats.ocmf.parse` gives, or ``None`` for whatever is not that
plain; the tests compare the two on everything they have. Who repeats records of a fleet gets most of them from here.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache

import msgspec
from msgspec import Struct

from wattproof.signed import algorithms
from wattproof.signed.formats import ocmf_readings, ocmf_times
from wattproof.signed.formats.ocmf_fields import PAGE, VERSIONS, choices, identification_note
from wattproof.signed.limits import Limits
from wattproof.signed.records import Reading, Record, Signature, Verdict
from wattproof.signed.units import NO_CARRIER, Algorithm, Carrier, Unit

TOKEN = "OCMF"  # noqa: S105 (the name of the format)

#: Bytes of a plain record at most, and of any text in it that is kept for the next one.
LONGEST = 4096
#: Versions whose rules are those of the newest one for everything that a plain record has.
_SINCE = (0, 5)
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?", re.ASCII)
_LONGEST_NUMBER = 24
#: Payload, readings, one of them.
_DEPTH = 3
#: White space behind a quote may stand before a colon, and then keys cannot be counted.
_LOOSE = (b'" ', b'"\t', b'"\n', b'"\r')


class _Reading(Struct, forbid_unknown_fields=True):
    """A reading that states everything itself; texts only, and a value of which the literal stays."""

    TM: str
    TX: str
    RV: msgspec.Raw
    RI: str
    RU: str
    ST: str
    RT: str | None = None
    EF: str | None = None


class _Payload(Struct, forbid_unknown_fields=True):
    """The keys of 1.2 without LC, with the types that they ought to have."""

    FV: str
    PG: str
    RD: list[_Reading]
    IS: bool
    GI: str | None = None
    GS: str | None = None
    GV: str | None = None
    MV: str | None = None
    MM: str | None = None
    MS: str | None = None
    MF: str | None = None
    IL: str | None = None
    IF: list[str] | None = None
    IT: str | None = None
    ID: str | None = None
    TT: str | None = None
    CF: str | None = None
    CT: str | None = None
    CI: str | None = None


class _Section(Struct, forbid_unknown_fields=True):
    """The signature section as nearly all have it."""

    SD: str
    SA: str | None = None


_payload: Callable[[bytes], _Payload] = msgspec.json.Decoder(_Payload).decode
_section: Callable[[bytes], _Section] = msgspec.json.Decoder(_Section).decode


def read(data: bytes, carrier: Carrier, limits: Limits) -> Unit | None:
    """The unit of a document that is one plain record, else ``None``. Never raises."""
    if len(data) > min(LONGEST, limits.record, limits.document) or limits.json_depth < _DEPTH or carrier.findings:
        return None
    if data.count(b"|") != 2 or b"\\" in data or not data.isascii():
        return None
    end = data.find(b"|", 5)
    if not (data.startswith(b"OCMF|{") and data.startswith(b"}|{", end - 1) and data.endswith(b"}")):
        return None
    signed = data[5:end]
    if any(loose in signed for loose in _LOOSE):
        return None
    try:
        payload, section = _payload(signed), _section(data[end + 1 :])
        signature = binascii.unhexlify(section.SD)
        record = _record(payload, signed.count(b'":'), limits)
    except (msgspec.MsgspecError, ValueError):
        return None
    algorithm = _algorithm(section)
    if record is None or algorithm is None or not signature:
        return None
    if data.count(b'":', end) != (1 if section.SA is None else 2):
        return None
    record.container, record.source = carrier.container, carrier.source
    record.text, record.signed = data.decode("ascii"), signed
    record.context, record.transaction, record.session = carrier.context, carrier.transaction, carrier.session
    record.extra = carrier.extra() if carrier is not NO_CARRIER else {}
    return Unit(record, signature, algorithm, carrier.keys)


def _keys(payload: _Payload, optional: tuple[object, ...]) -> int:
    """How many keys the payload and its readings have; null where a text belongs counts as none."""
    first = payload.RD[0]
    return (
        4
        + len(optional)
        - optional.count(None)
        + len(payload.RD) * (6 + (first.RT is not None) + (first.EF is not None))
    )


def _algorithm(section: _Section) -> Algorithm | None:
    if section.SA is None:
        return algorithms.DEFAULT
    algorithm, notes = algorithms.named(section.SA)
    return None if notes else algorithm


@lru_cache(maxsize=256)
def _is_plain(
    version: str, kind: str | None, level: str | None, flags: tuple[str, ...] | None, point: str | None
) -> bool:
    """Whether nothing is to be remarked about values of closed lists."""
    known = VERSIONS.get(version)
    return known is not None and known >= _SINCE and not choices(False, True, level, flags, kind, point)


def _record(payload: _Payload, colons: int, limits: Limits) -> Record | None:
    """What the payload says; ``None`` if anything in it deserves a finding. ``colons``: how many keys it states."""
    flags, kind, level, point = payload.IF, payload.IT, payload.IL, payload.CT
    gateway, serial, identification = payload.GS, payload.MS, payload.ID
    tariff, controller, evse = payload.TT, payload.CF, payload.CI
    gateway_version, firmware, gateway_model, model = payload.GV, payload.MF, payload.GI, payload.MM
    if not _is_plain(payload.FV, kind, level, None if flags is None else tuple(flags), point):
        return None
    if not (gateway or serial) or PAGE.fullmatch(payload.PG) is None:
        return None
    if (tariff is not None and len(tariff) > 250) or (controller is not None and len(controller) > 25):
        return None
    if identification and kind and identification_note(identification, kind) is not None:
        return None
    readings = _readings(payload.RD, limits)
    if readings is None:
        return None
    optional = (flags, kind, level, point, gateway, serial, identification, tariff, controller, evse,
                gateway_version, firmware, gateway_model, model, payload.MV)  # fmt: skip
    # A key that occurs twice is one more colon behind a quote than there are keys.
    if _keys(payload, optional) != colons:
        return None
    if serial and gateway and serial != gateway:
        identities: tuple[str, ...] = (gateway, serial)
    else:
        identities = (serial or gateway or "",)
    return Record(
        TOKEN,
        signature=Signature(Verdict.FORMAT_ERROR, "F-FORMAT"),
        readings=readings,
        gateway_serial=gateway,
        gateway_model=gateway_model,
        meter_serial=serial,
        meter_model=model,
        firmware=(gateway_version, firmware, controller),
        identification=identification,
        assigned=payload.IS,
        assignment_level=level,
        evse=evse,
        tariff=tariff,
        page_letter=payload.PG[0],
        page=int(payload.PG[1:]),
        page_text=payload.PG,
        identity_texts=identities,
    )


@lru_cache(maxsize=1024)
def _is_listed(reason: str, register: str, unit: str, status: str, current: str | None, flags: str | None) -> bool:
    """Whether nothing is to be remarked about a reading but its time and value."""
    missing = ocmf_readings.MISSING
    stated = (reason, register, missing if current is None else current, missing if flags is None else flags)
    return not ocmf_readings.deviations((1, 4), (), *stated, status, unit)


def _readings(entries: list[_Reading], limits: Limits) -> list[Reading] | None:
    """The readings; ``None`` if one deviates, or if one inherits from another."""
    if not 0 < len(entries) <= limits.readings:
        return None
    readings: list[Reading] = []
    form = (entries[0].RT is None, entries[0].EF is None)
    for position, entry in enumerate(entries):
        current, flags = entry.RT, entry.EF
        if (current is None, flags is None) != form:
            return None
        reason, register, unit, status = entry.TX, entry.RI, entry.RU, entry.ST
        if not _is_listed(reason, register, unit, status, current, flags):
            return None
        literal = str(entry.RV, "ascii")
        stamp = ocmf_times.parse(entry.TM)
        if not stamp.exact or len(literal) > _LONGEST_NUMBER or _NUMBER.fullmatch(literal) is None:
            return None
        readings.append(
            Reading(
                ocmf_readings.MOMENTS[reason],
                reason,
                register,
                Decimal(literal),
                literal,
                unit,
                stamp.time,
                entry.TM,
                stamp.clock,
                status,
                flags,
                where=f"/RD/{position}",
            )
        )
    return readings
