"""The common record at a glance: OCMF to which no row of the tables "container", "OCMF" and "readings" of 3.6 applies.

Nearly all records are like this. Every condition below is the absence of what some row looks for, so that ``True``
proves the prediction "valid"; whatever does not meet all of them goes through the tables. Tests hold this shortcut
against them.
"""

from __future__ import annotations

from wattproof.signed.formats import ocmf_times
from wattproof.signed.profiles import chargy_values, safe_values
from wattproof.signed.profiles.prediction import Surroundings, spki_in
from wattproof.signed.profiles.stated import Reading
from wattproof.signed.records import Clock, KeySource, Record, Verdict
from wattproof.signed.rules.status import FAILED_LEVELS

_VALID, _TRUSTED, _EMBEDDED, _RELATIVE = Verdict.VALID, KeySource.TRUSTED, KeySource.EMBEDDED, Clock.RELATIVE
#: Versions from 0.5 on, whose level is IL and whose event counters are not compared.
_SAFE_VERSIONS = frozenset({"0.5", "1.0", "1.1", "1.2", "1.3"})
#: Findings for which no row asks, and which say of no text that it was changed or read in another way.
_HARMLESS = frozenset(
    "F-TEST-KEY F-KEY-REGISTER F-KEY-SEEN F-KEY-CHANGED F-KEY-SERIAL F-KEY-REVOKED F-KEY-ENC F-KEY-CERT F-KEY-DIFFERS "
    "F-KEY-UNKNOWN F-ID-SHAPE F-LENGTH F-CT F-IF F-IL F-IT F-SA-ALIAS F-SA-EXTENSION".split()
)


def by_safe(record: Record, surroundings: Surroundings) -> bool:
    """Whether S.A.F.E. 1.4.1 surely accepts an OCMF record that stands alone in a container that it reads."""
    if not _is_verified(record):
        return False
    found = surroundings.stated(record)
    if found is None:
        return False
    payload, section = found
    if payload.FV not in _SAFE_VERSIONS or len(payload.PG) < 2 or section.SE != "hex":
        return False
    signature = record.signature
    key = record.extra.get("key_text")
    if not isinstance(key, str):
        trusted = surroundings.trusted
        if trusted is None:
            return False
        key = trusted.text
    if (
        signature.algorithm is None
        or not signature.algorithm.endswith("SHA256")
        or safe_values.accepted_key(section.SA, key) != signature.public_key
    ):
        return False
    if payload.PG[0] != "T":
        return True
    return payload.IL not in FAILED_LEVELS and _is_charged(payload.RD, record)


def _is_verified(record: Record) -> bool:
    """Valid, which means for a signature without findings that it is DER, with a key that does not lie inside it."""
    signature = record.signature
    if signature.verdict is not _VALID or signature.key_source is _EMBEDDED or signature.public_key is None:
        return False
    return not record.findings or all(finding.code in _HARMLESS for finding in record.findings)


def _is_charged(readings: list[Reading], record: Record) -> bool:
    """One good begin and one good end of the registers that S.A.F.E. compares."""
    ranks = [safe_values.relevance(reading.RI) for reading in readings]
    best = max(ranks)
    if best == 0:
        return False
    begin = end = -1
    for position, reading in enumerate(readings):
        if ranks[position] != best:
            continue
        if reading.TX == "B":
            if begin >= 0:
                return False
            begin = position
        elif reading.TX in safe_values.ENDS:
            if end >= 0:
                return False
            end = position
    if begin < 0 or end < 0:
        return False
    for reading in (readings[begin], readings[end]):
        if reading.ST != "G" or "E" in reading.EF:
            return False
    first, last = record.readings[begin].value, record.readings[end].value
    if first is None or last is None or first > last:
        return False
    start, stop = ocmf_times.parse(readings[begin].TM), ocmf_times.parse(readings[end].TM)
    if not (start.exact and stop.exact) or start.time is None or stop.time is None:
        return False
    if start.clock is _RELATIVE and stop.clock is not _RELATIVE:
        return False
    one, two = start.time, stop.time
    return (one.seconds, one.milliseconds) <= (two.seconds, two.milliseconds)


def by_chargy(record: Record, surroundings: Surroundings) -> bool:
    """Whether Chargy 0.12 surely accepts an OCMF record that is the only one of its file, in no container."""
    if not _is_verified(record):
        return False
    found = surroundings.stated(record)
    if found is None:
        return False
    payload, section = found
    signed, text = record.signed, record.text
    braces = 2 + len(payload.RD)  # none of them in a text, if there are as many as objects
    if text.count("{") != braces or text.count("}") != braces or signed[:1] != b"{" or signed[-1:] != b"}":
        return False
    if payload.FV not in chargy_values.VERSIONS or section.SE not in ("hex", "") or record.page is None:
        return False
    if not chargy_values.accepts_algorithm(section.SA) or not (payload.MS or payload.GS):
        return False
    key = record.extra.get("key_text")
    if record.signature.key_source is not _TRUSTED and isinstance(key, str):
        spki = spki_in(key, chargy_values.KEY_ENCODINGS)
        if spki is None or b"\x00\x04" not in spki:
            return False
    registers: dict[str, int] = {}
    for reading in payload.RD:
        if reading.TX not in chargy_values.CODES or reading.RU not in chargy_values.UNITS:
            return False
        if reading.RT not in chargy_values.TYPES or not ocmf_times.parse(reading.TM).exact:
            return False
        registers[reading.RI] = registers.get(reading.RI, 0) + 1
    return registers[next(reversed(registers))] >= 2
