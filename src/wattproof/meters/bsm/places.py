"""The blocks of a BSM at the addresses that its chain of models states.

Source: specification of the BSM, section 4; SunSpec Device Information Model Specification 1.1, 6.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from wattproof.errors import ProtocolError
from wattproof.meters.bsm.points import MAP
from wattproof.meters.sunspec.chain import Instance
from wattproof.wire.modbus.bindings import RegisterMap


def located(instances: Sequence[Instance]) -> RegisterMap:
    """The manual's blocks at the addresses of a walked chain.

    Raises :class:`~wattproof.errors.ProtocolError` where an instance is missing, or has another length than known.
    """
    places: dict[int, list[Instance]] = {}
    for instance in instances:
        places.setdefault(instance.id, []).append(instance)
    blocks = []
    for block in MAP.blocks:
        if block.id is None:
            blocks.append(replace(block, address=instances[0].address - block.registers))
            continue
        waiting = places.get(block.id)
        if not waiting:
            raise ProtocolError(f"the chain of models has no {block.label} (model {block.id}): this is no BSM")
        instance = waiting.pop(0)
        if instance.registers != block.registers:
            raise ProtocolError(
                f"model {block.id} at 0-based {instance.address} has length {instance.length}, a BSM has "
                f"{block.registers - 2}: another firmware than those known"
            )
        blocks.append(replace(block, address=instance.address))
    return RegisterMap(blocks)
