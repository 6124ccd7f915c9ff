"""Firmware images and updates: #24 to #27 (g13-api.md 8.4, 8.5)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from wattproof.gateway.events import Id
from wattproof.gateway.images import GATEWAY, IMAGE, needed
from wattproof.gateway.records import Setting
from wattproof.gateway.serve.call import Call, Handler
from wattproof.gateway.serve.framing import DONE, Answer
from wattproof.gateway.serve.image import OVERHEAD, Upload, boundary_of, discard_others
from wattproof.gateway.serve.problems import Problem
from wattproof.gateway.serve.replies import reply

#: The answer to #25 in the original (GD-17).
_PRINTED = Answer(
    DONE.body,
    head=(
        (b"Content-Type", b"text/html; charset=utf-8"),
        (b"Content-Length", b"20"),
        (b"Connection", b"Keep-Alive"),
    ),
)


async def get_status(call: Call) -> Answer:
    """24."""
    return reply(call, await call.ask("firmware_status"))


async def post_firmware(call: Call) -> Answer:
    """25."""
    boundary = boundary_of(call.raw.type)
    if boundary is None:
        raise Problem(415, "unsupported media type")
    config = call.serving.config
    limit = config.max_image_mib * 1024 * 1024
    if call.raw.length > limit + OVERHEAD:
        raise Problem(413, "image too large")
    upload = Upload(config.data, boundary, limit, any_type=call.serving.compat)
    call.serving.receiving += 1
    try:
        async for chunk in call.raw.chunks():
            await asyncio.to_thread(upload.feed, chunk)
        async with call.serving.changing:
            await _keep(call, upload)
    finally:
        call.serving.receiving -= 1
        await asyncio.to_thread(upload.abandon)
    return _PRINTED if call.serving.compat else DONE


async def _keep(call: Call, upload: Upload) -> None:
    """The image of a whole form is the one that there is, durably."""
    image = await asyncio.to_thread(upload.finish)
    image |= {"time": call.serving.now, "user": call.identity.user}
    uploaded = call.event(Id.UPLOAD_COMPLETE, image["name"])
    await call.commit(Setting(IMAGE, image), uploaded, call.audit(image["name"], image["sha256"]))
    images = needed(await call.serving.tables.settings())
    await asyncio.to_thread(discard_others, call.serving.config.data, images)


async def put_firmware(call: Call) -> Answer:
    """26."""
    image = await call.serving.tables.setting(IMAGE)
    if image is None or image["kind"] != GATEWAY:
        raise Problem(400, "no gateway image")
    if not call.serving.config.install_command:
        raise Problem(400, "firmware installation is not configured")
    await call.ask("install_firmware", who=call.who)
    return DONE


async def put_meter_firmware(call: Call) -> Answer:
    """27."""
    await call.ask("update_firmware", meters=call.body["meters"], who=call.who)
    return DONE


HANDLERS: Mapping[int, Handler] = {
    24: get_status,
    25: post_firmware,
    26: put_firmware,
    27: put_meter_firmware,
}
