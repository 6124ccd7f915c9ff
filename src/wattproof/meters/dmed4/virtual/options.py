"""What ``--set`` can change about a virtual DMED4: the closed table of section 14.3, and the parameters of 7.12."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import cast

from wattproof.errors import InvalidValue, UsageError
from wattproof.io.url import MeterURL, parse_url
from wattproof.meters.dmed4.models import CHANNELS
from wattproof.meters.dmed4.parameters import BAUD_RATES, FORMATS, PARAMETERS, Parameter, contradiction
from wattproof.meters.dmed4.virtual.record import CYCLE, EXPORT, IMPORT
from wattproof.virtual.faults import Choice, Number, Row, Switch, Table, Text, Whole, instant
from wattproof.virtual.switchboard import nanoseconds

_YES_NO = Switch(("yes", "no"))
FACTORY, NOW = "factory", "now"
_SECONDS = "s"


def _moment(text: str) -> object:
    return text if text in (FACTORY, NOW) else instant(text)


def _channels(text: str) -> object:
    numbers = [int(part) for part in text.split(",")]
    if not numbers or len(set(numbers)) != len(numbers) or not set(numbers) <= set(CHANNELS):
        raise ValueError
    return tuple(sorted(numbers))


def _bus(text: str) -> object:
    try:
        url = parse_url(text)
    except UsageError:
        raise ValueError from None
    if url.model is not None or url.framing not in ("tcp", "rtu", "ascii"):
        raise ValueError
    return str(url)


def _obis(text: str) -> str:
    if not re.fullmatch(r"[0-9A-Za-z:.*-]{1,32}", text):
        raise ValueError
    return text


@dataclass(frozen=True, slots=True)
class _ParameterKind:
    """The values of a parameter, as a row of the table."""

    parameter: Parameter

    @property
    def limits(self) -> str:
        dotted = " or dotted" if self.parameter.id == "P05_03" else ""
        return self.parameter.limits + dotted

    def read(self, value: object) -> object:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise ValueError
        try:
            return self.parameter.read(str(value))
        except InvalidValue:
            raise ValueError from None


_PARAMETERS = tuple(Row(row.id, _ParameterKind(row), row.default, row.meaning, "7.12") for row in PARAMETERS)

OPTIONS = Table(
    "option",
    (
        *_PARAMETERS,
        Row("answer-delay", Number(0, 10, _SECONDS), Decimal("0.01"), "end of request to start of answer", "14.3"),
        Row("sign-delay", Number(0, 600, _SECONDS), Decimal("0.3"), "signing of a record", "8.3"),
        Row(
            "start-delay",
            Number(0, 600, _SECONDS),
            Decimal(1),
            "supply on to first answer; at the start of the process with kept state, or when given",
            "8.1",
        ),
        Row("init-delay", Number(0, 600, _SECONDS), Decimal("0.5"), "status 0 after the start", "8.1"),
        Row("reboot-delay", Number(0, 600, _SECONDS), Decimal(5), "silence after a save", "5"),
        Row("login-timeout", Number(0, 86_400, _SECONDS), Decimal(0), "a login ends when idle, 0 = off", "7.10"),
        Row("ocmf-log-size", Whole(1, 100_000), 1000, "records that the log holds", "10.4"),
        Row("event-log-size", Whole(1, 100_000), 1000, "events that the log holds", "10.5"),
        Row("unassigned", Choice(("error", "zeros")), "error", "reading registers that are not assigned", "DEC-17"),
        Row("block-4000-offset", Choice(("0", "1")), "1", "what is subtracted from 4000h to 4BFFh", "DEC-16"),
        Row("third-connection", Choice(("close", "evict")), "close", "a third Modbus connection", "DEC-11"),
        Row("inner-quotes", Choice(("escaped", "plain")), "escaped", "quotes inside OCMF_BUFF", "9.7"),
        Row("post-parameters", Choice(("answer", "silent")), "answer", "answer before the reboot", "7.11"),
        Row("gateway-bus", Text("bus URL", ".+", _bus), None, "line behind the gateway", "11.1"),
        Row("gateway-timeout", Number(Decimal("0.05"), 10, "s real"), Decimal(1), "until a slave is silent", "11.1"),
        Row("gateway-failure", Choice(("exception", "silence")), "exception", "answer for a silent slave", "DEC-66"),
        Row("channels", Text("list of 1 to 4", "[1-4](,[1-4])*", _channels), "1,2,3,4", "meters of a DC1", "11.2"),
        Row("channel-alias", Choice(("none", "1", "2", "3", "4")), "none", "channel behind v1/... of a DC1", "DEC-67"),
        Row("ri-import", Text("OBIS text", ".+", _obis), IMPORT, "RI of total import", "DEC-55"),
        Row("ri-export", Text("OBIS text", ".+", _obis), EXPORT, "RI of total export", "DEC-55"),
        Row("ri-cycle", Text("OBIS text", ".+", _obis), CYCLE, "RI of the last cycle", "DEC-55"),
        Row("energy", Number(0, Decimal("99999999.999"), "kWh"), Decimal(0), "import of a new meter", "14.3"),
        Row("energy-export", Number(0, Decimal("99999999.999"), "kWh"), Decimal(0), "export of a new meter", "14.3"),
        Row("time", Text("factory, now, ISO 8601 with offset", ".+", _moment), FACTORY, "clock at the start", "DEC-74"),
        Row("commissioned", _YES_NO, "no", "a new meter is in Operating", "7.9"),
        Row("cable-locked", _YES_NO, "no", "the cable resistance of a new meter is locked", "7.8"),
        Row("load-follows", Choice(("session", "always")), "session", "when current flows", "14.4"),
    ),
)
_DURATIONS = ("answer-delay", "sign-delay", "start-delay", "init-delay", "reboot-delay", "login-timeout")


@dataclass(frozen=True, slots=True)
class Options:
    """The options as read; durations in meter nanoseconds but ``gateway_timeout``, in real ones; energies in Wh.

    ``given`` are the parameters that were set by name or by the scheme of a listener; others have their defaults.
    """

    given: Mapping[str, int]
    answer_delay: int
    sign_delay: int
    start_delay: int
    init_delay: int
    reboot_delay: int
    login_timeout: int
    ocmf_log_size: int
    event_log_size: int
    unassigned: str
    block_4000_offset: int
    third_connection: str
    inner_quotes: str
    post_parameters: str
    gateway_bus: str | None
    gateway_timeout: int
    gateway_failure: str
    channels: tuple[int, ...]
    channel_alias: int | None
    ri_import: str
    ri_export: str
    ri_cycle: str
    energy: int
    energy_export: int
    time: str | tuple[int, int]
    commissioned: bool
    cable_locked: bool
    load_follows: str

    @property
    def parameters(self) -> dict[str, int]:
        """All parameters of a new meter."""
        return {row.id: self.given.get(row.id, row.default) for row in PARAMETERS}


def of_listeners(urls: Sequence[MeterURL]) -> dict[str, int]:
    """The parameters that listeners set: the first of each kind counts (14.2).

    Two kinds of HTTP listeners leave TLS off (DEC-73). Raises ``InvalidValue`` for a line that no parameter describes.
    """
    found: dict[str, int] = {}
    web = {url.scheme for url in urls} & {"http", "https"}
    if web:
        found["P05_11"] = int(web == {"https"})
    for url in urls:
        if url.scheme in ("tcp", "tls"):
            found.setdefault("P05_10", int(url.framing == "tcp"))
        elif url.framing in ("rtu", "ascii"):
            found.setdefault("P04_05", int(url.framing == "ascii"))
            for id, value in _of_line(url).items():
                found.setdefault(id, value)
    return found


def _of_line(url: MeterURL) -> dict[str, int]:
    """The parameters that the options of a line set: rate, character, stop bits, as far as they are given."""
    found = {}
    if "baudrate" in url.options:
        found["P04_02"] = _one_of(url, "baudrate", url.whole("baudrate", 0), BAUD_RATES)
    if {"databits", "parity"} & url.options.keys():
        character = url.options.get("databits", "8") + url.options.get("parity", "N").upper()
        found["P04_03"] = _one_of(url, "databits and parity", character, tuple(FORMATS.values()))
    if "stopbits" in url.options:
        found["P04_04"] = url.whole("stopbits", 1)
    return found


def _one_of(url: MeterURL, what: str, value: object, known: Sequence[object]) -> int:
    if value not in known:
        raise InvalidValue(f"{url}: {what} {value} is not possible: a DMED4 knows {', '.join(map(str, known))}")
    return known.index(value)


def read_options(settings: Mapping[str, str], listeners: Sequence[MeterURL]) -> Options:
    """The options from their texts and the listeners of the meter.

    Raises ``UnknownName`` and ``InvalidValue``; so do parameters that do not go together.
    """
    read = {name: OPTIONS.read(name, text) for name, text in settings.items()}
    named = {row.id: cast(int, read.pop(row.id)) for row in PARAMETERS if row.id in read}
    values = {
        row.name: OPTIONS.read(row.name, row.default) if row.default is not None else None
        for row in OPTIONS.rows
        if not isinstance(row.kind, _ParameterKind)
    } | read
    given = of_listeners(listeners) | named
    wrong = contradiction({row.id: given.get(row.id, row.default) for row in PARAMETERS})
    if wrong:
        raise InvalidValue(f"option {wrong}")
    fields = {name.replace("-", "_"): value for name, value in values.items()}
    for name in _DURATIONS:
        fields[name.replace("-", "_")] = nanoseconds(values[name])
    fields["gateway_timeout"] = nanoseconds(values["gateway-timeout"])
    for name in ("energy", "energy-export"):
        fields[name.replace("-", "_")] = int(cast(Decimal, values[name]) * 1000)
    fields["block_4000_offset"] = int(cast(str, values["block-4000-offset"]))
    alias = cast(str, values["channel-alias"])
    fields["channel_alias"] = None if alias == "none" else int(alias)
    return Options(given, **fields)  # type: ignore[arg-type]
