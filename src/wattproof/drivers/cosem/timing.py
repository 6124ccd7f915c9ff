"""How long to wait for a COSEM meter, and how often to try again (abb-meters.md 2.3, 2.17).

::

    request |--- answer ---| first byte |- octet -| next byte ... |--- pause ---| next request
            |----------------------- at most: longest ------------|

With the wrapper there is only ``answer``: a TCP answer that is late costs the connection, over UDP a GET is repeated.
"""

from __future__ import annotations

from dataclasses import dataclass

from wattproof.io.settings import SerialSettings
from wattproof.io.url import MeterURL
from wattproof.wire.hdlc.client import Timing as LinkTiming
from wattproof.wire.hdlc.frames import LONGEST

#: Seconds between two bytes of a frame: on a line, and behind a network converter.
OCTET, NETWORK_OCTET = 0.040, 0.300
#: Seconds until an answer begins, beside two inter-octet time-outs; and until an answer to the wrapper is there.
ANSWER, WRAPPED = 0.5, 5.0
#: Seconds of silence after which a connection is not trusted any more: the meter drops it after 120.
IDLE = 100.0
REPETITIONS = 2
#: Seconds beyond ``answer`` until an answer must be whole: whoever sends byte by byte would hold the line for ever.
WHOLE = 5.0


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds. ``answer``: until the first byte of an answer; ``octet``: between two bytes of a frame; ``pause``:
    between an answer and the next request; ``character``: what one takes on a serial device, 0 elsewhere.

    ``network``: behind a socket, whose connection may have gone without a word.
    """

    answer: float = ANSWER + 2 * OCTET
    octet: float = OCTET
    repetitions: int = REPETITIONS
    pause: float = 0.0
    character: float = 0.0
    network: bool = False

    @classmethod
    def of(cls, url: MeterURL) -> Timing:
        """``?timeout=``, ``?inter-octet=``, ``?retries=``, ``?pause=`` and the rate of a device."""
        network = not url.is_device
        octet = url.whole("inter-octet", round(1000 * (NETWORK_OCTET if network else OCTET))) / 1000
        answer = ANSWER + 2 * octet if url.framing == "hdlc" else WRAPPED
        settings = SerialSettings.of(url)
        return cls(
            answer=url.number("timeout", answer),
            octet=octet,
            repetitions=url.whole("retries", REPETITIONS),
            pause=url.number("pause", 0.0),
            character=0.0 if network or url.scheme == "pty" else settings.bits / settings.baudrate,
            network=network,
        )

    @property
    def longest(self) -> float:
        """Seconds from a request to the end of its answer, at most."""
        return self.answer + max(WHOLE, LONGEST * self.character)

    @property
    def link(self) -> LinkTiming:
        """The same for the client's end of an HDLC link, in nanoseconds."""
        return LinkTiming(answer=nanoseconds(self.answer), octet=nanoseconds(self.octet), repetitions=self.repetitions)


def nanoseconds(seconds: float) -> int:
    return round(seconds * 1e9)
