"""Schema files: both engines have the same tables, old stores are brought up to date, newer ones refused."""

from __future__ import annotations

import re

import pytest

from wattproof.gateway.store.migrations import scripts
from wattproof.gateway.store.tables import TABLES, Form, Table
from wattproof.gateway.store.writing import READINGS, ROWS

_COLUMN = re.compile(r'"(\w+)" (\w+(?:\[\])?)')


def declared(engine: str) -> dict[str, dict[str, str]]:
    """Columns of the tables as the schema files say."""
    text = "\n".join(script.text for script in scripts(engine))
    found: dict[str, dict[str, str]] = {}
    for name, body in re.findall(r"CREATE TABLE (\w+) \((.*?)\)[^()]*;", re.sub("--.*", "", text), re.DOTALL):
        found[name] = dict(_COLUMN.findall(body))
    return found


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_a_record_has_its_columns_in_both_engines(engine: str, table: Table) -> None:
    columns = declared(engine)[table.name]
    assert set(columns) == {*table.columns, *table.extra}
    for name, form in table.forms.items():
        text = table.name == "layouts" and form is Form.JSON  # compared as text
        assert columns[name] == ("text" if text and engine == "postgres" else form.value[engine == "postgres"]), name


def test_both_engines_have_the_same_tables() -> None:
    ours, theirs = declared("sqlite"), declared("postgres")
    assert {name: set(columns) for name, columns in ours.items()} == {
        name: set(columns) for name, columns in theirs.items()
    }
    assert set(READINGS.columns) == set(ours["readings"])
    assert set(ROWS.columns) == set(ours["rows"])
    assert [script.version for script in scripts("sqlite")] == [script.version for script in scripts("postgres")]
