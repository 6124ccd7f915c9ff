"""The bodies that section 3 of g13-api.md prints, by number of the resource."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class Example(NamedTuple):
    """``kind``: ``request``, ``answer``, or ``answer-compat`` where it is as the original shows it."""

    number: int
    kind: str
    text: str


def _read() -> tuple[Example, ...]:
    lines = Path(__file__).with_name("examples.txt").read_text(encoding="utf-8").splitlines()
    parts = [line.split(" ", 2) for line in lines if not line.startswith("#")]
    return tuple(Example(int(number), kind, text) for number, kind, text in parts)


EXAMPLES = _read()
REQUESTS = tuple(example for example in EXAMPLES if example.kind == "request")
ANSWERS = tuple(example for example in EXAMPLES if example.kind != "request")
