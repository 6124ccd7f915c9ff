"""How long a master waits: the seven values of a gateway's configuration, in milliseconds (abb-meters.md 1.1, 1.4).

Pure arithmetic; who owns the clock does the waiting. The steps of :mod:`wattproof.wire.mbus.master` name what is to be
waited for, :meth:`Timing.wait` and :meth:`Timing.pause` say how long that is.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

#: Bits of a character: start, 8 data, even parity, stop.
CHARACTER_BITS = 11
#: A frame has no pause longer than this between its characters, in bit times.
GAP_BITS = 33
#: What converters and operating systems add to a pause inside a frame, in milliseconds.
SERIAL_SLACK, NETWORK_GAP = 50, 300
#: Characters of the longest frame, and one.
LONGEST = 262
#: Least pause of a master between an answer and its next request, and time within which a meter answers, in ms.
MASTER_PAUSE = 20
ANSWER_DELAY = (35, 80)


class Wait(Enum):
    """Which answer is awaited, and so how long its first byte may take."""

    NONE = "none"
    ACK = "ack"
    RESPONSE = "response"


class Pause(Enum):
    """What is waited for before a request goes out."""

    NONE = "none"
    BEFORE_REQ_UD2 = "delay_before_requd2"
    AFTER_TELEGRAM = "delay_after_telegram"
    REPETITION = "get_request"


@dataclass(frozen=True, slots=True)
class Timing:
    """The configuration of a bus; all values are milliseconds. The defaults are ours, and patient."""

    ack: int = 500
    response_timeout_base: int = 500
    response_timeout: int = 100
    delay_before_requd2: int = 20
    delay_after_telegram: int = 20
    get_request: int = 100
    meter_contact: int = 0

    def wait(self, wait: Wait, rate: int) -> float:
        """Longest time for the first byte of an answer at this bit rate."""
        if wait is Wait.RESPONSE:
            return self.response_timeout_base + self.response_timeout * 300 / rate
        return self.ack if wait is Wait.ACK else 0

    def pause(self, pause: Pause) -> int:
        """Time before a request."""
        return 0 if pause is Pause.NONE else int(getattr(self, pause.value))

    def gap(self, rate: int, network: bool = False) -> float:
        """Silence that ends a frame."""
        return NETWORK_GAP if network else GAP_BITS * 1000 / rate + SERIAL_SLACK

    def frame(self, rate: int, wait: Wait) -> float:
        """Longest time for a whole answer, its first byte included."""
        return characters(LONGEST, rate) + self.wait(wait, rate)


def characters(count: int, rate: int) -> float:
    """Milliseconds that so many characters take."""
    return count * CHARACTER_BITS * 1000 / rate
