"""Addresses: where a meter is, where a bus is, where a virtual meter listens.

::

    bsm+tcp://127.0.0.1:5020?unit=42&timeout=2
    ^   ^     ^         ^    ^
    |   |     host      port options
    |   scheme: framing and transport, one row of SCHEMES
    model, only for a meter; without it the meter is detected, or the address is a bus or a listener

    bsm+rtu:///dev/ttyUSB0?baudrate=19200&parity=E&unit=42       a serial device has a path instead of host and port

Parsing is strict: an unknown scheme, option or value is refused with what is wrong and a correct example, because a
misspelt ``?baudrat=9600`` that is silently ignored costs an afternoon at the meter. Passwords never stand in an
address: ``?password-file=PATH`` names the file that holds one.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import quote, unquote

from wattproof.errors import InvalidURL

Check = Callable[[str], str | None]
"""Takes an option's text, returns what it should be instead, or ``None`` if it is right."""


def _number(low: float, high: float) -> Check:
    def check(text: str) -> str | None:
        right = re.fullmatch(r"\d+(\.\d+)?", text) is not None and low <= float(text) <= high
        return None if right else f"a number from {low:g} to {high:g}"

    return check


def _whole(low: int, high: int) -> Check:
    def check(text: str) -> str | None:
        right = re.fullmatch(r"\d{1,9}", text) is not None and low <= int(text) <= high
        return None if right else f"a whole number from {low} to {high}"

    return check


def _one_of(*values: str) -> Check:
    def check(text: str) -> str | None:
        return None if text.lower() in {value.lower() for value in values} else "one of " + ", ".join(values)

    return check


def _matching(pattern: str, description: str) -> Check:
    compiled = re.compile(pattern)

    def check(text: str) -> str | None:
        return None if compiled.fullmatch(text) else description

    return check


_TEXT = _matching(r".+", "not empty")
_SWITCH = _one_of("yes", "no", "true", "false", "on", "off", "1", "0")
_MILLISECONDS = _whole(0, 60_000)
_ON = frozenset({"yes", "true", "on", "1"})


@dataclass(frozen=True, slots=True)
class Option:
    """One thing that may follow the question mark. ``meter`` says that it addresses a meter, not the line."""

    check: Check
    meaning: str
    meter: bool = False


#: Framing that is found out by whoever asks a meter.
AUTO = "auto"

OPTIONS: Mapping[str, Option] = {
    # which meter on the line
    "unit": Option(_whole(0, 255), "Modbus unit identifier", meter=True),
    "address": Option(
        _matching(r"\d{1,16}|[0-9A-Fa-f]{8}|[0-9A-Fa-f]{16}", "1 to 16 digits, or 8 or 16 with wild cards F"),
        "M-Bus or HDLC address; 8 or 16 digits: secondary",
        meter=True,
    ),
    "channel": Option(_whole(1, 16), "channel of a display or gateway", meter=True),
    "serial": Option(_TEXT, "serial number of the meter", meter=True),
    "client": Option(_whole(1, 127), "COSEM client", meter=True),
    "map": Option(_TEXT, "map file of a generic Modbus meter", meter=True),
    # asking
    "timeout": Option(_number(0.001, 600), "seconds until an answer counts as missing"),
    "retries": Option(_whole(0, 10), "repetitions of an unanswered read"),
    "pause": Option(_number(0, 60), "seconds between an answer and the next request"),
    "chunk": Option(_whole(1, 125), "most registers in one read"),
    "pipeline": Option(_whole(1, 64), "requests under way at once on Modbus TCP"),
    "framing": Option(
        _one_of("tcp", "rtu", "ascii", AUTO), "frames inside the stream; auto finds out whether tcp or rtu"
    ),
    "protocol": Option(_one_of("rtu", "ascii", "iec", "mbus", "hdlc"), "what is spoken on a pseudo-terminal"),
    "mode": Option(_one_of("a", "c", "d0"), "mode of the optical head"),
    "ir": Option(_SWITCH, "infrared head instead of a wired line"),
    # times of M-Bus (abb-meters.md 1.4)
    "ack": Option(_MILLISECONDS, "milliseconds until an acknowledgement counts as missing"),
    "response-timeout-base": Option(_MILLISECONDS, "milliseconds to wait for the first byte of a telegram"),
    "response-timeout": Option(_MILLISECONDS, "milliseconds to wait on top of them at 300 bit/s, at other rates less"),
    "delay-before-requd2": Option(_MILLISECONDS, "milliseconds between an acknowledgement and the next request"),
    "delay-after-telegram": Option(_MILLISECONDS, "milliseconds between a telegram and the next request"),
    "get-request": Option(_MILLISECONDS, "milliseconds before a request is repeated"),
    "meter-contact": Option(_MILLISECONDS, "milliseconds after which a meter is initialised anew; 0: always"),
    "echo": Option(_SWITCH, "whether what is sent comes back; found out if not given"),
    # times of HDLC (abb-meters.md 2)
    "inter-octet": Option(_whole(20, 6000), "milliseconds that two bytes of a frame may lie apart"),
    # the serial line
    "baudrate": Option(_whole(50, 4_000_000), "bits per second"),
    "parity": Option(_one_of("N", "E", "O"), "parity bit"),
    "databits": Option(_one_of("7", "8"), "data bits of a character"),
    "stopbits": Option(_one_of("1", "2"), "stop bits"),
    "rs485": Option(_SWITCH, "driver enable by the kernel (TIOCSRS485)"),
    "dtr": Option(_SWITCH, "modem line DTR"),
    "rts": Option(_SWITCH, "modem line RTS"),
    # trust
    "verify": Option(_SWITCH, "check the certificate"),
    "pin": Option(
        _matching(r"sha256:[0-9a-fA-F]{64}", "sha256: and 64 hexadecimal digits"), "digest of the certificate"
    ),
    "ca": Option(_TEXT, "file with the certificate authorities to trust"),
    "certificate": Option(_TEXT, "file with the own certificate"),
    "key": Option(_TEXT, "file with the own private key"),
    "user": Option(_TEXT, "user name"),
    "password-file": Option(_TEXT, "file whose first line is the password"),
}

_ASKING = ("timeout", "retries", "pause")
_LINE = ("baudrate", "parity", "databits", "stopbits", "rs485", "dtr", "rts")
_TRUST = ("verify", "pin", "ca", "certificate", "key")
_MODBUS = ("unit", "map", "chunk", *_ASKING)
_LOGIN = ("user", "password-file")
_MBUS = (
    *("address", "ir", "echo", "ack", "response-timeout-base", "response-timeout"),
    *("delay-before-requd2", "delay-after-telegram", "get-request", "meter-contact"),
)
_HDLC = ("client", "inter-octet")


@dataclass(frozen=True, slots=True)
class Scheme:
    """One row: what may follow it. ``port`` is the registered default, ``None`` if a port must be named."""

    network: bool
    device: bool
    port: int | None
    options: tuple[str, ...]
    example: str


SCHEMES: Mapping[str, Scheme] = {
    "tcp": Scheme(True, False, 502, (*_MODBUS, "pipeline", "framing"), "tcp://127.0.0.1:5020?unit=42"),
    "tls": Scheme(True, False, 802, (*_MODBUS, "pipeline", "framing", *_TRUST), "tls://meter.example:802?unit=42"),
    "rtu": Scheme(True, True, None, (*_MODBUS, *_LINE), "rtu:///dev/ttyUSB0?baudrate=19200&parity=E&unit=42"),
    "ascii": Scheme(True, True, None, (*_MODBUS, *_LINE), "ascii:///dev/ttyUSB0?baudrate=9600&parity=N&unit=1"),
    "pty": Scheme(
        False,
        True,
        None,
        (*_MODBUS, *_LINE, "protocol", "mode", "serial", *_MBUS, *_HDLC, *_LOGIN),
        "pty:///tmp/meter?protocol=rtu&baudrate=19200",
    ),
    "http": Scheme(True, False, 80, ("channel", "serial", *_ASKING, *_LOGIN), "http://192.168.1.1?channel=2"),
    "https": Scheme(
        True, False, 443, ("channel", "serial", *_ASKING, *_LOGIN, *_TRUST), "https://192.168.1.1?verify=no"
    ),
    "mbus": Scheme(True, True, None, (*_MBUS, *_ASKING, *_LINE, "password-file"), "mbus:///dev/ttyUSB1?address=5"),
    "hdlc": Scheme(True, True, None, ("address", *_HDLC, *_ASKING, *_LINE, *_LOGIN), "hdlc:///dev/ttyUSB1?address=17"),
    "dlms": Scheme(True, False, 4059, ("client", *_ASKING, *_LOGIN), "dlms://192.168.1.40:4059?client=16"),
    "dlms+udp": Scheme(True, False, 4059, ("client", *_ASKING, *_LOGIN), "dlms+udp://192.168.1.40:4059?client=16"),
    "iec": Scheme(
        True, True, None, ("mode", "serial", "address", *_ASKING, *_LINE, *_LOGIN), "iec:///dev/ttyUSB2?mode=c"
    ),
}

#: What is spoken where Modbus is.
MODBUS = frozenset({"tcp", "rtu", "ascii"})
#: The option that says which meter on a bus, by what is spoken there.
ADDRESS_OPTION: Mapping[str, str] = {**dict.fromkeys(MODBUS, "unit"), "mbus": "address", "hdlc": "address"}
_WEB = frozenset({"http", "https"})
_SECRETS = frozenset({"password", "passwd", "token", "secret"})
_MODEL = re.compile(r"[a-z][a-z0-9_-]*(:[A-Za-z0-9][A-Za-z0-9._-]*)?")
_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.%A-Za-z0-9]*")


@dataclass(frozen=True, slots=True)
class MeterURL:
    """A parsed address. ``str()`` renders it; equal addresses render alike.

    ``host`` and ``port`` are ``None`` for a device, ``path`` is ``""`` for a socket. ``model`` is ``FAMILY`` or
    ``FAMILY:VARIANT``, ``None`` for a bus, a listener or a meter yet to be detected.
    """

    model: str | None
    scheme: str
    host: str | None = None
    port: int | None = None
    path: str = ""
    options: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def family(self) -> str | None:
        """The model without its variant."""
        return None if self.model is None else self.model.partition(":")[0]

    @property
    def variant(self) -> str | None:
        """The part of the model behind the colon."""
        return None if self.model is None else self.model.partition(":")[2] or None

    @property
    def unit(self) -> int | None:
        """The Modbus unit identifier, ``None`` where the address names none."""
        return int(self.options["unit"]) if "unit" in self.options else None

    @property
    def framing(self) -> str:
        """What is spoken: ``tcp``, ``rtu`` or ``ascii`` for Modbus, else the protocol's own name."""
        if self.scheme == "pty":
            return self.options.get("protocol", "rtu").lower()
        return self.options.get("framing", "tcp" if self.scheme in {"tcp", "tls"} else self.scheme).lower()

    @property
    def is_device(self) -> bool:
        """Whether it is a device file or a pseudo-terminal rather than a socket."""
        return self.host is None

    @property
    def line(self) -> MeterURL:
        """The same line without the model and without the options that single out one meter on it."""
        kept = {name: value for name, value in self.options.items() if not OPTIONS[name].meter}
        return replace(self, model=None, options=kept)

    @property
    def place(self) -> str:
        """Scheme and place alone, as error messages name it: ``tcp://127.0.0.1:5020``."""
        return f"{self.scheme}://{self._authority()}{quote(self.path)}"

    def number(self, name: str, default: float) -> float:
        """A numeric option, or ``default``."""
        return float(self.options[name]) if name in self.options else default

    def whole(self, name: str, default: int) -> int:
        """A whole-number option, or ``default``."""
        return int(self.options[name]) if name in self.options else default

    def switch(self, name: str, default: bool | None = None) -> bool | None:
        """A yes/no option, or ``default``."""
        return self.options[name].lower() in _ON if name in self.options else default

    def with_options(self, **options: object) -> MeterURL:
        """A copy with options set; ``None`` removes one, ``_`` in a name stands for ``-``.

        Raises:
            InvalidURL: an option that the scheme does not have, or a value out of range.
        """
        merged = dict(self.options)
        for name, value in options.items():
            name = name.replace("_", "-")
            merged.pop(name, None)
            if value is not None:
                merged[name] = f"{value:g}" if isinstance(value, float) else str(value)
        changed = replace(self, options=merged)
        _check_options(str(changed), self.scheme, merged.items())
        return changed

    def with_model(self, model: str | None) -> MeterURL:
        """A copy that names another model, or none."""
        return replace(self, model=model)

    def _authority(self) -> str:
        if self.host is None:
            return ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"

    def __str__(self) -> str:
        prefix = "" if self.model is None else f"{self.model}+"
        query = "&".join(f"{name}={quote(value, safe=':/,+')}" for name, value in self.options.items())
        return f"{prefix}{self.place}" + (f"?{query}" if query else "")


def parse_url(text: str) -> MeterURL:
    """Read an address, strictly.

    Raises:
        InvalidURL: with what is wrong and an example of what is right.
    """
    head, separator, rest = text.strip().partition("://")
    if not separator:
        raise InvalidURL(f"{text!r} is no address: '://' is missing; an example: bsm+{SCHEMES['tcp'].example}")
    model, scheme = _split_model(text, head)
    rest, _, query = rest.partition("?")
    if "#" in rest + query:
        raise _wrong(text, scheme, "'#' has no meaning here (write %23 if it belongs to a name)")
    authority, slash, path = rest.partition("/")
    host, port = _split_authority(text, scheme, authority) if authority else (None, None)
    path = unquote(slash + path)
    _check_place(text, scheme, host, path)
    if host is not None:
        path = path if scheme in _WEB and path != "/" else ""
        if port is None:
            port = SCHEMES[scheme].port
        if port is None:
            raise _wrong(text, scheme, f"the port is missing: {scheme}://{host}:PORT")
    options = _split_options(text, scheme, query)
    _check_options(text, scheme, options)
    return MeterURL(model, scheme, host, port, path, dict(options))


def _split_model(text: str, head: str) -> tuple[str | None, str]:
    lowered = head.lower()
    for scheme in sorted(SCHEMES, key=len, reverse=True):
        if lowered == scheme:
            return None, scheme
        if lowered.endswith("+" + scheme):
            model = head[: -len(scheme) - 1]
            family, colon, variant = model.partition(":")
            model = family.lower() + colon + variant
            if _MODEL.fullmatch(model):
                return model, scheme
            raise _wrong(
                text, scheme, f"{model!r} is no model (FAMILY or FAMILY:VARIANT)", f"bsm+{SCHEMES[scheme].example}"
            )
    wrong = lowered.rpartition("+")[2]
    near = difflib.get_close_matches(wrong, SCHEMES, 1)
    hint = f"; did you mean {near[0]}://?" if near else "."
    raise InvalidURL(
        f"{text!r}: unknown scheme {wrong!r}{hint} Known: {', '.join(SCHEMES)}; "
        f"an example: bsm+{SCHEMES[near[0] if near else 'tcp'].example}"
    )


def _split_authority(text: str, scheme: str, authority: str) -> tuple[str, int | None]:
    if "@" in authority:
        remedy = "name the user with ?user=NAME and the password with ?password-file=PATH"
        # The text itself is not repeated: it may hold the password.
        raise InvalidURL(
            f"a {scheme} address holds no user and no password before '@'; {remedy}; "
            f"an example: {SCHEMES[scheme].example}"
        )
    bracketed = re.fullmatch(r"\[([^\]]*)\](?::(.*))?", authority)
    if bracketed:
        host, port_text = bracketed.group(1), bracketed.group(2)
    else:
        host, colon, tail = authority.partition(":")
        port_text = tail if colon else None
    if port_text is not None and ":" in port_text:
        raise _wrong(text, scheme, "an IPv6 address is written in brackets: [::1]:5020")
    if not _HOST.fullmatch(host):
        raise _wrong(text, scheme, f"{host!r} is no host name" if host else "the host is missing")
    if port_text is None:
        return host, None
    if not re.fullmatch(r"\d{1,5}", port_text) or int(port_text) > 65535:
        raise _wrong(text, scheme, f"{port_text!r} is no port (0 to 65535)")
    return host, int(port_text)


def _check_place(text: str, scheme: str, host: str | None, path: str) -> None:
    row = SCHEMES[scheme]
    if host is not None and not row.network:
        raise _wrong(text, scheme, f"{scheme} takes a path, with three slashes: {scheme}:///PATH")
    if host is not None and path not in {"", "/"} and scheme not in _WEB:
        raise _wrong(text, scheme, f"the path {path!r} has no meaning behind a host (a device has three slashes)")
    if host is None and not row.device:
        raise _wrong(text, scheme, "the host is missing")
    if host is None and path in {"", "/"} and scheme != "pty":
        places = "the host or the device" if row.network else "the device"
        raise _wrong(text, scheme, f"{places} is missing")
    if "\0" in path:
        raise _wrong(text, scheme, "the path holds a NUL character")


def _split_options(text: str, scheme: str, query: str) -> list[tuple[str, str]]:
    options: list[tuple[str, str]] = []
    for part in query.split("&") if query else ():
        name, equals, value = part.partition("=")
        name = unquote(name).lower()
        if name in _SECRETS:
            # Neither the value nor the text is repeated: it would land in logs.
            raise InvalidURL(
                f"an address never holds a {name}: write it into a file and name that with ?password-file=PATH, "
                f"or set it in the environment"
            )
        if not equals:
            raise _wrong(text, scheme, f"the option {part!r} has no value (NAME=VALUE)")
        if any(name == known for known, _ in options):
            raise _wrong(text, scheme, f"the option {name!r} is given twice")
        options.append((name, unquote(value)))
    return options


def _check_options(text: str, scheme: str, options: Iterable[tuple[str, str]]) -> None:
    known = SCHEMES[scheme].options
    for name, value in options:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
            raise _wrong(text, scheme, f"{scheme} has no option {name!r}; {hint}")
        expected = OPTIONS[name].check(value)
        if expected:
            raise _wrong(text, scheme, f"{name}={value} is not allowed: {OPTIONS[name].meaning} is {expected}")


def _wrong(text: str, scheme: str, what: str, example: str | None = None) -> InvalidURL:
    return InvalidURL(f"{text!r}: {what}; an example: {example or SCHEMES[scheme].example}")
