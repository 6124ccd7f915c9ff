"""Image transfer, class 18 (abb-meters.md 2.12)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from wattproof.errors import CosemRefused
from wattproof.meters.abb.rows import STEEL
from wattproof.meters.abb.variants import Variant
from wattproof.meters.abb.virtual.body import Body
from wattproof.meters.abb.virtual.cosem.binding import Members, Object, executes, told, zero
from wattproof.meters.abb.virtual.image import BLOCK_SIZE
from wattproof.wire.cosem.classes import IMAGE_TRANSFER
from wattproof.wire.cosem.data import (
    TRUE,
    Data,
    array,
    bit_string,
    double_long_unsigned,
    enum,
    octet_string,
    structure,
)
from wattproof.wire.cosem.objects import BoundMethod
from wattproof.wire.cosem.results import Result
from wattproof.wire.cosem.shapes import fields, number, octets


def _initiated(parameter: Data) -> tuple[bytes, int]:
    identifier, size = fields(parameter, 2)
    return octets(identifier), number(size)


def _block(parameter: Data) -> tuple[int, bytes]:
    place, content = fields(parameter, 2)
    return number(place), octets(content)


def _transferred(body: Body) -> Data:
    return bit_string("".join("01"[block] for block in body.image.blocks))


def _to_activate(body: Body) -> Data:
    image = body.image
    if not image.to_activate:
        return array(())
    info = double_long_unsigned(image.size), octet_string(image.identifier), octet_string(image.signature)
    return array([structure(*info)])


def _begins(command: Callable[[Body], object]) -> BoundMethod[Body]:
    """A step that takes its time: temporary failure while it goes on, and attribute 6 tells its end."""

    def call(body: Body, parameter: Data | None) -> None:
        zero(parameter)
        told(command, body)
        raise CosemRefused(Result.TEMPORARY_FAILURE, f"the image is {body.image.status.name.lower()}")

    return BoundMethod(call)


_ATTRIBUTES: Members = {
    "image_block_size": double_long_unsigned(BLOCK_SIZE),
    "image_transferred_blocks_status": _transferred,
    "image_first_not_transferred_block_number": lambda body: double_long_unsigned(body.image.first_missing),
    "image_transfer_enabled": TRUE,
    "image_transfer_status": lambda body: enum(body.image.status),
    "image_to_activate_info": _to_activate,
}
_METHODS: Members = {
    "image_transfer_initiate": executes(lambda body, image: body.initiate_image(*image), _initiated),
    "image_block_transfer": executes(lambda body, block: body.take_image_block(*block), _block),
    "image_verify": _begins(Body.verify_image),
    "image_activate": _begins(Body.activate_image),
}


def image(variant: Variant) -> Iterator[Object]:
    """That of all variants but Iron, which is read only."""
    if variant.level >= STEEL:
        yield Object(IMAGE_TRANSFER, "0-0:44.0.0", _ATTRIBUTES, _METHODS)
