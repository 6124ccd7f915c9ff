"""Which buses a virtual ABB meter speaks on, and where its face for each is; nothing is imported before it is used."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wattproof.meters.abb.virtual.meter import AbbMeter
    from wattproof.virtual.framed import Face, Framer

_HERE = "wattproof.meters.abb.virtual"


@dataclass(frozen=True, slots=True)
class Bus:
    """One row. ``face``: class that is made of a meter, once; ``framer``: callable that makes a receiver of a stream,
    given ``network``, where frames must be found in it. Both as ``module:name``."""

    face: str
    framer: str = ""


BUSES: Mapping[str, Bus] = {
    "mbus": Bus("mbus.face:MbusFace", "mbus.face:MbusFramer"),
    "hdlc": Bus("cosem.link:HdlcFace", "cosem.link:HdlcFramer"),
    "dlms": Bus("cosem.wrapped:WrapperFace"),
    "dlms+udp": Bus("cosem.wrapped:WrapperFace"),
}


def make_face(meter: AbbMeter, protocol: str) -> Face:
    """A new face. Raises ``KeyError`` for a bus that this family does not speak on."""
    face: Face = _load(BUSES[protocol].face)(meter)
    return face


def make_framer(protocol: str, *, network: bool) -> Framer:
    """A new receiver."""
    framer: Framer = _load(BUSES[protocol].framer)(network=network)
    return framer


def _load(target: str) -> Any:
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(f"{_HERE}.{module}"), name)
