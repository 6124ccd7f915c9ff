"""The web page of a meter without TLS: what it shows, how it protects itself, and what its form takes.

One file without external references. ``page.css`` and ``page.js`` lie beside this module and are served inside the
page; the Content-Security-Policy lets exactly these two texts through, by their check sums. The page holds every value
when it is loaded, so it can be read without script. Source: specification, section 16.1; DEC-68.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import escape
from importlib.resources import files
from ipaddress import IPv4Address
from urllib.parse import parse_qsl

from wattproof.errors import InvalidValue
from wattproof.meters.dmed4.enums import ERROR_1_NAMES, ERROR_2_NAMES, SIGNATURE_NAMES, STATUS_NAMES, Operative
from wattproof.meters.dmed4.resources import MEASURE, Field, target

STYLE, SCRIPT = (files(__package__).joinpath(name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
#: Most bytes of the form's body.
FORM_BYTES = 1024
#: What REST gives for a temperature whose sensor is broken (15.3).
NO_TEMPERATURE = -32768


@dataclass(frozen=True, slots=True)
class View:
    """Everything that the page of one meter shows.

    ``measure``: the values of ``v1/measure`` by key, in its units. ``measurement_status`` to ``error_2``: as in
    ``v1/charge_status``. ``datetime``: Unix time UTC. ``datetime_offset``: minutes. ``records``: stored OCMF records.
    ``ip``: dotted. ``channel``: behind a display the channel, else ``None``.
    """

    model: str
    serial_number: int
    meas_fw_rev: str
    meas_fw_cks: str
    pow_fw_rev: str
    pow_fw_cks: str
    operative_status: str
    measure: Mapping[str, int]
    measurement_status: int
    signature_status: int
    error_1: int
    error_2: int
    datetime: int
    datetime_offset: int
    records: int
    ip: str
    channel: int | None = None

    @property
    def address(self) -> str:
        """Path of the page, which is also where its form goes."""
        return _address(self.channel)

    @property
    def measure_path(self) -> str:
        """Path of the resource that renews the values."""
        return target(MEASURE, self.channel)


def _address(channel: int | None) -> str:
    return "/" if channel is None else f"/{channel}"


# -- headers ---------------------------------------------------------------------------------------------------------


def _source(text: str) -> str:
    """The source expression that lets one inline text through (Content Security Policy Level 3, section 2.3.1)."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def policy() -> str:
    """The Content-Security-Policy of every page here: nothing but its own script, style, form and values."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {_source(SCRIPT)}",
            f"style-src {_source(STYLE)}",
            "connect-src 'self'",
            "img-src 'none'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )


#: Headers of every page here; how the body is framed is up to the server.
HEADERS = (
    ("Content-Type", "text/html; charset=utf-8"),
    ("Content-Security-Policy", policy()),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cache-Control", "no-store"),
)


# -- pages -----------------------------------------------------------------------------------------------------------


def meter_page(view: View) -> bytes:
    """The page of one meter: an HTML5 document in UTF-8."""
    home = "" if view.channel is None else '<p><a href="/">All channels</a></p>\n'
    return _document(
        f"{view.model} {view.serial_number}",
        f"""{home}<h1>{escape(view.model)}</h1>
<p>Serial number {view.serial_number}</p>
<p class="badge" data-state="{escape(view.operative_status)}">Operative status: {escape(view.operative_status)}</p>""",
        _columns(_measured(view) + _identity(view), _PLOT + _status(view) + _form(view)),
        SCRIPT,
    )


def channels_page(model: str, serial_number: int | str, channels: Sequence[tuple[int, View | None]]) -> bytes:
    """The page of a remote display: its channels, each with the way to its meter's page; ``None``: no meter there."""
    rows = (_row(f"Channel {channel}", _channel(channel, view)) for channel, view in channels)
    return _document(
        f"{model} {serial_number}",
        f"<h1>{escape(model)}</h1>\n<p>Serial number {escape(str(serial_number))}</p>",
        _card("channels", "Channels", _table(rows)),
    )


def changed_page(ip: str) -> bytes:
    """What answers the form: the new address, and that the meter restarts. ``ip``: dotted."""
    return _document(
        "Address changed",
        "<h1>Address changed</h1>",
        _card(
            "changed",
            "The meter restarts",
            f"<p>It saves the address and restarts. Then it is at <strong>{escape(ip)}</strong>.</p>",
        ),
    )


def _document(title: str, head: str, main: str, script: str = "") -> bytes:
    """A whole document. Nothing may be added inside ``style`` and ``script``: their check sums are in the policy."""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)}</title>
<style>{STYLE}</style>
</head>
<body>
<header>
{head}
</header>
<main>
{main}
</main>
<footer><p>Virtual meter by Wattproof</p></footer>
{f"<script>{script}</script>" if script else ""}
</body>
</html>
""".encode()


def _columns(*contents: str) -> str:
    columns = "".join(f"<div>\n{content}</div>\n" for content in contents)
    return f'<div class="columns">\n{columns}</div>'


def _card(name: str, heading: str, content: str, attributes: str = "") -> str:
    return f"""<section id="{name}" aria-labelledby="{name}-heading"{attributes}>
<h2 id="{name}-heading">{heading}</h2>
{content}
</section>
"""


def _table(rows: Iterable[str]) -> str:
    return "<table>\n" + "\n".join(rows) + "\n</table>"


def _row(label: str, content: str, attributes: str = "") -> str:
    """One row; ``content`` is HTML, and ``attributes`` are its cell's."""
    return f'<tr><th scope="row">{escape(label)}</th><td{attributes}>{content}</td></tr>'


def _channel(channel: int, view: View | None) -> str:
    if view is None:
        return "no meter"
    label = f"{view.model}, serial number {view.serial_number}"
    return f'<a href="{_address(channel)}">{escape(label)}</a>, {escape(view.operative_status)}'


# -- measured values -------------------------------------------------------------------------------------------------


def _measured(view: View) -> str:
    """The values of ``v1/measure``. Only the line that says how they are renewed is spoken when it changes: eleven
    numbers a second would drown everything else."""
    table = _table(_value(row, view.measure.get(row.key)) for row in MEASURE.fields)
    renewal = f"""
<p id="renewal" role="status" aria-live="polite">Values as of when this page was loaded.</p>
<p class="actions">
<button type="button" id="pause" hidden>Pause</button>
<a href="{view.address}">Reload page</a>
</p>"""
    return _card("measured", "Measured values", table + renewal, f' data-source="{view.measure_path}"')


def _value(row: Field, raw: int | None) -> str:
    """One value with its unit and, for the script, how to write the next one."""
    label = row.description[0].upper() + row.description[1:]
    unit, tenths, _ = row.unit.partition("/10")
    missing = NO_TEMPERATURE if unit.startswith("°") else None
    attributes = f' data-key="{row.key}" data-unit="{unit}"'
    attributes += " data-tenths" if tenths else ""
    attributes += f' data-missing="{missing}"' if missing else ""
    if raw is None or raw == missing:
        text = "no value"
    elif tenths:
        text = f"{'-' * (raw < 0)}{abs(raw) // 10}.{abs(raw) % 10} {unit}"
    else:
        text = f"{raw} {unit}"
    return _row(label, text, attributes)


_PLOT = _card(
    "power",
    "Power",
    """<svg role="img" aria-labelledby="power-heading power-range"></svg>
<p id="power-range"></p>""",
    " hidden",
)


# -- status and identity ---------------------------------------------------------------------------------------------


def _status(view: View) -> str:
    errors = (*_bits(view.error_1, ERROR_1_NAMES), *_bits(view.error_2, ERROR_2_NAMES))
    signature = _bits(view.signature_status, SIGNATURE_NAMES)
    local = datetime.fromtimestamp(view.datetime, UTC) + timedelta(minutes=view.datetime_offset)
    measurement = STATUS_NAMES.get(view.measurement_status, f"status {view.measurement_status}")
    rows = (
        _row("Measurement", escape(measurement)),
        _row("Signature", _list(signature)),
        _row("Errors", _list(errors, ' class="errors"')),
        _row("Date", f"{local:%Y-%m-%d}"),
        _row("Time", f"{local:%H:%M:%S}"),
        _row("Time offset", _offset(view.datetime_offset)),
        _row("Stored OCMF records", str(view.records)),
        _row("IP address", escape(view.ip)),
    )
    return _card("status", "Status when loaded", _table(rows))


def _bits(mask: int, names: Mapping[int, str]) -> list[str]:
    """The names of the bits that are set; a reserved one by its number."""
    return [names.get(bit, f"bit {bit}") for bit in range(mask.bit_length()) if mask >> bit & 1]


def _list(words: Sequence[str], attributes: str = "") -> str:
    if not words:
        return "none"
    items = "".join(f"<li>{escape(word)}</li>" for word in words)
    return f"<ul{attributes}>{items}</ul>"


def _offset(minutes: int) -> str:
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'-' if minutes < 0 else '+'}{hours:02}:{rest:02}"


def _identity(view: View) -> str:
    rows = (
        ("Model", view.model),
        ("Serial number", str(view.serial_number)),
        ("Measurement firmware", view.meas_fw_rev),
        ("Measurement firmware checksum", view.meas_fw_cks),
        ("Communication firmware", view.pow_fw_rev),
        ("Communication firmware checksum", view.pow_fw_cks),
    )
    return _card("identity", "Meter", _table(_row(label, escape(text)) for label, text in rows))


# -- form ------------------------------------------------------------------------------------------------------------


def _form(view: View) -> str:
    ready = view.operative_status == Operative.READY
    octet = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
    hint = (
        "The meter saves the address and restarts. Three wrong passwords lock it for 15 minutes."
        if ready
        else "The address can be changed only while the operative status is Ready."
    )
    return _card(
        "address",
        "Change the IP address",
        f"""<form method="post" action="{view.address}" autocomplete="off">
<fieldset aria-labelledby="address-heading" aria-describedby="hint"{"" if ready else " disabled"}>
<p><label for="ip">New IP address</label>
<input id="ip" name="ip" value="{escape(view.ip)}" pattern="{octet}(\\.{octet}){{3}}"
title="Four numbers from 0 to 255 with dots between them" required autocomplete="off" spellcheck="false"></p>
<p><label for="password">Advanced password</label>
<input id="password" name="password" type="password" required autocomplete="off"></p>
<p><button>Save and restart</button></p>
</fieldset>
<p id="hint">{hint}</p>
</form>""",
    )


_ENCODED = re.compile(r"(?:[!-$&-~]|%[0-9A-Fa-f]{2})*")


def parse_form(body: bytes, content_type: str) -> tuple[int, str]:
    """The new address as P05_03 holds it, and the password, out of the body that the form sends.

    :raises InvalidValue: another type, more than ``FORM_BYTES``, not exactly the fields ``ip`` and ``password`` once
        each, an address that is not four octets with dots, an empty password.
    """
    media, _, parameters = content_type.partition(";")
    if media.strip().lower() != "application/x-www-form-urlencoded":
        raise InvalidValue(f"the form comes as {content_type!r}: send application/x-www-form-urlencoded")
    if parameters.strip().lower() not in ("", "charset=utf-8"):
        raise InvalidValue(f"the form comes with {parameters.strip()!r}: send it in UTF-8")
    if len(body) > FORM_BYTES:
        raise InvalidValue(f"the form has {len(body)} bytes: at most {FORM_BYTES} are read")
    fields = _fields(body)
    if sorted(name for name, _ in fields) != ["ip", "password"]:
        raise InvalidValue("the form has other fields than ip and password once each")
    given = dict(fields)
    if not given["password"]:
        raise InvalidValue("the password is empty")
    try:
        return int(IPv4Address(given["ip"])), given["password"]
    except ValueError as error:
        raise InvalidValue(f"{given['ip']!r} is no address: write four numbers from 0 to 255 with dots") from error


def _fields(body: bytes) -> list[tuple[str, str]]:
    """Names and values, decoded (WHATWG URL Standard, section 5.1), but nothing damaged is guessed at."""
    try:
        text = body.decode("ascii")
        if not _ENCODED.fullmatch(text):
            raise ValueError
        return parse_qsl(text, keep_blank_values=True, strict_parsing=True, max_num_fields=2, errors="strict")
    except ValueError:  # its text might show the password
        raise InvalidValue("the form is no ip=...&password=..., percent-encoded in UTF-8") from None
