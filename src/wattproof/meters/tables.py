"""What is known of a meter, as tables: for `wattproof models`, for the documentation, for CSV and for pysunspec2.

Everything is made from the rows; nothing is written twice.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from wattproof.meters.sunspec.model import Model
from wattproof.wire.modbus.bindings import ABSENT, Block, Point, RegisterMap
from wattproof.wire.modbus.types import UINT16, Bits, Blob

COLUMNS = ("Address", "1-based", "Registers", "Point", "Type", "Scale", "Unit", "Access", "OBIS", "Description")
CSV_COLUMNS = (
    "instance",
    "model",
    "point",
    "address",
    "offset",
    "registers",
    "type",
    "scale",
    "unit",
    "access",
    "constant",
    "allowed",
    "obis",
    "description",
    "source",
)
#: Unit symbols as SunSpec model definitions write them.
SUNSPEC_UNITS = {"%": "Pct", "bit/s": "bps", "s": "Secs", "min": "min"}


def allowed_text(point: Point) -> str:
    """What may be written to a point, as text: ``1..247``, ``1200, 2400``; empty if whatever the type holds."""
    allowed = point.allowed
    if isinstance(allowed, range) and allowed.step == 1:
        return f"{allowed.start}..{allowed.stop - 1}"
    if isinstance(allowed, list | tuple | set | frozenset | range):
        return ", ".join(str(value) for value in allowed)
    return "checked" if allowed is not None else ""


def constant_text(point: Point) -> str:
    """The value a point always has: ``unavailable``, a number or a text; empty if it varies."""
    if point.constant is ABSENT:
        return ""
    return "unavailable" if point.constant is None else str(point.constant)


def symbols_text(point: Point) -> str:
    """Values and their names, ``0 valid, 1 invalid``; names of bits as ``bit 16 Meter_Fatal_Error``."""
    word = "bit " if isinstance(point.type, Bits) else ""
    return ", ".join(f"{word}{value} {name}" for value, name in (point.symbols or {}).items())


def point_row(block: Block, point: Point) -> tuple[str, ...]:
    """One point under :data:`COLUMNS`."""
    address = block.address + point.offset
    return (
        str(address),
        str(address + 1),
        str(point.registers),
        point.name,
        point.type.name,
        "" if point.scale is None else str(point.scale),
        point.quantity.unit.symbol,
        point.access.value,
        point.quantity.obis or "",
        point.quantity.description,
    )


def point_dict(block: Block, point: Point) -> dict[str, Any]:
    """One point for JSON; addresses are 0-based."""
    return {
        "point": f"{block.name}.{point.name}",
        "name": point.name,
        "address": block.address + point.offset,
        "offset": point.offset,
        "registers": point.registers,
        "type": point.type.name,
        "scale": point.scale,
        "unit": point.quantity.unit.symbol,
        "access": point.access.value,
        "quantity": point.quantity.name,
        "kind": point.quantity.kind.value,
        "obis": point.quantity.obis,
        "phase": point.quantity.phase,
        "constant": None if point.constant is ABSENT else constant_text(point),
        "allowed": allowed_text(point) or None,
        "symbols": None if point.symbols is None else {str(value): name for value, name in point.symbols.items()},
        "description": point.quantity.description,
        "source": point.source or None,
    }


def block_dict(block: Block) -> dict[str, Any]:
    """One model instance with its points for JSON; ``length`` is the payload without the header."""
    return {
        "name": block.name,
        "label": block.label,
        "aliases": list(block.aliases),
        "id": block.id,
        "address": block.address,
        "registers": block.registers,
        "length": None if block.id is None else block.registers - 2,
        "points": [point_dict(block, point) for point in block.points],
    }


def as_csv(registers: RegisterMap) -> str:
    """The whole layout as CSV with a header line, one line a point; addresses are 0-based."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for block in registers.blocks:
        for point in block.points:
            writer.writerow(
                (
                    block.name,
                    "" if block.id is None else block.id,
                    point.name,
                    block.address + point.offset,
                    point.offset,
                    point.registers,
                    point.type.name,
                    "" if point.scale is None else point.scale,
                    point.quantity.unit.symbol,
                    point.access.value,
                    constant_text(point),
                    allowed_text(point),
                    point.quantity.obis or "",
                    point.quantity.description,
                    point.source,
                )
            )
    return text.getvalue()


# REST resources and parameters ---------------------------------------------------------------------------------------

RESOURCE_COLUMNS = ("Key", "Type", "Unit", "Methods", "Register", "Values", "Description")
PARAMETER_COLUMNS = ("Id", "Values", "Default", "Registers", "Meaning", "Manual gives")


def resource_rows(resource: Any) -> list[tuple[str, ...]]:
    """The keys of a REST resource under :data:`RESOURCE_COLUMNS`, those of objects inside it behind a dot."""
    return [*_field_rows(resource.query, "query "), *_field_rows(resource.fields)]


def _field_rows(fields: Iterable[Any], before: str = "") -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for field in fields:
        cells = (before + field.key, field.shape.value, field.unit, " ".join(field.methods), field.point)
        rows.append((*cells, values_text(field), field.description))
        rows += _field_rows(field.fields, f"{before}{field.key}.")
    return rows


def values_text(field: Any) -> str:
    """What a key of a REST resource may be: ``0..65535``, ``B, C, E``, names of values; empty for anything."""
    if field.symbols:
        return ", ".join(f"{value} {name}" for value, name in field.symbols.items())
    allowed = field.allowed
    if isinstance(allowed, range):
        return f"{allowed.start}..{allowed[-1]}" + ("" if allowed.step == 1 else f" in steps of {allowed.step}")
    return ", ".join(allowed or ())


def resource_dict(resource: Any) -> dict[str, Any]:
    """One REST resource for JSON."""
    return {
        "path": resource.path,
        "methods": list(resource.methods),
        "login": list(resource.login),
        "description": resource.description,
        "source": resource.source,
        "query": [_field_dict(field) for field in resource.query],
        "fields": [_field_dict(field) for field in resource.fields],
    }


def _field_dict(field: Any) -> dict[str, Any]:
    return {
        "key": field.key,
        "type": field.shape.value,
        "unit": field.unit or None,
        "methods": list(field.methods),
        "point": field.point or None,
        "step": field.step,
        "values": values_text(field) or None,
        "description": field.description,
        "fields": [_field_dict(inner) for inner in field.fields],
    }


def parameter_row(row: Any) -> tuple[str, ...]:
    """One parameter under :data:`PARAMETER_COLUMNS`."""
    return (row.id, row.limits, str(row.default), str(row.words), row.meaning, row.origin)


def parameter_dict(row: Any) -> dict[str, Any]:
    """One parameter for JSON."""
    return {
        "id": row.id,
        "values": row.limits,
        "default": row.default,
        "registers": row.words,
        "meaning": row.meaning,
        "manual": row.origin.split(),
    }


# Quantities of a meter without registers ------------------------------------------------------------------------------

QUANTITY_COLUMNS = (
    "Id", "Point", "Unit", "Scale", "OBIS", "Class", "Attribute", "Type", "M-Bus record", "From", "Record is",
)  # fmt: skip


def quantity_row(group: str, row: Any) -> tuple[str, ...]:
    """One quantity under :data:`QUANTITY_COLUMNS`. ``From``: the functionality of a meter from which on it has it.

    ``Record is``: how well the M-Bus record is known; every logical name is inferred.
    """
    return (
        str(row.id),
        f"{group}.{row.name}",
        row.unit.symbol,
        str(row.scale),
        row.logical_name,
        str(row.class_id),
        str(row.attribute),
        row.type,
        row.record,
        row.level_name,
        row.mark,
    )


def quantity_dict(group: str, row: Any) -> dict[str, Any]:
    """One quantity for JSON."""
    return {
        "id": row.id,
        "point": f"{group}.{row.name}",
        "name": row.name,
        "kind": row.kind.value,
        "unit": row.unit.symbol,
        "scale": row.scale,
        "phase": row.phase,
        "obis": row.logical_name,
        "class": row.class_id,
        "attribute": row.attribute,
        "type": row.type,
        "record": row.record or None,
        "level": row.level_name,
        "known": {"record": row.mark, "logical_name": row.mark_of_name},
    }


def quantities_csv(groups: Mapping[str, Iterable[Any]]) -> str:
    """All quantities as CSV with a header line, one line a quantity."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column.lower().replace(" ", "_").replace("-", "_") for column in QUANTITY_COLUMNS])
    writer.writerows(quantity_row(group, row) for group, rows in groups.items() for row in rows)
    return text.getvalue()


def markdown_quantities(groups: Mapping[str, Iterable[Any]]) -> str:
    """All quantities, one section a group."""
    return "\n\n".join(
        f"## {group}\n\n" + markdown_table(QUANTITY_COLUMNS, [quantity_row(group, row) for row in rows])
        for group, rows in groups.items()
    )


# Markdown for the documentation ---------------------------------------------------------------------------------------


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A pipe table; bars inside cells are escaped."""
    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    lines += [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    return "\n".join(lines)


def markdown_overview(registers: RegisterMap) -> str:
    """The model instances of a map, in order."""
    rows = (
        (
            str(block.address),
            str(block.address + 1),
            "" if block.id is None else str(block.id),
            str(block.registers),
            block.name,
            ", ".join(block.aliases),
            block.label,
        )
        for block in registers.blocks
    )
    return markdown_table(("Address", "1-based", "Model", "Registers", "Name", "Aliases", "Label"), rows)


def markdown_block(block: Block) -> str:
    """The points of one instance as a table, followed by what enumerations and constants mean."""
    rows = [(*point_row(block, point), constant_text(point), allowed_text(point)) for point in block.points]
    parts = [markdown_table((*COLUMNS, "Constant", "Allowed"), rows)]
    parts += [f"`{point.name}`: {symbols_text(point)}." for point in block.points if point.symbols]
    return "\n\n".join(parts)


def markdown_registers(registers: RegisterMap, level: int = 2) -> str:
    """The whole register documentation of a meter: overview, then one section an instance.

    ``level`` is the depth of the headings.
    """
    parts = [markdown_overview(registers)]
    for block in registers.blocks:
        number = "" if block.id is None else f", model {block.id}"
        parts.append(f"{'#' * level} {block.label or block.name}{number}\n\n{markdown_block(block)}")
    return "\n\n".join(parts) + "\n"


# SunSpec model definitions --------------------------------------------------------------------------------------------


def sunspec_definition(model: Model) -> dict[str, Any]:
    """A model as a SunSpec JSON model definition, as pysunspec2 and the SunSpec tools load it.

    A BLOB has no type of its own there: it becomes one ``uint16`` point a register, ``PK1`` to ``PK48``.
    """
    points = [definition for point in model.points for definition in _definitions(point)]
    return {"id": model.id, "group": {"name": model.name, "type": "group", "label": model.label, "points": points}}


def _definitions(point: Point) -> list[dict[str, Any]]:
    if isinstance(point.type, Blob):
        names = [f"{point.name}{number}" for number in range(1, point.registers + 1)]
        return [{**_definition(point), "name": name, "type": UINT16.name, "size": 1} for name in names]
    return [_definition(point)]


def _definition(point: Point) -> dict[str, Any]:
    unit = point.quantity.unit.symbol
    entry: dict[str, Any] = {
        "name": point.name,
        "type": point.type.name,
        "size": point.registers,
        "access": point.access.value.upper(),
        "label": point.quantity.description,
    }
    if point.scale is not None:
        entry["sf"] = point.scale
    if unit:
        entry["units"] = SUNSPEC_UNITS.get(unit, unit)
    if point.offset < 2:
        entry |= {"mandatory": "M", "static": "S", "value": point.constant}
    if point.symbols:
        entry["symbols"] = [{"name": _symbol(name), "value": value} for value, name in point.symbols.items()]
    return entry


def _symbol(name: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in name).upper()


def sunspec_files(models: Iterable[Model]) -> dict[str, str]:
    """File name and text of the definitions: ``model_203.json`` and so on."""
    return {
        f"model_{model.id}.json": json.dumps(sunspec_definition(model), indent=2, ensure_ascii=False) + "\n"
        for model in models
    }


def table_rows(rows: Iterable[Any]) -> list[dict[str, Any]]:
    """Rows of a closed table of options, faults or controls for JSON: name, values, default, meaning, source."""
    return [
        {
            "name": row.name,
            "values": row.limits,
            "default": default_text(row.default),
            "once": row.once,
            "description": row.description,
            "source": row.source,
        }
        for row in rows
    ]


def default_text(default: object) -> str:
    """A default as the command line writes it: yes and no as true and false, numbers as digits, nothing as empty."""
    if default is None:
        return ""
    return str(default).lower() if isinstance(default, bool) else str(default)
