"""Answers that were changed on their way: the driver knows nothing but its own errors, and recovers."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from tests.meters.abb.cosem.rig import Rig
from wattproof.drivers.cosem.place import HDLC, TCP
from wattproof.errors import LinkError, ProtocolError, Refused
from wattproof.meters.abb.cosem.driver import AbbCosemDriver
from wattproof.meters.abb.records import Log

ASK: tuple[Callable[[AbbCosemDriver], Any], ...] = (
    lambda meter: meter.read(["all"]),
    lambda meter: meter.rights(),
    lambda meter: meter.load_profile(1),
    lambda meter: meter.previous_values(),
    lambda meter: meter.demand(),
    lambda meter: meter.log(Log.EVENT),
    lambda meter: meter.alarms(),
    lambda meter: meter.pulse_outputs(),
    lambda meter: meter.read_clock(),
    lambda meter: meter.calendar(),
    lambda meter: meter.special_days(),
    lambda meter: meter.load_profile_settings(),
    lambda meter: meter.harmonics("voltage"),
    lambda meter: meter.ports(),
)


@pytest.mark.parametrize("transport", (HDLC, TCP))
def test_changed_answers_raise_errors_of_the_link_or_the_meter(transport: str) -> None:
    failed = 0
    for seed in range(20):
        chance = random.Random(seed)
        rig = Rig(transport=transport)
        rig.bench.step(86400)
        rig.run(rig.driver.status())

        def spoil(answer: bytes, chance: random.Random = chance) -> bytes:
            changed = bytearray(answer)
            if chance.random() < 0.2:
                changed[chance.randrange(len(changed))] = chance.randrange(256)
            return bytes(changed[: chance.choice((None, None, None, -1, 7))])

        rig.spoil_answer = spoil
        for ask in chance.sample(ASK, 4):
            try:
                rig.run(ask(rig.driver))
            except (LinkError, ProtocolError, Refused):
                failed += 1
        rig.spoil_answer = lambda answer: answer
        rig.clock.advance(120)
        rig.driver._lists = True
        assert rig.run(rig.driver.read(["VOLTAGE_L1"]))[0].raw == 2300
    assert failed > 10
