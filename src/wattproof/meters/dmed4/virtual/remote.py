"""The remote displays: DMED4DC1 with up to four meters behind it over HTTP, and DMED4DC2, known by its number alone.

Source: specification, section 11.2; DEC-67.
"""

from __future__ import annotations

import base64
import json
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from wattproof.errors import InvalidValue, StorageError, UnknownName
from wattproof.io.http import Limits, Paced, Request
from wattproof.io.url import MeterURL
from wattproof.meters.dmed4.models import CHANNELS, DEFAULT, Model
from wattproof.meters.dmed4.parameters import BAUD_RATES
from wattproof.meters.dmed4.points import MOST
from wattproof.meters.dmed4.resources import PREFIX
from wattproof.meters.dmed4.virtual import discretion, writing
from wattproof.meters.dmed4.virtual.creation import chosen_options, drawn_serial, make, read_serial
from wattproof.meters.dmed4.virtual.meter import CONNECTIONS, DmedMeter, report_id
from wattproof.meters.dmed4.virtual.options import Options
from wattproof.meters.dmed4.virtual.rest import NOT_FOUND, NOT_IMPLEMENTED
from wattproof.meters.dmed4.virtual.site import LIMITS, DmedSite, failure, path_of, success
from wattproof.meters.dmed4.virtual.writing import ILLEGAL_ADDRESS, ILLEGAL_FUNCTION, ILLEGAL_VALUE, READS, Rejected
from wattproof.virtual.base import Admission, Meter, SimulationOptions, ignore, sleep_on
from wattproof.virtual.faults import split_fault
from wattproof.virtual.identity import kept_serial, seed_of
from wattproof.virtual.line import LineFaults
from wattproof.wire.http1 import Response

_CHANNEL = re.compile(rf"/{PREFIX}/([1-4])(/.*)")
_VERSION = 1


class Display(Meter):
    """One remote display. Time, faults and controls go to the meters on its channels."""

    __slots__ = ("_channels", "_framing", "_rate", "_sites", "_unit", "kind", "options", "tls")

    def __init__(self, options: SimulationOptions, chosen: Options, kind: Model, serial: str, seed: int) -> None:
        self.model, self.variant, self.serial, self.public_key = options.model, kind.variant, serial, b""
        self.kind, self.options, self.speed = kind, chosen, options.speed
        self.line = LineFaults(random.Random(seed))
        self.journal, self.wake = ignore, sleep_on
        parameters = chosen.parameters
        self._unit, self._rate = parameters["P04_01"], BAUD_RATES[parameters["P04_02"]]
        self.tls = parameters["P05_11"]
        self._channels: dict[int, DmedMeter] = {}
        self._sites: dict[int, DmedSite] = {}

    def connect(self, channel: int, meter: DmedMeter) -> None:
        """A meter on a channel; its events name it."""

        def tell(event: str, details: Mapping[str, object]) -> None:
            self.journal(event, {"channel": channel, **details})

        meter.journal = tell
        meter.line = self.line
        self._channels[channel] = meter
        self._sites[channel] = DmedSite(meter)
        if self._first is meter:
            self.public_key = meter.public_key

    @property
    def _first(self) -> DmedMeter | None:
        return next(iter(self._channels.values()), None)

    @property
    def channels(self) -> Mapping[int, Meter]:
        return self._channels

    # where it is heard

    @property
    def unit(self) -> int:
        return self._unit

    @property
    def baudrate(self) -> int:
        return self._rate

    @property
    def answer_delay(self) -> int:
        return self.options.answer_delay

    @property
    def blocked(self) -> bool:
        return False

    @property
    def silent(self) -> bool:
        """Without supply everywhere the display has none either."""
        return bool(self._channels) and all(meter.silent for meter in self._channels.values())

    @property
    def starting(self) -> bool:
        return self.silent and any(meter.starting for meter in self._channels.values())

    @property
    def fast_units(self) -> Sequence[int]:
        return ()

    def is_network(self, url: MeterURL) -> bool:
        return url.scheme in ("tcp", "tls")

    def takes(self, unit: int, network: bool) -> bool:
        return network or unit == self._unit

    def foreign(self, unit: int, network: bool) -> int | None:
        return None

    @property
    def admission(self) -> Admission:
        return Admission(CONNECTIONS, self.options.third_connection == "evict")

    @property
    def closed(self) -> frozenset[str]:
        if self.silent:
            return frozenset(("tcp", "tls", "http", "https"))
        return frozenset(("http",)) if self.tls else frozenset(("https",))

    def site(self) -> DisplaySite | None:
        return DisplaySite(self) if self._channels else None

    # time

    def advance(self, now: int) -> None:
        for meter in self._channels.values():
            meter.advance(now)

    def next_event(self) -> int | None:
        events = [event for meter in self._channels.values() if (event := meter.next_event()) is not None]
        return min(events, default=None)

    # requests

    def execute(self, pdu: bytes, now: int) -> bytes | None:
        """Function 17 names the display; other registers are not described for it (14.1)."""
        self.advance(now)
        if self.silent or not pdu:
            return None
        try:
            if pdu[0] == writing.REPORT_ID:
                return report_id(pdu, self.kind)
            if pdu[0] in READS:
                if len(pdu) != 5 or not 1 <= int.from_bytes(pdu[3:5], "big") <= MOST:
                    raise Rejected(ILLEGAL_VALUE)
                raise Rejected(ILLEGAL_ADDRESS)
            if pdu[0] in (writing.WRITE_ONE, writing.WRITE_MANY):
                writing.parse(pdu)
                raise Rejected(ILLEGAL_ADDRESS)
            raise Rejected(ILLEGAL_FUNCTION)
        except Rejected as rejected:
            return bytes((pdu[0] | 0x80, rejected.code))

    def before_request(self, now: int) -> None:
        for meter in self._channels.values():
            meter.before_request(now)

    # controls and faults

    def patch(
        self, now: int, controls: Mapping[str, object], faults: Mapping[str, object], when: str | None = None
    ) -> None:
        if not self._channels:
            raise UnknownName(f"a {self.kind.name} has no controls and no faults")
        for meter in self._channels.values():
            meter.patch(now, controls, faults, when)

    def state(self) -> dict[str, object]:
        return {
            "model": self.model,
            "variant": self.variant,
            "serial": self.serial,
            "node": self.unit,
            "speed": self.speed,
            "listen": None,
            "controls": {} if self._first is None else self._first.state()["controls"],
            "faults": {} if self._first is None else self._first.state()["faults"],
            "channels": {number: meter.state() for number, meter in self._channels.items()},
        }

    # what stays

    def checkpoint(self) -> bytes | None:
        changed = {number: meter.checkpoint() for number, meter in self._channels.items()}
        if not any(changed.values()):
            return None
        states = {str(number): self._state_of(number, state) for number, state in changed.items()}
        fields = {"version": _VERSION, "serial": self.serial, "channels": states}
        return json.dumps(fields, separators=(",", ":")).encode("ascii")

    def _state_of(self, number: int, state: bytes | None) -> Any:
        """The checkpoint of a channel; one that has not changed is made anew, for the file holds whole states."""
        meter = self._channels[number]
        if state is None:
            meter.forget_checkpoint()
            state = meter.checkpoint() or b"null"
        return json.loads(state)

    def unsaved(self) -> Sequence[bytes]:
        return [_tagged(number, entry) for number, meter in self._channels.items() for entry in meter.unsaved()]

    def log(self) -> Sequence[bytes]:
        return [_tagged(number, entry) for number, meter in self._channels.items() for entry in meter.log()]


def _tagged(number: int, entry: bytes) -> bytes:
    return b"%d:%b" % (number, base64.b64encode(entry))


class DisplaySite:
    """What a DMED4DC1 serves over HTTP: the resources of its meters below ``v1/<n>/``."""

    limits: Limits = LIMITS

    def __init__(self, display: Display) -> None:
        self._display = display
        self._asked: DmedSite | None = None  # the channel that the present answer comes from

    def shown(self, request: Request) -> Request:
        return discretion.shown_request(request)

    def shown_answer(self, request: Request, response: Response) -> bytes:
        return discretion.shown_answer(request, response)

    def refuse(self, status: int) -> Response:
        return failure(400 if status < 500 else status)

    def deliver(self, response: Response) -> Response | Paced:
        return response if self._asked is None else self._asked.deliver(response)

    def answer(self, request: Request, now: int) -> Response:
        self._asked = None
        path = path_of(request)
        if not self._display.tls and (shown := self._page(request, path)) is not None:
            return shown
        found = _CHANNEL.fullmatch(path)
        alias = self._display.options.channel_alias
        if found is not None:
            return self._ask(int(found.group(1)), request, f"/{PREFIX}{found.group(2)}", now)
        if alias is not None and path.startswith(f"/{PREFIX}/"):
            return self._ask(alias, request, path, now)
        return failure(NOT_FOUND)

    def _page(self, request: Request, path: str) -> Response | None:
        """The list of channels at ``/``, the page of a meter at ``/1`` to ``/4``; ``None`` for any other path."""
        from wattproof.meters.dmed4.virtual import web

        display = self._display
        if path == "/":
            if request.method != "GET":
                return failure(NOT_IMPLEMENTED)
            shown = [(channel, self._reached(channel)) for channel in CHANNELS]
            return success(web.channels(display.kind.name, int(display.serial), shown), web.HEADERS)
        number = path.removeprefix("/")
        if number not in map(str, CHANNELS):
            return None
        channel = int(number)
        if self._reached(channel) is None:
            return failure(NOT_FOUND)
        self._asked = display._sites[channel]
        return self._asked.imposed() or self._asked.page(request, channel)

    def _reached(self, channel: int) -> DmedMeter | None:
        """The meter on a channel, unless there is none, it is silent, or the fault channel-lost takes it away."""
        meter = self._display._channels.get(channel)
        lost = meter is None or meter.silent or meter.faults.get("channel-lost") == channel
        return None if lost else meter

    def _ask(self, channel: int, request: Request, path: str, now: int) -> Response:
        if self._reached(channel) is None:
            return failure(NOT_FOUND)
        self._asked = self._display._sites[channel]
        return self._asked.answer(request, now, path)


def create_display(options: SimulationOptions, kind: Model) -> Display:
    """A remote display with its meters. Raises as ``meter.create``."""
    chosen = chosen_options(options)
    kept = _kept(options)
    seed = seed_of(options)
    given = None if options.serial is None else read_serial(options.serial)
    serial = kept_serial(given, None if kept is None else str(kept["serial"])) or drawn_serial(seed, len(CHANNELS))
    display = Display(options, chosen, kind, serial, seed)
    if kind.code != 0x0C:
        if options.faults:
            raise UnknownName(f"a {kind.name} has no faults: {split_fault(options.faults[0])[0]!r}")
        return display
    if int(serial) + len(CHANNELS) > 10**8:
        raise InvalidValue(f"serial {serial} has no four serials behind it: begin with a smaller one")
    for channel in chosen.channels:
        state = None if kept is None else kept["channels"].get(str(channel))
        prefix = b"%d:" % channel
        log = [base64.b64decode(entry[len(prefix) :]) for entry in options.log if entry.startswith(prefix)]
        part = replace(
            options,
            variant=None,
            serial=f"{int(serial) + channel - 1:08d}",
            seed=seed + channel,
            state=None if state is None else json.dumps(state).encode("ascii"),
            log=log,
        )
        display.connect(channel, make(part, DEFAULT))
    return display


def _kept(options: SimulationOptions) -> dict[str, Any] | None:
    if options.state is None:
        return None
    try:
        fields: dict[str, Any] = json.loads(options.state)
        if fields["version"] != _VERSION or not isinstance(fields["channels"], dict):
            raise ValueError
    except (ValueError, KeyError, TypeError):
        raise StorageError("the state directory holds no state of a DMED4DC1: use another one") from None
    return fields
