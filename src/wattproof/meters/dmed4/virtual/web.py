"""The web page of a meter as requests find it: shown without login, one form for the IP address (16.1).

The page exists only while TLS is off. What it looks like is ``page``; here are the values, the right to change and the
refusals.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from wattproof.errors import InvalidValue
from wattproof.io.http import Request
from wattproof.meters.dmed4.parameters import IP_ADDRESS
from wattproof.meters.dmed4.virtual import page, rest
from wattproof.meters.dmed4.virtual.face import MEAS_CHECKSUM, MEAS_REVISION, POW_CHECKSUM, POW_REVISION
from wattproof.meters.dmed4.virtual.rest import BAD_REQUEST, NOT_IMPLEMENTED, Failure
from wattproof.wire.http1 import Headers

if TYPE_CHECKING:
    from wattproof.meters.dmed4.virtual.meter import DmedMeter

HEADERS: Headers = (("Connection", "close"), *page.HEADERS, ("Transfer-Encoding", "chunked"))


def view(meter: DmedMeter, channel: int | None) -> page.View:
    """Everything that the page shows at this moment."""
    return page.View(
        model=meter.kind.name,
        serial_number=int(meter.serial),
        meas_fw_rev=MEAS_REVISION,
        meas_fw_cks=f"{MEAS_CHECKSUM:08X}",
        pow_fw_rev=POW_REVISION,
        pow_fw_cks=f"{POW_CHECKSUM:08X}",
        operative_status=meter.operative.value,
        measure=rest.measure(meter, {}),
        **rest.statuses(meter),
        datetime=meter.clock.seconds(meter.now),
        datetime_offset=meter.clock.offset,
        records=len(meter.logbook.records),
        ip=str(IPv4Address(meter.active[IP_ADDRESS])),
        channel=channel,
    )


def answer(meter: DmedMeter, request: Request, channel: int | None) -> bytes:
    """The page for a GET, or what the form of a POST does. Raises ``Failure``."""
    if request.method == "GET":
        return page.meter_page(view(meter, channel))
    if request.method != "POST":
        raise Failure(NOT_IMPLEMENTED)
    try:
        address, password = page.parse_form(request.body, request.headers.get("content-type", ""))
    except InvalidValue:
        raise Failure(BAD_REQUEST) from None
    if meter.parameters_locked:
        raise Failure(BAD_REQUEST)
    rest.unlock(meter, password)
    rest.restart(meter, {IP_ADDRESS: address})
    return page.changed_page(str(IPv4Address(address)))


def channels(model: str, serial: int, meters: Sequence[tuple[int, DmedMeter | None]]) -> bytes:
    """The page of a display: its channels, each with a way to the page of its meter."""
    return page.channels_page(
        model, serial, [(number, None if meter is None else view(meter, number)) for number, meter in meters]
    )
