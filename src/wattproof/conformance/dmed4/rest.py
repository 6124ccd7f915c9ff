"""The meter over REST: requests whose answers are kept with every byte, resources by their rows, and the same steps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import quote, urlencode

from wattproof.conformance.dmed4.answers import Answer, is_whole, read_answer
from wattproof.conformance.dmed4.common import Energies, States, expect
from wattproof.conformance.engine import Skipped
from wattproof.errors import HttpRefused, ProtocolError, UsageError
from wattproof.meters.dmed4 import resources, restpoints, text
from wattproof.meters.dmed4.resources import (
    CHARGE_SETTINGS,
    CHARGE_STATUS,
    LOG_INFO,
    MEASURE,
    OCMF,
    SYSTEM_STATUS,
    Resource,
)
from wattproof.meters.dmed4.rest import RestDriver
from wattproof.meters.dmed4.text import Form
from wattproof.model.clock import Clock

#: Seconds that a connection is watched after the answer, and once one was not closed.
LINGER, HASTY = 1.0, 0.05


class ByteWise(Protocol):
    """What is asked of a web link besides ``exchange``; see :class:`~wattproof.io.web.WebClient`."""

    async def transcript(self, request: bytes, whole: Any, *, linger: float = 1.0) -> tuple[bytes, bool]: ...

    def request(self, method: str, target: str, body: bytes | None = None) -> bytes: ...


class Resources:
    """A DMED4 behind a web link. ``seen`` are all answers of the run.

    Methods raise ``HttpRefused`` for every answer but 200, and ``ProtocolError`` for what is no HTTP.
    """

    name = "REST"

    def __init__(self, driver: RestDriver, *, tls: bool = False) -> None:
        self.driver = driver
        self.tls = tls
        self.seen: list[Answer] = []
        self._link: Any = driver.link
        self._login_refused = False

    @property
    def clock(self) -> Clock:
        return self.driver.clock

    # Requests -------------------------------------------------------------------------------------------------------

    async def raw(self, method: str, target: str, body: bytes | None = None) -> Answer:
        """The answer to any request, whatever its status; ``target`` is sent as it stands."""
        link: ByteWise = self._link
        name = f"{method} {target.partition('?')[0]}"
        patient = all(answer.closed for answer in self.seen[-1:])
        data, closed = await link.transcript(
            link.request(method, target, body), is_whole, linger=LINGER if patient else HASTY
        )
        answer = read_answer(name, data, closed)
        self.seen.append(answer)
        return answer

    async def ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, object] | None = None,
        body: bytes | Mapping[str, object] | None = None,
    ) -> Answer:
        """The same for a path below ``v1/``, with the channel where there is one."""
        middle = "" if self.driver.channel is None else f"{self.driver.channel}/"
        target = f"/{resources.PREFIX}/{middle}{path}"
        if query:
            target += "?" + urlencode(query, quote_via=quote)
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body, separators=(",", ":")).encode()
        return await self.raw(method, target, body)

    async def get(self, resource: Resource, query: Mapping[str, object] | None = None) -> dict[str, Any]:
        """The object that a GET gives."""
        answer = await self.ask("GET", resource.path, query)
        found = granted(answer).json()
        if not isinstance(found, dict):
            raise ProtocolError(f"{answer.request} gives no object: {answer.body[:60]!r}")
        return found

    async def put(self, resource: Resource, **values: object) -> Answer:
        """Set keys with PUT. Raises ``HttpRefused``."""
        return granted(await self.ask("PUT", resource.path, values))

    async def post(self, resource: Resource, body: bytes | Mapping[str, object]) -> Answer:
        """The same with POST."""
        return granted(await self.ask("POST", resource.path, body=body))

    # Values by name -------------------------------------------------------------------------------------------------

    async def value(self, resource: Resource, key: str) -> Any:
        """What stands under a key; ``None`` without it."""
        return restpoints.field_value(await self.get(resource), resource.by_key[key])

    async def numbers(self, resource: Resource) -> dict[str, int]:
        """All numbers of a resource by their keys. ``Failed`` if one is missing."""
        document = await self.get(resource)
        found: dict[str, int] = {}
        for field in resource.of("GET"):
            if field.shape is resources.Shape.NUMBER:
                value = restpoints.field_value(document, field)
                expect(value is not None, f"GET {resource.path} has no {field.key}")
                found[field.key] = value
        return found

    async def is_logged_in(self) -> bool:
        return bool(await self.value(SYSTEM_STATUS, "logged"))

    async def login(self) -> None:
        """Log in if nobody is; a password that was refused once is never sent again."""
        if self._login_refused:
            raise Skipped("the login was refused; it is not tried again, for three wrong passwords lock the meter")
        try:
            await self.driver.login()
        except HttpRefused:
            self._login_refused = True
            raise
        except UsageError:
            raise Skipped("needs the advanced password: ?password-file=PATH or WATTPROOF_PASSWORD") from None

    async def locked(self) -> bool:
        """Whether parameters are locked: Operating or Charging (6.6)."""
        return str(await self.value(SYSTEM_STATUS, "operative_status")).casefold() != "ready"

    # The charge cycle -----------------------------------------------------------------------------------------------

    async def states(self) -> States:
        return States(*(await self.numbers(CHARGE_STATUS)).values())

    async def command(self, letter: str) -> None:
        await self.put(CHARGE_SETTINGS, command=letter)

    async def message(self, content: bytes) -> None:
        """A body of POST `v1/ocmf`."""
        await self.post(OCMF, content)

    async def fields(self, content: str) -> None:
        """Fixed fields, a JSON object: as a record, or as the object itself where that is refused (DEC-54)."""
        try:
            await self.message(text.input_body(json.loads(content), Form.RECORD))
        except HttpRefused:
            await self.message(content.encode())

    async def drop_message(self) -> None:
        """REST knows no other way than a message that is none; X clears what it sets."""
        answer = await self.ask("POST", OCMF.path, body=b"{")
        expect(not answer.ok, "POST ocmf accepts a message that is no JSON")
        await self.command("X")

    async def record(self) -> bytes:
        answer = granted(await self.ask("GET", OCMF.path))
        return text.body_text(answer.body, "OCMF_BUFF")

    async def energies(self) -> Energies:
        found = await self.numbers(MEASURE)
        return Energies(*(found[key] for key in ("energyPos", "energyNeg", "energy", "energy_neg")))

    async def public_key(self) -> bytes:
        digits = str(await self.value(CHARGE_SETTINGS, "public_key"))
        try:
            return bytes.fromhex(digits)
        except ValueError:
            raise ProtocolError(f"public_key is no text of hexadecimal digits: {digits!r}") from None

    async def logged(self) -> int:
        return int(await self.value(LOG_INFO, "ocmf_total_number"))

    async def capacity(self) -> int:
        """Records that the log can hold."""
        return int(await self.value(LOG_INFO, "ocmf_max_number"))

    async def settings(self) -> dict[str, int]:
        """Clock and offset."""
        found = await self.numbers(CHARGE_SETTINGS)
        return {name: found[name] for name in ("datetime", "datetime_offset")}

    async def set(self, values: Mapping[str, int]) -> None:
        """Set clock or offset."""
        await self.put(CHARGE_SETTINGS, **values)


def granted(answer: Answer) -> Answer:
    """The answer if it is a success. Raises ``HttpRefused``."""
    if not answer.ok:
        raise HttpRefused(answer.status, answer.words)
    return answer
