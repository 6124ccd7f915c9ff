"""The standard models that this package knows, by number."""

from __future__ import annotations

from wattproof.meters.sunspec import ac_meter, common
from wattproof.meters.sunspec.model import Model

MODELS: tuple[Model, ...] = (
    common.COMMON,
    common.INTERFACE_HEADER,
    common.SERIAL_INTERFACE,
    ac_meter.SINGLE_PHASE,
    ac_meter.SPLIT_PHASE,
    ac_meter.WYE,
    ac_meter.DELTA,
    ac_meter.SINGLE_PHASE_FLOAT,
    ac_meter.SPLIT_PHASE_FLOAT,
    ac_meter.WYE_FLOAT,
    ac_meter.DELTA_FLOAT,
)
BY_ID: dict[int, Model] = {model.id: model for model in MODELS}
