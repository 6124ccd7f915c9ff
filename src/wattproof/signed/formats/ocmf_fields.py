"""The keys of an OCMF payload: which there are, since which version, and how they may deviate.

No deviation stops the parser; what a fleet repeats from record to record is judged once and kept.
Source: OCMF 0.1 to 1.4 and the specification of the verifier, 1.2, 1.4 and 1.5.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, NamedTuple

from wattproof.signed.jsonscan import Number
from wattproof.signed.records import Finding, Record, Severity, limit

Version = tuple[int, int]
NEWEST: Version = (1, 4)
VERSIONS: dict[str, Version] = {
    text: (int(text[0]), int(text[2]))
    for text in ("0.1", "0.2", "0.3", "0.4", "0.5", "1.0", "1.1", "1.2", "1.3", "1.4")
}

ASSIGNMENT_LEVELS = frozenset(
    "NONE HEARSAY TRUSTED VERIFIED CERTIFIED SECURE MISMATCH INVALID OUTDATED UNKNOWN".split()
)
IDENTIFICATION_FLAGS = {
    "RFID_": frozenset("NONE PLAIN RELATED PSK".split()),
    "OCPP_": frozenset("NONE RS AUTH RS_TLS AUTH_TLS CACHE WHITELIST CERTIFIED".split()),
    "ISO15118_": frozenset("NONE PNC".split()),
    "PLMN_": frozenset("NONE RING SMS".split()),
}
#: Identification types and, where OCMF states one, the shape of the identification.
IDENTIFICATION_TYPES: dict[str, re.Pattern[str] | None] = {
    "NONE": None,
    "DENIED": None,
    "UNDEFINED": None,
    "ISO14443": re.compile(r"(?:[0-9A-Fa-f]{2}){4}(?:(?:[0-9A-Fa-f]{2}){3})?"),
    "ISO15693": re.compile(r"[0-9A-Fa-f]{16}"),
    "EMAID": re.compile(r".{14,15}"),
    "EVCCID": re.compile(r".{1,6}"),
    "EVCOID": None,
    "ISO7812": re.compile(r"[0-9]{8,19}", re.ASCII),
    "CARD_TXN_NR": None,
    "CENTRAL": None,
    "CENTRAL_1": None,
    "CENTRAL_2": None,
    "LOCAL": None,
    "LOCAL_1": None,
    "LOCAL_2": None,
    "PHONE_NUMBER": re.compile(r"\+[0-9 ]+", re.ASCII),
    "KEY_CODE": None,
}
#: Characters of a text at most.
LONGEST = {"TT": 250, "CF": 25}
#: What CI may be.
POINT_TYPES = ("EVSEID", "CBIDC")
_LOSS_KEYS = {"LN": str, "LI": Number, "LR": Number, "LU": str}
PAGE = re.compile(r"[TF](?:0|[1-9][0-9]{0,19})", re.ASCII)

#: Keys whose value is any text. VI and VV of versions below 0.4 are vendor keys later and need no check.
_TEXTS = ("GI", "GS", "GV", "MV", "MM", "MS", "MF", "ID", "CI", "TT", "CF")
#: Keys that a record holds as text.
_FILLED = frozenset((*_TEXTS, "IL", "PG"))


class Layout(NamedTuple):
    """Which keys a payload has, with which types. ``plain``: what is used as text is written as text."""

    findings: tuple[Finding, ...]
    plain: bool


def flag_note(value: Any) -> str | None:
    """What deviates in the details of an assignment (IF)."""
    if not isinstance(value, (list, tuple)):
        return "no list"
    groups = set()
    for flag in value:
        group = next((name for name in IDENTIFICATION_FLAGS if type(flag) is str and flag.startswith(name)), None)
        if group is None or flag[len(group) :] not in IDENTIFICATION_FLAGS[group]:
            return "holds a flag that OCMF does not define"
        if group in groups:
            return "holds two flags of one group"
        groups.add(group)
    return None


def _loss(value: Any) -> str | None:
    if not isinstance(value, dict):
        return "no object"
    for key, item in value.items():
        if key in _LOSS_KEYS and type(item) is not _LOSS_KEYS[key]:
            return f"{key} is of the wrong type"
    if "LR" not in value or value.get("LU") not in ("mOhm", "uOhm"):
        return "lacks the resistance LR or its unit LU (mOhm, uOhm)"
    name = value.get("LN")
    return "LN is longer than 20 characters" if name is not None and len(name) > 20 else None


#: Every key of a payload that is defined and not the manufacturer's.
KEYS = frozenset("FV GI GS GV PG MV MM MS MF IS IL IF IT ID TT CF LC CT CI RD".split())
_PAYLOAD_KEYS = KEYS | {"VI", "VV"}
_READING_KEYS = frozenset("TM TX RV RI RU RT CL EF EI ST".split())


def vendor(key: str) -> bool:
    """Whether the key belongs to the manufacturer: shown, never interpreted."""
    return key[:1] in ("U", "V", "W", "X", "Y", "Z")


def is_checked(path: tuple[str, ...]) -> bool:
    """Whether a path leads to a key of the payload (1.2) or of a reading (1.3), which, repeated, is ambiguous.

    Keys of the same name inside an object of the manufacturer are not.
    """
    match path:
        case (key,):
            return key in _PAYLOAD_KEYS
        case ("LC", key):
            return key in _LOSS_KEYS
        case ("RD", _, key):
            return key in _READING_KEYS
    return False


def text_of(value: Any) -> str | None:
    """A value used as text: texts as they are, numbers as they were written, everything else as missing."""
    if value.__class__ is str or value is None:
        return value
    return str(value) if isinstance(value, str) else None


def version(payload: dict[str, Any], findings: list[Finding]) -> Version:
    """The format version that the payload states; the newest rules hold for a missing or unknown one."""
    stated = payload.get("FV")
    if stated is None and "FV" not in payload:
        return NEWEST
    known = VERSIONS.get(stated) if isinstance(stated, str) else None
    if known is not None and type(stated) is str:
        return known
    if known is not None:
        findings.append(Finding("F-FV", Severity.WARNING, "the format version is a number, not a text", "/FV"))
        return known
    major = str(stated).partition(".")[0] if isinstance(stated, str) else ""
    severity = Severity.WARNING if major in ("0", "1") else Severity.ERROR
    findings.append(Finding("F-FV", severity, "unknown format version, read with the newest rules", "/FV"))
    return NEWEST


def check_fields(payload: dict[str, Any], version: Version, findings: list[Finding], *, keep: bool) -> Layout:
    """Adds a finding for every key that deviates. ``keep``: the record is small enough for the caches."""
    layout = (_kept_layout if keep else _layout)(tuple(payload), tuple(map(type, payload.values())), version)
    if layout.findings:
        findings += layout.findings
    get = payload.get
    flags = get("IF")
    chosen = (get("IS"), get("IL"), tuple(flags) if flags.__class__ is list else flags, get("IT"), get("CT"))
    try:
        findings += (_kept_choices if keep else choices)(version < (0, 4), *chosen)
    except TypeError:  # an object or a list where a text belongs
        findings += choices(version < (0, 4), *chosen)
    entries = get("RD")
    if (entries.__class__ is not list or not entries) and "RD" in payload:
        findings.append(Finding("F-RD", Severity.ERROR, "no list of readings, or an empty one", "/RD"))
    if "TT" in payload or "CF" in payload:
        findings += _too_long(payload)
    if "LC" in payload and (message := _loss(payload["LC"])) is not None:
        findings.append(Finding("F-LC", Severity.WARNING, message, "/LC"))
    if not get("MS") and not get("GS"):
        findings.append(Finding("F-MS", Severity.WARNING, "neither meter nor gateway serial is stated", "/MS"))
    _identification_shape(payload, findings)
    return layout


def _too_long(payload: dict[str, Any]) -> list[Finding]:
    return [
        Finding("F-LENGTH", Severity.WARNING, f"longer than {longest} characters", f"/{key}")
        for key, longest in LONGEST.items()
        if isinstance(payload.get(key), str) and len(payload[key]) > longest
    ]


def _layout(keys: tuple[str, ...], types: tuple[type, ...], version: Version) -> Layout:
    """What is to be said about which keys there are, and of which types; a fleet repeats its layouts."""
    found = [
        Finding("F-KEY-UNKNOWN", Severity.INFO, "OCMF does not define this key", f"/{key[:64]}")
        for key in keys
        if key not in KEYS and not vendor(key) and not (key == "SA" and version == (0, 4))
    ]
    if "RD" not in keys:
        found.append(Finding("F-RD", Severity.ERROR, "the readings are missing", "/RD"))
    if "PG" not in keys:
        found.append(Finding("F-PG", Severity.WARNING, "the page number is missing", "/PG"))
    others = {key for key, kind in zip(keys, types, strict=True) if kind is not str}
    found += [Finding("F-TYPE", Severity.WARNING, "no text", f"/{key}") for key in _TEXTS if key in others]
    limit(found)
    return Layout(tuple(found), others.isdisjoint(_FILLED))


def choices(early: bool, assigned: Any, level: Any, flags: Any, kind: Any, point: Any) -> tuple[Finding, ...]:
    """What is to be said about values of closed lists; a missing key is ``None``, as is JSON's null."""
    found = []
    if assigned is not None and not isinstance(assigned, bool):
        if not early:
            found.append(Finding("F-IS", Severity.WARNING, "not true or false", "/IS"))
        elif type(assigned) is not str or assigned not in ASSIGNMENT_LEVELS:
            found.append(Finding("F-IL", Severity.WARNING, "not an assignment level of OCMF", "/IS"))
    if level is not None and (type(level) is not str or (level and level not in ASSIGNMENT_LEVELS)):
        found.append(Finding("F-IL", Severity.WARNING, "not an assignment level of OCMF", "/IL"))
    if flags is not None and (message := flag_note(flags)) is not None:
        found.append(Finding("F-IF", Severity.WARNING, message, "/IF"))
    if kind is not None and (type(kind) is not str or (kind and kind not in IDENTIFICATION_TYPES)):
        found.append(Finding("F-IT", Severity.WARNING, "not an identification type of OCMF", "/IT"))
    if point is not None and (type(point) is not str or point not in POINT_TYPES):
        found.append(Finding("F-CT", Severity.WARNING, "not EVSEID or CBIDC", "/CT"))
    return tuple(found)


_kept_layout = lru_cache(maxsize=1024)(_layout)
_kept_choices = lru_cache(maxsize=1024, typed=True)(choices)


def _identification_shape(payload: dict[str, Any], findings: list[Finding]) -> None:
    identification, kind = payload.get("ID"), payload.get("IT")
    if type(identification) is not str or type(kind) is not str or not identification:
        return
    note = identification_note(identification, kind)
    if note is not None:
        findings.append(Finding("F-ID-SHAPE", Severity.INFO, note, "/ID"))


def identification_note(identification: str, kind: str) -> str | None:
    """What deviates in an identification of this type."""
    shape = IDENTIFICATION_TYPES.get(kind)
    if shape is not None and not shape.fullmatch(identification):
        return f"not the shape of an identification by {kind}"
    return "longer than 40 characters" if len(identification) > 40 else None


def fill(record: Record, payload: dict[str, Any], layout: Layout) -> None:
    """The record's identity, user and page, from the payload; a malformed page adds ``F-PG``."""
    texts = payload if layout.plain else {key: text_of(value) for key, value in payload.items()}
    get = texts.get
    serial, gateway = get("MS"), get("GS")
    record.gateway_serial, record.meter_serial = gateway, serial
    record.gateway_model, record.meter_model = get("GI"), get("MM")
    record.firmware = (get("GV"), get("MF"), get("CF"))
    record.identification = get("ID")
    record.evse, record.tariff = get("CI"), get("TT")
    if serial and gateway and serial != gateway:
        record.identity_texts = (gateway, serial)
    elif serial or gateway:
        record.identity_texts = (serial or gateway or "",)
    assigned = payload.get("IS")
    if assigned is True or assigned is False:
        record.assigned = assigned
        record.assignment_level = get("IL")
    else:
        record.assignment_level = get("IL") or text_of(assigned)
        if record.assignment_level is not None:
            record.assigned = record.assignment_level != "NONE"
    if "PG" in payload:
        page = payload["PG"]
        record.page_text = get("PG")
        if page.__class__ is str and PAGE.fullmatch(page):
            record.page_letter, record.page = page[0], int(page[1:])
        else:
            message = "not T or F and a number without leading zeros"
            record.findings.append(Finding("F-PG", Severity.WARNING, message, "/PG"))
