"""What the web pages take from the package, so that nothing is kept twice: ``python frontend/findings.py``.

``words/findings.json``: the German sentences of session findings, which a verdict of the gateway has in English only.
``verify/data.json``: for the verification page, the sentences in both languages with the severities of their rules, and
the tables that its verifier shares with ours: curves, registers, lists of OCMF, fields of a BSM, predictions.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from wattproof.signed import obis_classes, texts
from wattproof.signed.finding_texts import FINDINGS
from wattproof.signed.formats import bsm, bsm_json, ocmf_fields
from wattproof.signed.parameters import CURVES
from wattproof.signed.profiles import PROFILES, chargy, safe
from wattproof.signed.rules import SEVERITIES
from wattproof.signed.texts import NOTICE, TEXTS, Text
from wattproof.signed.wording import PREDICTIONS

SOURCES = Path(__file__).resolve().parent / "src"
PATH = SOURCES / "words" / "findings.json"
DATA = SOURCES / "verify" / "data.json"


def text() -> str:
    """The German sentences as the file should be."""
    sentences = {"notice": NOTICE.de, **{code: sentence.de for code, sentence in sorted(TEXTS.items())}}
    return json.dumps(sentences, ensure_ascii=False, indent=1) + "\n"


def data() -> str:
    """Sentences and tables of the verification page as the file should be."""
    found = {
        "notice": NOTICE._asdict(),
        "notBacked": texts.NOT_BACKED._asdict(),
        "testKey": texts.TEST_KEY._asdict(),
        "keyOrigin": _both(texts.KEY_ORIGIN),
        "reasons": _both(texts.REASONS),
        "headlines": _both(texts.HEADLINES),
        "verdicts": _both(texts.VERDICTS),
        "session": {code: {"severity": severity, **TEXTS[code]._asdict()} for code, severity in SEVERITIES.items()},
        "findings": _both(FINDINGS),
        "predictions": _both(PREDICTIONS),
        "profiles": {
            "safe-1.4.1": _profile("safe-1.4.1", safe),
            "chargy-0.12": {
                **_profile("chargy-0.12", chargy),
                "group": dict(zip(("code", "text"), chargy.GROUP, strict=True)),
            },
        },
        "curves": _curves(),
        "obis": {
            "byQuantity": obis_classes.BY_QUANTITY,
            "reserved": sorted(obis_classes.RESERVED_QUANTITIES),
            "totalEndings": sorted(ending for ending in obis_classes.TOTAL_ENDINGS if ending),
            "order": obis_classes.BILLING_ORDER,
        },
        "ocmf": {
            "versions": list(ocmf_fields.VERSIONS),
            "levels": sorted(ocmf_fields.ASSIGNMENT_LEVELS),
            "flags": {name: sorted(flags) for name, flags in ocmf_fields.IDENTIFICATION_FLAGS.items()},
            "types": list(ocmf_fields.IDENTIFICATION_TYPES),
        },
        "bsm": {
            "fields": [
                {"name": field.name, "kind": field.kind.value, "unit": field.unit, "unavailable": field.unavailable}
                for field in bsm.FIELDS.values()
            ],
            "current": [field.name for field in bsm.CURRENT],
            "legacy": [field.name for field in bsm.LEGACY],
            "events": bsm_json.EVENTS,
            "obis": bsm_json.OBIS,
        },
    }
    return json.dumps(found, ensure_ascii=False, indent=1) + "\n"


def _profile(name: str, module: ModuleType) -> dict[str, Any]:
    """The program, its tables in their order (codes, verdicts, sentences), and the lists that conditions use."""
    return {
        "program": PROFILES[name].program,
        "tables": {
            table: [{"code": row.code, "verdict": row.verdict, "text": row.text} for row in rows]
            for table, rows in module.TABLES.items()
        },
        "lists": module.LISTS,
    }


def _both(sentences: Mapping[Any, Text]) -> dict[str, dict[str, str]]:
    return {str(name or "none"): sentence._asdict() for name, sentence in sentences.items()}


def _curves() -> list[dict[str, Any]]:
    return [
        {
            "name": curve.name,
            "oid": curve.oid.hex(),
            "aliases": list(curve.aliases),
            **{name: f"{getattr(curve, name):x}" for name in ("p", "a", "b", "gx", "gy", "order")},
        }
        for curve in CURVES.values()
    ]


if __name__ == "__main__":
    PATH.write_text(text(), encoding="utf-8")
    DATA.write_text(data(), encoding="utf-8")
