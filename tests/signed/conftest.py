"""A small forge: OCMF records and their containers, signed in the test, every field at hand."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import pytest

from wattproof.signed import curves, examine, testkeys
from wattproof.signed.report import Report

#: A moment after every time in these records, so that "in the future" does not depend on the day of testing.
NOW = 1_800_000_000
BEGIN, END = "2024-03-01T10:00:00,000+0100 S", "2024-03-01T11:00:00,000+0100 S"


class Raw(str):
    """A JSON number, written as it stands."""

    __slots__ = ()


def _dump(value: Any) -> str:
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{_dump(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_dump, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


class Forge:
    """Signs with a key that is no published test key of the meter it names, unless asked for that one."""

    def __init__(self, curve: str = "secp256r1", identity: str = "a key of the forge") -> None:
        self.curve = curve
        self.private = testkeys.private_key(curve, identity)
        self.key = curves.spki(self.private).hex()

    def reading(self, tx: str | None, rv: str | None, tm: str | None = None, **fields: Any) -> dict[str, Any]:
        """One reading of ``1-b:1.8.0``; a field given as ``None`` is left out."""
        stated: dict[str, Any] = {
            "TM": tm or (BEGIN if tx == "B" else END),
            "TX": tx,
            "RV": Raw(rv) if rv is not None else None,
            "RI": "1-b:1.8.0",
            "RU": "kWh",
            "RT": "AC",
            "EF": "",
            "ST": "G",
            **fields,
        }
        return {key: value for key, value in stated.items() if value is not None}

    def payload(self, readings: Sequence[dict[str, Any]], **fields: Any) -> dict[str, Any]:
        stated: dict[str, Any] = {
            "FV": "1.2",
            "GI": "TEST GW-1",
            "GS": "GW0001",
            "GV": "1.0",
            "PG": "T7",
            "MV": "Test",
            "MM": "M1",
            "MS": "METER0001",
            "MF": "2.1",
            "IS": True,
            "IL": "VERIFIED",
            "IF": ["RFID_PLAIN", "OCPP_RS_TLS"],
            "IT": "ISO14443",
            "ID": "1F2D3A4F5506C7",
            "CT": "EVSEID",
            "CI": "DE*TST*E0001",
            **fields,
            "RD": list(readings),
        }
        return {key: value for key, value in stated.items() if value is not None}

    def sign(self, payload: str | bytes, **section: Any) -> str:
        """A record around a payload text."""
        data = payload.encode() if isinstance(payload, str) else payload
        signature = curves.sign_digest(self.private, hashlib.sha256(data).digest()).hex()
        stated = {"SA": f"ECDSA-{self.curve}-SHA256", "SD": signature, **section}
        text = data.decode("utf-8", "surrogateescape")
        return f"OCMF|{text}|{_dump({key: value for key, value in stated.items() if value is not None})}"

    def ocmf(self, readings: Sequence[dict[str, Any]], section: dict[str, Any] | None = None, **fields: Any) -> str:
        """A signed record with these readings; ``fields`` replace those of the payload."""
        return self.sign(_dump(self.payload(readings, **fields)), **(section or {}))

    def session(self, begin: str = "100.100", end: str = "112.340", **fields: Any) -> str:
        """A complete record with one register."""
        return self.ocmf([self.reading("B", begin), self.reading("E", end)], **fields)

    def xml(self, *values: tuple[Any, ...], key: str | None = "", label: str | None = "OCMF") -> bytes:
        """A S.A.F.E. container of (record, transaction id, context); ``key=None`` leaves the keys out."""
        parts = []
        for record, transaction, *context in values:
            attributes = f" transactionId={quoteattr(transaction)}" if transaction is not None else ""
            if context and context[0]:
                attributes += f" context={quoteattr(context[0])}"
            stated = f" format={quoteattr(label)}" if label is not None else ""
            text = f'<signedData{stated} encoding="plain">{escape(record)}</signedData>'
            if key is not None:
                text += f'<publicKey encoding="plain">{key or self.key}</publicKey>'
            parts.append(f"<value{attributes}>{text}</value>")
        return ('<?xml version="1.0" encoding="UTF-8"?>\n<values>' + "\n".join(parts) + "</values>").encode()

    def examine(self, data: bytes | str, **options: Any) -> Report:
        """Examined with this forge's key as the trusted one."""
        return examine(data, self.key, **{"now": NOW, **options})


@pytest.fixture(scope="session")
def forge() -> Forge:
    return Forge()


@pytest.fixture(scope="session")
def new_forge() -> type[Forge]:
    return Forge


@pytest.fixture(scope="session")
def raw() -> type[Raw]:
    return Raw


@pytest.fixture(scope="session")
def codes() -> Callable[[Any], set[str]]:
    """Codes of a session's or a record's findings."""
    return lambda subject: {finding.code for finding in subject.findings}


@pytest.fixture(scope="session")
def times() -> SimpleNamespace:
    return SimpleNamespace(now=NOW, begin=BEGIN, end=END)
