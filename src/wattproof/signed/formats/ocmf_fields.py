"""The keys of an OCMF payload: which there are, since which version, and how they may deviate.

Every check answers with a message or ``None``; none of them stops the parser. Source: OCMF 0.1 to 1.4 and the
specification of the verifier, 1.2, 1.4 and 1.5.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from wattproof.signed.jsonscan import Number
from wattproof.signed.records import Finding, Record, Severity

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
_LONGEST = {"TT": 250, "CF": 25}
_LOSS_KEYS = {"LN": str, "LI": Number, "LR": Number, "LU": str}
_PAGE = re.compile(r"[TF](?:0|[1-9][0-9]{0,19})", re.ASCII)

#: Keys whose value is any text. VI and VV of versions below 0.4 are vendor keys later and need no check.
_PLAIN = frozenset("GI GS GV MV MM MS MF ID CI".split())

Check = Callable[[Any], str | None]


def _text(value: Any) -> str | None:
    return None if type(value) is str else "no text"


def _page(value: Any) -> str | None:
    if type(value) is str and _PAGE.fullmatch(value):
        return None
    return "not T or F and a number without leading zeros"


def _assigned(value: Any) -> str | None:
    return None if isinstance(value, bool) else "not true or false"


def _level(value: Any) -> str | None:
    return None if type(value) is str and value in ASSIGNMENT_LEVELS else "not an assignment level of OCMF"


def _flags(value: Any) -> str | None:
    if not isinstance(value, list):
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


def _type(value: Any) -> str | None:
    return None if type(value) is str and (value in IDENTIFICATION_TYPES or not value) else "not a type of OCMF"


def _point_type(value: Any) -> str | None:
    return None if type(value) is str and value in ("EVSEID", "CBIDC") else "not EVSEID or CBIDC"


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


def _readings(value: Any) -> str | None:
    return None if isinstance(value, list) and value else "no list of readings, or an empty one"


#: Key -> code of its finding, severity, check.
CHECKS: dict[str, tuple[str, Severity, Check]] = {
    **dict.fromkeys(_PLAIN, ("F-TYPE", Severity.WARNING, _text)),
    "PG": ("F-PG", Severity.WARNING, _page),
    "IS": ("F-IS", Severity.WARNING, _assigned),
    "IL": ("F-IL", Severity.WARNING, _level),
    "IF": ("F-IF", Severity.WARNING, _flags),
    "IT": ("F-IT", Severity.WARNING, _type),
    "TT": ("F-TYPE", Severity.WARNING, _text),
    "CF": ("F-TYPE", Severity.WARNING, _text),
    "CT": ("F-CT", Severity.WARNING, _point_type),
    "LC": ("F-LC", Severity.WARNING, _loss),
    "RD": ("F-RD", Severity.ERROR, _readings),
}
_KNOWN_ELSEWHERE = frozenset(("FV",))
#: Every key of the payload (1.2) and of a reading (1.3): a repeated one makes the record ambiguous.
CHECKED_KEYS = frozenset((*CHECKS, "FV", "LN", "LI", "LR", "LU")) | frozenset("TM TX RV RI RU RT CL EF EI ST".split())


def vendor(key: str) -> bool:
    """Whether the key belongs to the manufacturer: shown, never interpreted."""
    return key[:1] in ("U", "V", "W", "X", "Y", "Z")


def text_of(value: Any) -> str | None:
    """A value used as text: texts as they are, numbers as they were written, everything else as missing."""
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


def check_fields(payload: dict[str, Any], version: Version, findings: list[Finding]) -> None:
    """Adds a finding for every key of the payload that deviates."""
    for key, value in payload.items():
        if key in _PLAIN and type(value) is str:
            continue
        row = CHECKS.get(key)
        if row is None:
            if not (vendor(key) or key in _KNOWN_ELSEWHERE or (key == "SA" and version == (0, 4))):
                findings.append(
                    Finding("F-KEY-UNKNOWN", Severity.INFO, "OCMF does not define this key", f"/{key[:64]}")
                )
            continue
        code, severity, check = row
        if key == "IS" and version < (0, 4) and type(value) is str:
            check = _level
            code = "F-IL"
        message = check(value)
        if message is not None:
            findings.append(Finding(code, severity, message, f"/{key}"))
        elif key in _LONGEST and len(value) > _LONGEST[key]:
            findings.append(Finding("F-LENGTH", Severity.WARNING, f"longer than {_LONGEST[key]} characters", f"/{key}"))
    if "RD" not in payload:
        findings.append(Finding("F-RD", Severity.ERROR, "the readings are missing", "/RD"))
    if "PG" not in payload:
        findings.append(Finding("F-PG", Severity.WARNING, "the page number is missing", "/PG"))
    if not payload.get("MS") and not payload.get("GS"):
        findings.append(Finding("F-MS", Severity.WARNING, "neither meter nor gateway serial is stated", "/MS"))
    _identification_shape(payload, findings)


def _identification_shape(payload: dict[str, Any], findings: list[Finding]) -> None:
    identification, kind = payload.get("ID"), payload.get("IT")
    if type(identification) is not str or type(kind) is not str or not identification:
        return
    shape = IDENTIFICATION_TYPES.get(kind)
    if shape is not None and not shape.fullmatch(identification):
        findings.append(Finding("F-ID-SHAPE", Severity.INFO, f"not the shape of an identification by {kind}", "/ID"))
    elif len(identification) > 40:
        findings.append(Finding("F-ID-SHAPE", Severity.INFO, "longer than 40 characters", "/ID"))


def fill(record: Record, payload: dict[str, Any], version: Version) -> None:
    """The record's identity, user and page, from the payload."""
    get = payload.get
    serial, gateway = text_of(get("MS")), text_of(get("GS"))
    record.gateway_serial, record.meter_serial = gateway, serial
    record.gateway_model, record.meter_model = text_of(get("GI")), text_of(get("MM"))
    record.firmware = (text_of(get("GV")), text_of(get("MF")), text_of(get("CF")))
    record.identification = text_of(get("ID"))
    record.evse, record.tariff = text_of(get("CI")), text_of(get("TT"))
    record.identity_texts = tuple(dict.fromkeys(name for name in (gateway, serial) if name))
    assigned = get("IS")
    if isinstance(assigned, bool):
        record.assigned = assigned
        record.assignment_level = text_of(get("IL"))
    else:
        record.assignment_level = text_of(get("IL")) or text_of(assigned)
        if record.assignment_level is not None:
            record.assigned = record.assignment_level != "NONE"
    page = record.page_text = text_of(get("PG"))
    if page is not None and _PAGE.fullmatch(page):
        record.page_letter, record.page = page[0], int(page[1:])
