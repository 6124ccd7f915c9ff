"""Which record lies in which table: one row a record, for both engines.

The columns of a table are the fields of its record, and the type of a field says how it is stored. Two records are
packed more tightly and have columns of their own (``packing.py``): readings and rows.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any

import msgspec

from wattproof.gateway import records
from wattproof.gateway.records import Write

_encode = msgspec.json.Encoder().encode


def to_json(value: object) -> str:
    """A value as the text of a JSON column."""
    return _encode(value).decode()


class Form(Enum):
    """How a field is stored: SQLite's type, PostgreSQL's type."""

    TEXT = ("TEXT", "text")
    INTEGER = ("INTEGER", "bigint")
    BOOLEAN = ("INTEGER", "boolean")
    BYTES = ("BLOB", "bytea")
    JSON = ("TEXT", "json")


_FORMS: dict[type, Form] = {str: Form.TEXT, bool: Form.BOOLEAN, bytes: Form.BYTES, int: Form.INTEGER}


def form_of(hint: object) -> Form:
    """How a field with this type is stored; what is no plain value is JSON."""
    options = [one for one in typing.get_args(hint) if one is not types.NoneType] if is_union(hint) else [hint]
    if len(options) == 1 and isinstance(options[0], type):
        return next((form for kind, form in _FORMS.items() if issubclass(options[0], kind)), Form.JSON)
    return Form.JSON


def is_union(hint: object) -> bool:
    """Whether a type hint is ``A | B``."""
    return typing.get_origin(hint) in (types.UnionType, typing.Union)


class Again(Enum):
    """What a second row with the same key does."""

    REPLACES = "replaces the first"
    IGNORED = "is ignored"
    FAILS = "cannot be: the store numbers the rows"


@dataclass(frozen=True, eq=False)
class Table:
    """One record's table. ``key``: columns that identify a row. ``again``: what a second row with the same key does.
    ``unless``: field that, being ``None``, removes the row instead. ``extra``: columns that the store fills in by
    itself."""

    name: str
    record: type[Write]
    key: tuple[str, ...]
    again: Again = Again.REPLACES
    unless: str | None = None
    extra: tuple[str, ...] = ()

    @cached_property
    def fields(self) -> tuple[msgspec.structs.FieldInfo, ...]:
        """The fields of the record, which are the first columns."""
        return msgspec.structs.fields(self.record)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Names of all columns that the record fills."""
        return tuple(field.name for field in self.fields)

    @cached_property
    def forms(self) -> dict[str, Form]:
        """How each column is stored."""
        return {field.name: form_of(field.type) for field in self.fields}

    @cached_property
    def selected(self) -> str:
        """The columns as SELECT names them."""
        return _quoted(self.columns)

    @cached_property
    def insert(self) -> str:
        """Put a record: parameters are :meth:`pack`, then ``extra``."""
        every = (*self.columns, *self.extra)
        text = f"INSERT INTO {self.name} ({_quoted(every)}) VALUES ({', '.join('?' * len(every))})"
        if self.again is Again.FAILS:
            return text
        if self.again is Again.IGNORED:
            return text + " ON CONFLICT DO NOTHING"
        rest = ", ".join(f'"{name}" = excluded."{name}"' for name in self.columns if name not in self.key)
        return f"{text} ON CONFLICT ({_quoted(self.key)}) DO UPDATE SET {rest}"

    @cached_property
    def delete(self) -> str:
        """Remove the row with a key."""
        return f"DELETE FROM {self.name} WHERE " + " AND ".join(f'"{name}" = ?' for name in self.key)

    def select(self, rest: str = "") -> str:
        """All columns, with what follows FROM."""
        return f"SELECT {self.selected} FROM {self.name} {rest}"

    @cached_property
    def _packers(self) -> tuple[Callable[[Any], Any] | None, ...]:
        return tuple(_packer(form, field.type) for field, form in zip(self.fields, self.forms.values(), strict=True))

    @cached_property
    def _unpackers(self) -> tuple[Callable[[Any], Any] | None, ...]:
        return tuple(_unpacker(form, field.type) for field, form in zip(self.fields, self.forms.values(), strict=True))

    def pack(self, write: Write) -> tuple[Any, ...]:
        """A record as parameters of ``insert``."""
        values = msgspec.structs.astuple(write)
        return tuple(
            value if pack is None or value is None else pack(value)
            for value, pack in zip(values, self._packers, strict=True)
        )

    def key_of(self, write: Write) -> tuple[Any, ...]:
        """A record's key as parameters of ``delete``."""
        return tuple(getattr(write, name) for name in self.key)

    def unpack(self, row: Sequence[Any]) -> Any:
        """A record from the columns of ``selected``."""
        return self.record(
            *(
                value if unpack is None or value is None else unpack(value)
                for value, unpack in zip(row, self._unpackers, strict=False)
            )
        )


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _packer(form: Form, hint: object) -> Callable[[Any], Any] | None:
    if form is Form.JSON:
        return to_json
    # Both drivers store a plain number or text; of an enumeration they would ask how.
    return {Form.TEXT: str, Form.INTEGER: int}.get(form) if isinstance(hint, type) and issubclass(hint, Enum) else None


def _unpacker(form: Form, hint: Any) -> Callable[[Any], Any] | None:
    if form is Form.JSON:
        return msgspec.json.Decoder(hint).decode
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint
    return bool if form is Form.BOOLEAN else None


SETTINGS = Table("settings", records.Setting, ("name",), unless="value")
USERS = Table("users", records.User, ("name",))
BINDINGS = Table("bindings", records.Binding, ("user", "serial"))
FAILURES = Table("failures", records.Failures, ("key",))
TOKENS = Table("tokens", records.Token, ("id",))
METERS = Table("meters", records.Meter, ("serial",))
LAYOUTS = Table("layouts", records.Layout, ("id",), again=Again.IGNORED)
SERIES = Table("series", records.Series, ("serial", "kind", "channel", "time"))
EVENTS = Table("events", records.Event, ("number",), again=Again.FAILS, extra=("number",))
METER_EVENTS = Table("meter_events", records.MeterEvent, ("serial", "log", "number"))
ENGINE_STATES = Table("engine_states", records.EngineState, ("serial", "name"), unless="state")
CORRECTIONS = Table("corrections", records.Correction, ("serial", "time", "quantity", "verdict"), again=Again.IGNORED)
PUBLIC_KEYS = Table("public_keys", records.PublicKey, ("serial", "key"), again=Again.IGNORED)
KEY_REGISTER = Table("key_register", records.RegisteredKey, ("serial", "key"))
SESSIONS = Table("sessions", records.Session, ("id",))
SIGNED_RECORDS = Table(
    "signed_records",
    records.SignedRecord,
    ("session", "role", "digest"),
    again=Again.IGNORED,
    extra=("number", "digest"),
)
AUDIT = Table("audit", records.Audit, ("number",), again=Again.FAILS, extra=("number", "hash"))

TABLES: Mapping[type[Write], Table] = {
    table.record: table
    for table in (
        SETTINGS,
        USERS,
        BINDINGS,
        FAILURES,
        TOKENS,
        METERS,
        LAYOUTS,
        SERIES,
        EVENTS,
        METER_EVENTS,
        ENGINE_STATES,
        CORRECTIONS,
        PUBLIC_KEYS,
        KEY_REGISTER,
        SESSIONS,
        SIGNED_RECORDS,
        AUDIT,
    )
}
