"""What a logical device has: the object list of its association (IEC 62056-62, class 15; abb-meters.md 2.13).

Entries are written by a server and read by a client:

>>> entry = ObjectEntry(3, 0, bytes.fromhex("0100200700ff"), {1: AttributeAccess(Access.READ)}, {1: False})
>>> ObjectEntry.read(entry.data) == entry, str(entry)
(True, 'Register 1-0:32.7.0*255')
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from wattproof.errors import FrameError, UnknownName
from wattproof.model.obis import Obis
from wattproof.wire.cosem.classes import InterfaceClass, interface_class
from wattproof.wire.cosem.data import (
    NULL,
    Data,
    Tag,
    array,
    enum,
    integer,
    long_unsigned,
    octet_string,
    structure,
    unsigned,
)
from wattproof.wire.cosem.descriptors import Attribute, Method, Selection, logical_name, written
from wattproof.wire.cosem.shapes import fields, flag, items, number, octets


class Access(IntEnum):
    """Access to an attribute. Modes above 3 ask for authentication; they are read as the mode they add to."""

    NONE = 0
    READ = 1
    WRITE = 2
    READ_WRITE = 3

    @property
    def readable(self) -> bool:
        return bool(self & Access.READ)

    @property
    def writable(self) -> bool:
        return bool(self & Access.WRITE)


#: Access mode of class 15: 4 authenticated read, 5 authenticated write, 6 authenticated read and write.
_MODES = {**{int(mode): mode for mode in Access}, 4: Access.READ, 5: Access.WRITE, 6: Access.READ_WRITE}


class AttributeAccess(NamedTuple):
    """Access and the selectors that select parts of the attribute."""

    mode: Access
    selectors: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ObjectEntry:
    """One object: class, version, logical name, and what the client may do with attributes and methods."""

    class_id: int
    version: int
    name: bytes
    attributes: Mapping[int, AttributeAccess]
    methods: Mapping[int, bool]

    @property
    def interface_class(self) -> InterfaceClass | None:
        """The class with the names of its attributes; ``None`` if it is not known here."""
        return interface_class(self.class_id, self.version)

    @property
    def obis(self) -> Obis:
        return Obis.from_bytes(self.name)

    def attribute(self, key: int | str, selection: Selection | None = None) -> Attribute:
        """The attribute of this number, or of this name in a known class. Raises ``UnknownName``."""
        return Attribute(self.class_id, self.name, self._number(key, "attribute"), selection)

    def method(self, key: int | str) -> Method:
        """The method of this number, or of this name in a known class. Raises ``UnknownName``."""
        return Method(self.class_id, self.name, self._number(key, "method"))

    def _number(self, key: int | str, what: str) -> int:
        if isinstance(key, int):
            return key
        known = self.interface_class
        if known is None:
            raise UnknownName(f"{what} {key!r}: class {self.class_id} is not known here; use the number")
        return (known.attribute(key) if what == "attribute" else known.method(key)).id

    @property
    def data(self) -> Data:
        """The entry as it stands in the object list."""
        attributes = array(
            structure(integer(key), enum(mode), array(map(integer, selectors)) if selectors else NULL)
            for key, (mode, selectors) in self.attributes.items()
        )
        methods = array(structure(integer(key), enum(int(allowed))) for key, allowed in self.methods.items())
        return structure(
            long_unsigned(self.class_id),
            unsigned(self.version),
            octet_string(self.name),
            structure(attributes, methods),
        )

    @classmethod
    def read(cls, data: Data) -> ObjectEntry:
        """Raises ``FrameError`` where the structure is another."""
        class_id, version, name, rights = fields(data, 4)
        attributes, methods = fields(rights, 2)
        return cls(
            number(class_id),
            number(version),
            octets(name, 6),
            dict(_read_attribute(item) for item in items(attributes)),
            dict(_read_method(item) for item in items(methods)),
        )

    def __str__(self) -> str:
        known = self.interface_class
        return f"{known.name if known else f'class {self.class_id}'} {written(self.name)}"


def _read_attribute(data: Data) -> tuple[int, AttributeAccess]:
    key, mode, selectors = fields(data, 3)
    access = _MODES.get(number(mode))
    if access is None:
        raise FrameError(f"access mode {number(mode)} of attribute {number(key)} is not known")
    wanted = () if selectors.tag is Tag.NULL else tuple(map(number, items(selectors)))
    return number(key), AttributeAccess(access, wanted)


def _read_method(data: Data) -> tuple[int, bool]:
    key, mode = fields(data, 2)  # version 0 of the class has a boolean, version 1 an enum
    return number(key), flag(mode) if mode.tag is Tag.BOOLEAN else number(mode) != 0


class ObjectList(Sequence[ObjectEntry]):
    """All objects of a logical device, in its order; ``objects["1-0:1.8.0"]`` finds one by its code."""

    def __init__(self, entries: Iterable[ObjectEntry]) -> None:
        self._entries = tuple(entries)
        self._by_name = {entry.name: entry for entry in self._entries}

    @classmethod
    def read(cls, data: Data) -> ObjectList:
        """The objects of attribute 2. Raises ``FrameError``."""
        return cls(map(ObjectEntry.read, items(data)))

    @property
    def data(self) -> Data:
        return array(entry.data for entry in self._entries)

    def find(self, code: str | bytes | Obis) -> ObjectEntry | None:
        """The object with this logical name. Raises ``InvalidValue`` for what is no code."""
        return self._by_name.get(logical_name(code))

    def of_class(self, class_id: int) -> list[ObjectEntry]:
        """The objects of a class, in their order."""
        return [entry for entry in self._entries if entry.class_id == class_id]

    def __getitem__(self, key: int | str | bytes | Obis | slice) -> ObjectEntry:  # type: ignore[override]
        """By position, or by code. Raises ``UnknownName`` where no object has this code."""
        if isinstance(key, (int, slice)):
            return self._entries[key]  # type: ignore[return-value]
        entry = self.find(key)
        if entry is None:
            raise UnknownName(f"the meter has no object {written(logical_name(key))}")
        return entry

    def __contains__(self, key: object) -> bool:
        if isinstance(key, (str, bytes, Obis)):
            return self.find(key) is not None
        return key in self._entries

    def __iter__(self) -> Iterator[ObjectEntry]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)
