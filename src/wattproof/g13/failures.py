"""What goes wrong between a client and a gateway.

::

    HttpRefused
    `-- GatewayRefused     the gateway says no: no right, no such meter, not supported, wrong; or the meter says no
    LinkError
    `-- MeterFailed        the gateway could not reach the meter, or broke off an answer because of it

An answer that is no JSON, or not the answer to what was asked, is a ``ProtocolError``; no answer at all is what the
link raises.
"""

from __future__ import annotations

from wattproof.errors import HttpRefused, LinkError
from wattproof.g13.resources import Resource

DENIED = "READ_WRITE_DENIED"


def _message(text: str, resource: Resource, meter: str | None, gateway: str, detail: str) -> str:
    of = f" of meter {meter}" if meter else ""
    return f"{text.rstrip('.')} ({resource}{of}, gateway {gateway})" + (f": {detail}" if detail else "")


class GatewayRefused(HttpRefused):
    """``text``: the gateway's words; ``meter``: serial number, if it is about one; ``retry_after``: seconds."""

    def __init__(
        self,
        status: int,
        text: str,
        *,
        resource: Resource,
        meter: str | None,
        gateway: str,
        remedy: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(status, _message(text, resource, meter, gateway, remedy))
        self.text, self.resource, self.meter, self.retry_after = text, resource, meter, retry_after

    @property
    def denied(self) -> bool:
        """Whether it was the meter that refused (GD-08)."""
        return DENIED in self.text


class MeterFailed(LinkError):
    """``text``: the gateway's words; ``detail``: the true cause, where the gateway tells it; ``status``: of the answer,
    200 where it broke off."""

    def __init__(
        self, status: int, text: str, *, resource: Resource, meter: str | None, gateway: str, detail: str = ""
    ) -> None:
        super().__init__(_message(text, resource, meter, gateway, detail))
        self.status, self.text, self.resource, self.meter, self.detail = status, text, resource, meter, detail
