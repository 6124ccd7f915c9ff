"""The gateway's configuration file (g13-api.md 10.4): TOML, checked whole before anything is opened."""

from __future__ import annotations

import ipaddress
import os
import re
import zoneinfo
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from wattproof.errors import InvalidURL, UnknownName, UsageError
from wattproof.io import tomlfile
from wattproof.io.tomlfile import Key, Section
from wattproof.io.url import MODBUS, MeterURL, parse_url
from wattproof.meters import registry

NAME = re.compile(r"[a-z0-9-]{1,32}")
#: What families are read over beside Modbus, over which every family with a driver for it is read.
WAYS: Mapping[str, Sequence[str]] = {"abb": ("M-Bus", "COSEM"), "dmed4": ("HTTP",), "g13": ("HTTP",)}
PROTOCOLS: Mapping[str, str] = {
    **dict.fromkeys(MODBUS, "Modbus"),
    "mbus": "M-Bus",
    **dict.fromkeys(("hdlc", "dlms", "dlms+udp"), "COSEM"),
    **dict.fromkeys(("http", "https"), "HTTP"),
}
#: Networks that a scan asked for over HTTP may reach (10.2); link-local ones never.
SCAN_NETWORKS = ("127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
LISTEN = "https://127.0.0.1:8443"
#: Keys, and options of the address of a bus, that name files which the gateway reads.
FILES = frozenset({"certificate", "key_file", "password_file"})
URL_FILES = frozenset({"ca", "certificate", "key", "password-file"})
#: No first line of a file with a password is longer.
LINE = 4096


def way_of(url: MeterURL) -> str | None:
    """What is spoken at a bus, ``None`` where the gateway does not speak it."""
    return PROTOCOLS.get(url.framing)


def default_data() -> Path:
    """Where data lie by default: ``$STATE_DIRECTORY`` of a service, else below the home directory."""
    state = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    home = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(state) if state else Path(home) / "wattproof"


def host_timezone() -> str:
    """The IANA name of the host's time zone, ``UTC`` where it does not tell."""
    named = os.environ.get("TZ", "").lstrip(":")
    link = Path("/etc/localtime")
    if not named and link.is_symlink():
        named = str(link.readlink()).partition("zoneinfo/")[2]
    try:
        return zoneinfo.ZoneInfo(named).key if named else "UTC"
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return "UTC"


@dataclass(frozen=True, slots=True)
class BusConfig:
    """One line or socket. Times in milliseconds, periods of polling in seconds; ``None``: by the kind of bus (11.1)."""

    name: str
    url: str
    timeout_ms: int | None = None
    retries: int = 2
    pause_ms: int | None = None
    poll_live_s: float | None = None
    poll_energy_s: float | None = None
    max_connections: int = 1


@dataclass(frozen=True, slots=True)
class MeterConfig:
    """A meter of the file. ``unit``, ``address`` and ``channel`` by the kind of bus."""

    bus: str
    family: str
    unit: int | None = None
    address: int | str | None = None
    channel: int | None = None
    map: str | None = None
    serial: str | None = None
    alias: str | None = None
    location: str = "Unknown"
    engines: str | None = None
    allow_switching: bool = False
    integrate: bool = False
    keep_time: bool = True
    password_file: Path | None = None
    tls_pin: str | None = None


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that the file says; without a file, the defaults."""

    path: Path | None = None
    listen: tuple[str, ...] = (LISTEN,)
    data: Path = field(default_factory=default_data)
    compat: str = "none"
    allow_network: bool = False
    allow_test_keys: bool = False
    timezone: str = field(default_factory=host_timezone)
    certificate: Path | None = None
    key_file: Path | None = None
    trusted_proxies: tuple[str, ...] = ()
    scan_networks: tuple[str, ...] = SCAN_NETWORKS
    max_image_mib: int = 16
    rate_limit: int = 0
    offline: str = "error"
    offline_max_age_s: int = 86400
    install_command: tuple[str, ...] = ()
    store_url: str = "sqlite"
    store_password_file: Path | None = None
    retention_days: int = 0
    downsample_s: int = 900
    buses: tuple[BusConfig, ...] = ()
    meters: tuple[MeterConfig, ...] = ()

    def bus(self, name: str) -> BusConfig:
        """The bus of that name. Raises ``KeyError``."""
        return {bus.name: bus for bus in self.buses}[name]


# Checks: each returns what is kept or raises ValueError with what it should be ------------------------------------


def _choice(*names: str) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if value not in names:
            raise ValueError("one of " + ", ".join(names))
        return value

    return check


def _between(low: float, high: float) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if not low <= value <= high:
            raise ValueError(f"from {low:g} to {high:g}")
        return value

    return check


def _longest(length: int) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if not 1 <= len(value) <= length:
            raise ValueError(f"1 to {length} characters")
        return value

    return check


def _pattern(pattern: str, wanted: str) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if re.fullmatch(pattern, value) is None:
            raise ValueError(wanted)
        return value

    return check


def _listen(value: Any) -> tuple[str, ...]:
    urls = (value,) if isinstance(value, str) else tuple(value)
    for url in urls:
        try:
            parts = urlsplit(url) if isinstance(url, str) else None
            right = parts is not None and parts.scheme == "https" and parts.hostname and parts.port is not None
        except ValueError:
            right = False
        if not right or parts is None or parts.path.strip("/") or parts.query or parts.username:
            raise ValueError(f"https://HOST:PORT, such as {LISTEN}")
    if not urls:
        raise ValueError("at least one address")
    return urls


def _networks(value: Any) -> tuple[str, ...]:
    for text in value:
        try:
            ipaddress.ip_network(text)
        except (ValueError, TypeError):
            raise ValueError("networks such as 192.168.0.0/16") from None
    return tuple(value)


def _texts(value: Any) -> tuple[str, ...]:
    if not value or not all(isinstance(text, str) for text in value):
        raise ValueError("a list of text, the program first")
    return tuple(value)


def _timezone(value: Any) -> str:
    try:
        return zoneinfo.ZoneInfo(value).key
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("a time zone such as Europe/Berlin") from None


def _bus_url(value: Any) -> str:
    try:
        url = parse_url(value)
    except InvalidURL as error:
        raise ValueError(str(error)) from None
    if way_of(url) is None:
        raise ValueError("the gateway polls meters on Modbus, M-Bus, COSEM and HTTP")
    own = next((name for name in ("unit", "address", "channel") if name in url.options), None)
    if own is not None:
        raise ValueError(f"{own} belongs to a meter, not to its bus: write it under [[meter]]")
    return str(value)


def _family(value: Any) -> str:
    try:
        return registry.family(value).name
    except UnknownName as error:
        raise ValueError(str(error)) from None


def _store(value: Any) -> str:
    if value != "sqlite" and not value.startswith(("postgresql://", "postgres://")):
        raise ValueError("sqlite or postgresql://...")
    if "@" in value and ":" in value.split("//", 1)[-1].split("@", 1)[0]:
        raise ValueError("no password in the address; name its file with password_file")
    return str(value)


_TEXT, _WHOLE, _NUMBER, _SWITCH = (str,), (int,), (int, float), (bool,)

GATEWAY = (
    Key("listen", (str, list), (LISTEN,), _listen, meaning="Addresses to answer at, text or list."),
    Key("data", _TEXT, None, _longest(4096), meaning="Directory of store, keys, certificate and socket."),
    Key("compat", _TEXT, "none", _choice("none", "g13"), meaning="`g13`: answers look like those of the original."),
    Key(
        "allow_network",
        _SWITCH,
        False,
        meaning="Whether resource 5 may move the listener to another address of this host.",
    ),
    Key(
        "allow_test_keys",
        _SWITCH,
        False,
        meaning="Whether charging sessions that virtual meters sign with published test keys count as true.",
    ),
    Key(
        "timezone",
        _TEXT,
        None,
        _timezone,
        meaning="Local time of rows, calendars and periods (IANA name); by default that of the host.",
    ),
    Key(
        "certificate",
        _TEXT,
        None,
        _longest(4096),
        meaning="Certificate chain in PEM, with `key_file`; else the gateway makes one.",
    ),
    Key("key_file", _TEXT, None, _longest(4096), meaning="Its private key in PEM, without a password."),
    Key("trusted_proxies", (list,), (), _networks, meaning="Networks whose `X-Forwarded-For` is believed."),
    Key(
        "scan_networks",
        (list,),
        SCAN_NETWORKS,
        _networks,
        meaning="Networks that a scan asked for over HTTP may reach.",
    ),
    Key("max_image_mib", _WHOLE, 16, _between(1, 256), meaning="Largest firmware image, MiB."),
    Key("rate_limit", _WHOLE, 0, _between(0, 1_000_000), meaning="Requests per user and second; 0: no limit."),
    Key(
        "offline",
        _TEXT,
        "error",
        _choice("error", "last"),
        meaning="`last`: energies and instrument values of a meter that is offline are answered with their age.",
    ),
    Key("offline_max_age_s", _WHOLE, 86400, _between(0, 10**9), meaning="How old they may be, s."),
)
FIRMWARE = (
    Key(
        "install_command",
        (list,),
        (),
        _texts,
        meaning="Program and arguments that install a gateway image; `{image}` and `{sha256}` are replaced.",
    ),
)
STORE = (
    Key("url", _TEXT, "sqlite", _store, meaning="`sqlite` in the data directory, or `postgresql://USER@HOST/NAME`."),
    Key("password_file", _TEXT, None, _longest(4096), meaning="File with the password of the database."),
    Key(
        "retention_days",
        _WHOLE,
        0,
        _between(0, 36500),
        meaning="Days for which readings stay as they were polled; 0: for ever.",
    ),
    Key("downsample_s", _WHOLE, 900, _between(60, 86400), meaning="Older readings: one for so many seconds."),
)
BUS = (
    Key(
        "name",
        _TEXT,
        check=_pattern(NAME.pattern, "1 to 32 of a-z, 0-9 and -"),
        meaning="What meters and addresses call it.",
    ),
    Key("url", _TEXT, check=_bus_url, meaning="Line or socket, such as `rtu:///dev/ttyUSB0?baudrate=19200&parity=E`."),
    Key(
        "timeout_ms",
        _WHOLE,
        None,
        _between(1, 600_000),
        meaning="Wait for an answer; by default 300, on a network 1000.",
    ),
    Key("retries", _WHOLE, 2, _between(0, 10), meaning="Repetitions of what was not answered."),
    Key(
        "pause_ms",
        _WHOLE,
        None,
        _between(0, 60_000),
        meaning="Pause between an answer and the next request; by default 20 on a line.",
    ),
    Key(
        "poll_live_s",
        _NUMBER,
        None,
        _between(0.1, 86400),
        meaning="Seconds between readings of power and instrument values; 1 on TCP and REST, 5 on a line, M-Bus 60.",
    ),
    Key(
        "poll_energy_s",
        _NUMBER,
        None,
        _between(0.1, 86400),
        meaning="The same of energies; by default 15, on M-Bus 60.",
    ),
    Key("max_connections", _WHOLE, 1, _between(1, 8), meaning="Connections to a Modbus TCP server."),
)
METER = (
    Key("bus", _TEXT, meaning="Name of its bus."),
    Key(
        "family",
        _TEXT,
        check=_family,
        meaning="`abb`, `bsm`, `dmed4`, `g13`, `map`, `sunspec`, or one of another package.",
    ),
    Key("unit", _WHOLE, None, _between(1, 247), meaning="Modbus unit; by default the usual one of the family."),
    Key("address", (int, str), None, meaning="M-Bus or HDLC address."),
    Key("channel", _WHOLE, None, _between(1, 4), meaning="Channel of a four-channel display (REST)."),
    Key("map", _TEXT, None, _longest(4096), meaning="Name or file of the map of a `map` meter."),
    Key(
        "serial",
        _TEXT,
        None,
        _pattern(r"[A-Za-z0-9_.-]{1,16}", "1 to 16 of A-Z, a-z, 0-9, _ . -"),
        meaning="Serial number, where the meter has none.",
    ),
    Key("alias", _TEXT, None, _longest(20), meaning="Shown name; one set by the interface wins."),
    Key("location", _TEXT, "Unknown", _longest(50), meaning="Where it is; one set by the interface wins."),
    Key(
        "engines",
        _TEXT,
        None,
        _choice("auto", "off"),
        meaning="`auto`: the gateway computes what the meter lacks; for `abb` only on request.",
    ),
    Key("allow_switching", _SWITCH, False, meaning="Whether resource 66 may switch the output of a BSM."),
    Key("integrate", _SWITCH, False, meaning="Whether reactive and apparent energy are integrated from power."),
    Key("keep_time", _SWITCH, True, meaning="Whether its clock is kept, once a day and at more than 2 s."),
    Key("password_file", _TEXT, None, _longest(4096), meaning="File with its password: DMED4 (advanced), ABB client."),
    Key(
        "tls_pin",
        _TEXT,
        None,
        _pattern(r"sha256:[0-9a-fA-F]{64}", "sha256: and 64 hexadecimal digits"),
        meaning="`sha256:` digest of its certificate (REST).",
    ),
)
#: Every section with its keys, for the reference page.
SECTIONS: Mapping[str, Sequence[Key]] = {
    "gateway": GATEWAY,
    "firmware": FIRMWARE,
    "store": STORE,
    "bus": BUS,
    "meter": METER,
}


def load(path: Path | str) -> Config:
    """Read a configuration file.

    Raises:
        InvalidFile: unknown keys, wrong types, values outside their limits, a meter on a bus that there is not; with
            file, line and key.
    """
    file = tomlfile.read(path)
    file.take((), sections=tuple(SECTIONS))
    here = file.file.path.parent
    config = _gateway(file, Config(path=file.file.path), here)
    buses = tuple(BusConfig(**section.take(BUS)) for section in file.sections("bus", many=True))
    _distinct(file, buses)
    sections = file.sections("meter", many=True)
    meters = tuple(_meter(section, {bus.name: bus for bus in buses}, here) for section in sections)
    _apart(sections, meters)
    return replace(config, buses=buses, meters=meters)


def check_files(path: Path, sections: Sequence[str] = ("gateway", "store", "bus", "meter")) -> None:
    """Whether the certificates, keys and password files that these sections of a configuration file name can be read.

    Raises:
        InvalidFile: one cannot; with file, line and key, and what to do.
    """
    file = tomlfile.read(path)
    here = file.file.path.parent
    for name in sections:
        for section in file.sections(name, many=name in ("bus", "meter")):
            for key in sorted(FILES & section.data.keys()):
                _readable(section, key, here / Path(section.data[key]).expanduser(), secret=key == "password_file")
            options = parse_url(section.data["url"]).options if name == "bus" else {}
            for option in sorted(URL_FILES & options.keys()):
                _readable(section, "url", Path(options[option]), secret=option == "password-file")


def _readable(section: Section, key: str, path: Path, *, secret: bool) -> None:
    try:
        if path.is_fifo():
            return  # it gives what it holds only once
        with path.open("rb") as file:
            line = file.readline(LINE)
    except OSError as error:
        todo = "make it" if isinstance(error, FileNotFoundError) else "let the gateway's user read it"
        raise section.wrong(key, f"{path} cannot be read: {error.strerror or error}; {todo}, or name another") from None
    if secret and not line.strip():
        raise section.wrong(key, f"{path} has no password; write it on the first line")


def map_folders(config: Config) -> tuple[Path, ...]:
    """Where map files lie: beside the configuration file, and in the data directory."""
    places = (config.path, config.data)
    return tuple(place if place.is_dir() else place.parent for place in places if place is not None)


def listen_urls(urls: Sequence[str]) -> tuple[str, ...]:
    """Addresses to listen at, from the command line. Raises ``UsageError``."""
    try:
        return _listen(list(urls))
    except ValueError as error:
        raise UsageError(f"--listen {' '.join(urls)}: {error}") from None


def _gateway(file: Section, config: Config, here: Path) -> Config:
    for section in file.sections("gateway"):
        values = section.take(GATEWAY)
        if (values["certificate"] is None) != (values["key_file"] is None):
            absent = "key_file" if values["key_file"] is None else "certificate"
            raise section.wrong(absent, "missing; certificate and key_file belong together", missing=True)
        for name in ("data", "certificate", "key_file"):
            values[name] = None if values[name] is None else here / Path(values[name]).expanduser()
        config = replace(config, **{name: value for name, value in values.items() if value is not None})
    for section in file.sections("firmware"):
        config = replace(config, **section.take(FIRMWARE))
    for section in file.sections("store"):
        values = section.take(STORE)
        secret = values["password_file"]
        config = replace(
            config,
            store_url=values["url"],
            store_password_file=None if secret is None else here / Path(secret).expanduser(),
            retention_days=values["retention_days"],
            downsample_s=values["downsample_s"],
        )
    return config


def _distinct(file: Section, buses: Sequence[BusConfig]) -> None:
    """No two buses of one name, or at one place: their transactions would disturb each other."""
    seen: set[str] = set()
    places: dict[tuple[object, ...], str] = {}
    for section, bus in zip(file.sections("bus", many=True), buses, strict=True):
        if bus.name in seen:
            raise section.wrong("name", f"two buses are called {bus.name!r}")
        seen.add(bus.name)
        url = parse_url(bus.url)
        other = places.setdefault(_end(url), bus.name)
        if other != bus.name:
            raise section.wrong("url", f"the bus {other!r} is at the same place, {url.place}; write its meters there")


def _end(url: MeterURL) -> tuple[object, ...]:
    """What makes two addresses the same place: the socket or the device, whatever is spoken there."""
    if url.is_device:
        return (os.path.realpath(url.path),)
    return (url.scheme.endswith("+udp"), (url.host or "").lower(), url.port)


def _apart(sections: Sequence[Section], meters: Sequence[MeterConfig]) -> None:
    """No two meters at one place."""
    seen: set[tuple[object, ...]] = set()
    for section, meter in zip(sections, meters, strict=True):
        unit = registry.family(meter.family).unit if meter.unit is None else meter.unit
        # Meters behind another gateway share its address.
        behind = meter.serial if meter.family == "g13" else None
        place = (meter.bus, str(unit if meter.address is None else meter.address), meter.channel, behind)
        if place in seen:
            raise section.wrong("bus", f"another [[meter]] is at the same place of the bus {meter.bus!r}")
        seen.add(place)


def _check_way(section: Section, family: str, bus: BusConfig) -> None:
    row = registry.family(family)
    ways = (*(("Modbus",) if row.driver or row.points else ()), *WAYS.get(family, ()))
    spoken = way_of(parse_url(bus.url))
    if spoken not in ways:
        read = f"read over {' and '.join(ways)}" if ways else "not read by the gateway"
        raise section.wrong("family", f"{family!r} is {read}; the bus {bus.name!r} speaks {spoken}")


def _meter(section: Section, buses: Mapping[str, BusConfig], here: Path) -> MeterConfig:
    values = section.take(METER)
    if values["bus"] not in buses:
        known = ", ".join(sorted(buses)) or "none"
        raise section.wrong("bus", f"there is no bus {values['bus']!r}; known: {known}")
    _check_way(section, values["family"], buses[values["bus"]])
    if values["family"] == "map" and values["map"] is None:
        raise section.wrong("map", "missing; a meter of the family map needs its map file", missing=True)
    if values["map"] is not None and ("/" in values["map"] or values["map"].endswith(".toml")):
        values["map"] = str(here / Path(values["map"]).expanduser())
    if values["password_file"] is not None:
        values["password_file"] = here / Path(values["password_file"]).expanduser()
    return MeterConfig(**values)
