"""The pages that come from data: registers, faults, options, states, commands. Sphinx runs this before every build."""

from __future__ import annotations

import os
from html import escape
from pathlib import Path

from drawing import draw_states

from wattproof.cli import COMMANDS, build
from wattproof.meters import registry, tables
from wattproof.meters.bsm.enums import SnapshotType
from wattproof.meters.bsm.virtual import machine

TARGET = Path(__file__).resolve().parent / "generated"
NOTICE = "<!-- Generated from the device data by docs/generate.py. -->\n\n"


def registers(model: str) -> str:
    """Every data point of a meter."""
    family, _ = registry.find(model)
    return (
        f"# {model.upper()}: registers\n\n{family.label}. Addresses are Modbus protocol addresses (counted from 0); "
        f"offsets count from the first register of the instance. `wattproof models {model}` prints the same.\n\n"
        + tables.markdown_registers(family.load("points"))
    )


def closed_table(model: str, name: str) -> str:
    """Options, faults or controls of the virtual meter."""
    family, _ = registry.find(model)
    rows = (
        (f"`{row['name']}`", row["values"], row["default"], row["description"], row["source"])
        for row in tables.table_rows(family.load_table(name))
    )
    return tables.markdown_table(("Name", "Values", "Default", "Meaning", "Source"), rows)


def faults(model: str) -> str:
    return (
        f"# {model.upper()}: faults and controls\n\nThe same names work on the command line "
        "(`--fault NAME[=VALUE][@STATE]`), in the control interface (`PATCH /`), in Python and in pytest. A change can "
        "wait for a named state ({doc}`bsm-states`). The tables are closed: any other name is refused.\n\n"
        f"## Faults\n\n{closed_table(model, 'faults')}\n\n## Controls\n\n{closed_table(model, 'controls')}\n"
    )


def options(model: str) -> str:
    return (
        f"# {model.upper()}: options\n\nFor `--set KEY=VALUE` and the argument `settings`. Delays are seconds of the "
        f"meter: `--speed` divides them.\n\n{closed_table(model, 'options')}\n"
    )


def states() -> str:
    """The life of a snapshot, as diagram and as table, from the transition table that the virtual meter walks."""
    parts = [
        "# BSM: how a snapshot comes into being\n\n"
        "A change with `when` (or `@STATE` on the command line) takes effect when the named state is entered, "
        "before its own action. Names are `INSTANCE:STATE`, `*:STATE` for any instance, `power-up` and `request`.\n"
    ]
    for kind in (SnapshotType.TURN_ON, SnapshotType.TURN_OFF, SnapshotType.CURRENT):
        rows = [row for row in machine.TRANSITIONS if kind in row.kinds]
        title = "current, start, end" if kind is SnapshotType.CURRENT else kind.word
        edges = [(row.source.value, row.target.value, label(row)) for row in rows]
        (TARGET / f"states-{kind.word}.svg").write_text(draw_states([s.value for s in machine.states(kind)], edges))
        table = tables.markdown_table(
            ("From", "When", "To", "St"),
            ((row.source, row.cause, row.target, "" if row.status is None else str(int(row.status))) for row in rows),
        )
        parts.append(f"## {title}\n\n![States of {title}](states-{kind.word}.svg)\n\n{table}\n")
    return "\n".join(parts)


def label(row: machine.Transition) -> str:
    return row.cause.value if row.status is None else f"{row.cause.value} / St {int(row.status)}"


def commands() -> str:
    """The help of every command."""
    os.environ["COLUMNS"] = "100"
    return build().generate_docs(output_format="markdown", heading_level=1)


def write_all() -> None:
    """Write every generated page below ``docs/generated``."""
    TARGET.mkdir(exist_ok=True)
    pages = {
        "bsm-registers": registers("bsm"),
        "bsm-faults": faults("bsm"),
        "bsm-options": options("bsm"),
        "bsm-states": states(),
        "commands": commands(),
    }
    for name, text in pages.items():
        (TARGET / f"{name}.md").write_text(NOTICE + text, encoding="utf-8")
    missing = [name for name in COMMANDS if name not in pages["commands"]]
    if missing:
        raise RuntimeError(f"no help for {', '.join(map(escape, missing))}")
