"""The German sentences of session findings, taken from the package: ``python frontend/findings.py``.

A verdict comes with an English sentence for each finding. What the verifier knows in German the pages show in German.
"""

from __future__ import annotations

import json
from pathlib import Path

from wattproof.signed.texts import NOTICE, TEXTS

PATH = Path(__file__).resolve().parent / "src" / "words" / "findings.json"


def text() -> str:
    """The file as it should be."""
    sentences = {"notice": NOTICE.de, **{code: sentence.de for code, sentence in sorted(TEXTS.items())}}
    return json.dumps(sentences, ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    PATH.write_text(text(), encoding="utf-8")
