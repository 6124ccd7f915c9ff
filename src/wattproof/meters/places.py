"""Where the meters of a simulation are heard: addresses as they were given, one for each of several meters."""

from __future__ import annotations

from collections.abc import Sequence

from wattproof.errors import InvalidURL, InvalidValue
from wattproof.io.url import ADDRESS_OPTION, MeterURL, parse_url
from wattproof.virtual.listeners import LINE_ADDRESSES


def named_unit(url: MeterURL) -> int | None:
    """The unit, primary or HDLC address that a listener's own address names."""
    named = url.options.get(ADDRESS_OPTION.get(url.framing, ""), "")
    return int(named) if named.isdecimal() and len(named) <= 3 else None


def first_unit_of(lines: Sequence[MeterURL], unit: int | None, usual: int, count: int) -> int | None:
    """The address of the first of several meters on one line; ``None``: not on a line, or its family's own choice.

    :raises InvalidValue: so many do not fit.
    """
    if not lines:
        return None
    framings = [url.framing for url in lines if url.framing != "hdlc"]
    if not framings and unit is None:
        return None
    addresses = LINE_ADDRESSES[framings[0] if framings else "hdlc"]
    first = usual if unit is None else unit
    if first not in addresses or first + count > addresses.stop:
        raise InvalidValue(
            f"{count} meters from unit {first} on do not fit on one line: its addresses are "
            f"{addresses.start} to {addresses.stop - 1}"
        )
    return first


def path_of(address: MeterURL, index: int) -> str:
    """The path of one of several meters at an address that takes one: pseudo-terminals are numbered."""
    if index == 0 or address.path in ("", "/"):
        return address.path
    if address.scheme != "pty":
        raise InvalidURL(f"{address}: a device belongs to one meter here; give the other meters addresses of their own")
    return f"{address.path}.{index}"


def listen_url(text: str) -> MeterURL:
    """A listener's address. Raises ``InvalidURL``."""
    url = parse_url(text)
    if url.model is not None:
        raise InvalidURL(f"{text!r}: a listener has no model in front: write {url.line}")
    return url
