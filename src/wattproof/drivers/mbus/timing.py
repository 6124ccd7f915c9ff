"""How long to wait on a line, in seconds: the seven times of M-Bus and what is known of the line (abb-meters.md 1.4).

::

    request |--- wait for the first byte ---| answer |--- pause ---| next request
            ack, or base + scaled part                 before_requd2 or after_telegram, never below 20 ms
            |------------ at most: wait + 262 characters ------------|

An answer ends with its last byte, or with a gap that no frame may have.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from wattproof.io.url import MeterURL
from wattproof.wire.mbus.timing import CHARACTER_BITS, GAP_BITS, LONGEST, MASTER_PAUSE, Pause, Timing, Wait

BAUDRATE = 2400
#: A meter answers within 330 bit times and 50 ms (EN 13757-2); the rest is for system or converter. Milliseconds.
BASE, NETWORK_BASE, SCALED = 150, 500, 1100
#: Milliseconds before a request is repeated.
GET_REQUEST = 50
REPETITIONS = 2


def times_for(*, network: bool, baudrate: int = BAUDRATE) -> Timing:
    """Times that any meter keeps which keeps the standard."""
    base = NETWORK_BASE if network else BASE
    return Timing(
        ack=round(base + SCALED * 300 / baudrate),
        response_timeout_base=base,
        response_timeout=SCALED,
        delay_before_requd2=MASTER_PAUSE,
        delay_after_telegram=MASTER_PAUSE,
        get_request=GET_REQUEST,
        meter_contact=0,
    )


@dataclass(frozen=True, slots=True)
class LineTiming:
    """The ``times`` of a bus (milliseconds) on a line of ``baudrate`` bit/s. Everything it gives is in seconds.

    ``network``: a converter keeps the line; only it sees the true pauses. ``retries``: repetitions of a request.
    """

    times: Timing = field(default_factory=lambda: times_for(network=False))
    baudrate: int = BAUDRATE
    network: bool = False
    retries: int = REPETITIONS

    @classmethod
    def of(cls, url: MeterURL) -> LineTiming:
        """The options of an address. ``?timeout=`` (seconds) stands for both waits, ``?pause=`` for both delays.

        Behind a network converter ``?baudrate=`` says how fast its line is, if it is not 2400 bit/s.
        """
        baudrate, network = url.whole("baudrate", BAUDRATE), not url.is_device
        usual = times_for(network=network, baudrate=baudrate)
        timeout, pause = round(1000 * url.number("timeout", 0)), round(1000 * url.number("pause", 0))
        times = Timing(
            ack=url.whole("ack", timeout or usual.ack),
            response_timeout_base=url.whole("response-timeout-base", timeout or usual.response_timeout_base),
            response_timeout=url.whole("response-timeout", 0 if timeout else usual.response_timeout),
            delay_before_requd2=url.whole("delay-before-requd2", pause or usual.delay_before_requd2),
            delay_after_telegram=url.whole("delay-after-telegram", pause or usual.delay_after_telegram),
            get_request=url.whole("get-request", usual.get_request),
            meter_contact=url.whole("meter-contact", usual.meter_contact),
        )
        return cls(times, baudrate, network, url.whole("retries", REPETITIONS))

    @property
    def character(self) -> float:
        """How long a character takes on the line."""
        return CHARACTER_BITS / self.baudrate

    @property
    def silence(self) -> float:
        """Silence that no frame has inside."""
        return GAP_BITS / self.baudrate

    @property
    def longest(self) -> float:
        """How long the longest answer takes."""
        return LONGEST * self.character

    @property
    def gap(self) -> float:
        """Silence that ends a frame, as it is seen from here."""
        return self.times.gap(self.baudrate, self.network) / 1000

    def wait(self, wait: Wait) -> float:
        """Longest wait for the first byte of an answer (AD-11)."""
        return self.times.wait(wait, self.baudrate) / 1000

    def pause(self, pause: Pause) -> float:
        """Silence before a request, never less than a master has to keep."""
        return max(MASTER_PAUSE, self.times.pause(pause)) / 1000
