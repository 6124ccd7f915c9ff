"""The pages that come from data: registers, faults, options, states, commands. Sphinx runs this before every build."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import mbus_codes
from drawing import draw_states

from wattproof.cli import COMMANDS, build
from wattproof.g13 import resources as g13_resources
from wattproof.g13.bodies import REQUESTS
from wattproof.g13.rights import CONFIGURE_METER, NO_ACCESS, RIGHTS, VIEW_ONLY, Right
from wattproof.gateway.config import SECTIONS
from wattproof.gateway.serve.modern.rows import END_POINTS
from wattproof.io.tomlfile import REQUIRED, Key
from wattproof.meters import registry, tables
from wattproof.meters.abb.virtual.image import Status as ImageStatus
from wattproof.meters.bsm.enums import SnapshotType
from wattproof.meters.bsm.virtual import machine
from wattproof.meters.dmed4.enums import Command, MeasurementStatus
from wattproof.meters.dmed4.parameters import PARAMETERS
from wattproof.meters.dmed4.resources import PREFIX, RESOURCES, Field
from wattproof.meters.dmed4.virtual import cycle

TARGET = Path(__file__).resolve().parent / "generated"
#: Page that says at which states a change can wait.
STATES = {"bsm": "bsm-states", "dmed4": "dmed4-cycle", "abb": "abb-states"}
#: Meters with registers.
MODBUS = ("bsm", "dmed4")
_KINDS = {"boolean": "true or false", "integer": "whole number", "string": "text"}
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
        f"wait for a named state ({{doc}}`{STATES[model]}`). The tables are closed: any other name is refused.\n\n"
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


def charge_cycle() -> str:
    """The charge cycle of the DMED4, as diagram and as table, from the table that the virtual meter walks."""
    names = [status.name for status in MeasurementStatus]
    rows = [row for row in cycle.TRANSITIONS if row.command is not Command.RESET]
    edges = [(names[0], names[1], "keys ready")]
    edges += [(row.status.name, row.target.name, row.command.value) for row in rows if row.status is not row.target]
    edges.append((names[2], names[3], "supply lost and back"))
    (TARGET / "states-cycle.svg").write_text(draw_states(names, edges))
    table = tables.markdown_table(
        ("Status", "Command", "When", "New status", "Effect"),
        (
            (row.status.name, row.command.value, row.condition.value, row.target.name, row.effect.value)
            for row in cycle.TRANSITIONS
        ),
    )
    states = ", ".join(f"`{name}`" for name in cycle.named_states())
    return (
        "# DMED4: the charge cycle\n\nCommands are letters, the same over Modbus (register 4280h) and REST "
        "(`v1/charge_settings`). Whatever is not in the table is refused and sets ERROR_JSON_SEQUENCE.\n\n"
        f"![The charge cycle](states-cycle.svg)\n\n{table}\n\n"
        f"A change with `when` (or `@STATE` on the command line) takes effect at one of these: {states}.\n"
    )


def abb_states() -> str:
    """The named states of a virtual ABB meter."""
    table = tables.markdown_table(
        ("State", "Begins"),
        (
            ("`power-up`", "when the supply is back"),
            ("`request`", "before the next request is executed"),
            ("`telegram:N`", "before telegram N of a readout on M-Bus"),
            ("`selection`", "before the meter answers a selection that means it"),
            ("`association`", "when a client associates itself over COSEM"),
            ("`block:N`", "before data block N"),
            ("`segment`", "before a further segment of an answer"),
            ("`interval-end`", "when an interval of the load profile or of the demand has ended"),
            ("`period-end`", "when a period of the previous values or of the demand has ended"),
            *((f"`{status.state}`", "when the transfer of a firmware image has come so far") for status in ImageStatus),
        ),
    )
    return (
        "# ABB: named states\n\nA change with `when` (or `@STATE` on the command line) takes effect when the named "
        f"state begins, and not before.\n\n{table}\n"
    )


def quantities() -> str:
    """What ABB meters measure, with its place on both buses."""
    family, _ = registry.find("abb")
    return (
        "# ABB: quantities\n\n`wattproof models abb` prints the same. Raw values are in units of 10^Scale. `From` "
        "is the functionality from which on a meter has the quantity. `Record is` says how well the record is known: "
        "verified in bytes of real meters, stated by the maker, or inferred. **No public description of the COSEM side "
        "exists: every OBIS code, class, attribute and type is inferred.**\n\n"
        + tables.markdown_quantities(family.load("quantities"))
        + "\n"
    )


def rest() -> str:
    """The REST resources of the DMED4 and its parameters."""
    parts = [
        "# DMED4: REST resources\n\nBelow `http://HOST/` (behind a remote display `v1/<channel>/...`). Success is "
        "chunked JSON, failure a status without a body; every answer closes its connection. "
        "`wattproof models dmed4 --openapi FILE` writes the same as OpenAPI.\n"
    ]
    for row in RESOURCES:
        login = f" Login needed for {', '.join(row.login)}." if row.login else ""
        cells = [_field(one, prefix) for prefix, one in _flat(row.fields)] if row.path != "system_parameters" else []
        columns = ("Key", "Type", "Unit", "Methods", "Values", "Register", "Meaning")
        query = "".join(f"\n\n`?{one.key}=`: {one.description}" for one in row.query)
        listed = tables.markdown_table(columns, cells) if cells else "Its keys are the parameters below."
        parts.append(
            f"## {PREFIX}/{row.path}\n\n{', '.join(row.methods)}. {row.description}.{login}{query}\n\n{listed}\n"
        )
    parameters = tables.markdown_table(
        ("Parameter", "Values", "Default", "Words", "Manual", "Meaning"),
        ((row.id, row.limits, str(row.default), str(row.words), row.origin, row.meaning) for row in PARAMETERS),
    )
    note = "E: the manual gives the enumeration, N: the name; other meanings are inferred."
    return "\n".join([*parts, f"## Parameters\n\n{note}\n\n{parameters}\n"])


def _flat(fields: tuple[Field, ...], prefix: str = "") -> list[tuple[str, Field]]:
    """Fields of objects behind the object, with its name in front."""
    found = []
    for row in fields:
        found.append((prefix, row))
        found += _flat(row.fields, f"{prefix}{row.key}.")
    return found


def _field(row: Field, prefix: str) -> tuple[str, ...]:
    allowed = "" if row.allowed is None else _limits(row.allowed)
    names = ", ".join(f"{value} {name}" for value, name in (row.symbols or {}).items())
    methods = ", ".join(row.methods)
    return (f"`{prefix}{row.key}`", row.shape.value, row.unit, methods, names or allowed, row.point, row.description)


def _limits(allowed: range | tuple[str, ...]) -> str:
    if isinstance(allowed, range):
        step = "" if allowed.step == 1 else f", step {allowed.step}"
        return f"{allowed.start}..{allowed[-1]}{step}"
    return ", ".join(allowed)


def g13() -> str:
    """The 91 resources of the gateway, and who may use them."""
    rows = [(str(row.number), row.method, _paths(row), row.right.name, row.summary) for row in g13_resources.RESOURCES]
    roles = {
        "no access": (False, NO_ACCESS),
        "View Only": (False, VIEW_ONLY),
        "Configure": (False, CONFIGURE_METER),
        "gateway admin": (True, NO_ACCESS),
    }
    rights = [(right.name, *(_cell(right, *role) for role in roles.values())) for right in RIGHTS]
    return (
        "# G13: the 91 resources\n\nWhat stands in brackets may be left out; `count` and `to`, `channel` and `from` "
        "are told apart by their shape.\n\n"
        + tables.markdown_table(("No.", "Method", "Path", "Right", "What it does"), rows)
        + "\n\n## Who may use them\n\nEverybody has to log in first. A user with several roles has the union; a "
        "gateway admin has no access to meters by that alone.\n\n"
        + tables.markdown_table(("Right", *roles), rights)
        + "\n\n## Bodies of requests\n\nNumbers are also taken as decimal texts.\n\n"
        + "\n".join(_body(number) for number in sorted(REQUESTS))
    )


def _body(number: int) -> str:
    rows = list(_members(REQUESTS[number].shape.schema(request=True), ""))
    table = tables.markdown_table(("Member", "Needed", "What it may be"), rows)
    return f"### {number} {g13_resources.BY_NUMBER[number]}\n\n{table}\n"


def _members(schema: dict[str, Any], prefix: str) -> Iterator[tuple[str, str, str]]:
    """The members of an object, those of objects inside it too."""
    for name, inner in schema["properties"].items():
        needed = "yes" if name in schema.get("required", ()) else ""
        yield f"`{prefix}{name}`", needed, _words(inner)
        items, mark = (inner["items"], "[].") if inner.get("items") else (inner, ".")
        if "properties" in items:
            yield from _members(items, f"{prefix}{name}{mark}")


def _words(schema: dict[str, Any]) -> str:
    """A JSON schema in few words."""
    if "description" in schema:
        return str(schema["description"])
    if "anyOf" in schema and "type" not in schema:
        return ", or ".join(map(_words, schema["anyOf"]))
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return f"one of {_ranges(schema['enum'])}"
    if "prefixItems" in schema:
        return f"[{'; '.join(map(_words, schema['prefixItems']))}]"
    return " ".join([_KINDS.get(schema["type"], schema["type"]), *_limits_of(schema)])


def _limits_of(schema: dict[str, Any]) -> Iterator[str]:
    for least, most, what in (("minimum", "maximum", ""), ("minLength", "maxLength", " characters")):
        if least in schema or most in schema:
            yield f"{schema.get(least, '')}..{schema.get(most, '')}{what}"
    if "exclusiveMaximum" in schema:
        yield f"below {schema['exclusiveMaximum']:g}"
    if "maxItems" in schema:
        yield f"of at most {schema['maxItems']}"
    if schema["type"] == "array" and "properties" not in schema["items"]:
        yield f"of {_words(schema['items'])}"
    if "pattern" in schema:
        yield f"`{schema['pattern']}`"


def _ranges(values: list[Any]) -> str:
    """Values one after the other, numbers that follow each other as a range."""
    parts: list[list[Any]] = []
    for value in values:
        if parts and isinstance(value, int) and value == parts[-1][-1] + 1:
            parts[-1].append(value)
        else:
            parts.append([value])
    return ", ".join(
        f"{part[0]}..{part[-1]}" if len(part) > 2 else ", ".join(json.dumps(value) for value in part) for part in parts
    )


def _paths(resource: g13_resources.Resource) -> str:
    return "<br>".join(f"`{path}`" for path in (resource.path, *resource.aliases))


def _cell(right: Right, admin: bool, access: str) -> str:
    if right.allows(admin=admin, access=[access]):
        return "on each" if right.each and not (admin and right.admin) else "yes"
    return "own name" if right.own else "no"


def gateway_config() -> str:
    """Every key of the gateway's configuration file."""
    text = "# Gateway: configuration file\n\nTOML, `--config FILE`. A mistake is told with file, line and key.\n"
    for name, keys in SECTIONS.items():
        title = f"[[{name}]]" if name in ("bus", "meter") else f"[{name}]"
        rows = [
            (f"`{key.name}`", _types(key), "required" if key.default is REQUIRED else _default(key), key.meaning)
            for key in keys
        ]
        text += f"\n## `{title}`\n\n" + tables.markdown_table(("Key", "Type", "Default", "Meaning"), rows)
    return text


def _types(key: Key) -> str:
    words = {str: "text", int: "whole number", float: "number", bool: "true or false", list: "list"}
    return " or ".join(dict.fromkeys(words[kind] for kind in key.types if not (kind is int and float in key.types)))


def _default(key: Key) -> str:
    if key.default is None or key.default == ():
        return ""
    value = list(key.default) if isinstance(key.default, tuple) else key.default
    return f"`{json.dumps(value)}`"


def modern() -> str:
    """The end points of the modern interface."""
    rows = [
        (
            f"`{row.method} {row.path}`",
            row.summary,
            "everybody" if row.right is None else row.right.name,
            row.scope.value if row.scope is not None else "",
        )
        for row in END_POINTS
    ]
    return (
        "# Gateway: the modern interface\n\nJSON over HTTPS, with Basic authentication, the cookie of a session, or "
        "`Authorization: Bearer TOKEN`. Shapes are in `/api/v1/openapi.json`. A token needs the scope named here, or "
        "else those that the right asks for.\n\n" + tables.markdown_table(("Request", "What", "Right", "Scope"), rows)
    )


def commands() -> str:
    """The help of every command."""
    os.environ["COLUMNS"] = "100"
    return build().generate_docs(output_format="markdown", heading_level=1)


def write_all() -> None:
    """Write every generated page below ``docs/generated``."""
    TARGET.mkdir(exist_ok=True)
    pages = {
        **{f"{model}-registers": registers(model) for model in MODBUS},
        **{f"{model}-faults": faults(model) for model in STATES},
        **{f"{model}-options": options(model) for model in STATES},
        "mbus-codes": mbus_codes.page(),
        "bsm-states": states(),
        "dmed4-cycle": charge_cycle(),
        "dmed4-rest": rest(),
        "abb-quantities": quantities(),
        "abb-states": abb_states(),
        "g13-resources": g13(),
        "gateway-config": gateway_config(),
        "gateway-api": modern(),
        "commands": commands(),
    }
    for name, text in pages.items():
        (TARGET / f"{name}.md").write_text(NOTICE + text, encoding="utf-8")
    missing = [name for name in COMMANDS if name not in pages["commands"]]
    if missing:
        raise RuntimeError(f"no help for {', '.join(map(escape, missing))}")
