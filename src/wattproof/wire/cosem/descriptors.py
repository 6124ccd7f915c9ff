"""Which attribute or method of which object is meant (IEC 62056-53, Cosem-Attribute- and Cosem-Method-Descriptor).

>>> voltage = Attribute.of(3, "1-0:32.7.0", 2)
>>> voltage.name.hex(), str(voltage)
('0100200700ff', '3/1-0:32.7.0*255/2')
"""

from __future__ import annotations

from typing import NamedTuple

from wattproof.model.obis import Obis
from wattproof.wire.cosem.data import Data


def logical_name(code: str | bytes | Obis) -> bytes:
    """Six bytes of an OBIS code in any form; absent groups as in `Obis.to_bytes`. Raises ``InvalidValue``."""
    if isinstance(code, bytes):
        return Obis.from_bytes(code).to_bytes()
    return (Obis.parse(code) if isinstance(code, str) else code).to_bytes()


def written(name: bytes) -> str:
    """A logical name as an OBIS code, ``1-0:32.7.0*255``; as hexadecimal digits if it has not six bytes."""
    return str(Obis.from_bytes(name)) if len(name) == 6 else name.hex()


class Selection(NamedTuple):
    """A part of an attribute: which kind of selector, and its parameter. :mod:`selection` has those of profiles."""

    selector: int
    parameter: Data


class Attribute(NamedTuple):
    """One attribute of one object: class, logical name of six bytes, number (1 is the logical name itself)."""

    class_id: int
    name: bytes
    attribute_id: int
    selection: Selection | None = None

    @classmethod
    def of(
        cls, class_id: int, code: str | bytes | Obis, attribute_id: int = 2, selection: Selection | None = None
    ) -> Attribute:
        """The attribute of the object with this OBIS code. Raises ``InvalidValue``."""
        return cls(class_id, logical_name(code), attribute_id, selection)

    def __str__(self) -> str:
        part = "" if self.selection is None else f" (selector {self.selection.selector})"
        return f"{self.class_id}/{written(self.name)}/{self.attribute_id}{part}"


class Method(NamedTuple):
    """One method of one object: class, logical name of six bytes, number from 1."""

    class_id: int
    name: bytes
    method_id: int

    @classmethod
    def of(cls, class_id: int, code: str | bytes | Obis, method_id: int = 1) -> Method:
        """The method of the object with this OBIS code. Raises ``InvalidValue``."""
        return cls(class_id, logical_name(code), method_id)

    def __str__(self) -> str:
        return f"{self.class_id}/{written(self.name)}/m{self.method_id}"
