"""`wattproof models`: what is known of a meter family, printed from its rows."""

from __future__ import annotations

from json import dumps as json_text
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from wattproof.cli import output
from wattproof.errors import UsageError
from wattproof.meters import registry, tables
from wattproof.meters.registry import Family

#: What --faults prints: the names that change a running virtual meter.
FAULT_TABLES = ("faults", "controls")


def command(
    model: str | None = None,
    /,
    *,
    faults: bool = False,
    json: bool = False,
    csv: Annotated[Path | None, Parameter(name="--csv")] = None,
    sunspec_json: Annotated[Path | None, Parameter(name="--sunspec-json")] = None,
    openapi: Annotated[Path | None, Parameter(name="--openapi")] = None,
) -> int:
    """Print what is known of a meter: points, registers or quantities, REST resources, parameters, options; faults.

    Examples:

        wattproof models
        wattproof models bsm
        wattproof models bsm --faults
        wattproof models bsm --csv registers.csv
        wattproof models bsm --sunspec-json definitions/
        wattproof models dmed4 --openapi dmed4.json
        wattproof models abb --csv quantities.csv

    Parameters
    ----------
    model
        Meter family, such as bsm, or bsm:cm12 for one of its variants. Without it the families are listed.
    faults
        The closed tables of the virtual meter: the names that --fault and the control interface take.
    json
        Print JSON.
    csv
        Write the registers or quantities to this file, one line a point.
    sunspec_json
        Write SunSpec model definitions (model_203.json ...) into this folder; pysunspec2 loads them.
    openapi
        Write the REST interface to this file as an OpenAPI 3.1 document.
    """
    if model is None:
        if faults or csv or sunspec_json or openapi:
            raise UsageError("say which meter: wattproof models bsm")
        _families(json)
        return 0
    family, variant = registry.find(model)
    written = [
        *_write_csv(family, csv),
        *_write_definitions(family, sunspec_json),
        *_write_openapi(family, openapi),
    ]
    if faults and json:
        output.print_json(
            {"model": family.name, **{name: tables.table_rows(family.load_table(name)) for name in FAULT_TABLES}}
        )
    elif faults:
        _tables(family, FAULT_TABLES)
    elif json:
        output.print_json(_description(family, variant, written))
    elif written:
        for path in written:
            output.say(f"wrote {path}")
    else:
        _show(family)
    return 0


def _families(json: bool) -> None:
    rows = registry.families().values()
    if json:
        output.print_json(
            [
                {
                    "model": row.name,
                    "label": row.label,
                    "variants": list(row.variants),
                    "default_variant": row.default_variant,
                    "simulated": row.virtual is not None,
                    "example": row.example,
                }
                for row in rows
            ]
        )
        return
    cells = [
        (row.name, row.label, ", ".join(row.variants), "yes" if row.virtual else "no", row.example) for row in rows
    ]
    output.show(output.table(("Model", "What it is", "Variants", "Virtual", "Address"), cells))


def _description(family: Family, variant: str | None, written: list[Path]) -> dict[str, Any]:
    blocks = family.load("points").blocks if family.points else ()
    return {
        "model": family.name,
        "label": family.label,
        "variant": variant,
        "variants": list(family.variants),
        "options": tables.table_rows(family.load_table("options")),
        "instances": [tables.block_dict(block) for block in blocks],
        "quantities": [
            tables.quantity_dict(group, row)
            for group, rows in (family.load("quantities") if family.quantities else {}).items()
            for row in rows
        ],
        "resources": [tables.resource_dict(row) for row in (family.load("resources") if family.resources else ())],
        "parameters": [tables.parameter_dict(row) for row in (family.load("parameters") if family.parameters else ())],
        "written": [str(path) for path in written],
    }


def _show(family: Family) -> None:
    if family.quantities:
        _quantities(family)
        return
    if not family.points and not family.models:
        output.say(f"{family.label}: its points are what it sends; read it to see them, such as {family.example}")
        return
    if not family.points:
        for model in family.load("models"):
            output.show(_points_table(model.at(0), f"{model.label} (model {model.id}), offsets from the header"))
        return
    blocks = family.load("points").blocks
    overview = [
        (
            str(block.address),
            str(block.address + 1),
            "" if block.id is None else str(block.id),
            str(block.registers),
            block.name,
            ", ".join(block.aliases),
            block.label,
        )
        for block in blocks
    ]
    columns = ("Address", "1-based", "Model", "Registers", "Name", "Aliases", "Label")
    output.show(output.table(columns, overview, family.label, right="Address 1-based Model Registers"))
    for block in blocks:
        output.show(_points_table(block, f"{block.label} ({block.name})"))
    if family.resources:
        for resource in family.load("resources"):
            methods = " ".join(resource.methods)
            login = f", login for {' '.join(resource.login)}" if resource.login else ""
            title = f"REST {resource.path} ({methods}{login}): {resource.description}"
            output.show(output.table(tables.RESOURCE_COLUMNS, tables.resource_rows(resource), title))
    if family.parameters:
        rows = [tables.parameter_row(row) for row in family.load("parameters")]
        output.show(output.table(tables.PARAMETER_COLUMNS, rows, "Parameters", right="Default Registers"))
    if "options" in family.tables:
        _tables(family, ("options",))


def _quantities(family: Family) -> None:
    for group, rows in family.load("quantities").items():
        cells = [tables.quantity_row(group, row) for row in rows]
        title = f"{group} (OBIS and COSEM columns are inferred)"
        output.show(output.table(tables.QUANTITY_COLUMNS, cells, title, right="Id Scale Class Attribute"))
    if "options" in family.tables:
        _tables(family, ("options",))


def _points_table(block: Any, title: str) -> Any:
    rows = [(*tables.point_row(block, point), _values(point)) for point in block.points]
    return output.table((*tables.COLUMNS, "Values"), rows, title, right="Address 1-based Registers")


def _values(point: Any) -> str:
    constant = tables.constant_text(point)
    parts = (f"always {constant}" if constant else "", tables.allowed_text(point), tables.symbols_text(point))
    return "; ".join(part for part in parts if part)


def _tables(family: Family, names: tuple[str, ...]) -> None:
    for name in names:
        cells = [
            (
                row.name,
                row.limits,
                ", ".join(part for part in (tables.default_text(row.default), "once" if row.once else "") if part),
                row.description,
                row.source,
            )
            for row in family.load_table(name)
        ]
        output.show(output.table(("Name", "Values", "Default", "Meaning", "Source"), cells, name))


def _write_csv(family: Family, path: Path | None) -> list[Path]:
    if path is None:
        return []
    with output.writing(path):
        text = tables.quantities_csv(family.load("quantities")) if family.quantities else None
        path.write_text(text or tables.as_csv(family.load("points")), encoding="utf-8")
    return [path]


def _write_definitions(family: Family, folder: Path | None) -> list[Path]:
    if folder is None:
        return []
    written = []
    with output.writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in tables.sunspec_files(family.load("models")).items():
            (folder / name).write_text(text, encoding="utf-8")
            written.append(folder / name)
    return written


def _write_openapi(family: Family, path: Path | None) -> list[Path]:
    if path is None:
        return []
    text = json_text(family.load("openapi")(), indent=2, ensure_ascii=False) + "\n"
    with output.writing(path):
        path.write_text(text, encoding="utf-8")
    return [path]
