"""What answers the resources: a coroutine each, in tables by their numbers."""

from __future__ import annotations

from collections.abc import Mapping

from wattproof.gateway.serve.call import Handler
from wattproof.gateway.serve.handlers import firmware, gateway, meter, meters, sessions, users

HANDLERS: Mapping[int, Handler] = {
    **gateway.HANDLERS,
    **users.HANDLERS,
    **firmware.HANDLERS,
    **meters.HANDLERS,
    **meter.HANDLERS,
    **sessions.HANDLERS,
}
