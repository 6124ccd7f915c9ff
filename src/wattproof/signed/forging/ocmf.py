"""OCMF records of begin and end: bare, in the containers of S.A.F.E. and PTB, in messages of OCPI and OCPP, in rows,
archives, attachments and codes.

A bare record has no place for a key. The forge writes it as a fourth section, which once existed informally, so that
the file can be judged alone. Source: verifier specification, 1.1 to 1.11, 2.1, 2.15 to 2.17.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from wattproof.errors import InvalidValue
from wattproof.signed.forging import containers
from wattproof.signed.forging.maker import Draft, Literal, Sealed, Story
from wattproof.signed.formats import ocmf, ocpi, ocpp_export, ptb, safe_xml
from wattproof.signed.formats.safe_xml import Signed

#: Curve to the name that OCMF, or the widest known extension of it, has for it.
ALGORITHMS = {
    "secp256r1": "ECDSA-secp256r1-SHA256",
    "secp192k1": "ECDSA-secp192k1-SHA256",
    "secp192r1": "ECDSA-secp192r1-SHA256",
    "secp256k1": "ECDSA-secp256k1-SHA256",
    "secp384r1": "ECDSA-secp384r1-SHA256",
    "brainpoolP256r1": "ECDSA-brainpool256r1-SHA256",
    "brainpoolP384r1": "ECDSA-brainpool384r1-SHA256",
    "secp521r1": "ECDSA-secp521r1-SHA256",
    "brainpoolP512r1": "ECDSA-brainpoolP512r1-SHA256",
}
_READING = ("TM", "TX", "RV", "RI", "RU", "RT", "EF", "ST")
_FIELDS = ("FV", "GI", "GS", "GV", "PG", "MV", "MM", "MS", "MF", "IS", "IL", "IF", "IT", "ID", "CT", "CI", *_READING)
_LONGEST_SERIAL = 100


def text_of(value: Any) -> str:
    """JSON without blanks, numbers as they were written."""
    if isinstance(value, Literal):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{text_of(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(text_of, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _time(seconds: int, offset: int) -> str:
    local = datetime.fromtimestamp(seconds, UTC) + timedelta(minutes=offset)
    hours, minutes = divmod(abs(offset), 60)
    return f"{local:%Y-%m-%dT%H:%M:%S},000{'-' if offset < 0 else '+'}{hours:02d}{minutes:02d} S"


@dataclass(frozen=True, slots=True)
class OcmfMaker:
    """``write``: the container, a bare file without it. Where it has labels, they and not pages give the order."""

    token: str
    write: Callable[[list[Signed]], bytes] | None = None
    labelled: bool = True
    curves: tuple[str, ...] = tuple(ALGORITHMS)
    fields: tuple[str, ...] = _FIELDS
    serial: str = "TEST0099000001"
    lacks: tuple[str, ...] = ()

    def drafts(self, story: Story) -> list[Draft]:
        if not 0 < len(story.serial) <= _LONGEST_SERIAL or not story.serial.isprintable():
            raise InvalidValue(f"a serial of OCMF is a printable text of 1 to {_LONGEST_SERIAL} characters")
        pages = story.pages
        if story.wrong_order and (self.write is None or not self.labelled):
            pages = pages[::-1]
        return [
            _payload(story, page, code, seconds, reading)
            for page, code, seconds, reading in zip(pages, "BE", story.times, story.readings, strict=True)
        ]

    def signed(self, draft: Draft, story: Story) -> bytes:
        return text_of(draft).encode()

    def file(self, records: Sequence[Sealed], story: Story) -> bytes:
        texts = [record(sealed, story) for sealed in records]
        if self.write is not None:
            labels: tuple[str | None, ...] = (safe_xml.BEGIN, safe_xml.END)
            if not self.labelled:
                labels = (None, None)
            elif story.wrong_order:
                labels = labels[::-1]
            key = story.public_key.spki if story.public_key is not None else b""
            return self.write([Signed(text.encode(), label, key) for text, label in zip(texts, labels, strict=True)])
        keys = [f"|{sealed.public_key.spki.hex()}" if sealed.public_key else "" for sealed in records]
        return "".join(f"{text}{key}\n" for text, key in zip(texts, keys, strict=True)).encode()


def _payload(story: Story, page: int, code: str, seconds: int, watt_hours: int) -> Draft:
    reading = {
        "TM": _time(seconds, story.offset),
        "TX": code,
        "RV": Literal(f"{watt_hours // 1000}.{watt_hours % 1000:03d}"),
        "RI": "1-b:1.8.0",
        "RU": "kWh",
        "RT": "AC",
        "EF": "",
        "ST": "G",
    }
    return {
        "FV": "1.2",
        "GI": "wattproof forge",
        "GS": story.serial,
        "GV": "1.0",
        "PG": f"T{page}",
        "MV": "wattproof",
        "MM": "forged",
        "MS": story.serial,
        "MF": "1.0",
        "IS": True,
        "IL": "VERIFIED",
        "IF": ["RFID_PLAIN", "OCPP_RS_TLS"],
        "IT": "ISO14443",
        "ID": story.user,
        "CT": "EVSEID",
        "CI": story.point,
        "RD": [reading],
    }


def record(sealed: Sealed, story: Story) -> str:
    """The record as text."""
    section = text_of({"SA": ALGORITHMS[story.curve], "SD": sealed.signature.hex()})
    return f"{ocmf.TOKEN}|{text_of(sealed.draft)}|{section}"


def _ocpi(records: list[Signed]) -> bytes:
    return ocpi.write(records, identifier="1")


def _ptb(records: list[Signed]) -> bytes:
    """The records in the places that their labels name."""
    begin, end = sorted(records, key=lambda signed: signed.context != safe_xml.BEGIN)
    return ptb.write(begin.record, end.record, begin.public_key)


OCMF = OcmfMaker("OCMF")
SAFE_XML = OcmfMaker("SAFE-XML", containers.safe("plain"))
SAFE_XML_BASE64 = OcmfMaker("SAFE-XML-base64", containers.safe("base64"))
SAFE_XML_BASE32 = OcmfMaker("SAFE-XML-base32", containers.safe("base32"))
SAFE_XML_HEX = OcmfMaker("SAFE-XML-hex", containers.safe("hex"))
OCPP_16 = OcmfMaker("OCPP-1.6", ocpp_export.write_16)
OCPP_201 = OcmfMaker("OCPP-2.0.1", ocpp_export.write_201)
OCPI = OcmfMaker("OCPI", _ocpi)
PTB = OcmfMaker("PTB", _ptb)
JSONL = OcmfMaker("JSONL", containers.jsonl)
CSV = OcmfMaker("CSV", containers.table)
PARQUET = OcmfMaker("PARQUET", containers.parquet)
ZIP = OcmfMaker("ZIP", containers.zipped, labelled=False)
TAR = OcmfMaker("TAR", containers.tarred, labelled=False)
GZIP = OcmfMaker("GZIP", containers.gzipped, labelled=False)
PDF = OcmfMaker("PDF", containers.pdf, labelled=False)
QR = OcmfMaker("QR", containers.picture, labelled=False)
