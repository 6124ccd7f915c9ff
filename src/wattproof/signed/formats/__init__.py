"""One file a record format; the registry says which bytes belong to which.

Three kinds of rows, in the order of recognition (specification of the verifier, 0.5): :class:`FormatRow` for texts
that are records themselves, :class:`XmlRow` and :class:`JsonRow` for documents that hold records. Other packages add
rows through the entry point group ``wattproof.formats``: an object of any kind under a name of its own.

No parser is imported before somebody asks for the rows: who only writes one format does not pay for the others.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wattproof.signed.limits import Limits
    from wattproof.signed.units import Carrier, Item, Unit

GROUP = "wattproof.formats"


@dataclass(frozen=True, slots=True)
class FormatRow:
    """A record format. ``detect`` sees the bytes without BOM and outer white space; ``parse`` never raises."""

    token: str
    detect: Callable[[bytes], bool]
    parse: Callable[[bytes, Carrier, Limits], Sequence[Unit]]


@dataclass(frozen=True, slots=True)
class JsonRow:
    """A JSON container. ``detect`` and ``read`` see the parsed document (numbers as text, see ``jsonscan``)."""

    token: str
    detect: Callable[[Any], bool]
    read: Callable[[Any, Carrier, Limits], Sequence[Item]]


@dataclass(frozen=True, slots=True)
class XmlRow:
    """An XML container. ``detect`` sees the local name of the root element, ``read`` the bytes of the file."""

    token: str
    detect: Callable[[str], bool]
    read: Callable[[bytes, Carrier, Limits], Sequence[Item]]


Row = FormatRow | JsonRow | XmlRow


@cache
def own_rows() -> tuple[Row, ...]:
    """This package's rows."""
    from wattproof.signed.formats import (
        alfen,
        chargeit,
        chargepoint,
        chargy,
        edl_sml,
        edl_xml,
        mennekes,
        ocmf,
        ocpi,
        ocpp,
        pcdf,
        ptb,
        safe_xml,
    )

    return (
        FormatRow(ocmf.TOKEN, ocmf.detect, ocmf.parse),
        FormatRow(alfen.TOKEN, alfen.detect, alfen.parse),
        FormatRow(pcdf.TOKEN, pcdf.detect, pcdf.parse),
        FormatRow(edl_sml.TOKEN, edl_sml.detect, edl_sml.parse),
        XmlRow(safe_xml.CONTAINER, safe_xml.detect, safe_xml.read),
        XmlRow(mennekes.CONTAINER, mennekes.detect, mennekes.read),
        XmlRow(edl_xml.CONTAINER, edl_xml.detect, edl_xml.read),
        JsonRow(chargeit.CONTAINER, chargeit.detect, chargeit.read),
        JsonRow(chargy.CONTAINER, chargy.detect, chargy.read),
        JsonRow(ptb.CONTAINER, ptb.detect, ptb.read),
        JsonRow(ocpi.CONTAINER, ocpi.detect, ocpi.read),
        JsonRow("OCPP", ocpp.detect, ocpp.read),
        JsonRow(chargepoint.CONTAINER, chargepoint.detect, chargepoint.read),
    )


@cache
def rows() -> tuple[Row, ...]:
    """This package's rows and those of other installed packages, which come last; each is loaded once."""
    from importlib.metadata import entry_points

    others = []
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        try:
            row = point.load()
        except Exception as error:  # one broken package must not keep the others from verifying
            warnings.warn(
                f"format {point.name} ({point.value}) cannot be loaded: {error}", RuntimeWarning, stacklevel=2
            )
            continue
        if isinstance(row, Row):
            others.append(row)
    return (*own_rows(), *others)


def format_rows() -> list[FormatRow]:
    """Rows for texts that are records."""
    return [row for row in rows() if isinstance(row, FormatRow)]


def json_rows() -> list[JsonRow]:
    """Rows for JSON documents that hold records."""
    return [row for row in rows() if isinstance(row, JsonRow)]


def xml_rows() -> list[XmlRow]:
    """Rows for XML documents that hold records."""
    return [row for row in rows() if isinstance(row, XmlRow)]
