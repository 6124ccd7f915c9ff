"""The page of M-Bus codes, from the tables of the library."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from wattproof.meters.tables import markdown_table
from wattproof.wire.mbus import abb, application_errors, ci_fields, frames, media, vif, vife
from wattproof.wire.mbus.requests import CURRENT_PHASES, FORMS, VOLTAGE_PHASES, Form, Shape
from wattproof.wire.mbus.vif import Vif
from wattproof.wire.mbus.vife import Vife


def page() -> str:
    """Every code that the library knows."""
    return "\n\n".join(
        [
            "# M-Bus: codes",
            "What the decoder knows, from its own tables ({doc}`../guides/mbus`). A code that is not here is no error: "
            "its record decodes to the raw number, and the code is among its qualifiers. A number in a record times "
            "10^exponent is in the unit.",
            "## C field",
            _services(),
            "## CI field",
            _names(("CI", "To the meter"), ci_fields.COMMANDS),
            _names(("CI", "From the meter"), ci_fields.ANSWERS),
            "## VIF",
            _vifs(vif.PRIMARY),
            "FB and FD say that the code is the next byte, FC that a text is the unit, 7F that the maker knows.",
            "## VIF behind FD",
            _vifs(vif.FD),
            "Behind FD FD:",
            _vifs(vif.FD_SECOND),
            "## VIF behind FB",
            _vifs(vif.FB),
            "## VIFE",
            _vifes(vife.COMBINABLE),
            "Behind FC:",
            _vifes(vife.COMBINABLE_SECOND),
            "Below 20, in later editions of the standard:",
            _vifes(vife.PROFILES),
            "## Record status, actions, application errors",
            "The last VIFE below 20 is a status from the meter, an action to the meter.",
            _names(("Status", "Meaning"), vife.STATUS),
            _names(("Action", "Meaning"), vife.ACTIONS),
            _names(("Behind CI 70", "Meaning"), application_errors.TEXTS),
            "## Media",
            _names(("Medium", "Meaning"), media.MEDIA),
            "## ABB: VIFE behind FF",
            _mixed(abb.CODES),
            "Behind FF F9:",
            _mixed(abb.BEHIND_F9),
            "The device subunit says which energy or power a record holds:",
            _kinds(),
            "## ABB: commands and readouts",
            "Protected ones are obeyed only while the write access level is open. `n` is a number, `d` a date, `t` a "
            "date and time, `b` eight bytes. Load profile of channel `c`: `00 FF F9 B8 FF F8 c`, from a date "
            "`02 EC FF F9 B8 FF c d`.",
            _requests(),
            f"Phases of harmonics: currents {_listed(CURRENT_PHASES)}; voltages {_listed(VOLTAGE_PHASES)}.",
            "",
        ]
    )


def _services() -> str:
    rows = (
        (
            row.name,
            " / ".join(dict.fromkeys(f"{row.control(bit):02X}" for bit in (False, True))),
            "to the meter" if row.primary else "from the meter",
            ", ".join(row.answers),
            row.meaning,
        )
        for row in frames.SERVICES
    )
    return markdown_table(("Service", "C", "Direction", "Answer", "Meaning"), rows)


def _names(columns: tuple[str, str], table: Mapping[int, str]) -> str:
    return markdown_table(columns, ((f"`{code:02X}`", text) for code, text in sorted(table.items())))


def _vif_row(code: int, row: Vif) -> tuple[str, ...]:
    return (f"`{code:02X}`", row.quantity, row.unit.symbol, str(row.exponent), row.kind.value)


def _vifs(table: Mapping[int, Vif]) -> str:
    columns = ("Code", "Quantity", "Unit", "Exponent", "Read as")
    return markdown_table(columns, (_vif_row(code, row) for code, row in sorted(table.items())))


def _effects(row: Vife) -> Iterable[str]:
    if row.phase is not None:
        yield f"phase {row.phase}"
    if row.shift:
        yield f"exponent {row.shift:+d}"
    if row.unit is not None:
        yield f"unit {row.unit.symbol or 'none'}"
    if row.kind is not None:
        yield f"read as {row.kind.value}"


def _vifes(table: Mapping[int, Vife]) -> str:
    rows = ((f"`{code:02X}`", row.name, ", ".join(_effects(row))) for code, row in sorted(table.items()))
    return markdown_table(("Code", "Qualifier", "Effect"), rows)


def _mixed(table: Mapping[int, Vif | Vife]) -> str:
    """Quantities and qualifiers in one table, as a maker mixes them."""
    rows = (
        _vif_row(code, row)
        if isinstance(row, Vif)
        else (f"`{code:02X}`", f"({row.name})", "", "", ", ".join(_effects(row)))
        for code, row in sorted(table.items())
    )
    return markdown_table(("Code", "Quantity or (qualifier)", "Unit", "Exponent", "Read as"), rows)


def _kinds() -> str:
    subunits = sorted({*abb.ENERGIES, *abb.POWERS})
    rows = (
        (str(subunit), *(" in ".join(map(str, table.get(subunit, ()))) for table in (abb.ENERGIES, abb.POWERS)))
        for subunit in subunits
    )
    return markdown_table(("Subunit", "Energy", "Power"), rows)


_LETTERS = {Shape.NOTHING: "", Shape.NUMBER: "n", Shape.DATE: "d", Shape.MOMENT: "t", Shape.BYTES: "b"}


def _request_row(form: Form) -> tuple[str, ...]:
    declared = form.declaration
    record = f"{declared.header(form.code).encoded.hex(' ').upper()} {_LETTERS[form.shape]}".strip()
    subject = "" if form.subject is None else str(form.subject)
    return (f"`{form.name}`", subject, form.allowed_text, f"`{record}`", "yes" if form.protected else "")


def _requests() -> str:
    columns = ("Request", "About", "Values", "Record", "Protected")
    return markdown_table(columns, (_request_row(form) for form in FORMS))


def _listed(phases: Mapping[int, str]) -> str:
    return ", ".join(f"{number} {phase}" for number, phase in phases.items())
