"""Which numbered statements of the specifications no test proves yet: ``make statements``.

Reads the checklists of the specifications (``WATTPROOF_SPECS``, default ``../shared/specs``) and the ``proves`` marks
of the tests, both as text. ``--check PREFIX...`` exits with 1 while a statement with that prefix is unproven.
"""

from __future__ import annotations

import argparse
import ast
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SPECS = {"bsm.md": "B", "dmed4.md": "D", "abb-meters.md": "A", "g13-api.md": "G", "transparency.md": "T"}


def stated(folder: Path) -> dict[str, str]:
    """Every statement id of the checklists and its text."""
    found: dict[str, str] = {}
    for name, letter in SPECS.items():
        path = folder / name
        if path.is_file():
            # A row of a table, or an item of a list.
            row = re.compile(
                rf"^(?:\|\s*({letter}-\d{{3}})\s*\|\s*(.*?)\s*\||- ({letter}-\d{{3}}) (.*)$)", re.MULTILINE
            )
            for in_table, cell, in_list, item in row.findall(path.read_text(encoding="utf-8")):
                found.setdefault(in_table or in_list, cell or item)
    return found


def proven(folder: Path) -> dict[str, list[str]]:
    """Statement ids named by ``proves`` marks, with the tests that name them."""
    found: dict[str, list[str]] = {}
    for path in sorted(folder.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for mark in _marks(node):
                for argument in mark.args:
                    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                        where = f"{path.relative_to(folder)}:{mark.lineno}"
                        for id in _ids(argument.value):
                            found.setdefault(id, []).append(where)
    return found


def _ids(text: str) -> Iterator[str]:
    """One id, or those of a range: ``G-201..G-291``."""
    first, _, last = text.partition("..")
    if not last:
        yield text
        return
    letter, _, number = first.partition("-")
    for one in range(int(number), int(last.partition("-")[2]) + 1):
        yield f"{letter}-{one:03d}"


def _marks(node: ast.AST) -> Iterator[ast.Call]:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "proves":
        yield node


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", nargs="*", default=[], metavar="PREFIX")
    parser.add_argument("--list", action="store_true", help="list the proven ones too, with their tests")
    options = parser.parse_args()
    folder = Path(os.environ.get("WATTPROOF_SPECS", ROOT.parent / "shared" / "specs"))
    statements, marks = stated(folder), proven(ROOT / "tests")
    if not statements:
        print(f"no specifications at {folder}: set WATTPROOF_SPECS", file=sys.stderr)
        return 2
    open_ids = [number for number in statements if number not in marks]
    for number in sorted(statements):
        if number in open_ids:
            print(f"unproven  {number}  {statements[number]}")
        elif options.list:
            print(f"proven    {number}  {', '.join(marks[number])}")
    for number in sorted(set(marks) - set(statements)):
        print(f"unknown   {number}  named by {', '.join(marks[number])}")
    for letter in sorted(set(SPECS.values())):
        mine = [number for number in statements if number.startswith(letter)]
        if mine:
            print(f"{letter}: {len(mine) - len([n for n in mine if n in open_ids])} of {len(mine)} proven")
    wanted = [number for number in open_ids if any(number.startswith(prefix) for prefix in options.check)]
    return 1 if wanted or set(marks) - set(statements) else 0


if __name__ == "__main__":
    raise SystemExit(main())
