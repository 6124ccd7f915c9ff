"""How long to wait on M-Bus, and when to be silent (abb-meters.md 1.1 and 1.4; EN 13757-2, 5.4).

::

    request |--- wait for the first byte ---| answer |--- pause ---| next request
            ack, or base + scaled part                 before_requd2 or after_telegram, never below 20 ms
            |------------ at most: wait + 262 characters ------------|

An answer ends with its last byte, or with a gap that no frame may have.
"""

from __future__ import annotations

from dataclasses import dataclass

from wattproof.io.url import MeterURL

#: Bits of a character: 8E1.
BITS = 11
BAUDRATE = 2400
#: Least seconds between an answer and the next request.
REST = 0.020
#: Bit times of silence that end a frame, and seconds on top of them: a serial device, a network converter.
GAP_BITS, GAP, NETWORK_GAP = 33, 0.050, 0.300
#: Characters of the longest answer, with one to spare.
LONGEST = 262
#: A meter answers within 330 bit times and 50 ms (EN 13757-2); the rest is for system and converter. Milliseconds.
BASE, NETWORK_BASE, SCALED = 150, 500, 1100
REPETITIONS = 2


@dataclass(frozen=True, slots=True)
class Timing:
    """The seven times of a bus in milliseconds, and the line that they belong to.

    ``ack``: longest wait for an acknowledgement, ``None`` takes that for a telegram. ``response_timeout_base`` and
    ``response_timeout``, of which 300/``baudrate``: longest wait for the first byte of a telegram.
    ``delay_before_requd2``: between an acknowledgement and the next request. ``delay_after_telegram``: between a
    telegram and the next request to any meter. ``get_request``: before a request is repeated. ``meter_contact``: idle
    time after which a meter is initialised before it is read, 0 always. ``network``: a converter keeps the line.
    """

    ack: int | None = None
    response_timeout_base: int = BASE
    response_timeout: int = SCALED
    delay_before_requd2: int = 20
    delay_after_telegram: int = 20
    get_request: int = 50
    meter_contact: int = 0
    retries: int = REPETITIONS
    baudrate: int = BAUDRATE
    network: bool = False

    @classmethod
    def of(cls, url: MeterURL) -> Timing:
        """The options of an address. ``?timeout=`` (seconds) stands for both waits, ``?pause=`` for both delays.

        Behind a network converter ``?baudrate=`` says how fast its line is, if it is not 2400 bit/s.
        """
        baudrate = url.whole("baudrate", BAUDRATE)
        timeout, pause = round(1000 * url.number("timeout", 0)), round(1000 * url.number("pause", 0))
        base = timeout or (BASE if url.is_device else NETWORK_BASE)
        return cls(
            ack=url.whole("ack", timeout) or None,
            response_timeout_base=url.whole("response-timeout-base", base),
            response_timeout=url.whole("response-timeout", 0 if timeout else SCALED),
            delay_before_requd2=url.whole("delay-before-requd2", pause or 20),
            delay_after_telegram=url.whole("delay-after-telegram", pause or 20),
            get_request=url.whole("get-request", 50),
            meter_contact=url.whole("meter-contact", 0),
            retries=url.whole("retries", REPETITIONS),
            baudrate=baudrate,
            network=not url.is_device,
        )

    @property
    def character(self) -> float:
        """Seconds that a character takes on the line."""
        return BITS / self.baudrate

    @property
    def response(self) -> float:
        """Seconds to wait for the first byte of a telegram (AD-11)."""
        return (self.response_timeout_base + self.response_timeout * 300 / self.baudrate) / 1000

    @property
    def acknowledgement(self) -> float:
        """Seconds to wait for ``E5``."""
        return self.response if self.ack is None else self.ack / 1000

    @property
    def gap(self) -> float:
        """Seconds of silence that end a frame."""
        return GAP_BITS / self.baudrate + (NETWORK_GAP if self.network else GAP)

    @property
    def after_acknowledgement(self) -> float:
        """Seconds of pause after ``E5``."""
        return max(REST, self.delay_before_requd2 / 1000)

    @property
    def after_telegram(self) -> float:
        """Seconds of pause after a telegram."""
        return max(REST, self.delay_after_telegram / 1000)

    @property
    def before_repetition(self) -> float:
        """Seconds of pause before a request is repeated."""
        return max(REST, self.get_request / 1000)

