"""Asking a DMED4 over REST, directly or behind a remote display.

Every request is a connection of its own; whatever is not 200 is a refusal, and the status says why. Source:
communication manual, REST chapter; specification, sections 6, 7, 8.8 and 11.2; DEC-30 to DEC-46.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from wattproof.drivers.mapped import Value
from wattproof.errors import (
    HttpRefused,
    InvalidValue,
    LinkError,
    ProtocolError,
    ReadOnly,
    Refused,
    UnknownName,
    Unreachable,
    UsageError,
)
from wattproof.io.trace import Trace
from wattproof.io.url import MeterURL
from wattproof.io.web import WebLink, password_of, web_link, web_link_blocking
from wattproof.meters.dmed4 import menu, restparameters, restpoints, text
from wattproof.meters.dmed4.cycle import ChargeCycle, Status, letter_of
from wattproof.meters.dmed4.driver import MANUFACTURER, is_parameter
from wattproof.meters.dmed4.enums import JSON_SYNTAX, Operative, Signature
from wattproof.meters.dmed4.logbook import LogBook
from wattproof.meters.dmed4.models import CHANNELS, UNKNOWN, by_number
from wattproof.meters.dmed4.points import MAP
from wattproof.meters.dmed4.resources import (
    CHARGE_SETTINGS,
    CHARGE_STATUS,
    FORCE_DISPLAY,
    LOGIN,
    OCMF,
    SYSTEM_STATUS,
    Field,
    Resource,
    target,
)
from wattproof.meters.dmed4.text import Form, Record
from wattproof.model.clock import Clock
from wattproof.model.devices import DeviceInfo
from wattproof.model.readings import Reading

NOT_IMPLEMENTED, FORBIDDEN, NOT_FOUND = 501, 403, 404
#: Resources whose keys are set one by one.
SETTABLE = (CHARGE_SETTINGS, FORCE_DISPLAY)


class RestDriver(ChargeCycle, LogBook):
    """A DMED4 behind ``link``; ``channel`` 1 to 4 behind a display DMED4DC1.

    ``password``: the advanced password, for what needs a login. ``host``: the address by which the meter is reached, to
    tell the order of the bytes in its own. ``public_key``: the key (DER) if it is known beforehand. Points have the
    names that they have over Modbus, as far as REST shows them. Methods raise
    :class:`~wattproof.errors.HttpRefused` for any answer but 200, and the errors of
    :class:`~wattproof.io.web.WebLink`.
    """

    family = "dmed4"

    def __init__(
        self,
        link: WebLink,
        *,
        channel: int | None = None,
        password: str | None = None,
        host: str = "",
        variant: str | None = None,
        public_key: bytes | None = None,
    ) -> None:
        if channel is not None and channel not in CHANNELS:
            raise InvalidValue(f"channel {channel}: a display has the channels 1 to 4")
        self.link = link
        self.clock: Clock = link.clock
        self.channel = channel
        self.host = host
        self.variant = variant
        self.known_key = public_key
        self._password = password
        self._form = Form.RECORD
        self._fallen_back = False
        self._posts = False

    @classmethod
    async def open(cls, place: MeterURL, *, trace: Trace | None = None) -> RestDriver:
        """The driver of an address, on the running event loop; it connects when asked."""
        return cls._of(web_link(place, trace=trace, veil=restparameters.veiled), place)

    @classmethod
    def open_blocking(cls, place: MeterURL, *, trace: Trace | None = None) -> RestDriver:
        """The same without an event loop: its coroutines never suspend."""
        return cls._of(web_link_blocking(place, trace=trace, veil=restparameters.veiled), place)

    @classmethod
    def _of(cls, link: WebLink, place: MeterURL) -> RestDriver:
        channel = place.whole("channel", 0) or None
        return cls(link, channel=channel, password=password_of(place), host=place.host or "", variant=place.variant)

    async def close(self) -> None:
        """End what is open; harmless at any time."""
        await self.link.close()

    def now(self) -> datetime:
        """UTC of the driver's clock."""
        return datetime.fromtimestamp(self.clock.time() // 10**9, UTC)

    # Asking ---------------------------------------------------------------------------------------------------------

    async def body(self, resource: Resource, query: Mapping[str, object] | None = None) -> bytes:
        """The body of a GET. Raises :class:`~wattproof.errors.HttpRefused`."""
        return await self._ask("GET", resource, query=query)

    async def get(self, resource: Resource, query: Mapping[str, object] | None = None) -> dict[str, Any]:
        """The object that a GET gives. Raises :class:`~wattproof.errors.ProtocolError` if it is none."""
        found = await self.body(resource, query)
        try:
            document = json.loads(found)
        except (ValueError, RecursionError) as error:
            raise ProtocolError(f"{self._name(resource)} gives no JSON ({error}): {found[:60]!r}") from None
        if not isinstance(document, dict):
            raise ProtocolError(f"{self._name(resource)} gives no object: {found[:60]!r}")
        return document

    async def put(self, resource: Resource, values: Mapping[str, object]) -> None:
        """Set keys with PUT; a device that does not implement it gets a POST, and from then on (DEC-30)."""
        if not self._posts:
            try:
                await self._ask("PUT", resource, query=values)
                return
            except HttpRefused as error:
                if error.status != NOT_IMPLEMENTED or "POST" not in resource.methods:
                    raise
        await self.post(resource, json.dumps(values, separators=(",", ":")).encode())
        self._posts = True

    async def post(self, resource: Resource, body: bytes) -> None:
        """Send a body. What the answer repeats is not read (DEC-38)."""
        await self._ask("POST", resource, body=body)

    async def _ask(
        self,
        method: str,
        resource: Resource,
        *,
        query: Mapping[str, object] | None = None,
        body: bytes | None = None,
        secret: str = "",
    ) -> bytes:
        path = target(resource, self.channel)
        if query:
            path += "?" + urlencode(query, quote_via=quote)
        try:
            answer = await self.link.exchange(method, path, body, secret=quote(secret, safe="") if secret else "")
        except Unreachable as error:
            # One port at a time (DEC-29). The other is not tried by itself: a password would go where nobody asked.
            raise Unreachable(
                f"{error}; the meter is at http:// with TLS off (P05_11), at https:// with TLS on"
            ) from error
        if not answer.ok:
            text = f"{self._name(resource)} refused {method} with {answer.status} {answer.reason}".rstrip()
            if answer.status == NOT_FOUND and not query:
                where = "at ?channel=1 to 4" if self.channel is None else f"but none on channel {self.channel}"
                text += f"; a display has its meters {where}"
            raise HttpRefused(answer.status, text)
        return answer.body

    def _name(self, resource: Resource) -> str:
        return f"{self.link.name}{target(resource, self.channel)}"

    # Rights ---------------------------------------------------------------------------------------------------------

    async def login(self, password: str | None = None) -> None:
        """Log in with the advanced password, if nobody is logged in already.

        Raises :class:`~wattproof.errors.UsageError` without a password, and
        :class:`~wattproof.errors.HttpRefused` for a wrong one, which is not tried again: three of them lock the meter
        for 15 minutes.
        """
        status = await self.get(SYSTEM_STATUS)
        if restpoints.field_value(status, SYSTEM_STATUS.by_key["logged"]):
            return
        secret = password or self.password()
        try:
            await self._ask("PUT", LOGIN, query={"password": secret}, secret=secret)
        except HttpRefused as error:
            if error.status != FORBIDDEN:
                raise
            self._password = None
            remedy = "the password is wrong, or a lockout runs; a third wrong one in a row locks for 15 minutes"
            raise HttpRefused(error.status, f"{error}: {remedy}") from None

    def password(self) -> str:
        """The advanced password that was given. Raises :class:`~wattproof.errors.UsageError` if none was."""
        if not self._password:
            raise UsageError(
                "this needs the advanced password: write it into a file and name that with ?password-file=PATH, or set "
                "WATTPROOF_PASSWORD"
            )
        return self._password

    def use_password(self, password: str) -> None:
        """Log in with this password from now on."""
        self._password = password

    async def commission(self, *, confirm: bool = False) -> None:
        """Make the meter Operating: parameters are locked for good (7.9, DEC-43). Logs in first.

        Raises :class:`~wattproof.errors.UsageError` without ``confirm``: there is no way back.
        """
        if not confirm:
            raise UsageError("commissioning cannot be undone: call commission(confirm=True) if that is what you want")
        await self.login()
        await self.put(SYSTEM_STATUS, {"operative_status": Operative.OPERATING.value.lower()})

    # Identity -------------------------------------------------------------------------------------------------------

    async def system_status(self) -> dict[str, Any]:
        """``v1/system_status`` as it is; see :func:`~wattproof.meters.dmed4.restpoints.set_flags` for its flags."""
        return await self.get(SYSTEM_STATUS)

    async def info(self) -> DeviceInfo:
        """Model, serial number, firmware and public key, read anew. A model code that is not known is no error."""
        return identity(await self.system_status(), await self.public_key())

    async def public_key(self) -> bytes:
        found = restpoints.field_value(await self.get(CHARGE_SETTINGS), CHARGE_SETTINGS.by_key["public_key"])
        try:
            raw = bytes.fromhex(found or "")
        except ValueError:
            raise ProtocolError(f"public_key is no text of hexadecimal digits: {found!r}") from None
        self.known_key = text.public_key(raw)
        return self.known_key

    # Reading and writing --------------------------------------------------------------------------------------------

    async def read(self, *points: str | Iterable[str]) -> list[Reading]:
        """Readings of the points, in their order; without points the measured values and the status.

        Each resource is asked for once. ``P05_03`` and the like are parameters: they need a login, and come last.
        Raises :class:`~wattproof.errors.UnknownName` for what REST does not show.
        """
        names = [name for point in points for name in ((point,) if isinstance(point, str) else point)]
        rows = menu.rows(name for name in names if is_parameter(name))
        plain = [name for name in names if not is_parameter(name)]
        if not names:
            plain = [resource.path for resource in restpoints.OVERVIEW]
        values = restpoints.find(plain)
        answers: dict[str, dict[str, Any]] = {}
        for value in values:
            path = value.resource.path
            answers[path] = answers[path] if path in answers else await self.get(value.resource)
        time = self.now()
        readings = [restpoints.reading(value, answers[value.resource.path], time) for value in values]
        if rows:
            found = await restparameters.read(self)
            readings += [menu.reading(row, found[row.id], time) for row in rows]
        return readings

    async def write(self, values: Mapping[str, Value]) -> None:
        """Set points: ``datetime``, ``datetime_offset``, ``tariff``, ``res_cable``, ``command``, ``display_page``, ...

        Settings of one resource go out together, a command alone and after them. Parameters are set together, with a
        login, and verified after the reboot. Raises :class:`~wattproof.errors.UnknownName`,
        :class:`~wattproof.errors.ReadOnly` or :class:`~wattproof.errors.InvalidValue` before anything is sent.
        """
        parameters = menu.assigned({name: value for name, value in values.items() if is_parameter(name)})
        settings: dict[str, dict[str, object]] = {}
        command: str | None = None
        for name, value in values.items():
            if is_parameter(name):
                continue
            resource, field = settable(name)
            checked = checked_value(name, field, value)
            if field.key == "command":
                command = str(checked)
            else:
                settings.setdefault(resource.path, {})[field.key] = checked
        for resource in SETTABLE:
            if resource.path in settings:
                await self._set(resource, settings[resource.path])
        if command is not None:
            await self.command(command)
        if parameters:
            await restparameters.write(self, parameters)

    async def _set(self, resource: Resource, values: Mapping[str, object]) -> None:
        if "res_cable" in values:
            status = await self.get(SYSTEM_STATUS)
            if restpoints.field_value(status, SYSTEM_STATUS.by_key["cable_res_locked"]):
                raise Refused(f"{self._name(resource)}: the cable resistance is locked for good (cable_res_locked)")
        await self.put(resource, values)

    # The charge cycle -----------------------------------------------------------------------------------------------

    async def status(self) -> Status:
        document = await self.get(CHARGE_STATUS)
        numbers = [restpoints.field_value(document, field) for field in CHARGE_STATUS.fields]
        if numbers[0] is None or numbers[1] is None:
            raise ProtocolError(f"{self._name(CHARGE_STATUS)} gives no status: {document}")
        return Status.of(*numbers)

    async def state(self) -> Status:
        return await self.status()

    async def signature_status(self) -> Signature:
        return (await self.status()).signature

    async def set_clock(self, seconds: int, offset: int) -> None:
        await self.put(CHARGE_SETTINGS, {"datetime": seconds, "datetime_offset": offset})

    async def set_fixed_fields(self, fields: Mapping[str, Any]) -> None:
        """Post the fields as a whole record; where the meter calls that no JSON, once as the payload alone (D-252)."""
        try:
            await self.post(OCMF, text.input_body(fields, self._form))
        except HttpRefused as error:
            status = await self.status()
            if self._fallen_back or not (status.error_1 or 0) & JSON_SYNTAX:
                raise HttpRefused(error.status, f"{error}: {status.words}") from None
            self._fallen_back = True
            await self.post(OCMF, text.input_body(fields, Form.PAYLOAD))
            self._form = Form.PAYLOAD

    async def command(self, letter: str) -> None:
        await self.put(CHARGE_SETTINGS, {"command": letter_of(letter)})

    async def record(self) -> Record | None:
        found = text.body_text(await self.body(OCMF), "OCMF_BUFF")
        return Record(found) if found else None


def identity(status: Mapping[str, Any], public_key: bytes | None) -> DeviceInfo:
    """Who a meter is by its ``v1/system_status``. An unknown model code is "unknown model" (D-012)."""

    def value(key: str) -> Any:
        return restpoints.field_value(status, SYSTEM_STATUS.by_key[key])

    code = value("model_code")
    model = None if code is None else by_number(code)
    name, variant = (UNKNOWN, None) if model is None else (model.name, model.variant)
    serial = "" if value("serial_number") is None else str(value("serial_number"))
    return DeviceInfo("dmed4", variant, MANUFACTURER, name, serial, value("meas_fw_rev") or "", public_key)


def settable(name: str) -> tuple[Resource, Field]:
    """Resource and row of something that REST sets, by its key or by the register's name.

    Raises :class:`~wattproof.errors.UnknownName` and :class:`~wattproof.errors.ReadOnly`.
    """
    folded = name.strip().replace("/", ".").casefold()
    bare = folded.rpartition(".")[2]
    if bare == "operative_status":
        raise UsageError("operative_status is set by commissioning, which cannot be undone: commission(confirm=True)")
    for resource in SETTABLE:
        for field in resource.fields:
            if bare in (field.key.casefold(), field.point.casefold()) and resource.settable(field.key) is not None:
                return resource, field
    if any(
        bare in (field.key.casefold(), field.point.casefold()) for value in restpoints.VALUES for field in [value.field]
    ):
        raise ReadOnly(f"{name} can only be read over REST")
    MAP.find(name)  # says so if there is no such thing at all
    raise UnknownName(f"REST does not set {name}: write it over Modbus, such as dmed4+tcp://192.168.1.1:502")


def checked_value(name: str, field: Field, value: Value) -> object:
    """A value as JSON takes it: a number (or the name of a symbol) or a letter.

    Raises :class:`~wattproof.errors.InvalidValue`.
    """
    if field.key == "command":
        return letter_of(str(value))
    shown = str(value).strip()
    named = next((raw for raw, symbol in (field.symbols or {}).items() if symbol.casefold() == shown.casefold()), None)
    digits = shown.removeprefix("-").isdecimal() and shown.isascii() and len(shown) <= 12
    found = named if named is not None else int(shown) if digits else None
    if found is None or (field.allowed is not None and found not in field.allowed):
        allowed = field.allowed if isinstance(field.allowed, range) else range(0)
        step = "" if allowed.step == 1 else f" in steps of {allowed.step}"
        raise InvalidValue(f"{name} cannot be set to {value!r}; allowed are {allowed.start} to {allowed[-1]}{step}")
    return found


async def probe(link: WebLink, channel: int | None = None) -> DeviceInfo | None:
    """Whether a DMED4 answers at a web address; ``None`` if something else does. One request.

    Raises :class:`~wattproof.errors.LinkError` if nothing answers.
    """
    driver = RestDriver(link, channel=channel)
    try:
        status = await driver.system_status()
        if not {"meas_fw_rev", "serial_number", "model_code"} <= {name.casefold() for name in status}:
            return None
        return identity(status, None)
    except LinkError:
        raise
    except (ProtocolError, Refused):
        return None
