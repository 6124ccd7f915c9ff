"""Objects of a server: the attributes and methods of an interface class, bound to what stands behind them.

An object is made once and shared by all meters of a kind; what a meter is, its *context*, is an argument:

>>> from wattproof.wire.cosem.classes import REGISTER
>>> from wattproof.wire.cosem.data import double_long_unsigned
>>> from wattproof.wire.cosem.units import scaler_unit
>>> from wattproof.model.units import VOLT
>>> voltage = CosemObject(REGISTER, "1-0:32.7.0", {
...     "value": lambda meter: double_long_unsigned(meter["voltage"]),
...     "scaler_unit": scaler_unit(-1, VOLT),
... })
>>> voltage.value({"voltage": 2306}, voltage.attributes[2]).plain
2306

Access is written as in a table, one column a role: ``"r/rw"`` lets role 0 read, role 1 read and write.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from wattproof.errors import CosemRefused, InvalidValue
from wattproof.model.obis import Obis
from wattproof.wire.cosem.classes import LOGICAL_NAME, InterfaceClass
from wattproof.wire.cosem.data import Data, Tag, name, octet_string
from wattproof.wire.cosem.descriptors import Selection, logical_name, written
from wattproof.wire.cosem.object_list import Access, AttributeAccess, ObjectEntry
from wattproof.wire.cosem.results import Result
from wattproof.wire.cosem.shapes import number

if TYPE_CHECKING:
    from wattproof.wire.cosem.server import Association

C = TypeVar("C")
Get: TypeAlias = Callable[[C], Data]
Select: TypeAlias = Callable[[C, Selection], Data]
Set: TypeAlias = Callable[[C, Data], None]
Call: TypeAlias = Callable[[C, Data | None], Data | None]

_LETTERS = {"-": Access.NONE, "r": Access.READ, "w": Access.WRITE, "rw": Access.READ_WRITE}


def access_modes(table: str) -> tuple[Access, ...]:
    """``"r/rw"`` as one mode a role. Raises ``InvalidValue``."""
    try:
        return tuple(_LETTERS[part.strip()] for part in table.split("/"))
    except KeyError:
        raise InvalidValue(f"access {table!r}: write r, w, rw or - for each role, separated by /") from None


@dataclass(frozen=True)  # no slots: Python 3.11 cannot make a Name[Type](...) of a frozen class with slots
class Bound(Generic[C]):
    """What stands behind one attribute.

    ``get`` and ``set`` may be missing: then nobody reads or writes it, whatever ``access`` says. A ``set`` is called
    with a value of the right type within ``limits``; it refuses by raising ``CosemRefused`` with a result, or
    ``InvalidValue`` (scope of access violated) or ``FrameError`` (type unmatched).

    Args:
        access: as in a table, one part a role; ``None``: that of the object.
        tags: types that SET takes; empty: the type of the class, else the one that GET gives.
        limits: lowest and highest value of an integer.
        select: gives a part of the attribute; ``selectors`` are those that it knows.
    """

    get: Get[C] | Data | None = None
    set: Set[C] | None = None
    access: str | None = None
    tags: tuple[Tag, ...] = ()
    limits: tuple[int, int] | None = None
    select: Select[C] | None = None
    selectors: tuple[int, ...] = ()


@dataclass(frozen=True)  # no slots: Python 3.11 cannot make a Name[Type](...) of a frozen class with slots
class BoundMethod(Generic[C]):
    """What stands behind one method; it refuses as a ``set`` does.

    ``execute`` says for each role ``x`` or ``-``; ``None``: as the object. ``tags`` as in :class:`Bound`; empty: the
    type of the class.
    """

    call: Call[C]
    execute: str | None = None
    tags: tuple[Tag, ...] = ()


@dataclass(frozen=True)  # no slots: Python 3.11 cannot make a Name[Type](...) of a frozen class with slots
class ServedAttribute(Generic[C]):
    """One attribute as a server needs it: a bound one, and what its class and its object say about it."""

    id: int
    bound: Bound[C]
    modes: tuple[Access, ...]
    tags: tuple[Tag, ...]


@dataclass(frozen=True)  # no slots: Python 3.11 cannot make a Name[Type](...) of a frozen class with slots
class ServedMethod(Generic[C]):
    """One method as a server needs it."""

    id: int
    call: Call[C]
    allowed: tuple[bool, ...]
    tags: tuple[Tag, ...]


class CosemObject(Generic[C]):
    """One object of a server, without state of its own.

    Args:
        interface_class: its class.
        code: its logical name.
        attributes: by name or number: data, a function of the context, or a :class:`Bound`. Others do not exist.
        methods: by name or number: a function of context and parameter, or a :class:`BoundMethod`.
        access: of attributes that say nothing else, as in a table, one column a role.
        execute: of methods that say nothing else: ``x`` or ``-`` for each role.
        present: whether a meter has the object; ``None``: every one.
    """

    __slots__ = ("_entries", "attributes", "interface_class", "methods", "name", "present")

    def __init__(
        self,
        interface_class: InterfaceClass,
        code: str | bytes | Obis,
        attributes: Mapping[str | int, Any],
        methods: Mapping[str | int, Any] | None = None,
        *,
        access: str = "r/r",
        execute: str = "-/x",
        present: Callable[[C], bool] | None = None,
    ) -> None:
        self.interface_class = interface_class
        self.name = logical_name(code)
        self.present = present
        roles = len(access_modes(access))
        named = Bound[C](octet_string(self.name))
        self.attributes: dict[int, ServedAttribute[C]] = {
            LOGICAL_NAME: ServedAttribute(LOGICAL_NAME, named, (Access.READ,) * roles, (Tag.OCTET_STRING,))
        }
        for key, value in attributes.items():
            served = self._served(key, value if isinstance(value, Bound) else Bound(value), access)
            self.attributes[served.id] = served
        self.methods: dict[int, ServedMethod[C]] = {}
        for key, call in (methods or {}).items():
            method = self._method(key, call if isinstance(call, BoundMethod) else BoundMethod(call), execute)
            self.methods[method.id] = method
        self._entries: dict[int, ObjectEntry] = {}

    def _served(self, key: str | int, bound: Bound[C], access: str) -> ServedAttribute[C]:
        row = self.interface_class.attribute(key)
        able = (Access.READ if bound.get is not None else 0) | (Access.WRITE if bound.set is not None else 0)
        modes = tuple(Access(mode & able) for mode in access_modes(bound.access or access))
        return ServedAttribute(row.id, bound, modes, bound.tags or ((row.tag,) if row.tag is not None else ()))

    def _method(self, key: str | int, bound: BoundMethod[C], execute: str) -> ServedMethod[C]:
        row = self.interface_class.method(key)
        allowed = tuple(part.strip() == "x" for part in (bound.execute or execute).split("/"))
        return ServedMethod(row.id, bound.call, allowed, bound.tags or ((row.tag,) if row.tag is not None else ()))

    @property
    def class_id(self) -> int:
        return self.interface_class.id

    def read(self, association: Association[C], attribute: ServedAttribute[C], selection: Selection | None) -> Data:
        """A readable attribute, or a part of it. Raises what refuses, see :class:`Bound`."""
        if selection is None:
            return self.value(association.context, attribute)
        select = attribute.bound.select
        if select is None or selection.selector not in attribute.bound.selectors:
            raise CosemRefused(Result.SCOPE_OF_ACCESS_VIOLATED, f"selector {selection.selector} of {self}")
        return select(association.context, selection)

    def write(self, association: Association[C], attribute: ServedAttribute[C], value: Data) -> None:
        """Set a writable attribute. Raises what refuses, see :class:`Bound`."""
        bound, context = attribute.bound, association.context
        tags = attribute.tags or ((self.value(context, attribute).tag,) if bound.get is not None else ())
        if tags and value.tag not in tags:
            raise CosemRefused(Result.TYPE_UNMATCHED, f"attribute {attribute.id} of {self} is no {name(value.tag)}")
        if bound.limits is not None and not bound.limits[0] <= number(value) <= bound.limits[1]:
            low, high = bound.limits
            raise CosemRefused(Result.SCOPE_OF_ACCESS_VIOLATED, f"{number(value)} is outside {low} to {high}: {self}")
        if bound.set is None:
            raise CosemRefused(Result.READ_WRITE_DENIED, f"attribute {attribute.id} of {self}")
        bound.set(context, value)

    def call(self, association: Association[C], method: ServedMethod[C], parameter: Data | None) -> Data | None:
        """Execute a method; its return parameters. Raises what refuses, see :class:`BoundMethod`."""
        if method.tags and (parameter is None or parameter.tag not in method.tags):
            raise CosemRefused(Result.TYPE_UNMATCHED, f"parameter of method {method.id} of {self}")
        return method.call(association.context, parameter)

    def value(self, context: C, attribute: ServedAttribute[C]) -> Data:
        """The value of a whole attribute in a context."""
        value = attribute.bound.get
        if isinstance(value, Data):
            return value
        if value is None:
            raise CosemRefused(Result.READ_WRITE_DENIED, f"attribute {attribute.id} of {self}")
        return value(context)

    def entry(self, role: int) -> ObjectEntry:
        """How the object stands in the object list of a role."""
        found = self._entries.get(role)
        if found is None:
            attributes = {
                key: AttributeAccess(served.modes[role], served.bound.selectors)
                for key, served in sorted(self.attributes.items())
            }
            methods = {key: served.allowed[role] for key, served in sorted(self.methods.items())}
            row = self.interface_class
            found = self._entries[role] = ObjectEntry(row.id, row.version, self.name, attributes, methods)
        return found

    def __str__(self) -> str:
        return f"{self.interface_class.name} {written(self.name)}"
